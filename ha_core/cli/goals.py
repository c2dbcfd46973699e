"""When a command's effect is visible: one goal per verb, asked of each new snapshot.

Owns: the goals. Pure: a snapshot in, progress out; waiting itself is in `change`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ha_core.config.model import Origin
from ha_core.ids import NodeName, ResourceId
from ha_core.snapshot import ClusterSnapshot, ResourceSummary

RESTING: Final = frozenset({"stopped", "failed", "blocked"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cluster is. `stuck`: nothing is under way that could still reach the goal."""

    reached: bool
    text: str
    stuck: bool = False


GONE: Final = "not a node of the cluster"
"""What `node_is` finds where there is no such node."""
Goal: TypeAlias = Callable[[ClusterSnapshot], Progress]


def members(snapshot: ClusterSnapshot, resource: str) -> tuple[ResourceSummary, ...]:
    """Return the primitive, or the primitives of the group, in the order in which they start."""
    group = snapshot.configuration.group(ResourceId(resource))
    wanted: tuple[str, ...] = group.members if group is not None else (resource,)
    by_id = {item.id: item for item in snapshot.resources}
    return tuple(by_id[ResourceId(name)] for name in wanted if name in by_id)


def where(items: Iterable[ResourceSummary]) -> str:
    """Say in one sentence where these primitives are."""
    parts = []
    for item in items:
        place = f" on {', '.join(item.nodes)}" if item.nodes else ""
        parts.append(f"{item.id} is {item.state}{place}")
    return ", ".join(parts) or "it is not configured"


def started(resource: str) -> Goal:
    """The resource is active."""
    return _all(resource, lambda item: item.state == "started", explain=True)


def stopped(resource: str) -> Goal:
    """The resource is stopped."""
    return _all(resource, lambda item: item.state == "stopped")


def left(resource: str, node: str | None, target: str | None = None) -> Goal:
    """The resource has left `node` and, if it may run anywhere, is active (on `target`)."""

    def moved(item: ResourceSummary) -> bool:
        if node is not None and node in item.nodes:
            return False
        return item.state == "started" and (target is None or target in item.nodes)

    return _all(resource, moved, explain=True)


def banned(resource: str, node: str) -> Goal:
    """The resource is not on the node, and is where the plan now wants it."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        gone = bool(items) and all(node not in item.nodes for item in items)
        waiting = [item for item in items if not _is_placed(snapshot, item)]
        stuck = bool(waiting) and not snapshot.pending
        return Progress(gone and not waiting, where(items), stuck)

    return goal


def restarted(before: ClusterSnapshot, resource: str) -> Goal:
    """Every primitive that was active has been started anew."""
    earlier = _start_times(before, resource)

    def goal(snapshot: ClusterSnapshot) -> Progress:
        now = _start_times(snapshot, resource)
        items = members(snapshot, resource)
        anew = all(now.get(name, since) > since for name, since in earlier.items())
        running = all(item.state == "started" for item in items if item.id in earlier)
        stuck = anew and not running and all(item.state in RESTING for item in items)
        return Progress(anew and running, where(items), stuck)

    return goal


def managed(resource: str, wanted: bool) -> Goal:
    """The resource is managed, or no longer."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        word = "managed" if wanted else "unmanaged"
        return Progress(
            bool(items) and all(item.managed is wanted for item in items),
            f"{resource} is {word}, {where(items)}",
        )

    return goal


def cleaned(resource: str, node: str | None) -> Goal:
    """No failure of the resource is remembered (on `node`), and it was looked at again."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        wanted = {item.id for item in items}
        failures = sum(
            instance.fail_count
            for status in snapshot.instances
            if node is None or status.name == node
            for instance in status.instances
            if instance.resource in wanted
        )
        settled = all(_is_placed(snapshot, item) for item in items)
        stuck = not snapshot.pending and not settled
        return Progress(bool(items) and not failures and settled, where(items), stuck)

    return goal


def cleared(resource: str) -> Goal:
    """No move and no ban of the resource stands."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        standing = [
            location.id
            for location in snapshot.configuration.locations
            if location.resource == resource and location.origin is not Origin.ADMINISTRATOR
        ]
        items = members(snapshot, resource)
        waiting = [item for item in items if not _is_placed(snapshot, item)]
        stuck = not standing and bool(waiting) and not snapshot.pending
        return Progress(not standing and not waiting, where(items), stuck)

    return goal


def node_is(name: str, *states: str, empty: bool = False) -> Goal:
    """The node is in one of these states and, with `empty`, nothing runs on it any more."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        state = node.state if node is not None else GONE
        running = [item.id for item in snapshot.resources if NodeName(name) in item.nodes]
        text = f"{name} is {state}" + (f" and runs {', '.join(running)}" if running else "")
        return Progress(state in states and not (empty and running), text)

    return goal


def clean(name: str) -> Goal:
    """Nothing on the node is in doubt any more."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        if node is None:
            return Progress(False, f"{name} is not configured")
        doubt = "still in doubt" if node.unclean else "confirmed to be down"
        return Progress(not node.unclean, f"{name} is {node.state} and {doubt}")

    return goal


def maintenance(wanted: bool) -> Goal:
    """The whole cluster is in maintenance, or no longer."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        reached = snapshot.configuration.options.maintenance is wanted
        word = "left alone" if wanted else "acted on"
        return Progress(reached, f"every resource of the cluster is {word}")

    return goal


def placed(snapshot: ClusterSnapshot) -> Progress:
    """Every resource is where the plan wants it."""
    waiting = []
    for decision in snapshot.decisions:
        items = members(snapshot, decision.resource)
        wanted = "stopped" if decision.node is None else "started"
        on_node = decision.node is None or all(decision.node in item.nodes for item in items)
        if any(item.managed and item.state != wanted for item in items) or not on_node:
            waiting.append(decision.blocked or where(items))
    if waiting:
        return Progress(False, "; ".join(waiting[:3]), not snapshot.pending)
    idle = [item.id for item in snapshot.resources if item.state != "started"]
    count = f"{len(snapshot.resources) - len(idle)} of {len(snapshot.resources)} resources started"
    if snapshot.pending:
        return Progress(False, f"{count}; under way: {', '.join(snapshot.pending[:3])}")
    return Progress(True, count)


def _is_placed(snapshot: ClusterSnapshot, item: ResourceSummary) -> bool:
    """Return whether the primitive is where the plan wants it; what is only watched always is."""
    decision = next((d for d in snapshot.decisions if d.resource == item.id), None)
    if decision is None or not item.managed:
        return item.state in ("started", "stopped")
    if decision.node is None:
        return item.state == "stopped"
    return item.state == "started" and decision.node in item.nodes


def _all(
    resource: str, reached: Callable[[ResourceSummary], bool], *, explain: bool = False
) -> Goal:
    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        if items and all(reached(item) for item in items):
            return Progress(True, where(items))
        stuck = (
            bool(items)
            and not snapshot.pending
            and all(item.state in RESTING or reached(item) for item in items)
        )
        text = where(items)
        reasons = [item.why for item in items if item.why and not reached(item)]
        return Progress(False, f"{text}: {reasons[0]}" if explain and reasons else text, stuck)

    return goal


def _start_times(snapshot: ClusterSnapshot, resource: str) -> dict[str, int]:
    """Return when each primitive was started where it is now; other nodes remember older starts."""
    homes = {item.id: item.nodes for item in members(snapshot, resource)}
    return {
        instance.resource: instance.started_wall_ms
        for status in snapshot.instances
        for instance in status.instances
        if status.name in homes.get(instance.resource, ()) and instance.started_wall_ms
    }
