"""Resources of a CIB as ours: primitives, groups, clones, templates written out; devices apart.

Owns: which agent's parameters stand for our own classes, and what becomes of each option.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ha_core.config import limits
from ha_core.config.build import clone_name
from ha_core.config.cib.form import Plain, applied
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.read_clones import read_clone
from ha_core.config.cib.write import ADDRESS, PROCESS
from ha_core.config.faults import shown
from ha_core.config.keys import FURTHER_OPERATIONS
from ha_core.config.kinds import show_duration, show_score
from ha_core.config.model import AgentClass, MultipleActive, OnFail, Requires
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Role

STONITH: Final = "stonith"
REMOTE: Final = ("ocf", "pacemaker", "remote")
MONITOR: Final = "monitor"
_CLASSES: Final = ("ocf", "lsb", "systemd", "service", "heartbeat")
_TARGETS: Final = {role: role.name.lower() for role in Role}


def duration(text: str) -> str | None:
    """Return a time as our files say it."""
    found = values.milliseconds(text)
    return None if found is None else show_duration(found)


def score(text: str) -> int | str | None:
    """Return a score as our files say it."""
    found = values.score(text)
    return None if found is None else show_score(found)


def _target(text: str) -> str | None:
    role = values.role(text)
    return None if role is None else _TARGETS.get(role)


def _several(text: str) -> str | None:
    word = text.strip().lower()
    word = {"stop_start_only": "stop_start"}.get(word, word)
    return word if word in tuple(MultipleActive) else None


def _needed(text: str) -> str | None:
    word = text.strip().lower()
    return word if word in tuple(Requires) else None


META: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "target_role": ("target-role", _target),
    "managed": ("is-managed", values.boolean),
    "stickiness": ("resource-stickiness", score),
    "priority": ("priority", score),
    "migration_threshold": ("migration-threshold", score),
    "failure_timeout": ("failure-timeout", duration),
    "critical": ("critical", values.boolean),
    "allow_migrate": ("allow-migrate", values.boolean),
    "multiple_active": ("multiple-active", _several),
    "requires": ("requires", _needed),
    "allow_unhealthy_nodes": ("allow-unhealthy-nodes", values.boolean),
    "maintenance": ("maintenance", values.boolean),
}
ACTIONS: Final = ("start", "stop", MONITOR, *FURTHER_OPERATIONS)
_ON_FAIL: Final = {"nothing": "ignore"}
"""Older words for the same."""


@dataclass(slots=True)
class Resources:
    """What has been read of the resources."""

    source: Source
    ledger: Ledger
    names: Names
    monitor: Plain
    """The only monitor of a resource that says nothing of monitors."""
    of_clones: dict[str, str] = field(default_factory=dict)
    """Options that hold for clones that do not say them."""
    primitives: dict[str, Plain] = field(default_factory=dict)
    groups: dict[str, Plain] = field(default_factory=dict)
    stonith: list[tuple[Element, ...]] = field(default_factory=list)
    """Fence devices, each with the template that it uses."""
    unwatched: list[str] = field(default_factory=list)
    """Resources of which no monitor is said."""
    users: dict[str, list[str]] = field(default_factory=dict)
    """Ids of what uses each template."""
    _templates: dict[str, Element] = field(default_factory=dict)

    def read(self, elements: Iterable[Element]) -> None:
        """Read all; what is no primitive and no group is told when all is read."""
        elements = list(elements)
        self._templates = {item.id: item for item in elements if item.tag == "template"}
        for element in elements:
            odd = self._oddity(element)
            if odd:
                self.ledger.leave(element, f"not supported: {odd}")
            elif element.tag == "primitive":
                self._primitive(element)
            elif element.tag == "group":
                self._group(element)
            elif element.tag in ("clone", "master"):
                self._clone(element)

    def _oddity(self, element: Element) -> str:
        """Return what is in it that is out of scope, empty if there is nothing."""
        inside = [element]
        for item in inside:
            inside += item.all("primitive", "group", "clone", "master", "bundle")
            if item.tag == "bundle":
                return f"bundle {shown(item.id)}"
            layers = [item, self._templates.get(item.get("template"), item)]
            for layer in layers:
                if tuple(layer.get(name) for name in ("class", "provider", "type")) == REMOTE:
                    return f"remote node {shown(item.id)}"
                blocks = [self.source.referred(block) for block in layer.all("meta_attributes")]
                pairs = [pair for block in blocks if block for pair in block.all("nvpair")]
                if any(pair.get("name") == "remote-node" for pair in pairs):
                    return f"guest node {shown(item.id)}"
        return ""

    def _clone(self, element: Element) -> None:
        """Read what is copied, which then has the words that say how."""
        inner = element.all("primitive", "group")
        if len(inner) != 1:
            text = f"it copies {len(inner)} resources; allowed: one primitive or group"
            self.ledger.leave(element, text)
            return
        is_group = inner[0].tag == "group"
        member = self._group(inner[0]) if is_group else self._primitive(inner[0])
        part = (self.groups if is_group else self.primitives).get(member)
        if part is None:
            self.ledger.leave(element, f"{inner[0].id} is left out, too")
            return
        self.ledger.see(element)
        metas = Pairs(self.source, self.ledger, "meta_attributes", element)
        name = self.names.resource(element, metas.own.pop("name", element.id))
        is_master = element.tag == "master"
        meta = self._description(element) | read_meta(metas)
        found = read_clone(metas, self.of_clones, meta, name, member, is_master=is_master)
        own = metas.own
        if own:
            said = found.get("clone")
            found["clone"] = self._with_own(element, said if isinstance(said, dict) else {}, own)
        part |= {key: value for key, value in found.items() if key not in part}
        self.names.places[f"resources.{member}.clone"] = element
        if name == clone_name(member):
            self.names.copied[element.id] = member

    def _group(self, element: Element) -> str:
        self.ledger.see(element)
        members = [self._primitive(child) for child in element.all("primitive")]
        metas = Pairs(self.source, self.ledger, "meta_attributes", element)
        name = self.names.resource(element, metas.own.pop("name", element.id))
        found: Plain = {"group": [member for member in members if member]}
        found |= self._description(element) | read_meta(metas)
        for key, theirs in (("ordered", "ordered"), ("colocated", "collocated")):
            if metas.value(values.boolean, theirs) is False:
                found[key] = False
        self.groups[name] = self._with_own(element, found, metas.own)
        return name

    def _primitive(self, element: Element) -> str:
        """Read one and return its name, empty if it is left out or a fence device."""
        self.ledger.see(element)
        template = self._template(element)
        sources = (element, template) if template is not None else (element,)
        words = [self._word(name, *sources) for name in ("class", "provider", "type")]
        if words[0] == STONITH:
            self.stonith.append(sources)
            return ""
        if words[0] not in _CLASSES:
            allowed = ", ".join(_CLASSES)
            self.ledger.leave(element, f"its class is {shown(words[0])}; allowed: {allowed}")
            return ""
        if words[0] == AgentClass.OCF and not words[1]:
            self.ledger.note(element, f"{element.id} names no provider; it is taken for heartbeat")
        metas = Pairs(self.source, self.ledger, "meta_attributes", *sources)
        name = self.names.resource(element, metas.own.pop("name", element.id))
        agent = metas.own.pop("agent", ":".join(word for word in words if word))
        given = self.parameters(*sources)
        if agent in (AgentClass.ADDRESS, AgentClass.PROCESS):
            given = _built_in(agent, given)
        found: Plain = {"agent": agent} | self._description(element)
        found |= {"parameters": given} if given else {}
        operations = self._operations(sources, name)
        found |= {"operations": operations} if operations else {}
        utilization = read_sizes(self.source, self.ledger, *sources)
        found |= {"utilization": utilization} if utilization else {}
        self.primitives[name] = self._with_own(element, found | read_meta(metas), metas.own)
        return name

    def parameters(self, *sources: Element) -> dict[str, str]:
        """Return the parameters with names that agents can have."""
        pairs = Pairs(self.source, self.ledger, "instance_attributes", *sources)
        found = {}
        for name in pairs.names():
            if not limits.PARAMETER.fullmatch(name):
                pairs.drop(name, f"allowed: {limits.PARAMETER_ALLOWED}")
            elif (text := pairs.text(name)) is not None:
                found[name] = text
        return found

    def _with_own(self, element: Element, found: Plain, own: Plain) -> Plain:
        found, strange = applied(found, own)
        for name in strange:
            self.ledger.note(element, f"beatkeeper-{name} is left out: there is no such key")
        return found

    def _description(self, element: Element) -> Plain:
        text = self.ledger.take(element, "description")
        return {"description": text} if text else {}

    def _template(self, element: Element) -> Element | None:
        if "template" not in element.attributes:
            return None
        name = self.ledger.take(element, "template")
        found = self._templates.get(name)
        if found is None:
            self.ledger.note(element, f"{element.id}: there is no template {shown(name)}")
            return None
        self.ledger.see(found)
        self.users.setdefault(name, []).append(element.id)
        return found

    def _word(self, name: str, *sources: Element) -> str:
        return next((text for item in sources if (text := self.ledger.take(item, name))), "")

    # --- operations

    def _operations(self, sources: tuple[Element, ...], name: str) -> Plain:
        found: Plain = {}
        monitors: list[Plain] = []
        done: set[tuple[str, str]] = set()
        for source in sources:
            for block in source.all("operations"):
                self.ledger.see(block)
                for child in block.all("op"):
                    op = self.source.referred(child)
                    self.ledger.see(child)
                    if op is not None:
                        self._operation(op, found, monitors, done)
        if not monitors:
            self.unwatched.append(name)
            monitors.append({"interval": "0ms"})
        if monitors and monitors != [self.monitor]:
            found["monitor"] = monitors
        return found

    def _operation(
        self, op: Element, found: Plain, monitors: list[Plain], done: set[tuple[str, str]]
    ) -> None:
        action = self.ledger.take(op, "name")
        metas = Pairs(self.source, self.ledger, "meta_attributes", op)
        interval = duration(self._of_op(op, metas, "interval") or "0")
        key = (action, interval or "")
        role = values.role(op.get("role", "started"))
        is_off = values.boolean(op.get("enabled", "true")) is False
        if action not in ACTIONS:
            self.ledger.leave(op, f"it is {shown(action)}; allowed: {', '.join(ACTIONS)}")
        elif is_off and action != MONITOR:
            self.ledger.leave(op, "it is switched off")
        elif role is None or (role is not Role.STARTED and action != MONITOR):
            allowed = "of a monitor stopped, started, unpromoted, promoted"
            self.ledger.leave(op, f"its role is {shown(op.get('role'))}; allowed: {allowed}")
        elif key in done:
            self.ledger.leave(op, "the resource has the same operation already")
        elif interval is None:
            self.ledger.leave(op, f"its interval is {shown(op.get('interval'))}")
        else:
            done.add(key)
            self.ledger.take(op, "role")
            self.ledger.take(op, "enabled")
            part: Plain = {"interval": interval} if action == MONITOR else {}
            part |= self._limits(op, metas)
            part |= {} if role is Role.STARTED else {"role": role.name.lower()}
            part |= {"enabled": False} if is_off else {}
            if action == MONITOR:
                monitors.append(part)
            else:
                found[action] = part

    def _limits(self, op: Element, metas: Pairs) -> Plain:
        """Return time limit, what a failure leads to, and depth."""
        part: Plain = {}
        timeout = self._of_op(op, metas, "timeout")
        if timeout is not None and duration(timeout) is None:
            self.ledger.note(op, f"{op.id}: timeout is left out: it is {shown(timeout)}")
        elif timeout is not None:
            part["timeout"] = duration(timeout)
        on_fail = self._of_op(op, metas, "on-fail")
        on_fail = _ON_FAIL.get(on_fail, on_fail) if on_fail is not None else None
        if on_fail in tuple(OnFail):
            part["on_fail"] = on_fail
        elif on_fail is not None:
            text = f"{op.id}: on-fail is left out: it is {shown(on_fail)}"
            self.ledger.note(op, f"{text}; allowed: {', '.join(OnFail)}")
        pairs = Pairs(self.source, self.ledger, "instance_attributes", op)
        depth = pairs.value(values.number, "OCF_CHECK_LEVEL")
        return part | ({"depth": depth} if depth else {})

    def _of_op(self, op: Element, metas: Pairs, name: str) -> str | None:
        """Return what an operation says, as an attribute or, as older tools wrote it, a pair."""
        if name in op.attributes:
            return self.ledger.take(op, name)
        return metas.text(name)


def read_sizes(source: Source, ledger: Ledger, *elements: Element) -> dict[str, int]:
    """Return a node's capacity, or what a resource takes of it."""
    pairs = Pairs(source, ledger, "utilization", *elements)
    found = {}
    for name in pairs.names():
        size = pairs.value(values.number, name)
        if size is None:
            continue
        if limits.PARAMETER.fullmatch(name) and 0 <= size <= limits.CAPACITY_MAX:
            found[name] = size
        else:
            allowed = f"0 to {limits.CAPACITY_MAX}, under a name of {limits.PARAMETER_ALLOWED}"
            pairs.drop(name, f"it is {size}; allowed: {allowed}")
    return found


def read_meta(pairs: Pairs) -> Plain:
    """Return the options of a resource that are there."""
    found = {key: pairs.value(read, name) for key, (name, read) in META.items()}
    return {key: value for key, value in found.items() if value is not None}


def _built_in(agent: str, given: dict[str, str]) -> dict[str, str]:
    """Return the parameters of a built-in class from those of the agent that stands for it."""
    if agent == AgentClass.ADDRESS:
        names = {theirs: ours for ours, theirs in ADDRESS.items()}
        found = {names.get(name, name): value for name, value in given.items()}
        if "address" in found and "prefix" in found:
            found["address"] += f"/{found.pop('prefix')}"
        return found
    names = {theirs: ours for ours, theirs in PROCESS.items()}
    words = [given.get(name, "") for name in ("binfile", "cmdline_options")]
    rest = {name: value for name, value in given.items() if name in names}
    command = " ".join(word for word in words if word)
    return {"command": command} | {names[name]: value for name, value in rest.items()}
