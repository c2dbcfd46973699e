"""What a configuration must satisfy beyond its shape: names that exist, values that fit together.

Owns: the rules, whoever wrote the configuration (file, command, console).
Knows nothing of YAML; a fault names its place by path, such as
`resources.web.agent`, so that a reader of files can add the line.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.agents import address, process
from ha_core.config.model import (
    AgentClass,
    Colocation,
    Configuration,
    Location,
    Node,
    Operation,
    Ordering,
    Primitive,
)
from ha_core.errors import ConfigError
from ha_core.ids import INFINITY

VOTERS_MAX = 7
NODES_MAX = 64
RESOURCES_MAX = 2_000
CONSTRAINTS_MAX = 5_000
DEAD_AFTER_MS = (100, 600_000)
TIME_MS_MAX = 7 * 24 * 3600 * 1000
TIMEOUT_MS_MIN = 10
INTERVAL_MS_MIN = 10
PORT_MAX = 65_535
TEXT_MAX = 4_096
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NODE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
_ACTIONS = ("start", "stop", "monitor")
_ID_ALLOWED = "letters, digits, _ . - (64 at most, beginning with a letter, a digit or _)"
_NODE_ALLOWED = "lower-case letters, digits, dots and dashes (64 at most)"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, and a sentence with the value and what is allowed."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def check(configuration: Configuration) -> tuple[Fault, ...]:
    """Return every fault of the configuration, in its order; none means it can be applied."""
    return (
        *_options(configuration),
        *_links(configuration),
        *_nodes(configuration),
        *_resources(configuration),
        *_constraints(configuration),
        *_devices(configuration),
    )


# --- cluster, links, nodes -----------------------------------------------------------------


def _options(configuration: Configuration) -> Iterable[Fault]:
    low, high = DEAD_AFTER_MS
    dead_after_ms = configuration.options.dead_after_ms
    if not low <= dead_after_ms <= high:
        yield Fault("options.dead_after", f"is {dead_after_ms} ms, allowed: {low} to {high} ms")
    if not _ID.fullmatch(configuration.name):
        yield Fault("cluster", f"name {configuration.name!r}, allowed: {_ID_ALLOWED}")
    defaults = configuration.defaults
    yield from _time("defaults.operation.timeout", defaults.operation_timeout_ms, TIMEOUT_MS_MIN)
    yield from _time(
        "defaults.operation.monitor_interval", defaults.monitor_interval_ms, INTERVAL_MS_MIN
    )


def _links(configuration: Configuration) -> Iterable[Fault]:
    yield from _repeated("links", (link.name for link in configuration.links))
    for link in configuration.links:
        path = f"links.{link.name}"
        if not _ID.fullmatch(link.name):
            yield Fault(path, f"name {link.name!r}, allowed: {_ID_ALLOWED}")
        if not 1 <= link.port <= PORT_MAX:
            yield Fault(f"{path}.port", f"is {link.port}, allowed: 1 to {PORT_MAX}")
        if link.medium != "udp":
            yield Fault(f"{path}.medium", f"is {link.medium!r}, allowed: udp")


def _nodes(configuration: Configuration) -> Iterable[Fault]:
    nodes = configuration.nodes
    yield from _repeated("nodes", (node.name.lower() for node in nodes))
    if len(nodes) > NODES_MAX:
        yield Fault("nodes", f"{len(nodes)} nodes, allowed: {NODES_MAX} at most")
    voters = len(configuration.voters())
    if nodes and not voters:
        yield Fault("nodes", "no node votes, allowed: at least one node without 'voter: false'")
    if voters > VOTERS_MAX:
        cure = "give further nodes 'voter: false'"
        yield Fault("nodes", f"{voters} nodes vote, allowed: {VOTERS_MAX} at most ({cure})")
    for node in nodes:
        yield from _node(configuration, node)
    places = Counter((item.link, item.host, item.port) for node in nodes for item in node.addresses)
    for (link, host, port), count in sorted(places.items()):
        if count > 1:
            shown = f"{host}:{port}" if port else host
            yield Fault("nodes", f"{count} addresses on link {link} are {shown}, allowed: one")


def _node(configuration: Configuration, node: Node) -> Iterable[Fault]:
    path = f"nodes.{node.name}"
    if not _NODE.fullmatch(node.name):
        yield Fault(path, f"name {node.name!r}, allowed: {_NODE_ALLOWED}")
    links = [link.name for link in configuration.links]
    yield from _repeated(f"{path}.addresses", (item.link for item in node.addresses))
    if not node.addresses:
        yield Fault(f"{path}.addresses", "is empty, allowed: an address on at least one link")
    for item in node.addresses:
        place = f"{path}.addresses.{item.link}"
        if item.link not in links:
            yield Fault(place, f"names a link that is not there, allowed: {_list(links)}")
        if not item.host or len(item.host) > 255 or any(c.isspace() for c in item.host):
            yield Fault(place, f"host {item.host!r}, allowed: an address or a name")
        if not 0 <= item.port <= PORT_MAX:
            yield Fault(place, f"port {item.port}, allowed: 1 to {PORT_MAX}")
    if node.witness and not node.voter:
        yield Fault(f"{path}.witness", "is true, but it does not vote; allowed: one of the two")


# --- resources -----------------------------------------------------------------------------


def _resources(configuration: Configuration) -> Iterable[Fault]:
    primitives, groups = configuration.primitives, configuration.groups
    ids = [*(item.id for item in primitives), *(group.id for group in groups)]
    yield from _repeated("resources", ids)
    if len(ids) > RESOURCES_MAX:
        yield Fault("resources", f"{len(ids)} resources, allowed: {RESOURCES_MAX} at most")
    for item in ids:
        if not _ID.fullmatch(item):
            yield Fault(f"resources.{item}", f"name {item!r}, allowed: {_ID_ALLOWED}")
    for primitive in primitives:
        yield from _primitive(primitive)
    names = [item.id for item in primitives]
    owners: dict[str, str] = {}
    for group in groups:
        path = f"resources.{group.id}.group"
        if not group.members:
            yield Fault(path, "is empty, allowed: at least one primitive")
        for member in group.members:
            if member not in names:
                kind = "is a group" if member in ids else "is not configured"
                yield Fault(path, f"{member!r} {kind}, allowed: {_list(names)}")
            elif owners.setdefault(member, group.id) != group.id:
                yield Fault(path, f"{member!r} is a member of {owners[member]} already")
        yield from _repeated(path, group.members)


def _primitive(primitive: Primitive) -> Iterable[Fault]:
    path = f"resources.{primitive.id}"
    ref = primitive.agent
    if ref.agent_class is AgentClass.OCF and not (ref.provider and ref.type):
        yield Fault(f"{path}.agent", f"is '{ref}', allowed: ocf:PROVIDER:TYPE")
    elif ref.agent_class in (AgentClass.PROCESS, AgentClass.ADDRESS):
        if ref.type or ref.provider:
            yield Fault(f"{path}.agent", f"is '{ref}', allowed: '{ref.agent_class}' alone")
        yield from _parameters(primitive, path)
    elif ref.agent_class is not AgentClass.OCF and not ref.type:
        yield Fault(f"{path}.agent", f"is '{ref}', allowed: {ref.agent_class}:NAME")
    yield from _repeated(f"{path}.parameters", (name for name, _ in primitive.parameters))
    if (primitive.meta.stickiness or 0) > INFINITY:
        yield Fault(f"{path}.stickiness", f"is {primitive.meta.stickiness}, allowed: {INFINITY}")
    intervals = Counter(o.interval_ms for o in primitive.operations if o.action == "monitor")
    for interval_ms, count in sorted(intervals.items()):
        if count > 1:
            text = f"{count} monitors have an interval of {interval_ms} ms, allowed: one"
            yield Fault(f"{path}.operations.monitor", text)
    for operation in primitive.operations:
        yield from _operation(operation, f"{path}.operations.{operation.action}")


def _parameters(primitive: Primitive, path: str) -> Iterable[Fault]:
    """Let the built-in agents judge their own parameters."""
    parse = {AgentClass.PROCESS: process.parse, AgentClass.ADDRESS: address.parse}
    try:
        parse[primitive.agent.agent_class](primitive)
    except ConfigError as error:
        for fault in error.faults:
            text = fault.removeprefix(f"resource '{primitive.id}': ")
            yield Fault(f"{path}.parameters", text)


def _operation(operation: Operation, path: str) -> Iterable[Fault]:
    if operation.action not in _ACTIONS:
        yield Fault(path, f"is unknown, allowed: {', '.join(_ACTIONS)}")
    yield from _time(f"{path}.timeout", operation.timeout_ms, TIMEOUT_MS_MIN)
    if operation.interval_ms and operation.action != "monitor":
        yield Fault(f"{path}.interval", f"is {operation.interval_ms} ms, allowed: monitors only")
    elif operation.interval_ms:
        yield from _time(f"{path}.interval", operation.interval_ms, INTERVAL_MS_MIN)
    if operation.action == "stop" and operation.on_fail in ("stop", "standby"):
        allowed = "restart, ignore, block"
        yield Fault(f"{path}.on_fail", f"is {operation.on_fail}, allowed for stop: {allowed}")


def _time(path: str, value_ms: int, least_ms: int) -> Iterable[Fault]:
    if not least_ms <= value_ms <= TIME_MS_MAX:
        yield Fault(path, f"is {value_ms} ms, allowed: {least_ms} to {TIME_MS_MAX} ms")


# --- constraints and devices ---------------------------------------------------------------


def _constraints(configuration: Configuration) -> Iterable[Fault]:
    everything: tuple[Location | Colocation | Ordering, ...] = (
        *configuration.locations,
        *configuration.colocations,
        *configuration.orderings,
    )
    yield from _repeated("constraints", (item.id for item in everything))
    if len(everything) > CONSTRAINTS_MAX:
        text = f"{len(everything)} constraints, allowed: {CONSTRAINTS_MAX} at most"
        yield Fault("constraints", text)
    ids: list[str] = [
        *(item.id for item in configuration.primitives),
        *(group.id for group in configuration.groups),
    ]
    for item in everything:
        if not _ID.fullmatch(item.id) or len(item.id) > 128:
            yield Fault(f"constraints.{item.id}", f"name {item.id!r}, allowed: {_ID_ALLOWED}")
    yield from _location_faults(configuration, ids)
    pairs = [(c.id, c.resource, c.with_resource) for c in configuration.colocations]
    pairs += [(o.id, o.first, o.then) for o in configuration.orderings]
    for name, left, right in pairs:
        path = f"constraints.{name}"
        for end in (left, right):
            if end not in ids:
                yield Fault(path, f"names resource {end!r}, allowed: {_list(ids)}")
        if left == right:
            yield Fault(path, f"relates {left!r} to itself, allowed: two resources")
    for colocation in configuration.colocations:
        if abs(colocation.score) > INFINITY:
            yield Fault(f"constraints.{colocation.id}.score", f"is {colocation.score}")
    yield from _cycle(configuration)


def _location_faults(configuration: Configuration, ids: list[str]) -> Iterable[Fault]:
    hosts = [node.name for node in configuration.nodes if not node.witness]
    for item in configuration.locations:
        path = f"constraints.{item.id}"
        if item.resource not in ids:
            yield Fault(path, f"names resource {item.resource!r}, allowed: {_list(ids)}")
        if item.node not in hosts:
            kind = "a witness" if configuration.node(item.node) else "not configured"
            yield Fault(
                f"{path}.node", f"is {item.node!r}, which is {kind}; allowed: {_list(hosts)}"
            )
        if abs(item.score) > INFINITY:
            yield Fault(f"{path}.score", f"is {item.score}, allowed: within -INFINITY and INFINITY")


def _cycle(configuration: Configuration) -> Iterable[Fault]:
    """Name one resource that is ordered, through others, after itself."""
    after: dict[str, set[str]] = {}
    for group in configuration.groups:
        for before, then in zip(group.members, group.members[1:], strict=False):
            after.setdefault(before, set()).add(then)
    for item in configuration.orderings:
        first, then_group = configuration.group(item.first), configuration.group(item.then)
        last = first.members[-1] if first and first.members else item.first
        head = then_group.members[0] if then_group and then_group.members else item.then
        after.setdefault(last, set()).add(head)
    left = {name: set(thens) for name, thens in after.items()}
    names = set(left) | {then for thens in left.values() for then in thens}
    while True:
        free = {name for name in names if not (left.get(name, set()) & names)}
        if not free:
            break
        names -= free
    if names:
        text = f"orderings go round in a circle: {_list(sorted(names))}"
        yield Fault("constraints", f"{text}; allowed: orderings with a beginning")


def _devices(configuration: Configuration) -> Iterable[Fault]:
    yield from _repeated("fence_devices", (item.id for item in configuration.fence_devices))
    names = [node.name for node in configuration.nodes]
    for device in configuration.fence_devices:
        path = f"fence_devices.{device.id}"
        if not device.agent:
            yield Fault(f"{path}.agent", "is empty, allowed: the name of a fence agent")
        for target in device.targets:
            if target not in names:
                yield Fault(f"{path}.targets", f"names node {target!r}, allowed: {_list(names)}")


def _repeated(path: str, names: Iterable[str]) -> Iterable[Fault]:
    for name, count in Counter(names).items():
        if count > 1:
            yield Fault(path, f"{name!r} stands there {count} times, allowed: once")


def _list(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:20]) + (", …" if len(found) > 20 else "") if found else "none yet"
