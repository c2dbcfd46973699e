"""Resources of a CIB as ours: primitives, groups, templates written out; fence devices apart.

Owns: which agent's parameters stand for our own classes, and what becomes of each option.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ha_core.config import limits
from ha_core.config.cib import reasons
from ha_core.config.cib.form import Plain, applied
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.write import ADDRESS, PROCESS
from ha_core.config.faults import shown
from ha_core.config.kinds import show_duration, show_score
from ha_core.config.model import AgentClass, OnFail
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Role

STONITH: Final = "stonith"
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


META: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "target_role": ("target-role", _target),
    "managed": ("is-managed", values.boolean),
    "stickiness": ("resource-stickiness", score),
    "priority": ("priority", score),
    "migration_threshold": ("migration-threshold", score),
    "failure_timeout": ("failure-timeout", duration),
}


@dataclass(slots=True)
class Resources:
    """What has been read of the resources."""

    source: Source
    ledger: Ledger
    names: Names
    monitor: Plain
    """The only monitor of a resource that says nothing of monitors."""
    primitives: dict[str, Plain] = field(default_factory=dict)
    groups: dict[str, Plain] = field(default_factory=dict)
    stonith: list[tuple[Element, ...]] = field(default_factory=list)
    """Fence devices, each with the template that it uses."""
    unwatched: list[str] = field(default_factory=list)
    """Resources of which no monitor is said."""
    _templates: dict[str, Element] = field(default_factory=dict)

    def read(self, elements: Iterable[Element]) -> None:
        """Read all; what is no primitive and no group is told when all is read."""
        elements = list(elements)
        self._templates = {item.id: item for item in elements if item.tag == "template"}
        for element in elements:
            if element.tag == "primitive":
                self._primitive(element)
            elif element.tag == "group":
                self._group(element)

    def _group(self, element: Element) -> None:
        self.ledger.see(element)
        members = [self._primitive(child) for child in element.all("primitive")]
        metas = Pairs(self.source, self.ledger, "meta_attributes", element)
        name = self.names.resource(element, metas.own.pop("name", element.id))
        found: Plain = {"group": [member for member in members if member]}
        found |= self._description(element) | read_meta(metas)
        self.groups[name] = self._with_own(element, found, metas.own)

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
        if values.boolean(op.get("enabled", "true")) is False:
            self.ledger.leave(op, "it is switched off")
        elif action not in ("start", "stop", "monitor"):
            self.ledger.leave(op, f"it is {shown(action)}, and {reasons.ACTIONS}")
        elif role is not Role.STARTED:
            self.ledger.leave(op, reasons.OPERATIONS["role"])
        elif key in done:
            self.ledger.leave(op, "the resource has the same operation already")
        elif interval is None:
            self.ledger.leave(op, f"its interval is {shown(op.get('interval'))}")
        else:
            done.add(key)
            self.ledger.take(op, "role")
            self.ledger.take(op, "enabled")
            part = {"interval": interval} if action == "monitor" else {}
            part |= self._limits(op, metas)
            if action == "monitor":
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


def read_meta(pairs: Pairs) -> Plain:
    """Return the options of a resource that are there."""
    found = {key: pairs.value(read, name) for key, (name, read) in META.items()}
    if "maintenance" in pairs.names() and found["managed"] is None:
        is_left = pairs.value(values.boolean, "maintenance")
        found["managed"] = False if is_left else None
        if is_left:
            pairs.drop("maintenance", "it becomes 'managed: false', and is watched all the same")
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
