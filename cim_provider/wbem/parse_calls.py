"""The calls of a request, IMETHODCALL and METHODCALL, to operations.

Owns: which parameters each read has, and their defaults. Knows nothing of the
message around a call. Names of operations are matched without regard to case.
Source: DSP0200 1.4, section 5.3 (parameters and defaults of each operation).
"""

# pywbem has no annotations: every constructor would be an untyped call.
# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import Final

import pywbem

from cim_provider.wbem import operations, parse_values
from cim_provider.wbem.errors import Status, not_valid
from cim_provider.wbem.operations import Filters, Operation, Selection
from cim_provider.wbem.parse_arguments import ArgumentError, Arguments, parameters
from cim_provider.wbem.parse_changes import CHANGES
from cim_provider.wbem.parse_pulls import PULLS
from cim_provider.wbem.parse_tree import Element
from cim_provider.wbem.parse_values import BadValueError


def _instance_selection(arguments: Arguments, *, has_local_only: bool = True) -> Selection:
    if has_local_only:
        # Deprecated for instances, and true by default: obeying it would hide inherited
        # properties, keys among them, from every client that leaves it out.
        arguments.boolean("LocalOnly", False)
    return Selection(
        include_qualifiers=arguments.boolean("IncludeQualifiers", False),
        include_class_origin=arguments.boolean("IncludeClassOrigin", False),
        properties=arguments.strings("PropertyList"),
    )


def _class_selection(arguments: Arguments, *, has_properties: bool) -> Selection:
    return Selection(
        local_only=arguments.boolean("LocalOnly", True),
        include_qualifiers=arguments.boolean("IncludeQualifiers", True),
        include_class_origin=arguments.boolean("IncludeClassOrigin", False),
        properties=arguments.strings("PropertyList") if has_properties else None,
    )


def _associator_filters(arguments: Arguments) -> Filters:
    return Filters(
        assoc_class=arguments.class_name("AssocClass"),
        result_class=arguments.class_name("ResultClass"),
        role=arguments.string("Role"),
        result_role=arguments.string("ResultRole"),
    )


def _reference_filters(arguments: Arguments) -> Filters:
    # The parameter is named ResultClass, but what it filters are associations.
    return Filters(assoc_class=arguments.class_name("ResultClass"), role=arguments.string("Role"))


def _get_instance(a: Arguments) -> Operation:
    return operations.GetInstance(
        a.namespace, a.instance_name("InstanceName"), _instance_selection(a)
    )


def _enumerate_instances(a: Arguments) -> Operation:
    return operations.EnumerateInstances(
        a.namespace,
        a.required_class_name("ClassName"),
        a.boolean("DeepInheritance", True),
        _instance_selection(a),
    )


def _enumerate_instance_names(a: Arguments) -> Operation:
    return operations.EnumerateInstanceNames(a.namespace, a.required_class_name("ClassName"))


def _associators(a: Arguments) -> Operation:
    return operations.Associators(
        a.namespace,
        a.object_name("ObjectName"),
        _associator_filters(a),
        _instance_selection(a, has_local_only=False),
    )


def _associator_names(a: Arguments) -> Operation:
    return operations.AssociatorNames(
        a.namespace, a.object_name("ObjectName"), _associator_filters(a)
    )


def _references(a: Arguments) -> Operation:
    return operations.References(
        a.namespace,
        a.object_name("ObjectName"),
        _reference_filters(a),
        _instance_selection(a, has_local_only=False),
    )


def _reference_names(a: Arguments) -> Operation:
    return operations.ReferenceNames(
        a.namespace, a.object_name("ObjectName"), _reference_filters(a)
    )


def _get_class(a: Arguments) -> Operation:
    return operations.GetClass(
        a.namespace,
        a.required_class_name("ClassName"),
        _class_selection(a, has_properties=True),
    )


def _enumerate_classes(a: Arguments) -> Operation:
    return operations.EnumerateClasses(
        a.namespace,
        a.class_name("ClassName"),
        a.boolean("DeepInheritance", False),
        _class_selection(a, has_properties=False),
    )


def _enumerate_class_names(a: Arguments) -> Operation:
    return operations.EnumerateClassNames(
        a.namespace, a.class_name("ClassName"), a.boolean("DeepInheritance", False)
    )


def _get_qualifier(a: Arguments) -> Operation:
    return operations.GetQualifier(a.namespace, a.required_string("QualifierName"))


def _enumerate_qualifiers(a: Arguments) -> Operation:
    return operations.EnumerateQualifiers(a.namespace)


def _get_property(a: Arguments) -> Operation:
    return operations.GetProperty(
        a.namespace, a.instance_name("InstanceName"), a.required_string("PropertyName")
    )


def _exec_query(a: Arguments) -> Operation:
    return operations.ExecQuery(
        a.namespace, a.required_string("QueryLanguage"), a.required_string("Query")
    )


_INTRINSIC: Final[dict[str, Callable[[Arguments], Operation]]] = {
    "getinstance": _get_instance,
    "enumerateinstances": _enumerate_instances,
    "enumerateinstancenames": _enumerate_instance_names,
    "associators": _associators,
    "associatornames": _associator_names,
    "references": _references,
    "referencenames": _reference_names,
    "getclass": _get_class,
    "enumerateclasses": _enumerate_classes,
    "enumerateclassnames": _enumerate_class_names,
    "getqualifier": _get_qualifier,
    "enumeratequalifiers": _enumerate_qualifiers,
    "getproperty": _get_property,
    "execquery": _exec_query,
    **CHANGES,
    **PULLS,
}


def intrinsic_operation(call: Element) -> Operation:
    """Return the operation of an IMETHODCALL.

    Raises:
        ArgumentError: the operation is not one we carry out (status 7, on which clients fall
            back to others), or a parameter is unknown, missing or of the wrong kind.
        BadValueError: a value does not fit.
    """
    name = call.attributes["NAME"]
    read = _INTRINSIC.get(name.lower())
    if read is None:
        raise ArgumentError(Status.NOT_SUPPORTED, f"operation {name[:64]} is not supported")
    arguments = Arguments(call)
    operation = read(arguments)
    arguments.finish()
    return operation


def method_operation(call: Element) -> operations.InvokeMethod:
    """Return the method call of a METHODCALL.

    Raises:
        BadValueError: a parameter is repeated or does not fit the type that was sent with it.
    """
    name = call.attributes["NAME"]
    first = call.children[0] if call.children else None
    if first is None or first.name not in ("LOCALCLASSPATH", "LOCALINSTANCEPATH"):
        raise not_valid(f"METHODCALL {name[:64]} does not begin with the path of its target")
    target = parse_values.path(first)
    given = parameters(call, "PARAMVALUE").values()
    return operations.InvokeMethod(
        target.namespace,
        target.classname if isinstance(target, pywbem.CIMClassName) else target,
        name.lower(),
        tuple((child.attributes["NAME"], _argument(child)) for child in given),
    )


def _argument(parameter: Element) -> object:
    """Return the value of a method parameter; a string where the client sent no type."""
    if not parameter.children:
        return None
    value = parameter.only_child()
    if value.name in ("INSTANCENAME", "CLASSNAME"):
        return parse_values.path(value)
    if not value.name.startswith("VALUE") or value.name == "VALUE.NAMEDINSTANCE":
        raise BadValueError(f"{parameter.attributes['NAME'][:64]} given as {value.name}")
    is_reference = value.name in ("VALUE.REFERENCE", "VALUE.REFARRAY")
    default = "reference" if is_reference else "string"
    try:
        return parse_values.typed_value(value, parameter.attributes.get("PARAMTYPE", default))
    except BadValueError as error:
        raise BadValueError(f"{parameter.attributes['NAME'][:64]}: {error}") from error
