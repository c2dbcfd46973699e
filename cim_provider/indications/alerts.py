"""Alerts that follow from changes of objects: the table, and its first rows.

Owns: which alerts a difference of two pictures makes. A row is a pure function
of a difference, so that a successor makes the same alerts of the same change,
once. What is no change of an object is raised instead (`keeper_events`).
Source: DSP1054 1.2; the messages of Linux-HA 2.1's provider.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cim_provider.indications.events import Event
from cim_provider.indications.picture import Difference, Watched, path_text
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import Ref, Value
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME
from cim_provider.schema import MODEL

ALERT_CLASS: Final = "HA_Indication"
NODE_CLASS: Final = "HA_ClusterNode"
LOST: Final = "Lost Comm"
"""Status of a node that is not heard."""
CIM_OBJECT_PATH: Final = 2
"""Value of AlertingElementFormat."""
_NODE: Final = 1
_CRM: Final = 4
"""Values of Type."""


def alert(about: Ref, kind: int, message_id: str, text: str, **values: Value) -> Event:
    """Return an alert about an object; `kind` is the value of Type."""
    element = path_text(about)
    common: Mapping[str, Value] = {
        "AlertingManagedElement": element,
        "AlertingElementFormat": CIM_OBJECT_PATH,
        "SystemCreationClassName": CLUSTER_CLASS,
        "SystemName": CLUSTER_NAME,
        "ProviderName": "beatkeeper",
        "OwningEntity": "Linux-HA",
        "MessageID": message_id,
        "Message": text,
        "Type": kind,
        "EventID": f"{message_id}:{element}",
    }
    return Event(ALERT_CLASS, MODEL, {**common, **values}, f"{message_id} {element}")


def _cluster(change: Difference) -> Iterator[Event]:
    """Say that the configuration has changed, in the words that old listeners know."""
    name = "ConfigurationRevision"
    if change.before and change.after and change.before.get(name) != change.after.get(name):
        text = "Got an indication: evt:cib_changed"
        about = cluster_ref(MODEL)
        yield alert(about, _CRM, "LHA034", text, AlertType=7, PerceivedSeverity=2, ProbableCause=1)


def _node(change: Difference) -> Iterator[Event]:
    """Say that a node is lost, and that it is back; both have the same EventID."""
    name = str(dict(change.ref.keys)["Name"])
    before, after = change.before or {}, change.after or {}
    was_lost, is_lost = before.get("Status") == LOST, after.get("Status") == LOST
    event_id = f"node-lost:{name}"
    if is_lost and not was_lost:
        yield alert(
            change.ref,
            _NODE,
            "LHA003",
            f"node {name} is lost",
            AlertType=2,
            PerceivedSeverity=6,
            ProbableCause=72,
            EventID=event_id,
        )
    elif was_lost and not is_lost and change.after is not None:
        yield alert(
            change.ref,
            _NODE,
            "LHA001",
            f"node {name} is back",
            AlertType=2,
            PerceivedSeverity=2,
            ProbableCause=59,
            EventID=event_id,
        )


ROWS: Final[Mapping[str, Callable[[Difference], Iterator[Event]]]] = {
    CLUSTER_CLASS: _cluster,
    NODE_CLASS: _node,
}
"""The alerts of each class, by its name."""
WATCHED: Final[Watched] = frozenset((MODEL, name) for name in ROWS)
"""What must be watched for the sake of alerts."""


def alerts_of(change: Difference) -> Iterator[Event]:
    """Yield the alerts of a difference."""
    row = ROWS.get(change.ref.class_name)
    return iter(()) if row is None else row(change)
