"""A CIB as parts of our configuration, shaped like the file; and what of it has no place there.

Owns: the order in which its sections are read, as each needs the ones before; options,
defaults and nodes; and where pairs of our own belong.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ha_core.config import limits
from ha_core.config.cib import reasons
from ha_core.config.cib.form import OWN, Plain, applied, constraint_name
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.ping import is_ping, read_ping
from ha_core.config.cib.read_alerts import read_alerts
from ha_core.config.cib.read_clones import STICKINESS
from ha_core.config.cib.read_conditions import Conditions
from ha_core.config.cib.read_constraints import Constraints
from ha_core.config.cib.read_devices import Devices
from ha_core.config.cib.read_resources import Resources, duration, read_meta, read_sizes
from ha_core.config.cib.read_rules import Rules
from ha_core.config.cib.read_standby import timed_standby
from ha_core.config.cib.read_targets import Targets
from ha_core.config.cib.write import ALTERNATIVES, NODE_WORDS
from ha_core.config.cib.write_clones import NAMES
from ha_core.config.faults import shown
from ha_core.config.kinds import show_score
from ha_core.config.model import Defaults, HealthStrategy, NoQuorumPolicy, Options, Strategy
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_ORDER: Final = "order."
_WORDS: Final = "words."
_MEMBER: Final = ("", "member", "normal")
"""Types of nodes that are machines of the cluster."""


@dataclass(slots=True)
class Reading:
    """A CIB while it is being read, and then what it says."""

    source: Source
    ledger: Ledger
    names: Names
    plain: Plain = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    """Words of our files, by their paths, with the names of the constraints that they make."""
    unwatched: list[str] = field(default_factory=list)
    untargeted: list[str] = field(default_factory=list)
    own: Plain = field(default_factory=dict)
    stonith_off: bool = False
    is_ours: bool = False
    """It has pairs of our own: we have written it."""
    of_clones: dict[str, str] = field(default_factory=dict)
    """Options that hold for clones that do not say them."""


def read(root: Element, file: str) -> Reading:
    """Return what the CIB says, before anything is filled in that we need and it does not say."""
    ledger = Ledger(file)
    made = Reading(Source(root, 0, None), ledger, Names(ledger))
    options = _options(made)
    defaults = _defaults(made)
    made.plain = {"options": options, "defaults": defaults, "links": {}, "ping": {}}
    _own_of(made, "", made.plain, ("cluster", "links", "tickets"))
    for name, part in (("options", options), ("ping", made.plain["ping"])):
        made.plain[name] = _own_of(made, f"{name}.", part)
    for name, part in list(defaults.items()):
        defaults[name] = _own_of(made, f"defaults.{name}.", part)
    made.plain["nodes"] = _nodes(made)
    _resources(made)
    _finish(made)
    return made


def _own_of(made: Reading, prefix: str, part: Plain, only: tuple[str, ...] = ()) -> Plain:
    """Return the part with our own pairs of that prefix; `only`: those of these keys, in place."""
    mine = {
        name: value
        for name, value in made.own.items()
        if name.startswith(prefix) and (not only or name.partition(".")[0] in only)
    }
    for name in mine:
        del made.own[name]
    found, strange = applied(part, {key.removeprefix(prefix): v for key, v in mine.items()})
    made.own |= {f"{prefix}{key}": mine[f"{prefix}{key}"] for key in strange}
    if only:
        part.update({key: found[key] for key in only if key in found})
    return found


# --- options and defaults --------------------------------------------------------------------


def _options(made: Reading) -> Plain:
    section = _section(made, "crm_config")
    pairs = Pairs(made.source, made.ledger, "cluster_property_set", *section)
    made.own, made.is_ours = pairs.own, bool(pairs.own)
    found: Plain = {}
    name = pairs.text("cluster-name")
    if name is not None and limits.ID.fullmatch(name):
        made.own.setdefault("cluster", name)
    elif name is not None:
        pairs.drop("cluster-name", f"it is {shown(name)}; allowed: {limits.ID_ALLOWED}")
    if pairs.value(values.boolean, "symmetric-cluster", "symmetric_cluster") is False:
        found["symmetric"] = False
    if pairs.value(values.boolean, "maintenance-mode"):
        found["maintenance"] = True
    policy = pairs.text("no-quorum-policy")
    if policy in tuple(NoQuorumPolicy):
        found |= {} if policy == Options().no_quorum_policy else {"no_quorum_policy": policy}
    elif policy is not None:
        allowed = ", ".join(NoQuorumPolicy)
        text = f"it is {shown(policy)}, and stop is taken; allowed: {allowed}"
        pairs.drop("no-quorum-policy", text)
    scores = _health(pairs)
    made.source.health.update((word, scores[word]) for word in ("red", "yellow", "green"))
    found |= _further(pairs, scores)
    fencing = pairs.value(values.boolean, "stonith-enabled", "fencing-enabled")
    made.stonith_off = fencing is False
    action = pairs.value(_action, "stonith-action", "fencing-action")
    found["action"] = action or ""
    return found


def _health(pairs: Pairs) -> dict[str, int]:
    """Return what the words red, yellow and green, and base, mean."""
    usual = Options().health
    found: dict[str, int] = {}
    for colour in ("red", "yellow", "green", "base"):
        value = pairs.value(values.score, f"node-health-{colour}")
        found[colour] = getattr(usual, colour) if value is None else value
    return found


def _further(pairs: Pairs, scores: dict[str, int]) -> Plain:
    """Return the options that say how capacities, health and failures count."""
    found = {
        "strategy": pairs.value(_word(Strategy), "placement-strategy"),
        "stop_all": pairs.value(values.boolean, "stop-all-resources"),
        "start_failure_is_fatal": pairs.value(values.boolean, "start-failure-is-fatal"),
    }
    usual = {name: getattr(Options(), name) for name in found}
    found = {key: v for key, v in found.items() if v is not None and v != usual[key]}
    health: Plain = {"strategy": pairs.value(_word(HealthStrategy), "node-health-strategy")}
    health |= scores
    base = Options().health
    health = {
        key: value if key == "strategy" else show_score(value)
        for key, value in health.items()
        if value is not None and value != getattr(base, key)
    }
    return found | ({"health": health} if health else {})


def _word(kind: type[StrEnum]) -> Callable[[str], str | None]:
    """Return what reads a word of the enumeration."""
    words = {str(word): str(word) for word in kind}
    return lambda text: words.get(text.strip().lower())


def _action(text: str) -> str | None:
    return {"off": "off", "poweroff": "off", "reboot": "reboot"}.get(text)


def _defaults(made: Reading) -> Plain:
    pairs = Pairs(made.source, made.ledger, "meta_attributes", *_section(made, "rsc_defaults"))
    base = Defaults()
    meta = read_meta(pairs)
    made.of_clones = {name: text for name in NAMES if (text := pairs.text(name)) is not None}
    if "stickiness" not in meta:
        made.of_clones[STICKINESS] = "1"
    meta.setdefault("stickiness", 0)
    if meta["stickiness"] == base.meta.stickiness:
        del meta["stickiness"]
    pairs = Pairs(made.source, made.ledger, "meta_attributes", *_section(made, "op_defaults"))
    timeout_ms = pairs.value(values.milliseconds, "timeout")
    operation: Plain = {}
    if timeout_ms is not None and timeout_ms != base.operation_timeout_ms:
        operation["timeout"] = duration(f"{timeout_ms}ms")
    return {"resource": meta, "operation": operation}


def _section(made: Reading, tag: str) -> list[Element]:
    """Return the sections of that name, which are thereby read."""
    whole = made.source.root.child("configuration")
    found = whole.all(tag) if whole is not None else []
    made.ledger.see(*found)
    return found


# --- nodes -----------------------------------------------------------------------------------


def _nodes(made: Reading) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for section in _section(made, "nodes"):
        for element in section.all("node"):
            made.ledger.see(element)
            if made.ledger.take(element, "type") not in _MEMBER:
                made.ledger.leave(element, reasons.of_attribute("node", "type"))
                continue
            wanted = made.ledger.take(element, "uname") or element.id
            name = made.names.node(element, wanted)
            if not name:
                made.ledger.leave(element, f"{shown(wanted)} makes no name of its own here")
                continue
            found[name] = _node(made, element)
    return found


def _node(made: Reading, element: Element) -> Plain:
    conditions = Conditions(made.source, made.ledger, made.names, {}, is_ours=made.is_ours)
    timed = timed_standby(made.source, made.ledger, conditions, element)
    without = timed[0] if timed is not None else None
    pairs = Pairs(made.source, made.ledger, "instance_attributes", element, without=without)
    found: Plain = {"addresses": {}}
    for flag in ("standby", "maintenance"):
        if pairs.value(values.boolean, flag):
            found[flag] = True
    if timed is not None and "standby" not in pairs.names():
        found |= {"standby": True, "standby_until": timed[1]}
    attributes = {}
    for name in pairs.names():
        if name in NODE_WORDS:
            continue
        if not limits.NODE_ATTRIBUTE.fullmatch(name):
            pairs.drop(name, f"allowed: {limits.NODE_ATTRIBUTE_ALLOWED}")
        elif (text := pairs.text(name)) is not None:
            attributes[name] = text
    capacity = read_sizes(made.source, made.ledger, element)
    parts = {"attributes": attributes, "capacity": capacity}
    return found | {key: part for key, part in parts.items() if part}


# --- resources, devices, constraints ---------------------------------------------------------


def _resources(made: Reading) -> None:
    elements = [child for part in _section(made, "resources") for child in part.children]
    defaults = made.plain["defaults"]["operation"]
    base = Defaults()
    monitor: Plain = {
        "interval": defaults.get("monitor_interval") or duration(f"{base.monitor_interval_ms}ms"),
        "timeout": defaults.get("timeout") or duration(f"{base.operation_timeout_ms}ms"),
    }
    resources = Resources(made.source, made.ledger, made.names, monitor, made.of_clones)
    rules = Rules(made.source, made.ledger, made.names, made.is_ours)
    pings = [element for element in elements if is_ping(element)][:1]
    for element in pings:
        made.plain["ping"], attribute = read_ping(resources, element)
        rules.attributes[attribute] = "connectivity"
    resources.read(element for element in elements if element not in pings)
    action = made.plain["options"].pop("action")
    devices = Devices(made.source, made.ledger, made.names, resources, action)
    for sources in resources.stonith:
        devices.read(*sources)
    if made.stonith_off and devices.found:
        made.plain["options"].setdefault("fencing", False)
    left = frozenset(_ids(elements)) - {*made.names.resources, *made.names.devices}
    tags = {tag.id: tag for part in _section(made, "tags") for tag in part.children}
    kept = {*made.names.resources}
    tops = tuple(element.id for element in elements if element.id in kept)
    targets = Targets(made.ledger, made.names, left, tags, resources.users, tops)
    constraints = Constraints(made.source, made.ledger, made.names, devices, rules, targets)
    for name in [name for name in made.own if name.startswith(ALTERNATIVES)]:
        constraints.alternatives[name.removeprefix(ALTERNATIVES)] = made.own.pop(name)
    for section in _section(made, "constraints"):
        for element in section.children:
            constraints.read(element)
    levels = dict(
        devices.levels(
            child for part in _section(made, "fencing-topology") for child in part.children
        )
    )
    for name, found in levels.items():
        made.plain["nodes"][name]["fence_levels"] = found
    made.untargeted = devices.aim(levels)
    devices.finish()
    made.plain["resources"] = resources.primitives | resources.groups
    made.plain["fence_devices"] = devices.found
    made.plain["constraints"] = constraints.found
    alerts = [item for part in _section(made, "alerts") for item in part.all("alert")]
    made.plain["alerts"] = read_alerts(made.source, made.ledger, made.names, made.own, alerts)
    made.unwatched = resources.unwatched


def _ids(elements: list[Element]) -> list[str]:
    found, todo = [], list(elements)
    while todo:
        element = todo.pop()
        found.append(element.id)
        todo.extend(element.all("primitive", "group", "clone", "master"))
    return found


# --- pairs of our own, and what is left ------------------------------------------------------


def _finish(made: Reading) -> None:
    """Give every pair of our own to the part that it is of, and tell of all that is left."""
    plain = made.plain
    parts = {f"nodes.{name}": plain["nodes"] for name in plain["nodes"]}
    for section in ("constraints", "alerts"):
        parts |= {f"{section}.{name}": plain[section] for name in plain[section]}
    by_part: dict[str, Plain] = {}
    names: dict[str, str] = {}
    for name in list(made.own):
        owner = _owner(name, parts)
        if owner:
            by_part.setdefault(owner, {})[name.removeprefix(f"{owner}.")] = made.own.pop(name)
    for owner, changes in by_part.items():
        section = parts[owner]
        key = owner.partition(".")[2]
        if section is plain["constraints"] and "name" in changes:
            names[key] = str(changes.pop("name"))
        section[key], strange = applied(section[key], changes)
        made.own |= {f"{owner}.{name}": changes[name] for name in strange}
    _rename(made, names)
    _sort(made)
    for name in [name for name in made.own if name.startswith(_WORDS)]:
        made.words[name.removeprefix(_WORDS)] = str(made.own.pop(name)).split()
    for name in made.own:
        text = f"{OWN}{name} is left out: it is of nothing that is there"
        made.ledger.note(made.source.root, text)
    made.ledger.finish(_sections(made))


def _owner(name: str, parts: Plain) -> str:
    """Return the part that a pair of our own is of: names have dots, as paths have."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in parts:
            return name
    return ""


def _rename(made: Reading, names: dict[str, str]) -> None:
    """Give constraints their names, which may be none that XML could have as ids."""
    found: dict[str, Plain] = {}
    for key, part in made.plain["constraints"].items():
        name = names.get(key) or constraint_name(key)
        while name in found:
            name = f"{name}-2"
        found[name] = part
        made.names.places[f"constraints.{name}"] = made.names.places[f"constraints.{key}"]
        if name != key and key not in names:
            element = made.names.places[f"constraints.{key}"]
            text = f"{shown(key)} is called {name}; allowed: {limits.CONSTRAINT_ID_ALLOWED}"
            made.ledger.note(element, text)
    made.plain["constraints"] = found


def _sort(made: Reading) -> None:
    """Put parts in the order that a pair of our own says, where it is not the CIB's."""
    for name in [name for name in made.own if name.startswith(_ORDER)]:
        section = made.plain.get(name.removeprefix(_ORDER))
        wanted = made.own[name]
        if isinstance(section, dict) and isinstance(wanted, list):
            del made.own[name]
            first = [key for key in wanted if isinstance(key, str) and key in section]
            ordered = {key: section[key] for key in [*first, *section]}
            made.plain[name.removeprefix(_ORDER)] = ordered


def _sections(made: Reading) -> list[Element]:
    """Return where something may be left that nobody has read."""
    root = made.source.root
    status = [item for item in root.all("status") if item.children]
    rest = [item for item in root.children if item.tag not in ("status", "configuration")]
    whole = root.all("configuration")
    made.ledger.see(*whole)
    return [*whole, *status, *rest]
