"""`ha lab up --watch`: the cluster's status, live, from whichever node still answers.

Owns: following several nodes at once, choosing whom to believe, and drawing. A
terminal is redrawn after each change; anything else gets one line a change.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

import click

from ha_core.cli import view
from ha_core.cli.options import to_json
from ha_core.client import Client
from ha_core.errors import HaError
from ha_core.lab import state
from ha_core.runtime.tasks import end_tasks
from ha_core.snapshot import ClusterSnapshot

FOLLOWED_MAX: Final = 7
"""Nodes that are asked: any of them knows everything."""
RETRY_S: Final = 0.5
"""A node that does not answer is tried again after so long: it may have been brought back."""
STALE_S: Final = 0.5
"""Nodes hear of a change within milliseconds of each other, unless one stands still."""
_TOP: Final = "\x1b[H"
_CLEAR: Final = "\x1b[2J"
_END_OF_LINE: Final = "\x1b[K"
_ABOVE: Final = "  ... (scroll up to see all of it)"
_END_OF_SCREEN: Final = "\x1b[J"

Show = Callable[[ClusterSnapshot], None]


class Watcher:
    """Follows the lab's nodes and shows the picture of one of them whenever it changes.

    It stays with one node, since others may be a moment behind; until that node does not answer,
    loses the cluster, or has had nothing new to say while others had.
    """

    def __init__(self, lab: state.Lab, show: Show) -> None:
        self._lab = lab
        self._show = show
        self._pictures: dict[str, ClusterSnapshot] = {}
        self._told: dict[str, float] = {}
        self._chosen = ""
        self._shown: ClusterSnapshot | None = None
        self._ended: asyncio.Event = asyncio.Event()

    async def run(self) -> None:
        """Show what happens until nobody looks, the lab is removed, or a signal interrupts."""
        followed = self._lab.nodes[:FOLLOWED_MAX]
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._draw)
        tasks = [loop.create_task(self._follow(node.name)) for node in followed]
        tasks.append(loop.create_task(self._end()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            await end_tasks(*tasks)
        for task in done:
            task.result()  # a bug in following must not look like a quiet cluster

    async def _end(self) -> None:
        await self._ended.wait()

    async def _follow(self, name: str) -> None:
        while True:
            try:
                async with Client(self._lab.root(name)) as client:
                    async for _ in client.changes():
                        self._take(name, await client.snapshot())
            except HaError:
                self._lose(name)
                if not state.is_kept(self._lab):
                    self._ended.set()  # by 'ha lab down' elsewhere
            await asyncio.sleep(RETRY_S)

    def _take(self, name: str, snapshot: ClusterSnapshot) -> None:
        """Take a node's news: show them, or see whether the chosen node hears of them too."""
        loop = asyncio.get_running_loop()
        self._pictures[name] = snapshot
        self._told[name] = loop.time()
        chosen = self._pictures.get(self._chosen)
        if name == self._chosen or chosen is None or (snapshot.quorate and not chosen.quorate):
            self._choose(name)
        else:
            loop.call_later(STALE_S, self._doubt, name, loop.time())

    def _doubt(self, name: str, since: float) -> None:
        """Leave the chosen node if it has not had a word since then, and others had."""
        if name in self._pictures and self._told.get(self._chosen, 0.0) < since - STALE_S:
            self._choose(name)

    def _lose(self, name: str) -> None:
        self._pictures.pop(name, None)
        if name == self._chosen and self._pictures:
            self._choose(max(self._pictures, key=lambda other: self._told[other]))

    def _choose(self, name: str) -> None:
        self._chosen = name
        self._shown = self._pictures[name]
        self._draw()

    def _draw(self) -> None:
        if self._shown is None or self._ended.is_set():
            return
        try:
            self._show(self._shown)
        except OSError:
            # The terminal was closed, or the reader of the pipe is gone.
            silence()
            self._ended.set()


def silence() -> None:
    """Write to nowhere from now on: nobody reads any more, and that is no error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def screen(heading: str) -> Show:
    """Return what draws heading and status over the last drawing.

    A heading that has no room is written once before, so that one can scroll up to it.
    """
    is_first, is_above, at_wall_ms = True, False, 0
    shown: tuple[str, str] | None = None

    def show(snapshot: ClusterSnapshot) -> None:
        nonlocal is_first, is_above, shown, at_wall_ms
        if (snapshot.local, snapshot.version) != shown:
            # Drawn again, the same picture is still of the moment when it came.
            shown, at_wall_ms = (snapshot.local, snapshot.version), round(time.time() * 1000)
        size = shutil.get_terminal_size()
        text = fitting(heading, view.status_text(snapshot, at_wall_ms), size)
        if os.environ.get("NO_COLOR"):
            text = click.unstyle(text)
        lines = "".join(f"{line}{_END_OF_LINE}\n" for line in text.splitlines())
        begin = f"{_TOP}{_CLEAR}" if is_first else _TOP
        is_first = False
        if _ABOVE in text and not is_above:
            is_above = True
            begin = f"{_TOP}{_CLEAR}{heading}\n" + "\n" * size.lines + f"{_TOP}{_CLEAR}"
        sys.stdout.write(f"{begin}{lines}{_END_OF_SCREEN}")
        sys.stdout.flush()

    return show


def fitting(heading: str, status: str, size: os.terminal_size) -> str:
    """Return as much as the screen has room for: what scrolls away cannot be drawn over.

    Where both do not fit, lines of the heading are left out, the widest first and never the
    title, and then the end of the status.
    """
    title, *lines = heading.splitlines()
    room = size.lines - 1 - _rows(f"{title}\n\n{status}", size)
    if room < _rows("\n".join(lines), size):
        room -= 1
        kept = set()
        for number, line in sorted(enumerate(lines), key=lambda item: _rows(item[1], size)):
            room -= _rows(line, size)
            if room < 0:
                break
            kept.add(number)
        lines = [line for number, line in enumerate(lines) if number in kept] + [_ABOVE]
    top = [title, *lines, ""]
    rest = status.splitlines()
    if _rows("\n".join([*top, *rest]), size) < size.lines:
        return "\n".join([*top, *rest])
    while rest and _rows("\n".join([*top, *rest]), size) >= size.lines - 1:
        rest.pop()
    return "\n".join([*top, *rest, "  ... ('ha status' shows the rest)"])


def _rows(text: str, size: os.terminal_size) -> int:
    """Return how many rows of the screen the text takes."""
    return sum(max(1, -(-len(click.unstyle(line)) // size.columns)) for line in text.split("\n"))


def lines() -> Show:
    """Return what prints one line for each change."""
    before: ClusterSnapshot | None = None

    def show(snapshot: ClusterSnapshot) -> None:
        nonlocal before
        moment = time.time()
        stamp = (
            f"{time.strftime('%H:%M:%S', time.localtime(moment))}.{int(moment * 1000) % 1000:03d}"
        )
        for text in differences(before, snapshot):
            sys.stdout.write(f"{stamp}  {text}\n")
        sys.stdout.flush()
        before = snapshot

    return show


def json_lines() -> Show:
    """Return what prints the status as one line of JSON after each change."""

    def show(snapshot: ClusterSnapshot) -> None:
        sys.stdout.write(f"{to_json(view.status_value(snapshot))}\n")
        sys.stdout.flush()

    return show


def differences(before: ClusterSnapshot | None, now: ClusterSnapshot) -> Iterable[str]:
    """Yield one sentence for each thing that is not as it was; everything if there is no before."""
    if before is None or before.quorate != now.quorate:
        yield "the cluster is quorate" if now.quorate else "the cluster has no quorum"
    if before is None or before.coordinator != now.coordinator:
        yield f"coordinator: {now.coordinator or 'none'}"
    if before is not None and before.revision != now.revision:
        reason = f": {now.last_reason}" if now.last_reason else ""
        yield f"configuration: revision {now.revision} by {now.last_author}{reason}"
    states = {node.name: node.state for node in before.nodes} if before else {}
    for node in now.nodes:
        if states.get(node.name) != node.state:
            yield f"node {node.name}: {node.state}"
    places = {item.id: (item.state, item.nodes) for item in before.resources} if before else {}
    for item in now.resources:
        if places.get(item.id) != (item.state, item.nodes):
            where = f" on {', '.join(item.nodes)}" if item.nodes else ""
            yield f"resource {item.id}: {item.state}{where}"
    known = before.faults if before else ()
    for fault in now.faults:
        if fault not in known:
            yield f"fault: {fault}"
