"""Errands that stand alone: sent until answered, given up when their node goes or time is up.

Owns: the orders that are out for rehearsals and for switching storage on. Those
that cut a node off are `machine`'s, which has more to decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.effects import Send
from ha_core.ids import Millis, NodeName, Term
from ha_core.messages import FenceOrder, FenceReport, FenceState


@dataclass(frozen=True, slots=True)
class Ended:
    """An errand is over."""

    executor: NodeName
    order: FenceOrder
    ok: bool
    text: str
    tested: tuple[tuple[NodeName, bool, str], ...] = ()


@dataclass(slots=True)
class _Out:
    executor: NodeName
    order: FenceOrder
    sent_ms: Millis
    limit_ms: Millis


class Dispatch:
    """Errands of one term, by number."""

    def __init__(self, term: Term, resend_ms: Millis) -> None:
        self._term = term
        self._resend_ms = resend_ms
        self._out: dict[int, _Out] = {}

    def send(
        self, executor: NodeName, order: FenceOrder, limit_ms: Millis, now_ms: Millis
    ) -> list[Send]:
        """Send a node on an errand that may take `limit_ms`."""
        self._out[order.errand_id] = _Out(executor, order, now_ms, now_ms + limit_ms)
        return [Send(executor, order)]

    def report(self, sender: NodeName, report: FenceReport) -> Ended | None:
        """Take a report; return the end of its errand, if it is one."""
        out = self._out.get(report.errand_id)
        if out is None or report.term != self._term or sender != out.executor:
            return None
        if report.state is FenceState.WORKING:
            return None
        del self._out[report.errand_id]
        is_done = report.state is FenceState.DONE
        return Ended(sender, out.order, is_done, report.text, report.tested)

    def tick(self, online: Iterable[NodeName], now_ms: Millis) -> tuple[list[Send], list[Ended]]:
        """Return what must be sent again, and what is over without an answer."""
        there = set(online)
        again: list[Send] = []
        over: list[Ended] = []
        for errand_id, out in list(self._out.items()):
            if out.executor not in there or now_ms >= out.limit_ms:
                del self._out[errand_id]
                is_gone = out.executor not in there
                why = "is not there any more" if is_gone else "did not answer in time"
                over.append(Ended(out.executor, out.order, False, f"{out.executor} {why}"))
            elif now_ms - out.sent_ms >= self._resend_ms:
                out.sent_ms = now_ms
                again.append(Send(out.executor, out.order))
        return again, over

    @property
    def is_idle(self) -> bool:
        """Whether no errand is out."""
        return not self._out

    def deadline_ms(self) -> Millis | None:
        """Return when an errand must be looked at."""
        due = (min(out.limit_ms, out.sent_ms + self._resend_ms) for out in self._out.values())
        return min(due, default=None)
