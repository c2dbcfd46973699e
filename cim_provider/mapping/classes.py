"""Reads of the schema: classes, qualifiers, and associations between classes.

Owns: what of a declaration an answer holds. Qualifiers and class origins are
left out by whoever writes the answer. A class is associated with what the other
references of an association point to, if one of its references points to the
class or to what it inherits from.
Source: DSP0200 1.4, sections 5.3.2.1, 5.3.2.9, 5.3.2.10, 5.3.2.14 to 5.3.2.17.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator

import pywbem

from cim_provider.mapping.associations import check_filters
from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import (
    Classes,
    ClassNames,
    Filters,
    Qualifiers,
    Selection,
)


def get_class(catalog: Catalog, asked: operations.GetClass) -> Classes:
    """Return one declaration."""
    namespace = catalog.namespace(asked.namespace)
    info = catalog.declared(namespace, asked.class_name, Status.NOT_FOUND)
    return Classes((_selected(info, asked.selection),))


def enumerate_classes(catalog: Catalog, asked: operations.EnumerateClasses) -> Classes:
    """Return the declarations of the subclasses of a class."""
    namespace = catalog.namespace(asked.namespace)
    found = _subclasses(catalog, namespace, asked.class_name, asked.deep)
    return Classes(tuple(_selected(info, asked.selection) for info in found))


def enumerate_class_names(catalog: Catalog, asked: operations.EnumerateClassNames) -> ClassNames:
    """Return the names of the subclasses of a class."""
    namespace = catalog.namespace(asked.namespace)
    found = _subclasses(catalog, namespace, asked.class_name, asked.deep)
    return ClassNames(tuple(info.name for info in found))


def get_qualifier(catalog: Catalog, asked: operations.GetQualifier) -> Qualifiers:
    """Return one qualifier type."""
    namespace = catalog.namespace(asked.namespace)
    found = namespace.qualifiers.get(asked.name.lower())
    if found is None:
        name = asked.name[:NAME_CHARS_MAX]
        refuse(Status.NOT_FOUND, f"qualifier {name!r} does not exist in {namespace.name}")
    return Qualifiers((found,))


def enumerate_qualifiers(catalog: Catalog, asked: operations.EnumerateQualifiers) -> Qualifiers:
    """Return all qualifier types."""
    return Qualifiers(tuple(catalog.namespace(asked.namespace).qualifiers.values()))


def walk(
    catalog: Catalog,
    asked: operations.Associators
    | operations.AssociatorNames
    | operations.References
    | operations.ReferenceNames,
    source: str,
) -> Classes | ClassNames:
    """Carry out an association operation on a class."""
    namespace, filters = catalog.namespace(asked.namespace), asked.filters
    match asked:
        case operations.Associators(selection=selection):
            return associators(catalog, namespace, source, filters, selection)
        case operations.AssociatorNames():
            return associator_names(catalog, namespace, source, filters)
        case operations.References(selection=selection):
            return references(catalog, namespace, source, filters, selection)
        case operations.ReferenceNames():
            return reference_names(catalog, namespace, source, filters)


def _declarations(
    catalog: Catalog, namespace: NamespaceSchema, names: ClassNames, selection: Selection
) -> Classes:
    infos = (catalog.declared(namespace, name) for name in names.items)
    return Classes(tuple(_selected(info, selection) for info in infos))


def associators(
    catalog: Catalog,
    namespace: NamespaceSchema,
    source: str,
    filters: Filters,
    selection: Selection,
) -> Classes:
    """Return the declarations of the classes that are associated with a class."""
    names = associator_names(catalog, namespace, source, filters)
    return _declarations(catalog, namespace, names, selection)


def associator_names(
    catalog: Catalog, namespace: NamespaceSchema, source: str, filters: Filters
) -> ClassNames:
    """Return the names of the classes that are associated with a class."""
    found: dict[str, None] = {}
    for _, near, far in _ends(catalog, namespace, source, filters):
        is_role = filters.result_role is None or far.name.lower() == filters.result_role.lower()
        is_class = filters.result_class is None or namespace.is_a(
            far.reference_class, filters.result_class
        )
        if near is not far and is_role and is_class:
            found[catalog.declared(namespace, far.reference_class).name] = None
    return ClassNames(tuple(sorted(found)))


def references(
    catalog: Catalog,
    namespace: NamespaceSchema,
    source: str,
    filters: Filters,
    selection: Selection,
) -> Classes:
    """Return the declarations of the associations that refer to a class."""
    names = reference_names(catalog, namespace, source, filters)
    return _declarations(catalog, namespace, names, selection)


def reference_names(
    catalog: Catalog, namespace: NamespaceSchema, source: str, filters: Filters
) -> ClassNames:
    """Return the names of the associations that refer to a class."""
    ends = _ends(catalog, namespace, source, filters)
    return ClassNames(tuple(sorted({info.name for info, _, _ in ends})))


def _ends(
    catalog: Catalog, namespace: NamespaceSchema, source: str, filters: Filters
) -> Iterator[tuple[ClassInfo, pywbem.CIMProperty, pywbem.CIMProperty]]:
    """Yield each association of a class with the reference to the class and each reference."""
    check_filters(catalog, namespace, filters)
    lineage = catalog.declared(namespace, source, Status.INVALID_PARAMETER).lineage
    for info in namespace.classes.values():
        if not info.is_association or (
            filters.assoc_class and not namespace.is_a(info.name, filters.assoc_class)
        ):
            continue
        ends = [p for p in info.declaration.properties.values() if p.type == "reference"]
        for near in ends:
            is_role = filters.role is None or near.name.lower() == filters.role.lower()
            if is_role and near.reference_class.lower() in lineage:
                for far in ends:
                    yield info, near, far


def _subclasses(
    catalog: Catalog, namespace: NamespaceSchema, name: str | None, deep: bool
) -> Iterator[ClassInfo]:
    if name is not None:
        catalog.declared(namespace, name)
    return namespace.subclasses(name or "", deep)


def _selected(info: ClassInfo, selection: Selection) -> pywbem.CIMClass:
    """Return a declaration without what was not asked for."""
    declared = info.declaration
    listed = selection.properties
    if not selection.local_only and listed is None:
        return declared
    names = None if listed is None else {name.lower() for name in listed}
    return pywbem.CIMClass(
        declared.classname,
        superclass=declared.superclass,
        qualifiers=declared.qualifiers.values(),
        properties=[
            each
            for each in declared.properties.values()
            if (names is None or each.name.lower() in names)
            and not (selection.local_only and each.propagated)
        ],
        methods=[
            each
            for each in declared.methods.values()
            if not (selection.local_only and each.propagated)
        ],
    )
