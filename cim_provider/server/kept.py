"""Answers that are kept for as long as what they were read from stays the same.

Owns: which requests are the same, and the answers of one version of the world,
within bounds. One answer serves all clients: what is kept may be read by all.
Knows nothing of operations.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from cim_provider.wbem.http import Expected
from cim_provider.wbem.render import Rest

KEPT_MAX: Final = 4_096
KEPT_BYTES_MAX: Final = 12 * 1024 * 1024
KEPT_ONE_BYTES_MAX: Final = 6 * 1024 * 1024
"""A thousand instances with all their properties are about five million bytes."""

# Nothing but a declaration and attributes may stand before the message id: so the text
# that is cut out is the id, and two requests that differ in it alone ask the same.
_ID = re.compile(
    rb'\s*(?:<\?xml[^<>]*\?>)?\s*<CIM(?:\s+[A-Z]+="[^"<&]*")*\s*>\s*'
    rb'<MESSAGE(?:\s+(?!ID=)[A-Z]+="[^"<&]*")*\s+ID="([A-Za-z0-9._:-]{1,64})"'
)

Question: TypeAlias = tuple[bytes, bytes]
"""The body of a request but for its message id."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer from behind its message id on, and what the headers of its request promised."""

    expected: Expected
    rest: Rest


def take_apart(body: bytes) -> tuple[Question, str] | None:
    """Return what a request asks and its message id; None for one of unusual form."""
    match = _ID.match(body)
    if match is None:
        return None
    return (body[: match.start(1)], body[match.end(1) :]), match[1].decode()


class KeptAnswers:
    """Answers of one version of the world, oldest use first."""

    def __init__(self, kept_max: int = KEPT_MAX, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._kept_max = kept_max
        self._bytes_max = bytes_max
        self._version = ""
        self._kept: OrderedDict[Question, Kept] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, version: str, question: Question, expected: Expected) -> Rest | None:
        """Return the answer to a question under these headers; forget those of other versions."""
        if version != self._version:
            self._kept.clear()
            self._version, self._size = version, 0
            return None
        found = self._kept.get(question)
        if found is None or (found.expected is not expected and found.expected != expected):
            return None
        self._kept.move_to_end(question)
        return found.rest

    def keep(self, version: str, question: Question, answer: Kept) -> None:
        """Keep an answer of that version, if that is still the version and there is room."""
        if version != self._version or _size(question, answer) > KEPT_ONE_BYTES_MAX:
            return
        former = self._kept.pop(question, None)
        if former is not None:
            self._size -= _size(question, former)
        self._kept[question] = answer
        self._size += _size(question, answer)
        while len(self._kept) > self._kept_max or self._size > self._bytes_max:
            self._size -= _size(*self._kept.popitem(last=False))


def _size(question: Question, answer: Kept) -> int:
    return len(question[0]) + len(question[1]) + sum(map(len, answer.rest))
