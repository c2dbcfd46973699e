"""Events of links: one for each cause, none for a dead peer, two a minute for what flaps."""

from ha_core.ids import LinkName, NodeName
from ha_core.membership.linkbook import QUIET_MS, LinkBook, LinkTold

A, B = NodeName("a"), NodeName("b")
RING0, RING1 = LinkName("ring0"), LinkName("ring1")
SETTLE_MS = 500


class Bench:
    """A book with two peers on two links, and what it told with the time."""

    def __init__(self) -> None:
        self.book = LinkBook(SETTLE_MS)
        self.states = {(peer, link): True for peer in (A, B) for link in (RING0, RING1)}
        self.told: list[tuple[int, LinkTold]] = []

    def set(self, peer: NodeName, link: LinkName, up: bool, now_ms: int) -> None:
        """Let a path change."""
        self.run(now_ms)
        self.states[(peer, link)] = up
        self.book.changed(link, self.states, now_ms)

    def run(self, now_ms: int) -> None:
        """Tell what is due until then, each at its time."""
        while (due_ms := self.book.deadline_ms()) is not None and due_ms <= now_ms:
            assert self.book.is_due(due_ms)
            self.told += [(due_ms, item) for item in self.book.due(self.states, due_ms)]

    def kinds(self, until_ms: int) -> list[tuple[int, str, str]]:
        """Return what was told until then."""
        self.run(until_ms)
        return [(at, item.kind, item.link) for at, item in self.told]


def test_switch_that_dies_is_one_event() -> None:
    bench = Bench()
    bench.set(A, RING0, False, 1000)
    bench.set(B, RING0, False, 1200)
    assert bench.kinds(9000) == [(1500, "link-down", "ring0")]
    assert bench.told[0][1].text == (
        "nothing is heard from a, b over link ring0; other links carry on"
    )


def test_peer_that_dies_is_no_event_of_links() -> None:
    bench = Bench()
    for link in (RING0, RING1):
        bench.set(A, link, False, 1000)
    assert bench.kinds(100_000) == []


def test_link_that_comes_back_is_told_with_its_time() -> None:
    bench = Bench()
    bench.set(A, RING0, False, 1000)
    bench.set(A, RING0, True, 90_000)
    assert bench.kinds(200_000) == [(1500, "link-down", "ring0"), (90_500, "link-up", "ring0")]
    assert bench.told[1][1].text == "a is heard over link ring0 again, after 89 s"


def test_peer_that_dies_beside_a_dead_link_does_not_bring_the_link_back() -> None:
    bench = Bench()
    bench.set(A, RING0, False, 1000)
    bench.set(A, RING1, False, 80_000)
    bench.set(A, RING1, True, 160_000)
    assert bench.kinds(300_000) == [(1500, "link-down", "ring0")]


def test_peer_that_comes_back_over_one_link_alone_has_lost_the_other() -> None:
    bench = Bench()
    for link in (RING0, RING1):
        bench.set(A, link, False, 1000)
    bench.set(A, RING1, True, 5000)
    assert bench.kinds(100_000) == [(5500, "link-down", "ring0")]


def test_link_that_flaps_makes_two_events_a_minute() -> None:
    bench = Bench()
    for number in range(3000):
        bench.set(A, RING0, number % 2 == 1, 1000 + 100 * number)
    found = bench.kinds(301_000 + QUIET_MS)
    times = [at for at, _, _ in found]
    assert 4 <= len(times) <= 14
    assert all(later - sooner >= QUIET_MS for sooner, later in zip(times, times[2:], strict=False))
    assert any("it has changed 6" in item.text for _, item in bench.told), "600 in a minute"


def test_single_short_flap_within_the_quiet_time_is_left_to_the_history() -> None:
    bench = Bench()
    bench.set(A, RING0, False, 1000)
    bench.set(A, RING0, True, 1100)
    assert bench.kinds(200_000) == []


def test_peer_or_link_that_is_configured_away_is_not_told_to_be_back() -> None:
    bench = Bench()
    bench.set(A, RING0, False, 1000)
    bench.run(2000)
    del bench.states[(A, RING0)]
    bench.set(B, RING1, False, 3000)
    assert bench.kinds(100_000) == [(1500, "link-down", "ring0"), (3500, "link-down", "ring1")]
    for peer in (A, B):
        bench.states.pop((peer, RING1))
    bench.set(B, RING0, True, 110_000)
    assert len(bench.kinds(300_000)) == 2
