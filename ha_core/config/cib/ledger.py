"""What of a CIB has been read, so that everything else is told.

Owns: which elements and attributes were used, and the sentences on all others: place, what
stands there, why it has no place here. Nothing is left out because somebody forgot it.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.config.cib import reasons
from ha_core.config.faults import printable, shown
from ha_core.config.secrets import HIDDEN, is_secret
from ha_core.policy.cib.tree import Element

NOTES_MAX: Final = 1_000
"""Nobody reads more; a CIB of a million faults costs no million sentences."""
_ALWAYS: Final = ("id", "id-ref", "name", "value")
"""Attributes of name-value pairs, and ids, which have no meaning of their own."""


class Ledger:
    """Keeps the accounts of one CIB."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen: set[int] = set()
        self._used: set[tuple[int, str]] = set()
        self._notes: list[tuple[int, str]] = []
        self._more = 0

    def take(self, element: Element, name: str, default: str = "") -> str:
        """Return an attribute's value, which is thereby read."""
        self._seen.add(id(element))
        self._used.add((id(element), name))
        return element.get(name, default)

    def see(self, *elements: Element) -> None:
        """Count the elements as read; their attributes and parts are not thereby."""
        self._seen.update(map(id, elements))

    def know(self, element: Element, *names: str) -> None:
        """Count the element and these of its attributes as read."""
        self._seen.add(id(element))
        self._used.update((id(element), name) for name in names)

    def forget(self, element: Element) -> None:
        """Count the element as not read yet: that it was looked at says nothing."""
        if not any((id(element), name) in self._used for name in element.attributes):
            self._seen.discard(id(element))

    def close(self, element: Element) -> None:
        """Count the element as read with all that is in it."""
        todo = [element]
        while todo:
            item = todo.pop()
            self._seen.add(id(item))
            self._used.update((id(item), name) for name in item.attributes)
            todo.extend(item.children)

    def leave(self, element: Element, why: str, owner: Element | None = None) -> None:
        """Tell that the element, and so all that is in it, has no place here."""
        self.close(element)
        of = f" of {_named(owner)}" if owner is not None else ""
        self.note(element, f"{_named(element)}{of} is left out: {why}")

    def note(self, element: Element, text: str) -> None:
        """Tell something of an element's line."""
        if len(self._notes) >= NOTES_MAX:
            self._more += 1
            return
        self._notes.append((element.line, printable(f"{self._file}:{element.line}: {text}")))

    def notes(self) -> list[str]:
        """Return all notes in the order of the file."""
        found = [text for _, text in sorted(self._notes, key=lambda pair: pair[0])]
        return [*found, f"{self._file}: {self._more} more notes"] if self._more else found

    def finish(self, roots: Iterable[Element]) -> None:
        """Tell of everything below these elements that nobody has read."""
        todo = [(root, root, root) for root in reversed(list(roots))]
        while todo:
            element, owner, above = todo.pop()
            if id(element) not in self._seen:
                self._unread(element, owner, above)
                continue
            for name, value in element.attributes.items():
                if (id(element), name) not in self._used and name not in _ALWAYS:
                    why = reasons.of_attribute(element.tag, name)
                    self.note(element, f"{_named(element)}: {name}={shown(value)}: {why}")
            inner = owner if element.tag in reasons.BLOCKS else element
            todo.extend((child, inner, element) for child in reversed(element.children))

    def _unread(self, element: Element, owner: Element, above: Element) -> None:
        if element.tag != "nvpair":
            self.leave(element, reasons.of_element(element.tag, owner.tag))
            return
        name, value = element.get("name"), element.get("value")
        value = HIDDEN if is_secret(name) else value
        what = f"{reasons.BLOCKS.get(above.tag, 'pair')} {name}={shown(value)}"
        where = f"{_named(owner)}: " if owner is not above and owner.id else ""
        why = reasons.of_pair(owner.tag, above.tag, name)
        if "value" not in element.attributes and "id-ref" not in element.attributes:
            what, why = f"{reasons.BLOCKS.get(above.tag, 'pair')} {name}", "it has no value"
        self.note(element, f"{where}{what}: {why}")
        self.close(element)


def _named(element: Element) -> str:
    return f"{element.tag} {shown(element.id)}" if element.id else element.tag
