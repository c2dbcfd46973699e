"""What is to change in the configuration, as frozen values.

Owns: these values. A part of the port (`engine`): engines carry them out, all of one `Edit` or
none. Knows nothing of CIM, nor of who manages the cluster. Options are named by the words of the
cluster's configuration file and said as its texts: docs/configuration.md has both.
"""

from dataclasses import dataclass
from typing import TypeAlias

Words: TypeAlias = tuple[tuple[str, str | None], ...]
"""Options with what they shall say; None: nothing any more, so that the default holds."""


@dataclass(frozen=True, slots=True)
class OperationText:
    """An operation of a primitive; `words`: interval, timeout, on_fail, depth, role, enabled."""

    action: str
    words: Words = ()


@dataclass(frozen=True, slots=True)
class MakePrimitive:
    """A new primitive."""

    id: str
    agent_class: str
    provider: str = ""
    type: str = ""
    description: str = ""
    words: Words = ()
    parameters: tuple[tuple[str, str], ...] = ()
    operations: tuple[OperationText, ...] = ()


@dataclass(frozen=True, slots=True)
class MakeGroup:
    """A new group of primitives, in their order."""

    id: str
    members: tuple[str, ...]
    description: str = ""
    words: Words = ()


@dataclass(frozen=True, slots=True)
class MakeClone:
    """A new clone of a primitive or group.

    `words` may have max, per_node, min, unique, interleave, ordered, notify, promoted_max and
    promoted_per_node beside those of every resource.
    """

    id: str
    member: str
    is_promotable: bool = False
    description: str = ""
    words: Words = ()


@dataclass(frozen=True, slots=True)
class ChangeResource:
    """Other words of a resource; what is None stays as it is."""

    id: str
    words: Words = ()
    description: str | None = None
    agent: tuple[str, str, str] | None = None
    """Class, provider and type."""
    members: tuple[str, ...] | None = None
    """Of a group: all of them, in order."""


@dataclass(frozen=True, slots=True)
class RemoveResource:
    """End a resource, with what is in it and every constraint that names any of that."""

    id: str


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Tell a primitive's agent something; None: nothing any more."""

    resource: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class PutOperation:
    """Add an operation, or change the one that has the interval (of a monitor, in milliseconds)."""

    resource: str
    operation: OperationText
    interval_ms: int | None = None
    """None: a new one."""


@dataclass(frozen=True, slots=True)
class RemoveOperation:
    """End an operation."""

    resource: str
    action: str
    interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class PutConstraint:
    """Make a constraint, or change words of it.

    `kind`: location, rule, colocation, order or ticket; `words` are those of the file, among them
    the resources that it binds. A constraint of another kind is replaced as a whole.
    """

    id: str
    kind: str
    words: Words


@dataclass(frozen=True, slots=True)
class RemoveConstraint:
    """End a constraint."""

    id: str


@dataclass(frozen=True, slots=True)
class PutExpression:
    """Add a comparison to a rule, or change the one at `place`.

    `words`: attribute, operation, value, type.
    """

    constraint: str
    words: Words
    place: int | None = None
    """From 0; None: a new one, behind the others."""
    known: Words = ()
    """What stands there: attribute, operation, value. Refused if it does not any more."""


@dataclass(frozen=True, slots=True)
class RemoveExpression:
    """End the comparison at `place` of a rule, with its last one the rule."""

    constraint: str
    place: int
    known: Words = ()
    """See `PutExpression`."""


@dataclass(frozen=True, slots=True)
class SetOption:
    """Set an option of the cluster, a part of one by `health.red`; None returns to the default."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class SetNodeAttribute:
    """Set an attribute of a node; None ends it."""

    node: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class SetFenceLevel:
    """Say which fence devices a level (from 1) of a node has; none: the level ends."""

    node: str
    level: int
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddTicket:
    """Let there be a ticket, whether something needs it yet or not."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveTicket:
    """Forget a ticket that nothing needs."""

    name: str


Change: TypeAlias = (
    MakePrimitive
    | MakeGroup
    | MakeClone
    | ChangeResource
    | RemoveResource
    | SetParameter
    | PutOperation
    | RemoveOperation
    | PutConstraint
    | RemoveConstraint
    | PutExpression
    | RemoveExpression
    | SetOption
    | SetNodeAttribute
    | SetFenceLevel
    | AddTicket
    | RemoveTicket
)


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes that are done together, as one revision, or not at all."""

    changes: tuple[Change, ...]
    reason: str
    """Why, for the history."""
    base: int | None = None
    """The revision that the changes rest on: refused if another one is in force."""


class EditError(Exception):
    """An edit cannot be done; `code` is one of `not-found`, `exists` and `invalid`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
