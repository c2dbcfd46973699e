"""Runs one agent to its end: own session, time limit, bounded output.

Owns: the child process, its pipes and its death. Knows nothing of resources
or of what exit codes mean. What an agent leaves running (the service!) is not
touched, unless the agent itself had to be killed: then its group dies with it.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.agents.fence import MARK
from ha_core.agents.output import TAIL_BYTES
from ha_core.ids import Millis
from ha_core.runtime import pids
from ha_core.runtime.tasks import to_its_end

TERM_GRACE_S: Final = 0.5
KILL_WAIT_S: Final = 2.0
"""A process that outlives SIGKILL for so long hangs in the kernel; its operation ends alone."""
READ_BYTES: Final = 64 * 1024
DRAIN_READS_MAX: Final = 32
"""Reads after the agent's end: a pipe holds no more, and a daemon it left may write for ever."""
FAILED_CODE: Final = 1
_AGENT_PLACES: Final = (b"/resource.d/", b"/init.d/")
_FENCING: Final = f"{MARK}=".encode()
SERVICE_UMASK: Final = 0o022
"""What services expect; the daemon's own would hide their files from their users."""


@dataclass(frozen=True, slots=True)
class AgentResult:
    """How an agent ended; `output` holds the newest bytes of both streams as they came."""

    exit_code: int
    output: bytes
    errors: bytes
    timed_out: bool
    duration_ms: Millis
    signal: int = 0
    """The signal that ended it, if one did that we did not send."""


class _Tail:
    """The newest bytes of a stream."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.data = bytearray()

    def add(self, chunk: bytes) -> None:
        self.data += chunk
        del self.data[: -self._most]


class _Reader:
    """Reads a pipe into tails whenever something is there, so that no writer ever blocks on us."""

    def __init__(self, tails: tuple[_Tail, ...]) -> None:
        self._tails = tails
        self.fd, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self.writer, True)
        asyncio.get_running_loop().add_reader(self.fd, self._once)
        self._is_open = True

    def _once(self) -> bool:
        """Read once; return whether more may be there."""
        try:
            chunk = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return False
        for tail in self._tails:
            tail.add(chunk)
        if not chunk:
            self._forget()
        return bool(chunk)

    def _forget(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self.fd)

    def close_writer(self) -> None:
        """Let go of our copy of the agent's end."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Take what is there, and stop listening."""
        self.close_writer()
        reads = 0
        while self._is_open and reads < DRAIN_READS_MAX and self._once():
            reads += 1
        self._forget()
        os.close(self.fd)


async def run_agent(
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    timeout_ms: Millis,
    output_bytes_max: int = TAIL_BYTES,
    given: bytes = b"",
) -> AgentResult:
    """Run a program to its end or its time limit. Cancelling kills its whole group first.

    `given` is what it reads from standard input.

    Raises:
        OSError: it cannot be executed.
    """
    started = time.monotonic()
    everything, errors = _Tail(output_bytes_max), _Tail(TAIL_BYTES)
    with contextlib.ExitStack() as readers:
        out, err = _reader(readers, everything), _reader(readers, everything, errors)
        process = _spawn(argv, environment, _stdin(readers, given), out.writer, err.writer)
        out.close_writer()
        err.close_writer()
        timed_out = await _wait(process, timeout_ms)
    duration_ms = round((time.monotonic() - started) * 1000)
    code = process.returncode
    known = code is not None and code >= 0 and not timed_out
    return AgentResult(
        code if known else FAILED_CODE,
        bytes(everything.data),
        bytes(errors.data),
        timed_out,
        duration_ms,
        -code if code is not None and code < 0 and not timed_out else 0,
    )


def _reader(stack: contextlib.ExitStack, *tails: _Tail) -> _Reader:
    reader = _Reader(tails)
    stack.callback(reader.close)
    return reader


def _stdin(stack: contextlib.ExitStack, given: bytes) -> int:
    """Return a descriptor to read this from: in memory, never on disk."""
    if not given:
        return subprocess.DEVNULL
    descriptor = os.memfd_create("stdin")
    stack.callback(os.close, descriptor)
    os.write(descriptor, given)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _spawn(
    argv: tuple[str, ...], environment: Mapping[str, str], given: int, out: int, err: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        stdin=given,
        stdout=out,
        stderr=err,
        env=dict(environment),
        cwd="/",
        umask=SERVICE_UMASK,
        start_new_session=True,
    )


async def _wait(process: subprocess.Popen[bytes], timeout_ms: Millis) -> bool:
    """Wait for the end, killing the group at the limit; return whether that was needed."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        # Without it the end would not be seen, and nothing would bound its time.
        _signal(process.pid, signal.SIGKILL)
        process.wait()
        raise
    # It is reaped last of all: until then nobody else can get its number, which is its group's.
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await _end_of(pidfd)
        return False
    except TimeoutError:
        # Whoever calls it off now must not be told that it is over while it goes on.
        await to_its_end(_end_group(process.pid, pidfd))
        return True
    except asyncio.CancelledError:
        await to_its_end(_end_group(process.pid, pidfd))
        raise
    finally:
        os.close(pidfd)
        process.poll()


async def _end_of(pidfd: int) -> None:
    """Wait until a process has ended."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)


async def _end_group(leader: int, pidfd: int) -> None:
    """Ask the group to end, then kill it: also what ignores the request, and what is left over."""
    try:
        _signal(leader, signal.SIGTERM)
        await _within(_end_of(pidfd), TERM_GRACE_S)
    finally:
        _signal(leader, signal.SIGKILL)
    await _within(_gone(leader), KILL_WAIT_S)


async def _gone(leader: int) -> None:
    """Wait until all of a group that was killed has ended."""
    for member in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            if os.getpgid(member) == leader:
                pidfd = os.pidfd_open(member)
                held.callback(os.close, pidfd)
                await _end_of(pidfd)


async def _within(deed: Awaitable[None], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await deed
    except TimeoutError:
        return


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def sweep(scratch: str) -> list[int]:
    """Kill agents that an earlier daemon of this node left at work; return their process ids.

    They are known by the scratch directory in their environment. What an agent started is not
    touched, unless it is still in the agent's own session, where a time limit would end it too.
    """
    mark = f"HA_RSCTMP={scratch}".encode()
    there = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in there if _is_agent(pid, mark) and _killed(pid, mark)]


def _killed(leader: int, mark: bytes) -> bool:
    """Kill an agent's group, if it is one; return whether it was."""
    # One that stands still cannot end by itself, and nobody else gets its number.
    if not pids.signal_if(leader, signal.SIGSTOP, lambda: _is_agent(leader, mark)):
        return False
    _signal(leader, signal.SIGKILL)
    return True


def _is_agent(pid: int, mark: bytes) -> bool:
    try:
        if os.getsid(pid) != pid:
            return False
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").split(b"\0")
        with open(f"/proc/{pid}/environ", "rb") as file:
            settings = file.read().split(b"\0")
    except OSError:
        return False  # it is gone, or another user's
    is_agent = any(place in word for word in words for place in _AGENT_PLACES)
    programs = [item.removeprefix(_FENCING) for item in settings if item.startswith(_FENCING)]
    return mark in settings and (is_agent or any(name in words for name in programs))
