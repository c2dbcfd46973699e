"""Actions that wait for one another in a circle would never happen: some ties are dropped.

Owns: which ties, the weakest first: exclusions and capacity, then mere sequence, then whatever
closes the circle. Each is named in `Graph.dropped`. Work is bounded: four passes over the graph.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import Action, Graph, Tie, orders

WEAKEST = ties.LOAD | ties.APART
WEAK = WEAKEST | ties.ORDER | ties.SERIALIZE | ties.UNLESS_MIGRATED


def break_loops(graph: Graph) -> None:
    """Drop ties until what happens has a sequence."""
    rest = _unordered({action for action in graph.actions if action.before and action.happens})
    for kinds in (WEAKEST, WEAK):
        if not rest:
            return
        for number, members in enumerate(_circles(graph, rest)):
            for action in members:
                for tie in action.after:
                    if not tie.kind & ~kinds and members.get(tie.then) == number and orders(tie):
                        _drop(graph, tie)
        rest = _unordered(rest)
    if rest:
        _drop_closing(graph, rest)


def _unordered(happening: set[Action]) -> set[Action]:
    """Return what is left when everything that waits for nothing is taken away, repeatedly."""
    waits: dict[Action, int] = {}
    ready: list[Action] = []
    for action in happening:
        count = sum(1 for tie in action.before if tie.first in happening and orders(tie))
        if count:
            waits[action] = count
        else:
            ready.append(action)
    while ready:
        for tie in ready.pop().after:
            if tie.then in waits and orders(tie):
                waits[tie.then] -= 1
                if not waits[tie.then]:
                    del waits[tie.then]
                    ready.append(tie.then)
    return set(waits)


def _sorted(graph: Graph, actions: set[Action]) -> list[Action]:
    return [action for action in graph.actions if action in actions]


def _next(action: Action, among: set[Action]) -> list[Tie]:
    return [tie for tie in action.after if tie.then in among and orders(tie)]


def _circles(graph: Graph, among: set[Action]) -> list[dict[Action, int]]:
    """Return the circles: sets of actions that all wait for one another, with their number."""
    number: dict[Action, int] = {}
    low: dict[Action, int] = {}
    open_: list[Action] = []
    is_open: set[Action] = set()
    found: list[dict[Action, int]] = []
    for root in _sorted(graph, among):
        if root in number:
            continue
        work: list[tuple[Action, list[Tie]]] = [(root, _next(root, among))]
        number[root] = low[root] = len(number)
        open_.append(root)
        is_open.add(root)
        while work:
            action, left = work[-1]
            if left:
                then = left.pop().then
                if then not in number:
                    number[then] = low[then] = len(number)
                    open_.append(then)
                    is_open.add(then)
                    work.append((then, _next(then, among)))
                elif then in is_open:
                    low[action] = min(low[action], number[then])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[action])
            if low[action] == number[action]:
                _close(action, open_, is_open, found)
    return found


def _close(
    action: Action, open_: list[Action], is_open: set[Action], found: list[dict[Action, int]]
) -> None:
    members: dict[Action, int] = {}
    while True:
        last = open_.pop()
        is_open.discard(last)
        members[last] = len(found)
        if last is action:
            break
    if len(members) > 1:
        found.append(members)


def _drop_closing(graph: Graph, among: set[Action]) -> None:
    """Walk in depth and drop each tie that leads back to where the walk came from."""
    done: set[Action] = set()
    on_way: set[Action] = set()
    for root in _sorted(graph, among):
        if root in done:
            continue
        work = [(root, _next(root, among))]
        on_way.add(root)
        while work:
            action, left = work[-1]
            if not left:
                work.pop()
                on_way.discard(action)
                done.add(action)
                continue
            tie = left.pop()
            if tie.then in on_way:
                _drop(graph, tie)
            elif tie.then not in done:
                on_way.add(tie.then)
                work.append((tie.then, _next(tie.then, among)))


def _drop(graph: Graph, tie: Tie) -> None:
    tie.kind = ties.NONE
    graph.dropped.append(
        f"{_named(graph, tie.first)} is not waited for by {_named(graph, tie.then)}: "
        "they wait for one another in a circle; take one of the orderings between them away."
    )


def _named(graph: Graph, action: Action) -> str:
    words = [action.task.value]
    if action.item is not None:
        words.append(action.item.id)
    if action.node is not None:
        words += ["on", graph.board.nodes[action.node].node.name]
    return " ".join(words)
