"""The shelf: a small table of texts in the replicated log, for programs beside the cluster.

Owns: keys, revisions, conditions and bounds. A write is done whole or not at
all, and judged when it is applied: every replica comes to the same result.
Knows nothing of what the texts mean. docs/protocols/indications.md has the use.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ha_core.ids import Index

KEY_CHARACTERS_MAX: Final = 128
TEXT_CHARACTERS_MAX: Final = 256 * 1024
ITEMS_MAX: Final = 2048
TOTAL_CHARACTERS_MAX: Final = 4 * 1024 * 1024
"""All keys and texts together: they travel in snapshots, beside the configuration."""
OWN_PREFIXES: Final = ("ticket/", "power/")
"""Of keys that the cluster itself keeps here, which no program may write."""
OWN_CHARACTERS: Final = 512 * 1024
OWN_ITEMS: Final = 512
"""Room for these beyond the bounds: what programs have filled must keep no ticket from being
revoked, and no node from being cut off.
"""
PUTS_MAX: Final = 512
"""Keys that one write may change or name as a condition."""
RESULTS_KEPT: Final = 512
"""Results kept for writes that are repeated because the answer was lost."""


@dataclass(frozen=True, slots=True)
class ShelfPut:
    """One key of a write; `text` None removes it."""

    key: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ShelfCondition:
    """Revision that a key must still have; 0: the key must not be there."""

    key: str
    revision: Index


@dataclass(frozen=True, slots=True)
class ShelfChange:
    """A write as it stands in the log."""

    puts: tuple[ShelfPut, ...]
    conditions: tuple[ShelfCondition, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """One key with its text; `revision` is the index of the entry that wrote it."""

    key: str
    text: str
    revision: Index


@dataclass(frozen=True, slots=True)
class ShelfResult:
    """What became of a write: an empty `code`, or `stale`, `full` or `invalid`, in a sentence."""

    code: str = ""
    text: str = ""
    revision: Index = 0
    """Of what was written."""
    request_id: str = ""
    """Of the command; empty if the coordinator itself wrote."""


def size_of_change(change: ShelfChange) -> int:
    """Return about how many bytes a write takes on the wire."""
    puts = sum(len(put.key) + len(put.text or "") + 16 for put in change.puts)
    return puts + 160 * len(change.conditions) + 64


def fault_of(change: ShelfChange) -> str:
    """Return what is wrong with a write whatever stands on the shelf; empty if nothing is."""
    if not change.puts or len(change.puts) + len(change.conditions) > PUTS_MAX:
        return f"a write names 1 to {PUTS_MAX} keys"
    for key in (*(put.key for put in change.puts), *(item.key for item in change.conditions)):
        if not 0 < len(key) <= KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
            return f"key {key[:40]!r}: expected 1 to {KEY_CHARACTERS_MAX} printable characters"
    for put in change.puts:
        if put.text is not None and len(put.text) > TEXT_CHARACTERS_MAX:
            return f"{put.key}: {len(put.text)} characters, at most {TEXT_CHARACTERS_MAX}"
    if len({put.key for put in change.puts}) < len(change.puts):
        return "a write changes a key once"
    return ""


class Shelf:
    """The table of one replica."""

    def __init__(
        self,
        items: Iterable[ShelfItem] = (),
        revision: Index = 0,
        results: Iterable[ShelfResult] = (),
    ) -> None:
        self._items = {item.key: item for item in items}
        self._size = sum(len(item.key) + len(item.text) for item in self._items.values())
        self._results = OrderedDict((each.request_id, each) for each in results)
        self.revision = max([revision, *(item.revision for item in self._items.values())])
        """Index of the newest entry that changed anything."""

    @property
    def items(self) -> tuple[ShelfItem, ...]:
        """All items, sorted by key."""
        return tuple(self._items[key] for key in sorted(self._items))

    @property
    def results(self) -> tuple[ShelfResult, ...]:
        """What became of the newest writes by command, oldest first: part of the applied state."""
        return tuple(self._results.values())

    def result(self, request_id: str) -> ShelfResult | None:
        """Return what became of a write that was applied lately; None if nothing is known."""
        return self._results.get(request_id)

    def apply(self, change: ShelfChange, index: Index) -> ShelfResult:
        """Carry out a write whose entry is final.

        Two coordinators may both propose it, if its answer was lost: it is carried out once.
        """
        known = self._results.get(change.request_id)
        if known is not None:
            return known
        result = self._judge(change)
        if not result.code:
            for put in change.puts:
                self._put(put, index)
            self.revision = index
            result = ShelfResult(revision=index)
        if change.request_id:
            result = replace(result, request_id=change.request_id)
            self._results[change.request_id] = result
            while len(self._results) > RESULTS_KEPT:
                self._results.popitem(last=False)
        return result

    def _judge(self, change: ShelfChange) -> ShelfResult:
        fault = fault_of(change)
        if fault:
            return ShelfResult("invalid", fault)
        for condition in change.conditions:
            known = self._items.get(condition.key)
            revision = known.revision if known is not None else 0
            if revision != condition.revision:
                text = f"{condition.key} is at revision {revision}, not {condition.revision}"
                return ShelfResult("stale", f"{text}: look again")
        size, count = self._size, len(self._items)
        for put in change.puts:
            known = self._items.get(put.key)
            size -= len(put.key) + len(known.text) if known is not None else 0
            size += len(put.key) + len(put.text) if put.text is not None else 0
            count += (put.text is not None) - (known is not None)
        is_own = all(put.key.startswith(OWN_PREFIXES) for put in change.puts)
        size_max = TOTAL_CHARACTERS_MAX + is_own * OWN_CHARACTERS
        count_max = ITEMS_MAX + is_own * OWN_ITEMS
        if size > max(size_max, self._size) or count > max(count_max, len(self._items)):
            text = f"the shelf is full ({TOTAL_CHARACTERS_MAX} characters, {ITEMS_MAX} keys)"
            return ShelfResult("full", f"{text}: remove something first")
        return ShelfResult()

    def _put(self, put: ShelfPut, index: Index) -> None:
        known = self._items.pop(put.key, None)
        if known is not None:
            self._size -= len(known.key) + len(known.text)
        if put.text is not None:
            self._items[put.key] = ShelfItem(put.key, put.text, index)
            self._size += len(put.key) + len(put.text)
