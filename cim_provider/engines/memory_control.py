"""What the engine in memory makes of the commands and questions of `cim_provider.commands`.

Owns: their refusals, their effects as a new view, and plain answers. Pure. A text
of a configuration is not read: to apply one is a new revision and nothing else.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from cim_provider.commands import (
    EVENTS,
    ApplyConfiguration,
    BanResource,
    CleanupResource,
    ClearEventLog,
    ClearResource,
    ConfirmNodeDown,
    Control,
    Diagnose,
    Export,
    FailResource,
    IfApplied,
    Invite,
    MakeReport,
    MoveResource,
    PlanAnew,
    PromoteResource,
    Question,
    RehearseFencing,
    ReleaseQuorum,
    RemoveNode,
    RunService,
    ServiceAction,
    SetClusterMaintenance,
    SetTicket,
    SwitchNodeOn,
    Told,
    UnbanResource,
    UndoRevision,
    Verify,
    WhatIf,
    WhyResource,
)
from cim_provider.engine import (
    ClusterView,
    EngineState,
    InstanceView,
    NodeView,
    PrimitiveView,
    Refused,
)


def members_of(view: ClusterView, name: str) -> tuple[PrimitiveView, ...]:
    """Return the primitives of a primitive, group or clone."""
    name = next((each.member for each in view.clones if each.id == name), name)
    names = next((each.members for each in view.groups if each.id == name), (name,))
    return tuple(each for each in view.primitives if each.id in names)


def refusal_of(view: ClusterView, command: Control) -> Refused | None:
    """Return why the command cannot be carried out, or None."""
    resource, node = getattr(command, "resource", ""), getattr(command, "node", "")
    if resource and not members_of(view, resource):
        return no_resource(resource)
    found = next((each for each in view.nodes if each.name == node), None)
    if node and found is None and not isinstance(command, Invite):
        return no_node(node)
    match command:
        case RemoveNode(is_drained=False) if found and found.state not in ("lost", "left"):
            return Refused("unsafe", f"{node} is {found.state}: stop the cluster on it first")
        case ConfirmNodeDown() if found is not None and not found.unclean:
            return Refused("invalid", f"nothing on {node} is in doubt")
        case SwitchNodeOn() if found is not None and found.state not in ("lost", "left"):
            return Refused("invalid", f"{node} is {found.state}: only a node that is off is")
        case FailResource() if not _running(view, resource, node):
            return Refused("invalid", f"{resource} does not run there, so it cannot fail")
        case ApplyConfiguration(text=text, base=base):
            if not text.strip():
                return Refused("invalid", "the text holds no configuration")
            if base not in (None, view.revision):
                return Refused("stale", f"revision {base} is not in force, but {view.revision}")
        case UndoRevision(revision=wanted) if wanted is not None and wanted >= view.revision:
            return Refused("not-found", f"revision {wanted} is not kept")
        case _:
            pass
    return None


def no_resource(name: str) -> Refused:
    """Return the refusal for a resource that is not there."""
    return Refused("not-found", f"resource '{name}' is not in the configuration")


def no_node(name: str) -> Refused:
    """Return the refusal for a node that is not there."""
    return Refused("not-found", f"node '{name}' is not in the cluster")


def after(view: ClusterView, command: Control) -> ClusterView:
    """Return the view once the command has been carried out; the version is not touched."""
    match command:
        case MoveResource(resource=name, node=to):
            return _placed(view, name, to or _elsewhere(view, name))
        case BanResource(resource=name, node=where):
            is_there = any(where in each.nodes for each in members_of(view, name))
            return _placed(view, name, _elsewhere(view, name)) if is_there else view
        case CleanupResource(resource=name):
            return _with(view, (_cleaned(each, command) for each in members_of(view, name)))
        case PromoteResource(resource=name):
            return _with(view, (_promoted(each, command) for each in members_of(view, name)))
        case FailResource(resource=name, node=where):
            return _with(view, (_failed(view, each, where) for each in members_of(view, name)))
        case SwitchNodeOn(node=where):
            return _with_node(view, where, state="online", fenced_by="")
        case SetClusterMaintenance(maintenance=wanted):
            return replace(view, maintenance=wanted)
        case ConfirmNodeDown(node=where):
            return _with_node(view, where, unclean=False)
        case RemoveNode(node=where):
            return replace(view, nodes=tuple(each for each in view.nodes if each.name != where))
        case ReleaseQuorum():
            return replace(view, awaited=())
        case ClearEventLog(through=through):
            return replace(view, history=replace(view.history, cleared=through))
        case RunService(action=action):
            is_down = action is ServiceAction.STOP
            return replace(view, engine=EngineState.STOPPED if is_down else EngineState.RUNNING)
        case ClearResource() | UnbanResource() | SetTicket() | ApplyConfiguration():
            return view
        case UndoRevision() | Invite() | RehearseFencing() | PlanAnew():
            return view
        case _:
            assert_never(command)


def result_of(command: Control) -> str:
    """Return what was done in words, where there is more to say."""
    words = {Invite: "token-for-one-machine", RehearseFencing: "rehearsal-1"}
    return words.get(type(command), "")


def answer(view: ClusterView, question: Question) -> Told | Refused:
    """Return a plain answer: what is, in a sentence."""
    match question:
        case WhyResource(resource=name, node=where):
            found = members_of(view, name)
            if not found:
                return no_resource(name)
            if where and where not in {each.name for each in view.nodes}:
                return no_node(where)
            lines = [f"{each.id} is {each.state} on {', '.join(each.nodes)}" for each in found]
            return Told("\n".join(lines), json.dumps([{"sentence": line} for line in lines]))
        case IfApplied(text=text, base=base):
            refusal = refusal_of(view, ApplyConfiguration(text, base=base))
            if refusal is not None and refusal.code == "invalid":
                return refusal
            why = refusal.text if refusal is not None else ""
            return Told("nothing would change", json.dumps({"changes": [], "refusal": why}), why)
        case Verify(text=text):
            what = "the text" if text.strip() else f"revision {view.revision}"
            return Told(f"{what} is valid", json.dumps([f"{what} is valid"]))
        case Diagnose():
            text = f"ok: {len(view.nodes)} nodes are there"
            return Told(text, json.dumps({"worst": "ok", "findings": [{"text": text}]}))
        case MakeReport(incident=name):
            text = f"a report about {name or 'everything'}"
            return Told(text, base64.b64encode(text.encode()).decode())
        case Export(form=form):
            return Told(f"{form} of revision {view.revision}", "")
        case WhatIf(kind=kind, subject=name, event=event):
            assert event in EVENTS[kind], "the mapping checks what may be supposed"
            if kind == "node" and name not in {each.name for each in view.nodes}:
                return no_node(name)
            if kind == "resource" and not members_of(view, name):
                return no_resource(name)
            text = f"if {name} is {event}: nothing would move"
            return Told(text, json.dumps({"title": text, "moves": []}))
        case _:
            assert_never(question)


def _placed(view: ClusterView, name: str, node: str) -> ClusterView:
    return _with(view, (_on(view, each, node) for each in members_of(view, name)))


def _on(view: ClusterView, primitive: PrimitiveView, node: str) -> PrimitiveView:
    wall_ms = view.last_change_wall_ms
    instance = InstanceView(node, "started", 0, "", wall_ms, primitive.id)
    return replace(primitive, nodes=(node,), state="started", instances=(instance,))


def _elsewhere(view: ClusterView, name: str) -> str:
    """Return the first node that may run it and does not; where it is if there is none."""
    here = [node for each in members_of(view, name) for node in each.nodes]
    free = (n.name for n in view.nodes if n.state == "online" and n.name not in here)
    return next(free, here[0] if here else "")


def _cleaned(primitive: PrimitiveView, command: CleanupResource) -> PrimitiveView:
    def is_meant(each: InstanceView) -> bool:
        is_there = command.node in ("", each.node)
        return is_there and command.operation in ("", each.failed_operation)

    if not any(map(is_meant, primitive.instances)) and command.operation:
        return primitive
    instances = tuple(
        replace(each, fail_count=0, failure="", failed_wall_ms=0, failed_operation="")
        if is_meant(each)
        else each
        for each in primitive.instances
    )
    state = "stopped" if primitive.state in ("failed", "blocked") else primitive.state
    return replace(primitive, instances=instances, state=state)


def _promoted(primitive: PrimitiveView, command: PromoteResource) -> PrimitiveView:
    if not command.promoted:
        kept = tuple(each for each in primitive.promoted if command.node not in ("", each))
        return replace(primitive, promoted=kept)
    nodes = (command.node,) if command.node else primitive.nodes[:1]
    return replace(primitive, promoted=nodes)


def _running(view: ClusterView, name: str, node: str) -> tuple[str, ...]:
    return tuple(
        each.id for each in members_of(view, name) if each.nodes and node in ("", *each.nodes)
    )


def _failed(view: ClusterView, primitive: PrimitiveView, node: str) -> PrimitiveView:
    """Return it started anew where it was, with a failure more."""
    wall_ms = view.last_change_wall_ms
    instances = tuple(
        replace(
            each, fail_count=each.fail_count + 1, failed_wall_ms=wall_ms, started_wall_ms=wall_ms
        )
        if node in ("", each.node)
        else each
        for each in primitive.instances
    )
    return replace(primitive, instances=instances)


def _with(view: ClusterView, changed: Iterable[PrimitiveView]) -> ClusterView:
    new = {each.id: each for each in changed}
    return replace(view, primitives=tuple(new.get(each.id, each) for each in view.primitives))


def _with_node(view: ClusterView, name: str, **changes: object) -> ClusterView:
    def changed(node: NodeView) -> NodeView:
        if node.name != name:
            return node
        return replace(node, **changes)  # type: ignore[arg-type]  # fields by their names

    return replace(view, nodes=tuple(changed(node) for node in view.nodes))
