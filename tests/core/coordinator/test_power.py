"""Nodes that are off are switched on as a person wants, by the devices that cut them off."""

from dataclasses import replace

import pytest

from ha_core.commands import SwitchOn
from ha_core.config.model import FenceAction, FenceDevice
from ha_core.errors import RefusedError
from ha_core.ids import NodeName
from ha_core.messages import FenceReport, FenceState, FenceVerb
from tests.core.coordinator.fencer_bench import BASE, N1, PDU, Bench, kinds, orders, states

N2 = NodeName("n2")
ON = SwitchOn(N2, "its fan is new")


def refused(bench: Bench, command: SwitchOn = ON) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        bench.want(command)
    return caught.value.code, str(caught.value)


def lost_and_off() -> Bench:
    """Return a cluster whose n2 was lost and cut off, and is left off."""
    left_off = replace(PDU, action=FenceAction.OFF, reached_from=(NodeName("n1"),))
    bench = Bench(replace(BASE, fence_devices=(left_off,)))
    bench.lose(N2)
    (cut,) = orders(bench.tick())
    (verdict,) = (item for item in bench.answer(cut, FenceState.DONE) if hasattr(item, "method"))
    bench.judge(verdict)
    return bench


def test_node_that_was_cut_off_is_switched_on_and_told_of() -> None:
    bench = lost_and_off()
    assert orders(bench.tick()) == [], "nobody wants it on yet"
    assert bench.want(ON) == "n2 is to be switched on by pdu"
    (order,) = orders(bench.tick())
    assert (order.verb, order.device, order.target) == (FenceVerb.RESTORE, "pdu", N2)
    assert kinds(bench.answer(order, FenceState.DONE)) == ["fence-restored"]
    assert bench.tick() == []
    assert bench.forget() == [N2]
    assert bench.fencer.is_idle
    assert bench.want(ON) == "n2 is to be switched on by pdu", "and again"


def test_node_is_switched_on_once_at_a_time() -> None:
    bench = lost_and_off()
    bench.want(ON)
    assert refused(bench) == ("busy", "its devices are at work on n2: wait for their end")


def test_wish_to_switch_a_node_on_outlives_the_coordinator_that_was_asked() -> None:
    bench = lost_and_off()
    bench.want(ON)
    bench.succeed()
    assert [item.verb for item in orders(bench.tick())] == [FenceVerb.RESTORE]
    bench.succeed()
    (order,) = orders(bench.tick())
    report = FenceReport(8, order.errand_id, FenceState.DONE, "")
    assert kinds(list(bench.fencer.report(N1, report, bench.now_ms, 0))) == ["fence-restored"]
    assert bench.tick() == []
    assert bench.forget() == [N2]


def test_device_that_cannot_is_told_of_and_tried_again_when_asked() -> None:
    bench = lost_and_off()
    bench.want(ON)
    (order,) = orders(bench.tick())
    told = bench.answer(order, FenceState.FAILED, "no route")
    while more := orders(told):  # it is tried more than once
        told = bench.answer(more[0], FenceState.FAILED, "no route")
    assert "fence-left-off" in kinds(told)
    assert bench.tick() == []
    assert bench.forget() == [N2]
    bench.want(ON)
    assert [item.verb for item in orders(bench.tick())] == [FenceVerb.RESTORE]


def test_node_that_may_still_run_something_is_not_switched_on() -> None:
    bench = Bench()
    assert refused(bench) == ("invalid", "n2 is online: only a node that is off is switched on")
    bench.lose(N2)
    assert states(bench)
    code, text = refused(bench)
    assert code == "unsafe"
    assert text.startswith("n2 is lost and may still run disk: 'ha node fence n2' cuts it off")


def test_node_that_no_device_knows_is_not_switched_on() -> None:
    bench = Bench(replace(BASE, fence_devices=()))
    assert refused(bench)[0] == "invalid"
    assert refused(bench, SwitchOn(NodeName("n9")))[0] == "not-found"


def test_node_that_left_is_switched_on_by_its_first_level() -> None:
    storage = FenceDevice("san", "fence:fence_scsi", targets=(N2,), unfence=True)
    bench = Bench(replace(BASE, fence_devices=(storage, PDU)))
    bench.fencer.tick(bench.configuration, bench.now_ms, 0)
    record = bench.roster.records[N2]
    record.state = type(record.state).LEFT
    assert bench.want(ON) == "n2 is to be switched on by pdu"
