"""Where the whole engine has placed each primitive, with every reason in words.

Owns: what is told of a placement: each primitive by itself (`own`), what it must be with, what
depends on it, and the sentence that decides. It places nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ha_core.config.model import Clone, Colocation, Role, Strategy, TargetRole
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.balance import preference, weighed, wished
from ha_core.policy.bridge.question import WAITING, awaited
from ha_core.policy.catalog import Resolved
from ha_core.policy.engine import items, problem
from ha_core.policy.engine.items import Board, Item, is_unique
from ha_core.policy.own import Own, Seat
from ha_core.policy.picture import Picture
from ha_core.policy.scores import text
from ha_core.policy.transition import Place, Reason
from ha_core.policy.wording import WORDS_CHARACTERS_MAX, brief, listed, together
from ha_core.status import InstanceState

_NOWHERE: Final = "no node may run it: "
_TOLD: Final = {
    "ticket": "ticket",
    "stop_all": "stop-all",
    "multiple_active": "multiple-active",
    "capacity": "capacity",
    "health": "health",
    "discovery": "discovery",
    "exact": "exact",
}
"""Reasons that the engine alone knows, with the codes under which they are told."""
_EVERYWHERE: Final = ("fatal-failure", "ticket", "stop-all", "multiple-active")
_ROLES: Final = {
    problem.Role.STARTED: Role.STARTED,
    problem.Role.UNPROMOTED: Role.UNPROMOTED,
    problem.Role.PROMOTED: Role.PROMOTED,
}


@dataclass(frozen=True, slots=True)
class Bond:
    """One primitive that goes by where another one is."""

    primary: ResourceId
    score: int
    said: str = ""
    """Where the file says so in a word."""
    with_role: Role | None = None
    attribute: str = ""


class Seats:
    """The seats of one placed board, made as they are asked for."""

    def __init__(self, picture: Picture, board: Board, own: Own) -> None:
        self._picture = picture
        self._board = board
        self._own = own
        self._alone: dict[ResourceId, Seat] = {}
        self._made: dict[ResourceId, Seat] = {}
        self._busy: set[ResourceId] = set()
        self._items = _by_primitive(board)
        self._names = [spot.node.name for spot in board.nodes]
        self._unheard = _unheard(board)

    @cached_property
    def _bonds(self) -> dict[ResourceId, tuple[Bond, ...]]:
        return bonds_of(self._picture)

    def __getitem__(self, resource: ResourceId) -> Seat:
        """Return the primitive's seat with its reasons."""
        found = self._made.get(resource)
        if found is None:
            found = self._made[resource] = self._make(resource)
        return found

    def node(self, resource: ResourceId) -> NodeName | None:
        """Return where the primitive is to run; of one in a clone the first such place."""
        item = self._items[resource][0]
        if item.number is not None:
            places = self.places(resource)
            return places[0].node if places else None
        if self._picture.status.awaited and item.hold and not item.roles:
            return None
        if not self._picture.is_quorate and self._picture.acts_on(resource):
            active = self._picture.active(resource)
            keeps = self._picture.configuration.options.no_quorum_policy.keeps
            return active[0][0] if active and keeps else None
        return None if item.node is None else NodeName(self._names[item.node])

    def places(self, resource: ResourceId) -> tuple[Place, ...]:
        """Return where the instances of what is cloned are to run, and as what."""
        if self._items[resource][0].number is None:
            return ()
        found = [
            Place(
                ResourceId(item.id if is_unique(item) else resource),
                NodeName(self._names[item.node]),
                _ROLES.get(item.next_role, Role.STARTED),
            )
            for item in self._items[resource]
            if item.node is not None and item.next_role is not problem.Role.STOPPED
            if item.roles or not self._picture.status.awaited
        ]
        return tuple(sorted(found, key=lambda place: (place.node, place.instance)))

    # --- reasons -------------------------------------------------------------------------

    def _by_itself(self, resource: ResourceId) -> Seat:
        found = self._alone.get(resource)
        if found is None:
            found = self._alone[resource] = self._own.seat(self._picture.resources[resource])
        return found

    def _make(self, resource: ResourceId) -> Seat:
        picture = self._picture
        item = picture.resources[resource]
        alone = self._by_itself(resource)
        seat = Seat(dict(alone.scores), list(alone.reasons), self.node(resource), final=True)
        self._busy.add(resource)
        self._tell_engine(resource, seat)
        for bond in self._bonds.get(resource, ()):
            self._rest_on(resource, seat, bond)
        self._tell_wishes(resource, seat)
        if not item.is_wanted:
            seat.forbid(Reason("not-wanted", "it is wanted stopped"))
        seat.scores = self._scores(resource, alone, seat.scores)
        seat.head = self._fixed(item, seat) or self._head(item, seat)
        self._busy.discard(resource)
        return seat

    def _scores(
        self, resource: ResourceId, alone: Seat, told: dict[NodeName, int]
    ) -> dict[NodeName, int]:
        """Return each node's final score, of what is cloned the best of any instance's.

        Of a node that is closed the engine says nothing: what is `told` of it counts.
        """
        found: dict[NodeName, int] = {}
        here = self._items[resource]
        for number, name in enumerate(self._names):
            node = NodeName(name)
            at = [item.scores[number] for item in here if item.node == number]
            found[node] = max(at or [item.scores[number] for item in here])
            if (resource, name) in self._unheard:
                found[node] = alone.scores[node]
            elif node in self._picture.closed:
                found[node] = told[node]
        return found

    def _tell_engine(self, resource: ResourceId, seat: Seat) -> None:
        """Add what the engine knows beyond the primitive's own: tickets, health, room."""
        above: Item | None = self._items[resource][0]
        while above is not None:
            for reason in above.reasons:
                code = _TOLD.get(reason.code)
                if code is not None:
                    seat.reasons.append(self._from_engine(code, reason))
            above = above.parent

    def _from_engine(self, code: str, reason: items.Reason) -> Reason:
        node = NodeName(self._names[reason.node]) if reason.node is not None else None
        cure = ""
        if code == "ticket":
            cure = f"'ha ticket grant {reason.other} --reason TEXT' allows it here"
        elif code == "stop-all":
            cure = "'options.stop_all: false' wants what is configured"
        score = reason.score if node is not None else None
        return Reason(code, reason.text, node, score, cure)

    def _rest_on(self, resource: ResourceId, seat: Seat, bond: Bond) -> None:
        """Tell what it must, or should, be with or away from."""
        primary = bond.primary
        places = self._where(bond)
        nodes = self._alike(places, bond.attribute)
        called = f"the promoted {primary}" if bond.with_role is Role.PROMOTED else primary
        called += f" by {bond.attribute}" if bond.attribute else ""
        if bond.score >= INFINITY:
            seat.missing = seat.missing if nodes else primary
            seat.bond = f"it must be with {called}{bond.said}, {self._lot(bond, places)}"
            for name in self._picture.nodes:
                if name not in nodes:
                    words = f"it may not run on {name}: {seat.bond}"
                    seat.count(Reason("colocation", words, name, -INFINITY))
            return
        if self._is_dropped(resource, primary):
            return
        for node in sorted(nodes):
            verb = "should be with" if bond.score > 0 else "should avoid"
            if bond.score <= -INFINITY:
                verb = "must not share a node with"
            words = f"it {verb} {called}{bond.said}, which runs on {node}"
            seat.count(Reason("colocation", words, node, bond.score))

    def _is_dropped(self, resource: ResourceId, primary: ResourceId) -> bool:
        """Return whether the engine left a wish out, as no node would have been left."""
        names = {primary, *self._picture.names(primary)}
        return any(
            reason.code == "colocation_dropped" and reason.other in names
            for item in self._items[resource]
            for reason in item.reasons
        )

    def _where(self, bond: Bond) -> set[NodeName]:
        """Return where the primary is, in the role that counts."""
        places = self.places(bond.primary)
        if self._picture.clone_of(bond.primary) is not None:
            is_any = bond.with_role in (None, Role.STARTED)
            nodes = {place.node for place in places if is_any or place.role is bond.with_role}
        else:
            node = self[bond.primary].node if bond.primary not in self._busy else None
            nodes = {node} if node is not None else set()
        return nodes

    def _alike(self, nodes: set[NodeName], attribute: str) -> set[NodeName]:
        """Return all nodes on which the attribute is as on one of these."""
        if not attribute:
            return nodes
        values = {self._value(node, attribute) for node in nodes}
        return {node for node in self._picture.nodes if self._value(node, attribute) in values}

    def _value(self, node: NodeName, attribute: str) -> str | None:
        return dict(self._picture.nodes[node].attributes).get(attribute)

    def _lot(self, bond: Bond, nodes: set[NodeName]) -> str:
        """Say where a primary runs; if nowhere, what keeps the first of its chain from running."""
        primary = bond.primary
        if nodes:
            return f"which runs on {listed(sorted(nodes))}"
        if primary in self._busy:
            return "which must be with it"
        seat = self[primary]
        if bond.with_role is Role.PROMOTED and seat.node is not None:
            return "which is promoted nowhere"
        if seat.missing is not None and seat.missing not in self._busy:
            first = next((b for b in self._bonds[primary] if b.primary == seat.missing), None)
            if first is not None:
                return f"which must be with {seat.missing}, {self._lot(first, set())}"
        return f"which runs nowhere: {seat.head.text.removeprefix(_NOWHERE)}"

    def _tell_wishes(self, resource: ResourceId, seat: Seat) -> None:
        for source, before, after in self._items[resource][0].wishes:
            dependent = ResourceId(source.resource.id)
            if dependent not in self._picture.resources:
                continue
            for number, (old, new) in enumerate(zip(before, after, strict=True)):
                name = NodeName(self._names[number])
                if old == new or name in self._picture.closed:
                    continue
                gain = -INFINITY if new <= -INFINITY else new - old
                words = f"{dependent}, which depends on it, gives {name} {text(gain)}"
                worst = _worst(self._by_itself(dependent), name) if gain <= -INFINITY else None
                if worst is not None:
                    why = f"may not run on {name}: {worst.text}"
                    words = f"{dependent}, which must be with it, {why}"
                seat.reasons.append(Reason("dependent", words, name, gain))

    # --- the sentence that decides -------------------------------------------------------

    def _fixed(self, item: Resolved, seat: Seat) -> Reason | None:
        """Return why a primitive is not ours to place, or None."""
        picture = self._picture
        active = picture.active(item.id)
        stuck = [node for node, found in active if found.state is InstanceState.BLOCKED]
        if stuck:
            return Reason("blocked", f"it is blocked on {stuck[0]}", stuck[0])
        here = active[0][0] if active else None
        if not picture.acts_on(item.id):
            why = "the cluster only watches it"
            if item.is_managed or item.rests:
                why += ", because of maintenance"
            where = f"runs on {here}" if here else "runs nowhere"
            return Reason("unmanaged", f"{why}; it {where}", here)
        if not picture.is_quorate:
            return Reason("no-quorum", "there is no quorum")
        if picture.status.awaited and here is None:
            why, cure = awaited(picture)
            return Reason("awaited", why, cure=cure)
        return None

    def _head(self, item: Resolved, seat: Seat) -> Reason:
        if seat.node is None:
            return self._nowhere(item, seat)
        if item.clone is not None:
            return self._spread(item, item.clone, seat)
        node, scores = seat.node, seat.scores
        picture = self._picture
        able = [
            name
            for name in picture.nodes
            if (scores[name] >= 0 and picture.may_keep(item.id, name)) or name == node
        ]
        best = max(scores[name] for name in able)
        if scores[node] < best:
            return Reason("exact", f"more can run if it is on {node}", node, scores[node])
        ties = sum(scores[name] == best for name in able)
        return self._because(item.id, seat, node, able, ties)

    def _spread(self, item: Resolved, clone: Clone, seat: Seat) -> Reason:
        """Say where the instances of a clone run, and why not elsewhere if some are missing."""
        places = self.places(item.id)
        nodes = sorted({place.node for place in places})
        words = f"{listed(nodes)} {'is' if len(nodes) == 1 else 'are'} to run it"
        promoted = sorted({p.node for p in places if p.role is Role.PROMOTED})
        if promoted:
            words += f", {listed(promoted)} promoted"
        elif clone.promotable:
            words += f", promoted nowhere: {self._unpromoted(item)}"
        most = len(self._picture.nodes) if clone.instances_max is None else clone.instances_max
        others = [name for name in self._picture.nodes if name not in nodes]
        if len(places) < most and others:
            words += f"; not elsewhere: {self._against(seat, others)[0]}"
        return Reason("clone", words, nodes[0], seat.scores[nodes[0]])

    def _unpromoted(self, item: Resolved) -> str:
        """Say why no instance is to be promoted."""
        parts = self._items[item.id]
        above = [parts[0].top, *parts]
        barred = next((r for one in above for r in one.reasons if "no promotion" in r.text), None)
        if barred is not None:
            return barred.text
        if item.wish is TargetRole.UNPROMOTED:
            return "it is wanted unpromoted"
        instances = self._picture.instances(item.id)
        for node, found in instances:
            failure = found.failure
            if failure is not None and failure.action == "promote":
                return f"promote failed on {node}: {brief(failure.reason, WORDS_CHARACTERS_MAX)}"
        if all(found.promotion_score is None for _, found in instances):
            return "no instance has said that it can be"
        return "no instance may be"

    def _because(
        self, resource: ResourceId, seat: Seat, node: NodeName, able: list[NodeName], ties: int
    ) -> Reason:
        score = seat.scores[node]
        if len(able) == 1:
            others = [name for name in self._picture.nodes if name != node]
            if others and seat.bond and all(self._is_bound(seat, name) for name in others):
                return Reason("only-node", seat.bond, node, score)
            against = f": {self._against(seat, others)[0]}" if others else ""
            rivals = [name for name in others if self._may_in_need(resource, seat, name)]
            if rivals:
                weights = weighed(seat.scores, seat.reasons, [node, *rivals])
                words = wished(weights, node) or f"{node} suits it best{against}"
                return Reason("best-score", words, node, score)
            words = f"{node} is the only node that may run it{against}"
            return Reason("only-node", words, node, score)
        if self._picture.current(resource) == node and ties > 1:
            words = f"it is on {node} already, and no node is better"
            return Reason("stays", words, node, score)
        if ties > 1:
            strategy = self._picture.configuration.options.strategy
            if strategy in (Strategy.BALANCED, Strategy.MINIMAL):
                more = "has most room" if strategy is Strategy.BALANCED else "is the first by name"
                words = f"{node} is as good as others (score {text(score)}) and {more}"
                return Reason("most-room", words, node, score)
            codes = {reason.code for reason in self._items[resource][0].reasons}
            more = "is the first of them by name" if "name" in codes else "has less to do"
            words = f"{node} is as good as others (score {text(score)}) and {more}"
            words += self._instead(seat, node, able)
            return Reason("least-loaded", words, node, score)
        weights = weighed(seat.scores, seat.reasons, able)
        words = wished(weights, node) or preference(weights) + self._instead(seat, node, able)
        return Reason("best-score", words, node, score)

    def _instead(self, seat: Seat, node: NodeName, able: list[NodeName]) -> str:
        """Say what keeps it from nodes for which more speaks; empty if there are none."""
        if len(able) == len(self._picture.nodes):
            return ""
        sums = dict.fromkeys(self._picture.nodes, 0)
        for reason in seat.reasons:
            if reason.node in sums:
                sums[reason.node] += max(reason.score or 0, 0)
        better = [name for name in sums if name not in able and sums[name] > sums[node]]
        return f"; {self._against(seat, better)[0]}" if better else ""

    def _nowhere(self, item: Resolved, seat: Seat) -> Reason:
        if not item.is_wanted:
            return Reason("not-wanted", "it is wanted stopped")
        whole = next((r for r in seat.reasons if r.code in _EVERYWHERE and r.node is None), None)
        whole = whole or next((r for r in seat.reasons if r.code == "fatal-failure"), None)
        if whole is not None:
            return whole
        if not self._picture.nodes:
            return Reason("no-node", f"{_NOWHERE}none is configured")
        if seat.missing is not None:
            bonds = self._bonds.get(item.id, ())
            bond = next((b for b in bonds if b.primary == seat.missing), None)
            if bond is not None:
                cure = self[seat.missing].head.cure if seat.missing not in self._busy else ""
                return Reason("no-node", seat.bond, cure=cure)
        why, cure = self._against(seat, self._picture.nodes)
        return Reason("no-node", f"{_NOWHERE}{why}", cure=cure)

    def _against(self, seat: Seat, nodes: Iterable[NodeName]) -> tuple[str, str]:
        """Say what speaks against each of these nodes, the gravest reason of each; and the cure."""
        each = []
        for name in nodes:
            worst = self._picture.closed.get(name) or _worst(seat, name)
            words = f"{name} has score {text(seat.scores[name])}"
            each.append(worst or Reason("score", words, name))
        found = together(each)
        cures = dict.fromkeys(reason.cure for reason in found if reason.cure)
        return "; ".join(reason.text for reason in found), "; ".join(cures)

    def _is_bound(self, seat: Seat, node: NodeName) -> bool:
        """Return whether what speaks most against the node is what it must be with elsewhere."""
        worst = _worst(seat, node)
        return node not in self._picture.closed and worst is not None and worst.code == "colocation"

    def _may_in_need(self, resource: ResourceId, seat: Seat, node: NodeName) -> bool:
        """Return whether nothing but a wish speaks against the node."""
        return seat.scores[node] > -INFINITY and self._picture.may_keep(resource, node)


def bonds_of(picture: Picture) -> dict[ResourceId, tuple[Bond, ...]]:
    """Return what each primitive goes by, musts first; a group stands for its first or last."""
    found: dict[ResourceId, list[Bond]] = {}
    for group in picture.configuration.groups:
        if group.colocated:
            for before, after in zip(group.members, group.members[1:], strict=False):
                found.setdefault(after, []).append(Bond(before, INFINITY))
    for item in picture.configuration.colocations:
        if item.score and item.role is not Role.PROMOTED:
            dependent, primary = _ends(picture, item)
            said = f" ({item.source})" if item.source else ""
            if primary != item.with_resource and picture.configuration.group(item.with_resource):
                said = f" of group {item.with_resource}{said}"
            bond = Bond(primary, item.score, said, item.with_role, item.node_attribute)
            if dependent != primary:
                found.setdefault(dependent, []).append(bond)
    known = picture.resources

    def urgency(bond: Bond) -> tuple[bool, int, ResourceId]:
        return abs(bond.score) < INFINITY, -known[bond.primary].priority, bond.primary

    return {
        name: tuple(sorted((b for b in bonds if b.primary in known), key=urgency))
        for name, bonds in found.items()
    }


def _ends(picture: Picture, item: Colocation) -> tuple[ResourceId, ResourceId]:
    """Return dependent and primary as primitives."""
    last = -1 if item.score >= INFINITY else 0
    return picture.members(item.resource)[0], picture.members(item.with_resource)[last]


def _by_primitive(board: Board) -> dict[ResourceId, list[Item]]:
    found: dict[ResourceId, list[Item]] = {}
    for top in board.tops:
        for item in top.primitives():
            found.setdefault(ResourceId(item.resource.id), []).append(item)
    return found


def _unheard(board: Board) -> set[tuple[str, str]]:
    return {
        (location.resource, node)
        for location in board.problem.locations
        if location.id == WAITING
        for node, _ in location.scores
    }


def _worst(seat: Seat, node: NodeName) -> Reason | None:
    """Return the reason that speaks most against the node, the first of equals, or None."""
    bad = [r for r in seat.reasons if r.node == node and (r.score or 0) < 0]
    return min(bad, key=lambda r: r.score or 0, default=None)
