"""Turns of the event loop: whoever works long hands over after a few milliseconds.

Owns: the one clock by which all long work in the loop is cut into pieces.
"""

import asyncio
from time import monotonic
from typing import Final

TURN_S: Final = 0.004
"""A request that comes meanwhile waits for one turn of each long answer."""


class Turns:
    """Implements `Turn`; one for all tasks of a loop."""

    def __init__(self) -> None:
        self._until_s = 0.0

    async def __call__(self) -> None:
        """Let others have their turn if this one has been long enough."""
        if monotonic() >= self._until_s:
            await asyncio.sleep(0)
            self._until_s = monotonic() + TURN_S
