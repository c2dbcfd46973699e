"""The muster: was every voter seen once since the cluster began?

Owns: what `wait_for_all` waits for. A cluster that was down as a whole may begin
with a majority that lacks its newest member; whoever is still missing might run
what would now be started. Complete once, it stays so until every daemon that
knows of it has ended. Source: votequorum(5), "wait_for_all".
"""

from collections.abc import Iterable

from ha_core.ids import NodeName


class Muster:
    """Who has been seen, in one term of a coordinator."""

    def __init__(self, *, is_complete: bool) -> None:
        self.is_complete = is_complete
        self._seen: set[NodeName] = set()

    def look(self, voters: Iterable[NodeName], online: Iterable[NodeName]) -> tuple[NodeName, ...]:
        """Take who is there; return the voters that are still awaited, sorted."""
        self._seen.update(online)
        awaited = () if self.is_complete else tuple(sorted(set(voters) - self._seen))
        self.is_complete = not awaited
        return awaited
