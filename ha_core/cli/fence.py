"""`ha fence`: rehearse fencing, and see what was cut off. `ha node fence` is in `fence_node`."""

import asyncio
from typing import Final

import click

from ha_core import commands
from ha_core.cli.names import complete_nodes
from ha_core.cli.options import EXIT_FAILED, Options, run, verb
from ha_core.cli.show import show_event
from ha_core.client import Client
from ha_core.errors import RefusedError
from ha_core.journal import JournalEvent

KINDS: Final = ("fence-", "unfence-", "node-fenced", "node-unfenced", "node-confirmed-down")
"""How the kinds of events begin that `ha fence history` shows."""
_DONE: Final = "fence-rehearsed"
_GOOD: Final = "fence-tested"


@click.group()
def fence() -> None:
    """Rehearse fencing, and see what was cut off, by whom and why."""


@fence.command()
@click.argument("subject", metavar="[NODE|DEVICE]", required=False, shell_complete=complete_nodes)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    help="How many seconds to wait at most.",
)
@verb
def test(options: Options, subject: str | None, timeout_s: float) -> None:
    """Try every device from every node, harming nothing.

    It is tried from those nodes that may use it: is the agent there, does the device answer, and
    does it know its targets? Nothing is switched. All of it, or one NODE as a target, or one
    DEVICE.
    """
    found = run(_test(options, subject or "", timeout_s))
    rows = [_row(event) for event in found]
    bad = sum(not row["ok"] for row in rows)
    lines = [
        f"{'ok  ' if row['ok'] else 'FAIL'}  {row['device']:<16} {row['target']:<12}"
        f" from {row['node']:<12} {row['text']}"
        for row in rows
    ]
    tries = "1 try" if len(rows) == 1 else f"{len(rows)} tries"
    text = f"{bad} of {tries} failed: mend them, try again"
    verdict = {"ok": False, "code": "failed", "text": text} if bad else {"ok": True}
    options.show({**verdict, "results": rows}, "\n".join(lines))
    if bad:
        click.echo(f"ha: {text}", err=True)
        raise click.exceptions.Exit(EXIT_FAILED)


async def _test(options: Options, subject: str, timeout_s: float) -> list[JournalEvent]:
    async with Client(options.root) as cluster:
        seen = 0
        async for event in cluster.events():
            seen = event.seq
        outcome = await cluster.command(commands.TestFence(subject))
        if not outcome.ok:
            raise RefusedError(outcome.code, outcome.text)
        found: list[JournalEvent] = []
        try:
            async with asyncio.timeout(timeout_s):
                async for event in cluster.events(seen, follow=True):
                    if event.incident != outcome.text:
                        continue
                    if event.kind == _DONE:
                        break
                    found.append(event)
        except TimeoutError:
            text = f"after {timeout_s:g} s the rehearsal is not over; see 'ha fence history'"
            raise RefusedError("timeout", text) from None
        return sorted(found, key=lambda event: event.subject)


def _row(event: JournalEvent) -> dict[str, object]:
    device, target, node = [*event.subject.split(":"), "", ""][:3]
    ok = event.kind == _GOOD
    return {"device": device, "target": target, "node": node, "ok": ok, "text": event.why}


@fence.command()
@click.argument("node", metavar="[NODE]", required=False, shell_complete=complete_nodes)
@verb
def history(options: Options, node: str | None) -> None:
    """Show what was cut off or could not be, oldest first."""
    run(_history(options, node))


async def _history(options: Options, node: str | None) -> None:
    is_empty = True
    async with Client(options.root) as cluster:
        async for event in cluster.events():
            if not event.kind.startswith(KINDS):
                continue
            if node is not None and node not in event.subject.split(":"):
                continue
            is_empty = False
            show_event(options, event)
    if is_empty and not options.as_json:
        click.echo("nothing was cut off, as far as the events that are kept go back")
