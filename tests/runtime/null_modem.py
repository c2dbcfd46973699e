"""Two pseudo-terminals joined like serial ports by a null-modem cable, for tests."""

import asyncio
import os
import tty
from collections.abc import Callable


class NullModem:
    """What is written to one end is read from the other; `spoil` may change it on its way."""

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        self.ends = [os.ttyname(slave) for slave in self._slaves]
        self.spoil: Callable[[bytes], bytes] = bytes
        self.carried = 0
        self._moved = asyncio.Event()
        for slave in self._slaves:
            tty.setraw(slave)
        for number, master in enumerate(self._masters):
            os.set_blocking(master, False)
            asyncio.get_running_loop().add_reader(master, self._carry, number)

    def inject(self, end: int, data: bytes) -> None:
        """Let noise come out at that end."""
        os.write(self._masters[end], data)

    async def until(self, carried: int) -> None:
        """Wait until so many bytes were carried."""
        async with asyncio.timeout(5.0):
            while self.carried < carried:
                self._moved.clear()
                await self._moved.wait()

    def pull(self) -> None:
        """Take the cable and both ports away."""
        for master in self._masters:
            asyncio.get_running_loop().remove_reader(master)
        for handle in (*self._slaves, *self._masters):
            os.close(handle)
        self._masters, self._slaves = [], []

    def _carry(self, number: int) -> None:
        data = os.read(self._masters[number], 65_536)
        self.carried += len(data)
        self._moved.set()
        spoilt = self.spoil(data)
        if spoilt:
            os.write(self._masters[1 - number], spoilt)
