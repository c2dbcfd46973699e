"""A real guardian and real operations for tests: one operation, one death, one lease at a time."""

import asyncio
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ha_core.agents import ocf
from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.effects import RunOperation
from ha_core.events import OperationDone, ResourceDied
from ha_core.ids import Millis, ResourceId
from ha_core.layout import Layout
from ha_core.runtime.guardian import Guardian, boottime_ms
from ha_core.runtime.operations import Operations
from ha_core.runtime.operations_agents import Directories

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
PTRACE_ATTACH = 16  # linux/ptrace.h
DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.runtime.operations_bench import bench, command

async def main():
    async with bench(Path(sys.argv[1])) as node:
        until_ms = node.hold(int(sys.argv[3]))
        done = await node.run(command("web", sys.argv[2]), "start")
        pid = await node.pid("web")
        print(done.exit_code, pid, node.guardian.pid, until_ms, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Bench:
    """One node's guardian and operations, with what they reported."""

    guardian: Guardian
    layout: Layout
    results: dict[int, asyncio.Future[OperationDone]] = field(default_factory=dict)
    deaths: asyncio.Queue[ResourceDied] = field(default_factory=asyncio.Queue)
    operations: Operations = field(init=False)
    last_id: int = 0

    def begin(
        self,
        primitive: Primitive,
        action: str,
        *,
        timeout_ms: int = 10_000,
        depth: int = 0,
        interval_ms: int = 0,
        not_after_ms: int | None = None,
    ) -> asyncio.Future[OperationDone]:
        """Begin an operation and return what will hold its answer."""
        self.last_id += 1
        self.results[self.last_id] = asyncio.get_running_loop().create_future()
        self.operations.run(
            RunOperation(
                self.last_id,
                primitive,
                action,
                timeout_ms,
                depth=depth,
                interval_ms=interval_ms,
                not_after_ms=not_after_ms,
            )
        )
        return self.results[self.last_id]

    async def run(
        self,
        primitive: Primitive,
        action: str,
        *,
        timeout_ms: int = 10_000,
        depth: int = 0,
        interval_ms: int = 0,
        not_after_ms: int | None = None,
    ) -> OperationDone:
        """Run an operation to its answer."""
        begun = self.begin(
            primitive,
            action,
            timeout_ms=timeout_ms,
            depth=depth,
            interval_ms=interval_ms,
            not_after_ms=not_after_ms,
        )
        return await asyncio.wait_for(begun, PATIENCE_S)

    async def death(self) -> ResourceDied:
        """Return the next death that is reported."""
        return await asyncio.wait_for(self.deaths.get(), PATIENCE_S)

    def hold(self, for_ms: int = 60_000) -> int:
        """Hold the lease for so long from now; return when it ends."""
        until_ms = boottime_ms() + for_ms
        self.guardian.hold(until_ms)
        return until_ms

    async def pid(self, resource: str) -> int:
        """Return the process that the guardian holds for the resource; 0 if there is none."""
        return (await self.guardian.check(resource, 5000)).pid

    def answered(self, done: OperationDone) -> None:
        """Take an answer: exactly one for each operation."""
        self.results[done.operation_id].set_result(done)


@asynccontextmanager
async def bench(
    root: Path, *, ocf_root: str = ocf.DEFAULT_ROOT, scripts: Path | None = None
) -> AsyncIterator[Bench]:
    """Run a guardian with operations below `root`, under a lease of a minute."""
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True, exist_ok=True)
    guardian = Guardian(layout, f"node at {root.name}")
    made = Bench(guardian, layout)
    where = Directories((str(scripts),), (str(scripts),)) if scripts else None
    made.operations = Operations(
        layout,
        guardian,
        made.answered,
        made.deaths.put_nowait,
        node="n1",
        ocf_root=ocf_root,
        directories=where,
    )
    await guardian.start()
    made.hold()
    try:
        yield made
    finally:
        await made.operations.close()
        await guardian.close()


def primitive(resource: str, kind: AgentClass, *names: str, **parameters: str) -> Primitive:
    """Return a primitive; a parameter `env_X` stands for `env.X`."""
    provider, agent = (*names, "", "")[:2] if len(names) == 2 else ("", (*names, "")[0])
    given = tuple((name.replace("env_", "env."), value) for name, value in parameters.items())
    return Primitive(ResourceId(resource), AgentRef(kind, provider, agent), given)


def command(resource: str, line: str, **parameters: str) -> Primitive:
    """Return a primitive of class `process`."""
    return primitive(resource, AgentClass.PROCESS, command=line, **parameters)


SLEEPER = command("web", "sleep 600")


async def started(node: Bench) -> int:
    """Start the sleeper; return a pidfd of it."""
    done = await node.run(SLEEPER, "start")
    assert (done.exit_code, done.reason) == (0, "")
    return os.pidfd_open(await node.pid("web"))


class Daemon:
    """A daemon in a process of its own that holds one service under a lease of so long."""

    def __init__(self, directory: Path, line: str, lease_ms: Millis) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(directory), line, str(lease_ms)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        words = [int(word) for word in self.process.stdout.readline().split()]
        code, self.pid, self.guardian, self.until_ms = words
        assert code == 0
        self.service = os.pidfd_open(self.pid)

    def stop_all(self) -> None:
        """Freeze the daemon and its guardian, and nothing else."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.kill(self.guardian, signal.SIGSTOP)

    def end(self) -> None:
        """Kill what is left of it."""
        self.process.kill()
        self.process.communicate()


def address(resource: str, **parameters: str) -> Primitive:
    """Return a primitive of class `address`."""
    return primitive(resource, AgentClass.ADDRESS, **parameters)


async def passed(at_ms: int) -> None:
    """Wait until the clock of leases has passed a moment."""
    await asyncio.sleep(max(at_ms - boottime_ms() + 1, 0) / 1000)


def stands_still(pid: int) -> None:
    """Make a process stand still so that no signal but SIGKILL ends it: as one that is traced."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, pid, None, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.waitpid(pid, 0)


def ends_within(pidfd: int, seconds: float = PATIENCE_S) -> bool:
    """Wait until the process of a pidfd has ended; return whether it did."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path
