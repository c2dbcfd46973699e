"""Clones as a CIB says them: their meta attributes, for the reader too.

Owns: these names. Source: Pacemaker Explained, "Clone Options".
"""

from typing import Final

from ha_core.config.model import Clone
from ha_core.ids import ResourceId

COUNTS: Final = {
    "max": ("instances_max", "clone-max"),
    "per_node": ("node_max", "clone-node-max"),
    "min": ("instances_min", "clone-min"),
}
"""Keys of our `clone`, the model's fields and Pacemaker's names."""
FLAGS: Final = {
    "unique": "globally-unique",
    "interleave": "interleave",
    "ordered": "ordered",
    "notify": "notify",
}
PROMOTED: Final = {
    "max": ("promoted_max", "promoted-max"),
    "per_node": ("promoted_node_max", "promoted-node-max"),
}
PROMOTABLE: Final = "promotable"
OLD: Final = {"promoted-max": "master-max", "promoted-node-max": "master-node-max"}
"""What releases before 2.0 called them."""
NAMES: Final = (
    *(theirs for _, theirs in (*COUNTS.values(), *PROMOTED.values())),
    *(*FLAGS.values(), PROMOTABLE, *OLD.values()),
)


def clone_metas(clone: Clone) -> dict[str, str]:
    """Return what a clone says of its copies, as far as it is not as usual."""
    base = Clone(ResourceId(""), ResourceId(""))
    found = {}
    for field, theirs in (*COUNTS.values(), *PROMOTED.values()):
        value = getattr(clone, field)
        if value != getattr(base, field):
            found[theirs] = str(value)
    for field, theirs in (*FLAGS.items(), (PROMOTABLE, PROMOTABLE)):
        if getattr(clone, field):
            found[theirs] = "true"
    return found
