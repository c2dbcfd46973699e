"""The engines that the contract is tried with, each with handles on what it stands on.

Owns: one rig for each engine: three nodes, a group `shop` of `ip` and `web` on
n1, a primitive `db` on n2. A rig changes the cluster behind the engine's back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cim_provider.engine import (
    CloneView,
    ClusterEngine,
    ClusterView,
    EngineState,
    GroupView,
    InstanceView,
    NodeView,
    PrimitiveView,
)
from cim_provider.engines.ha_core import HaCoreEngine
from cim_provider.engines.memory import MemoryEngine
from ha_core import commands
from ha_core.commands import Outcome
from ha_core.config.model import Clone, Role
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Instance, InstanceState
from tests.fake_cluster import WALL_MS, FakeCluster, served


class Rig(Protocol):
    """An engine and the cluster behind it."""

    engine: ClusterEngine

    def lose_quorum(self) -> None:
        """Let the cluster lose quorum."""
        ...

    def clone_db(self) -> None:
        """Let the database be a clone `dbs` with roles on n1, promoted, and n2."""
        ...

    async def stop(self) -> None:
        """End the cluster service."""
        ...

    def stall(self) -> None:
        """Accept every command from now on, and do nothing."""
        ...

    def authors(self) -> list[str]:
        """Return who gave the commands so far."""
        ...


class MemoryRig:
    """The engine in memory, which is its own cluster."""

    def __init__(self) -> None:
        self.memory = MemoryEngine(_sample())
        self.engine: ClusterEngine = self.memory

    def lose_quorum(self) -> None:
        """See `Rig`."""
        self.memory.become(quorate=False)

    def clone_db(self) -> None:
        """See `Rig`."""
        roles = {"n1": "promoted", "n2": "unpromoted"}
        self.memory.change_primitive(
            "db",
            nodes=tuple(roles),
            clone="dbs",
            promoted=("n1",),
            instances=tuple(
                InstanceView(node, "started", id="db", role=role, promotion_score=10)
                for node, role in roles.items()
            ),
        )
        clone = CloneView(
            "dbs", "db", is_promotable=True, notifies=True, instances_wanted=2, instances_max=2
        )
        self.memory.become(clones=(clone,))

    async def stop(self) -> None:
        """See `Rig`."""
        self.memory.become(engine=EngineState.STOPPED)

    def stall(self) -> None:
        """See `Rig`: nothing can start where no node may run anything."""
        for name in ("n1", "n2", "n3"):
            self.memory.change_node(name, state="maintenance")

    def authors(self) -> list[str]:
        """See `Rig`."""
        return [author for _, author in self.memory.given]


class HaCoreRig:
    """The engine over a daemon's control socket, with a stand-in behind the socket."""

    def __init__(self, root: Path, engine: HaCoreEngine) -> None:
        self.cluster = FakeCluster()
        self.cluster.obey = self._obey
        self.engine: ClusterEngine = engine
        self._served = served(root, self.cluster)
        self._is_served = False

    async def start(self) -> None:
        """Serve the control socket."""
        await self._off_loop(self._served.__enter__)
        self._is_served = True

    async def stop(self) -> None:
        """See `Rig`."""
        if self._is_served:
            self._is_served = False
            await self._off_loop(lambda: self._served.__exit__(None, None, None))

    @staticmethod
    async def _off_loop(call: object) -> None:
        # The stand-in runs in a thread of its own and is waited for.
        await asyncio.get_running_loop().run_in_executor(None, call)  # type: ignore[arg-type]  # a call without arguments

    def _obey(self, command: commands.Command) -> Outcome:
        """Refuse what the real cluster refuses."""
        snapshot = self.cluster.now
        known = {"shop", *(item.id for item in snapshot.resources)}
        known |= {item.name for item in snapshot.nodes}
        subject = getattr(command, "resource", None) or getattr(command, "node", None)
        if subject not in known and not isinstance(command, commands.Apply):
            return Outcome("not-found", f"'{subject}' is not in the configuration")
        if not snapshot.quorate:
            return Outcome("no-quorum", "there is no quorum: bring back nodes")
        return self.cluster.carry_out(command)

    def lose_quorum(self) -> None:
        """See `Rig`."""
        self.cluster.become(quorate=False)

    def clone_db(self) -> None:
        """See `Rig`."""
        before = self.cluster.now
        roles = {"n1": Role.PROMOTED, "n2": Role.UNPROMOTED}
        name, others = ResourceId("db"), before.resources[1:]
        clone = Clone(ResourceId("dbs"), name, instances_max=2, promotable=True, notify=True)
        nodes = tuple(
            replace(
                status,
                instances=(
                    *(each for each in status.instances if each.resource != name),
                    *(
                        Instance(name, InstanceState.STARTED, role=role, promotion_score=10)
                        for node, role in roles.items()
                        if node == status.name
                    ),
                ),
            )
            for status in before.instances
        )
        changed = replace(
            before.resources[0],
            nodes=tuple(NodeName(node) for node in roles),
            clone=clone.id,
            promoted=(NodeName("n1"),),
            role="Promoted",
        )
        self.cluster.become(
            configuration=replace(before.configuration, clones=(clone,)),
            resources=(changed, *others),
            instances=nodes,
        )

    def stall(self) -> None:
        """See `Rig`."""
        self.cluster.obey = lambda _: Outcome("done", "", self.cluster.now.revision)

    def authors(self) -> list[str]:
        """See `Rig`."""
        return [author for _, author in self.cluster.given]


@asynccontextmanager
async def rig_of(kind: str, root: Path) -> AsyncIterator[Rig]:
    """Return the rig of an engine, `memory` or `ha_core`."""
    if kind == "memory":
        yield MemoryRig()
        return
    engine = HaCoreEngine(root, effect_s=1.0)
    rig = HaCoreRig(root, engine)
    await rig.start()
    try:
        async with engine:
            yield rig
    finally:
        await rig.stop()


def _sample() -> ClusterView:
    def primitive(name: str, node: str, group: str = "", position: int = 0) -> PrimitiveView:
        return PrimitiveView(
            name,
            *("process", "", ""),
            "started",
            (node,),
            group,
            position,
            target_role="started",
            instances=(InstanceView(node, "started", started_wall_ms=WALL_MS),),
        )

    return ClusterView(
        version="",
        engine=EngineState.RUNNING,
        name="demo",
        product_version="0.1.0",
        local_node="n1",
        revision=7,
        coordinator="n1",
        term=2,
        quorate=True,
        last_change_wall_ms=WALL_MS,
        nodes=tuple(NodeView(name, "online") for name in ("n1", "n2", "n3")),
        primitives=(
            primitive("db", "n2"),
            primitive("ip", "n1", "shop", 1),
            primitive("web", "n1", "shop", 2),
        ),
        groups=(GroupView("shop", ("ip", "web"), target_role="started"),),
    )
