"""Planted faults in what enforces a lease: guardian, kernel gate, declared gates, operators."""

import pytest

from ha_core.agents import registry
from ha_core.config.model import Primitive
from ha_core.coordinator import definitions
from ha_core.sim.gate import KernelGate
from ha_core.sim.guardian import Guardian
from ha_core.sim.machine import Machine
from ha_core.transition.local import LocalResources


def guardian_forgets_the_lease(patch: pytest.MonkeyPatch) -> None:
    """The guardian ends what it holds when its daemon dies, and not when the lease does."""
    patch.setattr(Guardian, "_look", lambda self: self.until_ms or self._end())


def guardian_sleeps_on_after_the_machine(patch: pytest.MonkeyPatch) -> None:
    """The guardian's timer does not count while the machine sleeps: it looks later."""

    def later(self: Guardian) -> None:
        self._look_at(self._world.now_us + 200_000)

    patch.setattr(Guardian, "awake", later)


def guardian_outlives_its_daemon(patch: pytest.MonkeyPatch) -> None:
    """A dead daemon's services run on; nobody holds their lease."""
    patch.setattr(Guardian, "orphaned", lambda self: self.die())


def gate_stays_open(patch: pytest.MonkeyPatch) -> None:
    """The kernel's elements never end."""
    patch.setattr(KernelGate, "is_open", lambda self: True)


def lapsed_addresses_answer_in_another_stay(patch: pytest.MonkeyPatch) -> None:
    """A lease of a later admission lets answer what nobody has taken away since the last one."""
    patch.setattr(LocalResources, "is_clear", lambda self: True)


def prepared_addresses_answer(patch: pytest.MonkeyPatch) -> None:
    """A node that gets ready for an address puts it on its interface already."""
    prepare = Machine.prepare

    def hasty(self: Machine, primitive: Primitive) -> None:
        prepare(self, primitive)
        self.begin(primitive)

    patch.setattr(Machine, "prepare", hasty)


def unguarded_counts_as_guarded(patch: pytest.MonkeyPatch) -> None:
    """A takeover without proof: nothing ends an unguarded service of a lost node."""
    guard = registry.Guard("guardian", "", True)
    patch.setattr(definitions, "guard_of", lambda primitive, gates=None, **rest: guard)


def watchdog_is_fed_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    """The guardian feeds the watchdog as long as it lives."""
    patch.setattr(Machine, "_may_feed", lambda self: self.guardian.is_alive)
