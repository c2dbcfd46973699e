"""What a configuration alone says, as the whole engine is asked it: resources, ties, options.

Owns: options resolved through group, clone and defaults, and the translation of choices. Nothing
here depends on what is observed, so that it is made once for each configuration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from ha_core.agents.registry import may_run_twice
from ha_core.config import model
from ha_core.config.model import Clone, Configuration, Group, Primitive
from ha_core.config.units import hosts, tops
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.cib.options import health_of
from ha_core.policy.engine import problem
from ha_core.policy.engine.problem import Kind, Resource, Role, Task

ROLES: Final = {
    model.Role.STOPPED: Role.STOPPED,
    model.Role.STARTED: Role.STARTED,
    model.Role.UNPROMOTED: Role.UNPROMOTED,
    model.Role.PROMOTED: Role.PROMOTED,
}
_TARGETS: Final = {
    model.TargetRole.STOPPED: Role.STOPPED,
    model.TargetRole.STARTED: Role.PROMOTED,
    model.TargetRole.UNPROMOTED: Role.UNPROMOTED,
    model.TargetRole.PROMOTED: Role.PROMOTED,
}
_TASKS: Final = {
    model.OrderedAction.START: Task.START,
    model.OrderedAction.STOP: Task.STOP,
    model.OrderedAction.PROMOTE: Task.PROMOTE,
    model.OrderedAction.DEMOTE: Task.DEMOTE,
}
_KINDS: Final = {
    model.OrderKind.MANDATORY: problem.OrderKind.MANDATORY,
    model.OrderKind.OPTIONAL: problem.OrderKind.OPTIONAL,
    model.OrderKind.SERIALIZE: problem.OrderKind.SERIALIZE,
}
_UNAME: Final = "#uname"
_Names = Mapping[ResourceId, ResourceId]
"""What is cloned, and the name of its clone."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of a question that is the same as long as the configuration is."""

    resources: tuple[Resource, ...]
    colocations: tuple[problem.Colocation, ...]
    orderings: tuple[problem.Ordering, ...]
    tickets: tuple[problem.TicketConstraint, ...]
    options: problem.Options


def frame_of(configuration: Configuration) -> Frame:
    """Return what the configuration alone says."""
    names = tops(configuration)
    return Frame(
        _Resources(configuration).all(),
        tuple(_colocation(item, names) for item in configuration.colocations),
        tuple(_ordering(item, names) for item in configuration.orderings),
        tuple(_ticket(item, names) for item in configuration.tickets),
        _options(configuration),
    )


class _Resources:
    """Makes the top-level resources of one configuration, in the order of the file."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._primitives = {item.id: item for item in configuration.primitives}
        self._group_of = {m: group for group in configuration.groups for m in group.members}
        self._clone_of = {clone.member: clone for clone in configuration.clones}
        self._not_live = {item.resource for item in configuration.locations if not item.live}

    def all(self) -> tuple[Resource, ...]:
        """Return every top-level resource once, where its first primitive stands."""
        found: dict[ResourceId, Resource] = {}
        for item in self._configuration.primitives:
            group = self._group_of.get(item.id)
            clone = self._clone_of.get(group.id if group is not None else item.id)
            name = clone.id if clone else group.id if group else item.id
            if name not in found:
                found[name] = self._top(item, group, clone)
        return tuple(found.values())

    def _top(self, item: Primitive, group: Group | None, clone: Clone | None) -> Resource:
        above = (clone.meta,) if clone is not None else ()
        inner = self._primitive(item, above)
        if group is not None:
            members = [self._primitives[m] for m in group.members if m in self._primitives]
            inner = Resource(
                group.id,
                Kind.GROUP,
                self._meta((group.meta, *above)),
                tuple(self._primitive(member, (group.meta, *above)) for member in members),
                is_ordered=group.ordered,
                is_colocated=group.colocated,
            )
        if clone is None:
            return inner
        options = _clone_options(clone, hosts(self._configuration))
        return Resource(clone.id, Kind.CLONE, self._meta(above), (inner,), options)

    def _primitive(self, item: Primitive, above: tuple[model.Meta, ...]) -> Resource:
        meta = self._meta((item.meta, *above), is_twice=may_run_twice(item))
        if not self._not_live.isdisjoint(self._owners(item)):
            meta = replace(meta, allow_migrate=False)
        return Resource(item.id, meta=meta, demand=item.utilization)

    def _owners(self, item: Primitive) -> Iterable[ResourceId]:
        """Yield what is moved with a primitive: itself, its group, its clone."""
        yield item.id
        group = self._group_of.get(item.id)
        if group is not None:
            yield group.id
        clone = self._clone_of.get(item.id if group is None else group.id)
        if clone is not None:
            yield clone.id

    def _meta(self, metas: tuple[model.Meta, ...], *, is_twice: bool = False) -> problem.Meta:
        told = _first(reversed((*metas, self._configuration.defaults.meta)))
        default = problem.MultipleActive.STOP_START
        if is_twice:
            default = problem.MultipleActive.STOP_UNEXPECTED
        multiple = told.get("multiple_active")
        is_needless = told.get("requires") is model.Requires.NOTHING
        return problem.Meta(
            target_role=_TARGETS[told.get("target_role", model.TargetRole.STARTED)],
            is_managed=told.get("managed", True),
            is_maintenance=told.get("maintenance", False),
            stickiness=told.get("stickiness", 1),
            priority=told.get("priority", 0),
            migration_threshold=told.get("migration_threshold", INFINITY),
            # Nodes are cut off beside the plan: it waits for the proof, whatever brings that.
            requires=problem.Requires.NOTHING if is_needless else problem.Requires.QUORUM,
            multiple_active=default if multiple is None else problem.MultipleActive(multiple),
            is_critical=told.get("critical", True),
            allow_migrate=told.get("allow_migrate", False),
            allow_unhealthy_nodes=told.get("allow_unhealthy_nodes", False),
        )


def _first(metas: Iterable[model.Meta]) -> dict[str, Any]:
    """Return each option as the last one says it that says anything."""
    told: dict[str, Any] = {}
    for meta in metas:
        for name in _META:
            value = getattr(meta, name)
            if value is not None:
                told[name] = value
    return told


_META: Final = tuple(item.name for item in fields(model.Meta))


def _clone_options(clone: Clone, nodes: int) -> problem.CloneMeta:
    return problem.CloneMeta(
        clone_max=nodes if clone.instances_max is None else clone.instances_max,
        clone_node_max=clone.node_max,
        clone_min=clone.instances_min,
        is_unique=clone.unique,
        is_promotable=clone.promotable,
        promoted_max=clone.promoted_max,
        promoted_node_max=clone.promoted_node_max,
        interleave=clone.interleave,
        is_ordered=clone.ordered,
        notify=clone.notify,
    )


def _colocation(item: model.Colocation, names: _Names) -> problem.Colocation:
    return problem.Colocation(
        item.id,
        names.get(item.resource, item.resource),
        names.get(item.with_resource, item.with_resource),
        item.score,
        ROLES[item.role] if item.role is not None else None,
        ROLES[item.with_role] if item.with_role is not None else None,
        item.node_attribute or _UNAME,
        item.influence,
    )


def _ordering(item: model.Ordering, names: _Names) -> problem.Ordering:
    any_of = f"{item.any_of}\0{item.then}" if item.any_of else ""
    return problem.Ordering(
        item.id,
        names.get(item.first, item.first),
        names.get(item.then, item.then),
        _TASKS[item.first_action],
        _TASKS[item.then_action],
        _KINDS[item.kind],
        item.symmetrical,
        any_of,
    )


def _ticket(item: model.TicketConstraint, names: _Names) -> problem.TicketConstraint:
    return problem.TicketConstraint(
        item.id,
        names.get(item.resource, item.resource),
        item.ticket,
        ROLES[item.role] if item.role is not None else None,
        problem.LossPolicy(item.loss_policy),
    )


def _options(configuration: Configuration) -> problem.Options:
    options = configuration.options
    health = options.health
    return problem.Options(
        is_symmetric=options.symmetric,
        # What a lost node may still run is known as uncertain, and held: no plan has to cut off.
        fencing_enabled=False,
        is_maintenance=options.maintenance,
        stop_all=options.stop_all,
        strategy=problem.Strategy(options.strategy),
        is_exact=options.placement is model.Placement.EXACT,
        health=health_of(health.strategy, health.red, health.yellow, health.green, health.base),
    )
