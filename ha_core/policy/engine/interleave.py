"""Pair the instances of two clones that are ordered with `interleave`.

Owns: whose option counts, and which instance goes with which. Source: policy engine reference,
chapter 12, "Clones in orderings".
"""

from ha_core.policy.engine.graph import Action, Phase, location, whereabouts
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Kind, Task


def are_interleaved(first: Action, then: Action) -> bool:
    """Return whether only instances on the same node matter to one another.

    The option is that of the clone that the ordering lists as *then*: of the first action's clone
    if things go down.
    """
    one, other = first.item, then.item
    if one is None or other is None or one is other:
        return False
    if one.kind is not Kind.CLONE or other.kind is not Kind.CLONE:
        return False
    clone = one.clone if then.task in (Task.STOP, Task.DEMOTE) else other.clone
    return clone is not None and clone.interleave


def is_about_now(first: Action) -> bool:
    """Return whether present nodes count: what waits for a stop or a demotion."""
    about = first.about if first.about is not None else first.task
    return about in (Phase.STOPPED, Phase.DEMOTED)


def partner(child: Item, clone: Item, *, is_now: bool) -> Item | None:
    """Return the other clone's instance that goes with this one."""
    where = whereabouts if is_now else location
    node = where(child)
    if node is not None:
        return _instance_on(clone, node, is_now=is_now)
    scores = next(child.primitives()).scores if child.children else child.scores
    for other in sorted(range(len(scores)), key=lambda index: (-scores[index], index)):
        found = _instance_on(clone, other, is_now=is_now)
        if found is not None:
            return found
    return None


def _instance_on(clone: Item, node: int, *, is_now: bool) -> Item | None:
    where = whereabouts if is_now else location
    for instance in clone.children:
        if where(instance) == node and not any(one.is_blocked for one in instance.primitives()):
            return instance
    return None
