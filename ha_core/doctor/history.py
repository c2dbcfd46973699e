"""Findings about what has happened: how much of it, how far back it goes, and what else is shown.

Owns: these checks. Pure.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, ok, parted
from ha_core.ids import Millis
from ha_core.snapshot import ClusterSnapshot

EVENTS = "events"
FAULTS = "faults"
HOUR_MS: Final[Millis] = 3_600_000
BUSY: Final = 500
"""Events in the last hour: a quiet cluster has none, one that is being rebuilt some dozens."""
KEPT_MIN: Final = 9_000
"""Of so many, the kept events are nearly as many as are ever kept, …"""
SPAN_HOURS_MIN: Final = 48
"""… and if they go back no further, a weekend is lost before anybody looks."""
_TOLD_ELSEWHERE: Final = (
    "node {} is lost",
    "node {} was cut off",
    "resource {} has failed",
    "resource {} is blocked",
    "link {} to ",
    "{} sees no ",
    "the cluster has just started and waits for",
    "without a quorum a node keeps",
    "nothing is known of what {} reaches",
)
"""How faults begin that other checks tell of with more words; `{}` is a name."""


def events(examined: Examined) -> Iterator[Finding]:
    """Yield a journal that fills quickly, with who fills it."""
    known = examined.events
    if examined.snapshot is None or not known:
        return
    found = []
    recent = [each for each in known if each.at_wall_ms > examined.at_wall_ms - HOUR_MS]
    if len(recent) > BUSY:
        common = Counter((each.kind, each.subject) for each in recent)
        (kind, subject), count = common.most_common(1)[0]
        why = "something comes and goes all the time, and pushes older events out"
        cure = "find out what it is: ha events --last 200"
        text = f"{len(recent)} events in the last hour, {count} of them {kind} of {subject}"
        found.append(Finding(Severity.WARNING, EVENTS, subject, text, why, cure))
    hours = (known[-1].at_wall_ms - known[0].at_wall_ms) // HOUR_MS
    if len(known) >= KEPT_MIN and hours < SPAN_HOURS_MIN:
        why = "what happened before that is not known any more; after a fault, make a report soon"
        cure = "ha report --since 12h"
        text = f"the kept events go back {hours} hours only"
        found.append(Finding(Severity.NOTICE, EVENTS, "", text, why, cure))
    yield from found or [
        ok(EVENTS, f"{len(known)} events are kept, {len(recent)} of the last hour")
    ]


def faults(examined: Examined) -> Iterator[Finding]:
    """Yield the faults and notices of `ha status` that no other check tells of."""
    seen = examined.snapshot
    if seen is None:
        return
    found = [
        Finding(Severity.WARNING, FAULTS, "", *_parts(text, "the cluster names it as a fault"))
        for text in seen.faults
        if not _is_told(text)
    ]
    found += [
        Finding(Severity.NOTICE, FAULTS, "", *_parts(text, "the next fault would be a graver one"))
        for text in seen.notices
        if text != seen.outlook
    ]
    yield from found or [ok(FAULTS, _well(seen))]


def _well(seen: ClusterSnapshot) -> str:
    return "ha status shows no other fault" if seen.faults else "ha status shows no fault"


def _is_told(text: str) -> bool:
    for pattern in _TOLD_ELSEWHERE:
        before, braces, after = pattern.partition("{}")
        if not text.startswith(before):
            continue
        if not braces:
            return True
        name, _, _ = text.removeprefix(before).partition(" ")
        if text.removeprefix(before).startswith(name + after):
            return True
    return False


def _parts(text: str, why: str) -> tuple[str, str, str]:
    what, cure = parted(text)
    return what, why, cure or "see ha status"
