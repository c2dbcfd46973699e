"""What is begun is begun by the definition that the plan was made by, on every node."""

from dataclasses import replace
from typing import Any

import pytest

from ha_core.commands import AddNode, Apply
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Exclusivity,
    Location,
    Meta,
    Node,
    Primitive,
)
from ha_core.coordinator.redefined import Redefined
from ha_core.effects import Effect, Send
from ha_core.events import CommandGiven, Event
from ha_core.ids import ConstraintId, NodeName, ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from tests.core.coordinator.test_admission import Cluster, member

N1 = NodeName("n1")
DB, WEB = ResourceId("db"), ResourceId("web")
PROCESS = Primitive(DB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
OTHER = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
FIRST = Configuration(nodes=(Node(N1, ()),), primitives=(PROCESS, OTHER))
CLONE = Clone(ResourceId("copies"), DB)


def changed(**parts: Any) -> Configuration:
    """Return the first configuration with other parts."""
    return replace(FIRST, **parts)


def of_db(primitive: Primitive) -> Configuration:
    """Return the first configuration with another definition of `db`."""
    return changed(primitives=(primitive, OTHER))


@pytest.mark.parametrize(
    "after",
    [
        of_db(replace(PROCESS, agent=AgentRef(AgentClass.OCF, "pacemaker", "Stateful"))),
        of_db(replace(PROCESS, parameters=(("command", "/bin/false"),))),
        of_db(replace(PROCESS, meta=Meta(exclusivity=Exclusivity.NONE))),
        changed(clones=(CLONE,)),
    ],
)
def test_what_is_defined_anew_is_begun_by_nodes_that_know_of_it_and_nothing_else_waits(
    after: Configuration,
) -> None:
    redefined = Redefined(FIRST, 3)
    redefined.follow(after, 4)
    assert (redefined.since(DB), redefined.since(WEB)) == (4, 3)
    redefined.follow(FIRST, 5)
    assert redefined.since(DB) == 5


def test_moves_and_options_wait_for_nobody() -> None:
    redefined = Redefined(FIRST, 3)
    move = Location(ConstraintId("move-db"), DB, N1, 100)
    redefined.follow(changed(locations=(move,)), 4)
    redefined.follow(of_db(replace(PROCESS, meta=Meta(stickiness=5))), 5)
    assert redefined.since(DB) == 3


def test_clone_with_more_copies_is_no_other_definition_but_copies_under_own_names_are() -> None:
    redefined = Redefined(changed(clones=(CLONE,)), 3)
    redefined.follow(changed(clones=(replace(CLONE, instances_max=1),)), 4)
    assert redefined.since(DB) == 3
    redefined.follow(changed(clones=(replace(CLONE, instances_max=1, unique=True),)), 5)
    assert redefined.since(ResourceId("db:0")) == 5


def test_new_coordinator_takes_what_is_newest_for_all() -> None:
    redefined = Redefined(FIRST, 9)
    assert redefined.since(DB) == 9
    assert redefined.since(ResourceId("unheard-of")) == 9


class Watched(Cluster):
    """A cluster whose orders are noted."""

    orders: list[Order]

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Note an order."""
        if isinstance(effect, Send) and isinstance(effect.message, Order):
            self.orders.append(effect.message)
        return super().follows(sender, effect)


def test_who_is_to_look_for_something_is_told_by_which_revision() -> None:
    cluster = Watched("a", "b")
    cluster.orders = []
    cluster.run(1000)
    cluster.give("a", CommandGiven("1", "test", AddNode(NodeName("b"), member("b").addresses)))
    cluster.run(1000)
    node = cluster.nodes[NodeName("a")]
    wished = replace(node.configuration, primitives=(PROCESS,))
    cluster.give("a", CommandGiven("2", "test", Apply(wished)))
    cluster.run(1000)
    found = {order.revision for order in cluster.orders if order.kind is ActionKind.PROBE}
    assert found == {node.revision}
