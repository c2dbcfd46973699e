"""The detector: silence of peers, and each link up or down by itself."""

from hypothesis import given, strategies as st

from ha_core.config.model import Address, Configuration, Node
from ha_core.ids import LinkName, NodeName
from ha_core.membership.detector import HISTORY, Detector, LinkChanged, shared_links
from ha_core.snapshot import LinkMoment

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
    summed = [(item.peer, item.link, item.up, item.silent_ms) for item in found.links(DEAD_MS)]
    assert summed == [
        (A, RING0, True, 400),
        (A, RING1, False, 1000),
        (B, RING0, False, 1000),
        (B, RING1, False, 1000),
    ]


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


def test_link_keeps_its_newest_changes_with_time_and_reason() -> None:
    found = detector()
    for number in range(30):
        found.check(2000 * number + 1500)
        found.heard(A, RING0, 2000 * number + 1600)
    (link,) = [item for item in found.links(60_000, 500) if (item.peer, item.link) == (A, RING0)]
    assert (link.up, link.changes, link.since_ms, link.silent_ms) == (True, 60, 400, 400)
    assert len(link.history) == HISTORY
    assert link.history[-1] == LinkMoment(60_100, True, "heard again")
    assert link.history[-2] == LinkMoment(60_000, False, "nothing was heard for 1000 ms")


def test_loss_of_a_link_is_measured_against_the_others() -> None:
    found = detector()
    for frame in range(1, 2000):
        found.heard(A, RING0, 10, frame)
        if frame % 4:
            found.heard(A, RING1, 10, frame)
    losses = {item.link: item.loss_permille for item in found.links(10) if item.peer == A}
    assert losses[RING0] == 0
    assert 230 <= losses[RING1] <= 270


def test_what_came_over_another_link_alone_is_counted() -> None:
    found = detector()
    for frame in range(1, 400):
        found.heard(A, RING0, 10, frame)
        if frame % 4:
            found.heard(A, RING1, 10, frame)
    lost = {item.link: item.lost for item in found.links(10) if item.peer == A}
    assert lost[RING0] == 0
    assert 60 <= lost[RING1] <= 75


def test_sign_of_life_after_half_of_the_dead_time_is_late_and_after_all_of_it_is_not() -> None:
    found = detector()
    for now_ms in (500, 1001, 1501, 2501):
        found.heard(A, RING0, now_ms)
    found.heard(A, RING1, 900)
    late = {item.link: item.late for item in found.links(2501) if item.peer == A}
    assert late == {RING0: 1, RING1: 1}
    assert found.late == 1


def test_frame_that_came_over_a_stream_is_no_loss_of_the_other_links() -> None:
    found = detector()
    for _ in range(200):
        found.heard(A, RING0, 10)
    assert [item.loss_permille for item in found.links(10)] == [0, 0, 0, 0]


def test_link_that_this_node_is_not_on_is_not_watched() -> None:
    def node(name: NodeName, *links: LinkName) -> Node:
        return Node(name, tuple(Address(link, f"{name}.example") for link in links))

    configuration = Configuration(nodes=(node(A, RING0), node(B, RING0, RING1)))
    assert shared_links(configuration, A) == {B: (RING0,)}
    assert shared_links(configuration, NodeName("new")) == {A: (RING0,), B: (RING0, RING1)}
