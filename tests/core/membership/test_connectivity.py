"""Dampening: what flaps does not count, and a dead target counts for all nodes at once."""

from ha_core.ids import NodeName
from ha_core.membership.connectivity import Dampener
from ha_core.status import Connectivity

N1, N2, N3 = (NodeName(name) for name in ("n1", "n2", "n3"))
UP, DOWN = Connectivity(("gateway",), ()), Connectivity((), ("gateway",))


def dampener(*nodes: NodeName) -> Dampener:
    """Return one with 1000 ms, to which these nodes are up."""
    found = Dampener(1000)
    for node in nodes:
        found.inherit(node, UP)
    return found


def test_change_counts_when_it_has_lasted() -> None:
    found = dampener(N1, N2)
    found.measured(N1, DOWN, 5000)
    assert found.deadline_ms(5000) == 6000
    assert found.due(5999) == {}
    assert found.due(6000) == {N1: DOWN}
    assert (found.counted(N1), found.counted(N2)) == (DOWN, UP)
    assert found.deadline_ms(6000) is None


def test_change_that_is_taken_back_in_time_never_counts() -> None:
    found = dampener(N1)
    found.measured(N1, DOWN, 5000)
    found.measured(N1, UP, 5900)
    found.measured(N1, DOWN, 5950)
    assert found.due(6500) == {}
    assert found.due(6950) == {N1: DOWN}


def test_target_that_all_lose_one_after_the_other_counts_for_all_at_once() -> None:
    found = dampener(N1, N2, N3)
    for node, at_ms in ((N1, 5000), (N2, 5500), (N3, 5900)):
        found.measured(node, DOWN, at_ms)
    assert found.due(6000) == {}, "n3 is only just finding out"
    assert found.due(6900) == {N1: DOWN, N2: DOWN, N3: DOWN}


def test_node_that_keeps_changing_holds_up_the_others_for_a_while_only() -> None:
    found = dampener(N1, N2)
    found.measured(N1, DOWN, 5000)
    other = Connectivity(("upstream",), ("gateway",))
    for at_ms in range(5000, 8000, 500):
        found.measured(N2, other if at_ms % 1000 else DOWN, at_ms)
        assert found.due(at_ms) == {}
    found.measured(N2, other, 8000)
    assert found.deadline_ms(7999) == 8000
    assert found.due(8000) == {N1: DOWN}


def test_what_a_node_says_first_is_dampened_too() -> None:
    found = Dampener(1000)
    found.measured(N1, UP, 5000)
    assert found.counted(N1) is None
    assert found.due(6000) == {N1: UP}


def test_node_that_is_gone_is_forgotten() -> None:
    found = dampener(N1, N2)
    found.measured(N2, DOWN, 5000)
    found.keep({N1})
    assert found.due(9000) == {}
    assert found.counted(N2) is None
