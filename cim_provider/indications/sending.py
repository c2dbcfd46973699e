"""One destination's queue: in order, with retries, for as long as it takes.

Owns: the queue in memory and the state of one destination; docs/protocols/
indications.md has the diagram. What is in it stands on the shelf. Whether a
delivery is fatal is told to `Keeper`, which knows the policies.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from cim_provider.indications.export import Delivery
from cim_provider.indications.outbox import Indication
from cim_provider.tasks import end_tasks

FIRST_RETRY_S: Final = 0.1
RETRY_PART: Final = 8
"""A listener that is back is found after that part of its absence."""

log = logging.getLogger(__name__)


def pause_s(lasting_s: float, interval_s: float) -> float:
    """Return how long to wait after a failure when all have failed for so long."""
    longest_s = max(interval_s, FIRST_RETRY_S)
    return min(max(lasting_s / RETRY_PART, FIRST_RETRY_S), longest_s)


class Sender(Protocol):
    """Sends one indication to the destination."""

    async def send(self, instance: str) -> Delivery:
        """Return whether it was taken."""
        ...

    async def close(self) -> None:
        """Give up what is kept open."""
        ...


class Queue:
    """The indications of one destination, oldest first.

    Args:
        context: names the numbering.
        sent: what was taken before; older ones are not sent again.
        sender: how they are sent.
        interval_s: longest time between two tries, read at each.
        taken: called after each that was taken.
        failed: called after each that was not, with the number of tries and for how long, in
            seconds, all have failed.
    """

    def __init__(
        self,
        context: str,
        sent: int,
        sender: Sender,
        interval_s: Callable[[], float],
        taken: Callable[[], None],
        failed: Callable[[str, int, float], None],
    ) -> None:
        self.context = context
        self.sent = sent
        """Number of the newest that was taken; -1 at first."""
        self._sender = sender
        self._interval_s = interval_s
        self._taken = taken
        self._failed = failed
        self._waiting: deque[Indication] = deque()
        self._newest = sent
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def has_ended(self) -> bool:
        """Whether it sends no more although nobody stopped it: that is a bug, and is logged."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return False
        log.error("sending to %s has ended", self.context, exc_info=self._task.exception())
        return True

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name=f"send {self.context}")

    async def stop(self) -> None:
        """Send no more; one that is under way may have arrived."""
        if self._task is not None:
            await end_tasks(self._task)
            self._task = None
        await self._sender.close()

    def add(self, indication: Indication) -> None:
        """Let one be sent, unless it was or waits already."""
        if indication.number > self._newest:
            self._newest = indication.number
            self._waiting.append(indication)
            self._more.set()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        tries, since_s = 0, 0.0
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            first = self._waiting[0]
            delivery = await self._sender.send(first.xml)
            if delivery.is_taken:
                if tries:
                    log.info("%s takes indications again, after %d tries", self.context, tries)
                self._waiting.popleft()
                self.sent = first.number
                tries = 0
                self._taken()
                continue
            since_s = since_s if tries else clock()
            tries += 1
            if tries == 1:
                log.warning(
                    "%s: number %d not taken: %s", self.context, first.number, delivery.text
                )
            lasting_s = clock() - since_s
            self._failed(self.context, tries, lasting_s)
            await asyncio.sleep(pause_s(lasting_s, self._interval_s()))
