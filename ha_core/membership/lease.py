"""Run lease of a node: the right to keep exclusive resources, which ends by itself.

Owns: the arithmetic on the node's side. A lease runs from the sending time of
the request that the grant answers, less the age of the coordinator's newest
acknowledged round, so that all leases a coordinator ever granted end no later
than `run_lease_ms` after that round was sent. See docs/protocols/leases.md.
"""

from dataclasses import dataclass

from ha_core.ids import Millis, NodeName, Term


@dataclass(frozen=True, slots=True)
class Admission:
    """Names one stay of a node in the cluster; orders of another one are void."""

    coordinator: NodeName
    term: Term
    number: int

    def is_newer_than(self, other: "Admission | None") -> bool:
        """Return whether it replaces `other`; terms come first, then the coordinator's count."""
        return other is None or (self.term, self.number) > (other.term, other.number)


class RunLease:
    """The node's own lease: `until_ms` and the moment when everything must have been stopped."""

    def __init__(self, run_lease_ms: Millis, dead_after_ms: Millis) -> None:
        self.run_lease_ms = run_lease_ms
        self.dead_after_ms = dead_after_ms
        self.until_ms: Millis = 0
        self.stop_at_ms: Millis | None = None
        self.admission: Admission | None = None
        self.granted_by: Admission | None = None
        """By which admission it was held last."""

    def admit(self, admission: Admission) -> bool:
        """Adopt a newer admission; return whether it was newer."""
        if not admission.is_newer_than(self.admission):
            return False
        self.admission = admission
        return True

    def granted(self, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        """Extend the lease by a grant; return whether it did (an old grant never shortens it,
        an answer to what was never asked counts for nothing).
        """
        anchor_ms = request_ms - max(age_ms, 0)
        until_ms = anchor_ms + self.run_lease_ms
        if until_ms <= self.until_ms or until_ms <= now_ms or request_ms > now_ms:
            return False
        self.until_ms = until_ms
        self.stop_at_ms = anchor_ms + self.dead_after_ms
        self.granted_by = self.admission
        return True

    def has_lapsed_before(self, now_ms: Millis) -> bool:
        """Return whether it ran out under another admission than the present one: what ran under it
        may have a new owner.
        """
        return self.granted_by not in (None, self.admission) and not self.is_held(now_ms)

    def limit(self, run_lease_ms: Millis, dead_after_ms: Millis, now_ms: Millis) -> bool:
        """Count in other intervals; return whether the lease, if it runs, is shorter now.

        A longer one, granted by the intervals before, would outlast what others
        that join later wait for.
        """
        self.run_lease_ms, self.dead_after_ms = run_lease_ms, dead_after_ms
        if self.stop_at_ms is None or self.until_ms <= now_ms + run_lease_ms:
            return False
        self.until_ms = now_ms + run_lease_ms
        self.stop_at_ms = min(self.stop_at_ms, now_ms + dead_after_ms)
        return True

    def is_held(self, now_ms: Millis) -> bool:
        """Return whether the lease still runs."""
        return now_ms < self.until_ms

    def maybe_expire(self, now_ms: Millis) -> bool:
        """Return true once, when the time has come to stop everything."""
        if self.stop_at_ms is None or now_ms < self.stop_at_ms:
            return False
        self.stop_at_ms = None
        self.until_ms = 0
        return True

    def deadline_ms(self) -> Millis | None:
        """Return when everything must be stopped unless the lease is renewed."""
        return self.stop_at_ms
