"""A lab's network goes even if parts of it go by themselves meanwhile."""

import errno
from collections.abc import Iterable

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from ha_core.lab import network


class Links:
    """A kernel that knows one interface, and refuses to remove it."""

    def __init__(self, code: int) -> None:
        self._code = code
        self.asked: list[str] = []

    def link(self, command: str, **facts: object) -> object:
        self.asked.append(f"{command} {facts}")
        raise NetlinkError(self._code)  # type: ignore[no-untyped-call]  # it has no types

    def addr(self, command: str, **facts: object) -> object:
        raise AssertionError(command)

    def link_lookup(self, *, ifname: str) -> list[int]:
        return [7] if ifname == "cable" else []

    def get_routes(self, *, family: int) -> Iterable[dict[str, object]]:
        raise AssertionError(family)

    def close(self) -> None: ...


def test_interface_that_went_between_the_look_and_its_removal_is_no_fault() -> None:
    links = Links(errno.ENODEV)
    assert network.remove_link(links, "cable")
    assert links.asked == ["del {'index': 7}"]
    assert not network.remove_link(links, "other")


def test_interface_that_cannot_be_removed_is_a_fault() -> None:
    with pytest.raises(NetlinkError):
        network.remove_link(Links(errno.EPERM), "cable")
