"""All nodes' histories into observations, one for each resource and node that says something.

Owns: which definition an entry belongs to, resources that only the history knows, fail counts.
"""

from dataclasses import dataclass, field

from ha_core.policy.cib import values
from ha_core.policy.cib.failcounts import FailCount, has_old_names, read_fail_counts
from ha_core.policy.cib.history import Reading, Terms, apply, recurring
from ha_core.policy.cib.nodes import NodeEntry
from ha_core.policy.cib.options import Properties
from ha_core.policy.cib.resources import Definition, Reader
from ha_core.policy.cib.rules import Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import History
from ha_core.policy.engine.problem import (
    Meta,
    Node,
    Observed,
    OnFail,
    Options,
    Recurring,
    Requires,
    Resource,
    Role,
    Task,
)

_TASKS = {task.value: task for task in Task}


@dataclass(slots=True, eq=False)
class Observations:
    """Reads the status section's histories."""

    source: Source
    rules: Rules
    reader: Reader
    options: Options
    entries: list[NodeEntry]
    nodes: tuple[Node, ...]
    properties: Properties
    found: list[Observed] = field(default_factory=list)
    removed: list[Resource] = field(default_factory=list)
    locks: list[tuple[str, str]] = field(default_factory=list)
    _removed: dict[str, Definition] = field(default_factory=dict)
    _scored: set[str] = field(default_factory=set)
    """Primitives that have promotion scores."""

    def read(self) -> None:
        """Read every node's history."""
        terms = Terms(self.source.now_s, self.options.fencing_enabled)
        is_old = has_old_names(self.source.root.get("crm_feature_set"))
        self._scored = {
            name for name, item in self.reader.definitions.items() if item.is_promotable
        }
        for entry, node in zip(self.entries, self.nodes, strict=True):
            self._read_node(entry, node, terms, is_old=is_old)

    def _read_node(self, entry: NodeEntry, node: Node, terms: Terms, *, is_old: bool) -> None:
        counts = read_fail_counts(entry.transient, is_old=is_old)
        scores = self._promotion_scores(entry)
        histories = _histories(entry)
        for history in histories:
            definition = self._definition(history)
            if definition is None:
                continue
            name = history.resource
            count = _count(counts, name, definition)
            observed = self._observed(history, definition, node, terms, count, scores)
            if observed is not None:
                self.found.append(observed)
        self._rest(node, counts, scores, {history.resource for history in histories})

    def _definition(self, history: History) -> Definition | None:
        """Return the definition of a resource, made up if there is none any more."""
        name = history.resource
        if name in self.reader.not_supported or not name:
            return None
        found = self.reader.definitions.get(name)
        if found is None:
            base, colon, number = name.rpartition(":")
            if colon and number.isdigit():
                found = self.reader.definitions.get(base)
                if found is not None and not found.is_cloned:
                    found = None
        if found is not None:
            return found
        if name not in self._removed:
            self._removed[name] = self._make_removed(name, history)
        return self._removed[name]

    def _make_removed(self, name: str, history: History) -> Definition:
        agent_class, provider, kind = history.agent
        is_device = agent_class == "stonith"
        requires = Requires.QUORUM if is_device else self.reader.defaults.requires
        resource = Resource(
            name,
            meta=Meta(requires=requires, is_managed=self.options.stop_removed_resources),
            agent_class=agent_class,
            provider=provider,
            type=kind,
            is_fence_device=is_device,
            is_removed=True,
        )
        self.removed.append(resource)
        return Definition(resource, [], [], top=resource, agent=history.agent)

    def _observed(
        self,
        history: History,
        definition: Definition,
        node: Node,
        terms: Terms,
        count: FailCount | None,
        scores: dict[str, int],
    ) -> Observed | None:
        meta = definition.resource.meta
        timeout_s = meta.failure_timeout_s
        score = _score(scores, history.resource, definition)
        fails = count.count if count is not None else 0
        if history.probed is not None and not fails and score is None:
            return Observed(history.resource, node.name)
        reading = Reading(definition, node.name, self._can_fence(node))
        apply(reading, history, terms, count, timeout_s)
        if count is not None and timeout_s and count.last_s:
            if terms.now_s > count.last_s + timeout_s:
                fails = 0
        role = reading.role
        failed = reading.failed
        if reading.is_blocked:
            failed = OnFail.BLOCK if failed is None else max(failed, OnFail.BLOCK)
        running = tuple(
            Recurring(item.task, item.interval_ms, position in reading.expired)
            for position, item in recurring(reading)
        )
        is_active = role is not None and role > Role.STOPPED
        return Observed(
            history.resource,
            node.name,
            role or Role.STOPPED,
            is_known=role is not None or history.probed is not None,
            failed=failed,
            failed_task=reading.failed_task,
            failed_text=reading.failed_text,
            bans_node=reading.bans_node,
            bans_all=reading.bans_all,
            is_not_promoted_again=reading.is_not_promoted_again,
            pending=_TASKS.get(reading.pending) if reading.pending else None,
            fail_count=fails,
            clears_fail_count=reading.clears_fail_count,
            is_threshold_ignored=reading.is_threshold_ignored,
            recurring=running if is_active else (),
            promotion_score=score,
        )

    def _can_fence(self, node: Node) -> bool:
        options = self.options
        return options.fencing_enabled and options.can_fence

    def _promotion_scores(self, entry: NodeEntry) -> dict[str, int]:
        found = {}
        for name, text in entry.attributes.items():
            if name.startswith("master-"):
                score = values.score(text)
                if score is not None:
                    found[name.removeprefix("master-")] = score
        return found

    def _rest(
        self,
        node: Node,
        counts: dict[str, FailCount],
        scores: dict[str, int],
        told: set[str],
    ) -> None:
        """Add what attributes say of resources without a history on this node."""
        names = [name for name in counts if name not in told]
        names += [name for name in scores if name not in told and name not in counts]
        for name in names:
            base = name if name in self.reader.definitions else name.rpartition(":")[0]
            definition = self.reader.definitions.get(base)
            if definition is None:
                continue
            count = counts.get(name)
            fails = count.count if count is not None else 0
            timeout_s = definition.resource.meta.failure_timeout_s
            if count is not None and timeout_s and count.last_s:
                if self.source.now_s > count.last_s + timeout_s:
                    fails = 0
            score = scores.get(name) if definition.is_promotable else None
            if fails or score is not None:
                self.found.append(
                    Observed(
                        name, node.name, is_known=False, fail_count=fails, promotion_score=score
                    )
                )


def _histories(entry: NodeEntry) -> list[History]:
    part = entry.state.child("lrm") if entry.state is not None else None
    section = part.child("lrm_resources") if part is not None else None
    return section.history if section is not None else []


def _count(counts: dict[str, FailCount], name: str, definition: Definition) -> FailCount | None:
    found = counts.get(name)
    if found is None and not definition.is_unique:
        found = counts.get(definition.resource.id)
    return found


def _score(scores: dict[str, int], name: str, definition: Definition) -> int | None:
    if not definition.is_promotable:
        return None
    found = scores.get(name)
    return scores.get(definition.resource.id) if found is None else found
