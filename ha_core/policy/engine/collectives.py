"""Groups and clones: the marks where their tasks begin and end, and how members follow.

Owns: what happens inside one top-level resource. Source: policy engine reference, chapters 9, 10
and 12.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import END, Action, Graph, Phase
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.migration import add_migration_ordering
from ha_core.policy.engine.primitives import add_primitive
from ha_core.policy.engine.problem import Kind, Task

STARTS = ties.IMPLIES_THEN | ties.NEEDS_FIRST


def add_item(graph: Graph, item: Item) -> None:
    """Add the actions of an item and of everything in it, with the ties between them."""
    if item.kind is Kind.PRIMITIVE:
        add_primitive(graph, item)
        return
    for child in item.children:
        add_item(graph, child)
    if item.kind is Kind.GROUP:
        _add_group(graph, item)
    else:
        _add_clone(graph, item)


def is_promotable(item: Item) -> bool:
    """Return whether the item is, or is in, a clone whose instances can be promoted."""
    clone = item.top.clone
    return clone is not None and clone.is_promotable


# --- groups ------------------------------------------------------------------------------------


def _add_group(graph: Graph, group: Item) -> None:
    tasks = [Task.START, Task.STOP]
    if is_promotable(group):
        tasks += [Task.PROMOTE, Task.DEMOTE]
    for task in tasks:
        graph.mark(group, task)
        graph.mark(group, END[task])
    graph.link(group, Phase.STOPPED, group, Task.START, ties.ORDER)
    graph.link(group, Task.START, group, Phase.STARTED, ties.NEEDS_FIRST)
    graph.link(group, Task.STOP, group, Phase.STOPPED, ties.NEEDS_FIRST)
    _tie_members(graph, group)


def _tie_members(graph: Graph, group: Item) -> None:
    is_ordered = group.resource.is_ordered
    has_roles = is_promotable(group)
    last: Item | None = None
    last_active: Item | None = None
    for child in group.children:
        is_first = last is None
        stop = ties.ORDER if is_first and is_ordered else ties.NONE
        stopped = ties.ORDER if is_first and is_ordered else ties.PRINTS_THEN
        started = STARTS | ties.PRINTS_THEN
        prints = ties.PRINTS_FIRST
        graph.link(group, Task.START, child, Task.START, prints)
        graph.link(group, Task.STOP, child, Task.STOP, stop | prints)
        graph.link(child, Task.STOP, group, Phase.STOPPED, stopped)
        graph.link(child, Task.START, group, Phase.STARTED, started)
        if has_roles:
            graph.link(group, Task.DEMOTE, child, Task.DEMOTE, stop | prints)
            graph.link(child, Task.DEMOTE, group, Phase.DEMOTED, stopped)
            graph.link(child, Task.PROMOTE, group, Phase.PROMOTED, started)
            graph.link(group, Task.PROMOTE, child, Task.PROMOTE, prints)
        if not is_ordered:
            graph.link(group, Task.START, child, Task.START, STARTS | prints)
            if has_roles:
                graph.link(group, Task.PROMOTE, child, Task.PROMOTE, STARTS | prints)
        elif last is not None:
            _tie_next_member(graph, last, child, has_roles=has_roles)
            if child.roles and not last.roles and last_active is not None and last_active.roles:
                graph.link(child, Task.STOP, last_active, Task.STOP, ties.ORDER)
        if is_ordered and child.roles:
            last_active = child
        last = child
    if is_ordered:
        _hold_back(graph, group)
    if is_ordered and last is not None:
        graph.link(group, Task.STOP, last, Task.STOP, ties.IMPLIES_THEN)
        graph.link(last, Task.STOP, group, Phase.STOPPED, ties.ORDER)
        if has_roles:
            graph.link(group, Task.DEMOTE, last, Task.DEMOTE, ties.IMPLIES_THEN)
            graph.link(last, Task.DEMOTE, group, Phase.DEMOTED, ties.ORDER)


def _hold_back(graph: Graph, group: Item) -> None:
    """A member starts anew only once those after it have stopped; what is not managed does not.

    One whose next member is stopped, too, waits for nobody: it starts, and the next one waits.
    Pacemaker 2.1.5 has no such sequence.
    """
    if graph.board.problem.options.is_like_2_1_5:
        return
    after: Item | None = None
    for child in reversed(group.children):
        if child.roles:
            after = after if child.is_managed else child
        elif after is not None:
            for start in graph.of(child, Task.START):
                what = "it is blocked" if after.is_blocked else "it is not managed"
                start.can_run = False
                start.hindrance = f"{after.id} runs and would have to stop first: {what}"
                start.waits_for = Action(Task.STOP, after, can_run=False, hindrance=what)
            after = None


def _tie_next_member(graph: Graph, last: Item, child: Item, *, has_roles: bool) -> None:
    graph.link(last, Task.START, child, Task.START, STARTS)
    graph.link(child, Task.STOP, last, Task.STOP, ties.ORDER | ties.RESTART)
    add_migration_ordering(graph, last, Task.START, child, Task.START)
    add_migration_ordering(graph, child, Task.STOP, last, Task.STOP)
    if has_roles:
        graph.link(last, Task.PROMOTE, child, Task.PROMOTE, STARTS)
        graph.link(child, Task.DEMOTE, last, Task.DEMOTE, ties.ORDER)


# --- clones ------------------------------------------------------------------------------------


def _add_clone(graph: Graph, clone: Item) -> None:
    tasks = [Task.START, Task.STOP]
    has_roles = is_promotable(clone)
    if has_roles:
        tasks += [Task.PROMOTE, Task.DEMOTE]
    for task in tasks:
        happens = _has_any(graph, clone, task)
        graph.mark(clone, task, is_needed=happens)
        end = graph.mark(clone, END[task], is_needed=happens)
        if task is Task.START:
            end.can_run = happens or any(child.roles for child in clone.primitives())
    graph.link(clone, Phase.STOPPED, clone, Task.START, ties.ORDER)
    graph.link(clone, Task.START, clone, Phase.STARTED, ties.NEEDS_FIRST)
    graph.link(clone, Task.STOP, clone, Phase.STOPPED, ties.NEEDS_FIRST)
    _tie_instances(graph, clone)
    if has_roles:
        _tie_roles(graph, clone)


def _has_any(graph: Graph, item: Item, task: Task) -> bool:
    """Return whether anything in the item really does this."""
    return any(
        action.is_needed and (action.can_run or action.is_pseudo)
        for child in item.primitives()
        for action in graph.of(child, task)
    )


def _tie_instances(graph: Graph, clone: Item) -> None:
    assert clone.clone is not None
    last: Item | None = None
    for child in clone.children:
        graph.link(clone, Task.START, child, Task.START, ties.NEEDS_FIRST | ties.PRINTS_FIRST)
        graph.link(child, Task.START, clone, Phase.STARTED, ties.PRINTS_THEN)
        graph.link(clone, Task.STOP, child, Task.STOP, ties.PRINTS_FIRST)
        graph.link(child, Task.STOP, clone, Phase.STOPPED, ties.PRINTS_THEN)
        if last is not None and clone.clone.is_ordered:
            graph.link(last, Task.START, child, Task.START, ties.ORDER)
            graph.link(child, Task.STOP, last, Task.STOP, ties.ORDER)
        last = child


def _tie_roles(graph: Graph, clone: Item) -> None:
    assert clone.clone is not None
    for end, task in (
        (Phase.STOPPED, Task.START),
        (Phase.STOPPED, Task.PROMOTE),
        (Phase.DEMOTED, Task.STOP),
        (Phase.DEMOTED, Task.START),
        (Phase.DEMOTED, Task.PROMOTE),
        (Phase.STARTED, Task.PROMOTE),
    ):
        graph.link(clone, end, clone, task, ties.ORDER)
    graph.link(clone, Task.DEMOTE, clone, Phase.DEMOTED, ties.ORDER)
    graph.link(clone, Task.PROMOTE, clone, Phase.PROMOTED, ties.ORDER)
    last: Item | None = None
    for child in clone.children:
        graph.link(clone, Task.PROMOTE, child, Task.PROMOTE, ties.ORDER)
        graph.link(child, Task.PROMOTE, clone, Phase.PROMOTED, ties.ORDER)
        graph.link(clone, Task.DEMOTE, child, Task.DEMOTE, ties.PRINTS_FIRST)
        graph.link(child, Task.DEMOTE, clone, Phase.DEMOTED, ties.PRINTS_THEN)
        if last is not None and clone.clone.is_ordered:
            graph.link(last, Task.PROMOTE, child, Task.PROMOTE, ties.ORDER)
            graph.link(child, Task.DEMOTE, last, Task.DEMOTE, ties.ORDER)
        last = child
