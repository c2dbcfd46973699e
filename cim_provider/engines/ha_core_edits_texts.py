"""Texts of an edit read as those of a configuration file are.

Owns: that reading, by the tables of keys. A fault names its place as `ha apply` does.
"""

import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

from cim_provider.edits import EditError, Words
from ha_core.config.faults import shown
from ha_core.config.kinds import Kind
from ha_core.config.shapes import Either, Key

Names: TypeAlias = Mapping[str, str]
"""Words of the file, and the model's fields for them."""


def words_of(words: Words, names: Names) -> Words:
    """Return those words that have one of these names."""
    return tuple((name, value) for name, value in words if name in names)


def read(
    words: Words, table: Mapping[str, Key], names: Names, path: str, usual: object
) -> dict[str, Any]:
    """Return what the words say, by the model's fields; what says nothing is as in `usual`.

    Raises EditError: a word is unknown or says what may not be.
    """
    found: dict[str, Any] = {}
    for name, text in words:
        if name not in names or name not in table:
            near = difflib.get_close_matches(name, names, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            place = f"{path}.{name[:64]}"
            allowed = ", ".join(names)
            raise EditError("invalid", f"{place}: is an unknown key{hint}; allowed: {allowed}")
        field = names[name]
        found[field] = (
            getattr(usual, field) if text is None else value(table[name], text, f"{path}.{name}")
        )
    return found


def value(key: Key, text: str, path: str) -> Any:
    """Return what a text says. Raises EditError: it may not be said there."""
    kind = key.shape.short if isinstance(key.shape, Either) else key.shape
    assert isinstance(kind, Kind), f"{path} is no single value"
    try:
        return kind.read(text)
    except ValueError as fault:
        text = f"{path}: is {shown(text)}; allowed: {kind.allowed}"
        raise EditError("invalid", text) from fault
