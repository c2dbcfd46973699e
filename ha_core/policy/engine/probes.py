"""Probes: where the state of a resource is not known, it is looked up first.

Owns: which probes are due, and what waits for them. Source: policy engine reference, chapter 13.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.fencing import is_unfencing
from ha_core.policy.engine.graph import Action, Graph
from ha_core.policy.engine.items import Item, is_unique
from ha_core.policy.engine.making import make_recurring
from ha_core.policy.engine.problem import Discovery, Kind, Task


class Looking:
    """Where each resource is to be looked for."""

    def __init__(self, graph: Graph) -> None:
        """Find the nodes to look on, and what the constraints say of discovery."""
        self.graph = graph
        board = graph.board
        self.nodes = frozenset(
            spot.index for spot in board.nodes if spot.is_online and not spot.is_unclean
        )
        self.is_unfencing = is_unfencing(board)
        self.never: dict[str, set[int]] = {}
        self.exclusive: dict[str, set[int]] = {}
        for location in board.problem.locations:
            if location.discovery is Discovery.ALWAYS:
                continue
            found = self.never if location.discovery is Discovery.NEVER else self.exclusive
            names = found.setdefault(location.resource, set())
            names.update(board.index[node] for node, _ in location.scores if node in board.index)

    def due(self, item: Item, known: set[int]) -> list[int]:
        """Return the nodes to look for a primitive on, in their order."""
        if self.nodes <= known or item.resource.is_removed or item.is_surplus:
            return []
        due = sorted(self.nodes - known)
        if not self.never and not self.exclusive:
            return due
        above: Item | None = item
        while above is not None:
            for name in (above.id, above.resource.id):
                never, only = self.never.get(name), self.exclusive.get(name)
                if never is not None:
                    due = [node for node in due if node not in never]
                if only is not None:
                    due = [node for node in due if node in only]
            above = above.parent
        return due


def add_probes(graph: Graph) -> dict[Item, list[Action]]:
    """Add all probes that are due; return them by top-level item, which then needs its actions."""
    found: dict[Item, list[Action]] = {}
    if not graph.board.problem.options.enable_startup_probes:
        return found
    looking = Looking(graph)
    for top in graph.board.tops:
        probes: list[Action] = []
        if top.kind is Kind.CLONE and not is_unique(top):
            _probe_anonymous(looking, top, probes)
        else:
            for item in top.primitives():
                _probe(looking, item, looking.due(item, item.known), probes)
        if probes:
            found[top] = probes
    return found


def _probe(looking: Looking, item: Item, nodes: list[int], probes: list[Action]) -> None:
    """Add the probes of one primitive: one action for all nodes that can be asked."""
    if not nodes:
        return
    spots = looking.graph.board.nodes
    ready = [node for node in nodes if not spots[node].node.is_pending]
    if len(ready) > 1 and not looking.is_unfencing:
        probe = Action(Task.MONITOR, item, is_needed=True, nodes=tuple(ready))
        probes.append(looking.graph.add(probe))
        nodes = [node for node in nodes if spots[node].node.is_pending]
    probes.extend(
        make_recurring(looking.graph, item, Task.MONITOR, node, 0, is_needed=True) for node in nodes
    )


def _probe_anonymous(looking: Looking, clone: Item, probes: list[Action]) -> None:
    """One probe a node, made by the instance that is assigned to it, else by the first."""
    if not clone.children:
        return
    same: dict[str, list[Item]] = {}
    for item in clone.primitives():
        same.setdefault(item.resource.id, []).append(item)
    for instances in same.values():
        known = set().union(*(item.known for item in instances))
        by_instance: dict[Item, list[int]] = {}
        for node in looking.due(instances[0], known):
            here = next((item for item in instances if item.node == node), instances[0])
            by_instance.setdefault(here, []).append(node)
        for item, nodes in by_instance.items():
            _probe(looking, item, nodes, probes)


def tie_probes(graph: Graph, probes: dict[Item, list[Action]]) -> None:
    """Starts wait for the probes of their resource; unknown nodes keep it from starting."""
    for top, actions in probes.items():
        for probe in actions:
            assert probe.item is not None
            waiting = top if top.kind is Kind.CLONE else probe.item
            kind = ties.ORDER
            if not probe.can_run and not _is_active(waiting):
                kind |= ties.NEEDS_FIRST
            for task in (Task.START, Task.RELOAD):
                for action in graph.of(waiting, task):
                    graph.tie(probe, action, kind)
            if not probe.can_run and top.kind is Kind.CLONE and not kind & ties.NEEDS_FIRST:
                _hold_inactive(graph, probe, top)


def _hold_inactive(graph: Graph, probe: Action, clone: Item) -> None:
    """Of a clone that is active somewhere, only the other instances wait."""
    for child in clone.children:
        if _is_active(child):
            continue
        for action in graph.of(child, Task.START):
            graph.tie(probe, action, ties.ORDER | ties.NEEDS_FIRST)


def _is_active(item: Item) -> bool:
    return any(child.roles for child in item.primitives())
