"""The coordinator's executor: which orders are out, which are given, which are over."""

from dataclasses import replace

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from ha_core.transition.executor import ORDERS_PER_TERM, Executor, OpenOrder

N1, N2 = NodeName("n1"), NodeName("n2")
WEB, DB = ResourceId("web"), ResourceId("db")


def action(kind: ActionKind, node: NodeName, *after: ActionKey, of: ResourceId = WEB) -> Action:
    return Action(ActionKey(of, kind, node), after, "because")


def node(name: NodeName, *instances: Instance, state: NodeState = NodeState.ONLINE) -> NodeStatus:
    return NodeStatus(name, state, 1, instances)


def status(*nodes: NodeStatus) -> ClusterStatus:
    return ClusterStatus(nodes, True)


def stopped(resource: ResourceId = WEB) -> Instance:
    return Instance(resource, InstanceState.STOPPED)


KNOWN = Configuration(primitives=(Primitive(WEB, AgentRef(AgentClass.PROCESS)),))
ALL_STOPPED = status(node(N1, stopped(), stopped(DB)), node(N2, stopped(), stopped(DB)))


def given(executor: Executor, now: ClusterStatus, *actions: Action) -> list[OpenOrder]:
    return executor.next_orders(Transition(actions), now, {}, 1000)


def test_only_what_waits_for_nothing_is_ordered() -> None:
    executor = Executor(3)
    stop = action(ActionKind.STOP, N1)
    start = action(ActionKind.START, N2, stop.key)
    running = status(node(N1, Instance(WEB, InstanceState.STARTED)), node(N2, stopped()))
    orders = given(executor, running, stop, start)
    assert [(o.kind, o.node) for o in orders] == [(ActionKind.STOP, N1)]


def test_order_ids_grow_across_terms() -> None:
    first = given(Executor(3), ALL_STOPPED, action(ActionKind.START, N1))[0].order_id
    later = given(Executor(4), ALL_STOPPED, action(ActionKind.START, N1))[0].order_id
    assert first == 3 * ORDERS_PER_TERM + 1
    assert later > first


def test_orders_that_follow_on_others_begin_nothing() -> None:
    executor = Executor(3)
    given(executor, ALL_STOPPED, action(ActionKind.START, N1))
    given(executor, ALL_STOPPED, action(ActionKind.START, N1, of=DB))
    assert executor.begun == 1
    executor.void(N1)
    given(executor, ALL_STOPPED)
    assert executor.begun == 1
    given(executor, ALL_STOPPED, action(ActionKind.START, N2))
    assert executor.begun == 2


def test_only_what_may_run_twice_starts_while_it_runs_elsewhere() -> None:
    running = status(node(N1, Instance(WEB, InstanceState.STARTED)), node(N2, stopped()))
    plan, start = Transition((action(ActionKind.START, N2),)), ActionKind.START
    assert Executor(1).next_orders(plan, running, {}, 1000, {DB}) == []
    orders = Executor(1).next_orders(plan, running, {}, 1000, {WEB})
    assert [(o.kind, o.node) for o in orders] == [(start, N2)]


def test_start_of_what_ran_here_until_now_is_a_handover() -> None:
    plan = Transition((action(ActionKind.START, N1), action(ActionKind.START, N2, of=DB)))
    orders = Executor(1).next_orders(plan, ALL_STOPPED, {}, 1000, ours={WEB})
    assert {o.resource: o.handover for o in orders} == {WEB: True, DB: False}


def test_what_is_ordered_is_not_ordered_again() -> None:
    executor = Executor(1)
    start = action(ActionKind.START, N1)
    assert len(given(executor, ALL_STOPPED, start)) == 1
    assert given(executor, ALL_STOPPED, start) == []


def test_aborted_plan_gives_no_further_orders_but_remembers_those_that_are_out() -> None:
    executor = Executor(1)
    given(executor, ALL_STOPPED, action(ActionKind.START, N1))
    assert given(executor, ALL_STOPPED) == []
    assert list(executor.open) == [(WEB, N1)]


def test_no_start_while_an_order_for_another_node_is_out() -> None:
    executor = Executor(1)
    given(executor, ALL_STOPPED, action(ActionKind.START, N1))
    assert given(executor, ALL_STOPPED, action(ActionKind.START, N2)) == []


def test_no_start_while_any_other_node_may_have_it_whatever_the_plan_says() -> None:
    for state in InstanceState:
        elsewhere = status(node(N1, Instance(WEB, state)), node(N2, stopped()))
        orders = given(Executor(1), elsewhere, action(ActionKind.START, N2))
        assert len(orders) == (1 if state is InstanceState.STOPPED else 0), state
    for pending in ("start", "stop"):
        busy = status(node(N1, replace(stopped(), pending=pending)), node(N2, stopped()))
        assert given(Executor(1), busy, action(ActionKind.START, N2)) == []


def test_no_order_goes_to_a_node_that_is_not_online() -> None:
    for state in NodeState:
        now = status(node(N1, stopped(), state=state))
        orders = given(Executor(1), now, action(ActionKind.START, N1))
        assert bool(orders) is (state is NodeState.ONLINE), state
    assert given(Executor(1), status(), action(ActionKind.START, N1)) == []


def test_order_is_over_when_the_node_reports_it_done() -> None:
    executor = Executor(1)
    number = given(executor, ALL_STOPPED, action(ActionKind.START, N1))[0].order_id
    under_way = node(N1, replace(stopped(), order_id=number, pending="start"))
    assert not executor.reported(under_way, KNOWN)
    done = node(N1, Instance(WEB, InstanceState.STARTED, order_id=number))
    assert executor.reported(done, KNOWN)
    assert executor.open == {}


def test_report_from_before_the_order_does_not_end_it() -> None:
    executor = Executor(1)
    given(executor, ALL_STOPPED, action(ActionKind.START, N1))
    assert not executor.reported(node(N1, stopped()), KNOWN)
    assert not executor.reported(node(N2, replace(stopped(), order_id=10**12)), KNOWN)
    assert list(executor.open) == [(WEB, N1)]


def test_order_for_what_neither_node_nor_configuration_has_is_over() -> None:
    executor = Executor(1)
    given(executor, ALL_STOPPED, action(ActionKind.STOP, N1))
    assert executor.starting() == frozenset()
    assert not executor.reported(node(N1), KNOWN)
    assert executor.reported(node(N1), Configuration())


def test_starts_that_are_out_are_known() -> None:
    executor = Executor(1)
    given(executor, ALL_STOPPED, action(ActionKind.START, N1))
    assert executor.starting() == {(WEB, N1)}


def test_order_that_is_out_shows_as_pending_until_the_node_knows_of_it() -> None:
    executor = Executor(1)
    number = given(executor, ALL_STOPPED, action(ActionKind.STOP, N1))[0].order_id
    shown = executor.overlay(node(N1, stopped(), stopped(DB)))
    assert [item.pending for item in shown.instances] == ["", "stop"]  # sorted by id: db, web
    accepted = node(N1, replace(stopped(), order_id=number))
    assert executor.overlay(accepted) == accepted
    assert executor.overlay(node(N2, stopped())) == node(N2, stopped())


def test_order_for_what_the_node_never_reported_shows_as_unknown_and_pending() -> None:
    executor = Executor(1)
    given(executor, status(node(N1)), action(ActionKind.PROBE, N1))
    shown = executor.overlay(node(N1)).instances
    assert [(i.state, i.pending) for i in shown] == [(InstanceState.UNKNOWN, "monitor")]


def test_order_is_sent_again_until_accepted() -> None:
    executor = Executor(1)
    number = given(executor, ALL_STOPPED, action(ActionKind.START, N1))[0].order_id
    silent = node(N1, stopped())
    assert executor.due(silent, before_ms=999, now_ms=1200) == []
    again = executor.due(silent, before_ms=1000, now_ms=1200)
    assert [(o.order_id, o.sent_ms) for o in again] == [(number, 1200)]
    assert executor.due(silent, before_ms=1199, now_ms=1300) == []
    accepted = node(N1, replace(stopped(), order_id=number, pending="start"))
    assert executor.due(accepted, before_ms=9000, now_ms=9000) == []
    assert executor.due(node(N2, stopped()), before_ms=9000, now_ms=9000) == []


def test_orders_to_a_node_whose_admission_has_ended_are_void() -> None:
    executor = Executor(1)
    orders = (action(ActionKind.START, N1), action(ActionKind.START, N2, of=DB))
    given(executor, ALL_STOPPED, *orders)
    executor.void(N1)
    assert list(executor.open) == [(DB, N2)]


def test_cleanup_is_a_probe_that_forgets() -> None:
    executor = Executor(1)
    order = executor.cleanup(WEB, N1, "1-5", 1000)
    assert (order.kind, order.cleanup, order.incident) == (ActionKind.PROBE, True, "1-5")
    assert executor.open[(WEB, N1)] == order


def test_incident_travels_with_the_order() -> None:
    executor = Executor(1)
    plan = Transition((action(ActionKind.START, N1),))
    orders = executor.next_orders(plan, ALL_STOPPED, {WEB: "7-1"}, 1000)
    assert [(o.incident, o.reason) for o in orders] == [("7-1", "because")]
