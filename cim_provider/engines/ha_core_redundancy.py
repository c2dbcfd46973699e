"""Which nodes may run each resource, by what the policy engine has decided and why.

Owns: that reading of a snapshot's decisions. A node may run a resource if nothing that was
counted against it forbids that, alone or in sum: constraints and rules, bans by hand, failures,
tickets, health, room. Where it is closed (lost, in standby) is no matter of this, nor whether the
resource is wanted. What must be with something else may run where that may. Pure.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from cim_provider.engines.ha_core_memo import Memo
from cim_provider.views.redundancy import MayRun, Redundancy, StartsAfter
from ha_core.config.choices import OrderedAction, OrderKind
from ha_core.config.model import Configuration
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.scores import add
from ha_core.policy.transition import Decision
from ha_core.snapshot import ClusterSnapshot

_NOWHERE: Final = frozenset({"fatal-failure", "ticket", "multiple-active"})
"""Codes of reasons without a node that leave none."""
_TOGETHER: Final = "colocation"
"""What is said of being with, or apart from, something else is followed to where that may run."""
_WISHES: Final = frozenset({_TOGETHER, "dependent", "stickiness"})
"""Codes of what is given up when no other node is left; but a dependent that must be with it."""
_HEADS: Final = frozenset(
    {"best-score", "stays", "only-node", "exact", "most-room", "least-loaded", "score", "clone"}
)
"""Codes of the sentence that sums up: its score is the total."""


class RedundancyMaker:
    """Says it of one snapshot after the other; looks only at decisions that have changed."""

    def __init__(self) -> None:
        self._barred: Memo[set[str]] = Memo()
        self._whole: Memo[Redundancy] = Memo()

    def of(self, snapshot: ClusterSnapshot) -> Redundancy:
        """Return who can stand in for whom; the same object if that has not changed."""
        apart = _apart(snapshot)
        inputs = (snapshot.configuration, snapshot.decisions, apart)
        found = self._whole.get("", inputs, lambda: self._made(snapshot, apart))
        self._whole.end()
        return found

    def _made(self, snapshot: ClusterSnapshot, apart: Mapping[str, frozenset[str]]) -> Redundancy:
        barred: dict[str, set[str]] = {
            each.resource: self._barred.get(each.resource, (each,), partial(_barred, each))
            for each in snapshot.decisions
        }
        self._barred.end()
        return _redundancy(snapshot.configuration, barred, apart)


def redundancy_of(snapshot: ClusterSnapshot) -> Redundancy:
    """Return who can stand in for whom."""
    return RedundancyMaker().of(snapshot)


def _redundancy(
    configuration: Configuration,
    barred: Mapping[str, set[str]],
    apart: Mapping[str, frozenset[str]],
) -> Redundancy:
    nodes = frozenset(node.name for node in configuration.nodes if not node.witness)
    own: dict[str, frozenset[str]] = {
        name: nodes - closed if closed else nodes for name, closed in barred.items()
    }
    bound = _bound(configuration, _members(configuration))
    listed: dict[frozenset[str], tuple[str, ...]] = {}
    found = []
    for name, free in own.items():
        if name in bound:
            free = nodes.intersection(*(own.get(each, nodes) for each in _chain(name, bound)))
        if name in apart:
            free -= apart[name]
        if free not in listed:
            listed[free] = tuple(sorted(free))
        found.append(MayRun(name, listed[free]))
    return Redundancy(tuple(found), tuple(_orders(configuration)))


def _barred(decision: Decision) -> set[str]:
    """Return the nodes that a primitive may not run on, whatever its company does."""
    counted: dict[str, int] = {}
    explained: set[str] = set()
    for reason in decision.reasons:
        if reason.node is None:
            if reason.code in _NOWHERE:
                return {node for node, _ in decision.scores}
        elif reason.score is not None and reason.code not in _HEADS:
            is_must = reason.score <= -INFINITY and reason.code != _TOGETHER
            if reason.code not in _WISHES or is_must:
                counted[reason.node] = add(counted.get(reason.node, 0), reason.score)
            if reason.score <= -INFINITY:
                explained.add(reason.node)
    found = {node for node, score in counted.items() if score < 0}
    here = {decision.node, *(place.node for place in decision.places)}
    if decision.node is not None:
        # It has a place, so every other node was thought of: what is forbidden without a word is.
        found |= {n for n, score in decision.scores if score <= -INFINITY and n not in explained}
    return found - here


def _bound(
    configuration: Configuration, members: Mapping[str, tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    """Return what each primitive must be with, as primitives."""
    found: dict[str, tuple[str, ...]] = {}
    for group in configuration.groups:
        if group.colocated:
            for member in group.members:
                found[member] = (*found.get(member, ()), *group.members)
    for each in configuration.colocations:
        if each.score >= INFINITY and not each.node_attribute and each.role is None:
            primaries = members.get(each.with_resource, (each.with_resource,))
            for name in members.get(each.resource, (each.resource,)):
                found[name] = (*found.get(name, ()), *primaries)
    return found


def _chain(name: str, bound: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return a primitive and all that it must be with, however far off."""
    found, left = {name}, [name]
    while left:
        more = set(bound.get(left.pop(), ())) - found
        found |= more
        left += more
    return found


def _apart(snapshot: ClusterSnapshot) -> Mapping[str, frozenset[str]]:
    """Return the nodes where what each primitive must not be with is active."""
    configuration = snapshot.configuration
    forbidden = [
        each
        for each in configuration.colocations
        if each.score <= -INFINITY and not (each.node_attribute or each.role or each.with_role)
    ]
    if not forbidden:
        return {}
    members = _members(configuration)
    active = {item.id: frozenset(item.nodes) for item in snapshot.resources}
    found: dict[str, frozenset[str]] = {}
    for each in forbidden:
        here = members.get(each.resource, (each.resource,))
        there = members.get(each.with_resource, (each.with_resource,))
        for names, others in ((here, there), (there, here)):
            nodes = frozenset().union(*(active.get(ResourceId(other), ()) for other in others))
            for name in names:
                found[name] = found.get(name, frozenset()) | nodes
    return found


def _members(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """Return the primitives of each group and clone."""
    found: dict[str, tuple[str, ...]] = {each.id: each.members for each in configuration.groups}
    for clone in configuration.clones:
        found[clone.id] = found.get(clone.member, (clone.member,))
    return found


def _orders(configuration: Configuration) -> Iterable[StartsAfter]:
    for each in configuration.orderings:
        is_start = each.first_action is each.then_action is OrderedAction.START
        if each.kind is OrderKind.MANDATORY and is_start:
            yield StartsAfter(each.first, each.then)
