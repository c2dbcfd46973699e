"""`ha.cf`, read: nodes, networks, dead time, failback; and a note for everything else.

Owns: what each directive means here. Source: Heartbeat 3, `doc/ha.cf`.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from ha_core.config import limits
from ha_core.config.check import is_host
from ha_core.config.check_network import is_multicast
from ha_core.config.heartbeat.directives import IPFAIL, WITHOUT_COUNTERPART
from ha_core.config.heartbeat.lines import HA_CF, Word, Words, lines, shown
from ha_core.config.heartbeat.reach import PingNodes
from ha_core.config.model import Link, Medium
from ha_core.ids import LinkName, Millis

_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(ms|msec|us|usec)?")
_PER_MS: Final = {"ms": 1.0, "msec": 1.0, "us": 0.001, "usec": 0.001}
_TRUE: Final = ("true", "on", "yes", "y", "1")
_FALSE: Final = ("false", "off", "no", "n", "0")
_STONITH_WORDS: Final = 3
SPEED_DEFAULT: Final = 19_200
"""Source: Heartbeat 3, `heartbeat/config.c`."""
_CHILDREN: Final = ("respawn", "failfast")
_UNICAST: Final = ("ucast", "ucast6")
_REACH: Final = ("serial", "baud", "ping", "ping6", "ping_group", "deadping")
_MULTICAST: Final = ("mcast", "mcast6")


@dataclass(slots=True)
class Network:
    """A network by its interface: port 0 is the default; `peers` are addresses on it."""

    interface: Word
    port: int = 0
    peers: list[Word] = field(default_factory=list)
    medium: Medium = Medium.UDP
    group: str = ""
    ttl: int = 1

    def link(self, name: LinkName) -> Link:
        """Return the link that it becomes."""
        port = self.port or Link(name).port
        if self.medium is Medium.UDP:
            return Link(name, port)
        return Link(name, port, self.medium, self.interface.text, self.group, self.ttl)


@dataclass(slots=True)
class HaCf:
    """What the file says. None and empty: it does not say."""

    cluster: str = ""
    nodes: list[Word] = field(default_factory=list)
    networks: dict[str, Network] = field(default_factory=dict)
    dead_after_ms: Millis | None = None
    failback: bool | None = None
    has_crm: bool = False
    serials: list[Word] = field(default_factory=list)
    speed: int = SPEED_DEFAULT
    pinged: PingNodes = field(default_factory=PingNodes)
    notes: list[str] = field(default_factory=list)
    _port: int = 0

    @classmethod
    def read(cls, text: str) -> "HaCf":
        """Return what the text of the file says."""
        found = cls()
        for words in lines(text, HA_CF):
            # What stands behind host and type are the device's parameters: its password, too.
            is_secret = words[0].text == "stonith_host" and len(words) > _STONITH_WORDS
            line = f"{shown(words[:_STONITH_WORDS])} ..." if is_secret else shown(words)
            found._take(words[0], words[1:], line)
        found.notes += found.pinged.notes
        return found

    def _take(self, name: Word, values: Words, line: str) -> None:
        if name.text in WITHOUT_COUNTERPART:
            programs = [word.text.rpartition("/")[2] for word in values[1:2]]
            if name.text in _CHILDREN and programs == ["ipfail"]:
                self.pinged.has_ipfail = True
                self.notes.append(name.note(f"'{line}': {IPFAIL}"))
                return
            reason = WITHOUT_COUNTERPART[name.text]
            self.notes.append(name.note(f"'{line}' has no counterpart: {reason}"))
            return
        # Ordinary directives take commas for blanks, and run once for each value.
        plain = tuple(
            Word(text, word.file, word.line) for word in values for text in _parts(word.text)
        )
        match name.text:
            case "node":
                self.nodes += plain
            case "cluster":
                self.cluster = plain[-1].text if plain else ""
            case "deadtime":
                self._dead_time(name, plain, line)
            case "udpport":
                self._udp_port(name, plain, line)
            case "bcast" | "udp":
                for word in plain:
                    self._broadcast(word)
            case _ if name.text in _REACH:
                self._reach(name, plain, values, line)
            case _ if name.text in _UNICAST and len(values) == 2:
                self._unicast(values)
            case _ if name.text in _MULTICAST and len(values) >= 3:
                self._multicast(name, values, line)
            case "auto_failback" | "nice_failback":
                self._failback(name, plain, line)
            case "crm" | "pacemaker":
                self.has_crm = not plain or plain[0].text.lower() not in _FALSE
            case _:
                text = "is no directive of Heartbeat that is known here: left out"
                if name.text in (*_UNICAST, *_MULTICAST):
                    text = "has another number of words than this directive takes: left out"
                self.notes.append(name.note(f"'{line}' {text}"))

    def _dead_time(self, name: Word, values: Words, line: str) -> None:
        value_ms = _time_ms(values[-1].text) if values else None
        if value_ms is None:
            self.notes.append(name.note(f"'{line}' is no time: dead_after keeps its default"))
            return
        least_ms, most_ms = limits.DEAD_AFTER_MS
        self.dead_after_ms = min(max(value_ms, least_ms), most_ms)
        if self.dead_after_ms != value_ms:
            text = f"'{line}' is out of range: dead_after is {self.dead_after_ms} ms"
            self.notes.append(name.note(f"{text}; allowed: {least_ms} to {most_ms} ms"))

    def _udp_port(self, name: Word, values: Words, line: str) -> None:
        port = values[-1].text if values else ""
        if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= limits.PORT_MAX:
            self.notes.append(name.note(f"'{line}' is no port: links keep the default"))
            return
        self._port = int(port)
        text = f"'{line}': the links use UDP and TCP port {port}; open both between the nodes"
        self.notes.append(name.note(text))

    def _network(self, interface: Word) -> Network:
        # Directives take effect in order: the port must stand before the medium.
        return self.networks.setdefault(interface.text, Network(interface, self._port))

    def _broadcast(self, interface: Word) -> None:
        network = self._network(interface)
        if limits.INTERFACE.fullmatch(interface.text) and network.medium is Medium.UDP:
            network.medium = Medium.BROADCAST
            network.group = limits.BROADCAST_EVERYWHERE

    def _reach(self, name: Word, plain: Words, values: Words, line: str) -> None:
        match name.text:
            case "serial":
                self.serials += plain
            case "baud":
                self._baud(name, plain, line)
            case "deadping":
                self._dead_ping(name, plain, line)
            case "ping_group":
                self.pinged.group(name, values)
            case _:
                self.pinged.hosts(name, plain)

    def _baud(self, name: Word, values: Words, line: str) -> None:
        text = values[-1].text if values else ""
        if text not in map(str, limits.SPEEDS):
            self.notes.append(name.note(f"'{line}' is no speed: serial links have {self.speed}"))
            return
        self.speed = int(text)

    def _dead_ping(self, name: Word, values: Words, line: str) -> None:
        value_ms = _time_ms(values[-1].text) if values else None
        if value_ms is None:
            self.notes.append(name.note(f"'{line}' is no time: ping.timeout keeps its default"))
            return
        self.pinged.timeout_ms = value_ms

    def _unicast(self, values: Words) -> None:
        network, peer = self._network(values[0]), values[1]
        if not is_host(peer.text):
            self.notes.append(peer.note(f"'{peer.text}' is no address: left out"))
        elif peer.text not in [word.text for word in network.peers]:
            network.peers.append(peer)

    def _multicast(self, name: Word, values: Words, line: str) -> None:
        network, group, port = self._network(values[0]), values[1].text, values[2].text
        if re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= limits.PORT_MAX:
            network.port = int(port)
        has_interface = bool(limits.INTERFACE.fullmatch(values[0].text))
        if not has_interface or not is_multicast(group):
            text = f"'{line}': {group[:60]} on {values[0].text[:60]} is no multicast group"
            self.notes.append(name.note(f"{text}: messages go to each node's address"))
            return
        network.medium, network.group = Medium.MULTICAST, group
        ttl = values[3].text if len(values) > 3 else ""
        if re.fullmatch("[0-9]{1,3}", ttl):
            network.ttl = min(max(int(ttl), 1), limits.TTL_MAX)

    def _failback(self, name: Word, values: Words, line: str) -> None:
        word = values[-1].text.lower() if values else ""
        if word not in (*_TRUE, *_FALSE, "legacy"):
            text = f"'{line}' is neither on, off nor legacy: taken as legacy, which is on"
            self.notes.append(name.note(text))
        is_off = word in _FALSE
        # The older directive says the opposite: be nice, and do not fail back.
        self.failback = (word not in _TRUE) if name.text == "nice_failback" else not is_off


def _parts(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _time_ms(text: str) -> Millis | None:
    """Return a time of Heartbeat's: seconds unless it says otherwise."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    return round(float(found[1]) * _PER_MS.get(found[2] or "", 1000.0))
