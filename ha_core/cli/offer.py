"""What `placement: exact` would run of what the greedy order leaves stopped.

Owns: when such a search is worth its while, and the words in which `ha why` and `ha status` offer
it. Pure; the search is bounded as the daemon's own is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ha_core.config.model import Placement
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.schedule import schedule
from ha_core.preview.foresee import observed
from ha_core.snapshot import ClusterSnapshot


@dataclass(frozen=True, slots=True)
class Offer:
    """A primitive that is stopped for want of a better order."""

    resource: ResourceId
    node: NodeName
    """Where it would run."""
    others: tuple[tuple[ResourceId, NodeName | None], ...]
    """What would be elsewhere for its sake, and where; None: nowhere."""

    def __str__(self) -> str:
        """Return what the option would do, as a part of a sentence."""
        others = "".join(
            f", with {name} on {node}" if node is not None else f"; {name} would be stopped"
            for name, node in self.others
        )
        return f"'options.placement: exact' would run it on {self.node}{others}"


def offers(snapshot: ClusterSnapshot, at_wall_ms: Millis) -> tuple[Offer, ...]:
    """Return what would run by an exact search, if there is anything for it to find."""
    configuration = snapshot.configuration
    wanting = set(_wanting(snapshot))
    if not wanting or configuration.options.placement is Placement.EXACT:
        return ()
    options = replace(configuration.options, placement=Placement.EXACT)
    found = schedule(replace(configuration, options=options), observed(snapshot), at_wall_ms)
    now = {one.resource: one.node for one in snapshot.decisions}
    others = tuple(
        (one.resource, one.node)
        for one in found.decisions
        if not one.places and now.get(one.resource) not in {None, one.node}
    )
    return tuple(
        Offer(one.resource, one.node, others)
        for one in found.decisions
        if one.resource in wanting and one.node is not None and not one.blocked
    )


def notices(snapshot: ClusterSnapshot, at_wall_ms: Millis) -> tuple[str, ...]:
    """Return what `ha status` says of that, a sentence for each."""
    return tuple(
        f"{one.resource} is stopped, though there is a placement in which it runs: {one}"
        for one in offers(snapshot, at_wall_ms)
    )


def _wanting(snapshot: ClusterSnapshot) -> Iterable[ResourceId]:
    """Yield what is wanted and runs nowhere, as the plan has no node for it."""
    placed = {one.resource for one in snapshot.decisions if one.node is not None or one.places}
    if snapshot.quorate:
        for item in snapshot.resources:
            if not item.nodes and item.target != "stopped" and item.id not in placed:
                yield item.id
