"""The judge of journals: what one member has written down, all have.

Owns: the rule that no event stays with the few that heard of it, whoever
numbered it and whatever became of that coordinator.
"""

from collections.abc import Iterable, Sequence
from itertools import permutations

from ha_core.ids import NodeName
from ha_core.sim.checkers import Violations
from ha_core.sim.host import Host

NEWEST = 64
"""So many of each journal are looked for elsewhere: nodes that were away are given the newest."""
TOLD = 3
"""So many missing events are named."""


class OneJournal:
    """After healing the members' journals hold the same events."""

    def __init__(self, hosts: Sequence[Host], violations: Violations) -> None:
        self._hosts = hosts
        self._violations = violations

    def at_end(self, members: Iterable[NodeName], now_us: int) -> None:
        """Judge the newest events of every member that runs."""
        running = [h for h in self._hosts if h.name in members and h.node is not None]
        journals = {host.name: host.disk.journal for host in running}
        names = {name: {event.name for event in kept} for name, kept in journals.items()}
        for here, there in permutations(journals, 2):
            missing = [e for e in journals[here][-NEWEST:] if e.name not in names[there]]
            for event in missing[:TOLD]:
                text = f"{here} has event {event.seq} of {event.node} ({event.kind}), {there} not"
                self._violations.add(f"journal: {text} at {now_us // 1000} ms")
