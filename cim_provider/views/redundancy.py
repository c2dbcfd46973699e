"""Who can stand in for whom, as values of a view.

Owns: which nodes may run each resource, and what starts only after something else has. Knows
nothing of CIM, nor of who manages the cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class MayRun:
    """The nodes that a resource may run on, whatever their state is now."""

    resource: str
    """A primitive; what contains it may run where all of its primitives may."""
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartsAfter:
    """A resource that must be started before another one is."""

    first: str
    then: str


@dataclass(frozen=True)
class Redundancy:
    """All of it. A primitive that is not listed may run on every node."""

    may_run: tuple[MayRun, ...] = ()
    orders: tuple[StartsAfter, ...] = ()

    @cached_property
    def nodes_of(self) -> Mapping[str, frozenset[str]]:
        """Return the nodes that each primitive may run on, by its id."""
        return {each.resource: frozenset(each.nodes) for each in self.may_run}
