"""Commands that need to know the cluster, and goals that need more than a look at resources.

Owns: what verbs and consoles ask for alike. Pure: values in, values out; it draws in nothing
of what a verb needs beside that, so that who serves consoles need not hold a planner.
"""

from collections.abc import Sequence
from dataclasses import replace

from ha_core import commands
from ha_core.cli.goals import Goal, Progress, in_words
from ha_core.cli.view import ticket_text
from ha_core.errors import RefusedError
from ha_core.ids import NodeName
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import ClusterSnapshot


def return_to(
    revisions: Sequence[ConfigurationChange], revision: int | None, reason: str
) -> commands.Apply:
    """Return the command that makes an earlier revision (None: the one before) the newest.

    Raises RefusedError: it is not kept, or in force already.
    """
    target = _target(revisions, revision)
    why = reason or f"back to revision {target.revision}"
    return commands.Apply(target.configuration, why, revisions[-1].revision)


def _target(revisions: Sequence[ConfigurationChange], revision: int | None) -> ConfigurationChange:
    kept = ", ".join(str(change.revision) for change in revisions[:-1]) or "none"
    if revision is None:
        if len(revisions) < 2:
            raise RefusedError("not-found", "there is no earlier revision to return to")
        return revisions[-2]
    found = next((change for change in revisions if change.revision == revision), None)
    if found is None or found is revisions[-1]:
        what = "is not kept" if found is None else "is in force already"
        raise RefusedError("not-found", f"revision {revision} {what}; earlier ones: {kept}")
    return found


def removal(snapshot: ClusterSnapshot, name: str) -> commands.RemoveNode:
    """Return the command. Raises RefusedError where the node runs, or may still run something."""
    found = next((item for item in snapshot.nodes if item.name == name), None)
    if found is not None and found.state not in ("lost", "left"):
        raise RefusedError("unsafe", f"{name} is {in_words(found.state)}: run 'ha leave' on it")
    if found is not None and found.unclean:
        cure = f"if it is down for sure, 'ha node confirm-down {name} --reason TEXT' first"
        text = f"{name} is lost and may still run something: start it, or {cure}"
        raise RefusedError("unsafe", text)
    return commands.RemoveNode(NodeName(name))


def starts(snapshot: ClusterSnapshot) -> Progress:
    """The cluster waits for no voter any more."""
    names = ", ".join(snapshot.awaited)
    return Progress(not names, f"the cluster waits for {names}" if names else "it starts")


def is_listed(ticket: str, *, there: bool) -> Goal:
    """Return the goal that the configuration lists a ticket, or no longer does."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        is_there = ticket in snapshot.configuration.ticket_names
        text = f"ticket {ticket} is {'there' if is_there else 'gone'}"
        return Progress(is_there == there, text)

    return goal


def settled(command: commands.SetTicket) -> Goal:
    """Return the goal that the ticket is as wanted, and nothing is under way any more."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        found = next((item for item in snapshot.tickets if item.name == command.ticket), None)
        if found is None:
            # Once it is revoked, a ticket that is neither listed nor needed is gone.
            is_gone = command.granted is False and not snapshot.pending
            return Progress(is_gone, f"ticket {command.ticket} is not there")
        wanted = replace(
            found,
            granted=found.granted if command.granted is None else command.granted,
            standby=found.standby if command.standby is None else command.standby,
        )
        text = f"ticket {ticket_text(found)}"
        if snapshot.pending:
            text = f"{text}; under way: {', '.join(snapshot.pending[:3])}"
        return Progress(found == wanted and not snapshot.pending, text)

    return goal
