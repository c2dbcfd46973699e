"""Alerts as a configuration file says them, both ways.

Owns: the names that keys of the file have in the values. A recipient of whom no more than the
value is said is that text alone.
"""

from typing import Any

from ha_core.config.alerts import Alert, Recipient
from ha_core.config.kinds import show_duration

_FIELDS = {
    "timeout": "timeout_ms",
    **{name: name for name in ("description", "timestamp_format", "enabled")},
}


def alert_of(name: str, raw: dict[str, Any]) -> Alert:
    """Return the alert that the file's values make."""
    return Alert(
        name,
        raw.get("path", ""),
        select=tuple(raw.get("select", ())),
        attributes=tuple(raw.get("attributes", ())),
        recipients=tuple(_recipient(item) for item in raw.get("recipients", ())),
        **_said(raw),
    )


def alert_as_plain(alert: Alert) -> dict[str, object]:
    """Return the alert as plain values, shaped like the file."""
    found: dict[str, object] = {"path": alert.path, **_plain(alert)}
    lists: dict[str, list[object]] = {
        "select": [str(kind) for kind in alert.select],
        "attributes": list(alert.attributes),
        "recipients": [_recipient_as_plain(item) for item in alert.recipients],
    }
    return found | {name: items for name, items in lists.items() if items}


def _recipient(raw: str | dict[str, Any]) -> Recipient:
    if isinstance(raw, str):
        return Recipient(raw)
    return Recipient(raw.get("value", ""), **_said(raw))


def _recipient_as_plain(item: Recipient) -> str | dict[str, object]:
    more = _plain(item)
    return {"value": item.value, **more} if more else item.value


def _said(raw: dict[str, Any]) -> dict[str, Any]:
    found = {field: raw[name] for name, field in _FIELDS.items() if name in raw}
    return {**found, "parameters": tuple(raw.get("parameters", {}).items())}


def _plain(item: Alert | Recipient) -> dict[str, object]:
    found: dict[str, object] = {"description": item.description}
    found["parameters"] = dict(item.parameters)
    found["timeout"] = "" if item.timeout_ms is None else show_duration(item.timeout_ms)
    found["timestamp_format"] = item.timestamp_format
    found = {name: value for name, value in found.items() if value}
    return found if item.enabled is None else {**found, "enabled": item.enabled}
