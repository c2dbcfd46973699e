"""Stage 4: which actions a placed board needs, in which sequence, and which of them cannot run.

Owns: the phases of that, in their order, and the choice of what is looked at. A resource that
stays as it is gets no action objects, unless another one that changes is tied to it. Source:
policy engine reference, chapters 4 (7 and 8), 12, 13, 16, 17 and 18.
"""

from ha_core.policy.engine.cleaning import add_cleaning
from ha_core.policy.engine.collectives import add_item
from ha_core.policy.engine.fencing import add_fencing, add_unfencing
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.loops import break_loops
from ha_core.policy.engine.notify import add_notifications, mark_rounds
from ha_core.policy.engine.orderings import add_capacity_ties, add_exclusions, add_orderings
from ha_core.policy.engine.probes import add_probes, tie_probes
from ha_core.policy.engine.quiet import restless
from ha_core.policy.engine.recurring import add_recurring
from ha_core.policy.engine.settle import Settler


def act(board: Board) -> Graph:
    """Return all actions of a placed board, settled."""
    graph = Graph(board)
    probes = add_probes(graph)
    busy = restless(board, probes)
    _add_all(graph, busy)
    add_cleaning(graph, busy)
    add_orderings(graph)
    add_exclusions(graph)
    add_capacity_ties(graph)
    tie_probes(graph, probes)
    add_unfencing(graph)
    add_fencing(graph)
    Settler(graph).run()
    add_notifications(graph)
    break_loops(graph)
    return graph


def _add_all(graph: Graph, busy: list[Item]) -> None:
    for top in busy:
        add_item(graph, top)
        for item in top.primitives():
            add_recurring(graph, item)
        if top.clone is not None and top.clone.notify:
            mark_rounds(graph, top)
