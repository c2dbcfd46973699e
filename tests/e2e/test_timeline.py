"""The arithmetic of the outside prober: what counts as two owners, and what only looks like it."""

from itertools import pairwise

import pytest

from tests.e2e.timeline import (
    MS,
    Answer,
    dual_ms,
    overlaps,
    read,
    silence_ms,
    stretches,
    told,
)


def answers(node: str, first: int, last: int, flight: int = 1, kind: str = "udp") -> list[Answer]:
    """Return answers to questions every 5 ms; each takes `flight` ms."""
    times = range(first, last + 1, 5)
    return [Answer(kind, node, at * MS, (at + flight) * MS) for at in times]


def test_one_owner_after_the_other_is_no_overlap() -> None:
    assert dual_ms(answers("n1", 0, 500) + answers("n2", 505, 900)) == 0
    assert len(stretches(answers("n1", 0, 500) + answers("n1", 700, 900))) == 2


def test_two_owners_at_once_are_found_and_measured() -> None:
    both = answers("n1", 0, 500) + answers("n2", 300, 900)
    assert [set(item.nodes) for item in overlaps(stretches(both))] == [{"n1", "n2"}]
    assert dual_ms(both) == 199  # from 301, when n2 was heard, to 500, when n1 was last asked


def test_kinds_of_answers_count_together() -> None:
    assert dual_ms(answers("n1", 0, 500) + answers("n2", 300, 900, kind="arp")) > 0


def test_single_answer_amid_another_s_is_an_overlap() -> None:
    assert dual_ms(answers("n1", 0, 500) + answers("n2", 250, 250)) == 5
    assert dual_ms(answers("n1", 0, 500) + answers("n2", 498, 498, flight=9)) == 0


def test_answers_in_flight_at_the_change_prove_nothing() -> None:
    late = [Answer("udp", "n1", 500 * MS, 620 * MS)]
    assert dual_ms(answers("n1", 0, 495) + late + answers("n2", 502, 900)) == 0


def test_return_to_an_earlier_owner_is_no_overlap() -> None:
    there_and_back = answers("n1", 0, 500) + answers("n2", 510, 800) + answers("n1", 810, 900)
    assert dual_ms(there_and_back) == 0


def test_owners_that_take_turns_at_every_question_are_two_at_once() -> None:
    mixed = [Answer("udp", f"n{at // 5 % 2}", at * MS, (at + 1) * MS) for at in range(0, 500, 5)]
    assert dual_ms(mixed) > 400


def test_three_at_once_are_three_pairs() -> None:
    found = answers("n1", 0, 100) + answers("n2", 0, 100) + answers("n3", 0, 100)
    assert len(overlaps(stretches(found))) == 3


@pytest.mark.parametrize(
    ("begin", "end", "silence"), [(0, 500, 5), (400, 700, 205), (501, 600, 100), (600, 690, 190)]
)
def test_silence_is_the_longest_time_without_an_answer(begin: int, end: int, silence: int) -> None:
    found = answers("n1", 0, 500, flight=0) + answers("n2", 705, 900, flight=0)
    within = silence_ms(found, begin * MS, end * MS)
    assert within == pytest.approx(silence, abs=5)


def test_file_is_read_up_to_its_last_whole_line() -> None:
    assert read(["udp n1 5 6\n", "arp n2 7 8\n", "udp n1 9"]) == [
        Answer("udp", "n1", 5, 6),
        Answer("arp", "n2", 7, 8),
    ]


def test_timeline_tells_in_the_order_of_time() -> None:
    text = told(answers("n1", 0, 100) + answers("n2", 300, 400), [(200 * MS, "n1 is isolated")])
    rows = [line.split(maxsplit=1) for line in text.splitlines()]
    assert [row[1] for row in rows] == [
        "n1 answers for 101 ms",
        "n1 is isolated",
        "n2 answers for 101 ms",
    ]
    assert all(float(a[0]) <= float(b[0]) for a, b in pairwise(rows))
