"""Which instances of a promotable clone are promoted.

Owns: promotion scores, their sums with constraints on the promoted role, and the choice of the
first so many. Source: Pacemaker Explained, "Promotable clones".
"""

from functools import cmp_to_key

from ha_core.ids import INFINITY
from ha_core.policy.engine import following, wishes
from ha_core.policy.engine.claims import Pulls, compare
from ha_core.policy.engine.desk import Desk, location, next_role, present_role
from ha_core.policy.engine.items import Item, Reason
from ha_core.policy.engine.links import followed, following as followers, has_influence
from ha_core.policy.engine.problem import Kind, NoQuorum, Role
from ha_core.policy.engine.tickets import is_promotion_barred
from ha_core.policy.scores import add, text


def add_scores(desk: Desk, clone: Item) -> None:
    """Let promotion scores draw instances to their nodes, and let the best ones choose first."""
    nodes = _nodes_with_scores(desk, clone)
    for instance in clone.children:
        scores = instance.scores
        for node in nodes:
            score = _score(desk, clone, instance, node)
            if score is None:
                continue
            if score > 0:
                if scores is instance.scores:
                    scores = scores[:]
                scores[node] = add(scores[node], score)
            if score > desk.priority(instance):
                desk.priorities[instance] = score
        instance.scores = scores


def _nodes_with_scores(desk: Desk, clone: Item) -> list[int]:
    """Return the usable nodes that have a promotion score for anything in the clone."""
    board = desk.board
    found: set[int] = set()
    if board.promotion_scores:
        for item in clone.primitives():
            found.update(board.promotion_scores.get(board.filed(item), ()))
    return [node for node in desk.usable if node in found]


def _score(desk: Desk, clone: Item, item: Item, node: int) -> int | None:
    """Return the promotion score of an instance for a node; None: none is set."""
    if item.kind is not Kind.PRIMITIVE:
        found = [_score(desk, clone, child, node) for child in item.children]
        given = [score for score in found if score is not None]
        return sum(given) if given else None
    if not _applies(desk, clone, item, node):
        return None
    board = desk.board
    return board.promotion_scores.get(board.filed(item), {}).get(node)


def _applies(desk: Desk, clone: Item, item: Item, node: int) -> bool:
    """Whether a promotion score on the node speaks of this instance."""
    assert clone.clone is not None, "a clone has its options"
    if item.scores[node] < 0:
        return False
    if not clone.clone.is_unique:
        twins = desk.twins.get(clone)
        if twins is None:
            twins = desk.twins[clone] = _look_at(clone)
        active, known = twins[item.resource.id]
        twin = active.get(node)
        if twin is item or (twin is None and node in known):
            return True
    if not item.roles and not item.known:
        return True
    return node in item.known or node in item.roles


def _look_at(clone: Item) -> dict[str, tuple[dict[int, Item], set[int]]]:
    """Return for each primitive which instance is active where, and where any is known."""
    found: dict[str, tuple[dict[int, Item], set[int]]] = {}
    for item in clone.primitives():
        active, known = found.setdefault(item.resource.id, ({}, set()))
        for node in item.roles:
            active.setdefault(node, item)
        known |= item.known
    return found


def promote(desk: Desk, clone: Item) -> None:
    """Give every assigned instance its role."""
    assert clone.clone is not None, "a clone has its options"
    for instance in clone.children:
        _begin(desk, clone, instance)
    indexes = _indexes(desk, clone)
    pulls: Pulls = {}

    def claim(one: Item, two: Item) -> int:
        result = indexes[two] - indexes[one]
        result = result or present_role(two) - present_role(one)
        return result or compare(desk, clone, one, two, pulls)

    counts = [0] * len(clone.scores)
    promoted = 0
    clone.children.sort(key=cmp_to_key(claim))
    for instance in clone.children:
        instance.promotion = indexes[instance]
        node: int | None = None
        if indexes[instance] >= 0 and (promoted < clone.clone.promoted_max or not clone.is_managed):
            node = _node_for(desk, clone, instance, counts)
        if node is not None and _is_frozen(desk, instance):
            instance.reasons.append(Reason("no_quorum", "without quorum nothing is promoted"))
            node = None
        if node is None:
            _set_role(instance, Role.UNPROMOTED)
            continue
        counts[node] += 1
        promoted += 1
        _set_role(instance, Role.PROMOTED)
        instance.reasons.append(
            Reason("promoted", f"its promotion score is {text(indexes[instance])}", node)
        )


def _begin(desk: Desk, clone: Item, instance: Item) -> None:
    """Set the priority for promotion, before it is compared with the others."""
    for primitive in instance.primitives():
        if primitive.role is Role.STARTED:
            primitive.role = Role.UNPROMOTED
        for node, role in primitive.roles.items():
            if role is Role.STARTED:
                primitive.roles[node] = Role.UNPROMOTED
    chosen = location(instance)
    if chosen is None:
        return
    role = _decided_role(instance)
    if role is Role.STARTED:
        score = _score(desk, clone, instance, chosen)
        desk.priorities[instance] = -1 if score is None else score
    elif role is not Role.PROMOTED:
        desk.priorities[instance] = -INFINITY
    for item in (instance, clone):
        for node, score in desk.promoted_scores.get(item, ()):
            if node == chosen:
                desk.priorities[instance] = add(desk.priority(instance), score)
    for link in followed(desk, instance):
        following.apply(desk, instance, link.primary, link)


def _decided_role(instance: Item) -> Role:
    """Return the highest role that anything has decided on in it; Started: nothing has."""
    roles = [item.next_role for item in instance.primitives()]
    return max((role for role in roles if role is not Role.STARTED), default=Role.STARTED)


def _indexes(desk: Desk, clone: Item) -> dict[Item, int]:
    """Return what each instance is sorted by: its priority with what its node counts."""
    desk.walking.add(clone)
    desk.start_walk()
    indexes = {
        instance: INFINITY if next_role(instance) is Role.PROMOTED else desk.priority(instance)
        for instance in clone.children
    }
    places = {instance: location(instance) for instance in clone.children}
    clone.scores = clone.scores[:]
    for instance, node in places.items():
        if node is not None and indexes[instance] >= 0:
            clone.scores[node] = add(indexes[instance], clone.scores[node])
    for link in followed(desk, clone):
        if link.dependent_role is Role.PROMOTED:
            clone.scores = wishes.gather(
                desk,
                link.primary,
                clone.scores,
                link,
                link.factor,
                is_binding=link.score >= INFINITY,
            )
    for link in followers(desk, clone):
        if link.primary_role is Role.PROMOTED and has_influence(link):
            clone.scores = wishes.gather(
                desk, link.dependent, clone.scores, link, link.factor, is_kind=True
            )
    ticket = is_promotion_barred(desk.board, clone)
    if ticket:
        clone.scores = [-INFINITY] * len(clone.scores)
        clone.reasons.append(
            Reason("ticket", f"ticket {ticket} is not here: no promotion", other=ticket)
        )
    for instance, node in places.items():
        if not instance.is_managed and next_role(instance) is Role.PROMOTED:
            indexes[instance] = INFINITY
        elif node is not None and indexes[instance] >= 0:
            indexes[instance] = clone.scores[node]
    desk.walking.discard(clone)
    return indexes


def _node_for(desk: Desk, clone: Item, instance: Item, counts: list[int]) -> int | None:
    """Return the node where the instance can be promoted."""
    assert clone.clone is not None, "a clone has its options"
    for child in instance.children:
        if _node_for(desk, clone, child, counts) is None:
            return None
    node = location(instance)
    if node is None:
        return None
    if not instance.is_managed:
        return node if present_role(instance) is Role.PROMOTED else None
    if desk.priority(instance) < 0 or not desk.is_usable[node]:
        return None
    return node if counts[node] < clone.clone.promoted_node_max else None


def _is_frozen(desk: Desk, instance: Item) -> bool:
    options = desk.board.problem.options
    return (
        present_role(instance) < Role.PROMOTED
        and not options.has_quorum
        and options.no_quorum is NoQuorum.FREEZE
    )


def _set_role(instance: Item, role: Role) -> None:
    for primitive in instance.primitives():
        if primitive.node is None:
            primitive.next_role = Role.STOPPED
        elif role is Role.UNPROMOTED or primitive.next_role is Role.STARTED:
            primitive.next_role = role
