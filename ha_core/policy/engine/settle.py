"""Carry what ties imply through the graph until nothing changes.

Owns: which actions become needed, which cannot run, and because of which other action. Work is a
queue of actions whose ties are looked at again. An action only ever becomes needed, and only ever
becomes unable to run, so it ends; a reload that a stop makes pointless is the one exception, and
never comes back. Source: policy engine reference, chapters 8 and 12.
"""

from collections import deque

from ha_core.ids import INFINITY
from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import BEGIN, END, Action, Graph, Phase, Tie, location, state
from ha_core.policy.engine.interleave import are_interleaved, is_about_now, partner
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Colocation, Kind, Role, Task

BASIC = (
    ties.IMPLIES_THEN,
    ties.RESTART,
    ties.IMPLIES_FIRST,
    ties.PROMOTED_IMPLIES_FIRST,
    ties.NEEDS_FIRST,
    ties.MIGRATION_FIRST,
    ties.PSEUDO_FIRST,
    ties.ASYMMETRIC,
)
BLOCKING = ties.IMPLIES_THEN | ties.IMPLIES_FIRST | ties.RESTART


class Settler:
    """One run over one graph."""

    def __init__(self, graph: Graph) -> None:
        """Prepare; `dependents` are those that a mandatory colocation blocks, by primary."""
        self.graph = graph
        self.queue: deque[Action] = deque()
        self.unable: deque[Action] = deque()
        """What cannot run, and may have kept what must be with it from running, too."""
        self.known: dict[Item, dict[tuple[Action, int | None], tuple[bool, bool]]] = {}
        """What was summed up of groups and clones, by top-level item, until one of them changes."""
        self.places: dict[Action, dict[int, list[Action]]] = {}
        """What a clone's action stands for, by node."""
        self.dependents: dict[Item, list[Colocation]] = {}
        for colocation in graph.board.problem.colocations:
            if colocation.score >= INFINITY:
                primary = graph.board.find(colocation.primary)
                if primary is not None:
                    self.dependents.setdefault(primary, []).append(colocation)

    def run(self) -> None:
        """Settle everything, then mark what the sequence passes through."""
        self.unable.extend(action for action in self.graph.actions if not action.can_run)
        for action in self.graph.actions:
            if not action.is_queued and any(tie.kind & ties.STRICT for tie in action.before):
                action.is_queued = True
                self.queue.append(action)
        while self.queue or self.unable:
            if self.unable:
                self._block_dependents(self.unable.popleft())
                continue
            action = self.queue.popleft()
            action.is_queued = False
            self._update(action)
        self._print()

    # --- changes -------------------------------------------------------------------------------

    def _push(self, action: Action) -> None:
        if not action.is_queued:
            action.is_queued = True
            self.queue.append(action)

    def _touch(self, action: Action) -> None:
        """Have everything looked at again that depends on the action."""
        self._push(action)
        for tie in action.after:
            if tie.kind & ~ties.SEQUENCE_ONLY:
                self._push(tie.then)
        parent = action.item.parent if action.item is not None else None
        if action.item is not None and (parent is not None or action.item.children):
            self.known.pop(action.item.top, None)
        while parent is not None:
            tasks = self.graph.by_item.get(parent, {})
            for task in _marks(action.task):
                for above in tasks.get(task, ()):
                    self._push(above)
                    for tie in above.after:
                        if tie.kind & ~ties.SEQUENCE_ONLY:
                            self._push(tie.then)
            parent = parent.parent

    def _need(self, action: Action, because: Action) -> None:
        if not action.is_needed:
            action.is_needed = True
            action.because = because
            self._touch(action)

    def _forbid(self, action: Action, waits_for: Action | None) -> None:
        if not action.can_run:
            return
        action.can_run = False
        action.waits_for = waits_for
        if waits_for is not None:
            action.hindrance = waits_for.hindrance
        self._touch(action)
        self.unable.append(action)

    def _unmigrate(self, action: Action) -> None:
        if action.is_migration:
            action.is_migration = False
            self._touch(action)

    # --- one action ----------------------------------------------------------------------------

    def _update(self, then: Action) -> None:
        if then.least:
            self._count(then)
        for tie in list(then.before):
            kind = tie.kind
            if not kind & ~ties.SEQUENCE_ONLY:
                continue
            if kind & ties.SAME_NODE and self._are_apart(tie):
                tie.kind = ties.NONE
                continue
            first = tie.first
            if kind & ties.CANCELS_FIRST and then.is_needed and first.is_needed:
                first.is_needed = False
                self._touch(first)
            if kind & ties.STRICT:
                self._apply(tie)

    def _are_apart(self, tie: Tie) -> bool:
        first, then = _place(tie.first), _place(tie.then)
        return first is not None and then is not None and first != then

    def _count(self, gate: Action) -> None:
        """Close a gate that too few can pass."""
        able = 0
        for tie in gate.before:
            if tie.kind & ties.ANY_OF and self._flags(tie.first, None)[1]:
                able += 1
        if able < gate.least:
            self._forbid(gate, next((tie.first for tie in gate.before), None))

    def _apply(self, tie: Tie) -> None:
        first, then, kind = tie.first, tie.then, tie.kind
        needed, can_run = self._flags(first, _place(then))
        node = then.node
        if kind & ties.ON_NODE:
            kind |= ties.IMPLIES_THEN
            node = first.node
        if then.item is None:
            if kind & ties.IMPLIES_THEN and needed:
                self._need(then, first)
            if kind & ties.NEEDS_FIRST and not can_run:
                self._forbid(then, first)
        else:
            for basic in BASIC:
                if kind & basic:
                    self._change(first, then, node, needed, can_run, basic)
        if (
            kind & BLOCKING
            and first.task is Task.STOP
            and not first.can_run
            and first.item is not None
            and first.item.is_blocked
        ):
            self._forbid(then, first)

    # --- what an action amounts to -------------------------------------------------------------

    def _flags(self, action: Action, node: int | None) -> tuple[bool, bool]:
        """Return whether an action is needed and can run, for one that waits for it on a node."""
        item = action.item
        if item is None or item.kind is Kind.PRIMITIVE:
            return action.is_needed, action.can_run
        known = self.known.setdefault(item.top, {})
        flags = known.get((action, node))
        if flags is None:
            flags = known[(action, node)] = self._sum_up(action, item, node)
        return flags

    def _sum_up(self, action: Action, item: Item, node: int | None) -> tuple[bool, bool]:
        if item.kind is Kind.GROUP:
            return self._group_flags(action, item, None)
        if node is None:
            return self._clone_flags(action, item)
        needed, can_run = False, self._flags(action, None)[1]
        for found in self._on_node(action, item, node):
            child_needed, child_can = self._child_flags(found, node)
            if child_needed:
                needed = action.is_needed = True
            can_run = can_run or child_can
        return needed, can_run

    def _on_node(self, action: Action, clone: Item, node: int) -> list[Action]:
        """Return what the instances do on a node that a clone's action stands for."""
        places = self.places.get(action)
        if places is None:
            places = self.places[action] = {}
            task = folded(action, clone.children[0]) if clone.children else action.task
            for child in clone.children:
                self._note_places(places, child, task)
        return places.get(node, [])

    def _note_places(
        self, places: dict[int, list[Action]], child: Item, task: Task | Phase
    ) -> None:
        if not child.children:
            for found in self.graph.of(child, task):
                if found.node is not None:
                    places.setdefault(found.node, []).append(found)
            return
        mark = self.graph.find(child, task)
        if mark is None:
            return
        own = folded(mark, child.children[0])
        nodes = {one.node for member in child.children for one in self.graph.of(member, own)}
        for node in nodes:
            if node is not None:
                places.setdefault(node, []).append(mark)

    def _child_flags(self, action: Action, node: int | None) -> tuple[bool, bool]:
        item = action.item
        if item is not None and item.kind is Kind.GROUP:
            return self._group_flags(action, item, node)
        return action.is_needed, action.can_run

    def _group_flags(self, action: Action, group: Item, node: int | None) -> tuple[bool, bool]:
        needed, can_run = False, True
        task = folded(action, group.children[0]) if group.children else action.task
        for child in group.children:
            found = self.graph.find(child, task, node)
            if found is None:
                if task not in (Task.STOP, Task.DEMOTE):
                    can_run = False
                continue
            if found.is_needed and not found.is_spare:
                needed = True
                action.is_needed = True
            if task is not action.task and not found.can_run:
                can_run = False
                if action.can_run:
                    action.can_run = False
                    action.waits_for, action.hindrance = found, found.hindrance
        return needed, can_run

    def _clone_flags(self, action: Action, clone: Item) -> tuple[bool, bool]:
        needed, can_run = False, False
        task = folded(action, clone.children[0]) if clone.children else action.task
        for child in clone.children:
            found = self.graph.find(child, task)
            if found is None:
                continue
            child_needed, child_can = self._child_flags(found, None)
            if child_needed:
                needed = action.is_needed = True
            can_run = can_run or child_can
        if not can_run and action.can_run:
            action.can_run = False
            action.waits_for = self._first_unable(clone, task)
            if action.waits_for is not None:
                action.hindrance = action.waits_for.hindrance
        return needed, can_run

    def _first_unable(self, clone: Item, task: Task | Phase) -> Action | None:
        for child in clone.children:
            found = self.graph.find(child, task)
            if found is not None:
                return found
        return None

    # --- what one tie changes ------------------------------------------------------------------

    def _change(
        self,
        first: Action,
        then: Action,
        node: int | None,
        needed: bool,
        can_run: bool,
        kind: int,
    ) -> None:
        """Apply one kind of tie to `then`, and to what `then` stands for."""
        item = then.item
        if item is None or item.kind is Kind.PRIMITIVE:
            self._basic(first, then, needed, can_run, kind)
        elif item.kind is Kind.GROUP:
            self._basic(first, then, needed, can_run, kind)
            for child in item.children:
                found = self.graph.find(child, then.task, node)
                if found is not None:
                    self._change(first, found, node, needed, can_run, kind)
        elif are_interleaved(first, then):
            self._interleave(first, then, kind)
        else:
            self._basic(first, then, needed, can_run, kind)
            for child in item.children:
                found = self.graph.find(child, then.task, node)
                if found is not None and self._child_flags(found, node)[1]:
                    self._change(first, found, node, needed, can_run, kind)

    def _basic(self, first: Action, then: Action, needed: bool, can_run: bool, kind: int) -> None:
        if kind == ties.IMPLIES_THEN:
            if needed and not then.is_needed and not first.is_migration:
                self._need(then, first)
            if needed and then.is_migration and then.task is Task.START:
                self._start_anew(first, then)
        elif kind == ties.NEEDS_FIRST:
            if not can_run and then.can_run:
                self._forbid(then, first)
                self._unmigrate(then)
        elif kind == ties.RESTART:
            if not then.is_spare:
                self._restart(first, then)
        elif kind == ties.ASYMMETRIC:
            self._asymmetric(first, then)
        elif kind == ties.IMPLIES_FIRST:
            if then.is_needed:
                self._imply_first(first, then, is_needed=needed and not then.is_spare)
        elif kind == ties.PROMOTED_IMPLIES_FIRST:
            if then.is_needed and then.item is not None and then.item.role is Role.PROMOTED:
                self._imply_first(first, then, is_needed=True)
        else:
            self._migrate(first, then, kind)

    def _imply_first(self, first: Action, then: Action, *, is_needed: bool) -> None:
        if is_needed:
            self._need(first, then)
        if not then.is_migration and not self._merely_ends(first, then):
            self._unmigrate(first)

    def _merely_ends(self, first: Action, then: Action) -> bool:
        """Return whether `then` is a stop within another clone of which nothing starts.

        That is no reason to stop what migrates away from there: it goes to where the clone runs on.
        """
        one, other = first.item, then.item
        if one is None or other is None or other.top.clone is None or one.top is other.top:
            return False
        start = self.graph.find(other.top, Task.START)
        return start is None or not start.is_needed

    def _migrate(self, first: Action, then: Action, kind: int) -> None:
        """The steps of a migration stand and fall together."""
        if kind == ties.MIGRATION_FIRST:
            if not (then.is_migration and then.can_run):
                self._forbid(first, then)
            if then.is_needed:
                self._need(first, then)
        elif not first.can_run and (then.is_migration or then.is_pseudo):
            then.is_migration = then.is_pseudo = False
            self._touch(then)

    def _restart(self, stop: Action, start: Action) -> None:
        """A start that happens, or that cannot, needs the stop before; and needs it to work."""
        item = start.item
        cannot = not start.can_run and item is stop.item and item is not None and item.is_managed
        if start.is_needed or (cannot and stop.can_run):
            self._need(stop, start)
        if (start.is_needed or cannot) and not start.is_migration:
            self._unmigrate(stop)
        if (start.is_needed or cannot) and stop.is_needed and not stop.can_run:
            self._forbid(start, stop)

    def _start_anew(self, first: Action, start: Action) -> None:
        """What comes after a clone of which instances stop and start does not migrate."""
        clone = None if first.item is None else first.item.top
        stop = None if clone is None or clone.clone is None else self.graph.find(clone, Task.STOP)
        if stop is not None and stop.is_needed and start.item is not None:
            for own in self.graph.of(start.item, Task.STOP):
                self._unmigrate(own)

    def _asymmetric(self, first: Action, then: Action) -> None:
        """`then` cannot happen, unless what it is for is there already."""
        if first.can_run or then.item is None:
            return
        if not then.is_needed:
            item, role = then.item, state(then.item)
            if role is Role.STOPPED and then.task is Task.STOP:
                return
            if role >= Role.STARTED and then.task is Task.START and _stays(item):
                return
        self._need(then, first)
        self._forbid(then, first)

    def _interleave(self, first: Action, then: Action, kind: int) -> None:
        """Tie each instance to the one on its node; one without a partner must not run."""
        assert first.item is not None
        assert then.item is not None
        for child in then.item.children:
            other = partner(child, first.item, is_now=is_about_now(first))
            if other is None:
                if not is_about_now(first) and kind & (ties.NEEDS_FIRST | ties.IMPLIES_THEN):
                    self._unassign(child, first)
                continue
            one = self.graph.find(other, folded(first, other))
            then_one = self.graph.find(child, then.task)
            if one is None or then_one is None:
                continue
            if self.graph.tie(one, then_one, kind):
                self._push(then_one)
            needed, can_run = self._child_flags(one, None)
            self._change(one, then_one, None, needed, can_run, kind)

    def _unassign(self, item: Item, because: Action) -> None:
        """Take the item's node away after all."""
        for child in item.primitives():
            if child.node is None:
                continue
            child.node = None
            child.next_role = Role.STOPPED
            for tasks in self.graph.by_item.get(child, {}).values():
                for action in tasks:
                    if action.task is Task.STOP:
                        self._need(action, because)
                    elif action.task is Task.START or action.interval_ms:
                        self._forbid(action, because)

    # --- mandatory colocations -----------------------------------------------------------------

    def _block_dependents(self, action: Action) -> None:
        """What must be with a resource that cannot start (be promoted) cannot either."""
        if action.can_run or action.item is None or not self.dependents:
            return
        if action.task is not Task.START and action.task is not Task.PROMOTE:
            return
        top = action.item.top
        for child in top.children:
            found = self.graph.find(child, action.task)
            if found is None or found.can_run:
                return
        for colocation in self.dependents.get(top, ()):
            self._block(colocation, action)

    def _block(self, colocation: Colocation, action: Action) -> None:
        if action.task is Task.PROMOTE and colocation.primary_role is not Role.PROMOTED:
            return
        dependent = self.graph.board.find(colocation.dependent)
        if dependent is not None:
            role = colocation.dependent_role
            self._block_all(
                dependent, Task.PROMOTE if role is Role.PROMOTED else Task.START, action
            )

    def _block_all(self, item: Item, task: Task, waits_for: Action) -> None:
        for action in self.graph.of(item, task):
            self._forbid(action, waits_for)
        for child in item.children:
            self._block_all(child, task, waits_for)

    # --- marks ---------------------------------------------------------------------------------

    def _print(self) -> None:
        for action in self.graph.actions:
            if action.item is not None and action.item.children:
                self._flags(action, None)
        for action in self.graph.actions:
            for tie in action.before:
                if tie.kind & ties.PRINTS_FIRST and action.is_needed:
                    tie.first.is_printed = True
                if tie.kind & ties.PRINTS_THEN and tie.first.can_run and tie.first.is_needed:
                    action.is_printed = True


def folded(action: Action, child: Item) -> Task | Phase:
    """Return the task of the child that a group's or clone's action stands for."""
    task = action.about if action.about is not None else action.task
    if child.kind is Kind.PRIMITIVE and isinstance(task, Phase):
        return BEGIN.get(task, task)
    return task


def _marks(task: Task | Phase) -> tuple[Task | Phase, ...]:
    """Return the marks of a group or clone that depend on such an action of a member."""
    if isinstance(task, Phase):
        return (task,)
    end = END.get(task)
    return (task,) if end is None else (task, end, Phase.NOTICE)


def _place(action: Action) -> int | None:
    item = action.item
    if item is not None and item.kind is Kind.GROUP and action.task is Task.START:
        return location(item)
    return action.node


def _stays(item: Item) -> bool:
    node = location(item)
    return node is not None and all(
        len(child.roles) <= 1 and (not child.roles or node in child.roles)
        for child in item.primitives()
    )
