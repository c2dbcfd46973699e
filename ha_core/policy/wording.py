"""How reasons are put in words: what holds for several nodes is said once.

Owns: lists of names, grouping, and the length of what goes into events.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ha_core.config.model import (
    Colocation,
    Comparison,
    Constraint,
    Location,
    Ordering,
    Rule,
    TicketConstraint,
)
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Reason

WHY_CHARACTERS_MAX: Final = 200
"""Longest reason of an action; it goes into the cluster's journal with every event."""
WORDS_CHARACTERS_MAX: Final = 100
"""Longest part of an agent's own words in a sentence; the whole stands in the failure."""
_HERE: Final = "\0"
_PLURALS: Final = {" is ": " are ", " has ": " have ", " reaches ": " reach "}


def listed(names: Sequence[str]) -> str:
    """Return `n1`, `n1 and n2` or `n1, n2 and n3`."""
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])


def wish(item: Location | Rule, node: NodeName, of: ResourceId) -> Reason:
    """Return what a resource says of a node in the words of the file, and where it says that.

    `of` is the primitive that is asked about: what its group says holds for it. The code of the
    reason is the word.
    """
    word = item.source.rpartition(".")[2]
    names = item.value.split() if isinstance(item, Rule) else [node]
    whose = "it" if item.resource == of else f"its group {item.resource}"
    match word:
        case "prefers":
            said = f"prefers {node}"
        case "never_on":
            said = f"may never run on {node}"
        case "avoids":
            said = f"would rather be on {node} than on {listed(names)}"
        case _:
            said = f"may run on {listed(names)} alone"
    text = f"{whose} {said} ({item.source})"
    return Reason(word.replace("_", "-"), text, node, item.score)


def said(item: Constraint) -> str:
    """Return what a word of the file does, by its place: for what could be changed there."""
    return f"{item.source} {_does(item)}"


def _does(item: Constraint) -> str:
    match item:
        case Location():
            verb = "prefers" if item.score > 0 else "forbids"
            return f"{verb if item.score else 'allows'} {item.node}"
        case Rule():
            names = listed(item.value.split())
            is_only = item.operation is Comparison.NONE_OF
            return f"allows {names} alone" if is_only else f"avoids {names}"
        case Colocation():
            verb, between = ("wants", "with") if item.score > 0 else ("keeps", "away from")
            return f"{verb} {item.resource} {between} {item.with_resource}"
        case Ordering():
            return f"starts {item.then} after {item.first}"
        case TicketConstraint():
            return f"lets {item.resource} run only with ticket {item.ticket}"


def brief(text: str, limit: int = WHY_CHARACTERS_MAX) -> str:
    """Return the text, cut after a word if it is too long."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rpartition(" ")[0].rstrip(" ,;:(") + "…"


def together(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons with those that differ in nothing but their node made one, without one.

    A group stands where its first reason stood.
    """
    groups: dict[tuple[object, ...], list[Reason]] = {}
    for reason in reasons:
        key = (reason.code, reason.score, reason.cure, reason.node is None, _template(reason))
        groups.setdefault(key, []).append(reason)
    return tuple(_merged(list(dict.fromkeys(group))) for group in groups.values())


def _merged(group: list[Reason]) -> Reason:
    if len(group) == 1:
        return group[0]
    names = listed([str(reason.node) for reason in group])
    text = _template(group[0])
    for one, many in _PLURALS.items():
        if text.startswith(_HERE + one):
            text = _HERE + many + text.removeprefix(_HERE + one)
    return replace(group[0], text=text.replace(_HERE, names), node=None)


def _template(reason: Reason) -> str:
    """Return the text with a mark where it names its node."""
    if reason.node is None:
        return reason.text
    return re.sub(rf"(?<![\w.-]){re.escape(reason.node)}(?![\w-])", _HERE, reason.text)
