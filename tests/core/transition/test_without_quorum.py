"""`no_quorum_policy: demote`: copies go on unpromoted, everything else stops."""

from dataclasses import replace

import pytest

from ha_core.config.choices import NoQuorumPolicy, Role
from ha_core.effects import CancelOperation, RunOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from tests.core.transition.test_roles import DB, LEASE_MS, Bench, cloned, primitive

WEB = ResourceId("web")
LATER_MS = LEASE_MS + 1


def lose(bench: Bench, policy: NoQuorumPolicy = NoQuorumPolicy.DEMOTE) -> list[tuple[str, str]]:
    """Let the cluster be lost; return what begins."""
    begun = [i for i in bench.local.stop_all("it is", policy) if isinstance(i, RunOperation)]
    return [(run.action, run.primitive.id) for run in begun]


def end(bench: Bench, number: int, exit_code: int = 0) -> list[tuple[str, str]]:
    """End an operation without a lease; return what begins then."""
    done = OperationDone(number, exit_code)
    begun = bench.local.done(done, 1, LEASE_MS, LATER_MS)
    return [(run.action, run.primitive.id) for run in begun if isinstance(run, RunOperation)]


def running(*, promoted: bool, unique: bool = False) -> Bench:
    bench = Bench(cloned(unique=unique))
    name = ResourceId("db:0") if unique else DB
    bench.do(ActionKind.START, name=name)
    if promoted:
        bench.do(ActionKind.PROMOTE, name=name)
    return bench


def test_promoted_copy_is_demoted_and_goes_on() -> None:
    bench = running(promoted=True)
    assert lose(bench) == [("demote", "db")]
    assert lose(bench) == [], "it is on its way"
    assert end(bench, 3) == []
    item = bench.instance()
    assert (item.state, item.role) == (InstanceState.STARTED, Role.UNPROMOTED)


def test_copy_that_is_not_promoted_is_left_alone() -> None:
    bench = running(promoted=False)
    assert lose(bench) == []
    assert bench.instance().state is InstanceState.STARTED


def test_all_else_stops() -> None:
    bench = Bench(replace(cloned(), primitives=(primitive(), primitive("web"))))
    bench.do(ActionKind.START, name=WEB)
    bench.do(ActionKind.START)
    assert lose(bench) == [("stop", "web")]
    assert lose(running(promoted=True, unique=True)) == [("stop", "db:0")]


def test_copy_that_cannot_be_demoted_is_stopped() -> None:
    bench = running(promoted=True)
    lose(bench)
    assert end(bench, 3, 1) == [("stop", "db")]
    assert end(bench, 4) == []
    assert bench.instance().state is InstanceState.STOPPED


def test_promotion_that_is_under_way_is_undone() -> None:
    bench = running(promoted=False)
    bench.order(ActionKind.PROMOTE)
    output = bench.local.stop_all("it is", NoQuorumPolicy.DEMOTE)
    assert [type(item) for item in output] == [CancelOperation]
    assert end(bench, 2) == [("demote", "db")]
    end(bench, 3)
    assert bench.instance().role is Role.UNPROMOTED


def test_failed_copy_is_stopped() -> None:
    bench = running(promoted=True)
    bench.do(ActionKind.DEMOTE, 1)
    assert bench.instance().state is InstanceState.FAILED
    assert lose(bench) == [("stop", "db")]


@pytest.mark.parametrize(
    ("policy", "begun"),
    [
        (NoQuorumPolicy.STOP, [("stop", "db")]),
        (NoQuorumPolicy.FREEZE, []),
        (NoQuorumPolicy.IGNORE, []),
    ],
)
def test_other_policies_stop_or_keep_it_whole(
    policy: NoQuorumPolicy, begun: list[tuple[str, str]]
) -> None:
    bench = running(promoted=True)
    assert lose(bench, policy) == begun
    if not begun:
        assert bench.instance().role is Role.PROMOTED
