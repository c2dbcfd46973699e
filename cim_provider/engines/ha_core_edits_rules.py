"""Edits carried out on a configuration of Beatkeeper's: constraints, rules, options, nodes.

Owns: what each of these edits means, as a function from one value to the next. A constraint that
a word of the file stands for is, once it is edited, one of its own; the others stay of that word.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from cim_provider.edits import (
    AddTicket,
    EditError,
    PutConstraint,
    PutExpression,
    RemoveConstraint,
    RemoveExpression,
    RemoveTicket,
    SetFenceLevel,
    SetNodeAttribute,
    SetOption,
    Words,
)
from cim_provider.engines.ha_core_edits_texts import Names, read, value
from ha_core.config import keys, keys_constraints
from ha_core.config.change import with_ticket, without_ticket
from ha_core.config.faults import shown
from ha_core.config.model import (
    Colocation,
    Comparison,
    Condition,
    Configuration,
    Constraint,
    Join,
    Location,
    Meta,
    Node,
    Ordering,
    Rule,
    TicketConstraint,
)
from ha_core.config.shapes import Key
from ha_core.config.words import usual_loss
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId

_COLLECTIONS: Final[Mapping[type[Constraint], str]] = {
    Location: "locations",
    Rule: "rules",
    Colocation: "colocations",
    Ordering: "orderings",
    TicketConstraint: "tickets",
}
_TEXT: Final = keys_constraints.TICKET.keys["resource"]
_TABLES: Final[Mapping[str, tuple[Constraint, Mapping[str, Key], Names]]] = {
    "location": (
        Location(ConstraintId(""), ResourceId(""), NodeName(""), INFINITY),
        keys_constraints.LOCATION.keys,
        {
            "location": "resource",
            "expires": "expires_wall_ms",
            **{name: name for name in ("node", "score", "role", "discovery", "origin")},
        },
    ),
    "rule": (
        Rule(ConstraintId(""), ResourceId(""), "", Comparison.DEFINED, score=INFINITY),
        keys_constraints.RULE.keys,
        {
            "rule": "resource",
            **{name: name for name in ("attribute", "operation", "value", "score")},
            **{name: name for name in ("score_attribute", "role", "discovery")},
        },
    ),
    "colocation": (
        Colocation(ConstraintId(""), ResourceId(""), ResourceId(""), INFINITY),
        keys_constraints.COLOCATION.keys,
        {
            "colocation": "resource",
            "with": "with_resource",
            **{name: name for name in ("score", "role", "with_role")},
            **{name: name for name in ("node_attribute", "influence")},
        },
    ),
    "order": (
        Ordering(ConstraintId(""), ResourceId(""), ResourceId("")),
        {**keys_constraints.ORDERING.keys, "order": _TEXT},
        {
            "order": "first",
            "then": "then",
            **{name: name for name in ("kind", "symmetrical", "any_of")},
            **{name: name for name in ("first_action", "then_action")},
        },
    ),
    "ticket": (
        TicketConstraint(ConstraintId(""), "", ResourceId("")),
        keys_constraints.TICKET.keys,
        {"ticket": "ticket", "resource": "resource", "role": "role", "loss": "loss_policy"},
    ),
}
KINDS: Final = tuple(_TABLES)
_NEEDED: Final = {
    "location": ("location", "node"),
    "rule": ("rule", "attribute", "operation"),
    "colocation": ("colocation", "with"),
    "order": ("order", "then"),
    "ticket": ("ticket", "resource"),
}
_EXPRESSION: Final[Names] = {
    "attribute": "attribute",
    "operation": "operation",
    "value": "value",
    "type": "value_type",
}
_OPTIONS: Final[Names] = {
    name: f"{name}_ms" if name in ("dead_after", "last_man_standing", "fencing_grace") else name
    for name in keys.OPTIONS.keys
    if name != "health"
}
_HEALTH: Final[Names] = {name: name for name in keys.HEALTH.keys}
_META: Final[Names] = {name: name for name in keys.META} | {"failure_timeout": "failure_timeout_ms"}
_OPERATION: Final[Names] = {
    "timeout": "operation_timeout_ms",
    "monitor_interval": "monitor_interval_ms",
}
_PING: Final[Names] = {
    name: name if name == "multiplier" else f"{name}_ms"
    for name in keys.PING.keys
    if name != "targets"
}


Ruling: TypeAlias = (
    PutConstraint
    | RemoveConstraint
    | PutExpression
    | RemoveExpression
    | SetOption
    | SetNodeAttribute
    | SetFenceLevel
    | AddTicket
    | RemoveTicket
)


def changed(configuration: Configuration, change: Ruling) -> Configuration:
    """Return it with the change. Raises EditError: it means nothing here."""
    match change:
        case PutConstraint():
            return with_constraint(configuration, change)
        case RemoveConstraint():
            return without_constraint(configuration, change.id)
        case PutExpression():
            return with_expression(configuration, change)
        case RemoveExpression():
            return without_expression(configuration, change)
        case SetOption():
            return with_option(configuration, change)
        case SetNodeAttribute():
            return with_attribute(configuration, change)
        case SetFenceLevel():
            return with_fence_level(configuration, change)
        case AddTicket() | RemoveTicket():
            return with_tickets(configuration, change)


def resources_of(item: Constraint) -> set[str]:
    """Return the resources that a constraint binds."""
    match item:
        case Colocation(resource=one, with_resource=other) | Ordering(first=one, then=other):
            return {one, other}
        case _:
            return {item.resource}


# --- constraints -----------------------------------------------------------------------------


def with_constraint(configuration: Configuration, change: PutConstraint) -> Configuration:
    """Return it with a constraint that is new or other. Raises EditError."""
    path = f"constraints.{change.id}"
    if change.kind not in _TABLES:
        raise EditError("invalid", f"{path}: is of kind {shown(change.kind)}; allowed: {KINDS}")
    blank, table, names = _TABLES[change.kind]
    known = _find(configuration, change.id)
    is_new = type(known) is not type(blank)
    if is_new:
        said = {name for name, text in change.words if text is not None}
        for name in _NEEDED[change.kind]:
            if name not in said:
                raise EditError("invalid", f"{path}: has no '{name}', which it needs")
    base = blank if is_new or known is None else known
    found: dict[str, Any] = read(change.words, table, names, path, blank)
    new = replace(base, id=ConstraintId(change.id), source="", **found)
    loss = dict(change.words).get("loss")
    if isinstance(new, TicketConstraint) and loss is None and (is_new or "role" in found):
        new = replace(new, loss_policy=usual_loss(new.role))
    return _replaced(configuration, known, new)


def without_constraint(configuration: Configuration, name: str) -> Configuration:
    """Return it without that constraint. Raises EditError."""
    return _replaced(configuration, _constraint(configuration, name), None)


def _find(configuration: Configuration, name: str) -> Constraint | None:
    return next((item for item in configuration.constraints() if item.id == name), None)


def _constraint(configuration: Configuration, name: str) -> Constraint:
    found = _find(configuration, name)
    if found is None:
        raise EditError("not-found", f"there is no constraint {shown(name)} any more")
    return found


def _replaced(
    configuration: Configuration, known: Constraint | None, new: Constraint | None
) -> Configuration:
    """Return it with one constraint in place of another; None: there is none."""
    changed: dict[str, Any] = {}
    for kind, field in _COLLECTIONS.items():
        items: list[Constraint] = []
        for item in getattr(configuration, field):
            if item is known:
                items += [new] if isinstance(new, kind) else []
            else:
                items.append(item)
        if isinstance(new, kind) and new not in items:
            items.append(new)
        changed[field] = tuple(items)
    return replace(configuration, **changed)


# --- rules -----------------------------------------------------------------------------------


def with_expression(configuration: Configuration, change: PutExpression) -> Configuration:
    """Return it with a comparison that is new or other. Raises EditError."""
    rule, parts = _parts(configuration, change.constraint)
    path = f"constraints.{rule.id}"
    blank = Condition()
    known = blank if change.place is None else _part(rule, parts, change.place, change.known)
    table = keys_constraints.COMPARISON
    new = replace(known, **read(change.words, table, _EXPRESSION, path, blank))
    if not new.attribute or new.operation is None:
        raise EditError("invalid", f"{path}: has no 'attribute' or no 'operation'; allowed: both")
    if change.place is None:
        parts = (*parts, new)
    else:
        parts = (*parts[: change.place], new, *parts[change.place + 1 :])
    return _replaced(configuration, rule, _joined(rule, parts))


def without_expression(configuration: Configuration, change: RemoveExpression) -> Configuration:
    """Return it without a comparison; a rule that has none left goes. Raises EditError."""
    rule, parts = _parts(configuration, change.constraint)
    _part(rule, parts, change.place, change.known)
    rest = (*parts[: change.place], *parts[change.place + 1 :])
    return _replaced(configuration, rule, _joined(rule, rest) if rest else None)


def _parts(configuration: Configuration, name: str) -> tuple[Rule, tuple[Condition, ...]]:
    """Return a rule with its conditions, of which each is one thing that must hold."""
    rule = _constraint(configuration, name)
    if not isinstance(rule, Rule):
        raise EditError("invalid", f"constraints.{name}: is no rule: it names a node")
    if rule.condition is None:
        single = Condition(attribute=rule.attribute, operation=rule.operation, value=rule.value)
        return rule, (single,)
    if rule.condition.join is not None:
        return rule, rule.condition.parts
    return rule, (rule.condition,)


def _part(rule: Rule, parts: tuple[Condition, ...], place: int, known: Words) -> Condition:
    if not 0 <= place < len(parts):
        raise EditError("not-found", f"constraints.{rule.id}: has no comparison {place}")
    found = parts[place]
    said = (found.attribute, str(found.operation or ""), found.value)
    # Others may have changed the rule: the place is another one's then.
    if known and tuple(value or "" for _, value in known) != said:
        text = f"constraints.{rule.id}: has another comparison there by now: look again"
        raise EditError("not-found", text)
    return found


def _joined(rule: Rule, parts: tuple[Condition, ...]) -> Rule:
    """Return the rule with these conditions, in the simplest form that says them."""
    first = parts[0]
    is_plain = first == Condition(
        attribute=first.attribute, operation=first.operation, value=first.value
    )
    if len(parts) == 1 and is_plain and first.operation is not None:
        return replace(
            rule,
            attribute=first.attribute,
            operation=first.operation,
            value=first.value,
            condition=None,
            source="",
        )
    join = rule.condition.join if rule.condition is not None else None
    whole = first if len(parts) == 1 else Condition(join or Join.ALL, parts)
    blank = _TABLES["rule"][0]
    assert isinstance(blank, Rule), blank
    return replace(
        rule,
        attribute="",
        operation=blank.operation,
        value="",
        condition=whole,
        source="",
    )


# --- tickets ---------------------------------------------------------------------------------


def with_tickets(configuration: Configuration, change: AddTicket | RemoveTicket) -> Configuration:
    """Return it with a ticket listed, or not listed any more. Raises EditError."""
    if isinstance(change, AddTicket) and change.name in configuration.ticket_names:
        raise EditError("exists", f"there is a ticket {shown(change.name)} already")
    try:
        if isinstance(change, AddTicket):
            return with_ticket(configuration, change.name)
        return without_ticket(configuration, change.name)
    except RefusedError as refusal:
        raise EditError(refusal.code, str(refusal)) from refusal


# --- options and nodes -----------------------------------------------------------------------


def with_option(configuration: Configuration, change: SetOption) -> Configuration:
    """Return it with an option of the cluster, or a default of resources. Raises EditError."""
    whole, _, part = change.name.rpartition(".")
    blank = Configuration()
    options, defaults = configuration.options, configuration.defaults
    match whole:
        case "" if part == "cluster":
            kind = keys.CONFIGURATION.keys[part]
            name = blank.name if change.value is None else value(kind, change.value, part)
            return replace(configuration, name=name)
        case "":
            found = _one(part, change.value, keys.OPTIONS.keys, _OPTIONS, blank.options, "options")
            return replace(configuration, options=replace(options, **found))
        case "health":
            usual = blank.options.health
            found = _one(part, change.value, keys.HEALTH.keys, _HEALTH, usual, "options.health")
            changed = replace(options, health=replace(options.health, **found))
            return replace(configuration, options=changed)
        case "ping":
            found = _one(part, change.value, keys.PING.keys, _PING, blank.ping, whole)
            return replace(configuration, ping=replace(configuration.ping, **found))
        case "defaults.resource":
            found = _one(part, change.value, keys.META, _META, blank.defaults.meta, whole)
            meta: Meta = replace(defaults.meta, **found)
            return replace(configuration, defaults=replace(defaults, meta=meta))
        case "defaults.operation":
            table = keys.OPERATION_DEFAULTS.keys
            found = _one(part, change.value, table, _OPERATION, blank.defaults, whole)
            return replace(configuration, defaults=replace(defaults, **found))
        case _:
            raise EditError("invalid", f"there is no option {shown(change.name)}")


def _one(
    name: str, text: str | None, table: Mapping[str, Key], names: Names, usual: object, path: str
) -> dict[str, Any]:
    words: Words = ((name, text),)
    return read(words, table, names, path, usual)


def with_attribute(configuration: Configuration, change: SetNodeAttribute) -> Configuration:
    """Return it with an attribute of a node. Raises EditError."""
    node = _node(configuration, change.node)
    pairs = dict(node.attributes)
    if change.value is not None:
        pairs[change.name] = change.value
    elif pairs.pop(change.name, None) is None:
        raise EditError("not-found", f"{node.name} has no attribute {shown(change.name)}")
    return _with_node(configuration, replace(node, attributes=tuple(pairs.items())))


def with_fence_level(configuration: Configuration, change: SetFenceLevel) -> Configuration:
    """Return it with other devices on one level of a node. Raises EditError."""
    node = _node(configuration, change.node)
    levels = list(node.fence_levels)
    if not 1 <= change.level <= len(levels) + bool(change.devices):
        text = f"nodes.{node.name}.fence_levels: has {len(levels)} levels, and none {change.level}"
        code = "invalid" if change.devices else "not-found"
        raise EditError(code, f"{text}; allowed: they count from 1, without a gap")
    levels[change.level - 1 : change.level] = [change.devices] if change.devices else []
    return _with_node(configuration, replace(node, fence_levels=tuple(levels)))


def _node(configuration: Configuration, name: str) -> Node:
    found = configuration.node(NodeName(name))
    if found is None:
        raise EditError("not-found", f"there is no node {shown(name)}")
    return found


def _with_node(configuration: Configuration, new: Node) -> Configuration:
    nodes = tuple(new if node.name == new.name else node for node in configuration.nodes)
    return replace(configuration, nodes=nodes)
