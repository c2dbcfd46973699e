"""Nodes: what is configured of them, and what their `node_state` says.

Owns: when a node is online, pending, or must be fenced.
Source: Pacemaker Explained, "Cluster Nodes"; `node_state` of 2.1 and of 3.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ha_core.policy.cib import pairs, values
from ha_core.policy.cib.options import Properties
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element, History
from ha_core.policy.engine.problem import Node

_NO_ANSWER: Final = "its cluster process does not respond"


@dataclass(slots=True, eq=False)
class NodeEntry:
    """A node while it is being read: its configuration and its status."""

    name: str
    id: str
    element: Element
    state: Element | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    transient: dict[str, str] = field(default_factory=dict)

    @property
    def histories(self) -> list[History]:
        """What its history holds."""
        part = self.state.child("lrm") if self.state is not None else None
        section = part.child("lrm_resources") if part is not None else None
        return section.history if section is not None else []


def find_nodes(source: Source, states: list[Element]) -> tuple[list[NodeEntry], dict[str, str]]:
    """Return the configured nodes with their states, and what is active on others, and where."""
    elsewhere: dict[str, str] = {}
    entries: list[NodeEntry] = []
    by_name: dict[str, NodeEntry] = {}
    by_id: dict[str, NodeEntry] = {}
    for element in source.configuration("nodes"):
        name = element.get("uname")
        kind = element.get("type", "member")
        if element.tag != "node":
            continue
        if not name:
            source.fault(element, "a node needs the attribute uname")
        elif kind not in ("member", "ping") and kind != "normal":
            source.leave_out(element, f"not supported: node of type {kind!r}")
        elif name in by_name:
            source.fault(element, f"there is another node {name!r}; names are unique")
        else:
            entry = NodeEntry(name, element.id, element)
            entries.append(entry)
            by_name[name] = by_id[entry.id] = entry
    for state in states:
        if values.boolean(state.get("remote_node")) or values.boolean(state.get("is_remote")):
            source.leave_out(state, "not supported: state of a remote node")
            elsewhere |= _active(state)
            continue
        found = by_name.get(state.get("uname")) or by_id.get(state.id)
        if found is not None:
            found.state = state
        else:
            source.leave_out(state, f"there is no node {state.get('uname') or state.id!r}")
    return entries, elsewhere


def _active(state: Element) -> dict[str, str]:
    """Return the primitives that a state which is left out calls anything but stopped."""
    node = state.get("uname") or state.id
    found: dict[str, str] = {}
    for history in NodeEntry(node, "", state, state).histories:
        if history.probed is None and history.operations:
            name, colon, number = history.resource.rpartition(":")
            is_instance = bool(colon) and number.isdecimal()
            found[name if is_instance else history.resource] = node
    return found


def read_attributes(source: Source, rules: Rules, entry: NodeEntry, properties: Properties) -> None:
    """Fill the node's attributes, permanent and transient."""
    base = {
        "#uname": entry.name,
        "#kind": "cluster",
        "#id": entry.id,
        "#is_dc": "true" if _is_dc(source, entry) else "false",
    }
    cluster = properties.text("cluster-name")
    if cluster:
        base["#cluster-name"] = cluster
    judge = rules.judge(Facts(attributes=base))
    permanent = pairs.settled(source, entry.element.all("instance_attributes"), judge)
    site = permanent.get("site-name") or cluster
    if site:
        base["#site-name"] = site
    if entry.state is not None:
        part = entry.state.child("transient_attributes")
        if part is not None:
            judge = rules.judge(Facts(attributes=base))
            blocks = part.all("instance_attributes")
            entry.transient = pairs.settled(source, blocks, judge)
    entry.attributes = {**permanent, **entry.transient, **base}


def make_node(source: Source, rules: Rules, entry: NodeEntry, properties: Properties) -> Node:
    """Return the node as the engine wants it."""
    condition = _condition(source, entry, properties)
    attributes = entry.attributes
    judge = rules.judge(Facts(attributes=attributes))
    blocks = entry.element.all("utilization")
    part = entry.state.child("transient_attributes") if entry.state is not None else None
    if part is not None:
        blocks = [*blocks, *part.all("utilization")]
    capacity = pairs.settled(source, blocks, judge)
    shutdown = attributes.get("shutdown", "0")
    return Node(
        entry.name,
        entry.id,
        is_online=condition.is_online,
        is_pending=condition.is_pending,
        is_shutting_down=shutdown not in ("", "0"),
        is_standby=_is_true(attributes, "standby"),
        is_maintenance=_is_true(attributes, "maintenance"),
        is_member=condition.is_member,
        is_dc=_is_dc(source, entry),
        fence_reason=condition.fence_reason,
        is_unfenced=attributes.get("#node-unfenced", "0") not in ("", "0"),
        score=values.score(entry.element.get("score", "0")) or 0,
        attributes=tuple(sorted(attributes.items())),
        capacity=tuple((name, values.number(text) or 0) for name, text in capacity.items()),
    )


def _is_dc(source: Source, entry: NodeEntry) -> bool:
    return bool(entry.id) and source.root.get("dc-uuid") == entry.id


def _is_true(attributes: Mapping[str, str], name: str) -> bool:
    return bool(values.boolean(attributes.get(name, "")))


@dataclass(frozen=True, slots=True)
class _Condition:
    is_online: bool = False
    is_pending: bool = False
    is_member: bool = False
    fence_reason: str = ""


def _condition(source: Source, entry: NodeEntry, properties: Properties) -> _Condition:
    """Judge one node by its state."""
    has_fencing = properties.boolean("fencing-enabled", True)
    state = entry.state
    if state is None:
        must = has_fencing and properties.boolean("startup-fencing", True)
        return _Condition(fence_reason="it has not been seen by the cluster" if must else "")
    signs = _signs(source, state, properties.seconds("node-pending-timeout"))
    shutdown = entry.attributes.get("shutdown", "0") not in ("", "0")
    if not has_fencing:
        return _without_fencing(signs, shutdown=shutdown)
    return _with_fencing(
        signs, shutdown=shutdown, terminate=_terminate(entry.attributes.get("terminate", ""))
    )


def _terminate(text: str) -> bool:
    return bool(values.boolean(text)) or (values.number(text) or 0) > 0


@dataclass(frozen=True, slots=True)
class _Signs:
    was_seen: bool
    is_member: bool
    has_process: bool
    join: str
    expected: str
    is_overdue: bool


def _signs(source: Source, state: Element, pending_timeout_s: int) -> _Signs:
    """Read a `node_state` in its old form (true, online) or its new one (times)."""
    in_ccm = state.get("in_ccm")
    crmd = state.get("crmd")
    member_since = values.number(in_ccm) if values.boolean(in_ccm) is None else None
    is_member = bool(values.boolean(in_ccm)) or bool(member_since and member_since > 0)
    has_process = crmd == "online" or (values.number(crmd) or 0) > 0
    overdue = (
        pending_timeout_s > 0
        and member_since is not None
        and member_since > 1
        and not has_process
        and source.now_s - member_since >= pending_timeout_s
    )
    return _Signs(
        was_seen="in_ccm" in state.attributes,
        is_member=is_member,
        has_process=has_process,
        join=state.get("join", "down"),
        expected=state.get("expected", "down"),
        is_overdue=overdue,
    )


def _without_fencing(signs: _Signs, *, shutdown: bool) -> _Condition:
    member = signs.is_member
    if member and signs.has_process:
        return _Condition(signs.join == "member", False, member)
    is_odd = member and not shutdown and signs.expected == "member"
    return _Condition(False, False, member, _NO_ANSWER if is_odd else "")


def _with_fencing(signs: _Signs, *, shutdown: bool, terminate: bool) -> _Condition:
    member = signs.is_member
    process = signs.has_process
    if shutdown:
        return _Condition(process, False, member)
    reason = ""
    pending = False
    if not signs.was_seen:
        reason = "it has not been seen by the cluster"
    elif signs.join == "nack":
        reason = "it was refused as a member"
    elif terminate:
        if member or process or signs.join != "down":
            reason = "fencing was requested"
    elif signs.expected == "down":
        if signs.is_overdue:
            reason = "it did not join in time"
        pending = not signs.is_overdue and (member or process)
    elif not member:
        reason = "it is no longer part of the cluster"
    elif not process:
        reason = _NO_ANSWER
    elif signs.join in ("pending", "down"):
        pending = True
    elif signs.join != "member":
        reason = f"its state {signs.join!r} is unknown"
    return _Condition(member or pending, pending, member, reason)
