"""Until when a coordinator need not look at its records again, and what keeps it looking."""

from dataclasses import replace

import pytest

from ha_core.config.model import Configuration, Node as Member, Options
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.stillness import ALWAYS, NOT_STILL, still_until_ms
from ha_core.fencing.rules import FENCED
from ha_core.ids import NodeName
from ha_core.replication.entries import Verdict
from ha_core.status import NodeState
from ha_core.timers import timers

A, B, C = (NodeName(name) for name in "abc")
THREE = Configuration(options=Options(1000), nodes=tuple(Member(name, ()) for name in (A, B, C)))
ELECTION_MS = timers(1000).election_ms


def roster(configuration: Configuration = THREE) -> Roster:
    """Return the roster of a: b asked for its lease at 5,000 ms, c at 5,100."""
    made = Roster(A, 1, timers(1000), (), (), 4000)
    made.configure(configuration, 0)
    for number, record in enumerate(made.records.values()):
        record.state, record.generation = NodeState.ONLINE, 1
        record.requested_ms = 4900 + 100 * number
        record.hears = (A, B, C)
    return made


def test_it_is_still_until_the_first_node_would_be_suspect() -> None:
    assert still_until_ms(roster(), THREE) == 5000 + ELECTION_MS


def test_a_node_alone_is_always_still() -> None:
    alone = replace(THREE, nodes=THREE.nodes[:1])
    assert still_until_ms(roster(alone), alone) == ALWAYS


@pytest.mark.parametrize("state", [NodeState.PENDING, NodeState.SUSPECT])
def test_a_node_on_its_way_in_or_out_is_looked_at(state: NodeState) -> None:
    made = roster()
    made.records[C].state = state
    assert still_until_ms(made, THREE) == NOT_STILL


def test_a_node_that_is_granted_leases_and_holds_none_is_looked_at() -> None:
    made = roster()
    made.records[C].without_ms = 4000
    assert still_until_ms(made, THREE) == NOT_STILL


def test_a_lost_node_matters_only_to_those_that_hear_it() -> None:
    made = roster()
    made.records[C].state, made.records[C].requested_ms = NodeState.LOST, None
    assert still_until_ms(made, THREE) == NOT_STILL
    for record in made.records.values():
        record.hears = (A, B)
    assert still_until_ms(made, THREE) == 5000 + ELECTION_MS


def test_a_lost_node_that_asks_or_whose_vote_will_be_taken_is_looked_at() -> None:
    made = roster()
    made.records[C].state = NodeState.LOST
    for record in made.records.values():
        record.hears = (A, B)
    assert still_until_ms(made, THREE) == NOT_STILL
    made.records[C].requested_ms = None
    shrinking = replace(THREE, options=replace(THREE.options, last_man_standing_ms=4000))
    assert still_until_ms(made, shrinking) == NOT_STILL


def test_a_node_that_speaks_though_it_was_proved_off_is_looked_at() -> None:
    made = roster()
    made.judged(Verdict(B, 1, f"{FENCED}power", "cluster", "", 0))
    assert still_until_ms(made, THREE) == NOT_STILL
