"""Consoles are told when redundancy is lost and when it is back."""

from pathlib import Path

from cim_provider.engines.memory import MemoryEngine
from tests.cim.indications.rig import Listener, Node, listening, run, until
from tests.cim.mapping.views import cluster

STANDING = (
    "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_RedundancySet"
    " AND SourceInstance.RedundancyStatus <> PreviousInstance.RedundancyStatus"
)
"""The filter that consoles of storage clusters keep."""
MEMBERS = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_ResourceRedundancySet"


def changes(listener: Listener) -> list[tuple[str, int, int]]:
    """Return which set went from what to what, each once, in order."""
    return [
        (
            str(each["SourceInstance"]["InstanceID"]).removeprefix("LinuxHA:set:"),
            int(each["PreviousInstance"]["RedundancyStatus"]),
            int(each["SourceInstance"]["RedundancyStatus"]),
        )
        for each in listener.distinct()
    ]


def test_standing_filter_tells_of_the_loss_and_the_return_of_redundancy(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, STANDING)
            engine.change_node("n3", attributes=(("rack", "b"),))
            await until(lambda: node.keeper.is_holder)
            engine.change_node("n2", state="standby")
            await listener.wait(1)
            assert changes(listener) == [("rsc:web", 2, 3)], "its only spare is cold now"
            engine.become(votes=3, votes_missing=("n3",))
            await listener.wait(2)
            engine.change_primitive("db", state="failed")
            await listener.wait(3)
            engine.change_node("n2", state="online")
            await listener.wait(4)
            engine.become(votes=4, votes_missing=())
            await listener.wait(5)
            engine.change_primitive("db", state="started")
            await listener.wait(6)
        assert changes(listener)[1:] == [
            ("nodes", 2, 4),
            ("rsc:db", 2, 5),
            ("rsc:web", 3, 2),
            ("nodes", 4, 2),
            ("rsc:db", 5, 2),
        ]
        await node.stop()

    run(work)


def test_a_failover_is_told_as_another_member_of_the_set(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, MEMBERS)
            engine.change_node("n3", attributes=(("rack", "b"),))
            await until(lambda: node.keeper.is_holder)
            engine.change_primitive("db", nodes=("n3",))
            await listener.wait(1)
            (told,) = listener.distinct()
        assert list(told["PreviousInstance"]["MemberNames"]) == ["n2"]
        assert list(told["SourceInstance"]["MemberNames"]) == ["n3"]
        assert list(told["SourceInstance"]["SpareNames"]) == ["n1", "n2"]
        await node.stop()

    run(work)
