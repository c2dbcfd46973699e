"""Constraints of a CIB as ours: locations with their rules; the others are `read_bonds`'s.

Owns: which locations our configuration can say. One that would mean something else here is left
out as a whole, and told. Source: Pacemaker Explained, "Resource Constraints".
"""

from dataclasses import dataclass, field
from typing import Final

from ha_core.config import limits
from ha_core.config.cib import reasons
from ha_core.config.cib.form import Plain
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.read_bonds import Bonds
from ha_core.config.cib.read_devices import Devices, score_bans
from ha_core.config.cib.read_rules import Rules
from ha_core.config.cib.read_targets import Targets
from ha_core.config.cib.scores import no_score, read_score
from ha_core.config.faults import shown
from ha_core.config.kinds import show_score
from ha_core.config.model import Discovery, Origin
from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Role

_MADE: Final = {"cli-prefer-": Origin.MOVE, "cli-ban-": Origin.BAN}
"""What the ids of constraints that a command has made begin with."""
_ROLES: Final = "allowed: Started, Unpromoted, Promoted"


@dataclass(slots=True)
class Constraints:
    """Reads constraints; `found` has them by their ids in the CIB."""

    source: Source
    ledger: Ledger
    names: Names
    devices: Devices
    rules: Rules
    targets: Targets
    found: dict[str, Plain] = field(default_factory=dict)
    alternatives: dict[str, object] = field(default_factory=dict)
    """Ids that we gave the orderings of which one is enough, by the id of their element."""
    _ordered: dict[tuple[object, ...], Element] = field(default_factory=dict)

    def read(self, element: Element) -> None:
        """Read one constraint; what is no constraint of ours is told when all is read."""
        if len(self.found) >= limits.CONSTRAINTS_MAX:
            why = f"there are {len(self.found)} constraints without it"
            why += f"; allowed: {limits.CONSTRAINTS_MAX} at most"
        elif element.child("lifetime") is not None:
            why = "it has a lifetime; write a rule with 'when'"
        elif element.tag == "rsc_location":
            self.ledger.see(element)
            why = self._location(element)
        elif element.tag in ("rsc_colocation", "rsc_order", "rsc_ticket"):
            self.ledger.see(element)
            why = self._bonds(element)
        else:
            return
        if why:
            self.ledger.leave(element, why)

    def _bonds(self, element: Element) -> str:
        known = self.alternatives.get(element.id)
        wanted = [str(key) for key in known] if isinstance(known, list) else []
        made: list[tuple[Element, Plain]] = []
        bonds = Bonds(self.source, self.ledger, self.targets, lambda *pair: made.append(pair))
        why = bonds.read(element)
        if len(wanted) != len(made):
            wanted = [""] * len(made)
        for (owner, part), name in zip(made, wanted, strict=True):
            if not self._is_second(owner, part):
                self._add(owner, part, name)
        return why

    def _is_second(self, element: Element, part: Plain) -> bool:
        """Tell an ordering of two that are ordered already: Pacemaker heeds the first alone."""
        if self.rules.is_ours or "then" not in part or "any_of" in part:
            return False
        words = ("order", "then", "first_action", "then_action")
        first = self._ordered.setdefault(tuple(part.get(word) for word in words), element)
        if first is element:
            return False
        text = f"{first.id} orders the same two, and Pacemaker heeds the first alone"
        self.ledger.note(element, f"{element.id} is left out: {text}")
        return True

    def _add(self, element: Element, part: Plain, name: str = "") -> None:
        number, key = 1, name or element.id or element.tag
        stem, above = key, element
        while key in self.found:
            above = self.names.places[f"constraints.{key}"]
            number += 1
            key = f"{stem}-{number}"
        if above is not element:
            self.ledger.note(element, f"{stem} is called {key}; another constraint has that name")
        self.found[key] = part
        self.names.places[f"constraints.{key}"] = element

    def _location(self, element: Element) -> str:
        keys, why = self._located(element)
        if why:
            return why
        role = values.role(self.ledger.take(element, "role", "started"))
        for child in element.all("resource_set"):
            members = self.source.referred(child)
            if members is not None and "role" in members.attributes:
                role = values.role(members.get("role"))
        if role in (None, Role.STOPPED):
            return f"its role is {shown(element.get('role'))}; {_ROLES}"
        found = self.ledger.take(element, "resource-discovery", "always").strip().lower()
        if found not in tuple(Discovery):
            return f"its resource-discovery is {shown(found)}; allowed: {', '.join(Discovery)}"
        more: Plain = {} if found == Discovery.ALWAYS else {"discovery": found}
        more |= {"role": "promoted"} if role is Role.PROMOTED else {}
        if "node" not in element.attributes:
            return self._ruled(element, keys, more)
        node = self.names.nodes.get(self.ledger.take(element, "node"), "")
        score = read_score(self.source, self.ledger, element, "0")
        if not node:
            return f"there is no node {shown(element.get('node'))}"
        if score is None:
            return no_score(element)
        for key in keys:
            if key in self.names.resources:
                part: Plain = {"location": self.names.meant(key), "node": node}
                part |= {} if score == INFINITY else {"score": show_score(score)}
                self._add(element, part | _origin(element) | more)
            elif score_bans(score):
                self.devices.ban(self.names.devices[key], node)
            elif score:
                self.ledger.note(element, f"{element.id} is left out: {reasons.DEVICE_METAS}")
        return ""

    def _ruled(self, element: Element, keys: list[str], more: Plain) -> str:
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
            own = dict(more)
            if "role" in rule.attributes:
                own.pop("role", None)
            for key in keys:
                name = self.names.meant(key)
                for kind, part in made:
                    self._add(element, {kind: name} | own | part | _origin_of(kind, element))
        return ""

    def _located(self, element: Element) -> tuple[list[str], str]:
        """Return the ids of what it speaks of, or why that is not known."""
        if "rsc-pattern" in element.attributes:
            return self.targets.matching(self.ledger.take(element, "rsc-pattern"))
        wanted = [self.ledger.take(element, "rsc")]
        sets = element.all("resource_set")
        if sets:
            wanted = []
            for child in sets:
                members = self.source.referred(child)
                if members is not None:
                    self.ledger.see(child, *members.all("resource_ref"))
                    self.ledger.know(members, "role")
                    wanted += [item.id for item in members.all("resource_ref")]
        known: list[str] = []
        for key in wanted:
            ids, why = self.targets.ids(key)
            if why and len(wanted) == 1:
                return [], why
            if why:
                text = f"{element.id} is left out for {shown(key)}: {why}"
                self.ledger.note(element, text)
            known += ids
        return list(dict.fromkeys(known)), "" if known else "it speaks of no resource that is kept"


def _origin_of(kind: str, element: Element) -> Plain:
    return _origin(element) if kind == "location" else {}


def _origin(element: Element) -> Plain:
    origin = next((o for stem, o in _MADE.items() if element.id.startswith(stem)), None)
    return {} if origin is None else {"origin": str(origin)}
