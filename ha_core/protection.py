"""What protects each resource from a second owner: its guard, the wait, and what would shorten it.

Owns: the sentences and the number that `ha status`, `ha why` and WBEM show. Pure: from the
configuration and what every node has declared of its gates.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.agents.registry import Guard, exclusivity_of, guard_of
from ha_core.config.model import Exclusivity, Primitive
from ha_core.facts import Facts
from ha_core.fencing.rules import can_fence
from ha_core.gates import Gates
from ha_core.ids import Millis, NodeName
from ha_core.timers import with_drift


@dataclass(frozen=True, slots=True)
class Protection:
    """Of one resource; `wait_ms` None: a takeover waits for somebody's word."""

    guard: str
    sentence: str
    wait_ms: Millis | None
    shorter: tuple[str, ...]
    """What would make a takeover quicker, one sentence each."""


def protection_of(primitive: Primitive, facts: Facts, where: Iterable[NodeName]) -> Protection:
    """Return what protects a primitive that may run on these nodes; of one that runs nowhere, what
    would on the node that protects it worst.
    """
    hosts = (node.name for node in facts.configuration.nodes if not node.witness)
    places = tuple(where) or tuple(hosts)
    found = [(name, _guard(primitive, facts, name)) for name in places]
    name, guard = max(found, key=_weakness, default=(facts.local, guard_of(primitive)))
    wait_ms = None
    if guard.bounded or primitive.meta.accept_risk:
        dead_ms = max(facts.timers.dead_after_ms, with_drift(facts.timers.run_lease_ms))
        wait_ms = dead_ms + (with_drift(guard.extra_ms) if guard.extra_ms else 0)
    return Protection(
        guard.name, guard.sentence, wait_ms, tuple(_shorter(primitive, facts, name, guard))
    )


def _guard(primitive: Primitive, facts: Facts, node: NodeName) -> Guard:
    gates = facts.gates.get(node, Gates())
    # Without its storage a node goes on with all that writes nothing.
    power = exclusivity_of(primitive) is not Exclusivity.DEVICE
    return guard_of(primitive, gates, fenced=can_fence(facts.configuration, node, power=power))


def _weakness(found: tuple[NodeName, Guard]) -> tuple[bool, Millis, str]:
    name, guard = found
    return not guard.bounded, guard.extra_ms, name


def _shorter(primitive: Primitive, facts: Facts, node: NodeName, guard: Guard) -> Iterable[str]:
    if guard.cure:
        yield guard.cure.replace("NODE", node)
    if not guard.bounded and not primitive.meta.accept_risk:
        yield "'accept_risk' accepts a takeover without proof; 'exclusivity: none' asks for none"
    if guard.bounded or primitive.meta.accept_risk:
        yield f"a dead_after below {facts.timers.dead_after_ms} ms"
