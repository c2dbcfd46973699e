"""Rhythm of recurring monitors."""

from ha_core.config.model import Operation
from ha_core.ids import ResourceId
from ha_core.transition.recurring import Recurring

WEB, DB = ResourceId("web"), ResourceId("db")


def test_first_monitor_runs_one_interval_after_the_start() -> None:
    recurring = Recurring()
    recurring.begin(WEB, [Operation("monitor", 1000), Operation("monitor", 400, depth=10)], 50)
    assert recurring.next_due()[WEB] == 450
    assert recurring.take_due(WEB, 449) is None
    found = recurring.take_due(WEB, 450)
    assert found is not None
    assert found.depth == 10
    assert recurring.next_due()[WEB] == 850


def test_missed_times_are_skipped_and_the_rhythm_is_kept() -> None:
    recurring = Recurring()
    recurring.begin(WEB, [Operation("monitor", 1000)], 0)
    assert recurring.take_due(WEB, 3700) is not None
    assert recurring.take_due(WEB, 3700) is None
    assert recurring.next_due()[WEB] == 4000


def test_ended_monitors_are_due_no_more() -> None:
    recurring = Recurring()
    recurring.begin(WEB, [Operation("monitor", 1000)], 0)
    recurring.begin(DB, [Operation("monitor", 1000)], 0)
    recurring.end(WEB)
    recurring.end(WEB)
    assert recurring.resources() == (DB,)
    assert WEB not in recurring.next_due()
    assert recurring.take_due(WEB, 9000) is None
