"""YAML to configuration: every fault at once, each with its place.

Owns: reading by the tables of `keys` and building the model's values. What
must hold between the parts is `check`'s; its faults are reported here with
the line of the part they name.
"""

import difflib
from collections.abc import Iterable

from ha_core.config import keys
from ha_core.config.check import check
from ha_core.config.kinds import Kind
from ha_core.config.model import (
    Address,
    AgentRef,
    Colocation,
    Configuration,
    Defaults,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    Node,
    Operation,
    Options,
    Ordering,
    Origin,
    Primitive,
)
from ha_core.config.tree import Mapping, Scalar, Sequence, Tree, TreeError, read_tree
from ha_core.errors import ConfigError
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId

FAULTS_MAX = 200
Value = object
_Object = dict[str, Value]


def parse_text(text: str, file: str) -> Configuration:
    """Return the configuration that the text of `file` holds.

    Raises: ConfigError: every fault as `FILE:LINE: path: what is there; allowed: what may be`.
    """
    reader = _Reader(file)
    try:
        tree = read_tree(text)
    except TreeError as fault:
        raise ConfigError(f"{file}:{fault.line}: {fault}") from None
    raw = reader.read(tree, keys.CONFIGURATION, "")
    if reader.faults:
        raise ConfigError(reader.faults[:FAULTS_MAX])
    assert isinstance(raw, dict)
    configuration = _configuration(raw)
    faults = [reader.located(fault.path, fault.text) for fault in check(configuration)]
    if faults:
        raise ConfigError(faults[:FAULTS_MAX])
    return configuration


class _Reader:
    """Walks tree and tables together, collecting faults and the line of every path."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[str, int] = {}
        self.faults: list[str] = []

    def located(self, path: str, text: str) -> str:
        """Return a fault of `check` with the line of the part it names."""
        known = path
        while known not in self._lines and "." in known:
            known = known.rpartition(".")[0]
        return f"{self._file}:{self._lines.get(known, 1)}: {path}: {text}"

    def read(self, tree: Tree, shape: keys.Shape, path: str) -> Value:
        """Return the value of that shape: plain dicts, lists and what the kinds read."""
        self._lines[path] = tree.line
        match shape:
            case Kind():
                return self._scalar(tree, shape, path)
            case keys.Object():
                return self._object(tree, shape, path)
            case keys.MapOf():
                return self._map(tree, shape, path)
            case keys.ListOf():
                return self._list(tree, shape, path)
            case keys.OneOf():
                return self._choice(tree, shape, path)

    def _fault(self, line: int, path: str, text: str) -> None:
        self.faults.append(f"{self._file}:{line}: {path or 'the file'}: {text}")

    def _scalar(self, tree: Tree, kind: Kind, path: str) -> Value:
        if not isinstance(tree, Scalar) or tree.is_null:
            self._fault(tree.line, path, f"is {_shown(tree)}; allowed: {kind.allowed}")
            return None
        try:
            return kind.read(tree.text)
        except ValueError:
            self._fault(tree.line, path, f"is {_shown(tree)}; allowed: {kind.allowed}")
            return None

    def _items(self, tree: Tree, path: str, what: str) -> Iterable[tuple[str, Tree, int]]:
        """Yield the pairs of a mapping, without repeated keys; nothing at all counts as empty."""
        if isinstance(tree, Scalar) and tree.is_null:
            return
        if not isinstance(tree, Mapping):
            self._fault(tree.line, path, f"is {_shown(tree)}; allowed: {what}")
            return
        seen: dict[str, int] = {}
        for key, value, line in tree.items:
            if key in seen:
                text = f"stands there twice (first in line {seen[key]}); allowed: once"
                self._fault(line, _join(path, key), text)
                continue
            seen[key] = line
            yield key, value, line

    def _object(self, tree: Tree, shape: keys.Object, path: str) -> _Object:
        found: _Object = {}
        for key, value, line in self._items(tree, path, f"a mapping of {_list(shape.keys)}"):
            if key in shape.keys:
                found[key] = self.read(value, shape.keys[key], _join(path, key))
                self._lines[_join(path, key)] = line
                continue
            near = difflib.get_close_matches(key, shape.keys, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            text = f"is an unknown key{hint}; allowed: {_list(shape.keys)}"
            self._fault(line, _join(path, key), text)
        for key in shape.needed:
            if key not in found:
                text = f"has no '{key}'; allowed: {_list(shape.keys)}, with '{key}' given"
                self._fault(tree.line, path, text)
        return found

    def _map(self, tree: Tree, shape: keys.MapOf, path: str) -> _Object:
        found: _Object = {}
        for key, value, line in self._items(tree, path, "a mapping of names"):
            found[key] = self.read(value, shape.value, _join(path, key))
            self._lines[_join(path, key)] = line
        return found

    def _list(self, tree: Tree, shape: keys.ListOf, path: str) -> list[Value]:
        if isinstance(tree, Sequence):
            return [
                self.read(item, shape.value, f"{path}[{number}]")
                for number, item in enumerate(tree.items)
            ]
        if isinstance(tree, Scalar) and tree.is_null:
            return []
        return [self.read(tree, shape.value, path)]

    def _choice(self, tree: Tree, shape: keys.OneOf, path: str) -> Value:
        names = " or ".join(f"'{name}'" for name in shape.choices)
        if not isinstance(tree, Mapping):
            self._fault(tree.line, path, f"is {_shown(tree)}; allowed: a mapping with {names}")
            return {}
        given = [name for name in shape.choices if any(key == name for key, _, _ in tree.items)]
        if len(given) != 1:
            has = f"has both {' and '.join(given)}" if given else f"has neither {names}"
            self._fault(tree.line, path, f"{has}; allowed: exactly one of {names}")
            return {}
        return self.read(tree, shape.choices[given[0]], path)


# --- from plain values to the model's --------------------------------------------------------


def _configuration(raw: _Object) -> Configuration:
    options, defaults = _part(raw, "options"), _part(raw, "defaults")
    resources, constraints = _part(raw, "resources"), _part(raw, "constraints")
    base = Defaults()
    operation = _part(defaults, "operation")
    return Configuration(
        name=str(raw.get("cluster", Configuration().name)),
        options=Options(
            **_given(
                options,
                dead_after="dead_after_ms",
                symmetric="symmetric",
                no_quorum_policy="no_quorum_policy",
                maintenance="maintenance",
            )  # type: ignore[arg-type]  # kinds are the tables'
        ),
        nodes=tuple(_node(name, part) for name, part in _parts(raw, "nodes")),
        links=tuple(
            Link(LinkName(name), **_given(part, port="port", medium="medium"))  # type: ignore[arg-type]  # as above
            for name, part in _parts(raw, "links")
        ),
        primitives=tuple(
            _primitive(name, part) for name, part in _members(resources) if "agent" in part
        ),
        groups=tuple(_group(name, part) for name, part in _members(resources) if "group" in part),
        locations=tuple(
            _location(name, part) for name, part in _members(constraints) if "location" in part
        ),
        colocations=tuple(
            _colocation(name, part) for name, part in _members(constraints) if "colocation" in part
        ),
        orderings=tuple(
            _ordering(name, part) for name, part in _members(constraints) if "order" in part
        ),
        fence_devices=tuple(_device(name, part) for name, part in _parts(raw, "fence_devices")),
        defaults=Defaults(
            meta=_meta(_part(defaults, "resource"), base.meta),
            **_given(
                operation, timeout="operation_timeout_ms", monitor_interval="monitor_interval_ms"
            ),  # type: ignore[arg-type]  # as above
        ),
    )


def _node(name: str, raw: _Object) -> Node:
    addresses = tuple(_address(link, str(text)) for link, text in _part(raw, "addresses").items())
    flags = {key: raw[key] for key in ("voter", "witness", "standby", "maintenance") if key in raw}
    return Node(NodeName(name), addresses, attributes=_texts(raw, "attributes"), **flags)  # type: ignore[arg-type]  # as above


def _address(link: str, text: str) -> Address:
    """Read `host`, `host:port`, an IPv6 address, or `[IPv6 address]:port`."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isdecimal() or (":" in host and not bracketed):
        return Address(LinkName(link), text.strip("[]"))
    return Address(LinkName(link), host.strip("[]"), int(port[:6]))


def _primitive(name: str, raw: _Object) -> Primitive:
    agent = raw["agent"]
    assert isinstance(agent, AgentRef)
    operations = _part(raw, "operations")
    found = [
        _operation(action, _part(operations, action))
        for action in ("start", "stop")
        if action in operations
    ]
    monitors = operations.get("monitor", [])
    assert isinstance(monitors, list)
    found += [_operation("monitor", item) for item in monitors]
    return Primitive(
        ResourceId(name),
        agent,
        _texts(raw, "parameters"),
        tuple(found),
        _meta(raw, Meta()),
        str(raw.get("description", "")),
    )


def _operation(action: str, raw: _Object) -> Operation:
    values = _given(
        raw, interval="interval_ms", timeout="timeout_ms", on_fail="on_fail", depth="depth"
    )
    return Operation(action, **values)  # type: ignore[arg-type]  # as above


def _meta(raw: _Object, base: Meta) -> Meta:
    values = _given(
        raw, **{key: f"{key}_ms" if key == "failure_timeout" else key for key in keys.META}
    )
    before = {name: getattr(base, name) for name in Meta.__slots__}
    return Meta(**{**before, **values})


def _group(name: str, raw: _Object) -> Group:
    members = raw["group"]
    assert isinstance(members, list)
    return Group(
        ResourceId(name),
        tuple(ResourceId(str(member)) for member in members),
        _meta(raw, Meta()),
        str(raw.get("description", "")),
    )


def _location(name: str, raw: _Object) -> Location:
    score, origin = raw.get("score", INFINITY), raw.get("origin", Origin.ADMINISTRATOR)
    expires = raw.get("expires")
    assert isinstance(score, int)
    assert isinstance(origin, Origin)
    assert expires is None or isinstance(expires, int)
    resource, node = ResourceId(str(raw["location"])), NodeName(str(raw["node"]))
    return Location(ConstraintId(name), resource, node, score, origin, expires)


def _colocation(name: str, raw: _Object) -> Colocation:
    score = raw.get("score", INFINITY)
    assert isinstance(score, int)
    dependent, primary = ResourceId(str(raw["colocation"])), ResourceId(str(raw["with"]))
    return Colocation(ConstraintId(name), dependent, primary, score)


def _ordering(name: str, raw: _Object) -> Ordering:
    values = _given(raw, kind="kind", symmetrical="symmetrical")
    first, then = ResourceId(str(raw["order"])), ResourceId(str(raw["then"]))
    return Ordering(ConstraintId(name), first, then, **values)  # type: ignore[arg-type]  # as above


def _device(name: str, raw: _Object) -> FenceDevice:
    targets = raw.get("targets", [])
    assert isinstance(targets, list)
    nodes = tuple(NodeName(str(target)) for target in targets)
    return FenceDevice(name, str(raw["agent"]), _texts(raw, "parameters"), nodes)


def _given(raw: _Object, **names: str) -> _Object:
    """Return what is given, under the model's names."""
    return {name: raw[key] for key, name in names.items() if key in raw}


def _part(raw: _Object, key: str) -> _Object:
    part = raw.get(key, {})
    assert isinstance(part, dict)
    return part


def _members(part: _Object) -> Iterable[tuple[str, _Object]]:
    for name, value in part.items():
        assert isinstance(value, dict)
        yield name, value


def _parts(raw: _Object, key: str) -> Iterable[tuple[str, _Object]]:
    return _members(_part(raw, key))


def _texts(raw: _Object, key: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in _part(raw, key).items())


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _shown(tree: Tree) -> str:
    match tree:
        case Scalar(is_null=True):
            return "empty"
        case Scalar(text=text):
            return repr(text if len(text) <= 60 else text[:57] + "...")
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
