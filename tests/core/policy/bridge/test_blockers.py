"""Blockers of clones, roles, tickets, room and health: all that is named is one, no more is."""

import pytest

from ha_core.ids import NodeName, ResourceId
from ha_core.policy.blockers import Blocker, BlockerKind, candidates
from ha_core.policy.counterfactual import WayOut, way_out
from ha_core.policy.forecast import forecast
from ha_core.policy.kin import kin_of
from ha_core.policy.removal import without
from tests.core.policy import case

TICKET = """nodes n1 n2
primitives a b
depends a on T
location a n2 10
on n1 b started
"""
ROOM = """nodes n1 n2
options strategy=utilization
primitives a
primitive big priority=5
capacity n1 cpu=1
capacity n2 cpu=4
takes a cpu=2
takes big cpu=3
location big n2 INFINITY
"""
HEALTH = """nodes n1 n2
options health=migrate-on-red
primitive a
health n1 disk=red
location a n1 10
"""
INSTANCES = """nodes n1 n2 n3
primitive a
clone C a max=2
on n1 a started
on n2 a started
"""
CLONE_BANNED = """nodes n1 n2 n3
primitive a
clone C a
location C n3 -INFINITY
on n1 a started
on n2 a started
"""
CLONE_STOPPED = """nodes n1 n2
primitive a
clone C a target=stopped
"""
CLONE_FAILED = """nodes n1 n2
primitive a threshold=1
clone C a
on n1 a started
on n2 a stopped count=1 failure=monitor:7:restart
"""
WITH_PROMOTED = """nodes n1 n2
primitives db ip
clone D db promotable
colocation ip with D INFINITY with_role=promoted
on n1 db started role=promoted score=10
on n2 db started role=unpromoted score=5
on n1 ip started
"""
STOP_ALL = """nodes n1
options stop-all
primitive a
"""
TICKET_AND_STANDBY = """node n1 standby
node n2
primitive a
depends a on T
location a n2 -INFINITY
"""


def asked(text: str, resource: str, node: str) -> WayOut:
    """Return what would bring the resource to the node."""
    made = case.read(text)
    return way_out(made.configuration, made.status, 0, ResourceId(resource), NodeName(node))


def kinds(blockers: tuple[Blocker, ...]) -> list[tuple[str, str]]:
    """Return kind and subject of each."""
    return [(str(item.kind), item.subject) for item in blockers]


@pytest.mark.parametrize(
    ("text", "resource", "node", "alone"),
    [
        (TICKET, "a", "n2", [("ticket", "T")]),
        (ROOM, "a", "n1", [("capacity", "n1")]),
        (HEALTH, "a", "n1", [("health", "n1")]),
        (INSTANCES, "a", "n3", [("instances", "C")]),
        (CLONE_BANNED, "a", "n3", [("location", "c1")]),
        (CLONE_STOPPED, "a", "n2", [("target", "C")]),
        (CLONE_FAILED, "a", "n2", [("failure", "a")]),
        (STOP_ALL, "a", "n1", [("stop-all", "")]),
    ],
)
def test_what_keeps_it_from_there_is_named_and_nothing_else(
    text: str, resource: str, node: str, alone: list[tuple[str, str]]
) -> None:
    assert kinds(asked(text, resource, node).alone) == alone


def test_what_must_be_with_the_promoted_one_takes_it_along_when_moved_by_hand() -> None:
    assert asked(WITH_PROMOTED, "ip", "n2") == WayOut(movable=True)
    text = WITH_PROMOTED + "location D n2 -INFINITY\n"
    assert kinds(asked(text, "ip", "n2").with_move) == [("location", "c2"), ("colocation", "c1")]


def test_of_a_ticket_and_a_ban_neither_can_stay() -> None:
    told = asked(TICKET_AND_STANDBY, "a", "n2")
    assert kinds(told.together) == [("ticket", "T"), ("location", "c2")]


@pytest.mark.parametrize(
    ("text", "resource", "node"),
    [
        (TICKET, "a", "n2"),
        (ROOM, "a", "n1"),
        (HEALTH, "a", "n1"),
        (INSTANCES, "a", "n3"),
        (CLONE_BANNED, "a", "n3"),
        (CLONE_STOPPED, "a", "n2"),
        (CLONE_FAILED, "a", "n2"),
        (STOP_ALL, "a", "n1"),
    ],
)
def test_without_any_other_thing_it_goes_there_no_more_than_with_it(
    text: str, resource: str, node: str
) -> None:
    made = case.read(text)
    world = (made.configuration, made.status)
    named = set(asked(text, resource, node).alone)
    kin = kin_of(made.configuration)[ResourceId(resource)]
    for blocker in candidates(world, kin):
        found = forecast(*without(world, (blocker,)), 0).places(ResourceId(resource))
        assert (node in found) == (blocker in named), blocker


def test_each_kind_says_what_ends_it() -> None:
    texts = (TICKET, ROOM, HEALTH, INSTANCES, STOP_ALL)
    found = {}
    for text in texts:
        made = case.read(text)
        kin = kin_of(made.configuration)[ResourceId("a")]
        for blocker in candidates((made.configuration, made.status), kin):
            found[blocker.kind] = blocker.sentence
    assert found[BlockerKind.TICKET] == (
        "ticket T is not here; 'ha ticket grant T --reason TEXT' allows it here"
    )
    assert found[BlockerKind.CAPACITY].startswith("n2 has only so much room; more 'capacity'")
    assert found[BlockerKind.HEALTH].startswith("the health of n1 counts (#health-disk)")
    assert found[BlockerKind.INSTANCES].startswith("there may be 2 instances of C; ")
    assert found[BlockerKind.STOP_ALL].startswith("all resources are to be stopped")
