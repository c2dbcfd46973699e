"""Devices that cut a node off from its storage alone: what their word frees, how it comes back."""

from dataclasses import replace

from ha_core.agents.registry import LIFETIME_MS, RESET_MS
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Primitive,
)
from ha_core.coordinator.fencer import UNFENCE_REST_MS
from ha_core.coordinator.planner import with_storage
from ha_core.coordinator.roster import Roster
from ha_core.effects import Send
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import (
    FenceState,
    FenceVerb,
)
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.replication.entries import Verdict
from ha_core.status import (
    ClusterStatus,
    InstanceState,
    NodeState,
    NodeStatus,
)
from ha_core.timers import timers, with_drift
from tests.core.coordinator.fencer_bench import (
    BASE,
    BEGIN_MS,
    DISK,
    IP,
    MAIL,
    N1,
    N2,
    N3,
    PDU,
    RUNNING,
    SAN,
    STOPPED,
    WEB,
    Bench,
    kinds,
    orders,
    states,
)


def test_storage_device_frees_what_writes_and_nothing_else() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    bench.lose(N2)
    bench.judge(Verdict(N2, 3, "cut:san", "cluster", "", 0))
    assert states(bench)[DISK] is InstanceState.STOPPED
    assert states(bench)[MAIL] is InstanceState.UNCERTAIN


def test_node_is_cut_off_from_its_storage_once_and_then_by_what_ends_the_rest() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN, PDU)))
    bench.lose(N2)
    (order,) = [order for order in orders(bench.tick()) if order.verb is FenceVerb.CUT]
    assert order.device == "san"
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    bench.judge(proof)
    (order,) = [order for order in orders(bench.tick()) if order.verb is FenceVerb.CUT]
    assert order.device == "pdu", "what writes nothing runs on without storage"
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    bench.judge(proof)
    assert set(states(bench).values()) == {InstanceState.STOPPED}


def test_node_is_not_cut_off_from_its_storage_for_what_writes_nothing() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    bench.lose(N2)
    bench.judge(Verdict(N2, 3, "cut:san", "cluster", "", 0))
    assert states(bench)[MAIL] is InstanceState.UNCERTAIN
    assert [order for order in orders(bench.tick(500)) if order.verb is FenceVerb.CUT] == []


def test_successor_knows_that_a_node_without_storage_may_still_run_the_rest() -> None:
    verdicts = [Verdict(N2, 3, "cut:san", "cluster", "", 0)]
    roster = Roster(N1, 3, timers(1000), verdicts, (), BEGIN_MS)
    roster.configure(replace(BASE, fence_devices=(SAN,)), 0)
    record = roster.records[N2]
    assert record.state is NodeState.LOST
    found = {item.resource: item.state for item in record.instances}
    stopped, open_ = InstanceState.STOPPED, InstanceState.UNCERTAIN
    assert found == {DISK: stopped, MAIL: open_, WEB: stopped}


def test_proof_of_a_storage_device_keeps_what_the_node_declared_of_its_gates() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    bench.roster.records[N2].gates = Gates(kernel=True)
    bench.lose(N2)
    (order,) = [order for order in orders(bench.tick()) if order.verb is FenceVerb.CUT]
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert proof.gates == Gates(kernel=True)


def test_successor_waits_for_the_guards_of_a_node_without_storage_and_no_longer() -> None:
    address = Primitive(IP, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.7/24"),))
    verdict = Verdict(N2, 3, "cut:san", "cluster", "", 0, Gates(watchdog_ms=10_000))
    roster = Roster(N1, 3, timers(1000), [verdict], (), BEGIN_MS)
    primitives = (*BASE.primitives, address)
    roster.configure(replace(BASE, primitives=primitives, fence_devices=(SAN,)), 0)

    def uncertain() -> list[ResourceId]:
        found = roster.records[N2].instances
        return [item.resource for item in found if item.state is InstanceState.UNCERTAIN]

    assert uncertain() == [IP, MAIL]
    roster.release(BEGIN_MS + with_drift(LIFETIME_MS) - 1)
    assert uncertain() == [IP, MAIL]
    roster.release(BEGIN_MS + with_drift(LIFETIME_MS))
    assert uncertain() == [MAIL], "its watchdog ends that"
    roster.release(BEGIN_MS + with_drift(10_000 + RESET_MS))
    assert uncertain() == []


def test_storage_is_switched_on_for_a_node_only_when_nothing_old_can_write_there() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    shared = replace(RUNNING[0])
    bench.report(N3, (shared, *STOPPED[1:]))
    wanted = {order.target for order in orders(bench.tick())}
    assert N2 not in wanted
    assert N3 not in wanted


def test_storage_is_switched_on_through_the_node_itself_once_for_each_start() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    found = bench.tick(500)
    (order,) = [order for order in orders(found) if order.target == N1]
    assert (order.verb, order.device) == (FenceVerb.RESTORE, "san")
    assert not bench.roster.statuses()[0].unfenced
    assert kinds(bench.answer(order, FenceState.DONE)) == ["node-unfenced"]
    assert bench.roster.statuses()[0].unfenced
    assert N1 not in {order.target for order in orders(bench.tick(500))}


def test_node_that_was_cut_off_from_its_storage_needs_it_switched_on_again() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    bench.roster.records[N2].unfenced = 3
    bench.lose(N2)
    bench.judge(Verdict(N2, 3, "cut:san", "cluster", "", 0))
    assert not bench.roster.statuses()[1].unfenced


def test_node_without_a_lease_is_sent_on_no_errand() -> None:
    bench = Bench()
    bench.roster.records[N1].lease_bound_ms = 0
    bench.lose(N2)
    assert [item.to for item in bench.tick() if isinstance(item, Send)] == [N3]


def test_storage_that_cannot_be_switched_on_is_told_and_tried_again() -> None:
    bench = Bench(replace(BASE, fence_devices=(SAN,)))
    (order,) = [order for order in orders(bench.tick(500)) if order.target == N1]
    assert kinds(bench.answer(order, FenceState.FAILED, "refused")) == ["unfence-failed"]
    assert N1 not in {o.target for o in orders(bench.tick(UNFENCE_REST_MS - 1))}
    assert N1 in {o.target for o in orders(bench.tick(1))}


def test_nothing_that_writes_starts_before_its_node_has_storage() -> None:
    def start(resource: ResourceId, node: NodeName) -> Action:
        return Action(ActionKey(resource, ActionKind.START, node), (), "")

    plan = Transition((start(DISK, N1), start(MAIL, N1), start(DISK, N2)), ())
    nodes = (
        NodeStatus(N1, NodeState.ONLINE, 3),
        NodeStatus(N2, NodeState.ONLINE, 3, unfenced=True),
    )
    with_san = replace(BASE, fence_devices=(SAN,))
    kept = with_storage(plan, with_san, ClusterStatus(nodes, True))
    assert kept.actions == (start(MAIL, N1), start(DISK, N2))
    assert with_storage(plan, BASE, ClusterStatus(nodes, True)) == plan
