"""HA_OrderConstraint, HA_ColocationConstraint, HA_TicketConstraint, HA_LocationConstraint and
HA_LocationConstraintRule.

Owns: their paths and properties. The Id of a constraint is its name in the configuration; those
of expressions are the constraint's with `-rule-` and their place behind it (`ExpressionView.id`).
`World.view.settings` finds all by these. What several resources share in the file (together,
apart, a chain of orders) comes as the pairs that it is made of, with the word as Source.
Source: Linux-HA 2.1's provider for the properties that are text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from cim_provider.mapping.cluster import score_text
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    configured_ref,
    constant,
    unfilled,
)
from cim_provider.mapping.settings_texts import (
    caption,
    colocation_text,
    location_text,
    order_text,
    ticket_text,
)
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.settings import (
    ColocationView,
    ExpressionView,
    LocationView,
    OrderView,
    TicketConstraintView,
)

ORDER_CLASS: Final = "HA_OrderConstraint"
COLOCATION_CLASS: Final = "HA_ColocationConstraint"
LOCATION_CLASS: Final = "HA_LocationConstraint"
EXPRESSION_CLASS: Final = "HA_LocationConstraintRule"
TICKET_CONSTRAINT_CLASS: Final = "HA_TicketConstraint"
KINDS: Final = {"mandatory": 2, "optional": 3, "serialize": 4}
"""Numbers of HA_OrderConstraint.Kind."""
DISCOVERIES: Final = {"always": 2, "never": 3, "exclusive": 4}
"""Numbers of HA_LocationConstraint.Discovery."""
ORIGINS: Final = {"administrator": 2, "move": 3, "ban": 4}
"""Numbers of HA_LocationConstraint.Origin."""
LOSSES: Final = {"stop": 2, "demote": 3, "freeze": 4, "fence": 5}
"""Numbers of HA_TicketConstraint.LossPolicy."""
JOINS: Final = {"all": 2, "any": 3}
"""Numbers of HA_LocationConstraintRule.BooleanOp."""
EXPRESSION_TYPES: Final = {"attribute": 2, "date": 3, "calendar": 4, "rule": 5}
"""Numbers of HA_LocationConstraintRule.ExpressionType."""
VALUE_SOURCES: Final = {"literal": 2, "parameter": 3, "option": 4}
"""Numbers of HA_LocationConstraintRule.ValueSource."""


class _Constraint(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Expression:
    location: LocationView
    view: ExpressionView


def expression_ref(item: ExpressionView) -> Ref:
    """Return the name of an expression."""
    return Ref(EXPRESSION_CLASS, (("Id", item.id), ("ConstraintId", item.constraint)))


def _expressions(world: World) -> Iterator[_Expression]:
    return (
        _Expression(item, part)
        for item in world.view.settings.locations
        for part in item.expressions
    )


def _expression(world: World, identity: tuple[str, ...]) -> _Expression | None:
    settings = world.view.settings
    found = settings.expression.get((identity[0], identity[1]))
    return None if found is None else _Expression(settings.location[identity[0]], found)


_COMMON: Final[tuple[Column[_Constraint], ...]] = (
    Column("Source", "word of the file", lambda c: c.source or None),
    Column("ElementName", "id of the constraint", lambda c: c.id),
    Column("Caption", "Constraint. and the id", lambda c: caption(f"Constraint.{c.id}")),
    *unfilled("InstanceID", "BaseRevision"),
)
_ORDER: Final[tuple[Column[OrderView], ...]] = (
    *_COMMON,
    Column("From", "the one that follows", lambda c: c.then),
    constant("OrderType", "after"),
    Column("To", "the one that comes first", lambda c: c.first),
    Column("FirstResource", "the one that comes first", lambda c: c.first),
    Column("ThenResource", "the one that follows", lambda c: c.then),
    Column("FirstAction", "first_action", lambda c: c.first_action),
    Column("ThenAction", "then_action", lambda c: c.then_action),
    Column("Kind", "kind", lambda c: KINDS.get(c.kind)),
    Column("IsSymmetrical", "symmetrical", lambda c: c.is_symmetrical),
    Column("AnyOf", "any_of", lambda c: c.any_of or None),
    Column("Description", "what it says", order_text),
)
_COLOCATION: Final[tuple[Column[ColocationView], ...]] = (
    *_COMMON,
    Column("From", "the one that is placed second", lambda c: c.resource),
    Column("To", "the one that is placed first", lambda c: c.with_resource),
    Column("Score", "score", lambda c: score_text(c.score)),
    Column("ScoreValue", "score", lambda c: c.score),
    Column("Resource", "the one that is placed second", lambda c: c.resource),
    Column("WithResource", "the one that is placed first", lambda c: c.with_resource),
    Column("ResourceRole", "role", lambda c: c.role or None),
    Column("WithRole", "with_role", lambda c: c.with_role or None),
    Column("NodeAttribute", "node_attribute", lambda c: c.node_attribute or None),
    Column("Influence", "influence", lambda c: c.influence),
    Column("Description", "what it says", colocation_text),
)
_LOCATION: Final[tuple[Column[LocationView], ...]] = (
    *_COMMON,
    Column("Resource", "the resource", lambda c: c.resource),
    Column("Score", "score", lambda c: None if c.score is None else score_text(c.score)),
    Column("ScoreValue", "score", lambda c: c.score),
    Column("ScoreAttribute", "score_attribute", lambda c: c.score_attribute or None),
    Column("NodeName", "the node", lambda c: c.node or None),
    Column("ResourceRole", "role", lambda c: c.role or None),
    Column("Discovery", "discovery", lambda c: DISCOVERIES.get(c.discovery)),
    Column("Origin", "origin", lambda c: ORIGINS.get(c.origin)),
    Column(
        "Expires",
        "expires",
        lambda c: None if c.expires_wall_ms is None else cim_datetime(c.expires_wall_ms),
    ),
    Column("EndsWithNode", "until_generation", lambda c: c.until_generation > 0),
    Column("UntilIncarnation", "until_generation", lambda c: c.until_generation or None),
    Column("AllowLiveMigration", "live", lambda c: c.live),
    Column("Description", "what it says", location_text),
    *unfilled("ResourcePattern"),
)
_TICKET: Final[tuple[Column[TicketConstraintView], ...]] = (
    *_COMMON,
    Column("Ticket", "the ticket", lambda c: c.ticket),
    Column("Resource", "the resource", lambda c: c.resource),
    Column("ResourceRole", "role", lambda c: c.role or None),
    Column("LossPolicy", "loss", lambda c: LOSSES.get(c.loss_policy)),
    Column("Description", "what it says", ticket_text),
)


def _moment(wall_ms: int | None) -> str | None:
    return None if wall_ms is None else cim_datetime(wall_ms)


def _said(item: _Expression) -> str:
    view = item.view
    if view.kind == "rule":
        return f"what the parts of {view.id} say"
    parts = (view.attribute or view.kind, view.operation, view.value)
    return " ".join(part for part in parts if part)


_EXPRESSION: Final[tuple[Column[_Expression], ...]] = (
    Column("Attribute", "attribute", lambda e: e.view.attribute or None),
    Column("Operation", "operation, or what is said of a time", lambda e: e.view.operation or None),
    Column("Value", "value, or the times", lambda e: e.view.value or None),
    Column("RuleId", "place in the rule", lambda e: e.view.rule_id),
    Column("BooleanOp", "whether all or any must hold", lambda e: JOINS.get(e.view.join)),
    Column("ExpressionType", "what it says", lambda e: EXPRESSION_TYPES.get(e.view.kind)),
    Column("ValueType", "type", lambda e: e.view.value_type or None),
    Column(
        "ValueSource",
        "value_from; NULL of a time or rule",
        lambda e: VALUE_SOURCES.get(e.view.value_from) if e.view.kind == "attribute" else None,
    ),
    Column("Begins", "after or from", lambda e: _moment(e.view.begins_wall_ms)),
    Column("Ends", "before or to", lambda e: _moment(e.view.ends_wall_ms)),
    Column("RuleScore", "score of the constraint", lambda e: e.location.score),
    Column("ElementName", "id of the expression", lambda e: e.view.id),
    Column(
        "Caption",
        "LocationConstraintRule. and the id",
        lambda e: caption(f"LocationConstraintRule.{e.view.id}"),
    ),
    Column("Description", "what it says", _said),
    *unfilled("InstanceID", "BaseRevision"),
)


def _of_locations(world: World) -> Iterator[Pair]:
    for item in world.view.settings.locations:
        for part in item.expressions:
            yield Pair(configured_ref(LOCATION_CLASS, item.id), expression_ref(part))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        ORDER_CLASS,
        ("Id",),
        lambda world: world.view.settings.orders,
        lambda c: configured_ref(ORDER_CLASS, c.id),
        _ORDER,
        find=lambda world, keys: world.view.settings.order.get(keys[0]),
    ),
    class_row(
        COLOCATION_CLASS,
        ("Id",),
        lambda world: world.view.settings.colocations,
        lambda c: configured_ref(COLOCATION_CLASS, c.id),
        _COLOCATION,
        find=lambda world, keys: world.view.settings.colocation.get(keys[0]),
    ),
    class_row(
        LOCATION_CLASS,
        ("Id",),
        lambda world: world.view.settings.locations,
        lambda c: configured_ref(LOCATION_CLASS, c.id),
        _LOCATION,
        find=lambda world, keys: world.view.settings.location.get(keys[0]),
    ),
    class_row(
        EXPRESSION_CLASS,
        ("ConstraintId", "Id"),
        _expressions,
        lambda e: expression_ref(e.view),
        _EXPRESSION,
        find=_expression,
    ),
    class_row(
        TICKET_CONSTRAINT_CLASS,
        ("Id",),
        lambda world: world.view.settings.ticket_constraints,
        lambda c: configured_ref(TICKET_CONSTRAINT_CLASS, c.id),
        _TICKET,
        find=lambda world, keys: world.view.settings.ticket_constraint.get(keys[0]),
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_RuleOfLocationConstraint", "Constraint", "Rule", _of_locations),
)
"""The association of this module."""
