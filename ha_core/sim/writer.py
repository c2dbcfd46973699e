"""What one daemon writes: transactions one at a time, events of the journal behind them.

Owns: the write under way, and what becomes of it when the daemon or the
machine dies: lost, done and not acknowledged, or torn.
"""

from collections.abc import Callable

from ha_core.effects import Persist
from ha_core.journal import JournalEvent
from ha_core.sim.disk import Disk
from ha_core.sim.world import US_PER_MS, World


class Writer:
    """The way to a disk, which may be exchanged while the machine is off."""

    def __init__(self, world: World, disk: Disk) -> None:
        self._world = world
        self.disk = disk
        self.slowest_us = 2 * US_PER_MS
        """A transaction takes so long at most."""
        self._under_way: Persist | None = None
        self._unwritten: set[int] = set()
        self._life = 0

    @property
    def is_busy(self) -> bool:
        """Return whether a transaction is under way."""
        return self._under_way is not None

    def is_writing(self, record: Persist) -> bool:
        """Return whether this very transaction is under way."""
        return self._under_way is record

    def write(self, record: Persist, then: Callable[[], None]) -> int:
        """Begin a transaction; return how long it takes, in microseconds of true time."""
        self._under_way = record
        life = self._life

        def synced() -> None:
            if self._life == life:
                self.disk.commit(record)
                self._under_way = None
                then()

        spent_us = self._world.random.randrange(self.slowest_us + 1)
        self._world.after(spent_us, synced)
        return spent_us

    def write_behind(self, event: JournalEvent) -> None:
        """Write an event when there is time."""
        self._world.states[f"event {event.kind}"] += 1
        self._unwritten.add(event.seq)
        life = self._life

        def written() -> None:
            if self._life == life:
                self.disk.keep(event)
                self._unwritten.discard(event.seq)

        self._world.after(self.slowest_us, written)

    def die(self) -> None:
        """The daemon is gone: decide what becomes of the write under way; events behind it are
        lost.
        """
        self._life += 1
        if self._unwritten:
            self._world.faults["events lost unwritten"] += 1
        self._unwritten.clear()
        record, self._under_way = self._under_way, None
        if record is None:
            return
        roll = self._world.random.randrange(10)
        if roll < 4:
            self._world.faults["writes lost"] += 1
        elif roll < 7:
            self._world.faults["writes done but not acknowledged"] += 1
            self.disk.commit(record)
        else:
            self._world.faults["writes torn"] += 1
            self.disk.tear(record)
