"""Why something does not run, in words: the constraint, the ban, the failure, quorum, ticket, room.

Owns: the sentence for what is stopped after a plan, and for an action that cannot be. Nothing is
decided here: causes are read off the board and the graph.
"""

from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import location
from ha_core.policy.engine.graph import Action, Graph, Phase
from ha_core.policy.engine.items import Board, Item, Reason, Spot
from ha_core.policy.engine.problem import NoQuorum, Requires, Role, Task
from ha_core.policy.scores import add, text

_DEPTH_MAX: Final = 4
"""So many links of a chain are told: of something that must be with something, and so on."""
_DECIDED: Final = ("clone_max", "stop_all", "ticket", "never", "multiple_active", "exact")
"""Codes of reasons that speak of all nodes."""
_OF_NODE: Final = ("failed", "threshold", "capacity", "health")
"""Codes of reasons that speak of one node."""
_DOINGS: Final = {
    Phase.STARTED: "start",
    Phase.STOPPED: "stop",
    Phase.PROMOTED: "promotion",
    Phase.DEMOTED: "demotion",
    Task.START: "start",
    Task.STOP: "stop",
    Task.PROMOTE: "promotion",
    Task.DEMOTE: "demotion",
    Task.MIGRATE_TO: "departure",
    Task.MIGRATE_FROM: "arrival",
}


class Causes:
    """Answers for one plan."""

    def __init__(self, board: Board, graph: Graph) -> None:
        """Begin without looking at anything."""
        self._board = board
        self._graph = graph
        self._names = [spot.node.name for spot in board.nodes]

    def stopped(self, item: Item, depth: int = 0) -> str:
        """Return why a primitive does not run after the plan, as one clause."""
        found = self._by_itself(item)
        if found:
            return found
        start = self._unable(item)
        if start is not None:
            return self.unable(start, depth)
        if item.node is not None:
            return "its start needs another plan"
        return self._of_nodes(item, depth)

    def unable(self, action: Action, depth: int = 0) -> str:
        """Return why an action cannot be, as one clause."""
        root = action
        seen = {id(root)}
        while root.waits_for is not None and id(root.waits_for) not in seen:
            root = root.waits_for
            seen.add(id(root))
        item = root.item
        is_other = item is not None and action.item is not None and item is not action.item
        if is_other and item is not None and depth < _DEPTH_MAX:
            return self._of_other(root, item, depth)
        return root.hindrance or action.hindrance or "something that it waits for cannot be"

    def doing(self, action: Action) -> str:
        """Return an action in words, such as `the start of web on n1`."""
        word = _DOINGS.get(action.task, str(action.task))
        name = action.item.id if action.item is not None else ""
        at = f" on {self._names[action.node]}" if action.node is not None else ""
        return f"the {word} of {name}{at}" if name else f"the {word}{at}"

    # --- what speaks for itself ------------------------------------------------------------------

    def _by_itself(self, item: Item) -> str:
        """Return what keeps it from running wherever that were."""
        options, meta = self._board.problem.options, item.meta
        if item.resource.is_removed:
            return "it is no longer configured"
        if meta.target_role is Role.STOPPED:
            return "its target-role is Stopped"
        if options.stop_all:
            return "stop-all-resources is true"
        if options.fencing_enabled and not options.can_fence:
            return "stonith-enabled is true, and there is no fence device: nothing is started"
        if not item.is_managed:
            return self.unmanaged(item)
        if self._needs_quorum(item):
            return f"there is no quorum, and no-quorum-policy is {options.no_quorum}"
        reason = self._last(item, _DECIDED)
        return reason.text if reason is not None else ""

    def unmanaged(self, item: Item) -> str:
        """Return why it is left as it is."""
        options = self._board.problem.options
        if options.fencing_enabled and not options.can_fence and item.meta.is_managed:
            return "left as it is: stonith-enabled is true, and there is no fence device"
        if item.is_blocked:
            ticket = self._last(item, ("ticket",))
            return "it is blocked" if ticket is None else ticket.text
        if options.is_maintenance:
            return "maintenance-mode is true: it is left as it is"
        if item.resource.is_removed:
            return "it is no longer configured, and left as it is (stop-orphan-resources)"
        if item.meta.is_maintenance:
            return "its maintenance is true: it is left as it is"
        if item.meta.is_managed:
            names = [self._names[node] for node in item.roles]
            return f"{' and '.join(names)} is in maintenance: it is left as it is"
        return "its is-managed is false: it is left as it is"

    def _needs_quorum(self, item: Item) -> bool:
        options = self._board.problem.options
        if options.has_quorum or options.no_quorum is NoQuorum.IGNORE:
            return False
        return item.meta.requires is not Requires.NOTHING

    def _last(self, item: Item, codes: tuple[str, ...]) -> Reason | None:
        above: Item | None = item
        while above is not None:
            for reason in reversed(above.reasons):
                if reason.code in codes:
                    return reason
            above = above.parent
        return None

    # --- what cannot be done ---------------------------------------------------------------------

    def _unable(self, item: Item) -> Action | None:
        if item.node is None:
            return None
        start = self._graph.find(item, Task.START, item.node)
        return start if start is not None and not start.can_run else None

    def _of_other(self, root: Action, item: Item, depth: int) -> str:
        """Return why what is waited for cannot be."""
        name = f"{self.doing(root)} cannot be"
        for one in item.primitives():
            if root.task in (Task.STOP, Phase.STOPPED, Task.DEMOTE, Phase.DEMOTED):
                break
            if one.node is None or self._unable(one) is not None or self._by_itself(one):
                why = self.stopped(one, depth + 1)
                return f"{name}: {why}" if one is item else f"{name}: {one.id}: {why}"
        return f"{name}: {root.hindrance}" if root.hindrance else name

    # --- nodes -----------------------------------------------------------------------------------

    def _of_nodes(self, item: Item, depth: int) -> str:
        """Return what speaks against each node, the same for several nodes once."""
        if not self._board.nodes:
            return "there is no node"
        bond = self._bond(item, depth)
        if bond is not None and bond[1] is None:
            return bond[0]
        found: dict[str, list[str]] = {}
        for spot in self._board.nodes:
            why = self._of_node(item, spot)
            if not why and bond is not None and spot.index != bond[1]:
                why = bond[0]
            found.setdefault(why or "its scores are too low on {}", []).append(spot.node.name)
        parts = [
            _filled(why, names) for why, names in sorted(found.items(), key=lambda pair: pair[1])
        ]
        return "; ".join(parts)

    def _of_node(self, item: Item, spot: Spot) -> str:
        """Return what speaks against the node, with {} for its name; empty: nothing by itself."""
        if not spot.is_available:
            return _unavailable(spot)
        for above in _line(item):
            for reason in above.reasons:
                if reason.node == spot.index and reason.code in _OF_NODE and reason.score < 0:
                    return reason.text
        lock = self._last(item, ("shutdown_lock",))
        if lock is not None and lock.node != spot.index:
            return lock.text
        said = self._said(item, spot) or self._apart(item, spot) or self._full(item, spot)
        return said or self._followed(item, spot)

    def _said(self, item: Item, spot: Spot) -> str:
        """Return what location constraints say against the node."""
        names = {name for one in _line(item) for name in (one.id, one.resource.id)}
        given: list[tuple[str, int]] = []
        total, is_exclusive = spot.node.score, False
        for constraint in self._board.problem.locations:
            if constraint.resource not in names or constraint.role is Role.PROMOTED:
                continue
            is_exclusive = is_exclusive or constraint.discovery == "exclusive"
            for node, score in constraint.scores:
                if node == spot.node.name:
                    given.append((constraint.id, score))
                    total = add(total, score)
        bans = [name for name, score in given if score <= -INFINITY]
        if bans:
            return f"{', '.join(bans)} forbids {{}}"
        if total < 0 and given:
            said = ", ".join(f"{name} {text(score)}" for name, score in given)
            return f"the scores of {{}} add up to {text(total)} ({said})"
        if not given and not self._board.problem.options.is_symmetric:
            return "no constraint allows {} (symmetric-cluster is false)"
        return "it is not looked for on {}" if not given and is_exclusive else ""

    def _apart(self, item: Item, spot: Spot) -> str:
        """Return what is on the node that it must not be with, or rather should not."""
        for above in _line(item):
            for reason in above.reasons:
                if reason.code == "colocation" and reason.score < 0 and reason.node == spot.index:
                    verb = "must not" if reason.score <= -INFINITY else "should not"
                    return f"it {verb} be with {reason.other} on {{}} ({reason.constraint})"
        return ""

    def _followed(self, item: Item, spot: Spot) -> str:
        """Return what must be with it and cannot be on the node."""
        if item.scores and item.scores[spot.index] >= 0:
            return ""
        for other in self._dependents(item):
            why = self._said(other, spot)
            for reason in other.reasons:
                if reason.node == spot.index and reason.code in _OF_NODE and reason.score < 0:
                    why = why or reason.text
            if why:
                return f"{other.id} must be with it, and {why}"
        return ""

    def _dependents(self, item: Item) -> list[Item]:
        """Return the primitives that must be with it: those after it in its group, and others."""
        found: list[Item] = []
        names = {name for one in _line(item) for name in (one.id, one.resource.id)}
        group = item.parent
        if group is not None and item in group.children:
            found += group.children[group.children.index(item) + 1 :]
            names |= {one.id for one in found}
        for link in self._board.problem.colocations:
            if link.primary in names and link.score >= INFINITY:
                other = self._board.items.get(link.dependent)
                found += [] if other is None else other.primitives()
        return [one for one in found if not one.children]

    def _full(self, item: Item, spot: Spot) -> str:
        clone = item.top.clone
        if clone is None:
            return ""
        there = sum(location(one) == spot.index for one in item.top.children)
        return f"{{}} has its {item.top.id}" if there >= clone.clone_node_max else ""

    def _bond(self, item: Item, depth: int) -> tuple[str, int | None] | None:
        """Return what it must be with, and the node of that; None: nothing."""
        for above in _line(item):
            for reason in reversed(above.reasons):
                if reason.code != "colocation" or reason.score < INFINITY:
                    continue
                by = f" ({reason.constraint})" if reason.constraint else ""
                other = self._board.items.get(reason.other)
                words = f"it must be with {reason.other}{by}"
                if reason.node is not None:
                    return f"{words}, which is on {self._names[reason.node]}", reason.node
                if other is None or any(one.node is not None for one in other.primitives()):
                    return f"{words}, which is not there", None
                return f"{words}, which is stopped{self._of_primary(other, depth)}", None
        return None

    def _of_primary(self, other: Item, depth: int) -> str:
        first = next(other.primitives(), None)
        if first is None or depth >= _DEPTH_MAX:
            return ""
        return f": {self.stopped(first, depth + 1)}"


def _line(item: Item) -> list[Item]:
    """Return the item, and what it is in."""
    found = [item]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def _unavailable(spot: Spot) -> str:
    node = spot.node
    if spot.is_unclean:
        return "{} must be fenced first"
    if node.is_pending:
        return "{} is only joining"
    if not spot.is_online:
        return "{} is offline"
    if spot.is_standby:
        return "{} is being stopped" if node.is_leaving else "{} is in standby"
    return "{} is in maintenance" if node.is_maintenance else "{} is shutting down"


def _filled(why: str, names: list[str]) -> str:
    if "{}" not in why:
        return why
    several = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
    if len(names) > 1:
        for one, many in (("{} is ", "{} are "), ("{} has ", "{} have ")):
            why = many + why.removeprefix(one) if why.startswith(one) else why
    return why.replace("{}", several)
