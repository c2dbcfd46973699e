"""One cluster node, sans-IO: composes the machines, routes events, orders effects.

Owns: which machine hears of what. Opens nothing, sleeps never, reads no clock.
Effects are performed strictly in order; `Persist` is a barrier (see `effects`).
Messages to the node itself (the coordinator's orders to its own resources, for
one) are handled within the same call.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from ha_core import events as ev, messages as msg
from ha_core.config.model import Configuration, NoQuorumPolicy
from ha_core.coordinator.lead import Lead, LeadOutput
from ha_core.coordinator.lone import GoAlone
from ha_core.coordinator.told import Told
from ha_core.effects import (
    ConfigurationApplied,
    Effect,
    HoldLease,
    Send,
    Stopped,
    is_news,
)
from ha_core.fencing.machine import Output as LoneOutput
from ha_core.fencing.steps import Note
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.membership.detector import LinkChanged, shared_links
from ha_core.membership.farewell import Farewell
from ha_core.membership.stay import Leader
from ha_core.node_parts import NodeParts, hosted, is_mere_sign
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.signals import Applied, Deposed, Elected, LeaderHeard, SnapshotInstalled
from ha_core.timers import timers
from ha_core.transition.discovery import unlooked
from ha_core.transition.telling import Happened, lost_contact

OWN_NEWS_ROUNDS: Final = 3
"""Orders of a coordinator to itself that follow from one another within one event."""


class Node(NodeParts):
    """The whole node as one state machine with one door in and one list out."""

    def __init__(
        self, name: NodeName, recovered: Recovered, random: Random, now_ms: Millis
    ) -> None:
        super().__init__(name, recovered, random, now_ms)
        self._follow(self._raft.kept_from(recovered.local.followed), now_ms)
        # What an earlier start left is looked for; where to listen, the shell knows better yet.
        self._out = [e for e in self._out if not isinstance(e, ConfigurationApplied)]

    # --- the door ------------------------------------------------------------------------

    def handle(self, event: ev.Event, now_ms: Millis) -> list[Effect]:
        """Take one event; return the effects to perform, in order."""
        self._handled_ms = now_ms
        if is_mere_sign(event) and self._rests(now_ms):
            self._take(event, now_ms)
            if not self._out:
                return []
        else:
            self._bound_ms = self._due_bound_ms(event)
            self._is_due_known = self._is_rest_known = False
            self._expire(now_ms)
            self._take(event, now_ms)
            if self._is_settled(now_ms):
                self._say_hello(now_ms)
            else:
                self._drain_loopback(now_ms)
                self._run_timers(now_ms)
                self._drain_loopback(now_ms)
                self._answer(now_ms)
        out, self._out = self._out, []
        has_news = False
        for effect in out:
            if isinstance(effect, Send) and isinstance(effect.message, msg.SIGNS_OF_LIFE):
                self._greetings.sent(effect.to, now_ms)
            else:
                has_news = has_news or is_news(effect)
        self._touched += has_news
        return out

    def _take(self, event: ev.Event, now_ms: Millis) -> None:
        match event:  # what nearly all events are comes first
            case ev.LinkHeard(sender=sender, link=link, frame=frame):
                self._links(self._detector.heard(sender, link, now_ms, frame), now_ms)
            case ev.Received(sender=self.name):
                pass  # our own echo; what we tell ourselves does not pass the network
            case ev.Received():
                heard = self._detector.heard(event.sender, event.link, now_ms, event.frame)
                self._links(heard, now_ms)
                self._lone.heard(event.sender, event.generation)
                self._message(event.sender, event.generation, event.message, now_ms)
            case ev.Tick() | ev.PingAnswered() | ev.PingRefused():
                self._reachability.take(event, now_ms)
            case ev.WallClock() | ev.Declared() | ev.StrangersHeard() | ev.Unbound():
                self._know(event)
            case ev.Outdated(sender=sender, generation=past, known=known):
                self._send(sender, msg.Hello(now_ms, 0, known=known))
                if self._lead is not None:
                    self._route(self._lead.outdated(sender, past, known, now_ms), now_ms)
            case ev.CommandGiven():
                nodes = self._lead.roster.statuses() if self._lead else self._view.nodes
                self._out += self._inbox.take(event, nodes, self._timers.dead_after_ms, now_ms)
            case ev.OperationDone() | ev.FenceDone() | ev.ResourceDied():
                self._ended(event, now_ms)
            case ev.Noticed(kind=kind, text=text, why=why):
                self._tell(kind, self.name, text, why, "", now_ms)
                self._local.report_id += 1  # the coordinator numbers it at once
            case ev.StopAsked():
                self._is_leaving = True
                self._local.report_id += 1
                if not self._lease.is_held(now_ms):
                    self._happened(self._local.stop_all("this node ends"), now_ms)

    def _ended(
        self, event: ev.OperationDone | ev.FenceDone | ev.ResourceDied, now_ms: Millis
    ) -> None:
        wall_ms, until_ms = self._wall(now_ms), self._lease.until_ms
        match event:
            case ev.OperationDone() if event.operation_id < 0:
                self._local.report_id += self._readiness.done(event)
            case ev.OperationDone():
                self._happened(self._local.done(event, wall_ms, until_ms, now_ms), now_ms)
            case ev.FenceDone():
                until_ms = self._shoots_until_ms()
                answered = self._errands.done(event, self.configuration, until_ms, now_ms)
                self._errand(answered, now_ms)
            case ev.ResourceDied(resource=resource, reason=reason):
                held, left = not event.with_lease and self._lease.is_held(now_ms), event.has_left
                died = self._local.died(ResourceId(resource), reason, wall_ms, held, left)
                self._happened(died, now_ms)

    def _message(
        self, sender: NodeName, generation: int, message: msg.Message, now_ms: Millis
    ) -> None:
        if isinstance(message, msg.RAFT_MESSAGES):
            if not self._raft.is_outdated(sender, generation):
                self._route(self._raft.receive(sender, message, now_ms), now_ms)
            return
        wall_ms, lead = self._wall(now_ms), self._lead
        match message:
            case msg.Hello(leaving=leaving, sent_ms=sent_ms):
                self._greetings.heard(sender, sent_ms)
                self._mutual.shown(sender, message.echo_ms, now_ms)
                self._out += self._stay.remembered(sender, message.known)
                if leaving and lead is not None:
                    self._route(lead.goodbye(sender, generation, now_ms, wall_ms), now_ms)
            case msg.LeaseRequest() if lead is not None:
                self._mutual.shown(sender, now_ms, now_ms)
                self._route(lead.request(sender, generation, message, now_ms, wall_ms), now_ms)
            case msg.Report() if lead is not None:
                self._journal(self._notebook.number(message.events, self._raft.term))
                self._route(lead.compare(sender, message.known), now_ms)
                self._route(lead.report(sender, generation, message, wall_ms), now_ms)
            case msg.LeaseGrant():
                self._grant(sender, message, now_ms)
            case msg.Order() | msg.Prepare():
                self._obey(sender, message, now_ms)
            case msg.FenceOrder():
                self._fence(sender, message, now_ms)
            case msg.FenceReport():
                self._fence_report(sender, message, now_ms)
            case msg.View():
                self._see(sender, message, now_ms)
            case msg.CommandRequest() if self._raft.leader == self.name:
                self._inbox.hold(sender, message, now_ms)
            case msg.CommandReply():
                self._out += self._inbox.answered(message)
            case _:
                pass

    # --- as a node of the cluster --------------------------------------------------------

    def _leader(self) -> Leader | None:
        leader = self._raft.leader
        return None if leader is None else Leader(leader, self._raft.term)

    def _grant(self, sender: NodeName, message: msg.LeaseGrant, now_ms: Millis) -> None:
        self._mutual.shown(sender, message.request_ms, now_ms)
        is_clear = self._local.is_clear
        granted = self._stay.granted(self._leader(), sender, message, now_ms, is_clear)
        if granted is None:
            return
        if granted.is_longer:
            self._out.append(HoldLease(self._lease.until_ms))
        elif granted.is_withheld:
            self._happened(self._local.clear_up(now_ms), now_ms)
        self._notebook.heard(message.heard_through, message.wants)
        if granted.wants_report or self._notebook.has_news:
            self._report()

    def _report(self) -> None:
        number, instances = self._local.report_id, self._local.instances()
        events, leaving = self._notebook.to_report(), self._is_leaving
        report = self._stay.report(self._leader(), number, instances, events, leaving=leaving)
        if report is not None and self._raft.leader is not None:
            reach = self._reachability.measured
            hears, ready = self._mutual.told, self._readiness.names()
            known = None if self._stay.is_heard else self._notebook.register.holdings()
            report = replace(report, connectivity=reach, hears=hears, ready=ready, known=known)
            self._send(self._raft.leader, report)

    def _obey(self, sender: NodeName, message: msg.Order | msg.Prepare, now_ms: Millis) -> None:
        if not self._stay.is_bound_by(self._leader(), sender, message, self.revision):
            return
        if self._farewell is not None:
            return  # the coordinator may have heard already that nothing runs here
        if isinstance(message, msg.Prepare):
            self._out += self._get_ready(message, now_ms)
            return
        output = self._local.order(message, self._lease.until_ms, now_ms)
        self._happened(output, now_ms)

    def _fence(self, sender: NodeName, order: msg.FenceOrder, now_ms: Millis) -> None:
        """Go on an errand with a fence device as the coordinator of now knows it, if that says so;
        it says so again while this node lags behind.
        """
        if self._leader() != Leader(sender, order.term) or order.revision > self.revision:
            return
        until_ms = self._shoots_until_ms()
        done = self._errands.order(sender, order, self.configuration, until_ms, now_ms)
        self._errand(done, now_ms)

    def _fence_report(self, sender: NodeName, report: msg.FenceReport, now_ms: Millis) -> None:
        wall_ms = self._wall(now_ms)
        if sender == self.name:
            self._alone_or_not(self._lone.report(report, now_ms, wall_ms), now_ms)
        if self._lead is not None:
            self._route(self._lead.fence_report(sender, report, now_ms, wall_ms), now_ms)

    def _stand_alone(self, now_ms: Millis) -> None:
        """As one of two voters without the other: see whether this node may go on."""
        if self._is_leaving:
            return
        silent_ms = partial(self._detector.silent_ms, now_ms=now_ms)
        wall_ms = self._wall(now_ms)
        first = self._view.first
        found = self._lone.tick(self._raft, first, silent_ms, self._timers, now_ms, wall_ms)
        self._alone_or_not(found, now_ms)

    def _alone_or_not(self, found: Iterable[LoneOutput | GoAlone], now_ms: Millis) -> None:
        for item in found:
            match item:
                case GoAlone(verdict=verdict):
                    if not self._raft.alone_fault(now_ms):
                        change = self._raft.change_alone(verdict, self._wall(now_ms))
                        self._route(self._raft.go_alone(change, verdict, now_ms), now_ms)
                        self._alone_or_not(self._lone.judged(verdict), now_ms)
                case Send(message=msg.FenceOrder() as order):
                    until_ms = self._shoots_until_ms()
                    asked = (self.name, order, self.configuration, until_ms, now_ms)
                    self._errand(self._errands.order(*asked), now_ms)
                case Note():
                    self._errand((item,), now_ms)
                case _:
                    pass  # that it gave up for now is told by a note

    def _errand(self, outputs: Iterable[Effect | Note], now_ms: Millis) -> None:
        for item in outputs:
            match item:
                case Note():
                    told = (item.kind, item.subject, item.text, item.why, item.incident)
                    self._tell(*told, now_ms)
                case Send(to=to, message=message):
                    self._send(to, message)
                case _:
                    self._out.append(item)

    def _see(self, sender: NodeName, message: msg.View, now_ms: Millis) -> None:
        if sender != self._raft.leader or message.term != self._raft.term:
            return
        if message.after <= self._notebook.register.last_seq:  # else meant for an earlier start
            self._journal(event for event in message.events if self._notebook.learn(event))
        if (message.term, message.version) > (self._view.term, self._view.version):
            self._view = message
            self._is_mustered = self._is_mustered or not message.awaited
            self._touched += 1
            self._happened(self._look_for_former(), now_ms)

    def _expire(self, now_ms: Millis) -> None:
        """Before anything else: a lease that ran out while we were not looking is over."""
        if not self._lease.maybe_expire(now_ms):
            return
        text = lost_contact(self.name, self._lease.dead_after_ms)
        why = "the coordinator could not be reached"
        self._tell("lease-lost", self.name, text, why, "", now_ms)
        asked = self.configuration.options.no_quorum_policy
        policy = NoQuorumPolicy.STOP if self._is_leaving else asked
        self._happened(self._local.stop_all("this node has lost the cluster", policy), now_ms)

    # --- time ----------------------------------------------------------------------------

    def _run_timers(self, now_ms: Millis) -> None:
        raft_due = self._raft.deadline_ms()
        if raft_due is not None and now_ms >= raft_due:
            self._route(self._raft.tick(now_ms), now_ms)
            self._request_own_lease(now_ms)
            if self._is_quiet(now_ms):
                self._drain_loopback(now_ms)
                if self._is_settled(now_ms):
                    self._say_hello(now_ms)
                    return
            self._is_due_known = self._is_rest_known = False
        self._links(self._detector.check(now_ms), now_ms)
        if self._linkbook.is_due(now_ms):
            for told in self._linkbook.due(self._detector.states(), now_ms):
                self._tell(told.kind, told.link, told.text, "", "", now_ms)
                self._local.report_id += 1
        self._out += [*self._local.tick(now_ms), *self._see_readiness(now_ms)]
        self._stand_alone(now_ms)
        until_ms, term = self._shoots_until_ms(), self._raft.term if self._raft.leader else 0
        self._errand(self._errands.tick(self.configuration, until_ms, term, now_ms), now_ms)
        self._send_commands(now_ms)
        self._drain_loopback(now_ms)
        self._route(self._carry_out(now_ms), now_ms)
        if self._reaches_others(now_ms):
            self._local.report_id += 1
        self._report_and_plan(now_ms)
        if self._lead is not None:
            self._journal(self._notebook.number_own(self._raft.term))
            self._route(self._lead.share(now_ms), now_ms)
        self._say_hello(now_ms)

    def _report_and_plan(self, now_ms: Millis) -> None:
        """Tell the news of this node; as the coordinator, plan with them at once: its orders to
        this node make more.
        """
        for _ in range(OWN_NEWS_ROUNDS):
            if self._stay.owes_report(self._local.report_id):
                self._report()
                self._drain_loopback(now_ms)
            if self._lead is None:
                return
            silent = self._detector.silences(now_ms)
            self._route(self._lead.tick(silent, now_ms, self._wall(now_ms)), now_ms)
            self._drain_loopback(now_ms)
            if not self._stay.owes_report(self._local.report_id):
                return

    def _request_own_lease(self, now_ms: Millis) -> None:
        """The coordinator is a node like any other, except that it asks itself."""
        if self._lead is not None:
            self._send(self.name, self._lease_request(now_ms))

    def _send_commands(self, now_ms: Millis) -> None:
        if (leader := self._raft.leader) is not None:
            for request in self._inbox.due(self._raft.term, self._timers.election_ms, now_ms):
                self._send(leader, request)

    def _answer(self, now_ms: Millis) -> None:
        self._out += self._inbox.give_up(now_ms)
        if self._is_leaving and not self._has_stopped and not self._local.has_active():
            self._part(now_ms)

    def _part(self, now_ms: Millis) -> None:
        """Nothing is active here any more: say goodbye, and end once the log has it."""
        if self._farewell is None:
            self._farewell = Farewell(self._timers, now_ms)
        leader = self._raft.leader
        may_say = self._local.is_all_stopped() and self._lease.admission is not None
        is_over = self._farewell.is_over(self.name, self.generation, self._raft.verdicts, now_ms)
        if leader is not None and may_say and not is_over:
            if self._farewell.maybe_say(now_ms):
                self._report()
                self._send(leader, self._greetings.hello(leader, now_ms, leaving=True))
                self._drain_loopback(now_ms)
            return
        self._has_stopped = True
        self._out += [HoldLease(0), Stopped()]

    def _say_hello(self, now_ms: Millis) -> None:
        for peer in self._greetings.due(now_ms):
            self._greetings.sent(peer, now_ms)
            self._out.append(Send(peer, self._greetings.hello(peer, now_ms, leaving=False)))

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
                    self._follow((entry.change,) if entry.change else (), now_ms)
                    if entry.shelf is None:
                        self._happened(self._look_for_former(), now_ms)
                    if entry.verdict is not None and entry.verdict.node == self.name:
                        self._happened(self._take_word(entry.verdict), now_ms)
                    if self._lead is not None:
                        self._route(self._lead.applied(entry, now_ms, self._wall(now_ms)), now_ms)
                case SnapshotInstalled():
                    self._follow(self._raft.revisions, now_ms)
                    self._happened(self._look_for_former(), now_ms)
                    word = self._raft.verdict_on(self.name)
                    self._happened(self._take_word(word, may_hide=True), now_ms)
                case Told():
                    told = (output.kind, output.subject, output.text, output.why, output.incident)
                    self._tell(*told, now_ms)
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

    def _links(self, changes: Iterable[LinkChanged], now_ms: Millis) -> None:
        for item in changes:
            self._bound_ms, self._has_new_due = None, True
            self._out.append(item.told())
            self._linkbook.changed(item.link, self._detector.states(), now_ms)

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
            self._notebook.register,
            now_ms,
            wall_ms,
            self._random,
            is_mustered=self._is_mustered,
            talks=self._mutual.told,
        )
        text = f"{self.name} is the coordinator (term {self._raft.term})"
        self._tell("coordinator-elected", self.name, text, "", "", now_ms)
        self._request_own_lease(now_ms)

    def _resign(self, now_ms: Millis) -> None:
        if self._lead is None:
            return
        self._view = self._lead.last_view(self._notebook.register.last_seq)
        self._is_mustered = self._is_mustered or not self._view.awaited
        self._begun, self._lead = self.transitions, None
        text = f"{self.name} is not the coordinator any more"
        self._tell("coordinator-resigned", self.name, text, "", "", now_ms)

    def _follow(self, changes: Iterable[ConfigurationChange], now_ms: Millis) -> None:
        """Take revisions one by one: what one added and the next removed may run here."""
        for change in changes:
            if change.revision > self._followed:
                self._followed = change.revision
                self._configure(change.configuration, now_ms)

    def _configure(self, configuration: Configuration, now_ms: Millis) -> None:
        self._bound_ms, self._has_new_due = None, True
        if configuration.options.dead_after_ms != self._timers.dead_after_ms:
            self._timers = timers(configuration.options.dead_after_ms)
            self._raft.set_timers(self._timers)
            if self._stay.set_timers(self._timers, now_ms):
                self._out.append(HoldLease(self._lease.until_ms))
            if self._lead is not None:
                self._lead.set_timers(self._timers)
            self._detector.dead_after_ms = self._timers.dead_after_ms
            self._linkbook.settle_ms = self._timers.election_ms
            self._mutual.limit_ms = self._timers.dead_after_ms
            self._greetings.interval_ms = self._timers.dead_after_ms // 4
        peers = [node for node in configuration.nodes if node.name != self.name]
        self._detector.set_peers(shared_links(configuration, self.name), now_ms)
        self._greetings.set_peers(node.name for node in peers)
        self._mutual.set_peers(self._greetings.peers)
        ping = configuration.ping.times(configuration.options.dead_after_ms)
        self._reachability.configure(ping, now_ms)
        given = (hosted(configuration, self.name), now_ms, self._followed)
        unseen = unlooked(given[0], self.name)
        self._out += self._local.configure(*given, is_new=self._is_new(), unlooked=unseen)
        self._out.append(ConfigurationApplied(self.revision))
