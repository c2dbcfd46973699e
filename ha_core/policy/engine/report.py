"""A plan as plain lists: placement, actions, their sequence, what is fenced and what is blocked.

Owns: names and roles in the words of the outside. Sequences that pass through marks are given
between the actions themselves.
"""

from collections.abc import Container

from ha_core.policy.engine.graph import Action, Graph, orders
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.problem import Role, Task

PAIRS_MAX = 250_000
"""All stops of a large clone precede all its starts, and so on: pairs grow with its square. A list
of more than these would be longer than everything else together, and nobody reads it."""

ROLE_NAMES = {Role.STARTED: "Started", Role.UNPROMOTED: "Unpromoted", Role.PROMOTED: "Promoted"}


def placement_of(board: Board, active: dict[str, dict[int, Role]]) -> dict[str, dict[str, object]]:
    """Return where everything active is."""
    found: dict[str, dict[str, object]] = {}
    for name, roles in active.items():
        nodes = [board.nodes[node].node.name for node in sorted(roles)]
        found[name] = {
            "node": nodes[0] if len(nodes) == 1 else nodes,
            "role": ROLE_NAMES[max(roles.values())],
        }
    return found


def actions_of(graph: Graph) -> tuple[list[dict[str, object]], list[list[int]] | None]:
    """Return the actions that happen, and the pairs of positions that follow one another.

    No pairs at all if there are more than PAIRS_MAX of them.
    """
    happening = [action for action in graph.actions if action.happens and not action.is_pseudo]
    described: list[dict[str, object]] = []
    position: dict[Action, range] = {}
    for action in happening:
        begin = len(described)
        described.extend(_described(graph.board, action, node) for node in action.places)
        position[action] = range(begin, len(described))
    return described, _pairs(position)


def _pairs(position: dict[Action, range]) -> list[list[int]] | None:
    pairs: list[list[int]] = []
    for action, numbers in position.items():
        for then in _successors(action, position):
            pairs.extend([number, other] for number in numbers for other in position[then])
        if len(pairs) > PAIRS_MAX:
            return None
    pairs.sort()
    return pairs


def _successors(action: Action, position: Container[Action]) -> list[Action]:
    found: list[Action] = []
    seen = {action}
    todo = [tie.then for tie in action.after if orders(tie)]
    while todo:
        other = todo.pop()
        if other in seen:
            continue
        seen.add(other)
        if other in position:
            found.append(other)
        elif other.happens:
            todo += [tie.then for tie in other.after if orders(tie)]
    return found


def held_up(graph: Graph) -> list[Action]:
    """Return what ought to happen and cannot."""
    return [
        action
        for action in graph.actions
        if not action.can_run
        and not action.is_pseudo
        and action.node is not None
        and _is_wanted(action)
    ]


def held_up_of(graph: Graph) -> list[dict[str, object]]:
    """Return what ought to happen and cannot, each with the reason and the action it waits for."""
    waiting = held_up(graph)
    if not waiting:
        return []
    from ha_core.policy.engine.causes import Causes  # most plans need no such words

    causes = Causes(graph.board, graph)
    found: list[dict[str, object]] = []
    for action in waiting:
        entry = _described(graph.board, action, action.node)
        entry["why"] = causes.unable(action)
        if action.waits_for is not None:
            waited = action.waits_for
            entry["waits_for"] = _described(graph.board, waited, waited.node)
        found.append(entry)
    return found


def _is_wanted(action: Action) -> bool:
    item = action.item
    if item is None or item.children or not item.is_managed or action.interval_ms:
        return False
    if action.is_needed:
        return True
    return action.task is Task.START and item.node == action.node and not item.roles


def _described(board: Board, action: Action, node: int | None) -> dict[str, object]:
    found: dict[str, object] = {
        "op": action.task.value,
        "resource": action.item.id if action.item is not None else None,
        "node": board.nodes[node].node.name if node is not None else None,
    }
    if action.task in (Task.MONITOR, Task.CANCEL):
        found["interval"] = action.interval_ms
    return found
