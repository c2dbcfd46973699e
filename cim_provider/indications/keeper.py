"""The keeper of one server: stands by, claims when nobody delivers, and then holds.

Owns: the loop, and who delivers; docs/protocols/indications.md has the diagram.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from typing import Final

from cim_provider.engine import ClusterView, EngineState, NodeView
from cim_provider.indications import outbox
from cim_provider.indications.holder import Holder
from cim_provider.indications.keeping import ShelfError
from cim_provider.indications.matching import Matcher
from cim_provider.indications.outbox import Holding
from cim_provider.indications.picture import Picture
from cim_provider.indications.registry import Registry
from cim_provider.indications.shelf import (
    ALIVE,
    HOLDER,
    NUMBERS,
    OUT,
    RAISED,
    Code,
    Item,
    revision_of,
)
from cim_provider.indications.standby import Standby
from cim_provider.indications.surroundings import Surroundings
from cim_provider.tasks import end_tasks

STALE_S: Final = 15.0
"""A holder whose count stands still for so long is taken for dead."""
STEP_S: Final = 1.0
BREATH_S: Final = 0.005
"""Between two steps: what comes meanwhile is told together."""
END_S: Final = 3.0
GONE: Final = frozenset({"lost", "left"})
SILENT: Final = "suspect"
"""State of a node that may soon be lost; to take over from one that is not costs some copies."""
AWAITED_S: Final = 0.15
"""One that is heard may have yet to report to a new coordinator; if it is well, it has by then. A
takeover from one that is late costs copies alone."""
AGAIN_S: Final = 5.0
"""So long after another took over from it while its node was well, a server does not take over from
one that is only silent: two that do not hear each other would take turns."""

log = logging.getLogger(__name__)


class Keeper:
    """Runs for as long as the server does; `wake` makes it look now."""

    def __init__(self, around: Surroundings, wake: asyncio.Event) -> None:
        self._around = around
        self._shelf = around.shelf
        self._wake = wake
        self._matcher = Matcher(Registry(), around.catalog, None)
        self._registry_revision = -1
        self._holder: Holder | None = None
        self._standby = Standby()
        self._seen: tuple[str, Picture] | None = None
        """Newest picture of a standby, with the version of its view."""
        self._holder_seen: tuple[int, float] = (-1, 0.0)
        self._awaited: tuple[str, float] = ("", 0.0)
        """The holder's node if it is suspect and heard, and since when."""
        self._taken_s = float("-inf")
        """When another took over from this server last although its node was well."""
        self._was_away = False
        """Whether this node's daemon was away while this server held: a takeover was due."""
        self._wanted_since_s: float | None = None
        self._is_loaded = False
        self._said = ""
        """What stood in the way at the last step."""

    @property
    def is_holder(self) -> bool:
        """Whether this server delivers."""
        return self._holder is not None

    async def run(self) -> None:
        """Hold or stand by until cancelled; then let go."""
        watches = [
            asyncio.create_task(self._watch_shelf(), name="watch the shelf"),
            asyncio.create_task(self._watch_view(), name="watch the view"),
            asyncio.create_task(self._watch_journal(), name="watch the journal"),
        ]
        try:
            while True:
                await self._step_safely()
                await asyncio.sleep(BREATH_S)
                try:
                    async with asyncio.timeout(STEP_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass  # time itself makes things due
                self._wake.clear()
        finally:
            await end_tasks(*watches)
            await self._around.direct.stop()
            await self._let_go()

    async def _watch_shelf(self) -> None:
        while True:
            await self._shelf.changed(self._shelf.revision)
            self._wake.set()

    async def _watch_view(self) -> None:
        async for _ in self._around.engine.changes(""):
            self._wake.set()

    async def _watch_journal(self) -> None:
        engine = self._around.engine
        while True:
            await engine.event_after(engine.newest_event())
            self._wake.set()

    async def _step_safely(self) -> None:
        said = ""
        try:
            await self.step()
        except outbox.DamagedError as fault:
            said = f"indications stand still: {fault}"
        except (ShelfError, sqlite3.Error) as fault:
            said = f"indications wait: {fault}"
        if said and said != self._said:
            log.error("%s", said)
        self._said = said

    async def step(self) -> None:
        """Do once what is due."""
        items, now_s = self._shelf.items, self._around.now_s()
        registry, revision = self._around.reader.read(items)
        if revision != self._registry_revision:
            self._matcher = Matcher(registry, self._around.catalog, self._matcher)
            self._registry_revision = revision
        if registry.subscriptions:
            view = await self._around.engine.view()
            self._around.direct.look(view, registry, self._matcher)
        if not self._shelf.is_reached:
            return
        if not registry.subscriptions:
            self._wanted_since_s = None
        elif self._wanted_since_s is None:
            self._wanted_since_s = now_s
        if self._holder is not None:
            await self._hold(self._holder, items, registry, revision)
        else:
            await self._stand_by(items, now_s)

    async def _hold(
        self, holder: Holder, items: Mapping[str, Item], registry: Registry, revision: int
    ) -> None:
        view = await self._around.engine.view()
        self._was_away = self._was_away or view.engine is not EngineState.RUNNING
        if revision_of(items, HOLDER) != holder.revision:
            if not self._was_away:
                self._taken_s = self._around.now_s()
            await self._lose("another server holds")
            return
        await holder.step(registry, revision, self._matcher)
        if holder.lost:
            await self._lose(holder.lost)

    # --- standing by ---------------------------------------------------------------------

    def _load(self, items: Mapping[str, Item], cluster: str) -> None:
        """Once: take what an earlier run left on the disk of this cluster, if the shelf has all
        since.
        """
        if self._is_loaded:
            return
        self._is_loaded = True
        base = self._around.store.load() if self._around.store is not None else None
        if base is not None and base.cluster == cluster:
            later = range(base.position, outbox.read_numbers(items, NUMBERS).batch)
            if all(outbox.key_of(each) in items for each in later):
                self._standby.begin(base.picture)

    async def _stand_by(self, items: Mapping[str, Item], now_s: float) -> None:
        self._standby.note(items, now_s)
        view = await self._around.engine.view()
        if view.engine is not EngineState.RUNNING:
            return
        self._load(items, view.cluster_id)
        holding = outbox.read_holding(items, HOLDER)
        is_mine = holding is None or holding.node in ("", view.local_node)
        sign = max(revision_of(items, HOLDER), revision_of(items, ALIVE))
        is_dead = self._is_dead(holding, sign, view, now_s)
        has_work = any(key.startswith((OUT, RAISED)) for key in items)
        if (self._wanted_since_s is not None or has_work) and (is_mine or is_dead):
            await self._claim(revision_of(items, HOLDER), view.local_node, holding)
        elif self._matcher.watched and view.quorate and self._standby.is_due(now_s):
            self._standby.see(await self._picture(view), now_s, is_well=not is_dead)
            base = self._standby.base()
            if base is not None:
                await self._around.save(base, outbox.read_numbers(items, NUMBERS).batch)

    def _is_dead(self, holding: Holding | None, sign: int, view: ClusterView, now_s: float) -> bool:
        """Return whether the holder is gone, or shows no sign of life."""
        if sign != self._holder_seen[0]:
            self._holder_seen = (sign, now_s)
        if holding is None or self._wanted_since_s is None:
            return False
        node = next((node for node in view.nodes if node.name == holding.node), None)
        state = node.state if node is not None else "left"
        is_silent = self._is_silent(node, now_s)
        is_again = now_s - self._taken_s < AGAIN_S
        # A daemon that has just begun knows nobody yet: only a coordinator says who is gone.
        if view.quorate and (state in GONE or (is_silent and not is_again)):
            return True
        return now_s - max(self._holder_seen[1], self._wanted_since_s) >= STALE_S

    def _is_silent(self, node: NodeView | None, now_s: float) -> bool:
        """Return whether a node is suspect, and has had the time to report if it is heard."""
        is_suspect = node is not None and node.state == SILENT
        if node is None or not is_suspect or not node.is_heard:
            self._awaited = ("", 0.0)
            return is_suspect
        if self._awaited[0] != node.name:
            self._awaited = (node.name, now_s)
            asyncio.get_running_loop().call_later(AWAITED_S, self._wake.set)
        return now_s - self._awaited[1] >= AWAITED_S

    async def _picture(self, view: ClusterView) -> Picture:
        seen = self._seen
        if seen is None or seen[0] != view.version or seen[1].watched != self._matcher.watched:
            seen = self._seen = (view.version, await self._around.picture(self._matcher.watched))
        return seen[1]

    async def _claim(self, revision: int, node: str, holding: Holding | None) -> None:
        text = outbox.write(Holding(node, self._around.start))
        # What the last holder has told is known here, or another has told more meanwhile.
        told = {NUMBERS: revision_of(self._shelf.items, NUMBERS)}
        written = await self._shelf.write({HOLDER: text}, {HOLDER: revision, **told})
        if not written.ok:
            if written.code is not Code.STALE:
                log.warning("this server cannot deliver indications: %s", written.text)
            return
        before = f" after {holding.node}" if holding is not None and holding.node != node else ""
        log.info("this server delivers indications%s", before)
        self._was_away = False
        self._standby.note(self._shelf.items, self._around.now_s())
        self._holder = Holder(self._around, written.revision, self._standby.base())
        self._standby, self._seen = Standby(), None
        self._wake.set()

    async def _lose(self, why: str) -> None:
        holder, self._holder = self._holder, None
        assert holder is not None
        log.info("this server delivers no indications any more: %s", why)
        await holder.stop()
        if holder.base is not None:
            self._standby.begin(holder.base)
        self._wake.set()

    async def _let_go(self) -> None:
        holder, self._holder = self._holder, None
        if holder is None:
            return
        await holder.stop()
        try:
            async with asyncio.timeout(END_S):
                await holder.let_go()
        except TimeoutError:
            log.info("the shelf does not answer: another server takes over in %g s", STALE_S)
