"""The coordinator at work: one object for one term in which this node leads.

Owns: the order in which roster, planner, register and clerk are asked. It may
act only while the replication machine holds the coordinator's lease.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from ha_core.commands import Command
from ha_core.coordinator.ballots import Ballots
from ha_core.coordinator.clerk import Clerk
from ha_core.coordinator.comparison import Comparison
from ha_core.coordinator.fencer import Fencer
from ha_core.coordinator.handover import Handover
from ha_core.coordinator.outdated import Outdated
from ha_core.coordinator.planner import REPLAN_MS, Planner
from ha_core.coordinator.race import Race
from ha_core.coordinator.reach import Reach
from ha_core.coordinator.record import Lost
from ha_core.coordinator.register import Register
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.stillness import NOT_STILL, still_until_ms
from ha_core.coordinator.told import Told, told_lost, told_released
from ha_core.effects import Effect, Send
from ha_core.fencing.rules import is_fencing, words_of
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName
from ha_core.journal import Holdings
from ha_core.messages import FenceReport, LeaseGrant, LeaseRequest, Report, View
from ha_core.quorum.muster import Muster
from ha_core.replication import tickets
from ha_core.replication.entries import ADMITTED, LEFT, Entry, Verdict
from ha_core.replication.machine import Output, Replication
from ha_core.status import InstanceState, NodeState, NodeStatus
from ha_core.timers import RaftTimers

LeadOutput = Output | Effect | Told


class Lead:
    """Coordinator of one term; created when its first entry is committed."""

    def __init__(
        self,
        name: NodeName,
        generation: Generation,
        raft: Replication,
        timers: RaftTimers,
        known: tuple[NodeStatus, ...],
        register: Register,
        now_ms: Millis,
        wall_ms: Millis,
        random: Random,
        *,
        is_mustered: bool = True,
        talks: Iterable[NodeName] = (),
    ) -> None:
        self.name = name
        self.term = raft.term
        self._raft = raft
        self._timers = timers
        self._register = register
        self.roster = Roster(name, generation, timers, raft.verdicts, known, raft.led_since_ms)
        self.planner = Planner(self.term, known)
        self.roster.orders = self.planner.executor
        self.roster.configure(self._raft.configuration, wall_ms)
        self._reach = Reach(self.roster.records, known, now_ms)
        self._handover = Handover(name, now_ms, talks)
        self._muster = Muster(is_complete=is_mustered)
        self._told_awaited: tuple[NodeName, ...] = ()
        self._count_voters()
        self.fencer = Fencer(name, self.term, self.roster, timers, random)
        self.planner.tickets = self.fencer.lapses.tickets = raft.tickets
        self._clerk = Clerk(raft, self.roster, self.planner, self.fencer)
        self._ballots = Ballots(raft, self.roster)
        self._dirty = True
        self._is_still = False
        """Whether the last look found nothing open, and only the same has come since."""
        self._still_until_ms: Millis = NOT_STILL
        self._fit: frozenset[NodeName] = frozenset()
        """Voters with complete logs at the last look."""
        self._replan_ms = now_ms
        self.version = 0
        self._viewed: tuple[object, ...] = ()
        self._in_charge: tuple[NodeStatus, ...] = ()
        self._race = Race(name)
        self._outdated = Outdated()
        self._comparison = Comparison(register, self.term)

    def set_timers(self, timers: RaftTimers) -> None:
        """Grant leases and judge silence by other intervals from now on."""
        self._timers = timers
        self.roster.timers = timers
        self.fencer.timers = timers

    # --- reading -------------------------------------------------------------------------

    def deadline_ms(self) -> Millis | None:
        """Return when the roster or the plan must be looked at again."""
        parts = (self.roster, self._reach, self.fencer, self.planner.ahead)
        due = [part.deadline_ms() for part in parts]
        if self.planner.has_time_limits(self._raft.configuration, self.roster):
            due.append(self._replan_ms + REPLAN_MS)
        return min([at for at in due if at is not None], default=None)

    def is_still(self, now_ms: Millis) -> bool:
        """Return whether `tick` and `share` would do nothing, as long as nothing is due by time."""
        if not self._is_still or self._dirty or not self.may_act(now_ms):
            return False
        if not self._race.is_settled:
            return False
        if self._viewed[2] != self._register.last_seq or self._raft.complete() != self._fit:
            return False
        if now_ms >= self._still_until_ms:
            self._still_until_ms = still_until_ms(self.roster, self._raft.configuration)
        return now_ms < self._still_until_ms

    def may_act(self, now_ms: Millis) -> bool:
        """Return whether the coordinator's lease runs."""
        return self._raft.may_act(now_ms)

    def pending(self) -> tuple[str, ...]:
        """Return the actions under way, such as `start web on n2`."""
        orders = sorted(self.planner.executor.open.values(), key=lambda o: o.order_id)
        return tuple(f"{o.kind} {o.resource} on {o.node}" for o in orders)

    # --- from nodes ----------------------------------------------------------------------

    def request(
        self,
        sender: NodeName,
        generation: Generation,
        message: LeaseRequest,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[LeadOutput]:
        """Answer a lease request, and hand the node what it lacks."""
        if message.term != self.term:
            return []
        was_still, self._is_still = self._is_still, False
        if self._clerk.is_confirming(sender, generation):
            # It is back while an operator's word that it is down goes into the log: what it
            # gets from us comes after that, or a successor would find the word alone.
            return []
        output: list[LeadOutput] = []
        if message.is_mustered:
            self._muster.is_complete = True
        newest = self._generation(sender)
        if generation < newest:
            output += self.outdated(sender, generation, newest, now_ms)
        if self.fencer.holds(sender, generation, now_ms):
            return output
        before = self._admission(sender)
        output += self.fencer.doubts(sender, generation)
        if self.roster.request(sender, generation, message, now_ms, wall_ms):
            gates = self.roster.gates_of(sender, generation, message.gates)
            return output + self._judge(sender, generation, ADMITTED, now_ms, wall_ms, gates)
        if self._admission(sender) != before:
            self._dirty = True
            self.planner.executor.void(sender)
        output += self._grant(sender, now_ms)
        if message.view_version != self.version or (
            message.events_through < self._register.last_seq
        ):
            output += self._view_to(sender)
        record = self.roster.records.get(sender)
        if record is not None and record.state is NodeState.ONLINE and self.may_act(now_ms):
            if self.planner.executor.open:
                status = next(s for s in self.roster.statuses() if s.name == sender)
                last_ms = now_ms - self._timers.beat_ms // 2
                due = self.planner.executor.due(status, last_ms, now_ms)
                output += [self._clerk.order(order) for order in due]
            if was_still and record.admission == before and record.generation == generation:
                self._is_still = True
                self.roster.renewed(sender)
        return output

    def report(
        self, sender: NodeName, generation: Generation, message: Report, wall_ms: Millis
    ) -> list[LeadOutput]:
        """Take a node's report."""
        if message.term != self.term:
            return []
        record = self.roster.records.get(sender)
        was = record.state if record else None
        known = {i.resource: i.state for i in record.instances} if record else {}
        if not self.roster.report(sender, generation, message, wall_ms):
            return []
        self._dirty = True
        output: list[LeadOutput] = []
        if was is NodeState.PENDING:
            output.append(Told("node-joined", sender, f"{sender} is online", "it has reported"))
        for item in message.instances:
            bad = item.state in (InstanceState.FAILED, InstanceState.BLOCKED)
            if bad and known.get(item.resource) is not item.state:
                fresh = f"{item.resource}-failed-{item.order_id}-{message.report_id}"
                self.planner.failed(item.resource, fresh, known.get(item.resource))
        status = next(s for s in self.roster.statuses() if s.name == sender)
        self.planner.executor.reported(status, self._raft.configuration)
        return output

    def compare(self, sender: NodeName, known: Holdings | None) -> list[LeadOutput]:
        """Compare a node's journal with the register: each shall have what the other has."""
        record = self.roster.records.get(sender)
        if record is None or known is None:
            return []
        self._comparison.compare(sender, known, record.events_through)
        return self._view_to(sender)

    def outdated(
        self, sender: NodeName, generation: Generation, known: Generation, now_ms: Millis
    ) -> list[LeadOutput]:
        """A node speaks as an earlier start than one that was here: say so, if that goes on."""
        dead_ms = self._timers.dead_after_ms
        return list(self._outdated.heard(sender, generation, known, now_ms, dead_ms))

    def goodbye(
        self, sender: NodeName, generation: Generation, now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        """A node has stopped everything and leaves."""
        if not self.may_act(now_ms) or not self.roster.left(sender, generation, wall_ms):
            return []
        self._dirty = True
        self.planner.executor.void(sender)
        told = Told("node-left", sender, f"{sender} has left the cluster", "it was stopped")
        return [told, *self._judge(sender, generation, LEFT, now_ms, wall_ms)]

    def fence_report(
        self, sender: NodeName, report: FenceReport, now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        """Take a node's word on its errand with a fence device."""
        if not self.may_act(now_ms):
            return []  # the order is repeated, and so is this
        self._dirty = True
        return self._clerk.fence(self.fencer.report(sender, report, now_ms, wall_ms), now_ms)

    # --- from people ---------------------------------------------------------------------

    def command(
        self,
        request_id: str,
        asker: NodeName,
        author: str,
        command: Command,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[LeadOutput]:
        """Carry out a command; its answer goes to `asker` now or when the log has it."""
        self._dirty = True
        return list(self._clerk.command(request_id, asker, author, command, now_ms, wall_ms))

    def applied(self, entry: Entry, now_ms: Millis, wall_ms: Millis) -> list[LeadOutput]:
        """Take a committed entry."""
        self._dirty = True
        output: list[LeadOutput] = []
        verdict, change = entry.verdict, entry.change
        if verdict is not None:
            incident = self.fencer.incident_of(verdict.node)
            self.roster.judged(verdict)
            record = self.roster.records.get(verdict.node)
            if record is not None and is_fencing(verdict.method):
                record.incident = record.incident or incident
            if verdict.method not in (ADMITTED, LEFT) and not verdict.is_settled:
                kind = "node-fenced" if is_fencing(verdict.method) else "node-confirmed-down"
                why = verdict.reason if is_fencing(verdict.method) else ""
                output.append(Told(kind, verdict.node, words_of(verdict), why, incident))
            output += self._clerk.fence(self.fencer.judged(verdict, now_ms), now_ms)
        if entry.shelf is not None:
            self.planner.tickets = self.fencer.lapses.tickets = self._raft.tickets
            news = tickets.news(self._raft.shelf, entry.shelf, entry.index)
            output += [Told(*words) for words in news]
        if change is not None:
            for name in sorted(set(self.roster.records)):
                if change.configuration.node(name) is None:
                    self.planner.executor.void(name)
            self.roster.configure(self._raft.configuration, wall_ms)
            text = f"revision {change.revision} by {change.author}: {change.reason}"
            output.append(Told("configuration-changed", str(change.revision), text))
        return output + list(self._clerk.applied(entry))

    # --- time ----------------------------------------------------------------------------

    def tick(
        self, silent: Mapping[NodeName, Millis], now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        """Judge silence, plan if anything changed, share the view; does nothing without the
        lease.
        """
        self._is_still = False
        if not self.may_act(now_ms):
            return []
        output = self._judge_silence(silent, now_ms, wall_ms)
        configuration, records = self._raft.configuration, self.roster.records
        self._fit = self._raft.complete()
        better = self._handover.look(records, configuration, self._fit, now_ms)
        if better is not None:
            return [*output, *self._hand_over(better.voter, better.told(self.name), "", now_ms)]
        output += self._see_muster()
        told, changed = self._reach.tick(records, configuration, now_ms)
        self._dirty = self._dirty or changed
        output += told
        output += self._clerk.work(now_ms, wall_ms)
        self._fit = self._raft.complete()
        successor = self.fencer.makes_way_for(self._fit)
        if successor is not None:
            text = f"{self.name} hands the coordination over to {successor}"
            why = "it is to be cut off itself"
            return [*output, *self._hand_over(successor, text, why, now_ms)]
        output += self._ballots.count(now_ms, wall_ms)
        output += self._clerk.end_commanded(now_ms, wall_ms)
        self.fencer.spared = self._handover.spared
        fenced = self.fencer.tick(self._raft.configuration, now_ms, wall_ms)
        self._dirty = self._dirty or bool(fenced) or self.planner.is_due(self.roster, now_ms)
        output += self._clerk.fence(fenced, now_ms)
        output += self._forgive(now_ms)
        expiring = self.planner.has_time_limits(self._raft.configuration, self.roster)
        if self._dirty or (expiring and now_ms - self._replan_ms >= REPLAN_MS):
            self._dirty, self._replan_ms = False, now_ms
            output += self._clerk.plan(now_ms, wall_ms)
        self._is_still, self._still_until_ms = self._is_idle(), NOT_STILL
        return output

    def _judge_silence(
        self, silent: Mapping[NodeName, Millis], now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        executor = self.planner.executor
        lost, changed = self.roster.check(
            silent, executor.starting(), now_ms, wall_ms, executor.promoting()
        )
        output: list[LeadOutput] = []
        for item in lost:
            output += self._lose(item)
        released = self.roster.release(now_ms)
        output += map(told_released, released)
        self._dirty = self._dirty or changed or bool(released)
        return output

    def _hand_over(
        self, successor: NodeName, text: str, why: str, now_ms: Millis
    ) -> list[LeadOutput]:
        told = Told("coordinator-hands-over", self.name, text, why)
        return [told, *self._raft.hand_over(successor, now_ms)]

    def share(self, now_ms: Millis) -> list[LeadOutput]:
        """Send the view to every node that is there, if it differs from the last one."""
        nodes = self.roster.statuses()
        if self.may_act(now_ms):
            self._in_charge = nodes
            other, settings = self._raft.other_of_two, self._raft.configuration
            self._race.look(other, settings, self.roster.records, nodes, self.version + 1)
        picture = (
            nodes,
            tuple(sorted(self.planner.restarts)),
            self._register.last_seq,
            self.fencer.statuses(),
            self.planner.awaited,
            self._race.told,
        )
        if picture == self._viewed:
            return []
        self._viewed = picture
        self.version += 1
        output: list[LeadOutput] = []
        for name, record in sorted(self.roster.records.items()):
            if name == self.name or record.requested_ms is None:
                continue
            output += self._view_to(name)
        return output

    def view(self, events_through: int) -> View:
        """Return the view for a node that holds events up to that number."""
        return View(
            self.term,
            self.version,
            self.roster.statuses(),
            True,
            tuple(sorted(self.planner.restarts)),
            self._register.since(events_through),
            self.fencer.statuses(),
            self.planner.awaited,
            self._race.told,
            events_through,
        )

    def last_view(self, events_through: int) -> View:
        """Return the view as it was: what this node has ended since it could act does not count."""
        last = self.view(events_through)
        return replace(last, nodes=self._in_charge or last.nodes, first=self._race.agreed)

    # --- mechanics -----------------------------------------------------------------------

    def _is_idle(self) -> bool:
        """Return whether nothing that was looked at goes on by itself."""
        is_mustered = self._muster.is_complete and not self._told_awaited
        parts = (self._reach, self._clerk, self._ballots, self.fencer)
        return is_mustered and all(part.is_idle for part in parts)

    def _see_muster(self) -> list[LeadOutput]:
        """With `wait_for_all` nothing starts before every voter was seen once."""
        self._count_voters()
        before, awaited = self._told_awaited, self.planner.awaited
        self._told_awaited = awaited
        if awaited == before:
            return []
        self._dirty = True
        names = ", ".join(awaited or before)
        if awaited:
            text = f"nothing starts before {names} was seen once"
            return [Told("quorum-waits", "cluster", text, "the cluster has just started")]
        if self.planner.released_by:
            text = f"the wait for {names} is over: {self.planner.released_by}"
            return [Told("quorum-released", "cluster", text)]
        return [Told("quorum-complete", "cluster", "every voter was seen: the cluster starts")]

    def _count_voters(self) -> None:
        """Note whom the cluster waits for: from the first view on, or a node would believe that
        it waits for nobody.
        """
        if not self._raft.configuration.options.wait_for_all or self.planner.released_by:
            self._muster.is_complete = True
        records = self.roster.records.values()
        online = [record.name for record in records if record.state is NodeState.ONLINE]
        self.planner.awaited = self._muster.look(self._raft.configuration.voters(), online)

    def _admission(self, node: NodeName) -> int:
        record = self.roster.records.get(node)
        return record.admission if record else 0

    def _generation(self, node: NodeName) -> Generation:
        record = self.roster.records.get(node)
        return record.generation if record else 0

    def _grant(self, node: NodeName, now_ms: Millis) -> list[LeadOutput]:
        record = self.roster.records.get(node)
        if record is None or record.request is None or record.admission == 0:
            return []
        request = record.request
        acked_ms = self._raft.acked_round_ms
        granting = self.may_act(now_ms) and self.roster.may_grant(node)
        if granting:
            self.roster.granted(node, acked_ms)
        grant = LeaseGrant(
            self.term,
            request.sent_ms if granting else 0,
            record.admission,
            record.report_id,
            now_ms - acked_ms if granting else 0,
            record.generation,
            self._timers.dead_after_ms,
            self._comparison.heard(node, record.generation),
            self._comparison.wants(node),
        )
        return [Send(node, grant)]

    def _view_to(self, node: NodeName) -> list[LeadOutput]:
        record = self.roster.records.get(node)
        if record is None or node == self.name:
            return []
        return [Send(node, self.view(self._comparison.through(node, record.events_through)))]

    def _lose(self, lost: Lost) -> list[LeadOutput]:
        record = self.roster.records[lost.node]
        fresh = f"{lost.node}-lost-{lost.generation}-{self._register.last_seq}"
        incident = record.incident = record.incident or fresh
        self.planner.lost(lost, incident)
        is_off, silent_ms = self.roster.is_off(record), self._timers.dead_after_ms
        why = "it was cut off" if is_off else f"no answer for {silent_ms} ms"
        return [told_lost(lost, why, incident)]

    def _forgive(self, now_ms: Millis) -> list[LeadOutput]:
        """What a node was cut off for says nothing of the node that has come back."""
        executor = self.planner.executor
        return [
            self._clerk.order(executor.cleanup(resource, node, "", now_ms))
            for resource, node in self.fencer.to_forgive()
            if (resource, node) not in executor.open
        ]

    def _judge(
        self,
        node: NodeName,
        generation: Generation,
        method: str,
        now_ms: Millis,
        wall_ms: Millis,
        gates: Gates = Gates(),
    ) -> list[LeadOutput]:
        verdict = Verdict(node, generation, method, "cluster", "", wall_ms, gates)
        return list(self._clerk.judge(verdict, now_ms))
