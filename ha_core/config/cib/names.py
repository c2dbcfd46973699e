"""Ids of a CIB and the names that they get here.

Owns: both directions. A name that our files do not allow is changed, with a note.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from ha_core.config import limits
from ha_core.config.cib.ledger import Ledger
from ha_core.config.faults import shown
from ha_core.policy.cib.tree import Element

_STEM_MAX: Final = 60
"""Leaves room for a number behind it, within the 64 characters of a name."""


@dataclass(slots=True)
class Names:
    """What each resource, device and node is called."""

    ledger: Ledger
    resources: dict[str, str] = field(default_factory=dict)
    """Primitives and groups, by their ids."""
    devices: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    """By their names in the CIB."""
    alerts: dict[str, str] = field(default_factory=dict)
    places: dict[str, Element] = field(default_factory=dict)
    """Where each part of the configuration comes from, by its path."""

    copied: dict[str, str] = field(default_factory=dict)
    """Names of what is copied, by the ids of clones that have no name of their own."""

    def meant(self, key: str) -> str:
        """Return what our files call a resource in constraints: a clone by what it copies."""
        return self.copied.get(key, self.resources[key])

    def resource(self, element: Element, wanted: object) -> str:
        """Return the name of a primitive or group, remembered."""
        name = self._name(element, str(wanted), self.resources)
        self.places[f"resources.{name}"] = element
        return name

    def device(self, element: Element, wanted: object) -> str:
        """Return the name of a fence device, remembered."""
        name = self._name(element, str(wanted), self.devices)
        self.places[f"fence_devices.{name}"] = element
        return name

    def alert(self, element: Element, wanted: object) -> str:
        """Return the name of an alert, remembered."""
        name = self._name(element, str(wanted), self.alerts)
        self.places[f"alerts.{name}"] = element
        return name

    def node(self, element: Element, wanted: str) -> str:
        """Return the name of a node, remembered; empty if none can be made of it."""
        name = re.sub("[^a-z0-9.-]", "-", wanted.lower())[:64].strip(".-")
        if not name or name in self.nodes.values():
            return ""
        if name != wanted:
            allowed = limits.NODE_ALLOWED
            text = f"node {shown(wanted)} is called {name}; allowed: {allowed}"
            self.ledger.note(element, text)
        self.nodes[wanted] = name
        self.places[f"nodes.{name}"] = element
        return name

    def _name(self, element: Element, wanted: str, known: dict[str, str]) -> str:
        name = wanted
        if not limits.ID.fullmatch(name):
            name = re.sub("[^A-Za-z0-9_.-]", "-", name)[:_STEM_MAX].lstrip(".-") or "unnamed"
        number, stem, taken = 1, name[:_STEM_MAX], set(known.values())
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        if name != wanted:
            is_taken = bool(limits.ID.fullmatch(wanted))
            why = "another one has that name" if is_taken else f"allowed: {limits.ID_ALLOWED}"
            self.ledger.note(element, f"{shown(wanted)} is called {name}; {why}")
        known[element.id] = name
        return name
