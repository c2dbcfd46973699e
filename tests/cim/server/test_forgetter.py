"""What is kept of what is configured no more goes, and nothing else does."""

import asyncio
from dataclasses import replace
from pathlib import Path

from cim_provider.drafts import NAMES, DraftStore
from cim_provider.engine import EngineState
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.figures_held import Figures
from cim_provider.server.forgetter import LOOKS_STRANGE, Forgetter, Gone
from cim_provider.views.figures import NodeFigures
from cim_provider.views.journal import CoreEvent
from tests.cim.mapping.views import cluster, primitive

PARAMETER = ("parameter", "state")


def name_it(known: dict[tuple[str, str], str]) -> None:
    """Call a parameter something."""
    known[PARAMETER] = "mine"


def started(resource: str, seq: int) -> CoreEvent:
    """Return the event of a start."""
    return CoreEvent(seq, "n1", seq, "resource-started", resource, "it was started")


class Place:
    """A server's parts around one cluster in memory."""

    def __init__(self) -> None:
        self.engine = MemoryEngine(cluster())
        self.shelf = SqliteShelf(Path(":memory:"))
        self.drafts, self.figures = DraftStore(self.shelf), Figures()
        self.forgetter = Forgetter(self.engine, self.drafts, self.figures)
        self._usual = cluster().primitives
        self.seq = 0

    def configure(self, *names: str) -> None:
        """Have the usual resources and these."""
        more = tuple(primitive(name) for name in names)
        self.engine.become(primitives=(*self._usual, *more))

    def start(self, name: str) -> None:
        """Let a resource be started."""
        self.seq += 1
        self.figures.count([started(name, self.seq)])

    @property
    def named(self) -> set[str]:
        """Return of what the shelf has names."""
        return {key.removeprefix(NAMES) for key in self.shelf.items if key.startswith(NAMES)}


def test_thousand_resources_that_were_made_and_deleted_leave_nothing() -> None:
    async def work() -> None:
        place = Place()
        usual = cluster().primitives[0].id
        place.start(usual)
        await place.drafts.call(usual, name_it)
        for number in range(1_000):
            name = f"r{number}"
            place.configure(name)
            place.start(name)
            await place.drafts.call(name, name_it)
            await place.forgetter.look()
            assert name in place.named
            place.configure()
            await place.forgetter.look()
        assert place.named == {usual}
        assert place.figures.tally.resources.keys() == {usual}
        place.shelf.close()

    asyncio.run(work())


def test_names_that_come_before_their_resource_stay_for_a_while_and_go_in_the_end() -> None:
    async def work() -> None:
        place = Place()
        await place.drafts.call("early", name_it)
        for _ in range(LOOKS_STRANGE - 1):
            await place.forgetter.look()
        assert place.named == {"early"}
        await place.forgetter.look()
        assert place.named == set()
        place.shelf.close()

    asyncio.run(work())


def test_figures_of_a_node_that_was_removed_go() -> None:
    async def work() -> None:
        place = Place()
        here = {node.name for node in cluster().nodes}
        place.figures.become(NodeFigures(name) for name in (*here, "n9"))
        place.engine.become(nodes=(*cluster().nodes, replace(cluster().nodes[0], name="n9")))
        await place.forgetter.look()
        assert place.figures.node("n9") is not None
        place.engine.become(nodes=cluster().nodes)
        await place.forgetter.look()
        assert place.figures.names == here
        place.shelf.close()

    asyncio.run(work())


def test_nothing_is_forgotten_while_the_cluster_cannot_be_asked() -> None:
    async def work() -> None:
        place = Place()
        place.configure("web2")
        await place.drafts.call("web2", name_it)
        await place.forgetter.look()
        place.engine.become(engine=EngineState.STOPPED, primitives=())
        await place.forgetter.look()
        assert place.named == {"web2"}
        place.shelf.close()

    asyncio.run(work())


def test_a_name_that_is_configured_again_is_not_gone() -> None:
    gone = Gone()
    assert gone.among({"a"}, frozenset({"a"})) == set()
    assert gone.among({"a"}, frozenset()) == {"a"}
    assert gone.among({"a"}, frozenset({"a"})) == set()
