"""Every operation and every method has its least role, and is refused in words below it."""

from typing import get_args

import pytest
import pywbem

from cim_provider.schema import load_schema
from cim_provider.server import roles
from cim_provider.server.roles import (
    METHODS,
    OPERATIONS,
    VALUES,
    Role,
    authorize,
    is_write,
    least_role,
)
from cim_provider.server.service import schema_texts
from cim_provider.wbem import operations
from cim_provider.wbem.operations import InvokeMethod, Operation

PATH = pywbem.CIMInstanceName("HA_Cluster", {"Name": "x"}, namespace="root/cimv2")


def kinds() -> list[type]:
    return list(get_args(Operation))


def test_each_operation_stands_in_the_table() -> None:
    names = {kind.__name__ for kind in kinds()} - {"InvokeMethod"}
    assert names - set(OPERATIONS) - set(VALUES) == set()


def test_each_method_of_the_schema_stands_in_the_table_and_no_other() -> None:
    schema = load_schema(schema_texts())
    declared = {
        str(method)
        for namespace in schema.namespaces.values()
        for info in namespace.classes.values()
        for method in info.declaration.methods
    }
    assert declared == set(METHODS)


def test_whoever_reads_needs_no_more_than_to_view() -> None:
    reads = {name for name, role in OPERATIONS.items() if role is Role.VIEW}
    changing = ("Create", "Modify", "Delete", "Set")
    assert not [name for name in reads if name.startswith(changing)]
    assert all(name in reads or name.startswith(changing) for name in OPERATIONS)


@pytest.mark.parametrize(
    ("method", "least"),
    [
        ("RequestStateChange", Role.OPERATE),
        ("requeststatechange", Role.OPERATE),
        ("StopService", Role.ADMINISTER),
        ("NobodyHasThoughtAboutIt", Role.ADMINISTER),
    ],
)
def test_method_is_allowed_from_its_least_role_on(method: str, least: Role) -> None:
    call = InvokeMethod("root/cimv2", PATH, method)
    assert is_write(call)
    roles_in_order = list(Role)
    bound = roles_in_order.index(least)
    for role in roles_in_order[bound:]:
        authorize("ann", role, call)
    for role in roles_in_order[:bound]:
        with pytest.raises(pywbem.CIMError, match=f"role {role} and {method} needs {least}") as no:
            authorize("ann", role, call)
        assert no.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED


def test_operation_that_is_in_no_table_is_for_administrators() -> None:
    assert least_role(object()) is Role.ADMINISTER


def test_everyone_may_read() -> None:
    read = operations.GetInstance("root/cimv2", PATH)
    assert not is_write(read)
    for role in Role:
        authorize("bob", role, read)


def test_classes_of_subscriptions_are_named_in_lower_case() -> None:
    assert {name.lower() for name in roles.SUBSCRIBING} == roles.SUBSCRIBING
