"""What is configured beside the resources themselves, as values of a view.

Owns: attributes, operations, constraints, tickets, options and fencing levels, and how they are
found by their ids. Secrets are not in it: whoever fills it leaves their values out. Knows nothing
of CIM, nor of who manages the cluster. Words, times and scores are those of the configuration
file, as docs/configuration.md has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class AttributeView:
    """One name and value of a resource: of its agent, its options, or what it takes of a node."""

    resource: str
    kind: str
    """`parameter`, `meta` or `utilization`."""
    name: str
    value: str = ""
    """Empty where it is secret."""
    is_secret: bool = False
    is_default: bool = False
    """It is said for all resources, and neither by this one nor by what it is in."""

    @property
    def set_id(self) -> str:
        """Name of the set that it is in: one for each resource and kind."""
        return f"{self.resource}-{self.kind}"

    @property
    def id(self) -> str:
        """`RESOURCE-NAME` for a parameter, else `RESOURCE-KIND-NAME`."""
        stem = self.resource if self.kind == "parameter" else self.set_id
        return f"{stem}-{self.name}"


@dataclass(frozen=True, slots=True)
class OperationView:
    """One operation of a primitive; `number` is its place, from 1, among those of its action."""

    resource: str
    action: str
    number: int = 1
    interval: str = "0"
    interval_ms: int = 0
    timeout: str = ""
    timeout_ms: int = 0
    on_fail: str = ""
    """Empty: as usual."""
    role: str = ""
    """Empty: any but promoted."""
    depth: int = 0
    is_enabled: bool = True
    requires: str = ""
    """Of a start: what must hold before; empty: as usual."""

    @property
    def id(self) -> str:
        """`RESOURCE-ACTION-INTERVAL`, else with its number: it stays when another one goes."""
        last = self.interval if self.interval_ms else self.number
        return f"{self.resource}-{self.action}-{last}"


@dataclass(frozen=True, slots=True)
class ExpressionView:
    """One part of a rule: an expression, or a rule within it, whose parts follow.

    `number` is its path, such as `1` or `2-1`: its places, from 1, in the rule and in the rules
    within it. `kind`: attribute, date, calendar or rule.
    """

    constraint: str
    number: str
    join: str = "all"
    """How it is joined to the other parts of its rule: all or any."""
    kind: str = "attribute"
    attribute: str = ""
    operation: str = ""
    """A comparison of the file; of a date gt, lt or in_range, of a calendar date_spec; of a rule
    nothing.
    """
    value: str = ""
    value_type: str = ""
    value_from: str = "literal"
    begins_wall_ms: int | None = None
    ends_wall_ms: int | None = None

    @property
    def rule_id(self) -> str:
        """The rule that it is a part of: `CONSTRAINT-rule`, or the id of a rule within that."""
        return "-".join((self.constraint, "rule", *self.number.split("-")[:-1]))

    @property
    def id(self) -> str:
        """`CONSTRAINT-rule-NUMBER`."""
        return f"{self.constraint}-rule-{self.number}"


@dataclass(frozen=True, slots=True)
class LocationView:
    """Where a resource should run, or should not: on one node, or where a rule holds.

    `source`, of every constraint: the word of the file that it comes from, by its path, such as
    `resources.web.prefers` or `constraints.rack.together`; empty if it stands there itself.
    """

    id: str
    resource: str
    node: str = ""
    """Empty where a rule says which nodes."""
    score: int | None = None
    """None: an attribute of the node has it."""
    score_attribute: str = ""
    role: str = ""
    discovery: str = "always"
    origin: str = "administrator"
    """administrator, move or ban."""
    expires_wall_ms: int | None = None
    until_generation: int = 0
    """It ends when its node is no longer in this incarnation; 0: it does not."""
    live: bool = True
    """Whether what it moves may go live."""
    expressions: tuple[ExpressionView, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class ColocationView:
    """`resource` is placed with, or away from, `with_resource`."""

    id: str
    resource: str
    with_resource: str
    score: int = 0
    role: str = ""
    with_role: str = ""
    node_attribute: str = ""
    influence: bool | None = None
    """None: as `critical` of the resource says."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class OrderView:
    """What comes first and what follows."""

    id: str
    first: str
    then: str
    first_action: str = "start"
    then_action: str = "start"
    kind: str = "mandatory"
    is_symmetrical: bool = True
    any_of: str = ""
    """Of all orders with this word and one `then`, one `first` is enough."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class TicketConstraintView:
    """A resource that needs a ticket, for a role or for all."""

    id: str
    ticket: str
    resource: str
    role: str = ""
    loss_policy: str = "stop"
    source: str = ""


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as this site has it."""

    name: str
    is_granted: bool = False
    is_standby: bool = False
    changed_wall_ms: int = 0
    """0: nothing was ever said of it."""
    author: str = ""
    reason: str = ""
    resources: tuple[str, ...] = ()
    """What needs it."""
    granted_wall_ms: int = 0
    """When it was granted last, whatever came after; 0: never."""


@dataclass(frozen=True, slots=True)
class NodeAttributeView:
    """One name and value of a node; a transient one is measured and not configured."""

    node: str
    name: str
    value: str = ""
    is_transient: bool = False
    is_secret: bool = False

    @property
    def id(self) -> str:
        """`NODE-NAME`; of a transient one `NODE+NAME`: both may be there."""
        return f"{self.node}{'+' if self.is_transient else '-'}{self.name}"


@dataclass(frozen=True, slots=True)
class OptionView:
    """One option of the cluster, set or not."""

    name: str
    """Its path in the file below `options`, as `health.red`; else in the whole file."""
    value: str | None = None
    """What holds; None: what `default` says in words."""
    default: str = ""
    value_type: str = "text"
    allowed: str = ""
    is_set: bool = False
    description: str = ""

    @property
    def id(self) -> str:
        """Its name with dashes for dots, which a key of ours has none of."""
        return self.name.replace(".", "-")


@dataclass(frozen=True, slots=True)
class LevelView:
    """Fence devices that cut a node off together; `level` from 1."""

    target: str
    level: int
    devices: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`LEVEL:TARGET`."""
        return f"{self.level}:{self.target}"


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def _by_id(items: Iterable[_N]) -> Mapping[str, _N]:
    return {item.id: item for item in items}


@dataclass(frozen=True)
class Settings:
    """All of them, in the order of the configuration; look-ups are made once and kept."""

    attributes: tuple[AttributeView, ...] = ()
    operations: tuple[OperationView, ...] = ()
    locations: tuple[LocationView, ...] = ()
    colocations: tuple[ColocationView, ...] = ()
    orders: tuple[OrderView, ...] = ()
    ticket_constraints: tuple[TicketConstraintView, ...] = ()
    tickets: tuple[TicketView, ...] = ()
    node_attributes: tuple[NodeAttributeView, ...] = ()
    options: tuple[OptionView, ...] = ()
    levels: tuple[LevelView, ...] = ()

    @cached_property
    def attribute(self) -> Mapping[tuple[str, str], AttributeView]:
        """Return attributes by resource and id."""
        return {(item.resource, item.id): item for item in self.attributes}

    @cached_property
    def operation(self) -> Mapping[tuple[str, str], OperationView]:
        """Return operations by resource and id."""
        return {(item.resource, item.id): item for item in self.operations}

    @cached_property
    def location(self) -> Mapping[str, LocationView]:
        """Return locations by id."""
        return _by_id(self.locations)

    @cached_property
    def expression(self) -> Mapping[tuple[str, str], ExpressionView]:
        """Return expressions by constraint and id."""
        return {
            (part.constraint, part.id): part for item in self.locations for part in item.expressions
        }

    @cached_property
    def colocation(self) -> Mapping[str, ColocationView]:
        """Return colocations by id."""
        return _by_id(self.colocations)

    @cached_property
    def order(self) -> Mapping[str, OrderView]:
        """Return orders by id."""
        return _by_id(self.orders)

    @cached_property
    def ticket_constraint(self) -> Mapping[str, TicketConstraintView]:
        """Return what needs tickets by id."""
        return _by_id(self.ticket_constraints)

    @cached_property
    def ticket(self) -> Mapping[str, TicketView]:
        """Return tickets by name."""
        return {item.name: item for item in self.tickets}

    @cached_property
    def node_attribute(self) -> Mapping[tuple[str, str], NodeAttributeView]:
        """Return attributes of nodes by node and id."""
        return {(item.node, item.id): item for item in self.node_attributes}

    @cached_property
    def option(self) -> Mapping[str, OptionView]:
        """Return options by id."""
        return _by_id(self.options)

    @cached_property
    def level(self) -> Mapping[str, LevelView]:
        """Return fencing levels by id."""
        return _by_id(self.levels)
