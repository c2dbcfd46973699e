"""What resources must satisfy: names, agents and their parameters, operations, groups.

Owns: these rules. Whether an agent is installed, and what an OCF agent says
of a parameter, is known on the nodes alone.
"""

import re
from collections import Counter
from collections.abc import Iterable

from ha_core.agents import address, ocf, process
from ha_core.config import limits
from ha_core.config.check_clones import clone_faults, role_faults
from ha_core.config.faults import (
    Fault,
    bad_name,
    bad_text,
    bad_time,
    listed,
    out_of_range,
    repeated,
    shown,
    too_many,
)
from ha_core.config.keys import FURTHER_OPERATIONS
from ha_core.config.model import (
    AgentClass,
    Configuration,
    Group,
    Meta,
    Operation,
    Primitive,
)
from ha_core.errors import ConfigError
from ha_core.ids import INFINITY, ResourceId

_ACTIONS = ("start", "stop", "monitor", *FURTHER_OPERATIONS)
_ON_FAIL_OF_STOP = ("restart", "ignore", "block", "fence")
_OWN_PARAMETER = re.compile(r"parameter '([^']+)' (.*)", re.DOTALL)


def resource_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of primitives, groups and clones."""
    primitives, groups = configuration.primitives, configuration.groups
    ids = [*(item.id for item in primitives), *(group.id for group in groups)]
    clones = [clone.id for clone in configuration.clones]
    yield from repeated("resources", (*ids, *clones))
    yield from too_many("resources", len(ids), limits.RESOURCES_MAX, "resources")
    for item in ids:
        is_good = bool(limits.ID.fullmatch(item))
        yield from bad_name(f"resources.{item}", item, is_good, limits.ID_ALLOWED)
    for primitive in primitives:
        yield from _primitive(primitive)
    names = {primitive.id for primitive in primitives}
    owners: dict[ResourceId, ResourceId] = {}
    for group in groups:
        yield from _group(group, names, [*ids, *clones], owners, {item.id for item in groups})
    yield from clone_faults(configuration, ids)
    for clone in configuration.clones:
        yield from bad_meta(f"resources.{clone.member}.clone", clone.meta, is_primitive=False)
    yield from role_faults(configuration)
    yield from _shared_addresses(primitives)


def bad_parameters(
    path: str,
    parameters: Iterable[tuple[str, str]],
    pattern: re.Pattern[str] = limits.PARAMETER,
    allowed: str = limits.PARAMETER_ALLOWED,
) -> Iterable[Fault]:
    """Yield the faults of names and values that programs are given."""
    pairs = list(parameters)
    yield from repeated(path, (name for name, _ in pairs))
    for name, value in pairs:
        yield from bad_name(f"{path}.{name}", name, bool(pattern.fullmatch(name)), allowed)
        yield from bad_text(f"{path}.{name}", value)


def bad_sizes(path: str, sizes: Iterable[tuple[str, int]]) -> Iterable[Fault]:
    """Yield the faults of a node's capacity, or of what a resource takes of it."""
    pairs = list(sizes)
    yield from repeated(path, (name for name, _ in pairs))
    for name, size in pairs:
        is_good = bool(limits.PARAMETER.fullmatch(name))
        yield from bad_name(f"{path}.{name}", name, is_good, limits.PARAMETER_ALLOWED)
        yield from out_of_range(f"{path}.{name}", size, 0, limits.CAPACITY_MAX)


def bad_meta(path: str, meta: Meta, is_primitive: bool) -> Iterable[Fault]:
    """Yield the faults of a resource's options; two of them are the primitive's own."""
    for name, score in (("stickiness", meta.stickiness), ("priority", meta.priority)):
        yield from out_of_range(f"{path}.{name}", score or 0, -INFINITY, INFINITY)
    wish = meta.prefers_connectivity or 0
    yield from out_of_range(f"{path}.prefers_connectivity", wish, -INFINITY, INFINITY)
    threshold = meta.migration_threshold or 0
    yield from out_of_range(f"{path}.migration_threshold", threshold, 0, INFINITY)
    yield from bad_time(f"{path}.failure_timeout", meta.failure_timeout_ms or 0, 0)
    yield from bad_text(f"{path}.accept_risk", meta.accept_risk or "")
    if is_primitive:
        return
    for name, value in (("exclusivity", meta.exclusivity), ("accept_risk", meta.accept_risk)):
        if value is not None:
            yield Fault(f"{path}.{name}", f"is {shown(str(value))}; allowed: on a primitive only")


def _group(
    group: Group,
    names: set[ResourceId],
    ids: list[ResourceId],
    owners: dict[ResourceId, ResourceId],
    groups: set[ResourceId],
) -> Iterable[Fault]:
    path = f"resources.{group.id}"
    if not group.members:
        yield Fault(f"{path}.group", "is empty; allowed: at least one primitive")
    yield from repeated(f"{path}.group", group.members)
    for number, member in enumerate(group.members):
        place = f"{path}.group[{number}]"
        if member not in names:
            kind = _kind(groups, member) if member in ids else "does not exist"
            text = f"names {shown(member)}, which {kind}"
            yield Fault(place, f"{text}; allowed: {listed(sorted(names))}")
        elif owners.setdefault(member, group.id) != group.id:
            text = f"names {shown(member)}, a member of {owners[member]} already"
            yield Fault(place, f"{text}; allowed: one group for each primitive")
    yield from bad_meta(path, group.meta, is_primitive=False)
    yield from bad_text(f"{path}.description", group.description)


def _kind(groups: set[ResourceId], name: ResourceId) -> str:
    return "is a group" if name in groups else "is a clone"


def _primitive(primitive: Primitive) -> Iterable[Fault]:
    path = f"resources.{primitive.id}"
    yield from _agent(primitive, f"{path}.agent")
    yield from bad_parameters(f"{path}.parameters", primitive.parameters)
    yield from _own_parameters(primitive, f"{path}.parameters")
    yield from bad_meta(path, primitive.meta, is_primitive=True)
    yield from bad_text(f"{path}.description", primitive.description)
    yield from bad_sizes(f"{path}.utilization", primitive.utilization)
    yield from _operations(primitive, f"{path}.operations")


def _agent(primitive: Primitive, path: str) -> Iterable[Fault]:
    ref = primitive.agent
    match ref.agent_class:
        case AgentClass.PROCESS | AgentClass.ADDRESS:
            is_good, allowed = not (ref.type or ref.provider), f"'{ref.agent_class}' alone"
        case AgentClass.OCF:
            is_good = _is_plain(ref.provider) and _is_plain(ref.type)
            allowed = "ocf:PROVIDER:TYPE with letters, digits and . _ + -"
        case _:
            # Instances of systemd units have an @ in their names.
            name = ref.type
            if ref.agent_class in (AgentClass.SYSTEMD, AgentClass.SERVICE):
                name = name.replace("@", "_")
            is_good = _is_plain(name) and not ref.provider
            allowed = f"{ref.agent_class}:NAME with letters, digits and . _ + -"
    if not is_good:
        yield Fault(path, f"is {shown(str(ref))}; allowed: {allowed}")


def _is_plain(name: str) -> bool:
    try:
        ocf.require_plain(name, "")
    except ConfigError:
        return False
    return True


def _own_parameters(primitive: Primitive, path: str) -> Iterable[Fault]:
    """Let the built-in agents judge their own parameters."""
    parse = {AgentClass.PROCESS: process.parse, AgentClass.ADDRESS: address.parse}
    if primitive.agent.agent_class not in parse:
        return
    try:
        parse[primitive.agent.agent_class](primitive)
    except ConfigError as error:
        for fault in error.faults:
            text = fault.removeprefix(f"resource '{primitive.id}': ")
            named = _OWN_PARAMETER.fullmatch(text)
            yield Fault(f"{path}.{named[1]}", named[2]) if named else Fault(path, text)


def _operations(primitive: Primitive, path: str) -> Iterable[Fault]:
    yield from repeated(
        path, (item.action for item in primitive.operations if item.action != "monitor")
    )
    monitors = [item for item in primitive.operations if item.action == "monitor"]
    counts = Counter(item.interval_ms for item in monitors)
    seen: set[int] = set()
    for number, item in enumerate(monitors):
        if counts[item.interval_ms] > 1 and item.interval_ms in seen:
            text = f"is {item.interval_ms} ms, as another monitor's is"
            place = f"{path}.monitor[{number}].interval"
            yield Fault(place, f"{text}; allowed: a different interval for each")
        seen.add(item.interval_ms)
        yield from _operation(item, f"{path}.monitor[{number}]")
    for item in primitive.operations:
        if item.action != "monitor":
            yield from _operation(item, f"{path}.{item.action}")


def _operation(item: Operation, path: str) -> Iterable[Fault]:
    if item.action not in _ACTIONS:
        yield Fault(path, f"is the action {shown(item.action)}; allowed: {', '.join(_ACTIONS)}")
    yield from bad_time(f"{path}.timeout", item.timeout_ms, limits.TIMEOUT_MS_MIN)
    if item.action == "monitor":
        if item.interval_ms:
            yield from bad_time(f"{path}.interval", item.interval_ms, limits.INTERVAL_MS_MIN)
        yield from out_of_range(f"{path}.depth", item.depth, 0, limits.DEPTH_MAX)
        return
    if item.interval_ms or item.depth:
        text = f"has interval {item.interval_ms} ms and depth {item.depth}"
        yield Fault(path, f"{text}; allowed: these for monitors only")
    if item.role is not None or not item.enabled:
        text = "has a role or is switched off"
        yield Fault(path, f"{text}; allowed: these for monitors only")
    if item.action == "stop" and item.on_fail is not None and item.on_fail not in _ON_FAIL_OF_STOP:
        allowed = ", ".join(_ON_FAIL_OF_STOP)
        yield Fault(f"{path}.on_fail", f"is {item.on_fail}; allowed for stop: {allowed}")


def _shared_addresses(primitives: Iterable[Primitive]) -> Iterable[Fault]:
    """Yield a fault where two resources hold the same service address."""
    owners: dict[str, ResourceId] = {}
    for primitive in primitives:
        if primitive.agent.agent_class is not AgentClass.ADDRESS:
            continue
        try:
            found = str(address.parse(primitive).address)
        except ConfigError:
            continue
        owner = owners.setdefault(found, primitive.id)
        if owner != primitive.id:
            text = f"is {found}, which {owner} holds"
            path = f"resources.{primitive.id}.parameters.address"
            yield Fault(path, f"{text}; allowed: an address of its own")
