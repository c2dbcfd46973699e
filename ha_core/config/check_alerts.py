"""What alerts must satisfy.

Owns: these rules. Nothing calls the programs, so that nobody looks whether they are there.
"""

from collections.abc import Iterable

from ha_core.config import limits
from ha_core.config.alerts import Alert, AlertKind, Recipient
from ha_core.config.check_resources import bad_parameters
from ha_core.config.faults import Fault, bad_name, bad_text, bad_time, repeated, too_many
from ha_core.config.model import Configuration


def alert_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of alerts and their recipients."""
    alerts = configuration.alerts
    yield from repeated("alerts", (item.id for item in alerts))
    yield from too_many("alerts", len(alerts), limits.ALERTS_MAX, "alerts")
    for alert in alerts:
        path = f"alerts.{alert.id}"
        is_id = bool(limits.ID.fullmatch(alert.id))
        yield from bad_name(path, alert.id, is_id, limits.ID_ALLOWED)
        if not alert.path:
            yield Fault(f"{path}.path", "is ''; allowed: the path of a program")
        yield from bad_text(f"{path}.path", alert.path)
        yield from _common(path, alert)
        yield from _selection(path, alert)
        most, found = limits.RECIPIENTS_MAX, len(alert.recipients)
        yield from too_many(f"{path}.recipients", found, most, "recipients")
        for number, recipient in enumerate(alert.recipients):
            place = f"{path}.recipients[{number}]"
            yield from bad_text(f"{place}.value", recipient.value)
            yield from _common(place, recipient)


def _common(path: str, item: Alert | Recipient) -> Iterable[Fault]:
    yield from bad_text(f"{path}.description", item.description)
    yield from bad_text(f"{path}.timestamp_format", item.timestamp_format)
    yield from bad_parameters(f"{path}.parameters", item.parameters)
    if item.timeout_ms is not None:
        yield from bad_time(f"{path}.timeout", item.timeout_ms, limits.TIMEOUT_MS_MIN)


def _selection(path: str, alert: Alert) -> Iterable[Fault]:
    yield from repeated(f"{path}.select", map(str, alert.select))
    yield from repeated(f"{path}.attributes", alert.attributes)
    for number, name in enumerate(alert.attributes):
        yield from bad_text(f"{path}.attributes[{number}]", name)
    if alert.attributes and AlertKind.ATTRIBUTES not in alert.select:
        text = "names attributes, which 'select' does not have; allowed: with 'attributes' there"
        yield Fault(f"{path}.attributes", text)
