"""Claims: where a service may run by all that could be known, seen from outside (rule S4).

Owns: one claim for each service that a machine began, until there is proof
that it has ended. That it *has* ended is no proof: somebody must be able to
know it. Proofs are a stop or a probe that the daemon heard of, a lease that has
run out in true time, and an operator's or a fence device's word on that
incarnation.
"""

from dataclasses import dataclass

from ha_core.agents.registry import as_exclusive, guard_of
from ha_core.config.model import Primitive
from ha_core.config.units import plain
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, ResourceId


@dataclass(slots=True)
class Claim:
    """A service that was begun; `lease_until_ms` (by the machine's clock) is fixed when its
    daemon ends."""

    primitive: Primitive
    generation: Generation
    lease_until_ms: Millis | None = None


class Claims:
    """Claims of one machine."""

    def __init__(self) -> None:
        self._open: dict[ResourceId, Claim] = {}

    def begin(self, primitive: Primitive, generation: Generation) -> None:
        """The machine begins a service."""
        self._open[primitive.id] = Claim(primitive, generation)

    def prove(self, resource: ResourceId) -> None:
        """The daemon has heard that the service is not there."""
        self._open.pop(resource, None)

    def daemon_ended(self, lease_until_ms: Millis) -> None:
        """Nothing renews the lease any more."""
        for claim in self._open.values():
            if claim.lease_until_ms is None:
                claim.lease_until_ms = lease_until_ms

    def was_ended(self, generation: Generation) -> None:
        """The word of an operator, or of a device, on this incarnation is in the log: it, and all
        before it, have ended.
        """
        self._open = {r: c for r, c in self._open.items() if c.generation > generation}

    def names(self, primitive: Primitive) -> tuple[ResourceId, ...]:
        """Return under which names it may run here: its own, and those that it had before it was
        cloned, uncloned or made unique. Instances of a unique clone are not each other.
        """
        own = primitive.id
        return (
            own,
            *(
                name
                for name in sorted(self._open)
                if plain(name) == plain(own) and (":" in name) != (":" in own)
            ),
        )

    def standing(
        self, resource: ResourceId, lease_until_ms: Millis, now_ms: Millis, gates: Gates
    ) -> Claim | None:
        """Return the claim if nothing proves its end; `lease_until_ms`: of the running daemon,
        `gates`: what the machine has beside its guardian.
        """
        claim = self._open.get(resource)
        if claim is None:
            return None
        until_ms = lease_until_ms if claim.lease_until_ms is None else claim.lease_until_ms
        # What might run twice when it began goes on, if nothing held it: see edits of exclusivity.
        guard = guard_of(as_exclusive(claim.primitive), gates)
        if guard.bounded and now_ms >= until_ms + guard.extra_ms:
            return None
        return claim
