"""The clerk: what the coordinator writes into the log, and whom it answers when that is final.

Owns: commands from their arrival to their answer, and verdicts under way.
Everything lasting goes through the log; a successor finds it there.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.change import no_node, no_resource, no_ticket
from ha_core.config.model import Configuration
from ha_core.config.units import unit, units_of
from ha_core.coordinator import cleanup, desk as desks, ends, injection, wanted as wanted_ones
from ha_core.coordinator.ballots import still_taken
from ha_core.coordinator.desk import Desk
from ha_core.coordinator.fencer import Fencer, Output as FencerOutput
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.redefined import Redefined
from ha_core.coordinator.refusals import refuse_standstill, refuse_unsafe
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.told import Told
from ha_core.coordinator.wanted import Wanted
from ha_core.effects import Send
from ha_core.errors import RefusedError
from ha_core.fencing.rules import words_of
from ha_core.ids import Generation, Index, Millis, NodeName, ResourceId
from ha_core.messages import CommandReply, FenceOrder, FenceVerb, Order, Prepare
from ha_core.policy.aim import aimed
from ha_core.policy.transition import ActionKind
from ha_core.replication import tickets
from ha_core.replication.entries import (
    ADMITTED,
    LEFT,
    OPERATOR,
    ConfigurationChange,
    Entry,
    Verdict,
)
from ha_core.replication.machine import Output, Replication
from ha_core.replication.shelf import ShelfChange, fault_of
from ha_core.status import NodeState, Ticket
from ha_core.transition.executor import DEFINED, OpenOrder

OWN_KEYS = {tickets.PREFIX: "ha ticket", wanted_ones.PREFIX: "ha node fence"}
"""Which keys of the shelf no program may write, and what does."""
BY_DEFINITION = (FenceVerb.CUT, FenceVerb.RESTORE, FenceVerb.TEST)
"""Errands that go by what their device is; to end one nobody needs to know that."""
BACKLOG_MAX = 256
"""Commands that wait for the change before them; a person would not wait for more."""


class Clerk:
    """Commands and verdicts of one coordinator's term."""

    def __init__(self, raft: Replication, roster: Roster, planner: Planner, fencer: Fencer) -> None:
        self._raft = raft
        self._roster = roster
        self._planner = planner
        self._fencer = fencer
        self._desk = Desk()
        newest = raft.revisions[-1].revision if raft.revisions else 0
        self._redefined = Redefined(raft.configuration, newest)
        self._proposed: set[tuple[NodeName, Generation, str]] = set()
        self._backlog: deque[tuple[str, str, Command]] = deque()
        self._confirming: dict[tuple[NodeName, Generation], list[str]] = {}
        self._wanting: dict[str, str] = {}
        """Answers, by request, to wishes for nodes' power that are on their way into the log."""
        self._forgetting: set[Index] = set()
        fencer.wanted.take(wanted_ones.read(raft.shelf))

    @property
    def _configuration(self) -> Configuration:
        return self._raft.configuration

    @property
    def is_idle(self) -> bool:
        """Whether neither a command nor a stop waits for anything."""
        return not self._backlog and self._planner.ahead.deadline_ms() is None

    def command(
        self,
        request_id: str,
        asker: NodeName,
        author: str,
        command: Command,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output]:
        """Carry out a command; its answer goes to `asker` now or when the log has it."""
        known = self._desk.known(request_id) or self._committed(request_id)
        if known is not None:
            if isinstance(command, commands.FenceNode | commands.SwitchOn):
                known = replace(known, revision=0)  # it is none of the configuration
            return [Send(asker, CommandReply(request_id, known))]
        if self._desk.is_waiting(request_id, asker):
            return []
        if not self._raft.may_act(now_ms):
            return []
        self._desk.wait(request_id, asker)
        if len(self._backlog) >= BACKLOG_MAX:
            text = "too many changes are under way: try again"
            return self._settle(request_id, Outcome("busy", text))
        self._backlog.append((request_id, author, command))
        return self.work(now_ms, wall_ms)

    def work(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Carry out what waits, in order; a change waits until the one before it is final."""
        output = self._forget_wanted(now_ms, wall_ms)
        while self._backlog and not self._raft.is_changing:
            request_id, author, command = self._backlog.popleft()
            try:
                output += self._carry_out(request_id, author, command, now_ms, wall_ms)
            except RefusedError as refused:
                output += self._settle(request_id, Outcome(refused.code, str(refused)))
        return output

    def applied(self, entry: Entry) -> list[Output]:
        """Answer those who waited for a committed entry."""
        output: list[Output] = []
        if entry.verdict is not None:
            verdict = entry.verdict
            self._proposed.discard((verdict.node, verdict.generation, verdict.method))
            if verdict.method not in (ADMITTED, LEFT):
                key = (verdict.node, verdict.generation)
                text = words_of(verdict)
                for request_id in self._confirming.pop(key, []):
                    output += self._settle(request_id, Outcome(text=text))
        if entry.shelf is not None:
            self._fencer.wanted.take(wanted_ones.read(self._raft.shelf))
        if entry.shelf is not None and entry.shelf.request_id:
            request_id = entry.shelf.request_id
            answer = self._shelved(request_id) or Outcome()
            told = self._wanting.pop(request_id, "")
            if told and answer.ok:
                answer = Outcome(text=told)
            output += self._settle(request_id, answer)
        change = entry.change
        if change is not None:
            self._redefined.follow(change.configuration, change.revision)
        if change is not None and change.request_id:
            done = Outcome(text=change.reason, revision=change.revision)
            output += self._settle(change.request_id, done)
        return output

    def is_confirming(self, node: NodeName, generation: Generation) -> bool:
        """Return whether an operator's word on that incarnation is on its way into the log."""
        return (node, generation) in self._confirming

    def judge(self, verdict: Verdict, now_ms: Millis) -> list[Output]:
        """Write a verdict into the log, unless that is under way or this node may not act."""
        key = (verdict.node, verdict.generation, verdict.method)
        if key in self._proposed or not self._raft.may_act(now_ms):
            return []
        self._proposed.add(key)
        return list(self._raft.propose(None, verdict, now_ms))

    def fence(self, found: Iterable[FencerOutput], now_ms: Millis) -> list[Output | Told]:
        """Write the fencer's proofs into the log; return the rest, with its errands by the newest
        revision: who lags behind would cut off what a device meant before an edit mended it.
        """
        newest = self._raft.revisions[-1].revision if self._raft.revisions else 0
        output: list[Output | Told] = []
        for item in found:
            match item:
                case Verdict():
                    output += self.judge(item, now_ms)
                case Send(to=to, message=FenceOrder() as order) if order.verb in BY_DEFINITION:
                    output.append(Send(to, replace(order, revision=newest)))
                case _:
                    output.append(item)
        return output

    def end_commanded(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Remove moves and bans that are over, and end standbys whose time is up."""
        if not self._raft.revisions or self._raft.is_changing:
            return []
        found = ends.over(self._configuration, self._roster.records, wall_ms)
        rested = ends.rested(self._configuration, wall_ms)
        if not found and not rested:
            return []
        newest = self._raft.revisions[-1]
        kept = ends.without(self._configuration, (item for item, _ in found))
        told = [ends.told(item, why) for item, why in found]
        told += [f"{name}: standby is over, as its time is up" for name in rested]
        change = replace(
            newest,
            revision=newest.revision + 1,
            configuration=ends.awake(kept, rested),
            author="cluster",
            reason="; ".join(told),
            at_wall_ms=wall_ms,
            request_id="",
        )
        if self._raft.may_propose(change):
            return []
        return list(self._raft.propose(change, None, now_ms))

    # --- commands ------------------------------------------------------------------------

    def _carry_out(
        self, request_id: str, author: str, command: Command, now_ms: Millis, wall_ms: Millis
    ) -> list[Output]:
        match command:
            case commands.Restart():
                self._require(command.resource)
                clone = self._configuration.clone(command.resource)
                self._planner.restarts.add(clone.member if clone else command.resource)
                return self._settle(request_id, Outcome(text=f"{command.resource} will restart"))
            case commands.Replan():
                self._planner.anew()
                return self._settle(request_id, Outcome(text="everything is planned anew"))
            case commands.Cleanup():
                return self._cleanup(request_id, command, now_ms)
            case commands.Fail():
                return self._fail(request_id, author, command, now_ms)
            case commands.FenceNode():
                wanted = self._fencer.ask(command, author, wall_ms)
                return self._want(request_id, wanted, f"{wanted.node} is to be cut off", now_ms)
            case commands.SwitchOn():
                return self._want(
                    request_id, *self._fencer.ask_on(command, author, wall_ms), now_ms
                )
            case commands.TestFence():
                return self._settle(request_id, Outcome(text=self._fencer.rehearse(command)))
            case commands.ReleaseQuorum():
                return self._settle(request_id, Outcome(text=self._release(command, author)))
            case commands.Shelve(puts=puts, conditions=conditions):
                shelf = ShelfChange(puts, conditions, request_id)
                fault = fault_of(shelf)
                for prefix, verb in OWN_KEYS.items():
                    if not fault and any(put.key.startswith(prefix) for put in puts):
                        fault = f"keys '{prefix}…' are the cluster's own: see '{verb}'"
                if fault:
                    raise RefusedError("invalid", fault)
                return list(self._raft.propose(None, None, now_ms, shelf))
            case commands.SetTicket():
                return self._set_ticket(request_id, author, command, now_ms, wall_ms)
            case commands.ConfirmDown():
                return self._confirm(request_id, author, command, now_ms, wall_ms)
            case _:
                return self._edit(request_id, author, command, now_ms, wall_ms)

    def _want(self, request_id: str, wanted: Wanted, told: str, now_ms: Millis) -> list[Output]:
        """Keep in the log what a person wants of a node's power; it is answered when that has it.

        Else a coordinator that is to make way, or dies, would take it away with it.
        """
        self._wanting[request_id] = told
        return list(self._raft.propose(None, None, now_ms, wanted_ones.put(wanted, request_id)))

    def _forget_wanted(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Take out of the log what people wanted of nodes' power and is over."""
        output: list[Output] = []
        for item in self._fencer.wanted.over(self._roster, wall_ms):
            if item.revision in self._forgetting or not self._raft.may_act(now_ms):
                continue
            self._forgetting.add(item.revision)
            output += self._raft.propose(None, None, now_ms, wanted_ones.removal(item))
        return output

    def _set_ticket(
        self,
        request_id: str,
        author: str,
        command: commands.SetTicket,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output]:
        held = {item.name for item in self._planner.tickets if item.granted}
        if command.ticket not in held.union(self._configuration.all_tickets()):
            raise no_ticket(self._configuration, command.ticket)
        wanted = Ticket(command.ticket, changed_wall_ms=wall_ms)
        word = tickets.TicketWord(wanted, author, command.reason)
        shelf = tickets.change(self._raft.shelf, word, command.granted, command.standby, request_id)
        return list(self._raft.propose(None, None, now_ms, shelf))

    def _release(self, command: commands.ReleaseQuorum, author: str) -> str:
        """Let the cluster start although a voter was not seen yet; return the answer."""
        if not command.reason.strip():
            raise RefusedError("invalid", "a release needs a reason: say how you know")
        awaited = ", ".join(self._planner.awaited)
        if not awaited:
            raise RefusedError("invalid", "the cluster waits for no voter: nothing to release")
        self._planner.released_by = f"{author} says: {command.reason}"
        return f"the cluster starts without {awaited}"

    def _edit(
        self, request_id: str, author: str, command: Command, now_ms: Millis, wall_ms: Millis
    ) -> list[Output]:
        newest = self._raft.revisions[-1] if self._raft.revisions else None
        revision = newest.revision if newest else 0
        waiting = newest.will_vote if newest else ()
        taken = newest.taken if newest else ()
        if isinstance(command, commands.Apply) and command.base not in (None, revision):
            text = f"the configuration is at revision {revision}, not {command.base}: look again"
            raise RefusedError("stale", text)
        if isinstance(command, commands.Move):
            status = self._planner.status(self._roster, self._configuration)
            command = aimed(self._configuration, status, wall_ms, command)
        if isinstance(command, commands.RemoveTicket):
            tickets.refuse_granted(command.ticket, self._planner.tickets)
        starts = ends.starts(command, self._roster.records.values())
        changed, will_vote = desks.edited(self._configuration, waiting, command, starts, taken)
        if changed == self._configuration and will_vote == waiting:
            return self._settle(request_id, Outcome(text="nothing changes", revision=revision))
        orders = self._planner.executor.open.values()
        refuse_unsafe(self._configuration, changed, self._roster.records.values(), orders)
        refuse_standstill(self._configuration, changed, self._raft.answering(now_ms))
        reason = desks.reason_of(command)
        change = ConfigurationChange(
            revision + 1, changed, author, reason, wall_ms, request_id, will_vote
        )
        change = replace(change, taken=still_taken(taken, will_vote))
        obstacle = self._raft.may_propose(change)
        if obstacle:
            raise RefusedError("busy", obstacle)
        return list(self._raft.propose(change, None, now_ms))

    def _cleanup(self, request_id: str, command: commands.Cleanup, now_ms: Millis) -> list[Output]:
        asked = cleanup.ask(
            command, self._configuration, self._roster.records, self._planner.executor, now_ms
        )
        return [*map(self.order, asked.orders), *self._settle(request_id, Outcome(text=asked.text))]

    def _fail(
        self, request_id: str, author: str, command: commands.Fail, now_ms: Millis
    ) -> list[Output]:
        orders = injection.ask(
            command,
            author,
            self._configuration,
            self._roster.records,
            self._planner.executor,
            now_ms,
        )
        text = ", ".join(f"{order.resource} on {order.node}" for order in orders)
        done = Outcome(text=f"taken as failed: {text}")
        return [*map(self.order, orders), *self._settle(request_id, done)]

    def _confirm(
        self,
        request_id: str,
        author: str,
        command: commands.ConfirmDown,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output]:
        record = self._roster.records.get(command.node)
        if record is None:
            raise no_node(self._configuration, command.node)
        if record.state is not NodeState.LOST:
            text = (
                f"node '{command.node}' is {record.state}, expected lost: only a lost node can be"
                " confirmed down"
            )
            raise RefusedError("unsafe", text)
        if command.generation not in (0, record.generation):
            text = (
                f"node '{command.node}' has started again since: look whether it is down now, then"
                " confirm again"
            )
            raise RefusedError("unsafe", text)
        if not command.reason.strip():
            raise RefusedError("invalid", "a confirmation needs a reason: say how you know")
        self._confirming.setdefault((command.node, record.generation), []).append(request_id)
        verdict = Verdict(
            command.node, record.generation, OPERATOR, author, command.reason, wall_ms
        )
        return self.judge(verdict, now_ms)

    # --- small things --------------------------------------------------------------------

    def plan(self, now_ms: Millis, wall_ms: Millis) -> list[Send]:
        """Plan anew; return the messages that give orders, and that let nodes get ready."""
        orders = self._planner.plan(
            self._roster,
            self._configuration,
            now_ms,
            wall_ms,
            coming=self._raft.coming,
            defined=self._raft.defined,
        )
        records, asked = self._roster.records, self._planner.ahead.take()
        return [
            *(Send(n, Prepare(self._raft.term, records[n].admission, r)) for r, n in asked),
            *map(self.order, orders),
        ]

    def order(self, order: OpenOrder) -> Send:
        """Return the message that gives an order to its node."""
        record = self._roster.records[order.node]
        message = Order(
            self._raft.term,
            record.admission,
            order.order_id,
            order.resource,
            order.kind,
            order.cleanup,
            order.reason,
            order.incident,
            order.handover,
            order.peer,
            order.notice,
            order.fail,
            self._redefined.since(order.resource) if order.kind in DEFINED else 0,
            order.kind is ActionKind.PROBE and record.has_left_nothing(order.resource),
        )
        return Send(order.node, message)

    def _require(self, resource: ResourceId) -> None:
        is_known = unit(self._configuration, resource) is not None
        if not is_known and not units_of(self._configuration, resource):
            raise no_resource(self._configuration, resource)

    def _committed(self, request_id: str) -> Outcome | None:
        """Return the answer to a command that the predecessor committed."""
        for change in reversed(self._raft.revisions):
            if change.request_id == request_id:
                return Outcome(text=change.reason, revision=change.revision)
        return self._shelved(request_id)

    def _shelved(self, request_id: str) -> Outcome | None:
        """Return the answer to a write on the shelf that is final."""
        result = self._raft.shelf.result(request_id)
        if result is None:
            return None
        return Outcome(result.code or "done", result.text, result.revision)

    def _settle(self, request_id: str, outcome: Outcome) -> list[Output]:
        askers = self._desk.settle(request_id, outcome)
        return [Send(asker, CommandReply(request_id, outcome)) for asker in askers]
