"""Blocks of name-value pairs of one element, read with the ledger.

Owns: which pair wins, as in Pacemaker: the block with the higher score first, of equal ones the
later. A block with a rule is told: here a value does not change with time or place.
"""

from collections.abc import Callable
from typing import TypeVar

from ha_core.config.cib.form import OWN, Plain, joined
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.reasons import of_element
from ha_core.config.faults import shown
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

T = TypeVar("T")
_FIRST = "cib-bootstrap-options"
"""The block of options that comes before all others."""


class Pairs:
    """The pairs of some elements that hold; those of earlier elements win."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        tag: str,
        *elements: Element,
        without: Element | None = None,
    ) -> None:
        """Read the blocks of that tag, but for one that has been read otherwise."""
        self._ledger = ledger
        self._found: dict[str, Element] = {}
        own: list[tuple[str, str]] = []
        for element in elements:
            for block in self._blocks(source, element, tag, without):
                for child in block.all("nvpair"):
                    pair = source.referred(child)
                    name = child.get("name") or (pair.get("name") if pair else "")
                    ledger.see(child)
                    if pair is None:
                        continue
                    ledger.see(block)
                    if name.startswith(OWN) and tag != "instance_attributes":
                        own.append((name, ledger.take(pair, "value")))
                    elif name in self._found:
                        ledger.note(pair, f"{tag}: {name} is left out: another one wins")
                    else:
                        self._found[name] = pair
        self.own: Plain = joined(own)
        for pair in self._found.values():
            ledger.forget(pair)

    def _blocks(
        self, source: Source, element: Element, tag: str, without: Element | None
    ) -> list[Element]:
        ranked = []
        for position, child in enumerate(element.all(tag)):
            if child is without:
                continue
            self._ledger.see(child)
            block = source.referred(child)
            if block is None:
                continue
            self._ledger.see(block)
            rules = block.all("rule")
            if rules:
                self._ledger.leave(block, of_element("rule", element.tag))
                continue
            score = values.score(self._ledger.take(block, "score", "0")) or 0
            ranked.append((block.id != _FIRST, -score, -position, block))
        return [item[3] for item in sorted(ranked, key=lambda item: item[:3])]

    def names(self) -> list[str]:
        """Return the names of all pairs in their order, but for our own."""
        return list(self._found)

    def element(self, name: str) -> Element:
        """Return the pair of that name, for notes."""
        return self._found[name]

    def text(self, *names: str) -> str | None:
        """Return the value of the first of these names that is there, which is thereby read."""
        for name in names:
            pair = self._found.get(name)
            if pair is not None and "value" in pair.attributes:
                return self._ledger.take(pair, "value")
        return None

    def value(self, read: Callable[[str], T | None], *names: str) -> T | None:
        """Return a value as `read` takes it; what it cannot take is told."""
        text = self.text(*names)
        found = None if text is None else read(text)
        if text is not None and found is None:
            name = next(name for name in names if name in self._found)
            self._ledger.note(self._found[name], f"{name} is left out: it is {shown(text)}")
        return found

    def drop(self, name: str, why: str) -> None:
        """Tell that a pair has no place here."""
        pair = self._found[name]
        self._ledger.take(pair, "value")
        self._ledger.note(pair, f"{name} is left out: {why}")
