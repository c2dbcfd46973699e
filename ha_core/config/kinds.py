"""Kinds of values in a configuration file: how each is read, shown and described.

Owns: one `Kind` per kind of scalar. `read` takes the text of a YAML scalar and
raises ValueError; `allowed` says in words what would do; `schema` is its JSON
Schema for editors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from ha_core.config import limits
from ha_core.config.model import AgentClass, AgentRef
from ha_core.ids import INFINITY, Millis

Place = tuple[str, int]
"""Host, and port or 0 where none is given."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,12}) ?(ms|s|min|h|d)")
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
_PORT_DIGITS_MAX = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of scalar."""

    allowed: str
    read: Callable[[str], object]
    schema: dict[str, object]


def _text(text: str) -> str:
    if not limits.is_text(text):
        raise ValueError
    return text


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
        raise ValueError
    return int(text)


def _score(text: str) -> int:
    word = text.upper().removeprefix("+")
    if word in ("INFINITY", "-INFINITY"):
        return INFINITY if word == "INFINITY" else -INFINITY
    value = _whole(text)
    if abs(value) > INFINITY:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = _score(text)
    if value < 0:
        raise ValueError
    return value


def _wish(text: str) -> int:
    value = _whole(text)
    if not 0 < value < INFINITY:
        raise ValueError
    return value


def _weight(text: str) -> int:
    value = _score(text)
    if value <= 0:
        raise ValueError
    return value


def _moment(text: str) -> Millis:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment < _EPOCH:
        raise ValueError
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _agent(text: str) -> AgentRef:
    first, *rest = text.split(":")
    agent_class = AgentClass(first)
    if agent_class is AgentClass.OCF:
        if len(rest) == 1:
            rest = ["heartbeat", *rest]
        provider, agent_type = rest
        return AgentRef(agent_class, provider, agent_type)
    if len(rest) > 1:
        raise ValueError
    return AgentRef(agent_class, "", rest[0] if rest else "")


def _place(text: str) -> Place:
    if text.startswith("/"):
        return text, 0  # a device's path may have colons
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed):
        return text.removeprefix("[").removesuffix("]"), 0
    return (host[1:-1] if bracketed else host), _port(port)


def _port(text: str) -> int:
    if not re.fullmatch(f"[0-9]{{1,{_PORT_DIGITS_MAX}}}", text):
        raise ValueError
    if not 1 <= int(text) <= limits.PORT_MAX:
        raise ValueError
    return int(text)


_INFINITE: Final = {"enum": ["INFINITY", "+INFINITY", "-INFINITY"]}
TEXT = Kind(
    f"a text of at most {limits.TEXT_MAX} characters, without null",
    _text,
    {"type": "string", "maxLength": limits.TEXT_MAX},
)
VALUE = Kind(TEXT.allowed, _text, {"type": ["string", "number", "boolean"]})
FLAG = Kind("true or false", _flag, {"type": "boolean"})
PORT = Kind(
    f"a port, 1 to {limits.PORT_MAX}",
    _port,
    {"type": "integer", "minimum": 1, "maximum": limits.PORT_MAX},
)
SCORE = Kind(
    f"a whole number within -{INFINITY}..{INFINITY}, INFINITY or -INFINITY",
    _score,
    {"anyOf": [{"type": "integer", "minimum": -INFINITY, "maximum": INFINITY}, _INFINITE]},
)
COUNT = Kind(
    f"a whole number within 0..{INFINITY}, or INFINITY",
    _count,
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": INFINITY},
            {"enum": ["INFINITY", "+INFINITY"]},
        ]
    },
)
WISH = Kind(
    f"a whole number within 1..{INFINITY - 1}",
    _wish,
    {"type": "integer", "minimum": 1, "maximum": INFINITY - 1},
)
WEIGHT = Kind(
    f"a whole number within 1..{INFINITY}, or INFINITY",
    _weight,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": INFINITY},
            {"enum": ["INFINITY", "+INFINITY"]},
        ]
    },
)
MOMENT = Kind(
    "a moment with its zone, such as 2026-12-31T18:00:00Z",
    _moment,
    {"type": "string", "format": "date-time"},
)
AGENT = Kind(
    "ocf:PROVIDER:TYPE, lsb:NAME, systemd:NAME, service:NAME, heartbeat:NAME, process or address",
    _agent,
    {"type": "string", "pattern": f"^({'|'.join(AgentClass)})(:[^:]+){{0,2}}$"},
)
PLACE = Kind(
    f"HOST, HOST:PORT or [IPV6]:PORT, with a port of 1 to {limits.PORT_MAX}; on a serial link "
    "the path of a device",
    _place,
    {"type": "string"},
)


def words(values: type[StrEnum]) -> Kind:
    """Return the kind of a value that is one of the enumeration's words."""
    return Kind("one of " + ", ".join(values), values, {"enum": [str(value) for value in values]})


def any_words(*values: type[StrEnum]) -> Kind:
    """Return the kind of a value that is a word of one of these enumerations."""
    known: dict[str, StrEnum] = {str(word): word for kind in values for word in kind}

    def read(text: str) -> object:
        if text not in known:
            raise ValueError
        return known[text]

    return Kind("one of " + ", ".join(known), read, {"enum": list(known)})


def switch_words(values: type[StrEnum]) -> Kind:
    """Return the kind of a value that is a word of `values`, among them on or off.

    YAML takes these two, unquoted, for true and false.
    """

    def read(text: str) -> object:
        return values({"true": "on", "false": "off"}.get(text.lower(), text))

    return replace(words(values), read=read)


def natural(most: int, least: int = 0) -> Kind:
    """Return the kind of a whole number within these bounds."""

    def read(text: str) -> int:
        value = _whole(text)
        if not least <= value <= most:
            raise ValueError
        return value

    schema: dict[str, object] = {"type": "integer", "minimum": least, "maximum": most}
    return Kind(f"a whole number, {least} to {most}", read, schema)


def duration(least_ms: Millis, most_ms: Millis) -> Kind:
    """Return the kind of a time within these bounds.

    A number needs its unit: some programs of this field read a bare one as
    seconds, others as milliseconds.
    """

    def read(text: str) -> Millis:
        if text == "0" and least_ms == 0:
            return 0
        found = _DURATION.fullmatch(text)
        if found is None:
            raise ValueError
        value_ms = int(found[1]) * _UNITS[found[2]]
        if not least_ms <= value_ms <= most_ms:
            raise ValueError
        return value_ms

    bounds = f"{_largest_unit(least_ms)} to {_largest_unit(most_ms)}"
    pattern: dict[str, object] = {"type": "string", "pattern": r"^[0-9]{1,12} ?(ms|s|min|h|d)$"}
    schema: dict[str, object] = pattern if least_ms else {"anyOf": [{"const": 0}, pattern]}
    return Kind(f"a time of {bounds} with its unit, one of {', '.join(_UNITS)}", read, schema)


def named(pattern: re.Pattern[str], allowed: str) -> Kind:
    """Return the kind of a name that matches the pattern."""

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError
        return text

    return Kind(allowed, read, {"type": "string", "pattern": f"^{pattern.pattern}$"})


def show_duration(value_ms: Millis) -> str:
    """Return the time as a file says it, in the largest unit that divides it."""
    return _largest_unit(value_ms) if value_ms else "0ms"


def show_score(score: int) -> int | str:
    """Return the score as a file says it."""
    if abs(score) < INFINITY:
        return score
    return "INFINITY" if score > 0 else "-INFINITY"


def show_moment(wall_ms: Millis) -> str:
    """Return the moment as a file says it."""
    moment = _EPOCH + timedelta(milliseconds=wall_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_place(host: str, port: int) -> str:
    """Return an address as a file says it."""
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _largest_unit(value_ms: Millis) -> str:
    for unit, unit_ms in reversed(_UNITS.items()):
        if value_ms and value_ms % unit_ms == 0:
            return f"{value_ms // unit_ms}{unit}"
    return "0"
