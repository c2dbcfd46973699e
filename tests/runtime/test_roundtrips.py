"""Round trips: which answer counts for which question, over which link, and for how long."""

from ha_core.figures import LinkFigures
from ha_core.ids import LinkName, NodeName
from ha_core.messages import Beat, BeatReply, LeaseGrant, LeaseRequest
from ha_core.runtime.measured import with_paths
from ha_core.runtime.roundtrips import AGE_US_MAX, KEPT, SMOOTHED, RoundTrips
from ha_core.snapshot import LinkSummary

N2, N3 = NodeName("n2"), NodeName("n3")
FAST, SLOW, OTHER = (LinkName(name) for name in ("fast", "slow", "other"))
NOW_US = 1_000_000


def asked(*at_ms: int) -> RoundTrips:
    """Return the trips of a coordinator that has sent beats to n2, each at its millisecond."""
    found = RoundTrips()
    for sent_ms in at_ms:
        found.sent(N2, Beat(1, sent_ms, 0), NOW_US + sent_ms * 1000)
    return found


def test_answer_is_measured_over_each_link_by_itself() -> None:
    trips = asked(0)
    reply = (BeatReply(1, 0, 0),)
    trips.came(N2, FAST, reply, NOW_US + 200)
    trips.came(N2, SLOW, reply, NOW_US + 3000)
    links = [trips.longest_us(each, NOW_US + 3000) for each in (FAST, SLOW, OTHER)]
    assert links == [200, 3000, -1]


def test_second_answer_to_one_question_over_the_same_link_does_not_count() -> None:
    trips = RoundTrips()
    trips.sent(N2, LeaseRequest(1, 7, 1, 0, 0, 0), NOW_US)
    for after_us in (300, 90_000):
        trips.came(N2, FAST, (LeaseGrant(1, 7, 1, 0),), NOW_US + after_us)
    assert trips.longest_us(FAST, NOW_US + 90_000) == 300


def test_what_nobody_asked_or_another_node_answers_does_not_count() -> None:
    trips = asked(0)
    trips.came(N3, FAST, (BeatReply(1, 0, 0),), NOW_US + 200)
    trips.came(N2, FAST, (BeatReply(1, 5, 0), LeaseGrant(1, 0, 1, 0)), NOW_US + 200)
    assert trips.longest_us(FAST, NOW_US + 200) == -1


def test_times_are_smoothed_and_the_farthest_peer_counts_until_it_is_long_ago() -> None:
    trips = asked(0, 10)
    trips.came(N2, FAST, (BeatReply(1, 0, 0),), NOW_US + 800)
    trips.came(N2, FAST, (BeatReply(1, 10, 0),), NOW_US + 10_000 + 1600)
    assert trips.longest_us(FAST, NOW_US) == 800 + 800 // SMOOTHED
    trips.sent(N3, Beat(1, 20, 0), NOW_US + 20_000)
    trips.came(N3, FAST, (BeatReply(1, 20, 0),), NOW_US + 20_000 + 5000)
    assert trips.longest_us(FAST, NOW_US + 25_000) == 5000
    assert trips.longest_us(FAST, NOW_US + 25_000 + AGE_US_MAX) == -1


def test_questions_without_an_answer_are_forgotten() -> None:
    trips = asked(*range(KEPT + 1))
    trips.came(N2, FAST, (BeatReply(1, 0, 0),), NOW_US + 90_000)
    assert trips.longest_us(FAST, NOW_US + 90_000) == -1


def test_what_is_lost_shows_only_where_a_peer_has_another_link() -> None:
    def path(peer: NodeName, link: LinkName, lost: int, late: int) -> LinkSummary:
        return LinkSummary(peer, link, True, 0, lost=lost, late=late)

    links = (LinkFigures(FAST), LinkFigures(SLOW), LinkFigures(OTHER))
    near = (path(N2, FAST, 3, 1), path(N2, SLOW, 4, 0))
    far = (path(N3, FAST, 9, 2), path(N3, OTHER, 0, 5))
    found = with_paths(links, (*near, *far))
    assert [(each.lost, each.late) for each in found] == [(12, 3), (4, 0), (0, 5)]
    alone = with_paths((LinkFigures(FAST),), (path(N2, FAST, 0, 1),))
    assert [(each.lost, each.late) for each in alone] == [(-1, 1)]
