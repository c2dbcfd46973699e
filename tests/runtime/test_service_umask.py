"""Services are started with the umask that they expect, not with the daemon's private one."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.process import run_agent
from tests.runtime.operations_bench import bench, command, passed, script


@pytest.fixture(autouse=True)
def _private_umask() -> Iterator[None]:
    """Have the umask that the daemon has."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_an_agent_can_be_read_by_others() -> None:
    result = asyncio.run(run_agent(("/bin/sh", "-c", "umask"), {"PATH": "/bin"}, 10_000))
    assert result.output == b"0022\n"


def test_files_of_a_supervised_process_can_be_read_by_others_but_not_its_log(
    tmp_path: Path,
) -> None:
    made = tmp_path / "made"
    service = script(tmp_path / "service", f"#!/bin/sh\n: >{made}\nexec sleep 600\n")

    async def scenario() -> None:
        async with bench(tmp_path) as node:
            done = await node.run(command("web", str(service)), "start")
            assert (done.exit_code, done.reason) == (0, "")
            until_ms = boottime_ms() + 10_000
            while not made.exists() and boottime_ms() < until_ms:
                await passed(boottime_ms() + 10)
            assert (mode(made), mode(node.layout.lib / "log" / "web.log")) == (0o644, 0o600)

    asyncio.run(scenario())
