"""The coordinator at work: one object for one term in which this node leads.

Owns: the order in which roster, planner, register and desk are asked. It may
act only while the replication machine holds the coordinator's lease.
"""

from dataclasses import dataclass, replace

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.model import Configuration
from ha_core.coordinator import desk as desks
from ha_core.coordinator.desk import Desk
from ha_core.coordinator.planner import REPLAN_MS, Planner
from ha_core.coordinator.register import Register
from ha_core.coordinator.roster import ADMITTED, LEFT, Lost, Roster
from ha_core.effects import Effect, Send
from ha_core.errors import RefusedError
from ha_core.ids import Generation, Millis, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.messages import CommandReply, LeaseGrant, LeaseRequest, Order, Report, View
from ha_core.replication.entries import Entry, Verdict
from ha_core.replication.machine import Output, Replication
from ha_core.status import InstanceState, NodeState, NodeStatus
from ha_core.timers import RaftTimers
from ha_core.transition.executor import OpenOrder


@dataclass(frozen=True, slots=True)
class Told:
    """An event for the journal, noticed by the coordinator."""

    kind: str
    subject: str
    text: str
    why: str = ""
    incident: str = ""


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
    ) -> None:
        self.name = name
        self.term = raft.term
        self._raft = raft
        self._timers = timers
        self._register = register
        self._configuration = raft.configuration
        self.roster = Roster(name, generation, timers, raft.verdicts, known, now_ms)
        self.roster.configure(self._configuration, wall_ms)
        self.planner = Planner(self.term)
        self._desk = Desk()
        self._promote: dict[NodeName, str] = {}
        self._proposed: set[tuple[NodeName, Generation, str]] = set()
        self._confirming: dict[tuple[NodeName, Generation], list[str]] = {}
        self._dirty = True
        self._replan_ms = now_ms
        self.version = 0
        self._viewed: tuple[object, ...] = ()

    # --- reading -------------------------------------------------------------------------

    def deadline_ms(self) -> Millis | None:
        """Return when the roster or the plan must be looked at again."""
        due = [self.roster.deadline_ms()]
        if self.planner.has_time_limits(self._configuration, self.roster):
            due.append(self._replan_ms + REPLAN_MS)
        return min((at for at in due if at is not None), default=None)

    def may_act(self, now_ms: Millis) -> bool:
        """Return whether the coordinator's lease runs."""
        return self._raft.is_established and now_ms < self._raft.lease_until_ms

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
        output: list[LeadOutput] = []
        before = self._admission(sender)
        if self.roster.request(sender, generation, message, now_ms, wall_ms):
            return self._propose_verdict(sender, generation, ADMITTED, now_ms, wall_ms)
        if self._admission(sender) != before:
            self._dirty = True
            self.planner.executor.void(sender)
        output += self._grant(sender, now_ms)
        if message.view_version != self.version or (
            message.events_through < self._register.last_seq
        ):
            output += self._view_to(sender, now_ms)
        record = self.roster.records.get(sender)
        if record is not None and record.state is NodeState.ONLINE:
            status = next(s for s in self.roster.statuses() if s.name == sender)
            last_ms = now_ms - self._timers.beat_ms // 2
            output += [self._order(o) for o in self.planner.executor.due(status, last_ms, now_ms)]
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
                self.planner.incidents.setdefault(item.resource, fresh)
        status = next(s for s in self.roster.statuses() if s.name == sender)
        self.planner.executor.reported(status)
        return output

    def goodbye(
        self, sender: NodeName, generation: Generation, now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        """A node has stopped everything and leaves."""
        if not self.roster.left(sender, generation, wall_ms):
            return []
        self._dirty = True
        self.planner.executor.void(sender)
        told = Told("node-left", sender, f"{sender} has left the cluster", "it was stopped")
        return [
            told,
            *self._propose_verdict(sender, generation, LEFT, now_ms, wall_ms),
        ]

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
        known = self._desk.known(request_id) or self._committed(request_id)
        if known is not None:
            return [Send(asker, CommandReply(request_id, known))]
        if self._desk.is_waiting(request_id, asker):
            return []
        if not self.may_act(now_ms):
            return []
        self._desk.wait(request_id, asker)
        try:
            return self._carry_out(request_id, author, command, now_ms, wall_ms)
        except RefusedError as refused:
            return self._settle(request_id, Outcome(refused.code, str(refused)))

    def applied(self, entry: Entry, wall_ms: Millis) -> list[LeadOutput]:
        """Take a committed entry."""
        self._dirty = True
        output: list[LeadOutput] = []
        if entry.verdict is not None:
            verdict = entry.verdict
            self._proposed.discard((verdict.node, verdict.generation, verdict.method))
            self.roster.judged(verdict)
            if verdict.method not in (ADMITTED, LEFT):
                text = f"{verdict.author} confirmed that {verdict.node} is down: {verdict.reason}"
                output.append(Told("node-confirmed-down", verdict.node, text))
                for request_id in self._confirming.pop((verdict.node, verdict.generation), []):
                    output += self._settle(request_id, Outcome(text=text))
        if entry.change is not None:
            change = entry.change
            self._configuration = self._raft.configuration
            self.roster.configure(self._configuration, wall_ms)
            text = f"revision {change.revision} by {change.author}: {change.reason}"
            output.append(Told("configuration-changed", str(change.revision), text))
            if change.request_id:
                done = Outcome(text=change.reason, revision=change.revision)
                output += self._settle(change.request_id, done)
        return output

    # --- time ----------------------------------------------------------------------------

    def tick(
        self, silent: dict[NodeName, Millis], now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        """Judge silence, plan if anything changed, share the view; does nothing without the
        lease.
        """
        if not self.may_act(now_ms):
            return []
        output: list[LeadOutput] = []
        lost, changed = self.roster.check(lambda name: silent.get(name, 0), now_ms, wall_ms)
        self._dirty = self._dirty or changed
        for item in lost:
            output += self._lose(item)
        output += self._maybe_promote(now_ms, wall_ms)
        expiring = self.planner.has_time_limits(self._configuration, self.roster)
        if self._dirty or (expiring and now_ms - self._replan_ms >= REPLAN_MS):
            self._dirty, self._replan_ms = False, now_ms
            orders = self.planner.plan(self.roster, self._configuration, now_ms, wall_ms)
            output += [self._order(order) for order in orders]
        return output

    def share(self, now_ms: Millis) -> list[LeadOutput]:
        """Send the view to every node that is there, if it differs from the last one."""
        picture = (
            self.roster.statuses(),
            tuple(sorted(self.planner.restarts)),
            self._register.last_seq,
        )
        if picture == self._viewed:
            return []
        self._viewed = picture
        self.version += 1
        output: list[LeadOutput] = []
        for name, record in sorted(self.roster.records.items()):
            if name == self.name or record.requested_ms is None:
                continue
            output += self._view_to(name, now_ms)
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
        )

    def number(self, events: tuple[JournalEvent, ...]) -> list[JournalEvent]:
        """Give new events their numbers."""
        return self._register.number(events, self.term)

    # --- mechanics -----------------------------------------------------------------------

    def _admission(self, node: NodeName) -> int:
        record = self.roster.records.get(node)
        return record.admission if record else 0

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
        )
        return [Send(node, grant)]

    def _view_to(self, node: NodeName, now_ms: Millis) -> list[LeadOutput]:
        record = self.roster.records.get(node)
        if record is None or node == self.name:
            return []
        record.view_sent_ms = now_ms
        return [Send(node, self.view(record.events_through))]

    def _order(self, order: OpenOrder) -> Send:
        record = self.roster.records[order.node]
        message = Order(
            self.term,
            record.admission,
            order.order_id,
            order.resource,
            order.kind,
            order.cleanup,
            order.reason,
            order.incident,
        )
        return Send(order.node, message)

    def _lose(self, lost: Lost) -> list[LeadOutput]:
        incident = f"{lost.node}-lost-{lost.generation}-{self._register.last_seq}"
        self.planner.lost(lost, incident)
        text = f"{lost.node} is lost: no answer for {self._timers.dead_after_ms} ms"
        if lost.uncertain:
            names = ", ".join(lost.uncertain)
            text += f"; nothing proves that it no longer runs {names}"
        return [Told("node-lost", lost.node, text, "", incident)]

    def _propose_verdict(
        self,
        node: NodeName,
        generation: Generation,
        method: str,
        now_ms: Millis,
        wall_ms: Millis,
        author: str = "cluster",
        reason: str = "",
    ) -> list[LeadOutput]:
        key = (node, generation, method)
        if key in self._proposed or not self.may_act(now_ms):
            return []
        self._proposed.add(key)
        verdict = Verdict(node, generation, method, author, reason, wall_ms)
        return list(self._raft.propose(None, verdict, now_ms))

    def _carry_out(
        self, request_id: str, author: str, command: Command, now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        match command:
            case commands.Restart():
                self._known_resource(command.resource)
                self.planner.restarts.add(command.resource)
                self._dirty = True
                return self._settle(request_id, Outcome(text=f"{command.resource} will restart"))
            case commands.Cleanup():
                return self._cleanup(request_id, command, now_ms)
            case commands.ConfirmDown():
                return self._confirm(request_id, author, command, now_ms, wall_ms)
            case _:
                return self._edit(request_id, author, command, now_ms, wall_ms)

    def _edit(
        self, request_id: str, author: str, command: Command, now_ms: Millis, wall_ms: Millis
    ) -> list[LeadOutput]:
        revision = self._raft.revisions[-1].revision if self._raft.revisions else 0
        if isinstance(command, commands.Apply) and command.base not in (None, revision):
            text = f"the configuration is at revision {revision}, not {command.base}: look again"
            raise RefusedError("stale", text)
        active = self._active_nodes(getattr(command, "resource", None))
        changed = desks.edited(self._configuration, command, active)
        if isinstance(command, commands.AddNode) and command.voter:
            self._promote[command.node] = author
        if changed == self._configuration:
            return self._settle(request_id, Outcome(text="nothing changes", revision=revision))
        self._refuse_new_timers(changed)
        self._refuse_removal(changed)
        reason = desks.reason_of(command)
        change = desks.as_change(revision, changed, author, reason, wall_ms, request_id)
        obstacle = self._raft.may_propose(change)
        if obstacle:
            raise RefusedError("busy", obstacle)
        return list(self._raft.propose(change, None, now_ms))

    def _refuse_new_timers(self, changed: Configuration) -> None:
        """Voters that count in different timers could elect a coordinator beside a living one."""
        old_ms = self._configuration.options.dead_after_ms
        new_ms = changed.options.dead_after_ms
        if old_ms != new_ms and len(self._configuration.voters()) > 1:
            text = (
                f"options: dead_after is {new_ms} ms, but it cannot change from {old_ms} ms while"
                " the cluster has more than one voter: leases in force depend on it"
            )
            raise RefusedError("unsafe", text)

    def _refuse_removal(self, changed: Configuration) -> None:
        """A node that may still run something stays until that is over: nobody else would know."""
        for name, record in sorted(self.roster.records.items()):
            node = self._configuration.node(name)
            if changed.node(name) is not None or node is None:
                continue
            idle = not any(
                i.pending or i.state not in (InstanceState.STOPPED, InstanceState.UNKNOWN)
                for i in record.instances
            )
            is_out = record.state in (NodeState.LEFT, NodeState.LOST)
            if not idle or not (is_out or node.standby):
                text = (
                    f"node '{name}' cannot be removed while it may run something: put it in"
                    f" standby first ('ha node standby {name}'), or, if it is lost and down for"
                    f" sure, 'ha node confirm-down {name}'"
                )
                raise RefusedError("unsafe", text)

    def _cleanup(
        self, request_id: str, command: commands.Cleanup, now_ms: Millis
    ) -> list[LeadOutput]:
        members = self._known_resource(command.resource)
        output: list[LeadOutput] = []
        for name, record in sorted(self.roster.records.items()):
            wanted = command.node in (None, name)
            if not wanted or record.state is not NodeState.ONLINE:
                continue
            for member in members:
                if any(i.resource == member for i in record.instances) and (
                    (member, name) not in self.planner.executor.open
                ):
                    order = self.planner.executor.cleanup(member, name, "", now_ms)
                    output.append(self._order(order))
        self._dirty = True
        text = f"failures of {command.resource} are forgotten"
        return output + self._settle(request_id, Outcome(text=text))

    def _confirm(
        self,
        request_id: str,
        author: str,
        command: commands.ConfirmDown,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[LeadOutput]:
        record = self.roster.records.get(command.node)
        if record is None:
            raise RefusedError("not-found", f"node '{command.node}' is not in the cluster")
        if record.state is not NodeState.LOST:
            text = (
                f"node '{command.node}' is {record.state}, expected lost: only a lost node can be"
                " confirmed down"
            )
            raise RefusedError("unsafe", text)
        if not command.reason.strip():
            raise RefusedError("invalid", "a confirmation needs a reason: say how you know")
        key = (command.node, record.generation)
        self._confirming.setdefault(key, []).append(request_id)
        return self._propose_verdict(*key, "operator", now_ms, wall_ms, author, command.reason)

    def _known_resource(self, resource: ResourceId) -> tuple[ResourceId, ...]:
        group = self._configuration.group(resource)
        if group is not None:
            return group.members
        if self._configuration.primitive(resource) is None:
            raise RefusedError("not-found", f"resource '{resource}' is not in the configuration")
        return (resource,)

    def _active_nodes(self, resource: ResourceId | None) -> tuple[NodeName, ...]:
        if resource is None:
            return ()
        group = self._configuration.group(resource)
        members = group.members if group else (resource,)
        return tuple(
            status.name
            for status in self.roster.statuses()
            if any(
                i.resource in members and i.state is InstanceState.STARTED for i in status.instances
            )
        )

    def _maybe_promote(self, now_ms: Millis, wall_ms: Millis) -> list[LeadOutput]:
        """Make a learner that has caught up a voter, one at a time."""
        for name, author in sorted(self._promote.items()):
            node = self._configuration.node(name)
            record = self.roster.records.get(name)
            if node is not None and node.voter:
                del self._promote[name]
                continue
            # With several voters it takes a while until the log has the new node.
            if node is None or record is None or record.state is not NodeState.ONLINE:
                continue
            if self._raft.match_of(name) < self._raft.commit:
                continue
            nodes = tuple(
                replace(item, voter=True) if item.name == name else item
                for item in self._configuration.nodes
            )
            changed = replace(self._configuration, nodes=nodes)
            revision = self._raft.revisions[-1].revision
            reason = f"{name} has caught up and votes"
            change = desks.as_change(revision, changed, author, reason, wall_ms, "")
            if not self._raft.may_propose(change):
                return list(self._raft.propose(change, None, now_ms))
        return []

    def _committed(self, request_id: str) -> Outcome | None:
        """Return the answer to a command that the predecessor committed."""
        for change in reversed(self._raft.revisions):
            if change.request_id == request_id:
                return Outcome(text=change.reason, revision=change.revision)
        return None

    def _settle(self, request_id: str, outcome: Outcome) -> list[LeadOutput]:
        askers = self._desk.settle(request_id, outcome)
        return [Send(asker, CommandReply(request_id, outcome)) for asker in askers]
