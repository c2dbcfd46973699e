"""Which nodes forget the failures of a resource, and what is said of the others."""

from dataclasses import replace

import pytest

from ha_core.commands import Cleanup
from ha_core.config.choices import OnFail
from ha_core.config.model import AgentClass, AgentRef, Clone, Configuration, Node, Primitive
from ha_core.coordinator.cleanup import ask
from ha_core.coordinator.record import Record
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Failure, FailureKind, Instance, InstanceState, NodeState
from ha_core.transition.executor import Executor

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
WEB = ResourceId("web")
WELL = Instance(WEB, InstanceState.STOPPED)
BROKE = Failure("start", 1, FailureKind.SOFT, "it broke", 0, OnFail.RESTART)
FAILED = replace(WELL, fail_count=1, failure=BROKE)
SITE = Configuration(
    nodes=(Node(N1, ()), Node(N2, ()), Node(N3, (), witness=True)),
    primitives=(Primitive(WEB, AgentRef(AgentClass.PROCESS)),),
)


def answer(
    command: Cleanup,
    on_n1: Instance | None,
    on_n2: Instance | None,
    *,
    n2: NodeState = NodeState.ONLINE,
    busy: bool = False,
    configuration: Configuration = SITE,
) -> tuple[list[tuple[str, str]], str]:
    """Return which resource is looked at where, and the answer; n1 may be at work on it."""
    executor = Executor(1)
    if busy:
        order = executor.cleanup(WEB, N1, "", 0)
        assert (WEB, N1) in executor.open, order
    records = {
        N1: Record(N1, NodeState.ONLINE, instances=(on_n1,) if on_n1 else ()),
        N2: Record(N2, n2, instances=(on_n2,) if on_n2 else ()),
        N3: Record(N3, NodeState.ONLINE),
    }
    asked = ask(command, configuration, records, executor, 1000)
    assert all(order.cleanup for order in asked.orders)
    return [(order.resource, order.node) for order in asked.orders], asked.text


def test_failures_are_forgotten_where_there_are_some() -> None:
    everywhere = [("web", "n1"), ("web", "n2")]
    assert answer(Cleanup(WEB), FAILED, WELL) == (everywhere, "failures of web are forgotten")
    assert answer(Cleanup(WEB, N2), FAILED, FAILED)[0] == [("web", "n2")]
    none = "web has no failures to forget: it is looked at again"
    assert answer(Cleanup(WEB, N2), FAILED, WELL) == ([("web", "n2")], none)


def test_failure_of_another_operation_than_the_one_named_is_kept() -> None:
    monitor = replace(FAILED, failure=replace(BROKE, action="monitor"))
    forgotten = "failures of web are forgotten"
    assert answer(Cleanup(WEB, None, "start"), FAILED, monitor) == ([("web", "n1")], forgotten)
    assert answer(Cleanup(WEB, None, "monitor"), FAILED, monitor) == ([("web", "n2")], forgotten)
    none = "no node that is there remembers that {} of web failed last"
    assert answer(Cleanup(WEB, None, "stop"), FAILED, monitor) == ([], none.format("stop"))
    assert answer(Cleanup(WEB, N2, "start"), FAILED, WELL) == ([], none.format("start"))
    away = "; what failed on n2 is kept there: repeat this when it is back"
    told = answer(Cleanup(WEB, None, "start"), WELL, FAILED, n2=NodeState.LOST)
    assert told == ([], none.format("start") + away)


def test_what_is_not_done_is_not_claimed() -> None:
    orders, text = answer(Cleanup(WEB), FAILED, FAILED, n2=NodeState.LOST, busy=True)
    assert orders == []
    assert text == (
        "web is not looked at again; n1 is at work on it: repeat this when that is over;"
        " what failed on n2 is kept there: repeat this when it is back"
    )
    assert answer(Cleanup(WEB), FAILED, WELL, n2=NodeState.LOST) == (
        [("web", "n1")],
        "failures of web are forgotten",
    )
    assert answer(Cleanup(WEB), None, None) == ([], "no node that is there knows web")


@pytest.mark.parametrize(
    ("command", "n2", "code", "words"),
    [
        (Cleanup(WEB, NodeName("n4")), NodeState.ONLINE, "not-found", "there is no node 'n4'"),
        (Cleanup(ResourceId("wep")), NodeState.ONLINE, "not-found", "did you mean 'web'"),
        (Cleanup(WEB, N3), NodeState.ONLINE, "invalid", "n3 is a witness, which hosts nothing"),
        (Cleanup(WEB, N2), NodeState.LOST, "invalid", "n2 is lost and keeps what failed there"),
        (Cleanup(WEB, N2), NodeState.LEFT, "invalid", "repeat this when it is online"),
    ],
)
def test_who_cannot_be_asked_is_refused(
    command: Cleanup, n2: NodeState, code: str, words: str
) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        answer(command, FAILED, FAILED, n2=n2)
    assert refused.value.code == code


def test_what_still_has_its_former_name_is_cleaned_up_with_the_copies() -> None:
    unique = replace(SITE, clones=(Clone(ResourceId("webs"), WEB, 1, unique=True),))
    copy = Instance(ResourceId("web:0"), InstanceState.STOPPED)
    for name in ("web", "webs"):
        found = answer(Cleanup(ResourceId(name)), FAILED, copy, configuration=unique)
        former = [("web", "n1")] if name == "web" else []
        assert found[0] == [*former, ("web:0", "n2")]
    assert answer(Cleanup(copy.resource), FAILED, copy, configuration=unique)[0] == [
        ("web:0", "n2")
    ]
    gone = replace(SITE, primitives=())
    assert answer(Cleanup(WEB), FAILED, None, configuration=gone)[0] == [("web", "n1")]
