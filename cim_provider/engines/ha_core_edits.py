"""Edits carried out on a configuration of Beatkeeper's: resources, and what is in them.

Owns: what each edit of a resource means, as a function from one value to the next, and `edited`.
Constraints, options and nodes are `ha_core_edits_rules`'s. Texts are read as the file's are, with
the same bounds and the same words for faults; whether the result is acceptable is judged by
whoever is given it, as with every other change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Final, TypeVar

from cim_provider.edits import (
    Change,
    ChangeResource,
    EditError,
    MakeClone,
    MakeGroup,
    MakePrimitive,
    OperationText,
    PutOperation,
    RemoveOperation,
    RemoveResource,
    SetParameter,
    Words,
)
from cim_provider.engines import ha_core_edits_devices as devices, ha_core_edits_rules as rules
from cim_provider.engines.ha_core_edits_texts import Names, read, words_of
from ha_core.config import keys
from ha_core.config.faults import shown
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Constraint,
    Group,
    Meta,
    Operation,
    Primitive,
)
from ha_core.config.shapes import Key
from ha_core.ids import ResourceId

_T = TypeVar("_T", Primitive, Group, Clone)
_META: Final[Names] = {
    **{name: name for name in (*keys.META, "exclusivity", "accept_risk")},
    "failure_timeout": "failure_timeout_ms",
}
_META_KEYS: Final = {name: keys.PRIMITIVE.keys[name] for name in _META}
_CLONE_KEYS: Final[Mapping[str, Key]] = {
    **{name: key for name, key in keys.CLONE.keys.items() if name not in _META},
    "promoted_max": keys.PROMOTABLE.keys["max"],
    "promoted_per_node": keys.PROMOTABLE.keys["per_node"],
}
_CLONE: Final[Names] = {
    "max": "instances_max",
    "per_node": "node_max",
    "min": "instances_min",
    "promoted_max": "promoted_max",
    "promoted_per_node": "promoted_node_max",
    **{name: name for name in ("unique", "interleave", "ordered", "notify")},
}
_OPERATION: Final[Names] = {
    "interval": "interval_ms",
    "timeout": "timeout_ms",
    **{name: name for name in ("on_fail", "depth", "role", "enabled")},
}
_ACTIONS: Final = tuple(keys.OPERATIONS.keys)
_ORDER: Final = {action: place for place, action in enumerate(_ACTIONS)}


def edited(configuration: Configuration, changes: Iterable[Change]) -> Configuration:
    """Return the configuration with all changes, each made to what the ones before it left.

    Raises:
        EditError: a change means nothing here; none of them is made.
    """
    return reduce(_changed, changes, configuration)


def _changed(configuration: Configuration, change: Change) -> Configuration:
    if isinstance(change, devices.DeviceEdit) and devices.is_of_device(configuration, change):
        return devices.with_device(configuration, change)
    match change:
        case MakePrimitive():
            return _with_primitive(configuration, change)
        case MakeGroup():
            return _with_group(configuration, change)
        case MakeClone():
            return _with_clone(configuration, change)
        case ChangeResource():
            return _with_words(configuration, change)
        case RemoveResource():
            return without_resource(configuration, change.id)
        case SetParameter():
            return _with_parameter(configuration, change)
        case PutOperation():
            return _with_operation(configuration, change)
        case RemoveOperation():
            return _without_operation(configuration, change)
        case _:
            return rules.changed(configuration, change)


# --- resources -------------------------------------------------------------------------------


def _with_primitive(configuration: Configuration, new: MakePrimitive) -> Configuration:
    _free(configuration, new.id)
    path = f"resources.{new.id}"
    primitive = Primitive(
        ResourceId(new.id),
        _agent((new.agent_class, new.provider, new.type), path),
        new.parameters,
        (),
        _meta(Meta(), new.words, path),
        new.description,
    )
    for text in new.operations:
        primitive = _put(configuration, primitive, text, None)
    return replace(configuration, primitives=(*configuration.primitives, primitive))


def _with_group(configuration: Configuration, new: MakeGroup) -> Configuration:
    _free(configuration, new.id)
    path = f"resources.{new.id}"
    members = tuple(map(ResourceId, new.members))
    meta = _meta(Meta(), new.words, path)
    group = Group(ResourceId(new.id), members, meta, new.description)
    return replace(configuration, groups=(*configuration.groups, group))


def _with_clone(configuration: Configuration, new: MakeClone) -> Configuration:
    _free(configuration, new.id)
    clone = Clone(
        ResourceId(new.id),
        ResourceId(new.member),
        promotable=new.is_promotable,
        description=new.description,
    )
    clone = _with_clone_words(clone, new.words)
    return replace(configuration, clones=(*configuration.clones, clone))


def _with_words(configuration: Configuration, change: ChangeResource) -> Configuration:
    path = f"resources.{change.id}"
    found = _resource(configuration, change.id)
    if change.members is not None:
        if not isinstance(found, Group):
            raise EditError("invalid", f"{path}: only a group has members in an order")
        found = replace(found, members=tuple(map(ResourceId, change.members)))
    if change.agent is not None:
        if not isinstance(found, Primitive):
            raise EditError("invalid", f"{path}: only a primitive has an agent")
        found = replace(found, agent=_agent(change.agent, path))
    if change.description is not None:
        found = replace(found, description=change.description)
    if isinstance(found, Clone):
        found = _with_clone_words(found, change.words)
    else:
        found = replace(found, meta=_meta(found.meta, change.words, path))
    return _replaced(configuration, found)


def without_resource(configuration: Configuration, name: str) -> Configuration:
    """Return it without a resource, what is in it, and what cannot be without any of that.

    A group or clone that is left with nothing goes, too. Raises EditError.
    """
    _resource(configuration, name)
    gone = {name}
    for clone in configuration.clones:
        if clone.id in gone:
            gone.add(clone.member)
    for group in configuration.groups:
        if group.id in gone:
            gone.update(group.members)
        elif gone.issuperset(group.members):
            gone.add(group.id)
    gone.update(clone.id for clone in configuration.clones if clone.member in gone)
    groups = tuple(
        replace(group, members=tuple(each for each in group.members if each not in gone))
        for group in configuration.groups
        if group.id not in gone
    )
    rest = replace(
        configuration,
        primitives=tuple(item for item in configuration.primitives if item.id not in gone),
        groups=groups,
        clones=tuple(item for item in configuration.clones if item.id not in gone),
    )
    ends: list[Constraint] = [
        item for item in configuration.constraints() if gone & rules.resources_of(item)
    ]
    return reduce(lambda known, item: rules.without_constraint(known, item.id), ends, rest)


# --- what is in a primitive ------------------------------------------------------------------


def _with_parameter(configuration: Configuration, change: SetParameter) -> Configuration:
    primitive = _primitive(configuration, change.resource)
    pairs = dict(primitive.parameters)
    if change.value is not None:
        pairs[change.name] = change.value
    elif pairs.pop(change.name, None) is None:
        raise EditError("not-found", f"{primitive.id} has no parameter {shown(change.name)}")
    return _replaced(configuration, replace(primitive, parameters=tuple(pairs.items())))


def _with_operation(configuration: Configuration, change: PutOperation) -> Configuration:
    primitive = _primitive(configuration, change.resource)
    changed = _put(configuration, primitive, change.operation, change.interval_ms)
    return _replaced(configuration, changed)


def _put(
    configuration: Configuration, primitive: Primitive, text: OperationText, interval_ms: int | None
) -> Primitive:
    """Return the primitive with a new operation, or with other words of the one it has."""
    path = f"resources.{primitive.id}.operations.{text.action}"
    if text.action not in _ORDER:
        raise EditError("invalid", f"{path}: is no action; allowed: {', '.join(_ACTIONS)}")
    is_monitor = text.action == "monitor"
    defaults = configuration.defaults
    usual = Operation(
        text.action,
        interval_ms=defaults.monitor_interval_ms if is_monitor else 0,
        timeout_ms=defaults.operation_timeout_ms,
    )
    known = usual
    if interval_ms is not None:
        known = _operation(primitive, text.action, interval_ms)
    table = keys.MONITOR.keys
    words: Words = tuple(
        (name, value)
        for name, value in text.words
        # A start has no interval; who says that it is 0 says nothing else.
        if is_monitor or name != "interval" or (value or "0") not in ("0", "0ms", "0s")
    )
    new = replace(known, **read(words, table, _OPERATION, path, usual))
    found = [new if each is known else each for each in primitive.operations]
    if interval_ms is None:
        if not is_monitor and any(each.action == text.action for each in found):
            raise EditError("exists", f"{path}: {primitive.id} has one already")
        found.append(new)
    return replace(primitive, operations=tuple(sorted(found, key=_rank)))


def _rank(operation: Operation) -> int:
    """Return the place of an operation in the file, where each kind has its own."""
    return _ORDER[operation.action]


def _without_operation(configuration: Configuration, change: RemoveOperation) -> Configuration:
    primitive = _primitive(configuration, change.resource)
    known = _operation(primitive, change.action, change.interval_ms)
    rest = tuple(each for each in primitive.operations if each is not known)
    return _replaced(configuration, replace(primitive, operations=rest))


def _operation(primitive: Primitive, action: str, interval_ms: int) -> Operation:
    for each in primitive.operations:
        if each.action == action and each.interval_ms == interval_ms:
            return each
    text = f"{primitive.id} has no operation {shown(action)} every {interval_ms} ms"
    raise EditError("not-found", text)


# --- parts -----------------------------------------------------------------------------------


def _free(configuration: Configuration, name: str) -> None:
    if _find(configuration, name) is not None:
        raise EditError("exists", f"there is a resource {shown(name)} already")


def _find(configuration: Configuration, name: str) -> Primitive | Group | Clone | None:
    wanted = ResourceId(name)
    return (
        configuration.primitive(wanted)
        or configuration.group(wanted)
        or configuration.clone(wanted)
    )


def _resource(configuration: Configuration, name: str) -> Primitive | Group | Clone:
    found = _find(configuration, name)
    if found is None:
        raise EditError("not-found", f"there is no resource {shown(name)} any more")
    return found


def _primitive(configuration: Configuration, name: str) -> Primitive:
    found = _resource(configuration, name)
    if not isinstance(found, Primitive):
        raise EditError("invalid", f"{name} is no primitive: name one that is in it")
    return found


def _agent(parts: tuple[str, str, str], path: str) -> AgentRef:
    agent_class, provider, agent_type = parts
    if agent_class not in set(AgentClass):
        text = f"{path}.agent: is of class {shown(agent_class)}; allowed: {', '.join(AgentClass)}"
        raise EditError("invalid", text)
    return AgentRef(AgentClass(agent_class), provider, agent_type)


def _meta(meta: Meta, words: Words, path: str) -> Meta:
    return replace(meta, **read(words, _META_KEYS, _META, path, Meta()))


def _with_clone_words(clone: Clone, words: Words) -> Clone:
    path = f"resources.{clone.member}.clone"
    own = words_of(words, _CLONE)
    others = tuple(pair for pair in words if pair not in own)
    usual = Clone(clone.id, clone.member)
    found: dict[str, Any] = read(own, _CLONE_KEYS, _CLONE, path, usual)
    return replace(clone, meta=_meta(clone.meta, others, path), **found)


def _replaced(configuration: Configuration, new: Primitive | Group | Clone) -> Configuration:
    match new:
        case Primitive():
            return replace(configuration, primitives=_with(configuration.primitives, new))
        case Group():
            return replace(configuration, groups=_with(configuration.groups, new))
        case Clone():
            return replace(configuration, clones=_with(configuration.clones, new))


def _with(items: tuple[_T, ...], new: _T) -> tuple[_T, ...]:
    return tuple(new if item.id == new.id else item for item in items)
