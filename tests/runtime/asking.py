"""A control socket with a made-up cluster behind it, and a client that asks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ha_core.client import Client

T = TypeVar("T")


def asking(root: Path, ask: Callable[[Client], Awaitable[T]]) -> T:
    async def work() -> T:
        async with Client(root) as client:
            return await ask(client)

    return asyncio.run(work())
