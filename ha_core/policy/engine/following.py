"""What an assigned primary means for the scores, or the promotion, of what depends on it.

Owns: the effect of one colocation on its dependent, whatever kind its primary is. Source:
Pacemaker Explained, "Colocation".
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine.choice import by_preference
from ha_core.policy.engine.desk import UNAME, Desk, Link, is_any_blocked, location, next_role
from ha_core.policy.engine.items import Item, Reason
from ha_core.policy.engine.links import affects_place, affects_role
from ha_core.policy.engine.problem import Kind, Role
from ha_core.policy.scores import add, text


def follow(desk: Desk, item: Item, link: Link) -> None:
    """Assign the link's primary first, then let its place count for the item."""
    before = item.scores
    desk.assign(desk, link.primary, None, False)
    apply(desk, item, link.primary, link)
    if item.scores is before:
        return
    is_revocable = link.dependent_role is Role.PROMOTED or -INFINITY < link.score < 0
    if is_revocable and not desk.has_choice(item.scores):
        item.scores = before
        _tell(item, link, "colocation_dropped", "is dropped: no node would be left")
    elif not item.is_assigned:
        _tell(item, link, "colocation", _where(desk, link))


def _where(desk: Desk, link: Link) -> str:
    node = location(link.primary)
    if node is None:
        return "is not placed on one node" if link.primary.children else "is placed nowhere"
    return f"is on {desk.board.nodes[node].node.name}"


def _tell(item: Item, link: Link, code: str, what: str) -> None:
    word = "with" if link.score > 0 else "away from"
    item.reasons.append(
        Reason(
            code,
            f"{word} {link.primary.id} by {text(abs(link.score))}: that {what}",
            location(link.primary),
            link.score,
            link.id,
            link.primary.id,
        )
    )


def apply(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    """Let the place of an assigned primary count for the dependent."""
    if dependent.kind is Kind.GROUP:
        _apply_to_group(desk, dependent, primary, link)
    elif primary.kind is Kind.GROUP:
        _apply_group(desk, dependent, primary, link)
    elif primary.kind is Kind.CLONE:
        _apply_clone(desk, dependent, primary, link)
    elif primary.is_assigned:
        _apply_primitive(desk, dependent, primary, link)


def _apply_to_group(desk: Desk, group: Item, primary: Item, link: Link) -> None:
    if not group.children:
        return
    if group.resource.is_colocated:
        apply(desk, group.children[0], primary, link)
    elif link.score < INFINITY:
        for member in group.children:
            apply(desk, member, primary, link)


def _apply_group(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    if not primary.is_assigned or not primary.children:
        return
    if primary.resource.is_colocated:
        member = primary.children[-1 if link.score >= INFINITY else 0]
        apply(desk, dependent, member, link)
    elif link.score < INFINITY:
        for member in primary.children:
            apply(desk, dependent, member, link)


def _apply_primitive(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    if affects_role(dependent, link):
        _add_to_priority(desk, dependent, primary, link)
    elif not dependent.is_assigned and affects_place(desk, dependent, primary, link):
        _add_to_scores(desk, dependent, primary, link)


def _add_to_priority(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    if dependent.node is None:
        return
    is_must = link.score >= INFINITY and link.dependent_role is Role.PROMOTED
    if primary.node is None or primary.node not in desk.alike(link.attribute)[dependent.node]:
        if is_must:
            desk.priorities[dependent] = -INFINITY
        return
    if link.primary_role is not None and link.primary_role is not primary.next_role:
        return
    score = -link.score if link.dependent_role is Role.UNPROMOTED else link.score
    desk.priorities[dependent] = add(score, desk.priority(dependent))


def _add_to_scores(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    score, scores = link.score, dependent.scores
    if primary.node is None:
        if score < 0:
            return
        found = [add(-score, own) for own in scores]
    elif score >= INFINITY:
        found = [-INFINITY] * len(scores)
        for node in desk.alike(link.attribute)[primary.node]:
            found[node] = scores[node]
    else:
        found = scores[:]
        for node in desk.alike(link.attribute)[primary.node]:
            found[node] = add(score, found[node])
    if link.is_mandatory or desk.has_choice(found):
        dependent.scores = found
    else:
        _tell(dependent, link, "colocation_dropped", "is not reckoned with: no node would be left")


# --- clones as primaries -----------------------------------------------------------------------


def _apply_clone(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    if not primary.is_assigned or primary.clone is None:
        return
    if primary.clone.is_promotable and link.primary_role is not None:
        if not dependent.is_assigned:
            _follow_role(desk, dependent, primary, link)
        elif link.dependent_role is not None:
            _promote_with(desk, dependent, primary, link)
        return
    if _can_interleave(link):
        partner = partner_of(desk, dependent, primary, None)
        if partner is not None:
            apply(desk, dependent, partner, link)
        elif link.score >= INFINITY:
            _give_up(dependent, link)
        return
    if link.score < INFINITY:
        for instance in primary.children:
            apply(desk, dependent, instance, link)
        return
    nodes = set()
    for instance in primary.children:
        node = location(instance)
        if node is not None and not is_any_blocked(instance):
            nodes.add(node)
    _keep_only(desk, dependent, nodes, link)


def _keep_only(desk: Desk, dependent: Item, nodes: set[int], link: Link) -> None:
    """Ban every node that is not like one of these."""
    if link.attribute != UNAME:
        alike = desk.alike(link.attribute)
        nodes = {other for node in nodes for other in alike[node]}
    dependent.scores = [
        score if node in nodes else -INFINITY for node, score in enumerate(dependent.scores)
    ]


def _follow_role(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    """Go with the instances that will have the role that the link names."""
    found = dependent.scores[:]
    nodes: dict[int, int] = {}
    for instance in primary.children:
        node = location(instance)
        if node is None or next_role(instance) is not link.primary_role:
            continue
        nodes[node] = _own_score(instance, node)
        if link.score < INFINITY:
            for other in desk.alike(link.attribute)[node]:
                found[other] = add(found[other], link.score)
    dependent.scores = found
    if link.score < INFINITY or (
        link.dependent_role is Role.PROMOTED and link.primary_role is Role.PROMOTED
    ):
        return
    for node, score in nodes.items():
        for other in desk.alike(link.attribute)[node]:
            found[other] = add(found[other], score)
    _keep_only(desk, dependent, set(nodes), link)


def _own_score(instance: Item, node: int) -> int:
    first = next(iter(instance.primitives()), instance)
    return first.scores[node]


def _promote_with(desk: Desk, dependent: Item, primary: Item, link: Link) -> None:
    partner = partner_of(desk, dependent, primary, link.primary_role)
    if partner is not None:
        score = -link.score if link.dependent_role is Role.UNPROMOTED else link.score
        desk.priorities[dependent] = add(desk.priority(dependent), score)
    elif link.score >= INFINITY and link.dependent_role is Role.PROMOTED:
        desk.priorities[dependent] = -INFINITY


def _can_interleave(link: Link) -> bool:
    clone, other = link.dependent.clone, link.primary.clone
    return (
        clone is not None
        and other is not None
        and clone.interleave
        and clone.clone_node_max == other.clone_node_max
    )


def partner_of(desk: Desk, item: Item, clone: Item, role: Role | None) -> Item | None:
    """Return the instance where the item is, or on the best node for it that has one."""
    places: dict[int, Item] = {}
    for instance in clone.children:
        if role is not None and next_role(instance) is not role:
            continue
        node = None if is_any_blocked(instance) else location(instance)
        if node is not None:
            places.setdefault(node, instance)
    own = location(item)
    if own is not None:
        return places.get(own)
    for node in by_preference(desk, item):
        if node in places:
            return places[node]
    return None


def _give_up(item: Item, link: Link) -> None:
    """Leave it without node: there is no partner that it could run beside."""
    for primitive in item.primitives():
        primitive.is_assigned = True
        primitive.node = None
        primitive.next_role = Role.STOPPED
    item.reasons.append(
        Reason(
            "colocation",
            f"no instance of {link.primary.id} is left for it",
            None,
            link.score,
            link.id,
            link.primary.id,
        )
    )
