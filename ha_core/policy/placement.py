"""Where each primitive should run: scores, colocations and the choice among nodes.

Owns: the assignment, with the reasons for it. Source: Pacemaker Explained,
"Resource Constraints"; the order of assignment and the ties are Pacemaker's.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.config.model import Colocation
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.attributes import CONNECTIVITY
from ha_core.policy.own import Own, Seat
from ha_core.policy.picture import Picture
from ha_core.policy.scores import add, share, text
from ha_core.policy.transition import Reason
from ha_core.policy.wording import together
from ha_core.status import InstanceState

_NOWHERE: Final = "no node may run it: "


def place(picture: Picture) -> dict[ResourceId, Seat]:
    """Return every primitive's seat, all final.

    What would run nowhere for want of a ping target need not reach one: it is placed again.
    """
    lifted: frozenset[ResourceId] = frozenset()
    while True:
        seats = _Placement(picture, lifted).run()
        more = {
            resource
            for resource, seat in seats.items()
            if seat.node is None and any(item.code == CONNECTIVITY for item in seat.reasons)
        }
        if more <= lifted:
            return seats
        lifted |= more


class _Placement:
    def __init__(self, picture: Picture, lifted: frozenset[ResourceId]) -> None:
        self._picture = picture
        self._load = dict.fromkeys(picture.nodes, 0)
        self._leaning: dict[ResourceId, list[tuple[ResourceId, int]]] = {}
        """Primary to its dependents, with the score."""
        self._resting: dict[ResourceId, list[tuple[ResourceId, int]]] = {}
        """Dependent to its primaries, with the score."""
        self._said: dict[tuple[ResourceId, ResourceId], str] = {}
        """Where the file says in a word that a dependent goes by its primary."""
        self._busy: set[ResourceId] = set()
        own = Own(picture, lifted)
        self._seats = {item.id: own.seat(item) for item in picture.resources.values()}
        self._relate()

    def run(self) -> dict[ResourceId, Seat]:
        """Assign in order of priority; equal ones in the order of the configuration."""
        for members in self._top_level():
            for member in members:
                self._assign(member)
        return self._seats

    # --- colocations ---------------------------------------------------------------------

    def _relate(self) -> None:
        """Collect colocations between primitives: groups inside, and those of the configuration."""
        for group in self._picture.configuration.groups:
            for before, after in zip(group.members, group.members[1:], strict=False):
                self._lean(after, before, INFINITY)
        for item in self._picture.configuration.colocations:
            if item.score:
                ends = _ends(self._picture, item)
                self._lean(*ends, item.score)
                if item.source:
                    self._said.setdefault(ends, f" ({item.source})")
        for table in (self._leaning, self._resting):
            for pairs in table.values():
                pairs.sort(key=lambda pair: (abs(pair[1]) < INFINITY, self._rank(pair[0]), pair[0]))

    def _rank(self, resource: ResourceId) -> int:
        return -self._picture.resources[resource].priority

    def _lean(self, dependent: ResourceId, primary: ResourceId, score: int) -> None:
        if dependent in self._seats and primary in self._seats and dependent != primary:
            self._leaning.setdefault(primary, []).append((dependent, score))
            self._resting.setdefault(dependent, []).append((primary, score))

    def _rest_on(self, resource: ResourceId, primary: ResourceId, score: int) -> None:
        """Count on the dependent's scores where its primary was placed."""
        seat, node = self._seats[resource], self._seats[primary].node
        said = self._said.get((resource, primary), "")
        if score >= INFINITY:
            seat.missing = primary if node is None else seat.missing
            seat.bond = f"it must be with {primary}{said}, {self._lot(primary)}"
            for name in seat.scores:
                if name != node:
                    words = f"it may not run on {name}: {seat.bond}"
                    seat.count(Reason("colocation", words, name, -INFINITY))
            return
        before, count = dict(seat.scores), len(seat.reasons)
        if node is not None:
            verb = "should be with" if score > 0 else "should avoid"
            if score <= -INFINITY:
                verb = "must not share a node with"
            words = f"it {verb} {primary}{said}, which runs on {node}"
            seat.count(Reason("colocation", words, node, score))
        elif score > 0:
            seat.scores = {name: add(value, -score) for name, value in before.items()}
        if score > -INFINITY and not self._is_placeable(resource, seat.scores):
            seat.scores = before
            del seat.reasons[count:]

    def _lot(self, primary: ResourceId) -> str:
        """Say where a primary runs; if nowhere, what keeps the first of its chain from running."""
        seat = self._seats[primary]
        if seat.node is not None:
            return f"which runs on {seat.node}"
        if seat.missing is not None:
            return f"which must be with {seat.missing}, {self._lot(seat.missing)}"
        return f"which runs nowhere: {seat.head.text.removeprefix(_NOWHERE)}"

    def _heed(
        self, resource: ResourceId, primary: ResourceId, factor: float, seen: frozenset[ResourceId]
    ) -> None:
        """Count the wishes of all that depends on `primary` in the scores of `resource`."""
        seat = self._seats[resource]
        for dependent, score in self._leaning.get(primary, ()):
            other = self._seats[dependent]
            if other.final or dependent in seen:
                continue
            part = factor * score / INFINITY
            spared = part < 0 and not self._must_make_room(primary, dependent, score)
            wished = {
                name: value
                if spared and other.scores[name] < 0
                else add(value, share(other.scores[name], part))
                for name, value in seat.scores.items()
            }
            if not self._is_placeable(resource, wished):
                continue
            self._tell_wish(seat, dependent, wished)
            seat.scores = wished
            self._heed(resource, dependent, part, seen | {dependent})

    def _must_make_room(self, primary: ResourceId, dependent: ResourceId, score: int) -> bool:
        """Return whether a dependent that avoids its primary has one node left, which it needs.

        Otherwise a node that the dependent cannot use is no reason to send the
        primary there: two dislikes do not make a preference.
        """
        left = [value for value in self._seats[dependent].scores.values() if value >= 0]
        return len(left) == 1 and self._picture.resources[primary].stickiness < -score

    def _tell_wish(self, seat: Seat, dependent: ResourceId, wished: dict[NodeName, int]) -> None:
        for name, value in wished.items():
            if value == seat.scores[name]:
                continue
            gain = -INFINITY if value <= -INFINITY else value - seat.scores[name]
            words = f"{dependent}, which depends on it, gives {name} {text(gain)}"
            worst = _worst(self._seats[dependent], name) if gain <= -INFINITY else None
            if worst is not None:
                words = f"{dependent}, which must be with it, may not run on {name}: {worst.text}"
            seat.reasons.append(Reason("dependent", words, name, gain))

    def _is_placeable(self, resource: ResourceId, scores: dict[NodeName, int]) -> bool:
        return any(
            value >= 0 and self._picture.may_keep(resource, name) for name, value in scores.items()
        )

    # --- the choice ----------------------------------------------------------------------

    def _assign(self, resource: ResourceId) -> None:
        seat = self._seats[resource]
        if seat.final or resource in self._busy:
            return
        self._busy.add(resource)
        group = self._picture.groups.get(resource)
        if group is not None and group.members[0] != resource:
            self._assign(group.members[0])
        if not seat.final:
            for primary, score in self._resting.get(resource, ()):
                self._assign(primary)
                if self._seats[primary].final:
                    self._rest_on(resource, primary, score)
            self._heed(resource, resource, 1.0, frozenset((resource,)))
            if not self._picture.resources[resource].is_wanted:
                seat.forbid(Reason("not-wanted", "it is wanted stopped"))
            self._decide(resource, seat)
        self._busy.discard(resource)

    def _decide(self, resource: ResourceId, seat: Seat) -> None:
        seat.final = True
        seat.node, seat.head = self._fixed(resource) or self._choose(resource, seat)
        if seat.node in self._load:
            self._load[seat.node] += 1

    def _fixed(self, resource: ResourceId) -> tuple[NodeName | None, Reason] | None:
        """Return the node of a primitive that is not ours to place, or None."""
        picture = self._picture
        active = picture.active(resource)
        stuck = [node for node, item in active if item.state is InstanceState.BLOCKED]
        if stuck:
            return stuck[0], Reason("blocked", f"it is blocked on {stuck[0]}", stuck[0])
        here = active[0][0] if active else None
        if not picture.acts_on(resource):
            why = "the cluster only watches it"
            if picture.resources[resource].is_managed:
                why += ", because of maintenance"
            return here, Reason("unmanaged", f"{why}; it {_where(here)}", here)
        if not picture.is_quorate:
            keeps = picture.configuration.options.no_quorum_policy.keeps
            return here if keeps else None, Reason("no-quorum", "there is no quorum")
        if picture.status.awaited and here is None:
            names = ", ".join(picture.status.awaited)
            why = f"the cluster has just started, and has not seen {names} yet"
            cure = "start it, or, if it is down for sure: ha quorum release --reason TEXT"
            return None, Reason("awaited", why, cure=cure)
        return None

    def _choose(self, resource: ResourceId, seat: Seat) -> tuple[NodeName | None, Reason]:
        picture, current = self._picture, self._picture.current(resource)
        able = [
            name
            for name in picture.nodes
            if seat.scores[name] >= 0 and picture.may_keep(resource, name)
        ]
        if not able:
            return None, self._nowhere(resource, seat)
        best = max(seat.scores[name] for name in able)
        ties = [name for name in able if seat.scores[name] == best]
        if current in ties and best > 0:
            node = current
        else:
            node = min(ties, key=lambda name: (self._load[name], name != current, name))
        assert node is not None
        return node, self._because(resource, seat, node, able, len(ties))

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
                wished = self._wished(seat, node, [node, *rivals])
                words = wished.text if wished else f"{node} suits it best{against}"
                return Reason("best-score", words, node, score)
            words = f"{node} is the only node that may run it{against}"
            return Reason("only-node", words, node, score)
        if self._picture.current(resource) == node and ties > 1:
            words = f"it is on {node} already, and no node is better"
            return Reason("stays", words, node, score)
        if ties > 1:
            words = f"{node} is as good as others (score {text(score)}) and has less to do"
            return Reason("least-loaded", words, node, score)
        wished = self._wished(seat, node, able)
        if wished is not None:
            return Reason("best-score", wished.text, node, score)
        counts = ", ".join(f"{n} {text(seat.scores[n])}" for n in able if n != node)
        words = f"{node} has the highest score, {text(score)} ({counts})"
        return Reason("best-score", words, node, score)

    @staticmethod
    def _wished(seat: Seat, node: NodeName, able: list[NodeName]) -> Reason | None:
        """Return the wish that decides for the node: no other one is wished for so much, and
        nothing else says more for this one.
        """
        wishes = [item for item in seat.reasons if item.code in ("prefers", "avoids")]
        sums = {name: sum(w.score or 0 for w in wishes if w.node == name) for name in able}
        rest = max(sums[name] for name in able if name != node)
        mine = [item for item in seat.reasons if item.node == node and (item.score or 0) > 0]
        best = max(mine, key=lambda item: item.score or 0, default=None)
        return best if best in wishes and sums[node] > rest else None

    def _nowhere(self, resource: ResourceId, seat: Seat) -> Reason:
        if not self._picture.resources[resource].is_wanted:
            return Reason("not-wanted", "it is wanted stopped")
        whole = next((r for r in seat.reasons if r.code == "fatal-failure"), None)
        if whole is not None:
            return whole
        if not self._picture.nodes:
            return Reason("no-node", f"{_NOWHERE}none is configured")
        if seat.missing is not None:
            words = f"it must be with {seat.missing}, {self._lot(seat.missing)}"
            return Reason("no-node", words, cure=self._seats[seat.missing].head.cure)
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

    def _top_level(self) -> list[tuple[ResourceId, ...]]:
        found: dict[ResourceId, tuple[ResourceId, ...]] = {}
        for item in self._picture.configuration.primitives:
            group = self._picture.groups.get(item.id)
            found.setdefault(group.id if group else item.id, group.members if group else (item.id,))
        return [found[name] for name in sorted(found, key=lambda name: -self._priority(name))]

    def _priority(self, name: ResourceId) -> int:
        """Return a top-level resource's priority; a group's members have no say in it."""
        group = self._picture.configuration.group(name)
        if group is None:
            return self._picture.resources[name].priority
        metas = (group.meta, self._picture.configuration.defaults.meta)
        return next((m.priority for m in metas if m.priority is not None), 0)


def _ends(picture: Picture, item: Colocation) -> tuple[ResourceId, ResourceId]:
    """Return dependent and primary as primitives: a group stands for its first or last member."""
    dependent = picture.configuration.group(item.resource)
    primary = picture.configuration.group(item.with_resource)
    last = -1 if item.score >= INFINITY else 0
    return (
        dependent.members[0] if dependent else item.resource,
        primary.members[last] if primary else item.with_resource,
    )


def _worst(seat: Seat, node: NodeName) -> Reason | None:
    """Return the reason that speaks most against the node, the first of equals, or None."""
    bad = [r for r in seat.reasons if r.node == node and (r.score or 0) < 0]
    return min(bad, key=lambda r: r.score or 0, default=None)


def _where(node: NodeName | None) -> str:
    return f"runs on {node}" if node else "runs nowhere"
