"""Which nodes the instances of a clone get.

Owns: the passes over instances, first those that may stay, and the room that a clone has on each
node. The order of instances is in `claims`, their promotion in `promotion`. Source: Pacemaker
Explained, "Clones".
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine import promotion, utilization, wishes
from ha_core.policy.engine.claims import by_claim
from ha_core.policy.engine.desk import Desk, is_running
from ha_core.policy.engine.items import Item, Reason
from ha_core.policy.engine.links import followed, following


def assign(desk: Desk, clone: Item) -> None:
    """Give each instance its node, and its role if the clone is promotable."""
    if clone.is_assigned or clone in desk.assigning:
        return
    assert clone.clone is not None, "a clone has its options"
    if clone.clone.is_promotable:
        promotion.add_scores(desk, clone)
    desk.assigning.add(clone)
    for link in followed(desk, clone):
        desk.assign(desk, link.primary, None, False)
    for link in following(desk, clone):
        clone.scores = wishes.of_dependent(desk, link, clone, clone.scores)
    clone.children.sort(key=by_claim(desk, clone))
    _assign_instances(desk, clone, clone.clone.clone_max, clone.clone.clone_node_max)
    if clone.clone.is_promotable:
        promotion.promote(desk, clone)
    clone.is_assigned = True
    desk.assigning.discard(clone)


def _assign_instances(desk: Desk, clone: Item, total: int, per_node: int) -> None:
    counts = desk.counts[clone] = [0] * len(clone.scores)
    available = desk.available(clone)
    fair = max(1, total // available) if available else 1
    assigned = 0
    for instance in clone.children:
        if assigned >= total:
            break
        if instance.is_assigned:
            continue
        current = _preferred(desk, instance, fair)
        if current is None or (desk.chooser is not None and not desk.chooser.may_stay(instance)):
            continue
        if _stays(desk, instance, current, per_node, total - assigned):
            assigned += 1
            if desk.chooser is not None:
                desk.chooser.stayed(instance)
    full = Reason("clone_max", f"{clone.id} has its {total} instances")
    for instance in _in_turn(desk, clone):
        if instance.is_assigned:
            continue
        if assigned >= total:
            _close(instance, range(len(counts)))
            instance.reasons.append(full)
            _leave_out(instance)
        elif _assign_one(desk, instance, None, per_node, is_trial=False) is not None:
            assigned += 1


def _in_turn(desk: Desk, clone: Item) -> list[Item]:
    """Return the instances as they choose; of those without a name what runs comes before what
    is free, which would else take its node, and have it stop and start there for ever.

    Pacemaker 3.0.0 lets what is free choose before what may not stay where it is.
    """
    assert clone.clone is not None, "a clone has its options"
    if clone.clone.is_unique or desk.board.problem.options.is_like_2_1_5:
        return clone.children
    return sorted(clone.children, key=lambda instance: not is_running(instance))


def _leave_out(instance: Item) -> None:
    instance.is_assigned = True
    for primitive in instance.primitives():
        primitive.is_assigned = True


def _preferred(desk: Desk, instance: Item, fair: int) -> int | None:
    """Return the node where an instance may stay before the others choose."""
    if not is_running(instance) or instance.is_failed:
        return None
    node = desk.current(instance)
    if node is None or not desk.is_usable[node] or desk.board.nodes[node].node.score < 0:
        return None
    return node if desk.counts[instance.top][node] < fair else None


def _stays(desk: Desk, instance: Item, current: int, per_node: int, left: int) -> bool:
    """Return whether the instance would choose its node itself; it has it then.

    A node that it would rather have keeps a place for another one, and it tries again: so many
    nodes get instances as would, and few instances move. Pacemaker 2.1.5 tries once, and leaves
    an instance of a cloned group where it would rather be, without counting it there.
    """
    clone = instance.top
    if not desk.is_usable[current] or instance.scores[current] < 0:
        return False
    counts = desk.counts[clone]
    desk.counts[clone] = counts[:]
    is_old = desk.board.problem.options.is_like_2_1_5
    kept = _keep(instance)
    chosen: int | None = None
    reserved = 0
    while reserved < (1 if is_old else left):
        chosen = _assign_one(desk, instance, current, per_node, is_trial=True)
        if chosen == current:
            break
        if is_old and instance.children:
            chosen = None
            break
        _undo(desk, instance)
        _restore(kept)
        if chosen is None:
            break
        reserved += 1
        chosen = None
    desk.counts[clone] = counts
    if chosen is None:
        return False
    counts[current] += 1
    return True


def _assign_one(
    desk: Desk, instance: Item, preferred: int | None, per_node: int, *, is_trial: bool
) -> int | None:
    clone = instance.top
    if instance in desk.assigning:
        return None
    counts = desk.counts[clone]
    usable, scores = desk.is_usable, clone.scores
    closed = [
        node
        for node, count in enumerate(counts)
        if not usable[node] or scores[node] < 0 or count >= per_node or instance.is_surplus
    ]
    _close(instance, closed)
    node = desk.assign(desk, instance, preferred, is_trial)
    if node is not None:
        counts[node] += 1
    return node


def _close(instance: Item, nodes: "list[int] | range") -> None:
    for item in (instance, *instance.children):
        item.scores = item.scores[:]
        for node in nodes:
            item.scores[node] = -INFINITY


def _keep(instance: Item) -> list[tuple[Item, list[int], int]]:
    return [(item, item.scores, len(item.reasons)) for item in (instance, *instance.children)]


def _restore(kept: list[tuple[Item, list[int], int]]) -> None:
    for item, scores, reasons in kept:
        item.scores = scores
        del item.reasons[reasons:]


def _undo(desk: Desk, instance: Item) -> None:
    """Take back what a trial has assigned."""
    for primitive in instance.primitives():
        if primitive.node is not None:
            spot = desk.board.nodes[primitive.node]
            spot.load -= 1
            utilization.take(spot, primitive, -1)
        primitive.node = None
        primitive.is_assigned = False
    instance.is_assigned = False
