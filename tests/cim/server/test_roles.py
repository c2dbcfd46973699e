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


NOT_OURS = {
    "CloseConformantInstances",
    "OpenConformantInstances",
    "PullConformantInstances",
    "SetPowerState",
}
"""Of standard classes, and carried out by nobody: for administrators, whoever may try."""


def test_each_method_of_the_schema_stands_in_the_table_and_no_other() -> None:
    schema = load_schema(schema_texts())
    declared = {
        str(method)
        for namespace in schema.namespaces.values()
        for info in namespace.classes.values()
        for method in info.declaration.methods
    }
    assert declared - NOT_OURS == set(METHODS)
    assert declared >= NOT_OURS


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
        ("StopService", Role.OPERATE),
        ("NobodyHasThoughtAboutIt", Role.ADMINISTER),
    ],
)
def test_method_is_allowed_from_its_least_role_on(method: str, least: Role) -> None:
    call = InvokeMethod("root/cimv2", PATH, method)
    assert is_write(call)
    declared = {name.lower(): name for name in METHODS}.get(method.lower(), method)
    roles_in_order = list(Role)
    bound = roles_in_order.index(least)
    for role in roles_in_order[bound:]:
        authorize("ann", role, call)
    for role in roles_in_order[:bound]:
        told = f"role {role} and {declared} needs {least}"
        with pytest.raises(pywbem.CIMError, match=told) as no:
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


def test_change_of_the_schema_is_refused_by_the_name_of_its_operation() -> None:
    change = operations.ChangeSchema("interop", operations.SchemaChange.DELETE_CLASS, "CIM_X")
    with pytest.raises(pywbem.CIMError, match="and DeleteClass needs administer"):
        authorize("ann", Role.OPERATE, change)


@pytest.mark.parametrize("name", ["CIM_IndicationFilter", "cim_indicationsubscription"])
def test_whoever_operates_may_subscribe_and_write_nothing_else(name: str) -> None:
    path = pywbem.CIMInstanceName(name, {"Name": "x"}, namespace="interop")
    instance = pywbem.CIMInstance(name, {}, path=path)
    other = pywbem.CIMInstance("CIM_ObjectManager", {}, path=PATH)
    for write in (
        operations.CreateInstance("interop", instance),
        operations.ModifyInstance("interop", instance),
        operations.DeleteInstance("interop", path),
        operations.SetProperty("interop", path, "Name"),
    ):
        assert least_role(write) is Role.OPERATE
        authorize("ann", Role.OPERATE, write)
    disguised = pywbem.CIMInstance(name, {}, path=PATH)
    for refused in (
        operations.ModifyInstance("interop", disguised),
        operations.CreateInstance("interop", other),
        operations.DeleteInstance("interop", PATH),
    ):
        assert least_role(refused) is Role.ADMINISTER


def test_each_class_that_operators_may_write_is_declared_or_an_old_name_of_one() -> None:
    schema = load_schema(schema_texts())
    interop = schema.namespace("interop")
    assert interop is not None
    missing = {name for name in roles.SUBSCRIBING if interop.get(name) is None}
    assert missing <= {"cim_formattedindicationsubscription", "cim_abstractindicationsubscription"}


@pytest.mark.parametrize(
    ("kind", "state", "least"),
    [
        ("HA_ClusterNode", 11, Role.ADMINISTER),
        ("CIM_ComputerSystem", "11", Role.ADMINISTER),
        ("HA_ClusterNode", 6, Role.OPERATE),
        ("HA_PrimitiveResource", 11, Role.OPERATE),
        ("HA_Ticket", 2, Role.ADMINISTER),
        ("HA_Cluster", 9, Role.OPERATE),
    ],
)
def test_change_of_state_that_fences_or_grants_is_for_administrators(
    kind: str, state: object, least: Role
) -> None:
    path = pywbem.CIMInstanceName(kind, {"Name": "x"}, namespace="root/cimv2")
    call = InvokeMethod("root/cimv2", path, "RequestStateChange", (("RequestedState", state),))
    assert least_role(call) is least


@pytest.mark.parametrize("state", ["0xB", "0x0b", "+11", "011", pywbem.Uint16(11), 11.0, [11]])
@pytest.mark.parametrize("name", ["RequestedState", "REQUESTEDSTATE", "Reque\u017ftedState"])
def test_no_other_way_of_writing_11_lets_an_operator_cut_off_a_node(
    name: str, state: object
) -> None:
    path = pywbem.CIMInstanceName("HA_ClusterNode", {"Name": "n1"}, namespace="root/cimv2")
    call = InvokeMethod("root/cimv2", path, "RequestStateChange", ((name, state),))
    assert least_role(call) is Role.ADMINISTER
