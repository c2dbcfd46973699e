"""What each node's report says that is not plain, kept until the node reports anew.

Owns: that digest. Of thousands of instances most are stopped where nobody wants them: those are
only counted. A digest is made from one report alone, so that keeping it can change no plan.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.config.units import plain
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.catalog import Catalog
from ha_core.status import Instance, InstanceState, NodeStatus

Stopped = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One node's report."""

    told: tuple[tuple[ResourceId, Instance], ...]
    """All that is not plainly stopped, with the primitive's name in the configuration."""
    stopped: frozenset[ResourceId]
    """What is plainly stopped, by the names of instances."""
    steady: frozenset[ResourceId]
    """Primitives that run there, and of which nothing more is told."""
    unknown: frozenset[ResourceId]
    """Primitives of which nobody knows whether they run there."""


class Reports:
    """The digests of one configuration's nodes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: dict[NodeName, tuple[tuple[Instance, ...], Report]] = {}
        self._listed: dict[NodeName, Report] = {}
        self._nodes: dict[ResourceId, tuple[str, ...]] = {}
        """By instance: where it is plainly stopped, of what was asked last."""
        self._stopped: Stopped = ()

    def of(self, node: NodeStatus) -> Report:
        """Return the digest of a node's report."""
        kept = self._kept.get(node.name)
        if kept is not None and kept[0] is node.instances:
            return kept[1]
        report = self._digest(node.instances)
        self._kept[node.name] = (node.instances, report)
        return report

    def _digest(self, instances: Iterable[Instance]) -> Report:
        resources = self._catalog.resources
        has_clones = self._catalog.has_clones
        told = []
        stopped: list[ResourceId] = []
        known: set[ResourceId] = set()
        unknown: set[ResourceId] = set()
        for item in instances:
            name = item.resource
            if name not in resources:
                name = plain(name) if has_clones else name
                if name not in resources:
                    continue
            if item.state is InstanceState.UNKNOWN:
                unknown.add(name)
            known.add(name)
            if is_plain(item):
                stopped.append(item.resource)
            else:
                told.append((name, item))
        if len(known) < len(resources):
            unknown |= resources.keys() - known
        steady = frozenset(name for name, item in told if _is_steady(item))
        return Report(tuple(told), frozenset(stopped), steady, frozenset(unknown))

    def stopped(self, reports: dict[NodeName, Report]) -> Stopped:
        """Return where each instance is plainly stopped, by these nodes' reports in their order."""
        if reports.keys() == self._listed.keys():
            changed: set[ResourceId] = set()
            for name, report in reports.items():
                before = self._listed[name]
                if before is not report:
                    changed |= before.stopped ^ report.stopped
            if not changed:
                self._listed = dict(reports)
                return self._stopped
        else:
            changed = set().union(*(report.stopped for report in reports.values()))
            self._nodes = {}
        for unit in changed:
            self._nodes[unit] = tuple(n for n, one in reports.items() if unit in one.stopped)
        self._listed = dict(reports)
        self._stopped = tuple((u, nodes) for u, nodes in sorted(self._nodes.items()) if nodes)
        return self._stopped


def _is_steady(item: Instance) -> bool:
    """Return whether there is nothing to tell but that it runs."""
    return item.state is InstanceState.STARTED and not (
        item.pending
        or item.failure
        or item.fail_count
        or item.stale
        or item.migrated_to
        or item.migrated_from
    )


def is_plain(item: Instance) -> bool:
    """Return whether there is nothing to tell but that it is stopped."""
    return item.state is InstanceState.STOPPED and not (
        item.pending
        or item.failure
        or item.fail_count
        or item.promotion_score is not None
        or item.migrated_from
    )
