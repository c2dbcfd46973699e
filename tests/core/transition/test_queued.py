"""An order that was on its way takes no place of what a node ends by itself."""

import pytest

from ha_core.config.model import Configuration
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from tests.core.transition.local_bench import LEASE_MS, WEB, Bench

LATE = [ActionKind.PROBE, ActionKind.RELOAD, ActionKind.NOTIFY, ActionKind.STOP]


def end_all(bench: Bench) -> list[str]:
    """Let all that is under way succeed, and what follows from it; return what that was."""
    done, todo = [], [bench.last()]
    while todo:
        ended = OperationDone(todo.pop().operation_id, 0)
        output = bench.local.done(ended, bench.now_ms, LEASE_MS, bench.now_ms)
        begun = [item for item in output if isinstance(item, RunOperation)]
        done += [item.action for item in begun]
        todo += begun
    return done


def owing(*, is_removed: bool) -> Bench:
    """Return something that is to be stopped by itself as soon as its monitor has ended."""
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done()
    bench.out = list(bench.local.tick(500_000))
    assert bench.last().action == "monitor"
    if is_removed:
        bench.local.configure(Configuration(), bench.now_ms, 2)
    else:
        bench.local.stop_all("this node has lost the cluster")
    return bench


@pytest.mark.parametrize("kind", LATE)
@pytest.mark.parametrize("is_removed", [True, False])
def test_stop_that_a_node_owes_by_itself_outlasts_an_order(
    kind: ActionKind, is_removed: bool
) -> None:
    bench = owing(is_removed=is_removed)
    bench.order(kind)
    assert bench.out == []
    assert end_all(bench) == ["stop"]
    states = [item.state for item in bench.local.instances()]
    assert states == ([] if is_removed else [InstanceState.STOPPED])


def test_order_that_comes_too_late_is_over_when_the_stop_is() -> None:
    bench = owing(is_removed=False)
    bench.order(ActionKind.RELOAD)
    (item,) = bench.local.instances()
    assert (item.order_id, item.pending) == (bench.number, "stop")
    end_all(bench)
    (item,) = bench.local.instances()
    assert (item.order_id, item.pending) == (bench.number, "")
    bench.order(ActionKind.START)
    assert bench.last().action == "start"


def test_nothing_follows_a_stop_that_a_node_has_begun_by_itself() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done()
    bench.out = list(bench.local.stop_all("this node has lost the cluster"))
    assert bench.last().action == "stop"
    bench.order(ActionKind.RELOAD)
    assert bench.out == []
    assert end_all(bench) == []


def test_what_was_removed_while_something_was_done_with_it_is_stopped_after_that() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done()
    bench.order(ActionKind.NOTIFY, WEB)
    assert bench.last().action == "notify"
    bench.local.configure(Configuration(), bench.now_ms, 2)
    assert end_all(bench) == ["stop"]
    assert bench.local.instances() == ()
