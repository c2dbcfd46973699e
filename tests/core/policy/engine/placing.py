"""Small questions in code, and where everything is placed.

Owns: shorthand for tests of placement alone. Nodes are n1, n2, …; fencing is off unless a test
says otherwise.
"""

from collections.abc import Iterable

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.placement import place
from ha_core.policy.engine.problem import (
    CloneMeta,
    Colocation,
    Kind,
    Location,
    Meta,
    Node,
    Observed,
    Options,
    Problem,
    Resource,
    Role,
)
from ha_core.policy.engine.unpack import unpack


def nodes(*names: str, **changes: object) -> tuple[Node, ...]:
    """Return nodes that differ in nothing but their names."""
    return tuple(Node(name, **changes) for name in names)  # type: ignore[arg-type]


def primitive(name: str, *, demand: object = 0, **meta: object) -> Resource:
    """Return a primitive that needs so many `cpu`."""
    needs = (("cpu", int(str(demand))),) if demand else ()
    return Resource(name, meta=Meta(**meta), demand=needs)  # type: ignore[arg-type]


def group(name: str, *members: Resource, colocated: bool = True, **meta: object) -> Resource:
    """Return a group."""
    own = Meta(**meta)  # type: ignore[arg-type]
    return Resource(name, Kind.GROUP, meta=own, members=members, is_colocated=colocated)


def clone(name: str, member: Resource, size: int, **options: object) -> Resource:
    """Return a clone of so many instances."""
    settings = CloneMeta(size, **options)  # type: ignore[arg-type]
    return Resource(name, Kind.CLONE, meta=Meta(stickiness=1), members=(member,), clone=settings)


def at(resource: str, *names: str, role: Role = Role.STARTED) -> tuple[Observed, ...]:
    """Return that a resource is active on these nodes."""
    return tuple(Observed(resource, name, role) for name in names)


def prefers(resource: str, node: str, score: int = INFINITY, role: Role | None = None) -> Location:
    """Return a location constraint on one node."""
    return Location(f"l-{resource}-{node}-{score}", resource, ((node, score),), role)


def together(dependent: str, primary: str, score: int = INFINITY, **changes: object) -> Colocation:
    """Return a colocation."""
    name = f"c-{dependent}-{primary}"
    return Colocation(name, dependent, primary, score, **changes)  # type: ignore[arg-type]


def problem(
    where: Iterable[Node],
    *resources: Resource,
    observed: Iterable[Observed] = (),
    locations: Iterable[Location] = (),
    colocations: Iterable[Colocation] = (),
    options: Options | None = None,
    **more: object,
) -> Problem:
    """Return a question."""
    return Problem(
        tuple(where),
        resources,
        options or Options(fencing_enabled=False),
        locations=tuple(locations),
        colocations=tuple(colocations),
        observed=tuple(observed),
        **more,  # type: ignore[arg-type]
    )


def placed(question: Problem) -> Board:
    """Return the board with everything placed."""
    board = unpack(question)
    place(board)
    return board


def places(question: Problem) -> dict[str, str]:
    """Return where each primitive is to run, with its role if that is not Started."""
    board = placed(question)
    found = {}
    for top in board.tops:
        for item in top.primitives():
            if item.node is not None:
                role = "" if item.next_role is Role.STARTED else f" {item.next_role.name.lower()}"
                found[item.id] = board.nodes[item.node].node.name + role
    return found


def spread(question: Problem) -> list[str]:
    """Return `resource node role` of everything that is to run, instances without numbers."""
    return sorted(f"{name.partition(':')[0]} {where}" for name, where in places(question).items())
