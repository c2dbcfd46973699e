"""Configuration to YAML: what `ha export` prints and `parse` reads back unchanged.

Owns: the written form. Defaults are left out; order is the configuration's own.
"""

from collections.abc import Iterable
from dataclasses import fields

import yaml

from ha_core.config.build import clone_name
from ha_core.config.file_alerts import alert_as_plain
from ha_core.config.kinds import show_duration, show_moment, show_place, show_score
from ha_core.config.model import (
    Clone,
    Colocation,
    Configuration,
    Constraint,
    Defaults,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    Node,
    Operation,
    Options,
    Ordering,
    Origin,
    Ping,
    Primitive,
    Rule,
    TicketConstraint,
)
from ha_core.config.render_rules import rule_as_plain
from ha_core.config.words import Named, Part, collect
from ha_core.ids import INFINITY

Plain = dict[str, object]
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The writer in C, where PyYAML was built with it."""
_FLAGS = ("strategy", "placement", "stop_all", "start_failure_is_fatal")
_OF_PLACES = ("role", "discovery", "live")
_SCORES = ("stickiness", "priority", "migration_threshold", "prefers_connectivity")


def render(configuration: Configuration) -> str:
    """Return the YAML text."""
    value = plain(configuration)
    return yaml.dump(value, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=100)


def plain(configuration: Configuration) -> Plain:
    """Return the configuration as plain mappings, lists and scalars, shaped like the file."""
    words, alone = collect(configuration)
    resources: Plain = {str(p.id): _primitive(p) for p in configuration.primitives}
    resources |= {str(group.id): _group(group) for group in configuration.groups}
    for clone in configuration.clones:
        copied = resources.get(clone.member, Plain())
        assert isinstance(copied, dict)
        copied |= _clone(clone)
    constraints: Plain = {}
    for source, part in words.items():
        section, _, rest = source.partition(".")
        owner = rest.rpartition(".")[0]
        if section == "resources":
            whole = resources[owner]
            assert isinstance(whole, dict)
            whole |= _worded(part)
        else:
            constraints[owner] = _worded(part)
    constraints |= {str(item.id): _constraint(item) for item in alone}
    parts: Plain = {
        "cluster": configuration.name,
        "options": _options(configuration.options),
        "links": {str(link.name): _link(link) for link in configuration.links},
        "nodes": {str(node.name): _node(node) for node in configuration.nodes},
        "resources": resources,
        "constraints": constraints,
        "tickets": list(configuration.ticket_names),
        "fence_devices": {device.id: _device(device) for device in configuration.fence_devices},
        "ping": _ping(configuration.ping),
        "defaults": _defaults(configuration.defaults),
        "alerts": {alert.id: alert_as_plain(alert) for alert in configuration.alerts},
    }
    needed = ("cluster", "links", "nodes")
    return {key: value for key, value in parts.items() if value or key in needed}


def _worded(part: Part) -> Plain:
    """Return the words as a file says them: one name alone, several in a list, or with values."""
    found = Plain()
    for key, value in part.items():
        match key:
            case "order":
                found[key] = [level[0] if len(level) == 1 else list(level) for level in value]
            case "score":
                found[key] = show_score(value)
            case "kind":
                found[key] = str(value)
            case "symmetrical":
                found[key] = value
            case _:
                found[key] = _names(value)
    return found


def _names(named: Named) -> object:
    if all(value is None for _, value in named):
        names = [str(name) for name, _ in named]
        return names[0] if len(names) == 1 else names
    return {str(name): _value(value) for name, value in named}


def _value(value: object) -> object:
    """Return what stands behind a name: a score, a word, or several of them."""
    if isinstance(value, dict):
        return {
            key: item if isinstance(item, bool) else _value(item) for key, item in value.items()
        }
    return show_score(value) if isinstance(value, int) else str(value)


def _constraint(item: Constraint) -> Plain:
    match item:
        case Location():
            return _location(item)
        case Rule():
            return rule_as_plain(item)
        case Colocation():
            return _colocation(item)
        case Ordering():
            return _ordering(item)
        case TicketConstraint():
            base: Plain = {"ticket": item.ticket, "resource": str(item.resource)}
            role: Plain = {} if item.role is None else {"role": str(item.role)}
            return {**base, **role, "loss": str(item.loss_policy)}


def _device(device: FenceDevice) -> Plain:
    base = FenceDevice(device.id, device.agent)
    found = _without_empty(
        {
            "agent": device.agent,
            "parameters": dict(device.parameters),
            "targets": [str(target) for target in device.targets],
            "plugs": dict(device.plugs),
            "reached_from": [str(node) for node in device.reached_from],
            "action": "" if device.action is base.action else str(device.action),
            "unfence": device.unfence,
            "delays": {name: show_duration(at_ms) for name, at_ms in device.delays},
            "timeouts": {call: show_duration(at_ms) for call, at_ms in device.timeouts},
            "retries": dict(device.retries),
        }
    )
    for name in ("delay", "random_delay", "settle"):
        value_ms = getattr(device, f"{name}_ms")
        if value_ms != getattr(base, f"{name}_ms"):
            found[name] = show_duration(value_ms)
    return found


def _options(options: Options) -> Plain:
    base, found = Options(), Plain()
    if options.dead_after_ms != base.dead_after_ms:
        found["dead_after"] = show_duration(options.dead_after_ms)
    if not options.symmetric:
        found["symmetric"] = False
    if options.no_quorum_policy != base.no_quorum_policy:
        found["no_quorum_policy"] = str(options.no_quorum_policy)
    if options.no_quorum_acknowledgement:
        found["no_quorum_acknowledgement"] = options.no_quorum_acknowledgement
    if options.wait_for_all:
        found["wait_for_all"] = True
    if options.last_man_standing_ms:
        found["last_man_standing"] = show_duration(options.last_man_standing_ms)
    if options.two_node != base.two_node:
        found["two_node"] = str(options.two_node)
    if options.maintenance:
        found["maintenance"] = True
    if not options.fencing:
        found["fencing"] = False
    if options.fencing_grace_ms != base.fencing_grace_ms:
        found["fencing_grace"] = show_duration(options.fencing_grace_ms)
    found |= _unlike(options, base, *_FLAGS)
    health = _unlike(options.health, base.health, "strategy", "red", "yellow", "green", "base")
    return found | _without_empty({"health": health})


def _link(link: Link) -> Plain:
    base, found = Link(link.name), Plain(port=link.port)
    for name in ("medium", "interface", "group", "ttl", "speed"):
        value = getattr(link, name)
        if value != getattr(base, name):
            found[name] = value if isinstance(value, int) else str(value)
    return found


def _ping(ping: Ping) -> Plain:
    found = Plain(targets={target.name: list(target.hosts) for target in ping.targets})
    for name, value_ms in (
        ("interval", ping.interval_ms),
        ("timeout", ping.timeout_ms),
        ("dampen", ping.dampen_ms),
    ):
        found[name] = show_duration(value_ms) if value_ms else None
    found["multiplier"] = ping.multiplier if ping.multiplier != 1 else None
    return _without_empty(found)


def _node(node: Node) -> Plain:
    found: Plain = {"addresses": {str(a.link): show_place(a.host, a.port) for a in node.addresses}}
    if not node.voter and not node.witness:
        found["voter"] = False  # a witness is there to vote, whether it does at the moment or not
    found |= {flag: True for flag in ("witness", "standby", "maintenance") if getattr(node, flag)}
    if node.standby_until_wall_ms is not None:
        found["standby_until"] = show_moment(node.standby_until_wall_ms)
    parts = {
        "attributes": dict(node.attributes),
        "capacity": dict(node.capacity),
        "fence_levels": [list(level) for level in node.fence_levels],
    }
    return found | _without_empty(parts)


def _primitive(item: Primitive) -> Plain:
    found: Plain = {"agent": str(item.agent)}
    found |= _without_empty(
        {
            "description": item.description,
            "parameters": dict(item.parameters),
            "operations": _operations(item.operations),
            "utilization": dict(item.utilization),
        }
    )
    return found | _meta(item.meta, Meta())


def _operations(operations: Iterable[Operation]) -> Plain:
    found = Plain()
    monitors = []
    for item in operations:
        if item.action == "monitor":
            monitors.append(_operation(item))
        else:
            found[item.action] = _operation(item)
    return {**found, "monitor": monitors} if monitors else found


def _operation(item: Operation) -> Plain:
    found = Plain()
    if item.action == "monitor":
        found["interval"] = show_duration(item.interval_ms)
    found["timeout"] = show_duration(item.timeout_ms)
    if item.on_fail is not None:
        found["on_fail"] = str(item.on_fail)
    return found | _unlike(item, Operation(item.action), "depth", "role", "enabled")


def _group(group: Group) -> Plain:
    found: Plain = {"group": [str(member) for member in group.members]}
    found |= _without_empty({"description": group.description})
    found |= _unlike(group, Group(group.id, group.members), "ordered", "colocated")
    return found | _meta(group.meta, Meta())


def _clone(clone: Clone) -> Plain:
    """Return the words of the resource that is cloned."""
    base = Clone(clone_name(clone.member), clone.member)
    flags = ("unique", "interleave", "ordered", "notify")
    found = _unlike(clone, base, "id", "description")
    for name, field in (
        ("max", "instances_max"),
        ("per_node", "node_max"),
        ("min", "instances_min"),
    ):
        value = getattr(clone, field)
        if value != getattr(base, field):
            found[name] = value
    found |= _unlike(clone, base, *flags) | _meta(clone.meta, Meta())
    if not clone.promotable:
        return {"clone": found or True}
    promoted = {"max": clone.promoted_max, "per_node": clone.promoted_node_max}
    promotable = {key: value for key, value in promoted.items() if value != 1}
    return {"promotable": promotable or True} | ({"clone": found} if found else {})


def _meta(meta: Meta, base: Meta) -> Plain:
    found = Plain()
    for field in fields(meta):
        value = getattr(meta, field.name)
        if value is None or value == getattr(base, field.name):
            continue
        if field.name == "failure_timeout_ms":
            found["failure_timeout"] = show_duration(value)
        elif field.name in _SCORES:
            found[field.name] = show_score(value)
        else:
            found[field.name] = value if isinstance(value, bool) else str(value)
    return found


def _location(item: Location) -> Plain:
    found: Plain = {"location": str(item.resource), "node": str(item.node)}
    if item.score != INFINITY:
        found["score"] = show_score(item.score)
    if item.origin is not Origin.ADMINISTRATOR:
        found["origin"] = str(item.origin)
    if item.expires_wall_ms is not None:
        found["expires"] = show_moment(item.expires_wall_ms)
    if item.until_generation:
        found["until_generation"] = item.until_generation
    return found | _unlike(item, Location(item.id, item.resource, item.node, 0), *_OF_PLACES)


def _colocation(item: Colocation) -> Plain:
    found: Plain = {"colocation": str(item.resource), "with": str(item.with_resource)}
    found["score"] = show_score(item.score)
    base = Colocation(item.id, item.resource, item.with_resource, 0)
    return found | _unlike(item, base, "role", "with_role", "node_attribute", "influence")


def _ordering(item: Ordering) -> Plain:
    found: Plain = {"order": str(item.first), "then": str(item.then)}
    base = Ordering(item.id, item.first, item.then)
    names = ("kind", "symmetrical", "first_action", "then_action", "any_of")
    return found | _unlike(item, base, *names)


def _defaults(defaults: Defaults) -> Plain:
    base, operation = Defaults(), Plain()
    if defaults.operation_timeout_ms != base.operation_timeout_ms:
        operation["timeout"] = show_duration(defaults.operation_timeout_ms)
    if defaults.monitor_interval_ms != base.monitor_interval_ms:
        operation["monitor_interval"] = show_duration(defaults.monitor_interval_ms)
    resource = _meta(defaults.meta, base.meta)
    return _without_empty({"resource": resource, "operation": operation})


def _unlike(item: object, base: object, *names: str) -> Plain:
    """Return the fields that are not as usual, as scores, flags or words."""
    found = Plain()
    for name in names:
        value = getattr(item, name)
        if value != getattr(base, name):
            is_score = isinstance(value, int) and not isinstance(value, bool)
            plain_value = value if isinstance(value, bool) else str(value)
            found[name] = show_score(value) if is_score else plain_value
    return found


def _without_empty(values: Plain) -> Plain:
    return {key: value for key, value in values.items() if value}
