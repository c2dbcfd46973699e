"""InvokeMethod: from the call of a client to a command, and from its outcome to a return value.

Owns: the checks of a call, the meaning of each RequestedState, the return
codes. A call that is wrong is a CIM error; a request that is understood and not
carried out is a return code, unless only words can say why.
Source: DSP0200 1.4, section 5.3.3; DMTF CIM Schema 2.41 (Final),
CIM_EnabledLogicalElement.RequestStateChange.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import pywbem

from cim_provider.engine import (
    ClusterEngine,
    Command,
    Done,
    FenceNode,
    Outcome,
    Pending,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.mapping import node, resource
from cim_provider.mapping.area import Method, MethodCall
from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.given import Place, fitted
from cim_provider.mapping.jobs import JOB_CLASS, Job, job_ref, started_ms
from cim_provider.mapping.paths import cim_path, locate
from cim_provider.mapping.rows import Record
from cim_provider.mapping.world import CLUSTER_CLASS, World
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import InvokeMethod, MethodResult

_KNOWN_STATES: Final = frozenset({2, 3, 4, 6, 7, 8, 9, 10, 11})
_RESTARTS: Final = (10, 11)
_RESOURCES: Final = (resource.PRIMITIVE_CLASS, resource.GROUP_CLASS)
_STATE_CHANGES: Final = (node.NODE_CLASS, *_RESOURCES, CLUSTER_CLASS, JOB_CLASS)
"""Classes whose RequestStateChange answers; for the last two, that nothing is supported."""
_STATUSES: Final = {"denied": Status.ACCESS_DENIED, "not-found": Status.NOT_FOUND}


class Code(IntEnum):
    """What RequestStateChange returns; from 32768 on the numbers are our own."""

    COMPLETED = 0
    NOT_SUPPORTED = 1
    INVALID_PARAMETER = 5
    JOB_STARTED = 4096
    INVALID_TRANSITION = 4097
    NO_TIMEOUT = 4098
    BUSY = 4099
    NO_QUORUM = 32768
    UNSAFE = 32769
    NOT_MANAGED = 32771


_CODES: Final = {"busy": Code.BUSY, "no-quorum": Code.NO_QUORUM, "unsafe": Code.UNSAFE}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a call means: a command, and the job that may be left of it."""

    command: Command
    job: Job


async def invoke(
    catalog: Catalog,
    asked: InvokeMethod,
    world: World,
    engine: ClusterEngine,
    user: str,
    methods: Mapping[tuple[str, str], Method],
) -> MethodResult:
    """Carry out a method call on behalf of a user; `methods` are those of the areas.

    Raises CIMError: INVALID_NAMESPACE, NOT_FOUND (class or instance), METHOD_NOT_FOUND,
    INVALID_PARAMETER, METHOD_NOT_AVAILABLE (declared, and nothing carries it out), and what the
    cluster's refusal comes to.
    """
    namespace = catalog.namespace(asked.namespace)
    target = asked.target
    name = target if isinstance(target, str) else target.classname
    info = catalog.declared(namespace, name, Status.NOT_FOUND)
    method = info.declaration.methods.get(asked.method)
    if method is None:
        text = f"class {info.name} has no method {asked.method[:NAME_CHARS_MAX]!r}"
        refuse(Status.METHOD_NOT_FOUND, text)
    record = None
    if not isinstance(target, str):
        record = locate(catalog, namespace, target, world, unknown_class=Status.NOT_FOUND)
    elif not _has(method, "Static"):
        text = f"{info.name}.{method.name} is called on an instance, and a class was given"
        refuse(Status.INVALID_PARAMETER, text)
    given = _arguments(catalog, namespace, info, method, asked.parameters, world)
    own = _own(methods, info, method.name)
    if own is not None:
        return await own(MethodCall(record, given, namespace.name, world, user))
    if record is None:
        refuse(Status.METHOD_NOT_AVAILABLE, f"{info.name}.{method.name} does nothing here")
    wish = _wish(record, method.name, given, world)
    if isinstance(wish, Code):
        return _result(wish)
    if wish is not None:
        return _written(await engine.submit(wish, user))
    if method.name != "RequestStateChange" or info.name not in _STATE_CHANGES:
        refuse(Status.METHOD_NOT_AVAILABLE, f"{info.name}.{method.name} does nothing here")
    plan = _plan(record, given, world)
    if isinstance(plan, Code):
        return _result(plan)
    outcome = await engine.submit(plan.command, user)
    return _answer(outcome, plan.job, namespace.name)


def _wish(
    record: Record, method: str, given: Mapping[str, object], world: World
) -> Command | Code | None:
    """Return the command of a method that only writes a wish down; None of any other."""
    keys = dict(record.ref.keys)
    match record.ref.class_name, method:
        case node.NODE_CLASS, "SetMaintenance":
            name, value = str(keys["Name"]), given.get("IsInMaintenance")
            if not isinstance(value, bool):
                return Code.INVALID_PARAMETER
            is_witness = name not in world.nodes or world.nodes[name].is_witness
            return Code.NOT_SUPPORTED if is_witness else SetNodeMaintenance(name, value)
        case resource.PRIMITIVE_CLASS | resource.GROUP_CLASS, "SetManaged":
            value = given.get("Managed")
            if not isinstance(value, bool):
                return Code.INVALID_PARAMETER
            return SetResourceManaged(str(keys["Id"]), value)
    return None


def _written(outcome: Outcome) -> MethodResult:
    """A wish that is written down is done, though a node that is lost cannot follow it yet."""
    if isinstance(outcome, Refused):
        if outcome.code in _CODES:
            return _result(_CODES[outcome.code])
        refuse(_STATUSES.get(outcome.code, Status.FAILED), outcome.text)
    return _result(Code.COMPLETED)


def _plan(record: Record, given: Mapping[str, object], world: World) -> _Plan | Code:
    """Return what RequestStateChange of an object means, or the code that says why nothing."""
    state = given.get("RequestedState")
    if state not in _KNOWN_STATES:
        return Code.INVALID_PARAMETER
    assert isinstance(state, int), "the states that are known are numbers"
    if _is_time(given.get("TimeoutPeriod")) and record.ref.class_name != CLUSTER_CLASS:
        return Code.NO_TIMEOUT
    if record.ref.class_name == node.NODE_CLASS:
        return _on_node(str(dict(record.ref.keys)["Name"]), state, world)
    if record.ref.class_name in _RESOURCES:
        return _on_resource(str(dict(record.ref.keys)["Id"]), state, world)
    return Code.NOT_SUPPORTED


def _on_node(name: str, state: int, world: World) -> _Plan | Code:
    if name not in world.nodes or state not in node.STATES or world.nodes[name].is_witness:
        return Code.NOT_SUPPORTED
    if state in node.FENCING:
        view = world.nodes[name]
        if not view.can_fence:
            return Code.NOT_SUPPORTED
        is_off = state == node.OFF
        job = Job("off", name) if is_off else Job("reset", name, view.generation)
        return _Plan(FenceNode(name, is_off), job)
    is_standby = state == 6
    return _Plan(SetNodeStandby(name, is_standby), Job("standby" if is_standby else "online", name))


def _on_resource(name: str, state: int, world: World) -> _Plan | Code:
    if state not in resource.STATES:
        return Code.NOT_SUPPORTED
    view = world.groups.get(name) or world.primitives[name]
    if world.running and not view.managed:
        return Code.NOT_MANAGED
    if state in _RESTARTS:
        if view.target_role == "stopped":
            return Code.INVALID_TRANSITION
        return _Plan(RestartResource(name), Job("restart", name, started_ms(world, name)))
    if state == 2:
        return _Plan(StartResource(name), Job("start", name))
    return _Plan(StopResource(name), Job("stop", name))


def _answer(outcome: Outcome, job: Job, namespace: str) -> MethodResult:
    match outcome:
        case Done():
            return _result(Code.COMPLETED)
        case Pending():
            return MethodResult(
                pywbem.Uint32(Code.JOB_STARTED),
                (("Job", "reference", cim_path(job_ref(job), namespace)),),
            )
        case Refused(code=code, text=text):
            if code in _CODES:
                return _result(_CODES[code])
            refuse(_STATUSES.get(code, Status.FAILED), text)


def _result(code: Code) -> MethodResult:
    return MethodResult(pywbem.Uint32(code))


def _is_time(value: object) -> bool:
    """Return whether a period was given: NULL and zero mean that the client has no wish."""
    if not isinstance(value, pywbem.CIMDateTime):
        return False
    return not value.is_interval or bool(value.timedelta)


def _own(methods: Mapping[tuple[str, str], Method], info: ClassInfo, method: str) -> Method | None:
    """Return who carries out a method, which subclasses inherit."""
    known = {(name.lower(), each): found for (name, each), found in methods.items()}
    candidates = (known.get((name, method)) for name in info.lineage)
    return next((each for each in candidates if each is not None), None)


def _arguments(
    catalog: Catalog,
    namespace: NamespaceSchema,
    info: ClassInfo,
    method: pywbem.CIMMethod,
    parameters: tuple[tuple[str, object], ...],
    world: World,
) -> dict[str, object]:
    """Return the values by the declared names of the input parameters.

    Raises CIMError: INVALID_PARAMETER.
    """
    found: dict[str, object] = {}
    for name, value in parameters:
        declared = method.parameters.get(name)
        if declared is None or (value is not None and not _is_input(declared)):
            inputs = ", ".join(p.name for p in method.parameters.values() if _is_input(p))
            text = f"{method.name} has no input parameter {name[:NAME_CHARS_MAX]!r}, but {inputs}"
            refuse(Status.INVALID_PARAMETER, text)
        label = f"{info.name}.{method.name}: parameter {declared.name}"
        found[declared.name] = fitted(declared, value, Place(catalog, namespace, world, label))
    for declared in method.parameters.values():
        if _has(declared, "Required") and _is_input(declared) and found.get(declared.name) is None:
            text = f"{info.name}.{method.name}: parameter {declared.name} is missing"
            refuse(Status.INVALID_PARAMETER, text)
    return found


def _is_input(declared: pywbem.CIMParameter) -> bool:
    qualifier = declared.qualifiers.get("In")
    return qualifier is None or bool(qualifier.value)


def _has(declared: pywbem.CIMMethod | pywbem.CIMParameter, name: str) -> bool:
    qualifier = declared.qualifiers.get(name)
    return qualifier is not None and bool(qualifier.value)
