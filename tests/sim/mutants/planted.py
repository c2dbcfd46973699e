"""The list of planted faults: which rule each breaks, and a seed that shows it.

What each breaks is said where it is planted. README.md beside this file has the
same list with how long the seeds took.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ha_core.config.model import AgentClass
from ha_core.sim.plan import Draw
from tests.sim.mutants import (
    edits,
    enforcers,
    fences,
    journals,
    leases,
    moves,
    roles,
    stays,
    storage,
    votes,
)


@dataclass(frozen=True)
class Planted:
    """A planted fault, the rule whose judge must notice, and a seed that shows it (tried first)."""

    plant: Callable[[pytest.MonkeyPatch], None]
    rule: str
    seed: int
    suits: Callable[[Draw], bool] = lambda plan: True
    """Whether a run has what the fault needs to show: others are not tried."""
    needs_rich: bool = False
    """Whether only storms with the deeds of later seeds can show it."""


def _has(plan: Draw, kind: AgentClass, *faults: str) -> bool:
    is_there = any(item.agent.agent_class is kind for item in plan.configuration.primitives)
    return is_there and len(plan.configuration.nodes) >= 3 and set(faults) <= set(plan.faults)


def _gated(plan: Draw) -> bool:
    has_gates = all(kit.gates.kernel for kit in plan.kits)
    return has_gates and _has(plan, AgentClass.ADDRESS, "stall")


def _unguards(plan: Draw) -> bool:
    has_gates = all(kit.gates.kernel for kit in plan.kits)
    return has_gates and _has(plan, AgentClass.ADDRESS, "stall", "guardian-death")


def _watched(plan: Draw) -> bool:
    """A machine must stand still for longer than a takeover waits for its watchdog: only with the
    longest D it does. Every seventh such run or so shows it.
    """
    has_watchdogs = all(kit.gates.watchdog_ms for kit in plan.kits)
    is_long = plan.configuration.options.dead_after_ms >= 2000
    return has_watchdogs and is_long and _has(plan, AgentClass.OCF, "isolate", "stall")


def _fenced(plan: Draw) -> bool:
    devices = plan.configuration.fence_devices
    return bool(devices) and _has(plan, AgentClass.OCF, "fence-agents", "isolate")


def _promotes(plan: Draw) -> bool:
    return any(clone.promotable for clone in plan.configuration.clones)


def _edited(plan: Draw) -> bool:
    is_edited = {"exclusivity", "recloned"} <= set(plan.faults)
    return is_edited and len(plan.configuration.nodes) >= 3


def _judged(plan: Draw) -> bool:
    nodes = plan.configuration.nodes
    return len(nodes) == 2 and any(node.witness for node in nodes)


PLANTED: tuple[Planted, ...] = (
    Planted(leases.lease_runs_half_again_as_long, "S4", 1),
    Planted(leases.lease_runs_from_the_arrival_of_the_grant, "S4", 1),
    Planted(leases.grants_do_not_say_how_old_their_round_is, "S4", 54),
    Planted(leases.inherited_leases_are_not_waited_for, "S4", 1),
    Planted(leases.nodes_count_as_lost_after_half_the_time, "S4", 1),
    Planted(leases.coordinator_acts_for_a_whole_d, "S3", 8),
    Planted(leases.rounds_count_when_they_are_sent, "S3", 4),
    Planted(leases.new_coordinators_inherit_no_lease, "S4", 9),
    Planted(votes.candidates_need_not_know_what_is_final, "the core broke off", 25),
    Planted(votes.voters_forget_that_they_heard_a_leader, "S3", 8),
    Planted(votes.half_of_the_votes_is_a_majority, "S2", 2),
    Planted(votes.refusals_count_as_votes, "S3", 8),
    Planted(edits.what_runs_twice_becomes_exclusive, "S1", 60034, _edited, needs_rich=True),
    Planted(votes.witnesses_vote_beside_a_single_node, "S6", 60022, _judged, needs_rich=True),
    Planted(storage.log_entries_are_lost_in_a_crash, "S2", 3),
    Planted(storage.votes_are_not_kept, "S3", 19),
    Planted(storage.starts_are_not_counted, "S5", 4),
    Planted(enforcers.gate_stays_open, "S1", 78, _gated),
    Planted(enforcers.watchdog_is_fed_without_a_lease, "S1", 136, _watched),
    Planted(enforcers.guardian_forgets_the_lease, "S1", 8),
    Planted(enforcers.guardian_sleeps_on_after_the_machine, "S1", 88),
    Planted(enforcers.guardian_outlives_its_daemon, "S1", 1),
    Planted(enforcers.prepared_addresses_answer, "S1", 24),
    Planted(enforcers.lapsed_addresses_answer_in_another_stay, "S1", 10582, _unguards),
    Planted(enforcers.unguarded_counts_as_guarded, "S4", 7),
    Planted(fences.failed_agents_have_done_it, "S4", 369, _fenced),
    Planted(stays.nobody_is_admitted_by_the_log, "S4", 7),
    Planted(stays.lost_nodes_are_never_admitted_again, "S5", 8),
    Planted(stays.learners_are_forgotten, "S5", 18),
    Planted(stays.new_coordinators_believe_that_nothing_runs, "S4", 12),
    Planted(moves.orders_give_no_reason, "S6", 1),
    Planted(journals.numbers_count_whoever_gave_them, "journal", 4),
    Planted(journals.journals_are_not_compared, "journal", 4),
    Planted(roles.lost_copies_count_as_unpromoted, "S4", 36, _promotes),
    Planted(roles.copies_nobody_has_looked_at_count_as_unpromoted, "S4", 62, _promotes),
)
