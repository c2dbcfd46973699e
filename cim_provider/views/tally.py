"""Counts of what has happened, made from the cluster's own journal of events.

Owns: how an event changes the counts. Pure: an event is taken once, in order. Every node
counts alike, since all read the same journal; the counts begin with its oldest event.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Protocol

QUORUM_MS: Final = 10_000
"""Nodes that lose the cluster within so long of each other lose it together."""
INCIDENTS_MAX: Final = 1000
"""Losses of nodes whose consequences are still told apart."""


class Happening(Protocol):
    """What a tally reads of an event."""

    @property
    def kind(self) -> str:
        """Return the word for what happened, such as `node-lost`."""
        ...

    @property
    def subject(self) -> str:
        """Return the node or resource that it is about."""
        ...

    @property
    def node(self) -> str:
        """Return the node that noticed it."""
        ...

    @property
    def at_wall_ms(self) -> int:
        """Return when, in milliseconds since 1970."""
        ...

    @property
    def incident(self) -> str:
        """Return what all that belongs together has in common."""
        ...


@dataclass(slots=True)
class ResourceTally:
    """Counts of one resource, all instances together."""

    since_wall_ms: int
    starts: int = 0
    stops: int = 0
    moves: int = 0
    failures: int = 0
    active_on: set[str] = field(default_factory=set)
    last_on: str = ""
    available_ms: int = 0
    """Up to the newest event about it; see `available_at`."""
    counted_to_ms: int = 0

    def available_at(self, wall_ms: int) -> int:
        """Return how long it was active somewhere, up to a moment, in milliseconds."""
        rest_ms = max(0, wall_ms - self.counted_to_ms) if self.active_on else 0
        return self.available_ms + rest_ms

    def unavailable_at(self, wall_ms: int) -> int:
        """Return how long it was active nowhere, whether wanted or not, in milliseconds."""
        return max(0, wall_ms - self.since_wall_ms - self.available_at(wall_ms))

    def _pass_to(self, wall_ms: int) -> None:
        self.available_ms = self.available_at(wall_ms)
        self.counted_to_ms = max(wall_ms, self.counted_to_ms)

    def begin(self, node: str, wall_ms: int, *, is_start: bool) -> bool:
        """It is active on a node; return whether it has moved there from another one."""
        self._pass_to(wall_ms)
        has_moved = is_start and not self.active_on and self.last_on not in ("", node)
        self.starts += is_start
        self.moves += has_moved
        self.active_on.add(node)
        self.last_on = node
        return has_moved

    def end(self, node: str, wall_ms: int, *, is_stop: bool = False) -> None:
        """It is not active on a node any more."""
        self._pass_to(wall_ms)
        self.stops += is_stop
        self.active_on.discard(node)


@dataclass(slots=True)
class Tally:
    """Counts of the cluster and of each resource."""

    since_wall_ms: int = 0
    newest_wall_ms: int = 0
    failovers: int = 0
    fencings: int = 0
    leader_changes: int = 0
    last_failover_ms: int = 0
    quorum_losses: int = 0
    """How often nodes had no majority for so long that their leases ran out."""
    resources: dict[str, ResourceTally] = field(default_factory=dict)
    fenced: dict[str, int] = field(default_factory=dict)
    """When each node was cut off last."""
    _lease_lost_ms: int = -QUORUM_MS
    _losses: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """By incident, when a node was lost and whether something has started elsewhere."""

    def take(self, event: Happening) -> None:
        """Count one event; those of other kinds only show that time has passed."""
        wall_ms = event.at_wall_ms
        self.since_wall_ms = self.since_wall_ms or wall_ms
        self.newest_wall_ms = max(self.newest_wall_ms, wall_ms)
        match event.kind:
            case "resource-started":
                if self._of(event).begin(event.node, wall_ms, is_start=True):
                    self._recovered(event)
            case "resource-found" | "resource-migrated":
                self._of(event).begin(event.node, wall_ms, is_start=False)
            case "resource-stopped":
                self._of(event).end(event.node, wall_ms, is_stop=True)
            case "resource-failed":
                found = self._of(event)
                found.failures += 1
                found.end(event.node, wall_ms)
            case "node-lost" | "node-left":
                self._gone(event)
            case "node-fenced":
                self.fencings += 1
                self.fenced[event.subject] = wall_ms
            case "coordinator-elected":
                self.leader_changes += 1
            case "lease-lost":
                # They tell of it once they are back, each at its time.
                self.quorum_losses += abs(wall_ms - self._lease_lost_ms) >= QUORUM_MS
                self._lease_lost_ms = wall_ms

    def forget(self, names: AbstractSet[str]) -> None:
        """Count nothing any more of resources and nodes that are gone."""
        self.resources = {n: each for n, each in self.resources.items() if n not in names}
        self.fenced = {name: each for name, each in self.fenced.items() if name not in names}

    def _of(self, event: Happening) -> ResourceTally:
        name = event.subject.partition(":")[0]
        found = self.resources.get(name)
        if found is None:
            moment = event.at_wall_ms
            found = self.resources[name] = ResourceTally(moment, counted_to_ms=moment)
        return found

    def _gone(self, event: Happening) -> None:
        for each in self.resources.values():
            if event.subject in each.active_on:
                each.end(event.subject, event.at_wall_ms)
        if event.kind == "node-lost" and event.incident:
            if len(self._losses) >= INCIDENTS_MAX:
                del self._losses[next(iter(self._losses))]
            self._losses[event.incident] = (event.at_wall_ms, False)

    def _recovered(self, event: Happening) -> None:
        loss = self._losses.get(event.incident)
        if loss is not None:
            lost_ms, is_known = loss
            self.failovers += not is_known
            self._losses[event.incident] = (lost_ms, True)
            self.last_failover_ms = max(0, event.at_wall_ms - lost_ms)
