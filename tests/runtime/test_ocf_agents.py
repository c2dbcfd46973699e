"""Real OCF agents: the environment they find, their exit reasons, their meta-data."""

import asyncio
import os
from pathlib import Path

import pytest

from ha_core.agents import ocf
from ha_core.config.model import AgentClass
from ha_core.errors import ConfigError
from tests.runtime.operations_bench import bench, primitive, script

DUMMY_PATH = f"{ocf.DEFAULT_ROOT}/resource.d/heartbeat/Dummy"
needs_agents = pytest.mark.skipif(
    not os.path.exists(DUMMY_PATH), reason="package resource-agents is not installed"
)
DUMMY = primitive("dummy", AgentClass.OCF, "heartbeat", "Dummy")


@needs_agents
def test_dummy_of_resource_agents_starts_is_watched_and_stops(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            for action, code in [
                ("monitor", 7),
                ("start", 0),
                ("monitor", 0),
                ("start", 0),
                ("stop", 0),
                ("stop", 0),
                ("monitor", 7),
            ]:
                done = await node.run(DUMMY, action)
                assert (action, done.exit_code) == (action, code), done.output

    asyncio.run(scenario())


@needs_agents
def test_two_nodes_on_one_machine_keep_their_dummies_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as one, bench(tmp_path / "n2") as two:
            assert (await one.run(DUMMY, "start")).exit_code == 0
            assert (await two.run(DUMMY, "monitor")).exit_code == 7

    asyncio.run(scenario())


@needs_agents
def test_dummy_describes_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            described = await node.operations.describe(DUMMY)
            assert described.name == "Dummy"
            assert described.offers("monitor")
            assert [item.name for item in described.parameters] == ["state", "fake"]

    asyncio.run(scenario())


PRINTER = """#!/bin/sh
env | sort
echo "noise" >&2
echo "${OCF_EXIT_REASON_PREFIX}first" >&2
echo "${OCF_EXIT_REASON_PREFIX}the disk is missing" >&2
echo "more noise" >&2
exit 2
"""


def test_agent_finds_the_whole_ocf_environment_and_gives_its_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        script(tmp_path / "resource.d" / "own" / "Printer", PRINTER)
        async with bench(tmp_path / "n1", ocf_root=str(tmp_path)) as node:
            service = primitive("disk", AgentClass.OCF, "own", "Printer", device="/dev/x y")
            done = await node.run(service, "start", timeout_ms=5000, depth=10)
            assert (done.exit_code, done.reason) == (2, "the disk is missing")
            found = set(done.output.splitlines())
            assert {
                f"OCF_ROOT={tmp_path}",
                "OCF_RA_VERSION_MAJOR=1",
                "OCF_RA_VERSION_MINOR=1",
                "OCF_RESOURCE_INSTANCE=disk",
                "OCF_RESOURCE_TYPE=Printer",
                "OCF_RESOURCE_PROVIDER=own",
                "OCF_CHECK_LEVEL=10",
                "OCF_RESKEY_device=/dev/x y",
                "OCF_RESKEY_CRM_meta_name=start",
                "OCF_RESKEY_CRM_meta_interval=0",
                "OCF_RESKEY_CRM_meta_timeout=5000",
                "OCF_RESKEY_CRM_meta_on_node=n1",
                f"HA_RSCTMP={tmp_path}/n1/run/resource-agents",
            } <= found
            assert not any(line.startswith("PYTEST") for line in found)

    asyncio.run(scenario())


def test_agent_without_meta_data_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async def scenario() -> None:
        script(tmp_path / "resource.d" / "own" / "Printer", PRINTER)
        async with bench(tmp_path / "n1", ocf_root=str(tmp_path)) as node:
            with pytest.raises(ConfigError, match="does not print its meta-data"):
                await node.operations.describe(primitive("disk", AgentClass.OCF, "own", "Printer"))

    asyncio.run(scenario())
