"""Commands of consoles in the cluster's own words.

Owns: what each of them means there, and when its effect has been seen. The
wall clock is read here: moves and bans end with time.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cim_provider.commands import (
    ApplyConfiguration,
    BanResource,
    CleanupResource,
    ClearEventLog,
    ClearResource,
    ConfirmNodeDown,
    Control,
    FailResource,
    MoveResource,
    PlanAnew,
    PromoteResource,
    RehearseFencing,
    ReleaseQuorum,
    RemoveNode,
    SetClusterMaintenance,
    SetTicket,
    SwitchNodeOn,
    UnbanResource,
    UndoRevision,
)
from cim_provider.engine import (
    Command,
    FenceNode,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.engines.ha_core_history import CLEARED_KEY
from cim_provider.engines.ha_core_secrets import unmasked
from ha_core import commands
from ha_core.cli import asked, goals
from ha_core.config.change import whole
from ha_core.config.model import FenceAction, Origin, TargetRole
from ha_core.config.parse import parse_text
from ha_core.errors import RefusedError
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import ShelfPut
from ha_core.snapshot import ClusterSnapshot

ASKED: Final = "asked for over WBEM"
"""Why a node is cut off, where the console gives no reason."""
SOURCE: Final = "the text"
"""What a fault in a configuration names as its place."""


def translated(
    command: Command, before: ClusterSnapshot, revisions: Sequence[ConfigurationChange] = ()
) -> commands.Command:
    """Return the cluster's command; `revisions` are needed to undo one.

    Raises: ConfigError, RefusedError: nothing was given to the cluster.
    """
    match command:
        case StartResource(resource=name, reason=reason):
            return commands.SetTargetRole(ResourceId(name), TargetRole.STARTED, reason)
        case StopResource(resource=name, reason=reason):
            return commands.SetTargetRole(ResourceId(name), TargetRole.STOPPED, reason)
        case RestartResource(resource=name):
            return commands.Restart(ResourceId(name))
        case SetNodeStandby(node=where, standby=standby, lifetime_ms=bound_ms):
            return commands.SetStandby(NodeName(where), standby, _end(bound_ms))
        case SetNodeMaintenance(node=where, maintenance=wanted):
            return commands.SetMaintenance(NodeName(where), wanted)
        case SetResourceManaged(resource=name, managed=managed):
            return commands.SetManaged(ResourceId(name), managed)
        case FenceNode(node=where, off=off, reason=reason):
            action = FenceAction.OFF if off else FenceAction.REBOOT
            return commands.FenceNode(NodeName(where), reason or ASKED, action)
        case _:
            return _controlled(command, before, revisions)


def _controlled(
    command: Control, before: ClusterSnapshot, revisions: Sequence[ConfigurationChange]
) -> commands.Command:
    match command:
        case MoveResource(resource=name, node=to, lifetime_ms=bound_ms, reason=reason):
            target, end_ms = NodeName(to) if to else None, _end(bound_ms)
            return commands.Move(ResourceId(name), target, end_ms, reason, live=command.is_live)
        case BanResource(resource=name, node=where, lifetime_ms=bound_ms, reason=reason):
            return commands.Ban(ResourceId(name), NodeName(where), _end(bound_ms), reason)
        case ClearResource(resource=name):
            return commands.Clear(ResourceId(name))
        case CleanupResource(resource=name, node=where, operation=operation):
            return commands.Cleanup(ResourceId(name), NodeName(where) if where else None, operation)
        case PromoteResource():
            return _promoted(command)
        case FailResource(resource=name, node=where, reason=reason):
            return commands.Fail(ResourceId(name), NodeName(where) if where else None, reason)
        case UnbanResource(resource=name, node=where, reason=reason):
            return _unbanned(before, name, where, reason)
        case _:
            return _on_the_whole(command, before, revisions)


def _promoted(command: PromoteResource) -> commands.Command:
    """Return the wish for a role, or what holds it on a node or keeps it away from there."""
    name, reason = ResourceId(command.resource), command.reason
    if not command.node:
        role = TargetRole.PROMOTED if command.promoted else TargetRole.UNPROMOTED
        return commands.SetTargetRole(name, role, reason)
    where, end_ms = NodeName(command.node), _end(command.lifetime_ms)
    if command.promoted:
        return commands.Move(name, where, end_ms, reason, promoted=True)
    return commands.Ban(name, where, end_ms, reason, promoted=True)


def _on_the_whole(
    command: Control, before: ClusterSnapshot, revisions: Sequence[ConfigurationChange]
) -> commands.Command:
    match command:
        case SetClusterMaintenance(maintenance=wanted):
            return commands.SetMaintenance(None, wanted)
        case ConfirmNodeDown(node=where, reason=reason):
            return commands.ConfirmDown(NodeName(where), reason)
        case SwitchNodeOn(node=where, reason=reason):
            return commands.SwitchOn(NodeName(where), reason or ASKED)
        case RemoveNode(node=where, is_drained=is_drained):
            return (
                commands.RemoveNode(NodeName(where)) if is_drained else asked.removal(before, where)
            )
        case RehearseFencing(subject=subject):
            return commands.TestFence(subject)
        case ReleaseQuorum(reason=reason):
            return commands.ReleaseQuorum(reason)
        case PlanAnew():
            return commands.Replan()
        case SetTicket(ticket=name, granted=granted, standby=standby, reason=reason):
            return commands.SetTicket(name, granted, standby, reason)
        case ApplyConfiguration(text=text, reason=reason, base=base):
            base = before.revision if base is None else base
            configuration = unmasked(parse_text(text, SOURCE), before.configuration)
            return commands.Apply(configuration, reason, base)
        case UndoRevision(revision=revision, reason=reason):
            return asked.return_to(revisions, revision, reason)
        case ClearEventLog(through=through):
            return commands.Shelve((ShelfPut(CLEARED_KEY, str(through)),))
        case _:
            raise AssertionError(f"{command} is no command of the cluster: see `ha_core_node`")


def _unbanned(before: ClusterSnapshot, name: str, where: str, reason: str) -> commands.Apply:
    known = before.configuration
    owner = whole(known, ResourceId(name))
    left = tuple(
        each
        for each in known.locations
        if (each.resource, each.node) != (owner, where) or each.origin is Origin.ADMINISTRATOR
    )
    if len(left) == len(known.locations):
        raise RefusedError("not-found", f"no move or ban by hand of '{name}' names {where}")
    why = reason or f"{name} may run on {where} again"
    return commands.Apply(replace(known, locations=left), why, before.revision)


def goal_of(command: Command, given: commands.Command, before: ClusterSnapshot) -> goals.Goal:
    """Return when the effect of a command has been seen."""
    match command:
        case StartResource(resource=name):
            return goals.started(name)
        case StopResource(resource=name):
            return goals.stopped(name)
        case RestartResource(resource=name):
            return goals.restarted(before, name)
        case SetNodeStandby(node=where, standby=True):
            return goals.node_is(where, "standby", empty=True)
        case SetNodeStandby(node=where):
            return goals.node_is(where, "online", "maintenance")
        case SetNodeMaintenance(node=where, maintenance=True):
            return goals.node_is(where, "maintenance")
        case SetNodeMaintenance(node=where):
            return goals.node_is(where, "online", "standby")
        case SetResourceManaged(resource=name, managed=managed):
            return goals.managed(name, managed)
        case FenceNode(node=where):
            return goals.cut_off(before, where)
        case _:
            return _controlled_goal(command, given, before)


def _controlled_goal(
    command: Control, given: commands.Command, before: ClusterSnapshot
) -> goals.Goal:
    match command:
        case MoveResource(resource=name, node=""):
            here = [where for item in goals.members(before, name) for where in item.nodes]
            return goals.left(name, here[0] if here else None)
        case MoveResource(resource=name, node=to):
            return goals.left(name, None, to)
        case BanResource(resource=name, node=where):
            return goals.banned(name, where)
        case ClearResource(resource=name):
            return goals.cleared(name)
        case UnbanResource(resource=name, node=where):
            return goals.cleared(name, where)
        case CleanupResource(resource=name, node=where, operation=operation):
            return goals.cleaned(name, where or None, operation)
        case PromoteResource(resource=name, promoted=promoted, node=where) if where:
            return goals.promoted_on(name, where, promoted)
        case PromoteResource(resource=name, promoted=promoted):
            return goals.promoted(name, promoted)
        case FailResource(resource=name, node=where):
            return goals.failed_since(before, name, where or None)
        case _:
            return _whole_goal(command, given, before)


def _whole_goal(command: Control, given: commands.Command, before: ClusterSnapshot) -> goals.Goal:
    match command:
        case SetClusterMaintenance(maintenance=wanted):
            return goals.maintenance(wanted)
        case ConfirmNodeDown(node=where):
            return goals.clean(where)
        case SwitchNodeOn(node=where):
            return goals.back(before, where)
        case RemoveNode(node=where):
            return goals.node_is(where, goals.GONE)
        case ReleaseQuorum():
            return asked.starts
        case SetTicket():
            assert isinstance(given, commands.SetTicket)
            return asked.settled(given)
        case ClearEventLog() | RehearseFencing():
            return _at_once  # what comes of it is seen elsewhere
        case ApplyConfiguration() | UndoRevision() | PlanAnew():
            return goals.placed_since(before)
        case _:
            raise AssertionError(f"{command} is no command of the cluster: see `ha_core_node`")


def _at_once(_: ClusterSnapshot) -> goals.Progress:
    return goals.Progress(True, "")


def _end(lifetime_ms: Millis) -> Millis | None:
    return _now_ms() + lifetime_ms if lifetime_ms else None


def _now_ms() -> Millis:
    return round(time.time() * 1000)
