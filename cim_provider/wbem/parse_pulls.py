"""The calls of open enumerations, to operations.

Owns: the parameters of the Open…, Pull… and closing operations, and their
defaults. What is opened is the read that would bring all objects at once.
Source: DSP0200 1.4, section 5.3.2.24.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from cim_provider.wbem import operations
from cim_provider.wbem.operations import (
    Enumerable,
    Filters,
    OpenEnumeration,
    Opening,
    Operation,
    PullKind,
    Selection,
)
from cim_provider.wbem.parse_arguments import Arguments


def _open(read: Callable[[Arguments], Enumerable], a: Arguments) -> Operation:
    asked = read(a)
    return OpenEnumeration(
        a.namespace,
        asked,
        Opening(
            filter_language=a.string("FilterQueryLanguage"),
            filter_query=a.string("FilterQuery"),
            timeout_s=a.number("OperationTimeout"),
            continue_on_error=a.boolean("ContinueOnError", False),
            objects_max=a.number("MaxObjectCount") or 0,
        ),
    )


def _open_query(a: Arguments) -> Operation:
    query = a.required_string("FilterQuery")
    language = a.required_string("FilterQueryLanguage")
    wants_class = a.boolean("ReturnQueryResultClass", False)
    opening = Opening(
        timeout_s=a.number("OperationTimeout"),
        continue_on_error=a.boolean("ContinueOnError", False),
        objects_max=a.number("MaxObjectCount") or 0,
    )
    read = operations.ExecQuery(a.namespace, language, query)
    return OpenEnumeration(a.namespace, read, opening, wants_class)


def _selection(a: Arguments) -> Selection:
    return Selection(
        include_class_origin=a.boolean("IncludeClassOrigin", False),
        properties=a.strings("PropertyList"),
    )


def _instances(a: Arguments) -> Enumerable:
    return operations.EnumerateInstances(
        a.namespace,
        a.required_class_name("ClassName"),
        a.boolean("DeepInheritance", True),
        _selection(a),
    )


def _instance_paths(a: Arguments) -> Enumerable:
    return operations.EnumerateInstanceNames(a.namespace, a.required_class_name("ClassName"))


def _reference_filters(a: Arguments) -> Filters:
    # The parameter is named ResultClass, but what it filters are associations.
    return Filters(assoc_class=a.class_name("ResultClass"), role=a.string("Role"))


def _associator_filters(a: Arguments) -> Filters:
    return Filters(
        assoc_class=a.class_name("AssocClass"),
        result_class=a.class_name("ResultClass"),
        role=a.string("Role"),
        result_role=a.string("ResultRole"),
    )


def _references(a: Arguments) -> Enumerable:
    source = a.instance_name("InstanceName")
    return operations.References(a.namespace, source, _reference_filters(a), _selection(a))


def _reference_paths(a: Arguments) -> Enumerable:
    source = a.instance_name("InstanceName")
    return operations.ReferenceNames(a.namespace, source, _reference_filters(a))


def _associators(a: Arguments) -> Enumerable:
    source = a.instance_name("InstanceName")
    return operations.Associators(a.namespace, source, _associator_filters(a), _selection(a))


def _associator_paths(a: Arguments) -> Enumerable:
    source = a.instance_name("InstanceName")
    return operations.AssociatorNames(a.namespace, source, _associator_filters(a))


def _pull(kind: PullKind, a: Arguments) -> Operation:
    context = a.required_string("EnumerationContext")
    return operations.Pull(a.namespace, kind, context, a.required_number("MaxObjectCount"))


def _close(a: Arguments) -> Operation:
    return operations.CloseEnumeration(a.namespace, a.required_string("EnumerationContext"))


def _count(a: Arguments) -> Operation:
    return operations.CountEnumeration(a.namespace, a.required_string("EnumerationContext"))


PULLS: Final[dict[str, Callable[[Arguments], Operation]]] = {
    "openenumerateinstances": partial(_open, _instances),
    "openenumerateinstancepaths": partial(_open, _instance_paths),
    "openreferenceinstances": partial(_open, _references),
    "openreferenceinstancepaths": partial(_open, _reference_paths),
    "openassociatorinstances": partial(_open, _associators),
    "openassociatorinstancepaths": partial(_open, _associator_paths),
    "openqueryinstances": _open_query,
    **{kind.value.lower(): partial(_pull, kind) for kind in PullKind},
    "closeenumeration": _close,
    "enumerationcount": _count,
}
"""How each call is read, by the operation's name in lower case."""
