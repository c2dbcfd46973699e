"""The whole plan: a question in, an answer out.

Owns: the sequence of the stages.
"""

from dataclasses import dataclass

from ha_core.policy.engine.actions import act
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.outcome import Outcome, make_json, outcome
from ha_core.policy.engine.placement import place
from ha_core.policy.engine.problem import Problem
from ha_core.policy.engine.unpack import unpack


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer: where everything is to be, what must be done, and where that leads."""

    board: Board
    graph: Graph
    outcome: Outcome

    def as_value(self) -> dict[str, object]:
        """Return the plan in plain lists and mappings, with what was left out."""
        value = make_json(self.board, self.graph, self.outcome)
        value["left_out"] = [*self.board.problem.left_out, *self.graph.dropped]
        return value


def plan(problem: Problem) -> Plan:
    """Return the plan for a question."""
    board = unpack(problem)
    place(board)
    graph = act(board)
    return Plan(board, graph, outcome(board, graph))
