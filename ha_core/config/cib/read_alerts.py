"""Alerts of a CIB, read as our file says them.

Owns: these elements. What has no place here stays unread, and the ledger tells of it.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.config import limits
from ha_core.config.alerts import AlertKind
from ha_core.config.cib.form import Plain
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.read_resources import duration
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_SELECTED: Final = {f"select_{kind}": kind for kind in AlertKind}


def read_alerts(
    source: Source, ledger: Ledger, names: Names, own: Plain, elements: Iterable[Element]
) -> Plain:
    """Return the alerts by name; `own`: pairs of our own, of which those with names are taken."""
    found: Plain = {}
    for element in elements:
        wanted = own.pop(f"alerts.{element.id}.name", element.id)
        name = names.alert(element, wanted)
        found[name] = {"path": ledger.take(element, "path")} | _common(source, ledger, element)
        for select in element.all("select"):
            found[name] |= _selection(ledger, select)
        recipients = [_recipient(source, ledger, item) for item in element.all("recipient")]
        if recipients:
            found[name]["recipients"] = recipients
    return found


def _recipient(source: Source, ledger: Ledger, element: Element) -> object:
    value, more = ledger.take(element, "value"), _common(source, ledger, element)
    return {"value": value, **more} if more else value


def _common(source: Source, ledger: Ledger, element: Element) -> Plain:
    """Return what alerts and recipients may say alike."""
    meta = Pairs(source, ledger, "meta_attributes", element)
    pairs = Pairs(source, ledger, "instance_attributes", element)
    parameters = {}
    for name in pairs.names():
        if not limits.PARAMETER.fullmatch(name):
            pairs.drop(name, f"allowed: {limits.PARAMETER_ALLOWED}")
        elif (text := pairs.text(name)) is not None:
            parameters[name] = text
    timeout_ms = meta.value(values.milliseconds, "timeout")
    found: Plain = {"description": ledger.take(element, "description"), "parameters": parameters}
    found["timeout"] = "" if timeout_ms is None else duration(f"{timeout_ms}ms")
    found["timestamp_format"] = meta.text("timestamp-format") or ""
    found = {name: value for name, value in found.items() if value}
    enabled = meta.value(values.boolean, "enabled")
    return found if enabled is None else {**found, "enabled": enabled}


def _selection(ledger: Ledger, select: Element) -> Plain:
    ledger.see(select)
    kinds: list[str] = []
    attributes: list[str] = []
    for child in select.children:
        kind = _SELECTED.get(child.tag)
        if kind is None or str(kind) in kinds:
            continue
        ledger.see(child)
        kinds.append(str(kind))
        if kind is AlertKind.ATTRIBUTES:
            attributes += [ledger.take(item, "name") for item in child.all("attribute")]
    found: Plain = {"select": kinds, "attributes": attributes}
    return {name: items for name, items in found.items() if items}
