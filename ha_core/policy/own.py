"""What speaks for and against each node for a primitive by itself, before anything else has a say.

Owns: the scores that follow from locations, rules, wishes, failures, stickiness and connectivity,
each with its sentence. Knows nothing of colocation. Source: Pacemaker Explained, "Constraints".
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from ha_core.config.model import Location
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.attributes import connectivity_reasons, listed_by_rules, rule_reasons
from ha_core.policy.catalog import Resolved
from ha_core.policy.picture import Picture
from ha_core.policy.scores import add, text
from ha_core.policy.transition import Reason
from ha_core.policy.wording import wish
from ha_core.status import InstanceState


@dataclass(slots=True)
class Seat:
    """One primitive while it is being placed; `final` once `node` is decided."""

    scores: dict[NodeName, int]
    reasons: list[Reason] = field(default_factory=list)
    node: NodeName | None = None
    final: bool = False
    head: Reason = field(default_factory=lambda: Reason("undecided", ""))
    missing: ResourceId | None = None
    """A primary that it must be with, and that has no node."""
    bond: str = ""
    """The newest sentence on what it must be with."""

    def count(self, reason: Reason) -> None:
        """Add a reason's score to its node."""
        if reason.node in self.scores and reason.score is not None:
            self.scores[reason.node] = add(self.scores[reason.node], reason.score)
            self.reasons.append(reason)

    def forbid(self, reason: Reason) -> None:
        """Rule out every node for one reason."""
        self.scores = dict.fromkeys(self.scores, -INFINITY)
        self.reasons.append(replace(reason, node=None, score=None))


class Own:
    """The primitives of one picture, each by itself. `lifted`: what need not reach the network."""

    def __init__(self, picture: Picture, lifted: Collection[ResourceId] = ()) -> None:
        self._picture = picture
        self._lifted = lifted
        self._listed: dict[ResourceId, set[NodeName]] = {}
        self._located: dict[ResourceId, list[Location]] = {}
        self._is_listed = False

    def seat(self, item: Resolved) -> Seat:
        """Return the primitive's seat, not final."""
        picture = self._picture
        if not self._is_listed:
            self._is_listed = True
            self._list_nodes()
        seat = Seat(dict.fromkeys(picture.nodes, 0))
        everywhere = picture.ban_everywhere(item.id)
        if everywhere is not None:
            seat.forbid(everywhere)
        if not picture.configuration.options.symmetric:
            for node in picture.nodes:
                if node not in self._listed.get(item.id, ()):
                    text_ = f"{node} is allowed by no location constraint"
                    seat.count(Reason("not-listed", text_, node, -INFINITY))
        self._locate(seat, item)
        self._stick(seat, item)
        for node, instance in picture.instances(item.id):
            ban = picture.ban(item.id, node, instance)
            if ban is not None:
                seat.count(ban)
        self._connect(seat, item)
        return seat

    def _list_nodes(self) -> None:
        """Collect locations by resource, and the nodes that constraints name for each primitive."""
        picture = self._picture
        for location in picture.configuration.locations:
            expires = location.expires_wall_ms
            if expires is not None and expires <= picture.at_wall_ms:
                continue
            self._located.setdefault(location.resource, []).append(location)
            for resource in picture.members(location.resource):
                self._listed.setdefault(resource, set()).add(location.node)
        for rule in picture.configuration.rules:
            found = set(listed_by_rules(picture, (rule.resource,)))
            for resource in picture.members(rule.resource):
                self._listed.setdefault(resource, set()).update(found)

    def _locate(self, seat: Seat, item: Resolved) -> None:
        names = self._picture.names(item.id)
        for name in names:
            for location in self._located.get(name, ()):
                if location.role is None:
                    self._tell_location(seat, item, location)
        for reason in rule_reasons(self._picture, names):
            seat.count(reason)

    @staticmethod
    def _tell_location(seat: Seat, item: Resolved, location: Location) -> None:
        if location.source:
            if location.score:
                seat.count(wish(location, location.node, item.id))
            return
        what = f"{location.origin} {location.id}"
        if location.origin == "administrator":
            what = f"location constraint {location.id}"
        words = f"{what} gives {location.node} {text(location.score)}"
        if abs(location.score) >= INFINITY:
            words = f"{what} {'wants' if location.score > 0 else 'forbids'} {location.node}"
        seat.count(Reason("location", words, location.node, location.score))

    def _stick(self, seat: Seat, item: Resolved) -> None:
        picture = self._picture
        active = picture.active(item.id)
        watched = not picture.acts_on(item.id)
        for where, instance in active:
            if watched or instance.state is InstanceState.BLOCKED:
                words = f"it is on {where}, and the cluster leaves it alone there"
                seat.count(Reason("unmanaged", words, where, INFINITY))
        if watched or item.stickiness <= 0:
            return
        nodes = [node for node, _ in active]
        current = picture.current(item.id)
        for node in nodes if item.clone is not None else filter(None, (current,)):
            words = f"it runs on {node} (stickiness {text(item.stickiness)})"
            if node not in nodes:
                words = f"it is on its way to {node} (stickiness {text(item.stickiness)})"
            seat.count(Reason("stickiness", words, node, item.stickiness))

    def _connect(self, seat: Seat, item: Resolved) -> None:
        is_lifted = item.id in self._lifted
        found = connectivity_reasons(self._picture, item, dict(seat.scores), is_lifted=is_lifted)
        for reason in found:
            seat.count(reason)
            if reason.node is None:
                seat.reasons.append(reason)
