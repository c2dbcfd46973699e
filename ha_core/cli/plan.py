"""Previews on the command line: `--dry-run` of verbs that change something, and `ha whatif`.

Owns: the options, and a preview as text and as JSON. What it says is asked of `ha_core.preview`;
the picture is drawn by `timeline`. The wall clock is read here: constraints may end with time.
"""

import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from ha_core.cli.change import current
from ha_core.cli.options import EXIT_FAILED, Options, run
from ha_core.cli.timeline import drawn, duration
from ha_core.commands import Apply
from ha_core.errors import ConfigError
from ha_core.policy.forecast import Step
from ha_core.policy.outage import Interruption
from ha_core.preview.foresee import Move, Preview, foresee
from ha_core.preview.suppose import Supposition
from ha_core.snapshot import ClusterSnapshot

_Verb = Callable[..., None]

_svg = click.option(
    "--svg",
    "picture",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw it as a timeline.",
)


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a verb only shows what it would lead to, and where that is drawn."""

    wanted: bool
    picture: Path | None = None


def can_be_tried(function: _Verb) -> _Verb:
    """Give a verb `--dry-run` and `--svg`; it gets them as its argument `trial`."""

    @click.option("--dry-run", is_flag=True, help="Only show what would change and be done.")
    @_svg
    @functools.wraps(function)
    def wrapper(
        *positional: object, dry_run: bool, picture: Path | None, **arguments: object
    ) -> None:
        if picture is not None and not dry_run:
            raise click.UsageError("--svg draws what --dry-run foresees: give both")
        function(*positional, trial=Trial(dry_run, picture), **arguments)

    return wrapper


def supposes(function: _Verb) -> _Verb:
    """Give a verb that only looks ahead `--svg`; it gets it as its argument `trial`."""

    @_svg
    @functools.wraps(function)
    def wrapper(*positional: object, picture: Path | None, **arguments: object) -> None:
        function(*positional, trial=Trial(True, picture), **arguments)

    return wrapper


def show_preview(
    options: Options, trial: Trial, what: Callable[[ClusterSnapshot], Supposition]
) -> None:
    """Print what would follow; what would be refused ends with the code of a refusal.

    `what` is made from the snapshot that it is judged by.
    """
    snapshot = run(current(options))
    given = what(snapshot)
    found = foresee(snapshot, given, round(time.time() * 1000))
    if trial.picture is not None:
        try:
            trial.picture.write_text(drawn(found), encoding="utf-8")
        except OSError as fault:
            raise ConfigError(f"cannot write {trial.picture}: {fault.strerror}") from fault
    text = preview_text(found, is_file=isinstance(given, Apply))
    options.show(preview_value(found), text)
    if found.refusal:
        click.echo(f"ha: it would be refused: {found.refusal}", err=True)
        raise click.exceptions.Exit(EXIT_FAILED)


def preview_value(found: Preview) -> dict[str, object]:
    """Return the preview as `--json` prints it."""
    return {
        "title": found.title,
        "changes": list(found.changes),
        "moves": [
            {
                "resource": m.resource,
                "from": m.source,
                "to": m.target,
                **_nodes_of(m),
                "blocked": m.blocked,
            }
            for m in found.moves
        ],
        "actions": [_step_value(step) for step in found.steps],
        "moments": [{"at_most_ms": at_ms, "text": text} for at_ms, text in found.moments],
        "interruptions": [_interruption_value(item) for item in found.interruptions],
        "assumed": list(found.assumed),
        "at_rest": found.is_at_rest,
        "refusal": found.refusal,
    }


def _nodes_of(move: Move) -> dict[str, object]:
    """Return all nodes of what runs several times."""
    if max(len(move.before), len(move.after)) < 2:
        return {}
    return {"from_nodes": list(move.before), "to_nodes": list(move.after)}


def _step_value(step: Step) -> dict[str, object]:
    key = step.key
    return {
        "action": _action(step),
        "reason": step.reason,
        "number": step.number,
        "kind": str(key.kind),
        "resource": key.resource,
        "node": key.node,
        "after": list(step.after),
        "limit_ms": step.limit_ms,
        "begins_ms": step.begins_ms,
        "ends_ms": step.ends_ms,
    }


def _interruption_value(item: Interruption) -> dict[str, object]:
    return {
        "service": item.service,
        "resources": list(item.resources),
        "from": item.source,
        "to": item.target,
        "at_most_ms": item.at_most_ms,
        "why": item.why,
    }


def preview_text(found: Preview, *, is_file: bool = False) -> str:
    """Return the preview for people; of a file it is told, too, that nothing changes."""
    lines = ["changes:", *_indented(found.changes)] if found.changes else []
    if not found.changes:
        lines = ["changes: none"] if is_file else [f"what if {found.title}:"]
    moves = [
        f"{m.resource}: {', '.join(m.before) or 'nowhere'} -> {', '.join(m.after) or 'nowhere'}"
        + (f" ({m.blocked})" if m.blocked else "")
        for m in found.moves
    ]
    lines += ["placement:", *_indented(moves)]
    if found.moments:
        moments = [
            f"{f'within {duration(at_ms)}' if at_ms else 'at once'}: {text}"
            for at_ms, text in found.moments
        ]
        lines += ["by itself:", *_indented(moments)]
    lines += ["actions:", *_indented(f"{_action(s)} ({s.reason})" for s in found.steps)]
    if not found.is_at_rest:
        lines += ["  and so on: the cluster would not come to rest"]
    lines += ["interrupted:", *_indented(map(_interrupted, found.interruptions))]
    if found.assumed:
        lines += ["assumed:", *_indented(found.assumed)]
    return "\n".join(lines)


def _action(step: Step) -> str:
    return f"{step.key.kind} {step.key.resource} on {step.key.node}"


def _interrupted(item: Interruption) -> str:
    name = item.service
    if item.resources != (name,):
        name_and_parts = f"{name} ({', '.join(item.resources)})"
    else:
        name_and_parts = str(name)
    if item.at_most_ms is None:
        return f"{name_and_parts}: no end is foreseen: {item.why}"
    where = f"again on {item.target}"
    if item.source != item.target:
        where = f"from {item.source} to {item.target}"
    return f"{name_and_parts}: at most {duration(item.at_most_ms)}, {where}"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines] or ["  none"]
