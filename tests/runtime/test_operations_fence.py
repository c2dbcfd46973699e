"""Fence agents as processes: bounded in time and output, their secrets read from files."""

import asyncio
import os
import select
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core.agents.output import REASON_CHARACTERS_MAX
from ha_core.config.model import FenceCall, FenceDevice
from ha_core.effects import Fence
from ha_core.events import LEASE_RAN_OUT, FenceDone
from ha_core.ids import NodeName
from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.operations_fence import FenceAgents

N2, NOBODY = NodeName("n2"), NodeName("")
STAND_IN = Path(__file__).parents[1] / "fencing" / "fence_lab"
needs_fence_agents = pytest.mark.skipif(
    shutil.which("fence_dummy") is None, reason="fence-agents is not installed"
)
needs_glue = pytest.mark.skipif(
    not Path("/usr/lib/stonith/plugins/external/ssh").exists(),
    reason="cluster-glue is not installed",
)


def called(
    scratch: Path,
    device: FenceDevice,
    action: FenceCall,
    target: NodeName = N2,
    *,
    timeout_ms: int = 10_000,
    lease_ms: int = 60_000,
    cancel: bool = False,
) -> FenceDone:
    """Call the agent once and return its answer."""

    async def run() -> FenceDone:
        answer: asyncio.Future[FenceDone] = asyncio.get_running_loop().create_future()
        agents = FenceAgents(str(scratch), answer.set_result)
        until_ms = boottime_ms() + lease_ms
        agents.run(Fence(1, device, str(action), target, timeout_ms, until_ms))
        if cancel:
            agents.cancel(1)
        done = await answer
        await agents.close()
        return done

    return asyncio.run(run())


def device_of(program: Path, *parameters: tuple[str, str]) -> FenceDevice:
    """Return a device with that agent."""
    return FenceDevice("d", f"fence:{program}", parameters)


def stand_in(tmp_path: Path, fault: str = "", **parameters: str) -> FenceDevice:
    """Return the stand-in power switch of a lab whose one node is off."""
    (tmp_path / "lab" / "n2" / "run").mkdir(parents=True, exist_ok=True)
    given = {"lab": str(tmp_path / "lab"), "fault": fault, **parameters}
    return device_of(STAND_IN, *given.items())


def script(path: Path, text: str) -> Path:
    """Write an agent."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def ends(pid: int) -> bool:
    """Wait for the end of a process that was killed; one that nobody has reaped has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


@needs_fence_agents
def test_debian_s_dummy_is_switched_off_and_says_so(tmp_path: Path) -> None:
    device = FenceDevice(
        "d", "fence:fence_dummy", (("status_file", str(tmp_path / "dummy.status")),)
    )
    assert called(tmp_path, device, FenceCall.ON).exit_code == 0
    assert called(tmp_path, device, FenceCall.STATUS).exit_code == 0
    assert called(tmp_path, device, FenceCall.OFF).exit_code == 0
    done = called(tmp_path, device, FenceCall.STATUS)
    assert (done.exit_code, done.text) == (2, "Status: OFF")


@needs_fence_agents
@pytest.mark.parametrize("name", ["fence_virsh", "fence_ipmilan", "fence_apc_snmp", "fence_scsi"])
def test_debian_s_agents_say_what_they_can(tmp_path: Path, name: str) -> None:
    device = FenceDevice("d", f"fence:{name}", (("delay", "0"),))
    done = called(tmp_path, device, FenceCall.METADATA, NOBODY)
    assert done.exit_code == 0, done.text
    assert {"on", "off", "status", "monitor", "metadata"} <= set(done.text.split())


@needs_glue
def test_plug_in_of_cluster_glue_lists_its_hosts(tmp_path: Path) -> None:
    device = FenceDevice("d", "stonith:external/ssh", (("hostlist", "n1 n2"),))
    done = called(tmp_path, device, FenceCall.LIST)
    assert (done.exit_code, done.text) == (0, "it lists n1, n2")
    done = called(tmp_path, replace(device, plugs=(("n2", "n9"),)), FenceCall.LIST)
    assert (done.exit_code, done.text) == (1, "it does not list n9: it lists n1, n2")
    done = called(tmp_path, device, FenceCall.METADATA, NOBODY)
    assert (done.exit_code, done.text) == (0, "off on reset")


def test_agent_that_hangs_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    agent = script(tmp_path / "hangs", f"sleep 1000 & echo $! >{pid_file}; echo dialing; wait")
    done = called(tmp_path, device_of(agent), FenceCall.OFF, timeout_ms=300)
    assert (done.exit_code, done.timed_out, done.text) == (1, True, "dialing")
    assert ends(int(pid_file.read_text()))


def test_garbage_is_bounded_and_harmless(tmp_path: Path) -> None:
    done = called(tmp_path, stand_in(tmp_path, "garbage"), FenceCall.OFF)
    assert done.exit_code == 77
    assert len(done.text) <= 400
    assert done.text.isprintable()


def test_agent_that_is_killed_has_proved_nothing(tmp_path: Path) -> None:
    done = called(tmp_path, stand_in(tmp_path, "die"), FenceCall.STATUS)
    assert (done.exit_code, done.text) == (1, "it was killed by signal 11 (SIGSEGV)")


def test_secret_comes_from_its_file_and_is_blotted_out_of_what_the_agent_says(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\nnot this\n")
    secret.chmod(0o600)
    device = stand_in(tmp_path, "deaf", password_file=str(secret))
    done = called(tmp_path, device, FenceCall.STATUS)
    assert (done.exit_code, done.text) == (1, "login with (hidden) refused")


def test_secret_at_the_end_of_what_is_kept_is_blotted_out_as_a_whole(tmp_path: Path) -> None:
    agent = script(
        tmp_path / "agent", f"echo {'x' * (REASON_CHARACTERS_MAX - 8)}hunter2hunter2; exit 1"
    )
    done = called(tmp_path, device_of(agent, ("password", "hunter2hunter2")), FenceCall.OFF)
    assert done.text.startswith("x")
    assert "h" not in done.text.removesuffix("(hidden)")


def test_secret_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    device = stand_in(tmp_path, password_file=str(secret))
    done = called(tmp_path, device, FenceCall.STATUS)
    told = f"{secret} may be read by others than its owner: chmod 600 {secret}"
    assert (done.exit_code, done.text) == (1, told)


def test_agent_has_no_secret_among_its_words_or_in_its_environment(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    seen = tmp_path / "seen"
    agent = script(tmp_path / "spy", f"tr '\\0' ' ' </proc/$$/cmdline >{seen}; env >>{seen}")
    device = device_of(agent, ("password_file", str(secret)))
    assert called(tmp_path, device, FenceCall.OFF).exit_code == 0
    assert "hunter2" not in seen.read_text()


def test_missing_agent_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    done = called(tmp_path, FenceDevice("d", "fence:fence_nothing"), FenceCall.OFF)
    assert done.text == (
        "agent fence:fence_nothing is not installed: looked for /usr/sbin/fence_nothing and"
        " /usr/local/sbin/fence_nothing"
    )


def test_nobody_shoots_after_the_end_of_his_lease(tmp_path: Path) -> None:
    marker = tmp_path / "shot"
    agent = script(tmp_path / "shoots", f"touch {marker}")
    done = called(tmp_path, device_of(agent), FenceCall.OFF, lease_ms=-1)
    assert (done.exit_code, done.text) == (1, LEASE_RAN_OUT)
    assert not marker.exists()


def test_call_that_is_called_off_is_answered_all_the_same(tmp_path: Path) -> None:
    agent = script(tmp_path / "slow", "sleep 1000")
    done = called(tmp_path, device_of(agent), FenceCall.OFF, cancel=True)
    assert (done.exit_code, done.text) == (1, "it was called off")
