"""What a configuration must satisfy beyond its shape: names that exist, values that fit together.

Owns: the list of all rules, whoever wrote the configuration (file, command,
console), and those for the cluster, its links and nodes.
Knows nothing of YAML, but names places by the keys of the file.
"""

from collections import Counter
from collections.abc import Iterable

from ha_core.config import limits
from ha_core.config.check_alerts import alert_faults
from ha_core.config.check_constraints import constraint_faults, ticket_faults
from ha_core.config.check_fence import fence_faults
from ha_core.config.check_network import (
    address_faults,
    is_host,
    link_faults,
    ping_faults,
)
from ha_core.config.check_quorum import quorum_faults
from ha_core.config.check_resources import (
    bad_meta,
    bad_parameters,
    bad_sizes,
    resource_faults,
)
from ha_core.config.faults import (
    Fault,
    bad_name,
    bad_time,
    listed,
    out_of_range,
    repeated,
    shown,
    too_many,
)
from ha_core.config.model import Address, Configuration, Link, Medium, Node
from ha_core.ids import INFINITY

__all__ = ["Fault", "check", "is_host"]


def check(configuration: Configuration) -> tuple[Fault, ...]:
    """Return every fault of the configuration, in its order; none means it can be applied."""
    return (
        *_options(configuration),
        *link_faults(configuration),
        *_nodes(configuration),
        *resource_faults(configuration),
        *constraint_faults(configuration),
        *ticket_faults(configuration),
        *quorum_faults(configuration),
        *fence_faults(configuration),
        *ping_faults(configuration),
        *alert_faults(configuration),
    )


def _options(configuration: Configuration) -> Iterable[Fault]:
    name = configuration.name
    yield from bad_name("cluster", name, bool(limits.ID.fullmatch(name)), limits.ID_ALLOWED)
    dead_after_ms = configuration.options.dead_after_ms
    yield from out_of_range("options.dead_after", dead_after_ms, *limits.DEAD_AFTER_MS, " ms")
    defaults, path = configuration.defaults, "defaults.operation"
    yield from bad_time(f"{path}.timeout", defaults.operation_timeout_ms, limits.TIMEOUT_MS_MIN)
    yield from bad_time(
        f"{path}.monitor_interval", defaults.monitor_interval_ms, limits.INTERVAL_MS_MIN
    )
    health = configuration.options.health
    for key in ("red", "yellow", "green", "base"):
        score = getattr(health, key)
        yield from out_of_range(f"options.health.{key}", score, -INFINITY, INFINITY)
    yield from bad_meta("defaults.resource", defaults.meta, is_primitive=False)


def _nodes(configuration: Configuration) -> Iterable[Fault]:
    nodes = configuration.nodes
    if not nodes:
        yield Fault("nodes", "is empty; allowed: at least one node")
    yield from repeated("nodes", (node.name.lower() for node in nodes))
    yield from too_many("nodes", len(nodes), limits.NODES_MAX, "nodes")
    voters = len(configuration.voters())
    if nodes and not voters:
        yield Fault("nodes", "no node votes; allowed: at least one node without 'voter: false'")
    if voters > limits.VOTERS_MAX:
        cure = "give further nodes 'voter: false'"
        most = limits.VOTERS_MAX
        yield Fault("nodes", f"{voters} nodes vote; allowed: {most} at most ({cure})")
    for node in nodes:
        yield from _node(configuration, node)
    yield from _shared_addresses(configuration)


def _node(configuration: Configuration, node: Node) -> Iterable[Fault]:
    path = f"nodes.{node.name}"
    is_good = bool(limits.NODE.fullmatch(node.name))
    yield from bad_name(path, node.name, is_good, limits.NODE_ALLOWED)
    links = {link.name: link for link in configuration.links}
    yield from repeated(f"{path}.addresses", (item.link for item in node.addresses))
    if not node.addresses:
        yield Fault(f"{path}.addresses", "is empty; allowed: an address on at least one link")
    for item in node.addresses:
        place = f"{path}.addresses.{item.link}"
        if item.link not in links:
            text = f"names the link {shown(item.link)}, which does not exist"
            yield Fault(place, f"{text}; allowed: {listed(links)}")
        yield from address_faults(links.get(item.link, Link(item.link)), item, place)
    media = {links[item.link].medium for item in node.addresses if item.link in links}
    if media == {Medium.SERIAL}:
        text = "has serial links alone, over which nothing large can go"
        yield Fault(f"{path}.addresses", f"{text}; allowed: with an address on another link, too")
    if node.standby_until_wall_ms is not None:
        moment, place = node.standby_until_wall_ms, f"{path}.standby_until"
        yield from out_of_range(place, moment, 0, limits.MOMENT_MS_MAX, " ms")
        if not node.standby:
            yield Fault(place, "ends no standby; allowed: with 'standby: true' alone")
    if node.witness and not node.voter:
        yield Fault(f"{path}.witness", "is true, but the node does not vote; allowed: one of both")
    rules = (limits.NODE_ATTRIBUTE, limits.NODE_ATTRIBUTE_ALLOWED)
    yield from bad_parameters(f"{path}.attributes", node.attributes, *rules)
    yield from bad_sizes(f"{path}.capacity", node.capacity)


def _shared_addresses(configuration: Configuration) -> Iterable[Fault]:
    """Yield a fault where two sockets would have to listen at the same place."""
    ports = {link.name: link.port for link in configuration.links}

    def place(item: Address) -> str:
        return f"{item.host}:{item.port or ports.get(item.link, 0)}"

    everywhere = [
        (place(item), f"nodes.{node.name}.addresses.{item.link}")
        for node in configuration.nodes
        for item in node.addresses
        if not item.host.startswith("/")
    ]
    counts = Counter(where for where, _ in everywhere)
    first: dict[str, str] = {}
    for where, path in everywhere:
        if counts[where] > 1 and first.setdefault(where, path) != path:
            text = f"is {where}, as is {first[where]}"
            yield Fault(path, f"{text}; allowed: an address and port of its own")
