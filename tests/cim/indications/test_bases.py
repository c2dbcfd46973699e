"""What a server keeps on its node's disk to compare with: for one cluster alone."""

from dataclasses import replace
from pathlib import Path

from cim_provider.engines.memory import MemoryEngine
from tests.cim.indications.rig import NODES_CHANGE, Node, listening, run
from tests.cim.mapping.views import cluster


def test_what_an_earlier_cluster_left_is_not_compared_with(tmp_path: Path) -> None:
    async def work() -> None:
        await _subscribed(tmp_path, "a" * 32)
        (tmp_path / "shelf.db").unlink()
        engine = MemoryEngine(replace(cluster(), cluster_id="b" * 32))
        engine.change_node("n3", state="lost")
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, NODES_CHANGE)
            engine.change_node("n2", state="lost")
            await listener.wait(1)
            assert [each["SourceInstance"]["Name"] for each in listener.got] == ["n2"]
        await node.stop()

    run(work)


async def _subscribed(directory: Path, cluster_id: str) -> None:
    """Run a server until its disk has what a subscriber was told last."""
    node = Node(MemoryEngine(replace(cluster(), cluster_id=cluster_id)), directory)
    with listening() as listener:
        await node.subscribe(listener.url, NODES_CHANGE)
        await node.stop()
