"""What a node takes from people before the coordinator is asked."""

import pytest

from ha_core.commands import Command, Fail, Replan, SetTargetRole
from ha_core.coordinator.desk import REASON_MAX, Inbox
from ha_core.events import CommandGiven
from ha_core.ids import ResourceId

WEB = ResourceId("web")


def refusals(command: Command) -> list[tuple[str, str]]:
    """Return what is answered at once."""
    found = Inbox().take(CommandGiven("1", "eva", command), (), 1000, 0)
    return [(each.outcome.code, each.outcome.text) for each in found]


@pytest.mark.parametrize("reason", ["x" * (REASON_MAX + 1), "a\0b", "\ud800"])
def test_reason_that_the_log_should_not_have_is_refused(reason: str) -> None:
    for command in (SetTargetRole(WEB, None, reason), Fail(WEB, None, reason)):
        ((code, text),) = refusals(command)
        assert code == "invalid"
        assert text.startswith(f"the reason has {len(reason)} characters; allowed: at most 4096")


@pytest.mark.parametrize(
    "command", [Replan(), SetTargetRole(WEB, None, "x" * REASON_MAX), Fail(WEB, None, "Zürich\n")]
)
def test_any_other_is_taken(command: Command) -> None:
    assert refusals(command) == []
