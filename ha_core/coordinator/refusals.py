"""Changes of the configuration that would take the ground from under a safety argument.

Owns: the reasons to refuse a change that is valid in itself, given what may
run where. Each raises RefusedError with the cure.
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from operator import eq

from ha_core.agents.registry import as_exclusive, does_no_harm, guard_of, is_held
from ha_core.config.model import Configuration, Node, Primitive, Role
from ha_core.config.units import copies, may_be_promoted, plain
from ha_core.coordinator.record import MAY_BE_ACTIVE, Record
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.quorum.votes import has_majority
from ha_core.status import InstanceState, NodeState
from ha_core.transition.executor import OpenOrder


def refuse_unsafe(
    current: Configuration,
    changed: Configuration,
    records: Iterable[Record],
    orders: Iterable[OpenOrder],
) -> None:
    """Raise RefusedError (code `unsafe`) if the change must not be made now."""
    known, given = tuple(records), tuple(orders)
    _refuse_new_timers(current, changed)
    for record in known:
        _refuse_removal(current, changed, record, given)
    _refuse_new_guards(current, changed, known, given)
    _refuse_new_exclusivity(current, changed, known, given)


def refuse_standstill(
    current: Configuration, changed: Configuration, present: Collection[NodeName]
) -> None:
    """Raise RefusedError (code `unsafe`) if those who are there (`present`) would be no majority of
    the voters that are left: the change itself could not become final.
    """
    voters = changed.voters()
    if voters == current.voters() or has_majority(present, voters):
        return
    if not voters:
        raise RefusedError("invalid", "nobody would vote: let another node join first")
    missing = [name for name in voters if name not in present]
    text = (
        f"only {', '.join(voters)} would vote, and without {' and '.join(missing)} they are no"
        f" majority: everything would stop; bring {missing[0]} back first, or remove it first"
        f" ('ha node remove {missing[0]}')"
    )
    raise RefusedError("unsafe", text)


def _refuse_new_timers(current: Configuration, changed: Configuration) -> None:
    """Nodes that count in different timers could run something beside its new owner."""
    old_ms, new_ms = current.options.dead_after_ms, changed.options.dead_after_ms
    if old_ms != new_ms and len(current.nodes) > 1:
        text = (
            f"options: dead_after is {new_ms} ms, but it cannot change from {old_ms} ms while"
            " the cluster has more than one node: leases in force depend on it; leave it as it is"
            f" (a new cluster gets it by 'ha init --dead-after {new_ms}')"
        )
        raise RefusedError("unsafe", text)


def _refuse_removal(
    current: Configuration, changed: Configuration, record: Record, orders: tuple[OpenOrder, ...]
) -> None:
    """A node that may still run something stays until that is over: nobody else would know."""
    node, later = current.node(record.name), changed.node(record.name)
    if node is None or (later is not None and later.witness <= node.witness):
        return
    if not _is_idle(node, record, orders):
        deed = "removed" if later is None else "made a witness"
        text = (
            f"node '{node.name}' cannot be {deed} while it may run something: put it in"
            f" standby first ('ha node standby {node.name}'), or, if it is lost and down for"
            f" sure, 'ha node confirm-down {node.name}'"
        )
        raise RefusedError("unsafe", text)


def _is_idle(node: Node, record: Record, orders: tuple[OpenOrder, ...]) -> bool:
    if any(order.node == node.name for order in orders):
        return False
    if record.harmless:
        return False  # should what it may run be made exclusive, nobody else would know of it
    if record.state in (NodeState.LEFT, NodeState.LOST) or node.standby or node.witness:
        stopped = InstanceState.STOPPED
        return not any(item.pending or item.state is not stopped for item in record.instances)
    return False


def _refuse_new_guards(
    current: Configuration,
    changed: Configuration,
    records: tuple[Record, ...],
    orders: tuple[OpenOrder, ...],
) -> None:
    """What runs unguarded must end before its name stands for something that a guard ends.

    A node that is lost in between would count as cleared when its lease runs out.
    """
    for primitive in changed.primitives:
        old = current.primitive(primitive.id)
        lost = [r.name for r in records if any(plain(i) == primitive.id for i in r.harmless)]
        if lost and is_held(primitive):
            text = "become one that the run lease bounds"
            raise RefusedError("unsafe", _left_running(primitive.id, lost, text))
        where = _where_it_may_run(records, orders, _copy_of(primitive.id))
        if where and old is not None and is_held(primitive) and is_held(old):
            _refuse_faster_guard(old, primitive, [r for r in records if r.name in where])
            continue
        if not is_held(primitive) or (old is not None and is_held(old)):
            continue
        if where:
            text = (
                f"resource '{primitive.id}' cannot become one that the run lease bounds while it"
                f" may run unguarded on {', '.join(where)}: stop it first"
                f" ('ha resource stop {primitive.id}')"
            )
            raise RefusedError("unsafe", text)


def _refuse_faster_guard(old: Primitive, new: Primitive, where: Iterable[Record]) -> None:
    """What its guard ends late must end before its name stands for what is gone at once."""
    for record in where:
        now_ms = guard_of(as_exclusive(old), record.gates).extra_ms
        later_ms = guard_of(as_exclusive(new), record.gates).extra_ms
        if later_ms < now_ms:
            text = (
                f"resource '{new.id}' cannot become {new.agent} while {old.agent} may run on"
                f" {record.name}: should that be lost, a takeover would have to wait for {now_ms}"
                f" ms and would not know it: stop it first ('ha resource stop {new.id}')"
            )
            raise RefusedError("unsafe", text)


def _refuse_new_exclusivity(
    current: Configuration,
    changed: Configuration,
    records: tuple[Record, ...],
    orders: tuple[OpenOrder, ...],
) -> None:
    """What may run twice must not be forbidden that very moment while it does, or while it runs
    where no guard was needed for it, or where it was left running when its node was lost.
    """
    for primitive in changed.primitives:
        old = current.primitive(primitive.id)
        role = _newly_exclusive(current, old, changed, primitive)
        if role is None:
            continue
        lost = [r.name for r in records if any(plain(i) == primitive.id for i in r.harmless)]
        if lost:
            raise RefusedError("unsafe", _left_running(primitive.id, lost))
        if old is None:
            continue
        before = {part.id for part in copies(current, old)}
        for part in copies(changed, primitive):
            if part.id not in before:
                continue  # it does not begin before what had another name has ended (`former`)
            where = _where_it_may_run(records, orders, partial(eq, part.id), role)
            if where and not (len(where) == 1 and is_held(primitive)):
                raise RefusedError("unsafe", _running(primitive, where))


def _newly_exclusive(
    current: Configuration, old: Primitive | None, changed: Configuration, primitive: Primitive
) -> Role | None:
    """Return in which role several of it did no harm and will do so, if any: what is promotable may
    be there in other roles on.
    """
    for role in (Role.UNPROMOTED, Role.PROMOTED):
        did_no_harm = old is None or _is_shared(current, old, role)
        if did_no_harm and not _is_shared(changed, primitive, role):
            return role
    return None


def _is_shared(configuration: Configuration, primitive: Primitive, role: Role) -> bool:
    """Return whether several of it do no harm, even if all are in this role, if they have roles."""
    return all(
        does_no_harm(part, role if may_be_promoted(part) else None)
        for part in copies(configuration, primitive)
    )


def _left_running(
    resource: ResourceId, lost: list[NodeName], deed: str = "become exclusive"
) -> str:
    return (
        f"resource '{resource}' cannot {deed} while it may still run on"
        f" {' and '.join(lost)}, where nobody has seen it end: if {lost[0]} is down for sure:"
        f" 'ha node confirm-down {lost[0]} --reason TEXT'"
    )


def _running(primitive: Primitive, where: list[NodeName]) -> str:
    text = f"resource '{primitive.id}' cannot become exclusive while it may run on"
    wait = "wait until it runs on one node, or " if is_held(primitive) else ""
    return f"{text} {' and '.join(where)}: {wait}stop it first ('ha resource stop {primitive.id}')"


def _copy_of(resource: ResourceId) -> Callable[[ResourceId], bool]:
    return lambda name: plain(name) == resource


def _where_it_may_run(
    records: tuple[Record, ...],
    orders: tuple[OpenOrder, ...],
    is_it: Callable[[ResourceId], bool],
    role: Role = Role.UNPROMOTED,
) -> list[NodeName]:
    """Return the nodes where any of it may be active, promoted if `role` says so."""
    found = {order.node for order in orders if is_it(order.resource)}
    for record in records:
        for item in record.instances:
            is_meant = is_it(item.resource) and (
                role is not Role.PROMOTED or item.role is not Role.UNPROMOTED
            )
            if is_meant and (item.pending or item.state in MAY_BE_ACTIVE):
                found.add(record.name)
    return sorted(found)
