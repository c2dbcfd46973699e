"""What a node does not take: strangers, wrong keys, other versions, what came before."""

import asyncio

import pytest

from ha_core.events import Outdated
from ha_core.keyring import first_ring
from ha_core.runtime.strangers import Strangers
from ha_core.versions import SPOKEN, Versions
from ha_core.wire import Codec
from tests.runtime.peers import (
    CLUSTER,
    HELLO,
    RING,
    A,
    B,
    C,
    Peer,
    configuration,
    pair_works,
    place,
    running,
    scenario,
    sentences,
    strangers,
    throw,
)


def test_who_goes_on_sending_under_another_key_is_told_of_until_it_stops() -> None:
    async def body() -> None:
        a = Peer(A)
        a.transport.strangers = Strangers(stands_ms=50, quiet_ms=150)
        config = configuration(A, B)
        other = Codec(B, 1, first_ring(CLUSTER, b"x" * 32))
        async with running(config, a):

            def is_told() -> bool:
                throw(other.encode((HELLO,), A), place(config, A))
                return bool(strangers(a))

            await a.until(is_told)
            text = "a frame that says it is from 'b' was not made with our key 1, or was changed"
            assert strangers(a) == [[f"ring0 127.0.0.1: {text}"]]
            await a.until(lambda: strangers(a)[-1] == [])

    scenario(body())


def refused(
    caplog: pytest.LogCaptureFixture, a: Peer, b: Peer, code: str, *, works: bool = False
) -> str:
    """Let `a` speak to `b` and return the sentence with which `b` refuses."""

    async def body() -> None:
        config = configuration(A, B)
        async with running(config, a, b):
            a.send(B, HELLO)
            await b.until(lambda: b.counters[f"ring0.{code}"] == 1)
            assert works or b.events == []

    asyncio.run(body())
    (sentence,) = {text.partition(": ")[2] for text in sentences(caplog) if "dropped" in text}
    return sentence


def test_other_cluster_is_refused_by_name(caplog: pytest.LogCaptureFixture) -> None:
    foreign = Peer(A, ring=first_ring(b"f" * 16, b"k" * 32))
    assert refused(caplog, foreign, Peer(B), "foreign-cluster") == (
        "a frame from 'a' is for another cluster (6666666666666666, not 0001020304050607)"
    )


def test_wrong_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    wrong = Peer(A, ring=first_ring(CLUSTER, b"w" * 32))
    assert refused(caplog, wrong, Peer(B), "bad-tag") == (
        "a frame that says it is from 'a' was not made with our key 1, or was changed"
    )


def test_unknown_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    newer = Peer(A, ring=RING.with_key(b"n" * 32).activated(2))
    assert refused(caplog, newer, Peer(B), "unknown-key") == (
        "'a' uses key 2, which is not in our key ring: copy the key ring of another node"
    )


@pytest.mark.parametrize(
    ("speaker", "listener"), [(Versions(2, 3), SPOKEN), (SPOKEN, Versions(2, 3))]
)
def test_both_sides_say_that_their_versions_do_not_meet(
    caplog: pytest.LogCaptureFixture, speaker: Versions, listener: Versions
) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A, speaks=speaker), Peer(B, speaks=listener)
        async with running(config, a, b):
            a.send(B, HELLO)
            await b.until(lambda: b.counters["ring0.version"] == 1)
            await a.until(lambda: a.counters["ring0.refused"] == 1)
            assert a.events == b.events == []

    scenario(body())
    said = sorted({text.partition(": ")[2] for text in sentences(caplog)})
    assert said == [
        f"a peer refuses our frames: it speaks protocol versions {listener},"
        f" this node {speaker}: update the older one",
        f"a peer speaks protocol versions {speaker}, this node {listener}: update the older one",
    ]


def test_newer_node_that_still_speaks_our_version_is_understood() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A, speaks=Versions(1, 4)), Peer(B)
        async with running(config, a, b):
            await pair_works(a, b)

    scenario(body())


def test_earlier_start_of_a_node_is_not_heard_any_more(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        config, b = configuration(A, B), Peer(B)
        async with running(config, b):
            now, past = Peer(A, generation=5), Peer(A, generation=4)
            for peer in (now, past):
                throw(peer.codec.encode((HELLO,), B), place(config, B))
            await b.until(lambda: b.counters["ring0.stale-generation"] == 1)
            assert [event.generation for event in b.received] == [5]
            assert Outdated(A, 4, 5) in b.events

    scenario(body())
    assert "a frame of 'a' is of its start 4, but 5 was seen" in sentences(caplog)[0]


def test_replayed_datagram_only_shows_that_the_link_works() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            frame = a.codec.encode((HELLO,), B)
            for _ in range(3):
                throw(frame, place(config, B))
            await b.until(lambda: b.counters["ring0.repeated"] == 2)
            assert len(b.received) == 1

    scenario(body())


def test_frame_for_another_node_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            throw(a.codec.encode((HELLO,), C), place(config, B))
            throw(b.codec.encode((HELLO,), A), place(config, B))
            await b.until(lambda: b.counters["ring0.received"] == 2)
            assert b.events == []

    scenario(body())
    assert [text.partition(": ")[2] for text in sentences(caplog)] == [
        "a frame from 'a' is for 'c', not 'b': check the addresses of both",
        "a frame that says it is from 'b' itself: does a second node use this name?",
    ]
