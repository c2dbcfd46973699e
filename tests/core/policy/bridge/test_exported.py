"""What the bridge asks is what the exported CIB asks: a fresh cluster starts alike by both ways.

Clones, roles, tickets and room: made-up configurations are planned once as the daemon does, and
once by `ha policy --cib` as an exported CIB.
"""

from hypothesis import HealthCheck, given, settings

from ha_core.config.cib.settle import bare
from ha_core.config.cib.write import write
from ha_core.config.model import Configuration
from ha_core.config.units import plain
from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import plan
from ha_core.policy.transition import ActionKind
from tests.core.config.cib import simulate
from tests.core.policy import case
from tests.core.policy.bridge.wide import wide_cases

OBSERVED = ("on", "ticket")


def exported(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Return where the exported CIB's plan starts everything."""
    found = plan(read_cib(simulate.fresh(configuration).encode()))
    names = [spot.node.name for spot in found.board.nodes]
    places: dict[str, set[str]] = {}
    for item, roles in found.outcome.roles.items():
        places.setdefault(item.partition(":")[0], set()).update(names[node] for node in roles)
    elements = write(bare(configuration)[0]).resources
    return {
        item.id: frozenset(places.get(elements[item.id].id, ()))
        for item in configuration.primitives
    }


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(wide_cases(is_calm=True))
def test_fresh_cluster_starts_as_its_exported_cib_would(text: str) -> None:
    kept = [line for line in text.splitlines() if line.split()[0] not in OBSERVED]
    made = case.read("\n".join(kept))
    starts = [a.key for a in made.plan().actions if a.key.kind is ActionKind.START]
    ours = {
        item.id: frozenset(key.node for key in starts if plain(key.resource) == item.id)
        for item in made.configuration.primitives
    }
    assert ours == exported(made.configuration)
