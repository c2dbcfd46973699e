"""What the coordinator notices and tells the journal.

Owns: the value. Numbers and times are given where it is journaled.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """An event for the journal, noticed by the coordinator."""

    kind: str
    subject: str
    text: str
    why: str = ""
    incident: str = ""
