"""Who counts as a stranger: not a single frame, not for ever, and never more than a few."""

from ha_core.ids import LinkName
from ha_core.runtime.strangers import QUIET_MS, STANDS_MS, STRANGERS_MAX, Strangers

RING0 = LinkName("ring0")
WHY = "a frame from 'x' is for another cluster"


def hosts(strangers: Strangers) -> list[str]:
    """Return the addresses that stand."""
    return [item.host for item in strangers.standing()]


def test_single_frame_is_nobodys_business() -> None:
    strangers = Strangers()
    assert not strangers.heard(RING0, "192.0.2.9", WHY, 1000)
    assert not strangers.forget(1000 + QUIET_MS)
    assert hosts(strangers) == []
    assert strangers.look_after_ms() is None


def test_who_goes_on_stands_from_the_first_frame_on_until_it_has_stopped() -> None:
    strangers = Strangers()
    told = [strangers.heard(RING0, "192.0.2.9", WHY, at) for at in range(1000, 5000, 500)]
    assert told.count(True) == 1
    assert [(item.since_ms, item.text) for item in strangers.standing()] == [(1000, WHY)]
    assert not strangers.forget(4500 + QUIET_MS - 1)
    assert strangers.forget(4500 + QUIET_MS)
    assert hosts(strangers) == []


def test_first_one_comes_first() -> None:
    strangers = Strangers()
    for at in (1000, 1000 + STANDS_MS):
        for number in (3, 1, 2):
            strangers.heard(RING0, f"192.0.2.{number}", WHY, at + 10 - number)
    assert hosts(strangers) == ["192.0.2.3", "192.0.2.2", "192.0.2.1"]


def test_made_up_senders_take_no_more_than_their_room() -> None:
    strangers = Strangers()
    for at in (1000, 1000 + STANDS_MS):
        for number in range(200):
            strangers.heard(RING0, f"192.0.2.{number}", WHY, at)
    assert len(hosts(strangers)) == STRANGERS_MAX
