"""What clones must satisfy, and all that speaks of roles, which only promotable clones have.

Owns: these rules. Whether an OCF agent can promote is known on the nodes alone.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.config import limits
from ha_core.config.faults import Fault, bad_name, bad_text, listed, out_of_range, shown
from ha_core.config.model import (
    AgentClass,
    Clone,
    Configuration,
    Constraint,
    Location,
    OnFail,
    Operation,
    OrderedAction,
    Primitive,
    Role,
    Rule,
    TargetRole,
)
from ha_core.ids import ResourceId

_OF_ROLES: Final = (Role.PROMOTED, Role.UNPROMOTED)
_TARGETS: Final = (TargetRole.PROMOTED, TargetRole.UNPROMOTED)
_MOVES: Final = (OrderedAction.PROMOTE, OrderedAction.DEMOTE)


class Roles:
    """Which resources have roles, by all names that a constraint may give them."""

    def __init__(self, configuration: Configuration) -> None:
        """Look at all clones once."""
        members = {group.id: group.members for group in configuration.groups}
        self._names: set[str] = set()
        self.clones: dict[str, ResourceId] = {}
        """What is in a clone, and the clone itself, with the clone's id."""
        for clone in configuration.clones:
            names = (clone.id, clone.member, *members.get(clone.member, ()))
            self.clones.update(dict.fromkeys(names, clone.id))
            if clone.promotable:
                self._names.update(names)

    def has(self, resource: str) -> bool:
        """Return whether it is, or is in, a promotable clone."""
        return resource in self._names

    def whole(self, resource: ResourceId) -> ResourceId:
        """Return what a constraint on it speaks of."""
        return self.clones.get(resource, resource)


def clone_faults(configuration: Configuration, ids: list[ResourceId]) -> Iterable[Fault]:
    """Yield every fault of clones; `ids` are those of primitives and groups."""
    owners = {member: group.id for group in configuration.groups for member in group.members}
    clones = {clone.id for clone in configuration.clones}
    members = {group.id: group.members for group in configuration.groups}
    primitives = {item.id: item for item in configuration.primitives}
    seen: dict[ResourceId, ResourceId] = {}
    for clone in configuration.clones:
        path = f"resources.{clone.member}.clone"
        is_good = bool(limits.ID.fullmatch(clone.id))
        yield from bad_name(f"{path}.id", clone.id, is_good, limits.ID_ALLOWED)
        if clone.member in clones:
            yield Fault(
                path, f"copies the clone {shown(clone.member)}; allowed: no clone of clones"
            )
        elif clone.member not in ids:
            text = f"copies {shown(clone.member)}, which does not exist"
            yield Fault(path, f"{text}; allowed: {listed(sorted(ids))}")
        elif clone.member in owners:
            group = owners[clone.member]
            text = f"copies a member of the group {group}"
            yield Fault(path, f"{text}; allowed: 'clone' on {group}, or it alone")
        if seen.setdefault(clone.member, clone.id) != clone.id:
            text = f"is a second clone of {clone.member}, beside {seen[clone.member]}"
            yield Fault(path, f"{text}; allowed: one")
        yield from bad_text(f"{path}.description", clone.description)
        yield from _counts(clone, path)
        names = members.get(clone.member, (clone.member,))
        found = [primitives[name] for name in names if name in primitives]
        yield from _members(found, clone, path)


def _counts(clone: Clone, path: str) -> Iterable[Fault]:
    most, promotable = limits.COPIES_MAX, f"resources.{clone.member}.promotable"
    if clone.instances_max is not None:
        yield from out_of_range(f"{path}.max", clone.instances_max, 0, most)
    yield from out_of_range(f"{path}.per_node", clone.node_max, 0, most)
    yield from out_of_range(f"{path}.min", clone.instances_min, 0, most)
    yield from out_of_range(f"{promotable}.max", clone.promoted_max, 0, most)
    yield from out_of_range(f"{promotable}.per_node", clone.promoted_node_max, 0, most)
    if clone.node_max > 1 and not clone.unique:
        text = f"is {clone.node_max}, and its copies are all alike"
        yield Fault(f"{path}.per_node", f"{text}; allowed: 1, or more with 'unique: true'")
    if clone.instances_max is not None and clone.instances_min > clone.instances_max:
        text = f"is {clone.instances_min}, and there are {clone.instances_max} copies at most"
        yield Fault(f"{path}.min", f"{text}; allowed: no more than 'max'")
    if not clone.promotable and (clone.promoted_max, clone.promoted_node_max) != (1, 1):
        text = "says how many copies are promoted, of a clone that is not promotable"
        yield Fault(promotable, f"{text}; allowed: with 'promotable: true'")


def _members(found: list[Primitive], clone: Clone, path: str) -> Iterable[Fault]:
    """Yield the faults of what is copied."""
    runs_once = clone.instances_max is not None and clone.instances_max <= 1
    for item in found:
        agent_class = item.agent.agent_class
        if agent_class is AgentClass.ADDRESS and not runs_once:
            text = f"copies {item.id}, an address, which no two nodes may have"
            yield Fault(path, f"{text}; allowed: an address without 'clone'")
        if clone.unique and agent_class is not AgentClass.OCF:
            text = f"is true, and {item.id} has an agent of class {agent_class}"
            yield Fault(
                f"{path}.unique", f"{text}; allowed: agents of class ocf, told their number"
            )
    if clone.promotable and found and all(not _may_promote(item) for item in found):
        text = f"is set, and no agent of class {found[0].agent.agent_class} can promote"
        yield Fault(f"resources.{clone.member}.promotable", f"{text}; allowed: agents of class ocf")


def _may_promote(item: Primitive) -> bool:
    return item.agent.agent_class is AgentClass.OCF


# --- roles -------------------------------------------------------------------------------------


def role_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield a fault for each role of what has none, on resources and in constraints."""
    roles = Roles(configuration)
    for item in configuration.primitives:
        path = f"resources.{item.id}"
        yield from _wanted(path, item.meta.target_role, is_able=roles.has(item.id))
        yield from _operations(item, path, is_able=roles.has(item.id))
    for group in configuration.groups:
        path = f"resources.{group.id}"
        yield from _wanted(path, group.meta.target_role, is_able=roles.has(group.id))
    for clone in configuration.clones:
        path = f"resources.{clone.member}.clone"
        yield from _wanted(path, clone.meta.target_role, is_able=clone.promotable)
    known = {*roles.clones, *(p.id for p in configuration.primitives)}
    known |= {group.id for group in configuration.groups}
    for path, resource, word in _named(configuration):
        if word and resource in known and not roles.has(resource):
            text = f"is {word} of {resource}, which has no roles"
            yield Fault(path, f"{text}; allowed: for what is 'promotable', or none")


def _wanted(path: str, role: TargetRole | None, *, is_able: bool) -> Iterable[Fault]:
    if role in _TARGETS and not is_able:
        text = f"is {role} of what has no roles"
        yield Fault(f"{path}.target_role", f"{text}; allowed: started or stopped")


def _operations(item: Primitive, path: str, *, is_able: bool) -> Iterable[Fault]:
    number = 0
    for operation in item.operations:
        place = f"{path}.operations.{operation.action}"
        if operation.action == "monitor":
            place = f"{place}[{number}]"
            number += 1
        elif operation.action in _MOVES and not is_able:
            yield Fault(place, "is of what has no roles; allowed: with 'promotable: true'")
        if operation.role in _OF_ROLES and not is_able:
            text = f"is {operation.role} of what has no roles"
            yield Fault(f"{place}.role", f"{text}; allowed: with 'promotable: true'")
        if operation.on_fail is OnFail.DEMOTE and not _may_demote(operation):
            allowed = "for promote, and monitors with an interval and 'role: promoted'"
            yield Fault(f"{place}.on_fail", f"is demote; allowed: {allowed}")


def _may_demote(operation: Operation) -> bool:
    is_watching = operation.action == "monitor" and operation.interval_ms > 0
    return operation.action == "promote" or (is_watching and operation.role is Role.PROMOTED)


def _named(configuration: Configuration) -> Iterable[tuple[str, ResourceId, str]]:
    """Yield each role or action that a constraint gives a resource, and where."""
    places: tuple[Location | Rule, ...] = (*configuration.locations, *configuration.rules)
    for item in places:
        name = item.node if isinstance(item, Location) else ""
        yield _place(item, "role", name), item.resource, _role(item.role)
    for colocation in configuration.colocations:
        place = _place(colocation, "role", colocation.with_resource)
        yield place, colocation.resource, _role(colocation.role)
        place = _place(colocation, "with_role", colocation.with_resource)
        yield place, colocation.with_resource, _role(colocation.with_role)
    for ordering in configuration.orderings:
        pairs = (("first", ordering.first_action), ("then", ordering.then_action))
        for key, action in pairs:
            place = _place(ordering, f"{key}_action", ordering.first)
            resource = ordering.first if key == "first" else ordering.then
            yield place, resource, str(action) if action in _MOVES else ""
    for ticket in configuration.tickets:
        yield _place(ticket, "role", ticket.ticket), ticket.resource, _role(ticket.role)


def _role(role: Role | None) -> str:
    return str(role) if role in _OF_ROLES else ""


def _place(item: Constraint, key: str, name: str = "") -> str:
    """Return where a constraint says it: by its key, or behind a name of the word."""
    if not item.source:
        return f"constraints.{item.id}.{key}"
    return f"{item.source}.{name}" if name else item.source
