"""What an OCF agent says of itself, as a frozen value.

Owns: parsing of `meta-data` output. Agents print a document type, which is
accepted if it declares nothing; entities are refused, because a document of
a kilobyte could otherwise unfold to gigabytes. Source: OCF Resource Agent API
1.1, "Metadata"; ra-api-1.dtd.
"""

import re
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers.expat import ExpatError, ParserCreate

from ha_core.errors import ConfigError
from ha_core.ids import Millis

XML_BYTES_MAX: Final = 1024 * 1024
_PARTS_MAX: Final = 1000
_DURATION: Final = re.compile(r"\s*(\d{1,9})\s*(ms|msec|us|usec|s|sec|m|min|h|hr)?\s*\Z")
_UNIT_MS: Final = {"ms": 1, "msec": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000}
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that the agent takes; `kind` is string, integer, boolean, time or select."""

    name: str
    kind: str = "string"
    default: str | None = None
    required: bool = False
    unique_group: str = ""
    reloadable: bool = False
    deprecated: bool = False
    short: str = ""
    long: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """An action that the agent offers, with the time limit that its author advises."""

    name: str
    timeout_ms: Millis = 0
    interval_ms: Millis = 0
    depth: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """An agent's description of itself, in its own order."""

    name: str
    version: str = ""
    api_version: str = ""
    short: str = ""
    long: str = ""
    parameters: tuple[Parameter, ...] = ()
    actions: tuple[Action, ...] = ()

    def offers(self, action: str) -> bool:
        """Return whether the agent has that action."""
        return any(item.name == action for item in self.actions)


def parse(agent: str, xml: bytes) -> Metadata:
    """Parse an agent's meta-data; `agent` is its name for messages.

    Raises:
        ConfigError: it is too long, no XML, declares entities, or is not a `resource-agent`.
    """
    if len(xml) > XML_BYTES_MAX:
        raise ConfigError(
            f"meta-data of {agent} has {len(xml)} bytes, expected at most {XML_BYTES_MAX}"
        )
    root = _tree(agent, xml)
    if root.tag != "resource-agent":
        raise ConfigError(
            f"meta-data of {agent} begins with <{root.tag}>, expected <resource-agent>"
        )
    return Metadata(
        root.get("name", ""),
        _text(root, "version") or root.get("version", ""),
        _text(root, "version"),
        _text(root, "shortdesc"),
        _text(root, "longdesc"),
        tuple(_parameter(item) for item in root.findall("parameters/parameter")[:_PARTS_MAX]),
        tuple(_action(agent, item) for item in root.findall("actions/action")[:_PARTS_MAX]),
    )


def _tree(agent: str, xml: bytes) -> Element:
    guard = ParserCreate()
    guard.EntityDeclHandler = _refuse_entity
    parser = XMLParser(target=TreeBuilder())
    try:
        guard.Parse(xml, True)
        parser.feed(xml)
        root = parser.close()
    except _Entity as error:
        raise ConfigError(f"meta-data of {agent} declares entities, expected plain XML") from error
    except (ParseError, ExpatError, ValueError, LookupError) as error:
        raise ConfigError(f"meta-data of {agent} is not well-formed XML: {error}") from error
    assert isinstance(root, Element)
    return root


class _Entity(Exception):
    """The document declares an entity; raised before any content is unfolded."""


def _refuse_entity(*_: object) -> None:
    raise _Entity


def _text(element: Element, tag: str) -> str:
    return " ".join((element.findtext(tag) or "").split())


def _parameter(item: Element) -> Parameter:
    content = item.find("content")
    name = item.get("name", "")
    group = item.get("unique-group", name if item.get("unique") in ("1", "true") else "")
    return Parameter(
        name,
        content.get("type", "string") if content is not None else "string",
        content.get("default") if content is not None else None,
        _is_set(item, "required"),
        group,
        _is_set(item, "reloadable"),
        item.find("deprecated") is not None or _is_set(item, "deprecated"),
        _text(item, "shortdesc"),
        _text(item, "longdesc"),
    )


def _is_set(item: Element, attribute: str) -> bool:
    return item.get(attribute, "") in ("1", "true", "yes")


def _action(agent: str, item: Element) -> Action:
    depth = item.get("depth", "0")
    return Action(
        item.get("name", ""),
        _duration_ms(agent, item.get("timeout", "0")),
        _duration_ms(agent, item.get("interval", "0")),
        int(depth) if depth.isascii() and depth.isdigit() else 0,
        item.get("role", ""),
    )


def _duration_ms(agent: str, text: str) -> Millis:
    """Return a duration; a number without a unit is seconds."""
    found = _DURATION.match(text)
    if found is None:
        raise ConfigError(f"meta-data of {agent}: duration is '{text}', expected such as 20s")
    number, unit = int(found[1]), found[2] or "s"
    if unit in ("us", "usec"):
        return number // 1000
    return number * _UNIT_MS.get(unit, _HOUR_MS)
