"""What a user may do: three roles, and the least one of each operation and method.

Owns: the two tables, and the decision with its words. What stands in no table
is for administrators alone, so that something new is closed until somebody has
thought about it; a test compares the tables with the operations and the schema.
Knows nothing of how a user was authenticated.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pywbem

from cim_provider.server.role import Role
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import PULL_OPERATIONS, ChangeSchema, InvokeMethod

_RANK: Final = {role: rank for rank, role in enumerate(Role)}

_READS: Final = (
    "GetInstance",
    "EnumerateInstances",
    "EnumerateInstanceNames",
    "Associators",
    "AssociatorNames",
    "References",
    "ReferenceNames",
    "ExecQuery",
    "GetProperty",
    "GetClass",
    "EnumerateClasses",
    "EnumerateClassNames",
    "GetQualifier",
    "EnumerateQualifiers",
    *PULL_OPERATIONS,
)
_INSTANCE_WRITES: Final = ("CreateInstance", "ModifyInstance", "DeleteInstance", "SetProperty")
_SCHEMA_WRITES: Final = (
    "CreateClass",
    "ModifyClass",
    "DeleteClass",
    "SetQualifier",
    "DeleteQualifier",
)

OPERATIONS: Final[Mapping[str, Role]] = MappingProxyType(
    {
        **dict.fromkeys(_READS, Role.VIEW),
        **dict.fromkeys((*_INSTANCE_WRITES, *_SCHEMA_WRITES), Role.ADMINISTER),
    }
)
"""The least role of each intrinsic operation; some writes have another one by their class."""

VALUES: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "OpenEnumeration": Role.VIEW,
        "Pull": Role.VIEW,
        "CountEnumeration": Role.VIEW,
        "ChangeSchema": Role.ADMINISTER,
    }
)
"""The same for the values (`wbem.operations`) that stand for several operations."""

SUBSCRIBING: Final = frozenset(
    {
        "cim_indicationfilter",
        "cim_listenerdestination",
        "cim_listenerdestinationcimxml",
        "cim_indicationhandler",
        "cim_indicationhandlercimxml",
        "cim_abstractindicationsubscription",
        "cim_indicationsubscription",
        "cim_formattedindicationsubscription",
    }
)
"""Classes, in lower case, whose instances whoever operates may create, change and delete.

A console needs them to be told of events, and should need no more than that.
"""

_ASKING: Final = (
    "Diagnose",
    "GetCentralInstances",
    "Explain",
    "ExportConfiguration",
    "GetError",
    "GetErrors",
    "Preview",
    "Simulate",
    "Verify",
    "Why",
)
"""Methods that only tell something."""
_OPERATING: Final = (
    "Ban",
    "Cleanup",
    "ClearMove",
    "Demote",
    "Fail",
    "Failover",
    "KillJob",
    "Manage",
    "Move",
    "MoveAllFrom",
    "Probe",
    "Promote",
    "Refresh",
    "RequestStateChange",
    "ResetSelectedStats",
    "Restart",
    "RestartTransition",
    "SendTestIndications",
    "SetManaged",
    "SetMaintenance",
    "SetStandby",
    "Start",
    "StartService",
    "Stop",
    "StopService",
    "TestFencing",
    "Unban",
    "Unmanage",
)
"""Methods that run the cluster as it is configured."""
_ADMINISTERING: Final = (
    "AddNode",
    "AddPrimitiveResource",
    "AddResource",
    "Apply",
    "ClearLog",
    "ConfirmDown",
    "EvictNode",
    "Fence",
    "ForceEvictNode",
    "Grant",
    "Invite",
    "ReleaseQuorum",
    "RemoveResource",
    "Reorder",
    "Report",
    "Revoke",
    "SetClusterProperty",
    "UndoRevision",
)
"""Methods that change the configuration, end a node, state in writing what nobody can check, or
hand out what services have written into their logs.
"""

METHODS: Final[Mapping[str, Role]] = MappingProxyType(
    {
        **dict.fromkeys(_ASKING, Role.VIEW),
        **dict.fromkeys(_OPERATING, Role.OPERATE),
        **dict.fromkeys(_ADMINISTERING, Role.ADMINISTER),
    }
)
"""The least role of each extrinsic method, by name: a name means the same in every class."""

_STATE: Final = "requestedstate"
_CHANGES: Final[Mapping[str, tuple[str, ...] | None]] = MappingProxyType(
    {"requeststatechange": None, "startservice": ("2",), "stopservice": ("3",)}
)
"""Methods that change a state, and to which; None: as a parameter says."""
_HARMLESS: Final = frozenset({"2", "3", "4", "6", "7", "8", "9", "10"})
"""States that no node is cut off by, as one writes them: 11 can also be written 0xB or +11."""
_OWN_SERVICES: Final = ("service", "objectmanager")
_RESOURCE_SERVICE: Final = "ha_resourceservice"
"""Whose state is that of the resource; other services are of this server itself."""
_METHODS_LOWER: Final = {name.lower(): role for name, role in METHODS.items()}
_SPELLING: Final = {name.lower(): name for name in METHODS}


def least_role(operation: object) -> Role:
    """Return the least role that may carry out an operation value."""
    if isinstance(operation, InvokeMethod):
        method = operation.method.lower()
        if method in _CHANGES:
            return _of_state_change(operation, _CHANGES[method])
        return _METHODS_LOWER.get(method, Role.ADMINISTER)
    name = type(operation).__name__
    least = OPERATIONS.get(name) or VALUES.get(name, Role.ADMINISTER)
    if name in _INSTANCE_WRITES:
        classes = _classes_of(operation)
        return Role.OPERATE if classes and classes <= SUBSCRIBING else least
    return least


def _target(operation: InvokeMethod) -> str:
    """Return the class that a method is called on, in lower case."""
    target = operation.target
    return (target if isinstance(target, str) else str(target.classname)).lower()


def _of_state_change(operation: InvokeMethod, states: tuple[str, ...] | None) -> Role:
    """Return the least role of a change of state, by what is done and not by the method's name.

    What is done in good order, and undone by the same role, is *operate*: to stop a resource, or
    the cluster service of a node, whose resources move away before. A ticket's owner and a node's
    power are for *administer*: nobody can check the one, and what runs there loses the other. So
    are the services of this server: without them nobody is told of anything.
    """
    name = _target(operation)
    if states is None:
        # Names are compared as declarations compare them, which know more of case than `lower`.
        given = (value for key, value in operation.parameters if key.casefold() == _STATE)
        states = tuple(str(value) for value in given)
    is_of_node = name in ("ha_clusternode", "cim_computersystem", "cim_system")
    may_reset = is_of_node and not _HARMLESS.issuperset(states)
    is_own = name.endswith(_OWN_SERVICES) and name != _RESOURCE_SERVICE
    return Role.ADMINISTER if "ticket" in name or may_reset or is_own else Role.OPERATE


def _classes_of(operation: object) -> set[str]:
    """Return the classes that a write of an instance names, in lower case."""
    instance = getattr(operation, "instance", None)
    named = [instance, getattr(instance, "path", None), getattr(operation, "path", None)]
    return {str(each.classname).lower() for each in named if each is not None}


def name_of(operation: object) -> str:
    """Return what an operation is called: a method as it is declared, all else as DSP0200 does."""
    match operation:
        case InvokeMethod(method=method):
            return _SPELLING.get(method.lower(), method)
        case ChangeSchema(change=change):
            return change.value
        case _:
            return type(operation).__name__


def is_write(operation: object) -> bool:
    """Return whether an operation changes something, or may: all that viewers may not do."""
    return least_role(operation) is not Role.VIEW


def authorize(name: str, role: Role, operation: object) -> None:
    """Let a user of that role carry out the operation.

    Raises CIMError: ACCESS_DENIED, in words, with the cure.
    """
    least = least_role(operation)
    if _RANK[role] >= _RANK[least]:
        return
    text = (
        f"user {name} has the role {role} and {name_of(operation)[:64]} needs {least}:"
        f" an administrator can give it with 'ha wbem user role {name} {least}'"
    )
    raise pywbem.CIMError(int(Status.ACCESS_DENIED), text)
