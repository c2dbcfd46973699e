"""One operation's entry: what it says happened, and how grave that is.

Owns: exit codes. Source: Pacemaker Explained, "Resource Operations"; OCF, "exit codes".
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.tree import Operation

OK: Final = 0
UNIMPLEMENTED: Final = 3
NOT_INSTALLED: Final = 5
NOT_CONFIGURED: Final = 6
NOT_RUNNING: Final = 7
RUNNING_PROMOTED: Final = 8
FAILED_PROMOTED: Final = 9
_HARD: Final = frozenset({2, 4, 5})
_ABSENT: Final = frozenset({2, 5})
_DEGRADED: Final = {190: OK, 191: RUNNING_PROMOTED}
MEANINGS: Final = {
    0: "ok",
    1: "error",
    2: "invalid parameter",
    3: "not implemented",
    4: "no permission",
    5: "not installed",
    6: "not configured",
    7: "not running",
    8: "promoted",
    9: "failed promoted",
}
_DIGITS: Final = 19
_STATUS_WORDS: Final = {2: "timed out", 4: "failed", 7: "agent not installed"}


class Verdict(IntEnum):
    """What an entry comes to."""

    PENDING = -1
    DONE = 0
    FAILED = 1
    HARD = 2
    """This node will never do."""
    FATAL = 3
    """No node will do."""
    CANCELLED = 4
    ABSENT = 5
    """A probe that says that it cannot run here: so it does not."""


class Status(IntEnum):
    """`op-status`."""

    PENDING = -1
    DONE = 0
    CANCELLED = 1
    TIMEOUT = 2
    NOT_SUPPORTED = 3
    ERROR = 4
    ERROR_HARD = 5
    ERROR_FATAL = 6
    NOT_INSTALLED = 7
    NOT_CONNECTED = 8
    INVALID = 9
    NO_FENCE_DEVICE = 10
    NO_SECRETS = 11


@dataclass(slots=True, eq=False)
class Entry:
    """One operation as numbers."""

    operation: Operation
    task: str
    interval_ms: int
    rc: int
    status: int
    expected: int
    call: int
    changed_s: int | None
    transition: int = -1
    mark: str = ""

    @property
    def is_probe(self) -> bool:
        """Whether it looked for the first time."""
        return self.task == "monitor" and self.interval_ms == 0

    @property
    def is_last_failure(self) -> bool:
        """Whether it is the copy that is kept of the last failure."""
        return self.operation.id.endswith("_last_failure_0")

    @property
    def is_as_expected(self) -> bool:
        """Whether it ended as it should."""
        return self.rc == self.expected


def read_entry(operation: Operation) -> Entry:
    """Return an entry; what is missing counts as unknown."""
    expected = -1
    transition = -1
    mark = ""
    parts = operation.key.split(":", 3)
    if len(parts) == 4:
        transition = _whole(parts[1])
        expected = _whole(parts[2])
        mark = parts[3]
    changed = _whole(operation.changed)
    rc = _whole(operation.rc)
    return Entry(
        operation,
        operation.task,
        max(0, _whole(operation.interval)),
        _DEGRADED.get(rc, rc),
        _whole(operation.status),
        expected,
        _whole(operation.call),
        changed if changed >= 0 else None,
        transition,
        mark,
    )


def _whole(text: str) -> int:
    if len(text) < _DIGITS and text.isdecimal():
        return int(text)
    found = values.number(text)
    return -1 if found is None else found


def judged(entry: Entry, *, is_managed: bool) -> Verdict:
    """Return what the entry comes to."""
    status = entry.status
    if status == Status.PENDING:
        return Verdict.PENDING
    if status == Status.CANCELLED:
        return Verdict.CANCELLED
    if entry.is_probe and (status == Status.NOT_INSTALLED or entry.rc in _ABSENT):
        return Verdict.ABSENT
    if status in (Status.NO_FENCE_DEVICE, Status.NO_SECRETS, Status.ERROR_HARD):
        return Verdict.HARD
    if status == Status.NOT_INSTALLED:
        return Verdict.HARD
    if status == Status.ERROR_FATAL:
        return Verdict.FATAL
    if status not in (Status.DONE, Status.ERROR):
        return Verdict.FAILED
    return _by_code(entry, is_managed=is_managed)


def _by_code(entry: Entry, *, is_managed: bool) -> Verdict:
    rc = entry.rc
    plain = Verdict.DONE if entry.is_as_expected else Verdict.FAILED
    if rc == OK:
        return Verdict.DONE if entry.is_probe else plain
    if rc == NOT_RUNNING:
        is_fine = entry.is_probe or entry.is_as_expected or not is_managed
        return Verdict.DONE if is_fine else plain
    if rc == RUNNING_PROMOTED:
        return Verdict.DONE if entry.is_probe else plain
    if rc == FAILED_PROMOTED:
        return Verdict.FAILED
    if rc == NOT_CONFIGURED:
        return Verdict.FATAL
    if rc == UNIMPLEMENTED:
        return Verdict.HARD if entry.interval_ms == 0 else Verdict.FAILED
    if rc in _HARD:
        return Verdict.HARD
    return Verdict.FAILED


def told(entry: Entry) -> str:
    """Return what failed and how, in words."""
    name = entry.task if entry.interval_ms == 0 else f"{entry.task} every {entry.interval_ms} ms"
    if entry.is_probe:
        name = "probe"
    word = _STATUS_WORDS.get(entry.status, "") if entry.status == Status.TIMEOUT else ""
    meaning = word or MEANINGS.get(entry.rc, "unknown exit code")
    return f"{name} failed ({entry.rc}: {meaning})"
