"""The words that a configuration chooses among, as enumerations.

Owns: those values; what holds them is in `model`.
"""

from enum import StrEnum


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
    DEMOTE = "demote"
    """Demote it, and promote it again where that may be."""
    BLOCK = "block"
    STOP = "stop"
    STANDBY = "standby"
    FENCE = "fence"


class TargetRole(StrEnum):
    """Whether a resource is wanted, and of what can be promoted the highest role wanted."""

    STARTED = "started"
    STOPPED = "stopped"
    UNPROMOTED = "unpromoted"
    PROMOTED = "promoted"


class Role(StrEnum):
    """What a primitive is on a node, as constraints and operations name it."""

    STOPPED = "stopped"
    STARTED = "started"
    UNPROMOTED = "unpromoted"
    PROMOTED = "promoted"


class Requires(StrEnum):
    """What must hold before a resource may start."""

    NOTHING = "nothing"
    QUORUM = "quorum"
    FENCING = "fencing"
    UNFENCING = "unfencing"


class MultipleActive(StrEnum):
    """What becomes of a resource that is found active on several nodes."""

    STOP_START = "stop_start"
    STOP_ONLY = "stop_only"
    BLOCK = "block"
    STOP_UNEXPECTED = "stop_unexpected"


class Discovery(StrEnum):
    """Where a resource is looked for. Source: Pacemaker Explained, "resource-discovery"."""

    ALWAYS = "always"
    NEVER = "never"
    EXCLUSIVE = "exclusive"


class LossPolicy(StrEnum):
    """What becomes of a resource that has lost its ticket."""

    STOP = "stop"
    DEMOTE = "demote"
    FREEZE = "freeze"
    FENCE = "fence"


class Strategy(StrEnum):
    """How capacity counts in placement. Source: Pacemaker Explained, "placement-strategy"."""

    DEFAULT = "default"
    UTILIZATION = "utilization"
    BALANCED = "balanced"
    MINIMAL = "minimal"


class Placement(StrEnum):
    """How nodes are chosen: one resource after the other, or also by a search."""

    GREEDY = "greedy"
    EXACT = "exact"


class HealthStrategy(StrEnum):
    """What the health of a node does to resources. Source: Pacemaker Explained, "Node Health"."""

    NONE = "none"
    MIGRATE_ON_RED = "migrate-on-red"
    ONLY_GREEN = "only-green"
    PROGRESSIVE = "progressive"
    CUSTOM = "custom"


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
    """Demote what is promoted, whose copies go on so, and stop all else."""
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
    SERIALIZE = "serialize"
    """Never both at once; in whichever order."""


class OrderedAction(StrEnum):
    """What an ordering orders."""

    START = "start"
    STOP = "stop"
    PROMOTE = "promote"
    DEMOTE = "demote"


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


class Join(StrEnum):
    """How many parts of a condition must hold."""

    ALL = "all"
    ANY = "any"


class ValueType(StrEnum):
    """As what two values are compared. Source: Pacemaker Explained, "expression"."""

    STRING = "string"
    """Without regard to case."""
    INTEGER = "integer"
    NUMBER = "number"
    VERSION = "version"


class ValueFrom(StrEnum):
    """What the value of a comparison is: itself, or the name of what has it."""

    LITERAL = "literal"
    PARAMETER = "parameter"
    """Of the resource that the rule is of."""
    OPTION = "option"
    """Of that resource, under its name in Pacemaker: `target-role`."""


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
