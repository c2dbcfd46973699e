"""Invariants: small judges that look at the whole cluster from outside.

Owns: safety rules S1 to S6. Each judge says what it saw in one sentence that
begins with its rule. `Judges` hands them what the hosts let be seen.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from ha_core.agents.registry import may_run_twice
from ha_core.config.choices import Role
from ha_core.config.limits import VOTERS_MAX
from ha_core.config.model import Primitive
from ha_core.config.units import may_be_promoted, plain, unit, units
from ha_core.effects import CommandAnswered, Send
from ha_core.fencing.rules import is_fencing
from ha_core.ids import NodeName, ResourceId, Revision
from ha_core.journal import JournalEvent
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind, Decision
from ha_core.quorum.held_back import is_held_back
from ha_core.replication.entries import OPERATOR, Verdict
from ha_core.sim.host import Host
from ha_core.snapshot import ClusterSnapshot

SHELVED = "shelf"
"""How the request of a command begins that writes on the shelf."""


class Violations:
    """What the judges found, in order, without repeats."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, text: str) -> None:
        """Note a violation."""
        if text not in self.found:
            self.found.append(text)


class Newest:
    """What is configured by now: the node that runs something may know an older word on it."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._revision: Revision = 0
        self._units: dict[ResourceId, Primitive] = {}

    def unit(self, resource: ResourceId) -> Primitive | None:
        """Return a unit by the newest configuration that was ever final, or None if there is none:
        whoever knows it may be down.
        """
        for host in self._hosts:
            if host.node is not None and host.node.revision > self._revision:
                self._revision = host.node.revision
                self._units = {item.id: item for item in units(host.node.configuration)}
        return self._units.get(resource)

    def word_on(self, primitive: Primitive) -> Primitive:
        """Return what runs, with what is said by now of how often it may."""
        newest = self.unit(primitive.id)
        if newest is None or newest is primitive:
            return primitive
        return replace(primitive, meta=newest.meta, copy=newest.copy)


class OneOwner:
    """S1: no service that must not exist twice is seen on two machines at once."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations
        self._newest = Newest(hosts)

    def look(self, now_us: int) -> None:
        """Judge the present moment."""
        owners: dict[ResourceId, list[NodeName]] = {}
        for host in self._hosts:
            for resource, primitive in host.running.items():
                if host.machine.owns(self._newest.word_on(primitive)):
                    owners.setdefault(resource, []).append(host.name)
        for resource, names in owners.items():
            if len(names) > 1:
                text = f"S1: {resource} runs on {' and '.join(sorted(names))}"
                self._violations.add(f"{text} at {now_us // 1000} ms")


class OneHistory:
    """S2: what is final is the same everywhere, and what was acknowledged is never lost."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations
        self._final: dict[int, int] = {}
        self._revisions: dict[Revision, tuple[int, str]] = {}
        self._acknowledged: Revision = 0
        self._looked: dict[NodeName, tuple[int, int]] = {}

    def answered(self, effect: CommandAnswered) -> None:
        """Somebody was told that a change is made (of the shelf, which counts revisions apart)."""
        if effect.outcome.ok and not effect.request_id.startswith(SHELVED):
            self._acknowledged = max(self._acknowledged, effect.outcome.revision)

    def look(self, now_us: int) -> None:
        """Judge every replica whose memory and disk agree."""
        for host in self._hosts:
            if host.node is None:
                continue
            raft = host.node.replication
            applied = raft.applied
            if self._looked.get(host.name) == applied or host.is_writing:
                continue
            self._looked[host.name] = applied
            index, term = applied
            if self._final.setdefault(index, term) != term:
                self._say(f"entry {index} is of another term on {host.name}", now_us)
            for change in raft.revisions[-8:]:
                seen = (change.at_wall_ms, change.author + change.reason + change.request_id)
                if self._revisions.setdefault(change.revision, seen) != seen:
                    self._say(f"revision {change.revision} differs on {host.name}", now_us)

    def led(self, host: Host, now_us: int) -> None:
        """A new coordinator has everything that anybody was told."""
        if host.node is not None and host.node.revision < self._acknowledged:
            text = f"{host.name} coordinates at revision {host.node.revision}"
            self._say(f"{text}, but {self._acknowledged} was acknowledged", now_us)

    def at_end(self, members: Iterable[NodeName], now_us: int) -> None:
        """After healing every member has everything that was acknowledged."""
        for host in self._hosts:
            if host.name in members and host.node is not None:
                revision = host.node.revision
                if revision < self._acknowledged:
                    text = f"{host.name} has revision {revision}"
                    self._say(f"{text}, but {self._acknowledged} was acknowledged", now_us)

    def _say(self, text: str, now_us: int) -> None:
        self._violations.add(f"S2: {text} at {now_us // 1000} ms")


class OneCoordinator:
    """S3: at most one node may act as coordinator at any instant, at most one ever per term."""

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._of_term: dict[int, NodeName] = {}
        self._leads: dict[NodeName, tuple[Host, int]] = {}
        """Who has led, and until when it may act by its own clock."""
        self._unwritten: dict[NodeName, int] = {}
        """Terms that began, on the node that leads in them, with something still to be written."""

    def leads(self, host: Host, now_us: int) -> bool:
        """Judge a node that leads, after each event it handled; return whether the term is new."""
        assert host.node is not None
        term = host.node.replication.term
        is_new = term not in self._of_term
        if is_new and host.is_writing:
            self._unwritten[host.name] = term
        elif not host.is_writing:
            self._unwritten.pop(host.name, None)
        first = self._of_term.setdefault(term, host.name)
        if first != host.name:
            self._violations.add(f"S3: {first} and {host.name} both led term {term}")
        until_ms = host.node.coordinator_lease_until_ms
        known = self._leads.get(host.name)
        if (known is not None and until_ms == known[1]) or until_ms <= host.now_ms():
            return is_new
        self._leads[host.name] = (host, until_ms)
        for name, (other, other_until_ms) in self._leads.items():
            if name != host.name and other_until_ms > other.now_ms():
                names = " and ".join(sorted((name, host.name)))
                self._violations.add(f"S3: {names} may both act at {now_us // 1000} ms")
        return is_new

    def ended(self, host: Host) -> None:
        """A daemon has ended, and cannot act; nor has it in a term whose beginning it died writing:
        whatever a node does waits until its own vote is written.
        """
        self._leads.pop(host.name, None)
        term = self._unwritten.pop(host.name, 0)
        if term > host.disk.term:
            del self._of_term[term]


class ProvenTakeover:
    """S4: a service begins only where every earlier owner is proved to have ended it."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations
        self._newest = Newest(hosts)
        self._applied: dict[NodeName, int] = {}

    def look(self, now_us: int) -> None:
        """Heed what has become final by now, before anybody acts on it: whoever does may know it
        since this moment.
        """
        for host in self._hosts:
            if host.node is not None:
                self.heed(host, now_us)

    def heed(self, host: Host, now_us: int) -> None:
        """Heed what has become final at a node: a later start's admission may come in the same
        moment and take the verdict's place.
        """
        assert host.node is not None
        raft = host.node.replication
        seen, (applied, _) = self._applied.get(host.name, 0), raft.applied
        if applied > seen:
            self._applied[host.name] = applied
            entries = raft.applied_after(seen)
            self._heed({item.verdict for item in entries if item.verdict is not None}, now_us)

    def begins(self, host: Host, primitive: Primitive, action: str, now_us: int) -> None:
        """Judge a service that is about to begin on a host, or to be promoted there."""
        self.look(now_us)
        self._heed_verdicts(now_us)
        judged = self._newest.word_on(primitive)
        is_harmless = may_run_twice(judged) or (may_be_promoted(judged) and action == "start")
        for other in () if is_harmless else self._hosts:
            if other is host:
                continue
            machine = other.machine
            found = (
                other.claims.standing(
                    name, machine.lease_until_ms, machine.clock.now_ms(), machine.gates
                )
                for name in other.claims.names(primitive)
            )
            claim = next((item for item in found if item is not None), None)
            if claim is not None and not primitive.meta.accept_risk:
                verb = "is promoted" if action == "promote" else "begins"
                text = f"{primitive.id} {verb} on {host.name}, and nothing proves that"
                text += f" {other.name} (start {claim.generation}) has ended it"
                self._violations.add(f"S4: {text} at {now_us // 1000} ms")

    def _heed_verdicts(self, now_us: int) -> None:
        """What a person or a device has said of an incarnation counts as proof, if it is true."""
        nodes = [host.node for host in self._hosts if host.node is not None]
        self._heed({item for node in nodes for item in node.replication.verdicts}, now_us)

    def _heed(self, verdicts: Set[Verdict], now_us: int) -> None:
        named = {host.name: host for host in self._hosts}
        said = {(v.node, v.generation, v.method) for v in verdicts if v.node in named}
        for node, generation, method in sorted(said):
            host = named[node]
            is_device = is_fencing(method)
            if is_device and generation > host.ended_generation:
                text = f"{method} is said to have ended {node} (start {generation})"
                self._violations.add(f"S4: {text}, which lost no power, at {now_us // 1000} ms")
            if is_device or method == OPERATOR:
                host.claims.was_ended(generation)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A service that began: by which daemon, and when."""

    node: NodeName
    generation: int
    resource: ResourceId


class RecordedMoves:
    """S6: nothing begins or ends by order without a reason, and the journal has it."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations
        self._reasons: dict[tuple[ResourceId, NodeName, ActionKind], str] = {}
        self._begun: dict[_Begun, int] = {}
        self._recorded: set[_Begun] = set()

    def sent(self, order: Order, to: NodeName) -> None:
        """Note what the coordinator gives as its reason."""
        self._reasons[(order.resource, to, order.kind)] = order.reason

    def begins(self, host: Host, resource: ResourceId, action: str, now_us: int) -> None:
        """Judge a service that begins, or is promoted."""
        self._expect(host, resource, ActionKind(action), now_us)
        if host.node is not None and action == "start":
            self._begun[_Begun(host.name, host.node.generation, resource)] = now_us

    def ends(self, host: Host, resource: ResourceId, now_us: int) -> None:
        """Judge the stop of a running service by a daemon that belongs to the cluster."""
        self._expect(host, resource, ActionKind.STOP, now_us)

    def journaled(self, event: JournalEvent) -> None:
        """Note what the journal tells."""
        if event.kind in ("resource-started", "resource-failed", "resource-blocked"):
            if event.kind == "resource-started" and not event.why:
                self._violations.add(f"S6: the journal does not say why: {event.text}")
            key = _Begun(event.node, event.generation, ResourceId(event.subject))
            self._recorded.add(key)

    def at_end(self, since_us: int) -> None:
        """What runs, begun by a daemon that still lives, stands in the journal."""
        running = {
            _Begun(host.name, host.node.generation, resource)
            for host in self._hosts
            if host.node is not None
            for resource in host.running
        }
        for begun, at_us in self._begun.items():
            if begun in running and at_us < since_us and begun not in self._recorded:
                text = f"no event tells why {begun.resource} began on {begun.node}"
                self._violations.add(f"S6: {text} at {at_us // 1000} ms")

    def _expect(self, host: Host, resource: ResourceId, kind: ActionKind, now_us: int) -> None:
        primitive = unit(host.node.configuration, resource) if host.node else None
        if kind is ActionKind.STOP and primitive is None:
            return  # removed from the configuration: the node ends it by itself
        known = self._reasons.get((resource, host.name, kind)) or any(
            order.reason
            for other in self._hosts
            if other.node is not None
            for order in other.node.orders
            if (order.resource, order.node, order.kind) == (resource, host.name, kind)
        )
        if not known:
            text = f"{kind} of {resource} on {host.name} has no recorded reason"
            self._violations.add(f"S6: {text} at {now_us // 1000} ms")


class Placed:
    """S5: when faults have stopped, one coordinator acts, all are there, all runs that can."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations

    def look(self, when: str) -> ClusterSnapshot | None:
        """Judge a cluster that has had its time; return the coordinator's picture."""
        faults, snapshot = self._faults()
        for fault in faults:
            self._violations.add(f"S5: {when}: {fault}")
        return snapshot

    def is_met(self) -> bool:
        """Return whether a judgement would find nothing."""
        return not self._faults()[0]

    def _faults(self) -> tuple[list[str], ClusterSnapshot | None]:
        leads = [host for host in self._hosts if host.node is not None and host.node.is_coordinator]
        if len(leads) != 1:
            names = ", ".join(host.name for host in leads) or "none"
            return [f"coordinators: {names}"], None
        node = leads[0].node
        assert node is not None
        snapshot = node.snapshot(leads[0].now_ms())
        faults = [
            f"{summary.name} is {summary.state}"
            for summary in snapshot.nodes
            if summary.state != "online"
        ]
        members = snapshot.configuration
        waiting = [
            name
            for name in node.replication.revisions[-1].will_vote
            if not is_held_back(members, name)
        ]
        if waiting and len(members.voters()) < VOTERS_MAX:
            faults.append(f"{', '.join(waiting)} may not vote")
        return faults + self._misplaced(snapshot), snapshot

    def _misplaced(self, snapshot: ClusterSnapshot) -> list[str]:
        faults = []
        running = {resource for host in self._hosts for resource in host.running}
        for decision in snapshot.decisions:
            if decision.places or snapshot.configuration.clone_of(decision.resource) is not None:
                faults += self._misplaced_copies(decision)
                continue
            if decision.blocked.startswith(f"{decision.resource} waits for "):
                continue  # what it waits for is judged itself, and may rightly run nowhere
            is_running = ResourceId(decision.resource) in running
            if decision.node is not None and not is_running:
                faults.append(f"{decision.resource} does not run")
            if decision.node is None and is_running:
                faults.append(f"{decision.resource} should not run")
            if decision.blocked:
                faults.append(decision.blocked)
        strange = {plain(r) for r in running} - {item.resource for item in snapshot.decisions}
        return faults + [f"{item} runs and is not configured" for item in sorted(strange)]

    def _misplaced_copies(self, decision: Decision) -> list[str]:
        """Judge what is in a clone: each instance where it should be, and promoted if it should."""
        wanted = {(p.instance, p.node, p.role is Role.PROMOTED) for p in decision.places}
        found = {
            (resource, host.name, resource in host.machine.promoted)
            for host in self._hosts
            for resource in host.running
            if plain(resource) == decision.resource
        }
        if decision.blocked:
            is_waiting = decision.blocked.startswith(f"{decision.resource} waits for ")
            return [] if is_waiting else [decision.blocked]
        return [
            f"{resource} {'is' if there in found else 'should be'}"
            f" {'promoted' if promoted else 'there'} on {node}"
            for there in sorted(wanted ^ found)
            for resource, node, promoted in (there,)
        ]


class Judges:
    """All judges over one cluster; what hosts tell goes to those whom it concerns."""

    def __init__(self, hosts: Sequence[Host], violations: Violations, clock: Callable[[], int]):
        self._now_us = clock
        self.one_owner = OneOwner(hosts, violations)
        self.one_history = OneHistory(hosts, violations)
        self.one_coordinator = OneCoordinator(violations)
        self.proven_takeover = ProvenTakeover(hosts, violations)
        self.placed = Placed(hosts, violations)
        self.recorded_moves = RecordedMoves(hosts, violations)
        self.changes = 0
        """Services that began or ended."""

    def begins(self, host: Host, primitive: Primitive, action: str) -> None:
        """A service is about to begin, or to be promoted."""
        self.proven_takeover.begins(host, primitive, action, self._now_us())
        self.recorded_moves.begins(host, primitive.id, action, self._now_us())

    def is_stopped(self, host: Host, resource: ResourceId) -> None:
        """The daemon, which belongs to the cluster, means to stop a running service."""
        self.recorded_moves.ends(host, resource, self._now_us())

    def changed(self, host: Host) -> None:
        """Services of a host have begun or ended."""
        self.changes += 1
        self.one_owner.look(self._now_us())

    def shown(self) -> None:
        """What was there and not seen may be seen again."""
        self.one_owner.look(self._now_us())

    def leads(self, host: Host) -> None:
        """A coordinator has handled an event."""
        if self.one_coordinator.leads(host, self._now_us()):
            self.one_history.led(host, self._now_us())
        self.proven_takeover.heed(host, self._now_us())

    def ended(self, host: Host) -> None:
        """A daemon has ended."""
        self.one_coordinator.ended(host)

    def performed(self, effect: Send | CommandAnswered | JournalEvent) -> None:
        """Something that others can see has left a node."""
        match effect:
            case CommandAnswered():
                self.one_history.answered(effect)
            case Send(to=to, message=Order() as order):
                self.proven_takeover.look(self._now_us())
                self.recorded_moves.sent(order, to)
            case JournalEvent():
                self.recorded_moves.journaled(effect)
            case _:
                pass
