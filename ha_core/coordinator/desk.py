"""The command desk: what people and programs ask, and what they are told.

Owns: commands that this node has been given (forwarded until answered) and,
at the coordinator, commands under way in the log (answered when committed).
A repeated command (same id) gets the same answer and is carried out once.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.model import Configuration
from ha_core.errors import RefusedError
from ha_core.ids import Millis, NodeName, Revision
from ha_core.replication.entries import ConfigurationChange

COMMAND_TIMEOUT_MS = 10_000
"""A command without an answer after so long is given up; it may still take effect."""
REMEMBERED = 256
"""Answers kept for commands that are repeated because the answer was lost."""
OPEN_MAX = 256
"""Commands that one node forwards at a time."""


@dataclass(slots=True)
class _Asked:
    author: str
    command: Command
    deadline_ms: Millis
    sent_ms: Millis = -1


class Inbox:
    """Commands given at this node, until they are answered or given up."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}

    def take(self, request_id: str, author: str, command: Command, now_ms: Millis) -> bool:
        """Accept a command; return false if too many are open."""
        if len(self._asked) >= OPEN_MAX:
            return False
        self._asked[request_id] = _Asked(author, command, now_ms + COMMAND_TIMEOUT_MS)
        return True

    def due(self, again_ms: Millis, now_ms: Millis) -> list[tuple[str, str, Command]]:
        """Return the commands to send (again) to the coordinator now."""
        ready = []
        for request_id, asked in self._asked.items():
            if asked.sent_ms < 0 or now_ms - asked.sent_ms >= again_ms:
                asked.sent_ms = now_ms
                ready.append((request_id, asked.author, asked.command))
        return ready

    def answered(self, request_id: str) -> bool:
        """Forget an answered command; return whether it was open here."""
        return self._asked.pop(request_id, None) is not None

    def expired(self, now_ms: Millis) -> list[str]:
        """Return and forget the commands whose time is up."""
        late = [key for key, asked in self._asked.items() if now_ms >= asked.deadline_ms]
        for key in late:
            del self._asked[key]
        return late

    def deadline_ms(self) -> Millis | None:
        """Return when the next command is given up."""
        return min((asked.deadline_ms for asked in self._asked.values()), default=None)


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
    configuration: Configuration, command: Command, active_nodes: tuple[NodeName, ...]
) -> Configuration:
    """Return the configuration after a command that edits it.

    Raises:
        RefusedError: the result would not be acceptable; code `invalid` or `not-found`.
    """
    if isinstance(command, commands.AddNode):
        known = configuration.node(command.node)
        if known is not None and known.addresses == command.addresses:
            return configuration
        command = replace(command, voter=False)
    changed = apply_command(configuration, command, active_nodes)
    faults = check(changed)
    if faults:
        raise RefusedError("invalid", "; ".join(str(fault) for fault in faults[:20]))
    return changed


def as_change(
    revision: Revision,
    configuration: Configuration,
    author: str,
    reason: str,
    wall_ms: Millis,
    request_id: str,
) -> ConfigurationChange:
    """Return the log payload of a new revision."""
    return ConfigurationChange(revision + 1, configuration, author, reason, wall_ms, request_id)


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
            return f"{command.resource}: move to {command.node or 'another node'}"
        case commands.Ban():
            return f"{command.resource}: ban from {command.node}"
        case commands.Clear():
            return f"{command.resource}: moves and bans cleared"
        case commands.SetManaged():
            return f"{command.resource}: {'managed' if command.managed else 'unmanaged'}"
        case commands.SetStandby():
            return f"{command.node}: {'standby' if command.standby else 'online'}"
        case commands.SetMaintenance():
            word = "maintenance" if command.maintenance else "maintenance ended"
            return f"{command.node or 'cluster'}: {word}"
        case commands.AddNode():
            return f"{command.node} joins"
        case commands.RemoveNode():
            return f"{command.node} is removed"
        case _:
            return ""
