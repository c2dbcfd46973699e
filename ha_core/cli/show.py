"""`ha status`, `ha events` and `ha why`: verbs that only look."""

import os
import time
from collections import deque
from dataclasses import replace

import click

from ha_core.cli import offer, reasons, view
from ha_core.cli.change import current
from ha_core.cli.names import complete_nodes, resource_argument
from ha_core.cli.options import Options, run, run_until_interrupted, to_json, verb
from ha_core.client import Client
from ha_core.journal import JournalEvent
from ha_core.snapshot import ClusterSnapshot


@click.command()
@click.option("--watch", is_flag=True, help="Show it again after every change, until Ctrl-C.")
@verb
def status(options: Options, watch: bool) -> None:
    """Show nodes, resources, what is under way, and faults with their cures."""
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False
    if watch:
        run_until_interrupted(_watch(options))
        return
    _show(options, run(current(options)))


async def _watch(options: Options) -> None:
    async with Client(options.root) as cluster:
        shown: dict[str, object] = {}
        async for _ in cluster.changes():
            told, at_wall_ms = _told(await cluster.snapshot())
            standing = view.standing(told, is_measured=options.as_json)
            if standing == shown:
                continue  # only ages, or what is not shown, have changed
            shown = standing
            if not options.as_json:
                click.clear()
            options.show(view.status_value(told), view.status_text(told, at_wall_ms))


def _show(options: Options, snapshot: ClusterSnapshot) -> None:
    told, at_wall_ms = _told(snapshot)
    options.show(view.status_value(told), view.status_text(told, at_wall_ms))


def _told(snapshot: ClusterSnapshot) -> tuple[ClusterSnapshot, int]:
    """Return the picture with what can be offered now, and the moment."""
    at_wall_ms = round(time.time() * 1000)
    offered = offer.notices(snapshot, at_wall_ms)
    return replace(snapshot, notices=(*snapshot.notices, *offered)), at_wall_ms


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones, until Ctrl-C.")
@click.option("--since", type=click.IntRange(0), help="Only those numbered above this one.")
@click.option(
    "--last",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Begin with so many of the newest, unless --since is given.",
)
@verb
def events(options: Options, follow: bool, since: int | None, last: int) -> None:
    """Show what happened, one line an event, oldest first."""
    run_until_interrupted(_events(options, follow, since, last))


async def _events(options: Options, follow: bool, since: int | None, last: int) -> None:
    async with Client(options.root) as cluster:
        begin = since or 0
        if since is None:
            newest: deque[JournalEvent] = deque(maxlen=last)
            async for event in cluster.events():
                newest.append(event)
                begin = event.seq
            for event in newest:
                show_event(options, event)
            if not follow:
                return
        async for event in cluster.events(begin, follow=follow):
            show_event(options, event)


def show_event(options: Options, event: JournalEvent) -> None:
    """Print one event, as the user wants it."""
    if options.as_json:
        click.echo(to_json(view.event_value(event)))
        return
    moment = time.localtime(event.at_wall_ms / 1000)
    stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)}.{event.at_wall_ms % 1000:03d}"
    why = f" ({event.why})" if event.why and event.why not in event.text else ""
    click.echo(f"{event.seq:>6}  {stamp}  {event.node}  {event.text}{why}")


@click.command()
@resource_argument
@click.option(
    "--on",
    "node",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Why it is, or is not, on this node.",
)
@click.option("--verbose", "-v", is_flag=True, help="Also how much each reason counts.")
@verb
def why(options: Options, resource: str, node: str | None, verbose: bool) -> None:
    """Say why RESOURCE is where it is, and what would change that."""
    now_wall_ms = round(time.time() * 1000)
    found = reasons.explain(run(current(options)), resource, node, now_wall_ms)
    texts = [reasons.text(item, with_scores=verbose) for item in found]
    options.show([reasons.value(item) for item in found], "\n\n".join(texts))
