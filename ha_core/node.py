"""One cluster node, sans-IO: composes the machines, routes events, orders effects.

Owns: which machine hears of what. Opens nothing, sleeps never, reads no clock.
Effects are performed strictly in order; `Persist` is a barrier (see `effects`).
Messages to the node itself (the coordinator's orders to its own resources, for
one) are handled within the same call.
"""

from collections import deque
from collections.abc import Iterable
from random import Random

from ha_core import events as ev
from ha_core import messages as msg
from ha_core.commands import Outcome
from ha_core.config.model import Configuration
from ha_core.coordinator.desk import Inbox
from ha_core.coordinator.lead import Lead, LeadOutput, Told
from ha_core.coordinator.register import Register
from ha_core.effects import (
    CommandAnswered,
    ConfigurationApplied,
    Effect,
    HoldLease,
    Journal,
    Send,
    StateChanged,
    Stopped,
)
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.membership.detector import Detector, LinkChanged
from ha_core.membership.lease import Admission, RunLease
from ha_core.recovered import Recovered
from ha_core.replication.machine import Replication
from ha_core.replication.signals import Applied, Deposed, Elected, LeaderHeard, SnapshotInstalled
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import NodeState, NodeStatus
from ha_core.summary import Facts, summarize
from ha_core.timers import timers
from ha_core.transition.local import Happened, LocalResources

UNNUMBERED_MAX = 1000
"""Events kept until a coordinator has numbered them; the oldest are dropped beyond."""
EVENTS_PER_REPORT = 16
"""Events that travel in one report, so that it stays small."""
_RAFT_MESSAGES = (
    msg.VoteRequest,
    msg.VoteReply,
    msg.Beat,
    msg.BeatReply,
    msg.Append,
    msg.AppendReply,
    msg.InstallSnapshot,
)
_SIGNS_OF_LIFE = (msg.Beat, msg.BeatReply, msg.LeaseRequest, msg.LeaseGrant, msg.Hello)


def _is_news(effect: Effect) -> bool:
    """Return whether an effect shows that the picture may have changed."""
    if isinstance(effect, Send):
        return not isinstance(effect.message, _SIGNS_OF_LIFE)
    return not isinstance(effect, HoldLease)


class Node:
    """The whole node as one state machine with one door in and one list out."""

    def __init__(
        self, name: NodeName, recovered: Recovered, random: Random, now_ms: Millis
    ) -> None:
        self.name = name
        self.generation = recovered.generation
        self._wall_offset_ms: Millis = 0
        self._raft = Replication(name, recovered, timers(1000), random, now_ms)
        self._timers = timers(self._raft.configuration.options.dead_after_ms)
        self._raft.timers = self._timers
        self._detector = Detector(self._timers.dead_after_ms, now_ms)
        self._lease = RunLease(self._timers.run_lease_ms, self._timers.dead_after_ms)
        self._local = LocalResources(recovered.local)
        self._register = Register(recovered.last_event_seq)
        self._inbox = Inbox()
        self._lead: Lead | None = None
        self._view = msg.View(0, 0, (), False)
        self._out: list[Effect] = []
        self._loopback: deque[msg.Message] = deque()
        self._unnumbered: deque[JournalEvent] = deque(maxlen=UNNUMBERED_MAX)
        self._local_seq = 0
        self._reported = (0, 0)
        self._sent_ms: dict[NodeName, Millis] = {}
        self._heard_sent_ms: dict[NodeName, Millis] = {}
        self._is_leaving = False
        self._has_stopped = False
        self._had_leader = False
        self._touched = 0
        self._handled_ms = now_ms
        self._configured = Configuration()
        self._configure(now_ms)
        self._out.clear()

    # --- reading -------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        """The newest committed configuration of this node's replica."""
        return self._raft.configuration

    @property
    def revision(self) -> int:
        """The revision of that configuration; 0 before any is known."""
        return self._raft.revisions[-1].revision if self._raft.revisions else 0

    @property
    def version(self) -> str:
        """Name of the present state; changes whenever a snapshot may differ."""
        return f"{self._raft.term}.{self._touched}"

    @property
    def is_coordinator(self) -> bool:
        """Whether this node leads and has committed an entry of its term."""
        return self._lead is not None

    @property
    def coordinator_lease_until_ms(self) -> Millis:
        """Until when this node may act as the coordinator; 0 if it is not."""
        return self._raft.lease_until_ms if self._lead is not None else 0

    @property
    def run_lease_until_ms(self) -> Millis:
        """Until when exclusive resources may run here."""
        return self._lease.until_ms

    @property
    def replication(self) -> Replication:
        """The replication machine, for checkers and tests: read only."""
        return self._raft

    def deadline_ms(self) -> Millis | None:
        """Return when `handle(Tick(), now_ms)` must be called at the latest."""
        due = [
            self._raft.deadline_ms(),
            self._detector.deadline_ms(),
            self._lease.deadline_ms(),
            self._local.deadline_ms(),
            self._inbox.deadline_ms(),
            self._hello_due_ms(),
            self._lead.deadline_ms() if self._lead else None,
        ]
        earliest = min((at for at in due if at is not None), default=None)
        return earliest if earliest is None else max(earliest, self._handled_ms + 1)

    def snapshot(self, now_ms: Millis) -> ClusterSnapshot:
        """Return what this node knows of itself and the cluster."""
        lead = self._lead
        leader = self._raft.leader
        nodes = lead.roster.statuses() if lead else self._view.nodes
        connected = lead.may_act(now_ms) if lead else self._hears_leader(now_ms)
        facts = Facts(
            local=self.name,
            generation=self.generation,
            coordinator=leader if connected else None,
            term=self._raft.term,
            quorate=connected and (lead is not None or self._view.quorate),
            revisions=self._raft.revisions,
            configuration=self._raft.configuration,
            nodes=nodes if connected else self._alone(nodes, now_ms),
            restarts=tuple(sorted(lead.planner.restarts)) if lead else self._view.restarts,
            pending=lead.pending() if lead else (),
            links=self._detector.links(now_ms),
            timers=self._timers,
            version=self.version,
            wall_ms=self._wall(now_ms),
        )
        return summarize(facts)

    # --- the door ------------------------------------------------------------------------

    def handle(self, event: ev.Event, now_ms: Millis) -> list[Effect]:
        """Take one event; return the effects to perform, in order."""
        self._out = []
        self._handled_ms = now_ms
        self._expire(now_ms)
        self._take(event, now_ms)
        self._drain_loopback(now_ms)
        self._run_timers(now_ms)
        self._drain_loopback(now_ms)
        self._answer(now_ms)
        out, self._out = self._out, []
        for effect in out:
            if isinstance(effect, Send):
                self._sent_ms[effect.to] = now_ms
        if any(_is_news(effect) for effect in out):
            self._touched += 1
        return out

    def _take(self, event: ev.Event, now_ms: Millis) -> None:
        match event:
            case ev.Tick():
                pass
            case ev.WallClock(offset_ms=offset_ms):
                self._wall_offset_ms = offset_ms
            case ev.Received():
                self._links(self._detector.heard(event.sender, event.link, now_ms))
                self._message(event.sender, event.generation, event.message, now_ms)
            case ev.LinkHeard(sender=sender, link=link):
                self._links(self._detector.heard(sender, link, now_ms))
            case ev.CommandGiven():
                if not self._inbox.take(event.request_id, event.author, event.command, now_ms):
                    text = "too many commands are under way on this node: try again"
                    self._out.append(CommandAnswered(event.request_id, Outcome("busy", text)))
            case ev.OperationDone():
                until_ms = self._lease.until_ms
                done = self._local.done(event, self._wall(now_ms), until_ms, now_ms)
                self._happened(done, now_ms)
            case ev.ResourceDied(resource=resource, reason=reason):
                held = self._lease.is_held(now_ms)
                wall_ms = self._wall(now_ms)
                died = self._local.died(ResourceId(resource), reason, wall_ms, held)
                self._happened(died, now_ms)
            case ev.StopAsked():
                self._is_leaving = True
                self._local.report_id += 1

    def _message(
        self, sender: NodeName, generation: int, message: msg.Message, now_ms: Millis
    ) -> None:
        if isinstance(message, _RAFT_MESSAGES):
            self._route(self._raft.receive(sender, message, now_ms), now_ms)
            return
        wall_ms = self._wall(now_ms)
        lead = self._lead
        match message:
            case msg.Hello(leaving=leaving, sent_ms=sent_ms):
                self._heard_sent_ms[sender] = sent_ms
                if leaving and lead is not None:
                    self._route(lead.goodbye(sender, generation, now_ms, wall_ms), now_ms)
            case msg.LeaseRequest() if lead is not None:
                self._route(lead.request(sender, generation, message, now_ms, wall_ms), now_ms)
            case msg.Report() if lead is not None:
                self._number(message.events, now_ms)
                self._route(lead.report(sender, generation, message, wall_ms), now_ms)
            case msg.LeaseGrant():
                self._grant(sender, message, now_ms)
            case msg.Order():
                self._obey(sender, message, now_ms)
            case msg.View():
                self._see(sender, message, now_ms)
            case msg.CommandRequest() if lead is not None:
                asked = lead.command(
                    message.request_id, sender, message.author, message.command, now_ms, wall_ms
                )
                self._route(asked, now_ms)
            case msg.CommandReply():
                if self._inbox.answered(message.request_id):
                    self._out.append(CommandAnswered(message.request_id, message.outcome))
            case _:
                pass

    # --- as a node of the cluster --------------------------------------------------------

    def _grant(self, sender: NodeName, message: msg.LeaseGrant, now_ms: Millis) -> None:
        if sender != self._raft.leader or message.term != self._raft.term:
            return
        admission = Admission(sender, message.term, message.admission)
        news = self._lease.admit(admission)
        if admission != self._lease.admission:
            return
        if message.request_ms and self._lease.granted(message.request_ms, message.age_ms, now_ms):
            self._out.append(HoldLease(self._lease.until_ms))
        if news or message.wanted_report_id < self._local.report_id or self._unnumbered:
            self._report(now_ms)

    def _report(self, now_ms: Millis) -> None:
        admission = self._lease.admission
        leader = self._raft.leader
        if admission is None or leader != admission.coordinator:
            return
        if admission.term != self._raft.term:
            return
        report = msg.Report(
            admission.term,
            admission.number,
            self.generation,
            self._local.report_id,
            self._local.instances(),
            tuple(self._unnumbered)[:EVENTS_PER_REPORT],
            self._is_leaving,
        )
        self._reported = (admission.number, self._local.report_id)
        self._send(leader, report)

    def _obey(self, sender: NodeName, message: msg.Order, now_ms: Millis) -> None:
        admission = Admission(sender, message.term, message.admission)
        if sender != self._raft.leader or admission != self._lease.admission:
            return
        output = self._local.order(message, self._lease.until_ms, now_ms)
        self._happened(output, now_ms)

    def _see(self, sender: NodeName, message: msg.View, now_ms: Millis) -> None:
        if sender != self._raft.leader or message.term != self._raft.term:
            return
        for event in message.events:
            self._store(event)
        if (message.term, message.version) > (self._view.term, self._view.version):
            self._view = message
            self._touched += 1

    def _expire(self, now_ms: Millis) -> None:
        """Before anything else: a lease that ran out while we were not looking is over."""
        if not self._lease.maybe_expire(now_ms):
            return
        policy = self.configuration.options.no_quorum_policy
        text = "the run lease was not renewed: exclusive resources have stopped here"
        self._tell(
            "lease-lost", self.name, text, "the coordinator could not be reached", "", now_ms
        )
        if policy == "stop":
            why = "this node has lost the cluster"
            self._happened(self._local.stop_all(why), now_ms)

    # --- time ----------------------------------------------------------------------------

    def _run_timers(self, now_ms: Millis) -> None:
        wall_ms = self._wall(now_ms)
        raft_due = self._raft.deadline_ms()
        if raft_due is not None and now_ms >= raft_due:
            self._route(self._raft.tick(now_ms), now_ms)
            self._request_own_lease(now_ms)
        self._links(self._detector.check(now_ms))
        for effect in self._local.tick(now_ms):
            self._out.append(effect)
        self._send_commands(now_ms)
        self._drain_loopback(now_ms)
        if self._lead is not None:
            silent = {
                node.name: self._detector.silent_ms(node.name, now_ms)
                for node in self.configuration.nodes
            }
            self._route(self._lead.tick(silent, now_ms, wall_ms), now_ms)
            self._drain_loopback(now_ms)
        self._maybe_report(now_ms)
        if self._lead is not None:
            self._drain_loopback(now_ms)
            self._number(tuple(self._unnumbered), now_ms)
            self._route(self._lead.share(now_ms), now_ms)
        self._say_hello(now_ms)

    def _maybe_report(self, now_ms: Millis) -> None:
        admission = self._lease.admission
        if admission is None:
            return
        if self._reported != (admission.number, self._local.report_id):
            self._report(now_ms)

    def _request_own_lease(self, now_ms: Millis) -> None:
        """The coordinator is a node like any other, except that it asks itself."""
        if self._lead is not None and self._raft.is_established:
            self._send(self.name, self._lease_request(now_ms))

    def _lease_request(self, now_ms: Millis) -> msg.LeaseRequest:
        in_term = self._view.term == self._raft.term
        return msg.LeaseRequest(
            self._raft.term,
            now_ms,
            self.generation,
            self._local.report_id,
            self._view.version if in_term else 0,
            self._register.last_seq,
        )

    def _send_commands(self, now_ms: Millis) -> None:
        leader = self._raft.leader
        if leader is None:
            return
        for request_id, author, command in self._inbox.due(self._timers.election_ms, now_ms):
            self._send(leader, msg.CommandRequest(request_id, author, command))

    def _answer(self, now_ms: Millis) -> None:
        for request_id in self._inbox.expired(now_ms):
            text = (
                "no coordinator answered in time: the cluster may have no quorum (see ha status);"
                " the command may still take effect"
            )
            self._out.append(CommandAnswered(request_id, Outcome("timeout", text)))
        if not self._is_leaving or self._has_stopped or self._local.has_active():
            return
        self._has_stopped = True
        for peer in self._peers():
            self._out.append(Send(peer, self._hello(peer, now_ms)))
        self._out += [HoldLease(0), Stopped()]

    def _hello_due_ms(self) -> Millis | None:
        """Peers that nothing was sent to for a while are told that we live."""
        interval_ms = self._timers.dead_after_ms // 4
        return min(
            (self._sent_ms.get(peer, -interval_ms) + interval_ms for peer in self._peers()),
            default=None,
        )

    def _say_hello(self, now_ms: Millis) -> None:
        interval_ms = self._timers.dead_after_ms // 4
        for peer in self._peers():
            if now_ms - self._sent_ms.get(peer, -interval_ms) >= interval_ms:
                self._sent_ms[peer] = now_ms
                self._out.append(Send(peer, self._hello(peer, now_ms)))

    def _hello(self, peer: NodeName, now_ms: Millis) -> msg.Hello:
        leaves = self._has_stopped and self._local.is_all_stopped()
        return msg.Hello(now_ms, self._heard_sent_ms.get(peer, 0), leaves)

    # --- routing -------------------------------------------------------------------------

    def _route(self, outputs: Iterable[LeadOutput], now_ms: Millis) -> None:
        for output in outputs:
            match output:
                case Elected():
                    self._become_coordinator(now_ms)
                case Deposed():
                    self._resign(now_ms)
                case LeaderHeard(leader=leader, term=_):
                    self._heard_leader(leader, now_ms)
                case Applied(entry=entry):
                    if entry.change is not None:
                        self._configure(now_ms)
                    if self._lead is not None:
                        self._route(self._lead.applied(entry, self._wall(now_ms)), now_ms)
                case SnapshotInstalled():
                    self._configure(now_ms)
                case Told():
                    incident = output.incident
                    self._tell(
                        output.kind, output.subject, output.text, output.why, incident, now_ms
                    )
                case Send(to=to, message=message):
                    self._send(to, message)
                case _:
                    self._out.append(output)

    def _send(self, to: NodeName, message: msg.Message) -> None:
        if to == self.name:
            self._loopback.append(message)
        else:
            self._out.append(Send(to, message))

    def _drain_loopback(self, now_ms: Millis) -> None:
        while self._loopback:
            self._message(self.name, self.generation, self._loopback.popleft(), now_ms)

    def _happened(self, outputs: Iterable[Effect | Happened], now_ms: Millis) -> None:
        for item in outputs:
            if isinstance(item, Happened):
                text = item.text
                self._tell(item.kind, item.resource, text, item.why, item.incident, now_ms)
            else:
                self._out.append(item)

    def _links(self, changes: Iterable[LinkChanged]) -> None:
        for change in changes:
            word = "up" if change.up else "down"
            name = f"{change.link} to {change.peer}"
            self._out.append(StateChanged("link", name, word, "heard" if change.up else "silent"))

    def _heard_leader(self, leader: NodeName | None, now_ms: Millis) -> None:
        if leader is not None and leader != self.name:
            self._send(leader, self._lease_request(now_ms))

    def _become_coordinator(self, now_ms: Millis) -> None:
        wall_ms = self._wall(now_ms)
        self._lead = Lead(
            self.name,
            self.generation,
            self._raft,
            self._timers,
            self._view.nodes,
            self._register,
            now_ms,
            wall_ms,
        )
        text = f"{self.name} is the coordinator (term {self._raft.term})"
        self._tell("coordinator-elected", self.name, text, "", "", now_ms)
        self._request_own_lease(now_ms)

    def _resign(self, now_ms: Millis) -> None:
        if self._lead is None:
            return
        self._view = self._lead.view(self._register.last_seq)
        self._lead = None
        text = f"{self.name} is not the coordinator any more"
        self._tell("coordinator-resigned", self.name, text, "", "", now_ms)

    def _configure(self, now_ms: Millis) -> None:
        configuration = self._raft.configuration
        if configuration == self._configured:
            return
        self._configured = configuration
        if configuration.options.dead_after_ms != self._timers.dead_after_ms:
            self._timers = timers(configuration.options.dead_after_ms)
            self._raft.timers = self._timers
            self._lease.run_lease_ms = self._timers.run_lease_ms
            self._lease.dead_after_ms = self._timers.dead_after_ms
            self._detector.dead_after_ms = self._timers.dead_after_ms
        peers = {
            node.name: [address.link for address in node.addresses]
            for node in configuration.nodes
            if node.name != self.name
        }
        self._detector.set_peers(peers, now_ms)
        own = configuration.node(self.name)
        hosts = own is not None and not own.witness
        wanted = configuration if hosts else Configuration(options=configuration.options)
        self._out += self._local.configure(wanted, now_ms)
        self._out.append(ConfigurationApplied(self.revision))

    # --- journal -------------------------------------------------------------------------

    def _tell(
        self, kind: str, subject: str, text: str, why: str, incident: str, now_ms: Millis
    ) -> None:
        self._local_seq += 1
        self._unnumbered.append(
            JournalEvent(
                self.name,
                self.generation,
                self._local_seq,
                self._wall(now_ms),
                kind,
                subject,
                text,
                why,
                incident,
            )
        )

    def _number(self, events: tuple[JournalEvent, ...], now_ms: Millis) -> None:
        if self._lead is None or not events:
            return
        for event in self._lead.number(events):
            self._out.append(Journal(event))
        self._unnumbered = deque(
            (event for event in self._unnumbered if not self._register.has(event)),
            maxlen=UNNUMBERED_MAX,
        )

    def _store(self, event: JournalEvent) -> None:
        if not self._register.learn(event):
            return
        self._out.append(Journal(event))
        if event.node == self.name and event.generation == self.generation:
            while self._unnumbered and self._unnumbered[0].local_seq <= event.local_seq:
                self._unnumbered.popleft()

    # --- small things --------------------------------------------------------------------

    def _wall(self, now_ms: Millis) -> Millis:
        return now_ms + self._wall_offset_ms

    def _peers(self) -> list[NodeName]:
        return [node.name for node in self.configuration.nodes if node.name != self.name]

    def _hears_leader(self, now_ms: Millis) -> bool:
        leader = self._raft.leader
        if leader is None:
            return False
        return self._detector.silent_ms(leader, now_ms) < self._timers.dead_after_ms

    def _alone(self, nodes: tuple[NodeStatus, ...], now_ms: Millis) -> tuple[NodeStatus, ...]:
        """Return the last view, with our own node as it is now: nobody else can tell us more."""
        own = NodeStatus(
            self.name, self._own_state(nodes), self.generation, self._local.instances()
        )
        others = [node for node in nodes if node.name != self.name]
        return tuple(sorted([*others, own], key=lambda node: node.name))

    def _own_state(self, nodes: tuple[NodeStatus, ...]) -> NodeState:
        known = next((node.state for node in nodes if node.name == self.name), None)
        return known or NodeState.PENDING
