"""Giving a command: send it, wait until its effect is visible, say what happened.

Owns: the waiting. What counts as the effect is a goal of `goals`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ha_core.cli.goals import Goal, Progress
from ha_core.cli.options import Options, Waiting, run
from ha_core.client import Client
from ha_core.commands import Cleanup, Command, Fail, Outcome, SetTicket
from ha_core.config.model import Configuration
from ha_core.errors import ConfigError, RefusedError
from ha_core.snapshot import ClusterSnapshot

STUCK_S: Final = 3.0
"""A cluster that rests short of the goal for so long will not reach it by itself."""
POLL_MS: Final = 1_000


def give(
    options: Options, waiting: Waiting, command: Command, goal: Callable[[ClusterSnapshot], Goal]
) -> None:
    """Give the command and report; `goal` is made from the snapshot before it.

    Raises: RefusedError: the cluster refused it, or its effect was not seen in time.
    """
    run(_give(options, waiting, lambda _: command, goal))


def give_from(
    options: Options,
    waiting: Waiting,
    command: Callable[[ClusterSnapshot], Command],
    goal: Callable[[ClusterSnapshot], Goal],
) -> None:
    """As `give`, with a command that is made from the snapshot before it."""
    run(_give(options, waiting, command, goal))


async def _give(
    options: Options,
    waiting: Waiting,
    command: Callable[[ClusterSnapshot], Command],
    goal: Callable[[ClusterSnapshot], Goal],
) -> None:
    async with Client(options.root) as cluster:
        before = await cluster.snapshot()
        begun = asyncio.get_running_loop().time()
        given = command(before)
        outcome = await cluster.command(given)
        _check(outcome)
        if not waiting.enabled:
            _report(options, outcome, outcome.text or "accepted", None)
            return
        # What is no edit has no revision of the configuration to wait for.
        revision = 0 if isinstance(given, SetTicket) else outcome.revision
        wanted = goal(before)
        if isinstance(given, Cleanup | Fail):
            wanted = _telling(outcome.text, wanted)
        progress = await _reach(cluster, wanted, revision, waiting.timeout_s)
        elapsed = asyncio.get_running_loop().time() - begun
        _report(options, outcome, f"{progress.text} ({elapsed:.1f} s)", round(elapsed * 1000))


def _telling(answer: str, goal: Goal) -> Goal:
    """Return the goal of what no configuration shows: the answer alone says what was done."""

    def told(snapshot: ClusterSnapshot) -> Progress:
        progress = goal(snapshot)
        return replace(progress, text=f"{answer}; {progress.text}") if answer else progress

    return told


def _check(outcome: Outcome) -> None:
    if outcome.code == "invalid":
        raise ConfigError(tuple(outcome.text.splitlines()) or ("the cluster gave no reason",))
    if not outcome.ok:
        raise RefusedError(outcome.code, outcome.text or f"refused: {outcome.code}")


async def _reach(cluster: Client, goal: Goal, revision: int, timeout_s: float) -> Progress:
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout_s
    resting_since: float | None = None
    while True:
        snapshot = await cluster.snapshot()
        progress = goal(snapshot)
        if snapshot.revision < revision:
            progress = Progress(False, f"{snapshot.local} has not received revision {revision} yet")
        if progress.reached:
            return progress
        if progress.final:
            raise RefusedError("failed", f"accepted, but {progress.text}")
        now = clock()
        resting_since = (resting_since or now) if progress.stuck else None
        if resting_since is not None and now - resting_since >= STUCK_S:
            raise RefusedError(
                "failed", f"accepted, but {progress.text}; see 'ha why' and 'ha status'"
            )
        if now >= deadline:
            text = f"accepted, but after {timeout_s:g} s {progress.text}; see 'ha status'"
            raise RefusedError("timeout", text)
        bound_ms = max(1, min(POLL_MS, round((deadline - now) * 1000)))
        await cluster.changed(snapshot.version, bound_ms)


def _report(options: Options, outcome: Outcome, text: str, waited_ms: int | None) -> None:
    value = {
        "code": outcome.code,
        "text": text,
        "revision": outcome.revision,
        "seen": waited_ms is not None,
        "waited_ms": waited_ms,
    }
    options.show(value, text)


async def current(options: Options) -> ClusterSnapshot:
    """Return the snapshot of the node that the options name."""
    async with Client(options.root) as cluster:
        return await cluster.snapshot()


def current_configuration(options: Options) -> Configuration:
    """Return the configuration in force."""
    return run(current(options)).configuration
