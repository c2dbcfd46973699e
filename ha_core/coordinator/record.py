"""What the coordinator knows of one node, and what is lost with it.

Owns: these values, and what follows from one of them alone. `roster` has the rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ha_core.config.choices import Role
from ha_core.fencing import rules
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName, ResourceId
from ha_core.messages import LeaseRequest
from ha_core.replication.entries import Verdict
from ha_core.status import Connectivity, Instance, InstanceState, NodeState, NodeStatus

MAY_BE_ACTIVE = (
    InstanceState.UNKNOWN,
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)
GONE = (NodeState.LOST, NodeState.LEFT)
UNSEEN = (InstanceState.STOPPED, InstanceState.UNKNOWN)
"""Where something may have come alive, and its node would not know."""


@dataclass(slots=True)
class Record:
    """One node as the coordinator knows it."""

    name: NodeName
    state: NodeState
    generation: Generation = 0
    admission: int = 0
    report_id: int = 0
    instances: tuple[Instance, ...] = ()
    lease_bound_ms: Millis = 0
    """By our clock: no lease of this node can run beyond this."""
    is_leaving: bool = False
    may_hold_lease: bool = False
    incident: str = ""
    """Ties together what follows from its loss."""
    unfenced: Generation = 0
    """The incarnation for which its storage was switched on."""
    gates: Gates = Gates()
    """What ends its resources with the lease, by its own word when it was admitted."""
    lost_ms: Millis = 0
    """By our clock: when it was found lost; 0 if it is not."""
    since_wall_ms: Millis = 0
    view_version: int = 0
    events_through: int = 0
    request: LeaseRequest | None = None
    requested_ms: Millis | None = None
    """When it last asked for its lease: it hears us, and we hear it."""
    connectivity: Connectivity | None = None
    """What counts of what it reaches (`reach`)."""
    measured: Connectivity | None = None
    """What it reported last of what it reaches."""
    hears: tuple[NodeName, ...] = ()
    """The other nodes with which it said last that it can talk."""
    ready: tuple[ResourceId, ...] | None = None
    """What it said last that it is ready for; None if it does not know of that."""
    harmless: frozenset[ResourceId] = frozenset()
    """What may run on there although the node is lost, and does no harm as it is configured."""
    doubts: dict[ResourceId, int] = field(default_factory=dict)
    """What a node that was lost may have handed to this one alive, and the newest order that this
    one had accepted for it then: until it has looked anew, nobody knows.
    """
    unnamed: frozenset[ResourceId] = frozenset()
    """What may run on from its last start, and no report of this start has named yet."""
    left: frozenset[ResourceId] | None = None
    """What an earlier start than the present one may have left running; None if nobody knows."""
    without_ms: Millis | None = None
    """Since when it has asked for a lease as one that holds none, and was granted one; None: it
    holds one, or was granted none.
    """
    _status: NodeStatus | None = field(default=None, compare=False, repr=False)

    def has_left_nothing(self, resource: ResourceId) -> bool:
        """Return whether no earlier start of the node can have left that running."""
        return self.left is not None and resource not in self.left

    def note_grant(self) -> None:
        """It is granted what it has asked for last; who says its gates holds no lease."""
        has_none = self.request is not None and self.request.gates is not None
        since_ms = self.requested_ms if self.without_ms is None else self.without_ms
        self.without_ms = since_ms if has_none else None

    def takes_no_lease(self, now_ms: Millis, patience_ms: Millis) -> bool:
        """Return whether it takes none of the leases that it is granted, since something is blocked
        there that had to end with an earlier one: what needs a lease cannot begin there.
        """
        if self.without_ms is None or self.state is not NodeState.ONLINE:
            return False
        is_blocked = any(item.state is InstanceState.BLOCKED for item in self.instances)
        return is_blocked and now_ms - self.without_ms >= patience_ms

    def begin(self, generation: Generation, wall_ms: Millis, *, may_hold_lease: bool) -> None:
        """Begin another admission: what may have run on unharmed is open until it reports."""
        self.generation = generation
        self.report_id = 0
        self.is_leaving = False
        self.may_hold_lease = may_hold_lease
        self.state = NodeState.PENDING
        self.lost_ms = 0
        self.instances = with_harmless(self)
        self.harmless = frozenset()
        self.incident = ""
        self.since_wall_ms = wall_ms

    def leave(self, state: NodeState, wall_ms: Millis) -> None:
        """Be lost, or have left: no lease is asked for any more."""
        self.state = state
        self.may_hold_lease = False
        self.is_leaving = False
        self.request = None
        self.requested_ms = None
        self.since_wall_ms = wall_ms

    def distrust(self, harmless: frozenset[ResourceId]) -> None:
        """Take what did no harm when its node was lost, and is not in `harmless` now, for what may
        run on there: an edit that was on its way then was judged by what ran before.
        """
        harm = self.harmless - harmless
        if not harm:
            return
        self.harmless &= harmless
        self.instances = tuple(
            replace(item, state=InstanceState.UNCERTAIN)
            if item.resource in harm and item.state is InstanceState.STOPPED
            else item
            for item in self.instances
        )

    def status(self) -> NodeStatus:
        """Return what others are told of it: the same value until something changes."""
        known, unfenced = self._status, self.generation > 0 and self.unfenced == self.generation
        if (
            known is None
            or known.instances is not self.instances
            or known.connectivity is not self.connectivity
            or (known.state, known.generation, known.since_wall_ms, known.unfenced, known.leaving)
            != (self.state, self.generation, self.since_wall_ms, unfenced, self.is_leaving)
        ):
            self._status = known = NodeStatus(
                self.name,
                self.state,
                self.generation,
                self.instances,
                self.since_wall_ms,
                self.connectivity,
                unfenced,
                self.is_leaving,
            )
        return known


@dataclass(frozen=True, slots=True)
class Lost:
    """A node has become lost; `affected` may have run there."""

    node: NodeName
    generation: Generation
    affected: tuple[ResourceId, ...]
    uncertain: tuple[ResourceId, ...]
    delayed: tuple[tuple[ResourceId, Millis], ...] = ()
    """What a guard ends so long after the loss; it can be taken over then."""


def with_harmless(record: Record) -> tuple[Instance, ...]:
    """Return the instances of a node that is there again, and may run on what did no harm while it
    was lost: in the roles that it had, until it says more.
    """
    return tuple(
        replace(item, state=InstanceState.UNKNOWN)
        if item.resource in record.harmless and item.state is InstanceState.STOPPED
        else item
        for item in record.instances
    )


def release_times(record: Record) -> list[tuple[Millis, Instance]]:
    """Return when a guard has ended each uncertain instance of a lost node."""
    if record.state is not NodeState.LOST:
        return []
    return [
        (record.lost_ms + item.free_after_ms, item)
        for item in record.instances
        if item.state is InstanceState.UNCERTAIN and item.free_after_ms
    ]


def unseen(item: Instance) -> Instance:
    """Return what an instance may have become unseen: started, or promoted, since."""
    is_stopped = item.state is InstanceState.STOPPED
    state = InstanceState.UNKNOWN if is_stopped else item.state
    role = None if item.role is Role.UNPROMOTED else item.role
    return replace(item, pending="", state=state, role=role)


def in_role(item: Instance, started: bool, promoted: bool) -> Instance:
    """Return an instance of a lost node in the role that it may have by now.

    `started`, `promoted`: its node was told to, and had not answered.
    """
    if promoted or item.pending == "promote":
        return replace(item, role=None)
    if started and item.state is InstanceState.STOPPED:
        return replace(item, role=Role.UNPROMOTED)  # no start promotes
    return item


def without_active(
    instances: tuple[Instance, ...], only: frozenset[ResourceId] | None
) -> tuple[Instance, ...]:
    """Return the instances with all that may be active (of `only`, if given) ended."""
    return tuple(
        replace(item, state=InstanceState.STOPPED, pending="", free_after_ms=0)
        if item.state in MAY_BE_ACTIVE and (only is None or item.resource in only)
        else item
        for item in instances
    )


def is_just_off(verdict: Verdict, known: NodeStatus | None) -> bool:
    """Return whether a device's word stands against a node that our predecessor still had: should
    the device have lied, its lease may run for a moment.
    """
    if known is None or not verdict.method.startswith(rules.FENCED):
        return False
    return known.generation == verdict.generation and known.state not in GONE


def with_omitted(
    record: Record, reported: tuple[Instance, ...], configured: Callable[[ResourceId], bool]
) -> tuple[Instance, ...]:
    """Return a report with what may run there and the report does not know.

    A daemon that has just started may report by an old configuration: what its last start
    left running by a newer one would otherwise count as gone. What is not configured any more
    it may not even know, if its disk is a new one: its silence counts once it has named that.
    """
    known = {item.resource for item in reported}
    omitted = [
        replace(item, state=InstanceState.UNKNOWN, pending="")
        for item in record.instances
        if item.resource not in known
        and (item.state in MAY_BE_ACTIVE or item.pending)
        and (configured(item.resource) or item.resource in record.unnamed)
    ]
    record.unnamed -= known
    return tuple(sorted((*reported, *omitted), key=lambda item: item.resource))


def at_large(node: Record | NodeStatus) -> frozenset[ResourceId]:
    """Return what may run on when the node starts again: of one that was lost, or has left, not
    what is proved to have ended; any other one may have been told to start it since.

    A view does not tell what of a lost node has ended from what does no harm there.
    """
    is_over, harmless = node.state is NodeState.LEFT, frozenset[ResourceId]()
    if isinstance(node, Record):
        is_over, harmless = node.state in GONE, node.harmless
    return frozenset(
        item.resource
        for item in node.instances
        if not is_over
        or item.pending
        or item.state is not InstanceState.STOPPED
        or item.resource in harmless
    )


def handed_down(known: NodeStatus | None, generation: Generation) -> tuple[Instance, ...]:
    """Return what our predecessor knew of an incarnation; of an earlier one, what may run on."""
    if known is None or known.generation > generation:
        return ()
    if known.generation == generation:
        return known.instances
    return tuple(Instance(name, InstanceState.UNKNOWN) for name in sorted(at_large(known)))


def is_over(item: Instance) -> bool:
    """Return whether an instance is stopped, and nothing is being done with it."""
    return item.state is InstanceState.STOPPED and not item.pending


def doubt(record: Record, resource: ResourceId, newest: int = 0) -> None:
    """Take as unknown what may have come alive to a node, until that has looked anew: by an order
    that is given later than `newest`.
    """
    known = next((item for item in record.instances if item.resource == resource), None)
    if known is not None and known.state in UNSEEN:
        record.doubts[resource] = max(known.order_id, newest)
        record.instances = doubted(record, record.instances)


def doubted(record: Record, reported: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """Return what a node reports, where it has not looked anew as unknown, and without where what
    it has ended was handed to; end other doubts.
    """
    reported = tuple(replace(i, migrated_to=None) if is_over(i) else i for i in reported)
    if not record.doubts:
        return reported
    open_ = {
        item.resource
        for item in reported
        if item.state in UNSEEN
        and item.resource in record.doubts
        and (item.pending or item.order_id <= record.doubts[item.resource])
    }
    record.doubts = {name: order for name, order in record.doubts.items() if name in open_}
    unknown = InstanceState.UNKNOWN
    return tuple(
        replace(item, state=unknown) if item.resource in open_ else item for item in reported
    )
