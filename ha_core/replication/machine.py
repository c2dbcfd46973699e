"""Raft: terms, votes, the log and the leader's lease, as one machine without I/O.

Owns: who leads and what is committed. Differs from the book in one place: a
voter counts its leader's signs of life from when it heard them and refuses
votes for `election_ms` after (`election`), so that the leader's lease is safe;
`timers` has the argument.
Source: Ongaro, "Consensus: Bridging Theory and Practice", chapters 3, 4, 5,
6.4.1 (leases), 9.6 (pre-vote).
"""

from ha_core.effects import Persist, Send, StateChanged
from ha_core.ids import Index, Millis, NodeName, Term
from ha_core.messages import (
    Append,
    AppendReply,
    Beat,
    BeatReply,
    InstallSnapshot,
    Message,
    StepAside,
    VoteReply,
    VoteRequest,
)
from ha_core.quorum.votes import has_majority, step_fault
from ha_core.replication.election import Role
from ha_core.replication.entries import ConfigurationChange, Entry, HardState, Verdict
from ha_core.replication.log import is_run
from ha_core.replication.progress import Progress
from ha_core.replication.shelf import ShelfChange
from ha_core.replication.signals import (
    Applied,
    Deposed,
    Elected,
    LeaderHeard,
    SnapshotInstalled,
)
from ha_core.replication.standing import Output as Output, Standing

ENTRIES_PER_APPEND = 64
"""Entries in one message, so that it stays bounded."""


class Replication(Standing):
    """The replication machine of one node."""

    def may_propose(self, change: ConfigurationChange | None) -> str:
        """Return an empty string if the change may be proposed now, else why not."""
        if self.role is not Role.LEADER or not self.is_established:
            return f"{self.name} is not the coordinator"
        if change is None:
            return ""
        if self.is_changing:
            return "another change of the configuration is under way: try again"
        fault = step_fault(self._voters(), change.configuration.voters())
        if not fault and self._is_step_of_two(change.configuration):
            return (
                "the votes cannot change while 'two_node: fencing' lets one of two voters go on"
                " alone, which then may not know of it: apply 'two_node: wait' first"
            )
        return fault

    # --- the door ------------------------------------------------------------------------

    def receive(self, sender: NodeName, message: Message, now_ms: Millis) -> list[Output]:
        """Take a message of this machine; return what follows, in order."""
        self._out = []
        match message:
            case VoteRequest():
                self._vote_request(sender, message, now_ms)
            case VoteReply():
                self._vote_reply(sender, message, now_ms)
            case Beat():
                self._beat(sender, message, now_ms)
            case BeatReply():
                self._beat_reply(sender, message, now_ms)
            case Append():
                self._append(sender, message, now_ms)
            case AppendReply():
                self._append_reply(sender, message, now_ms)
            case InstallSnapshot():
                self._install(sender, message, now_ms)
            case StepAside():
                self._step_aside(sender, message, now_ms)
        return self._take_out()

    def tick(self, now_ms: Millis) -> list[Output]:
        """Let time pass: beat as a leader, campaign as a voter that hears nobody."""
        self._out = []
        if self.role is Role.LEADER:
            if now_ms - max(self.led_since_ms, self.acked_round_ms) >= self._timers.dead_after_ms:
                self._become_follower(self.term, None, "no majority answers", now_ms)
            elif now_ms >= self._beat_due_ms:
                self._send_beats(now_ms)
        elif self._may_campaign() and now_ms >= self._election.campaign_ms:
            self._become_precandidate(now_ms)
        return self._take_out()

    def propose(
        self,
        change: ConfigurationChange | None,
        verdict: Verdict | None,
        now_ms: Millis,
        shelf: ShelfChange | None = None,
    ) -> list[Output]:
        """Append an entry as the leader (see `may_propose`)."""
        assert not self.may_propose(change), self.may_propose(change)
        self._out = []
        self._append_own(change, verdict, shelf, now_ms)
        return self._take_out()

    def go_alone(
        self, change: ConfigurationChange, verdict: Verdict, now_ms: Millis
    ) -> list[Output]:
        """Lead without the other of two voters, which is proved to be off (see `alone_fault`).

        The entry that begins the term takes its vote: whoever has any entry of this term knows.
        """
        fault = self.alone_fault(now_ms)
        assert not fault, fault
        self._out = []
        self._change_role(Role.CANDIDATE, f"{verdict.node} is off")
        self.term += 1
        self._voted_for = self.name
        self._save_hard_state()
        self._become_leader(now_ms, change, verdict)
        return self._take_out()

    def hand_over(self, successor: NodeName, now_ms: Millis) -> list[Output]:
        """Stop leading, and let that voter campaign first.

        Nobody may vote any sooner for it: whoever heard our last round is bound as ever.
        """
        assert self.role is Role.LEADER, self.role
        self._out = []
        for peer in sorted(self._progress):
            self._out.append(Send(peer, StepAside(self.term, successor)))
        self._become_follower(self.term, None, f"it makes way for {successor}", now_ms)
        self._election.make_way(successor, now_ms)
        return self._take_out()

    def _step_aside(self, sender: NodeName, message: StepAside, now_ms: Millis) -> None:
        if message.term != self.term or sender != self.leader:
            return
        self._election.make_way(message.successor, now_ms)

    # --- votes ---------------------------------------------------------------------------

    def _vote_request(self, sender: NodeName, message: VoteRequest, now_ms: Millis) -> None:
        is_bound = self._election.is_bound(now_ms) or self._election.refuses(sender, now_ms)
        if is_bound or message.term < self.term:
            self._out.append(Send(sender, VoteReply(self.term, message.pre, False)))
            return
        if self._log.is_empty or message.disk != self._disk:
            # The vote is that of a disk which is gone: it may have held what the candidate lacks,
            # and have voted in this very term. With this one, the voter is another.
            return
        if not message.pre and message.term > self.term:
            self._become_follower(message.term, None, f"{sender} campaigns", now_ms)
        newest = (self._log.last_term, self._log.last_index)
        grant = (message.log_term, message.log_index) >= newest
        if message.pre:
            grant = grant and message.term > self.term
        else:
            grant = grant and self._voted_for in (None, sender)
            grant = grant and self.role is Role.FOLLOWER
            if grant and self._voted_for is None:
                self._voted_for = sender
                self._sole_since = None
                self._save_hard_state()
                self._election.let_vote(now_ms)
        term = message.term if grant else self.term
        self._out.append(Send(sender, VoteReply(term, message.pre, grant)))

    def _vote_reply(self, sender: NodeName, message: VoteReply, now_ms: Millis) -> None:
        if not message.granted:
            if message.term > self.term:
                self._become_follower(message.term, None, f"{sender} knows more", now_ms)
            return
        if message.pre and self.role is Role.PRECANDIDATE and message.term == self.term + 1:
            self._votes.add(sender)
            if has_majority(self._votes, self._voters()):
                self._become_candidate(now_ms)
        elif not message.pre and self.role is Role.CANDIDATE and message.term == self.term:
            self._votes.add(sender)
            if has_majority(self._votes, self._voters()):
                self._become_leader(now_ms)

    # --- following -----------------------------------------------------------------------

    def _accept_leader(self, sender: NodeName, term: Term, now_ms: Millis) -> bool:
        """Follow the sender if its term allows; else tell it ours."""
        if term < self.term:
            self._out.append(Send(sender, AppendReply(self.term, False, 0)))
            return False
        if term > self.term or self.role is not Role.FOLLOWER or self.leader != sender:
            self._become_follower(term, sender, f"{sender} leads", now_ms)
        self._sole_since = None
        self._election.heard_ms = now_ms
        self._election.be_patient(self._log.ranked, self.leader, now_ms)
        return True

    def _beat(self, sender: NodeName, message: Beat, now_ms: Millis) -> None:
        if not self._accept_leader(sender, message.term, now_ms):
            return
        self._commit_through(min(message.commit, self._agreed))
        if message.start == self._generation:
            self._fresh_term = self.term
            self._see_whether_in_step()
        reply = BeatReply(self.term, message.sent_ms, self._agreed, self._generation, self._disk)
        self._out.append(Send(sender, reply))
        self._out.append(LeaderHeard(sender, self.term))

    def _append(self, sender: NodeName, message: Append, now_ms: Millis) -> None:
        if not self._accept_leader(sender, message.term, now_ms):
            return
        previous, entries = message.previous_index, message.entries
        if not is_run(entries, previous + 1, message.term):
            return
        below = self._log.first_index - 1
        if previous < below:
            # What is below the snapshot is committed, so it agrees.
            entries = tuple(entry for entry in entries if entry.index > below)
            previous = below if not self._log.is_empty else previous
        elif self._log.term_at(previous) != message.previous_term:
            hint = min(self._log.last_index, previous - 1)
            self._acknowledge(sender, max(hint, self._commit), success=False)
            return
        if self._log.is_empty:
            self._acknowledge(sender, 0, success=False)
            return
        self._store(entries)
        match = entries[-1].index if entries else previous
        self._agreed = max(self._agreed, match)
        self._commit_through(min(message.commit, self._agreed))
        self._acknowledge(sender, self._agreed)

    def _acknowledge(self, leader: NodeName, match: Index, *, success: bool = True) -> None:
        self._out.append(Send(leader, AppendReply(self.term, success, match, self._disk)))

    def _store(self, entries: tuple[Entry, ...]) -> None:
        """Append what is new; a conflicting rest of ours goes first."""
        truncate_from = None
        fresh: tuple[Entry, ...] = ()
        for position, entry in enumerate(entries):
            known = self._log.term_at(entry.index)
            if known == entry.term:
                continue
            if known is not None:
                truncate_from = entry.index
                self._log.truncate_from(entry.index)
            fresh = entries[position:]
            break
        if fresh:
            self._log.append(fresh)
            self._out.append(Persist(truncate_from=truncate_from, append=fresh))

    def _install(self, sender: NodeName, message: InstallSnapshot, now_ms: Millis) -> None:
        if not self._accept_leader(sender, message.term, now_ms):
            return
        snapshot = message.snapshot
        if snapshot.index > self._log.applied:
            keeps = self._log.term_at(snapshot.index) == snapshot.term
            self._log.install(snapshot)
            truncate_from = None if keeps else 1
            # With the first state goes which disk it is: from now on nothing else would tell.
            self._out.append(Persist(self._hard_state(), truncate_from, snapshot=snapshot))
            self._commit = max(self._commit, snapshot.index)
            self._see_whether_in_step()
            self._out.append(SnapshotInstalled(snapshot))
        self._agreed = max(self._agreed, snapshot.index)
        self._acknowledge(sender, self._agreed)

    def _commit_through(self, index: Index) -> None:
        if index <= self._commit:
            return
        self._commit = index
        for entry in self._log.apply_through(index):
            self._out.append(Applied(entry))
        self._see_whether_in_step()
        snapshot = self._log.maybe_compact()
        if snapshot is not None:
            self._out.append(Persist(snapshot=snapshot))

    # --- leading -------------------------------------------------------------------------

    def _beat_reply(self, sender: NodeName, message: BeatReply, now_ms: Millis) -> None:
        progress = self._progress.get(sender)
        if self.role is not Role.LEADER or message.term != self.term or progress is None:
            return
        if not progress.is_of(message.disk):
            return
        # A round that was never sent cannot have been answered, whatever the peer says.
        progress.acked_ms = max(progress.acked_ms, min(message.echo_ms, self._election.heard_ms))
        progress.start = max(progress.start, message.start)
        progress.succeeded(message.match)
        self._count_round()
        # What it says and not what we noted: after a restart it has all, and does not know
        # that it agrees with us; its commit would stand still until the next entry.
        if message.match < self._log.last_index and self._is_quiet(progress, now_ms):
            progress.next = message.match + 1
            self._send_append(sender, now_ms)
        self._maybe_commit(now_ms)

    def _append_reply(self, sender: NodeName, message: AppendReply, now_ms: Millis) -> None:
        if message.term > self.term:
            self._become_follower(message.term, None, f"{sender} knows a newer term", now_ms)
            return
        progress = self._progress.get(sender)
        if self.role is not Role.LEADER or message.term != self.term or progress is None:
            return
        if not progress.is_of(message.disk):
            return
        if not message.success:
            progress.rejected(message.match)
            self._send_append(sender, now_ms)
            return
        known, is_late = self._commit, progress.match < self._commit
        progress.succeeded(message.match)
        self._maybe_commit(now_ms)
        if progress.next <= self._log.last_index:
            self._send_append(sender, now_ms)
        elif is_late and known == self._commit and self.role is Role.LEADER:
            # The others were told that it is final when a majority had it; who reads there now
            # would not find what was acknowledged here, up to the next round.
            self._send_beat(sender, progress, now_ms)

    def _count_round(self) -> None:
        """Date the lease by the newest round that a majority, ourselves included, answered."""
        acked = {name: item.acked_ms for name, item in self._progress.items()}
        acked[self.name] = self._election.heard_ms
        self.acked_round_ms = max(self.acked_round_ms, self._reached(acked))

    def _maybe_commit(self, now_ms: Millis) -> None:
        if self.role is not Role.LEADER or self._commit >= self._log.last_index:
            return
        match = {name: item.match for name, item in self._progress.items()}
        match[self.name] = self._log.last_index
        index = self._reached(match)
        if index <= self._commit or self._log.term_at(index) != self.term:
            return
        self._commit_through(index)
        if not self.is_established and index >= self._first_of_term:
            self.is_established = True
            self._out.append(Elected(self.term))
        if self.name not in self.configuration.voters() and not self._log.has_change_after(index):
            self._become_follower(self.term, None, "it votes no more", now_ms)
            return
        self._send_beats(now_ms)

    def _send_beats(self, now_ms: Millis) -> None:
        self._election.heard_ms = now_ms
        self._beat_due_ms = now_ms + self._timers.beat_ms
        self._track_peers()
        for peer, progress in sorted(self._progress.items()):
            self._send_beat(peer, progress, now_ms)
            if progress.match < self._log.last_index and self._is_quiet(progress, now_ms):
                progress.next = progress.match + 1
                self._send_append(peer, now_ms)
        self._count_round()

    def _send_beat(self, peer: NodeName, progress: Progress, now_ms: Millis) -> None:
        commit = min(self._commit, progress.match)
        self._out.append(Send(peer, Beat(self.term, now_ms, commit, progress.start)))

    def _track_peers(self) -> None:
        peers = {node.name for node in self._log.members.nodes} - {self.name}
        for peer in sorted(peers - set(self._progress)):
            self._progress[peer] = Progress(self._log.last_index + 1)
        for peer in set(self._progress) - peers:
            del self._progress[peer]

    def _append_own(
        self,
        change: ConfigurationChange | None,
        verdict: Verdict | None,
        shelf: ShelfChange | None,
        now_ms: Millis,
    ) -> None:
        change = self._with_disks(change) if change is not None else None
        entry = Entry(self.term, self._log.last_index + 1, change, verdict, shelf)
        self._log.append((entry,))
        self._out.append(Persist(append=(entry,)))
        self._track_peers()
        for peer in sorted(self._progress):
            self._send_append(peer, now_ms)
        self._maybe_commit(now_ms)

    def _send_append(self, peer: NodeName, now_ms: Millis) -> None:
        progress = self._progress[peer]
        progress.sent_ms = now_ms
        previous = progress.next - 1
        previous_term = self._log.term_at(previous)
        if previous_term is None or previous < self._log.first_index - 1:
            snapshot = self._log.current_snapshot()
            self._out.append(Send(peer, InstallSnapshot(self.term, snapshot)))
            progress.next = snapshot.index + 1
            return
        entries = self._log.slice(progress.next, ENTRIES_PER_APPEND)
        commit = min(self._commit, previous + len(entries))
        message = Append(self.term, previous, previous_term, entries, commit)
        self._out.append(Send(peer, message))
        if entries:
            progress.next = entries[-1].index + 1

    def _is_quiet(self, progress: Progress, now_ms: Millis) -> bool:
        return now_ms - progress.sent_ms >= 2 * self._timers.beat_ms

    # --- roles ---------------------------------------------------------------------------

    def _become_follower(
        self, term: Term, leader: NodeName | None, why: str, now_ms: Millis
    ) -> None:
        was_leader = self.role is Role.LEADER
        self._change_role(Role.FOLLOWER, why)
        self.leader = leader
        self.is_established = False
        self._progress.clear()
        if term > self.term:
            self.term, self._voted_for = term, None
            self._save_hard_state()
        self._agreed = self._commit
        self._election.be_patient(self._log.ranked, self.leader, now_ms)
        if was_leader:
            self._out.append(Deposed(self.term))

    def _become_precandidate(self, now_ms: Millis) -> None:
        self._change_role(Role.PRECANDIDATE, "no leader is heard")
        self.leader = None
        self._votes = {self.name}
        self._election.retry(now_ms)
        if has_majority(self._votes, self._voters()):
            self._become_candidate(now_ms)
            return
        self._ask_for_votes(self.term + 1, pre=True)

    def _become_candidate(self, now_ms: Millis) -> None:
        self._change_role(Role.CANDIDATE, "a majority would vote")
        self.term += 1
        self._voted_for = self.name
        self._votes = {self.name}
        self._save_hard_state()
        self._election.let_vote(now_ms)
        if has_majority(self._votes, self._voters()):
            self._become_leader(now_ms)
            return
        self._ask_for_votes(self.term, pre=False)

    def _become_leader(
        self,
        now_ms: Millis,
        change: ConfigurationChange | None = None,
        verdict: Verdict | None = None,
    ) -> None:
        self._change_role(Role.LEADER, "a majority voted")
        self.leader = self.name
        self._sole_since = self.term if self._sole_since is None else self._sole_since
        self.acked_round_ms = 0
        self.led_since_ms = now_ms
        self._progress.clear()
        self._track_peers()
        self._first_of_term = self._log.last_index + 1
        self._append_own(change, verdict, None, now_ms)
        self._send_beats(now_ms)

    def _ask_for_votes(self, term: Term, *, pre: bool) -> None:
        newest = (self._log.last_index, self._log.last_term)
        for voter in self._voters():
            if voter != self.name:
                request = VoteRequest(term, pre, *newest, self._log.disk_of(voter))
                self._out.append(Send(voter, request))

    def _change_role(self, role: Role, why: str) -> None:
        if role is not self.role:
            self._out.append(StateChanged("replication", self.role, role, why))
            self.role = role

    def _save_hard_state(self) -> None:
        self._out.append(Persist(hard_state=self._hard_state()))

    def _hard_state(self) -> HardState:
        return HardState(self.term, self._voted_for, self._disk)

    def _take_out(self) -> list[Output]:
        out, self._out = self._out, []
        return out
