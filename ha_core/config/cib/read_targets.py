"""What the ids in constraints of a CIB stand for: resources, what a template or tag lists.

Owns: that, and the reasons where an id stands for nothing. Source: Pacemaker Explained, "Reusing
Parts of the Configuration".
"""

from dataclasses import dataclass, field
from typing import Final

from ha_core.config.cib import reasons
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.faults import shown
from ha_core.policy.cib.patterns import Pattern, PatternError
from ha_core.policy.cib.tree import Element

WORK_MAX: Final = 2_000_000
"""Steps of patterns over names; a second or so."""


@dataclass(slots=True)
class Targets:
    """Ids to names."""

    ledger: Ledger
    names: Names
    left: frozenset[str]
    """Ids of resources that are left out."""
    tags: dict[str, Element]
    templates: dict[str, list[str]] = field(default_factory=dict)
    """Ids of what uses each template."""
    tops: tuple[str, ...] = ()
    """Ids of resources that are in no other one."""
    _work: int = 0

    def ids(self, key: str) -> tuple[list[str], str]:
        """Return the ids of resources and fence devices that the id stands for, or why of none."""
        if key in self.names.resources or key in self.names.devices:
            return [key], ""
        inner = self.templates.get(key, [])
        if key in self.tags:
            tag = self.tags[key]
            self.ledger.see(tag, *tag.all("obj_ref"))
            inner = [item.id for item in tag.all("obj_ref")]
        known = [name for name in inner if name in self.names.resources]
        return known, "" if known else self._missing(key)

    def is_resource(self, key: str) -> bool:
        """Return whether the id is that of one resource."""
        return key in self.names.resources

    def resources(self, *keys: str) -> tuple[list[list[str]], str]:
        """Return the names of the resources that each id stands for, or why one has none."""
        found = []
        for key in keys:
            ids, why = self.ids(key)
            names = [self.names.meant(item) for item in ids if item in self.names.resources]
            if why or not names:
                return [], why or reasons.DEVICE_METAS
            found.append(names)
        return found, ""

    def matching(self, text: str) -> tuple[list[str], str]:
        """Return the ids of what a pattern of names is found in, or why it cannot be read."""
        is_inverted = text.startswith("!")
        try:
            pattern = Pattern(text[1:] if is_inverted else text)
        except PatternError as fault:
            return [], f"its pattern {fault}"
        self._work += pattern.size * sum(map(len, self.tops))
        if self._work > WORK_MAX:
            return [], "patterns of names are too many and too long"
        found = [key for key in self.tops if (pattern.search(key) is None) is is_inverted]
        return found, "" if found else f"no resource has a name like {shown(text)}"

    def _missing(self, key: str) -> str:
        if key in self.left:
            return f"{key} is left out, too"
        if key in self.tags or key in self.templates:
            return f"{key} stands for no resource that is kept"
        return f"there is no resource {shown(key)}"
