"""All nodes' histories into observations, one for each resource and node that says something.

Owns: which definition an entry belongs to, and what is too common to be an observation.
"""

from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar

from ha_core.policy.cib import values
from ha_core.policy.cib.digests import Digests
from ha_core.policy.cib.failcounts import FailCount, has_old_names, read_fail_counts
from ha_core.policy.cib.history import (
    Reading,
    Terms,
    apply,
    in_sequence,
    since_start,
)
from ha_core.policy.cib.migrations import Migrations
from ha_core.policy.cib.nodes import NodeEntry
from ha_core.policy.cib.outcomes import Entry
from ha_core.policy.cib.removed import Removed
from ha_core.policy.cib.resources import REMOTE, Definition, Reader
from ha_core.policy.cib.rules import Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import History
from ha_core.policy.engine.problem import (
    Changed,
    MultipleActive,
    Node,
    Observed,
    OnFail,
    Options,
    Recurring,
    Role,
    Task,
)

_TASKS: Final = {task.value: task for task in Task}
_MIGRATIONS: Final = frozenset({"migrate_to", "migrate_from"})
_SCORE: Final = "master-"
_DIGITS_MAX: Final = 9
_T = TypeVar("_T")
_Extra: TypeAlias = tuple[str, str, str]
"""A resource, a node where it is active, too, and the node whose history says so."""


@dataclass(slots=True, eq=False)
class _Attributes:
    """What a node's transient attributes say of resources."""

    counts: dict[str, FailCount]
    scores: dict[str, int]


@dataclass(slots=True, eq=False)
class Observations:
    """Reads the status section's histories."""

    source: Source
    rules: Rules
    reader: Reader
    options: Options
    entries: list[NodeEntry]
    """In the status section's order."""
    nodes: dict[str, Node]
    found: list[Observed] = field(default_factory=list)
    stopped: dict[str, list[str]] = field(default_factory=dict)
    """Nodes of which nothing more is known of a resource, by its name."""
    locks: list[tuple[str, str]] = field(default_factory=list)
    """Resources that wait for a node that has shut down, and that node."""
    expired_locks: list[tuple[str, str]] = field(default_factory=list)
    """Those that have waited for long enough."""
    removed: Removed = field(init=False)
    _digests: Digests = field(init=False)
    _terms: Terms = field(init=False)
    _active: set[str] = field(default_factory=set)
    """What was found active so far."""
    _left_alone: set[str] = field(default_factory=set)
    _never_forgotten: set[str] = field(default_factory=set)
    """Resources that a failure blocks until somebody cleans up: no time ends any of theirs."""
    _told: dict[tuple[str, str], Observed] = field(default_factory=dict)
    """What was found of resources that have migrated, by name and node."""

    def __post_init__(self) -> None:
        """Prepare what all histories share."""
        options = self.options
        self.removed = Removed(self.reader.defaults.requires, options.stop_removed_resources)
        attributes = {entry.name: entry.attributes for entry in self.entries}
        self._digests = Digests(self.source, self.rules, attributes)
        online = frozenset(name for name, node in self.nodes.items() if node.is_online)
        migrations = Migrations(self._migrated(), online)
        self._terms = Terms(
            self.source.now_s, options.fencing_enabled, options.is_maintenance, migrations
        )

    def read(self) -> None:
        """Read every node's history."""
        is_old = has_old_names(self.source.root.get("crm_feature_set"))
        extra: list[_Extra] = []
        for entry in self.entries:
            attributes = _Attributes(
                read_fail_counts(entry.transient, is_old=is_old), _promotion_scores(entry)
            )
            told = {history.resource for history in entry.histories}
            if self._counts(self.nodes[entry.name]):
                extra += self._read_all(entry, attributes)
            self._rest(entry.name, attributes, told)
        for name, node, cause in extra:
            self._add_active(name, node, cause)

    def _counts(self, node: Node) -> bool:
        """Return whether a node's history is believed."""
        options = self.options
        return node.is_online or options.fencing_enabled or options.shutdown_lock

    def _migrated(self) -> dict[str, dict[str, list[Entry]]]:
        """Return the histories of all resources that a migration has begun of."""
        names = {
            history.resource
            for entry in self.entries
            for history in entry.histories
            if any(operation.task in _MIGRATIONS for operation in history.operations)
        }
        found: dict[str, dict[str, list[Entry]]] = {}
        for entry in self.entries if names else ():
            for history in entry.histories:
                if history.resource in names:
                    by_node = found.setdefault(history.resource, {})
                    by_node[entry.name] = in_sequence(history)
        return found

    def _definition(self, history: History) -> Definition | None:
        """Return the definition of a resource, made up if there is none any more."""
        name = history.resource
        if not name or name in self.reader.not_supported:
            return None
        found = self.reader.definitions.get(name)
        if found is not None:
            return self.removed.definition(history) if found.is_numbered else found
        base, _, number = name.rpartition(":")
        if base in self.reader.not_supported or history.agent == REMOTE:
            return None
        if name.startswith(tuple(self.reader.bundles)):
            return None
        found = self.reader.definitions.get(base)
        if not _is_number(number) or found is None or not found.is_cloned:
            return self.removed.definition(history)
        clone = found.top.clone if found.top is not None else None
        is_beyond = clone is not None and int(number) >= max(1, clone.clone_max)
        if found.is_unique and is_beyond:
            return self.removed.definition(history)
        return found

    def _read_all(self, entry: NodeEntry, attributes: _Attributes) -> list[_Extra]:
        """Add one node's histories; return where else they make a resource active."""
        extra: list[_Extra] = []
        node = self.nodes[entry.name]
        said = attributes.counts.keys() | attributes.scores.keys()
        definitions = self.reader.definitions
        stopped = self.stopped
        for history in entry.histories:
            name = history.resource
            if history.probed is not None and name not in said and not history.lock:
                known = definitions.get(name)  # most of all histories come no further
                if known is not None and known.agent == history.agent and not known.is_numbered:
                    stopped.setdefault(name, []).append(node.name)
                    continue
            extra += self._read(history, node, attributes)
        return extra

    def _read(self, history: History, node: Node, attributes: _Attributes) -> list[_Extra]:
        """Add one history; return the other nodes where it makes a resource active."""
        if not history.operations and history.probed is None and not history.lock:
            return []
        definition = self._definition(history)
        if definition is None:
            return []
        name = history.resource
        self._lock(history, node)
        count = _filed(attributes.counts, name, definition)
        score = _filed(attributes.scores, name, definition) if definition.is_promotable else None
        is_same = history.agent == definition.agent
        if history.probed is not None and count is None and score is None and is_same:
            self.stopped.setdefault(name, []).append(node.name)
            return []
        return self._observe(history, definition, node, count, score)

    def _observe(
        self,
        history: History,
        definition: Definition,
        node: Node,
        count: FailCount | None,
        score: int | None,
    ) -> list[_Extra]:
        options = self.options
        can_fence = options.fencing_enabled and options.can_fence
        name = history.resource
        terms = self._terms
        reading = Reading(definition, name, node.name, can_fence, name in self._left_alone)
        known = terms.migrations.histories.get(name)
        entries = known[node.name] if known is not None else in_sequence(history)
        if name not in self._never_forgotten:
            reading.timeout_s = definition.resource.meta.failure_timeout_s
        apply(reading, entries, terms, count)
        if not reading.timeout_s and not definition.is_cloned:
            self._never_forgotten.add(name)
        running, changed = self._running(history, definition, reading)
        observed = Observed(
            name,
            node.name,
            reading.role or Role.STOPPED,
            is_known=reading.role is not None,
            failed=_gravest(reading),
            failed_task=reading.failed_task,
            failed_text=reading.failed_text,
            bans_node=reading.bans_node,
            bans_all=reading.bans_all,
            is_not_promoted_again=reading.is_not_promoted_again,
            pending=_TASKS.get(reading.pending),
            fail_count=_unexpired(count, reading.timeout_s, terms.now_s),
            clears_fail_count=reading.clears_fail_count,
            is_threshold_ignored=reading.is_threshold_ignored,
            promotion_score=score,
            migration=reading.migration,
            recurring=running,
            changed=changed,
        )
        self.found.append(observed)
        if known is not None:
            self._told[(name, node.name)] = observed
        self._leave_alone(reading, node)
        return [(name, other, node.name) for other in reading.others]

    def _leave_alone(self, reading: Reading, node: Node) -> None:
        """Remember whether what was read here makes the cluster leave the resource alone."""
        definition = reading.definition
        if not reading.role or (definition.is_cloned and not definition.is_unique):
            return
        name = reading.name
        is_second = name in self._active
        self._active.add(name)
        blocks = definition.resource.meta.multiple_active is MultipleActive.BLOCK and is_second
        failed = _gravest(reading) is OnFail.BLOCK and not node.fence_reason
        if node.is_maintenance or blocks or failed:
            self._left_alone.add(name)

    def _running(
        self, history: History, definition: Definition, reading: Reading
    ) -> tuple[tuple[Recurring, ...], Changed]:
        """Return what recurs now, and whether the definition has changed since the start."""
        changed = Changed.NO
        if history.agent != definition.agent:
            changed = Changed.REPLACE
        if not reading.role:
            return (), changed
        running = []
        for position, entry in since_start(reading):
            asks = self._digests.changed(definition, reading.node, entry)
            if entry.interval_ms:
                is_changed = asks is not Changed.NO or position in reading.expired
                if entry.status != -1:
                    running.append(Recurring(entry.task, entry.interval_ms, is_changed))
            elif asks is Changed.RESTART or (asks is Changed.RELOAD and changed is Changed.NO):
                changed = changed if changed is Changed.REPLACE else asks
        if changed is Changed.RELOAD:  # what watches it has the old parameters, too
            running = [replace(item, is_changed=True) for item in running]
        return tuple(running), changed

    def _lock(self, history: History, node: Node) -> None:
        since = values.number(history.lock) if history.lock else None
        if not since or not self.options.shutdown_lock:
            return
        limit_s = self.options.shutdown_lock_limit_s
        is_over = bool(limit_s) and self._terms.now_s > since + limit_s
        (self.expired_locks if is_over else self.locks).append((history.resource, node.name))

    def _add_active(self, name: str, node: str, cause: str) -> None:
        """Note that a migration, by what `cause` tells, left a resource active on a node.

        What is told first counts as the resource's place: that is such a node, not the one that
        tells of it.
        """
        if node not in self.nodes:
            return
        known = self._told.get((name, node))
        own = self._position(name, cause)
        if known is None:
            was_stopped = node in self.stopped.get(name, ())
            if was_stopped:
                self.stopped[name].remove(node)
            self.found.insert(own, Observed(name, node, Role.STARTED, is_known=was_stopped))
            return
        place = self._position(name, node)
        if known.role and place < own:
            return
        del self.found[place]
        own = self._position(name, cause)
        self.found.insert(own, replace(known, role=known.role or Role.STARTED))

    def _position(self, name: str, node: str) -> int:
        return next(
            position
            for position, item in enumerate(self.found)
            if item.node == node and item.resource == name
        )

    def _rest(self, node: str, attributes: _Attributes, told: set[str]) -> None:
        """Add what attributes say of resources without a history on this node."""
        counts, scores = attributes.counts, attributes.scores
        for name in dict.fromkeys([*counts, *scores]):
            if name in told:
                continue
            base = name if name in self.reader.definitions else name.rpartition(":")[0]
            definition = self.reader.definitions.get(base)
            if definition is None:
                continue
            timeout_s = definition.resource.meta.failure_timeout_s
            fails = _unexpired(counts.get(name), timeout_s, self._terms.now_s)
            score = scores.get(name) if definition.is_promotable else None
            if fails or score is not None:
                self.found.append(
                    Observed(name, node, is_known=False, fail_count=fails, promotion_score=score)
                )


def _is_number(text: str) -> bool:
    """Return whether this can be an instance's number."""
    return text.isdecimal() and len(text) <= _DIGITS_MAX


def _promotion_scores(entry: NodeEntry) -> dict[str, int]:
    found = {}
    for name, text in entry.attributes.items():
        if name.startswith(_SCORE):
            score = values.score(text)
            if score is not None:
                found[name.removeprefix(_SCORE)] = score
    return found


def _filed(table: dict[str, _T], name: str, definition: Definition) -> _T | None:
    """Return what is filed under the name, or of anonymous instances under the plain name."""
    found = table.get(name)
    if found is None and not definition.is_unique:
        found = table.get(definition.resource.id)
    return found


def _gravest(reading: Reading) -> OnFail | None:
    if reading.is_blocked:
        return max(reading.failed or OnFail.BLOCK, OnFail.BLOCK)
    return reading.failed


def _unexpired(count: FailCount | None, timeout_s: int, now_s: int) -> int:
    if count is None:
        return 0
    if timeout_s and count.last_s and now_s > count.last_s + timeout_s:
        return 0
    return count.count
