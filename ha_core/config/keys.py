"""The keys of a configuration file: which ones each object has, and of what kind.

Owns: the tables that the parser reads by and the editors' schema is made
from. `MapOf` names objects by the user's words; `ListOf` may also be written
as a single item.
"""

from dataclasses import dataclass

from ha_core.config import kinds
from ha_core.config.kinds import Kind
from ha_core.config.model import (
    Exclusivity,
    NoQuorumPolicy,
    OnFail,
    OrderKind,
    Origin,
    TargetRole,
)


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys; `needed` ones must be there."""

    keys: dict[str, "Shape"]
    needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names to values of one shape."""

    value: "Shape"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    value: "Shape"


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object whose kind shows by the key that only it has."""

    choices: dict[str, Object]


Shape = Kind | Object | MapOf | ListOf | OneOf

META: dict[str, Shape] = {
    "target_role": kinds.words(TargetRole),
    "managed": kinds.FLAG,
    "stickiness": kinds.SCORE,
    "priority": kinds.SCORE,
    "migration_threshold": kinds.COUNT,
    "failure_timeout": kinds.DURATION,
    "exclusivity": kinds.words(Exclusivity),
    "accept_risk": kinds.TEXT,
}
_OPERATION: dict[str, Shape] = {
    "timeout": kinds.DURATION,
    "on_fail": kinds.words(OnFail),
    "depth": kinds.NATURAL,
}
OPERATION = Object(_OPERATION)
MONITOR = Object({"interval": kinds.DURATION, **_OPERATION})
OPERATIONS = Object({"start": OPERATION, "stop": OPERATION, "monitor": ListOf(MONITOR)})
PRIMITIVE = Object(
    {
        "agent": kinds.AGENT,
        "description": kinds.TEXT,
        "parameters": MapOf(kinds.VALUE),
        "operations": OPERATIONS,
        **META,
    },
    needed=("agent",),
)
GROUP = Object({"group": ListOf(kinds.TEXT), "description": kinds.TEXT, **META}, needed=("group",))
LOCATION = Object(
    {
        "location": kinds.TEXT,
        "node": kinds.TEXT,
        "score": kinds.SCORE,
        "expires": kinds.MOMENT,
        "origin": kinds.words(Origin),
    },
    needed=("node",),
)
COLOCATION = Object(
    {"colocation": kinds.TEXT, "with": kinds.TEXT, "score": kinds.SCORE}, needed=("with",)
)
ORDERING = Object(
    {
        "order": kinds.TEXT,
        "then": kinds.TEXT,
        "kind": kinds.words(OrderKind),
        "symmetrical": kinds.FLAG,
    },
    needed=("then",),
)
NODE = Object(
    {
        "addresses": MapOf(kinds.TEXT),
        "voter": kinds.FLAG,
        "witness": kinds.FLAG,
        "standby": kinds.FLAG,
        "maintenance": kinds.FLAG,
        "attributes": MapOf(kinds.VALUE),
    },
    needed=("addresses",),
)
DEVICE = Object(
    {"agent": kinds.TEXT, "parameters": MapOf(kinds.VALUE), "targets": ListOf(kinds.TEXT)},
    needed=("agent",),
)
CONFIGURATION = Object(
    {
        "cluster": kinds.TEXT,
        "options": Object(
            {
                "dead_after": kinds.DURATION,
                "symmetric": kinds.FLAG,
                "no_quorum_policy": kinds.words(NoQuorumPolicy),
                "maintenance": kinds.FLAG,
            }
        ),
        "links": MapOf(Object({"port": kinds.PORT, "medium": kinds.TEXT})),
        "nodes": MapOf(NODE),
        "resources": MapOf(OneOf({"agent": PRIMITIVE, "group": GROUP})),
        "constraints": MapOf(
            OneOf({"location": LOCATION, "colocation": COLOCATION, "order": ORDERING})
        ),
        "fence_devices": MapOf(DEVICE),
        "defaults": Object(
            {
                "resource": Object(META),
                "operation": Object(
                    {"timeout": kinds.DURATION, "monitor_interval": kinds.DURATION}
                ),
            }
        ),
    }
)
