"""Ends of agents that are not their own: by a signal, by a time limit, by being called off."""

import asyncio
import os
from pathlib import Path

import pytest

from ha_core.agents import ocf
from ha_core.config.model import AgentClass
from tests.runtime.operations_bench import bench, ends_within, primitive, script

STUBBORN = """#!/bin/sh
sleep 600 &
trap '' TERM
echo $$ $! >{fifo}
sleep 600
"""
"""Ignores the request to end, and tells its number and that of a child that does not."""


@pytest.mark.parametrize("kind", [AgentClass.OCF, AgentClass.LSB, AgentClass.HEARTBEAT])
@pytest.mark.parametrize("line", ["kill -9 $$", "sleep 60"])
def test_status_that_was_killed_does_not_say_that_nothing_runs(
    tmp_path: Path, kind: AgentClass, line: str
) -> None:
    async def scenario() -> None:
        script(tmp_path / "db", f"#!/bin/sh\n{line}\n")
        script(tmp_path / "ocf/resource.d/test/db", f"#!/bin/sh\n{line}\n")
        root = tmp_path / "n1"
        async with bench(root, scripts=tmp_path, ocf_root=str(tmp_path / "ocf")) as node:
            names = ("test", "db") if kind is AgentClass.OCF else ("db",)
            done = await node.run(primitive("db", kind, *names), "monitor", timeout_ms=2000)
            assert done.exit_code == ocf.GENERIC
            assert done.timed_out or "killed by signal 9 (SIGKILL)" in done.reason

    asyncio.run(scenario())


@pytest.mark.parametrize("timeout_ms", [2000, 60_000])
@pytest.mark.parametrize("is_closed", [False, True])
def test_agent_that_is_called_off_while_it_is_asked_to_end_has_ended_when_that_is_told(
    tmp_path: Path, timeout_ms: int, is_closed: bool
) -> None:
    """The request comes of its time limit, or of an order; a second order or the daemon's end
    finds it in its grace.
    """

    async def scenario() -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        script(tmp_path / "disk", STUBBORN.format(fifo=fifo))
        async with bench(tmp_path / "n1", scripts=tmp_path) as node:
            disk = primitive("disk", AgentClass.LSB, "disk")
            begun = node.begin(disk, "start", timeout_ms=timeout_ms)
            told = (await asyncio.to_thread(fifo.read_text)).split()
            agent, asked = (os.pidfd_open(int(word)) for word in told)
            if timeout_ms > 2000:
                node.operations.cancel(node.last_id)
            assert await asyncio.to_thread(ends_within, asked)
            if is_closed:
                await node.operations.close()
                assert begun.done()
            else:
                node.operations.cancel(node.last_id)
            assert (await begun).exit_code == ocf.GENERIC
            assert ends_within(agent, 0), "it is said to be over, and goes on"

    asyncio.run(scenario())
