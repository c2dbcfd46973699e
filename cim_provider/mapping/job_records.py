"""What is kept of a job: what was asked of what by whom, and what has become of it.

Owns: the record, its text on the shelf, and the table of all that are kept. Pure.
All servers of the cluster keep the same records, so any of them answers for a job.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

PREFIX: Final = "wbem/job/"
"""Keys of the shelf begin so."""
HOLDER: Final = "jobs"
"""Name under which rows find the table."""
NEW, RUNNING, COMPLETED, TERMINATED, KILLED, EXCEPTION = 2, 4, 7, 8, 9, 10
"""Values of JobState."""
ENDED: Final = frozenset({COMPLETED, TERMINATED, KILLED, EXCEPTION})
KEPT_S: Final = 600
"""How long a job that has ended, and is to go away by itself, can still be read."""
LIMIT_S: Final = 600
"""A job that takes longer has failed."""
JOBS_MAX: Final = 100
"""So many are kept at a time; the oldest that has ended makes room."""


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked: a verb and its subject.

    A restart also says since when the resource had run, a fencing which start of the node it ends.
    """

    verb: str
    subject: str
    since: int = 0
    node: str = ""
    """Where a resource goes, or may not be."""
    excused: tuple[str, ...] = ()
    """What had failed before: primitives, for a change of all; a fencing, for the next one."""
    operation: str = ""
    """Whose failures are to be forgotten; empty: all."""


@dataclass(frozen=True, slots=True)
class Call:
    """The call that began a job: on what, and with which parameters (name, type, text)."""

    target: str = ""
    """Class of the object; empty: nothing is known of the call."""
    keys: tuple[tuple[str, str], ...] = ()
    given: tuple[tuple[str, str, str], ...] = ()
    has_words: bool = False
    """Whether the method has the output `Message`."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job. `state` is `RUNNING` until somebody has seen its end and written that down."""

    id: str
    job: Job
    author: str = ""
    method: str = ""
    submitted_wall_ms: int = 0
    changed_wall_ms: int = 0
    state: int = RUNNING
    text: str = ""
    percent: int = 0
    kept_s: int = KEPT_S
    limit_s: int = LIMIT_S
    call: Call = Call()
    goes: bool = False
    """It is removed once it has been kept for so long; else somebody removes it, or its room is
    needed.
    """

    @property
    def has_ended(self) -> bool:
        """Return whether it is over."""
        return self.state in ENDED

    def ended(self, state: int, text: str, percent: int, wall_ms: int) -> "JobRecord":
        """Return the record of a job that is over."""
        return replace(self, state=state, text=text, percent=percent, changed_wall_ms=wall_ms)


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs by id, the oldest first."""

    records: Mapping[str, JobRecord] = field(default_factory=dict)


def render(record: JobRecord) -> str:
    """Return the text of a record."""
    return msgspec.json.encode(record).decode()


def parse(text: str) -> JobRecord | None:
    """Return the record of a text; None if a later version wrote it otherwise."""
    try:
        return msgspec.json.decode(text, type=JobRecord)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


def table(records: Iterable[JobRecord]) -> Jobs:
    """Return the table of records."""
    ordered = sorted(records, key=lambda each: (each.submitted_wall_ms, each.id))
    return Jobs({each.id: each for each in ordered})
