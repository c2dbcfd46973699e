"""Resources that belong to no group or clone: what a console knows as the services of a cluster.

Owns: how they are found, each with its members and its state, and their names.
"""

from collections.abc import Iterator

from cim_provider.engine import CloneView, GroupView, PrimitiveView
from cim_provider.mapping.resource import Resource, clone_ref, group_ref, primitive_ref
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.states import clone_state, group_state, primitive_state
from cim_provider.mapping.world import World


def top_ids(world: World) -> Iterator[str]:
    """Yield the ids of all of them: clones, groups, primitives."""
    views: tuple[CloneView | GroupView | PrimitiveView, ...] = (
        *world.view.clones,
        *world.view.groups,
        *world.view.primitives,
    )
    return (view.id for view in views if _is_top(view))


def tops(world: World) -> Iterator[Resource]:
    """Yield them, in that order."""
    return (found for name in top_ids(world) if (found := top(world, name)) is not None)


def top(world: World, name: str) -> Resource | None:
    """Return the one of that id, or None."""
    view = world.clones.get(name) or world.groups.get(name) or world.primitives.get(name)
    return _made(world, view) if view is not None and _is_top(view) else None


def top_of(world: World, name: str) -> str:
    """Return the id of what a primitive, group or clone belongs to in the end; itself, maybe."""
    primitive = world.primitives.get(name)
    inner = primitive.group if primitive is not None and primitive.group else name
    group = world.groups.get(inner)
    clone = primitive.clone if primitive is not None else group.clone if group is not None else ""
    return clone or inner


def top_ref(resource: Resource) -> Ref:
    """Return the name of its object."""
    match resource.view:
        case CloneView() as clone:
            return clone_ref(clone)
        case GroupView(id=name):
            return group_ref(name)
        case PrimitiveView(id=name):
            return primitive_ref(name)


def _is_top(view: CloneView | GroupView | PrimitiveView) -> bool:
    match view:
        case CloneView():
            return True
        case GroupView(clone=clone):
            return not clone
        case PrimitiveView(group=group, clone=clone):
            return not (group or clone)


def _made(world: World, view: CloneView | GroupView | PrimitiveView) -> Resource:
    match view:
        case CloneView():
            members = world.copied(view)
            return Resource(world, view, members, clone_state(world, view, members))
        case GroupView():
            members = world.members(view)
            return Resource(world, view, members, group_state(world, members))
        case PrimitiveView():
            return Resource(world, view, (view,), primitive_state(world, view))
