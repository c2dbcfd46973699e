"""Whom the coordinator cuts off by itself, whom people may, and what a device's word frees."""

from dataclasses import replace
from random import Random

import pytest

from ha_core import commands
from ha_core.agents.registry import LIFETIME_MS, RESET_MS
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    FenceDevice,
    Meta,
    Node as Member,
    OnFail,
    Operation,
    Options,
    Primitive,
)
from ha_core.coordinator.fencer import UNFENCE_REST_MS, Fencer
from ha_core.coordinator.planner import with_storage
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.told import Told
from ha_core.effects import Send
from ha_core.errors import RefusedError
from ha_core.fencing import rules
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import (
    FenceOrder,
    FenceReport,
    FenceState,
    FenceVerb,
    LeaseRequest,
    Report,
)
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import (
    ClusterStatus,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
)
from ha_core.timers import timers, with_drift

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
DISK, IP, MAIL, WEB = (ResourceId(name) for name in ("disk", "ip", "mail", "web"))
OCF = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
PDU = FenceDevice("pdu", "fence:x", targets=(N1, N2, N3))
SAN = FenceDevice("san", "fence:y", targets=(N1, N2, N3), unfence=True)
BASE = Configuration(
    nodes=(Member(N1, ()), Member(N2, ()), Member(N3, ())),
    primitives=(
        Primitive(DISK, OCF),
        Primitive(MAIL, OCF, meta=Meta(exclusivity=Exclusivity.NETWORK)),
        Primitive(WEB, AgentRef(AgentClass.PROCESS)),
    ),
    fence_devices=(PDU,),
)
RUNNING = tuple(Instance(name, InstanceState.STARTED) for name in (DISK, MAIL, WEB))
STOPPED = tuple(Instance(name, InstanceState.STOPPED) for name in (DISK, MAIL, WEB))
BEGIN_MS = 100_000
VIEW = tuple(NodeStatus(name, NodeState.ONLINE, 3) for name in (N1, N2, N3))


class Bench:
    """A coordinator's roster and fencer, and a clock."""

    def __init__(
        self,
        configuration: Configuration = BASE,
        known: tuple[NodeStatus, ...] = VIEW,
        *,
        admits: bool = True,
    ) -> None:
        verdicts = [Verdict(name, 3, ADMITTED, "cluster", "", 0) for name in (N1, N2, N3)]
        self.now_ms = BEGIN_MS
        self.configuration = configuration
        self.roster = Roster(N1, 3, timers(1000), verdicts, known, self.now_ms)
        self.roster.configure(configuration, 0)
        self.fencer = Fencer(N1, 7, self.roster, timers(1000), Random(1))
        for name in (N1, N2, N3) if admits else (N1, N3):
            self.report(name, RUNNING if name == N2 else STOPPED)
        self.tick()

    def report(self, name: NodeName, instances: tuple[Instance, ...], generation: int = 3) -> None:
        """Let a node ask for its lease and report."""
        record = self.roster.records[name]
        request = LeaseRequest(7, 1, generation, 1, 0, 0)
        assert not self.roster.request(name, generation, request, self.now_ms, 0)
        number = record.report_id + 1
        message = Report(7, record.admission, generation, number, instances)
        assert self.roster.report(name, generation, message, 0)
        record.lease_bound_ms = 1_000_000

    def lose(self, name: NodeName) -> None:
        """Let a node fall silent for long enough."""
        self.now_ms += 2000
        self.roster.records[name].lease_bound_ms = self.now_ms
        for other in (N1, N2, N3):
            if other not in (N1, name):
                self.roster.records[other].requested_ms = self.now_ms
        found, _ = self.roster.check({}, set(), self.now_ms, 0)
        assert [item.node for item in found] == [name]

    def tick(self, later_ms: int = 0) -> list[object]:
        """Let time pass; return what the fencer wants done."""
        self.now_ms += later_ms
        return list(self.fencer.tick(self.configuration, self.now_ms, 0))

    def answer(self, order: FenceOrder, state: FenceState, text: str = "") -> list[object]:
        """Let the executor report on an order."""
        report = FenceReport(7, order.errand_id, state, text)
        return list(self.fencer.report(N1, report, self.now_ms, 0))

    def judge(self, verdict: Verdict) -> list[object]:
        """Let the log have a verdict."""
        self.roster.judged(verdict)
        return list(self.fencer.judged(verdict, self.now_ms))


def orders(found: list[object]) -> list[FenceOrder]:
    """Return the orders to executors."""
    messages = [item.message for item in found if isinstance(item, Send)]
    return [message for message in messages if isinstance(message, FenceOrder)]


def kinds(found: list[object]) -> list[str]:
    """Return the kinds of events."""
    return [item.kind for item in found if isinstance(item, Told)]


def states(bench: Bench, name: NodeName = N2) -> dict[ResourceId, InstanceState]:
    """Return what may run on a node."""
    return {item.resource: item.state for item in bench.roster.records[name].instances}


def failed(action: str, on_fail: OnFail, resource: ResourceId = DISK) -> tuple[Instance, ...]:
    """Return a report in which an operation has failed and left the resource blocked."""
    failure = Failure(action, 1, FailureKind.SOFT, "no answer", 0, on_fail)
    bad = Instance(resource, InstanceState.BLOCKED, failure=failure)
    return tuple(bad if item.resource == resource else item for item in RUNNING)


def test_lost_node_that_may_run_something_unbounded_is_cut_off_and_freed_by_the_proof() -> None:
    bench = Bench()
    bench.lose(N2)
    (order,) = orders(bench.tick())
    assert (order.verb, order.target, order.device) == (FenceVerb.CUT, N2, "pdu")
    proofs = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert [(v.node, v.generation, v.method) for v in proofs] == [(N2, 3, "fenced:pdu")]
    assert states(bench)[DISK] is InstanceState.UNCERTAIN
    assert [o.verb for o in orders(bench.judge(proofs[0]))] == [FenceVerb.RESTORE]
    assert set(states(bench).values()) == {InstanceState.STOPPED}


def test_lost_node_that_the_next_coordinator_can_talk_to_is_not_cut_off_meanwhile() -> None:
    bench = Bench()
    bench.fencer.spared = frozenset((N2,))
    bench.lose(N2)
    assert orders(bench.tick()) == []
    bench.fencer.spared = frozenset()
    assert [order.target for order in orders(bench.tick())] == [N2]


def test_lost_node_whose_resources_are_all_bounded_is_left_alone() -> None:
    guarded = replace(BASE, primitives=(Primitive(WEB, AgentRef(AgentClass.PROCESS)),))
    bench = Bench(guarded)
    bench.report(N2, RUNNING[2:])
    bench.lose(N2)
    assert bench.tick() == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, options=Options(fencing=False)),
        replace(BASE, options=Options(maintenance=True)),
        replace(BASE, fence_devices=(replace(PDU, targets=(N1,)),)),
        replace(BASE, nodes=(Member(N1, ()), Member(N2, (), maintenance=True), Member(N3, ()))),
    ],
    ids=["fencing off", "maintenance", "no device", "node in maintenance"],
)
def test_nobody_is_cut_off_where_the_configuration_does_not_allow_it(
    changed: Configuration,
) -> None:
    bench = Bench(changed)
    bench.lose(N2)
    assert bench.tick() == []


def test_node_that_nobody_has_heard_of_since_the_site_came_up_gets_its_grace() -> None:
    bench = Bench(known=(), admits=False)
    bench.lose(N2)
    assert kinds(bench.tick()) == ["fence-wanted"]
    assert orders(bench.tick(BASE.options.fencing_grace_ms - 1)) == []
    assert [order.target for order in orders(bench.tick(1))] == [N2]


def test_node_that_the_predecessor_had_is_cut_off_at_once() -> None:
    bench = Bench(admits=False)
    bench.lose(N2)
    assert [order.target for order in orders(bench.tick())] == [N2]


def test_failure_that_asks_for_it_cuts_an_online_node_off_and_the_proof_ends_the_node() -> None:
    bench = Bench()
    bench.report(N2, failed("monitor", OnFail.FENCE))
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert bench.roster.records[N2].state is NodeState.ONLINE
    bench.roster.records[N2].lease_bound_ms = bench.now_ms + 900
    bench.judge(proof)
    # Should the device have lied, what runs under the lease would still run.
    assert bench.roster.check({}, set(), bench.now_ms + 899, 0)[0] == []
    assert states(bench)[WEB] is InstanceState.STARTED
    (lost,), _ = bench.roster.check({}, set(), bench.now_ms + 900, 0)
    assert (lost.node, lost.affected, lost.uncertain) == (N2, (DISK, MAIL, WEB), ())
    assert bench.roster.records[N2].state is NodeState.LOST
    assert set(states(bench).values()) == {InstanceState.STOPPED}


def test_node_that_is_proved_to_be_off_is_not_cut_off_again_while_its_lease_runs_out() -> None:
    bench = Bench()
    bench.report(N2, failed("monitor", OnFail.FENCE))
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    bench.judge(proof)
    assert [o.verb for o in orders(bench.tick(500))] != [FenceVerb.CUT]
    assert bench.fencer.holds(N2, 3, bench.now_ms)


def test_start_that_has_not_reported_is_not_cut_off_for_what_failed_in_the_one_before() -> None:
    bench = Bench()
    bench.report(N2, failed("monitor", OnFail.FENCE))
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    bench.judge(proof)
    bench.judge(Verdict(N2, 4, ADMITTED, "cluster", "", 0))
    request = LeaseRequest(7, 1, 4, 1, 0, 0)
    assert not bench.roster.request(N2, 4, request, bench.now_ms, 0)
    assert bench.roster.records[N2].generation == 4
    assert "fence-wanted" not in kinds(bench.tick())


def test_stop_that_fails_cuts_the_node_off_where_nothing_else_ends_the_resource() -> None:
    bench = Bench()
    bench.report(N2, failed("stop", OnFail.BLOCK))
    assert [order.target for order in orders(bench.tick())] == [N2]


def test_stop_that_fails_blocks_only_where_a_guard_ends_the_resource() -> None:
    bench = Bench()
    bench.report(N2, failed("stop", OnFail.BLOCK, WEB))
    assert bench.tick() == []


def test_stop_that_is_configured_to_block_cuts_nobody_off() -> None:
    stop = Operation("stop", on_fail=OnFail.BLOCK)
    disk = replace(BASE.primitives[0], operations=(stop,))
    bench = Bench(replace(BASE, primitives=(disk, *BASE.primitives[1:])))
    bench.report(N2, failed("stop", OnFail.BLOCK))
    assert bench.tick() == []


def test_incarnation_under_fire_gets_nothing_and_a_later_one_is_welcome() -> None:
    bench = Bench()
    bench.lose(N2)
    bench.tick()
    assert bench.fencer.holds(N2, 3, bench.now_ms)
    assert not bench.fencer.holds(N2, 4, bench.now_ms)


def test_what_a_dead_node_sent_before_is_not_taken_for_its_return() -> None:
    bench = Bench()
    bench.lose(N2)
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    bench.judge(proof)
    assert bench.fencer.holds(N2, 3, bench.now_ms + 999)
    assert not bench.fencer.holds(N2, 3, bench.now_ms + 1000)


def test_successor_takes_a_device_s_word_when_the_lease_of_its_node_has_run_out() -> None:
    verdict = Verdict(N2, 3, "fenced:pdu", "cluster", "", 0)
    view = (NodeStatus(N2, NodeState.ONLINE, 3, RUNNING),)
    roster = Roster(N1, 3, timers(1000), [verdict], view, BEGIN_MS)
    roster.configure(BASE, 0)
    over_ms = BEGIN_MS + timers(1000).inherited_lease_ms()
    assert roster.check({}, set(), over_ms - 1, 0) == ([], False)
    assert {item.state for item in roster.records[N2].instances} == {InstanceState.STARTED}
    (lost,) = roster.check({}, set(), over_ms, 0)[0]
    assert (lost.node, lost.affected) == (N2, (DISK, MAIL, WEB))
    assert {item.state for item in roster.records[N2].instances} == {InstanceState.STOPPED}


def test_node_that_speaks_although_it_was_proved_off_is_told_once() -> None:
    bench = Bench()
    bench.lose(N2)
    bench.judge(Verdict(N2, 3, "fenced:pdu", "cluster", "", 0))
    (told,) = bench.fencer.doubts(N2, 3)
    assert told.text.startswith("n2 speaks, although it was proved to be off by pdu")
    assert bench.fencer.doubts(N2, 3) == []
    assert bench.fencer.doubts(N2, 4) == []


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


def test_operator_s_wish_is_carried_out_once_and_its_author_is_in_the_verdict() -> None:
    bench = Bench()
    bench.fencer.ask(commands.FenceNode(N2, "it smokes"), "ann")
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert (proof.author, proof.reason) == ("ann", "it smokes")
    bench.judge(proof)
    assert N2 not in {o.target for o in orders(bench.tick(500)) if o.verb is FenceVerb.CUT}


@pytest.mark.parametrize(
    ("command", "configuration", "told"),
    [
        (commands.FenceNode(NodeName("x"), "y"), BASE, "there is no node 'x'"),
        (commands.FenceNode(N2, " "), BASE, "say why: the reason is kept with the verdict"),
        (commands.FenceNode(N2, "y", generation=2), BASE, "has started again since"),
        (
            commands.FenceNode(N2, "y"),
            replace(BASE, options=Options(fencing=False)),
            "fencing is off",
        ),
        (
            commands.FenceNode(N2, "y"),
            replace(BASE, fence_devices=(SAN,)),
            "no fence device ends node 'n2': give one 'targets: [n2]'",
        ),
    ],
)
def test_operator_s_wish_is_refused_with_its_cure(
    command: commands.FenceNode, configuration: Configuration, told: str
) -> None:
    with pytest.raises(RefusedError, match=told.replace("[", r"\[").replace("]", r"\]")):
        Bench(configuration).fencer.ask(command, "ann")


def test_rehearsal_asks_every_node_that_may_use_a_device_and_tells_its_end_last() -> None:
    bench = Bench(replace(BASE, fence_devices=(replace(PDU, reached_from=(N1, N3)),)))
    incident = bench.fencer.rehearse(commands.TestFence("n2"))
    found = bench.tick()
    sent = [(i.to, i.message) for i in found if isinstance(i, Send)]
    drills = [(to, m) for to, m in sent if isinstance(m, FenceOrder)]
    assert [(to, m.verb, m.target) for to, m in drills] == [
        (N1, FenceVerb.TEST, N2),
        (N3, FenceVerb.TEST, N2),
    ]
    told: list[object] = []
    for to, message in drills:
        seen = "it knows n2, which is off" if to == N3 else "it knows n2, which is on"
        report = FenceReport(7, message.errand_id, FenceState.DONE, "", ((N2, True, seen),))
        told += bench.fencer.report(to, report, bench.now_ms, 0)
    assert kinds(told) == ["fence-tested", "fence-test-failed", "fence-rehearsed"]
    events = [item for item in told if isinstance(item, Told)]
    assert {event.incident for event in events} == {incident}
    assert events[1].text.endswith("although n2 is online: it has another's plug")


def test_verdict_names_whose_word_it_is() -> None:
    off = Verdict(N2, 3, "fenced:pdu-a+pdu-b", "cluster", "", 0)
    assert rules.words_of(off) == "n2 is off, as pdu-a and pdu-b have proved"
    cut = replace(off, method="cut:san")
    assert rules.words_of(cut) == "n2 is cut off from its storage, as san has proved"


def test_coordinator_that_is_to_be_cut_off_makes_way_and_leaves_the_deed_to_its_successor() -> None:
    bench = Bench()
    fit = frozenset({N3})
    assert bench.fencer.makes_way_for(fit) is None
    assert bench.fencer.ask(commands.FenceNode(N1, "it smokes"), "ann") == ""
    assert bench.fencer.makes_way_for(fit) == N3


def test_coordinator_makes_way_for_nobody_who_is_to_be_cut_off_too() -> None:
    bench = Bench()
    for name in (N1, N2):
        bench.fencer.ask(commands.FenceNode(name, "it smokes"), "ann")
    assert bench.fencer.makes_way_for(frozenset({N2, N3})) == N3
    assert bench.fencer.makes_way_for(frozenset({N2})) is None
    assert {order.target for order in orders(bench.tick())} == {N1, N2}


def test_coordinator_without_a_successor_is_cut_off_by_others_all_the_same() -> None:
    bench = Bench()
    assert bench.fencer.makes_way_for(frozenset()) is None
    told = bench.fencer.ask(commands.FenceNode(N1, "it smokes"), "ann")
    assert told == "n1 is to be cut off"
    assert [order.target for order in orders(bench.tick())] == [N1]


@pytest.mark.parametrize(("reached_from", "expected"), [((), [N1]), ((N3,), [N3])])
def test_witness_is_sent_on_errands_only_where_a_device_names_it(
    reached_from: tuple[NodeName, ...], expected: list[NodeName]
) -> None:
    nodes = (Member(N1, ()), Member(N2, ()), Member(N3, (), witness=True))
    device = replace(PDU, reached_from=reached_from)
    bench = Bench(replace(BASE, nodes=nodes, fence_devices=(device,)))
    bench.lose(N2)
    found = bench.tick()
    assert [item.to for item in found if isinstance(item, Send)] == expected
    assert kinds(found) == ["fence-wanted"]


def owing(generation: int = 3) -> Verdict:
    """Return the word on a node that is still to be switched on again."""
    return Verdict(N2, generation, "fenced:pdu", "cluster", "", 0, to_restore=("pdu",))


def test_successor_takes_over_the_switching_on_and_settles_it_in_the_log() -> None:
    bench = Bench()
    bench.lose(N2)
    bench.roster.judged(owing())
    (order,) = orders(bench.tick())
    assert (order.verb, order.target, order.device) == (FenceVerb.RESTORE, N2, "pdu")
    assert kinds(bench.answer(order, FenceState.DONE)) == ["fence-restored"]
    settled = replace(owing(), to_restore=(), is_settled=True)
    assert bench.tick() == bench.tick() == [settled], "told until the log has it"
    assert settled.replaces(owing())
    bench.judge(settled)
    assert bench.tick() == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, options=Options(fencing=False)),
        replace(BASE, options=Options(maintenance=True)),
        replace(BASE, nodes=(Member(N1, ()), Member(N2, (), maintenance=True), Member(N3, ()))),
    ],
    ids=["fencing off", "maintenance", "node in maintenance"],
)
def test_nobody_is_switched_on_by_a_successor_where_people_work(changed: Configuration) -> None:
    bench = Bench(changed)
    bench.lose(N2)
    bench.roster.judged(owing())
    assert orders(bench.tick()) == []


def test_coordinator_that_was_cut_off_itself_is_on_and_nobody_need_see_to_that() -> None:
    bench = Bench()
    bench.roster.judged(replace(owing(), node=N1))
    assert bench.tick() == [] == bench.tick(1000)


def test_word_that_something_is_done_changes_no_other_word() -> None:
    settled = replace(owing(), to_restore=(), is_settled=True)
    assert not settled.replaces(None)
    assert not settled.replaces(owing(2))
    assert not settled.replaces(owing(4))
    assert not settled.replaces(Verdict(N2, 3, ADMITTED, "cluster", "", 0))
