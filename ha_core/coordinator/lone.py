"""The lone voter: one of two that has lost the other, and may go on once that one is off.

Owns: when such a voter shoots, and what it takes as proof; how long it waits before
that is `race`'s. It has no quorum and no coordinator's lease, so it may do nothing
else: whether the proof lets it lead is replication's rule (`alone_fault`), and
docs/protocols/quorum.md has the argument.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final

from ha_core.config.model import Configuration
from ha_core.coordinator import race
from ha_core.fencing.machine import Fencing, Output, Proved, Stage, Wish, verdict_of
from ha_core.fencing.rules import can_fence
from ha_core.ids import Generation, Millis, NodeName
from ha_core.messages import FenceReport
from ha_core.replication.entries import LEFT, Verdict
from ha_core.replication.machine import Replication
from ha_core.timers import RaftTimers

FIRST_ERRAND: Final = 1_000_000
"""Above the numbers of a coordinator's errands in the same term."""


@dataclass(frozen=True, slots=True)
class GoAlone:
    """The other voter is proved to be off: go on without it."""

    verdict: Verdict


class Lone:
    """What one of two voters does about the other while it has no quorum."""

    def __init__(self, name: NodeName, random: Random) -> None:
        self._name = name
        self._random = random
        self._fencing: Fencing | None = None
        self._heard: dict[NodeName, Generation] = {}
        """Newest start of each node that has spoken to this one."""
        self._target: NodeName | None = None
        numbers = count(FIRST_ERRAND)
        self._number: Callable[[], int] = lambda: next(numbers)
        self.until_ms: Millis = 0
        """Until when this node may shoot although it holds no lease."""

    @property
    def is_idle(self) -> bool:
        """Whether this node is not about to cut the other one off."""
        return self._fencing is None and self.until_ms == 0

    def deadline_ms(self) -> Millis | None:
        """Return when it must be looked at again; the campaigns of replication come sooner."""
        return self._fencing.deadline_ms() if self._fencing is not None else None

    def heard(self, node: NodeName, generation: Generation) -> None:
        """Note which start of a node speaks: the log need not know it yet."""
        if generation > self._heard.get(node, 0):
            self._heard[node] = generation

    def tick(
        self,
        raft: Replication,
        first: NodeName | None,
        silent_ms: Callable[[NodeName], Millis],
        timers: RaftTimers,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output | GoAlone]:
        """Shoot, go on shooting, or give it up, as things stand now.

        `first`: who is to shoot first, by what this node goes by; None if that is open.
        """
        other = raft.other_of_two
        is_lone = other is not None and raft.may_go_alone(now_ms)
        if is_lone and other is not None and silent_ms(other) >= timers.dead_after_ms:
            generation, said = _last_word(raft, other)
            if said == LEFT and self._heard.get(other, 0) <= generation:
                return [GoAlone(Verdict(other, generation, LEFT, "cluster", "", wall_ms))]
            if _may_shoot(raft.configuration, other):
                self.until_ms = now_ms + timers.dead_after_ms
                return self._shoot(raft, other, generation, first, timers, now_ms, wall_ms)
        self.until_ms = 0
        return [] if self._fencing is None else self._end(raft.configuration, now_ms)

    def report(
        self, report: FenceReport, now_ms: Millis, wall_ms: Millis
    ) -> list[Output | GoAlone]:
        """Take this node's own word on its errand; empty if it was a coordinator's."""
        if self._fencing is None or report.errand_id < FIRST_ERRAND:
            return []
        return _with_proof(self._fencing.report(self._name, report, now_ms), wall_ms)

    def judged(self, verdict: Verdict) -> list[Output]:
        """The log has the verdict, and whoever leads now has the rest to do."""
        return [] if self._fencing is None else self._fencing.drop(verdict.node)

    def _shoot(
        self,
        raft: Replication,
        other: NodeName,
        generation: Generation,
        first: NodeName | None,
        timers: RaftTimers,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output | GoAlone]:
        if self._fencing is None or self._target != other:
            self._target = other
            self._fencing = Fencing(
                self._name, raft.term, self._random, timers.election_ms, self._number
            )
        reason = f"{self._name} and {other} have lost each other, and one of them must go on"
        wish = Wish(
            other,
            generation,
            reason,
            f"{other}-duel-{generation}",
            wait_ms=race.wait_ms(self._name, other, first, timers.dead_after_ms),
            power=True,
        )
        found = self._fencing.tick({other: wish}, (self._name,), raft.configuration, now_ms)
        return _with_proof(found, wall_ms)

    def _end(self, configuration: Configuration, now_ms: Millis) -> list[Output | GoAlone]:
        """There is a coordinator again: nobody is shot, and who was is switched on."""
        assert self._fencing is not None
        found = self._fencing.tick({}, (self._name,), configuration, now_ms)
        for item in self._fencing.statuses():
            if item.stage == Stage.PROVED:
                # It came too late to be used, and must not count when the two part again.
                found += self._fencing.judged(item.node, item.generation, now_ms)
        if not self._fencing.statuses():
            self._fencing = self._target = None
        return [item for item in found if not isinstance(item, Proved)]


def _with_proof(found: list[Output], wall_ms: Millis) -> list[Output | GoAlone]:
    return [
        GoAlone(verdict_of(item, wall_ms)) if isinstance(item, Proved) else item for item in found
    ]


def _may_shoot(configuration: Configuration, other: NodeName) -> bool:
    node = configuration.node(other)
    if node is None or node.maintenance or configuration.options.maintenance:
        return False
    return can_fence(configuration, other, power=True)


def _last_word(raft: Replication, node: NodeName) -> tuple[Generation, str]:
    """Return the newest start of a node that the log knows, and what it says of it."""
    found = next((item for item in raft.verdicts if item.node == node), None)
    return (found.generation, found.method) if found is not None else (0, "")
