"""Whom the coordinator cuts off by itself, whom people may, and what a device's word frees."""

from dataclasses import replace

import pytest

from ha_core import commands
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    FenceAction,
    Node as Member,
    OnFail,
    Operation,
    Options,
    Primitive,
)
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.told import Told
from ha_core.coordinator.wanted import VALID_MS
from ha_core.effects import Send
from ha_core.errors import RefusedError
from ha_core.fencing import rules
from ha_core.ids import NodeName
from ha_core.messages import (
    FenceOrder,
    FenceReport,
    FenceState,
    FenceVerb,
    LeaseRequest,
)
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import (
    InstanceState,
    NodeState,
    NodeStatus,
)
from ha_core.timers import timers
from tests.core.coordinator.fencer_bench import (
    BASE,
    BEGIN_MS,
    DISK,
    MAIL,
    N1,
    N2,
    N3,
    PDU,
    RUNNING,
    SAN,
    WEB,
    Bench,
    failed,
    kinds,
    orders,
    states,
)


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


def test_operator_s_wish_is_carried_out_once_and_its_author_is_in_the_verdict() -> None:
    bench = Bench()
    bench.want(commands.FenceNode(N2, "it smokes"))
    (order,) = orders(bench.tick())
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert (proof.author, proof.reason) == ("ann", "it smokes")
    bench.judge(proof)
    assert bench.forget() == [N2]
    assert N2 not in {o.target for o in orders(bench.tick(500)) if o.verb is FenceVerb.CUT}


def test_operator_s_wish_outlives_the_coordinator_that_he_asked() -> None:
    bench = Bench()
    bench.want(commands.FenceNode(N2, "it smokes", FenceAction.OFF))
    bench.succeed()
    (order,) = orders(bench.tick())
    assert (order.target, order.action) == (N2, "off")
    bench.succeed()
    (order,) = orders(bench.tick())
    report = FenceReport(8, order.errand_id, FenceState.DONE, "")
    found = bench.fencer.report(N1, report, bench.now_ms, 0)
    (proof,) = (item for item in found if isinstance(item, Verdict))
    assert (proof.author, proof.reason) == ("ann", "it smokes")
    bench.judge(proof)
    bench.succeed()
    assert orders(bench.tick()) == [], "it is off"
    assert bench.forget() == [N2]
    assert bench.fencer.is_idle


def test_operator_s_wish_is_over_when_it_was_given_up_or_the_node_starts_again() -> None:
    bench = Bench(replace(BASE, fence_devices=(replace(PDU, reached_from=(N1,)),)))
    bench.want(commands.FenceNode(N2, "it smokes"))
    (order,) = orders(bench.tick())
    assert "fence-gave-up" in kinds(bench.answer(order, FenceState.FAILED, "no route"))
    assert bench.forget() == [N2]
    bench.want(commands.FenceNode(N2, "it smokes"))
    assert bench.forget() == []
    bench.roster.judged(Verdict(N2, 4, ADMITTED, "cluster", "", 0))
    bench.roster.records[N2].generation = 4
    assert kinds(bench.tick()) == []
    assert bench.forget() == [N2]


def test_operator_s_wish_that_nobody_could_carry_out_is_forgotten_after_ten_minutes() -> None:
    bench = Bench()
    bench.want(commands.FenceNode(N2, "it smokes"))
    bench.wall_ms = VALID_MS - 1
    assert bench.forget() == []
    bench.wall_ms = VALID_MS
    assert bench.forget() == [N2]
    assert orders(bench.tick()) == []


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
        Bench(configuration).want(command)


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
    bench.want(commands.FenceNode(N1, "it smokes"))
    assert bench.fencer.makes_way_for(fit) == N3


def test_coordinator_makes_way_for_nobody_who_is_to_be_cut_off_too() -> None:
    bench = Bench()
    for name in (N1, N2):
        bench.want(commands.FenceNode(name, "it smokes"))
    assert bench.fencer.makes_way_for(frozenset({N2, N3})) == N3
    assert bench.fencer.makes_way_for(frozenset({N2})) is None
    assert {order.target for order in orders(bench.tick())} == {N1, N2}


def test_coordinator_without_a_successor_is_cut_off_by_others_all_the_same() -> None:
    bench = Bench()
    assert bench.fencer.makes_way_for(frozenset()) is None
    bench.want(commands.FenceNode(N1, "it smokes"))
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
