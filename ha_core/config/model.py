"""The desired state as frozen values: what a configuration can say.

Owns: the shape of a configuration. Knows nothing of YAML (`parse`), of
references between its parts (`check`) or of edits (`change`). All times are
milliseconds, all scores are within -INFINITY..INFINITY. Collections are tuples
sorted as the user wrote them, so that equal inputs give equal values.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from ha_core.ids import ConstraintId, Generation, LinkName, Millis, NodeName, ResourceId


class AgentClass(StrEnum):
    """Kinds of resource agents."""

    OCF = "ocf"
    LSB = "lsb"
    SYSTEMD = "systemd"
    SERVICE = "service"
    HEARTBEAT = "heartbeat"
    PROCESS = "process"
    ADDRESS = "address"


class OnFail(StrEnum):
    """What a failed operation leads to. Source: Pacemaker Explained, "on-fail"."""

    RESTART = "restart"
    IGNORE = "ignore"
    BLOCK = "block"
    STOP = "stop"
    STANDBY = "standby"
    FENCE = "fence"


class TargetRole(StrEnum):
    """Whether a resource is wanted."""

    STARTED = "started"
    STOPPED = "stopped"


class Exclusivity(StrEnum):
    """What must never exist twice; decides which gate protects a resource."""

    NONE = "none"
    NETWORK = "network"
    PROCESS = "process"
    DEVICE = "device"


class NoQuorumPolicy(StrEnum):
    """What a partition without quorum does with its resources."""

    STOP = "stop"
    FREEZE = "freeze"
    DEMOTE = "demote"
    """Stop what is promoted; nothing can be promoted yet, so it acts as `stop`."""
    IGNORE = "ignore"
    """Keep what runs, by the words of an administrator; a lease ends all the same."""

    @property
    def keeps(self) -> bool:
        """Whether what runs goes on without a quorum, as far as no lease ends it."""
        return self in (NoQuorumPolicy.FREEZE, NoQuorumPolicy.IGNORE)


class TwoNode(StrEnum):
    """What one of exactly two voters does when the other is lost."""

    WAIT = "wait"
    FENCING = "fencing"
    """It goes on alone once a fence device has proved that the other is off."""


class OrderKind(StrEnum):
    """How binding an ordering is."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"


class Medium(StrEnum):
    """How a link carries small messages; bulk goes over TCP of links that have addresses."""

    UDP = "udp"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    SERIAL = "serial"


class Origin(StrEnum):
    """Who made a location constraint."""

    ADMINISTRATOR = "administrator"
    MOVE = "move"
    BAN = "ban"


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
    """A configured operation: `start`, `stop` or `monitor`.

    `interval_ms` is 0 except for recurring monitors; several monitors of one
    resource differ in `depth` (OCF_CHECK_LEVEL) and must differ in interval.
    """

    action: str
    interval_ms: Millis = 0
    timeout_ms: Millis = 20_000
    on_fail: OnFail | None = None
    depth: int = 0


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


@dataclass(frozen=True, slots=True)
class Primitive:
    """One resource run by one agent."""

    id: ResourceId
    agent: AgentRef
    parameters: tuple[tuple[str, str], ...] = ()
    operations: tuple[Operation, ...] = ()
    meta: Meta = Meta()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Primitives that stay together and start in order."""

    id: ResourceId
    members: tuple[ResourceId, ...]
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


class Comparison(StrEnum):
    """How a rule compares a node's attribute. Source: Pacemaker Explained, "expression"."""

    LESS = "lt"
    LESS_OR_EQUAL = "lte"
    EQUAL = "eq"
    NOT_EQUAL = "ne"
    GREATER_OR_EQUAL = "gte"
    GREATER = "gt"
    DEFINED = "defined"
    NOT_DEFINED = "not_defined"
    ONE_OF = "one_of"
    """The rule's value has several words, and the node's is one of them."""
    NONE_OF = "none_of"


NODE_NAME: Final = "#uname"
"""The attribute that every node has: its name. Source: Pacemaker Explained, "Node Attributes"."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A preference (or ban) of a resource for every node whose attribute compares so."""

    id: ConstraintId
    resource: ResourceId
    attribute: str
    operation: Comparison
    value: str = ""
    score: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Colocation:
    """`resource` (the dependent) is placed with (or away from) `with_resource` (the primary)."""

    id: ConstraintId
    resource: ResourceId
    with_resource: ResourceId
    score: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ordering:
    """`then` starts after `first` has started; symmetrical ones stop in reverse."""

    id: ConstraintId
    first: ResourceId
    then: ResourceId
    kind: OrderKind = OrderKind.MANDATORY
    symmetrical: bool = True
    source: str = ""


Constraint: TypeAlias = Location | Rule | Colocation | Ordering


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


class FenceCall(StrEnum):
    """What fence agents are called with; time limits and repeats can be given for each."""

    OFF = "off"
    ON = "on"
    RESET = "reset"
    STATUS = "status"
    MONITOR = "monitor"
    LIST = "list"
    METADATA = "metadata"


class FenceAction(StrEnum):
    """What becomes of a node that was cut off."""

    REBOOT = "reboot"
    """Off, and on again once it is proved to be off."""
    OFF = "off"


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

    def constraints(self) -> Iterator["Constraint"]:
        """Return all constraints: locations, rules, colocations, orderings."""
        yield from self.locations
        yield from self.rules
        yield from self.colocations
        yield from self.orderings

    def voters(self) -> tuple[NodeName, ...]:
        """Return the names of all voting nodes, sorted."""
        return tuple(sorted(node.name for node in self.nodes if node.voter))

    def with_votes(self, names: Collection[NodeName], *, voter: bool) -> "Configuration":
        """Return it with these nodes voting, or not; the others as they are."""
        nodes = tuple(
            replace(node, voter=voter) if node.name in names else node for node in self.nodes
        )
        return replace(self, nodes=nodes)
