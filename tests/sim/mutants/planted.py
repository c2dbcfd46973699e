"""The list of planted faults: which rule each breaks, and how to plant it.

Each function takes pytest's monkeypatch and changes one rule of the shipped
core, or of the store.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from ha_core.agents import registry
from ha_core.commands import Outcome
from ha_core.config.model import Configuration
from ha_core.coordinator import roster
from ha_core.coordinator.clerk import Clerk
from ha_core.coordinator.lead import Lead
from ha_core.coordinator.planner import Planner
from ha_core.effects import Persist
from ha_core.ids import Millis
from ha_core.membership.lease import RunLease
from ha_core.policy.transition import Action
from ha_core.replication.election import Election
from ha_core.replication.machine import Output
from ha_core.sim.disk import Disk
from ha_core.status import NodeState
from ha_core.transition import executor
from ha_core.transition.executor import Executor, OpenOrder


def lease_runs_half_again_as_long(patch: pytest.MonkeyPatch) -> None:
    """A run lease of 1.5 R: the old owner lives on after the takeover."""
    granted = RunLease.granted

    def longer(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        usual_ms, self.run_lease_ms = self.run_lease_ms, self.run_lease_ms * 3 // 2
        result = granted(self, request_ms, age_ms, now_ms)
        self.run_lease_ms = usual_ms
        return result

    patch.setattr(RunLease, "granted", longer)


def lease_runs_from_the_arrival_of_the_grant(patch: pytest.MonkeyPatch) -> None:
    """A lease dated by when the grant came instead of when it was asked for."""
    granted = RunLease.granted

    def late(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        return granted(self, now_ms, 0, now_ms)

    patch.setattr(RunLease, "granted", late)


def voters_forget_that_they_heard_a_leader(patch: pytest.MonkeyPatch) -> None:
    """Votes are given while a leader's lease may run."""
    patch.setattr(Election, "is_bound", lambda self, now_ms: False)


def every_resource_counts_as_guarded(patch: pytest.MonkeyPatch) -> None:
    """A takeover without proof: nothing ends an unguarded service of a lost node."""
    guard = registry.Guard("guardian", "", True)
    patch.setattr(roster, "guard_of", lambda primitive, gates: guard)


def inherited_leases_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    """A new coordinator, and the old one, take over without waiting for leases to run out."""
    silence = roster.Roster._silence

    def hasty(self: roster.Roster, record: roster.Record, silent: Millis, now: Millis) -> Millis:
        record.lease_bound_ms = 0
        return silence(self, record, silent, now) * 3

    patch.setattr(roster.Roster, "_silence", hasty)


def log_entries_are_lost_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    """The store acknowledges appended entries and does not keep them."""
    commit = Disk.commit

    def forgetful(self: Disk, record: Persist) -> None:
        commit(self, replace(record, append=(), truncate_from=None))

    patch.setattr(Disk, "commit", forgetful)


def changes_are_acknowledged_before_they_are_final(patch: pytest.MonkeyPatch) -> None:
    """A change is reported as made when it is in the coordinator's log alone."""
    edit = Clerk._edit

    def eager(self: Clerk, request_id: str, *rest: object) -> list[Output]:
        output = edit(self, request_id, *rest)  # type: ignore[arg-type]  # as it was called
        revision = self._raft.revisions[-1].revision + 1
        return output + self._settle(request_id, Outcome(revision=revision))

    patch.setattr(Clerk, "_edit", eager)


def lost_nodes_are_never_admitted_again(patch: pytest.MonkeyPatch) -> None:
    """A node that was lost stays so until the coordinator ends."""
    patch.setattr(
        roster.Roster,
        "_has_left",
        lambda self, record, generation: record.state is NodeState.LOST,
    )


def learners_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Nobody makes a learner a voter."""
    patch.setattr(Clerk, "promote", lambda self, now_ms, wall_ms: [])


def orders_give_no_reason(patch: pytest.MonkeyPatch) -> None:
    """The reason of an action is lost on the way to its node."""
    opened = Executor._open

    def silent(self: Executor, action: Action, incident: str, now_ms: Millis) -> OpenOrder:
        return opened(self, replace(action, reason=""), incident, now_ms)

    patch.setattr(executor.Executor, "_open", silent)


def new_coordinator_starts_everything_anew(patch: pytest.MonkeyPatch) -> None:
    """Healthy services restart because another node leads: nobody asked for it."""
    plan = Planner.plan
    seen: set[int] = set()

    def anew(
        self: Planner,
        roster_: roster.Roster,
        configuration: Configuration,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[OpenOrder]:
        if id(self) not in seen and self.transition.decisions:
            seen.add(id(self))
            self.restarts.update(item.id for item in configuration.primitives)
        return plan(self, roster_, configuration, now_ms, wall_ms)

    patch.setattr(Planner, "plan", anew)


def coordinator_keeps_its_old_timers(patch: pytest.MonkeyPatch) -> None:
    """A `dead_after` that changes: the coordinator's grants name the old one, and are refused."""
    patch.setattr(Lead, "set_timers", lambda self, timers: None)


@dataclass(frozen=True)
class Planted:
    """A planted fault, the rule whose judge must notice, and a seed that shows it (tried first)."""

    plant: Callable[[pytest.MonkeyPatch], None]
    rule: str
    seed: int = 1


PLANTED: tuple[Planted, ...] = (
    Planted(lease_runs_from_the_arrival_of_the_grant, "S1", 39),
    Planted(inherited_leases_are_not_waited_for, "S1"),
    Planted(log_entries_are_lost_in_a_crash, "S2"),
    Planted(changes_are_acknowledged_before_they_are_final, "S2", 2),
    Planted(voters_forget_that_they_heard_a_leader, "S3"),
    Planted(lease_runs_half_again_as_long, "S4", 3),
    Planted(every_resource_counts_as_guarded, "S4"),
    Planted(lost_nodes_are_never_admitted_again, "S5"),
    Planted(learners_are_forgotten, "S5", 2),
    Planted(coordinator_keeps_its_old_timers, "S5", 2),
    Planted(orders_give_no_reason, "S6"),
    Planted(new_coordinator_starts_everything_anew, "S6", 18),
)
