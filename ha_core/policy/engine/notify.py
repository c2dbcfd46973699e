"""Notifications of clones with `notify`: before and after each change, to all active instances.

Owns: the rounds of notifications, their place in the sequence, and who is told. Rounds are marked
when a clone's actions are made; who is told is known once everything is settled. Source: policy
engine reference, chapter 13, and Pacemaker Explained, "Clone notifications".
"""

from dataclasses import dataclass

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import END, Action, Graph, Phase
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Role, Task

UPWARD = (Task.START, Task.PROMOTE)


@dataclass(slots=True)
class Round:
    """One task of a clone with its notifications: each begins and is over."""

    task: Task
    pre: Action
    pre_done: Action
    post: Action
    post_done: Action


def mark_rounds(graph: Graph, clone: Item) -> None:
    """Mark the rounds around what the clone's instances do; others wait for their ends."""
    rounds: dict[Task, Round] = {}
    for task, end in END.items():
        begin_mark, end_mark = graph.find(clone, task), graph.find(clone, end)
        if begin_mark is not None and end_mark is not None:
            rounds[task] = _mark_round(graph, clone, begin_mark, end_mark)
            graph.over[(clone, task)] = rounds[task].post_done
    graph.rounds[clone] = rounds
    for earlier, later in (
        (Task.STOP, Task.START),
        (Task.STOP, Task.PROMOTE),
        (Task.START, Task.PROMOTE),
        (Task.DEMOTE, Task.PROMOTE),
        (Task.DEMOTE, Task.START),
        (Task.DEMOTE, Task.STOP),
    ):
        if earlier in rounds and later in rounds:
            graph.tie(rounds[earlier].post_done, rounds[later].pre, ties.ORDER)


def _mark_round(graph: Graph, clone: Item, begin: Action, end: Action) -> Round:
    marks = []
    for action in (begin, begin, end, end):
        mark = graph.mark(clone, Phase.NOTICE, is_needed=action.is_needed)
        mark.about = action.task
        mark.can_run = action is begin or action.can_run
        marks.append(mark)
    pre, pre_done, post, post_done = marks
    graph.tie(pre, pre_done, ties.ORDER)
    graph.tie(pre_done, begin, ties.ORDER)
    graph.tie(end, post, ties.IMPLIES_THEN)
    graph.tie(post, post_done, ties.IMPLIES_THEN)
    graph.tie(pre_done, post, ties.ORDER)
    assert isinstance(begin.task, Task)
    return Round(begin.task, pre, pre_done, post, post_done)


def add_notifications(graph: Graph) -> None:
    """Add the notifications themselves, once it is settled what happens."""
    for clone, rounds in graph.rounds.items():
        for one in rounds.values():
            if one.task is not Task.STOP and not _has_any(graph, clone, one.task):
                continue
            for item in clone.primitives():
                _notify(graph, item, one)


def _has_any(graph: Graph, clone: Item, task: Task) -> bool:
    return any(
        action.is_needed and action.can_run and action.node is not None
        for item in clone.primitives()
        for action in graph.of(item, task)
    )


def _notify(graph: Graph, item: Item, one: Round) -> None:
    """Tell one instance of one round, before and after."""
    if one.task in UPWARD:
        if item.next_role is Role.STOPPED or item.node is None:
            return
        start = graph.find(item, Task.START)
        if one.task is not Task.START or start is None or not start.is_needed:
            _tell(graph, item, item.node, one.pre, one.pre_done, f"pre-{one.task}")
        _tell_after(graph, item, item.node, one)
        return
    stop = graph.find(item, Task.STOP)
    for node in item.active:
        if stop is not None and stop.is_pseudo and graph.board.nodes[node].is_unclean:
            continue
        _tell(graph, item, node, one.pre, one.pre_done, f"pre-{one.task}")
        if one.task is Task.DEMOTE or stop is None or not stop.is_needed:
            _tell_after(graph, item, node, one)


def _tell(graph: Graph, item: Item, node: int, begin: Action, end: Action, note: str) -> None:
    if not graph.board.nodes[node].is_online or not begin.can_run:
        return
    action = graph.add(Action(Task.NOTIFY, item, node, is_needed=begin.is_needed, note=note))
    graph.tie(begin, action, ties.ORDER)
    graph.tie(action, end, ties.ORDER)


def _tell_after(graph: Graph, item: Item, node: int, one: Round) -> None:
    """Recurring monitors wait until everybody has been told."""
    _tell(graph, item, node, one.post, one.post_done, f"post-{one.task}")
    for monitor in graph.of(item, Task.MONITOR):
        if monitor.interval_ms:
            graph.tie(one.post_done, monitor, ties.ORDER)
