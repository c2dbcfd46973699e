"""The desired state as frozen values: what a configuration can say.

Owns: the shape of a configuration. Knows nothing of YAML (`parse`), of
references between its parts (`check`) or of edits (`change`). All times are
milliseconds, all scores are within -INFINITY..INFINITY. Collections are tuples
sorted as the user wrote them, so that equal inputs give equal values.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ha_core.config.alerts import Alert as Alert, AlertKind as AlertKind, Recipient as Recipient
from ha_core.config.choices import (
    AgentClass as AgentClass,
    Comparison as Comparison,
    Discovery as Discovery,
    Exclusivity as Exclusivity,
    FenceAction as FenceAction,
    FenceCall as FenceCall,
    HealthStrategy as HealthStrategy,
    Join as Join,
    LossPolicy as LossPolicy,
    Medium as Medium,
    MultipleActive as MultipleActive,
    NoQuorumPolicy as NoQuorumPolicy,
    OnFail as OnFail,
    OrderedAction as OrderedAction,
    OrderKind as OrderKind,
    Origin as Origin,
    Placement as Placement,
    Requires as Requires,
    Role as Role,
    Strategy as Strategy,
    TargetRole as TargetRole,
    TwoNode as TwoNode,
    ValueFrom as ValueFrom,
    ValueType as ValueType,
)
from ha_core.config.conditions import Condition as Condition
from ha_core.ids import INFINITY, ConstraintId, Generation, LinkName, Millis, NodeName, ResourceId


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Names a resource agent: `ocf:heartbeat:IPaddr2`, `lsb:nginx`, `process`, `address`."""

    agent_class: AgentClass
    provider: str = ""
    type: str = ""

    def __str__(self) -> str:
        return ":".join(part for part in (self.agent_class, self.provider, self.type) if part)


@dataclass(frozen=True, slots=True)
class Operation:
    """A configured operation: `start`, `stop`, `monitor`, `promote`, `demote`, `notify`, `reload`,
    `migrate_to` or `migrate_from`.

    `interval_ms` is 0 except for recurring monitors; several monitors of one
    resource differ in `depth` (OCF_CHECK_LEVEL) and must differ in interval.
    """

    action: str
    interval_ms: Millis = 0
    timeout_ms: Millis = 20_000
    on_fail: OnFail | None = None
    depth: int = 0
    role: Role | None = None
    """Of a monitor: it runs while the resource has that role; None: any role but promoted."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Meta:
    """Options of a resource that the policy engine reads; None inherits (group, then defaults)."""

    target_role: TargetRole | None = None
    managed: bool | None = None
    stickiness: int | None = None
    priority: int | None = None
    migration_threshold: int | None = None
    failure_timeout_ms: Millis | None = None
    exclusivity: Exclusivity | None = None
    accept_risk: str | None = None
    """Words of the administrator that accept a takeover with no proof; empty is not accepted."""
    needs_connectivity: bool | None = None
    """It may not run where no ping target is reached while another node reaches one."""
    prefers_connectivity: int | None = None
    """Score of each ping target that a node reaches."""
    critical: bool | None = None
    """Of a dependent, or a group's member: its wishes and failures move what it depends on."""
    allow_migrate: bool | None = None
    """It can be migrated live: its agent has `migrate_to` and `migrate_from`."""
    multiple_active: MultipleActive | None = None
    requires: Requires | None = None
    allow_unhealthy_nodes: bool | None = None
    maintenance: bool | None = None
    """It is left as it is, and not even watched."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a primitive is in its clone, for those who carry it out; `units` settles it."""

    clone: "Clone"
    primitive: ResourceId
    """As the configuration names it, without a number."""
    instances: int
    """How many of it there may be in the cluster."""
    number: int | None = None
    """Of an instance of a unique clone."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One resource run by one agent."""

    id: ResourceId
    agent: AgentRef
    parameters: tuple[tuple[str, str], ...] = ()
    operations: tuple[Operation, ...] = ()
    meta: Meta = Meta()
    description: str = ""
    utilization: tuple[tuple[str, int], ...] = ()
    """What it takes of a node's capacity."""
    copy: Copy | None = None
    """Never configured: `units` fills it in where the primitive is in a clone."""


@dataclass(frozen=True, slots=True)
class Group:
    """Primitives that stay together and start in order."""

    id: ResourceId
    members: tuple[ResourceId, ...]
    meta: Meta = Meta()
    description: str = ""
    ordered: bool = True
    """Its members start one after the other."""
    colocated: bool = True
    """Its members stay together."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A primitive or group that runs several times: `member`, on many nodes at once.

    An anonymous clone's primitive keeps its id on every node; an instance of a unique one, or one
    of several on a node, is called `ID:N` with N from 0.
    """

    id: ResourceId
    member: ResourceId
    instances_max: int | None = None
    """None: one for each node."""
    node_max: int = 1
    instances_min: int = 0
    """So many must run before what is ordered after it starts."""
    unique: bool = False
    promotable: bool = False
    promoted_max: int = 1
    promoted_node_max: int = 1
    interleave: bool = False
    ordered: bool = False
    notify: bool = False
    meta: Meta = Meta()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """A preference (or ban) of a resource for a node; ends at `expires_wall_ms` if given.

    `source`, here and in the other constraints: the word of the file that it stands for, by its
    path (`resources.web.prefers`); empty where it was written as it is.
    """

    id: ConstraintId
    resource: ResourceId
    node: NodeName
    score: int
    origin: Origin = Origin.ADMINISTRATOR
    expires_wall_ms: Millis | None = None
    until_generation: Generation = 0
    """The start of its node with which a command's location ends; 0: it outlives the node."""
    source: str = ""
    role: Role | None = None
    """PROMOTED: it counts for the promotion alone."""
    discovery: Discovery = Discovery.ALWAYS
    live: bool = True
    """False: a move for which the resource stops and starts, though it could go live."""


NODE_NAME: Final = "#uname"
"""The attribute that every node has: its name. Source: Pacemaker Explained, "Node Attributes"."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A preference (or ban) of a resource for every node whose attribute compares so.

    Where there is a condition, this is what must hold, and `attribute` and `value` are empty.
    """

    id: ConstraintId
    resource: ResourceId
    attribute: str
    operation: Comparison
    value: str = ""
    score: int = 0
    source: str = ""
    role: Role | None = None
    """PROMOTED: it counts for the promotion alone."""
    discovery: Discovery = Discovery.ALWAYS
    condition: Condition | None = None
    score_attribute: str = ""
    """The node's attribute that has the score, none for a node without it; `score` is 0 then."""


@dataclass(frozen=True, slots=True)
class Colocation:
    """`resource` (the dependent) is placed with (or away from) `with_resource` (the primary)."""

    id: ConstraintId
    resource: ResourceId
    with_resource: ResourceId
    score: int
    source: str = ""
    role: Role | None = None
    with_role: Role | None = None
    node_attribute: str = ""
    """Nodes count as the same where this attribute is equal; empty: the node's name."""
    influence: bool | None = None
    """Whether the dependent's wishes count for the primary; None: as `critical` says."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """`then` starts after `first` has started; symmetrical ones stop in reverse."""

    id: ConstraintId
    first: ResourceId
    then: ResourceId
    kind: OrderKind = OrderKind.MANDATORY
    symmetrical: bool = True
    source: str = ""
    first_action: OrderedAction = OrderedAction.START
    then_action: OrderedAction = OrderedAction.START
    any_of: str = ""
    """All orderings with the same text here and one `then` want but one of their `first`."""


@dataclass(frozen=True, slots=True)
class TicketConstraint:
    """The resource runs (role None), or is promoted, only while this site holds the ticket."""

    id: ConstraintId
    ticket: str
    resource: ResourceId
    role: Role | None = None
    loss_policy: LossPolicy = LossPolicy.STOP
    source: str = ""


Constraint: TypeAlias = Location | Rule | Colocation | Ordering | TicketConstraint


@dataclass(frozen=True, slots=True)
class Link:
    """A path between all nodes; `port` is the UDP (and bulk TCP) port nodes listen on.

    `group` is the multicast group or broadcast address, `speed` the serial line's in bit/s.
    """

    name: LinkName
    port: int = 6940
    medium: Medium = Medium.UDP
    interface: str = ""
    group: str = ""
    ttl: int = 1
    speed: int = 115_200


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens on a link; `port` 0 means the link's port.

    On a serial link `host` is the path of the node's device.
    """

    link: LinkName
    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A cluster node. A witness votes and hosts nothing; a learner (voter false) hosts and does
    not vote.
    """

    name: NodeName
    addresses: tuple[Address, ...]
    voter: bool = True
    witness: bool = False
    standby: bool = False
    maintenance: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    fence_levels: tuple[tuple[str, ...], ...] = ()
    """Fence devices to try in turn, all devices of a level together; none: each one alone."""
    capacity: tuple[tuple[str, int], ...] = ()
    """What resources with a utilization can take of it."""
    standby_until_wall_ms: Millis | None = None
    """When the standby ends by itself; None: with a command."""


@dataclass(frozen=True, slots=True)
class FenceDevice:
    """A device that can cut nodes off. `agent`: `fence:PROGRAM` or `stonith:external/PLUGIN`."""

    id: str
    agent: str
    parameters: tuple[tuple[str, str], ...] = ()
    targets: tuple[NodeName, ...] = ()
    plugs: tuple[tuple[str, str], ...] = ()
    """What the device calls a node, where that is not the node's name."""
    reached_from: tuple[NodeName, ...] = ()
    """Nodes that may use it; none named: all."""
    action: FenceAction = FenceAction.REBOOT
    unfence: bool = False
    """It cuts off storage, not power: it is switched on for each node that joins."""
    delay_ms: Millis = 0
    random_delay_ms: Millis = 0
    delays: tuple[tuple[str, Millis], ...] = ()
    """Delay before a node of that name is cut off, instead of `delay_ms`."""
    timeouts: tuple[tuple[str, Millis], ...] = ()
    retries: tuple[tuple[str, int], ...] = ()
    settle_ms: Millis = 10_000
    """How long an outlet may still be on after its agent has said that it is off."""


@dataclass(frozen=True, slots=True)
class PingTarget:
    """What a node should reach; of several hosts one that answers is enough."""

    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """What every node pings; times of 0 derive from `dead_after_ms`."""

    targets: tuple[PingTarget, ...] = ()
    interval_ms: Millis = 0
    timeout_ms: Millis = 0
    dampen_ms: Millis = 0
    multiplier: int = 1
    """Value of the attribute `connectivity` for each target that is reached."""

    def times(self, dead_after_ms: Millis) -> "Ping":
        """Return it with every time filled in."""
        interval_ms = self.interval_ms or max(dead_after_ms // 2, 100)
        timeout_ms = self.timeout_ms or 4 * interval_ms
        dampen_ms = self.dampen_ms or max(dead_after_ms, 2 * interval_ms)
        return replace(self, interval_ms=interval_ms, timeout_ms=timeout_ms, dampen_ms=dampen_ms)


@dataclass(frozen=True, slots=True)
class Health:
    """How attributes `#health-…` of a node count. Source: Pacemaker Explained, "Node Health"."""

    strategy: HealthStrategy = HealthStrategy.NONE
    """The first three have scores of their own; the numbers here count with the other two."""
    red: int = -INFINITY
    yellow: int = 0
    green: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """Cluster-wide options."""

    dead_after_ms: Millis = 1000
    """D: a node silent for so long is lost; every other timer derives from it (100..600000)."""
    symmetric: bool = True
    no_quorum_policy: NoQuorumPolicy = NoQuorumPolicy.STOP
    maintenance: bool = False
    fencing: bool = True
    """Whether fence devices are used."""
    fencing_grace_ms: Millis = 30_000
    """How long a node that a new coordinator has never heard of may take to start."""
    no_quorum_acknowledgement: str = ""
    """Words of the administrator that accept `no_quorum_policy: ignore`."""
    wait_for_all: bool = False
    """After a start of the whole cluster nothing starts before every voter was seen once."""
    last_man_standing_ms: Millis = 0
    """A voter that is lost for so long loses its vote until it is back; 0: it keeps it."""
    two_node: TwoNode = TwoNode.WAIT
    strategy: Strategy = Strategy.DEFAULT
    placement: Placement = Placement.GREEDY
    health: Health = Health()
    stop_all: bool = False
    """Everything is wanted stopped."""
    start_failure_is_fatal: bool = True
    """A failed start counts as INFINITY failures; else as one."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Values for resources and operations that say nothing themselves."""

    meta: Meta = Meta(stickiness=1)
    operation_timeout_ms: Millis = 20_000
    monitor_interval_ms: Millis = 10_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """The whole desired state of one cluster."""

    name: str = "beatkeeper"
    options: Options = Options()
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    primitives: tuple[Primitive, ...] = ()
    groups: tuple[Group, ...] = ()
    locations: tuple[Location, ...] = ()
    colocations: tuple[Colocation, ...] = ()
    orderings: tuple[Ordering, ...] = ()
    fence_devices: tuple[FenceDevice, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    ping: Ping = Ping()
    rules: tuple[Rule, ...] = ()
    clones: tuple[Clone, ...] = ()
    tickets: tuple[TicketConstraint, ...] = ()
    alerts: tuple[Alert, ...] = ()
    ticket_names: tuple[str, ...] = ()
    """Tickets that are there though nothing may need them yet."""

    def node(self, name: NodeName) -> Node | None:
        """Return the node of that name, or None."""
        return next((node for node in self.nodes if node.name == name), None)

    def primitive(self, resource: ResourceId) -> Primitive | None:
        """Return the primitive of that id, or None."""
        return next((item for item in self.primitives if item.id == resource), None)

    def group(self, resource: ResourceId) -> Group | None:
        """Return the group of that id, or None."""
        return next((item for item in self.groups if item.id == resource), None)

    def group_of(self, resource: ResourceId) -> Group | None:
        """Return the group that the primitive is a member of, or None."""
        return next((item for item in self.groups if resource in item.members), None)

    def clone(self, resource: ResourceId) -> Clone | None:
        """Return the clone of that id, or None."""
        return next((item for item in self.clones if item.id == resource), None)

    def clone_of(self, resource: ResourceId) -> Clone | None:
        """Return the clone whose instances the primitive or group is, or is in, or None."""
        group = self.group_of(resource)
        names = (resource, group.id) if group else (resource,)
        return next((item for item in self.clones if item.member in names), None)

    def constraints(self) -> Iterator["Constraint"]:
        """Return all constraints: locations, rules, colocations, orderings, tickets."""
        yield from self.locations
        yield from self.rules
        yield from self.colocations
        yield from self.orderings
        yield from self.tickets

    def all_tickets(self) -> tuple[str, ...]:
        """Return the names of all tickets, sorted: those that are listed, and those needed."""
        return tuple(sorted({*self.ticket_names, *(item.ticket for item in self.tickets)}))

    def voters(self) -> tuple[NodeName, ...]:
        """Return the names of all voting nodes, sorted."""
        return tuple(sorted(node.name for node in self.nodes if node.voter))

    def with_votes(self, names: Collection[NodeName], *, voter: bool) -> "Configuration":
        """Return it with these nodes voting, or not; the others as they are."""
        nodes = tuple(
            replace(node, voter=voter) if node.name in names else node for node in self.nodes
        )
        return replace(self, nodes=nodes)
