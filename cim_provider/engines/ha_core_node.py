"""What a console asks of the node that answers: to run its daemon, and to invite a machine.

Owns: the way to both. A daemon that runs is asked over its control socket, since this server may
run without rights; one that does not is started as by `ha start`, and where this server may not,
that is refused in words.
"""

import asyncio
from pathlib import Path
from typing import Final

from cim_provider.commands import ServiceAction
from cim_provider.engine import Done, Outcome, Pending, Refused
from ha_core.client import Client
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.layout import Layout
from ha_core.runtime import launch

END_S: Final = 90.0
WATCH_MS: Final = 10_000
AGAIN_S: Final = 0.2
"""So often it is looked whether a daemon that begins answers, or one that ends has ended."""
_CURE: Final = "the WBEM server may not do that as its user: run '{}' on this node"


class NodeService:
    """The daemon of this node as a console starts and ends it: one thing at a time."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._doing: asyncio.Task[Done | Refused] | None = None

    async def run(self, action: ServiceAction, within_s: float | None, author: str) -> Outcome:
        """Do it and wait, for `within_s` seconds at most; it goes on whether waited for or not."""
        before = self._doing
        if before is not None and not before.done() and action is not ServiceAction.START:
            return Refused("busy", "the cluster service of this node is being started or ended")
        work = self._run(action, author, before)
        self._doing = asyncio.create_task(work, name=f"{action} the cluster service")
        done, _ = await asyncio.wait({self._doing}, timeout=within_s)
        if not done:
            return Pending(f"the cluster service of this node is not done yet: {action}")
        return self._doing.result()

    async def _run(
        self, action: ServiceAction, author: str, before: asyncio.Task[Done | Refused] | None
    ) -> Done | Refused:
        """Do it when what was asked before is done."""
        if before is not None:
            await asyncio.wait({before})
        try:
            async with asyncio.timeout(END_S):
                if action is ServiceAction.START:
                    if await self._stays():
                        return Done()
                elif await self._by_daemon(author, again=action is ServiceAction.RESTART):
                    return Done()
        except TimeoutError:
            return Refused("timeout", f"had goes on ending after {END_S:g} s")
        return await asyncio.to_thread(run_service, self._root, action)

    async def _stays(self) -> bool:
        """Wait until a daemon answers that does not end, or none is there; return which."""
        layout = Layout(self._root)
        while launch.running_pid(layout) is not None:
            try:
                async with Client(self._root) as client:
                    if not (await client.snapshot()).leaving:
                        return True
            except HaError:
                pass  # it ends, or has just begun
            await asyncio.sleep(AGAIN_S)
        return False

    async def _by_daemon(self, author: str, *, again: bool) -> bool:
        """Let the daemon end and wait for that; return whether it could be asked."""
        async with Client(self._root) as client:
            try:
                version = (await client.snapshot()).version
                await client.end(again=again, author=author)
            except (ConnectError, RefusedError):
                return False  # it does not run, or nothing would start it again
            try:
                while True:
                    version = await client.changed(version, WATCH_MS)
            except HaError:
                pass  # it has ended
        while again:
            try:
                async with Client(self._root) as client:
                    await client.hello()
                return True
            except HaError:
                await asyncio.sleep(AGAIN_S)
        return True


def run_service(root: Path | None, action: ServiceAction) -> Done | Refused:
    """Start, end or restart the daemon of this node and wait until that is done."""
    layout = Layout(root)
    try:
        pid = launch.running_pid(layout)
        is_to_end = pid is not None and action is not ServiceAction.START
        if pid is not None and is_to_end and not launch.stop(layout, pid, END_S):
            return Refused("timeout", f"had (process {pid}) goes on ending after {END_S:g} s")
        if action is ServiceAction.STOP:
            return Done()
        if action is ServiceAction.RESTART or pid is None:
            launch.start(layout)
        return Done()
    except (RefusedError, PermissionError):
        return Refused("failed", _CURE.format(f"ha {action}"))
    except (ConnectError, OSError) as fault:
        return Refused("failed", str(fault))
