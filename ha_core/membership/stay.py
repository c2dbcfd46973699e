"""A node's stay with its coordinator: the admission it holds, its lease, what it has reported.

Owns: which grants and orders count here. One stay at a time; a newer admission
replaces the one before. Knows nothing of resources but what is to be reported.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ha_core.effects import StateChanged
from ha_core.ids import Generation, Millis, NodeName, Revision, Term
from ha_core.journal import JournalEvent
from ha_core.membership.lease import Admission, RunLease
from ha_core.messages import LeaseGrant, Order, Prepare, Report
from ha_core.status import Instance
from ha_core.timers import RaftTimers


@dataclass(frozen=True, slots=True)
class Leader:
    """Whom this node follows, in which term."""

    name: NodeName
    term: Term


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant brought: a longer lease, and whether the coordinator wants a report."""

    is_longer: bool
    wants_report: bool
    is_withheld: bool = False
    """It would have been longer, but something has not ended that the one before bounded."""


class Stay:
    """Admission, lease and report of one start of a node."""

    def __init__(self, generation: Generation, timers: RaftTimers) -> None:
        self.lease = RunLease(timers.run_lease_ms, timers.dead_after_ms)
        self._generation = generation
        self._reported = (0, 0)
        self.is_heard = False
        """Whether the coordinator has taken a report under this admission."""
        self.superseded_by: Generation = 0
        """A later start of this node that others remember: what this one says is not taken."""

    def remembered(self, sender: NodeName, known: Generation) -> list[StateChanged]:
        """Take a peer's word on the newest start of ours that it has seen; return it for the log.

        An earlier start than one that was here before can only run from an old copy of the disk.
        """
        if known <= max(self._generation, self.superseded_by):
            return []
        self.superseded_by = known
        why = f"{sender} remembers start {known} of this node, this is start {self._generation}"
        return [StateChanged("store", "newest", "older copy", why)]

    def set_timers(self, timers: RaftTimers, now_ms: Millis) -> bool:
        """Count in other intervals from now on; return whether the lease is shorter now."""
        return self.lease.limit(timers.run_lease_ms, timers.dead_after_ms, now_ms)

    def granted(
        self,
        leader: Leader | None,
        sender: NodeName,
        message: LeaseGrant,
        now_ms: Millis,
        is_clear: Callable[[], bool] = lambda: True,
    ) -> Granted | None:
        """Take a grant; None if it is not for this node as it is now.

        `is_clear`: whether all has ended that an earlier lease bounded. Before, no lease of a later
        admission is taken: it would let an address answer that has a new owner.
        """
        if leader != Leader(sender, message.term):
            return None
        if message.generation != self._generation:
            return None  # an answer to an earlier start of ours: its orders may be under way, too
        if message.dead_after_ms != self.lease.dead_after_ms:
            return None  # our configuration is behind: a lease by another D would last too long
        admission = Admission(sender, message.term, message.admission)
        is_new = self.lease.admit(admission)
        if admission != self.lease.admission:
            return None
        self.is_heard = message.wanted_report_id > 0
        asked_ms = message.request_ms
        is_new_one = asked_ms > 0 and self.lease.has_lapsed_before(now_ms)
        is_withheld = is_new_one and not is_clear()
        is_given = asked_ms > 0 and not is_withheld
        is_longer = is_given and self.lease.granted(asked_ms, message.age_ms, now_ms)
        wants_report = is_new or message.wanted_report_id < self._reported[1]
        return Granted(is_longer, wants_report, is_withheld)

    def is_bound_by(
        self, leader: Leader | None, sender: NodeName, order: Order | Prepare, revision: Revision
    ) -> bool:
        """Return whether an order is of the coordinator and the admission that hold now, and by a
        definition that this node has, which holds `revision`; it is given again until it has.
        """
        admission = Admission(sender, order.term, order.admission)
        is_known = not isinstance(order, Order) or order.revision <= revision
        is_of_now = leader == Leader(sender, order.term) and admission == self.lease.admission
        return is_known and is_of_now

    def owes_report(self, report_id: int) -> bool:
        """Return whether the newest report has not been sent in this stay."""
        admission = self.lease.admission
        return admission is not None and self._reported != (admission.number, report_id)

    def report(
        self,
        leader: Leader | None,
        report_id: int,
        instances: tuple[Instance, ...],
        events: tuple[JournalEvent, ...],
        *,
        leaving: bool,
    ) -> Report | None:
        """Return the report to send now; None if the coordinator has not admitted this node."""
        admission = self.lease.admission
        if admission is None or leader != Leader(admission.coordinator, admission.term):
            return None
        self._reported = (admission.number, report_id)
        return Report(
            admission.term,
            admission.number,
            self._generation,
            report_id,
            instances,
            events,
            leaving,
        )
