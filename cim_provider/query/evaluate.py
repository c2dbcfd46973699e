"""Whether a condition holds for an object, in three values: true, false, unknown.

Owns: `Subject`, the comparison of values, and what NULL means: a comparison
with it is unknown, and so is the opposite. A property that the object does not
have is NULL; values of kinds that cannot be compared are unknown.
Source: DSP0202 1.0, "Comparison"; SQL-92, three-valued logic.
"""

from collections.abc import Callable, Iterable
from operator import eq, ge, gt, le, lt, ne
from typing import Final, Protocol, TypeAlias, assert_never, runtime_checkable

from cim_provider.query.moments import Moment, moment
from cim_provider.query.tree import (
    All,
    AnyOf,
    Compare,
    Condition,
    IsA,
    IsNull,
    IsTrue,
    Like,
    Literal,
    Not,
    ObjectPath,
    Operand,
    Operator,
    Path,
    Quantifier,
    Step,
)

Truth: TypeAlias = bool | None


@runtime_checkable
class Subject(Protocol):
    """What a condition is about: an instance, or one that is embedded in another."""

    def is_a(self, class_name: str) -> bool:
        """Return whether it is of the class or of one that inherits from it."""
        ...

    def value(self, name: str) -> object:
        """Return a property's value, None where there is none, by its name in any case.

        Text, numbers and truth values are Python's, a datetime is a `Moment`, an array a tuple,
        an embedded instance a `Subject`, a reference a `Named`.
        """
        ...

    def name(self) -> "Named | None":
        """Return how the object is named, None where that is not known."""
        ...


class Named(tuple[object, ...]):
    """The name of an object in a form that can be compared; made by `named`."""

    __slots__ = ()


def named(namespace: str | None, class_name: str, keys: Iterable[tuple[str, object]]) -> Named:
    """Return the name of an object; `keys` are in any order, their values text or `Named`."""
    folded = sorted((key.lower(), value) for key, value in keys)
    return Named((namespace and namespace.lower(), class_name.lower(), tuple(folded)))


Reader: TypeAlias = Callable[[str], Named | None]
"""Reads the name of an object as people write it."""

_COMPARE: Final[dict[Operator, Callable[..., bool]]] = {
    Operator.EQUAL: eq,
    Operator.UNEQUAL: ne,
    Operator.LESS: lt,
    Operator.LESS_OR_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_OR_EQUAL: ge,
}


def holds(condition: Condition, subject: Subject, read_name: Reader = lambda _: None) -> bool:
    """Return whether a condition is true for an object; `read_name` reads constants of paths."""
    return _truth(condition, subject, read_name) is True


def value_of(path: Path, subject: Subject) -> object:
    """Return what a path leads to, None where it ends before."""
    found: object = subject
    for step in path.steps:
        if not isinstance(found, Subject):
            return None
        found = _step(found, step)
    return found


def _step(subject: Subject, step: Step) -> object:
    if step.scope and not subject.is_a(step.scope):
        return None
    found = subject.value(step.name)
    if step.index is None:
        return found
    if not isinstance(found, tuple) or step.index >= len(found):
        return None
    return found[step.index]


def _truth(condition: Condition, subject: Subject, read_name: Reader) -> Truth:
    match condition:
        case All(of=parts):
            return _all(_truth(each, subject, read_name) for each in parts)
        case AnyOf(of=parts):
            return _any(_truth(each, subject, read_name) for each in parts)
        case Not(of=part):
            found = _truth(part, subject, read_name)
            return None if found is None else not found
        case IsTrue(of=part, wanted=wanted):
            return _truth(part, subject, read_name) is wanted
        case IsNull(of=operand):
            return _operand(operand, subject, read_name) is None
        case IsA(of=path, class_name=name):
            found_object = value_of(path, subject)
            return found_object.is_a(name) if isinstance(found_object, Subject) else None
        case Like(left=path, pattern=pattern, quantifier=quantifier):
            return _quantified(
                value_of(path, subject),
                quantifier,
                lambda value: pattern.matches(value) if isinstance(value, str) else None,
            )
        case Compare(left=left, operator=operator, right=right, quantifier=quantifier):
            wanted_value = _operand(right, subject, read_name)
            return _quantified(
                _operand(left, subject, read_name),
                quantifier,
                lambda value: compare(value, operator, wanted_value),
            )
        case _:
            assert_never(condition)


def _all(parts: Iterable[Truth]) -> Truth:
    known: Truth = True
    for each in parts:
        if each is False:
            return False
        known = None if each is None else known
    return known


def _any(parts: Iterable[Truth]) -> Truth:
    known: Truth = False
    for each in parts:
        if each is True:
            return True
        known = None if each is None else known
    return known


def _quantified(
    value: object, quantifier: Quantifier | None, test: Callable[[object], Truth]
) -> Truth:
    if quantifier is None:
        return test(value)
    if not isinstance(value, tuple):
        return None
    parts = (test(each) for each in value)
    return _any(parts) if quantifier is Quantifier.ANY else _all(parts)


def _operand(operand: Operand, subject: Subject, read_name: Reader) -> object:
    match operand:
        case Literal(value=value):
            return value
        case Path():
            return value_of(operand, subject)
        case ObjectPath(of=of):
            if isinstance(of, str):
                return read_name(of)
            found = value_of(of, subject)
            return found.name() if isinstance(found, Subject) else found
        case _:
            assert_never(operand)


def compare(left: object, operator: Operator, right: object) -> Truth:
    """Return whether two values compare so, None if one is NULL or they are of other kinds."""
    if left is None or right is None:
        return None
    if isinstance(left, Moment) and isinstance(right, str):
        right = moment(right)
    elif isinstance(right, Moment) and isinstance(left, str):
        left = moment(left)
    if isinstance(left, Moment) and isinstance(right, Moment):
        return _COMPARE[operator](left, right) if left.is_interval == right.is_interval else None
    if isinstance(left, tuple) and isinstance(right, tuple) and not isinstance(left, Named):
        return _compare_arrays(left, operator, right)
    if isinstance(left, Named) and isinstance(right, Named):
        return _compare_names(left, operator, right)
    if isinstance(left, bool) or isinstance(right, bool):
        if not (isinstance(left, bool) and isinstance(right, bool)):
            return None
    elif not (
        (isinstance(left, str) and isinstance(right, str))
        or (isinstance(left, int | float) and isinstance(right, int | float))
    ):
        return None
    return bool(_COMPARE[operator](left, right))


def _compare_arrays(
    left: tuple[object, ...], operator: Operator, right: tuple[object, ...]
) -> Truth:
    if operator not in (Operator.EQUAL, Operator.UNEQUAL):
        return None
    return (left == right) is (operator is Operator.EQUAL)


def _compare_names(left: Named, operator: Operator, right: Named) -> Truth:
    if operator not in (Operator.EQUAL, Operator.UNEQUAL):
        return None
    start = 0 if left[0] and right[0] else 1  # one without a namespace fits any
    return (left[start:] == right[start:]) is (operator is Operator.EQUAL)
