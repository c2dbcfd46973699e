"""Stage 5: the state after one transition in which everything that can run succeeds.

Owns: where each primitive then is, and as what; which nodes were fenced. Source: policy engine
reference, chapter 21.
"""

from dataclasses import dataclass, field

from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board, Item, is_unique
from ha_core.policy.engine.problem import OnFail, Role, Task
from ha_core.policy.engine.report import actions_of, held_up_of, placement_of


@dataclass(slots=True)
class Outcome:
    """Who is where afterwards; only what is active somewhere."""

    roles: dict[str, dict[int, Role]] = field(default_factory=dict)
    """By item and node."""
    fenced: list[int] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)


def outcome(board: Board, graph: Graph) -> Outcome:
    """Return the final state."""
    result = Outcome(fenced=sorted(node for node, fence in graph.fences.items() if fence.happens))
    for top in board.tops:
        taken: set[tuple[str, int]] = set()
        for item, roles in _within_reach(graph, top, result.fenced):
            if item.number is not None and not is_unique(item):
                # Nobody can tell two of them on one node apart: there is but one.
                for node in [one for one in roles if (item.resource.id, one) in taken]:
                    del roles[node]
                taken.update((item.resource.id, node) for node in roles)
            if roles:
                result.roles[item.id] = roles
            if item.is_blocked and _remains_blocked(item, roles):
                result.blocked.append(item.id)
    return result


def _remains_blocked(item: Item, roles: dict[int, Role]) -> bool:
    """Return whether what blocks it is still there: a failure, or that it is active twice."""
    if len(roles) > 1:
        return True
    seen = [item.observed[node] for node in roles if node in item.observed]
    return any(one.failed is OnFail.BLOCK for one in seen)


def _within_reach(
    graph: Graph, item: Item, fenced: list[int]
) -> list[tuple[Item, dict[int, Role]]]:
    """Return the primitives of an item and where they are then.

    Of a group or clone nothing is told if all that is active of it is on nodes out of reach and
    not managed: nobody knows of it, and nobody will care.
    """
    if not item.children:
        return [(item, _after(graph, item, fenced))]
    found = [pair for child in item.children for pair in _within_reach(graph, child, fenced)]
    nodes = graph.board.nodes
    is_any = any(one.is_managed or nodes[node].is_online for one, at in found for node in at)
    return found if is_any else []


def make_json(board: Board, graph: Graph, result: Outcome) -> dict[str, object]:
    """Return the plan in plain lists and mappings."""
    actions, order = actions_of(graph)
    return {
        "placement": placement_of(board, result.roles),
        "actions": actions,
        "order": order,
        "fenced": [board.nodes[node].node.name for node in result.fenced],
        "blocked": result.blocked,
        "held_up": held_up_of(graph),
    }


def _after(graph: Graph, item: Item, fenced: list[int]) -> dict[int, Role]:
    roles = dict(item.roles)
    tasks = graph.by_item.get(item)
    if tasks is not None:
        _apply(tasks_happening(graph, item), roles)
    for node in fenced:
        roles.pop(node, None)
    return roles


def tasks_happening(graph: Graph, item: Item) -> list[tuple[Task, int]]:
    """Return what really happens to a primitive, in the order down, over, up."""
    order = (
        Task.DEMOTE,
        Task.MIGRATE_TO,
        Task.STOP,
        Task.MIGRATE_FROM,
        Task.START,
        Task.PROMOTE,
    )
    return [
        (task, action.node)
        for task in order
        for action in graph.of(item, task)
        if action.happens and action.node is not None
        # Of these, marks only stand for what is there already, or for a migration.
        if not (action.is_pseudo and task in (Task.START, Task.PROMOTE))
    ]


def _apply(happening: list[tuple[Task, int]], roles: dict[int, Role]) -> None:
    for task, node in happening:
        if task is Task.DEMOTE and node in roles:
            roles[node] = Role.UNPROMOTED
        elif task is Task.STOP:
            roles.pop(node, None)
        elif task in (Task.START, Task.MIGRATE_FROM):
            roles[node] = Role.STARTED
        elif task is Task.PROMOTE:
            roles[node] = Role.PROMOTED
