"""Host names of peers become addresses, without the event loop ever waiting for a name server.

Owns: the answers, and when a name is asked again. Until a name is known nothing
is sent there; while a name server is silent the old answer stays good.
"""

import asyncio
import ipaddress
import logging
import socket
from typing import Final, TypeAlias

from ha_core.runtime.tasks import end_tasks

KEEP_S: Final = 60.0
"""How long an answer counts as fresh."""
AGAIN_S: Final = 5.0
"""Pause after a name server gave no answer."""
SocketAddress: TypeAlias = tuple[str, int]

log = logging.getLogger(__name__)


class Names:
    """Addresses of hosts for datagrams, by name or number."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int], SocketAddress] = {}
        self._ask_at: dict[tuple[str, int, int], float] = {}
        self._asking: dict[tuple[str, int, int], asyncio.Task[None]] = {}

    def address(self, host: str, port: int, family: int) -> SocketAddress | None:
        """Return where the host is as far as is known now, and have it asked if need be."""
        key = (host, port, family)
        if self._ask_at.get(key, 0.0) <= asyncio.get_running_loop().time():
            self._look_up(key)
        return self._found.get(key)

    async def settled(self) -> None:
        """Wait until every question under way is answered, or not."""
        await asyncio.gather(*self._asking.values())

    async def close(self) -> None:
        """Give up questions that are under way."""
        await end_tasks(*self._asking.values())

    def _look_up(self, key: tuple[str, int, int]) -> None:
        host, port, _ = key
        if _is_number(host):
            self._found[key] = (host, port)
            self._ask_at[key] = float("inf")
        elif key not in self._asking:
            self._asking[key] = asyncio.get_running_loop().create_task(self._ask(key))

    async def _ask(self, key: tuple[str, int, int]) -> None:
        host, port, family = key
        loop = asyncio.get_running_loop()
        pause_s = AGAIN_S
        try:
            answers = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
            self._found[key] = (str(answers[0][4][0]), port)
            pause_s = KEEP_S
        except OSError as fault:
            if key not in self._found:
                log.warning("host %s is not known yet (%s): asked again", host, fault.strerror)
        finally:
            self._ask_at[key] = loop.time() + pause_s
            del self._asking[key]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
