"""A finding: what was looked at, how bad it is, why that matters, and what mends it.

Owns: the value and its order. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """Looked at, and as it should be."""
    NOTICE = "notice"
    """Worth knowing; nothing needs to be done tonight."""
    WARNING = "warning"
    """The next fault, or one that comes unseen, would cost a service."""
    CRITICAL = "critical"
    """A service is down, or what protects one does not."""


RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}

NAMES_MAX: Final = 5
CURE_WORDS_MIN: Final = 2
"""A single word behind a colon is no cure, but a part of the fault."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `check` is a stable word, `subject` the thing that it is about, or empty."""

    severity: Severity
    check: str
    subject: str
    text: str
    """What is so, in a sentence without its end."""
    why: str = ""
    """Why it matters; empty where it is well."""
    cure: str = ""
    """What mends it, as a rule a command; empty where it is well."""


def ok(check: str, text: str) -> Finding:
    """Return what a check says that has found nothing wrong."""
    return Finding(Severity.OK, check, "", text)


def parted(text: str) -> tuple[str, str]:
    """Return what is wrong and its cure, which stands behind the last colon of a fault's sentence;
    an empty one where none stands there.
    """
    what, separator, cure = text.rpartition(": ")
    if not separator or ";" in what.rpartition(": ")[2] or len(cure.split()) < CURE_WORDS_MIN:
        return text, ""
    return what, cure


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the worst severity; of no findings OK."""
    return max((each.severity for each in findings), key=RANK.__getitem__, default=Severity.OK)


def some(names: Sequence[str]) -> str:
    """Return the names; of many the first ones, and how many more there are."""
    shown = ", ".join(names[:NAMES_MAX])
    more = len(names) - NAMES_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the worst ones first, otherwise as they were made."""
    return tuple(sorted(findings, key=lambda each: -RANK[each.severity]))
