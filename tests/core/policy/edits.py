"""A case of the policy engine without one of its lines or words, by the text alone.

Owns: the second opinion on blockers. It knows nothing of `ha_core.policy.removal`: what is taken
away is taken from the text that a case is read from.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ha_core.policy.blockers import Blocker

_CONSTRAINTS = ("location", "colocation", "order", "rule")
_KINDS = {"location": "location", "colocation": "colocation", "order": "ordering", "rule": "rule"}
_NODE_WORDS = {"standby": "standby", "left": "offline", "maintenance": "maintenance"}
_META = {"target=stopped": "target", "managed=false": "unmanaged"}
_OTHERS = {"target=stopped": "target=started", "managed=false": "managed=true"}
_DOWN = ("start", "stop")


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing taken away; `kind` and `subject` are what a blocker that names it would have."""

    kind: str
    subject: str
    text: str
    about: str
    """The node, resource or group that the line is about."""


def edits(text: str) -> Iterator[Edit]:
    """Yield the case without each single thing that could be in somebody's way."""
    lines = text.splitlines()
    number = 0
    for at, line in enumerate(lines):
        words = line.split()
        if words[0] == "node":
            for word in words[2:]:
                without = _replaced(lines, at, line.replace(f" {word}", ""))
                yield Edit(_NODE_WORDS[word], words[1], without, words[1])
        elif words[0] in _CONSTRAINTS:
            number += 1
            yield Edit(_KINDS[words[0]], f"c{number}", _replaced(lines, at, None), words[1])
        elif words[0] in ("primitive", "group"):
            yield from _of_meta(lines, at, words)
        if words[0] == "group":
            yield from _of_groups(lines, at, words)
    yield from _of_failures(lines)
    yield from _of_stickiness(lines)


def without(text: str, blocker: Blocker) -> str:
    """Return the case without what the blocker names."""
    if blocker.kind == "not-listed":
        return f"{text}location {blocker.subject} {blocker.node} 0\n"
    found = [e for e in edits(text) if (e.kind, e.subject) == (blocker.kind, blocker.subject)]
    assert found, f"{blocker} stands nowhere in the case"
    return found[-1].text


def without_all(text: str, blockers: tuple[Blocker, ...]) -> str:
    """Return the case without all that they name; constraints go last, as their ids are counts."""
    order = sorted(blockers, key=lambda b: (b.kind in _KINDS.values(), _count(b)))
    for blocker in [b for b in order if b.kind != "not-listed"]:
        text = without(text, blocker)
    for blocker in [b for b in order if b.kind == "not-listed"]:
        text = without(text, blocker)
    return text


def _count(blocker: Blocker) -> int:
    """Return what makes later constraints go first."""
    return -int(blocker.subject[1:]) if re.fullmatch(r"c\d+", blocker.subject) else 0


def _replaced(lines: list[str], at: int, line: str | None) -> str:
    kept = [*lines[:at], *([] if line is None else [line]), *lines[at + 1 :]]
    return "\n".join(kept) + "\n"


def _told_otherwise(lines: list[str], at: int, word: str) -> str:
    """Return the case with the opposite word; one to a group ends what its members were told."""
    words = lines[at].split()
    inner = _inner(words) if words[0] == "group" else ()
    kept = [line.replace(f" {word}", "") if line.split()[1] in inner else line for line in lines]
    kept[at] = f"{lines[at].replace(f' {word}', '')} {_OTHERS[word]}"
    return "\n".join(kept) + "\n"


def _of_groups(lines: list[str], at: int, words: list[str]) -> Iterator[Edit]:
    """A word to a group ends the same word of several members."""
    for word, kind in _META.items():
        told = [
            line
            for line in lines
            if line.split()[1] in _inner(words) and f"{line} ".find(f" {word} ") > 0
        ]
        if word not in words and len(told) > 1:
            yield Edit(kind, words[1], _told_otherwise(lines, at, word), words[1])


def _of_meta(lines: list[str], at: int, words: list[str]) -> Iterator[Edit]:
    name = words[1]
    for word in words[2:]:
        shorter = lines[at].replace(f" {word}", "")
        if word in _META:
            yield Edit(_META[word], name, _told_otherwise(lines, at, word), name)
        elif word.startswith("priority=") and (words[0] == "group" or not _is_inner(lines, name)):
            yield Edit("priority", name, _replaced(lines, at, shorter), name)
        elif word.startswith("threshold=") and words[0] == "primitive":
            yield Edit("failure", name, _replaced(lines, at, shorter), name)


def _of_failures(lines: list[str]) -> Iterator[Edit]:
    names = sorted({words[2] for line in lines if (words := line.split())[0] == "on"})
    for name in names:
        kept: list[str] = []
        has_failed = False
        for line in lines:
            failed = re.match(rf"on (\S+) {name} .*failure=(\w+)", line)
            has_failed = has_failed or failed is not None
            if failed is None:
                kept.append(line)
            elif " stopped " not in line and failed[2] not in _DOWN:
                kept.append(f"on {failed[1]} {name} started")
        if has_failed:
            yield Edit("failure", name, "\n".join(kept) + "\n", name)


def _of_stickiness(lines: list[str]) -> Iterator[Edit]:
    groups = {words[1]: _inner(words) for line in lines if (words := line.split())[0] == "group"}
    inner = {member for members in groups.values() for member in members}
    tops = {words[1] for line in lines if (words := line.split())[0] == "primitive"} - inner
    for top, members in sorted({**groups, **{name: [name] for name in tops}}.items()):
        kept = []
        for line in lines:
            words = line.split()
            if words[0] == "primitive" and words[1] in members:
                line = re.sub(r" stickiness=\S+", "", line) + " stickiness=0"
            kept.append(line)
        yield Edit("stickiness", top, "\n".join(kept) + "\n", top)


def _inner(words: list[str]) -> list[str]:
    return [word for word in words[2:] if "=" not in word]


def _is_inner(lines: list[str], name: str) -> bool:
    return any(line.startswith("group ") and name in line.split()[2:] for line in lines)
