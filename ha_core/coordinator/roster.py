"""The coordinator's roster: who is admitted, until when each node's lease may run, what it
reported.

Owns: node states and the proof that a lost node runs nothing any more (safety
rule S4). A node that was ever admitted may run things until the log holds a
verdict on that incarnation, or its lease has run out and a gate ends with it.
Knows nothing of placement.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from ha_core.config import units
from ha_core.config.model import Configuration, Primitive
from ha_core.coordinator.alive import doubt_all, ended_alive, handed_by, handed_to, unsettled
from ha_core.coordinator.definitions import Definitions
from ha_core.coordinator.record import (
    GONE,
    MAY_BE_ACTIVE,
    Lost,
    Record,
    at_large,
    doubted,
    handed_down,
    in_role,
    is_just_off,
    release_times,
    unseen,
    with_omitted,
    without_active,
)
from ha_core.fencing import rules
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, LEFT, Verdict
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus
from ha_core.timers import RaftTimers
from ha_core.transition.executor import Executor


class Roster:
    """All records, and the rules by which they change."""

    def __init__(
        self,
        name: NodeName,
        generation: Generation,
        timers: RaftTimers,
        verdicts: Iterable[Verdict],
        known: Iterable[NodeStatus],
        elected_ms: Millis,
    ) -> None:
        self.name = name
        self.timers = timers
        self._generation = generation
        self._elected_ms = elected_ms
        self._checked_ms = elected_ms
        self._due: dict[NodeName, Millis] = {}
        """When each node that is there would be lost if nothing more were heard of it."""
        self._verdicts = {item.node: item for item in verdicts}
        self._known = {item.name: item for item in known}
        self._configuration = Configuration()
        self._definitions = Definitions()
        self._admissions: dict[NodeName, int] = {}
        """Newest admission of each name in this term, also of nodes that were removed since: a
        number that is used again would be ignored by its node, or make old orders good.
        """
        self.records: dict[NodeName, Record] = {}
        self.orders = Executor(0)
        """The orders that are out, to be read alone."""

    # --- reading -------------------------------------------------------------------------

    def statuses(self) -> tuple[NodeStatus, ...]:
        """Return every node's status, sorted by name."""
        return tuple([self.records[name].status() for name in sorted(self.records)])

    def leaving(self) -> frozenset[NodeName]:
        """Return the nodes that want to stop."""
        return frozenset(name for name, record in self.records.items() if record.is_leaving)

    def is_admitted(self, node: NodeName, generation: Generation) -> bool:
        """Return whether the log says that this incarnation may run things."""
        verdict = self._verdicts.get(node)
        return (
            verdict is not None and verdict.method == ADMITTED and verdict.generation == generation
        )

    def gates_of(self, node: NodeName, generation: Generation, said: Gates | None) -> Gates:
        """Return the gates of an incarnation: as it says, else as it said when it was admitted;
        of one that never spoke of them nothing but its guardian is relied on.
        """
        record = self.records[node]
        known = record.gates if record.generation == generation else Gates()
        return known if said is None else said

    # --- input ---------------------------------------------------------------------------

    def configure(self, configuration: Configuration, wall_ms: Millis) -> None:
        """Follow the configuration: new nodes are known at once, removed ones forgotten."""
        self._definitions.configure(configuration)
        self._configuration = configuration
        names = {node.name for node in configuration.nodes}
        for name in sorted(names - set(self.records)):
            self.records[name] = self._first_record(name, wall_ms)
        for name in set(self.records) - names:
            del self.records[name]
        for record in self.records.values():
            record.distrust(self._definitions.harmless(record.instances))

    def judged(self, verdict: Verdict) -> None:
        """Take a committed verdict: a lost incarnation is proved to run nothing (or may run
        again). A node that was not lost yet is lost when its lease has run out (`check`).
        """
        if not verdict.replaces(self._verdicts.get(verdict.node)):
            return
        self._verdicts[verdict.node] = verdict
        record = self.records.get(verdict.node)
        if record is not None and verdict.method == ADMITTED:
            record.gates = verdict.gates
        if record is None or verdict.method == ADMITTED or record.generation > verdict.generation:
            return
        if record.state in GONE:
            only = self.on_storage() if verdict.method.startswith(rules.CUT) else None
            record.unfenced = 0
            record.instances = without_active(record.instances, only)
            record.harmless = record.harmless if only is not None else frozenset()
            if verdict.method == LEFT:
                record.state = NodeState.LEFT

    def verdict_on(self, node: NodeName) -> Verdict | None:
        """Return the newest word on the node's incarnations."""
        return self._verdicts.get(node)

    def owed(self) -> tuple[Verdict, ...]:
        """Return, by node, the words on nodes that are to be switched on again, and may be now; not
        that on this node, which is on.
        """
        options = self._configuration.options
        if not options.fencing or options.maintenance:
            return ()
        found = [item for item in self._verdicts.values() if item.to_restore]
        named = sorted(found, key=lambda item: item.node)
        return tuple(item for item in named if self._may_switch_on(item.node))

    def _may_switch_on(self, name: NodeName) -> bool:
        node = self._configuration.node(name)
        return name != self.name and node is not None and not node.maintenance

    def is_unheard(self, node: NodeName) -> bool:
        """Return whether neither this coordinator nor its predecessor's view ever had the node."""
        record, known = self.records.get(node), self._known.get(node)
        is_new = record is not None and record.admission == 0
        return is_new and (known is None or known.state is NodeState.LEFT)

    def request(
        self,
        sender: NodeName,
        generation: Generation,
        message: LeaseRequest,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> bool:
        """Note a lease request; return whether this incarnation must first be admitted by the
        log.
        """
        record = self.records.get(sender)
        if record is None or generation < record.generation:
            return False
        if self._has_left(record, generation):
            return False
        record.request = message
        record.requested_ms = now_ms
        record.view_version = message.view_version
        record.events_through = message.events_through
        if not self.is_admitted(sender, generation):
            return True
        restarted = generation != record.generation
        if record.admission == 0 or restarted or record.state in GONE:
            unseen = record.admission == 0 and record.state is NodeState.PENDING and not restarted
            if restarted:
                self._doubt_peers(record)
                # What the last start of the daemon left behind may run on, ordered or reported
                # or not, until this one has looked. Its failures were those of that start.
                record.unnamed = record.left = at_large(record)
                left = self._may_run(sender, record.instances)
                record.instances = tuple(replace(item, failure=None) for item in left)
            self._admit(record, generation, wall_ms, may_hold_lease=unseen)
        return False

    def _has_left(self, record: Record, generation: Generation) -> bool:
        """Return whether this very incarnation said goodbye: what it asked before is void."""
        if record.state is not NodeState.LEFT:
            return False
        verdict = self._verdicts.get(record.name)
        if verdict is not None and verdict.method == LEFT:
            return verdict.generation >= generation
        # The log does not have its goodbye yet; an operator's word is no goodbye.
        return record.report_id > 0 and record.generation == generation

    def may_grant(self, node: NodeName) -> bool:
        """Return whether the node's lease may be renewed: not before it has reported after a
        loss.
        """
        record = self.records.get(node)
        return record is not None and record.may_hold_lease

    def granted(self, node: NodeName, acked_ms: Millis) -> None:
        """Remember until when a lease granted now can run."""
        record = self.records[node]
        record.note_grant()
        bound_ms = acked_ms + self.timers.lease_bound_ms()
        record.lease_bound_ms = max(record.lease_bound_ms, bound_ms)

    def renewed(self, node: NodeName) -> None:
        """A node that is there has asked for its lease: it would be lost so much later."""
        record = self.records[node]
        if node != self.name and record.requested_ms is not None:
            dead_ms = record.requested_ms + self.timers.dead_after_ms
            self._due[node] = max(dead_ms, record.lease_bound_ms)

    def report(
        self, sender: NodeName, generation: Generation, message: Report, wall_ms: Millis
    ) -> bool:
        """Take a report of the current admission; return whether it was news."""
        record = self.records.get(sender)
        if record is None or generation != record.generation:
            return False
        if record.state in GONE:
            # Sent before the loss or the goodbye, come after it: it would clear what may still
            # run there, and renew the lease of a node whose resources run elsewhere by now.
            return False
        if message.admission != record.admission or message.report_id <= record.report_id:
            return False
        handed = ended_alive(record.instances, message.instances)
        record.report_id = message.report_id
        hosts, known = not self._is_witness(sender), self._configuration
        record.instances = doubted(
            record,
            with_omitted(
                record, message.instances, lambda r: hosts and units.unit(known, r) is not None
            ),
        )
        doubt_all(handed, self.records, self.orders.newest)
        record.is_leaving = message.leaving
        record.measured = message.connectivity
        record.hears = message.hears
        record.ready = message.ready
        record.may_hold_lease = True
        if record.state is not NodeState.ONLINE:
            record.state = NodeState.ONLINE
            record.since_wall_ms = wall_ms
        return True

    def left(self, node: NodeName, generation: Generation, wall_ms: Millis) -> bool:
        """Take an incarnation's goodbye; return whether it counts.

        Only if it reported here before that all is stopped: a daemon that ends before it knows
        the configuration has not looked at what an earlier start may have left running.
        """
        record = self.records.get(node)
        if record is None or record.state is NodeState.LEFT or generation != record.generation:
            return False
        if any(
            item.pending or item.state is not InstanceState.STOPPED for item in record.instances
        ):
            return False
        if self._arriving(node):
            return False  # it has looked before: what comes to it alive would be left to itself
        self._doubt_peers(record)
        record.leave(NodeState.LEFT, wall_ms)
        return True

    def check(
        self,
        silent_ms: Mapping[NodeName, Millis],
        starting: Set[tuple[ResourceId, NodeName]],
        now_ms: Millis,
        wall_ms: Millis,
        promoting: Set[tuple[ResourceId, NodeName]] = frozenset(),
    ) -> tuple[list[Lost], bool]:
        """Judge silence; return the nodes that have just become lost, and whether anything
        changed. `starting`, `promoting`: what was ordered so and not yet heard of.
        """
        lost, changed = [], False
        self._checked_ms = now_ms
        self._due.clear()
        for name, record in sorted(self.records.items()):
            if name == self.name or record.state in GONE:
                continue
            if self.is_off(record):
                # Should the device have lied: what a guard ends has ended all the same by then.
                self._due[name] = record.lease_bound_ms
                if now_ms >= record.lease_bound_ms:
                    lost.append(self._ended(record, wall_ms))
                continue
            silence = self._silence(record, silent_ms.get(name, 0), now_ms)
            dead_ms = now_ms - silence + self.timers.dead_after_ms
            self._due[name] = max(dead_ms, record.lease_bound_ms)
            if silence >= self.timers.dead_after_ms and now_ms >= record.lease_bound_ms:
                ordered = {resource for resource, node in starting if node == name}
                promoted = {resource for resource, node in promoting if node == name}
                alive = self._arriving(name) | set(record.doubts)
                lost.append(self._lose(record, ordered, promoted, alive, now_ms, wall_ms))
            elif silence >= self.timers.election_ms and record.state is NodeState.ONLINE:
                record.state, changed = NodeState.SUSPECT, True
            elif silence < self.timers.election_ms and record.state is NodeState.SUSPECT:
                record.state, changed = NodeState.ONLINE, True
        return lost, changed or bool(lost)

    def release(self, now_ms: Millis) -> list[Lost]:
        """Take as ended what the guards of lost nodes have ended by now; return it by node."""
        found = []
        for _, record in sorted(self.records.items()):
            ended = [item for at, item in release_times(record) if now_ms >= at]
            if ended:
                gone = {item.resource for item in ended}
                record.instances = tuple(
                    replace(item, state=InstanceState.STOPPED, free_after_ms=0)
                    if item.resource in gone
                    else item
                    for item in record.instances
                )
                found.append(Lost(record.name, record.generation, tuple(sorted(gone)), ()))
        return found

    def deadline_ms(self) -> Millis | None:
        """Return when a node would become suspect or lost, unless it asks for its lease, or when
        a guard has ended what a lost one ran.
        """
        lost = [record for record in self.records.values() if record.state is NodeState.LOST]
        due = [at for record in lost for at, _ in release_times(record)]
        due += self._due.values()
        # What was due at the last check and could not be decided is looked at with every beat.
        return min([at for at in due if at > self._checked_ms], default=None)

    # --- mechanics -----------------------------------------------------------------------

    def _silence(self, record: Record, detector_ms: Millis, now_ms: Millis) -> Millis:
        """Return how long the node has not answered us; before its first answer, not been heard.

        A node that can be heard but does not hear us would otherwise never count as lost: it has
        as long as any other, from our election on.
        """
        if record.requested_ms is not None:
            return now_ms - record.requested_ms
        return max(detector_ms, now_ms - self._elected_ms)

    def _first_record(self, name: NodeName, wall_ms: Millis) -> Record:
        if name == self.name:
            record = Record(name, NodeState.PENDING, self._generation, since_wall_ms=wall_ms)
            # A coordinator that has not looked at itself yet may run what an earlier start began.
            record.instances = self._may_run(name, ())
            return record
        verdict, known = self._verdicts.get(name), self._known.get(name)
        if verdict is not None and verdict.method.startswith(rules.CUT):
            return self._cut_record(verdict)
        if verdict is None or not (verdict.method == ADMITTED or is_just_off(verdict, known)):
            generation = verdict.generation if verdict else 0
            return Record(name, NodeState.LEFT, generation, since_wall_ms=wall_ms)
        remembered = handed_down(known, verdict.generation)
        record = Record(name, NodeState.PENDING, verdict.generation, since_wall_ms=wall_ms)
        if known is not None and known.generation == verdict.generation:
            open_ = unsettled(known, self._configuration)
            record.doubts = dict.fromkeys(open_, self.orders.newest)
        record.unnamed = frozenset(item.resource for item in remembered)
        record.gates = verdict.gates
        if known is not None and known.unfenced and known.generation == verdict.generation:
            record.unfenced = verdict.generation
        record.instances = self._may_run(name, remembered)
        record.lease_bound_ms = self._elected_ms + self.timers.inherited_lease_ms()
        return record

    def _cut_record(self, verdict: Verdict) -> Record:
        """A node without storage: what else nothing bounds may run there on."""
        record = Record(verdict.node, NodeState.LOST, verdict.generation)
        record.since_wall_ms = verdict.at_wall_ms
        record.gates = verdict.gates
        record.lost_ms = self._elected_ms  # it was before, or nobody would have cut it off
        on_storage = self.on_storage()
        found, unseen_ = [], self._may_run(verdict.node, ())
        record.harmless = self._definitions.harmless(unseen_)
        for item in unseen_:
            is_off = item.resource in on_storage
            extra_ms = 0 if is_off else self._definitions.extra_ms(item, record.gates)
            state = InstanceState.STOPPED if extra_ms == 0 else InstanceState.UNCERTAIN
            found.append(replace(item, state=state, free_after_ms=extra_ms or 0))
        record.instances = tuple(found)
        return record

    def _may_run(self, name: NodeName, remembered: tuple[Instance, ...]) -> tuple[Instance, ...]:
        """Return what the node may run: its predecessor's last orders may not be in our view."""
        last = {item.resource: item for item in remembered}
        if not self._is_witness(name):
            for primitive in units.units(self._configuration):
                last.setdefault(primitive.id, Instance(primitive.id, InstanceState.UNKNOWN))
        return tuple(unseen(item) for _, item in sorted(last.items()))

    def _is_witness(self, name: NodeName) -> bool:
        node = self._configuration.node(name)
        return node is not None and node.witness

    def _admit(
        self, record: Record, generation: Generation, wall_ms: Millis, *, may_hold_lease: bool
    ) -> None:
        self._admissions[record.name] = self._admissions.get(record.name, 0) + 1
        record.admission = self._admissions[record.name]
        record.begin(generation, wall_ms, may_hold_lease=may_hold_lease)

    def is_off(self, record: Record) -> bool:
        """Return whether a device has proved this incarnation to be off."""
        verdict = self._verdicts.get(record.name)
        is_fenced = verdict is not None and verdict.method.startswith(rules.FENCED)
        return is_fenced and verdict is not None and record.generation <= verdict.generation

    def _ended(self, record: Record, wall_ms: Millis) -> Lost:
        """A device has ended the node before it was silent for long enough to be lost."""
        self._doubt_peers(record)
        affected = tuple(
            item.resource
            for item in record.instances
            if item.pending == "start" or item.state in MAY_BE_ACTIVE
        )
        stopped = InstanceState.STOPPED
        record.instances = tuple(
            replace(item, state=stopped, pending="", migrated_to=None) for item in record.instances
        )
        record.leave(NodeState.LOST, wall_ms)
        return Lost(record.name, record.generation, affected, ())

    def _arriving(self, name: NodeName) -> set[ResourceId]:
        """Return what other nodes may have handed on alive to that node by now."""
        ordered = {resource for resource, node in self.orders.arriving() if node == name}
        return ordered | handed_to(name, self.records.values())

    def _doubt_peers(self, record: Record) -> None:
        """A node says no more what became of what it was handing on alive: it may have arrived."""
        said = handed_by(record, self.records, self._configuration)
        handed = said | self.orders.handed_by(record.name)
        doubt_all(handed, self.records, self.orders.newest)

    def on_storage(self) -> frozenset[ResourceId]:
        """Return what can do no harm once its node is cut off from its storage."""
        return self._definitions.on_storage()

    def defined(self, name: ResourceId) -> Primitive | None:
        """Return what ran in this term under a name that nothing has any more."""
        return self._definitions.former(name)

    def _lose(
        self,
        record: Record,
        ordered: Set[ResourceId],
        promoted: Set[ResourceId],
        alive: Set[ResourceId],
        now_ms: Millis,
        wall_ms: Millis,
    ) -> Lost:
        """Conclude from silence: what a gate ended is gone, the rest is uncertain for a while or
        for good.

        `ordered`, `promoted`: what the node was told to start or to promote, and may have before
        it was cut off. `alive`: what may have come to it alive, where nothing guards it yet.
        """
        self._doubt_peers(record)
        kept, affected, on = [], [], []
        named = {item.resource for item in record.instances}
        new = [Instance(name, InstanceState.STOPPED) for name in sorted({*ordered, *alive} - named)]
        for item in sorted((*record.instances, *new), key=lambda item: item.resource):
            started = item.pending == "start" or item.resource in ordered or item.resource in alive
            may_run = item.state in MAY_BE_ACTIVE or started
            if may_run and (started or item.state is not InstanceState.UNKNOWN):
                affected.append(item.resource)
            item = in_role(item, started, item.resource in promoted)
            on += [item] if may_run else []
            extra_ms = self._definitions.extra_ms(item, record.gates) if may_run else 0
            if extra_ms and item.resource in alive:
                extra_ms = None
            state = InstanceState.STOPPED if extra_ms == 0 else InstanceState.UNCERTAIN
            gone = replace(item, state=state, pending="", migrated_to=None)
            kept.append(replace(gone, free_after_ms=extra_ms or 0))
        record.instances = tuple(kept)
        record.harmless = self._definitions.harmless(on)
        record.lost_ms = now_ms
        record.leave(NodeState.LOST, wall_ms)
        open_ = [item for item in kept if item.state is InstanceState.UNCERTAIN]
        uncertain = tuple(item.resource for item in open_ if not item.free_after_ms)
        delayed = tuple((i.resource, i.free_after_ms) for i in open_ if i.free_after_ms)
        return Lost(record.name, record.generation, tuple(affected), uncertain, delayed)
