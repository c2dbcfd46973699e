"""YAML text as a bounded tree whose every part knows its line.

Owns: reading YAML safely. Only plain mappings, lists and scalars pass: no
tags, anchors, aliases or merges, so that a small file cannot become a large
tree, and what stands there is what is meant. JSON is read as the YAML that it
almost is. Source: YAML 1.1 as PyYAML reads it; RFC 8259.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import yaml

TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""A configuration of the largest size that is allowed has about half of that."""
DEPTH_MAX: Final = 20
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The reader in C, some twenty times as fast, where PyYAML was built with it."""
_NULLS: Final = ("", "~", "null", "Null", "NULL")
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_UNLIKE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PAIR: Final = re.compile(r"((?<!\\)(?:\\\\)*)\\u(d[89ab]..)\\u(d[c-f]..)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text as written; `is_null` for nothing at all."""

    text: str
    line: int
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Tree", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; keys in the order of the file, repeated ones included, each with its line."""

    items: tuple[tuple[str, "Tree", int], ...]
    line: int


Tree = Scalar | Sequence | Mapping


class TreeError(Exception):
    """The text is no acceptable YAML; `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet; `keys` are those of a mapping."""

    line: int
    keys: list[tuple[str, int]] | None = None
    values: list[Tree] = field(default_factory=list)

    def closed(self) -> Tree:
        if self.keys is None:
            return Sequence(tuple(self.values), self.line)
        pairs = zip(self.keys, self.values, strict=True)
        return Mapping(tuple((key, value, line) for (key, line), value in pairs), self.line)


def read_tree(text: str, loader: type = LOADER) -> Tree:
    """Return the text's one document. Raises TreeError."""
    size = len(text.encode(errors="surrogatepass"))
    if size > TEXT_BYTES_MAX:
        raise TreeError(1, f"is {size} bytes long; allowed: {TEXT_BYTES_MAX} at most")
    text = _as_yaml(text)
    _require_printable(text)
    try:
        tree = _Builder().build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as fault:
        raise _not_yaml(fault, text) from None
    return tree or Mapping((), 1)


def _not_yaml(fault: yaml.MarkedYAMLError, text: str) -> TreeError:
    mark, context_mark = fault.problem_mark or fault.context_mark, fault.context_mark
    number, column = (mark.line, mark.column) if mark else (0, 0)
    words = str(fault.problem or fault.context)
    line = "".join(text.splitlines()[number : number + 1])
    if line[column : column + 1] == "\t":
        words += " (indent with blanks, not with tabs)"
    if fault.context and context_mark and context_mark.line != number:
        words += f" ({fault.context} that begins in line {context_mark.line + 1})"
    return TreeError(number + 1, f"is not YAML: {words}")


def _require_printable(text: str) -> None:
    found = _UNPRINTABLE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        code = ord(found[0])
        raise TreeError(line, f"holds the character U+{code:04X}; allowed: printable text")


def _as_yaml(text: str) -> str:
    """Return the text; if it is JSON, with what YAML reads in another way written differently.

    These are tabs between tokens, characters written as two halves, and those
    that YAML takes for the end of a line or does not allow.
    """
    text = text.removeprefix("\ufeff")
    if not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    text = _UNLIKE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\t", " "))
    return _PAIR.sub(_whole_character, text)


def _whole_character(found: re.Match[str]) -> str:
    return found[1] + bytes.fromhex(found[2] + found[3]).decode("utf-16-be")


class _Builder:
    """Makes the tree of a stream of YAML events, without recursion."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._root: Tree | None = None

    def build(self, events: Iterable[yaml.events.Event]) -> Tree | None:
        """Return the root, or None where there is no document."""
        for event in events:
            self._take(event)
        return self._root

    def _take(self, event: yaml.events.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.events.AliasEvent():
                raise TreeError(line, "holds an alias; allowed: the value written out")
            case yaml.events.DocumentStartEvent() if self._root is not None:
                raise TreeError(line, "begins a second document; allowed: one")
            case yaml.events.ScalarEvent():
                self._require_plain(event, line)
                self._scalar(event, line)
            case yaml.events.CollectionStartEvent():
                self._require_plain(event, line)
                self._begin(isinstance(event, yaml.events.MappingStartEvent), line)
            case yaml.events.CollectionEndEvent():
                self._put(self._open.pop().closed())
            case _:
                pass

    @staticmethod
    def _require_plain(
        event: yaml.events.ScalarEvent | yaml.events.CollectionStartEvent, line: int
    ) -> None:
        if event.anchor:
            raise TreeError(line, f"holds the anchor &{event.anchor}; allowed: plain values")
        if event.tag:
            raise TreeError(line, f"holds the tag {event.tag}; allowed: plain values")

    def _begin(self, is_mapping: bool, line: int) -> None:
        if self._expects_key():
            raise TreeError(line, "has a list or mapping as a key; allowed: a word")
        if len(self._open) == DEPTH_MAX:
            raise TreeError(line, f"is nested deeper than {DEPTH_MAX} levels")
        self._open.append(_Open(line, [] if is_mapping else None))

    def _scalar(self, event: yaml.events.ScalarEvent, line: int) -> None:
        is_plain = bool(event.implicit[0])
        if not self._expects_key():
            self._put(Scalar(event.value, line, is_plain and event.value in _NULLS))
            return
        if is_plain and event.value == "<<":
            raise TreeError(line, "holds the merge key <<; allowed: the values written out")
        if not event.value:
            raise TreeError(line, "has an empty key; allowed: a word")
        keys = self._open[-1].keys
        assert keys is not None
        keys.append((event.value, line))

    def _expects_key(self) -> bool:
        if not self._open:
            return False
        keys = self._open[-1].keys
        return keys is not None and len(keys) == len(self._open[-1].values)

    def _put(self, tree: Tree) -> None:
        if self._open:
            self._open[-1].values.append(tree)
        else:
            self._root = tree
