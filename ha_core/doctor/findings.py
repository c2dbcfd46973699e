"""A finding: what was looked at, how bad it is, why that matters, and what mends it.

Owns: the value and its order. Pure.
"""

from collections.abc import Iterable
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


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the worst severity; of no findings OK."""
    return max((each.severity for each in findings), key=RANK.__getitem__, default=Severity.OK)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the worst ones first, otherwise as they were made."""
    return tuple(sorted(findings, key=lambda each: -RANK[each.severity]))
