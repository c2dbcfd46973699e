"""Who should lead: the voter with which most nodes can talk.

Owns: this rule (docs/protocols/detector.md). Nodes talk about services with the
coordinator alone, so its circle is whoever it can talk with. If another voter's
circle has been larger for a while, the coordinator steps aside for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.config.model import Configuration
from ha_core.coordinator.record import Record
from ha_core.ids import Millis, NodeName
from ha_core.quorum.votes import has_majority
from ha_core.status import NodeState

HOLD: Final = 2
"""The other circle must be larger for so many times `dead_after_ms`: a node that starts is heard
by some before others.
"""
FIRST: Final = 4
"""A new coordinator keeps its place for so many times `dead_after_ms` at least."""


DEAF: Final = 60
"""Whom a coordinator could talk to when it was elected, and cannot serve, no other could: for so
many times `dead_after_ms` nobody is preferred for that node's sake. Its disk may hang.
"""


@dataclass(frozen=True, slots=True)
class Better:
    """A voter with a larger circle."""

    voter: NodeName
    circle: tuple[NodeName, ...]
    own: tuple[NodeName, ...]

    def told(self, name: NodeName) -> str:
        """Return the sentence for the journal."""
        more = ", ".join(sorted(set(self.circle) - set(self.own)))
        return f"{name} hands the coordination over to {self.voter}, which can also talk to {more}"


class Handover:
    """One coordinator's comparison of its circle with those of the other voters."""

    def __init__(self, name: NodeName, now_ms: Millis, talks: Iterable[NodeName] = ()) -> None:
        """`talks`: the nodes with which this one could talk when it was elected."""
        self._name = name
        self._deaf = set(talks)
        self._began_ms = now_ms
        self._since: tuple[NodeName, Millis] | None = None
        self.spared: frozenset[NodeName] = frozenset()
        """Nodes that are lost to us, but not to a better voter: nobody need cut them off."""

    def look(
        self,
        records: Mapping[NodeName, Record],
        configuration: Configuration,
        fit: frozenset[NodeName],
        now_ms: Millis,
    ) -> Better | None:
        """Return for whom to step aside now; `fit` are the voters whose logs are complete."""
        dead_after_ms = configuration.options.dead_after_ms
        own = self._served(records, dead_after_ms, now_ms)
        self._deaf.difference_update(own)
        if now_ms - self._began_ms >= DEAF * dead_after_ms:
            self._deaf.clear()
        found = self._best(records, configuration, fit, own)
        self.spared = frozenset(set(found.circle) - set(found.own) if found else ())
        if found is None:
            self._since = None
            return None
        if self._since is None or self._since[0] != found.voter:
            self._since = (found.voter, now_ms)
        held = now_ms - self._since[1] >= HOLD * dead_after_ms
        return found if held and now_ms - self._began_ms >= FIRST * dead_after_ms else None

    def _best(
        self,
        records: Mapping[NodeName, Record],
        configuration: Configuration,
        fit: frozenset[NodeName],
        own: tuple[NodeName, ...],
    ) -> Better | None:
        voters = configuration.voters()
        best: Better | None = None
        for node in configuration.nodes:
            record = records.get(node.name)
            if node.witness or node.name not in fit or record is None:
                continue
            if record.state is not NodeState.ONLINE or record.is_leaving:
                continue
            if len(record.hears) < len(best.circle if best else own):
                continue
            heard = (peer for peer in record.hears if peer in records and peer not in self._deaf)
            circle = tuple(sorted({node.name, *heard}))
            if len(circle) <= len(best.circle if best else own):
                continue
            if has_majority(set(circle), voters):
                best = Better(node.name, circle, own)
        return best

    def _served(
        self, records: Mapping[NodeName, Record], dead_after_ms: Millis, now_ms: Millis
    ) -> tuple[NodeName, ...]:
        """Return ourselves and the nodes that have just answered us."""
        return tuple(
            sorted(
                name
                for name, record in records.items()
                if name == self._name
                or (
                    record.requested_ms is not None and now_ms - record.requested_ms < dead_after_ms
                )
            )
        )
