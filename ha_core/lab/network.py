"""Networks of a lab with namespaces: a namespace for each node, one for the switch, and cables.

Owns: namespaces, bridges and virtual cables, and pulling the cables out. The
switch stands in a namespace of its own, so that no firewall of this machine
sees the lab's traffic; this machine has one cable to it, to reach what runs.
Needs root. All names begin with the lab's own beginning, so that what a killed
command left behind is found again. The netlink library is loaded when used:
it takes longer than most commands. Source: network_namespaces(7), veth(4).
"""

import errno
import hashlib
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final, Protocol, cast

from ha_core.errors import RefusedError
from ha_core.lab.state import Lab, LabNode

SWITCH: Final = "_switch"
"""End of the switch's name; no node's name has such a beginning."""
DIRECTORY: Final = Path("/run/netns")
PREFIX: Final = 24


class _Netlink(Protocol):
    """What is used of the library, which has no types."""

    def link(self, command: str, **facts: object) -> object: ...

    def addr(self, command: str, **facts: object) -> object: ...

    def link_lookup(self, *, ifname: str) -> list[int]: ...

    def get_routes(self, *, family: int) -> Iterable[dict[str, object]]: ...

    def close(self) -> None: ...


def names_for(directory: Path) -> str:
    """Return with what all names of the lab in that directory begin; short, as the kernel asks."""
    return f"bk{hashlib.sha256(str(directory).encode()).hexdigest()[:6]}"


def namespace(lab: Lab, node: str) -> Path:
    """Return the path by which the node's namespace is entered."""
    return DIRECTORY / f"{lab.namespaces}-{node}"


def taken() -> tuple[IPv4Network, ...]:
    """Return every network to which this machine has a route, the default route left out."""
    with _netlink() as link:
        found = [
            (route.get("dst"), route["dst_len"]) for route in link.get_routes(family=socket.AF_INET)
        ]
    return tuple(IPv4Network(f"{dst}/{length}", strict=False) for dst, length in found if dst)


def build(lab: Lab) -> None:
    """Make the switch, and this machine's cable to it."""
    with _explained():
        switch = _switch(lab)
        _create(switch)
        links = [place.link for place in lab.nodes[0].places]
        with _netlink(switch) as inside:
            for number in range(len(links)):
                inside.link("add", ifname=_bridge(number), kind="bridge")
                inside.link("set", index=_index(inside, _bridge(number)), state="up")
        with _netlink() as outside:
            outside.link(
                "add",
                ifname=lab.namespaces,
                kind="veth",
                peer={"ifname": "host", "net_ns_fd": switch},
            )
            index = _index(outside, lab.namespaces)
            address, _, prefix = lab.host_address.partition("/")
            outside.addr("add", index=index, address=address, prefixlen=int(prefix))
            outside.link("set", index=index, state="up")
        with _netlink(switch) as inside:
            _plug(inside, "host", 0)


def add(lab: Lab, node: LabNode, *, is_plugged: bool) -> None:
    """Make a node's namespace with an interface for each link, plugged into the switch or not."""
    with _explained():
        name = f"{lab.namespaces}-{node.name}"
        _create(name)
        with _netlink(_switch(lab)) as switch:
            for number in range(len(node.places)):
                port = _port(lab, node, number)
                peer = {"ifname": f"eth{number}", "net_ns_fd": name}
                switch.link("add", ifname=port, kind="veth", peer=peer)
                _plug(switch, port, number, is_up=is_plugged)
        with _netlink(name) as inside:
            inside.link("set", index=_index(inside, "lo"), state="up")
            for number, place in enumerate(node.places):
                index = _index(inside, f"eth{number}")
                inside.addr("add", index=index, address=place.host, prefixlen=PREFIX)
                inside.link("set", index=index, state="up")


def remove(lab: Lab, node: LabNode) -> None:
    """Remove a node's cables and namespace, and with it its interfaces and addresses."""
    with _explained():
        # The kernel lets go of a namespace when it has time; its cables must be gone at once.
        with _netlink(_switch(lab)) as switch:
            for number in range(len(node.places)):
                remove_link(switch, _port(lab, node, number))
        _remove(f"{lab.namespaces}-{node.name}")


def plug(lab: Lab, node: LabNode, *, is_plugged: bool) -> None:
    """Plug all cables of the node in, or pull them out at the switch."""
    with _explained(), _netlink(_switch(lab)) as switch:
        for number in range(len(node.places)):
            index = _index(switch, _port(lab, node, number))
            switch.link("set", index=index, state="up" if is_plugged else "down")


def has(lab: Lab, node: LabNode) -> bool:
    """Return whether the node's namespace is there."""
    return namespace(lab, node.name).exists()


def demolish(beginning: str) -> list[str]:
    """Remove every namespace and cable whose name begins so; return their names."""
    found = [path.name for path in DIRECTORY.glob(f"{beginning}[-_]*")]
    with _explained():
        # The switch goes last: with it go the far ends of all cables.
        for name in sorted(found, key=lambda name: name.endswith(SWITCH)):
            _remove(name)
        with _netlink() as outside:
            if remove_link(outside, beginning):
                found.append(beginning)
    return found


def remove_link(link: _Netlink, name: str) -> bool:
    """Remove an interface; return whether there was one. One that goes meanwhile is no fault: a
    cable goes by itself with the namespace of its far end.
    """
    from pyroute2.netlink.exceptions import NetlinkError

    found = link.link_lookup(ifname=name)
    for index in found:
        try:
            link.link("del", index=index)
        except NetlinkError as fault:
            if fault.code != errno.ENODEV:
                raise
    return bool(found)


def is_left(beginning: str) -> bool:
    """Return whether anything with such a name is there; any user may ask."""
    names = [name for _, name in socket.if_nameindex()]
    return beginning in names or any(DIRECTORY.glob(f"{beginning}[-_]*"))


def _create(name: str) -> None:
    from pyroute2 import netns

    netns.create(name)


def _remove(name: str) -> None:
    from pyroute2 import netns

    try:
        netns.remove(name)
    except FileNotFoundError:
        return


def _switch(lab: Lab) -> str:
    return f"{lab.namespaces}{SWITCH}"


def _bridge(number: int) -> str:
    return f"link{number}"


def _port(lab: Lab, node: LabNode, number: int) -> str:
    return f"n{lab.nodes.index(node) + 1}-{number}"


def _plug(switch: _Netlink, port: str, number: int, *, is_up: bool = True) -> None:
    bridge = _index(switch, _bridge(number))
    switch.link("set", index=_index(switch, port), master=bridge)
    switch.link("set", index=_index(switch, port), state="up" if is_up else "down")


def _index(link: _Netlink, name: str) -> int:
    found = link.link_lookup(ifname=name)
    if not found:
        raise RefusedError("failed", f"the lab's network has lost its interface {name}")
    return found[0]


@contextmanager
def _netlink(name: str | None = None) -> Iterator[_Netlink]:
    """Speak to the kernel in that namespace, in which the caller is meanwhile, or in ours.

    The library's own way forks, and the child would run on with our signal handlers.
    """
    from pyroute2 import IPRoute, netns

    if name is not None:
        netns.pushns(name)
    try:
        link = cast(_Netlink, IPRoute())  # type: ignore[no-untyped-call]  # it has no types
        try:
            yield link
        finally:
            link.close()
    finally:
        if name is not None:
            netns.popns()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the kernel says into one sentence."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as fault:
        raise RefusedError("failed", f"the lab's network cannot be changed: {fault}") from fault
    except OSError as fault:
        text = f"the lab's namespaces cannot be made ({fault.strerror}): root is needed"
        raise RefusedError("denied", text) from fault
