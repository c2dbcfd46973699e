"""Blocks of name-value pairs: which of them hold, and which value of a name wins.

Owns: the order of blocks: the higher score first, and of equal ones the later.
Source: Pacemaker Explained, "Rules", "Using Rules to Control Resource Options".
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

Judge: TypeAlias = Callable[[Element], bool]
"""Whether a rule holds here."""


def settled(
    source: Source, blocks: Iterable[Element], judge: Judge, first: str = ""
) -> dict[str, str]:
    """Return the values that hold; the block with id `first` comes before all others."""
    ranked = []
    for position, block in enumerate(blocks):
        found = source.referred(block)
        if found is None:
            continue
        score = values.score(found.get("score", "0")) or 0
        ranked.append((found.id != first, -score, -position, found))
    if len(ranked) > 1:
        ranked.sort(key=lambda item: item[:3])
    result: dict[str, str] = {}
    for *_, block in ranked:
        if all(judge(rule) for rule in block.all("rule")):
            _add(source, block, result)
    return result


def _add(source: Source, block: Element, result: dict[str, str]) -> None:
    for child in block.children:
        if child.tag == "attributes":  # an old form, with one more level
            _add(source, child, result)
        if child.tag != "nvpair":
            continue
        pair = source.referred(child)
        if pair is None:
            continue
        name = child.get("name") or pair.get("name")
        value = pair.attributes.get("value")
        if not name:
            continue
        if value is None:
            source.leave_out(pair, f"{name} has no value")
        elif value != "#default":
            result.setdefault(name, value)
