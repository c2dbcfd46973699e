"""InvokeMethod: from the call of a client to a command, and from its outcome to a return value.

Owns: the checks of a call, and the tables of what methods mean. A call that is
wrong is a CIM error; a request that is understood and not carried out is a return
code, unless only words can say why.
Source: DSP0200 1.4, section 5.3.3; DMTF CIM Schema 2.41 (Final),
CIM_EnabledLogicalElement.RequestStateChange.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

import pywbem

from cim_provider.engine import ClusterEngine
from cim_provider.mapping import (
    control_node,
    control_resource,
    control_service,
    control_ticket,
    failover,
    history_log,
    services,
)
from cim_provider.mapping.area import Method, MethodCall
from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.codes import Code
from cim_provider.mapping.drafted import RESOURCES
from cim_provider.mapping.given import Place, fitted, is_time
from cim_provider.mapping.job_book import JobBook
from cim_provider.mapping.job_calls import call_of
from cim_provider.mapping.node import NODE_CLASS
from cim_provider.mapping.paths import locate
from cim_provider.mapping.verbs import (
    MESSAGE,
    Asked,
    Denial,
    Meaning,
    Means,
    Verb,
    carry_out,
    meaning_of,
)
from cim_provider.mapping.world import CLUSTER_CLASS, World
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import InvokeMethod, MethodResult

_KNOWN_STATES: Final = frozenset({2, 3, 4, 6, 7, 8, 9, 10, 11})
_CHANGES: Final[Mapping[str, Callable[[Asked, int], Meaning]]] = MappingProxyType(
    {
        control_resource.RESOURCE_CLASS: control_resource.change_state,
        "HA_ResourceInstance": control_resource.change_instance,
        control_ticket.TICKET_CLASS: control_ticket.change_state,
        services.SERVICE_CLASS: services.change_state,
        NODE_CLASS: control_node.change_state,
        CLUSTER_CLASS: control_node.change_cluster,
    }
)
"""What RequestStateChange means, by class."""
VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {
        **control_resource.VERBS,
        **control_node.VERBS,
        **control_service.VERBS,
        **control_ticket.VERBS,
        **failover.VERBS,
        **history_log.VERBS,
        **services.VERBS,
    }
)
"""What the methods of the cluster's objects mean, by class and name as declared."""


async def invoke(
    catalog: Catalog,
    asked: InvokeMethod,
    world: World,
    engine: ClusterEngine,
    user: str,
    methods: Mapping[tuple[str, str], Method],
    jobs: JobBook,
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
    own = _found(methods, info, method.name)
    if own is not None:
        return await own(MethodCall(record, given, namespace.name, world, user))
    if record is None:
        refuse(Status.METHOD_NOT_AVAILABLE, f"{info.name}.{method.name} does nothing here")
    verb = _found(VERBS, info, method.name)
    asked_of = Asked(record, given, world)
    if _is_fence_device(asked_of):
        meaning: Meaning = Denial(Code.NOT_SUPPORTED)
    elif _is_draft(asked_of):
        code = Code.INVALID_PARAMETER if verb is not None else Code.INVALID_TRANSITION
        text = f"resource {asked_of.keys['Id']!r} is not in the configuration"
        meaning = Denial(code, f"{text}, it is a draft: AddResource() takes it in")
    elif verb is not None:
        meaning = meaning_of(verb, asked_of)
    elif method.name == "RequestStateChange" and info.name.startswith("HA_"):
        meaning = meaning_of(partial(_change, info), asked_of)
    else:
        refuse(Status.METHOD_NOT_AVAILABLE, f"{info.name}.{method.name} does nothing here")
    call = call_of(record.ref, given, has_words=MESSAGE in method.parameters)
    means = Means(engine, jobs, user, namespace.name, f"{info.name}.{method.name}", call)
    return await carry_out(meaning, means)


def _is_fence_device(asked: Asked) -> bool:
    """Return whether the object is a fence device, which the cluster calls and does not run."""
    ref = asked.record.ref
    return ref.class_name == "HA_PrimitiveResource" and dict(ref.keys)["Id"] in asked.world.devices


def _is_draft(asked: Asked) -> bool:
    """Return whether the object is a resource that no configuration has yet."""
    if asked.record.ref.class_name not in RESOURCES:
        return False
    world = asked.world
    known = (world.primitives, world.groups, world.clones, world.devices)
    return not any(asked.keys["Id"] in each for each in known)


def _change(info: ClassInfo, asked: Asked) -> Meaning:
    """Return what RequestStateChange of an object means, or why it means nothing."""
    known = {name.lower(): each for name, each in _CHANGES.items()}
    change = next((known[name] for name in info.lineage if name in known), None)
    state = asked.given.get("RequestedState")
    if not isinstance(state, int) or state not in _KNOWN_STATES:
        return Denial(Code.INVALID_PARAMETER)
    if change is None:
        return Denial(Code.NOT_SUPPORTED)
    if is_time(asked.given.get("TimeoutPeriod")) and info.name != CLUSTER_CLASS:
        return Denial(Code.NO_TIMEOUT)
    return change(asked, state)


_T = TypeVar("_T")


def _found(table: Mapping[tuple[str, str], _T], info: ClassInfo, method: str) -> _T | None:
    """Return what stands for a method, which subclasses inherit."""
    known = {(name.lower(), each): found for (name, each), found in table.items()}
    return next((known[name, method] for name in info.lineage if (name, method) in known), None)


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
