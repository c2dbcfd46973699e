"""The whole plan: question in, answer out.

Owns: the sequence of the stages.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from ha_core.policy.engine.items import Board
from ha_core.policy.engine.problem import Problem
from ha_core.policy.engine.unpack import unpack

_PACKAGE = "ha_core.policy.engine."


@dataclass(slots=True)
class Plan:
    """The answer: where everything is to be, and what must be done."""

    board: Board
    graph: object = None
    outcome: object = None

    def as_value(self) -> dict[str, object]:
        """Return the answer for JSON."""
        make_json = getattr(import_module(_PACKAGE + "outcome"), "make_json", None)
        if make_json is not None:
            found = make_json(self.board, self.graph, self.outcome)
            assert isinstance(found, dict)
            return found
        return {"placement": {}, "actions": [], "fenced": [], "blocked": []}

    def lines(self) -> list[str]:
        """Return the answer in sentences."""
        return [str(self.as_value())]


def plan(problem: Problem) -> Plan:
    """Return the plan for a question."""
    result = Plan(unpack(problem))
    if find_spec(_PACKAGE + "placement"):
        import_module(_PACKAGE + "placement").place(result.board)
    if find_spec(_PACKAGE + "actions"):
        result.graph = import_module(_PACKAGE + "actions").act(result.board)
    if find_spec(_PACKAGE + "outcome"):
        result.outcome = import_module(_PACKAGE + "outcome").outcome(result.board, result.graph)
    return result
