"""Ahead of a move: the new owner gets ready while the old one still runs.

Owns: whom to ask for it, and how long the old owner's stop waits for the answer. It is a courtesy
alone: whoever does not answer, or cannot, is served as ever. Nothing of it counts as a start.
See docs/protocols/transition.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ha_core.agents.registry import can_be_prepared
from ha_core.config.model import Configuration
from ha_core.config.units import unit
from ha_core.coordinator.record import Record
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.transition import ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState
from ha_core.transition.readiness import KEPT_MS

PATIENCE_MS: Final = 100
"""A stop waits for so long: getting ready takes a few milliseconds."""

Move = tuple[ResourceId, NodeName]


class Ahead:
    """Moves for which new owners were asked to get ready, in one term."""

    def __init__(self) -> None:
        self._asked: dict[Move, Millis] = {}
        self._unsent: list[Move] = []
        self._until_ms: Millis | None = None

    def deadline_ms(self) -> Millis | None:
        """Return when a stop has waited for long enough."""
        return self._until_ms

    def is_due(self, now_ms: Millis) -> bool:
        """Return whether one has."""
        return self._until_ms is not None and now_ms >= self._until_ms

    def take(self) -> list[Move]:
        """Return who is to be asked now, and for what; each is returned once."""
        unsent, self._unsent = self._unsent, []
        return unsent

    def without_waiting(
        self,
        transition: Transition,
        status: ClusterStatus,
        configuration: Configuration,
        records: Mapping[NodeName, Record],
        now_ms: Millis,
    ) -> Transition:
        """Return the plan without the stops that wait for their successors to be ready."""
        moves = _moves(transition, status, configuration, records)
        goals = set(moves.values())
        self._asked = {move: at for move, at in self._asked.items() if move in goals}
        waiting: dict[ResourceId, Millis] = {}
        for resource, move in moves.items():
            if resource in (records[move[1]].ready or ()):
                continue
            if now_ms - self._asked.get(move, -KEPT_MS) >= KEPT_MS:
                self._asked[move] = now_ms
                self._unsent.append(move)
            until_ms = self._asked[move] + PATIENCE_MS
            if now_ms < until_ms:
                waiting[resource] = until_ms
        self._until_ms = min(waiting.values(), default=None)
        kept = tuple(
            action
            for action in transition.actions
            if action.key.kind is not ActionKind.STOP or action.key.resource not in waiting
        )
        return replace(transition, actions=kept)


def _moves(
    transition: Transition,
    status: ClusterStatus,
    configuration: Configuration,
    records: Mapping[NodeName, Record],
) -> dict[ResourceId, Move]:
    """Return what runs well where it is and is to start on another node, which can get ready."""
    keys = [action.key for action in transition.actions]
    stops = {key.resource: key.node for key in keys if key.kind is ActionKind.STOP}
    moves = {}
    for key in keys:
        old, primitive = stops.get(key.resource), unit(configuration, key.resource)
        if key.kind is not ActionKind.START or old in (None, key.node) or primitive is None:
            continue
        record = records.get(key.node)
        can = record is not None and record.ready is not None and can_be_prepared(primitive)
        if not can or old is None:
            continue
        before, after = (_instance(status, node, key.resource) for node in (old, key.node))
        if before is None or after is None or before.pending or after.pending:
            continue
        if before.state is InstanceState.STARTED and after.state is InstanceState.STOPPED:
            moves[key.resource] = (key.resource, key.node)
    return moves


def _instance(status: ClusterStatus, name: NodeName, resource: ResourceId) -> Instance | None:
    node = status.node(name)
    is_there = node is not None and node.state is NodeState.ONLINE
    return node.instance(resource) if node is not None and is_there else None
