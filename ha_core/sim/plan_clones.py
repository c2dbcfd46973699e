"""What a seed draws of clones: some runs have a resource that runs several times, or is promoted.

Owns: that part of the draw. It looks ahead in the seed's numbers without using them up, so that
whatever else is drawn stays as it would be.
"""

from dataclasses import replace
from random import Random

from ha_core.config.check import check
from ha_core.config.model import AgentClass, AgentRef, Clone, Configuration, Primitive
from ha_core.config.units import hosts
from ha_core.ids import ResourceId

SHARE = 0.25
"""Of all runs, those with a clone."""


def with_clone(random: Random, before: Configuration) -> Configuration:
    """Return the configuration with one of its resources in a clone, now and then."""
    ahead = Random()
    ahead.setstate(random.getstate())
    if ahead.random() >= SHARE or hosts(before) < 2:
        return before
    return cloned(ahead, before)


def cloned(ahead: Random, before: Configuration) -> Configuration:
    """Return the configuration with one of its resources in a clone, if one can be."""
    grouped = {member for group in before.groups for member in group.members}
    free = [item for item in before.primitives if item.id not in grouped]
    if not free:
        return before
    chosen = ahead.choice(free)
    kind = ahead.choice(("anonymous", "promotable", "promotable", "unique"))
    after = replace(
        before,
        primitives=tuple(
            _fit(item, kind) if item is chosen else item for item in before.primitives
        ),
        clones=(_clone(ahead, chosen.id, kind, hosts(before)),),
    )
    return before if check(after) else after


def uncloned(before: Configuration, clone: Clone) -> Configuration:
    """Return the configuration without the clone: its member runs once, under its own name."""
    name = clone.id
    return replace(
        before,
        clones=tuple(item for item in before.clones if item.id != name),
        locations=tuple(item for item in before.locations if item.resource != name),
        colocations=tuple(
            item for item in before.colocations if name not in (item.resource, item.with_resource)
        ),
        orderings=tuple(item for item in before.orderings if name not in (item.first, item.then)),
        tickets=tuple(item for item in before.tickets if item.resource != name),
    )


def with_migration(random: Random, before: Configuration) -> Configuration:
    """Return the configuration with one of its agents able to migrate alive, now and then."""
    ahead = Random()
    ahead.setstate(random.getstate())
    ahead.random()
    cloned = {clone.member for clone in before.clones}
    free = [
        item
        for item in before.primitives
        if item.agent.agent_class is AgentClass.OCF and item.id not in cloned
    ]
    if ahead.random() >= SHARE or not free:
        return before
    chosen = ahead.choice(free)
    able = replace(chosen, meta=replace(chosen.meta, allow_migrate=True))
    items = tuple(able if item is chosen else item for item in before.primitives)
    after = replace(before, primitives=items)
    return before if check(after) else after


def _fit(primitive: Primitive, kind: str) -> Primitive:
    """Return the primitive with an agent that can do what its clone asks for."""
    if kind == "anonymous":
        return primitive
    agent = AgentRef(AgentClass.OCF, "pacemaker", "Stateful" if kind == "promotable" else "Dummy")
    return replace(primitive, agent=agent, parameters=())


def _clone(random: Random, member: ResourceId, kind: str, nodes: int) -> Clone:
    is_promotable = kind == "promotable"
    return Clone(
        ResourceId(f"{member}-clone"),
        member,
        instances_max=random.choice((None, max(1, nodes - 1))),
        node_max=random.choice((1, 2)) if kind == "unique" else 1,
        unique=kind == "unique",
        promotable=is_promotable,
        interleave=random.random() < 0.5,
        ordered=random.random() < 0.3,
        notify=is_promotable and random.random() < 0.5,
    )
