"""Ends of agents that are not their own: by a signal, by a time limit, by being called off."""

import asyncio
from pathlib import Path

import pytest

from ha_core.agents import ocf
from ha_core.config.model import AgentClass
from tests.runtime.operations_bench import bench, primitive, script


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
