"""The detector: silence of peers, and each link up or down by itself."""

from hypothesis import given
from hypothesis import strategies as st

from ha_core.ids import LinkName, NodeName
from ha_core.membership.detector import Detector, LinkChanged
from ha_core.snapshot import LinkSummary

A, B = NodeName("a"), NodeName("b")
RING0, RING1 = LinkName("ring0"), LinkName("ring1")
DEAD_MS = 1000
BOTH = {A: (RING0, RING1), B: (RING0, RING1)}


def detector() -> Detector:
    """Return one that has just begun to watch two peers on two links."""
    found = Detector(DEAD_MS, 0)
    found.set_peers(BOTH, 0)
    return found


def test_link_goes_down_once_and_comes_up_once() -> None:
    found = detector()
    found.heard(A, RING0, 500)
    assert found.check(DEAD_MS - 1) == []
    down = found.check(DEAD_MS)
    assert down == [LinkChanged(A, RING1, False), *(LinkChanged(B, r, False) for r in BOTH[B])]
    assert found.check(DEAD_MS) == []
    assert found.heard(A, RING1, DEAD_MS + 1) == [LinkChanged(A, RING1, True)]
    assert found.heard(A, RING1, DEAD_MS + 2) == []


def test_one_link_is_enough_for_a_peer_to_be_heard() -> None:
    found = detector()
    for now_ms in range(0, 5 * DEAD_MS, 100):
        found.heard(A, RING1, now_ms)
    assert found.silent_ms(A, 5 * DEAD_MS) == 100
    assert found.silent_ms(B, 5 * DEAD_MS) == 5 * DEAD_MS


def test_sign_of_life_over_an_unknown_link_counts_for_the_peer_alone() -> None:
    found = detector()
    assert found.heard(A, LinkName("ring9"), 700) == []
    assert found.heard(A, None, 800) == []
    assert found.silent_ms(A, 900) == 100
    assert len(found.check(DEAD_MS)) == 4


def test_stranger_is_not_noted() -> None:
    found = detector()
    assert found.heard(NodeName("z"), RING0, 700) == []
    assert found.silent_ms(NodeName("z"), 900) == 900


def test_links_are_summed_up_in_order() -> None:
    found = detector()
    found.heard(A, RING0, 600)
    found.check(DEAD_MS)
    assert found.links(DEAD_MS) == (
        LinkSummary(A, RING0, True, 400),
        LinkSummary(A, RING1, False, 1000),
        LinkSummary(B, RING0, False, 1000),
        LinkSummary(B, RING1, False, 1000),
    )


def test_new_peers_count_as_heard_and_old_ones_keep_their_silence() -> None:
    found = detector()
    found.check(DEAD_MS)
    new = NodeName("c")
    found.set_peers({A: (RING0,), new: (RING0,)}, 1500)
    assert [(item.peer, item.up) for item in found.links(1500)] == [(A, False), (new, True)]
    assert found.silent_ms(A, 1500) == 1500
    assert found.silent_ms(new, 1600) == 100
    found.set_peers(BOTH, 1700)
    assert found.links(1700)[1].up, "a link that was away and came back begins anew"


@given(st.lists(st.tuples(st.integers(1, 900), st.sampled_from([RING0, RING1, None]))))
def test_next_deadline_lies_ahead_after_every_check(
    steps: list[tuple[int, LinkName | None]],
) -> None:
    found, now_ms = detector(), 0
    for span_ms, link in steps:
        now_ms += span_ms
        found.heard(A, link, now_ms)
        found.check(now_ms)
        deadline_ms = found.deadline_ms()
        assert deadline_ms is None or deadline_ms > now_ms
        states = {(item.peer, item.link): item for item in found.links(now_ms)}
        assert all(item.up is (item.silent_ms < DEAD_MS) for item in states.values())
