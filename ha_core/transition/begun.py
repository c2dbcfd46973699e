"""By which definitions something may run that an earlier start of this daemon began.

Owns: which of them are looked by before the newest one. An edit that this start hears of before it
has looked may have changed what a daemon before it had begun: the new agent would not see it, or
take it for its own.
"""

from collections.abc import Iterable

from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import unit, units
from ha_core.ids import ResourceId
from ha_core.status import InstanceState
from ha_core.transition.under_way import Local


def is_other(one: Primitive, other: Primitive) -> bool:
    """Return whether what runs by one definition must start anew to run by the other."""
    return (one.agent, one.parameters) != (other.agent, other.parameters)


def is_outdated(local: Local, configuration: Configuration) -> bool:
    """Return whether operations on an instance go by another definition than the configured one."""
    wanted = unit(configuration, local.instance.resource)
    return wanted is not None and local.primitive is not None and is_other(local.primitive, wanted)


def redefines(before: Configuration, after: Configuration) -> bool:
    """Return whether a revision adds something, or changes by what it is begun."""
    known = {item.id: item for item in units(before)}
    return any(
        item.id not in known or is_other(known[item.id], item)
        for item in units(after)
        if known.get(item.id) is not item
    )


def with_former(formers: tuple[Primitive, ...], former: Primitive) -> tuple[Primitive, ...]:
    """Return what is to be looked by, oldest first, with one more."""
    is_known = any(not is_other(item, former) for item in formers)
    return formers if is_known else (*formers, former)


def by_name(kept: Iterable[Primitive]) -> dict[ResourceId, tuple[Primitive, ...]]:
    """Return what is on disk by the names of units, oldest first."""
    found: dict[ResourceId, tuple[Primitive, ...]] = {}
    for item in kept:
        found[item.id] = (*found.get(item.id, ()), item)
    return found


def definitions(local: Local, configuration: Configuration) -> tuple[Primitive, ...]:
    """Return by what an instance runs, or may run, that the configuration does not have."""
    is_over = local.instance.state is InstanceState.STOPPED and not local.instance.pending
    if local.formers or local.primitive is None or is_over:
        return local.formers
    is_dropped = unit(configuration, local.instance.resource) is None
    return (local.primitive,) if is_dropped or is_outdated(local, configuration) else ()


def look_further(local: Local, configuration: Configuration) -> bool:
    """Take the next definition after one by which nothing runs; return whether there is one."""
    if not local.formers:
        return False
    local.formers = local.formers[1:]
    following = local.formers[0] if local.formers else unit(configuration, local.instance.resource)
    local.primitive = following or local.primitive
    return following is not None
