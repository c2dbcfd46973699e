"""What alerts look at beside the objects of the model: plain facts of a view.

Owns: these facts. They stand in pictures as objects of a class that is not
declared, and make no lifecycle indications. The same on all nodes. Pure.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from cim_provider.engine import ClusterView, PrimitiveView
from cim_provider.mapping.rows import Ref, Value
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import MODEL

FACT: Final = "~fact"
CLUSTER: Final = "cluster"
NODE: Final = "node"
RESOURCE: Final = "resource"
WATCHED: Final = frozenset({(MODEL, FACT)})
_ACTIVE: Final = frozenset({"started", "failed", "blocked"})


def _ref(kind: str, name: str) -> Ref:
    return Ref(FACT, (("Kind", kind), ("Name", name)), MODEL)


STATUS_KEY: Final = "status"
STATUS: Final = _ref(STATUS_KEY, "")
"""Says no more than that something has changed: one alert a second at most."""


def fact_name(ref: Ref) -> str:
    """Return what a fact is about."""
    return str(dict(ref.keys)["Name"])


def facts(view: ClusterView) -> Iterator[tuple[Ref, Mapping[str, Value]]]:
    """Yield the facts of a view."""
    world = World(view, ServerIdentity())
    return (each for key in fact_keys(world) for each in facts_of(world, key))


def fact_keys(world: World) -> Iterator[str]:
    """Yield the names of the parts of the facts, in order."""
    yield from (STATUS_KEY, CLUSTER)
    yield from (f"{NODE}:{node.name}" for node in world.view.nodes)
    yield from (f"{RESOURCE}:{each.id}" for each in world.view.primitives)


def facts_of(world: World, key: str) -> Iterator[tuple[Ref, Mapping[str, Value]]]:
    """Yield the facts of one part."""
    kind, _, name = key.partition(":")
    if kind == STATUS_KEY:
        yield STATUS, _status(world.view)
    elif kind == CLUSTER:
        yield _ref(CLUSTER, ""), {"maintenance": world.view.maintenance}
    elif kind == NODE and (node := world.nodes.get(name)) is not None:
        known = world.node_facts.get(name)
        # Who has not reported yet is not heard late.
        is_joining = node.state == "suspect" and known is not None and known.is_joining
        yield _ref(NODE, name), {"state": "joining" if is_joining else node.state}
    elif kind == RESOURCE and (each := world.primitives.get(name)) is not None:
        yield _ref(RESOURCE, name), _resource(world.view, each)


def _status(view: ClusterView) -> Mapping[str, Value]:
    author = view.last_change_author
    return {"revision": view.revision, "author": author, "state": _digest(view)}


def _resource(view: ClusterView, each: PrimitiveView) -> Mapping[str, Value]:
    why = next((text for name, text in view.unplaced if name == each.id), None)
    active = {item.node for item in each.instances if item.state in _ACTIVE}
    return {
        "managed": each.managed or view.maintenance,
        "unplaced": why is not None,
        "why": why or "",
        "surplus": len(active) if not each.clone and len(active) > 1 else 0,
    }


def _digest(view: ClusterView) -> int:
    """Return a number that is another one when configuration or state have changed."""
    seen = (
        view.coordinator,
        view.maintenance,
        [(node.name, node.state, node.unclean) for node in view.nodes],
        [
            (
                each.id,
                each.state,
                each.nodes,
                each.promoted,
                each.managed,
                each.target_role,
                sum(item.fail_count for item in each.instances),
            )
            for each in view.primitives
        ],
    )
    return zlib.crc32(repr(seen).encode())
