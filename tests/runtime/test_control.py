"""Control socket and client against each other, on real sockets, with hostile input as well."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, get_args

import pytest

from ha_core import commands, control_protocol
from ha_core.client import Client
from ha_core.commands import Outcome
from ha_core.config.model import TargetRole
from ha_core.errors import ConnectError, RefusedError, WireError
from ha_core.ids import NodeName, ResourceId
from ha_core.layout import Layout
from ha_core.replication.shelf import ShelfCondition, ShelfPut
from ha_core.runtime.control import Access, ControlServer, Peer, Trust
from ha_core.runtime.errands import Errands, is_of_systemd
from tests.fake_cluster import CLUSTER_ID, FakeCluster, event, served, snapshot

T = TypeVar("T")


def asking(root: Path, ask: Callable[[Client], Awaitable[T]]) -> T:
    async def work() -> T:
        async with Client(root) as client:
            return await ask(client)

    return asyncio.run(work())


def raw(root: Path, sent: bytes) -> list[dict[str, object]]:
    """Send bytes, close the sending half, and return every reply."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(Layout(root).control_socket))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return [json.loads(line) for line in answer.splitlines()]


def test_snapshot_arrives_as_it_was_served(root: Path, cluster: FakeCluster) -> None:
    assert asking(root, Client.snapshot) == cluster.now


def test_greeting_names_node_and_product(root: Path, cluster: FakeCluster) -> None:
    greeting = asking(root, Client.hello)
    assert (greeting.node, greeting.product, greeting.protocol) == ("n1", "0.1.0", 1)
    assert greeting.cluster == CLUSTER_ID


@pytest.mark.parametrize(
    "command",
    [
        commands.Apply(snapshot().configuration, "because", 7),
        commands.SetTargetRole(ResourceId("web"), TargetRole.STOPPED, "night"),
        commands.SetTargetRole(ResourceId("web"), None),
        commands.Move(ResourceId("web"), NodeName("n2"), 5, "try"),
        commands.Ban(ResourceId("web"), NodeName("n2")),
        commands.Cleanup(ResourceId("web")),
        commands.SetMaintenance(None, True),
        commands.AddNode(NodeName("n4"), snapshot().configuration.nodes[0].addresses),
        commands.RemoveNode(NodeName("n3")),
    ],
    ids=lambda command: type(command).__name__,
)
def test_command_reaches_the_node_unchanged(
    root: Path, cluster: FakeCluster, command: commands.Command
) -> None:
    cluster.obey = lambda _: Outcome("done", "so be it", 9)
    outcome = asking(root, lambda client: client.command(command))
    assert outcome == Outcome("done", "so be it", 9)
    assert cluster.given[0][0] == command


def test_every_command_has_a_name_on_the_socket() -> None:
    assert set(control_protocol.COMMANDS) >= {"apply", "set-target-role", "confirm-down"}
    assert set(control_protocol.COMMANDS.values()) == set(get_args(commands.Command))


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


def test_refusal_by_the_cluster_is_an_outcome(root: Path, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("no-quorum", "only 1 of 3 votes")
    outcome = asking(root, lambda client: client.command(commands.Restart(ResourceId("web"))))
    assert (outcome.ok, outcome.code) == (False, "no-quorum")


def test_events_come_in_order_over_several_pages(root: Path, cluster: FakeCluster) -> None:
    cluster.journal = [event(seq) for seq in range(1, 2502)]

    async def collect(client: Client) -> list[int]:
        return [item.seq async for item in client.events(since=1)]

    assert asking(root, collect) == list(range(2, 2502))


def test_an_answer_of_many_pieces_arrives_whole(root: Path, cluster: FakeCluster) -> None:
    cluster.become(last_reason="\n" * 3_000_000)
    assert asking(root, Client.snapshot) == cluster.now


def test_follower_gets_an_event_as_it_happens(root: Path, cluster: FakeCluster) -> None:
    async def follow(client: Client) -> list[int]:
        seen = []
        async for item in client.events(since=4, follow=True):
            seen.append(item.seq)
            if item.seq == 5:
                cluster.journal.append(event(6))
                cluster.become(pending=("start web on n2",))
            if item.seq == 6:
                return seen
        return []

    assert asking(root, follow) == [5, 6]


def test_watcher_hears_of_a_change_while_other_questions_are_answered(
    root: Path, cluster: FakeCluster
) -> None:
    async def watch(client: Client) -> list[str]:
        seen = []
        async for version in client.changes():
            seen.append(version)
            if version == "1":
                await client.snapshot()
                cluster.become(quorate=False)
            else:
                assert not (await client.snapshot()).quorate
                return seen
        return []

    assert asking(root, watch) == ["1", "2"]


def test_the_shelf_is_read_by_prefix_and_only_what_is_new(root: Path, cluster: FakeCluster) -> None:
    async def work() -> None:
        async with Client(root) as client:
            puts = (ShelfPut("a/1", "x"), ShelfPut("a/2", "y"), ShelfPut("b", "z"))
            assert (await client.command(commands.Shelve(puts))).revision == 1
            given = await client.shelf("a/")
            assert [item.text for item in given.items] == ["x", "y"]
            conditions = (ShelfCondition("a/1", 1),)
            changed = commands.Shelve((ShelfPut("a/1", None), ShelfPut("a/3", "w")), conditions)
            assert (await client.command(changed)).ok
            assert (await client.command(changed)).code == "stale"
            given = await client.shelf("a/", given.revision, 10_000)
            assert given.keys == (("a/2", 1), ("a/3", 2))
            assert [item.text for item in given.items] == ["w"]
            assert (await client.shelf("a/", 99)).keys == given.keys
            assert len((await client.shelf("a/", 99)).items) == 2

    asyncio.run(work())


def test_waiting_for_a_change_ends_in_time(root: Path, cluster: FakeCluster) -> None:
    assert asking(root, lambda client: client.changed("1", 20)) == "1"


def test_missing_daemon_is_named_with_the_command_that_starts_it(root: Path) -> None:
    with pytest.raises(ConnectError, match="is no node of a cluster yet: 'ha init' makes one"):
        asking(root, Client.snapshot)
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "node.yaml").write_text("name: n1")
    with pytest.raises(ConnectError, match=f"ha start --root {root}"):
        asking(root, Client.snapshot)


def test_client_connects_again_after_the_daemon_came_back(root: Path) -> None:
    async def work() -> None:
        async with Client(root) as client:
            with served(root, FakeCluster()):
                await client.snapshot()
            with pytest.raises(ConnectError, match="is no node of a cluster yet"):
                await client.snapshot()
            with served(root, FakeCluster()):
                assert (await client.snapshot()).local == "n1"

    asyncio.run(work())


def test_first_request_after_a_restart_reaches_the_new_daemon(root: Path) -> None:
    old, new = FakeCluster(), FakeCluster()
    new.obey = lambda _: Outcome("done", "so be it", 9)

    async def work() -> None:
        async with Client(root) as client:
            with served(root, old):
                await client.snapshot()
            with served(root, new):
                command = commands.Cleanup(ResourceId("web"))
                assert (await client.command(command)).text == "so be it"

    asyncio.run(work())
    assert not old.given
    assert len(new.given) == 1


def test_path_beyond_the_kernels_limit_works(tmp_path: Path) -> None:
    root = tmp_path / ("deep" * 25) / "node"
    with served(root, FakeCluster()):
        assert asking(root, Client.snapshot).revision == 7
    assert not Layout(root).control_socket.exists()


def test_stale_socket_is_replaced_and_a_living_one_is_not(root: Path) -> None:
    path = Layout(root).control_socket
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(root, FakeCluster()):
        second = ControlServer(path, FakeCluster())
        with pytest.raises(ConnectError, match="another daemon already serves"):
            asyncio.run(second.start())
        assert asking(root, Client.snapshot).revision == 7


def test_plain_file_in_the_sockets_place_is_left_alone(root: Path) -> None:
    path = Layout(root).control_socket
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    with pytest.raises(ConnectError, match="is not a socket"):
        asyncio.run(ControlServer(path, FakeCluster()).start())
    assert path.read_text() == "precious"


HOSTILE = {
    "no JSON": b"hello\n",
    "no UTF-8": b'{"verb":"\xff\xfe"}\n',
    "empty line": b"\n",
    "another type": b"[1,2,3]\n",
    "no verb": b"{}\n",
    "unknown verb": b'{"verb":"format-disk"}\n',
    "unknown field": b'{"verb":"snapshot","please":1}\n',
    "wrong type": b'{"verb":"events","since":"first"}\n',
    "huge number": b'{"verb":"events","since":' + b"9" * 4000 + b"}\n",
    "deep nesting": b"[" * 100_000 + b"\n",
    "unknown command": b'{"verb":"command","name":"explode"}\n',
    "command without fields": b'{"verb":"command","name":"restart"}\n',
    "command of another shape": b'{"verb":"command","name":"restart","arguments":[]}\n',
    "command with a huge number": b'{"verb":"command","name":"move","arguments":'
    b'{"resource":"web","expires_wall_ms":' + b"9" * 40 + b"}}\n",
    "zero bytes": b"\x00" * 100 + b"\n",
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_garbage_gets_one_sentence_and_the_connection_lives_on(
    root: Path, cluster: FakeCluster, line: bytes
) -> None:
    fault, hello = raw(root, line + b'{"verb":"hello"}\n')
    assert (fault["reply"], fault["code"]) == ("fault", "invalid")
    assert fault["text"]
    assert "\n" not in str(fault["text"])
    assert hello["reply"] == "hello"
    assert not cluster.given


def test_oversize_request_is_refused_and_others_are_served(
    root: Path, cluster: FakeCluster
) -> None:
    sent = b'{"verb":"hello","x":"' + b"x" * control_protocol.REQUEST_BYTES_MAX + b'"}\n'
    replies = raw(root, sent)
    assert [reply["code"] for reply in replies] == ["invalid"]
    assert str(control_protocol.REQUEST_BYTES_MAX) in str(replies[0]["text"])
    assert asking(root, Client.snapshot).revision == 7


def test_client_that_vanishes_midway_hurts_nobody(root: Path, cluster: FakeCluster) -> None:
    for piece in (
        b"",
        b'{"verb":"sna',
        b'{"verb":"watch","version":"1"}\n',
        b'{"verb":"snapshot"}\n',
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(Layout(root).control_socket))
            connection.sendall(piece)
    assert asking(root, Client.snapshot).revision == 7


def test_too_many_clients_are_told_so(root: Path, cluster: FakeCluster) -> None:
    path = str(Layout(root).control_socket)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(64)]
    try:
        for member in crowd:
            member.connect(path)
            member.sendall(b'{"verb":"hello"}\n')
            assert member.recv(4096)
        with pytest.raises(RefusedError, match="64 clients"):
            asking(root, Client.snapshot)
    finally:
        for member in crowd:
            member.close()


def test_other_protocol_version_is_refused_in_words(root: Path, cluster: FakeCluster) -> None:
    (fault,) = raw(root, b'{"verb":"hello","protocol":2}\n')
    assert "upgrade the older" in str(fault["text"])


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


def test_answer_of_another_kind_is_not_taken_for_the_expected_one() -> None:
    with pytest.raises(WireError, match="version may differ"):
        control_protocol.decode_reply(b'{"reply":"poem"}')


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
