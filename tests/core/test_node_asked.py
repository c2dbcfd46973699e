"""What people ask of a whole cluster: a standby with an end, and a failure brought about."""

from dataclasses import replace

import pytest

from ha_core.commands import Apply, Fail, SetManaged, SetStandby
from ha_core.ids import NodeName, ResourceId
from tests.core.test_node_moves import WEB, A, B, C, Town, elsewhere

DAY_MS = 24 * 3_600_000


def until(town: Town, node: NodeName) -> int | None:
    """Return when the standby of a node ends, as the living nodes show it."""
    (name, *_) = (name for name in town.nodes if name not in town.dead)
    shown = town.nodes[name].snapshot(town.now_ms).nodes
    return next(item.standby_until_wall_ms for item in shown if item.name == node)


def test_standby_with_an_end_is_over_then_and_the_history_says_so() -> None:
    town = Town()
    (home,) = town.running
    town.ask(SetStandby(home, True, town.now_ms + 5000))
    assert home not in town.running
    assert until(town, home) is not None
    town.run(6000)
    assert until(town, home) is None
    assert town.reasons()[-1] == f"{home}: standby is over, as its time is up"
    for other in {A, B, C} - {home}:
        town.ask(SetStandby(other, True))
    assert town.running == {home}, "it may run resources again"


def test_end_of_a_standby_outlives_the_coordinator() -> None:
    town = Town()
    (leader,) = (name for name, node in town.nodes.items() if node.is_coordinator)
    rests = elsewhere(leader)
    town.ask(SetStandby(rests, True, town.now_ms + 8000))
    town.kill(leader)
    assert until(town, rests) is not None
    town.run(6000)
    assert until(town, rests) is None


@pytest.mark.parametrize("standby", [True, False])
def test_newer_word_on_a_standby_takes_its_end_away(standby: bool) -> None:
    town = Town()
    town.ask(SetStandby(A, True, town.now_ms + 4000))
    town.ask(SetStandby(A, standby))
    assert until(town, A) is None
    town.run(6000)
    (name, *_) = town.nodes
    shown = {item.name: item.state for item in town.nodes[name].snapshot(town.now_ms).nodes}
    assert shown[A] == ("standby" if standby else "online")


def test_failure_that_is_asked_for_counts_and_is_mended() -> None:
    town = Town()
    (home,) = town.running
    starts = len(town.starts)
    town.ask(Fail(WEB, None, "an exercise"))
    assert town.answers[-1] == f"done: taken as failed: web on {home}"
    assert len(town.starts) == starts + 1
    assert len(town.running) == 1
    snapshot = town.nodes[home].snapshot(town.now_ms)
    (status,) = (item for item in snapshot.instances if item.name == home)
    (instance,) = status.instances
    assert instance.fail_count == 1
    assert instance.failure is not None
    assert instance.failure.reason == "root says so: an exercise"


def test_failure_that_nobody_would_mend_is_refused() -> None:
    town = Town()
    (home,) = town.running
    town.ask(Fail(WEB, elsewhere(home)))
    assert town.answers[-1].startswith(f"invalid: web does not run on {elsewhere(home)}, or is")
    town.ask(Fail(ResourceId("wbe")))
    assert town.answers[-1].startswith("not-found: there is no resource 'wbe'")
    town.ask(Fail(WEB, NodeName("z")))
    assert town.answers[-1].startswith("not-found: there is no node 'z'")
    town.ask(SetManaged(WEB, False))
    town.ask(Fail(WEB))
    assert town.answers[-1].startswith("invalid: the cluster only watches web")
    assert town.running == {home}


def test_end_without_a_standby_is_refused() -> None:
    town = Town()
    (name, *_) = town.nodes
    known = town.nodes[name].snapshot(town.now_ms).configuration
    nodes = (replace(known.nodes[0], standby_until_wall_ms=DAY_MS), *known.nodes[1:])
    town.ask(Apply(replace(known, nodes=nodes)))
    assert town.answers[-1].startswith("invalid: nodes.a.standby_until: ends no standby")
