"""Who may do what on the control socket: users, the group, delegates."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ha_core import commands
from ha_core.client import Client
from ha_core.errors import RefusedError
from ha_core.ids import ResourceId
from ha_core.layout import Layout
from ha_core.replication.shelf import ShelfPut
from ha_core.runtime.control import Access, ControlServer, Peer, Trust
from ha_core.runtime.errands import Errands, is_of_systemd
from tests.fake_cluster import FakeCluster, served
from tests.runtime.asking import asking


def test_author_is_the_peers_user_unless_a_trusted_one_names_another(
    root: Path, cluster: FakeCluster
) -> None:
    restart = commands.Restart(ResourceId("web"))
    asking(root, lambda client: client.command(restart))
    asking(root, lambda client: client.command(restart, author="alice"))
    authors = [author for _, author in cluster.given]
    assert authors == [Peer(os.getuid()).name, "alice"]


@pytest.mark.parametrize("author", ["x" * 129, "two\nlines"])
def test_author_that_would_spoil_the_journal_is_refused(
    root: Path, cluster: FakeCluster, author: str
) -> None:
    restart = commands.Restart(ResourceId("web"))
    with pytest.raises(RefusedError, match="printable"):
        asking(root, lambda client: client.command(restart, author=author))


@pytest.mark.parametrize(
    ("peer", "trust"),
    [
        (Peer(0), Trust.DELEGATE),
        (Peer(1000), Trust.DELEGATE),
        (Peer(33), Trust.DELEGATE),
        (Peer(1001, frozenset({20, 50})), Trust.MEMBER),
        (Peer(1001, frozenset({20})), Trust.REFUSED),
        (Peer(1001), Trust.REFUSED),
    ],
)
def test_trust_follows_user_and_group(peer: Peer, trust: Trust) -> None:
    access = Access(own_uid=1000, delegates=frozenset({33}), groups=frozenset({50}))
    assert access.trust(peer) is trust


class Distrust(Access):
    """Trusts nobody: stands in for a peer of another user."""

    level = Trust.REFUSED

    def trust(self, peer: Peer) -> Trust:
        """Return the same for all."""
        return self.level


class Membership(Distrust):
    """Takes everybody for a member of the group."""

    level = Trust.MEMBER


def test_stranger_is_refused_in_a_sentence(root: Path) -> None:
    fake = FakeCluster()
    with served(root, fake, Distrust()), pytest.raises(RefusedError, match="may not use"):
        asking(root, lambda client: client.command(commands.Restart(ResourceId("web"))))
    assert not fake.given


def test_member_of_the_group_cannot_speak_for_another(root: Path) -> None:
    fake = FakeCluster()
    restart = commands.Restart(ResourceId("web"))
    with served(root, fake, Membership()):
        with pytest.raises(RefusedError, match="own name only"):
            asking(root, lambda client: client.command(restart, author="alice"))
        assert asking(root, lambda client: client.command(restart)).ok
    assert [author for _, author in fake.given] == [Peer(os.getuid()).name]


def test_member_of_the_group_cannot_use_the_shelf(root: Path) -> None:
    fake = FakeCluster()
    with served(root, fake, Membership()):
        with pytest.raises(RefusedError, match="may not use the shelf"):
            asking(root, lambda client: client.shelf())
        with pytest.raises(RefusedError, match="may not use the shelf"):
            asking(root, lambda client: client.command(commands.Shelve((ShelfPut("a", "x"),))))
    assert fake.given == []


@pytest.mark.parametrize(
    ("access", "can_sign", "told"),
    [
        (Access(), True, "signed: PEM"),
        (Access(), False, "nothing is signed here"),
        (Membership(), True, "may not have certificates signed"),
    ],
)
def test_certificates_are_signed_for_delegates_alone(
    tmp_path: Path, cluster: FakeCluster, access: Access, can_sign: bool, told: str
) -> None:
    layout = Layout(tmp_path)
    layout.run.mkdir()

    async def sign(request: str) -> str:
        return f"signed: {request}"

    async def run() -> str:
        server = ControlServer(
            layout.control_socket, cluster, access=access, sign=sign if can_sign else None
        )
        await server.start()
        try:
            async with Client(tmp_path) as client:
                return await client.certificate("PEM")
        except RefusedError as fault:
            return str(fault)
        finally:
            await server.stop()

    assert told in asyncio.run(run())


@pytest.mark.parametrize(
    ("access", "is_supervised", "told"),
    [
        (Access(), True, ["bk1-", "ends, again: False", "ends, again: True"]),
        (Access(), False, ["bk1-", "ends, again: False", "nothing would start it again"]),
        (Membership(), True, ["may not have that done"] * 3),
    ],
)
def test_delegates_alone_have_a_machine_invited_and_the_daemon_ended(
    tmp_path: Path,
    cluster: FakeCluster,
    access: Access,
    is_supervised: bool,
    told: list[str],
) -> None:
    layout, ended = Layout(tmp_path), []
    layout.run.mkdir()
    errands = Errands(
        layout.invitations, cluster.snapshot, ended.append, is_supervised=is_supervised
    )

    async def tried(asked: Callable[[Client], Awaitable[str | None]]) -> str:
        try:
            async with Client(tmp_path) as client:
                return await asked(client) or f"ends, again: {ended[-1]}"
        except RefusedError as fault:
            return str(fault)

    async def run() -> list[str]:
        server = ControlServer(layout.control_socket, cluster, access=access, errands=errands)
        await server.start()
        try:
            return [
                await tried(lambda client: client.invite(60, "ann")),
                await tried(lambda client: client.end(author="ann")),
                await tried(lambda client: client.end(again=True, author="ann")),
            ]
        finally:
            await server.stop()

    for seen, expected in zip(asyncio.run(run()), told, strict=True):
        assert expected in seen


@pytest.mark.parametrize(
    ("environment", "is_its"),
    [
        ({}, False),
        ({"INVOCATION_ID": "5e", "SYSTEMD_EXEC_PID": "42"}, True),
        ({"INVOCATION_ID": "5e", "SYSTEMD_EXEC_PID": "41"}, False),
        ({"INVOCATION_ID": "5e"}, True),
        ({"SYSTEMD_EXEC_PID": "42"}, False),
    ],
    ids=["by hand", "service", "child of a service", "old systemd", "no service"],
)
def test_systemd_starts_again_only_the_process_that_it_has_started(
    environment: dict[str, str], is_its: bool
) -> None:
    assert is_of_systemd(environment, 42) is is_its


@pytest.mark.parametrize("valid_s", [0, 7 * 24 * 3600 + 1])
def test_invitation_is_good_for_a_week_at_most(
    tmp_path: Path, cluster: FakeCluster, valid_s: int
) -> None:
    place = tmp_path / "invitations"
    errands = Errands(place, cluster.snapshot, lambda _: None, is_supervised=False)
    with pytest.raises(RefusedError, match="1 to 604800"):
        errands.invite(valid_s)
    assert not place.exists()


def test_invitation_that_cannot_be_kept_is_refused_with_its_place(
    tmp_path: Path, cluster: FakeCluster
) -> None:
    place = tmp_path / "invitations"
    place.write_text("in the way")
    errands = Errands(place, cluster.snapshot, lambda _: None, is_supervised=False)
    with pytest.raises(RefusedError, match=f"cannot be kept in {place}: "):
        errands.invite(60)
