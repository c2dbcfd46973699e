"""Long reads let others have their turn."""

import asyncio

import pytest

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from cim_provider.mapping.turns import EVERY
from cim_provider.server.turns import Turns
from cim_provider.wbem import operations
from cim_provider.wbem.operations import OpenEnumeration, Opening
from tests.cim.mapping.views import IDENTITY, MODEL, cluster, node_path, primitive, schema

COUNT = 500
WHOLE = operations.EnumerateInstanceNames(MODEL, "HA_PrimitiveResource")
QUERY = "SELECT Id FROM HA_PrimitiveResource WHERE Id LIKE '%9'"
FILTER = Opening("DMTF:FQL", "Id LIKE '.*9'", objects_max=1000)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (WHOLE, COUNT),
        (operations.AssociatorNames(MODEL, node_path("n1")), COUNT),
        (operations.ReferenceNames(MODEL, node_path("n1")), COUNT),
        (operations.ExecQuery(MODEL, "WQL", QUERY), COUNT // 10),
        (OpenEnumeration(MODEL, WHOLE, FILTER), COUNT // 10),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_long_read_hands_over_again_and_again(asked: operations.Operation, count: int) -> None:
    turns = []

    async def turn() -> None:
        turns.append(1)

    resources = tuple(primitive(f"p{number:03}", "n1") for number in range(COUNT))
    engine = MemoryEngine(cluster(primitives=resources, groups=()))
    pulls = Pulls(lambda: 0.0, lambda: "context")
    mapping = Mapping(schema(), engine, IDENTITY, pulls=pulls, turn=turn)
    answer = asyncio.run(mapping.perform(asked, "ann"))
    found = answer.objects if isinstance(answer, operations.Page) else answer
    assert isinstance(found, operations.Instances | operations.Paths)
    assert len(found.items) >= count
    assert len(turns) >= COUNT // EVERY


def test_others_have_their_turn_while_one_works_long() -> None:
    async def race() -> list[str]:
        turn, seen = Turns(), []

        async def work() -> None:
            for _ in range(1_000_000):
                await turn()
                if "other" in seen:
                    break
            seen.append("work")

        async def other() -> None:
            seen.append("other")

        await asyncio.gather(work(), other())
        return seen

    assert asyncio.run(race()) == ["other", "work"]
