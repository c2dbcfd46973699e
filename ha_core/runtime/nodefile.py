"""The node's own file: its name, and where it and its first peers listen until a configuration
says so.

Owns: `etc/node.yaml`. Written by `ha init` and `ha join`, read by the daemon.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from ha_core.config.kinds import show_place
from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.errors import ConfigError
from ha_core.ids import Generation, LinkName, NodeName

FILE_BYTES_MAX = 65_536
PORT_MAX = 65_535
PORT_DIGITS_MAX = 5
TIMEOUT_S_DEFAULT = 10
TIMEOUT_S_MAX = 3600
TIMEOUT_DIGITS_MAX = 4
START_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class WatchdogPlace:
    """Which device resets this machine, and how soon unless it is fed."""

    device: str
    timeout_s: int = TIMEOUT_S_DEFAULT


@dataclass(frozen=True, slots=True)
class NodeFile:
    """`seeds` holds only what is needed to hear the coordinator for the first time."""

    name: NodeName
    seeds: Configuration
    watchdog: WatchdogPlace | None = None
    after_start: Generation = 0
    """A new disk begins with a later start than that: the name had it before."""


def render_node_file(
    name: NodeName, configuration: Configuration, after_start: Generation = 0
) -> str:
    """Return the file's text for a node of that configuration."""
    listening = {
        str(node.name): {str(item.link): _place(item, configuration) for item in node.addresses}
        for node in configuration.nodes
    }
    past = {"after_start": after_start} if after_start else {}
    text = yaml.safe_dump({"name": str(name), "nodes": listening, **past}, sort_keys=False)
    return f"# This node's name, and where nodes listen until the cluster says so.\n{text}"


def read_node_file(path: Path) -> NodeFile:
    """Read the file. Raises ConfigError with every fault: file, line, value, what is allowed."""
    try:
        raw = path.read_bytes()
    except OSError as fault:
        cure = "make a cluster with 'ha init', or join one with 'ha join'"
        raise ConfigError(f"{path} cannot be read ({fault.strerror}): {cure}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: {len(raw)} bytes, at most {FILE_BYTES_MAX}")
    try:
        root = yaml.compose(raw, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {fault.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as fault:
        raise ConfigError(f"{path}: not YAML: {str(fault).splitlines()[0]}") from None
    return _Reader(path).file(root)


def parse_place(link: str, place: str, where: str) -> Address:
    """Read `host`, `host:port` or `[v6]:port`. Raises ConfigError naming `where`."""
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":") if rest else None
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, None
    if not host:
        raise ConfigError(f"{where}: '{place}' has no host, expected host or host:port")
    if port is None:
        return Address(LinkName(link), host, 0)
    if not port.isdecimal() or len(port) > PORT_DIGITS_MAX or not 1 <= int(port) <= PORT_MAX:
        raise ConfigError(f"{where}: '{place:.300}' has port '{port:.20}', expected 1..{PORT_MAX}")
    return Address(LinkName(link), host, int(port))


class _Reader:
    """Turns a YAML tree into values and gathers what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faults: list[str] = []

    def file(self, root: yaml.Node | None) -> NodeFile:
        """Return the file's values, or raise all its faults."""
        found = self._mapping(root, "the file")
        for key in sorted(set(found) - {"name", "nodes", "watchdog", "after_start"}):
            self._fault(found[key], f"'{key}' is not known, expected 'name', 'nodes', 'watchdog'")
        after_start = self._start(found["after_start"]) if "after_start" in found else 0
        name = self._text(found["name"], "name") if "name" in found else ""
        if "name" not in found and not self._faults:
            self._fault(root, "'name' is missing, expected the name of this node")
        listening = self._mapping(found["nodes"], "'nodes'") if "nodes" in found else {}
        nodes = tuple(self._node(node, places) for node, places in listening.items())
        watchdog = self._watchdog(found["watchdog"]) if "watchdog" in found else None
        if self._faults:
            raise ConfigError(self._faults)
        links = sorted({item.link for node in nodes for item in node.addresses})
        seeds = Configuration(nodes=nodes, links=tuple(Link(link) for link in links))
        return NodeFile(NodeName(name), seeds, watchdog, after_start)

    def _start(self, node: yaml.Node) -> Generation:
        text = self._text(node, "'after_start'")
        if text and not (text.isdecimal() and len(text) <= START_DIGITS_MAX):
            self._fault(node, f"'after_start' is '{text:.20}', expected a whole number")
            return 0
        return int(text or 0)

    def _watchdog(self, node: yaml.Node) -> WatchdogPlace:
        found = self._mapping(node, "'watchdog'")
        for key in sorted(set(found) - {"device", "timeout"}):
            self._fault(found[key], f"'watchdog.{key}' is not known, expected 'device', 'timeout'")
        device, timeout_s = "", TIMEOUT_S_DEFAULT
        if "device" in found:
            device = self._text(found["device"], "'watchdog.device'")
        elif isinstance(node, yaml.MappingNode):
            self._fault(node, "'watchdog.device' is missing, expected a path as /dev/watchdog")
        if device and not device.startswith("/"):
            text = f"'watchdog.device' is '{device}', expected a path as /dev/watchdog"
            self._fault(found["device"], text)
        if "timeout" in found:
            text = self._text(found["timeout"], "'watchdog.timeout'")
            digits = text.removesuffix("s")
            is_number = digits.isdecimal() and len(digits) <= TIMEOUT_DIGITS_MAX
            if text and not (is_number and 1 <= int(digits) <= TIMEOUT_S_MAX):
                allowed = f"expected whole seconds, 1s..{TIMEOUT_S_MAX}s"
                self._fault(found["timeout"], f"'watchdog.timeout' is '{text:.20}', {allowed}")
            elif text:
                timeout_s = int(digits)
        return WatchdogPlace(device, timeout_s)

    def _node(self, name: str, places: yaml.Node) -> Node:
        addresses = []
        for link, place in self._mapping(places, f"nodes.{name}").items():
            where = f"nodes.{name}.{link}"
            text = self._text(place, where)
            try:
                addresses.append(parse_place(link, text, self._where(place, where)))
            except ConfigError as fault:
                if text:
                    self._faults.extend(fault.faults)
        return Node(NodeName(name), tuple(addresses))

    def _mapping(self, node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, f"{what} is not a mapping of names to values")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key, f"a name in {what}")
            if name in found:
                self._fault(key, f"'{name}' stands twice in {what}")
            found[name] = value
        return found

    def _text(self, node: yaml.Node, what: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.value:
            return str(node.value)
        self._fault(node, f"{what} is empty or a list, expected one word")
        return ""

    def _fault(self, node: yaml.Node | None, text: str) -> None:
        self._faults.append(self._where(node, text))

    def _where(self, node: yaml.Node | None, text: str) -> str:
        line = node.start_mark.line + 1 if node is not None else 1
        return f"{self._path}:{line}: {text}"


def _place(address: Address, configuration: Configuration) -> str:
    ports = {link.name: link.port for link in configuration.links}
    return show_place(address.host, address.port or ports.get(address.link, 6940))
