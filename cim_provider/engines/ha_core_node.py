"""What a console asks of the node that answers: to run its daemon, and to invite a machine.

Owns: the way to both. The daemon is started and ended as `ha start` and `ha stop`
do it; where this server runs as another user than the daemon, that is refused in
words. Calls block for as long as a daemon takes to end.
"""

import asyncio
from pathlib import Path
from typing import Final

from cim_provider.commands import ServiceAction
from cim_provider.engine import Done, Outcome, Pending, Refused
from ha_core.config.kinds import show_place
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.layout import Layout
from ha_core.runtime import launch
from ha_core.runtime.admission import invite
from ha_core.runtime.peers import endpoints
from ha_core.snapshot import ClusterSnapshot

END_S: Final = 90.0
_CURE: Final = "the WBEM server may not do that as its user: run '{}' on this node"


class NodeService:
    """The daemon of this node as a console starts and ends it: one thing at a time."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._doing: asyncio.Task[Done | Refused] | None = None

    async def run(self, action: ServiceAction, within_s: float | None) -> Outcome:
        """Do it and wait, for `within_s` seconds at most; it goes on whether waited for or not."""
        if self._doing is not None and not self._doing.done():
            return Refused("busy", "the cluster service of this node is being started or ended")
        work = asyncio.to_thread(run_service, self._root, action)
        self._doing = asyncio.create_task(work, name=f"{action} the cluster service")
        done, _ = await asyncio.wait({self._doing}, timeout=within_s)
        if not done:
            return Pending(f"the cluster service of this node is not done yet: {action}")
        return self._doing.result()


def run_service(root: Path | None, action: ServiceAction) -> Done | Refused:
    """Start, end or restart the daemon of this node and wait until that is done."""
    layout = Layout(root)
    try:
        pid = launch.running_pid(layout)
        if pid is not None and action is not ServiceAction.START and not launch.stop(pid, END_S):
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


def invitation(root: Path | None, snapshot: ClusterSnapshot, minutes: int) -> Done | Refused:
    """Make a token, as `ha token` does."""
    if not snapshot.quorate:
        return Refused("no-quorum", "without quorum no node is taken in: bring back nodes")
    places = tuple(
        (str(item.link), show_place(item.host, item.port))
        for item in endpoints(snapshot.configuration, snapshot.local)
    )
    try:
        return Done(invite(Layout(root).invitations, places, minutes * 60))
    except PermissionError:
        return Refused("failed", _CURE.format("ha token"))
    except (HaError, OSError) as fault:
        return Refused("failed", str(fault))
