"""The engine over Beatkeeper's own cluster: one followed snapshot, commands that wait.

Owns: the connection to the node's daemon, and when the effect of a command has
been seen. What a snapshot means in the provider's words is `ha_core_view`'s. Knows
nothing of CIM.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Generator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from cim_provider.commands import (
    ApplyConfiguration,
    ClearEventLog,
    Diagnose,
    Invite,
    MakeReport,
    Plain,
    Question,
    RunService,
    Told,
    UndoRevision,
)
from cim_provider.edits import Edit
from cim_provider.engine import (
    Change,
    ClusterView,
    Command,
    Done,
    EngineState,
    OtherClusterError,
    Outcome,
    Pending,
    Refused,
)
from cim_provider.engines.ha_core_again import Again
from cim_provider.engines.ha_core_control import goal_of, translated
from cim_provider.engines.ha_core_editing import give
from cim_provider.engines.ha_core_events import JournalFollower
from cim_provider.engines.ha_core_examiner import Examiner
from cim_provider.engines.ha_core_history import Kept, Reader
from cim_provider.engines.ha_core_node import NodeService
from cim_provider.engines.ha_core_snapshots import SnapshotReader
from cim_provider.engines.ha_core_view import CAPABILITIES, Parts, Translator, view_of
from cim_provider.tasks import end_tasks
from cim_provider.views.journal import CoreEvent
from ha_core.cli import goals
from ha_core.client import Client
from ha_core.commands import SetTicket
from ha_core.errors import ConfigError, ConnectError, HaError, RefusedError, WireError
from ha_core.ids import Millis
from ha_core.snapshot import ClusterSnapshot

FIRST_VIEW_S: Final = 2.0
"""How long a reader waits for the first snapshot after the start."""
WATCH_MS: Final[Millis] = 500
"""A daemon is asked for changes at least this often, …"""
ANSWER_S: Final = 1.5
"""… and has so much longer to answer: a hung one is noticed within two seconds."""
FETCH_GAP_S: Final = 0.05
"""Snapshots are large and may change with every heartbeat: at most 20 a second are fetched."""
EFFECT_S: Final = 10.0
"""How long a command waits for its effect."""
STUCK_S: Final = 3.0
"""A cluster that rests short of the goal for so long will not reach it by itself."""
FAULTS_TOLD_MAX: Final = 20
"""Of a text with more faults the others are only counted."""
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class HaCoreEngine:
    """Implements `ClusterEngine` on a node of the cluster; use as an asynchronous context manager.

    Args:
        root: directory that holds the node's etc, lib and run; None for the system's.
        effect_s: how long commands wait for their effect, in seconds.
    """

    def __init__(self, root: Path | None = None, *, effect_s: float = EFFECT_S) -> None:
        self._root = root
        self._service = NodeService(root)
        self._follower_client = Client(root, read=SnapshotReader().reply)
        self._command_client = Client(root)
        self._again = Again(root)
        self._journal = JournalFollower(root)
        self._examiner = Examiner(root)
        self._effect_s = effect_s
        self._product = ""
        self._cluster_id = ""
        self._snapshot: ClusterSnapshot | None = None
        self._view = _never_seen()
        self._translator = Translator()
        self._kept = Kept()
        self._connections = 0
        self._views = 0
        self._away = "the cluster has not been asked yet"
        """Why the cluster cannot be asked, in words."""
        self._editing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tried = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow(), name="follow the cluster")
        self._journal.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await end_tasks(self._following)
        await self._journal.stop()
        await self._follower_client.close()
        await self._command_client.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        own = () if self._following is None else (self._following,)
        return (*own, *self._journal.background)

    async def view(self) -> ClusterView:
        """Return the newest view; costs nothing once the first one is there."""
        if not self._tried.is_set():
            try:
                async with asyncio.timeout(FIRST_VIEW_S):
                    await self._tried.wait()
            except TimeoutError:
                return self._view
        return self._view

    async def changes(self, since: str) -> AsyncIterator[Change]:
        """Yield a change whenever the view differs from version `since`, then from the last."""
        while True:
            changed = self._changed
            if self._view.version != since:
                since = self._view.version
                yield Change(since)
            else:
                await changed.wait()

    def newest_event(self) -> int:
        """See `ClusterEngine`."""
        return self._journal.newest

    def recent_events(self, most: int) -> tuple[CoreEvent, ...]:
        """See `ClusterEngine`."""
        return self._journal.events[-most:]

    async def events(self, since: int) -> tuple[CoreEvent, ...]:
        """See `ClusterEngine`."""
        return await self._journal.since(since)

    async def event_after(self, since: int) -> None:
        """See `ClusterEngine`."""
        await self._journal.after(since)

    async def submit(self, command: Command, author: str, within_s: float | None = None) -> Outcome:
        """Give the command on behalf of `author` and wait, bounded, for its effect."""
        await self.view()
        before = self._snapshot
        if isinstance(command, RunService):
            log.info("%s asks for the cluster service to %s", author, command.action)
            return await self._service.run(command.action, within_s, author)
        if before is None or self._view.engine is not EngineState.RUNNING:
            return Refused("away", self._away)
        client = self._command_client
        try:
            if isinstance(command, Invite):
                return Done(await client.invite(command.minutes * 60, author, command.node))
            revisions = await client.history() if isinstance(command, UndoRevision) else ()
            if isinstance(command, ApplyConfiguration):
                # A long text takes seconds to read: others are served meanwhile.
                given = await asyncio.to_thread(translated, command, before)
            else:
                given = translated(command, before, revisions)
            accepted = await client.command(given, author=author)
        except RefusedError as fault:
            return Refused(fault.code, str(fault))
        except ConfigError as fault:
            return Refused("invalid", _first_faults(fault))
        except (ConnectError, WireError) as fault:
            return Refused("timeout", f"whether the command was accepted is not known: {fault}")
        if not accepted.ok:
            return Refused(accepted.code, accepted.text or f"refused: {accepted.code}")
        if isinstance(command, ClearEventLog):
            through = command.through
            return await self._seen(lambda _: self._cleared(through), 0)
        goal = goal_of(command, given, before)
        # What is no edit has no revision of the configuration to wait for.
        revision = 0 if isinstance(given, SetTicket) else accepted.revision
        seen = await self._seen(goal, revision, within_s)
        return Done(accepted.text) if isinstance(seen, Done) else seen

    async def submit_all(self, commands: tuple[Command, ...], author: str) -> tuple[Outcome, ...]:
        """See `ClusterEngine`."""
        return tuple(await asyncio.gather(*(self.submit(each, author) for each in commands)))

    async def edit(self, edit: Edit, author: str) -> Done | Refused:
        """See `ClusterEngine`; returns once the view of this node has it, or after a while."""
        await self.view()
        snapshot = self._snapshot
        if snapshot is None or self._view.engine is not EngineState.RUNNING:
            return Refused("away", self._away)
        try:
            # One after the other: those of one server need not overtake each other.
            async with self._editing:
                outcome = await give(self._command_client, self._snapshot or snapshot, edit, author)
        except RefusedError as fault:
            return Refused(fault.code, str(fault))
        except (ConnectError, WireError) as fault:
            return Refused("timeout", f"whether the change was accepted is not known: {fault}")
        if not outcome.ok:
            return Refused(outcome.code, outcome.text or f"refused: {outcome.code}")
        await self._seen(lambda _: goals.Progress(True, ""), outcome.revision)
        return Done()

    async def ask(self, question: Question) -> Told | Refused:
        """See `ClusterEngine`; of what the cluster looks like now."""
        if isinstance(question, Diagnose | MakeReport):
            return await self._examiner.ask(question)  # it has most to say where the daemon is away
        await self.view()
        snapshot = self._snapshot
        if snapshot is None or self._view.engine is not EngineState.RUNNING:
            return Refused("away", self._away)
        try:
            # What is foreseen may take a while with many resources: others are served meanwhile.
            return await asyncio.to_thread(_told, question, snapshot)
        except RefusedError as fault:
            return Refused(fault.code, str(fault))
        except ConfigError as fault:
            return Refused("invalid", _first_faults(fault))

    def _cleared(self, through: int) -> goals.Progress:
        """Return whether the event log is shown from behind an event on."""
        return goals.Progress(self._kept.cleared >= through, "the log is not cleared here yet")

    async def _seen(
        self, goal: goals.Goal, revision: int, within_s: float | None = None
    ) -> Outcome:
        """Wait until the goal is reached in a view that holds the revision."""
        clock = asyncio.get_running_loop().time
        patience_s = self._effect_s if within_s is None else min(within_s, self._effect_s)
        deadline_s, resting_since_s = clock() + patience_s, None
        while True:
            changed, snapshot = self._changed, self._snapshot
            assert snapshot is not None, "a snapshot once seen is kept"
            progress = goal(snapshot)
            is_current = self._view.engine is EngineState.RUNNING and snapshot.revision >= revision
            if is_current and progress.reached:
                return Done()
            now_s = clock()
            is_stuck = is_current and progress.stuck
            resting_since_s = (resting_since_s or now_s) if is_stuck else None
            until_s = min(deadline_s, (resting_since_s or now_s) + STUCK_S)
            if now_s >= until_s:
                return Pending(f"accepted, but {progress.text}")
            try:
                async with asyncio.timeout_at(until_s):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_connection()
            except (HaError, TimeoutError) as fault:
                self._lose(fault)
            await self._again.pause()

    async def _follow_connection(self) -> None:
        """Keep the view up to date until the daemon is lost. Raises OtherClusterError, too."""
        client, clock = self._follower_client, asyncio.get_running_loop().time
        greeting = await _bounded(client.hello(), ANSWER_S)
        if self._cluster_id and greeting.cluster not in ("", self._cluster_id):
            raise OtherClusterError
        self._product, self._cluster_id = version_of(greeting.product), greeting.cluster
        self._connections += 1
        reader = Reader(client, self._journal)
        while True:
            fetched_s = clock()
            snapshot = await _bounded(client.snapshot(), ANSWER_S + WATCH_MS / 1000)
            await self._become_running(snapshot, self._kept)
            version = snapshot.version
            while version == snapshot.version:
                if await reader.catch_up(snapshot):
                    await self._become_running(snapshot, reader.kept)
                watching = client.changed(snapshot.version, WATCH_MS)
                version = await _bounded(watching, ANSWER_S + WATCH_MS / 1000)
            gap_s = fetched_s + FETCH_GAP_S - clock()
            if gap_s > 0:
                await asyncio.sleep(gap_s)

    async def _become_running(self, snapshot: ClusterSnapshot, kept: Kept) -> None:
        parts = await _in_turns(self._translator.parts(snapshot, kept))
        if self._view.engine is not EngineState.RUNNING:
            log.info("the daemon of node %s answers", snapshot.local)
        self._snapshot, self._kept = snapshot, kept
        view = view_of(snapshot, self._view.version, self._product, kept, parts)
        view = replace(view, cluster_id=self._cluster_id)
        if view != self._view:
            # A daemon that was started anew may count its versions from the beginning.
            self._views += 1
            view = replace(view, version=f"{self._connections}.{snapshot.version}.{self._views}")
        else:
            # Much of a snapshot changes with every heartbeat and is not in the view: answers that
            # are kept by version would never be used twice.
            view = self._view
        self._publish(view)

    def _lose(self, fault: HaError | TimeoutError) -> None:
        """Say that the cluster cannot be asked; what was seen last stays in the view."""
        is_stopped = isinstance(fault, ConnectError) and isinstance(
            fault.__cause__, FileNotFoundError | ConnectionRefusedError
        )
        state = EngineState.STOPPED if is_stopped else EngineState.NOT_ANSWERING
        if self._view.engine is not state or not self._tried.is_set():
            log.warning("the cluster is %s: %s", state, str(fault) or "no answer in time")
        self._away = str(fault) or "the cluster service on this node does not answer"
        version = f"{self._connections}.{state}"
        if self._view.version != version:
            self._publish(replace(self._view, version=version, engine=state))
        self._tried.set()

    def _publish(self, view: ClusterView) -> None:
        self._view = view
        self._tried.set()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def version_of(product: str) -> str:
    """Return the version in how a daemon introduces itself: a name may stand before it."""
    return product.rpartition(" ")[2]


def _first_faults(fault: ConfigError) -> str:
    """Return the faults, one line each, as many as somebody reads at once."""
    more = len(fault.faults) - FAULTS_TOLD_MAX
    rest = (f"and at least {more} more faults: mend these first",) if more > 0 else ()
    return "\n".join((*fault.faults[:FAULTS_TOLD_MAX], *rest))


async def _in_turns(making: Generator[None, None, Parts]) -> Parts:
    """Return what is made, letting others have their turn between its parts."""
    while True:
        try:
            next(making)
        except StopIteration as done:
            parts: Parts = done.value
            return parts
        await asyncio.sleep(0)


def _told(question: Plain, snapshot: ClusterSnapshot) -> Told:
    """See `ha_core_answers.told`; to be called in a thread."""
    # What foresees is as large as all else here, and few ask: it is loaded with the first question.
    from cim_provider.engines.ha_core_answers import told

    return told(question, snapshot)


async def _bounded(question: Coroutine[object, object, _T], seconds: float) -> _T:
    async with asyncio.timeout(seconds):
        return await question


def _never_seen() -> ClusterView:
    return ClusterView(
        version="0",
        engine=EngineState.NOT_ANSWERING,
        name="",
        product_version="",
        local_node="",
        capabilities=CAPABILITIES,
    )
