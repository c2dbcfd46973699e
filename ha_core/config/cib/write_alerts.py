"""Alerts as elements of a CIB.

Owns: these elements. Source: Pacemaker Explained, "Alerts"; the schema alerts-3.9.
"""

from collections.abc import Callable

from ha_core.config.alerts import Alert, AlertKind, Recipient
from ha_core.config.cib.form import Ids, make, show_time
from ha_core.policy.cib.tree import Element

Pairs = Callable[[Element, str, str, dict[str, str]], None]
"""Adds a block of name-value pairs: parent, tag, id, values."""


def alert_element(alert: Alert, key: str, ids: Ids, pairs: Pairs) -> Element:
    """Return the alert's element, called `key`."""
    element = make("alert", {"id": key, "path": alert.path, **_about(alert)})
    _blocks(element, alert, pairs)
    if alert.select:
        element.children.append(_select(alert, key, ids))
    for number, item in enumerate(alert.recipients, 1):
        name = ids.take(f"{key}-recipient-{number}", "recipient")
        child = make("recipient", {"id": name, "value": item.value, **_about(item)})
        _blocks(child, item, pairs)
        element.children.append(child)
    return element


def _about(item: Alert | Recipient) -> dict[str, str]:
    return {"description": item.description} if item.description else {}


def _blocks(element: Element, item: Alert | Recipient, pairs: Pairs) -> None:
    meta = {}
    if item.timeout_ms is not None:
        meta["timeout"] = show_time(item.timeout_ms)
    if item.timestamp_format:
        meta["timestamp-format"] = item.timestamp_format
    if item.enabled is not None:
        meta["enabled"] = "true" if item.enabled else "false"
    pairs(element, "meta_attributes", f"{element.id}-meta_attributes", meta)
    tag = "instance_attributes"
    pairs(element, tag, f"{element.id}-{tag}", dict(item.parameters))


def _select(alert: Alert, key: str, ids: Ids) -> Element:
    found = make("select", {})
    for kind in alert.select:
        child = make(f"select_{kind}", {})
        found.children.append(child)
        for name in alert.attributes if kind is AlertKind.ATTRIBUTES else ():
            words = {"id": ids.take(f"{key}-attribute-{name}", "attribute"), "name": name}
            child.children.append(make("attribute", words))
    return found
