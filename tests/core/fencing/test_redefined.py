"""A device that is changed while an errand with it is under way proves nothing by that errand."""

from dataclasses import replace
from itertools import count
from random import Random

from ha_core.config.model import Configuration, FenceAction, FenceDevice, Node
from ha_core.effects import Fence, Send
from ha_core.events import FenceDone
from ha_core.fencing.errand import Errands
from ha_core.fencing.machine import Fencing, Output, Proved, Wish
from ha_core.ids import NodeName
from ha_core.messages import FenceOrder, FenceReport, FenceState, FenceVerb

N1, N2 = NodeName("n1"), NodeName("n2")
DEVICE = FenceDevice(
    "pdu", "fence:apc", targets=(N2,), plugs=((N2, "1"),), action=FenceAction.REBOOT
)
BEFORE = Configuration(nodes=(Node(N1, ()), Node(N2, ())), fence_devices=(DEVICE,))
AFTER = replace(BEFORE, fence_devices=(replace(DEVICE, plugs=((N2, "7"),)),))
TEXT = "the device pdu was changed meanwhile"


def test_errand_ends_as_failed_where_its_device_was_changed_between_two_calls() -> None:
    """Nothing is on at plug 7: its status would have proved what `off` did at plug 1."""
    errands = Errands()
    order = FenceOrder(3, 1, FenceVerb.CUT, "pdu", N2)
    _, call = errands.order(N1, order, BEFORE, 10_000, 0)
    assert isinstance(call, Fence)
    assert (call.action, call.device) == ("off", DEVICE)
    (said,) = errands.done(FenceDone(call.call_id, 0), AFTER, 10_000, 100)
    assert said == Send(N1, FenceReport(3, 1, FenceState.FAILED, TEXT))


def machine() -> Fencing:
    numbers = count(1)
    return Fencing(N1, 3, Random(0), 300, lambda: next(numbers))


def order_in(found: list[Output]) -> FenceOrder:
    (order,) = (i.message for i in found if isinstance(i, Send))
    assert isinstance(order, FenceOrder)
    return order


def test_word_of_who_has_not_heard_of_the_change_is_no_proof_and_it_is_sent_anew() -> None:
    made, wishes = machine(), {N2: Wish(N2, 4, "it hangs", is_asked=True)}
    first = order_in(made.tick(wishes, (N1,), BEFORE, 0))
    made.tick(wishes, (N1,), AFTER, 1)
    found = made.report(N1, FenceReport(3, first.errand_id, FenceState.DONE), 3)
    assert not any(isinstance(item, Proved) for item in found)
    second = order_in(found)
    assert second == replace(first, errand_id=first.errand_id + 1)
    found = made.report(N1, FenceReport(3, second.errand_id, FenceState.DONE), 4)
    assert any(isinstance(item, Proved) for item in found)


def test_nor_does_it_count_as_switched_on() -> None:
    made, wish = machine(), Wish(N2, 4, "ann wants it back")
    assert made.switch_on(wish, ("pdu",))
    first = order_in(made.tick({}, (N1,), BEFORE, 0))
    assert first.verb is FenceVerb.RESTORE
    made.tick({}, (N1,), AFTER, 1)
    found = made.report(N1, FenceReport(3, first.errand_id, FenceState.FAILED, TEXT), 2)
    assert order_in(found).verb is FenceVerb.RESTORE, "by the same node, as the device is now"
