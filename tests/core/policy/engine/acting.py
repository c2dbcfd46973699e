"""Small questions in code, and their answers as lines that can be compared.

Owns: shorthand for tests of the engine's actions. Nodes are n1, n2, …; every state is known
unless a test says otherwise.
"""

from dataclasses import dataclass, replace

from ha_core.policy.engine.graph import Action, Graph
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.plan import Plan, plan
from ha_core.policy.engine.problem import (
    CloneMeta,
    Kind,
    Location,
    Meta,
    Node,
    Observed,
    Operation,
    Options,
    Problem,
    Recurring,
    Requires,
    Resource,
    Role,
    Task,
)

EVERY_10_S = Operation("monitor", 10_000)
RUNS_10_S = (Recurring("monitor", 10_000),)


def nodes(count: int, **changes: object) -> tuple[Node, ...]:
    """Return that many nodes; `n2={...}` changes fields of one."""
    return tuple(
        replace(Node(f"n{number}", str(number)), **changes.get(f"n{number}", {}))  # type: ignore[arg-type]
        for number in range(1, count + 1)
    )


def primitive(name: str, *, operations: tuple[Operation, ...] = (), **meta: object) -> Resource:
    """Return a primitive that asks for nothing but what is given."""
    return Resource(
        name,
        meta=Meta(**{"stickiness": 1, "requires": Requires.NOTHING, **meta}),  # type: ignore[arg-type]
        operations=operations,
    )


def group(name: str, *members: Resource, **changes: object) -> Resource:
    """Return a group."""
    return replace(Resource(name, Kind.GROUP, members=members), **changes)  # type: ignore[arg-type]


def clone(name: str, member: Resource, size: int, **changes: object) -> Resource:
    """Return a clone of that many instances."""
    return Resource(
        name,
        Kind.CLONE,
        members=(member,),
        clone=CloneMeta(size, **changes),  # type: ignore[arg-type]
    )


def active(name: str, node: str, role: Role = Role.STARTED, **changes: object) -> Observed:
    """Return that a primitive is active on a node."""
    return replace(Observed(name, node, role), **changes)  # type: ignore[arg-type]


def prefers(name: str, node: str, score: int = 1000) -> Location:
    """Return a preference."""
    return Location(f"{name}-{node}", name, ((node, score),))


def question(
    where: tuple[Node, ...],
    *resources: Resource,
    is_known: bool = True,
    options: Options | None = None,
    **parts: object,
) -> Problem:
    """Return a question, without fencing unless the options say otherwise."""
    chosen = options or Options(fencing_enabled=False)
    if is_known:
        chosen = replace(chosen, enable_startup_probes=False)
    return Problem(nodes=where, resources=resources, options=chosen, **parts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Answer:
    """A plan, readable."""

    plan: Plan

    @property
    def board(self) -> Board:
        """Return the placed board."""
        return self.plan.board

    @property
    def graph(self) -> Graph:
        """Return the actions."""
        return self.plan.graph

    def does(self) -> list[str]:
        """Return what somebody carries out, such as `start a on n1`, sorted."""
        return sorted(
            line for action in happening(self.graph) for line in lines(self.board, action)
        )

    def before(self, first: str, then: str) -> bool:
        """Return whether the one must be over before the other begins."""
        value = self.plan.as_value()
        actions, order = value["actions"], value["order"]
        assert isinstance(actions, list)
        assert isinstance(order, list)
        names = [f"{one['op']} {one['resource'] or ''} on {one['node']}" for one in actions]
        after: dict[int, list[int]] = {}
        for one, other in order:
            after.setdefault(one, []).append(other)
        todo, seen = [names.index(_full(first))], set()
        while todo:
            for other in after.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return names.index(_full(then)) in seen

    def where(self) -> dict[str, str]:
        """Return the final state: `n1`, `n1+n2`, `n1 promoted`."""
        found: dict[str, str] = {}
        for name, roles in self.plan.outcome.roles.items():
            words = "+".join(self.board.nodes[node].node.name for node in sorted(roles))
            role = max(roles.values())
            found[name] = f"{words} promoted" if role is Role.PROMOTED else words
        return found

    def find(self, name: str, task: Task) -> Action:
        """Return the first action of a resource with this task."""
        found = self.graph.find(self.board.items[name], task)
        assert found is not None
        return found


def _full(text: str) -> str:
    return text if len(text.split()) == 4 else text.replace(" on ", "  on ")


def happening(graph: Graph) -> list[Action]:
    """Return the actions that somebody carries out."""
    return [action for action in graph.actions if action.happens and not action.is_pseudo]


def lines(board: Board, action: Action) -> list[str]:
    """Return one line for each place of the action."""
    every = f" every {action.interval_ms}" if action.interval_ms else ""
    word = "probe" if action.task is Task.MONITOR and not action.interval_ms else action.task.value
    name = f" {action.item.id}" if action.item is not None else ""
    return [
        f"{word}{name} on {board.nodes[node].node.name}{every}"
        for node in action.places
        if node is not None
    ]


def answer(problem: Problem) -> Answer:
    """Return the answer to a question."""
    return Answer(plan(problem))
