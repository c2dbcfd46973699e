"""What the methods of nodes and of the cluster mean.

Owns: the verbs of HA_ClusterNode and HA_Cluster, and what each RequestedState of
them asks for. Starting and ending the cluster service is possible on the node
that answers alone: what a node that is not there is told, it does not hear.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cim_provider.commands import (
    CleanupResource,
    ConfirmNodeDown,
    PlanAnew,
    RunService,
    ServiceAction,
    SetClusterMaintenance,
    SwitchNodeOn,
)
from cim_provider.engine import Command, FenceNode, NodeView, SetNodeMaintenance, SetNodeStandby
from cim_provider.mapping.cluster_typed import CLUSTER_STATES
from cim_provider.mapping.codes import Code
from cim_provider.mapping.control_resource import MISSING, lifetime_given
from cim_provider.mapping.job_progress import given_up
from cim_provider.mapping.job_records import Job
from cim_provider.mapping.node import LOCAL_STATES, NODE_CLASS, states_of
from cim_provider.mapping.verbs import Asked, Denial, DeniedError, Meaning, Plan, Verb
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME, World

_SERVICE: Final = {
    3: ServiceAction.STOP,
    4: ServiceAction.STOP,
    10: ServiceAction.RESTART,
    11: ServiceAction.RESTART,
}


def change_state(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of a node means."""
    node = _node(asked)
    if state not in states_of(node):
        return Denial(Code.NOT_SUPPORTED)
    if state in LOCAL_STATES:
        return _service(asked.world, _SERVICE[state])
    if state == 9:
        return Plan((SetNodeMaintenance(node.name, True),))
    if state == 11:
        return Plan((FenceNode(node.name, False),), _cut(asked.world, "reset", node))
    return _standby(node, wanted=state == 6)


def change_cluster(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of the cluster means."""
    world = asked.world
    if state not in CLUSTER_STATES:
        return Denial(Code.NOT_SUPPORTED)
    if state == 9:
        return Plan((SetClusterMaintenance(True),))
    if state in _SERVICE:
        return _service(world, _SERVICE[state])
    if world.running and world.view.maintenance:
        return Plan((SetClusterMaintenance(False),))
    # A service that the view shows as running may just be ending.
    return Plan((RunService(ServiceAction.START),))


def _service(world: World, action: ServiceAction) -> Plan:
    """Return the end or restart of the service here; other servers see whether it was done."""
    here = world.nodes.get(world.view.local_node)
    if not world.running or here is None:
        return Plan((RunService(action),))
    return Plan((RunService(action),), Job(f"service-{action}", here.name, here.generation))


def _node(asked: Asked) -> NodeView:
    name = str(asked.keys["Name"])
    # What the nodes ping is shown like a witness: nothing can be asked of it.
    return asked.world.nodes.get(name) or NodeView(name, "", is_witness=True)


def _standby(node: NodeView, *, wanted: bool, lifetime_ms: int = 0) -> Plan:
    begin: tuple[Command, ...] = ()
    if not wanted and node.state == "maintenance":
        begin = (SetNodeMaintenance(node.name, False),)
    job = Job("standby" if wanted else "online", node.name)
    return Plan((*begin, SetNodeStandby(node.name, wanted, lifetime_ms)), job)


def _flag(asked: Asked, *names: str) -> bool:
    value = next((asked.given[name] for name in names if asked.given.get(name) is not None), None)
    if not isinstance(value, bool):
        raise DeniedError(Code.INVALID_PARAMETER, f"{names[0]} {MISSING.format('true or false')}")
    return value


def _witness(asked: Asked) -> Denial | None:
    node = _node(asked)
    text = f"{node.name} is a witness, which runs no resources"
    return Denial(Code.NOT_SUPPORTED, text) if node.is_witness else None


def _set_standby(asked: Asked) -> Meaning:
    wanted, lifetime_ms = _flag(asked, "Enable"), lifetime_given(asked)
    if lifetime_ms and not wanted:
        text = "Lifetime is given with Enable false: expected with true alone"
        return Denial(Code.INVALID_PARAMETER, text)
    node = _node(asked)
    return _witness(asked) or _standby(node, wanted=wanted, lifetime_ms=lifetime_ms)


def _set_maintenance(asked: Asked) -> Meaning:
    wanted = _flag(asked, "Enable", "IsInMaintenance")
    return _witness(asked) or Plan((SetNodeMaintenance(_node(asked).name, wanted),))


def _fence(asked: Asked) -> Meaning:
    node, action = _node(asked), asked.text("Action").lower() or "reboot"
    if action not in ("off", "reboot", "on"):
        text = f"Action is {action[:64]!r}: expected off, reboot or on"
        return Denial(Code.INVALID_PARAMETER, text)
    if not node.can_fence:
        return Denial(Code.NOT_SUPPORTED, f"no fence device can end {node.name}")
    if action == "on" and asked.world.running and node.state not in ("lost", "left"):
        text = f"{node.name} is {node.state}: only a node that is off is switched on"
        return Denial(Code.INVALID_TRANSITION, text)
    if action == "on":
        job = Job("on", node.name, node.generation)
        return Plan((SwitchNodeOn(node.name, asked.text("Reason")),), job)
    is_off = action == "off"
    job = _cut(asked.world, "off" if is_off else "reset", node)
    return Plan((FenceNode(node.name, is_off, asked.text("Reason")),), job)


def _cut(world: World, verb: str, node: NodeView) -> Job:
    """Return the job of cutting a node off; what was given up before is no fault of it."""
    before = given_up(world, node.name)
    return Job(verb, node.name, node.generation, excused=(before,) if before else ())


def _confirm_down(asked: Asked) -> Meaning:
    reason = asked.text("Reason")
    if not reason:
        text = f"Reason {MISSING.format('how you know that the node is down')}"
        return Denial(Code.INVALID_PARAMETER, text)
    return Plan((ConfirmNodeDown(_node(asked).name, reason),))


def _probe(asked: Asked) -> Meaning:
    node = _node(asked)
    names = sorted(each.id for each in asked.world.view.primitives)
    return _witness(asked) or Plan(
        tuple(CleanupResource(name, node.name) for name in names), Job("probe", node.name)
    )


def _set_cluster_maintenance(asked: Asked) -> Meaning:
    wanted = _flag(asked, "Enable")
    return Plan((SetClusterMaintenance(wanted),))


def job_of_all(asked: Asked, verb: str) -> Job:
    """Return the job of a change of all; what has failed before is none of its faults."""
    known = asked.world.view.primitives
    bad = tuple(each.id for each in known if each.state in ("failed", "blocked"))
    return Job(verb, CLUSTER_NAME, excused=bad)


def _restart_transition(asked: Asked) -> Meaning:
    return Plan((PlanAnew(),), job_of_all(asked, "replan"))


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {
        (NODE_CLASS, "SetStandby"): _set_standby,
        (NODE_CLASS, "SetMaintenance"): _set_maintenance,
        (NODE_CLASS, "Fence"): _fence,
        (NODE_CLASS, "ConfirmDown"): _confirm_down,
        (NODE_CLASS, "Probe"): _probe,
        (CLUSTER_CLASS, "SetMaintenance"): _set_cluster_maintenance,
        (CLUSTER_CLASS, "RestartTransition"): _restart_transition,
    }
)
"""What each method of a node and of the cluster means."""
