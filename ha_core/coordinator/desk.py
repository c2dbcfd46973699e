"""The command desk: what people and programs ask, and what they are told.

Owns: commands that this node has been given (forwarded until answered) and,
at the coordinator, commands under way in the log (answered when committed).
A repeated command (same id) gets the same answer and is carried out once.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.change import apply_command, listening
from ha_core.config.check import check
from ha_core.config.kinds import show_moment
from ha_core.config.limits import is_text
from ha_core.config.model import Address, Configuration
from ha_core.effects import CommandAnswered
from ha_core.errors import RefusedError
from ha_core.events import CommandGiven
from ha_core.ids import Generation, Millis, NodeName, Term
from ha_core.messages import CommandReply, CommandRequest
from ha_core.status import NodeStatus

COMMAND_TIMEOUT_MS = 10_000
"""A command without an answer after so long is given up; it may still take effect."""
LEADERLESS_D = 2
"""A command that no coordinator could be given for so many times D is refused: an election of a
cluster that has a quorum is over by then.
"""
SILENCE = Outcome(
    "timeout",
    "no coordinator answered in time: the cluster may have no quorum (see ha status);"
    " the command may still take effect",
)
NO_QUORUM = Outcome(
    "no-quorum",
    "there is no coordinator, so nothing was done: while one is elected (see ha status), try again"
    " in a moment; else bring back nodes until a majority of voters can talk to each other",
)
REMEMBERED = 256
"""Answers kept for commands that are repeated because the answer was lost."""
OPEN_MAX = 256
"""Commands that one node forwards at a time."""
REASON_MAX = 4_096
"""Characters of a reason: it stands in the log, in each snapshot of it, and in events."""


@dataclass(slots=True)
class _Asked:
    author: str
    command: Command
    deadline_ms: Millis
    leader_by_ms: Millis
    """Given up, with no effect, if nobody could be asked by then."""
    sent_ms: Millis = -1
    sent_term: Term = 0
    """Whose coordinator it was sent to last."""

    def due_ms(self) -> Millis:
        """Return when it is given up."""
        return self.leader_by_ms if self.sent_ms < 0 else self.deadline_ms


class Inbox:
    """Commands given at this node, until they are answered or given up."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._early: dict[str, tuple[NodeName, CommandRequest, Millis]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no command is open."""
        return not self._asked and not self._early

    def take(
        self,
        given: CommandGiven,
        nodes: Iterable[NodeStatus],
        dead_after_ms: Millis,
        now_ms: Millis,
    ) -> list[CommandAnswered]:
        """Accept a command; return its answer at once if too many are open, or its reason is none.

        `nodes` as seen from here: a person's word is on the incarnation that he sees.
        """
        if fault := _unfit(given.command):
            return [CommandAnswered(given.request_id, Outcome("invalid", fault))]
        if len(self._asked) >= OPEN_MAX:
            text = "too many commands are under way on this node: try again"
            return [CommandAnswered(given.request_id, Outcome("busy", text))]
        command = given.command
        if isinstance(command, commands.ConfirmDown | commands.FenceNode):
            seen = next((n.generation for n in nodes if n.name == command.node), 0)
            command = replace(command, generation=command.generation or seen)
        deadline_ms = now_ms + COMMAND_TIMEOUT_MS
        leader_by_ms = min(now_ms + LEADERLESS_D * dead_after_ms, deadline_ms)
        self._asked[given.request_id] = _Asked(given.author, command, deadline_ms, leader_by_ms)
        return []

    def due(self, term: Term, again_ms: Millis, now_ms: Millis) -> list[CommandRequest]:
        """Return the commands to send (again) to the coordinator of a term now."""
        ready = []
        for request_id, asked in self._asked.items():
            is_new = asked.sent_ms < 0 or asked.sent_term != term
            if is_new or now_ms - asked.sent_ms >= again_ms:
                asked.sent_ms, asked.sent_term = now_ms, term
                ready.append(CommandRequest(request_id, asked.author, asked.command))
        return ready

    def hold(self, sender: NodeName, request: CommandRequest, now_ms: Millis) -> None:
        """Keep what the coordinator is asked, until it may act: it may just have been elected."""
        if len(self._early) < OPEN_MAX:
            self._early[request.request_id] = sender, request, now_ms

    def held(self, now_ms: Millis) -> list[tuple[NodeName, CommandRequest]]:
        """Return what was kept and is not given up yet, and keep it no more."""
        kept, self._early = self._early.values(), {}
        since_ms = now_ms - COMMAND_TIMEOUT_MS
        return [(sender, request) for sender, request, at_ms in kept if at_ms > since_ms]

    def answered(self, reply: CommandReply) -> list[CommandAnswered]:
        """Take the coordinator's answer; a repeated one is told once."""
        if self._asked.pop(reply.request_id, None) is None:
            return []
        return [CommandAnswered(reply.request_id, reply.outcome)]

    def give_up(self, now_ms: Millis) -> list[CommandAnswered]:
        """Return the answers to commands whose time is up."""
        late = [key for key, asked in self._asked.items() if now_ms >= asked.due_ms()]
        sent = {key for key in late if self._asked.pop(key).sent_ms >= 0}
        return [CommandAnswered(key, SILENCE if key in sent else NO_QUORUM) for key in late]

    def deadline_ms(self) -> Millis | None:
        """Return when the next command is given up."""
        due = [asked.due_ms() for asked in self._asked.values()]
        return min(due) if due else None


def _unfit(command: Command) -> str:
    """Say what is wrong with the reason of a command; empty if nothing is."""
    reason: str = getattr(command, "reason", "")
    if len(reason) <= REASON_MAX and is_text(reason):
        return ""
    allowed = f"at most {REASON_MAX}, without null"
    return f"the reason has {len(reason)} characters; allowed: {allowed}"


class Desk:
    """Coordinator's answers: remembered by request id, some still waiting for the log."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Outcome] = OrderedDict()
        self._waiting: dict[str, set[NodeName]] = {}

    def known(self, request_id: str) -> Outcome | None:
        """Return the answer that was given before, if any."""
        return self._answers.get(request_id)

    def is_waiting(self, request_id: str, asker: NodeName) -> bool:
        """Return whether the command is under way; the asker is answered with the others."""
        if request_id not in self._waiting:
            return False
        self._waiting[request_id].add(asker)
        return True

    def wait(self, request_id: str, asker: NodeName) -> None:
        """Answer the asker when the log has committed the command."""
        self._waiting.setdefault(request_id, set()).add(asker)

    def settle(self, request_id: str, outcome: Outcome) -> list[NodeName]:
        """Remember the answer; return who waits for it, sorted."""
        self._answers[request_id] = outcome
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return sorted(self._waiting.pop(request_id, set()))


def edited(
    configuration: Configuration,
    waiting: tuple[NodeName, ...],
    command: Command,
    starts: Mapping[NodeName, Generation],
    taken: tuple[NodeName, ...] = (),
) -> tuple[Configuration, tuple[NodeName, ...]]:
    """Return the configuration after a command that edits it, and the learners that are to vote.

    New voters begin as learners: an empty one that counts for the majority could stop the cluster.
    `waiting` are those whom an earlier command made so; a file that lists them without a vote
    ends that, except for witnesses and for those whose votes the cluster took (`taken`): the file
    is then a copy of what stands. Moves and bans end with these `starts` of nodes.

    Raises:
        RefusedError: the result would not be acceptable; code `invalid` or `not-found`.
    """
    if isinstance(command, commands.AddNode):
        known = configuration.node(command.node)
        if known is not None and _listen_alike(configuration, known.addresses, command.addresses):
            if command.witness and not known.witness:
                text = f"node '{known.name}' of the cluster may run resources, and is no witness"
                raise RefusedError("invalid", f"{text}: choose another name with --node NAME")
            wished = {command.node} if command.voter and not known.voter else set()
            return configuration, tuple(sorted({*waiting, *wished}))
        if command.voter:
            waiting = (*waiting, command.node)
        command = replace(command, voter=False)
    changed = apply_command(configuration, command, starts)
    is_whole = isinstance(command, commands.Apply)
    witnesses = {node.name for node in changed.nodes if node.witness}
    earlier = tuple(name for name in waiting if name in {*taken, *witnesses} or not is_whole)
    # What is judged is what is wanted: a witness that does not vote yet is no fault.
    faults = check(changed.with_votes(earlier, voter=True))
    if faults:
        raise RefusedError("invalid", "; ".join(str(fault) for fault in faults[:20]))
    new = set(changed.voters()) - set(configuration.voters())
    wished = {name for name in (*earlier, *new) if changed.node(name) is not None}
    return changed.with_votes(new, voter=False), tuple(sorted(wished))


def _listen_alike(
    configuration: Configuration, some: tuple[Address, ...], others: tuple[Address, ...]
) -> bool:
    """Return whether both are the same places; who joins names every port, a file need not."""
    return set(listening(configuration, some)) == set(listening(configuration, others))


def reason_of(command: Command) -> str:
    """Return the reason to record: the author's words, or what the command does."""
    given = getattr(command, "reason", "")
    if isinstance(given, str) and given:
        return given
    match command:
        case commands.Apply():
            return "configuration applied"
        case commands.SetTargetRole():
            return f"{command.resource}: target role {command.role or 'default'}"
        case commands.Move():
            word = "promotion on" if command.promoted else "move to"
            return f"{command.resource}: {word} {command.node or 'another node'}"
        case commands.Ban():
            word = "demotion on" if command.promoted else "ban from"
            return f"{command.resource}: {word} {command.node}"
        case commands.Clear():
            return f"{command.resource}: moves and bans cleared"
        case commands.SetManaged():
            return f"{command.resource}: {'managed' if command.managed else 'unmanaged'}"
        case commands.SetStandby():
            is_timed = command.standby and command.until_wall_ms is not None
            end = f" until {show_moment(command.until_wall_ms or 0)}" if is_timed else ""
            return f"{command.node}: {'standby' if command.standby else 'online'}{end}"
        case commands.SetMaintenance():
            word = "maintenance" if command.maintenance else "maintenance ended"
            return f"{command.node or 'cluster'}: {word}"
        case commands.AddNode():
            return f"{command.node} joins{' as a witness' if command.witness else ''}"
        case commands.RemoveNode():
            return f"{command.node} is removed"
        case commands.AddTicket():
            return f"ticket {command.ticket} is added"
        case commands.RemoveTicket():
            return f"ticket {command.ticket} is removed"
        case _:
            return ""
