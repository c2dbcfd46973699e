"""Whom the coordinator cuts off because a ticket was lost, and when it leaves that."""

from dataclasses import replace

import pytest

from ha_core.config.choices import LossPolicy, Role
from ha_core.config.model import Clone, Configuration, Node as Member, Options, TicketConstraint
from ha_core.effects import Send
from ha_core.ids import ConstraintId, ResourceId
from ha_core.messages import FenceOrder, FenceReport, FenceState, FenceVerb
from ha_core.replication.entries import Verdict
from ha_core.status import Instance, InstanceState, NodeState, Ticket
from tests.core.coordinator.fencer_bench import (
    BASE,
    DISK,
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
)

EAST = TicketConstraint(ConstraintId("east"), "east", DISK, loss_policy=LossPolicy.FENCE)
SITE = replace(BASE, tickets=(EAST,))
GRANTED = (Ticket("east", granted=True),)


def bench_of(configuration: Configuration = SITE) -> Bench:
    """Return a cluster whose n2 runs everything, with the ticket."""
    bench = Bench(replace(configuration, tickets=()))
    bench.fencer.lapses.tickets = GRANTED
    bench.configuration = configuration
    assert bench.tick() == []
    return bench


def revoke(bench: Bench) -> list[object]:
    bench.fencer.lapses.tickets = (Ticket("east"),)
    return bench.tick()


def test_node_that_runs_what_has_lost_its_ticket_is_cut_off_for_it() -> None:
    bench = bench_of()
    found = revoke(bench)
    (order,) = orders(found)
    assert (order.verb, order.target) == (FenceVerb.CUT, N2)
    (status,) = bench.fencer.statuses()
    assert status.reason == "ticket east is not granted here, and disk ran there"
    (proof,) = [v for v in bench.answer(order, FenceState.DONE) if isinstance(v, Verdict)]
    assert (proof.node, proof.generation, proof.method) == (N2, 3, "fenced:pdu")
    bench.judge(proof)
    assert "fence-wanted" not in kinds(bench.tick())


def test_ticket_that_nobody_has_ever_granted_is_lost() -> None:
    bench = bench_of()
    bench.fencer.lapses.tickets = ()
    assert [order.target for order in orders(bench.tick())] == [N2]


def test_stop_that_is_quicker_than_the_device_does_not_end_the_wish() -> None:
    bench = bench_of()
    revoke(bench)
    bench.report(N2, STOPPED)
    assert "fence-called-off" not in kinds(bench.tick())
    bench.lose(N2)
    assert "fence-called-off" not in kinds(bench.tick())
    assert [status.node for status in bench.fencer.statuses()] == [N2]


def test_grant_in_the_meantime_ends_the_wish() -> None:
    bench = bench_of()
    revoke(bench)
    bench.fencer.lapses.tickets = GRANTED
    assert kinds(bench.tick()) == ["fence-called-off"]


def test_node_that_has_come_back_is_not_cut_off_for_what_it_ran_before() -> None:
    bench = bench_of()
    revoke(bench)
    record = bench.roster.records[N2]
    record.instances, record.generation = STOPPED, 4
    assert kinds(bench.tick()) == ["fence-called-off"]


def test_node_that_has_left_in_order_is_not_cut_off_for_what_it_ran() -> None:
    bench = bench_of()
    revoke(bench)
    bench.report(N2, STOPPED)
    bench.roster.records[N2].state = NodeState.LEFT
    assert kinds(bench.tick()) == ["fence-called-off"]
    bench.roster.records[N2].state = NodeState.LOST
    assert bench.tick() == [], "nor when it is not there"


@pytest.mark.parametrize("whole", [True, False], ids=["cluster", "node"])
def test_maintenance_ends_the_wish_unless_it_still_runs_afterwards(whole: bool) -> None:
    quiet = replace(SITE, options=Options(maintenance=True))
    if not whole:
        nodes = tuple(replace(n, maintenance=n.name == N2) for n in SITE.nodes)
        quiet = replace(SITE, nodes=nodes)
    for reported, wanted in ((STOPPED, []), (RUNNING, ["fence-wanted"])):
        bench = bench_of()
        revoke(bench)
        bench.configuration = quiet
        assert kinds(bench.tick()) == ["fence-called-off"]
        bench.report(N2, reported)
        assert bench.tick() == []
        bench.configuration = SITE
        assert kinds(bench.tick()) == wanted


def test_device_that_fails_is_tried_again_only_while_something_runs() -> None:
    bench = bench_of()
    found = revoke(bench)
    while sent := [item for item in found if isinstance(item, Send)]:
        assert isinstance(sent[0].message, FenceOrder)
        report = FenceReport(7, sent[0].message.errand_id, FenceState.FAILED, "no answer")
        found = list(bench.fencer.report(sent[0].to, report, bench.now_ms, 0))
    assert "fence-gave-up" in kinds(found)
    assert bench.tick() == []
    assert [status.stage for status in bench.fencer.statuses()] == ["resting"]
    bench.report(N2, STOPPED)
    assert kinds(bench.tick()) == ["fence-called-off"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(SITE, options=Options(fencing=False)),
        replace(SITE, options=Options(maintenance=True)),
        replace(SITE, fence_devices=()),
        replace(SITE, fence_devices=(SAN,)),
        replace(SITE, fence_devices=(replace(PDU, targets=(N1, N3)),)),
        replace(SITE, nodes=(Member(N1, ()), Member(N2, (), maintenance=True), Member(N3, ()))),
        replace(SITE, tickets=(replace(EAST, loss_policy=LossPolicy.STOP),)),
        replace(SITE, tickets=(replace(EAST, loss_policy=LossPolicy.FREEZE),)),
        replace(SITE, tickets=(replace(EAST, resource=ResourceId("other")),)),
    ],
    ids=[
        "fencing off",
        "maintenance",
        "no device",
        "storage alone",
        "no device for it",
        "node in maintenance",
        "stop",
        "freeze",
        "another resource",
    ],
)
def test_nobody_is_cut_off_where_the_configuration_does_not_say_so(changed: Configuration) -> None:
    assert orders(revoke(bench_of(changed))) == []


def test_ticket_in_standby_cuts_nobody_off() -> None:
    bench = bench_of()
    bench.fencer.lapses.tickets = (Ticket("east", granted=True, standby=True),)
    assert bench.tick() == []


@pytest.mark.parametrize(
    ("role", "cut"), [(Role.PROMOTED, [N2]), (Role.UNPROMOTED, []), (None, [N2])]
)
def test_of_the_promoted_role_only_what_may_be_promoted_counts(
    role: Role | None, cut: list[str]
) -> None:
    clone = Clone(ResourceId("disks"), DISK, promotable=True)
    constraint = replace(EAST, resource=ResourceId("disks"), role=Role.PROMOTED)
    bench = bench_of(replace(SITE, clones=(clone,), tickets=(constraint,)))
    bench.report(N2, (Instance(DISK, InstanceState.STARTED, role=role), *RUNNING[1:]))
    assert [order.target for order in orders(revoke(bench))] == cut


def test_coordinator_that_runs_it_makes_way_before_anything_is_stopped() -> None:
    bench = bench_of(replace(SITE, tickets=(replace(EAST, resource=WEB),)))
    bench.report(N1, RUNNING)
    bench.report(N2, STOPPED)
    bench.tick()
    assert bench.fencer.makes_way_for(frozenset((N1, N2, N3))) is None
    bench.fencer.lapses.tickets = ()
    assert bench.fencer.makes_way_for(frozenset((N1, N2, N3))) == N2
