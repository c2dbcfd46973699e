"""What stands on the shelf until it is sent: batches of indications, their numbers, marks.

Owns: these values, and the texts that they are on the shelf. Pure.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from cim_provider.indications.picture import Difference, change_from, change_json
from cim_provider.indications.shelf import OUT, Item

BATCH_ITEMS_MAX: Final = 200
BATCH_CHARACTERS_MAX: Final = 1024 * 1024
"""Of indications, before they are compressed."""
TEXT_CHARACTERS_MAX: Final = 200 * 1024
"""Of a batch on the shelf; a larger one is written in parts."""
SHELF_TEXT_MAX: Final = 256 * 1024
"""The shelf takes no longer text."""
SMALL_CHARACTERS: Final = 32 * 1024
"""A stored batch below this may be written anew with more in it."""
NUMBER_MAX: Final = 2**63 - 1


_T = TypeVar("_T")


class DamagedError(Exception):
    """A text on the shelf is not one of ours; the text says which."""


@dataclass(frozen=True, slots=True)
class Indication:
    """One indication for one destination, as it will be sent."""

    context: str
    number: int
    xml: str
    """The INSTANCE, complete."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Indications in the order of their making, and the changes that some of them tell."""

    indications: tuple[Indication, ...]
    changes: tuple[Difference, ...] = ()

    @property
    def characters(self) -> int:
        """Size before compression."""
        return sum(len(each.xml) for each in self.indications)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What will be given out next; `dropped` counts what did not fit, by context."""

    batch: int = 0
    next: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    registry: int = 0
    """Revision of the registry by which all that happens from now on is told."""
    events: int = -1
    """Number of the newest event of the journal that was told; -1: nobody asked for alerts."""
    heads: Mapping[str, int] = field(default_factory=dict)
    """The newest that was told of each start of a node: one may be numbered anew."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who delivers: the node, its start, and a count that shows that it is well."""

    node: str
    start: str
    count: int = 0


def key_of(batch: int) -> str:
    """Return the key of a batch."""
    return f"{OUT}{batch:012}"


def number_of(key: str) -> int:
    """Return the number of a batch by its key. Raises DamagedError."""
    try:
        return int(key.removeprefix(OUT))
    except ValueError as fault:
        raise DamagedError(f"{key[:80]} is no batch") from fault


def encode(batch: Batch) -> str:
    """Return the text of a batch."""
    value = [
        [[each.context, each.number, each.xml] for each in batch.indications],
        [change_json(each) for each in batch.changes],
    ]
    return base64.b85encode(zlib.compress(json.dumps(value).encode(), 6)).decode()


def fitting(batch: Batch) -> Iterator[tuple[Batch, str]]:
    """Yield batches, with their texts, that together are this one and fit the shelf each."""
    text = encode(batch)
    count = len(batch.indications)
    if len(text) <= TEXT_CHARACTERS_MAX or count <= 1:
        yield batch, text
        return
    middle = count // 2
    yield from fitting(Batch(batch.indications[:middle]))
    yield from fitting(Batch(batch.indications[middle:], batch.changes))


def decode(key: str, text: str) -> Batch:
    """Return the batch of a text. Raises DamagedError."""
    try:
        indications, changes = json.loads(zlib.decompress(base64.b85decode(text)))
        return Batch(
            tuple(Indication(str(c), int(n), str(x)) for c, n, x in indications),
            tuple(change_from(each) for each in changes),
        )
    except (ValueError, TypeError, zlib.error) as fault:
        raise DamagedError(f"{key} cannot be read: {fault}") from fault


_numbers: msgspec.json.Decoder[Numbers] = msgspec.json.Decoder(Numbers)
_holding: msgspec.json.Decoder[Holding] = msgspec.json.Decoder(Holding)
_sent: msgspec.json.Decoder[dict[str, int]] = msgspec.json.Decoder(dict[str, int])


def write(value: Numbers | Holding | Mapping[str, int]) -> str:
    """Return the text of numbers, of a holding or of marks."""
    return msgspec.json.encode(value).decode()


def _read(
    decoder: "msgspec.json.Decoder[_T]", items: Mapping[str, Item], key: str, missing: "_T"
) -> "_T":
    found = items.get(key)
    if found is None:
        return missing
    try:
        return decoder.decode(found.text)
    except msgspec.DecodeError as fault:
        raise DamagedError(f"{key} cannot be read: {fault}") from fault


def read_numbers(items: Mapping[str, Item], key: str) -> Numbers:
    """Return the numbers on the shelf. Raises DamagedError."""
    return _read(_numbers, items, key, Numbers())


def read_holding(items: Mapping[str, Item], key: str) -> Holding | None:
    """Return who holds. Raises DamagedError."""
    return _read(_holding, items, key, Holding("", "")) if key in items else None


def read_sent(items: Mapping[str, Item], key: str) -> dict[str, int]:
    """Return up to which number each destination has taken. Raises DamagedError."""
    return _read(_sent, items, key, {})
