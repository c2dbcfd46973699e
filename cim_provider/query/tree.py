"""A query as frozen values.

Owns: the parts that all three languages come to. Names keep the spelling of the
query; who evaluates ignores their case.
Source: DSP0202 1.0 (CQL), DSP0212 1.0 (FQL).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from cim_provider.query.like import Pattern


class Language(StrEnum):
    """The query languages, by the names that clients give, whose case counts."""

    WQL = "WQL"
    CQL = "DMTF:CQL"
    FQL = "DMTF:FQL"


class Operator(StrEnum):
    """How two values are compared."""

    EQUAL = "="
    UNEQUAL = "<>"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class Quantifier(StrEnum):
    """How many items of an array must fulfil a comparison."""

    ANY = "ANY"
    EVERY = "EVERY"


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path: a property, only of objects of class `scope`, its item `index`."""

    name: str
    scope: str = ""
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A property of the subject or of an object embedded in it; no steps: the subject itself."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """Return the path as it would be written."""
        return ".".join(
            f"{step.scope and step.scope + '::'}{step.name}"
            f"{'' if step.index is None else f'[{step.index}]'}"
            for step in self.steps
        )


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """OBJECTPATH(…) of the subject or an embedded object, or of a path written as text."""

    of: Path | str


Operand: TypeAlias = Path | Literal | ObjectPath


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; with a quantifier, of the items of the array on the left."""

    left: Operand
    operator: Operator
    right: Operand
    quantifier: Quantifier | None = None


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a text fits a pattern; with a quantifier, the items of an array."""

    left: Path
    pattern: Pattern
    quantifier: Quantifier | None = None


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether there is no value."""

    of: Operand


@dataclass(frozen=True, slots=True)
class IsA:
    """Whether the subject or an embedded object is of a class or of what inherits from it."""

    of: Path
    class_name: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Whether all hold."""

    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whether at least one holds."""

    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class IsTrue:
    """Whether a condition is known to be true or false, as `wanted` says."""

    of: "Condition"
    wanted: bool


Condition: TypeAlias = Compare | Like | IsNull | IsA | Not | All | AnyOf | IsTrue


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT: which properties of which class, under which condition."""

    columns: tuple[Path, ...] | None
    """None for all."""
    class_name: str
    condition: Condition | None = None
