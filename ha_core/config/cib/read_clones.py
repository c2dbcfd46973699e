"""Clones of a CIB as ours: words of the resource that is copied.

Owns: which option becomes which word; options that hold for all clones; the stickiness that
Pacemaker gives clones where nothing is said.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from ha_core.config import limits
from ha_core.config.build import clone_name
from ha_core.config.cib.form import Plain
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.write_clones import COUNTS, FLAGS, OLD, PROMOTABLE, PROMOTED
from ha_core.policy.cib import values

T = TypeVar("T")
STICKINESS: Final = "resource-stickiness"


def read_clone(
    pairs: Pairs, usual: dict[str, str], meta: Plain, name: str, member: str, *, is_master: bool
) -> Plain:
    """Return the words `clone` and `promotable` of the member; `usual` is said for all clones.

    `meta` are the clone's options as a resource, which are among its words.
    """

    def option(read: Callable[[str], T | None], *names: str) -> T | None:
        found = pairs.value(read, *names)
        said = next((usual[name] for name in names if name in usual), None)
        return read(said) if found is None and said is not None else found

    clone: Plain = {} if name == clone_name(member) else {"id": name}
    for key, (_, theirs) in COUNTS.items():
        count = option(_count, theirs)
        if count is not None and (key, count) not in (("per_node", 1), ("min", 0)):
            clone[key] = count
    per_node = clone.get("per_node", 1)
    flags = {key: option(values.boolean, theirs) for key, theirs in FLAGS.items()}
    if flags["unique"] is None:
        flags["unique"] = per_node > 1
    if not flags["unique"] and per_node > 1:
        del clone["per_node"]  # copies that are all alike are never two on a node
    clone |= {key: True for key, flag in flags.items() if flag}
    if "stickiness" not in meta and STICKINESS in usual:
        meta = {**meta, "stickiness": values.score(usual[STICKINESS])}
    clone |= meta
    promoted = {}
    for key, (_, theirs) in PROMOTED.items():
        count = option(_count, theirs, OLD[theirs])
        if count not in (None, 1):
            promoted[key] = count
    if not (option(values.boolean, PROMOTABLE) or is_master):
        return {"clone": clone or True}
    return {"promotable": promoted or True} | ({"clone": clone} if clone else {})


def _count(text: str) -> int | None:
    found = values.score(text)
    return None if found is None or found < 0 else min(found, limits.COPIES_MAX)
