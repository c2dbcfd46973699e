"""The batches that stand on the shelf, as the holder knows them.

Owns: since when each is known, which may be written together with the next one, and which may go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cim_provider.indications import outbox
from cim_provider.indications.outbox import Batch, Indication
from cim_provider.indications.shelf import OUT, Item

MERGE_FROM: Final = 512
"""With so many batches on the shelf, small ones are written together."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A batch on the shelf; `since_s`: since when it is known here."""

    batch: Batch
    size: int
    since_s: float


class Stock:
    """All of them, by number. Raises DamagedError: one cannot be read."""

    def __init__(self, items: Mapping[str, Item], now_s: float) -> None:
        self._stored = {
            outbox.number_of(key): _Stored(outbox.decode(key, item.text), len(item.text), now_s)
            for key, item in items.items()
            if key.startswith(OUT)
        }

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._stored)

    @property
    def characters(self) -> int:
        """Size on the shelf."""
        return sum(each.size for each in self._stored.values())

    def of(self, context: str) -> Iterator[Indication]:
        """Yield what is for a destination, in order."""
        for number in sorted(self._stored):
            for each in self._stored[number].batch.indications:
                if each.context == context:
                    yield each

    def batch(self, number: int) -> Batch:
        """Return a batch. Raises KeyError."""
        return self._stored[number].batch

    def keep(self, parts: Mapping[int, tuple[Batch, str]], now_s: float) -> None:
        """Note what was written just now."""
        for number, (batch, text) in parts.items():
            self._stored[number] = _Stored(batch, len(text), now_s)

    def drop(self, number: int) -> None:
        """Note that a batch has left the shelf."""
        del self._stored[number]

    def to_merge(self) -> int | None:
        """Return the batch that the next one is written together with."""
        newest = max(self._stored, default=None)
        if newest is None or len(self._stored) < MERGE_FROM:
            return None
        stored = self._stored[newest]
        is_small = stored.size < outbox.SMALL_CHARACTERS
        few = len(stored.batch.indications) < outbox.BATCH_ITEMS_MAX
        return newest if is_small and few else None

    def done(
        self, known: set[str], marks: Mapping[str, int], older_s: float, kept_max: int
    ) -> list[int]:
        """Return what may go: known since before `older_s`, or one of too many, and taken.

        `known`: the destinations that there are; `marks`: up to which number each has taken all.
        """
        is_crowded = len(self._stored) > kept_max
        return [
            number
            for number, stored in sorted(self._stored.items())
            if (is_crowded or stored.since_s <= older_s)
            and all(
                each.context not in known or each.number <= marks.get(each.context, -1)
                for each in stored.batch.indications
            )
        ]
