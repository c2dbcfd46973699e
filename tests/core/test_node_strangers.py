"""What the shell says of refused frames stands in the node's picture until it says otherwise."""

from random import Random

from ha_core.events import Stranger, StrangersHeard, Unbound, WallClock
from ha_core.ids import LinkName, NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered


def test_picture_names_a_stranger_as_long_as_the_shell_does_and_watchers_see_both_changes() -> None:
    node = Node(NodeName("n1"), Recovered(1), Random(1), 0)
    node.handle(WallClock(86_400_000), 1000)
    versions = [node.version]
    why = "a frame from 'x' is for another cluster"
    node.handle(StrangersHeard((Stranger("192.0.2.9", LinkName("ring0"), why, 5000),)), 8000)
    versions.append(node.version)
    (notice,) = node.snapshot(9000).notices
    assert "192.0.2.9 over link ring0 since 1970-01-02 00:00:05 UTC" in notice
    node.handle(StrangersHeard(()), 30_000)
    versions.append(node.version)
    assert node.snapshot(30_000).notices == ()
    assert len(set(versions)) == 3


def test_node_that_cannot_listen_says_so_among_its_faults_until_it_can() -> None:
    node = Node(NodeName("n1"), Recovered(1), Random(1), 0)
    version = node.version
    text = "cannot listen on 192.0.2.1 port 6940 (Address already in use)"
    node.handle(Unbound((text,)), 8000)
    assert f"n1 {text}" in node.snapshot(8000).faults
    assert node.version != version, "who waits for changes is told"
    node.handle(Unbound(()), 9000)
    assert not [fault for fault in node.snapshot(9000).faults if "cannot listen" in fault]
