"""How two configurations differ, in the words and units of the file.

Owns: the lines of `ha diff`, the plan and the history. Pure.
"""

import json
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from typing import Any

from ha_core.config.kinds import show_duration, show_moment, show_place, show_score
from ha_core.config.model import (
    Address,
    Alert,
    Clone,
    Colocation,
    Configuration,
    Constraint,
    Defaults,
    FenceDevice,
    Location,
    Node,
    Operation,
    Ordering,
    Primitive,
    Rule,
    TicketConstraint,
)
from ha_core.config.render_rules import rule_as_plain
from ha_core.config.secrets import HIDDEN, is_secret
from ha_core.config.words import Part, collect

_SCORES = (
    *("score", "stickiness", "priority", "migration_threshold", "prefers_connectivity"),
    *("red", "yellow", "green", "base"),
)
_RENAMED = {
    (Location, "resource"): "location",
    (Location, "expires_wall_ms"): "expires",
    (Node, "standby_until_wall_ms"): "standby_until",
    (Rule, "resource"): "rule",
    (Colocation, "resource"): "colocation",
    (Colocation, "with_resource"): "with",
    (Ordering, "first"): "order",
    (TicketConstraint, "loss_policy"): "loss",
    (Clone, "instances_max"): "max",
    (Clone, "node_max"): "per_node",
    (Clone, "instances_min"): "min",
    (Clone, "promoted_max"): "promotable.max",
    (Clone, "promoted_node_max"): "promotable.per_node",
    (Defaults, "operation_timeout_ms"): "operation.timeout",
    (Defaults, "monitor_interval_ms"): "operation.monitor_interval",
}
"""Where the file calls a field otherwise than the model, but for the unit in its name."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a configuration: its facts as text, and those that need not be told of a new
    one.
    """

    name: str
    facts: dict[str, str]
    usual: frozenset[str] = frozenset()


def diff(before: Configuration, after: Configuration) -> tuple[str, ...]:
    """Return one line for each difference: `+` new, `-` gone, else what changed, from and to."""
    old = {part.name: part for part in _parts(before)}
    new = {part.name: part for part in _parts(after)}
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            lines.append(f"- {name}")
        elif name not in old:
            lines.append(f"+ {name}{_told(new[name])}")
        else:
            lines += _changed(name, old[name].facts, new[name].facts)
    return tuple(lines)


def _told(part: _Part) -> str:
    facts = [_fact(part, key, text) for key, text in part.facts.items() if key not in part.usual]
    return f": {', '.join(facts)}" if facts else ""


def _fact(part: _Part, key: str, text: str) -> str:
    if key == "until_generation":  # A start's number says nothing to people.
        return f"until {part.facts.get('node', 'its node')} is lost or stops"
    return f"{key} {_shown(key, text)}"


def _changed(name: str, old: dict[str, str], new: dict[str, str]) -> Iterable[str]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{name}: {key} {_shown(key, old.get(key))} -> {_shown(key, new.get(key))}"


def _shown(key: str, text: str | None) -> str:
    if text is not None and is_secret(key.rpartition("parameters.")[2]):
        return HIDDEN
    return "none" if text is None else text or "''"


def _parts(configuration: Configuration) -> Iterable[_Part]:
    yield _Part("cluster", {"name": configuration.name})
    health = {
        f"health.{key}": text for key, text in _words(configuration.options.health)[0].items()
    }
    yield _part("options", configuration.options, health)
    meta = {f"resource.{k}": text for k, text in _words(configuration.defaults.meta)[0].items()}
    yield _part("defaults", configuration.defaults, meta)
    ports = {link.name: link.port for link in configuration.links}
    for link in configuration.links:
        yield _part(f"link {link.name}", link)
    for node in configuration.nodes:
        places = {f"addresses.{a.link}": _place(a, ports.get(a.link, 0)) for a in node.addresses}
        levels = {
            f"fence_levels.{number}": " and ".join(level)
            for number, level in enumerate(node.fence_levels, 1)
        }
        facts = {**places, **_pairs("attributes", node.attributes), **levels}
        facts |= _pairs("capacity", ((name, str(size)) for name, size in node.capacity))
        yield _part(f"node {node.name}", node, facts)
    parts, alone = collect(configuration)
    said: dict[str, dict[str, str]] = {}
    for source, part in parts.items():
        said.setdefault(source.rpartition(".")[0], {}).update(_said(part))
    for item in configuration.primitives:
        facts = _primitive_facts(item) | said.get(f"resources.{item.id}", {})
        yield _part(f"resource {item.id}", item, facts)
    for group in configuration.groups:
        facts = {"members": ", ".join(group.members), **_words(group.meta)[0]}
        yield _part(f"group {group.id}", group, facts | said.get(f"resources.{group.id}", {}))
    for clone in configuration.clones:
        yield _part(f"clone {clone.id}", clone, _words(clone.meta)[0])
    for constraint in alone:
        yield _part(f"constraint {constraint.id}", constraint, _condition_facts(constraint))
    for path, facts in said.items():
        section, _, name = path.partition(".")
        if section == "constraints":
            yield _Part(f"constraint {name}", facts)
    yield from (_Part(f"ticket {name}", {}) for name in configuration.ticket_names)
    for device in configuration.fence_devices:
        yield _part(f"fence device {device.id}", device, _device_facts(device))
    targets = {f"targets.{item.name}": ", ".join(item.hosts) for item in configuration.ping.targets}
    yield _part("ping", configuration.ping, targets)
    for alert in configuration.alerts:
        yield _part(f"alert {alert.id}", alert, _alert_facts(alert))


def _condition_facts(item: Constraint) -> dict[str, str]:
    """Return the condition of a rule that has one, as its file says it."""
    if not isinstance(item, Rule) or item.condition is None:
        return {}
    return {"when": json.dumps(rule_as_plain(item)["when"], ensure_ascii=False)}


def _said(part: Part) -> dict[str, str]:
    """Return what a word says, as text."""
    found: dict[str, str] = {}
    for key, value in part.items():
        match key:
            case "order":
                found[key] = " then ".join(" and ".join(level) for level in value)
            case "score" | "kind" | "symmetrical":
                found[key] = _text(key, value)
            case _:
                found[key] = ", ".join(
                    name if given is None else f"{name} {_behind(given)}" for name, given in value
                )
    return found


def _behind(given: Any) -> str:
    """Return what stands behind a name."""
    if not isinstance(given, dict):
        return _text("score", given)
    return f"({', '.join(f'{key} {_text(key, value)}' for key, value in given.items())})"


def _part(name: str, value: object, facts: dict[str, str] | None = None) -> _Part:
    own, usual = _words(value)
    return _Part(name, {**own, **(facts or {})}, usual)


def _place(address: Address, link_port: int) -> str:
    """Return where it listens: with the port, whether that is its own or the link's."""
    if address.host.startswith("/"):
        return address.host  # a serial device has none
    return show_place(address.host, address.port or link_port)


def _pairs(name: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {f"{name}.{key}": text for key, text in pairs}


def _primitive_facts(item: Primitive) -> dict[str, str]:
    operations = dict(map(_operation, item.operations))
    found = {"agent": str(item.agent)} | _pairs("parameters", item.parameters) | operations
    sizes = ((name, str(size)) for name, size in item.utilization)
    return found | _pairs("utilization", sizes) | _words(item.meta)[0]


def _device_facts(device: FenceDevice) -> dict[str, str]:
    """Return what is not a single value."""
    times = [(name, show_duration(at_ms)) for name, at_ms in device.timeouts]
    delays = [(name, show_duration(at_ms)) for name, at_ms in device.delays]
    found = {"targets": ", ".join(device.targets), **_pairs("parameters", device.parameters)}
    if device.reached_from:
        found["reached_from"] = ", ".join(device.reached_from)
    found |= _pairs("plugs", device.plugs) | _pairs("delays", delays) | _pairs("timeouts", times)
    return found | _pairs("retries", ((name, str(often)) for name, often in device.retries))


def _alert_facts(alert: Alert) -> dict[str, str]:
    """Return what is not a single value; recipients by their numbers."""
    found = {"select": ", ".join(alert.select), "attributes": ", ".join(alert.attributes)}
    found = {name: text for name, text in found.items() if text}
    found |= _pairs("parameters", alert.parameters)
    for number, item in enumerate(alert.recipients, 1):
        facts = {**_words(item)[0], **_pairs("parameters", item.parameters)}
        found |= {f"recipients.{number}.{name}": text for name, text in facts.items() if text}
    return found


def _operation(item: Operation) -> tuple[str, str]:
    name = item.action
    if item.action == "monitor" or item.interval_ms:
        name += f" every {show_duration(item.interval_ms)}"
    text = f"timeout {show_duration(item.timeout_ms)}"
    if item.on_fail is not None:
        text += f" on_fail {item.on_fail}"
    if item.depth:
        text += f" depth {item.depth}"
    if item.role is not None:
        text += f" role {item.role}"
    return name, text if item.enabled else f"{text} switched off"


def _words(value: object) -> tuple[dict[str, str], frozenset[str]]:
    """Return the fields that are single values as text, and which of them have their default."""
    found, usual = {}, set()
    for field in fields(value):  # type: ignore[arg-type]  # only values of the model come here
        item = getattr(value, field.name)
        is_single = item is not None and isinstance(item, str | int)
        if field.name in ("name", "id") or not is_single:
            continue
        key = _RENAMED.get((type(value), field.name), field.name.removesuffix("_ms"))
        found[key] = _text(field.name, item)
        if field.default is not MISSING and item == field.default:
            usual.add(key)
    return found, frozenset(usual)


def _text(name: str, value: str | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return str(value)
    if name.endswith("_wall_ms"):
        return show_moment(value)
    if name.endswith("_ms"):
        return show_duration(value)
    return str(show_score(value)) if name in _SCORES else str(value)
