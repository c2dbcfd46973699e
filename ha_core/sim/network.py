"""The simulated network: several links, each with delay, loss, repetition, reordering and
partitions.

Owns: what becomes of a datagram. As on real links, every copy is heard, and
only the first of each datagram is delivered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ha_core.ids import LinkName, NodeName
from ha_core.messages import Message
from ha_core.sim.world import US_PER_MS, World

DeliverFn = Callable[[NodeName, int, LinkName, int, Message], None]
"""Receiver's side: sender, sender's generation, link, datagram number, message."""


@dataclass(slots=True)
class Weather:
    """Rates of all links, in permille, and delays in microseconds."""

    loss_permille: int = 0
    repeat_permille: int = 0
    delay_us: int = 200
    jitter_us: int = 300
    spike_permille: int = 0
    spike_us: int = 50 * US_PER_MS


class Network:
    """All links of one simulated cluster."""

    def __init__(self, world: World, links: tuple[LinkName, ...]) -> None:
        self._world = world
        self._links = links
        self.weather = Weather()
        self._receivers: dict[NodeName, DeliverFn] = {}
        self._cut: set[tuple[NodeName, NodeName, LinkName]] = set()
        self._number = 0

    def attach(self, name: NodeName, deliver: DeliverFn) -> None:
        """Plug a node in."""
        self._receivers[name] = deliver

    def cut(self, sender: NodeName, receiver: NodeName, links: tuple[LinkName, ...] = ()) -> None:
        """Lose everything from `sender` to `receiver` on these links (all if none is named)."""
        for link in links or self._links:
            self._cut.add((sender, receiver, link))

    def heal(self) -> None:
        """Mend every cut."""
        self._cut.clear()

    def send(self, sender: NodeName, generation: int, receiver: NodeName, message: Message) -> None:
        """Send one datagram on every link."""
        self._number = number = self._number + 1
        deliver, cut, weather = self._receivers.get(receiver), self._cut, self.weather
        for link in self._links:
            if cut and (sender, receiver, link) in cut:
                is_mutual = (receiver, sender, link) in cut
                kind = "partition" if is_mutual else "one-way partition"
                self._world.faults[f"datagrams lost in a {kind}"] += 1
                continue
            copies = 1
            if weather.repeat_permille and self._chance(weather.repeat_permille):
                copies = 2
                self._world.faults["datagrams repeated"] += 1
            for _ in range(copies):
                delay_us = self._delay_us(weather)
                if delay_us is not None and deliver is not None:
                    arrive = partial(deliver, sender, generation, link, number, message)
                    self._world.after(delay_us, arrive)

    def _delay_us(self, weather: Weather) -> int | None:
        """Draw how long a copy is under way; None if it is lost."""
        if weather.loss_permille and self._chance(weather.loss_permille):
            self._world.faults["datagrams lost"] += 1
            return None
        delay_us = weather.delay_us + int(self._world.random.random() * weather.jitter_us)
        if weather.spike_permille and self._chance(weather.spike_permille):
            self._world.faults["datagrams delayed"] += 1
            delay_us += self._world.random.randrange(weather.spike_us + 1)
        return delay_us

    def _chance(self, permille: int) -> bool:
        return self._world.random.random() * 1000 < permille
