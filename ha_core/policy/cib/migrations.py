"""Live migrations that did not come to their end: what two nodes' histories say together.

Owns: where a resource counts as active after migrate_to and migrate_from, by which is newer.
Source: Pacemaker Explained, "Migrating Resources".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ha_core.policy.cib.outcomes import Entry, Status
from ha_core.policy.engine.problem import Migration

_MOVES = frozenset({"start", "stop", "migrate_to", "migrate_from"})
_NO_RESULT = 193
_NOT_RUNNING = 7
_NO_CALL = -1


@dataclass(slots=True, eq=False)
class Finding:
    """What a migration's entry comes to."""

    is_active: bool | None = True
    """On the node of the entry; None: the entry does not matter."""
    others: list[str] = field(default_factory=list)
    """Nodes where it counts as active, too."""
    is_failed: bool = False
    migration: Migration | None = None


@dataclass(slots=True, eq=False)
class Migrations:
    """The histories of resources that have migrated, by resource and node."""

    histories: Mapping[str, Mapping[str, list[Entry]]]
    online: frozenset[str]

    def sent(self, resource: str, node: str, entry: Entry) -> Finding:
        """Judge a migrate_to that succeeded."""
        source, target = _ends(entry)
        if not source or not target or source != node:
            return Finding(None)
        source_is_newer = self._has_moved(resource, source, entry, is_same_node=True)
        received = self._find(resource, target, "migrate_from", source)
        if received is not None and source_is_newer:
            return Finding(None)
        target_is_newer = self._is_newer(resource, target, entry, received)
        if source_is_newer and target_is_newer:
            return Finding(None)
        if received is not None and received.rc == 0 and received.status == Status.DONE:
            return Finding(False, migration=Migration(source, target, is_partial=False))
        is_there = not target_is_newer and target in self.online
        if received is not None and received.status != Status.PENDING:
            return Finding(others=[target]) if is_there else Finding(is_failed=True)
        if target in self.online and not self._is_known(resource, target):
            return Finding()
        if is_there:
            found = Finding(others=[target])
            if source in self.online:
                found.migration = Migration(source, target, is_partial=True)
            return found
        return Finding(is_failed=not source_is_newer)

    def not_sent(self, resource: str, node: str, entry: Entry) -> Finding:
        """Judge a migrate_to that failed: it is active at the source, perhaps at the target."""
        source, target = _ends(entry)
        if not source or not target:
            return Finding()
        received = self._find(resource, target, "migrate_from", source, must_be_ok=True)
        if self._is_known(resource, target) and not self._is_newer(
            resource, target, entry, received
        ):
            return Finding(others=[target] if target in self.online else [])
        if not self._has_moved(resource, source, entry, is_same_node=True):
            return Finding(migration=Migration(source, target, is_partial=False))
        return Finding()

    def not_received(self, resource: str, entry: Entry) -> Finding:
        """Judge a migrate_from that failed: it is active at both ends."""
        source, target = _ends(entry)
        if not source or not target:
            return Finding()
        sent = self._find(resource, source, "migrate_to", target, must_be_ok=True)
        if self._is_known(resource, source) and not self._is_newer_at_source(
            resource, source, sent, entry
        ):
            return Finding(others=[source] if source in self.online else [])
        return Finding()

    def _entries(self, resource: str, node: str) -> list[Entry]:
        return self.histories.get(resource, {}).get(node, [])

    def _find(
        self, resource: str, node: str, task: str, other: str, *, must_be_ok: bool = False
    ) -> Entry | None:
        for entry in self._entries(resource, node):
            operation = entry.operation
            end = operation.target if task == "migrate_to" else operation.source
            if entry.task == task and end == other:
                is_ok = entry.rc == 0 and entry.status == Status.DONE
                return entry if is_ok or not must_be_ok else None
        return None

    def _is_known(self, resource: str, node: str) -> bool:
        return any(entry.rc != _NO_RESULT for entry in self._entries(resource, node))

    def _is_newer(self, resource: str, target: str, sent: Entry, received: Entry | None) -> bool:
        """Return whether the target has a state that is newer than the migration."""
        if received is not None:
            return self._has_newer(resource, target, received, is_same_node=True)
        return self._has_newer(resource, target, sent, is_same_node=False)

    def _is_newer_at_source(
        self, resource: str, source: str, sent: Entry | None, received: Entry
    ) -> bool:
        if sent is not None:
            return self._has_newer(resource, source, sent, is_same_node=True)
        return self._has_newer(resource, source, received, is_same_node=False)

    def _has_newer(self, resource: str, node: str, entry: Entry, *, is_same_node: bool) -> bool:
        if self._has_moved(resource, node, entry, is_same_node=is_same_node):
            return True
        for other in self._entries(resource, node):
            found_stopped = other.task == "monitor" and other.rc == _NOT_RUNNING
            if found_stopped and other.status == Status.DONE:
                return _age(other, entry, is_same_node=is_same_node) > 0
        return False

    def _has_moved(self, resource: str, node: str, entry: Entry, *, is_same_node: bool) -> bool:
        return any(
            other is not entry
            and other.task in _MOVES
            and _age(other, entry, is_same_node=is_same_node) > 0
            for other in self._entries(resource, node)
        )


def _ends(entry: Entry) -> tuple[str, str]:
    return entry.operation.source, entry.operation.target


def _age(one: Entry, other: Entry, *, is_same_node: bool) -> int:
    """Return above 0 if the first entry is newer, below if it is older."""
    if is_same_node and one.operation.id == other.operation.id:
        return 0
    if one.call == _NO_CALL and other.call == _NO_CALL:
        return 0
    if one.call >= 0 and other.call >= 0:
        if is_same_node and one.call != other.call:
            return -1 if one.call < other.call else 1
        left, right = one.changed_s or 0, other.changed_s or 0
        return (left > right) - (left < right)
    if one.mark == other.mark and one.transition != other.transition:
        return -1 if one.transition < other.transition else 1
    return -1 if other.call == _NO_CALL else 1
