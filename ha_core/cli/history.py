"""`ha history` and `ha undo`: the revisions of the configuration, and the way back to one."""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise

import click

from ha_core.cli import goals
from ha_core.cli.asked import return_to
from ha_core.cli.change import give
from ha_core.cli.options import Options, Waiting, run, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.client import Client
from ha_core.config.difference import diff
from ha_core.replication.entries import ConfigurationChange


@click.command()
@click.option(
    "--last", type=click.IntRange(1), default=20, show_default=True, help="So many of the newest."
)
@verb
def history(options: Options, last: int) -> None:
    """Show who changed the configuration when, why and how, oldest first."""
    revisions = run(_revisions(options))
    shown = [
        {**_head(change), "changes": list(changes)}
        for change, changes in zip(revisions, _changes(revisions), strict=True)
    ]
    options.show(
        shown[-last:], "\n".join(_lines(revisions)[-last:]) or "nothing was configured yet"
    )


@click.command()
@click.argument("revision", metavar="[REV]", required=False, type=click.IntRange(1))
@can_be_tried
@click.option("--reason", default="", help="Why; kept in the history.")
@verb
@waits
def undo(
    options: Options, waiting: Waiting, trial: Trial, revision: int | None, reason: str
) -> None:
    """Return to the configuration of revision REV; without it, to the one before the newest."""
    revisions = run(_revisions(options))
    command = return_to(revisions, revision, reason)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, goals.placed_since)


async def _revisions(options: Options) -> tuple[ConfigurationChange, ...]:
    async with Client(options.root) as cluster:
        return await cluster.history()


def _changes(revisions: Sequence[ConfigurationChange]) -> Iterable[tuple[str, ...]]:
    """Return what each revision changed; of the oldest kept one that is not known."""
    if revisions:
        yield ()
    for before, after in pairwise(revisions):
        yield diff(before.configuration, after.configuration)


def _head(change: ConfigurationChange) -> dict[str, object]:
    return {
        "revision": change.revision,
        "time": change.at_wall_ms / 1000,
        "author": change.author,
        "reason": change.reason,
    }


def _lines(revisions: Sequence[ConfigurationChange]) -> list[str]:
    """Return one text a revision, its changes indented below."""
    texts = []
    for change, changes in zip(revisions, _changes(revisions), strict=True):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(change.at_wall_ms / 1000))
        reason = f": {change.reason}" if change.reason else ""
        head = f"{change.revision:>4}  {stamp}  {change.author}{reason}"
        texts.append("\n".join([head, *(f"      {line}" for line in changes)]))
    return texts
