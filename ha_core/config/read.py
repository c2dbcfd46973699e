"""A tree read by the tables of `keys`: plain values, and every fault with its place.

Owns: kinds, unknown, missing and repeated keys. What was faulty is left out of
the values and remembered in `broken`, so that no rule complains of what
follows from it.
"""

import difflib
from collections.abc import Iterable
from typing import Any, Final

from ha_core.config import keys, shapes
from ha_core.config.faults import printable, shown, shown_at
from ha_core.config.kinds import Kind
from ha_core.config.limits import RESOURCES_MAX
from ha_core.config.tree import Mapping, Scalar, Sequence, Tree

Value = Any
"""What a kind reads, or dicts and lists of it: the tables say which; `build` makes types of it."""
Plain = dict[str, Value]
_WHOLE: Final = "the file"


class Reader:
    """Walks tree and tables together, collecting faults and the line of every path."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[str, int] = {}
        self._faults: list[tuple[int, str]] = []
        self._broken: list[str] = []
        self._misnamed: set[str] = set()

    def faults(self) -> list[str]:
        """Return all faults in the order of the file."""
        return [text for _, text in sorted(self._faults, key=lambda fault: fault[0])]

    def read_file(self, tree: Tree) -> Plain | None:
        """Return the file's values, or None if it is not even a mapping."""
        value = self._read(tree, keys.CONFIGURATION, "", 1)
        return value if isinstance(value, dict) else None

    def add(self, path: str, text: str) -> None:
        """Add a fault of the part at that path, unless it follows from one that is known."""
        follows = any(_follows(path, broken) for broken in self._broken)
        if not follows and path not in self._misnamed:
            self._fault(self._line(path), path, text)

    def _line(self, path: str) -> int:
        """Return the line of the part, or of what it is part of."""
        while path and path not in self._lines:
            single = path.replace("[0]", "")
            if single in self._lines:
                return self._lines[single]
            path = _owner(path)
        return self._lines.get(path, 1)

    def _fault(self, line: int, path: str, text: str) -> None:
        whole = f"{self._file}:{line}: {path or _WHOLE}: {text}"
        self._faults.append((line, printable(whole)))

    def _break(self, line: int, path: str, text: str) -> None:
        self._broken.append(path)
        self._fault(line, path, text)

    # --- shapes --------------------------------------------------------------------------

    def _read(self, tree: Tree, shape: shapes.Shape, path: str, line: int) -> Value:
        """Return the value of that shape, or None if it has another."""
        self._lines[path] = line
        match shape:
            case Kind():
                return self._scalar(tree, shape, path)
            case shapes.Object():
                return self._object(tree, shape, path)
            case shapes.MapOf():
                return self._map(tree, shape, path)
            case shapes.ListOf():
                return self._list(tree, shape, path)
            case shapes.Either():
                return self._either(tree, shape, path)
            case shapes.Names():
                return self._names(tree, shape, path)
            case shapes.OneOf():
                return self._choice(tree, shape, path)

    def _scalar(self, tree: Tree, kind: Kind, path: str) -> Value:
        if isinstance(tree, Scalar) and not tree.is_null:
            try:
                return kind.read(tree.text)
            except ValueError:
                pass
        self._break(tree.line, path, f"is {_what(path, tree)}; allowed: {kind.allowed}")
        return None

    def _either(self, tree: Tree, shape: shapes.Either, path: str) -> Value:
        if isinstance(tree, Mapping):
            return self._object(tree, shape.long, path)
        if isinstance(tree, Scalar) and not tree.is_null:
            try:
                return shape.short.read(tree.text)
            except ValueError:
                pass
        self._break(tree.line, path, f"is {_what(path, tree)}; allowed: {shape.allowed}")
        return None

    def _object(self, tree: Tree, shape: shapes.Object, path: str) -> Plain | None:
        items = self._items(tree, path, f"a mapping of {_list(shape.keys)}")
        if items is None:
            return None
        found: Plain = {}
        for name, value, line in items:
            place = _join(path, name)
            if name in shape.keys:
                _put(found, name, self._read(value, shape.keys[name].shape, place, line))
                continue
            near = difflib.get_close_matches(name, shape.keys, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            self._fault(line, place, f"is an unknown key{hint}; allowed: {_list(shape.keys)}")
            self._broken.extend(_join(path, word) for word in near)
        given = [name for name, _, _ in items]
        for name in shape.needed():
            if name not in given and _join(path, name) not in self._broken:
                self._fault(self._lines[path], path, f"has no '{name}', which it needs")
                self._broken.append(_join(path, name))
        return found

    def _map(self, tree: Tree, shape: shapes.MapOf, path: str) -> Plain | None:
        items = self._items(tree, path, "a mapping of names")
        if items is None:
            return None
        found: Plain = {}
        for name, value, line in items:
            place = _join(path, name)
            try:
                shape.name.read(name)
            except ValueError:
                text = f"is the name {shown(name)}; allowed: {shape.name.allowed}"
                self._fault(line, place, text)
                self._misnamed.add(place)
            read = self._read(value, shape.value, place, line)
            # The name of a broken part exists all the same: others may refer to it.
            _put(found, name, {} if read is None and not isinstance(shape.value, Kind) else read)
        return found

    def _list(self, tree: Tree, shape: shapes.ListOf, path: str) -> list[Value]:
        if isinstance(tree, Scalar) and tree.is_null:
            return []
        if not isinstance(tree, Sequence):
            return _without_none([self._read(tree, shape.value, path, tree.line)])
        return _without_none(
            [
                self._read(item, shape.value, f"{path}[{number}]", item.line)
                for number, item in enumerate(tree.items)
            ]
        )

    def _names(self, tree: Tree, shape: shapes.Names, path: str) -> list[tuple[str, Value]] | None:
        """Return names with their values, None where one has none; each has a line of its own."""
        found: list[tuple[str, Value]] = []
        seen: set[str] = set()
        pairs: list[tuple[Tree, Tree | None, int]] = [(tree, None, tree.line)]
        if isinstance(tree, Sequence):
            pairs = [(item, None, item.line) for item in tree.items]
        elif isinstance(tree, Mapping) and shape.value is not None:
            items = self._items(tree, path, "") or []
            pairs = [(Scalar(name, line), value, line) for name, value, line in items]
        elif isinstance(tree, Mapping) or tree.is_null:
            self._break(tree.line, path, f"is {_what(path, tree)}; allowed: {shape.allowed()}")
            return None
        if len(pairs) > RESOURCES_MAX:
            text = f"names {len(pairs)} {shape.what}s; allowed: {RESOURCES_MAX} at most"
            self._break(tree.line, path, text)
            return None
        for name_tree, value_tree, line in pairs:
            name = self._scalar(name_tree, shape.name, path)
            value = None
            if value_tree is not None and shape.value is not None:
                value = self._read(value_tree, shape.value, _join(path, str(name)), line)
            if name in seen:
                text = f"stands there twice (first in line {self._lines[_join(path, name)]})"
                self._fault(line, _join(path, name), f"{text}; allowed: once")
            elif name is not None and (value is not None or value_tree is None):
                self._lines.setdefault(_join(path, name), line)
                found.append((name, value))
                seen.add(name)
        if len(pairs) < shape.least:
            text = "is empty" if not pairs else f"names {len(pairs)} {shape.what}"
            self._break(tree.line, path, f"{text}; allowed: {shape.allowed()}")
        return found

    def _choice(self, tree: Tree, shape: shapes.OneOf, path: str) -> Value:
        names = ", ".join(f"'{name}'" for name in shape.choices)
        allowed = f"a mapping with one of {names}"
        if not isinstance(tree, Mapping):
            self._break(tree.line, path, f"is {_what(path, tree)}; allowed: {allowed}")
            return None
        given = [name for name in shape.choices if any(key == name for key, _, _ in tree.items)]
        if len(given) == 1:
            return self._object(tree, shape.choices[given[0]], path)
        has = f"has {' and '.join(given)}" if given else f"has none of {names}"
        self._break(self._lines[path], path, f"{has}; allowed: {allowed}")
        return None

    def _items(self, tree: Tree, path: str, allowed: str) -> list[tuple[str, Tree, int]] | None:
        """Return the pairs of a mapping, each key once; nothing at all counts as empty."""
        if isinstance(tree, Scalar) and tree.is_null:
            return []
        if not isinstance(tree, Mapping):
            self._break(tree.line, path, f"is {_what(path, tree)}; allowed: {allowed}")
            return None
        first: dict[str, int] = {}
        items = []
        for name, value, line in tree.items:
            if name in first:
                text = f"stands there twice (first in line {first[name]}); allowed: once"
                self._fault(line, _join(path, name), text)
                continue
            first[name] = line
            items.append((name, value, line))
        return items


def _follows(path: str, broken: str) -> bool:
    """Return whether a fault at the path may follow from what is broken: it, a part, its owner."""
    is_part = path.startswith((f"{broken}.", f"{broken}["))
    is_around = path == _owner(broken) or broken.startswith(f"{path}[")
    # Which values are allowed is a matter of the operation beside it.
    is_beside = broken.endswith(".operation") and path == f"{_owner(broken)}.value"
    return path == broken or is_part or is_around or is_beside


def _owner(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def _put(found: Plain, name: str, value: Value) -> None:
    if value is not None:
        found[name] = value


def _without_none(values: Iterable[Value]) -> list[Value]:
    return [value for value in values if value is not None]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _what(path: str, tree: Tree) -> str:
    match tree:
        case Scalar(is_null=True):
            return "empty"
        case Scalar(text=text):
            return shown_at(path, text)
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
