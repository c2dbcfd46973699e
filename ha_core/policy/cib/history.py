"""The history of operations: what one node's entries say of one primitive.

Owns: how entries follow from one another: a role, and the gravest failure that still counts.
Source: Pacemaker Explained, "Status", "Failure Handling".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Final

from ha_core.policy.cib import outcomes
from ha_core.policy.cib.failcounts import FailCount
from ha_core.policy.cib.migrations import Finding, Migrations
from ha_core.policy.cib.outcomes import Entry, Verdict, judged, read_entry, told
from ha_core.policy.cib.resources import Definition
from ha_core.policy.cib.tree import History, found_stopped
from ha_core.policy.engine.problem import Migration, OnFail, Operation, Role

_FORGIVEN: Final = frozenset({OnFail.BLOCK, OnFail.IGNORE, OnFail.DEMOTE, OnFail.RESTART})


@dataclass(slots=True, eq=False)
class Reading:
    """What is known so far of one primitive on one node."""

    definition: Definition
    name: str
    """As filed."""
    node: str
    can_fence: bool
    """The node could be fenced, were that needed."""
    is_left_alone: bool = False
    """What was read of other nodes keeps the cluster from acting on it."""
    role: Role | None = None
    """None: nothing is known."""
    failed: OnFail | None = None
    last_failure: Entry | None = None
    failed_text: str = ""
    failed_task: str = ""
    bans_node: bool = False
    bans_all: bool = False
    is_not_promoted_again: bool = False
    is_threshold_ignored: bool = False
    is_blocked: bool = False
    pending: str = ""
    clears_fail_count: bool = False
    others: list[str] = field(default_factory=list)
    """Nodes where a migration that came to no end makes it count as active, too."""
    migration: Migration | None = None
    entries: list[Entry] = field(default_factory=list)
    expired: set[int] = field(default_factory=set)
    """Positions of recurring entries whose failure was forgotten: they run no more."""
    timeout_s: int = 0
    """After how many seconds a failure is forgotten; 0: never."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every history."""

    now_s: int
    fencing_enabled: bool
    is_maintenance: bool
    migrations: Migrations


def on_fail(definition: Definition, entry: Entry, *, fences: bool) -> OnFail:
    """Return what the failure of an operation leads to."""
    policy = definition.on_fail(entry.task, entry.interval_ms)
    if policy is None and entry.task == "demote":
        policy = _as_promoted_monitor(definition.resource.operations)
    if policy is None and entry.task == "stop":
        return OnFail.FENCE if fences else OnFail.BLOCK
    if policy is None:
        return OnFail.RESTART
    if policy is OnFail.FENCE and not fences:
        return OnFail.STOP
    return policy


def _as_promoted_monitor(operations: Iterable[Operation]) -> OnFail | None:
    for item in operations:
        is_it = item.name == "monitor" and item.role is Role.PROMOTED and item.interval_ms > 0
        if is_it and item.is_enabled and item.on_fail not in (None, OnFail.DEMOTE):
            return item.on_fail
    return None


def in_sequence(history: History) -> list[Entry]:
    """Return the entries in the order in which they came about."""
    operations = history.operations
    if history.probed is not None:
        operations = (found_stopped(history.probed),)
    entries = [read_entry(operation) for operation in operations]
    if len(entries) < 2:
        return entries
    if all(entry.call >= 0 for entry in entries):
        entries.sort(key=lambda entry: (entry.call, entry.changed_s or 0))
    else:
        entries.sort(key=cmp_to_key(_compared))
    return entries


def _compared(one: Entry, other: Entry) -> int:
    if one.call >= 0 and other.call >= 0:
        left = (one.call, one.changed_s or 0)
        right = (other.call, other.changed_s or 0)
        return (left > right) - (left < right)
    if one.call < 0 and other.call < 0:
        return 0
    if one.mark == other.mark and one.transition != other.transition:
        return -1 if one.transition < other.transition else 1
    return 1 if one.call < 0 else -1


def apply(
    reading: Reading, entries: list[Entry], terms: Terms, fail_count: FailCount | None
) -> None:
    """Judge all entries in their order."""
    reading.entries = entries
    is_counted = fail_count is not None and fail_count.count > 0
    operations = reading.definition.resource.operations
    for position, entry in enumerate(reading.entries):
        if is_counted and reading.timeout_s and _blocks(operations, entry):
            reading.timeout_s = 0  # somebody has to clean up
        expired = _is_expired(reading, entry, terms, fail_count)
        if expired and not entry.is_as_expected:
            if entry.interval_ms > 0:
                reading.expired.add(position)
            if entry.rc == outcomes.NOT_RUNNING:
                _apply_code(reading, entry, is_managed=_is_managed(reading, terms))
            continue
        _apply_one(reading, entry, terms)


def _is_expired(reading: Reading, entry: Entry, terms: Terms, fail_count: FailCount | None) -> bool:
    timeout_s = reading.timeout_s
    if entry.status == outcomes.Status.NOT_INSTALLED:
        return False
    if timeout_s <= 0 or entry.changed_s is None:
        return False
    if terms.now_s < entry.changed_s + timeout_s:
        return False
    if fail_count is not None and fail_count.count > 0:
        if fail_count.last_s > 0 and terms.now_s > fail_count.last_s + timeout_s:
            reading.clears_fail_count = True
        else:
            return False
    return not (entry.is_probe and entry.rc in (0, 7, 8))


def _apply_one(reading: Reading, entry: Entry, terms: Terms) -> None:
    is_managed = _is_managed(reading, terms)
    verdict = judged(entry, is_managed=is_managed)
    if verdict is Verdict.CANCELLED:
        return
    if verdict is Verdict.PENDING:
        _apply_pending(reading, entry)
        return
    if verdict is Verdict.ABSENT:
        reading.role = Role.STOPPED
        reading.bans_node = True
        reading.failed_task, reading.failed_text = entry.task, told(entry)
        return
    _apply_code(reading, entry, is_managed=is_managed)
    if verdict is Verdict.DONE:
        _apply_success(reading, entry, entry.rc, terms)
        return
    policy = on_fail(reading.definition, entry, fences=terms.fencing_enabled)
    is_not_installed = entry.status == outcomes.Status.NOT_INSTALLED
    if policy is OnFail.IGNORE and not is_not_installed:
        reading.is_threshold_ignored = True
        _apply_success(reading, entry, entry.expected, terms)
        return
    if is_not_installed and policy is OnFail.IGNORE:
        reading.failed = OnFail.BAN
    _apply_failure(reading, entry, policy, terms)
    if verdict is Verdict.HARD:
        reading.bans_node = True
    if verdict is Verdict.FATAL:
        reading.bans_all = True


def _is_managed(reading: Reading, terms: Terms) -> bool:
    meta = reading.definition.resource.meta
    if reading.is_left_alone:
        return False
    return meta.is_managed and not meta.is_maintenance and not terms.is_maintenance


def _apply_pending(reading: Reading, entry: Entry) -> None:
    if entry.task == "start":
        _become_active(reading)
    elif entry.task == "promote":
        reading.role = Role.PROMOTED
    if not reading.pending and not entry.is_probe:
        reading.pending = entry.task


def _apply_code(reading: Reading, entry: Entry, *, is_managed: bool) -> None:
    """Do what an exit code says whatever was expected."""
    if entry.status not in (outcomes.Status.DONE, outcomes.Status.ERROR):
        return
    if entry.rc == outcomes.NOT_RUNNING:
        if entry.is_probe or entry.is_as_expected or not is_managed:
            reading.role = Role.STOPPED
            reading.failed = None
            reading.is_not_promoted_again = False
    elif entry.rc in (outcomes.RUNNING_PROMOTED, outcomes.FAILED_PROMOTED):
        reading.role = Role.PROMOTED
    elif entry.task == "stop" and not reading.can_fence and entry.rc in (2, 3, 4, 5):
        reading.is_blocked = True


def _apply_success(reading: Reading, entry: Entry, rc: int, terms: Terms) -> None:
    task = entry.task
    clears = True
    if rc == outcomes.NOT_INSTALLED:
        reading.role = Role.STOPPED
        clears = False
    elif rc == outcomes.NOT_RUNNING:
        pass
    elif task == "monitor":
        last = reading.last_failure
        clears = last is not None and (last.task, last.interval_ms) == (task, entry.interval_ms)
        _become_active(reading)
    elif task in ("start", "migrate_from"):
        reading.role = Role.STARTED
    elif task == "stop":
        reading.role = Role.STOPPED
    elif task == "promote":
        reading.role = Role.PROMOTED
    elif task == "demote":
        clears = reading.failed is OnFail.DEMOTE
        reading.role = Role.UNPROMOTED
    elif task == "migrate_to":
        clears = False
        _take(reading, terms.migrations.sent(reading.name, reading.node, entry))
    else:
        clears = False
        _become_active(reading)
    if clears and (reading.failed is None or reading.failed in _FORGIVEN):
        reading.failed = None
        reading.is_not_promoted_again = False


def _apply_failure(reading: Reading, entry: Entry, policy: OnFail, terms: Terms) -> None:
    reading.last_failure = entry
    if reading.failed is None or policy >= reading.failed:
        reading.failed = max(policy, reading.failed or policy)
        reading.failed_text = told(entry)
        reading.failed_task = entry.task
    if entry.task == "stop":
        reading.bans_node = True
    elif entry.task == "migrate_to":
        _take(reading, terms.migrations.not_sent(reading.name, reading.node, entry))
    elif entry.task == "migrate_from":
        _take(reading, terms.migrations.not_received(reading.name, entry))
    elif entry.task == "promote":
        reading.role = Role.PROMOTED
        reading.is_not_promoted_again = True
    elif entry.task == "demote":
        if policy is OnFail.BLOCK:
            reading.role = Role.PROMOTED
        elif entry.rc == outcomes.NOT_RUNNING:
            reading.role = Role.STOPPED
        else:
            reading.role = Role.UNPROMOTED
    _become_active(reading)
    if policy is OnFail.STOP:
        reading.bans_all = True


def _take(reading: Reading, finding: Finding) -> None:
    """Note what a migration's entry comes to."""
    if finding.is_active is None:
        return
    reading.role = Role.STARTED if finding.is_active else Role.STOPPED
    reading.others += finding.others
    reading.migration = finding.migration
    if finding.is_failed:
        reading.failed = max(reading.failed or OnFail.RESTART, OnFail.RESTART)
        reading.failed_text = reading.failed_text or "its migration came to no end"


def _become_active(reading: Reading) -> None:
    if reading.role is None or reading.role < Role.STARTED:
        is_promotable = reading.definition.is_promotable
        reading.role = Role.UNPROMOTED if is_promotable else Role.STARTED


def since_start(reading: Reading) -> list[tuple[int, Entry]]:
    """Return the entries that speak of the resource as it runs now, with their positions."""
    start, stop = _activity(reading.entries)
    found = []
    for position, entry in enumerate(reading.entries):
        if start < stop and position <= stop:
            continue
        if position >= start:
            found.append((position, entry))
    return found


def _activity(entries: list[Entry]) -> tuple[int, int]:
    """Return the positions of the start that counts and of the last stop, -1 without."""
    start = stop = implied = promoted = -1
    for position, entry in enumerate(entries):
        if entry.task == "stop" and entry.status == outcomes.Status.DONE:
            stop = position
        elif entry.task in ("start", "migrate_from"):
            start = position
        elif entry.task == "monitor" and implied <= stop and entry.rc in (0, 8):
            implied = position
        elif entry.task in ("promote", "demote"):
            promoted = position
    if start == -1:
        start = promoted if promoted != -1 else implied
    return start, stop


def _blocks(operations: Iterable[Operation], entry: Entry) -> bool:
    """Whether the entry is a failure that blocks the resource until somebody cleans up."""
    return not entry.is_as_expected and any(
        item.on_fail is OnFail.BLOCK
        and (item.name, item.interval_ms) == (entry.task, entry.interval_ms)
        for item in operations
    )
