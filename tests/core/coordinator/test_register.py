"""Events reach every journal, whoever numbered them and whatever became of that coordinator."""

from dataclasses import replace

from hypothesis import given, strategies as st

from ha_core.coordinator.notebook import EVENTS_PER_REPORT, NUMBERED_KEPT, Notebook
from ha_core.coordinator.register import EVENTS_PER_TERM, PER_VIEW, Register
from ha_core.ids import NodeName
from ha_core.journal import RECENT, Head, Holdings, Journaled, JournalEvent, Start

A, B = NodeName("a"), NodeName("b")
OF_A = Start(A, 1)
EMPTY = Journaled()


def event(node: NodeName, local_seq: int, seq: int = 0) -> JournalEvent:
    return JournalEvent(node, 1, local_seq, 0, "link-up", "eth0", "eth0 is up", seq=seq)


def notebook(*kinds: str) -> Notebook:
    made = Notebook(A, 1, EMPTY)
    for kind in kinds:
        made.note(kind, "eth0", "", "", "", 0)
    return made


def told(register: Register, to: Register) -> None:
    """Hand on what a node lacks, a view at a time."""
    while page := register.since(to.last_seq):
        for each in page:
            to.learn(each)


def names(register: Register) -> set[tuple[Start, int]]:
    return {each.name for each in register.since(0)}


def test_numbers_grow_across_terms_and_no_event_gets_two() -> None:
    register = Register(EMPTY)
    first = register.number([event(A, 1), event(A, 2)], 3)
    assert [each.seq for each in first] == [3 * EVENTS_PER_TERM + 1, 3 * EVENTS_PER_TERM + 2]
    assert register.number([event(A, 2), event(A, 3)], 4)[0].seq == 4 * EVENTS_PER_TERM + 1


def test_what_a_deposed_coordinator_numbered_alone_is_told_to_its_successor() -> None:
    deposed = notebook("link-down", "link-up")
    deposed.number_own(1)
    assert not deposed.has_unnumbered
    deposed.heard(0, ())
    assert deposed.has_news
    assert [each.local_seq for each in deposed.to_report()] == [1, 2]
    successor = Register(EMPTY)
    for each in successor.number(deposed.to_report(), 2):
        assert not deposed.learn(each)  # it has it already
    assert not deposed.has_news
    deposed.heard(successor.head(OF_A), ())
    assert deposed.to_report() == ()


def test_what_comes_back_late_is_told_before_what_came_after() -> None:
    node = notebook(*["link-up"] * 40)
    node.number_own(1)
    node.note("link-down", "eth0", "", "", "", 0)
    node.heard(2, ())
    reports = []
    while node.has_news:
        report = node.to_report()
        assert len(report) <= EVENTS_PER_REPORT
        reports += [each.local_seq for each in report]
        node.heard(reports[-1], ())
    assert reports == list(range(3, 42))


def test_what_was_numbered_long_ago_is_forgotten() -> None:
    node = notebook(*["link-up"] * 200)
    node.heard(200, ())
    node.heard(0, ())
    assert node.to_report()[0].local_seq == 200 - NUMBERED_KEPT + 1


def test_a_coordinator_is_told_of_starts_of_others_that_it_lacks() -> None:
    node = Notebook(B, 1, EMPTY)
    for each in Register(EMPTY).number([event(A, 1), event(A, 2), event(A, 3)], 1):
        node.learn(each)
    node.heard(0, (Head(OF_A, 1),))
    assert [each.local_seq for each in node.to_report()] == [2, 3]
    node.heard(0, (Head(OF_A, 3),))
    assert not node.has_news


def test_a_node_is_given_what_it_passed_by() -> None:
    """It heard of a later event from a coordinator that had not got an earlier one."""
    ahead, behind = Register(EMPTY), Register(EMPTY)
    ahead.number([event(A, 1), event(A, 2)], 1)
    for register in (ahead, behind):
        register.learn(event(B, 1, 2 * EVENTS_PER_TERM + 1))
    ahead.number([event(A, 3)], 3)
    told(ahead, behind)
    assert behind.head(OF_A) == 3  # and so would never take the first two
    behind = Register(EMPTY)
    behind.learn(event(B, 1, 2 * EVENTS_PER_TERM + 1))
    ahead.renumber(behind.holdings(), behind.last_seq, 3)
    told(ahead, behind)
    assert names(behind) == names(ahead)
    assert [e.local_seq for e in behind.since(0) if e.node == A] == [1, 2, 3]


def test_what_lies_before_the_newest_that_a_node_keeps_is_not_numbered_again() -> None:
    ahead = Register(EMPTY)
    ahead.number([event(A, n) for n in range(1, RECENT + 1)], 1)
    before = ahead.last_seq
    ahead.renumber(Holdings(before, ()), before, 2)
    assert ahead.last_seq == before


def test_a_start_from_disk_knows_what_was_known() -> None:
    register = Register(EMPTY)
    kept = tuple(register.number([event(A, 1), event(A, 2)], 1))
    found = Register(Journaled(kept[-1].seq, kept[1:], (Head(OF_A, 2),)))
    assert found.last_seq == register.last_seq
    assert not found.number([event(A, 1), event(A, 2)], 2)
    assert found.holdings() == Holdings(0, (Head(OF_A, 2),))


@given(st.data())
def test_journals_agree_after_any_history_of_coordinators(data: st.DataObject) -> None:
    """Three nodes notice, coordinate and tell as chance will have it, then one tells all."""
    starts = [NodeName(name) for name in "abc"]
    books = [Notebook(name, 1, EMPTY) for name in starts]
    for term in range(1, data.draw(st.integers(2, 6)) + 1):
        leader = data.draw(st.sampled_from(books))
        heard = data.draw(st.lists(st.sampled_from(books), unique=True, max_size=3))
        _lead(leader, heard, term, data)
    _lead(books[0], books, 100, None)
    have = [names_of(book) for book in books]
    assert have[0] == have[1] == have[2]
    for book in books:
        kept = [each for each in book.register.since(0) if each.node == starts[0]]
        assert [each.local_seq for each in kept] == sorted(each.local_seq for each in kept)


def names_of(book: Notebook) -> set[tuple[Start, int]]:
    found, seq = set(), 0
    while page := book.register.since(seq):
        found |= {each.name for each in page}
        seq = page[-1].seq
    return found


def _lead(leader: Notebook, others: list[Notebook], term: int, data: st.DataObject | None) -> None:
    """Let one coordinate: nodes that it reaches compare, report, and get views, in any order."""
    register = leader.register
    wants: dict[int, tuple[Head, ...]] = {}
    for other in others:
        if other is not leader:
            known = other.register.holdings()
            wants[id(other)] = known.heads
            register.renumber(known, other.register.last_seq, term)
    rounds = data.draw(st.integers(0, 3)) if data is not None else 20
    for _ in range(rounds):
        for other in [leader, *others]:
            if data is not None and data.draw(st.booleans()):
                other.note("link-up", "eth0", "", "", "", 0)
            if other is leader:
                leader.number_own(term)
            elif data is None or data.draw(st.booleans()):
                _exchange(leader, other, wants[id(other)], term)


def _exchange(leader: Notebook, other: Notebook, told_heads: tuple[Head, ...], term: int) -> None:
    register = leader.register
    lacking = [head for head in told_heads if head.local_seq > register.head(head.start)]
    wanted = tuple(Head(head.start, register.head(head.start)) for head in lacking)
    other.heard(register.head(other._start), wanted)
    leader.number(other.to_report(), term)
    for each in register.since(other.register.last_seq)[:PER_VIEW]:
        other.learn(replace(each))
