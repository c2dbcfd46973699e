"""With whom a node can talk: shown by the peer, by our own clock, and for a while."""

from ha_core.ids import NodeName
from ha_core.membership.mutual import Mutual

A, B = NodeName("a"), NodeName("b")


def mutual() -> Mutual:
    """Return one with two peers, of which nothing is known yet."""
    found = Mutual(1000)
    found.set_peers((A, B))
    return found


def test_peer_counts_from_what_it_has_shown_and_for_no_longer() -> None:
    found = mutual()
    assert not found.maybe_change(5000)
    found.shown(B, 5000, 5100)
    assert found.maybe_change(5100)
    assert (found.told, found.deadline_ms()) == ((B,), 6000)
    assert not found.maybe_change(5999)
    assert found.maybe_change(6000)
    assert (found.told, found.deadline_ms()) == ((), None)


def test_older_word_changes_nothing_and_one_of_the_future_is_none() -> None:
    found = mutual()
    found.shown(A, 5000, 5100)
    found.shown(A, 4000, 5200)
    found.shown(B, 9000, 5200)
    found.maybe_change(5900)
    assert found.told == (A,)


def test_greeting_that_echoes_nothing_shows_nothing() -> None:
    found = mutual()
    found.shown(A, 0, 500)
    assert not found.maybe_change(500)


def test_strangers_and_former_peers_do_not_count() -> None:
    found = mutual()
    found.shown(NodeName("z"), 5000, 5000)
    found.shown(A, 5000, 5000)
    found.set_peers((B,))
    found.maybe_change(5000)
    assert found.told == ()
