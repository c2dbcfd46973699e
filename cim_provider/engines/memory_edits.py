"""Edits carried out on a view in memory: of resources and their parameters.

Owns: what each edit means for the view's primitives, groups and clones, as a pure function.
What a view does not show is accepted and leaves no trace.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any, Final, TypeAlias, TypeVar

from cim_provider.edits import (
    Change,
    ChangeResource,
    EditError,
    MakeClone,
    MakeGroup,
    MakePrimitive,
    RemoveResource,
    SetParameter,
    Words,
)
from cim_provider.engine import CloneView, ClusterView, GroupView, PrimitiveView

INFINITY: Final = 1_000_000
_UNITS: Final = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_Resource: TypeAlias = PrimitiveView | GroupView | CloneView
_T = TypeVar("_T", PrimitiveView, GroupView, CloneView)


@dataclass(frozen=True, slots=True)
class _Lists:
    """The part of a view that edits change."""

    primitives: tuple[PrimitiveView, ...]
    groups: tuple[GroupView, ...]
    clones: tuple[CloneView, ...]


def edited(view: ClusterView, changes: Iterable[Change]) -> dict[str, Any]:
    """Return the lists of a view after all changes, by their names. Raises EditError."""
    lists = _Lists(view.primitives, view.groups, view.clones)
    devices = {each.id for each in view.facts.devices}
    # Of fence devices the lists show nothing.
    shown = (each for each in changes if not _is_of_device(each, devices))
    lists = _bound(reduce(_changed, shown, lists))
    return {name: getattr(lists, name) for name in ("primitives", "groups", "clones")}


def _is_of_device(change: Change, devices: set[str]) -> bool:
    match change:
        case MakePrimitive(agent_class="fence" | "stonith"):
            return True
        case ChangeResource(id=name) | RemoveResource(id=name) | SetParameter(resource=name):
            return name in devices
        case _:
            return False


def _changed(lists: _Lists, change: Change) -> _Lists:
    match change:
        case MakePrimitive():
            _free(lists, change.id)
            new = PrimitiveView(
                change.id,
                change.agent_class,
                change.provider,
                change.type,
                "stopped",
                description=change.description,
                parameters=change.parameters,
                **_fields(change.words, PrimitiveView, change.id),
            )
            return replace(lists, primitives=_sorted((*lists.primitives, new)))
        case MakeGroup():
            _free(lists, change.id)
            _check_members(lists, change.id, change.members)
            group = GroupView(change.id, change.members, description=change.description)
            group = replace(group, **_fields(change.words, GroupView, change.id))
            return replace(lists, groups=_sorted((*lists.groups, group)))
        case MakeClone():
            _free(lists, change.id)
            clone = CloneView(
                change.id,
                change.member,
                description=change.description,
                is_promotable=change.is_promotable,
            )
            clone = replace(clone, **_fields(change.words, CloneView, change.id))
            return replace(lists, clones=_sorted((*lists.clones, clone)))
        case ChangeResource():
            return _with_words(lists, change)
        case RemoveResource():
            return _without(lists, change.id)
        case SetParameter():
            return _with_parameter(lists, change)
        case _:
            return lists


def _with_words(lists: _Lists, change: ChangeResource) -> _Lists:
    found = _resource(lists, change.id)
    if change.description is not None:
        found = replace(found, description=change.description)
    if change.agent is not None and isinstance(found, PrimitiveView):
        agent_class, provider, agent_type = change.agent
        found = replace(found, agent_class=agent_class, provider=provider, type=agent_type)
    if change.members is not None and isinstance(found, GroupView):
        _check_members(lists, change.id, change.members)
        found = replace(found, members=change.members)
    found = replace(found, **_fields(change.words, type(found), change.id))
    return _replaced(lists, found)


def _without(lists: _Lists, name: str) -> _Lists:
    _resource(lists, name)
    gone = {name} | {each.member for each in lists.clones if each.id == name}
    for group in lists.groups:
        if group.id in gone:
            gone.update(group.members)
        elif gone.issuperset(group.members):
            gone.add(group.id)
    return _Lists(
        tuple(each for each in lists.primitives if each.id not in gone),
        tuple(
            replace(each, members=tuple(name for name in each.members if name not in gone))
            for each in lists.groups
            if each.id not in gone
        ),
        tuple(each for each in lists.clones if not gone & {each.id, each.member}),
    )


def _with_parameter(lists: _Lists, change: SetParameter) -> _Lists:
    found = _resource(lists, change.resource)
    if not isinstance(found, PrimitiveView):
        raise EditError("invalid", f"{change.resource} is no primitive")
    pairs = dict(found.parameters)
    if change.value is not None:
        pairs[change.name] = change.value
    elif pairs.pop(change.name, None) is None:
        raise EditError("not-found", f"{change.resource} has no parameter {change.name!r}")
    return _replaced(lists, replace(found, parameters=tuple(pairs.items())))


def _bound(lists: _Lists) -> _Lists:
    """Return the lists with each resource saying what it is in."""
    groups = {member: group for group in lists.groups for member in group.members}
    clones = {clone.member: clone.id for clone in lists.clones}

    def placed(item: PrimitiveView) -> PrimitiveView:
        group = groups.get(item.id)
        return replace(
            item,
            group=group.id if group else "",
            position=group.members.index(item.id) + 1 if group else 0,
            clone=clones.get(group.id if group else item.id, ""),
        )

    return _Lists(
        tuple(map(placed, lists.primitives)),
        tuple(replace(each, clone=clones.get(each.id, "")) for each in lists.groups),
        lists.clones,
    )


# --- words -----------------------------------------------------------------------------------


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _score(text: str) -> int:
    word = text.removeprefix("+")
    if word in ("INFINITY", "-INFINITY"):
        return INFINITY if word == "INFINITY" else -INFINITY
    if abs(int(word)) > INFINITY:
        raise ValueError
    return int(word)


def _threshold(text: str) -> int:
    return _score(text) % INFINITY


def _time(text: str) -> int:
    unit = text.lstrip("0123456789 ")
    return int(text.removesuffix(unit)) * (_UNITS[unit] if unit else 0)


def _role(text: str) -> str:
    if text not in ("started", "stopped", "unpromoted", "promoted"):
        raise ValueError
    return text


_READ: Final[dict[str, tuple[str, Callable[[str], object], object]]] = {
    "target_role": ("target_role", _role, ""),
    "managed": ("managed", _flag, True),
    "stickiness": ("stickiness", _score, 0),
    "priority": ("priority", _score, 0),
    "migration_threshold": ("migration_threshold", _threshold, 0),
    "failure_timeout": ("failure_timeout_ms", _time, 0),
    "max": ("instances_max", int, 0),
    "min": ("instances_min", int, 0),
    "per_node": ("node_max", int, 1),
    "promoted_max": ("promoted_max", int, 1),
    "promoted_per_node": ("promoted_node_max", int, 1),
    "unique": ("is_unique", _flag, False),
    "interleave": ("is_interleaved", _flag, False),
    "ordered": ("is_ordered", _flag, False),
    "notify": ("notifies", _flag, False),
}
"""By word: the view's field, how it is read, and the default."""


def _fields(words: Words, kind: type[_Resource], name: str) -> dict[str, Any]:
    """Return what the words say by the fields of that kind of view. Raises EditError."""
    found: dict[str, Any] = {}
    for word, text in words:
        if word not in _READ or _READ[word][0] not in {each.name for each in fields(kind)}:
            continue
        field, read, usual = _READ[word]
        try:
            found[field] = usual if text is None else read(text)
        except (ValueError, KeyError) as fault:
            text = f"resources.{name}.{word}: is {text!r:.60}; allowed: as the file has it"
            raise EditError("invalid", text) from fault
    return found


# --- parts -----------------------------------------------------------------------------------


def _free(lists: _Lists, name: str) -> None:
    if _find(lists, name) is not None:
        raise EditError("exists", f"there is a resource {name!r} already")


def _find(lists: _Lists, name: str) -> _Resource | None:
    everything: tuple[_Resource, ...] = (*lists.primitives, *lists.groups, *lists.clones)
    return next((each for each in everything if each.id == name), None)


def _resource(lists: _Lists, name: str) -> _Resource:
    found = _find(lists, name)
    if found is None:
        raise EditError("not-found", f"there is no resource {name!r} any more")
    return found


def _check_members(lists: _Lists, name: str, members: tuple[str, ...]) -> None:
    known = {each.id for each in lists.primitives}
    wrong = next((each for each in members if each not in known), None)
    if wrong is not None or not members or len(set(members)) < len(members):
        raise EditError("invalid", f"resources.{name}.group: names {wrong or members!r}")


def _replaced(lists: _Lists, new: _Resource) -> _Lists:
    match new:
        case PrimitiveView():
            return replace(lists, primitives=_with(lists.primitives, new))
        case GroupView():
            return replace(lists, groups=_with(lists.groups, new))
        case CloneView():
            return replace(lists, clones=_with(lists.clones, new))


def _with(items: tuple[_T, ...], new: _T) -> tuple[_T, ...]:
    return tuple(new if item.id == new.id else item for item in items)


def _sorted(items: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(sorted(items, key=lambda item: item.id))
