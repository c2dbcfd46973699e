"""When a command's effect is visible: one goal per verb, asked of each new snapshot.

Owns: the goals. Pure: a snapshot in, progress out; waiting itself is in `change`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ha_core.cli.amounts import amount
from ha_core.config.model import Origin
from ha_core.config.units import plain
from ha_core.ids import NodeName, ResourceId
from ha_core.snapshot import ClusterSnapshot, ResourceSummary
from ha_core.status import NodeState

RESTING: Final = frozenset({"stopped", "failed", "blocked"})
TOLD_MAX: Final = 3
"""How many resources one sentence names."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cluster is. `stuck`: nothing is under way that could still reach the goal;
    `final`: nor will anything be, before somebody acts.
    """

    reached: bool
    text: str
    stuck: bool = False
    final: bool = False


GONE: Final = "not a node of the cluster"
"""What `node_is` finds where there is no such node."""
Goal: TypeAlias = Callable[[ClusterSnapshot], Progress]


def members(snapshot: ClusterSnapshot, resource: str) -> tuple[ResourceSummary, ...]:
    """Return the primitive, or the primitives of the group, in the order in which they start."""
    clone = snapshot.configuration.clone(ResourceId(resource))
    name = clone.member if clone is not None else ResourceId(resource)
    group = snapshot.configuration.group(name)
    wanted: tuple[str, ...] = group.members if group is not None else (name,)
    by_id = {item.id: item for item in snapshot.resources}
    return tuple(by_id[ResourceId(name)] for name in wanted if name in by_id)


def where(items: Iterable[ResourceSummary]) -> str:
    """Say in one sentence where these primitives are."""
    parts = []
    for item in items:
        named = [f"{n} (promoted)" if n in item.promoted else str(n) for n in item.nodes]
        place = f" on {', '.join(named)}" if named else ""
        parts.append(f"{item.id} is {item.state}{place}")
    return ", ".join(parts) or "it is not configured"


def watched(snapshot: ClusterSnapshot, item: ResourceSummary) -> str:
    """Return why the cluster only watches the primitive, with the end of that; empty if it acts."""
    configuration = snapshot.configuration
    if configuration.options.maintenance:
        return "the cluster is in maintenance; 'ha node maintenance --all --off' ends it"
    primitive = configuration.primitive(item.id)
    group = configuration.group_of(item.id)
    own = primitive.meta.managed if primitive is not None else None
    metas = (own, group.meta.managed if group else None, configuration.defaults.meta.managed)
    is_managed = next((wanted for wanted in metas if wanted is not None), True)
    name = item.id if own is not None else item.group or item.id
    for node in snapshot.nodes:
        if is_managed and node.state == "maintenance" and node.name in item.nodes:
            cure = f"'ha node maintenance {node.name} --off' ends it"
            return f"{node.name} is in maintenance; {cure}"
    if is_managed and item.managed:
        return ""
    return f"the cluster only watches {item.id}; 'ha resource manage {name}' ends that"


def started(resource: str) -> Goal:
    """The resource is active."""
    return _all(resource, lambda item: item.state == "started", explain=True)


def stopped(resource: str) -> Goal:
    """The resource is stopped."""
    return _all(resource, lambda item: item.state == "stopped")


def promoted(resource: str, wanted: bool) -> Goal:
    """The resource is active, and promoted somewhere, or nowhere."""
    return _all(
        resource,
        lambda item: item.state == "started" and bool(item.promoted) is wanted,
        explain=True,
    )


def promoted_on(resource: str, node: str, wanted: bool) -> Goal:
    """The resource is promoted on the node, or it is not, and where it runs it is settled."""
    return _all(
        resource,
        lambda item: item.state == "started" and (node in item.promoted) is wanted,
        explain=True,
    )


def failed_since(before: ClusterSnapshot, resource: str, node: str | None) -> Goal:
    """A failure more than before is counted of what ran (on `node`), and the cluster has acted."""
    earlier = _fail_counts(before, resource, node)

    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        now = _fail_counts(snapshot, resource, node)
        is_counted = any(count > earlier.get(key, 0) for key, count in now.items())
        settled = all(_is_placed(snapshot, item) for item in items) and not snapshot.pending
        return Progress(is_counted and settled, where(items), is_counted and not snapshot.pending)

    return goal


def _fail_counts(
    snapshot: ClusterSnapshot, resource: str, node: str | None
) -> dict[tuple[str, str], int]:
    wanted = {item.id for item in members(snapshot, resource)}
    return {
        (status.name, item.resource): item.fail_count
        for status in snapshot.instances
        if node in (None, status.name)
        for item in status.instances
        if plain(item.resource) in wanted
    }


def left(resource: str, node: str | None, target: str | None = None) -> Goal:
    """The resource has left `node` and, if it may run anywhere, is active (on `target`)."""

    def moved(item: ResourceSummary) -> bool:
        if node is not None and node in item.nodes:
            return False
        is_there = target is None or target in item.nodes
        # In the middle of a live migration it is on both nodes.
        is_over = item.clone is not None or len(item.nodes) == 1
        return item.state == "started" and is_there and is_over

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
    has_run = any(item.nodes for item in members(before, resource))

    def goal(snapshot: ClusterSnapshot) -> Progress:
        now = _start_times(snapshot, resource)
        items = members(snapshot, resource)
        if not has_run:
            return Progress(False, f"{where(items)}, nothing to restart", True, True)
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


def cleaned(resource: str, node: str | None, operation: str = "") -> Goal:
    """No failure of the resource (of `operation` alone) is remembered (on `node`), and it was
    looked at again. A node that is not there keeps what failed on it.
    """

    def goal(snapshot: ClusterSnapshot) -> Progress:
        items = members(snapshot, resource)
        wanted = {item.id for item in items}
        failures = sum(
            instance.fail_count
            for status in snapshot.instances
            if status.state is NodeState.ONLINE and node in (None, status.name)
            for instance in status.instances
            if plain(instance.resource) in wanted
            and (not operation or (instance.failure and instance.failure.action == operation))
        )
        settled = all(_is_placed(snapshot, item) for item in items)
        stuck = not snapshot.pending and not settled
        return Progress(bool(items) and not failures and settled, where(items), stuck)

    return goal


def cleared(resource: str, node: str = "") -> Goal:
    """No move and no ban of the resource stands; with `node`, none that names it."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        standing = [
            location.id
            for location in snapshot.configuration.locations
            if location.resource == resource
            and location.origin is not Origin.ADMINISTRATOR
            and node in ("", location.node)
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
        text = f"{name} is {in_words(state)}" + (
            f" and runs {', '.join(running)}" if running else ""
        )
        return Progress(state in states and not (empty and running), text)

    return goal


def in_words(state: str) -> str:
    """Return the state of a node as it stands behind "is"."""
    return f"in {state}" if state in ("standby", "maintenance") else state


def clean(name: str) -> Goal:
    """Nothing on the node is in doubt any more."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        if node is None:
            return Progress(False, f"{name} is not configured")
        doubt = "still in doubt" if node.unclean else "confirmed to be down"
        return Progress(not node.unclean, f"{name} is {in_words(node.state)} and {doubt}")

    return goal


def cut_off(before: ClusterSnapshot, name: str) -> Goal:
    """The start of the node that was there before is proved to be off."""
    earlier = next((item.generation for item in before.nodes if item.name == name), 0)
    begun: list[bool] = []

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        if node is None:
            return Progress(False, f"{name} is {GONE}")
        is_back = node.generation > earlier
        if node.fenced_by or is_back:
            by = f"by {node.fenced_by}" if node.fenced_by else "and is back"
            return Progress(True, f"{name} was cut off {by}")
        under_way = [item for item in snapshot.fencing if item.node == name]
        if under_way:
            begun.append(True)
            item = under_way[0]
            through = f" by {item.device} through {item.executor}" if item.device else ""
            return Progress(False, f"{name} is being cut off{through}")
        text = f"{name} could not be cut off" if begun else f"{name} is to be cut off"
        return Progress(False, f"{text}; see 'ha fence history {name}'", bool(begun))

    return goal


def back(before: ClusterSnapshot, name: str) -> Goal:
    """The node, which was off, has started again."""
    earlier = next((item.generation for item in before.nodes if item.name == name), 0)

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        if node is None:
            return Progress(False, f"{name} is {GONE}")
        is_back = node.generation > earlier and node.state not in ("lost", "left")
        under_way = next((item for item in snapshot.fencing if item.node == name), None)
        text = f"{name} is {in_words(node.state)}"
        if under_way is not None:
            text += f": {under_way.device or 'a device'} is to switch it on"
        return Progress(is_back, text)

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
    return _placed(snapshot, frozenset())


def placed_since(before: ClusterSnapshot) -> Goal:
    """As `placed`; what rested elsewhere before, by the same definition, holds nothing up."""
    resting = {
        item.id: before.configuration.primitive(item.id)
        for item in before.resources
        if item.state in RESTING and not _is_placed(before, item)
    }

    def goal(snapshot: ClusterSnapshot) -> Progress:
        same = {
            item.id
            for item in snapshot.resources
            if item.state in RESTING
            and item.id in resting
            and resting[item.id] == snapshot.configuration.primitive(item.id)
        }
        return _placed(snapshot, frozenset(same))

    return goal


def _placed(snapshot: ClusterSnapshot, excused: frozenset[ResourceId]) -> Progress:
    if not snapshot.quorate:
        return Progress(False, "there is no quorum, so nothing is started")
    waiting = []
    for decision in snapshot.decisions:
        items = [item for item in members(snapshot, decision.resource) if item.id not in excused]
        wanted = "stopped" if decision.node is None else "started"
        on_node = decision.node is None or all(decision.node in item.nodes for item in items)
        if any(item.managed and item.state != wanted for item in items) or not on_node:
            waiting.append(decision.blocked or where(items))
    if waiting:
        return Progress(False, _some(waiting, "; "), not snapshot.pending)
    idle = [item.id for item in snapshot.resources if item.state != "started"]
    total = amount(len(snapshot.resources), "resource")
    count = f"{len(snapshot.resources) - len(idle)} of {total} started"
    if snapshot.pending:
        return Progress(False, f"{count}; under way: {_some(snapshot.pending, ', ')}")
    if excused:
        count += f"; as before: {where(i for i in snapshot.resources if i.id in excused)}"
    return Progress(True, count)


def _some(texts: Sequence[str], between: str) -> str:
    """Return the first ones, and how many there are besides."""
    rest = len(texts) - TOLD_MAX
    return between.join(texts[:TOLD_MAX]) + (f"{between}and {rest} more" if rest > 0 else "")


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
        for item in items:
            if not reached(item) and (obstacle := watched(snapshot, item)):
                return Progress(False, f"{where(items)}: {obstacle}", True, True)
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
