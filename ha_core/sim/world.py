"""The world: true time, the heap of what is due, and the one source of chance.

Owns: time (whole microseconds) and order. Everything else of the simulator
schedules callbacks here; equal seeds give equal runs.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random

US_PER_MS = 1000


class World:
    """Clock, heap, randomness and the running digest of everything that happened."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_us = 0
        self.events = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._digest = blake2b(digest_size=12)
        self.trace: list[str] | None = None
        self.faults: Counter[str] = Counter()
        """What went wrong, by kind: shows that the storm is one."""
        self.states: Counter[str] = Counter()
        """What the clusters were like, by kind: shows what the seeds have covered."""

    def at(self, when_us: int, action: Callable[[], None]) -> None:
        """Do something at a true time; ties in the order of asking."""
        self._sequence += 1
        heappush(self._heap, (max(when_us, self.now_us), self._sequence, action))

    def after(self, delay_us: int, action: Callable[[], None]) -> None:
        """Do something after a delay."""
        self._sequence += 1
        when_us = self.now_us + delay_us if delay_us > 0 else self.now_us
        heappush(self._heap, (when_us, self._sequence, action))

    def run_until(self, end_us: int) -> None:
        """Let time pass to `end_us`."""
        heap = self._heap
        while heap and heap[0][0] <= end_us:
            self.now_us, _, action = heappop(heap)
            self.events += 1
            action()
        self.now_us = end_us

    def note(self, text: str) -> None:
        """Add a line to the trace (and its digest)."""
        line = f"{self.now_us / 1000:.3f} {text}"
        self._digest.update(line.encode())
        if self.trace is not None:
            self.trace.append(line)

    def digest(self) -> str:
        """Return the digest of the run so far, 24 hexadecimal digits: of the trace, of how much
        has happened, and of every number that was drawn.
        """
        digest = self._digest.copy()
        digest.update(repr((self.now_us, self.events, self._sequence)).encode())
        digest.update(repr(self.random.getstate()).encode())
        return digest.hexdigest()
