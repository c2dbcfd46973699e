"""Actions and the ties between them.

Owns: the shape of a plan's actions while it is made, and the finding of them. An action that is
not needed is kept only where a tie could make it needed. Starts, stops, promotions and demotions
of groups and clones are marks: nobody carries them out, but sequences pass through them, with one
action for the begin (`Task`) and one for the end (`Phase`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ha_core.policy.engine import ties
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.problem import Requires, Role, Task

if TYPE_CHECKING:
    from ha_core.policy.engine.notify import Round


class Phase(StrEnum):
    """Marks that are no tasks of anybody."""

    STARTED = "started"
    STOPPED = "stopped"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    GATE = "gate"
    """Enough members of a set can run."""
    FREED = "freed"
    """What a resource took of a node is free again."""
    NOTICE = "notice"
    """All of a round of notifications were sent, or may be sent now."""


END: dict[Task, Phase] = {
    Task.START: Phase.STARTED,
    Task.STOP: Phase.STOPPED,
    Task.PROMOTE: Phase.PROMOTED,
    Task.DEMOTE: Phase.DEMOTED,
}
BEGIN: dict[Phase, Task] = {phase: task for task, phase in END.items()}

INVERSE: dict[Task, Task] = {
    Task.START: Task.STOP,
    Task.STOP: Task.START,
    Task.PROMOTE: Task.DEMOTE,
    Task.DEMOTE: Task.PROMOTE,
}


@dataclass(slots=True, eq=False)
class Action:
    """One action, or one mark in the sequence."""

    task: Task | Phase
    item: Item | None = None
    node: int | None = None
    interval_ms: int = 0
    is_needed: bool = False
    can_run: bool = True
    is_pseudo: bool = False
    """Nobody carries it out: a mark, or what a fencing or a migration does."""
    is_migration: bool = False
    """It belongs to a live migration as long as nothing forbids that."""
    is_spare: bool = False
    """A stop of what goes on elsewhere: what is ordered after it need not stop for that."""
    is_printed: bool = False
    """Kept for the sequence although it is not needed."""
    needs: Requires = Requires.NOTHING
    least: int = 0
    """Of a gate: how many firsts must be able to run."""
    about: Task | Phase | None = None
    """Of a round of notifications: what it is about."""
    note: str = ""
    """Of a notification: `pre-start` and the like; of a cancel: what is cancelled."""
    target: int | None = None
    """Of a migration: the other node."""
    reason: str = ""
    because: "Action | None" = None
    """The action that made this one needed."""
    hindrance: str = ""
    """Why it cannot run."""
    waits_for: "Action | None" = None
    """The action without which it cannot run."""
    before: list["Tie"] = field(default_factory=list)
    after: list["Tie"] = field(default_factory=list)
    is_queued: bool = False
    nodes: tuple[int, ...] = ()
    """Of a probe: every node that it is made on, if there is more than one."""

    @property
    def places(self) -> tuple[int | None, ...]:
        """The nodes where it is carried out."""
        return self.nodes or (self.node,)

    @property
    def happens(self) -> bool:
        """Whether it is part of the transition."""
        if not self.can_run or not (self.is_needed or self.is_printed):
            return False
        item = self.item
        if item is None or item.is_managed or self.is_pseudo:
            return True
        return self.task is Task.MONITOR or self.interval_ms > 0


@dataclass(slots=True, eq=False)
class Tie:
    """`first` and `then`, and what the one means for the other (bits of `ties`)."""

    first: Action
    then: Action
    kind: int


class Graph:
    """The actions of one plan."""

    def __init__(self, board: Board) -> None:
        """Begin without actions."""
        self.board = board
        self.actions: list[Action] = []
        self.by_item: dict[Item, dict[Task | Phase, list[Action]]] = {}
        self.fences: dict[int, Action] = {}
        self.unfences: dict[int, Action] = {}
        self.shutdowns: dict[int, Action] = {}
        self.over: dict[tuple[Item, Task], Action] = {}
        """What ends a task of a clone for others, if it is not the task's own end."""
        self.rounds: dict[Item, dict[Task, Round]] = {}
        """Rounds of notifications, by clone."""
        self.dropped: list[str] = []
        """What had to be left out of the sequence, one sentence each."""

    def of(self, item: Item, task: Task | Phase) -> list[Action]:
        """Return the item's actions with this task, in the order of their making."""
        tasks = self.by_item.get(item)
        return tasks.get(task, []) if tasks else []

    def find(self, item: Item, task: Task | Phase, node: int | None = None) -> Action | None:
        """Return the first action of the item with this task, on that node if one is given."""
        tasks = self.by_item.get(item)
        if tasks is None:
            return None
        for action in tasks.get(task, ()):
            if node is None or action.node == node:
                return action
        return None

    def add(self, action: Action) -> Action:
        """Take a new action in."""
        self.actions.append(action)
        item = action.item
        if item is not None:
            tasks = self.by_item.get(item)
            if tasks is None:
                tasks = self.by_item[item] = {}
            tasks.setdefault(action.task, []).append(action)
        return action

    def mark(self, item: Item | None, task: Task | Phase, *, is_needed: bool = False) -> Action:
        """Take a new mark in."""
        return self.add(Action(task, item, is_needed=is_needed, is_pseudo=True))

    def tie(self, first: Action, then: Action, kind: int) -> bool:
        """Tie two actions; return whether that is new.

        The first tie of two actions counts: a later one that shares a kind with it adds nothing.
        """
        if first is then:
            return False
        for known in then.before if len(then.before) < len(first.after) else first.after:
            if known.first is first and known.then is then and known.kind & kind:
                return False
        tie = Tie(first, then, kind)
        first.after.append(tie)
        then.before.append(tie)
        return True

    def link(
        self,
        first: Item,
        first_task: Task | Phase,
        then: Item,
        then_task: Task | Phase,
        kind: int,
    ) -> None:
        """Tie all actions of one item to all of another; those of one that is missing cannot run.

        What waits for a group or clone waits for the end of its action, unless it is part of it.
        """
        thens = self.of(then, then_task)
        if not thens:
            return
        for one in self._firsts(first, first_task, then):
            for other in thens:
                self.tie(one, other, kind)

    def lead(self, first: Item, first_task: Task, then: Action, kind: int) -> None:
        """Tie an item's actions to one of nobody's: that counts what begins, and waits for ends."""
        begins = self.of(first, first_task) or self._firsts(first, first_task, None)
        for one in begins:
            self.tie(one, then, kind)
        if first.children:
            for one in self.of(first, END.get(first_task, first_task)):
                self.tie(one, then, ties.ORDER)

    def _firsts(self, item: Item, task: Task | Phase, then: Item | None) -> Iterable[Action]:
        found: Iterable[Action] = self.of(item, task)
        if (
            item.children
            and item is not then
            and isinstance(task, Task)
            and (then is None or not is_within(then, item))
        ):
            over = self.over.get((item, task))
            found = (over,) if over is not None else self.of(item, END.get(task, task))
        if found or item is then or isinstance(task, Phase):
            return found
        role = state(item)
        if task is Task.STOP and role is Role.STOPPED:
            return ()
        if task is Task.DEMOTE and role <= Role.UNPROMOTED:
            return ()
        missing = Action(task, item, can_run=False, hindrance=f"{item.id} has no node for it")
        return (self.add(missing),)


def state(item: Item) -> Role:
    """Return the highest role that anything in the item has now."""
    if not item.children:
        return item.role
    return max((state(child) for child in item.children), default=Role.STOPPED)


def location(item: Item) -> int | None:
    """Return the one node that everything in the item is assigned to; None if there is not one."""
    if not item.children:
        return item.node
    nodes = {child.node for child in item.primitives() if child.node is not None}
    return nodes.pop() if len(nodes) == 1 else None


def whereabouts(item: Item) -> int | None:
    """Return the one node where everything in the item is active now; None if there is not one."""
    nodes = {node for child in item.primitives() for node in child.roles}
    return nodes.pop() if len(nodes) == 1 else None


def is_within(item: Item, ancestor: Item) -> bool:
    """Return whether the item is inside that other one (not the same)."""
    parent = item.parent
    while parent is not None:
        if parent is ancestor:
            return True
        parent = parent.parent
    return False


def has_fencing(requires: Requires) -> bool:
    """Return whether it wants failed nodes fenced before it goes on."""
    return requires in (Requires.FENCING, Requires.UNFENCING)


def orders(tie: Tie) -> bool:
    """Return whether a tie still says something of the sequence of its two actions."""
    kind, first, then = tie.kind, tie.first, tie.then
    if kind == ties.NONE:
        return False
    if first.is_migration and (
        kind & ties.UNLESS_MIGRATED or (kind == ties.ORDER and first.task is Task.STOP)
    ):
        return False
    if kind in (ties.LOAD, ties.APART):
        node = then.node
        if then.task is Task.MIGRATE_TO and then.item is not None:
            node = then.item.node
        return first.node is None or node is None or first.node == node
    return True
