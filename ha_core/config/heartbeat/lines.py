"""Files of Heartbeat as lines of words, each word with its place.

Owns: the lexical rules, and what an import hands back beside values: notes.
Source: Heartbeat 3, `ha.cf` and `haresources`; a comment begins anywhere in a
line, and only `haresources` knows continuation lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ha_core.config.faults import printable

HA_CF: Final = "ha.cf"
HARESOURCES: Final = "haresources"
AUTHKEYS: Final = "authkeys"
_SHOWN_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it stands."""

    text: str
    file: str
    line: int

    def note(self, text: str) -> str:
        """Return a note on the word's line, fit for a terminal whatever the file holds."""
        return printable(f"{self.file}:{self.line}: {text}")


Words = tuple[Word, ...]


def lines(text: str, file: str, continues: bool = False) -> Iterator[Words]:
    """Yield the words of each line that has some; `continues`: a backslash joins the next line."""
    found: list[Word] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        content = line.partition("#")[0].rstrip()
        is_open = continues and content.endswith("\\")
        if is_open:
            content = content[:-1]
        found += [Word(word, file, number) for word in content.split()]
        if not is_open and found:
            yield tuple(found)
            found = []
    if found:
        yield tuple(found)


def shown(words: Words) -> str:
    """Return the words as one text, its beginning if it is long."""
    text = " ".join(word.text for word in words)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."
