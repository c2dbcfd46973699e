"""Carries out `Fence` and `CancelFence`: one task for each call, one answer each.

Owns: the calls under way, secrets read from files, and that an agent which hangs
dies with all that it started. Believes nothing: what an answer proves is the
node's to say.
"""

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from ha_core.agents import fence
from ha_core.agents.output import REASON_CHARACTERS_MAX, TAIL_BYTES, clean, last_line
from ha_core.config.model import FenceCall, FenceDevice
from ha_core.effects import Fence
from ha_core.errors import ConfigError
from ha_core.events import LEASE_RAN_OUT, FenceDone
from ha_core.fencing import rules
from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.operations_agents import MissingError
from ha_core.runtime.process import AgentResult, run_agent
from ha_core.runtime.signals import signal_name
from ha_core.runtime.tasks import end_tasks

SECRET_BYTES_MAX: Final = 4096

log = logging.getLogger(__name__)


class FenceAgents:
    """Calls fence agents; `done` is called on the event loop, once for each call."""

    def __init__(self, scratch: str, done: Callable[[FenceDone], None]) -> None:
        self._scratch = scratch
        self._done = done
        self._tasks: dict[int, asyncio.Task[FenceDone]] = {}

    def run(self, call: Fence) -> None:
        """Begin a call; `done` is called once, later."""
        task = asyncio.create_task(self._answered(call))
        self._tasks[call.call_id] = task
        task.add_done_callback(partial(self._ended, call))

    def cancel(self, call_id: int) -> None:
        """Kill a call; one that is over is left alone."""
        task = self._tasks.get(call_id)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Kill whatever is under way, and wait until it is gone."""
        await end_tasks(*self._tasks.values())

    def _ended(self, call: Fence, task: "asyncio.Task[FenceDone]") -> None:
        del self._tasks[call.call_id]
        if task.cancelled():
            self._done(FenceDone(call.call_id, fence.FAILED, text="it was called off"))
        elif (bug := task.exception()) is not None:
            log.error("fence call %d met a bug", call.call_id, exc_info=bug)
            self._done(FenceDone(call.call_id, fence.FAILED, text=f"internal error: {bug!r}"))
        else:
            self._done(task.result())

    async def _answered(self, call: Fence) -> FenceDone:
        """Make the call, and turn every failure that can be expected into an answer."""
        if boottime_ms() >= call.not_after_ms:
            return FenceDone(call.call_id, fence.FAILED, text=LEASE_RAN_OUT)
        try:
            return await self._called(call)
        except (MissingError, ConfigError) as error:
            text = str(error)
        except OSError as error:
            text = f"agent {call.device.agent} cannot be run: {error}"
        return FenceDone(call.call_id, fence.FAILED, text=text[:REASON_CHARACTERS_MAX])

    async def _called(self, call: Fence) -> FenceDone:
        device, action = call.device, FenceCall(call.action)
        program = find(device)
        secrets = {name: read_secret(path) for name, path in fence.secret_files(device).items()}
        how = fence.calling(device, action, call.target, secrets)
        os.makedirs(self._scratch, exist_ok=True)
        most = fence.METADATA_BYTES_MAX if action is FenceCall.METADATA else TAIL_BYTES
        log.info("fence agent %s: %s %s", device.agent, action, call.target)
        ended = await run_agent(
            (program, *how.arguments),
            {**how.environment, **fence.environment(program, self._scratch)},
            call.timeout_ms,
            most,
            how.given,
        )
        # Before anything is cut off: half of a secret would be found by nobody.
        code, text = _read(call, action, ended, lambda text: fence.blotted(text, device, secrets))
        return FenceDone(call.call_id, code, ended.timed_out, text, ended.duration_ms)


def find(device: FenceDevice) -> str:
    """Return the path of the device's agent.

    Raises:
        MissingError: it is not there, or others than its owner may write to it.
    """
    paths = fence.candidates(device)
    for path in paths:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            is_glue = rules.contract_of(device) is rules.Contract.STONITH
            if is_glue and os.stat(path).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise MissingError(f"{path} may be written to by others: chmod go-w {path}")
            return path
    looked = " and ".join(paths)
    raise MissingError(f"agent {device.agent} is not installed: looked for {looked}")


def read_secret(path: str) -> str:
    """Return the first line of a file that only its owner may read.

    Raises:
        ConfigError: it cannot be read, or by others too.
    """
    file = Path(path)
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{path} may be read by others than its owner: chmod 600 {path}")
        with file.open("rb") as opened:
            raw = opened.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): make it") from None
    return raw.decode("utf-8", "replace").split("\n")[0].rstrip("\r")


def _read(
    call: Fence, action: FenceCall, ended: AgentResult, blotted: Callable[[str], str]
) -> tuple[int, str]:
    """Return the answer's code and words; of an agent that was killed, nothing is taken as done."""
    if action is FenceCall.METADATA and not ended.timed_out and not ended.exit_code:
        raw = blotted(ended.output.decode("utf-8", "replace"))
        return fence.result(call.device, action, call.target, ended.exit_code, raw)
    text = blotted(clean(ended.output)).replace("\t", " ")
    if ended.timed_out:
        return fence.FAILED, last_line(text)
    if ended.signal:
        name = signal_name(ended.signal)
        return fence.FAILED, f"it was killed by signal {ended.signal} ({name})"
    code, told = fence.result(call.device, action, call.target, ended.exit_code, text)
    whole = action is FenceCall.LIST
    return code, told[:REASON_CHARACTERS_MAX] if whole else last_line(told)
