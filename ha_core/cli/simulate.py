"""`ha sim`: whole clusters in one thread, with faults drawn from a seed."""

import click

from ha_core.cli.options import Options, verb
from ha_core.errors import RefusedError
from ha_core.sim.run import run_seeds


@click.group()
def sim() -> None:
    """Run clusters in simulation, with every invariant checked after every event."""


@sim.command("run")
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@click.option("--from", "first", type=click.IntRange(0), default=1, help="The first seed.")
@verb
def run_verb(options: Options, seeds: int, first: int) -> None:
    """Run seeds; any violated invariant is named with the command that shows it again."""
    _report(options, run_seeds(first, seeds))


@sim.command()
@click.argument("seed", type=click.IntRange(0))
@verb
def replay(options: Options, seed: int) -> None:
    """Run one seed again."""
    _report(options, run_seeds(seed, 1))


def _report(options: Options, result: dict[str, object]) -> None:
    violations = result["violations"]
    options.show(
        result,
        f"{result['seeds']} seeds, {result['events']} events, {result['events_per_s']} a second",
    )
    if violations:
        raise RefusedError("violation", f"invariants were violated: {violations}")
