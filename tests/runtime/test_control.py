"""Control socket and client against each other, on real sockets, with hostile input as well."""

import asyncio
import json
import socket
from pathlib import Path
from typing import get_args

import pytest

from ha_core import commands, control_protocol
from ha_core.client import Client
from ha_core.commands import Outcome
from ha_core.config.model import TargetRole
from ha_core.errors import ConnectError, RefusedError, WireError
from ha_core.ids import NodeName, ResourceId
from ha_core.layout import Layout
from ha_core.replication.shelf import ShelfCondition, ShelfPut
from ha_core.runtime.control import ControlServer
from tests.fake_cluster import CLUSTER_ID, FakeCluster, event, served, snapshot
from tests.runtime.asking import asking


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


def test_answer_of_another_kind_is_not_taken_for_the_expected_one() -> None:
    with pytest.raises(WireError, match="version may differ"):
        control_protocol.decode_reply(b'{"reply":"poem"}')
