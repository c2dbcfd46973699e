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

from cim_provider.wbem import operations, parse_objects, parse_values
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
        name,
        tuple((child.attributes["NAME"], _argument(child)) for child in given),
    )


def _argument(parameter: Element) -> object:
    """Return the value of a method parameter; a string where the client sent no type."""
    if not parameter.children:
        return None
    name, value = parameter.attributes["NAME"][:64], parameter.only_child()
    try:
        return _argument_value(parameter, value)
    except BadValueError as error:
        raise BadValueError(f"{name}: {error}") from error


def _argument_value(parameter: Element, value: Element) -> object:
    match value.name:
        case "INSTANCENAME" | "CLASSNAME":
            return parse_values.path(value)
        case "INSTANCE":
            return parse_objects.instance(value)
        case "VALUE.NAMEDINSTANCE":
            return parse_objects.named_instance(value)
        case "VALUE" | "VALUE.ARRAY" | "VALUE.REFERENCE" | "VALUE.REFARRAY":
            is_reference = value.name in ("VALUE.REFERENCE", "VALUE.REFARRAY")
            default = "reference" if is_reference else "string"
            cim_type = parameter.attributes.get("PARAMTYPE", default)
            found = parse_values.typed_value(value, cim_type)
            mark = parse_objects.embedded_mark(parameter)
            if mark is not None:
                return parse_objects.embedded(found, mark)
            return _called_text(found) if "PARAMTYPE" in parameter.attributes else found
    raise BadValueError(f"given as {value.name}, which is no value")


def _called_text(value: object) -> object:
    if isinstance(value, list):
        return [_called_text(item) for item in value]
    return operations.CalledText(value) if isinstance(value, str) else value
