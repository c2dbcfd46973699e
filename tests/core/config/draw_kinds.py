"""Draws what configurations have beside primitives, groups and plain constraints.

Owns: clones, roles, tickets, capacities, health, conditions of rules, each without faults.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from ha_core.config import keys_constraints, limits
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Alert,
    AlertKind,
    Clone,
    Colocation,
    Comparison,
    Condition,
    Configuration,
    Discovery,
    Health,
    HealthStrategy,
    Join,
    Location,
    LossPolicy,
    Meta,
    OnFail,
    Operation,
    OrderedAction,
    Ordering,
    OrderKind,
    Primitive,
    Recipient,
    Role,
    Rule,
    Strategy,
    TargetRole,
    TicketConstraint,
    ValueFrom,
    ValueType,
)
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]
ROLES = (Role.PROMOTED, Role.UNPROMOTED)
sizes = st.dictionaries(
    st.sampled_from(["cpu", "memory", "x.y"]), st.integers(0, limits.CAPACITY_MAX), max_size=2
).map(lambda found: tuple(found.items()))
scores = st.integers(-INFINITY, INFINITY)
healths = st.builds(Health, st.sampled_from(HealthStrategy), scores, scores, scores, scores)
strategies = st.sampled_from(Strategy)
moments_ms = st.integers(0, limits.MOMENT_MS_MAX)
values = st.sampled_from(["", "a", "A b", "1", "-2.5", "1.2.3", "é<"])
attributes = st.sampled_from(["rack", "#uname", "#kind", "a.b", "connectivity"])
calendars = st.dictionaries(
    st.sampled_from(sorted(keys_constraints.CALENDAR)),
    st.sampled_from(["1", "2-5", "5-", "-3"]),
    min_size=1,
    max_size=3,
)


@st.composite
def _said(draw: Draw[T], pairs: st.SearchStrategy[Any], times: st.SearchStrategy[int]) -> Any:
    """Return what alerts and recipients may say alike."""
    return {
        "description": draw(values),
        "parameters": draw(pairs),
        "timeout_ms": draw(st.none() | times),
        "timestamp_format": draw(st.sampled_from(["", "%H:%M", 'é"<\x01'])),
        "enabled": draw(st.none() | st.booleans()),
    }


@st.composite
def alerts(
    draw: Draw[T], pairs: st.SearchStrategy[Any], times: st.SearchStrategy[int]
) -> tuple[Alert, ...]:
    """Return alerts; some are called as resources are."""
    names = st.sampled_from(["mail", "a", "b", "web", "7.x"])
    found = []
    for name in draw(st.lists(names, max_size=2, unique=True)):
        select = draw(st.lists(st.sampled_from(AlertKind), unique=True, max_size=4))
        may_name = AlertKind.ATTRIBUTES in select
        recipients = (
            Recipient(draw(values), **draw(_said(pairs, times)))
            for _ in range(draw(st.integers(0, 2)))
        )
        found.append(
            Alert(
                name,
                draw(st.sampled_from(["/bin/mail", "x y", "é<\n"])),
                **draw(_said(pairs, times)),
                select=tuple(select),
                attributes=draw(st.sampled_from([(), ("a", "#b c")])) if may_name else (),
                recipients=tuple(recipients),
            )
        )
    return tuple(found)


@st.composite
def compared(draw: Draw[T]) -> Condition:
    """Return one comparison."""
    operation = draw(st.sampled_from(Comparison))
    found = Condition(attribute=draw(attributes), operation=operation)
    if "defined" in operation:
        return found
    is_list = operation in (Comparison.ONE_OF, Comparison.NONE_OF)
    return replace(
        found,
        value=draw(values),
        value_type=draw(st.none() | st.sampled_from(ValueType)),
        value_from=ValueFrom.LITERAL if is_list else draw(st.sampled_from(ValueFrom)),
    )


@st.composite
def moments(draw: Draw[T]) -> Condition:
    """Return a moment, or a stretch of time."""
    one, other = sorted(draw(st.tuples(moments_ms, moments_ms)))
    return draw(
        st.sampled_from(
            [
                Condition(after_wall_ms=one),
                Condition(before_wall_ms=one),
                Condition(from_wall_ms=one),
                Condition(to_wall_ms=one),
                Condition(from_wall_ms=one, to_wall_ms=other),
            ]
        )
    )


def _calendar(found: dict[str, str]) -> Condition:
    ordered = [(key, found[key]) for key in keys_constraints.CALENDAR if key in found]
    return Condition(calendar=tuple(ordered))


conditions: st.SearchStrategy[Condition] = st.recursive(
    compared() | moments() | calendars.map(_calendar),
    lambda inner: st.builds(
        Condition, st.sampled_from(Join), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@st.composite
def with_clones(
    draw: Draw[T], configuration: Configuration, metas: st.SearchStrategy[Meta]
) -> Configuration:
    """Return it with clones of some resources, but of none with constraints within it."""
    primitives, groups = configuration.primitives, configuration.groups
    pairs = [{item.resource, item.with_resource} for item in configuration.colocations]
    pairs += [{item.first, item.then} for item in configuration.orderings]
    inner = {member for group in groups for member in group.members}
    able = [item.id for item in primitives if item.id not in inner]
    able += [g.id for g in groups if not any(pair <= set(g.members) for pair in pairs)]
    classes = {item.id: item.agent.agent_class for item in primitives}
    members = {group.id: group.members for group in groups}
    found = []
    for name in able:
        if not draw(st.booleans()):
            continue
        kinds = {classes[member] for member in members.get(name, (name,))}
        is_ocf = kinds == {AgentClass.OCF}
        is_unique = is_ocf and draw(st.booleans())
        is_promotable = is_ocf and draw(st.booleans())
        most = draw(st.none() | st.integers(0, 9))
        found.append(
            Clone(
                draw(
                    st.sampled_from(
                        [ResourceId(f"{name[:58]}-clone"), ResourceId(f"of.{name}"[:64])]
                    )
                ),
                name,
                most,
                draw(st.integers(0, 3)) if is_unique else draw(st.integers(0, 1)),
                draw(st.integers(0, most if most is not None else 3)),
                is_unique,
                is_promotable,
                draw(st.integers(0, 3)) if is_promotable else 1,
                draw(st.integers(0, 3)) if is_promotable else 1,
                *(draw(st.booleans()) for _ in range(3)),
                draw(metas),
                draw(st.sampled_from(["", "so many"])),
            )
        )
    return replace(configuration, clones=tuple(found))


@st.composite
def with_roles(draw: Draw[T], configuration: Configuration) -> Configuration:
    """Return it with constraints and operations of roles on what can be promoted, and tickets."""
    able = {clone.member: clone for clone in configuration.clones if clone.promotable}
    taken = {item.id for item in configuration.constraints()}
    names = iter(ConstraintId(f"k{number}") for number in range(99) if f"k{number}" not in taken)
    hosts = [node.name for node in configuration.nodes if not node.witness]
    plain = [
        item.id for item in configuration.primitives if configuration.clone_of(item.id) is None
    ]
    plain = [name for name in plain if configuration.group_of(name) is None]
    found = configuration
    for member, clone in able.items():
        name = draw(st.sampled_from([member, clone.id]))
        role = draw(st.sampled_from([None, *ROLES]))
        found = replace(
            found,
            locations=(*found.locations, draw(_location(next(names), name, hosts))),
            rules=(*found.rules, draw(_rule(next(names), name, role))),
        )
        group = configuration.group(member)
        own = {member, clone.id, *(group.members if group is not None else ())}
        if plain and not any(item.then in own for item in found.orderings):  # no circles
            found = draw(
                _bound(found, [next(names), next(names)], name, draw(st.sampled_from(plain)))
            )
    for member in [*able, *plain]:
        role = draw(st.sampled_from([None, *ROLES])) if member in able else None
        policy = draw(st.sampled_from(LossPolicy))
        ticket = TicketConstraint(next(names), draw(st.sampled_from("TU")), member, role, policy)
        found = replace(found, tickets=(*found.tickets, ticket))
    return replace(
        found, primitives=tuple(draw(_operated(item, item.id in able)) for item in found.primitives)
    )


@st.composite
def _operated(draw: Draw[T], item: Primitive, is_able: bool) -> Primitive:
    if not is_able or any(op.action == "monitor" for op in item.operations):
        return item
    watched = Operation("monitor", 11_000, 5_000, OnFail.DEMOTE, 0, Role.PROMOTED)
    first = tuple(op for op in item.operations if op.action in ("start", "stop"))
    last = tuple(op for op in item.operations if op.action not in ("start", "stop"))
    moves = (Operation("promote", 0, 7_000, OnFail.DEMOTE), Operation("demote"))
    target = draw(st.sampled_from([None, *TargetRole]))
    meta = replace(item.meta, target_role=target)
    return replace(item, operations=(*first, watched, *moves, *last), meta=meta)


def _location(
    name: ConstraintId, resource: ResourceId, hosts: list[NodeName]
) -> st.SearchStrategy[Location]:
    return st.builds(
        Location,
        st.just(name),
        st.just(resource),
        st.sampled_from(hosts),
        scores,
        role=st.sampled_from([None, Role.PROMOTED, Role.UNPROMOTED]),
        discovery=st.sampled_from(Discovery),
    )


@st.composite
def _rule(draw: Draw[T], name: ConstraintId, resource: ResourceId, role: Role | None) -> Rule:
    is_scored = draw(st.booleans())
    return Rule(
        name,
        resource,
        "",
        Comparison.DEFINED,
        "",
        0 if is_scored else draw(scores),
        "",
        role,
        draw(st.sampled_from(Discovery)),
        draw(conditions),
        "free" if is_scored else "",
    )


@st.composite
def _bound(
    draw: Draw[T],
    found: Configuration,
    names: list[ConstraintId],
    promotable: ResourceId,
    other: ResourceId,
) -> Configuration:
    """Return it with `other` bound to what can be promoted."""
    colocation = Colocation(
        names[0],
        other,
        promotable,
        draw(st.integers(-INFINITY + 1, INFINITY)),
        "",
        None,
        draw(st.sampled_from([None, *ROLES])),
        draw(st.sampled_from(["", "rack"])),
        draw(st.none() | st.booleans()),
    )
    ordering = Ordering(
        names[1],
        promotable,
        other,
        draw(st.sampled_from(OrderKind)),
        draw(st.booleans()),
        "",
        draw(st.sampled_from([OrderedAction.PROMOTE, OrderedAction.STOP, OrderedAction.DEMOTE])),
        draw(st.sampled_from([OrderedAction.START, OrderedAction.STOP])),
        draw(st.sampled_from(["", "one-of"])),
    )
    return replace(
        found,
        colocations=(*found.colocations, colocation),
        orderings=(*found.orderings, ordering),
    )


def ocf() -> st.SearchStrategy[AgentRef]:
    """Return agents that can be promoted."""
    return st.builds(
        AgentRef, st.just(AgentClass.OCF), st.just("example"), st.sampled_from(["db", "disk"])
    )
