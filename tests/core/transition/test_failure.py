"""Exit codes and configured operations: what they mean for the resource."""

import pytest

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Meta,
    Operation,
    Primitive,
)
from ha_core.events import OperationDone
from ha_core.ids import INFINITY, ResourceId
from ha_core.status import FailureKind, Instance, InstanceState
from ha_core.transition import failure


def primitive(*operations: Operation) -> Primitive:
    return Primitive(ResourceId("web"), AgentRef(AgentClass.PROCESS), (), operations)


@pytest.mark.parametrize(
    ("code", "probe", "recurring"),
    [
        (1, FailureKind.SOFT, FailureKind.SOFT),
        (2, FailureKind.HARD, FailureKind.HARD),
        (3, FailureKind.HARD, FailureKind.SOFT),
        (4, FailureKind.HARD, FailureKind.HARD),
        (5, FailureKind.HARD, FailureKind.HARD),
        (6, FailureKind.FATAL, FailureKind.FATAL),
        (7, FailureKind.SOFT, FailureKind.SOFT),
        (9, FailureKind.SOFT, FailureKind.SOFT),
        (137, FailureKind.SOFT, FailureKind.SOFT),
    ],
)
def test_exit_code_says_how_far_a_failure_reaches(
    code: int, probe: FailureKind, recurring: FailureKind
) -> None:
    assert failure.kind_of(code, is_recurring=False) is probe
    assert failure.kind_of(code, is_recurring=True) is recurring


def test_running_with_trouble_ahead_is_running() -> None:
    assert [code for code in range(256) if failure.is_success(code)] == [0, 190]


def test_operation_without_a_word_has_the_default_time_limit() -> None:
    assert failure.find_operation(primitive(), "start", 0, 9000) == Operation("start", 0, 9000)


def test_probe_has_the_time_limit_of_the_first_monitor_and_no_interval() -> None:
    own = primitive(Operation("monitor", 5000, 700), Operation("monitor", 9000, 800, depth=10))
    assert failure.find_operation(own, "monitor", 0, 9000) == Operation("monitor", 0, 700)


def test_resource_that_names_no_monitor_gets_one() -> None:
    assert failure.monitors_of(primitive(), None, 10_000, 20_000) == (
        Operation("monitor", 10_000, 20_000),
    )


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (OperationDone(1, 1, reason="no such user"), "no such user"),
        (OperationDone(1, 1, output="first\nlast\n"), "last"),
        (OperationDone(1, 1), "no output"),
        (OperationDone(1, 1, reason="x" * 9000), "x" * failure.REASON_LIMIT),
    ],
)
def test_reason_is_the_agents_word_or_its_last_line(event: OperationDone, text: str) -> None:
    assert failure.reason_of(event) == text


@pytest.mark.parametrize(("is_fatal", "count"), [(True, INFINITY), (False, 3)])
def test_failed_start_counts_as_too_many_unless_the_configuration_says_as_one(
    is_fatal: bool, count: int
) -> None:
    before = Instance(ResourceId("web"), InstanceState.STOPPED)
    after = failure.failed(
        before, "start", 1, "it broke", None, so_far=2, wall_ms=0, is_start_fatal=is_fatal
    )
    assert after.fail_count == count


def test_resource_in_maintenance_is_not_acted_on() -> None:
    rests = Primitive(ResourceId("web"), AgentRef(AgentClass.PROCESS), meta=Meta(maintenance=True))
    made = Configuration(primitives=(rests,))
    assert failure.resolved(made, rests) == (False, 0)
