"""How an alert is made, and the alerts that follow from changes of facts.

Owns: the properties that all alerts have, and which alerts a difference of two
pictures makes. A row is a pure function of a difference, so that a successor
makes the same alerts of the same change, once. What the journal tells is in
`journal_alerts`; what is neither is raised (`keeper_events`).
Source: DSP1054 1.2; the messages of Linux-HA 2.1's provider.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cim_provider.indications.advice import ADVICE, CAUSES
from cim_provider.indications.events import Event
from cim_provider.indications.facts import (
    CLUSTER,
    FACT,
    NODE,
    RESOURCE,
    STATUS,
    fact_name,
)
from cim_provider.indications.faults import CLEARED, Fault
from cim_provider.indications.picture import Difference, path_text
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.redundancy import NOTHING_TO_KEEP
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import Ref, Value
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME
from cim_provider.messages import MESSAGES, OWNER
from cim_provider.schema import MODEL

ALERT_CLASS: Final = "HA_Indication"
CHANGED: Final = "Got an indication: evt:cib_changed"
"""What old listeners know as the message of a change."""
DISCONNECTED: Final = "Heartbeat disconnected"
"""What they know as the end of the cluster service."""
CIM_OBJECT_PATH: Final = 2
"""Value of AlertingElementFormat."""
REDUNDANT: Final = 2
"""Value of RedundancyStatus: fully redundant."""
SETS: Final = ("HA_NodeRedundancySet", "HA_ResourceRedundancySet")
NOTHING: Final[Mapping[str, Value]] = {}
_CALM: Final[Mapping[str, Value]] = {
    "PerceivedSeverity": 2,
    "ProbableCause": CLEARED,
    "Description": "a node is heard in time again",
    "RecommendedActions": (),
}
_OWN_STATES: Final = frozenset({"online", "standby", "maintenance"})


def alert(
    about: Ref,
    message_id: str,
    text: str,
    values: Mapping[str, Value] = NOTHING,
    *,
    fault: Fault | None = None,
    at_wall_ms: int = 0,
) -> Event:
    """Return an alert about an object: `values` beside the properties that its message has."""
    message = MESSAGES[message_id]
    element = path_text(Ref(about.class_name, about.keys, about.namespace or MODEL))
    cause = int(str(values.get("ProbableCause", message.cause)))
    common: Mapping[str, Value] = {
        "Description": message.meaning,
        "AlertingManagedElement": element,
        "AlertingElementFormat": CIM_OBJECT_PATH,
        "SystemCreationClassName": CLUSTER_CLASS,
        "SystemName": CLUSTER_NAME,
        "ProviderName": "beatkeeper",
        "OwningEntity": OWNER,
        "MessageID": message_id,
        "Message": text,
        "Type": message.kind,
        "AlertType": message.alert_type,
        "OtherAlertType": message.meaning if message.alert_type == 1 else None,
        "PerceivedSeverity": message.severity,
        "ProbableCause": cause,
        "ProbableCauseDescription": CAUSES.get(cause, message.meaning),
        "RecommendedActions": ADVICE.get(message_id),
        "EventID": fault.id if fault is not None else f"{message_id}:{element}",
    }
    given = {name: value for name, value in values.items() if value is not None}
    return Event(
        ALERT_CLASS, MODEL, {**common, **given}, f"{message_id} {element}", fault, at_wall_ms
    )


def cleared(event: Event, earlier: tuple[str, ...]) -> Event:
    """Return an alert with the alerts that it clears, or that it takes the place of."""
    values = {**event.values, "CorrelatedIndications": earlier}
    if event.fault is not None and event.fault.clears:
        values |= {"ProbableCause": CLEARED, "ProbableCauseDescription": CAUSES[CLEARED]}
    return Event(
        event.class_name, event.namespace, values, event.element, event.fault, event.at_wall_ms
    )


def status_changed(changes: int, change: Difference) -> Event:
    """Say that something has changed, in the words that old listeners know.

    What they do not read says more: the revisions before and after, and who made the newer one.
    """
    values: dict[str, Value] = {"MessageArguments": (str(changes),), "Revision": changes}
    before, after = change.before or {}, change.after or {}
    was, is_now = before.get("revision"), after.get("revision")
    if was is None or was == is_now:
        values["Description"] = f"the state has changed; the configuration is revision {is_now}"
    else:
        author = after.get("author") or "somebody unknown"
        values["Description"] = f"the configuration is revision {is_now}, by {author}; it was {was}"
        values |= {"OldState": f"revision {was}", "NewState": f"revision {is_now}"}
    return alert(cluster_ref(), "LHA034", CHANGED, values)


def _cluster(change: Difference) -> Iterator[Event]:
    before, after = change.before, change.after
    if before is None or after is None:
        return
    if before["maintenance"] != after["maintenance"]:
        is_on = bool(after["maintenance"])
        text = "the cluster is in maintenance" if is_on else "the cluster is out of maintenance"
        message = "LHA027" if is_on else "LHA028"
        values: dict[str, Value] = {"Type": 0, "MessageArguments": ("the cluster",)}
        yield alert(cluster_ref(), message, text, {**values, **_states(is_on)})


def _states(is_on: bool) -> dict[str, Value]:
    return {"OldState": "off" if is_on else "on", "NewState": "on" if is_on else "off"}


def _node(change: Difference) -> Iterator[Event]:
    """Say what operators have done with a node, and that it is heard late."""
    before, after = change.before, change.after
    if before is None or after is None:
        return
    name, was, is_now = fact_name(change.ref), str(before["state"]), str(after["state"])
    common: dict[str, Value] = {
        "NodeName": name,
        "OldState": was,
        "NewState": is_now,
        "MessageArguments": (name,),
    }
    about = node_ref(name)
    late = late_fault(name)
    if is_now == "suspect" and was in _OWN_STATES:
        yield alert(about, "LHA004", f"node {name} is heard late", common, fault=Fault(late))
    elif was == "suspect" and is_now in _OWN_STATES:
        over = Fault(late, clears=True, needs_raise=True)
        # Not LHA001: it has been a member all the time, and who counts joins must not count it.
        text, calm = f"node {name} is heard in time again", {**common, **_CALM}
        yield alert(about, "LHA004", text, calm, fault=over)
    if was == is_now or not {was, is_now} <= _OWN_STATES:
        return
    for state, begins, ends in (
        ("standby", "LHA025", "LHA026"),
        ("maintenance", "LHA027", "LHA028"),
    ):
        if is_now == state:
            yield alert(about, begins, f"node {name} is in {state}", common)
        elif was == state:
            yield alert(about, ends, f"node {name} is out of {state}", common)


def late_fault(node: str) -> str:
    """Return the EventID of a node that is heard late."""
    return f"node-late:{node}"


def resource_fault(resource: str) -> str:
    """Return the EventID of what is wrong with a resource."""
    return f"resource:{resource}"


def _resource(change: Difference) -> Iterator[Event]:
    """Say that a resource has no place, has too many, or is left alone."""
    after = change.after
    if after is None:
        return
    before = change.before or {"managed": True, "unplaced": False, "surplus": 0}
    name, about = fact_name(change.ref), primitive_ref(fact_name(change.ref))
    common: dict[str, Value] = {"ResourceId": name, "MessageArguments": (name,)}
    if before["managed"] != after["managed"]:
        text = f"{name} is acted on again" if after["managed"] else f"{name} is left alone"
        yield alert(about, "LHA030" if after["managed"] else "LHA029", text, common)
    place, surplus = resource_fault(f"{name}:place"), resource_fault(f"{name}:surplus")
    if before["unplaced"] != after["unplaced"]:
        if after["unplaced"]:
            text = f"{name} can run nowhere: {after['why']}"
            yield alert(about, "LHA021", text, common, fault=Fault(place))
        else:
            over = Fault(place, clears=True, needs_raise=True)
            yield alert(about, "LHA019", f"{name} has a place again", common, fault=over)
    if before["surplus"] != after["surplus"]:
        if after["surplus"]:
            text = f"{name} is active on {after['surplus']} nodes"
            yield alert(about, "LHA022", text, common, fault=Fault(surplus))
        else:
            over = Fault(surplus, clears=True, needs_raise=True)
            yield alert(about, "LHA019", f"{name} is active once again", common, fault=over)


def _fact(change: Difference) -> Iterator[Event]:
    kind = str(dict(change.ref.keys)["Kind"])
    rows = {CLUSTER: _cluster, NODE: _node, RESOURCE: _resource}
    return rows[kind](change) if kind in rows else iter(())


def _set(change: Difference) -> Iterator[Event]:
    """Say that there is less in reserve, and that it is complete again."""
    after, before = change.after, change.before
    if before is None:
        return
    resource = str(before.get("ResourceId") or "")
    name = resource or "the cluster"
    id_ = f"redundancy:{dict(change.ref.keys).get('InstanceID', change.ref.class_name)}"
    over = Fault(id_, clears=True, needs_raise=True)
    if after is None:
        text = f"{name} was deleted: nothing need be in reserve"
        yield alert(change.ref, "LHA024", text, {"MessageArguments": (name,)}, fault=over)
        return
    why = str(after.get("RedundancyDescription") or "")
    was, is_now = before.get("RedundancyStatus"), after.get("RedundancyStatus")
    if why == NOTHING_TO_KEEP:
        text = f"{name} was stopped as wanted: nothing need be in reserve"
        yield alert(change.ref, "LHA024", text, {"MessageArguments": (name,)}, fault=over)
    if was == is_now or not isinstance(is_now, int) or not is_now:
        return
    values: dict[str, Value] = {
        "OldState": str(was),
        "NewState": str(is_now),
        "MessageArguments": (name,),
    }
    if resource:
        advice = f"'ha why {resource}' tells what keeps it from running, or from another node"
        values |= {"ResourceId": resource, "RecommendedActions": (advice,)}
    if is_now == REDUNDANT:
        text = f"the reserve of {name} is complete again"
        values.pop("RecommendedActions", None)
        yield alert(change.ref, "LHA024", text, values, fault=over)
    else:
        text = f"{name} has less in reserve: {why}" if why else f"{name} has less in reserve"
        yield alert(change.ref, "LHA023", text, values, fault=Fault(id_))


ROWS: Final[Mapping[str, Callable[[Difference], Iterator[Event]]]] = {
    FACT: _fact,
    **dict.fromkeys(SETS, _set),
}
"""The alerts of each class, by its name."""


def is_status(change: Difference) -> bool:
    """Return whether a difference says no more than that something has changed."""
    return change.ref == STATUS


def alerts_of(change: Difference) -> Iterator[Event]:
    """Yield the alerts of a difference."""
    row = ROWS.get(change.ref.class_name)
    return iter(()) if row is None else row(change)
