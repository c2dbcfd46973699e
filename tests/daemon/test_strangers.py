"""Wrong keys, foreign clusters, other versions, floods: one sentence each; the node lives on."""

import base64
import json
import os
import random
import socket
import struct
import threading

import psutil
import pytest

from ha_core.ids import NodeName
from ha_core.keyring import parse_ring
from ha_core.messages import Hello
from ha_core.runtime.invitation import parse_token, render_token
from ha_core.versions import Versions
from ha_core.wire import Codec, Rejected
from tests.daemon.fleet import PORT, Fleet, NodeUnderTest, eventually, sees_voters

pytestmark = pytest.mark.slow
MEBIBYTE = 1024 * 1024


def changed_ring(node: NodeUnderTest, **fields: object) -> None:
    """Change the node's key ring file."""
    ring = json.loads(node.layout.keyring_file.read_text())
    node.layout.keyring_file.write_text(json.dumps(ring | fields))


def datagram(node: NodeUnderTest, data: bytes, times: int = 1) -> None:
    """Send the node a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(times):
            sock.sendto(data, (node.host, PORT))


def codec(node: NodeUnderTest, sender: str, **options: Versions) -> Codec:
    """Return what seals frames with the node's own key ring."""
    ring = parse_ring(node.layout.keyring_file.read_text(), "")
    return Codec(NodeName(sender), 1, ring, **options)


def hello(codec: Codec) -> bytes:
    """Return a sign of life for n1."""
    return codec.encode((Hello(1, 1),), NodeName("n1"))


def answers(node: NodeUnderTest) -> bool:
    """Return whether the node still serves its clients, as coordinator of a quorum."""
    return bool(node.status().get("quorate"))


def test_node_with_another_key_is_refused_by_name_and_disturbs_nobody(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    second.done("stop")
    changed_ring(second, keys={"1": base64.b64encode(os.urandom(32)).decode()})
    second.start()
    first.logs("a frame that says it is from 'n2' was not made with our key 1, or was changed")
    second.logs("a frame that says it is from 'n1' was not made with our key 1, or was changed")
    assert second.status()["quorate"] is False


def test_node_of_another_cluster_is_refused_by_both(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    second.done("stop")
    changed_ring(second, cluster_id=os.urandom(16).hex())
    refused = second.ha("start")
    assert refused.returncode == 3
    assert "is of another cluster than" in refused.stderr
    assert "put its own key ring back" in refused.stderr
    (second.layout.lib / "home").unlink()  # as if it had been founded with that key ring
    second.start()
    first.logs("a frame from 'n2' is for another cluster")
    second.logs("a frame from 'n1' is for another cluster")
    begin = f"n1 refuses frames from {second.host} over link ring0 since "
    eventually("a notice", lambda: begin in "".join(first.status()["notices"]))
    second.done("stop")
    eventually("no notice any more", lambda: begin not in "".join(first.status()["notices"]))


def test_foreign_key_ring_is_not_taken_up_at_sighup(fleet: Fleet) -> None:
    nodes = fleet.cluster(2)
    changed_ring(nodes[1], cluster_id=os.urandom(16).hex())
    os.kill(nodes[1].pid, 1)
    nodes[1].logs("the old key ring stays in use")
    assert answers(nodes[0])
    assert answers(nodes[1])


def test_rotated_key_is_taken_up_at_sighup_without_an_outage(fleet: Fleet) -> None:
    nodes = fleet.cluster(2)
    old = json.loads(nodes[0].layout.keyring_file.read_text())["keys"]
    both = {**old, "2": base64.b64encode(os.urandom(32)).decode()}
    for ring in ({"keys": both}, {"keys": both, "active": 2}):
        for node in nodes:
            changed_ring(node, **ring)
            os.kill(node.pid, 1)
            node.logs(f"the key ring was read again: key {ring.get('active', 1)} seals")
    assert sees_voters(nodes[0], 2)
    changed_ring(nodes[0], active=9)
    os.kill(nodes[0].pid, 1)
    nodes[0].logs("the old key ring stays in use")
    assert answers(nodes[0])


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        (Versions(2, 3), "a peer speaks protocol versions 2 to 3, this node 1 to 1"),
        (Versions(0, 0), "a peer refuses our frames"),
    ],
)
def test_frame_of_another_version_is_refused_in_plain_words(
    fleet: Fleet, spoken: Versions, sentence: str
) -> None:
    node = fleet.init()
    frame = hello(codec(node, "n9", speaks=spoken))
    datagram(node, frame)
    node.logs(f"dropped on link ring0: {sentence}")
    assert answers(node)


def test_sender_of_another_version_is_told_which_ones_are_spoken(fleet: Fleet) -> None:
    node = fleet.init()
    newer = codec(node, "n9", speaks=Versions(2, 3))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(hello(newer), (node.host, PORT))
        refusal, _ = sock.recvfrom(2000)
    with pytest.raises(Rejected, match="it speaks protocol versions 1 to 1, this node 2 to 3"):
        newer.open(refusal)


def test_flood_of_garbage_costs_no_memory_and_no_quorum(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    draw = random.Random(7)
    process = psutil.Process(first.pid)
    before, files = process.memory_info().rss, process.num_fds()
    true_frame = hello(codec(first, "n2"))
    for number in range(400):
        datagram(first, draw.randbytes(draw.randrange(1, 1400)), 20)
        datagram(first, true_frame[: number % len(true_frame)], 5)
        datagram(first, true_frame[:4] + draw.randbytes(60000 if number % 10 == 0 else 200), 5)
    first.logs("dropped on link ring0: something that is not a Beatkeeper frame")
    assert sees_voters(first, 2)
    assert sees_voters(second, 2)
    assert process.memory_info().rss - before < 8 * MEBIBYTE
    assert process.num_fds() <= files + 4
    lines = first.log().count("something that is not a Beatkeeper frame")
    assert lines <= 3, "refusals are logged once a minute"


def test_flood_of_connections_costs_no_memory_and_no_quorum(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    process = psutil.Process(first.pid)
    before = process.memory_info().rss
    opened = []
    for number in range(600):
        sock = socket.create_connection((first.host, PORT))
        size = (64 * 1024) if number % 2 else 0xFFFFFFFF
        sock.sendall(struct.pack(">I", size) + b"x" * 1000)
        opened.append(sock)
    first.logs("a stream announces a frame of 4294967295 bytes, at most 65536")
    eventually("strangers are turned out", lambda: process.num_fds() < 300)
    assert process.memory_info().rss - before < 24 * MEBIBYTE
    assert sees_voters(second, 2)
    for sock in opened:
        sock.close()


def test_replayed_traffic_of_a_true_node_is_worth_nothing(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    second.end()
    eventually("n2 is missed", lambda: first.status().get("quorate") is False)
    datagram(first, hello(codec(first, "n2")), 50)
    first.logs("a frame of 'n2' is of its start 1, but")
    assert first.status()["quorate"] is False


def test_tampered_token_is_refused_here_and_there(fleet: Fleet) -> None:
    node, other = fleet.init(), fleet.node("n2")
    token = json.loads(node.done("token", "--json"))["token"]
    middle = len(token) // 2
    slip = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    result = other.ha("join", slip, "--node", "n2", "--address", other.host)
    assert result.returncode == 5
    assert "the token is damaged: copy the whole word" in result.stderr
    assert token not in result.stderr


def test_token_with_a_wrong_secret_is_refused_in_words_on_both_sides(fleet: Fleet) -> None:
    node, other = fleet.init(), fleet.node("n2")
    true = parse_token(json.loads(node.done("token", "--json"))["token"])
    forged = render_token(type(true)(true.id, bytes(16), true.places))
    result = other.ha("join", forged, "--node", "n2", "--address", other.host)
    assert result.returncode == 1
    assert "the token's secret is wrong" in result.stderr
    node.logs("was not let in: the other side does not know the token's secret")
    assert list(node.status()["nodes"]) == ["n1"]


def test_expired_token_is_refused(fleet: Fleet) -> None:
    node, other = fleet.init(), fleet.node("n2")
    token = json.loads(node.done("token", "--json"))["token"]
    for path in node.layout.invitations.iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"until": 0}))
    result = other.ha("join", token, "--node", "n2", "--address", other.host)
    assert result.returncode == 1
    assert "used or expired" in result.stderr
    node.done("token")
    assert len(list(node.layout.invitations.iterdir())) == 1, "expired ones are removed"


def test_join_without_an_answer_names_the_place_and_the_cure(fleet: Fleet) -> None:
    node, other = fleet.init(), fleet.node("n2")
    token = json.loads(node.done("token", "--json"))["token"]
    node.done("stop")
    result = other.ha("join", token, "--node", "n2", "--address", other.host)
    assert result.returncode == 3
    assert f"does not answer at {node.host}:{PORT} (Connection refused)" in result.stderr
    assert "is 'had' running there" in result.stderr


def test_two_nodes_with_one_token_at_the_same_time_are_one(fleet: Fleet) -> None:
    node = fleet.init()
    token = json.loads(node.done("token", "--json"))["token"]
    others = [fleet.node(f"n{number}") for number in range(2, 6)]
    codes = []

    def knock(other: NodeUnderTest) -> None:
        result = other.ha("join", token, "--node", other.name, "--address", other.host)
        codes.append(result.returncode)

    threads = [threading.Thread(target=knock, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0, 1, 1, 1]
    assert len(node.status()["nodes"]) == 2
