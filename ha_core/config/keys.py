"""The keys of a configuration file: which ones each object has, of what kind, and what they mean.

Owns: the tables that the parser reads by; the editors' schema and the tables
of docs/configuration.md are made from them. `MapOf` names objects by the
user's words; `ListOf` may also be written as a single item. Those of
constraints, and the words for them, are `keys_constraints`'s.
"""

from ha_core.config import kinds, limits
from ha_core.config.keys_alerts import ALERT
from ha_core.config.keys_constraints import CONDITION, CONSTRAINT, WORDS
from ha_core.config.model import (
    Exclusivity,
    FenceAction,
    FenceCall,
    HealthStrategy,
    Medium,
    MultipleActive,
    NoQuorumPolicy,
    OnFail,
    Placement,
    Requires,
    Role,
    Strategy,
    TargetRole,
    TwoNode,
)
from ha_core.config.shapes import Either, Key, ListOf, MapOf, Object, OneOf

_ID = kinds.named(limits.ID, limits.ID_ALLOWED)
_PARAMETERS = MapOf(kinds.named(limits.PARAMETER, limits.PARAMETER_ALLOWED), kinds.VALUE)
CALL = kinds.switch_words(FenceCall)
_NODE_NAME = kinds.named(limits.NODE, limits.NODE_ALLOWED)
_DELAY = kinds.duration(0, limits.TIME_MS_MAX)
_TIMEOUT = kinds.duration(limits.TIMEOUT_MS_MIN, limits.TIME_MS_MAX)
_INTERVAL = kinds.duration(limits.INTERVAL_MS_MIN, limits.TIME_MS_MAX)

META: dict[str, Key] = {
    "target_role": Key(
        kinds.words(TargetRole),
        "Whether it is wanted, or how high a role; 'ha resource stop' sets it.",
        "started",
    ),
    "managed": Key(
        kinds.FLAG, "With false the cluster watches it, but neither starts nor stops it.", "true"
    ),
    "stickiness": Key(
        kinds.SCORE, "How strongly it stays where it runs; weighed against locations.", "1"
    ),
    "priority": Key(kinds.SCORE, "The higher, the earlier it is placed.", "0"),
    "migration_threshold": Key(
        kinds.COUNT,
        "After so many failures on a node it moves; a failed start counts as INFINITY; 0: never.",
        "INFINITY",
    ),
    "failure_timeout": Key(
        kinds.duration(0, limits.TIME_MS_MAX),
        "Failures older than this are forgotten; 0: never.",
        "0",
    ),
    "needs_connectivity": Key(
        kinds.FLAG,
        "With true it leaves a node that reaches no ping target, if another reaches one.",
        "false",
    ),
    "prefers_connectivity": Key(
        kinds.SCORE, "Score of each ping target that a node reaches; against stickiness.", "0"
    ),
    "critical": Key(
        kinds.FLAG,
        "With false neither its wishes nor its failures move what it depends on: it stops instead.",
        "true",
    ),
    "allow_migrate": Key(
        kinds.FLAG,
        "With true it moves live, if its agent has migrate_to and migrate_from.",
        "false",
    ),
    "multiple_active": Key(
        kinds.words(MultipleActive),
        "What becomes of it where it is found active on several nodes.",
        "stop_start",
    ),
    "requires": Key(
        kinds.words(Requires),
        "What must hold before it starts; its guard is waited for in any case.",
        "fencing where there are fence devices, else quorum",
    ),
    "allow_unhealthy_nodes": Key(
        kinds.FLAG, "With true the health of a node is no reason to leave it.", "false"
    ),
    "maintenance": Key(kinds.FLAG, "With true it is left as it is, and not even watched.", "false"),
}
_OWN_META: dict[str, Key] = {
    "exclusivity": Key(
        kinds.words(Exclusivity),
        "What must never exist twice, and so which guard it needs; none: it may run twice.",
        "network for address, IPaddr, IPaddr2, IPv6addr; process for process; else device",
    ),
    "accept_risk": Key(
        kinds.TEXT,
        "Words that accept a takeover with no proof that the lost node has stopped it.",
        "takeover waits for proof",
    ),
}
_OPERATION: dict[str, Key] = {
    "timeout": Key(
        _TIMEOUT, "The agent is ended after so long, and has failed.", "defaults.operation.timeout"
    ),
    "on_fail": Key(
        kinds.words(OnFail),
        "What its failure leads to.",
        "restart; a failed stop: fence where nothing else ends it and a device can, else block",
    ),
}
OPERATION = Object(_OPERATION)
MONITOR = Object(
    {
        "interval": Key(
            kinds.duration(0, limits.TIME_MS_MAX),
            "How often it runs; 0: only once, before the first start, to find what is there.",
            "defaults.operation.monitor_interval",
        ),
        **_OPERATION,
        "depth": Key(
            kinds.natural(limits.DEPTH_MAX),
            "How thoroughly it looks (OCF_CHECK_LEVEL); agents say which depths they know.",
            "0",
        ),
        "role": Key(
            kinds.words(Role),
            "It runs while the resource has that role; stopped: where it must not be found.",
            "any role but promoted",
        ),
        "enabled": Key(kinds.FLAG, "With false it does not run.", "true"),
    }
)
OPERATIONS = Object(
    {
        "start": Key(OPERATION, "How it is started."),
        "stop": Key(OPERATION, "How it is stopped."),
        "monitor": Key(
            ListOf(MONITOR),
            "How it is watched; several monitors differ in their intervals.",
            "one monitor with the defaults",
        ),
        "promote": Key(OPERATION, "How it is promoted."),
        "demote": Key(OPERATION, "How it is demoted."),
        "notify": Key(OPERATION, "How a copy is told what becomes of the others."),
        "reload": Key(OPERATION, "How it takes parameters that need no restart."),
        "migrate_to": Key(OPERATION, "How it is sent, where it moves live."),
        "migrate_from": Key(OPERATION, "How it is received."),
    }
)
FURTHER_OPERATIONS = ("promote", "demote", "notify", "reload", "migrate_to", "migrate_from")
"""Those that stand behind the monitors, in their order."""
CAPACITY = MapOf(
    kinds.named(limits.PARAMETER, limits.PARAMETER_ALLOWED), kinds.natural(limits.CAPACITY_MAX)
)
CLONE = Object(
    {
        "id": Key(_ID, "Its own name, for constraints and commands.", "NAME-clone"),
        "description": Key(kinds.TEXT, "What it is, for people."),
        "max": Key(kinds.natural(limits.COPIES_MAX), "How many copies run.", "one for each node"),
        "per_node": Key(kinds.natural(limits.COPIES_MAX), "How many of them on one node.", "1"),
        "min": Key(
            kinds.natural(limits.COPIES_MAX),
            "So many must run before what is ordered after it starts.",
            "all that can",
        ),
        "unique": Key(
            kinds.FLAG, "With true each copy is told its number, and is one of its own.", "false"
        ),
        "interleave": Key(
            kinds.FLAG,
            "With true what is ordered after it waits for the copy on its own node alone.",
            "false",
        ),
        "ordered": Key(kinds.FLAG, "With true copies start one after the other.", "false"),
        "notify": Key(
            kinds.FLAG, "With true copies are told before and after one starts or stops.", "false"
        ),
        **META,
    }
)
PROMOTABLE = Object(
    {
        "max": Key(kinds.natural(limits.COPIES_MAX), "How many copies are promoted.", "1"),
        "per_node": Key(kinds.natural(limits.COPIES_MAX), "How many of them on one node.", "1"),
    }
)
_CLONED: dict[str, Key] = {
    "clone": Key(
        Either(kinds.FLAG, CLONE), "With true a copy of it runs on every node.", "it runs once"
    ),
    "promotable": Key(
        Either(kinds.FLAG, PROMOTABLE),
        "With true it is a clone of which one copy is promoted; a mapping says how many.",
        "false",
    ),
}
PRIMITIVE = Object(
    {
        "agent": Key(kinds.AGENT, "What starts, stops and watches it.", needed=True),
        "description": Key(kinds.TEXT, "What it is, for people."),
        "parameters": Key(_PARAMETERS, "What the agent is told."),
        "operations": Key(OPERATIONS, "Time limits and monitors."),
        "utilization": Key(CAPACITY, "What it takes of the 'capacity' of its node."),
        **_CLONED,
        **WORDS,
        **META,
        **_OWN_META,
    }
)
GROUP = Object(
    {
        "group": Key(
            ListOf(kinds.TEXT),
            "Primitives that stay together, started in this order and stopped in reverse.",
            needed=True,
        ),
        "description": Key(kinds.TEXT, "What it is, for people."),
        "ordered": Key(kinds.FLAG, "With false its members start at once.", "true"),
        "colocated": Key(kinds.FLAG, "With false each member has a place of its own.", "true"),
        **_CLONED,
        **WORDS,
        **META,
    }
)
NODE = Object(
    {
        "addresses": Key(
            MapOf(_ID, kinds.PLACE),
            "Where it listens, by link; without a port, on the link's.",
            needed=True,
        ),
        "voter": Key(kinds.FLAG, "Whether its vote counts; at most seven nodes vote.", "true"),
        "witness": Key(kinds.FLAG, "With true it votes and runs no resources.", "false"),
        "standby": Key(
            kinds.FLAG, "With true its resources move away; 'ha node standby' sets it.", "false"
        ),
        "standby_until": Key(
            kinds.MOMENT,
            "The standby ends then; 'ha node standby --for TIME' sets it.",
            "'ha node online' ends it",
        ),
        "maintenance": Key(kinds.FLAG, "With true everything on it is left as it is.", "false"),
        "attributes": Key(
            MapOf(kinds.named(limits.NODE_ATTRIBUTE, limits.NODE_ATTRIBUTE_ALLOWED), kinds.VALUE),
            "Facts about the node, for people, programs and rules; #health-NAME says how it is.",
        ),
        "capacity": Key(
            CAPACITY,
            "What resources with a 'utilization' can take of it; see 'options.strategy'.",
        ),
        "fence_levels": Key(
            ListOf(ListOf(kinds.TEXT)),
            "Fence devices to try in turn; all of one level must succeed.",
            "each device that has it as a target, one after another",
        ),
    }
)
LINK = Object(
    {
        "port": Key(
            kinds.PORT, "UDP port of messages and TCP port of bulk data between nodes.", "6940"
        ),
        "medium": Key(
            kinds.words(Medium),
            "How small messages travel; bulk data go over TCP in any case.",
            "udp",
        ),
        "interface": Key(kinds.TEXT, "Network interface of a broadcast or multicast link."),
        "group": Key(kinds.TEXT, "Where to send: the multicast group, or the broadcast address."),
        "ttl": Key(kinds.natural(limits.TTL_MAX), "How many routers multicasts may pass.", "1"),
        "speed": Key(kinds.natural(limits.SPEEDS[-1]), "Bits a second of a serial link.", "115200"),
    }
)
PING = Object(
    {
        "targets": Key(
            MapOf(_ID, ListOf(kinds.TEXT)),
            "What every node should reach, by name; of several hosts one is enough.",
        ),
        "interval": Key(
            kinds.duration(*limits.PING_MS), "How often each host is pinged.", "dead_after / 2"
        ),
        "timeout": Key(
            kinds.duration(*limits.PING_MS),
            "A host that has not answered for so long is not reached.",
            "4 intervals",
        ),
        "dampen": Key(
            kinds.duration(*limits.PING_MS),
            "A change counts when it has lasted so long.",
            "dead_after, at least 2 intervals",
        ),
        "multiplier": Key(
            kinds.natural(limits.PING_MULTIPLIER_MAX),
            "Value of the attribute 'connectivity' for each target that is reached.",
            "1",
        ),
    }
)
DEVICE = Object(
    {
        "agent": Key(
            kinds.TEXT,
            "fence:PROGRAM of the fence-agents, or stonith:external/PLUGIN of cluster-glue.",
            needed=True,
        ),
        "parameters": Key(
            _PARAMETERS,
            "What the agent is told; password_file: PATH gives it as password what stands there.",
        ),
        "targets": Key(ListOf(kinds.TEXT), "The nodes that it can cut off."),
        "plugs": Key(
            MapOf(_NODE_NAME, kinds.VALUE),
            "What the device calls a node: the number of its outlet, for one.",
            "the node's name",
        ),
        "reached_from": Key(ListOf(kinds.TEXT), "The nodes that may use it.", "all nodes"),
        "action": Key(
            kinds.switch_words(FenceAction),
            "With reboot a node is switched on again once it is proved to be off.",
            "reboot",
        ),
        "unfence": Key(
            kinds.FLAG,
            "It cuts off storage instead of power, and is switched on for each node that joins.",
            "false",
        ),
        "delay": Key(_DELAY, "How long to wait before a node is cut off.", "0"),
        "random_delay": Key(_DELAY, "Up to so much more, by chance.", "0"),
        "delays": Key(MapOf(_NODE_NAME, _DELAY), "Instead of delay, for a node of that name."),
        "timeouts": Key(
            MapOf(CALL, _TIMEOUT),
            "Time limits of the agent's actions.",
            "1min for off, on and reset, 10s for metadata, 20s for others",
        ),
        "retries": Key(
            MapOf(CALL, kinds.natural(limits.RETRIES_MAX)),
            "How often an action that failed is repeated.",
            "1",
        ),
        "settle": Key(
            _DELAY, "How long a node may still be on after its agent has said off.", "10s"
        ),
    }
)
HEALTH = Object(
    {
        "strategy": Key(
            kinds.words(HealthStrategy),
            "What attributes of a node that begin with #health- do to resources there.",
            "none",
        ),
        "red": Key(kinds.SCORE, "What red counts, with progressive or custom.", "-INFINITY"),
        "yellow": Key(kinds.SCORE, "What yellow counts there.", "0"),
        "green": Key(kinds.SCORE, "What green counts there.", "0"),
        "base": Key(kinds.SCORE, "What every node begins with, with progressive.", "0"),
    }
)
OPTIONS = Object(
    {
        "dead_after": Key(
            kinds.duration(*limits.DEAD_AFTER_MS),
            "A node silent for so long is lost; every other timer derives from it.",
            "1s",
        ),
        "symmetric": Key(
            kinds.FLAG,
            "With false a resource runs only on nodes that a location constraint names.",
            "true",
        ),
        "no_quorum_policy": Key(
            kinds.words(NoQuorumPolicy),
            "What nodes without a majority do with their resources; demote: copies of a promotable"
            " clone go on unpromoted, all else stops.",
            "stop",
        ),
        "no_quorum_acknowledgement": Key(
            kinds.TEXT,
            "Words that accept 'no_quorum_policy: ignore', which needs them.",
        ),
        "wait_for_all": Key(
            kinds.FLAG,
            "With true a cluster that was down as a whole starts nothing before every voter was"
            " seen once, or 'ha quorum release'.",
            "false",
        ),
        "last_man_standing": Key(
            kinds.duration(0, limits.TIME_MS_MAX),
            "A voter that is lost for so long loses its vote until it is back, while more than"
            " three vote; 0: never.",
            "0",
        ),
        "two_node": Key(
            kinds.words(TwoNode),
            "What one of two voters does when the other is lost: wait for it, or go on alone once"
            " a fence device has switched it off.",
            "wait",
        ),
        "maintenance": Key(kinds.FLAG, "With true everything is left as it is.", "false"),
        "fencing": Key(kinds.FLAG, "With false no fence device is used.", "true"),
        "fencing_grace": Key(
            _DELAY,
            "How long a node may take to start before a new coordinator, which has never heard of"
            " it, cuts it off.",
            "30s",
        ),
        "strategy": Key(
            kinds.words(Strategy),
            "How 'capacity' and 'utilization' count: not at all, as a bound alone, or also to"
            " spread resources by free capacity, or onto few nodes.",
            "default",
        ),
        "placement": Key(
            kinds.words(Placement),
            "How nodes are chosen: one resource after the other, or, with exact, also by a search"
            " for a place for what that leaves stopped.",
            "greedy",
        ),
        "health": Key(HEALTH, "What the health of a node counts."),
        "stop_all": Key(kinds.FLAG, "With true every resource is wanted stopped.", "false"),
        "start_failure_is_fatal": Key(
            kinds.FLAG,
            "With true a failed start rules its node out; else it counts as one failure.",
            "true",
        ),
    }
)
OPERATION_DEFAULTS = Object(
    {
        "timeout": Key(_TIMEOUT, "Time limit of operations that name none.", "20s"),
        "monitor_interval": Key(_INTERVAL, "Interval of monitors that name none.", "10s"),
    }
)
RESOURCE_DEFAULTS = Object(META)
DEFAULTS = Object(
    {
        "resource": Key(RESOURCE_DEFAULTS, "For resources and groups that say nothing themselves."),
        "operation": Key(OPERATION_DEFAULTS, "For operations that say nothing themselves."),
    }
)
NAMED = (CONDITION,)
"""Objects that have themselves among their parts."""
RESOURCE = OneOf({"agent": PRIMITIVE, "group": GROUP})
CONFIGURATION = Object(
    {
        "cluster": Key(_ID, "Name of the cluster.", "beatkeeper"),
        "options": Key(OPTIONS, "What holds for the whole cluster."),
        "links": Key(
            MapOf(_ID, LINK), "Networks between the nodes, by name; each is enough.", needed=True
        ),
        "nodes": Key(
            MapOf(kinds.named(limits.NODE, limits.NODE_ALLOWED), NODE),
            "Machines of the cluster, by name.",
            needed=True,
        ),
        "resources": Key(MapOf(_ID, RESOURCE), "Primitives and groups, by name."),
        "constraints": Key(
            MapOf(
                kinds.named(limits.CONSTRAINT_ID, limits.CONSTRAINT_ID_ALLOWED),
                CONSTRAINT,
            ),
            "Where resources run, together or apart, and in which order; by name.",
        ),
        "tickets": Key(
            ListOf(_ID),
            "Tickets that are there though nothing needs them yet; 'ha ticket add' adds one.",
        ),
        "fence_devices": Key(MapOf(_ID, DEVICE), "Devices that cut nodes off, by name."),
        "ping": Key(PING, "Hosts that show whether a node's network works."),
        "defaults": Key(DEFAULTS, "Values for what says nothing itself."),
        "alerts": Key(
            MapOf(_ID, ALERT), "Programs that Pacemaker calls, by name; kept for 'ha export --cib'."
        ),
    }
)
