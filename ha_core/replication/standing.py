"""Where a replication machine stands: what it holds, and what others may read of it.

Owns: the state of `machine.Replication`, which alone changes it, and whether a
voter of two may go on alone; docs/protocols/quorum.md has the argument.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from ha_core.config.model import Configuration, Primitive, TwoNode
from ha_core.config.units import unit
from ha_core.effects import Effect
from ha_core.ids import Generation, Index, Millis, NodeName, ResourceId, Revision, Term
from ha_core.quorum.votes import majority_value
from ha_core.recovered import Recovered
from ha_core.replication.election import Election, Role
from ha_core.replication.entries import ConfigurationChange, Entry, Verdict
from ha_core.replication.log import Log, disk_in
from ha_core.replication.progress import Progress
from ha_core.replication.shelf import Shelf
from ha_core.replication.signals import Signal
from ha_core.replication.tickets import Tickets, TicketWord
from ha_core.status import Ticket
from ha_core.timers import RaftTimers

Output = Effect | Signal


class Standing:
    """State of a `Replication`, and what may be read of it."""

    def __init__(
        self,
        name: NodeName,
        recovered: Recovered,
        timers: RaftTimers,
        random: Random,
        now_ms: Millis,
    ) -> None:
        self.name = name
        self._timers = timers
        self.role = Role.FOLLOWER
        self.term: Term = max(
            recovered.hard_state.term, recovered.snapshot.term if recovered.snapshot else 0
        )
        self.leader: NodeName | None = None
        self.acked_round_ms: Millis = 0
        self.is_established = False
        self._voted_for = recovered.hard_state.voted_for
        self._log = Log(recovered)
        self._tickets = Tickets()
        self._commit: Index = self._log.applied
        self._agreed: Index = self._log.applied
        self._election = Election(name, timers, random, now_ms)
        self._beat_due_ms = now_ms
        self.led_since_ms = now_ms
        """As a leader: when a majority had voted."""
        self._votes: set[NodeName] = set()
        self._progress: dict[NodeName, Progress] = {}
        self._first_of_term: Index = 0
        self._out: list[Output] = []
        self._generation = recovered.generation
        self._disk = recovered.hard_state.disk
        """Which disk this is; promises that were made from another one are not known here."""
        if self._log.is_empty and not self._disk:
            self._disk = recovered.generation
        self._fresh_term: Term = -1
        """Newest term whose leader is known to have spoken to this very start."""
        self._is_in_step = False
        """Whether this start, while its leader of a term knew of it, has held something final of
        that very term: then it holds all that was final before, also who has lost his vote.
        """
        self._sole_since: Term | None = None
        """From this term on nobody else has had this start's vote, or has led to its knowledge."""
        self._election.be_patient(self._log.ranked, self.leader, now_ms)
        if self._log.voters_ever() == {name}:
            # Nobody else can hold a lease. (If one more voter stands in our log, it may be the
            # leader that is just removing itself: wait for the end of its lease like all.)
            self._election.listen_only(now_ms)

    def set_timers(self, timers: RaftTimers) -> None:
        """Count in other intervals from now on."""
        self._timers = self._election.timers = timers
        self._beat_due_ms = min(self._beat_due_ms, self.acked_round_ms + timers.beat_ms)

    @property
    def commit(self) -> Index:
        """Index up to which the log is final."""
        return self._commit

    @property
    def applied(self) -> tuple[Index, Term]:
        """Index and term of the newest applied entry."""
        return self._log.applied, self._log.term_at(self._log.applied) or 0

    def applied_after(self, index: Index) -> tuple[Entry, ...]:
        """Return the applied entries above `index` that are in memory, for checkers."""
        return self._log.applied_after(index)

    def defined(self, resource: ResourceId) -> Primitive | None:
        """Return what ran under that name by the newest revision that has it and is still kept."""
        found = (unit(change.configuration, resource) for change in reversed(self._log.revisions))
        return next((item for item in found if item is not None), None)

    @property
    def revisions(self) -> tuple[ConfigurationChange, ...]:
        """Newest committed revisions, oldest first."""
        return self._log.revisions

    def kept_from(self, revision: Revision) -> tuple[ConfigurationChange, ...]:
        """Return the newest committed revisions, from the last one up to `revision` on."""
        first = max((r.revision for r in self.revisions if r.revision <= revision), default=0)
        return tuple(change for change in self.revisions if change.revision >= first)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Standing verdicts, sorted by node."""
        return self._log.verdicts

    def verdict_on(self, node: NodeName) -> Verdict | None:
        """Return the standing verdict on a node."""
        return self._log.verdict_on(node)

    def is_outdated(self, node: NodeName, start: Generation) -> bool:
        """Return whether the log knows of a later start of that node: what says to be an earlier
        one now runs from an older copy of its disk, and has forgotten what it has promised since.
        """
        return start < self._log.start_of(node)

    @property
    def shelf(self) -> Shelf:
        """The texts that programs beside the cluster keep in the log: read only."""
        return self._log.shelf

    @property
    def ticket_words(self) -> tuple[TicketWord, ...]:
        """Every ticket of which the log knows anything, by name."""
        return self._tickets.words(self._log.shelf)

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """The same without who said so."""
        return tuple(word.ticket for word in self.ticket_words)

    @property
    def configuration(self) -> Configuration:
        """Newest committed configuration."""
        return self._log.configuration

    @property
    def lease_until_ms(self) -> Millis:
        """Until when this node may act as the leader; 0 if it does not lead."""
        if self.role is not Role.LEADER:
            return 0
        return self.acked_round_ms + self._timers.coordinator_lease_ms

    def may_act(self, now_ms: Millis) -> bool:
        """Return whether this node leads, knows what is final, and holds the leader's lease."""
        return self.is_established and now_ms < self.lease_until_ms

    @property
    def is_changing(self) -> bool:
        """Return whether a change of the configuration stands in the log and is not final."""
        return self._log.has_change_after(self._commit)

    @property
    def coming(self) -> Configuration | None:
        """Return the newest configuration that stands in the log and is not final, if any."""
        later = self._log.changes_after(self._commit)
        return later[-1][1].configuration if later else None

    def match_of(self, node: NodeName) -> Index:
        """Return the highest index that the follower is known to hold."""
        progress = self._progress.get(node)
        return progress.match if progress else 0

    def deadline_ms(self) -> Millis | None:
        """Return when `tick` must be called; None for a node that only follows."""
        if self.role is Role.LEADER:
            return self._beat_due_ms
        return self._election.campaign_ms if self._may_campaign() else None

    def _voters(self) -> tuple[NodeName, ...]:
        return self._log.voters

    def _may_campaign(self) -> bool:
        # Section 4.2.2: a voter whose removal is not known to be final may hold the one log
        # that can win, and nobody else would campaign with it.
        if self._log.is_empty:
            return False
        return self._votes_by(self._log.newest_change()) or self._votes_by(self._log.final_change())

    def _votes_by(self, change: ConfigurationChange | None) -> bool:
        """Return whether this node, with this disk, has a vote by that revision."""
        if change is None or self.name not in change.configuration.voters():
            return False
        return disk_in(change, self.name) == self._disk

    def _see_whether_in_step(self) -> None:
        """Note it for good: what comes later cannot leave this start out, unless it is off.

        A leader's old messages do not count: it may have gone alone since it sent them.
        """
        is_fresh = self.role is Role.LEADER or self._fresh_term == self.term
        if is_fresh and self._log.term_at(self._commit) == self.term:
            self._is_in_step = True

    # --- whose votes count ---------------------------------------------------------------

    def _reached(self, values: Mapping[NodeName, int]) -> int:
        """Return what a majority has reached, as the leader counts it.

        Who has another disk than the one whose vote it is may have promised a successor of ours
        anything: nobody who is needed to find such a one may be missing. Of two voters we are
        such a one ourselves, if it is final that there are two: nobody leads without us.
        """
        voters = self._voters()
        is_one_of_two = self.name in voters and len(voters) == 2
        if is_one_of_two and self.configuration.voters() == voters:
            return majority_value(values, voters)
        lost = self.lost_disks()
        whole = {name: value for name, value in values.items() if name not in lost}
        return majority_value(whole, voters)

    def lost_disks(self) -> frozenset[NodeName]:
        """Return, as the leader, the voters that answer from another disk than voted once."""
        if not self._progress:
            return frozenset()
        return frozenset(
            [
                name
                for name in self._voters()
                if name in self._progress and self._progress[name].disk > self._log.disk_of(name)
            ]
        )

    def _with_disks(self, change: ConfigurationChange) -> ConfigurationChange:
        """Return a revision of ours with whose votes they are: a new vote is of the disk that
        has answered, all others stay where they were.
        """
        newest = self._log.newest_change()
        before = newest.configuration.voters() if newest else ()
        disks = {self.name: self._disk}
        for name in change.configuration.voters():
            if name in before and name != self.name:
                disks[name] = self._log.disk_of(name)
            elif (progress := self._progress.get(name)) is not None:
                disks[name] = progress.disk
        kept = ((name, disks.get(name, 0)) for name in change.configuration.voters())
        return replace(change, disks=tuple((name, disk) for name, disk in kept if disk))

    def complete(self) -> frozenset[NodeName]:
        """Return, as the leader, the other voters that hold the whole log."""
        voters, last_index, lost = self._voters(), self._log.last_index, self.lost_disks()
        return frozenset(
            [
                peer
                for peer, progress in self._progress.items()
                if progress.match >= last_index and peer in voters and peer not in lost
            ]
        )

    def answering(self, now_ms: Millis) -> frozenset[NodeName]:
        """Return, as the leader, itself and whose votes have answered a round within its lease."""
        since_ms = now_ms - self._timers.coordinator_lease_ms
        peers = {peer for peer, item in self._progress.items() if item.acked_ms >= since_ms}
        return frozenset({self.name, *(peers - self.lost_disks())})

    # --- two voters ----------------------------------------------------------------------

    @property
    def other_of_two(self) -> NodeName | None:
        """The other voter, if exactly two vote, this node is one of them, and the configuration
        lets one go on when the other was switched off.

        All that our log holds must agree on that, final or not: a change that is under way could
        give others a majority.
        """
        if self._log.configuration.options.two_node is not TwoNode.FENCING:
            return None
        voters = self._log.configuration.voters()
        has_vote = self._votes_by(self._log.final_change())
        if len(voters) != 2 or not has_vote or self._none_alone():
            return None
        for _, change in self._log.changes_after(self._commit):
            wanted = change.configuration
            if wanted.voters() != voters or wanted.options.two_node is not TwoNode.FENCING:
                return None
        return next(name for name in voters if name != self.name)

    def _none_alone(self) -> bool:
        """Return whether it is final, or may be, that neither of two voters goes on alone.

        It is not if we have appended that ourselves, it is not final here, and nobody else can
        have led since: then no third one has got its vote by it.
        """
        newest = self._log.revisions[-1:]
        sole = self._sole_since
        return any(change.none_alone for change in newest) or any(
            change.none_alone and (sole is None or term < sole)
            for term, change in self._log.changes_after(self._commit)
        )

    def alone_fault(self, now_ms: Millis) -> str:
        """Return why this node may not go on without the other of two voters, or an empty string.

        That the other one is off is for the caller to prove.
        """
        if self.other_of_two is None and self._none_alone():
            return (
                "the votes were about to change, and only the other voter may know how far that is"
            )
        if self.other_of_two is None:
            return "it is not one of two voters that may go on by fencing"
        if not self._is_in_step:
            return "it has not seen the other voter since it started"
        if self.role is Role.LEADER:
            return "it leads"
        if self._log.is_empty or self._election.is_bound(now_ms):
            return "the other voter may still lead"
        return ""

    def may_go_alone(self, now_ms: Millis) -> bool:
        """Return whether nothing speaks against it; quick where a coordinator does."""
        if self.role is Role.LEADER or self._election.is_bound(now_ms):
            return False
        return not self.alone_fault(now_ms)

    def _is_step_of_two(self, later: Configuration) -> bool:
        """Return whether the votes of two would change while one of them may go on alone: it
        might not hold that change, and lead beside those who do.
        """
        newest = self._log.newest_change()
        if newest is None or newest.none_alone:
            return False
        members = newest.configuration
        is_two = len(self._voters()) == 2 and members.options.two_node is TwoNode.FENCING
        return is_two and later.voters() != self._voters()

    def must_agree_first(self, change: ConfigurationChange) -> bool:
        """Return whether both of two voters must first hold that neither goes on alone."""
        return not self.is_changing and self._is_step_of_two(change.configuration)

    def change_alone(self, verdict: Verdict, wall_ms: Millis) -> ConfigurationChange:
        """Return the revision by which the other of two voters loses its vote until it is back."""
        newest = self._log.newest_change()
        assert newest is not None
        return ConfigurationChange(
            newest.revision + 1,
            newest.configuration.with_votes((verdict.node,), voter=False),
            verdict.author,
            f"{verdict.node} is off and has no vote until it is back",
            wall_ms,
            will_vote=tuple(sorted({*newest.will_vote, verdict.node})),
            taken=tuple(sorted({*newest.taken, verdict.node})),
        )
