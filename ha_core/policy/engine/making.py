"""Make an action of a primitive, and say at once whether it can run.

Owns: what an action needs before any other action is looked at: a node that is there, quorum, and
management. Source: policy engine reference, chapters 13, 15 and 2.
"""

from ha_core.policy.engine.graph import Action, Graph
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.problem import NoQuorum, Requires, Role, Task

NEEDY = (Task.START, Task.PROMOTE)
"""Tasks that wait for what the resource requires; others never do."""


def make(
    graph: Graph,
    item: Item,
    task: Task,
    node: int | None,
    *,
    is_needed: bool,
    reason: str = "",
) -> Action:
    """Return the item's action with this task on this node, made if there is none yet."""
    action = graph.find(item, task, node) if node is not None else None
    if action is None:
        action = Action(task, item, node)
        if task in NEEDY:
            action.needs = item.meta.requires
        action.hindrance = _hindrance(graph.board, action, item, node)
        action.can_run = not action.hindrance
        graph.add(action)
    if item.is_managed or node is None:
        if is_needed:
            action.is_needed = True
            action.reason = action.reason or reason
    else:
        action.is_needed = False
    return action


def make_recurring(
    graph: Graph, item: Item, task: Task, node: int, interval_ms: int, *, is_needed: bool
) -> Action:
    """Return a new action of the item that has an interval, or is a probe (interval 0)."""
    action = Action(task, item, node, interval_ms, is_needed=is_needed)
    action.hindrance = _hindrance(graph.board, action, item, node)
    action.can_run = not action.hindrance
    return graph.add(action)


def quorum_policy(board: Board, item: Item | None = None) -> NoQuorum:
    """Return what the lack of quorum means for an item; IGNORE if there is no lack."""
    options = board.problem.options
    policy = options.no_quorum
    if options.has_quorum or policy is NoQuorum.IGNORE:
        return NoQuorum.IGNORE
    if policy is NoQuorum.FENCE:
        can_panic = options.has_panic and options.fencing_enabled
        return NoQuorum.IGNORE if can_panic else NoQuorum.STOP
    if policy is NoQuorum.DEMOTE:
        if item is not None and item.role >= Role.UNPROMOTED:
            if item.next_role > Role.UNPROMOTED:
                item.next_role = Role.UNPROMOTED
            return NoQuorum.IGNORE
        return NoQuorum.STOP
    return policy


def _hindrance(board: Board, action: Action, item: Item, node: int | None) -> str:
    """Return why the action cannot run, as one clause; empty: it can."""
    if node is None:
        return f"no node will have {item.id}"
    spot = board.nodes[node]
    if not spot.is_online:
        if (
            action.task is Task.STOP
            and item.is_managed
            and not spot.is_unclean
            and board.problem.options.fencing_enabled
        ):
            spot.is_unclean = True
            spot.fence_reasons.append(f"{item.id} cannot be stopped there: the node is offline")
        return f"{spot.node.name} is offline"
    if spot.node.is_pending:
        return f"{spot.node.name} is only joining"
    if item.hold and not item.roles and action.task in NEEDY:
        return item.hold
    if action.needs is Requires.NOTHING:
        return ""
    policy = quorum_policy(board, item)
    if policy is NoQuorum.STOP:
        return "there is no quorum"
    if policy is NoQuorum.FREEZE and (not item.roles or item.next_role > item.role):
        return "there is no quorum, and what does not run yet is not started"
    return ""
