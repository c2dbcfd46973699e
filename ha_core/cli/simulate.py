"""`ha sim`: whole clusters in one thread, with faults drawn from a seed."""

import click

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
    """Run seeds; every violated invariant is named with the command that shows it again."""
    report = run_seeds(first, seeds)
    found = report["violations"]
    lines = [f"seed {item['seed']}: {item['text']} ({item['replay']})" for item in found]
    rate = f"{report['events']} events, {report['events_per_s']} a second"
    lines.append(f"{report['seeds']} seeds, {rate}, {len(found)} violations")
    options.show(report, "\n".join(lines))
    _end(bool(found))


@sim.command()
@click.argument("seed", type=click.IntRange(0))
@verb
def replay(options: Options, seed: int) -> None:
    """Run one seed again and print everything that happened in it."""
    result = run_seed(seed, trace=True)
    verdict = list(result.violations) or ["no violation"]
    value = {
        "seed": result.seed,
        "events": result.events,
        "digest": result.digest,
        "violations": list(result.violations),
        "trace": list(result.trace),
    }
    options.show(value, "\n".join([*result.trace, *verdict]))
    _end(bool(result.violations))


def _end(violated: bool) -> None:
    if violated:
        raise click.exceptions.Exit(EXIT_FAILED)
