"""What alerts look at beside the objects of the model: plain facts of a view.

Owns: these facts. They stand in pictures as objects of a class that is not
declared, and make no lifecycle indications. The same on all nodes. Pure.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from cim_provider.engine import ClusterView
from cim_provider.mapping.rows import Ref, Value
from cim_provider.schema import MODEL

FACT: Final = "~fact"
CLUSTER: Final = "cluster"
NODE: Final = "node"
RESOURCE: Final = "resource"
WATCHED: Final = frozenset({(MODEL, FACT)})
_ACTIVE: Final = frozenset({"started", "failed", "blocked"})


def _ref(kind: str, name: str) -> Ref:
    return Ref(FACT, (("Kind", kind), ("Name", name)), MODEL)


STATUS: Final = _ref("status", "")
"""Says no more than that something has changed: one alert a second at most."""


def fact_name(ref: Ref) -> str:
    """Return what a fact is about."""
    return str(dict(ref.keys)["Name"])


def facts(view: ClusterView) -> Iterator[tuple[Ref, Mapping[str, Value]]]:
    """Yield the facts of a view."""
    yield (
        STATUS,
        {
            "revision": view.revision,
            "author": view.last_change_author,
            "state": _digest(view),
        },
    )
    yield _ref(CLUSTER, ""), {"maintenance": view.maintenance}
    joining = {each.name for each in view.facts.nodes if each.is_joining}
    for node in view.nodes:
        # Who has not reported yet is not heard late.
        is_joining = node.state == "suspect" and node.name in joining
        yield _ref(NODE, node.name), {"state": "joining" if is_joining else node.state}
    unplaced = dict(view.unplaced)
    for each in view.primitives:
        active = {item.node for item in each.instances if item.state in _ACTIVE}
        surplus = len(active) if not each.clone and len(active) > 1 else 0
        yield (
            _ref(RESOURCE, each.id),
            {
                "managed": each.managed or view.maintenance,
                "unplaced": each.id in unplaced,
                "why": unplaced.get(each.id, ""),
                "surplus": surplus,
            },
        )


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
