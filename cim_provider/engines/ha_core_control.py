"""Commands and questions of consoles in the cluster's own words, and answers as `ha` gives them.

Owns: what each of them means there, and when its effect has been seen. The words
are made by the command line's own text makers, so that both say the same. The
wall clock is read here: moves, bans and failures end with time.
"""

import time
from collections.abc import Sequence
from typing import Final, assert_never

from cim_provider.commands import (
    ApplyConfiguration,
    BanResource,
    CleanupResource,
    ClearResource,
    ConfirmNodeDown,
    Control,
    IfApplied,
    MoveResource,
    PromoteResource,
    Question,
    ReleaseQuorum,
    RemoveNode,
    SetClusterMaintenance,
    SetTicket,
    Told,
    UndoRevision,
    WhatIf,
    WhyResource,
)
from ha_core import commands
from ha_core.cli import goals, history, node, plan, quorum, reasons, ticket
from ha_core.cli.options import to_json
from ha_core.config.model import TargetRole
from ha_core.config.parse import parse_text
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.preview.foresee import foresee
from ha_core.preview.suppose import NodeLost, ResourceFails, Supposition
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import ClusterSnapshot

SOURCE: Final = "the text"
"""What a fault in a configuration names as its place."""


def translated(
    command: Control, before: ClusterSnapshot, revisions: Sequence[ConfigurationChange] = ()
) -> commands.Command:
    """Return the cluster's command; `revisions` are needed to undo one.

    Raises: ConfigError, RefusedError: nothing was given to the cluster.
    """
    match command:
        case MoveResource(resource=name, node=to, lifetime_ms=bound_ms, reason=reason):
            target = NodeName(to) if to else None
            return commands.Move(ResourceId(name), target, _end(bound_ms), reason)
        case BanResource(resource=name, node=where, lifetime_ms=bound_ms, reason=reason):
            return commands.Ban(ResourceId(name), NodeName(where), _end(bound_ms), reason)
        case ClearResource(resource=name):
            return commands.Clear(ResourceId(name))
        case CleanupResource(resource=name, node=where):
            return commands.Cleanup(ResourceId(name), NodeName(where) if where else None)
        case PromoteResource(resource=name, promoted=promoted, reason=reason):
            role = TargetRole.PROMOTED if promoted else TargetRole.UNPROMOTED
            return commands.SetTargetRole(ResourceId(name), role, reason)
        case SetClusterMaintenance(maintenance=wanted):
            return commands.SetMaintenance(None, wanted)
        case ConfirmNodeDown(node=where, reason=reason):
            return commands.ConfirmDown(NodeName(where), reason)
        case RemoveNode(node=where):
            return node.removal(before, where)
        case ReleaseQuorum(reason=reason):
            return commands.ReleaseQuorum(reason)
        case SetTicket(ticket=name, granted=granted, standby=standby, reason=reason):
            return commands.SetTicket(name, granted, standby, reason)
        case ApplyConfiguration(text=text, reason=reason, base=base):
            base = before.revision if base is None else base
            return commands.Apply(parse_text(text, SOURCE), reason, base)
        case UndoRevision(revision=revision, reason=reason):
            return history.return_to(revisions, revision, reason)
        case _:
            assert_never(command)


def goal_of(command: Control, given: commands.Command, before: ClusterSnapshot) -> goals.Goal:
    """Return when the effect of a command has been seen."""
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
        case CleanupResource(resource=name, node=where):
            return goals.cleaned(name, where or None)
        case PromoteResource(resource=name, promoted=promoted):
            return goals.promoted(name, promoted)
        case SetClusterMaintenance(maintenance=wanted):
            return goals.maintenance(wanted)
        case ConfirmNodeDown(node=where):
            return goals.clean(where)
        case RemoveNode(node=where):
            return goals.node_is(where, goals.GONE)
        case ReleaseQuorum():
            return quorum.starts
        case SetTicket():
            assert isinstance(given, commands.SetTicket)
            return ticket.settled(given)
        case ApplyConfiguration() | UndoRevision():
            return goals.placed_since(before)
        case _:
            assert_never(command)


def told(question: Question, snapshot: ClusterSnapshot) -> Told:
    """Return the answer, as `ha why`, `ha whatif` and `ha apply --dry-run` give it.

    Raises: ConfigError, RefusedError: what is asked of is not there, or is not acceptable.
    """
    if isinstance(question, WhyResource):
        found = reasons.explain(snapshot, question.resource, question.node or None, _now_ms())
        texts = [reasons.text(item, with_scores=True) for item in found]
        return Told("\n\n".join(texts), to_json([reasons.value(item) for item in found]))
    what = _supposed(question)
    seen = foresee(snapshot, what, _now_ms())
    text = plan.preview_text(seen, is_file=isinstance(question, IfApplied))
    return Told(text, to_json(plan.preview_value(seen)), seen.refusal)


def _supposed(question: IfApplied | WhatIf) -> Supposition:
    if isinstance(question, IfApplied):
        return commands.Apply(parse_text(question.text, SOURCE), "", question.base)
    name, event = question.subject, question.event
    match question.kind, event:
        case "node", "lost":
            return NodeLost(NodeName(name))
        case "node", _:
            return commands.SetStandby(NodeName(name), True)
        case "ticket", "standby":
            return commands.SetTicket(name, standby=True)
        case "ticket", _:
            return commands.SetTicket(name, granted=event == "granted")
        case _, "fails" | "fails-often":
            return ResourceFails(ResourceId(name), event == "fails-often")
        case _, "moved":
            to = NodeName(question.node) if question.node else None
            return commands.Move(ResourceId(name), to)
        case _:
            return commands.SetTargetRole(ResourceId(name), TargetRole(event))


def _end(lifetime_ms: Millis) -> Millis | None:
    return _now_ms() + lifetime_ms if lifetime_ms else None


def _now_ms() -> Millis:
    return round(time.time() * 1000)
