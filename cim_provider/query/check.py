"""Whether a query fits the class that it is about, before anything is read.

Owns: the rule that a property that no object can have, or a comparison that can
never hold by its types, is an error of the query and no empty answer. What is
behind an embedded object is not known before.
Source: DSP0212 1.0 and OpenPegasus 2.14 (INVALID_QUERY for both).
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from cim_provider.query.faults import invalid
from cim_provider.query.moments import moment
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
    Select,
)

Types: TypeAlias = Mapping[str, tuple[str, bool] | None]
"""Type and whether it is an array, by the property's name in lower case; None: not known."""
_TEXTS: Final = ("string", "char16")
_NUMBERS: Final = ("uint", "sint", "real")


def check_select(select: Select, types: Types) -> None:
    """Raise QueryFault INVALID_QUERY if a query does not fit the class that it is about."""
    for path in select.columns or ():
        _type(path, types)
    if select.condition is not None:
        check_condition(select.condition, types)


def check_condition(condition: Condition, types: Types) -> None:
    """Raise QueryFault INVALID_QUERY if a condition does not fit the class that it is about."""
    for term in _terms(condition):
        match term:
            case Compare(left=left, operator=operator, right=right, quantifier=quantifier):
                _compare(left, operator, right, quantifier, types)
            case Like(left=path, quantifier=quantifier):
                kind = _item_type(path, quantifier, types)
                if kind is not None and kind not in _TEXTS:
                    invalid(f"LIKE is for text, and {path} is {kind}")
            case IsNull(of=operand):
                if isinstance(operand, Path):
                    _type(operand, types)
            case IsA(of=path):
                _type(path, types)


def _terms(condition: Condition) -> Iterator[Compare | Like | IsNull | IsA]:
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from _terms(part)
        case Not(of=part) | IsTrue(of=part):
            yield from _terms(part)
        case Compare() | Like() | IsNull() | IsA():
            yield condition


def _type(path: Path, types: Types) -> tuple[str, bool] | None:
    """Return the type of a property of the class itself, None where that is not known."""
    if not path.steps:
        return None
    first = path.steps[0]
    if first.scope:
        return None
    if first.name.lower() not in types:
        invalid(f"the class has no property {first.name[:64]!r}")
    found = types[first.name.lower()]
    if found is None:
        return None
    if first.index is not None and not found[1]:
        invalid(f"{first.name} is no array, and its item {first.index} is asked for")
    if len(path.steps) > 1:
        if found[0] not in ("string", "reference"):
            invalid(f"{first.name} is {found[0]}, which holds nothing named {path.steps[1].name}")
        return None
    return found[0], found[1] and first.index is None


def _item_type(path: Path, quantifier: Quantifier | None, types: Types) -> str | None:
    found = _type(path, types)
    if found is None:
        return None
    kind, is_array = found
    if is_array and quantifier is None:
        invalid(f"{path} is an array: write ANY {path}, EVERY {path} or {path}[0]")
    if not is_array and quantifier is not None:
        invalid(f"{path} is no array, and {quantifier} is for arrays")
    return kind


def _compare(
    left: Operand,
    operator: Operator,
    right: Operand,
    quantifier: Quantifier | None,
    types: Types,
) -> None:
    if quantifier is None and isinstance(left, Path) and isinstance(right, Path):
        found = (_type(left, types), _type(right, types))
        if any(each is not None and each[1] for each in found) and all(
            each is None or each[1] for each in found
        ):
            _compare_arrays(left, operator, right, types)
            return
    kinds = [
        _item_type(operand, place, types) if isinstance(operand, Path) else None
        for operand, place in ((left, quantifier), (right, None))
    ]
    if isinstance(right, Literal) and isinstance(left, Path) and kinds[0] is not None:
        _constant(left, kinds[0], operator, right)
    elif isinstance(right, ObjectPath) and kinds[0] not in (None, "reference", "string"):
        invalid(f"{left} is {kinds[0]} and is compared with the path of an object")
    elif kinds[0] is not None and kinds[1] is not None and _group(kinds[0]) != _group(kinds[1]):
        invalid(f"{left} is {kinds[0]} and {right} is {kinds[1]}: they cannot be compared")


def _compare_arrays(left: Path, operator: Operator, right: Path, types: Types) -> None:
    if operator not in (Operator.EQUAL, Operator.UNEQUAL):
        invalid(f"{left} and {right} are arrays, which are equal or not, and never {operator}")
    kinds = {_group(found[0]) for path in (left, right) if (found := _type(path, types))}
    if len(kinds) > 1:
        invalid(f"{left} and {right} are arrays of other types: they cannot be compared")


def _group(kind: str) -> str:
    if kind in _TEXTS:
        return "text"
    return "number" if kind.startswith(_NUMBERS) else kind


def _constant(path: Path, kind: str, operator: Operator, literal: Literal) -> None:
    value = literal.value
    group = _group(kind)
    if isinstance(value, bool):
        fits = group == "boolean" and operator in (Operator.EQUAL, Operator.UNEQUAL)
    elif isinstance(value, int | float):
        fits = group == "number"
    else:
        fits = group == "text" or (kind == "datetime" and moment(str(value)) is not None)
    if not fits:
        invalid(f"{path} is {kind} and cannot be compared with {value!r:.40} by {operator}")
