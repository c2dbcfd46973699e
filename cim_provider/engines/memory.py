"""An engine without a cluster: a view in memory that obeys commands at once.

Owns: the fake that stands beside the port, for tests and for trying the
provider alone. It behaves as the port promises: equal versions are equal views,
a command is refused with a sentence or its effect is in the next view. There is
no clock: every change is one second after the last.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Final

from cim_provider.commands import Control, Question, RunService, Told
from cim_provider.edits import Edit, EditError
from cim_provider.engine import (
    Change,
    CloneView,
    ClusterView,
    Command,
    Done,
    EngineState,
    FenceNode,
    InstanceView,
    NodeView,
    Outcome,
    Pending,
    PrimitiveView,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.engines import memory_control, memory_edits
from cim_provider.views.journal import CoreEvent

STEP_MS: Final = 1000
"""Time between two changes."""
_AWAY: Final = Refused("away", "the cluster service on this node does not answer")


class MemoryEngine:
    """Implements `ClusterEngine`; may be changed from other threads than the one that asks it.

    Args:
        view: what is there at first; its version is replaced.
    """

    def __init__(self, view: ClusterView) -> None:
        self._count = 1
        self._view = replace(view, version="1")
        self._watchers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._events: list[CoreEvent] = []
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self.given: list[tuple[Command, str]] = []
        """Every command with its author."""
        self.answer: Outcome | None = None
        """What every command is answered instead of being carried out."""
        self.edits: list[tuple[Edit, str]] = []
        """Every edit with its author."""
        self.asked: list[Question] = []
        """Every question."""

    @property
    def now(self) -> ClusterView:
        """The view."""
        return self._view

    async def view(self) -> ClusterView:
        """See `ClusterEngine`."""
        return self._view

    async def changes(self, since: str) -> AsyncIterator[Change]:
        """See `ClusterEngine`."""
        while True:
            changed = asyncio.Event()
            self._watchers[changed] = asyncio.get_running_loop()
            try:
                if self._view.version == since:
                    await changed.wait()
            finally:
                del self._watchers[changed]
            since = self._view.version
            yield Change(since)

    def newest_event(self) -> int:
        """See `ClusterEngine`."""
        return len(self._events)

    def recent_events(self, most: int) -> tuple[CoreEvent, ...]:
        """See `ClusterEngine`."""
        return tuple(self._events[-most:])

    async def events(self, since: int) -> tuple[CoreEvent, ...]:
        """See `ClusterEngine`."""
        return tuple(self._events[max(since, 0) :][:1000])

    async def event_after(self, since: int) -> None:
        """See `ClusterEngine`."""
        while len(self._events) <= since:
            arrived = asyncio.Event()
            self._waiters[arrived] = asyncio.get_running_loop()
            try:
                await arrived.wait()
            finally:
                del self._waiters[arrived]

    def happened(self, kind: str, subject: str, text: str = "", **more: object) -> None:
        """Write an event into the journal; `more` are fields of `CoreEvent`."""
        number = len(self._events) + 1
        event = CoreEvent(
            number, self._view.local_node, self._view.last_change_wall_ms, kind, subject, text
        )
        event = replace(event, source=f"{event.node} 1", number=number)
        self._events.append(replace(event, **more))  # type: ignore[arg-type]  # fields by their names
        for arrived, loop in list(self._waiters.items()):
            loop.call_soon_threadsafe(arrived.set)

    async def submit(self, command: Command, author: str, within_s: float | None = None) -> Outcome:
        """See `ClusterEngine`."""
        self.given.append((command, author))
        if self.answer is not None:
            return self.answer
        refusal = self._refusal(command)
        if refusal is not None:
            return refusal
        self._carry_out(command, author)
        if isinstance(command, Control):
            return Done(memory_control.result_of(command))
        return self._reached(command)

    async def ask(self, question: Question) -> Told | Refused:
        """See `ClusterEngine`."""
        self.asked.append(question)
        if self._view.engine is not EngineState.RUNNING:
            return _AWAY
        return memory_control.answer(self._view, question)

    async def submit_all(self, commands: tuple[Command, ...], author: str) -> tuple[Outcome, ...]:
        """See `ClusterEngine`."""
        return tuple([await self.submit(each, author) for each in commands])

    async def edit(self, edit: Edit, author: str) -> Done | Refused:
        """See `ClusterEngine`."""
        self.edits.append((edit, author))
        if isinstance(self.answer, Refused):
            return self.answer
        view = self._view
        if view.engine is not EngineState.RUNNING:
            return _AWAY
        if not view.quorate:
            return Refused("no-quorum", "there is no quorum: bring back nodes")
        if edit.base not in (None, view.revision):
            text = f"the configuration is at revision {view.revision}, not {edit.base}: look again"
            return Refused("stale", text)
        try:
            lists = memory_edits.edited(view, edit.changes)
        except EditError as fault:
            return Refused(fault.code, str(fault))
        wall_ms = view.last_change_wall_ms + STEP_MS
        self.become(
            **lists,
            revision=view.revision + 1,
            last_change_author=author,
            last_change_wall_ms=wall_ms,
        )
        return Done()

    def become(self, **changes: object) -> None:
        """Change the view; every change gets a new version and a second of its own."""
        self._count += 1
        view = replace(self._view, **changes)  # type: ignore[arg-type]  # fields by their names
        self._view = replace(view, version=str(self._count))
        for changed, loop in list(self._watchers.items()):
            loop.call_soon_threadsafe(changed.set)

    def change_primitive(self, name: str, **changes: object) -> None:
        """Change one primitive."""
        self.become(primitives=_changed(self._view.primitives, {name: changes}))

    def change_node(self, name: str, **changes: object) -> None:
        """Change one node."""
        self.become(
            nodes=tuple(
                replace(node, **changes) if node.name == name else node  # type: ignore[arg-type]  # fields by their names
                for node in self._view.nodes
            )
        )

    def _refusal(self, command: Command) -> Refused | None:
        view = self._view
        if isinstance(command, RunService):
            return None
        if view.engine is not EngineState.RUNNING:
            return _AWAY
        if isinstance(command, Control):
            refusal = memory_control.refusal_of(view, command)
            if refusal is not None:
                return refusal
        elif isinstance(command, SetNodeStandby | SetNodeMaintenance | FenceNode):
            if not any(node.name == command.node for node in view.nodes):
                return memory_control.no_node(command.node)
        elif not self._members(command.resource):
            return memory_control.no_resource(command.resource)
        if not view.quorate:
            return Refused("no-quorum", "there is no quorum: bring back nodes")
        return None

    def _carry_out(self, command: Command, author: str) -> None:
        wall_ms = self._view.last_change_wall_ms + STEP_MS
        self.become(
            revision=self._view.revision + 1,
            last_change_author=author,
            last_change_wall_ms=wall_ms,
        )
        if isinstance(command, Control):
            changed = memory_control.after(self._view, command)
            self.become(**{each.name: getattr(changed, each.name) for each in fields(changed)})
        self._obey(command)
        self._place()

    def _obey(self, command: Command) -> None:
        match command:
            case StartResource(resource=name):
                self._want(name, "started")
            case StopResource(resource=name):
                self._want(name, "stopped")
            case RestartResource(resource=name):
                for member in self._members(name):
                    self._start(member, member.nodes)
            case SetNodeStandby(node=name, standby=standby, lifetime_ms=bound_ms):
                end_ms = self._view.last_change_wall_ms + bound_ms if bound_ms else 0
                state = "standby" if standby else "online"
                self.change_node(name, state=state, standby_until_wall_ms=end_ms)
            case SetNodeMaintenance(node=name, maintenance=maintenance):
                self.change_node(name, state="maintenance" if maintenance else "online")
            case SetResourceManaged(resource=name, managed=managed):
                self._manage(name, managed)
            case FenceNode(node=name, off=off):
                node = next(each for each in self._view.nodes if each.name == name)
                is_back, starts = not off, node.generation + (not off)
                state = node.state if is_back else "lost"
                self.change_node(
                    name, state=state, generation=starts, fenced_by="" if is_back else "switch"
                )
            case _:
                pass  # what is no command of the port itself has been carried out before

    def _want(self, name: str, role: str) -> None:
        changes: dict[str, dict[str, object]] = {
            member.id: {"target_role": role} for member in self._members(name)
        }
        self.become(
            primitives=_changed(self._view.primitives, changes),
            groups=tuple(
                replace(group, target_role=role) if group.id == name else group
                for group in self._view.groups
            ),
            clones=self._changed_clones(name, target_role=role),
        )

    def _manage(self, name: str, managed: bool) -> None:
        changes: dict[str, dict[str, object]] = {
            member.id: {"managed": managed} for member in self._members(name)
        }
        self.become(
            primitives=_changed(self._view.primitives, changes),
            groups=tuple(
                replace(group, managed=managed) if group.id == name else group
                for group in self._view.groups
            ),
            clones=self._changed_clones(name, managed=managed),
        )

    def _changed_clones(self, name: str, **changes: object) -> tuple[CloneView, ...]:
        return tuple(
            replace(each, **changes) if each.id == name else each  # type: ignore[arg-type]  # fields by their names
            for each in self._view.clones
        )

    def _place(self) -> None:
        """Stop what is not wanted or where it may not be, and start what is wanted elsewhere."""
        free = [node.name for node in self._view.nodes if _may_run(node)]
        left_alone = {node.name for node in self._view.nodes if node.state == "maintenance"}
        for primitive in self._view.primitives:
            wanted = primitive.target_role != "stopped"
            count = len(free) if primitive.clone else 1
            nodes = tuple(node for node in primitive.nodes if node in free)[:count]
            if not primitive.managed or left_alone & set(primitive.nodes):
                continue
            if not wanted or not (nodes or free):
                self.change_primitive(primitive.id, state="stopped", nodes=(), instances=())
            elif primitive.clone and set(nodes) != set(free):
                self._start(primitive, tuple(free))
            elif not nodes:
                self._start(primitive, self._home(primitive, free))

    def _home(self, primitive: PrimitiveView, free: list[str]) -> tuple[str, ...]:
        """Return where the first of its group is, else the first node that may run it."""
        first = next(
            (each for each in self._view.primitives if primitive.group == each.group != ""), None
        )
        settled = [node for node in first.nodes if node in free] if first is not None else []
        return (*settled, *free)[:1]

    def _start(self, primitive: PrimitiveView, nodes: tuple[str, ...]) -> None:
        wall_ms = self._view.last_change_wall_ms
        self.change_primitive(
            primitive.id,
            state="started" if nodes else "stopped",
            nodes=nodes,
            instances=tuple(
                InstanceView(node, "started", 0, "", wall_ms, primitive.id) for node in nodes
            ),
        )

    def _reached(self, command: Command) -> Outcome:
        """Return whether the view is as the command wanted."""
        if isinstance(command, SetNodeStandby):
            running = [p.id for p in self._view.primitives if command.node in p.nodes]
            is_empty = not command.standby or not running
            return (
                Done() if is_empty else Pending(f"accepted, but {command.node} runs {running[0]}")
            )
        if not isinstance(command, StartResource | StopResource | RestartResource):
            return Done()
        wanted = "stopped" if isinstance(command, StopResource) else "started"
        waiting = [each for each in self._members(command.resource) if each.state != wanted]
        return (
            Pending(f"accepted, but {waiting[0].id} is {waiting[0].state}") if waiting else Done()
        )

    def _members(self, name: str) -> tuple[PrimitiveView, ...]:
        return memory_control.members_of(self._view, name)


def _may_run(node: NodeView) -> bool:
    return node.state == "online" and not node.is_witness


def _changed(
    primitives: tuple[PrimitiveView, ...], changes: dict[str, dict[str, object]]
) -> tuple[PrimitiveView, ...]:
    return tuple(
        replace(each, **changes[each.id]) if each.id in changes else each  # type: ignore[arg-type]  # fields by their names
        for each in primitives
    )
