"""Alerts of the server's own: who could not log in, and who was refused."""

import asyncio
from collections.abc import Sequence

from cim_provider.indications.keeper_events import Alert
from cim_provider.server.alarms import GAP_S, KNOWN_MAX, AccessAlarms, WatchedAudit
from cim_provider.server.audit import LogAudit


class Raised:
    """Notes the alerts."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.now_s = 0.0

    async def take(self, alerts: Sequence[Alert]) -> None:
        """Take what is raised."""
        self.alerts += alerts

    def alarms(self) -> AccessAlarms:
        """Return what raises here."""
        return AccessAlarms(self.take, lambda: self.now_s)


def test_one_alert_a_minute_for_each_user_and_address() -> None:
    raised = Raised()

    async def work() -> None:
        alarms = raised.alarms()
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            alarms.login_failed("user ann", address)
        raised.now_s = GAP_S
        alarms.login_failed("user ann", "10.0.0.1")
        for number in range(2 * KNOWN_MAX):
            alarms.login_failed("an unknown user", f"host {number}")
        await asyncio.sleep(0)

    asyncio.run(work())
    told = [each.values["MessageArguments"] for each in raised.alerts]
    assert told[:3] == [
        ("user ann", "10.0.0.1"),
        ("user ann", "10.0.0.2"),
        ("user ann", "10.0.0.1"),
    ]
    assert len(told) == 3 + KNOWN_MAX - 1
    assert {each.values["MessageID"] for each in raised.alerts} == {"LHA038"}
    assert {each.values["ProbableCause"] for each in raised.alerts} == {60}


def test_what_is_denied_is_told_and_other_refusals_are_not() -> None:
    raised = Raised()

    async def work() -> None:
        audit = WatchedAudit(LogAudit(), raised.alarms())
        common: dict[str, object] = {"user": "ann", "address": "10.0.0.1", "result": "refused"}
        await audit.record({**common, "code": 6, "text": "not found"})
        await audit.record({**common, "code": 2, "text": "role view may not write"})
        await asyncio.sleep(0)

    asyncio.run(work())
    (only,) = raised.alerts
    assert (only.values["MessageID"], only.values["AlertType"]) == ("LHA037", 8)
    assert "role view may not write" in str(only.values["Message"])


def test_a_change_of_the_configuration_that_makes_no_sense_is_told() -> None:
    raised = Raised()

    async def work() -> None:
        audit = WatchedAudit(LogAudit(), raised.alarms())
        common: dict[str, object] = {"user": "ann", "address": "10.0.0.1", "code": 4}
        entry = {**common, "operation": "CreateInstance", "text": "agent nope is unknown"}
        await audit.record({**entry, "namespace": "interop"})
        await audit.record({**entry, "namespace": "root/cimv2"})
        await asyncio.sleep(0)

    asyncio.run(work())
    (only,) = raised.alerts
    assert only.values["MessageID"] == "LHA035"
    assert only.values["PerceivedSeverity"] == 2, "nothing was changed: nothing need be cleared"
    assert "agent nope is unknown" in str(only.values["Message"])
