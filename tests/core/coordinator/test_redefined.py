"""What is begun is begun by the definition that the plan was made by, on every node."""

from dataclasses import replace
from typing import Any

import pytest

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
from ha_core.ids import ConstraintId, NodeName, ResourceId

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
