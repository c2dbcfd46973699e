"""What a command makes of the configuration before the log takes it."""

from dataclasses import replace

import pytest

from ha_core.commands import AddNode, Apply, SetStandby
from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.coordinator.desk import edited
from ha_core.errors import RefusedError
from ha_core.ids import LinkName, NodeName

FRONT, BACK = LinkName("front"), LinkName("back")
N1, N2 = NodeName("n1"), NodeName("n2")
BASE = Configuration(
    links=(Link(FRONT), Link(BACK, 7000)),
    nodes=(
        Node(N1, (Address(FRONT, "192.0.2.1"), Address(BACK, "198.51.100.1"))),
        Node(N2, (Address(FRONT, "192.0.2.2"), Address(BACK, "198.51.100.2"))),
    ),
)


def test_node_that_lost_its_disk_is_known_by_the_ports_that_a_file_leaves_out() -> None:
    again = (Address(BACK, "198.51.100.2", 7000), Address(FRONT, "192.0.2.2", 6940))
    changed, waiting = edited(BASE, (), AddNode(N2, again), {})
    assert (changed, waiting) == (BASE, ())


def test_node_at_another_place_is_another_one() -> None:
    elsewhere = replace(BASE.nodes[1].addresses[0], port=6941)
    with pytest.raises(RefusedError, match="there is a node 'n2' already"):
        edited(BASE, (), AddNode(N2, (elsewhere, BASE.nodes[1].addresses[1])), {})


def test_witness_that_does_not_vote_yet_hinders_no_other_command() -> None:
    judge = Node(NodeName("n3"), (Address(FRONT, "192.0.2.3"),), witness=True)
    wanted = replace(BASE, nodes=(*BASE.nodes, judge))
    learning, waiting = edited(BASE, (), Apply(wanted), {})
    assert waiting == ("n3",)
    assert learning.voters() == ("n1", "n2")
    changed, still = edited(learning, waiting, SetStandby(N1, True), {})
    assert (changed.voters(), still) == (("n1", "n2"), ("n3",))
    assert changed.nodes[0].standby


def test_witness_that_is_meant_not_to_vote_is_refused() -> None:
    judge = Node(NodeName("n3"), (Address(FRONT, "192.0.2.3"),), witness=True, voter=False)
    with pytest.raises(RefusedError, match="does not vote"):
        edited(BASE, (), Apply(replace(BASE, nodes=(*BASE.nodes, judge))), {})
