"""Fence devices of a CIB as ours, and which of them cut a node off in which order.

Owns: what each parameter that begins with `pcmk_` becomes. Source: pacemaker-fenced(7).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ha_core.config.cib import reasons
from ha_core.config.cib.form import Plain, applied
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.pairs import Pairs
from ha_core.config.cib.read_resources import Resources
from ha_core.config.cib.write_devices import (
    CALLS,
    DELAY,
    DELAY_MAX,
    FIRST_TRY,
    HOSTS,
    PLUGS,
    REBOOT,
    agent_of,
)
from ha_core.config.faults import shown
from ha_core.config.kinds import show_duration
from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_LISTED: Final = re.compile(r"[\s,;]+")
_OUR_METAS: Final = {"priority": "-INFINITY", "target-role": "Started", "is-managed": "true"}
"""What the writer says of each device: nothing that has a meaning here."""


@dataclass(slots=True)
class Devices:
    """Reads fence devices."""

    source: Source
    ledger: Ledger
    names: Names
    resources: Resources
    action: str = ""
    """What the cluster's options say: `off`, or nothing."""
    found: dict[str, Plain] = field(default_factory=dict)
    own: dict[str, Plain] = field(default_factory=dict)
    """What only we can say of a device, until all else is read."""
    banned: dict[str, list[str]] = field(default_factory=dict)
    """Nodes from which a device may not be used."""

    def read(self, element: Element, *templates: Element) -> None:
        """Read one device, and the template that it uses."""
        metas = Pairs(self.source, self.ledger, "meta_attributes", element, *templates)
        for name, value in _OUR_METAS.items():
            if name in metas.names() and metas.element(name).get("value") == value:
                metas.text(name)
        for name in metas.names():
            if name not in (*_OUR_METAS, "provides"):
                metas.drop(name, reasons.DEVICE_METAS)
        name = self.names.device(element, metas.own.pop("name", element.id))
        given = self.resources.parameters(element, *templates)
        kinds = [self.ledger.take(item, "type") for item in (*templates, element)]
        found: Plain = {"agent": agent_of(next(filter(None, kinds), ""))}
        for item in (element, *templates):
            for block in item.all("operations"):
                why = "'ha fence test' asks each device; see 'timeouts'"
                self.ledger.leave(block, why, item)
        pcmk = {key: given.pop(key) for key in list(given) if key.startswith("pcmk_")}
        targets = [self._node(word) for word in _words(pcmk.pop(HOSTS, ""))]
        plugs = {self._node(node): plug for node, plug in _mapped(pcmk.pop(PLUGS, ""))}
        found["targets"] = list(dict.fromkeys(targets or plugs))
        self._outlet(given, found["targets"], plugs)
        for key in [key for key in given if key in reasons.DEVICE_PARAMETERS]:
            value = given.pop(key)
            text = f"{name}: {key}={shown(value)}: {reasons.DEVICE_PARAMETERS[key]}"
            self.ledger.note(element, text)
        found |= {"parameters": given, "plugs": plugs}
        if pcmk.get(REBOOT, "off") in ("off", "reboot"):
            found["action"] = "off" if pcmk.pop(REBOOT, self.action) == "off" else ""
        if metas.text("provides") == "unfencing":
            found["unfence"] = True
        found |= self._delays(pcmk) | _calls(pcmk)
        for key, value in pcmk.items():
            why = reasons.DEVICE_PARAMETERS.get(key, reasons.of_pair("", "", key))
            self.ledger.note(element, f"{name}: {key}={shown(value)}: {why}")
        self.found[name] = {key: value for key, value in found.items() if value}
        self.own[name] = metas.own

    def _node(self, name: str) -> str:
        return self.names.nodes.get(name, name)

    @staticmethod
    def _outlet(given: dict[str, str], targets: list[str], plugs: dict[str, str]) -> None:
        """Take an outlet that is written as a parameter, where there is one node for it."""
        for key in ("plug", "port"):
            if key in given and len(targets) == 1 and not plugs:
                plugs[targets[0]] = given.pop(key)

    def _delays(self, pcmk: dict[str, str]) -> Plain:
        text, most = pcmk.get(DELAY, ""), values.milliseconds(pcmk.get(DELAY_MAX, "0"))
        each = [(self._node(node), values.milliseconds(at)) for node, at in _mapped(text)]
        found: Plain = {}
        delays_ms = {node: at_ms for node, at_ms in each if at_ms is not None}
        if len(delays_ms) == len(each) and each:
            found["delays"] = {node: show_duration(at_ms) for node, at_ms in delays_ms.items()}
            pcmk.pop(DELAY)
        elif (base_ms := values.milliseconds(text)) is not None:
            found["delay"], delays_ms = show_duration(base_ms) if base_ms else "", {"": base_ms}
            pcmk.pop(DELAY)
        if most is not None:
            rest_ms = most - max(delays_ms.values(), default=0)
            found["random_delay"] = show_duration(rest_ms) if rest_ms > 0 else ""
            pcmk.pop(DELAY_MAX, None)
        return found

    # --- what other sections say of devices

    def ban(self, device: str, node: str) -> None:
        """Remember that a device may not be used from a node."""
        self.banned.setdefault(device, []).append(node)

    def levels(self, elements: Iterable[Element]) -> Iterator[tuple[str, list[list[str]]]]:
        """Yield for each node its levels of devices; a target that is no node's name is told."""
        found: dict[str, list[tuple[int, list[str]]]] = {}
        for element in elements:
            self.ledger.see(element)
            target = element.get("target")
            node = self.names.nodes.get(target)
            index = values.number(element.get("index"))
            if node is None or index is None:
                text = "its target is no node's name" if "target" not in element.attributes else ""
                self.ledger.leave(element, text or f"there is no node {shown(target)}")
                continue
            self.ledger.know(element, "target", "index", "devices")
            names = [self.names.devices.get(word, word) for word in _words(element.get("devices"))]
            found.setdefault(node, []).append((index, names))
            self.names.places.setdefault(f"nodes.{node}.fence_levels", element)
        for node, levels in found.items():
            yield node, [names for _, names in sorted(levels, key=lambda pair: pair[0])]

    def finish(self) -> None:
        """Put together what is known of each device when all is read."""
        nodes = list(self.names.nodes.values())
        for name, part in self.found.items():
            if name in self.banned:
                part["reached_from"] = [node for node in nodes if node not in self.banned[name]]
            part, strange = applied(part, self.own[name])
            self.found[name] = part
            element = self.names.places[f"fence_devices.{name}"]
            for key in strange:
                self.ledger.note(element, f"beatkeeper-{key} is left out: there is no such key")

    def aim(self, levels: dict[str, list[list[str]]]) -> list[str]:
        """Give targets to the devices that name none, and return these devices."""
        aimed = []
        for name, part in self.found.items():
            if "targets" in part or "targets" in self.own[name]:
                continue
            nodes = [node for node, found in levels.items() if any(name in item for item in found)]
            part["targets"] = nodes or list(self.names.nodes.values())
            aimed.append(name)
        return aimed


def score_bans(score: int) -> bool:
    """Return whether a location of that score keeps a device from being used there."""
    return score <= -INFINITY


def _calls(pcmk: dict[str, str]) -> Plain:
    timeouts, retries = {}, {}
    for ours, theirs in CALLS.items():
        timeout_ms = values.milliseconds(pcmk.get(f"pcmk_{theirs}_timeout", ""))
        if timeout_ms is not None:
            timeouts[ours] = show_duration(timeout_ms)
            pcmk.pop(f"pcmk_{theirs}_timeout")
        tries = values.number(pcmk.get(f"pcmk_{theirs}_retries", ""))
        if tries is not None:
            retries[ours] = max(0, tries - FIRST_TRY)
            pcmk.pop(f"pcmk_{theirs}_retries")
    return {"timeouts": timeouts, "retries": retries}


def _words(text: str) -> list[str]:
    return [word for word in _LISTED.split(text) if word]


def _mapped(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `n1:1;n2:2`."""
    found = []
    for word in re.split(r"[;\s]+", text):
        node, colon, value = word.partition(":")
        if colon and node:
            found.append((node, value))
    return found
