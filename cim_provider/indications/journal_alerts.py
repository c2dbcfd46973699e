"""The alerts that the cluster's journal makes: one row a kind of event.

Owns: which alert an event is, given the faults that are open. Pure; an event is
told once, because its number is written down with what was told of it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cim_provider.engine import ClusterView
from cim_provider.indications.alerts import alert, late_fault, resource_fault
from cim_provider.indications.events import Event
from cim_provider.indications.faults import Fault, Faults, closed, without_witness
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import Ref, Value
from cim_provider.messages import message_of
from cim_provider.views.journal import CoreEvent

MOVED: Final = "LHA020"
WARNING: Final = 3
"""Value of PerceivedSeverity."""
NO_CLUSTER: Final = 57
"""Value of ProbableCause: what it needs is not there."""
_FAILED: Final = frozenset({"LHA016", "LHA017", "LHA018"})
_OPERATION: Final = re.compile(r"(\w+) of \S+ failed with exit code (\d+)")
_LOST: Final = re.compile(r"(.+)-lost-\d+-\d+$")
_CUT_OFF: Final = re.compile(r"lease ran out$|this node has lost the cluster$", re.MULTILINE)
_LOST_TICKET: Final = re.compile(r"ticket (\S+) is not granted here, and ")
"""Why a node is cut off that runs what needs a ticket. See `ha_core.fencing.tickets`."""
_NOT_REACHED: Final = re.compile(r", not (.+)$")


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of an event: alerts, and the faults that are over without a word."""

    alerts: tuple[Event, ...]
    faults: Faults


def told(event: CoreEvent, faults: Faults, view: ClusterView) -> Told:
    """Return the alerts of an event of the journal."""
    row = _ROWS.get(event.kind)
    return Told((), faults) if row is None else row(event, faults, view)


def _alert(
    event: CoreEvent,
    about: Ref,
    values: Mapping[str, Value],
    message: str = "",
    fault: Fault | None = None,
) -> Event:
    message = message or message_of(event.kind, event.text).id
    text = f"{event.text} ({event.why})" if event.why else event.text
    known = {"MessageArguments": (event.subject,), "CorrelationId": event.incident or None}
    all_ = {**known, "NodeName": event.node, **values}
    return alert(about, message, text, all_, fault=fault, at_wall_ms=event.at_wall_ms)


def node_fault(node: str) -> str:
    """Return the EventID of a node's loss."""
    return f"node:{node}"


def fencing_fault(node: str) -> str:
    """Return the EventID of a node's cutting off."""
    return f"fencing:{node}"


def ping_fault(node: str) -> str:
    """Return the EventID of hosts that a node does not reach."""
    return f"ping:{node}"


def _node_joined(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    name = event.subject
    over = Fault(node_fault(name), clears=True)
    after = closed(faults, [fencing_fault(name)])
    states: dict[str, Value] = {"NodeName": name, "NewState": "online"}
    if over.id in faults:
        states["OldState"] = "lost"
    return Told((_alert(event, node_ref(name), states, fault=over),), after)


def _node_left(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    name = event.subject
    after = without_witness(closed(faults, [node_fault(name), late_fault(name)]), name)
    left = _alert(event, node_ref(name), {"NodeName": name, "NewState": "left"})
    return Told((left,), after)


def _node_lost(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    name = event.subject
    lost = Fault(node_fault(name))
    states = {"NodeName": name, "OldState": "online", "NewState": "lost"}
    made = _alert(event, node_ref(name), states, fault=lost)
    return Told((made,), without_witness(closed(faults, [late_fault(name)]), name))


def _fenced(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    after = closed(faults, [fencing_fault(event.subject)])
    return Told((_alert(event, node_ref(event.subject), {"NodeName": event.subject}),), after)


def _not_fenced(event: CoreEvent, faults: Faults, view: ClusterView) -> Told:
    known = {node.name for node in view.nodes}
    name = next((part for part in event.subject.split(":") if part in known), event.subject)
    about = node_ref(name) if name in known else cluster_ref()
    made = _alert(event, about, {"NodeName": name}, "LHA006", Fault(fencing_fault(name)))
    return Told((made,), faults)


def _to_be_cut_off(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    """A ticket that is lost where something still runs by it is told; else it is no alert yet."""
    found = _LOST_TICKET.match(event.why)
    if found is None:
        return Told((), faults)
    ticket = found.group(1)
    values: dict[str, Value] = {"MessageArguments": (ticket, event.subject), "NewState": "lost"}
    lost = replace(event, text=f"ticket {ticket} was lost: {event.text}")
    return Told((_alert(lost, cluster_ref(), values, "LHA033"),), faults)


def _called_off(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    return Told((), closed(faults, [fencing_fault(event.subject)]))


def _coordinator(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    made = _alert(event, cluster_ref(), {"NodeName": event.subject, "NewState": event.subject})
    return Told((made,), faults)


def _link_down(event: CoreEvent, faults: Faults, view: ClusterView) -> Told:
    fault = Fault(f"link:{event.subject}", by=event.node)
    others = [each for each in view.links if not each.startswith(f"{event.subject}:")]
    is_last = not any(f"link:{each.partition(':')[0]}" not in faults for each in others)
    states: dict[str, Value] = {"OldState": "up", "NewState": "down"}
    if is_last:
        states["PerceivedSeverity"] = 5
    made = _alert(event, node_ref(event.node), states, fault=fault)
    return Told((made,), faults)


def _link_up(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    fault = Fault(f"link:{event.subject}", clears=True, by=event.node, needs_raise=True)
    made = _alert(event, node_ref(event.node), {"OldState": "down", "NewState": "up"}, fault=fault)
    return Told((made,), faults)


def _ping_lost(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    found = _NOT_REACHED.search(event.text)
    targets = found.group(1).split(", ") if found else []
    values: dict[str, Value] = {
        "NodeName": event.subject,
        "MessageArguments": (event.subject, *targets),
    }
    fault = Fault(ping_fault(event.subject), again=ping_fault(event.subject) in faults)
    made = _alert(event, node_ref(event.subject), values, fault=fault)
    return Told((made,), faults)


def _ping_back(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    if _NOT_REACHED.search(event.text):
        return Told((), faults)  # one is back, others are not
    fault = Fault(ping_fault(event.subject), clears=True)
    made = _alert(event, node_ref(event.subject), {"NodeName": event.subject}, fault=fault)
    return Told((made,), faults)


def _resource(event: CoreEvent) -> tuple[str, dict[str, Value]]:
    """Return the resource without the number of its instance, and the properties of its alerts."""
    name = event.subject.partition(":")[0]
    return name, {"ResourceId": name, "MessageArguments": (name, event.node)}


def _started(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    """A start after a fault: recovered where it was, or moved; else by request."""
    name, values = _resource(event)
    about, id_ = primitive_ref(name), resource_fault(event.subject)
    known = faults.get(id_)
    values["NewState"] = "started"
    lost = _LOST.match(event.incident)
    was_on = lost.group(1) if lost is not None else next(iter(known.by), "") if known else ""
    is_moved = known is not None and known.message == MOVED
    is_over = lost is None and not (is_moved and event.incident)
    if known is not None and event.node in known.by and is_over:
        over = Fault(id_, clears=True)
        text = f"{event.subject} has recovered on {event.node}"
        recovered = replace(event, text=text)
        return Told((_alert(recovered, about, values, "LHA019", over),), faults)
    if was_on and was_on != event.node and (event.incident or not is_moved):
        moved = replace(event, text=f"{event.subject} has moved from {was_on} to {event.node}")
        fault = Fault(id_, by=was_on, again=True)
        made = _alert(moved, about, {**values, "OldState": was_on}, MOVED, fault)
        return Told((made,), faults)
    return Told((_alert(event, about, values),), faults)


def _stopped(event: CoreEvent, faults: Faults, view: ClusterView) -> Told:
    name, values = _resource(event)
    known = faults.get(resource_fault(event.subject))
    if _CUT_OFF.search(f"{event.text}\n{event.why}"):
        return _ended(event, faults, view)
    if event.incident or (known is not None and known.message in _FAILED):
        return Told((), faults)  # part of what follows a fault: the start is told
    return Told((_alert(event, primitive_ref(name), {**values, "NewState": "stopped"}),), faults)


def _ended(event: CoreEvent, faults: Faults, view: ClusterView) -> Told:
    """What ends because its node has lost the cluster was not asked for: a fault until it runs.

    Such an event may come late, when that node is back, and then it is no fault any more.
    """
    name, values = _resource(event)
    id_ = resource_fault(event.subject)
    is_up = any(each.id == name and each.state == "started" for each in view.primitives)
    values |= {
        "NewState": "stopped",
        "PerceivedSeverity": WARNING,
        "ProbableCause": NO_CLUSTER,
        "Description": "a resource was ended because its node has lost contact with the cluster",
        "RecommendedActions": ("look at the network of the node; 'ha status' tells the votes",),
    }
    fault = None if is_up or id_ in faults else Fault(id_, by=event.node)
    return Told((_alert(event, primitive_ref(name), values, fault=fault),), faults)


def _failed(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    name, values = _resource(event)
    found = _OPERATION.match(event.text)
    if found is not None:
        values |= {"OperationName": found.group(1), "ReturnCode": int(found.group(2))}
    values["NewState"] = "blocked" if event.kind == "resource-blocked" else "failed"
    fault = Fault(resource_fault(event.subject), by=event.node)
    return Told((_alert(event, primitive_ref(name), values, fault=fault),), faults)


def _ticket(event: CoreEvent, faults: Faults, _: ClusterView) -> Told:
    return Told((_alert(event, cluster_ref(), {"NewState": event.kind.partition("-")[2]}),), faults)


_Row = Callable[[CoreEvent, Faults, ClusterView], Told]
_ROWS: Final[Mapping[str, _Row]] = {
    "node-joined": _node_joined,
    "node-left": _node_left,
    "node-lost": _node_lost,
    "node-fenced": _fenced,
    "fence-gave-up": _not_fenced,
    "fence-wanted": _to_be_cut_off,
    "fence-called-off": _called_off,
    "coordinator-elected": _coordinator,
    "link-down": _link_down,
    "link-up": _link_up,
    "connectivity-lost": _ping_lost,
    "connectivity-unknown": _ping_lost,
    "connectivity-restored": _ping_back,
    "resource-started": _started,
    "resource-stopped": _stopped,
    "resource-failed": _failed,
    "resource-blocked": _failed,
    "ticket-granted": _ticket,
    "ticket-standby": _ticket,
    "ticket-lost": _ticket,
}
"""What each kind of event makes; other kinds make none."""
KINDS: Final = frozenset(_ROWS)
