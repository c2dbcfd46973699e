"""The whole plan: a question in, an answer out.

Owns: the sequence of the stages.
"""

from collections.abc import Callable, Container
from dataclasses import asdict, dataclass

from ha_core.policy.engine.actions import act
from ha_core.policy.engine.desk import Chooser
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.outcome import Outcome, make_json, outcome
from ha_core.policy.engine.placement import place
from ha_core.policy.engine.problem import Problem, Role
from ha_core.policy.engine.unkept import unkept
from ha_core.policy.engine.unpack import unpack


@dataclass(frozen=True, slots=True)
class Exact:
    """What the exact search has found, as ids of primitives."""

    is_better: bool = False
    """The plan is its own; otherwise it is that of the greedy order."""
    is_complete: bool = True
    """All was tried that might be better; otherwise its time was up."""
    gained: tuple[str, ...] = ()
    """What runs by it and would be stopped."""
    lost: tuple[str, ...] = ()
    """What is stopped by it, as it is worth less, and would run."""
    moved: tuple[str, ...] = ()
    """What runs on another node by it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer: where everything is to be, what must be done, and where that leads."""

    board: Board
    graph: Graph
    outcome: Outcome
    exact: Exact | None = None
    """If there was an exact search: what came of it."""

    def left_out(self) -> list[str]:
        """Return what of the question has no part in the plan, one sentence each."""
        return [*self.board.problem.left_out, *self.graph.dropped, *unkept(self.board)]

    def as_value(self) -> dict[str, object]:
        """Return the plan in plain lists and mappings, with what was left out."""
        value = make_json(self.board, self.graph, self.outcome)
        value["left_out"] = self.left_out()
        if self.exact is not None:
            value["exact"] = asdict(self.exact)
        return value


def is_wanting(plan: Plan, tops: Container[str] | None = None) -> bool:
    """Return whether anything (of these top-level resources) is stopped that ought to run."""
    return any(
        item.is_managed
        and not item.is_surplus
        and item.meta.target_role is not Role.STOPPED
        and item.node not in plan.outcome.roles.get(item.id, {})
        for top in plan.board.tops
        if tops is None or top.id in tops
        for item in top.primitives()
    )


def plan(
    problem: Problem,
    is_cancelled: Callable[[], bool] = lambda: False,
    exact_steps: int | None = None,
) -> Plan:
    """Return the plan for a question.

    Args:
        problem: the question.
        is_cancelled: asked between the tries of an exact search, which ends where it says so.
        exact_steps: how many primitives such a search places at most; None: as many as usual.
    """
    if problem.options.is_exact:
        from ha_core.policy.engine import exact  # the one that is rarely asked for

        steps = exact.STEPS_MAX if exact_steps is None else exact_steps
        return exact.plan_exactly(problem, exact.Box(steps, is_cancelled))
    return solve(problem)


def solve(problem: Problem, chooser: Chooser | None = None) -> Plan:
    """Return the plan of the greedy order, but for what a chooser chooses."""
    board = unpack(problem)
    place(board, chooser)
    return _acted(board)


def solve_if(problem: Problem, chooser: Chooser, is_enough: Callable[[Board], bool]) -> Plan | None:
    """Return the same plan, or None if what is placed is not enough."""
    board = unpack(problem)
    place(board, chooser)
    return _acted(board) if is_enough(board) else None


def _acted(board: Board) -> Plan:
    graph = act(board)
    return Plan(board, graph, outcome(board, graph))
