"""`ha links`, and what `ha status` says of ping targets."""

from dataclasses import replace

import pytest

from ha_core.cli import view
from ha_core.cli.links import span
from ha_core.ids import LinkName, NodeName
from ha_core.snapshot import ClusterSnapshot, LinkMoment, LinkSummary
from tests.cli.conftest import Ha, value
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.fake_cluster import WALL_MS, FakeCluster, snapshot

N2 = NodeName("n2")
GOOD = LinkSummary(N2, LinkName("ring0"), True, 40, 4_000_000)
MOMENTS = (
    LinkMoment(WALL_MS - 9000, False, "nothing was heard for 1000 ms"),
    LinkMoment(WALL_MS - 5000, True, "heard again"),
    LinkMoment(WALL_MS - 3000, False, "nothing was heard for 1000 ms"),
)
BAD = LinkSummary(N2, LinkName("ring1"), False, 4000, 3000, 3, 512, MOMENTS)


def with_links() -> ClusterSnapshot:
    """Return a picture with a good link and a bad one."""
    return replace(snapshot(), links=(GOOD, BAD))


def test_each_link_is_a_line_with_its_loss_and_last_reason(ha: Ha, cluster: FakeCluster) -> None:
    cluster.now = with_links()
    text = ha("links").stdout
    assert "ring0 to n2  up for 1 h 6 min, loss 0.0 %, never changed" in text
    last = "changed 3 times: nothing was heard for 1000 ms"
    assert f"ring1 to n2  down for 3 s, loss 51.2 %, {last}" in text
    assert "heard again" not in text


def test_history_shows_the_newest_changes(ha: Ha, cluster: FakeCluster) -> None:
    cluster.now = with_links()
    lines = [line.split()[2:] for line in ha("links", "--history").stdout.splitlines()[-3:]]
    assert [words[0] for words in lines] == ["down", "up", "down"]
    assert lines[1] == ["up", "heard", "again"]


def test_links_json_is_the_list_of_the_status(ha: Ha, cluster: FakeCluster) -> None:
    cluster.now = with_links()
    found = value(ha("links", "--json"))
    assert found == value(ha("status", "--json"))["links"]
    assert found[1]["history"][1] == {
        "wall_ms": WALL_MS - 5000,
        "up": True,
        "reason": "heard again",
    }


def test_node_without_peers_has_no_links(ha: Ha, cluster: FakeCluster) -> None:
    cluster.now = replace(snapshot(), links=())
    assert ha("links").stdout == "n1 has no peers, and so no links\n"


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0 s"), (59_999, "59 s"), (61_000, "1 min 1 s"), (90_000_000, "1 d 1 h")],
)
def test_times_are_said_in_their_two_largest_units(length_ms: int, text: str) -> None:
    assert span(length_ms) == text


LOST = "nodes n1 n2\nping gateway\nprimitive a needs=connectivity\nreaches n1\nreaches n2 gateway"


def test_status_shows_what_each_node_reaches_and_what_to_mend() -> None:
    found = snapshot_of(case.read(LOST))
    nodes = view.status_value(found)["nodes"]
    assert isinstance(nodes, dict)
    assert nodes["n1"]["connectivity"] == {"reached": [], "missed": ["gateway"], "fault": ""}
    assert "reaches 0 of 1 ping targets" in view.status_text(found, 0)
    assert found.faults == (
        "n1 does not reach the ping target gateway (192.0.2.1): mend the network there",
    )


def test_target_that_no_node_reaches_is_one_fault() -> None:
    found = snapshot_of(case.read(LOST.replace("reaches n2 gateway", "reaches n2")))
    assert found.faults == (
        "no node reaches the ping target gateway (192.0.2.1): mend the network there",
    )


def test_node_that_may_not_ping_is_a_fault_with_its_cure() -> None:
    found = snapshot_of(case.read(LOST.replace("reaches n2 gateway", "reaches n2 ?")))
    assert "nothing is known of what n2 reaches: may not" in found.faults
    assert "cannot ping" in view.status_text(found, 0)


def test_nothing_is_said_of_targets_where_none_is_configured() -> None:
    found = replace(snapshot(), links=())
    assert all(node.connectivity is None for node in found.nodes)
    assert "ping" not in view.status_text(found, 0)
