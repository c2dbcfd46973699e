"""A preview: where everything will be, what is done on the way, what is interrupted and how long.

Owns: the answer to "what if", made from one snapshot. The same for a command that is tried
(`--dry-run`), for a loss and for a failure. Pure; programs that have a snapshot ask it alike.
"""

from dataclasses import dataclass, replace

from ha_core import commands
from ha_core.config.difference import diff
from ha_core.config.model import Configuration
from ha_core.config.units import plain, unit
from ha_core.coordinator.definitions import accepting
from ha_core.errors import RefusedError
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.aim import aimed
from ha_core.policy.forecast import Forecast, Step, forecast, running, settled
from ha_core.policy.outage import Interruption, interruptions
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.preview.command import begun, configured, refusal_of, title_of
from ha_core.preview.suppose import (
    Course,
    NodeLost,
    ResourceFails,
    Supposition,
    node_lost,
    resource_fails,
)
from ha_core.preview.tickets import lapsed_moments
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import ClusterStatus, Ticket
from ha_core.transition.failure import find_operation

_AGENT_ACTION = {ActionKind.PROBE: "monitor"}


@dataclass(frozen=True, slots=True)
class Move:
    """A primitive whose nodes change; none mean that it runs nowhere, or is not configured."""

    resource: ResourceId
    before: tuple[NodeName, ...]
    """Where it runs now: of a clone several nodes, by name."""
    after: tuple[NodeName, ...]
    blocked: str = ""

    @property
    def source(self) -> NodeName | None:
        """The first node that it leaves; where it leaves none, the first one that has it."""
        return next(iter([n for n in self.before if n not in self.after] or self.before), None)

    @property
    def target(self) -> NodeName | None:
        """The first node that it comes to; of what leaves one of several without another, none."""
        come = [n for n in self.after if n not in self.before]
        stays = self.after if len(self.after) >= len(self.before) else ()
        return next(iter(come or stays), None)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the cluster."""

    title: str
    changes: tuple[str, ...]
    """What the configuration would gain and lose."""
    moves: tuple[Move, ...]
    steps: tuple[Step, ...]
    """What would be done, in a possible order."""
    moments: tuple[tuple[Millis, str], ...]
    """What happens by itself, and when at the latest."""
    interruptions: tuple[Interruption, ...]
    assumed: tuple[str, ...]
    nodes: tuple[NodeName, ...]
    """All nodes that may run something."""
    ran: tuple[tuple[ResourceId, NodeName], ...]
    """What runs before, and where."""
    ended: tuple[tuple[ResourceId, NodeName, Millis], ...] = ()
    """What ends by itself, where and when."""
    is_at_rest: bool = True
    """False: the cluster would go on for longer than was looked ahead."""
    refusal: str = ""
    """Why the cluster would not accept it now; empty if it would."""


def foresee(snapshot: ClusterSnapshot, what: Supposition, at_wall_ms: Millis) -> Preview:
    """Return what would follow, seen from this snapshot.

    Raises:
        RefusedError: it names what does not exist, or what cannot happen; or nobody decides here.
    """
    old = snapshot.configuration
    status = observed(snapshot)
    if isinstance(what, NodeLost | ResourceFails):
        course, new, refusal = _course(snapshot, what, at_wall_ms), old, ""
    else:
        if isinstance(what, commands.Move):
            what = aimed(old, status, at_wall_ms, what)
        new, refusal = configured(snapshot, what), refusal_of(snapshot, what)
        status = begun(status, old, new, what)
        after = lapsed_moments(replace(snapshot, configuration=new), status)
        course = Course(title_of(what), *after)
    found = forecast(new, status, at_wall_ms, course.moments, lambda key: limit_ms((new, old), key))
    return Preview(
        title=course.title,
        changes=diff(old, new),
        moves=_moves(old, new, status, found),
        steps=found.steps,
        moments=tuple(
            (moment.at_ms, moment.text)
            for moment in sorted(course.moments, key=lambda item: item.at_ms)
        ),
        interruptions=interruptions(new, found),
        assumed=(*course.assumed, *_assumed(snapshot, new, found)),
        nodes=tuple(sorted(node.name for node in new.nodes if not node.witness)),
        ran=found.ran,
        ended=tuple((*item.place, item.at_ms) for item in found.ended),
        is_at_rest=found.is_at_rest,
        refusal=refusal,
    )


def _course(
    snapshot: ClusterSnapshot, what: NodeLost | ResourceFails, at_wall_ms: Millis
) -> Course:
    if not snapshot.quorate:
        text = "this node sees no working coordinator (see ha status): nothing can be foreseen"
        raise RefusedError("no-quorum", text)
    if isinstance(what, NodeLost):
        return node_lost(snapshot, what)
    return resource_fails(snapshot, what, at_wall_ms)


def limit_ms(configurations: tuple[Configuration, ...], key: ActionKey) -> Millis:
    """Return how long an action may take by the first configuration that knows its resource."""
    action = _AGENT_ACTION.get(key.kind, str(key.kind))
    for configuration in configurations:
        primitive = unit(configuration, key.resource)
        if primitive is not None:
            default_ms = configuration.defaults.operation_timeout_ms
            return find_operation(primitive, action, 0, default_ms).timeout_ms
    return configurations[0].defaults.operation_timeout_ms


def observed(snapshot: ClusterSnapshot) -> ClusterStatus:
    """Return what is observed, once what is under way has ended well."""
    nodes = tuple(accepting(snapshot.configuration, node) for node in snapshot.instances)
    tickets = tuple(
        Ticket(item.name, item.granted, item.standby, item.changed_wall_ms)
        for item in snapshot.tickets
    )
    status = ClusterStatus(nodes, snapshot.quorate, awaited=snapshot.awaited, tickets=tickets)
    return settled(status)


def _moves(
    old: Configuration, new: Configuration, status: ClusterStatus, found: Forecast
) -> tuple[Move, ...]:
    before, after = _places(status), _places(found.status)
    names = sorted({item.id for item in (*old.primitives, *new.primitives)})
    moves = []
    for name in names:
        decision = found.transition.decision(name)
        blocked = decision.blocked if decision is not None else ""
        if before.get(name) != after.get(name) or blocked:
            moves.append(Move(name, before.get(name, ()), after.get(name, ()), blocked))
    return tuple(moves)


def _places(status: ClusterStatus) -> dict[ResourceId, tuple[NodeName, ...]]:
    found: dict[ResourceId, list[NodeName]] = {}
    for resource, node in running(status):
        found.setdefault(plain(resource), []).append(node)
    return {resource: tuple(sorted(nodes)) for resource, nodes in found.items()}


def _assumed(
    snapshot: ClusterSnapshot, configuration: Configuration, found: Forecast
) -> tuple[str, ...]:
    default_ms = configuration.defaults.operation_timeout_ms
    texts = []
    if found.steps:
        texts.append(
            "every action succeeds within its time limit, which is"
            f" {default_ms} ms where the configuration names none"
        )
    if any(step.key.kind is ActionKind.PROBE for step in found.steps):
        texts.append("what nobody has looked at yet is found stopped")
    if any(item.pending for node in snapshot.instances for item in node.instances):
        texts.append("what is under way now has ended well before")
    return tuple(texts)
