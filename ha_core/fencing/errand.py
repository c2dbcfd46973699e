"""Errands: what a node does with fence devices when its coordinator says so.

Owns: the calls of each errand, their order, repeats and pauses, and what their
answers prove. A success of `off` is believed when the outlet's status is off:
agents lie, and some are done too early. Knows nothing of why a node is cut off.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ha_core.config.model import Configuration, FenceAction, FenceCall, FenceDevice
from ha_core.effects import CancelFence, Effect, Fence, Send
from ha_core.events import FenceDone
from ha_core.fencing import rules
from ha_core.fencing.rehearsal import rehearse
from ha_core.fencing.steps import Answer, Call, Pause, Result, Steps, repeated
from ha_core.ids import Millis, NodeName, Term
from ha_core.messages import FenceOrder, FenceReport, FenceState, FenceVerb

KEPT: Final = 64
"""Finished errands that are remembered, to answer an order that comes again."""
CALLED_OFF: Final = "it was called off"


def cut_off(device: FenceDevice, target: NodeName) -> Steps:
    """Yield the calls that cut the target off and prove it."""
    if rules.contract_of(device) is rules.Contract.STONITH:
        is_reset = device.action is FenceAction.REBOOT and not device.unfence
        action = FenceCall.RESET if is_reset else FenceCall.OFF
        answer = yield from repeated(device, action, target)
        return Result(answer.ok, answer.told(action))
    told = ""
    for _ in range(rules.retries_of(device, FenceCall.OFF) + 1):
        if told:
            yield Pause(rules.RETRY_PAUSE_MS)
        answer = yield Call(FenceCall.OFF, target)
        if answer.ok:
            result = yield from _verify(device, target)
            if result.ok:
                return result
            told = result.text
        else:
            told = answer.told(FenceCall.OFF)
    return Result(False, told)


def switch_on(device: FenceDevice, target: NodeName) -> Steps:
    """Yield the calls that give the target its power or storage back."""
    answer = yield from repeated(device, FenceCall.ON, target)
    return Result(answer.ok, answer.told(FenceCall.ON))


def _verify(device: FenceDevice, target: NodeName) -> Steps:
    """Look whether the outlet is off; it may take a moment, but no longer than `settle_ms`."""
    waited_ms = 0
    while True:
        answer = yield from repeated(device, FenceCall.STATUS, target)
        # Boards of machines take seconds to answer: this time counts, too.
        waited_ms += answer.duration_ms
        if answer.is_off:
            return Result(True, "its status is off")
        if not answer.ok:
            break
        if waited_ms >= device.settle_ms:
            told = f"its agent said that it is off, but after {waited_ms} ms its status is still on"
            return Result(False, told)
        yield Pause(rules.STATUS_PAUSE_MS)
        waited_ms += rules.STATUS_PAUSE_MS
    described = yield Call(FenceCall.METADATA, target)
    if described.ok and described.text and "status" not in described.text.split():
        return Result(True, "its agent said so, and can tell no status")
    return Result(False, f"said to be off, but {answer.told(FenceCall.STATUS)}")


@dataclass(slots=True)
class _Errand:
    order: FenceOrder
    sender: NodeName
    steps: Steps
    device: FenceDevice | None
    """As it was at the beginning: what one definition did is not proved by another."""
    call_id: int = 0
    due_ms: Millis | None = None
    report: FenceReport | None = None


Output: TypeAlias = Effect


class Errands:
    """All errands of one node, whoever sent them."""

    def __init__(self) -> None:
        self._errands: dict[tuple[Term, int], _Errand] = {}
        self._next_call = 0

    def deadline_ms(self) -> Millis | None:
        """Return when the next pause is over."""
        due = [item.due_ms for item in self._errands.values() if item.due_ms is not None]
        return min(due, default=None) if due else None

    def order(
        self,
        sender: NodeName,
        order: FenceOrder,
        configuration: Configuration,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[Output]:
        """Take an order of the coordinator; one that is known is answered, not done again."""
        key = (order.term, order.errand_id)
        known = self._errands.get(key)
        if order.verb is FenceVerb.CANCEL and known is None:
            # It has overtaken its order, which must do nothing when it comes.
            report = _report(order, FenceState.FAILED, CALLED_OFF)
            self._errands[key] = _Errand(order, sender, _none(), None, report=report)
            self._forget()
            return []
        if order.verb is FenceVerb.CANCEL:
            return self._cancel(known)
        if known is not None:
            known.sender = sender
            return [Send(sender, known.report or _working(order))]
        output = self._end_older(order.term)
        found = [d for d in configuration.fence_devices if d.id == order.device]
        if not found:
            text = f"this node does not know the device {order.device} yet"
            return [*output, Send(sender, _report(order, FenceState.FAILED, text))]
        errand = _Errand(order, sender, _steps(order, found[0], configuration), found[0])
        self._errands[key] = errand
        self._forget()
        output.append(Send(sender, _working(order)))
        return output + self._advance(errand, None, found[0], lease_until_ms, now_ms)

    def done(
        self,
        event: FenceDone,
        configuration: Configuration,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[Output]:
        """Take an agent's answer."""
        for errand in self._errands.values():
            if errand.call_id == event.call_id and errand.report is None:
                answer = Answer(event.exit_code, event.timed_out, event.text, event.duration_ms)
                errand.call_id = 0
                return self._resume(errand, answer, configuration, lease_until_ms, now_ms)
        return []

    def tick(
        self, configuration: Configuration, lease_until_ms: Millis, term: Term, now_ms: Millis
    ) -> list[Output]:
        """Go on where a pause is over; not for who coordinated before `term` (0: nobody does).

        Whoever was to be cut off may be back by then: the coordinator of now decides anew.
        """
        output: list[Output] = []
        for errand in list(self._errands.values()):
            if errand.due_ms is None or now_ms < errand.due_ms:
                continue
            errand.due_ms = None
            if errand.order.term < term:
                output += self._cancel(errand)
            else:
                output += self._resume(errand, None, configuration, lease_until_ms, now_ms)
        return output

    # --- mechanics -----------------------------------------------------------------------

    def _resume(
        self,
        errand: _Errand,
        answer: Answer | None,
        configuration: Configuration,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[Output]:
        name = errand.order.device
        device = next((d for d in configuration.fence_devices if d.id == name), None)
        if device is None or device != errand.device:
            deed = "removed" if device is None else "changed meanwhile"
            return self._finish(errand, Result(False, f"the device {name} was {deed}"))
        return self._advance(errand, answer, device, lease_until_ms, now_ms)

    def _advance(
        self,
        errand: _Errand,
        answer: Answer | None,
        device: FenceDevice,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[Output]:
        try:
            step = errand.steps.send(answer) if answer is not None else next(errand.steps)
        except StopIteration as end:
            return self._finish(errand, end.value)
        if isinstance(step, Pause):
            errand.due_ms = now_ms + step.for_ms
            return []
        if now_ms >= lease_until_ms:
            # Who may not run anything may not shoot either.
            return self._finish(errand, Result(False, "this node lost its lease"))
        return [self._call(errand, step, device, lease_until_ms)]

    def _call(
        self, errand: _Errand, step: Call, device: FenceDevice, lease_until_ms: Millis
    ) -> Fence:
        self._next_call += 1
        errand.call_id = self._next_call
        timeout_ms = rules.timeout_ms(device, step.action)
        return Fence(
            errand.call_id, device, str(step.action), step.target, timeout_ms, lease_until_ms
        )

    def _finish(self, errand: _Errand, result: Result) -> list[Output]:
        state = FenceState.DONE if result.ok else FenceState.FAILED
        errand.report = replace(_report(errand.order, state, result.text), tested=result.tested)
        errand.steps.close()
        errand.due_ms, errand.call_id = None, 0
        return [Send(errand.sender, errand.report)]

    def _cancel(self, errand: _Errand | None) -> list[Output]:
        if errand is None or errand.report is not None:
            return []
        running = [CancelFence(errand.call_id)] if errand.call_id else []
        return [*running, *self._finish(errand, Result(False, CALLED_OFF))]

    def _end_older(self, term: Term) -> list[Output]:
        """What an earlier coordinator wanted is over: its successor decides anew."""
        output: list[Output] = []
        for key in [key for key in self._errands if key[0] < term]:
            output += [o for o in self._cancel(self._errands.pop(key)) if not isinstance(o, Send)]
        return output

    def _forget(self) -> None:
        over = [key for key, errand in self._errands.items() if errand.report is not None]
        for key in over[: max(len(over) - KEPT, 0)]:
            del self._errands[key]


def _steps(order: FenceOrder, device: FenceDevice, configuration: Configuration) -> Steps:
    match order.verb:
        case FenceVerb.CUT:
            action = FenceAction(order.action) if order.action else None
            return cut_off(rules.with_action(device, action), order.target)
        case FenceVerb.RESTORE:
            return switch_on(device, order.target)
        case _:
            targets = [t for t in device.targets if configuration.node(t) is not None]
            wanted = tuple(t for t in targets if order.target in ("", t))
            return rehearse(device, wanted)


def _none() -> Steps:
    yield from ()
    return Result(False, CALLED_OFF)


def _working(order: FenceOrder) -> FenceReport:
    return _report(order, FenceState.WORKING, "")


def _report(order: FenceOrder, state: FenceState, text: str) -> FenceReport:
    return FenceReport(order.term, order.errand_id, state, text)
