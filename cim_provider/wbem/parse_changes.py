"""The calls that change something, to operations.

Owns: the parameters of the operations that write instances or declarations, and
their defaults. Knows nothing of what a class has: properties stay as they were
sent. The content of a declaration is not looked at, since none is taken.
Source: DSP0200 1.4, sections 5.3.2.3 to 5.3.2.8, 5.3.2.19 and 5.3.2.21 to 5.3.2.23.
"""

from collections.abc import Callable
from typing import Final

from cim_provider.wbem import operations
from cim_provider.wbem.operations import ChangeSchema, Operation, SchemaChange
from cim_provider.wbem.parse_arguments import Arguments


def _create_instance(a: Arguments) -> Operation:
    return operations.CreateInstance(a.namespace, a.instance("NewInstance"))


def _modify_instance(a: Arguments) -> Operation:
    a.boolean("IncludeQualifiers", True)  # deprecated: instances have no qualifiers here
    return operations.ModifyInstance(
        a.namespace, a.named_instance("ModifiedInstance"), a.strings("PropertyList")
    )


def _delete_instance(a: Arguments) -> Operation:
    return operations.DeleteInstance(a.namespace, a.instance_name("InstanceName"))


def _set_property(a: Arguments) -> Operation:
    return operations.SetProperty(
        a.namespace,
        a.instance_name("InstanceName"),
        a.required_string("PropertyName"),
        a.untyped("NewValue"),
    )


def _create_class(a: Arguments) -> Operation:
    name = a.declared_name("NewClass", "CLASS")
    return ChangeSchema(a.namespace, SchemaChange.CREATE_CLASS, name)


def _modify_class(a: Arguments) -> Operation:
    name = a.declared_name("ModifiedClass", "CLASS")
    return ChangeSchema(a.namespace, SchemaChange.MODIFY_CLASS, name)


def _delete_class(a: Arguments) -> Operation:
    name = a.required_class_name("ClassName")
    return ChangeSchema(a.namespace, SchemaChange.DELETE_CLASS, name)


def _set_qualifier(a: Arguments) -> Operation:
    name = a.declared_name("QualifierDeclaration", "QUALIFIER.DECLARATION")
    return ChangeSchema(a.namespace, SchemaChange.SET_QUALIFIER, name)


def _delete_qualifier(a: Arguments) -> Operation:
    name = a.required_string("QualifierName")
    return ChangeSchema(a.namespace, SchemaChange.DELETE_QUALIFIER, name)


CHANGES: Final[dict[str, Callable[[Arguments], Operation]]] = {
    "createinstance": _create_instance,
    "modifyinstance": _modify_instance,
    "deleteinstance": _delete_instance,
    "setproperty": _set_property,
    "createclass": _create_class,
    "modifyclass": _modify_class,
    "deleteclass": _delete_class,
    "setqualifier": _set_qualifier,
    "deletequalifier": _delete_qualifier,
}
"""How each call is read, by the operation's name in lower case."""
