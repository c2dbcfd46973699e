"""Fencing, unfencing and shutdowns: who, in which sequence, and what waits."""

from dataclasses import replace

import pytest

from ha_core.policy.engine.problem import (
    NoQuorum,
    Options,
    Requires,
    Task,
)
from tests.core.policy.engine.acting import (
    active,
    answer,
    nodes,
    primitive,
    question,
)

FENCING = Options(can_fence=True)
LOST = {"is_online": False, "is_member": False, "fence_reason": "it is lost"}


def test_a_lost_node_is_fenced_before_its_resource_starts_elsewhere() -> None:
    a = primitive("a", requires=Requires.FENCING)
    got = answer(question(nodes(2, n1=LOST), a, observed=(active("a", "n1"),), options=FENCING))
    assert got.does() == ["fence on n1", "start a on n2"]
    assert got.before("fence on n1", "start a on n2")
    assert got.where() == {"a": "n2"}


def test_what_requires_nothing_does_not_wait_for_the_fencing() -> None:
    got = answer(question(nodes(2, n1=LOST), primitive("b"), options=FENCING))
    assert got.does() == ["fence on n1", "start b on n2"]
    assert not got.before("fence on n1", "start b on n2")


def test_every_start_that_requires_fencing_waits_for_every_fencing() -> None:
    b = primitive("b", requires=Requires.FENCING)
    got = answer(question(nodes(3, n1=LOST, n2=LOST), b, options=FENCING))
    assert got.before("fence on n1", "start b on n3")
    assert got.before("fence on n2", "start b on n3")


@pytest.mark.parametrize(
    "options",
    [
        Options(fencing_enabled=False),
        Options(can_fence=False),
        Options(can_fence=True, has_quorum=False),
    ],
)
def test_a_node_that_cannot_be_fenced_is_not(options: Options) -> None:
    got = answer(question(nodes(2, n1=LOST), primitive("a"), options=options))
    assert "fence on n1" not in got.does()


def test_without_quorum_a_node_that_is_still_online_can_be_fenced() -> None:
    bad = {"fence_reason": "a stop failed"}
    options = replace(FENCING, has_quorum=False)
    got = answer(question(nodes(2, n1=bad), primitive("a"), options=options))
    assert "fence on n1" in got.does()


def test_who_ignores_quorum_fences_everybody() -> None:
    options = replace(FENCING, has_quorum=False, no_quorum=NoQuorum.IGNORE)
    got = answer(question(nodes(2, n1=LOST), primitive("a"), options=options))
    assert "fence on n1" in got.does()


def test_nothing_is_fenced_for_the_sake_of_unmanaged_resources() -> None:
    a = primitive("a", is_managed=False)
    got = answer(question(nodes(2, n1=LOST), a, options=FENCING))
    assert got.does() == []


def test_fencings_follow_one_another_the_coordinator_last() -> None:
    where = nodes(4, n1={**LOST, "is_dc": True}, n2=LOST, n3=LOST)
    got = answer(question(where, primitive("a"), options=FENCING))
    assert got.before("fence on n2", "fence on n3")
    assert got.before("fence on n3", "fence on n1")


def test_fencings_at_once_still_leave_the_coordinator_for_last() -> None:
    where = nodes(4, n1={**LOST, "is_dc": True}, n2=LOST, n3=LOST)
    options = replace(FENCING, concurrent_fencing=True)
    got = answer(question(where, primitive("a"), options=options))
    assert not got.before("fence on n2", "fence on n3")
    assert got.before("fence on n2", "fence on n1")
    assert got.before("fence on n3", "fence on n1")


def test_stops_on_a_fenced_node_are_done_by_the_fencing() -> None:
    a = primitive("a", requires=Requires.FENCING)
    got = answer(question(nodes(2, n1=LOST), a, observed=(active("a", "n1"),), options=FENCING))
    stop = got.find("a", Task.STOP)
    assert stop.is_pseudo
    assert stop.happens


def test_the_reason_of_a_fencing_is_kept() -> None:
    got = answer(question(nodes(2, n1=LOST), primitive("a"), options=FENCING))
    assert got.graph.fences[0].reason == "it is lost"


# --- shutdown ----------------------------------------------------------------------------------

LEAVES = {"is_shutting_down": True}


def test_a_node_leaves_once_everything_on_it_has_stopped() -> None:
    got = answer(question(nodes(2, n1=LEAVES), primitive("a"), observed=(active("a", "n1"),)))
    assert got.does() == ["shutdown on n1", "start a on n2", "stop a on n1"]
    assert got.before("stop a on n1", "shutdown on n1")


def test_an_unmanaged_resource_does_not_hold_up_a_shutdown() -> None:
    a = primitive("a", is_managed=False)
    got = answer(question(nodes(2, n1=LEAVES), a, observed=(active("a", "n1"),)))
    assert got.does() == ["shutdown on n1"]


def test_the_coordinator_leaves_last() -> None:
    where = nodes(3, n1={**LEAVES, "is_dc": True}, n2=LEAVES)
    got = answer(question(where, primitive("a")))
    assert got.before("shutdown on n2", "shutdown on n1")


# --- unfencing ---------------------------------------------------------------------------------


def test_a_node_is_unfenced_before_what_requires_that_starts() -> None:
    device = replace(
        primitive("dev", requires=Requires.QUORUM), is_fence_device=True, provides_unfencing=True
    )
    where = nodes(1, n1={"is_unfenced": False})
    a = primitive("a", requires=Requires.UNFENCING)
    got = answer(question(where, device, a, options=FENCING))
    assert "unfence on n1" in got.does()
    assert got.before("unfence on n1", "start a on n1")


def test_a_node_that_was_unfenced_is_not_again() -> None:
    device = replace(primitive("dev"), is_fence_device=True, provides_unfencing=True)
    a = primitive("a", requires=Requires.UNFENCING)
    got = answer(question(nodes(1), device, a, options=FENCING))
    assert "unfence on n1" not in got.does()
