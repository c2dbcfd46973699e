"""Claims: where a service may run by all that could be known, seen from outside (rule S4).

Owns: one claim for each service that a machine began, until there is proof
that it has ended. That it *has* ended is no proof: somebody must be able to
know it. Proofs are a stop or a probe that the daemon heard of, a lease that has
run out in true time, and an operator's word on that incarnation.
"""

from dataclasses import dataclass

from ha_core.agents.registry import guard_of
from ha_core.config.model import Primitive
from ha_core.ids import Generation, ResourceId


@dataclass(slots=True)
class Claim:
    """A service that was begun; `lease_end_us` is fixed when its daemon ends."""

    primitive: Primitive
    generation: Generation
    lease_end_us: int | None = None


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

    def daemon_ended(self, lease_end_us: int) -> None:
        """Nothing renews the lease any more."""
        for claim in self._open.values():
            if claim.lease_end_us is None:
                claim.lease_end_us = lease_end_us

    def operator_said(self, generation: Generation) -> None:
        """An operator's word on this incarnation, and so on all before it, is in the log."""
        self._open = {r: c for r, c in self._open.items() if c.generation > generation}

    def standing(self, resource: ResourceId, lease_end_us: int, now_us: int) -> Claim | None:
        """Return the claim if nothing proves its end; `lease_end_us`: of the running daemon."""
        claim = self._open.get(resource)
        if claim is None:
            return None
        end_us = lease_end_us if claim.lease_end_us is None else claim.lease_end_us
        if guard_of(claim.primitive).bounded and now_us >= end_us:
            return None
        return claim
