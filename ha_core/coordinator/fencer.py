"""The fencer: whom the coordinator wants cut off, and why; rehearsals; storage for who joins.

Owns: what of the roster makes a node dangerous, and what people ask for. How a
node is cut off is `fencing.machine`'s; what a proof frees is the roster's.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Final, TypeAlias

from ha_core import commands
from ha_core.agents.registry import exclusivity_of
from ha_core.config.model import Configuration, Exclusivity, FenceDevice, OnFail
from ha_core.config.units import unit
from ha_core.coordinator import power
from ha_core.coordinator.cause import Cause
from ha_core.coordinator.lapses import Lapses
from ha_core.coordinator.record import Record
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.told import Told, tested
from ha_core.coordinator.wanted import ON, Wanted, WantedOnes
from ha_core.effects import Send
from ha_core.errors import RefusedError
from ha_core.fencing import machine, rules
from ha_core.fencing.dispatch import Dispatch, Ended
from ha_core.fencing.machine import Fencing, GaveUp, Proved, Wish, verdict_of
from ha_core.fencing.rehearsal import SEEN_OFF
from ha_core.fencing.steps import Note
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName, ResourceId, Term
from ha_core.messages import FenceOrder, FenceReport, FenceVerb
from ha_core.replication.entries import Verdict
from ha_core.status import FencingStatus, InstanceState, NodeState
from ha_core.timers import RaftTimers

UNFENCE_REST_MS: Final[Millis] = 10_000
"""After storage could not be switched on, before that is tried again."""

Output: TypeAlias = Send | Told | Verdict


class Fencer:
    """Fencing of one coordinator's term."""

    def __init__(
        self, name: NodeName, term: Term, roster: Roster, timers: RaftTimers, random: Random
    ) -> None:
        self._name = name
        self._term = term
        self._fit: frozenset[NodeName] = frozenset()
        self._now_ms: Millis = 0
        self._roster = roster
        self.timers = timers
        numbers = count(1)
        self._next: Callable[[], int] = lambda: next(numbers)
        self._machine = Fencing(name, term, random, timers.election_ms, self._next)
        self._dispatch = Dispatch(term, timers.election_ms)
        self._configuration = Configuration()
        self.wanted = WantedOnes()
        """By people, as the log has it."""
        self._switching: set[str] = set()
        """Incidents of switching on that has begun in this term."""
        self._drills: dict[str, dict[int, bool | None]] = {}
        self._drilling: list[tuple[FenceDevice, NodeName, NodeName, str]] = []
        self._unfencing: dict[NodeName, tuple[int, Generation]] = {}
        """Position among its devices, and the start that it is done for."""
        self._unfence_rest_ms: dict[NodeName, Millis] = {}
        self._fenced_ms: dict[NodeName, tuple[Generation, Millis]] = {}
        self._causes: dict[NodeName, Cause] = {}
        self.lapses = Lapses()
        self._doubted: set[tuple[NodeName, Generation]] = set()
        self.spared: frozenset[NodeName] = frozenset()
        """Lost nodes that are not cut off yet: a voter that can talk to them is about to lead."""

    # --- reading -------------------------------------------------------------------------

    def statuses(self) -> tuple[FencingStatus, ...]:
        """Return every node that is to be cut off, and how far that is."""
        return self._machine.statuses()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is to be cut off, given its storage, or tested."""
        has_work = not self.wanted.is_empty or self._drilling or self._drills or self._unfencing
        gives_storage = any(device.unfence for device in self._configuration.fence_devices)
        return not (has_work or gives_storage) and self._machine.is_idle and self._dispatch.is_idle

    def deadline_ms(self) -> Millis | None:
        """Return when something must be looked at again."""
        if self._machine.is_idle and self._dispatch.is_idle and not self._unfence_rest_ms:
            return None
        due = [self._machine.deadline_ms(), self._dispatch.deadline_ms()]
        due += self._unfence_rest_ms.values()
        return min((at for at in due if at is not None), default=None)

    def holds(self, node: NodeName, generation: Generation, now_ms: Millis) -> bool:
        """Return whether a lost incarnation is under fire, or one was cut off just now.

        What was sent before it was cut off arrives within D; it would be taken back in.
        """
        record = self._roster.records.get(node)
        is_lost = record is not None and record.state is NodeState.LOST
        if is_lost and self._machine.holds(node, generation):
            return True
        fenced, at_ms = self._fenced_ms.get(node, (0, 0))
        return generation <= fenced and now_ms - at_ms < self.timers.dead_after_ms

    def doubts(self, node: NodeName, generation: Generation) -> list[Told]:
        """Return what is to be told of an incarnation that speaks although it was proved off."""
        verdict = self._roster.verdict_on(node)
        key = (node, generation)
        if verdict is None or key in self._doubted or generation > verdict.generation:
            return []
        if not verdict.method.startswith(rules.FENCED):
            return []
        self._doubted.add(key)
        names = rules.device_names(verdict.method)
        text = (
            f"{node} speaks, although it was proved to be off by {names}, which cannot be trusted:"
            f" look at its plugs, then 'ha fence test {node}'"
        )
        return [Told("fence-doubted", node, text)]

    def makes_way_for(self, fit: frozenset[NodeName]) -> NodeName | None:
        """Return for whom to step aside, if this very node is to be cut off.

        `fit` are the voters whose logs are complete. Else nobody would write down the proof, and
        whoever came next would cut it off again, as its devices are configured.
        """
        self._fit = fit
        return self._successor() if self._is_wanted(self._name) else None

    def _is_wanted(self, node: NodeName) -> bool:
        record = self._roster.records.get(node)
        return record is not None and (
            self.wanted.cut(node) is not None or self._automatic(record) is not None
        )

    def _successor(self) -> NodeName | None:
        """Return a voter that need not make way itself: two such would do nothing else."""
        able = (name for name in self._online() if name in self._fit)
        return next((name for name in able if not self._is_wanted(name)), None)

    def to_forgive(self) -> list[tuple[ResourceId, NodeName]]:
        """Return, once, the failures that a node was cut off for, now that it has come back."""
        found = []
        for node, (generation, _) in sorted(self._fenced_ms.items()):
            record = self._roster.records.get(node)
            is_back = record is not None and record.generation > generation
            if record is None or not is_back or record.state is not NodeState.ONLINE:
                continue
            del self._fenced_ms[node]
            for item in record.instances:
                failure = item.failure
                if failure is not None and (failure.on_fail in (OnFail.BLOCK, OnFail.FENCE)):
                    found.append((item.resource, node))
        return found

    # --- from people ---------------------------------------------------------------------

    def ask(self, command: commands.FenceNode, author: str, wall_ms: Millis) -> Wanted:
        """Return for the log that a person wants a node cut off. Raises RefusedError."""
        name = command.node
        record = power.to_cut(self._configuration, self._roster.records, command)
        incident, deed = f"{name}-fence-{self._term}-{self._next()}", str(command.action or "")
        return Wanted(name, record.generation, deed, command.reason, author, incident, wall_ms)

    def ask_on(
        self, command: commands.SwitchOn, author: str, wall_ms: Millis
    ) -> tuple[Wanted, str]:
        """Return for the log that a person wants a node switched on, and the answer.

        Raises:
            RefusedError: it is not known to be off, nothing can, or it is under way.
        """
        name = command.node
        record, devices = self._switch_of(name)
        if self._machine.is_busy_with(name) or self.wanted.is_to_switch_on(name):
            raise RefusedError("busy", f"its devices are at work on {name}: wait for their end")
        incident = f"{name}-on-{self._term}-{self._next()}"
        wanted = Wanted(name, record.generation, ON, command.reason, author, incident, wall_ms)
        return wanted, f"{name} is to be switched on by {' and '.join(devices)}"

    def _switch_of(self, name: NodeName) -> tuple[Record, tuple[str, ...]]:
        """Return the record of a node that is off, and what switches it on. Raises RefusedError."""
        record = power.off(self._configuration, self._roster.records, name)
        verdict = self._roster.verdict_on(name)
        return record, power.devices_for(self._configuration, record, verdict)

    def rehearse(self, command: commands.TestFence) -> str:
        """Begin a rehearsal; return its incident, which its events carry.

        Raises:
            RefusedError: nothing is to be tested.
        """
        known = self._configuration.fence_devices
        wanted = command.subject
        nodes = {node.name for node in self._configuration.nodes}
        chosen = [d for d in known if wanted in ("", d.id) or wanted in d.targets]
        if wanted and wanted not in nodes | {d.id for d in known}:
            text = f"'{wanted}' is neither a node nor a fence device"
            raise RefusedError("not-found", text)
        if not chosen:
            text = "there is no fence device" + (f" for '{wanted}'" if wanted else "")
            raise RefusedError("invalid", f"{text}: write one under fence_devices")
        incident = f"fence-rehearsal-{self._term}-{self._next()}"
        self._drills[incident] = {}
        target = NodeName(wanted) if wanted in nodes else NodeName("")
        for device in chosen:
            for name in self._online():
                if not device.reached_from or name in device.reached_from:
                    self._drilling.append((device, name, target, incident))
        return incident

    # --- input ---------------------------------------------------------------------------

    def report(
        self, sender: NodeName, report: FenceReport, now_ms: Millis, wall_ms: Millis
    ) -> list[Output]:
        """Take an executor's report."""
        ended = self._dispatch.report(sender, report)
        if ended is not None:
            return self._ended(ended, now_ms)
        return self._outputs(self._machine.report(sender, report, now_ms), wall_ms)

    def judged(self, verdict: Verdict, now_ms: Millis) -> list[Output]:
        """The log has a verdict."""
        if not rules.is_fencing(verdict.method) or verdict.is_settled:
            return []
        asked = self.wanted.cut(verdict.node)
        if asked is not None and asked.generation <= verdict.generation:
            self.wanted.end(verdict.node)
        if verdict.method.startswith(rules.FENCED):
            self._fenced_ms[verdict.node] = (verdict.generation, now_ms)
        found = self._machine.judged(verdict.node, verdict.generation, now_ms)
        return self._outputs(found, verdict.at_wall_ms)

    # --- time ----------------------------------------------------------------------------

    def tick(self, configuration: Configuration, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Look whom to cut off now, and go on with what is under way."""
        self._configuration, self._now_ms = configuration, now_ms
        online = self._online()
        again, over = self._dispatch.tick(online, now_ms)
        output: list[Output] = [*again]
        for ended in over:
            output += self._ended(ended, now_ms)
        output += self._drill(now_ms)
        output += self._unfence(online, now_ms)
        for verdict in self._roster.owed():
            wish = Wish(verdict.node, verdict.generation, verdict.reason, author=verdict.author)
            patience_ms = now_ms + self.timers.dead_after_ms
            if self._machine.take_over(wish, verdict.to_restore, patience_ms):
                output.append(replace(verdict, to_restore=(), is_settled=True))
        self._switch_wanted_on()
        wishes = {wish.node: wish for wish in self._wishes()}
        found = self._machine.tick(wishes, online, configuration, now_ms)
        return output + self._outputs(found, wall_ms)

    def _switch_wanted_on(self) -> None:
        """Begin what people want switched on; what has begun is over when its case has gone."""
        for wanted in self.wanted.to_switch_on():
            if self._machine.is_busy_with(wanted.node):
                continue
            if wanted.incident in self._switching:
                self.wanted.end(wanted.node)
                continue
            try:
                _, devices = self._switch_of(wanted.node)
            except RefusedError:
                self.wanted.end(wanted.node)  # it is there, or nothing is for it any more
                continue
            self._machine.switch_on(wanted.wish(), devices)
            self._switching.add(wanted.incident)

    def _wishes(self) -> Iterable[Wish]:
        for name, record in sorted(self._roster.records.items()):
            if self._roster.is_off(record):
                continue  # it is proved, and lost as soon as its lease has run out
            asked = self.wanted.cut(name)
            if asked is not None and asked.generation == record.generation:
                yield asked
                continue
            wish = self._automatic(record)
            if wish is not None:
                yield wish

    def _automatic(self, record: Record) -> Wish | None:
        """Return why the cluster itself wants a node cut off, if it does."""
        configuration, name = self._configuration, record.name
        node = configuration.node(name)
        if node is None or node.maintenance or configuration.options.maintenance:
            self._causes.pop(name, None)
            self.lapses.forget(name)
            return None
        is_lost = record.state is NodeState.LOST
        if is_lost and name in self.spared:
            return None
        known = self._causes.get(name)
        tickets = self.lapses.tickets
        if known is None or not known.is_of(record, configuration, tickets):
            cause = self._cause(record)
            known = Cause(record.instances, record.state, configuration, tickets, *cause)
            self._causes[name] = known
        if not known.reason:
            return None
        grace_ms = configuration.options.fencing_grace_ms
        return Wish(
            name,
            record.generation,
            known.reason,
            self._incident(record),
            wait_ms=grace_ms if is_lost and self._roster.is_unheard(name) else 0,
            power=known.power,
        )

    def _cause(self, record: Record) -> tuple[str, bool]:
        """Return why what a node runs, or may run, wants it cut off (nothing if it does not), and
        whether its machine must end: without its storage it goes on with all that writes nothing.
        """
        configuration, name = self._configuration, record.name
        if record.state is NodeState.LOST:
            doubtful = [
                item.resource
                for item in record.instances
                if item.state is InstanceState.UNCERTAIN and not item.free_after_ms
            ]
            power = self._roster.on_storage().isdisjoint(doubtful)
            if not doubtful or not rules.can_fence(configuration, name, power=power):
                return self.lapses.reason(configuration, record), True
            return f"{name} is lost and may still run {', '.join(doubtful)}", power
        if record.state is NodeState.PENDING:
            return "", True  # what is known failed in an earlier start; this one has not reported
        for item in record.instances:
            if rules.asks_for_fencing(configuration, name, item) and item.failure is not None:
                failed = item.failure
                return f"{failed.action} of {item.resource} failed there: {failed.reason}", True
        return self.lapses.reason(configuration, record), True

    def _incident(self, record: Record) -> str:
        return record.incident or f"{record.name}-fence-{record.generation}-{self._term}"

    def incident_of(self, node: NodeName) -> str:
        """Return the incident that the cutting off of a node belongs to."""
        return self._machine.incident_of(node)

    def _online(self) -> tuple[NodeName, ...]:
        """Return who may be sent on errands: who holds a lease, or refuses them.

        A witness runs no agents unless a device names it.
        """
        named = {name for d in self._configuration.fence_devices for name in d.reached_from}
        idle = {node.name for node in self._configuration.nodes if node.witness} - named
        return tuple(
            name
            for name, record in sorted(self._roster.records.items())
            if record.state is NodeState.ONLINE
            and record.lease_bound_ms > self._now_ms
            and name not in idle
        )

    def _outputs(self, found: Iterable[machine.Output], wall_ms: Millis) -> list[Output]:
        output: list[Output] = []
        for item in found:
            match item:
                case Send():
                    output.append(item)
                case Note():
                    output.append(Told(item.kind, item.subject, item.text, item.why, item.incident))
                case Proved():
                    output.append(self._verdict(item, wall_ms))
                case GaveUp(wish=wish):
                    self.lapses.gave_up(wish.node, wish.generation)
                    self._causes.pop(wish.node, None)
                    if wish.is_asked:
                        self.wanted.end(wish.node)
        return output

    def _verdict(self, proved: Proved, wall_ms: Millis) -> Verdict:
        """Return the proof for the log; without its storage, gates still end what it runs."""
        wish = proved.wish
        record = self._roster.records.get(wish.node)
        is_known = record is not None and record.generation == wish.generation
        gates = record.gates if record is not None and is_known else Gates()
        return verdict_of(proved, wall_ms, gates)

    # --- rehearsals ----------------------------------------------------------------------

    def _drill(self, now_ms: Millis) -> list[Output]:
        output: list[Output] = []
        drilling, self._drilling = self._drilling, []
        for device, executor, target, incident in drilling:
            number = self._next()
            self._drills[incident][number] = None
            order = FenceOrder(
                self._term, number, FenceVerb.TEST, device.id, target, incident=incident
            )
            limit_ms = rules.test_limit_ms(device, len(device.targets))
            output += self._dispatch.send(executor, order, limit_ms, now_ms)
        for incident in [key for key, parts in self._drills.items() if not parts]:
            del self._drills[incident]
            text = "rehearsal: no node that is there may use the device"
            output.append(Told("fence-rehearsed", "fencing", text, "", incident))
        return output

    def _ended(self, ended: Ended, now_ms: Millis) -> list[Output]:
        order = ended.order
        if order.verb is FenceVerb.RESTORE:
            return self._unfenced(ended, now_ms)
        parts = self._drills.get(order.incident)
        if parts is None:
            return []
        parts[order.errand_id] = ended.ok
        output: list[Output] = [tested(ended, *self._plausible(*i)) for i in ended.tested]
        if not ended.tested:
            output.append(tested(ended, order.target, False, ended.text))
        if None not in parts.values():
            del self._drills[order.incident]
            good = sum(bool(ok) for ok in parts.values())
            text = f"rehearsal: {good} of {len(parts)} pairs of device and node are ready"
            output.append(Told("fence-rehearsed", "fencing", text, "", order.incident))
        return output

    def _plausible(self, target: NodeName, ok: bool, text: str) -> tuple[NodeName, bool, str]:
        """Who is online cannot be off: then the device means another machine by that plug."""
        record = self._roster.records.get(target)
        is_there = record is not None and record.state is NodeState.ONLINE
        if ok and is_there and text.endswith(SEEN_OFF):
            return target, False, f"{text}, although {target} is online: it has another's plug"
        return target, ok, text

    # --- storage -------------------------------------------------------------------------

    def _unfence(self, online: tuple[NodeName, ...], now_ms: Millis) -> list[Output]:
        """Give the nodes that have joined their storage, once nothing old can write to it."""
        output: list[Output] = []
        self._unfence_rest_ms = {n: at for n, at in self._unfence_rest_ms.items() if at > now_ms}
        for name in online:
            record = self._roster.records[name]
            devices = rules.unfenced_by(self._configuration, name)
            if not devices or record.unfenced == record.generation:
                continue
            if name in self._unfencing or name in self._unfence_rest_ms:
                continue
            if self._may_unfence(record):
                output += self._switch_on(name, devices[0], 0, now_ms)
        return output

    def _may_unfence(self, record: Record) -> bool:
        """Return whether what needs the storage there has ended, or runs there alone."""
        for item in record.instances:
            primitive = unit(self._configuration, item.resource)
            if primitive is None or exclusivity_of(primitive) is not Exclusivity.DEVICE:
                continue
            if item.state is InstanceState.STOPPED and not item.pending:
                continue
            if item.state is not InstanceState.STARTED or self._is_elsewhere(record, item.resource):
                return False
        return True

    def _is_elsewhere(self, own: Record, resource: str) -> bool:
        return any(
            item.resource == resource and (item.state is not InstanceState.STOPPED or item.pending)
            for record in self._roster.records.values()
            if record.name != own.name
            for item in record.instances
        )

    def _switch_on(
        self, name: NodeName, device: FenceDevice, position: int, now_ms: Millis
    ) -> list[Output]:
        self._unfencing[name] = (position, self._roster.records[name].generation)
        own = not device.reached_from or name in device.reached_from
        able = rules.executors_of(device, self._online(), NodeName(""), name)
        executor = name if own else next(iter(able), name)
        order = FenceOrder(self._term, self._next(), FenceVerb.RESTORE, device.id, name)
        return [*self._dispatch.send(executor, order, rules.restore_limit_ms(device), now_ms)]

    def _unfenced(self, ended: Ended, now_ms: Millis) -> list[Output]:
        name, device = ended.order.target, ended.order.device
        position, generation = self._unfencing.pop(name, (0, 0))
        record = self._roster.records.get(name)
        if record is None or record.generation != generation:
            return []
        if not ended.ok:
            self._unfence_rest_ms[name] = now_ms + UNFENCE_REST_MS
            text = (
                f"{device} could not give {name} its storage back through {ended.executor}:"
                f" {ended.text}; what needs it does not start there, the next try is in"
                f" {UNFENCE_REST_MS // 1000} s"
            )
            return [Told("unfence-failed", name, text)]
        devices = rules.unfenced_by(self._configuration, name)
        if position + 1 < len(devices):
            return self._switch_on(name, devices[position + 1], position + 1, now_ms)
        record.unfenced = record.generation
        text = f"{name} has its storage: {device} is switched on for it"
        return [Told("node-unfenced", name, text, "it has joined")]
