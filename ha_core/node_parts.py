"""What a node is made of, and what it shows of itself; the base of `node.Node`.

Owns: the machines of one node, when they want to run next, and the facts from
which a snapshot is made. Handles nothing: events are `node`'s.
"""

from collections import deque
from collections.abc import Iterable
from functools import partial
from random import Random

from ha_core import events as ev, messages as msg
from ha_core.alone import seen_alone
from ha_core.config.model import Configuration, TwoNode
from ha_core.coordinator.desk import Inbox
from ha_core.coordinator.lead import Lead, LeadOutput
from ha_core.coordinator.lone import Lone
from ha_core.coordinator.notebook import Notebook
from ha_core.effects import Effect, Journal, RunOperation
from ha_core.facts import Facts
from ha_core.fencing.errand import Errands
from ha_core.gates import Gates
from ha_core.ids import Millis, NodeName, Revision
from ha_core.journal import JournalEvent
from ha_core.membership.detector import Detector
from ha_core.membership.farewell import Farewell
from ha_core.membership.greetings import Greetings
from ha_core.membership.linkbook import LinkBook
from ha_core.membership.mutual import Mutual
from ha_core.membership.reachability import Reachability
from ha_core.membership.stay import Stay
from ha_core.recovered import Recovered
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.replication.machine import Replication
from ha_core.snapshot import ClusterSnapshot, LinkSummary
from ha_core.status import NodeState, NodeStatus
from ha_core.summary import summarize
from ha_core.timers import timers
from ha_core.transition.executor import OpenOrder
from ha_core.transition.local import LocalResources
from ha_core.transition.readiness import Readiness
from ha_core.transition.telling import Happened


class NodeParts:
    """The machines of one node, and the views of them that others may have."""

    def __init__(
        self, name: NodeName, recovered: Recovered, random: Random, now_ms: Millis
    ) -> None:
        self.name = name
        self.generation = recovered.generation
        self._random = random
        self._wall_offset_ms: Millis = 0
        self._raft = Replication(name, recovered, timers(1000), random, now_ms)
        self._timers = timers(self._raft.configuration.options.dead_after_ms)
        self._raft.set_timers(self._timers)
        self._detector = Detector(self._timers.dead_after_ms, now_ms)
        self._linkbook = LinkBook(self._timers.election_ms)
        self._gates = Gates()
        self._strangers: tuple[ev.Stranger, ...] = ()
        self._unbound: tuple[str, ...] = ()
        self._stay = Stay(self.generation, self._timers)
        self._lease = self._stay.lease
        self._local = LocalResources(recovered.local)
        self._readiness = Readiness()
        self._errands = Errands()
        self._lone = Lone(name, random)
        self._reachability = Reachability()
        self._mutual = Mutual(self._timers.dead_after_ms)
        self._greetings = Greetings(self._timers.dead_after_ms // 4)
        self._notebook = Notebook(name, recovered.generation, recovered.journal)
        self._inbox = Inbox()
        self._lead: Lead | None = None
        self._begun = 0
        """Transitions of terms in which it coordinated that are over."""
        self._view = msg.View(0, 0, (), False)
        self._is_mustered = False
        self._out: list[Effect] = []
        self._loopback: deque[msg.Message] = deque()
        self._is_leaving = False
        self._farewell: Farewell | None = None
        self._has_stopped = False
        self._touched = 0
        self._handled_ms = now_ms
        self._due_ms: Millis | None = None
        self._is_due_known = False
        self._bound_ms: Millis | None = None
        """Before it nothing but replication or the lease can be due; None if that is not known."""
        self._has_new_due = False
        """Whether something may be due sooner than is known."""
        self._rest_ms: Millis | None = None
        self._is_rest_known = False
        self._has_word = self._raft.verdict_on(name) is not None
        """Whether any word on this node was in the log so far."""
        self._followed: Revision = 0
        """The newest revision that this start has taken."""

    # --- reading -------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        """The newest committed configuration of this node's replica."""
        return self._raft.configuration

    @property
    def revision(self) -> int:
        """The revision of that configuration; 0 before any is known."""
        return self._raft.revisions[-1].revision if self._raft.revisions else 0

    def links(self, now_ms: Millis) -> tuple[LinkSummary, ...]:
        """Return how this node hears its peers, by peer and link."""
        return self._detector.links(now_ms, self._wall_offset_ms)

    @property
    def late_beats(self) -> int:
        """How often a peer was heard late since the daemon began."""
        return self._detector.late

    @property
    def transitions(self) -> int:
        """How often this node, as the coordinator, began to give orders since the daemon began."""
        return self._begun + (self._lead.planner.executor.begun if self._lead else 0)

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

    @property
    def orders(self) -> tuple[OpenOrder, ...]:
        """As the coordinator: the orders that are out."""
        return tuple(self._lead.planner.executor.open.values()) if self._lead else ()

    def deadline_ms(self) -> Millis | None:
        """Return when `handle(Tick(), now_ms)` must be called at the latest."""
        if not self._is_due_known:
            rest_ms = self._rest_ms if self._is_rest_known else self._earliest_ms()
            due = [at for at in (rest_ms, self._greetings.deadline_ms()) if at is not None]
            self._due_ms = max(min(due), self._handled_ms + 1) if due else None
            self._is_due_known = True
        return self._due_ms

    def _due_bound_ms(self, event: ev.Event) -> Millis | None:
        """Return what is known of when something is due, if an event can set that back alone, but
        for elections and the lease. It is looked up anew when that time has come.
        """
        if self._is_due_known and not self._has_new_due and isinstance(event, ev.Received):
            return self._due_ms if isinstance(event.message, msg.RENEWALS) else None
        return None

    def _rests(self, now_ms: Millis) -> bool:
        """Return whether nothing is due by time alone."""
        due_ms = self._due_ms if self._is_due_known else self.deadline_ms()
        return due_ms is None or now_ms < due_ms

    def _is_settled(self, now_ms: Millis) -> bool:
        """Return whether nothing more follows from what was just taken, but greetings: nothing is
        owed to anybody, and nothing is due. Nearly all messages only renew what is known.
        """
        if self._loopback:
            return False
        if self._lead is not None and (
            self._notebook.has_unnumbered or not self._lead.is_still(now_ms)
        ):
            return False
        return self._is_quiet(now_ms)

    def _is_quiet(self, now_ms: Millis) -> bool:
        """Return whether that is true apart from the coordinator's work and news to ourselves."""
        if self._is_leaving or not self._inbox.is_empty or not self._reachability.is_idle:
            return False
        if self._mutual.has_news or self._stay.owes_report(self._local.report_id):
            return False
        if not self._readiness.is_idle or not self._lone.is_idle or self._raft.may_go_alone(now_ms):
            return False
        if self._bound_ms is not None:
            due = (self._bound_ms, self._raft.deadline_ms(), self._lease.deadline_ms())
            due_ms = min([at for at in due if at is not None])
            if now_ms < due_ms:
                self._due_ms, self._is_due_known = due_ms, True
                return True
        self._rest_ms = self._earliest_ms()
        self._is_rest_known = self._rest_ms is None or now_ms < self._rest_ms
        return self._is_rest_known

    def _earliest_ms(self) -> Millis | None:
        """Return when anything but a greeting is due."""
        self._has_new_due = False
        due = [
            self._raft.deadline_ms(),
            self._detector.deadline_ms(),
            self._linkbook.deadline_ms(),
            self._lease.deadline_ms(),
            self._local.deadline_ms(),
            self._readiness.deadline_ms(),
            self._errands.deadline_ms(),
            self._inbox.deadline_ms(),
            self._reachability.deadline_ms(),
            self._mutual.deadline_ms(),
            self._lone.deadline_ms(),
            self._farewell.deadline_ms() if self._farewell and not self._has_stopped else None,
            self._lead.deadline_ms() if self._lead else None,
        ]
        return min([at for at in due if at is not None], default=None)

    def snapshot(self, now_ms: Millis) -> ClusterSnapshot:
        """Return what this node knows of itself and the cluster."""
        lead = self._lead
        leader = self._raft.leader
        nodes = lead.roster.statuses() if lead else self._view.nodes
        connected = lead.may_act(now_ms) if lead else self._detector.hears(leader, now_ms)
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
            links=self._detector.links(now_ms, self._wall_offset_ms),
            timers=self._timers,
            version=self.version,
            wall_ms=self._wall(now_ms),
            superseded_by=self._stay.superseded_by,
            awaited=lead.planner.awaited if lead else self._view.awaited,
            gates=self._gates_by_node(),
            fencing=lead.fencer.statuses() if lead else self._view.fencing,
            verdicts=self._raft.verdicts,
            tickets=self._raft.ticket_words,
            leaving=self._is_leaving,
            alone_fault=self._alone_fault(now_ms) if not connected else "",
            strangers=tuple((item, self._wall(item.since_ms)) for item in self._strangers),
            unbound=self._unbound,
        )
        return summarize(facts)

    def _alone_fault(self, now_ms: Millis) -> str:
        is_wanted = self.configuration.options.two_node is TwoNode.FENCING
        return self._raft.alone_fault(now_ms) if is_wanted else ""

    def _gates_by_node(self) -> dict[NodeName, Gates]:
        """Return what every node has said of its gates when the log admitted it."""
        said = {v.node: v.gates for v in self._raft.verdicts if v.method == ADMITTED}
        return said | {self.name: self._gates}

    # --- small things --------------------------------------------------------------------

    def _tell(
        self, kind: str, subject: str, text: str, why: str, incident: str, now_ms: Millis
    ) -> None:
        self._notebook.note(kind, subject, text, why, incident, self._wall(now_ms))

    def _journal(self, events: Iterable[JournalEvent]) -> None:
        news = [Journal(event) for event in events]
        self._touched += bool(news)  # who follows the journal waits for another version
        self._out += news

    def _look_for_former(self) -> list[Effect | Happened]:
        """Look for what the coordinator has in mind of this node and nothing here tells of, as
        after the loss of a disk; not before the log has come as far as this start.
        """
        own = next((node for node in self._view.nodes if node.name == self.name), None)
        if own is None or own.generation > self.generation or not self._is_admitted():
            return []
        is_heard = own.generation == self.generation
        return self._local.asked(own.instances, self._raft.defined, is_heard=is_heard)

    def _take_word(
        self, word: Verdict | None, *, may_hide: bool = False
    ) -> list[Effect | Happened]:
        """Take the log's word on this node: the first one ever admits its first start. `may_hide`:
        there may have been others before it, as in a snapshot.
        """
        is_first = not self._has_word and not may_hide
        self._has_word = self._has_word or word is not None
        if word is None or (word.method, word.generation) != (ADMITTED, self.generation):
            return []
        return self._local.admitted(is_first=is_first)

    def _get_ready(self, message: msg.Prepare, now_ms: Millis) -> list[RunOperation]:
        """Get ready for a start that is to come."""
        instances, until_ms = self._local.instances(), self._lease.until_ms
        return self._readiness.asked(message, instances, self.configuration, until_ms, now_ms)

    def _see_readiness(self, now_ms: Millis) -> list[RunOperation]:
        """Undo what no start has used in its time."""
        before, until_ms = self._readiness.names(), self._lease.until_ms
        instances = self._local.instances() if before else ()
        undone = self._readiness.tick(instances, self.configuration, until_ms, now_ms)
        self._local.report_id += self._readiness.names() != before
        return undone

    def _know(self, event: ev.WallClock | ev.Declared | ev.StrangersHeard | ev.Unbound) -> None:
        """Keep what the shell says of this machine."""
        match event:
            case ev.WallClock(offset_ms=offset_ms):
                self._wall_offset_ms = offset_ms
            case ev.Declared(gates=gates):
                self._gates = gates
            case ev.StrangersHeard(strangers=strangers):
                self._strangers = strangers
                self._touched += 1
            case ev.Unbound(faults=faults):
                self._unbound = faults
                self._touched += 1

    def _carry_out(self, now_ms: Millis) -> list[LeadOutput]:
        """As the coordinator: do what was asked; as a winner that is none yet, keep it."""
        if self._raft.leader != self.name:
            self._inbox.held(now_ms)
        if self._lead is None or not self._lead.may_act(now_ms):
            return []
        return [
            output
            for asker, asked in self._inbox.held(now_ms)
            for output in self._lead.command(
                asked.request_id, asker, asked.author, asked.command, now_ms, self._wall(now_ms)
            )
        ]

    def _lease_request(self, now_ms: Millis) -> msg.LeaseRequest:
        in_term = self._view.term == self._raft.term
        return msg.LeaseRequest(
            self._raft.term,
            now_ms,
            self.generation,
            self._local.report_id,
            self._view.version if in_term else 0,
            self._notebook.register.last_seq,
            None if self._is_admitted() and self._lease.is_held(now_ms) else self._gates,
            self._is_mustered,
        )

    def _is_admitted(self) -> bool:
        """Return whether this replica's log has admitted this incarnation, with its gates."""
        said = self._raft.verdict_on(self.name)
        admitted = (ADMITTED, self.generation)
        return said is not None and (said.method, said.generation) == admitted

    def _is_new(self) -> bool:
        """Return whether no earlier start of this node can have begun what this one hears of."""
        return self._raft.verdict_on(self.name) is None

    def _shoots_until_ms(self) -> Millis:
        """Return until when this node may use fence devices: it holds the lease, or is lone."""
        return max(self._lease.until_ms, self._lone.until_ms)

    def _wall(self, now_ms: Millis) -> Millis:
        return now_ms + self._wall_offset_ms

    def _reaches_others(self, now_ms: Millis) -> bool:
        """Measure whom and what this node reaches; return whether it is not as it was."""
        return self._reachability.maybe_change(now_ms) | self._mutual.maybe_change(now_ms)

    def _alone(self, view: tuple[NodeStatus, ...], now_ms: Millis) -> tuple[NodeStatus, ...]:
        state = next((node.state for node in view if node.name == self.name), NodeState.PENDING)
        reach = self._reachability.measured
        own = NodeStatus(
            self.name, state, self.generation, self._local.instances(), connectivity=reach
        )
        silent = partial(self._detector.silent_ms, now_ms=now_ms)
        return seen_alone(view, own, silent, self._timers.dead_after_ms)


def is_mere_sign(event: ev.Event) -> bool:
    """Return whether an event shows only that a peer lives: half of all events, and the timers
    that it sets back may run out early.
    """
    if isinstance(event, ev.LinkHeard):
        return True
    if not isinstance(event, ev.Received) or not isinstance(event.message, msg.Hello):
        return False
    return not event.message.leaving and not event.message.known


def hosted(configuration: Configuration, name: NodeName) -> Configuration:
    """Return the configuration with what a node may run: a witness runs nothing."""
    own = configuration.node(name)
    if own is not None and not own.witness:
        return configuration
    return Configuration(options=configuration.options)
