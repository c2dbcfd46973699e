"""What follows for open faults from how the cluster is now: what is over, what belongs together.

Owns: the alerts that end a fault whose object is gone or that time has healed, and the incident
of a redundancy alert. Pure functions of a difference, the faults that are open, and the view.
"""

from collections.abc import Iterator
from typing import Final

from cim_provider.engine import ClusterView, PrimitiveView
from cim_provider.indications.alerts import alert, late_fault, resource_fault
from cim_provider.indications.events import Event
from cim_provider.indications.facts import FACT, NODE, RESOURCE, fact_name
from cim_provider.indications.faults import Fault, Faults
from cim_provider.indications.journal_alerts import (
    MOVED,
    fencing_fault,
    node_fault,
    ping_fault,
)
from cim_provider.indications.picture import Difference
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import Value

_AWAY: Final = frozenset({"lost", "suspect"})
_RAISED: Final = "LHA023"
_FAILED: Final = frozenset({"LHA016", "LHA017", "LHA018"})


def endings(change: Difference, faults: Faults, view: ClusterView) -> Iterator[Event]:
    """Yield the alerts that end open faults, by a difference of facts."""
    if change.ref.class_name != FACT:
        return
    kind, name = str(dict(change.ref.keys)["Kind"]), fact_name(change.ref)
    if change.after is None and kind == RESOURCE:
        yield from _resource_gone(name, faults)
    elif change.after is None and kind == NODE:
        yield from _node_gone(name, faults)
    else:
        yield from _healed(faults, view)
        yield from _forgotten(faults, view)


def _resource_gone(name: str, faults: Faults) -> Iterator[Event]:
    """A resource is deleted: so is all that was wrong with it and its instances."""
    own = resource_fault(name)
    for id_ in faults:
        if id_ == own or id_.startswith(f"{own}:"):
            over = Fault(id_, clears=True, needs_raise=True)
            values: dict[str, Value] = {
                "ResourceId": name,
                "MessageArguments": (name,),
                "NewState": "deleted",
            }
            yield alert(primitive_ref(name), "LHA019", f"{name} was deleted", values, fault=over)


def _node_gone(name: str, faults: Faults) -> Iterator[Event]:
    for id_ in (node_fault(name), late_fault(name), fencing_fault(name), ping_fault(name)):
        if id_ in faults:
            over = Fault(id_, clears=True, needs_raise=True)
            values: dict[str, Value] = {
                "NodeName": name,
                "MessageArguments": (name,),
                "NewState": "removed",
            }
            text = f"node {name} is no longer in the cluster"
            yield alert(node_ref(name), "LHA002", text, values, fault=over)


def _forgotten(faults: Faults, view: ClusterView) -> Iterator[Event]:
    """A resource has failed, and now it is stopped as wanted, and its failures are forgotten."""
    for id_, each in faults.items():
        if each.message not in _FAILED:
            continue
        subject = id_.partition(":")[2]
        resource = next((p for p in view.primitives if p.id == subject.partition(":")[0]), None)
        if resource is None or not _is_at_rest(resource, view):
            continue
        text = f"{subject} is stopped, as wanted, and its failures are forgotten"
        yield _over(id_, resource, text, "stopped")


def _is_at_rest(resource: PrimitiveView, view: ClusterView) -> bool:
    """Return whether a resource is stopped as wanted, and no failure of it is remembered."""
    said = [resource.target_role]
    said += [each.target_role for each in view.groups if each.id == resource.group]
    said += [each.target_role for each in view.clones if each.id == resource.clone]
    calm = all(each.state == "stopped" and not each.fail_count for each in resource.instances)
    return resource.state == "stopped" and "stopped" in said and calm


def _healed(faults: Faults, view: ClusterView) -> Iterator[Event]:
    """A resource has moved, and what made it move is over."""
    moved = [(id_, each.by) for id_, each in faults.items() if each.message == MOVED]
    if not moved:
        return
    primitives = {each.id: each for each in view.primitives}
    away = {node.name for node in view.nodes if node.state in _AWAY}
    for id_, by in moved:
        subject = id_.partition(":")[2]
        resource = primitives.get(subject.partition(":")[0])
        if resource is None or not _is_well(resource) or away & set(by):
            continue
        text = f"{subject} runs on {', '.join(resource.nodes)}, and what made it move is over"
        yield _over(id_, resource, text, "started")


def _over(fault: str, resource: PrimitiveView, text: str, state: str) -> Event:
    """Return the end of a resource's fault."""
    values: dict[str, Value] = {
        "ResourceId": resource.id,
        "MessageArguments": (resource.id,),
        "NewState": state,
    }
    over = Fault(fault, clears=True, needs_raise=True)
    return alert(primitive_ref(resource.id), "LHA019", text, values, fault=over)


def _is_well(resource: PrimitiveView) -> bool:
    return resource.state == "started" and not any(
        each.fail_count or each.state != "started" for each in resource.instances
    )


def incident_of(event: Event, faults: Faults) -> str:
    """Return the incident that a redundancy alert belongs to; empty if there is none."""
    if event.values["MessageID"] != _RAISED:
        return ""
    own = resource_fault(str(event.values.get("ResourceId") or ""))
    known = faults.get(own)
    if known is not None and known.incident:
        return known.incident
    lost = [each.incident for id_, each in faults.items() if id_.startswith(node_fault(""))]
    return next((incident for incident in reversed(lost) if incident), "")
