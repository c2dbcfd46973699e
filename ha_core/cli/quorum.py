"""`ha quorum`: the votes, what one more loss would mean, and the end of a wait in writing."""

import click

from ha_core import commands
from ha_core.cli import confirm
from ha_core.cli.asked import starts
from ha_core.cli.change import current, give
from ha_core.cli.options import Options, Waiting, run, verb, waits
from ha_core.snapshot import ClusterSnapshot


@click.group()
def quorum() -> None:
    """Show the votes and what one more loss would mean."""


@quorum.command()
@verb
def show(options: Options) -> None:
    """Show who votes, and what one more loss would mean."""
    snapshot = run(current(options))
    value = {
        "quorate": snapshot.quorate,
        "present": snapshot.votes,
        "expected": snapshot.votes_expected,
        "needed": snapshot.votes_needed,
        "missing": list(snapshot.votes_missing),
        "awaited": list(snapshot.awaited),
        "outlook": snapshot.outlook,
    }
    options.show(value, "\n".join(_lines(snapshot)))


@quorum.command()
@click.option("--reason", required=True, help="How you know; kept in the cluster's events.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@verb
@waits
def release(options: Options, waiting: Waiting, reason: str, yes: bool) -> None:
    """State in writing that voters not seen yet run nothing.

    The cluster starts without them. With 'wait_for_all' a cluster that was down as a whole waits
    for every voter. If one of them runs something unseen, it would then run twice: look at the
    machines first.
    """
    if not yes:
        question = "Are the voters that were not seen yet certainly off?"
        confirm.sure(question)
    give(options, waiting, commands.ReleaseQuorum(reason), lambda _: starts)


def _lines(snapshot: ClusterSnapshot) -> list[str]:
    head = "quorate" if snapshot.quorate else "no quorum"
    lines = [f"{head}: {snapshot.outlook}"]
    present = set(snapshot.configuration.voters()) - set(snapshot.votes_missing)
    lines.append(f"  vote: {', '.join(sorted(present)) or 'nobody that is heard'}")
    if snapshot.votes_missing:
        lines.append(f"  missing: {', '.join(snapshot.votes_missing)}")
    if snapshot.awaited:
        lines.append(f"  nothing starts before this was seen: {', '.join(snapshot.awaited)}")
    return lines
