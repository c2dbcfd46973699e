"""The text of a query to words.

Owns: what a name, a number, a text and a sign are, and the bound on length.
Keywords are names here: only their place tells them apart.
Source: DSP0202 1.0, "Lexical elements".
"""

import math
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from cim_provider.query.faults import invalid

QUERY_CHARS_MAX: Final = 8_192
"""A filter of a console has some hundred characters."""
TOKENS_MAX: Final = 2_048

_WORD: Final = re.compile(
    r"""\s*(?:
        (?P<name>[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*)
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]{1,16}|(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})
            (?:[eE][+-]?[0-9]{1,4})?)(?![0-9A-Za-z_]))
      | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      | (?P<sign><>|<=|>=|!=|::|\|\||[=<>(),.*\[\]+\-/;])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(['\"\\])|''|\"\"", re.DOTALL)


class Kind(Enum):
    """What a word is."""

    NAME = auto()
    NUMBER = auto()
    TEXT = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `value` is its meaning, `text` how it is written."""

    kind: Kind
    text: str
    value: str | int | float = ""

    def is_word(self, *words: str) -> bool:
        """Return whether it is one of these keywords, in any case."""
        return self.kind is Kind.NAME and self.text.upper() in words

    def is_sign(self, *signs: str) -> bool:
        """Return whether it is one of these signs."""
        return self.kind is Kind.SIGN and self.text in signs


def tokens(query: str) -> list[Token]:
    """Return the words of a query, the last one being the end.

    Raises QueryFault: INVALID_QUERY.
    """
    if len(query) > QUERY_CHARS_MAX:
        invalid(f"the query has {len(query)} characters, expected at most {QUERY_CHARS_MAX}")
    found: list[Token] = []
    place, end = 0, len(query.rstrip())
    while place < end:
        match = _WORD.match(query, place)
        if match is None:
            invalid(f"the query cannot be read from {query[place : place + 24].strip()!r} on")
        found.append(_token(match))
        place = match.end()
        if len(found) > TOKENS_MAX:
            invalid(f"the query has more than {TOKENS_MAX} words")
    return [*found, Token(Kind.END, "the end")]


def _token(match: re.Match[str]) -> Token:
    text = match[match.lastgroup or 0]
    match match.lastgroup:
        case "name":
            return Token(Kind.NAME, text, text)
        case "number":
            return Token(Kind.NUMBER, text, _number(text))
        case "text":
            quote = text[0]
            value = _ESCAPED.sub(lambda found: found[1] or quote, text[1:-1])
            return Token(Kind.TEXT, text, value)
    return Token(Kind.SIGN, text, text)


def _number(text: str) -> int | float:
    if "x" in text.lower():
        return int(text, 16)
    if text.lstrip("+-").isdecimal():
        return int(text)
    number = float(text)
    if math.isinf(number):
        invalid(f"the number {text} is out of range")
    return number
