"""When the node's daemon is tried again after its connection was lost.

Owns: the pause between two tries. A daemon that has started anew has a new control socket, and is
tried at once; until then a look at the socket's file costs next to nothing.
"""

import asyncio
from pathlib import Path
from typing import Final, TypeAlias

from ha_core.layout import Layout

RETRY_S: Final = 0.5
"""A daemon whose socket is the same is tried so often: it may hang, or be about to listen."""
LOOK_S: Final = 0.05
_NEW_LOOKS: Final = 10
"""So many looks long a new socket is tried at each of them: it is there before anybody listens."""

Signature: TypeAlias = tuple[int, int] | None


class Again:
    """The pauses of one follower of the daemon of the node whose files are below `root`."""

    def __init__(self, root: Path | None = None) -> None:
        self._socket = Layout(root).control_socket
        self._seen = self._signature()
        self._eager = 0

    async def pause(self) -> None:
        """Wait until the daemon should be tried again, `RETRY_S` at most."""
        for _ in range(round(RETRY_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            found = self._signature()
            if found != self._seen:
                self._seen, self._eager = found, _NEW_LOOKS if found else 0
            if self._eager:
                self._eager -= 1
                return

    def _signature(self) -> Signature:
        """Return what tells this socket from a later one of the same name; None: there is none."""
        try:
            found = self._socket.stat()
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns
