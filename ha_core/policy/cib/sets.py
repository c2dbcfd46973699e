"""Resource sets, expanded into pairs.

Source: Pacemaker Explained, "Resource Sets".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.targets import Targets
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Colocation, Ordering, OrderKind, Role, Task

_TASKS: Final = {task.value: task for task in (Task.START, Task.STOP, Task.PROMOTE, Task.DEMOTE)}


@dataclass(frozen=True, slots=True)
class ResourceSet:
    """One `resource_set`."""

    id: str
    members: tuple[str, ...]
    is_sequential: bool = True
    require_all: bool = True
    role: Role | None = None
    task: Task = Task.START
    score: int | None = None
    is_listed: bool = False
    """Each member depends on the one after it, not on the one before."""
    kind: OrderKind | None = None
    says_sequential: bool = False
    """It says so itself: only then its last or first member stands for it towards other sets in an
    ordering.
    """


def read_set(source: Source, targets: Targets, element: Element) -> ResourceSet:
    """Return a set; what it names and is not there is left out."""
    element = source.referred(element) or element
    members: list[str] = []
    has_tag = False
    for child in element.all("resource_ref"):
        found = targets.named(child, child.id)
        has_tag = has_tag or child.id not in targets.known
        members += found
    if not element.all("resource_ref"):
        source.leave_out(element, "it names no resource: a set needs <resource_ref> elements")
    role = values.role(element.get("role")) if "role" in element.attributes else None
    text = element.get("action", Task.START.value).strip().lower()
    if text not in _TASKS:
        source.leave_out(element, f"action is {text!r}, allowed: {', '.join(_TASKS)}")
    kinds = {kind.value.lower(): kind for kind in OrderKind}
    return ResourceSet(
        element.id,
        tuple(dict.fromkeys(members)),
        values.boolean(element.get("sequential", "true")) is not False,
        values.boolean(element.get("require-all", "true")) is not False,
        None if role is Role.STARTED else role,
        _TASKS.get(text, Task.START),
        _score(source, element),
        element.get("ordering") == "listed",
        kinds.get(element.get("kind").strip().lower()),
        values.boolean(element.get("sequential")) is True,
    )


def _score(source: Source, element: Element) -> int | None:
    text = element.attributes.get("score")
    if text is None:
        return None
    found = source.score(text)
    if found is None:
        source.leave_out(element, f"score is {text!r}, which is no score; it counts as 0")
    return found or 0


def colocations_within(
    name: str, group: ResourceSet, score: int, influence: bool | None
) -> Iterator[Colocation]:
    """Yield what holds among the members of one set."""
    if not group.is_sequential or score == 0:
        return
    members = group.members
    if score > 0:
        for before, after in pairwise(members):
            pair = (before, after) if group.is_listed else (after, before)
            yield Colocation(name, *pair, score, group.role, group.role, influence=influence)
        return
    for position, dependent in enumerate(members):
        for primary in members[:position]:
            yield Colocation(
                name, dependent, primary, score, group.role, group.role, influence=influence
            )


def colocations_between(
    name: str, dependents: ResourceSet, primaries: ResourceSet, score: int, influence: bool | None
) -> Iterator[Colocation]:
    """Yield what holds between two sets: the earlier depends on the later."""
    if score == 0:
        return
    first = dependents.members[:1] if dependents.is_sequential else dependents.members
    last = primaries.members[-1:] if primaries.is_sequential else primaries.members
    for dependent in first:
        for primary in last:
            if dependent != primary:
                yield Colocation(
                    name,
                    dependent,
                    primary,
                    score,
                    dependents.role,
                    primaries.role,
                    influence=influence,
                )


def orderings_within(
    name: str, group: ResourceSet, kind: OrderKind, symmetrical: bool
) -> Iterator[Ordering]:
    """Yield the sequence among the members of one set."""
    kind = group.kind or kind
    members = group.members
    for position, first in enumerate(members):
        if kind is OrderKind.SERIALIZE:
            others = members[position + 1 :]
        else:
            others = members[position + 1 : position + 2] if group.is_sequential else ()
        for then in others:
            yield Ordering(name, first, then, group.task, group.task, kind, symmetrical)


def orderings_between(
    name: str, before: ResourceSet, after: ResourceSet, kind: OrderKind, symmetrical: bool
) -> Iterator[Ordering]:
    """Yield the sequence between two sets."""
    firsts = before.members
    thens = after.members
    any_of = ""
    if not before.require_all:
        any_of = f"{name}/{before.id}"
    else:
        if before.says_sequential:
            firsts = firsts[-1:]
        if after.says_sequential:
            thens = thens[:1]
    for then in thens:
        for first in firsts:
            if first != then:
                yield Ordering(
                    name,
                    first,
                    then,
                    before.task,
                    after.task,
                    kind,
                    symmetrical,
                    f"{any_of}/{then}" if any_of else "",
                )
