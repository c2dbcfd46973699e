"""The small budget of fuzzing that runs with the tests; `make fuzz` takes a large one."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from tests.cim.fuzz.mutation import CORPUS, corpus, mutated
from tests.cim.fuzz.targets import Bench, Broken, judge, xml

HTTP, XML = corpus("http"), corpus("xml")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>"
LAST = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.mark.parametrize("name", sorted(file.name for file in (CORPUS / "http").iterdir()))
def test_how_a_stream_is_cut_does_not_matter(bench: Bench, name: str) -> None:
    data = (CORPUS / "http" / name).read_bytes()
    whole = bench.http(data)
    assert [bench.http(data, pieces) for pieces in (2, 3, 7, 50, len(data))] == [whole] * 5


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("plain", [200]),
        ("post-then-m-post", [200, 200]),
        ("chunked-twice", [200, 200]),
        ("expect", [200]),
        ("no-credentials", [401, 200]),
        ("doctype", [400]),
        ("length-and-chunks", [400]),
        ("two-lengths", [400]),
        ("bare-lf", [400]),
        ("folded", [400]),
        ("space-before-colon", [400]),
        ("many-headers", [431]),
        ("smuggled", [400, 400]),
        ("options", [405]),
    ],
)
def test_corpus_is_answered_as_it_should_be(bench: Bench, name: str, statuses: list[int]) -> None:
    assert bench.http((CORPUS / "http" / name).read_bytes()) == statuses


@given(number=st.integers(0, 2**63), pieces=st.integers(1, 20))
@settings(max_examples=300, deadline=None)
def test_any_stream_gets_whole_answers_or_an_end(bench: Bench, number: int, pieces: int) -> None:
    bench.http(mutated(HTTP, random.Random(number)), pieces)


@given(data=st.binary(max_size=300), pieces=st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_noise_gets_whole_answers_or_an_end(bench: Bench, data: bytes, pieces: int) -> None:
    bench.http(data, pieces)


@given(number=st.integers(0, 2**63))
@settings(max_examples=500, deadline=None)
def test_any_body_is_parsed_or_refused_in_words(number: int) -> None:
    xml(mutated(XML, random.Random(number)))


def test_same_number_is_the_same_input() -> None:
    first, second = (mutated(HTTP, random.Random(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("sent", "is_closed"),
    [
        (ANSWER[:-1], False),
        (ANSWER + b"x", False),
        (ANSWER.replace(b"<a/>", b"<a>x"), False),
        (ANSWER.replace(b"200 OK", b"500 Internal Server Error"), False),
        (LAST, False),
        (LAST + ANSWER, True),
        (b"no answer at all", True),
    ],
)
def test_judge_sees_what_is_no_answer(sent: bytes, is_closed: bool) -> None:
    with pytest.raises(Broken):
        judge(sent, is_closed=is_closed)


def test_judge_lets_pass_what_is_right() -> None:
    assert judge(ANSWER + LAST, is_closed=True) == [200, 200]
