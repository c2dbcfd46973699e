"""Constraints of a CIB as ours: locations with their rules, colocations, orderings, sets.

Owns: which of them our configuration can say. One that would mean something else here is left
out as a whole, and told. Source: Pacemaker Explained, "Resource Constraints".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from ha_core.config import limits
from ha_core.config.cib import reasons
from ha_core.config.cib.form import Plain
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.read_devices import Devices, score_bans
from ha_core.config.cib.read_rules import Rules
from ha_core.config.faults import shown
from ha_core.config.kinds import show_score
from ha_core.config.model import OrderKind, Origin
from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Role

_MADE: Final = {"cli-prefer-": Origin.MOVE, "cli-ban-": Origin.BAN}
"""What the ids of constraints that a command has made begin with."""
_OF_SETS: Final = ("role", "action", "require-all", "ordering", "sequential", "score")
_SCORE: Final = "its score is no number"


@dataclass(frozen=True, slots=True)
class Members:
    """One set of resources."""

    names: list[str]
    sequential: bool
    score: int | None


@dataclass(slots=True)
class Constraints:
    """Reads constraints; `found` has them by their ids in the CIB."""

    source: Source
    ledger: Ledger
    names: Names
    devices: Devices
    rules: Rules
    left: frozenset[str]
    """Ids of resources that are left out."""
    tags: dict[str, Element]
    found: dict[str, Plain] = field(default_factory=dict)

    def read(self, element: Element) -> None:
        """Read one constraint; what is no constraint of ours is told when all is read."""
        readers: dict[str, Callable[[Element], str]] = {
            "rsc_location": self._location,
            "rsc_colocation": self._colocation,
            "rsc_order": self._ordering,
        }
        if element.tag in readers:
            self.ledger.see(element)
            why = readers[element.tag](element)
            if why:
                self.ledger.leave(element, why)

    def _add(self, element: Element, part: Plain, name: str = "") -> None:
        number, key = 1, name or element.id or element.tag
        stem = key
        while key in self.found:
            number += 1
            key = f"{stem}-{number}"
        self.found[key] = part
        self.names.places[f"constraints.{key}"] = element

    # --- places

    def _location(self, element: Element) -> str:
        keys, why = self._located(element)
        if why:
            return why
        if not _is_plain(element, "role"):
            return reasons.of_attribute("rsc_location", "role")
        self._take(element, "role")
        if element.get("resource-discovery", "always") == "always":
            self._take(element, "resource-discovery")
        if "node" not in element.attributes:
            return self._ruled(element, keys)
        node = self.names.nodes.get(self.ledger.take(element, "node"), "")
        score = values.score(self.ledger.take(element, "score", "0"))
        if not node:
            return f"there is no node {shown(element.get('node'))}"
        if score is None:
            return _SCORE
        for key in keys:
            if key in self.names.resources:
                part = _scored({"location": self.names.resources[key], "node": node}, score)
                self._add(element, part | _origin(element))
            elif score_bans(score):
                self.devices.ban(self.names.devices[key], node)
            elif score:
                self.ledger.note(element, f"{element.id} is left out: {reasons.DEVICE_METAS}")
        return ""

    def _ruled(self, element: Element, keys: list[str]) -> str:
        rules = element.all("rule")
        if not rules:
            return "it has neither a node nor a rule"
        if any(key not in self.names.resources for key in keys):
            return reasons.DEVICE_METAS
        for child in rules:
            rule = self.source.referred(child)
            self.ledger.see(child)
            if rule is None:
                continue
            self.ledger.see(rule)
            made, why = self.rules.read(rule)
            if why:
                self.ledger.leave(rule, why)
                continue
            for key in keys:
                name = self.names.resources[key]
                for kind, part in made:
                    self._add(element, {kind: name} | part | _origin_of(kind, element))
        return ""

    def _located(self, element: Element) -> tuple[list[str], str]:
        """Return the ids of what it speaks of, or why that is not known."""
        if "rsc-pattern" in element.attributes:
            return [], reasons.of_attribute("rsc_location", "rsc-pattern")
        sets = element.all("resource_set")
        ids = [self.ledger.take(element, "rsc")]
        if sets:
            ids = []
            for child in sets:
                members = self.source.referred(child)
                if members is not None and _is_plain(members, "role"):
                    self.ledger.see(child)
                    ids += self._listed(members, "resource_ref", "role")
        elif ids[0] in self.tags:
            tag = self.tags[ids[0]]
            ids = self._listed(tag, "obj_ref")
        known = [key for key in ids if key in self.names.resources or key in self.names.devices]
        missing = [key for key in ids if key not in known]
        if len(ids) == 1 and missing:
            return [], self._missing(missing[0])
        for key in missing:
            text = f"{element.id} is left out for {shown(key)}: {self._missing(key)}"
            self.ledger.note(element, text)
        return known, "" if known else "it speaks of no resource that is kept"

    # --- together, apart

    def _colocation(self, element: Element) -> str:
        score = values.score(self.ledger.take(element, "score", "0"))
        if score is None:
            return _SCORE
        if values.boolean(element.get("influence", "true")):
            self._take(element, "influence")
        if element.all("resource_set"):
            return self._colocated_sets(element, score)
        if not _is_plain(element, "rsc-role", "with-rsc-role"):
            return reasons.of_attribute("rsc_location", "role")
        if element.get("node-attribute", "#uname") != "#uname":
            return reasons.of_attribute("rsc_colocation", "node-attribute")
        self._take(element, "rsc-role", "with-rsc-role", "node-attribute")
        ends, why = self._ends(element, "rsc", "with-rsc")
        if not why:
            self._add(element, _scored({"colocation": ends[0], "with": ends[1]}, score))
        return why

    def _colocated_sets(self, element: Element, score: int) -> str:
        sets, why = self._sets(element)
        if why:
            return why
        pairs: list[tuple[str, str, int]] = []
        for number, members in enumerate(sets):
            own = score if members.score is None else members.score
            if members.sequential:
                pairs += _within(members.names, own)
            if number and score:
                before = sets[number - 1]
                firsts = before.names[:1] if before.sequential else before.names
                lasts = members.names[-1:] if members.sequential else members.names
                pairs += [(one, other, score) for one in firsts for other in lasts]
        for dependent, primary, weight in pairs:
            if weight:
                self._add(element, _scored({"colocation": dependent, "with": primary}, weight))
        return "" if pairs else "it binds no two resources"

    def _sets(self, element: Element) -> tuple[list[Members], str]:
        found = []
        for child in element.all("resource_set"):
            members = self.source.referred(child)
            if members is None:
                return [], "one of its sets is not there"
            ids = [item.id for item in members.all("resource_ref")]
            missing = [key for key in ids if key not in self.names.resources]
            if missing:
                return [], self._missing(missing[0])
            if not _is_plain(members, "role"):
                return [], reasons.of_attribute("resource_set", "role")
            if members.get("action", "start") != "start":
                return [], "an ordering is one of starts, and in reverse of stops"
            if values.boolean(members.get("require-all", "true")) is False:
                return [], "what comes after several needs all of them"
            if members.get("ordering", "group") != "group" or "kind" in members.attributes:
                return [], "a set has no order and no kind of its own"
            self.ledger.see(child)
            self._listed(members, "resource_ref", *_OF_SETS)
            is_sequential = values.boolean(members.get("sequential", "true")) is not False
            own = values.score(members.get("score")) if "score" in members.attributes else None
            names = [self.names.resources[key] for key in ids]
            found.append(Members(list(dict.fromkeys(names)), is_sequential, own))
        return found, ""

    # --- order

    def _ordering(self, element: Element) -> str:
        kind = self.ledger.take(element, "kind").lower()
        score = values.score(self.ledger.take(element, "score", "INFINITY"))
        if not kind:
            kind = "optional" if score == 0 else "mandatory"
        if kind not in tuple(OrderKind):
            allowed = ", ".join(kind.capitalize() for kind in OrderKind)
            return f"its kind is {shown(element.get('kind'))}; allowed: {allowed}"
        first = element.get("first-action", "start")
        if first != "start" or element.get("then-action", first) != "start":
            return "an ordering is one of starts, and in reverse of stops"
        self._take(element, "first-action", "then-action")
        if values.boolean(element.get("require-all", "true")) is not False:
            self._take(element, "require-all")
        options: Plain = {} if kind == "mandatory" else {"kind": kind}
        if values.boolean(self.ledger.take(element, "symmetrical", "true")) is False:
            options["symmetrical"] = False
        if element.all("resource_set"):
            return self._ordered_sets(element, options)
        ends, why = self._ends(element, "first", "then")
        if not why:
            self._add(element, {"order": ends[0], "then": ends[1]} | options)
        return why

    def _ordered_sets(self, element: Element, options: Plain) -> str:
        sets, why = self._sets(element)
        levels: list[list[str]] = []
        for members in sets:
            levels += [[name] for name in members.names] if members.sequential else [members.names]
        if len(levels) > 1:
            self._add(element, {"order": levels} | options)
        elif not why:
            return "it orders no two resources"
        return why

    # --- what they have in common

    def _ends(self, element: Element, *keys: str) -> tuple[list[str], str]:
        found = []
        for key in keys:
            name = self.ledger.take(element, key)
            if name not in self.names.resources:
                return [], self._missing(name)
            found.append(self.names.resources[name])
        return found, ""

    def _missing(self, key: str) -> str:
        if key in self.left:
            return f"{key} is left out, too"
        if key in self.tags:
            return f"{key} is a tag; write a constraint for each resource"
        if key in self.names.devices:
            return reasons.DEVICE_METAS
        return f"there is no resource {shown(key)}"

    def _listed(self, element: Element, tag: str, *names: str) -> list[str]:
        """Return the ids that a set or tag lists; these attributes of it have been read."""
        self.ledger.know(element, *names)
        self.ledger.see(*element.all(tag))
        return [item.id for item in element.all(tag)]

    def _take(self, element: Element, *names: str) -> None:
        for name in names:
            self.ledger.take(element, name)


def _is_plain(element: Element, *keys: str) -> bool:
    """Return whether these roles, as far as they are given, are as good as none."""
    plain = (Role.STARTED, Role.UNPROMOTED)
    return all(values.role(element.get(key, "started")) in plain for key in keys)


def _scored(part: Plain, score: int) -> Plain:
    """Return the part with its score, as `render` writes it."""
    if score == INFINITY and "location" in part:
        return part
    return part | {"score": show_score(score)}


def _origin_of(kind: str, element: Element) -> Plain:
    return _origin(element) if kind == "location" else {}


def _origin(element: Element) -> Plain:
    origin = next((o for stem, o in _MADE.items() if element.id.startswith(stem)), None)
    return {} if origin is None else {"origin": str(origin)}


def _within(names: list[str], score: int) -> list[tuple[str, str, int]]:
    """Return what holds within a set: a chain, or each apart from each."""
    if score > 0:
        return [(second, first, score) for first, second in pairwise(names)]
    return [
        (second, first, score) for number, second in enumerate(names) for first in names[:number]
    ]


def constraint_name(key: str) -> str:
    """Return the name of a constraint with that id."""
    if limits.CONSTRAINT_ID.fullmatch(key):
        return key
    return "".join(c if limits.CONSTRAINT_ID.fullmatch(f"a{c}") else "-" for c in key)[:190] or "c"
