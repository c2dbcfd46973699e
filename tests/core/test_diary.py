"""The diary of a node, and how nodes tell each other what stands in theirs."""

from dataclasses import replace

import pytest

from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.diary import REFRESH_MS, Diary
from ha_core.effects import RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.exchange import ITEMS_PER_MESSAGE, PATIENCE_MAX, Exchange
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.messages import Told, ToldTaken
from ha_core.observed import Item, LinkStanding, OperationResult
from ha_core.snapshot import LinkMoment, LinkSummary

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
WALL_MS = 1_700_000_000_000


def operation(number: int, action: str = "monitor", interval_ms: int = 10_000) -> RunOperation:
    primitive = Primitive(ResourceId("web"), AgentRef(AgentClass.PROCESS))
    return RunOperation(number, primitive, action, 1000, interval_ms=interval_ms)


def ran(diary: Diary, number: int, wall_ms: int = WALL_MS, code: int = 0, **of: object) -> None:
    """Let an operation begin and end."""
    diary.began(operation(number, **of))  # type: ignore[arg-type]  # fields by their names
    diary.ended(OperationDone(number, code, duration_ms=5, output="one\ntwo"), wall_ms)


def results(diary: Diary, since: int = 0) -> list[OperationResult]:
    items, _ = diary.since(since, 100)
    return [item for item in items if isinstance(item, OperationResult)]


def path(*, up: bool = True, history: tuple[LinkMoment, ...] = (), loss: int = 0) -> LinkSummary:
    return LinkSummary(N2, LinkName("ring0"), up, 0, 50, len(history), loss, history)


def test_last_result_of_each_operation_is_kept_with_its_times() -> None:
    diary = Diary(N1)
    ran(diary, 1, action="start", interval_ms=0)
    ran(diary, 2, code=7, wall_ms=WALL_MS + 5)
    start, monitor = results(diary)
    assert (start.action, start.exit_code, start.at_wall_ms) == ("start", 0, WALL_MS)
    assert (monitor.exit_code, monitor.expected, monitor.call) == (7, 0, 2)
    assert monitor.output == ("one", "two")


def test_getting_ready_is_no_result_of_an_operation() -> None:
    diary = Diary(N1)
    ran(diary, -1, action="prepare", interval_ms=0)
    ran(diary, 1, action="start", interval_ms=0)
    assert [each.action for each in results(diary)] == ["start"]


@pytest.mark.parametrize(
    ("action", "interval_ms", "code", "expected"),
    [
        ("monitor", 0, 7, 7),
        ("monitor", 10_000, 7, 0),
        ("monitor", 10_000, 8, 8),
        ("start", 0, 7, 0),
        ("stop", 0, 0, 0),
    ],
)
def test_which_exit_code_is_right_depends_on_the_operation(
    action: str, interval_ms: int, code: int, expected: int
) -> None:
    diary = Diary(N1)
    ran(diary, 1, code=code, action=action, interval_ms=interval_ms)
    assert [(each.exit_code, each.expected) for each in results(diary)] == [(code, expected)]


def test_recurring_operation_that_goes_as_it_went_is_told_once_a_minute() -> None:
    diary = Diary(N1)
    ran(diary, 1)
    ran(diary, 2, WALL_MS + 1)
    known = diary.number
    ran(diary, 3, WALL_MS + 2)
    ran(diary, 4, WALL_MS + REFRESH_MS - 1)
    assert diary.number == known
    ran(diary, 5, WALL_MS + 1 + REFRESH_MS)
    (newest,) = results(diary, known)
    assert (newest.at_wall_ms, newest.since_wall_ms) == (WALL_MS + 1 + REFRESH_MS, WALL_MS)


def test_other_outcome_is_told_at_once() -> None:
    diary = Diary(N1)
    ran(diary, 1)
    known = diary.number
    ran(diary, 2, WALL_MS + 9, code=7)
    (newest,) = results(diary, known)
    assert (newest.exit_code, newest.since_wall_ms) == (7, WALL_MS + 9)


def test_start_that_the_lease_forbade_is_no_result() -> None:
    diary = Diary(N1)
    diary.began(operation(1, "start", 0))
    diary.ended(OperationDone(1, 1, reason=LEASE_RAN_OUT), WALL_MS)
    diary.ended(OperationDone(77, 0), WALL_MS)
    assert not results(diary)


def test_operation_that_was_given_up_leaves_the_last_result_as_it_was() -> None:
    diary = Diary(N1)
    ran(diary, 1)
    known = results(diary)
    diary.began(operation(2))
    diary.cancelled(2)
    diary.ended(OperationDone(2, 1, reason="the operation was cancelled"), WALL_MS + 9)
    assert results(diary) == known


def test_secret_that_is_part_of_another_leaves_nothing_of_that_one() -> None:
    diary = Diary(N1)
    parameters = (("password", "sesame"), ("token", "sesame-seed"))
    began = operation(1, "start", 0)
    diary.began(replace(began, primitive=replace(began.primitive, parameters=parameters)))
    diary.ended(OperationDone(1, 1, reason="sent sesame-seed"), WALL_MS)
    assert [each.reason for each in results(diary)] == ["sent (hidden)"]


def test_secret_that_an_agent_has_said_is_blotted_out() -> None:
    diary = Diary(N1)
    parameters = (("password", "sesame"), ("state", "/run/web"), ("token", ""))
    began = operation(1, "start", 0)
    diary.began(replace(began, primitive=replace(began.primitive, parameters=parameters)))
    said = "connected to /run/web with sesame"
    diary.ended(OperationDone(1, 1, reason=said, output=f"{said}\nno"), WALL_MS)
    (found,) = results(diary)
    assert found.reason == "connected to /run/web with (hidden)"
    assert found.output == ("connected to /run/web with (hidden)", "no")


def test_links_are_told_when_they_change_and_not_with_every_heartbeat() -> None:
    diary = Diary(N1)
    diary.hears([path(loss=11)])
    known = diary.number
    diary.hears([path(loss=19)])
    assert diary.number == known
    moment = LinkMoment(WALL_MS, False, "silent")
    diary.hears([path(up=False, history=(moment,))])
    (item,), _ = diary.since(known, 10)
    assert item == LinkStanding(
        N1, N2, LinkName("ring0"), False, WALL_MS, 1, 0, "silent", flaps=False
    )
    diary.hears([])
    assert diary.since(0, 10)[0] == ()


def test_link_that_comes_and_goes_flaps() -> None:
    diary = Diary(N1)
    moments = tuple(LinkMoment(WALL_MS + n, bool(n % 2), "") for n in range(4))
    diary.hears([path(history=moments)])
    ((item,), _) = diary.since(0, 10)
    assert isinstance(item, LinkStanding)
    assert item.flaps
    diary.hears([replace(path(history=moments), since_ms=60_000)])
    ((item,), _) = diary.since(0, 10)
    assert isinstance(item, LinkStanding)
    assert not item.flaps


def test_pages_of_a_diary_join_without_a_gap() -> None:
    diary = Diary(N1)
    for number in range(1, 8):
        ran(diary, number, interval_ms=number)
    found: list[Item] = []
    through = 0
    while True:
        page, through = diary.since(through, 3)
        if not page:
            break
        found += page
    assert [item.interval_ms for item in found if isinstance(item, OperationResult)] == [
        *range(1, 8)
    ]
    assert diary.since(10_000, 100)[0] == tuple(found), "another diary's number begins anew"


class Pair:
    """Two nodes that exchange their diaries."""

    def __init__(self) -> None:
        self.diary, self.other = Diary(N1), Diary(N2)
        self.here = Exchange(N1, 5, self.diary)
        self.there = Exchange(N2, 6, self.other)

    def step(self) -> int:
        """Let n1 tell n2 what is due; return how many messages that took."""
        count = 0
        for to, message in self.here.step([N2]):
            assert to == N2
            told: Told | None = message
            while told is not None:
                count += 1
                told = self.here.taken(N2, self.there.told(N1, 5, told))
        return count


def test_all_of_a_diary_gets_to_the_other_node_and_then_nothing_more_is_sent() -> None:
    pair = Pair()
    for number in range(1, 2 * ITEMS_PER_MESSAGE):
        ran(pair.diary, number, interval_ms=number)
    assert pair.step() == 2
    assert pair.other.since(0, 1000)[0] == pair.diary.since(0, 1000)[0]
    assert [pair.step() for _ in range(5)] == [0] * 5
    ran(pair.diary, 999, code=1, interval_ms=1)
    assert pair.step() + pair.step() == 1


def test_node_that_does_not_answer_is_told_more_and_more_rarely() -> None:
    pair = Pair()
    ran(pair.diary, 1)
    sent = sum(len(list(pair.here.step([N2]))) for _ in range(4 * PATIENCE_MAX))
    assert 0 < sent < 12


def test_node_that_begins_anew_is_told_everything_again() -> None:
    pair = Pair()
    ran(pair.diary, 1)
    pair.here.heard(N2, 6)
    assert pair.step() == 1
    pair.other = Diary(N2)
    pair.there = Exchange(N2, 7, pair.other)
    pair.here.heard(N2, 7)
    assert pair.step() == 1
    assert results(pair.other)


def test_new_start_of_a_teller_replaces_what_its_last_one_told() -> None:
    pair = Pair()
    ran(pair.diary, 1, action="start", interval_ms=0)
    pair.step()
    later = Diary(N1)
    ran(later, 1, action="stop", interval_ms=0)
    ((_, message),) = Exchange(N1, 9, later).step([N2])
    assert pair.there.told(N1, 9, message) == ToldTaken(9, later.number)
    assert [each.action for each in results(pair.other)] == ["stop"]


def test_part_that_does_not_follow_and_word_of_another_start_are_not_taken() -> None:
    pair = Pair()
    stray = Told(7, 9, (OperationResult(N1, ResourceId("web"), "stop"),))
    assert pair.there.told(N1, 5, stray) == ToldTaken(5, 0)
    ran(pair.diary, 1)
    list(pair.here.step([N2]))
    assert pair.here.taken(N2, ToldTaken(4, 500)) is None
    for _ in range(3):
        pair.step()
    assert results(pair.other), "the number of another start was not taken for ours"


def test_node_tells_of_itself_alone() -> None:
    pair = Pair()
    forged = Told(0, 3, (OperationResult(N3, ResourceId("web"), "stop"),))
    pair.there.told(N1, 5, forged)
    forged = Told(3, 4, (OperationResult(N2, ResourceId("web"), "stop"),))
    pair.there.told(N1, 5, forged)
    assert not results(pair.other)
