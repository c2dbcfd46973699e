"""Associators and References of instances, with and without names, written once over rows.

Owns: the walk from an object over the pairs of the association rows, and the
four filters. What is found comes one by one; None marks a good moment for others
to have their turn. A filter that names a class that does not exist is an error of
its parameter; a role that nothing has gives an empty answer. An object comes
once, however many ways lead to it.
Source: DSP0200 1.4, sections 5.3.2.14 to 5.3.2.17.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pywbem

from cim_provider.mapping.catalog import Catalog, as_record, refuse
from cim_provider.mapping.found import Found
from cim_provider.mapping.paths import existing, locate, namespace_of, relative
from cim_provider.mapping.rows import AssociationRow, Pair, Ref
from cim_provider.mapping.world import World
from cim_provider.schema import NamespaceSchema
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Filters

PAIRS_A_TURN: Final = 128
"""Each takes some microseconds."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One association that the source takes part in, and what is at its other end."""

    row: AssociationRow
    pair: Pair
    far: Ref


def check_filters(catalog: Catalog, namespace: NamespaceSchema, filters: Filters) -> None:
    """Raise CIMError INVALID_PARAMETER if a filter names a class that does not exist."""
    for name in (filters.assoc_class, filters.result_class):
        if name is not None:
            catalog.declared(namespace, name, Status.INVALID_PARAMETER)
    if filters.assoc_class is not None:
        info = catalog.declared(namespace, filters.assoc_class)
        if not info.is_association:
            refuse(Status.INVALID_PARAMETER, f"class {info.name} is no association")


def links(
    catalog: Catalog,
    namespace: NamespaceSchema,
    source: pywbem.CIMInstanceName,
    filters: Filters,
    world: World,
) -> Iterator[Found | None]:
    """Yield the associations that an instance takes part in (References)."""
    for step in _steps(catalog, namespace, source, filters, world):
        if step is None:
            yield None
        else:
            info = catalog.declared(namespace, step.row.class_name)
            yield Found(as_record(step.row, step.pair), info, namespace)


def far_ends(
    catalog: Catalog,
    namespace: NamespaceSchema,
    source: pywbem.CIMInstanceName,
    filters: Filters,
    world: World,
) -> Iterator[Found | None]:
    """Yield each object at the other ends once, with the namespace that it is in (Associators)."""
    seen: set[Ref] = set()
    for step in _steps(catalog, namespace, source, filters, world):
        if step is None:
            yield None
            continue
        far = relative(step.far, namespace)
        where = namespace_of(catalog, step.far, namespace)
        if filters.result_class and not where.is_a(far.class_name, filters.result_class):
            continue
        if far not in seen:
            record = existing(catalog, where, step.far, world)
            assert record is not None, f"an association ends at {step.far}, which does not exist"
            seen.add(far)
            yield Found(record, catalog.declared(where, far.class_name), where)


def _steps(
    catalog: Catalog,
    namespace: NamespaceSchema,
    source: pywbem.CIMInstanceName,
    filters: Filters,
    world: World,
) -> Iterator[_Step | None]:
    """Yield each association of the source once, and None now and then."""
    check_filters(catalog, namespace, filters)
    start = locate(catalog, namespace, source, world, unknown_class=Status.INVALID_PARAMETER)
    here = relative(start.ref, namespace)
    for row in catalog.associations(namespace):
        if filters.assoc_class and not namespace.is_a(row.class_name, filters.assoc_class):
            continue
        roles = ((row.left_role, row.right_role), (row.right_role, row.left_role))
        is_open = [_is_open(near, far, filters) for near, far in roles]
        if not any(is_open):
            continue
        yield from _indexed(row, namespace, world)
        for pair in world.links[row.class_name, namespace.name].get(here, ()):
            if is_open[0] and relative(pair.left, namespace) == here:
                yield _Step(row, pair, pair.right)
            elif is_open[1] and relative(pair.right, namespace) == here:
                yield _Step(row, pair, pair.left)


def _indexed(
    row: AssociationRow, namespace: NamespaceSchema, world: World
) -> Iterator[_Step | None]:
    """See to it that the world has the pairs by the objects at their ends, made once for it."""
    key = (row.class_name, namespace.name)
    if key in world.links:
        return
    found: dict[Ref, list[Pair]] = {}
    for count, pair in enumerate(row.pairs(world)):
        for end in {relative(pair.left, namespace), relative(pair.right, namespace)}:
            found.setdefault(end, []).append(pair)
        if count % PAIRS_A_TURN == 0:
            yield None
    world.links[key] = found


def _is_open(near_role: str, far_role: str, filters: Filters) -> bool:
    """Return whether an association may be walked from one role to the other."""
    wanted = ((filters.role, near_role), (filters.result_role, far_role))
    return all(asked is None or asked.lower() == role.lower() for asked, role in wanted)
