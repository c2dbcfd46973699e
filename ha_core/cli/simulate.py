"""`ha sim`: whole clusters in one thread, with faults drawn from a seed."""

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import click

from ha_core.cli.amounts import amount
from ha_core.cli.options import EXIT_FAILED, Options, verb
from ha_core.sim.many import run_seeds
from ha_core.sim.run import run_seed


@click.group()
def sim() -> None:
    """Run clusters in simulation, with every invariant checked after every event."""


@sim.command("run")
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@click.option("--from", "first", type=click.IntRange(0), default=1, help="The first seed.")
@verb
def run_verb(options: Options, seeds: int, first: int) -> None:
    """Run seeds and judge them. A violated invariant is named with the command that shows it.

    With --json also `faults`: how often each kind of fault happened, and `states`: what the
    clusters were like and what they went through.
    """
    report = run_seeds(first, seeds)
    found = report["violations"]
    lines = [f"seed {item['seed']}: {item['text']} ({item['replay']})" for item in found]
    rate = f"{amount(report['events'], 'event')}, {report['events_per_s']} a second"
    kinds = f"{len(report['faults'])} kinds of faults, {len(report['states'])} of states"
    count = amount(len(found), "violation")
    lines.append(f"{amount(report['seeds'], 'seed')}, {rate}, {kinds}, {count}")
    options.show(report, "\n".join(lines))
    _end(bool(found))


@sim.command()
@click.argument("what", metavar="SEED|JOURNAL")
@verb
def replay(options: Options, what: str) -> None:
    """Run one seed again and print everything that happened in it.

    JOURNAL is what `ha sim replay SEED --json` printed, perhaps on another machine or by another
    version: its seed is run again, and the first thing that differs is named.
    """
    if what.isascii() and what.isdigit():
        seed, told = int(what), None
    else:
        seed, told = _journal(what)
    result = run_seed(seed, trace=True)
    difference = None if told is None else _difference(told, result.trace)
    value = {
        "seed": result.seed,
        "events": result.events,
        "digest": result.digest,
        "violations": list(result.violations),
        "faults": result.faults,
        "states": result.states,
        "trace": list(result.trace),
    }
    lines = [*result.trace, *(list(result.violations) or ["no violation"])]
    if told is not None:
        value["difference"] = difference
        lines.append(difference or f"the same as in {what}")
    options.show(value, "\n".join(lines))
    _end(bool(result.violations) or difference is not None)


def _journal(name: str) -> tuple[int, list[str]]:
    """Return seed and trace of a kept run."""
    try:
        kept = json.loads(Path(name).read_text(encoding="utf-8"))
        return int(kept["seed"]), [str(line) for line in kept["trace"]]
    except OSError as fault:
        why = f"cannot be read ({fault.strerror or fault})"
    except (ValueError, KeyError, TypeError):
        why = "is no journal of a run"
    text = f"'{name}' {why}; expected a seed's number, or what 'ha sim replay SEED --json' printed"
    raise click.BadParameter(text, param_hint="SEED|JOURNAL")


def _difference(told: Sequence[str], seen: Sequence[str]) -> str | None:
    """Return the first line that differs, or None."""
    for number, (old, new) in enumerate(zip_longest(told, seen, fillvalue="nothing"), 1):
        if old != new:
            return f"line {number} was: {old}; and is: {new}"
    return None


def _end(violated: bool) -> None:
    if violated:
        raise click.exceptions.Exit(EXIT_FAILED)
