"""The node's own file: its name, and where it and its first peers listen until a configuration
says so.

Owns: `etc/node.yaml`. Written by `ha init` and `ha join`, read by the daemon.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.errors import ConfigError
from ha_core.ids import LinkName, NodeName

FILE_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class NodeFile:
    """`seeds` holds only what is needed to hear the coordinator for the first time."""

    name: NodeName
    seeds: Configuration


def render_node_file(name: NodeName, configuration: Configuration) -> str:
    """Return the file's text for a node of that configuration."""
    listening = {
        str(node.name): {str(item.link): _place(item, configuration) for item in node.addresses}
        for node in configuration.nodes
    }
    text = yaml.safe_dump({"name": str(name), "nodes": listening}, sort_keys=False)
    return f"# This node's name, and where nodes listen until the cluster says so.\n{text}"


def read_node_file(path: Path) -> NodeFile:
    """Read the file. Raises ConfigError that names the file, the value and what is allowed."""
    try:
        text = path.read_text()
    except OSError as fault:
        cure = "make a cluster with 'ha init', or join one with 'ha join'"
        raise ConfigError(f"{path} cannot be read ({fault.strerror}): {cure}") from None
    if len(text) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: {len(text)} characters, at most {FILE_BYTES_MAX}")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ConfigError(f"{path}: not YAML: {str(fault).splitlines()[0]}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        raise ConfigError(f"{path}: 'name' is missing, expected the name of this node")
    listening = raw.get("nodes", {})
    if not isinstance(listening, dict):
        raise ConfigError(f"{path}: 'nodes' is not a mapping of node to addresses")
    nodes = tuple(_node(path, name, places) for name, places in listening.items())
    links = sorted({item.link for node in nodes for item in node.addresses})
    seeds = Configuration(nodes=nodes, links=tuple(Link(link) for link in links))
    return NodeFile(NodeName(raw["name"]), seeds)


def parse_place(link: str, place: str, where: str) -> Address:
    """Read `host`, `host:port` or `[v6]:port`. Raises ConfigError naming `where`."""
    host, _, port = place.rpartition(":")
    if not host or (":" in host and not host.startswith("[")):
        host, port = place, "0"
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{where}: '{place}' has port '{port}', expected 1..65535")
    return Address(LinkName(link), host.strip("[]"), int(port))


def _node(path: Path, name: object, places: object) -> Node:
    if not isinstance(name, str) or not isinstance(places, dict):
        raise ConfigError(f"{path}: nodes.{name}: expected a mapping of link to host:port")
    addresses = tuple(
        parse_place(str(link), str(place), f"{path}: nodes.{name}.{link}")
        for link, place in places.items()
    )
    return Node(NodeName(name), addresses)


def _place(address: Address, configuration: Configuration) -> str:
    ports = {link.name: link.port for link in configuration.links}
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port or ports.get(address.link, 6940)}"
