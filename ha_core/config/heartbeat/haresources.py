"""`haresources`, read: on each line a preferred node, and resources with their arguments.

Owns: the form of the file. What a script means here is `scripts`'. Source:
Heartbeat 3, `doc/haresources`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ha_core.config.heartbeat.lines import HARESOURCES, Word, lines

_IPV4: Final = re.compile(r"\d+\.\d+\.\d+\.\d+(/.*)?")
_SEPARATOR: Final = "::"


@dataclass(frozen=True, slots=True)
class Script:
    """One resource: a script's name and arguments; a bare address is `IPaddr` with it."""

    word: Word
    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A group: resources that stay together, and the node that they prefer."""

    node: Word
    scripts: tuple[Script, ...]


def read(text: str) -> Iterator[Line]:
    """Yield the lines of the file."""
    for words in lines(text, HARESOURCES, continues=True):
        yield Line(words[0], tuple(_script(word) for word in words[1:]))


def _script(word: Word) -> Script:
    if _IPV4.fullmatch(word.text):
        return Script(word, "IPaddr", (word.text,))
    name, *arguments = word.text.split(_SEPARATOR)
    if name == "IPv6addr":
        # The separator is a part of most IPv6 addresses.
        return Script(word, name, (_SEPARATOR.join(arguments),))
    return Script(word, name, tuple(arguments))
