"""What Heartbeat's files say, as a configuration: networks, nodes, resources, preferences.

Owns: names, and the values that stand in for what the files do not say; each
of these has a note. Nothing here fails but for want of a node: what has no
meaning is left out with a note, so that one odd line does not keep the rest.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ha_core.agents.registry import guard_of
from ha_core.config import limits, words
from ha_core.config.check import is_host
from ha_core.config.faults import printable
from ha_core.config.heartbeat.ha_cf import HaCf, Network
from ha_core.config.heartbeat.haresources import Line, Script
from ha_core.config.heartbeat.lines import HA_CF, HARESOURCES, Word
from ha_core.config.heartbeat.reach import WEIGHT
from ha_core.config.heartbeat.scripts import Agent, agent
from ha_core.config.model import (
    Address,
    AgentClass,
    Configuration,
    Defaults,
    Exclusivity,
    Group,
    Link,
    Location,
    Medium,
    Meta,
    Node,
    Options,
    Primitive,
)
from ha_core.errors import ConfigError
from ha_core.ids import LinkName, Millis, NodeName, ResourceId

STAY: Final = 1_000
"""Stickiness that outweighs a wish for a node, and that 'ha resource move' outweighs."""
TIMEOUT_MS: Final[Millis] = 60_000
"""Heartbeat waited for ever; agents of databases and file systems may need a minute."""
_STEM_MAX: Final = 48
"""Leaves room for what is put behind it, within the 64 characters of a name."""


@dataclass(slots=True)
class Draft:
    """The configuration so far, what must be filled in, and the notes."""

    notes: list[str] = field(default_factory=list)
    fill_in: list[str] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _nodes: dict[str, NodeName] = field(default_factory=dict)

    def build(self, ha_cf: HaCf, lines: Iterable[Line], own: Collection[str]) -> Configuration:
        """Return the configuration. Raises ConfigError: there is no node in it."""
        lines = list(lines)
        self._name_nodes(ha_cf, lines)
        links = self._links(ha_cf)
        nodes, cables = self._cables(ha_cf, self._place_nodes(links), len(links))
        ping = ha_cf.pinged.ping()
        weight = WEIGHT if ping.targets and ha_cf.pinged.has_ipfail else None
        primitives, groups, locations = self._resources(lines, own)
        cluster = limits.ID.fullmatch(ha_cf.cluster)
        return Configuration(
            name=ha_cf.cluster if cluster else "heartbeat",
            options=Options() if ha_cf.dead_after_ms is None else Options(ha_cf.dead_after_ms),
            nodes=nodes,
            links=tuple(network.link(name) for name, network in links) + cables,
            ping=ping,
            primitives=primitives,
            groups=groups,
            locations=locations,
            defaults=Defaults(
                Meta(
                    stickiness=STAY if ha_cf.failback is False else 0,
                    prefers_connectivity=weight,
                ),
                TIMEOUT_MS,
            ),
        )

    # --- nodes and links -----------------------------------------------------------------

    def _name_nodes(self, ha_cf: HaCf, lines: list[Line]) -> None:
        given = ha_cf.nodes
        if not given:
            given = [line.node for line in lines]
            self.notes.append(f"{HA_CF}: names no node: those of {HARESOURCES} are taken")
        for word in given:
            wanted = word.text.lower()
            if wanted in self._nodes:
                continue
            name = re.sub("[^a-z0-9.-]", "-", wanted)[:64].strip(".-")
            if not name or name in self._nodes.values():
                self.notes.append(word.note(f"node '{word.text}' has no name for us: left out"))
                continue
            if name != wanted:
                allowed = limits.NODE_ALLOWED
                self.notes.append(
                    word.note(f"node '{word.text}' is called {name}; allowed: {allowed}")
                )
            self._nodes[wanted] = NodeName(name)
        if not self._nodes:
            raise ConfigError(f"{HA_CF} and {HARESOURCES} name no node; allowed: 'node NAME'")
        if len(self._nodes) > limits.NODES_MAX:
            text = f"{len(self._nodes)} nodes; allowed: {limits.NODES_MAX} at most"
            raise ConfigError(f"{HA_CF}: {text}")

    def _links(self, ha_cf: HaCf) -> list[tuple[LinkName, Network]]:
        found: list[tuple[LinkName, Network]] = []
        for interface, network in ha_cf.networks.items():
            if len(found) == limits.LINKS_MAX:
                text = f"network {interface} is left out; allowed: {limits.LINKS_MAX} links"
                self.notes.append(network.interface.note(text))
                continue
            name = _clean(interface)
            found.append((LinkName(_free(name, [link for link, _ in found])), network))
        if not found:
            self.notes.append(f"{HA_CF}: names no IP network: the nodes have one link, ring0")
            found.append((LinkName("ring0"), Network(Word("ring0", HA_CF, 1))))
        return found

    def _place_nodes(self, links: list[tuple[LinkName, Network]]) -> tuple[Node, ...]:
        places: dict[NodeName, list[Address]] = {name: [] for name in self._nodes.values()}
        used: set[tuple[str, int]] = set()
        for link, network in links:
            known, own_port = self._known_hosts(link, network), _port(network)
            for name in places:
                host = known.get(name, "")
                if not host or (host, own_port) in used:
                    # On several links the name would be the same socket several times.
                    host = str(name) if len(links) == 1 and is_host(name) else f"{name}-{link}"
                    host = _free(host, [place for place, port in used if port == own_port])
                    where = printable(network.interface.text)
                    self.fill_in.append(
                        f"nodes.{name}.addresses.{link}: {name}'s address on {where}, "
                        f"for which '{host}' stands here"
                    )
                used.add((host, own_port))
                places[name].append(Address(link, host))
        if len(places) > limits.VOTERS_MAX:
            most = limits.VOTERS_MAX
            self.notes.append(f"{HA_CF}: {len(places)} nodes, of which the first {most} vote")
        return tuple(
            Node(name, tuple(addresses), voter=number < limits.VOTERS_MAX)
            for number, (name, addresses) in enumerate(places.items())
        )

    def _cables(
        self, ha_cf: HaCf, nodes: tuple[Node, ...], links: int
    ) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
        """Return the nodes with their serial devices, and the links of these."""
        cables: list[Link] = []
        for device in ha_cf.serials:
            name = _clean(device.text.rpartition("/")[2])
            if len(nodes) != 2:
                text = f"{device.text} is left out: a serial link is a cable between two nodes"
                self.notes.append(device.note(f"{text}; write one for each pair"))
            elif not limits.DEVICE.fullmatch(device.text):
                text = f"'{device.text}' is no device: left out; allowed: {limits.DEVICE_ALLOWED}"
                self.notes.append(device.note(text))
            elif links + len(cables) == limits.LINKS_MAX:
                text = f"{device.text} is left out; allowed: {limits.LINKS_MAX} links"
                self.notes.append(device.note(text))
            elif any(a.host == device.text for a in nodes[0].addresses):
                continue
            else:
                taken = [a.link for a in nodes[0].addresses]
                link = Link(LinkName(_free(name, taken)), medium=Medium.SERIAL, speed=ha_cf.speed)
                cables.append(link)
                place = Address(link.name, device.text)
                nodes = tuple(replace(n, addresses=(*n.addresses, place)) for n in nodes)
        return nodes, tuple(cables)

    def _known_hosts(self, link: LinkName, network: Network) -> dict[NodeName, str]:
        """Return whose the peers' addresses are: by their names, else by the order of the lines."""
        peers = list(network.peers)
        found: dict[NodeName, str] = {}
        for name in self._nodes.values():
            mine = [peer for peer in peers if _names(peer.text.lower(), name)]
            if len(mine) == 1:
                found[name] = mine[0].text
                peers.remove(mine[0])
        rest = [name for name in self._nodes.values() if name not in found]
        if peers and len(peers) == len(rest):
            found |= {name: peer.text for name, peer in zip(rest, peers, strict=True)}
            pairs = ", ".join(f"{name} {found[name]}" for name in rest)
            text = f"which node has which address on {link} follows the order of the lines"
            self.notes.append(peers[0].note(f"{text}: {pairs}; exchange them if that is wrong"))
        elif peers:
            hosts = ", ".join(peer.text for peer in peers)
            text = f"{hosts} on {link} could be of more than one of the nodes: left out"
            self.notes.append(peers[0].note(text))
        return found

    # --- resources -----------------------------------------------------------------------

    def _resources(
        self, lines: list[Line], own: Collection[str]
    ) -> tuple[tuple[Primitive, ...], tuple[Group, ...], tuple[Location, ...]]:
        primitives: list[Primitive] = []
        groups: list[Group] = []
        locations: list[Location] = []
        seen: set[str] = set()
        for line in lines:
            members = [
                item
                for script in line.scripts
                if (item := self._primitive(script, own, seen)) is not None
            ]
            if not members:
                self.notes.append(line.node.note(f"the line of {line.node.text} has no resource"))
                continue
            primitives += members
            whole = members[0].id
            if len(members) > 1:
                whole = ResourceId(self._take(f"{_main(members)}-group"))
                groups.append(Group(whole, tuple(item.id for item in members)))
            node = self._nodes.get(line.node.text.lower())
            if node is None:
                text = f"{line.node.text} is no node of {HA_CF}: {whole} prefers no node"
                self.notes.append(line.node.note(text))
                continue
            wish = words.make(f"resources.{whole}.prefers", {"prefers": [(node, None)]})
            locations += [item for item in wish if isinstance(item, Location)]
        if len(primitives) + len(groups) > limits.RESOURCES_MAX:
            text = f"more than {limits.RESOURCES_MAX} resources; allowed: {limits.RESOURCES_MAX}"
            raise ConfigError(f"{HARESOURCES}: {text}")
        return tuple(primitives), tuple(groups), tuple(locations)

    def _primitive(self, script: Script, own: Collection[str], seen: set[str]) -> Primitive | None:
        word = script.word
        try:
            found = agent(script, own)
        except ConfigError as error:
            self.notes.append(word.note(f"resource '{word.text[:80]}' {error}: left out"))
            return None
        place = dict(found.parameters).get("address", "").partition("/")[0]
        if place and place in seen:
            text = f"address {place} is a resource already, and can be only one: left out"
            self.notes.append(word.note(text))
            return None
        seen.add(place)
        name = ResourceId(self._take(found.stem))
        if found.remark:
            self.notes.append(word.note(f"{name} ({found.ref}): {found.remark}"))
        return _as_primitive(name, found)

    def _take(self, stem: str) -> str:
        name = _free(_clean(stem), self._taken)
        self._taken.add(name)
        return name


def general_notes(ha_cf: HaCf, found: Configuration) -> Iterable[str]:
    """Yield what is different from Heartbeat and no single line's."""
    if ha_cf.dead_after_ms is None:
        yield f"{HA_CF}: has no valid deadtime: dead_after keeps its default of 1s"
    if ha_cf.failback is None and found.primitives:
        text = "resources return to the node that they prefer, as in Heartbeat"
        yield f"{HA_CF}: has no auto_failback: {text}"
    nodes = [node.name for node in found.nodes]
    if len(nodes) == 2:
        yield (
            "with two nodes and nothing else, resources stop when one node is lost, as it might "
            "be alive: add a third voter without resources ('witness: true', docs/configuration.md)"
        )
    unguarded = [str(item.id) for item in found.primitives if not guard_of(item).bounded]
    if unguarded:
        yield (
            f"nothing ends {', '.join(unguarded)} when their node is lost: a takeover then waits "
            "for 'ha node confirm-down', where Heartbeat took over without proof; "
            "class process has a guard, and see 'exclusivity' and 'accept_risk' in "
            "docs/configuration.md"
        )
    harmless = [
        str(item.id) for item in found.primitives if item.meta.exclusivity is Exclusivity.NONE
    ]
    if harmless:
        yield f"{', '.join(harmless)} may run twice without harm: written as 'exclusivity: none'"
    if found.primitives:
        yield (
            "Heartbeat set its scripts no time limit and watched nothing: here operations may "
            f"take {TIMEOUT_MS // 1000} s, and every resource is watched each 10 s"
        )
    yield (
        "before 'ha apply', the nodes must be members under these names: "
        f"'ha init --node {nodes[0]}' on the first, 'ha join TOKEN' on the others"
    )


def _port(network: Network) -> int:
    return network.port or Link(LinkName("")).port


def _as_primitive(name: ResourceId, found: Agent) -> Primitive:
    return Primitive(name, found.ref, found.parameters, meta=found.meta)


def _main(members: list[Primitive]) -> str:
    """Return the name of the member for whose sake the group is there: mostly the last one."""
    services = [
        item.id
        for item in members
        if item.agent.agent_class is not AgentClass.ADDRESS and item.meta == Meta()
    ]
    return (services or [item.id for item in members])[-1]


def _names(host: str, node: NodeName) -> bool:
    """Return whether the host's name is, or begins with, the node's."""
    return host == node or host.startswith((f"{node}.", f"{node}-"))


def _clean(name: str) -> str:
    found = re.sub("[^A-Za-z0-9_.-]", "-", name)[:_STEM_MAX].strip(".-")
    return found or "unnamed"


def _free(stem: str, taken: Collection[str]) -> str:
    """Return the stem, with a number behind it if it is taken."""
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
