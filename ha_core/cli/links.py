"""`ha links`: each path to each peer as this node sees it, with its history."""

import time
from collections.abc import Iterable

import click

from ha_core.cli import view
from ha_core.cli.change import current
from ha_core.cli.options import Options, run, verb
from ha_core.snapshot import ClusterSnapshot, LinkSummary

_MS_PER_S = 1000


@click.command()
@click.option("--history", "-H", is_flag=True, help="Also the newest changes of each link.")
@verb
def links(options: Options, history: bool) -> None:
    """Show over which links this node hears its peers, and how well."""
    snapshot = run(current(options))
    value = [view.link_value(link) for link in snapshot.links]
    options.show(value, "\n".join(_lines(snapshot, with_history=history)))


def _lines(snapshot: ClusterSnapshot, *, with_history: bool) -> Iterable[str]:
    if not snapshot.links:
        yield f"{snapshot.local} has no peers, and so no links"
        return
    yield f"links, as {snapshot.local} hears its peers"
    for link in snapshot.links:
        yield f"  {_line(link)}"
        for moment in link.history if with_history else ():
            stamp = time.localtime(moment.at_wall_ms / _MS_PER_S)
            state = "up" if moment.up else "down"
            yield f"    {time.strftime('%Y-%m-%d %H:%M:%S', stamp)}  {state:<4}  {moment.reason}"


def _line(link: LinkSummary) -> str:
    state = click.style("up", fg="green") if link.up else click.style("down", fg="red")
    often = "never changed" if not link.changes else f"changed {times(link.changes)}"
    why = f": {link.history[-1].reason}" if link.history else ""
    loss = f"loss {link.loss_permille / 10:.1f} %"
    return f"{link.link} to {link.peer}  {state} for {span(link.since_ms)}, {loss}, {often}{why}"


def times(count: int) -> str:
    """Return how often, in words."""
    return "once" if count == 1 else f"{count} times"


def span(length_ms: int) -> str:
    """Return a length of time in its two largest units."""
    seconds = length_ms // _MS_PER_S
    for size, name, rest, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= size:
            return f"{seconds // size} {name} {seconds % size // rest} {smaller}"
    return f"{seconds} s"
