"""A plan of the policy engine in plain sentences.

Owns: the words. What is told is asked of the plan alone.
"""

import heapq
from collections.abc import Iterator
from typing import Final

from ha_core.policy.engine.causes import Causes
from ha_core.policy.engine.graph import Action
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.plan import Exact, Plan
from ha_core.policy.engine.problem import Role, Task
from ha_core.policy.engine.report import actions_of, held_up

_ROLES: Final = {
    Role.STOPPED: "stopped",
    Role.STARTED: "started",
    Role.UNPROMOTED: "unpromoted",
    Role.PROMOTED: "promoted",
}
_AFTER_MAX: Final = 8
"""How many predecessors one line names."""
_MS_PER_S: Final = 1000


def plan_lines(plan: Plan, offer: Plan | None = None) -> Iterator[str]:
    """Yield the plan, a line at a time, and what an exact search would do better."""
    yield "nodes"
    yield from (f"  {line}" for line in _nodes(plan))
    causes = Causes(plan.board, plan.graph)
    yield "after this transition"
    yield from (f"  {line}" for line in _places(plan, causes))
    done = list(_actions(plan))
    yield "actions, in this order" if done else "nothing needs to be done"
    yield from (f"  {line}" for line in done)
    if plan.exact is not None:
        yield from _searched(plan, plan.exact)
    if offer is not None and offer.exact is not None:
        yield from _offered(offer, offer.exact)
    hindered = list(_hindered(plan, causes))
    if hindered:
        yield "cannot be done"
        yield from (f"  {line}" for line in hindered)
    left_out = plan.left_out()
    if left_out:
        yield "left out"
        yield from (f"  {line}" for line in left_out)


# --- nodes and places


def _nodes(plan: Plan) -> Iterator[str]:
    if not plan.board.nodes:
        yield "none"
    for spot in plan.board.nodes:
        node = spot.node
        marks = []
        if spot.is_unclean:
            why = "; ".join(dict.fromkeys(spot.fence_reasons)) or node.fence_reason
            is_fenced = spot.index in plan.outcome.fenced
            verb = "fenced" if is_fenced else "unclean, but cannot be fenced now"
            marks.append(f"{verb}: {why}")
        elif node.is_pending:
            marks.append("pending: nothing can be done on it yet")
        elif not spot.is_online:
            marks.append("offline")
        if spot.is_standby and not node.is_pending:
            marks.append(f"standby ({spot.standby_reason})")
        if node.is_maintenance:
            marks.append("maintenance")
        if node.is_shutting_down:
            marks.append("shutting down")
        yield f"{node.name}: {', '.join(marks) or 'online'}"


def _places(plan: Plan, causes: Causes) -> Iterator[str]:
    board = plan.board
    found = False
    for top in board.tops:
        for item in top.primitives():
            roles = plan.outcome.roles.get(item.id)
            if not roles and (item.is_surplus or (item.number or 0) > 0):
                continue  # an instance that is not needed is no news
            found = True
            yield f"{item.id}: {_place(board, item, roles or {}, causes)}"
    if not found:
        yield "there are no resources"


def _place(board: Board, item: Item, roles: dict[int, Role], causes: Causes) -> str:
    before = _where(board, item.roles)
    now = _where(board, roles)
    text = now if now == before else f"{now} (now {before})"
    if item.is_blocked:
        text += ", blocked: nothing is done with it before somebody cleans it up"
    elif roles and not item.is_managed:
        text += f", {causes.unmanaged(item)}"
    return text if roles or item.is_blocked else f"{text}: {causes.stopped(item)}"


def _where(board: Board, roles: dict[int, Role]) -> str:
    if not roles:
        return "stopped"
    return ", ".join(
        f"{_ROLES[roles[node]]} on {board.nodes[node].node.name}" for node in sorted(roles)
    )


# --- the exact search


def _searched(plan: Plan, exact: Exact) -> Iterator[str]:
    if not exact.is_better:
        yield (
            "placement: exact: no placement runs more than that of the greedy order"
            if exact.is_complete
            else "placement: exact: nothing better was found in the time there was"
        )
        return
    yield "placement: exact did better than the greedy order"
    for name in exact.gained:
        yield f"  {name} runs {_at(plan, name)}, the greedy order leaves it stopped"
    for name in exact.moved:
        yield f"  {name} is {_at(plan, name)} for that"
    for name in exact.lost:
        yield f"  {name} is stopped for that: it is worth less, or it is fewer"
    if not exact.is_complete:
        yield "  there may be something still better: the time was up"


def _offered(offer: Plan, exact: Exact) -> Iterator[str]:
    moved = "".join(f", with {name} {_at(offer, name)}" for name in exact.moved)
    lost = "".join(f"; {name} would be stopped" for name in exact.lost)
    for name in exact.gained:
        yield (
            f"{name} stays stopped by the greedy order; `placement: exact` would run it"
            f" {_at(offer, name)}{moved}{lost}"
        )


def _at(plan: Plan, name: str) -> str:
    node = plan.board.items[name].node
    return f"on {plan.board.nodes[node].node.name}" if node is not None else "nowhere"


# --- actions


def _actions(plan: Plan) -> Iterator[str]:
    described, pairs = actions_of(plan.graph)
    actions = [
        (action, node)
        for action in plan.graph.actions
        if action.happens and not action.is_pseudo
        for node in action.places
    ]
    before: dict[int, list[int]] = {}
    for first, then in pairs or ():
        before.setdefault(then, []).append(first)
    numbers: dict[int, int] = {}
    for position in _sorted(len(described), before):
        numbers[position] = len(numbers) + 1
        action, node = actions[position]
        after = sorted(numbers[other] for other in before.get(position, ()) if other in numbers)
        line = f"{numbers[position]}. {_told(plan.board, action, node)}"
        if after:
            more = f" and {len(after) - _AFTER_MAX} more" if len(after) > _AFTER_MAX else ""
            line += f", after {', '.join(map(str, after[-_AFTER_MAX:]))}{more}"
        yield f"{line} ({action.reason})" if action.reason else line


def _sorted(count: int, before: dict[int, list[int]]) -> Iterator[int]:
    """Yield positions so that each comes after the ones before it; what is in a cycle last."""
    left = {position: len(set(others)) for position, others in before.items()}
    after: dict[int, list[int]] = {}
    for position, others in before.items():
        for other in set(others):
            after.setdefault(other, []).append(position)
    ready = [position for position in range(count) if position not in left]
    told = set()
    while ready:
        position = heapq.heappop(ready)
        told.add(position)
        yield position
        for other in after.get(position, ()):
            left[other] -= 1
            if not left[other]:
                heapq.heappush(ready, other)
    yield from (position for position in range(count) if position not in told)


def _told(board: Board, action: Action, node: int | None) -> str:
    name = action.item.id if action.item is not None else ""
    at = board.nodes[node].node.name if node is not None else "?"
    every = f"every {action.interval_ms / _MS_PER_S:g} s"
    match action.task:
        case Task.MONITOR if not action.interval_ms:
            return f"look whether {name} runs on {at}"
        case Task.MONITOR:
            return f"watch {name} on {at} {every}"
        case Task.CANCEL:
            return f"no longer watch {name} on {at} {every}"
        case Task.MIGRATE_TO:
            return f"send {name} away from {at}, still running"
        case Task.MIGRATE_FROM:
            return f"receive {name} on {at}, still running"
        case Task.FENCE | Task.UNFENCE:
            return f"{action.task} {at}"
        case Task.SHUTDOWN:
            return f"let {at} leave"
        case Task.DELETE:
            return f"forget the history of {name} on {at}"
        case Task.CLEAR_FAILCOUNT:
            return f"clear the fail count of {name} on {at}"
        case Task.NOTIFY:
            return f"notify {name} on {at} of {action.note}"
    return f"{action.task} {name} on {at}"


def _hindered(plan: Plan, causes: Causes) -> Iterator[str]:
    for action in held_up(plan.graph):
        waited = action.waits_for
        waits = "" if waited is None else f" (it waits for {causes.doing(waited)})"
        yield f"{causes.doing(action)}{waits}: {causes.unable(action)}"
