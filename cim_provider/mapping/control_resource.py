"""What the methods of resources and of their instances on nodes mean.

Owns: HA_ClusterResource's verbs for every kind of resource, and what each
RequestedState of resource and instance asks for.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cim_provider.commands import (
    OPERATIONS,
    BanResource,
    CleanupResource,
    ClearResource,
    FailResource,
    MoveResource,
    PromoteResource,
    UnbanResource,
    WhyResource,
)
from cim_provider.engine import (
    CloneView,
    Command,
    GroupView,
    PrimitiveView,
    RestartResource,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.mapping.codes import Code
from cim_provider.mapping.job_progress import failures, started_ms
from cim_provider.mapping.job_records import Job
from cim_provider.mapping.resource import STATES
from cim_provider.mapping.verbs import Asked, Denial, DeniedError, Meaning, Plan, Query, Verb
from cim_provider.mapping.world import World

RESOURCE_CLASS: Final = "HA_ClusterResource"
INSTANCE_STATES: Final = (3, 11)
"""The same of an instance on a node."""
_RESTARTS: Final = (10, 11)
_LIFETIME_MAX: Final = 366 * 24 * 3600
"""Seconds: no move or ban with an end is meant to hold longer."""
MISSING: Final = "is not given: expected {}"


def owner_of(world: World, name: str) -> PrimitiveView | GroupView | CloneView:
    """Return the view of a resource that is there."""
    return world.clones.get(name) or world.groups.get(name) or world.primitives[name]


def change_state(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of a resource means."""
    if state not in STATES:
        return Denial(Code.NOT_SUPPORTED)
    if state == 9:
        return Plan((SetResourceManaged(_name(asked), False),))
    if state in _RESTARTS:
        return _restart(asked)
    return _start(asked) if state == 2 else _stop(asked)


def change_instance(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of an instance on a node means."""
    if state not in INSTANCE_STATES:
        return Denial(Code.NOT_SUPPORTED)
    node, _, local = str(asked.keys["InstanceID"]).removeprefix("LinuxHA:rsc:").partition(":")
    world = asked.world
    name = local if local in world.primitives else local.rpartition(":")[0]
    primitive = world.primitives[name]
    whole = primitive.clone or primitive.group or name
    if world.running and not primitive.managed:
        return Denial(Code.NOT_MANAGED, _left_alone(whole))
    if node not in primitive.nodes:
        return Denial(Code.INVALID_TRANSITION, f"{name} is not active on {node}")
    if state == 3:
        return Plan((BanResource(whole, node),), Job("ban", whole, node=node))
    if len(primitive.nodes) > 1:
        text = f"{name} is active on several nodes: restart {whole} to restart all of them"
        return Denial(Code.NOT_SUPPORTED, text)
    return Plan((RestartResource(whole),), Job("restart", whole, started_ms(world, whole)))


def _name(asked: Asked) -> str:
    return str(asked.keys["Id"])


def _left_alone(name: str) -> str:
    return f"the cluster only watches {name}: Manage() ends that"


def _managed_name(asked: Asked) -> str:
    """Return the name of the resource. Raises DeniedError: the cluster leaves it alone."""
    name = _name(asked)
    if asked.world.running and not owner_of(asked.world, name).managed:
        raise DeniedError(Code.NOT_MANAGED, _left_alone(name))
    return name


def _start(asked: Asked) -> Meaning:
    name = _name(asked)
    view = owner_of(asked.world, name)
    begin: tuple[Command, ...] = ()
    if asked.world.running and not view.managed:
        begin = (SetResourceManaged(name, True),)
    return Plan((*begin, StartResource(name, asked.text("Reason"))), Job("start", name))


def _stop(asked: Asked) -> Meaning:
    name = _managed_name(asked)
    return Plan((StopResource(name, asked.text("Reason")),), Job("stop", name))


def _restart(asked: Asked) -> Meaning:
    name = _managed_name(asked)
    if owner_of(asked.world, name).target_role == "stopped":
        return Denial(Code.INVALID_TRANSITION, f"{name} is wanted stopped: Start() it")
    return Plan((RestartResource(name),), Job("restart", name, started_ms(asked.world, name)))


def node_given(asked: Asked, parameter: str, *, needed: bool) -> str:
    """Return a node that a parameter names, empty where none is given and none is needed.

    Raises DeniedError: there is no such node, or none is given.
    """
    name = asked.text(parameter)
    known = ", ".join(asked.world.nodes)
    if not name and needed:
        text = f"{parameter} {MISSING.format(f'one of {known}')}"
        raise DeniedError(Code.INVALID_PARAMETER, text)
    if name and name not in asked.world.nodes:
        raise DeniedError(Code.UNKNOWN_NODE, f"there is no node {name[:64]!r}, but {known}")
    return name


def lifetime_given(asked: Asked) -> int:
    """Return how many ms something is to hold; 0 where no end is given.

    Raises DeniedError: it is no number of seconds from 1 to a year.
    """
    seconds = asked.number("Lifetime")
    if asked.given.get("Lifetime") is not None and seconds < 1:
        text = f"Lifetime is {seconds} s: expected 1 or more, or NULL for no end"
        raise DeniedError(Code.INVALID_PARAMETER, text)
    if seconds > _LIFETIME_MAX:
        text = f"Lifetime is {seconds} s: expected at most {_LIFETIME_MAX} s, a year"
        raise DeniedError(Code.INVALID_PARAMETER, text)
    return seconds * 1000


def _move(asked: Asked) -> Meaning:
    name, to = _managed_name(asked), node_given(asked, "TargetNode", needed=False)
    if to == "" and asked.given.get("TargetNode") is not None:
        known = ", ".join(asked.world.nodes)
        text = f"TargetNode is empty: expected one of {known}, or NULL for the next best one"
        return Denial(Code.INVALID_PARAMETER, text)
    lifetime = lifetime_given(asked)
    here = next(iter(_where(asked.world, name)), "")
    job = Job("move", name, node=to) if to else Job("leave", name, node=here)
    is_live = asked.given.get("AllowLiveMigration") is not False
    command = MoveResource(name, to, lifetime, asked.text("Reason"), is_live)
    return Plan((command,), job, note=_together(asked.world, name))


def _together(world: World, name: str) -> str:
    """Return a word on the group of a resource, which goes where its members go."""
    group = world.groups.get(getattr(world.primitives.get(name), "group", ""))
    if group is None:
        return ""
    return f"{name} is in group {group.id}, and all of it moves: {', '.join(group.members)}"


def _parts(world: World, name: str) -> tuple[PrimitiveView, ...]:
    view = owner_of(world, name)
    if isinstance(view, CloneView):
        return world.copied(view)
    return world.members(view) if isinstance(view, GroupView) else (view,)


def _where(world: World, name: str) -> tuple[str, ...]:
    return tuple(node for each in _parts(world, name) for node in each.nodes)


def _left_nowhere(world: World, name: str, banned: str) -> str:
    """Return a word on a resource that may run nowhere once a node is forbidden as well."""
    known = world.view.redundancy.nodes_of
    nodes = frozenset(each.name for each in world.view.nodes if not each.is_witness) - {banned}
    for each in _parts(world, name):
        group = world.groups.get(each.group)
        for member in world.members(group) if group is not None else (each,):
            nodes &= known.get(member.id, nodes)
    if nodes:
        return ""
    return f"no other node may run {name}: it stays stopped until Unban() or ClearMove()"


def _ban(asked: Asked) -> Meaning:
    name, node = _managed_name(asked), node_given(asked, "NodeName", needed=True)
    lifetime = lifetime_given(asked)
    command = BanResource(name, node, lifetime, asked.text("Reason"))
    note = _left_nowhere(asked.world, name, node)
    return Plan((command,), Job("ban", name, node=node), note=note)


def _unban(asked: Asked) -> Meaning:
    node = node_given(asked, "NodeName", needed=True)
    name = _name(asked)
    return Plan((UnbanResource(name, node, asked.text("Reason")),), Job("unban", name, node=node))


def _clear(asked: Asked) -> Meaning:
    return Plan((ClearResource(_name(asked)),), Job("clear", _name(asked)))


def _cleanup(asked: Asked) -> Meaning:
    node = node_given(asked, "NodeName", needed=False)
    name, operation = _name(asked), asked.text("Operation")
    if operation and operation not in OPERATIONS:
        text = f"Operation is {operation[:64]!r}: expected one of {', '.join(OPERATIONS)}, or NULL"
        return Denial(Code.INVALID_PARAMETER, text)
    job = Job("cleanup", name, node=node, operation=operation)
    return Plan((CleanupResource(name, node, operation),), job)


def _role(verb: str, promoted: bool) -> Verb:
    def meaning(asked: Asked) -> Meaning:
        name = _name(asked)
        view = owner_of(asked.world, name)
        clone = view if isinstance(view, CloneView) else asked.world.clones.get(view.clone)
        if clone is None or not clone.is_promotable:
            return Denial(Code.NOT_SUPPORTED, f"{name} has no roles: it is in no promotable clone")
        _managed_name(asked)
        node, lifetime_ms = node_given(asked, "NodeName", needed=False), lifetime_given(asked)
        if lifetime_ms and not node:
            text = "Lifetime is given without NodeName: only a promotion on a node has an end"
            return Denial(Code.INVALID_PARAMETER, text)
        reason = asked.text("Reason")
        command = PromoteResource(name, promoted, reason, node, lifetime_ms)
        return Plan((command,), Job(verb, name, node=node))

    return meaning


def _fail(asked: Asked) -> Meaning:
    name, node = _managed_name(asked), node_given(asked, "NodeName", needed=False)
    where = _where(asked.world, name)
    if asked.world.running and (node not in where if node else not where):
        text = f"{name} does not run {f'on {node}' if node else 'anywhere'}, so it cannot fail"
        return Denial(Code.INVALID_TRANSITION, text)
    job = Job("fail", name, failures(asked.world, name, node), node)
    return Plan((FailResource(name, node, asked.text("Reason")),), job)


def _managed(managed: bool) -> Verb:
    return lambda asked: Plan((SetResourceManaged(_name(asked), managed),))


def _set_managed(asked: Asked) -> Meaning:
    value = asked.given.get("Managed")
    if not isinstance(value, bool):
        return Denial(Code.INVALID_PARAMETER, f"Managed {MISSING.format('true or false')}")
    return Plan((SetResourceManaged(_name(asked), value),))


def _explain(asked: Asked) -> Meaning:
    node = node_given(asked, "NodeName", needed=False)
    return Query(WhyResource(_name(asked), node), "Reasons", has_lines=True)


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {
        (RESOURCE_CLASS, name): verb
        for name, verb in {
            "Start": _start,
            "Stop": _stop,
            "Restart": _restart,
            "Move": _move,
            "ClearMove": _clear,
            "Ban": _ban,
            "Unban": _unban,
            "Promote": _role("promote", True),
            "Demote": _role("demote", False),
            "Fail": _fail,
            "Cleanup": _cleanup,
            "Refresh": _cleanup,
            "Manage": _managed(True),
            "Unmanage": _managed(False),
            "SetManaged": _set_managed,
            "Explain": _explain,
        }.items()
    }
)
"""What each method of a resource means, by class and name as declared."""
