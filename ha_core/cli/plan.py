"""`ha apply --dry-run`: what a new configuration would change and make the cluster do.

Owns: the comparison. Pure but for the wall clock, which date-bound constraints need, and the
printing. Whether it would be refused is asked of the coordinator's own rules.
"""

import time
from dataclasses import dataclass

import click

from ha_core import commands
from ha_core.cli.options import EXIT_FAILED, Options
from ha_core.config.difference import diff
from ha_core.coordinator.desk import NO_QUORUM, edited
from ha_core.coordinator.record import Record
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Transition
from ha_core.quorum.votes import step_fault
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import ClusterStatus


@dataclass(frozen=True, slots=True)
class Move:
    """A primitive whose node changes; None means that it runs nowhere, or is not configured."""

    resource: str
    before: str | None
    after: str | None
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would lead to."""

    changes: tuple[str, ...]
    moves: tuple[Move, ...]
    actions: tuple[tuple[str, str], ...]
    """Each action, such as `start web on n2`, with its reason; in a possible order."""
    refusal: str = ""
    """Why the cluster would not accept it now; empty if it would."""


def plan(snapshot: ClusterSnapshot, command: commands.Apply) -> Plan:
    """Return what the command would lead to, given to the cluster as it is now."""
    wanted = command.configuration
    at_wall_ms = round(time.time() * 1000)
    status = ClusterStatus(snapshot.instances, snapshot.quorate)
    now = schedule(snapshot.configuration, status, at_wall_ms)
    then = schedule(wanted, status, at_wall_ms)
    actions = tuple(
        (f"{action.key.kind} {action.key.resource} on {action.key.node}", action.reason)
        for action in then.actions
    )
    changes = diff(snapshot.configuration, wanted)
    return Plan(changes, _moves(now, then), actions, _refusal(snapshot, command))


def _refusal(snapshot: ClusterSnapshot, command: commands.Apply) -> str:
    """Return the sentence with which a coordinator that knows what we know would refuse it."""
    if not snapshot.quorate:
        return NO_QUORUM.text
    if command.base not in (None, snapshot.revision):
        return f"the configuration is at revision {snapshot.revision}, not {command.base}"
    current = snapshot.configuration
    records = [
        Record(item.name, item.state, item.generation, instances=item.instances)
        for item in snapshot.instances
    ]
    try:
        changed, _ = edited(current, (), command, ())
        refuse_unsafe(current, changed, records, ())
    except RefusedError as refusal:
        return str(refusal)
    return step_fault(current.voters(), changed.voters())


def _moves(now: Transition, then: Transition) -> tuple[Move, ...]:
    names = sorted({decision.resource for decision in (*now.decisions, *then.decisions)})
    found = []
    for name in names:
        before, after = _node(now, name), _node(then, name)
        decision = then.decision(name)
        blocked = decision.blocked if decision is not None else ""
        if before != after or blocked:
            found.append(Move(name, before, after, blocked))
    return tuple(found)


def _node(transition: Transition, resource: ResourceId) -> NodeName | None:
    decision = transition.decision(resource)
    return None if decision is None else decision.node


def show_plan(options: Options, found: Plan) -> None:
    """Print the plan; what would be refused ends with the code of a refusal."""
    options.show(plan_value(found), plan_text(found))
    if found.refusal:
        click.echo(f"ha: it would be refused: {found.refusal}", err=True)
        raise click.exceptions.Exit(EXIT_FAILED)


def plan_value(found: Plan) -> dict[str, object]:
    """Return the plan as `ha apply --dry-run --json` prints it."""
    return {
        "changes": list(found.changes),
        "moves": [
            {"resource": m.resource, "from": m.before, "to": m.after, "blocked": m.blocked}
            for m in found.moves
        ],
        "actions": [{"action": action, "reason": reason} for action, reason in found.actions],
        "refusal": found.refusal,
    }


def plan_text(found: Plan) -> str:
    """Return the plan for people."""
    lines = ["changes:", *_indented(found.changes)]
    moves = [
        f"{m.resource}: {m.before or 'nowhere'} -> {m.after or 'nowhere'}"
        + (f" ({m.blocked})" if m.blocked else "")
        for m in found.moves
    ]
    lines += ["placement:", *_indented(moves)]
    lines += ["actions:", *_indented([f"{action} ({why})" for action, why in found.actions])]
    return "\n".join(lines)


def _indented(lines: tuple[str, ...] | list[str]) -> list[str]:
    return [f"  {line}" for line in lines] or ["  none"]
