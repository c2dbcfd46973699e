"""What an outside prober's answers prove: who was active when, two at once, and silences.

Owns: the arithmetic, pure. An answer proves that its node was active at some moment between the
sending of the question and the reading of the answer. Between two answers that follow each
other closely the node counts as active all the time; so two nodes were active at once if
such stretches overlap, or if an answer of one lies wholly within a stretch of the other.
Answers still under way when a node lost the address prove nothing against it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MS: Final = 1_000_000
PERIOD_NS: Final = 5 * MS
STRETCH_NS: Final = 100 * MS
"""Answers of one node that are not further apart belong to one stretch of activity."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: of what kind, whose, when it was asked for and when it was read (ns)."""

    kind: str
    node: str
    sent_ns: int
    read_ns: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A node was certainly active from `begin_ns` to `end_ns`, or at one moment (`is_moment`)."""

    node: str
    begin_ns: int
    end_ns: int
    asked_ns: int
    """When the question of the first answer was sent."""
    heard_ns: int
    """When the last answer was read."""

    @property
    def is_moment(self) -> bool:
        """Return whether it is one moment, somewhere from `end_ns` to `begin_ns`."""
        return self.begin_ns >= self.end_ns


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two nodes were active at once."""

    nodes: tuple[str, str]
    at_ns: int
    length_ns: int


def read(lines: Iterable[str]) -> list[Answer]:
    """Return the answers that stand in a prober's file; a line that is being written is none."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) == 4 and line.endswith("\n"):
            found.append(Answer(words[0], words[1], int(words[2]), int(words[3])))
    return found


def stretches(answers: Sequence[Answer]) -> list[Stretch]:
    """Return when each node was certainly active, whatever it answered."""
    found: list[Stretch] = []
    open_: dict[str, Stretch] = {}
    for item in sorted(answers, key=lambda item: item.sent_ns):
        before = open_.get(item.node)
        if before is not None and item.sent_ns - before.heard_ns <= STRETCH_NS:
            end_ns = max(before.end_ns, item.sent_ns)
            heard_ns = max(before.heard_ns, item.read_ns)
            begin_ns = min(before.begin_ns, item.read_ns)
            open_[item.node] = Stretch(item.node, begin_ns, end_ns, before.asked_ns, heard_ns)
            continue
        if before is not None:
            found.append(before)
        fresh = Stretch(item.node, item.read_ns, item.sent_ns, item.sent_ns, item.read_ns)
        open_[item.node] = fresh
    return sorted((*found, *open_.values()), key=lambda item: item.asked_ns)


def overlaps(found: Sequence[Stretch]) -> list[Overlap]:
    """Return every time at which two nodes were certainly active at once."""
    result = []
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            if other.asked_ns > one.heard_ns:
                break
            if one.node == other.node or (one.is_moment and other.is_moment):
                continue
            if one.is_moment or other.is_moment:
                moment, whole = (one, other) if one.is_moment else (other, one)
                if whole.begin_ns <= moment.end_ns and moment.begin_ns <= whole.end_ns:
                    result.append(Overlap((one.node, other.node), moment.end_ns, PERIOD_NS))
                continue
            begin_ns, end_ns = max(one.begin_ns, other.begin_ns), min(one.end_ns, other.end_ns)
            if begin_ns < end_ns:
                result.append(Overlap((one.node, other.node), begin_ns, end_ns - begin_ns))
    return result


def dual_ms(answers: Sequence[Answer]) -> float:
    """Return for how long two nodes were active at once, in milliseconds."""
    return sum(item.length_ns for item in overlaps(stretches(answers))) / MS


def silence_ms(answers: Sequence[Answer], begin_ns: int, end_ns: int) -> float:
    """Return the longest time between two answers of the service in a span, its ends included."""
    times = sorted(item.read_ns for item in answers if item.kind == "udp")
    inside = [at for at in times if begin_ns <= at <= end_ns]
    before = [at for at in times if at < begin_ns]
    edges = [before[-1] if before else begin_ns, *inside]
    return max((b - a for a, b in pairwise([*edges, max(end_ns, edges[-1])])), default=0) / MS


def told(answers: Sequence[Answer], marks: Sequence[tuple[int, str]]) -> str:
    """Return stretches and marks in the order of time, for a person, in milliseconds."""
    rows = [(at, text) for at, text in marks]
    for item in stretches(answers):
        length = (item.heard_ns - item.asked_ns) / MS
        rows.append((item.asked_ns, f"  {item.node} answers for {length:.0f} ms"))
    zero = min((at for at, _ in rows), default=0)
    return "\n".join(f"{(at - zero) / MS:9.0f}  {text}" for at, text in sorted(rows))
