"""What could run at best, and what hangs together: where a search is worth its while.

Owns: an upper bound on what can run, by mandatory constraints that need no search, and the parts
of a question that can be searched one by one.
"""

from dataclasses import dataclass, replace

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import UNAME, Desk
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.pinned import Pinned
from ha_core.policy.engine.placement import prepare
from ha_core.policy.engine.problem import Kind, OrderKind, Problem, Resource, Role, Strategy
from ha_core.policy.engine.unpack import unpack
from ha_core.policy.engine.utilization import fill, has_room


@dataclass(frozen=True, slots=True)
class Prospect:
    """One primitive that might run, and the most that can be hoped for."""

    id: str
    top: str
    priority: int
    most: int | None
    """No place counts more for it; None: that cannot be told before."""


def prospects(problem: Problem) -> dict[str, Prospect]:
    """Return every primitive that might run somewhere, by its id."""
    board = unpack(problem)
    desk = prepare(board, Pinned({}))
    fill(desk)
    nodes = {item: _nodes(desk, item) for top in board.tops for item in top.primitives()}
    while _narrow(desk, nodes):
        pass
    found: dict[str, Prospect] = {}
    for top in board.tops:
        found.update(_of_top(desk, top, nodes))
    return found


def _nodes(desk: Desk, item: Item) -> frozenset[int]:
    """Return where its own scores, and its own needs, let a primitive run."""
    if not item.is_managed:
        return frozenset(item.roles)
    if desk.board.problem.options.stop_all or item.next_role is Role.STOPPED:
        return frozenset()
    is_limited = desk.board.problem.options.strategy is not Strategy.DEFAULT
    need = dict(item.resource.demand)
    return frozenset(
        node
        for node in desk.usable
        if item.scores[node] > -INFINITY
        and not (is_limited and not has_room(desk.board.nodes[node], need))
    )


def _narrow(desk: Desk, nodes: dict[Item, frozenset[int]]) -> bool:
    """Take away where what an item must be with cannot be; return whether that changed any."""
    is_changed = False
    for links in desk.this_with.values():
        for link in links:
            if link.score < INFINITY or link.dependent_role is not None:
                continue
            if _is_loose(link.dependent) or _is_loose(link.primary):
                continue
            there: set[int] = set()
            for one in _stand_ins(link.primary):
                there |= nodes[one]
            if link.attribute != UNAME:
                there = {other for node in there for other in desk.alike(link.attribute)[node]}
            for item in link.dependent.primitives():
                if not nodes[item] <= there:
                    nodes[item] &= there
                    is_changed = True
    return is_changed


def _is_loose(item: Item) -> bool:
    """Whether it is a group whose members need not be together: nothing can be with all of it."""
    return item.kind is Kind.GROUP and not item.resource.is_colocated


def _stand_ins(primary: Item) -> list[Item]:
    """Return the primitives with any of which a dependent must be."""
    if primary.kind is Kind.GROUP:
        return list(primary.children[-1:])
    return list(primary.primitives())


def _of_top(desk: Desk, top: Item, nodes: dict[Item, frozenset[int]]) -> dict[str, Prospect]:
    found = {
        item.id: Prospect(item.id, top.id, item.meta.priority, _most(desk, item, nodes[item]))
        for item in top.primitives()
        if nodes[item]
    }
    if top.clone is None:
        return found
    width = len({node for item in top.primitives() for node in nodes[item]})
    room = dict.fromkeys(
        (item.resource.id for item in top.primitives()),
        min(top.clone.clone_max, width * top.clone.clone_node_max),
    )
    for item in top.primitives():
        if item.id in found:
            room[item.resource.id] -= 1
            if room[item.resource.id] < 0:
                del found[item.id]
    return found


def _most(desk: Desk, item: Item, nodes: frozenset[int]) -> int | None:
    """Return what a place counts at most; None: promotion has a part in it, so nobody knows."""
    total = max(item.scores[node] for node in nodes)
    above: Item | None = item
    while above is not None:
        if above.clone is not None and above.clone.is_promotable:
            return None
        for link in desk.this_with.get(above, ()):
            if link.primary_role is not None:
                return None
            if 0 < link.score < INFINITY:
                total += link.score * max(1, len(link.primary.children))
        above = above.parent
    return total


# --- parts ---------------------------------------------------------------------------------------


def part_of(problem: Problem, board: Board, tops: set[str]) -> Problem:
    """Return the part of a question that is about these resources alone.

    What failures of others mean for nodes is kept.
    """
    inside = {resource.id for top in problem.resources if top.id in tops for resource in _all(top)}

    def is_inside(name: str) -> bool:
        return name in inside or name.rpartition(":")[0] in inside

    nodes = tuple(
        replace(
            node,
            is_standby=board.nodes[board.index[node.name]].is_standby,
            fence_reason="; ".join(board.nodes[board.index[node.name]].fence_reasons)
            or node.fence_reason,
        )
        for node in problem.nodes
    )
    return replace(
        problem,
        nodes=nodes,
        resources=tuple(top for top in problem.resources if top.id in tops),
        locations=tuple(one for one in problem.locations if one.resource in inside),
        colocations=tuple(
            one for one in problem.colocations if one.dependent in inside and one.primary in inside
        ),
        orderings=tuple(
            one for one in problem.orderings if one.first in inside and one.then in inside
        ),
        ticket_constraints=tuple(
            one for one in problem.ticket_constraints if one.resource in inside
        ),
        observed=tuple(one for one in problem.observed if is_inside(one.resource)),
        found_stopped=tuple(one for one in problem.found_stopped if is_inside(one[0])),
    )


def _all(resource: Resource) -> list[Resource]:
    return [resource, *(one for member in resource.members for one in _all(member))]


def parts(problem: Problem) -> list[set[str]]:
    """Return the top-level resources that hang together, each in exactly one part."""
    top_of = {one.id: top.id for top in problem.resources for one in _all(top)}
    leader = {top.id: top.id for top in problem.resources}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def join(one: str, two: str) -> None:
        if one in top_of and two in top_of:
            leader[find(top_of[one])] = find(top_of[two])

    for link in problem.colocations:
        if link.score:
            join(link.dependent, link.primary)
    for order in problem.orderings:
        if order.kind is not OrderKind.OPTIONAL:
            join(order.first, order.then)
    if problem.options.strategy is not Strategy.DEFAULT:
        needy = [top.id for top in problem.resources if any(p.demand for p in top.primitives())]
        for other in needy[1:]:
            join(needy[0], other)
    found: dict[str, set[str]] = {}
    for top in problem.resources:
        found.setdefault(find(top.id), set()).add(top.id)
    return list(found.values())
