"""Plain values as `read` leaves them, turned into the model's.

Owns: the names that keys of the file have in the model, and defaults that
depend on other parts. What was faulty is missing from the values; where the
model cannot do without, something harmless stands in for it, so that the
rules can judge the rest. Nothing is applied that was read with faults.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ha_core.config import keys, words
from ha_core.config.build_rules import rule_of
from ha_core.config.file_alerts import alert_of
from ha_core.config.limits import CONSTRAINTS_MAX
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Clone,
    Colocation,
    Configuration,
    Constraint,
    Defaults,
    FenceDevice,
    Group,
    Health,
    Link,
    Location,
    Meta,
    Node,
    Operation,
    Options,
    Ordering,
    Ping,
    PingTarget,
    Primitive,
    Rule,
    TicketConstraint,
)
from ha_core.config.read import Plain
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId

_Names = dict[str, str]
"""Keys of the file, and the model's fields for them."""
_WORDS_OF_OPTIONS: Final = (*("strategy", "placement", "stop_all", "start_failure_is_fatal"),)
_OPTIONS: Final[_Names] = {
    "dead_after": "dead_after_ms",
    **{name: name for name in ("symmetric", "no_quorum_policy", "maintenance", "fencing")},
    **{name: name for name in ("no_quorum_acknowledgement", "wait_for_all", "two_node")},
    "last_man_standing": "last_man_standing_ms",
    "fencing_grace": "fencing_grace_ms",
    **{name: name for name in _WORDS_OF_OPTIONS},
}
_HEALTH: Final[_Names] = {name: name for name in keys.HEALTH.keys}
_LINK: Final[_Names] = {
    name: name for name in ("port", "medium", "interface", "group", "ttl", "speed")
}
_PING: Final[_Names] = {
    "multiplier": "multiplier",
    **{name: f"{name}_ms" for name in ("interval", "timeout", "dampen")},
}
_NODE: Final[_Names] = {
    "standby_until": "standby_until_wall_ms",
    **{name: name for name in ("voter", "witness", "standby", "maintenance")},
}
_DEVICE: Final[_Names] = {
    **{name: name for name in ("action", "unfence")},
    **{name: f"{name}_ms" for name in ("delay", "random_delay", "settle")},
}
_OPERATION: Final[_Names] = {
    "interval": "interval_ms",
    "timeout": "timeout_ms",
    **{name: name for name in ("on_fail", "depth", "role", "enabled")},
}
_DEFAULTS: Final[_Names] = {
    "timeout": "operation_timeout_ms",
    "monitor_interval": "monitor_interval_ms",
}
_LOCATION: Final[_Names] = {
    "origin": "origin",
    "expires": "expires_wall_ms",
    "until_generation": "until_generation",
    **{name: name for name in ("role", "discovery", "live")},
}
_COLOCATION: Final[_Names] = {
    name: name for name in ("role", "with_role", "node_attribute", "influence")
}
_ORDERING: Final[_Names] = {
    name: name for name in ("kind", "symmetrical", "first_action", "then_action", "any_of")
}
_CLONE: Final[_Names] = {
    "max": "instances_max",
    "per_node": "node_max",
    "min": "instances_min",
    **{name: name for name in ("unique", "interleave", "ordered", "notify", "description")},
}
_PROMOTABLE: Final[_Names] = {"max": "promoted_max", "per_node": "promoted_node_max"}
_GROUP: Final[_Names] = {name: name for name in ("ordered", "colocated")}
_STAND_IN: Final = AgentRef(AgentClass.LSB, "", "unknown")
_META: Final[_Names] = {
    **{name: name for name in (*keys.META, *keys.PRIMITIVE.keys) if name in Meta.__slots__},
    "failure_timeout": "failure_timeout_ms",
}


def build(raw: Plain) -> Configuration:
    """Return the configuration that the values of a whole file make."""
    resources = list(_parts(raw, "resources"))
    constraints = _constraints(raw)
    defaults = _defaults(_part(raw, "defaults"))
    return Configuration(
        name=_text(raw, "cluster") or Configuration().name,
        options=_options(_part(raw, "options")),
        nodes=tuple(_node(name, part) for name, part in _parts(raw, "nodes")),
        links=tuple(
            Link(LinkName(name), **_given(part, _LINK)) for name, part in _parts(raw, "links")
        ),
        primitives=tuple(
            _primitive(name, part, defaults) for name, part in resources if "group" not in part
        ),
        groups=tuple(_group(name, part) for name, part in resources if "group" in part),
        locations=tuple(item for item in constraints if isinstance(item, Location)),
        colocations=tuple(item for item in constraints if isinstance(item, Colocation)),
        orderings=tuple(item for item in constraints if isinstance(item, Ordering)),
        fence_devices=tuple(_device(name, part) for name, part in _parts(raw, "fence_devices")),
        defaults=defaults,
        ping=_ping(_part(raw, "ping")),
        rules=tuple(item for item in constraints if isinstance(item, Rule)),
        clones=tuple(
            _clone(name, part)
            for name, part in sorted(resources, key=lambda pair: "group" in pair[1])
            if is_cloned(part)
        ),
        tickets=tuple(item for item in constraints if isinstance(item, TicketConstraint)),
        alerts=tuple(alert_of(name, part) for name, part in _parts(raw, "alerts")),
        ticket_names=tuple(raw.get("tickets", ())),
    )


def is_cloned(raw: Plain) -> bool:
    """Return whether the words of a resource make it a clone."""
    return any(raw.get(word, False) is not False for word in ("clone", "promotable"))


def clone_name(resource: str) -> ResourceId:
    """Return what the clone of a resource is called if nothing else is said."""
    return ResourceId(f"{resource}-clone")


def _options(raw: Plain) -> Options:
    own = _given(raw, _OPTIONS)
    health = Health(**_given(_part(raw, "health"), _HEALTH))
    return Options(**own, health=health)


def _clone(name: str, raw: Plain) -> Clone:
    said, promotable = raw.get("clone"), raw.get("promotable", False)
    clone: Plain = said if isinstance(said, dict) else {}
    promoted = promotable if isinstance(promotable, dict) else {}
    return Clone(
        ResourceId(clone.get("id", clone_name(name))),
        ResourceId(name),
        promotable=promotable is not False,
        meta=Meta(**_given(clone, _META)),
        **_given(clone, _CLONE),
        **_given(promoted, _PROMOTABLE),
    )


def _constraints(raw: Plain) -> list[Constraint]:
    """Return all constraints: of primitives' words, of groups', of the file in its order.

    What is more than allowed is a fault, and is not spelled out to its end.
    """
    given = list(_parts(raw, "constraints"))
    ids = words.Ids(name for name, _ in given)
    is_symmetric = _part(raw, "options").get("symmetric", True)
    found: list[Constraint] = []
    for name, part in sorted(_parts(raw, "resources"), key=lambda pair: "group" in pair[1]):
        if len(found) > CONSTRAINTS_MAX:
            break
        found += words.of_resource(name, part, ids, is_symmetric=is_symmetric)
    for name, part in given:
        if len(found) > CONSTRAINTS_MAX:
            break
        found += words.of_constraint(name, part, ids)
        if _has(part, "location", "node"):
            found.append(_location(name, part))
        elif _has(part, "rule"):
            found.append(rule_of(name, part))
        elif _has(part, "colocation", "with"):
            found.append(_colocation(name, part))
        elif _has(part, "order") and words.is_single(part):
            found.append(_ordering(name, part))
        elif _has(part, "ticket", "resource"):
            found.append(_ticket(name, part))
    return found


def _ping(raw: Plain) -> Ping:
    targets = tuple(PingTarget(name, tuple(hosts)) for name, hosts in _part(raw, "targets").items())
    return Ping(targets, **_given(raw, _PING))


def _defaults(raw: Plain) -> Defaults:
    base = Defaults().meta
    own = {name: getattr(base, name) for name in Meta.__slots__}
    return Defaults(
        meta=Meta(**own | _given(_part(raw, "resource"), _META)),
        **_given(_part(raw, "operation"), _DEFAULTS),
    )


def _node(name: str, raw: Plain) -> Node:
    places = _part(raw, "addresses").items()
    return Node(
        NodeName(name),
        tuple(Address(LinkName(link), host, port) for link, (host, port) in places),
        attributes=_pairs(raw, "attributes"),
        fence_levels=tuple(tuple(level) for level in raw.get("fence_levels", ())),
        capacity=tuple(_part(raw, "capacity").items()),
        **_given(raw, _NODE),
    )


def _primitive(name: str, raw: Plain, defaults: Defaults) -> Primitive:
    operations = _part(raw, "operations")
    found = [
        _operation(action, _part(operations, action), defaults)
        for action in ("start", "stop")
        if action in operations
    ]
    found += [_operation("monitor", item, defaults) for item in operations.get("monitor", ())]
    found += [
        _operation(action, _part(operations, action), defaults)
        for action in keys.FURTHER_OPERATIONS
        if action in operations
    ]
    return Primitive(
        ResourceId(name),
        raw.get("agent", _STAND_IN),
        _pairs(raw, "parameters"),
        tuple(found),
        Meta(**_given(raw, _META)),
        _text(raw, "description"),
        tuple(_part(raw, "utilization").items()),
    )


def _operation(action: str, raw: Plain, defaults: Defaults) -> Operation:
    is_monitor = action == "monitor"
    own: Plain = {
        "timeout_ms": defaults.operation_timeout_ms,
        "interval_ms": defaults.monitor_interval_ms if is_monitor else 0,
    }
    return Operation(action, **own | _given(raw, _OPERATION))


def _group(name: str, raw: Plain) -> Group:
    return Group(
        ResourceId(name),
        tuple(ResourceId(member) for member in raw["group"]),
        Meta(**_given(raw, _META)),
        _text(raw, "description"),
        **_given(raw, _GROUP),
    )


def _location(name: str, raw: Plain) -> Location:
    return Location(
        ConstraintId(name),
        ResourceId(raw["location"]),
        NodeName(raw["node"]),
        raw.get("score", INFINITY),
        **_given(raw, _LOCATION),
    )


def _colocation(name: str, raw: Plain) -> Colocation:
    dependent, primary = ResourceId(raw["colocation"]), ResourceId(raw["with"])
    score = raw.get("score", INFINITY)
    return Colocation(ConstraintId(name), dependent, primary, score, **_given(raw, _COLOCATION))


def _ordering(name: str, raw: Plain) -> Ordering:
    first, then = ResourceId(raw["order"][0][0]), ResourceId(raw["then"])
    return Ordering(ConstraintId(name), first, then, **_given(raw, _ORDERING))


def _ticket(name: str, raw: Plain) -> TicketConstraint:
    role = raw.get("role")
    loss = raw.get("loss", words.usual_loss(role))
    resource = ResourceId(raw["resource"])
    return TicketConstraint(ConstraintId(name), raw["ticket"], resource, role, loss)


def _device(name: str, raw: Plain) -> FenceDevice:
    targets = tuple(NodeName(target) for target in raw.get("targets", ()))
    agent = raw.get("agent", str(_STAND_IN))
    return FenceDevice(
        name,
        agent,
        _pairs(raw, "parameters"),
        targets,
        reached_from=tuple(NodeName(node) for node in raw.get("reached_from", ())),
        plugs=_pairs(raw, "plugs"),
        delays=tuple(_part(raw, "delays").items()),
        timeouts=_calls(raw, "timeouts"),
        retries=_calls(raw, "retries"),
        **_given(raw, _DEVICE),
    )


def _calls(raw: Plain, name: str) -> tuple[tuple[str, int], ...]:
    found = []
    for call, value in _part(raw, name).items():
        with suppress(ValueError):  # that it is no action is told already
            found.append((str(keys.CALL.read(call)), value))
    return tuple(found)


# --- plain values ----------------------------------------------------------------------------


def _given(raw: Plain, names: _Names) -> Plain:
    """Return what is given, under the model's names."""
    return {field: raw[name] for name, field in names.items() if name in raw}


def _has(raw: Plain, *names: str) -> bool:
    return all(name in raw for name in names)


def _part(raw: Plain, name: str) -> Plain:
    part: Plain = raw.get(name, {})
    return part


def _parts(raw: Plain, name: str) -> Iterable[tuple[str, Plain]]:
    return _part(raw, name).items()


def _pairs(raw: Plain, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(_part(raw, name).items())


def _text(raw: Plain, name: str) -> str:
    text: str = raw.get(name, "")
    return text
