"""A configuration made fit for a lab: its nodes and services move to addresses of the lab's own.

Owns: what is moved and what stays. Values in, values out; which addresses are
free is `places`'s. Three things move, so that a trial touches nothing else on
the machine, and several labs do not touch each other: where nodes listen, the
addresses of resources of class `address` (and the same text wherever it stands
in other parameters and descriptions), and paths below /srv.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ha_core.agents import address as address_agent
from ha_core.config.check import check
from ha_core.config.limits import VOTERS_MAX
from ha_core.config.model import (
    Address,
    AgentClass,
    Configuration,
    Link,
    Location,
    Medium,
    Node,
    Primitive,
    Rule,
)
from ha_core.config.words import without_node
from ha_core.errors import ConfigError, RefusedError
from ha_core.ids import LinkName, NodeName
from ha_core.lab.state import Moved

NODES_MAX: Final = 60
NODES_DEFAULT: Final = 3
SERVICES_MAX: Final = 50
LINKS_DEFAULT: Final = ("ring0", "ring1")
_SEATED: Final = ("interface", "label", "prefix")
"""Parameters of an address that name things of the real machine."""
_SRV: Final = re.compile(r"(?<![\w./-])/srv(?![\w.-])")


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration for the lab, what has moved, and what was left out, in sentences."""

    configuration: Configuration
    moved: tuple[Moved, ...]
    notes: tuple[str, ...]


def with_nodes(wanted: Configuration, count: int | None) -> tuple[Configuration, tuple[str, ...]]:
    """Return it with that many nodes and at least one link; None keeps those that it has.

    Nodes are left out from the end, or added as n1, n2 and so on; beyond seven they have no
    vote. What was left out is said in sentences.
    """
    nodes = list(wanted.nodes)
    count = count if count is not None else len(nodes) or NODES_DEFAULT
    if not 1 <= count <= NODES_MAX:
        raise ConfigError(f"{count} nodes, a lab has 1 to {NODES_MAX}")
    names = {str(node.name) for node in nodes}
    fresh = (f"n{number}" for number in range(1, 2 * NODES_MAX))
    while len(nodes) < count:
        name = next(name for name in fresh if name not in names)
        votes = sum(node.voter for node in nodes) < VOTERS_MAX
        nodes.append(Node(NodeName(name), (), voter=votes))
    kept = tuple(nodes[:count])
    here = {node.name for node in kept}
    away = [node.name for node in nodes if node.name not in here]
    placing: tuple[Location | Rule, ...] = (*wanted.locations, *wanted.rules)
    notes = tuple(
        f"{item.source or f'constraint {item.id}'} is left out: the lab has no node {name}"
        for name in away
        for item in placing
        if _names(item, name)
    )
    placed = wanted
    for name in away:
        try:
            placed = without_node(placed, name)
        except RefusedError as error:
            raise ConfigError(f"the lab has no node {name}, and {error}") from None
    links = tuple(Link(link.name, link.port) for link in wanted.links) or tuple(
        Link(LinkName(name)) for name in LINKS_DEFAULT
    )
    notes += tuple(
        f"link {link.name} is a udp link in the lab, not {link.medium}"
        for link in wanted.links
        if link.medium is not Medium.UDP
    )
    return replace(placed, nodes=kept, links=links), notes


def _names(item: Location | Rule, node: NodeName) -> bool:
    """Return whether a location, or a word for rules, names the node."""
    if isinstance(item, Location):
        return item.node == node
    return bool(item.source) and node in item.value.split()


def services(configuration: Configuration) -> tuple[tuple[str, str], ...]:
    """Return id and IPv4 address of every service address, each address once.

    Raises: ConfigError: there are more of them than a lab has addresses.
    """
    found: dict[str, str] = {}
    for primitive in configuration.primitives:
        if primitive.agent.agent_class is AgentClass.ADDRESS:
            text = str(address_agent.parse(primitive).address)
            if ip_address(text).version == 4:
                found.setdefault(text, primitive.id)
    if len(found) > SERVICES_MAX:
        raise ConfigError(f"{len(found)} service addresses, a lab has {SERVICES_MAX}")
    return tuple((resource, text) for text, resource in found.items())


def moved(
    configuration: Configuration,
    places: Mapping[str, tuple[Address, ...]],
    addresses: tuple[Moved, ...],
    shared: Path,
) -> Configuration:
    """Return the configuration with nodes, services and /srv where the lab has them.

    Raises: ConfigError: the result is not a valid configuration, with every fault.
    """
    nodes = tuple(replace(node, addresses=tuple(places[node.name])) for node in configuration.nodes)
    substitutes = [(_whole(item.given), item.address) for item in addresses]
    substitutes.append((_SRV, str(shared).replace("\\", r"\\")))
    primitives = tuple(_moved(item, substitutes) for item in configuration.primitives)
    result = replace(configuration, nodes=nodes, primitives=primitives)
    faults = [str(fault) for fault in check(result)]
    if faults:
        raise ConfigError(faults)
    return result


def _moved(item: Primitive, substitutes: list[tuple[re.Pattern[str], str]]) -> Primitive:
    parameters = item.parameters
    if item.agent.agent_class is AgentClass.ADDRESS:
        given = str(address_agent.parse(item).address)
        if ip_address(given).version == 4:
            parameters = tuple(
                (name, given if name == "address" else value)
                for name, value in parameters
                if name not in _SEATED
            )
    parameters = tuple((name, _replaced(value, substitutes)) for name, value in parameters)
    return replace(
        item, parameters=parameters, description=_replaced(item.description, substitutes)
    )


def _whole(address: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\d.]){re.escape(address)}(?![\d]|\.\d)")


def _replaced(text: str, substitutes: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, substitute in substitutes:
        text = pattern.sub(substitute, text)
    return text
