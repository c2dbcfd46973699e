"""What every part of the reader needs: the tree, the moment, and where remarks go.

Owns: how a remark names its place, and how many are kept.
"""

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.tree import Element

REMARKS_MAX: Final = 1_000
"""So that a CIB of a million faults costs no million sentences."""


@dataclass(slots=True, eq=False)
class Source:
    """A CIB while it is being read."""

    root: Element
    now_s: int
    zone: tzinfo | None
    """Where dates are local; None: the machine's own zone."""
    health: dict[str, int] = field(default_factory=dict)
    """What the score words red, yellow and green mean here."""
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _ids: dict[str, Element] | None = None

    def fault(self, element: Element, text: str) -> None:
        """Remember what makes the CIB unusable."""
        self.faults.append(f"{element.place}: {text}")

    def leave_out(self, element: Element, text: str) -> None:
        """Remember what is not part of the question, and why."""
        self.remark(f"{element.place}: {text}")

    def remark(self, text: str) -> None:
        """Remember a sentence that names its place itself."""
        if len(self.left_out) < REMARKS_MAX:
            self.left_out.append(text)
        elif len(self.left_out) == REMARKS_MAX:
            self.left_out.append("more is left out than is told here")

    def score(self, text: str) -> int | None:
        """Return a score, also one of the words red, yellow and green; None if it is none."""
        found = values.score(text)
        return self.health.get(text.strip().lower()) if found is None else found

    def configuration(self, tag: str) -> list[Element]:
        """Return the children of one section of the configuration."""
        part = self.root.child("configuration")
        found = part.all(tag) if part is not None else []
        return [child for section in found for child in section.children]

    def referred(self, element: Element) -> Element | None:
        """Return the element that `id-ref` names, or the element itself; None: no such id."""
        name = element.get("id-ref")
        if not name:
            return element
        if self._ids is None:
            self._ids = {}
            part = self.root.child("configuration")
            todo = [part] if part is not None else []
            while todo:
                item = todo.pop()
                if item.id:
                    self._ids.setdefault(item.id, item)
                todo.extend(item.children)
        found = self._ids.get(name)
        if found is None or found.tag != element.tag or "id-ref" in found.attributes:
            self.leave_out(element, f"id-ref names {name!r}, which is no other <{element.tag}>")
            return None
        return found
