"""Kinds of values in a configuration file: how each is read, shown and described.

Owns: one `Kind` per kind of scalar. `read` takes the text of a YAML scalar and
raises ValueError; `allowed` says in words what would do; `schema` is its JSON
Schema for editors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ha_core.config.model import AgentClass, AgentRef
from ha_core.ids import INFINITY, Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,12})\s*(ms|s|min|h|d)?")
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
TEXT_CHARACTERS_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of scalar."""

    allowed: str
    read: Callable[[str], object]
    schema: dict[str, object]


def _text(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError
    return text


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,12}", text):
        raise ValueError
    return int(text)


def _count(text: str) -> int:
    return _score(text) if "INFINITY" in text.upper() else _natural(text)


def _natural(text: str) -> int:
    value = _whole(text)
    if value < 0:
        raise ValueError
    return value


def _score(text: str) -> int:
    word = text.upper().removeprefix("+")
    if word in ("INFINITY", "-INFINITY"):
        return INFINITY if word == "INFINITY" else -INFINITY
    value = _whole(text)
    if abs(value) > INFINITY:
        raise ValueError
    return value


def _duration(text: str) -> Millis:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError
    return int(found[1]) * _UNITS[found[2] or "ms"]


def _moment(text: str) -> Millis:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
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


_SCORE_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "integer", "minimum": -INFINITY, "maximum": INFINITY},
        {"enum": ["INFINITY", "-INFINITY"]},
    ]
}
_DURATION_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^[0-9]+ *(ms|s|min|h|d)?$"},
    ]
}
TEXT = Kind(f"a text of at most {TEXT_CHARACTERS_MAX} characters", _text, {"type": "string"})
VALUE = Kind(TEXT.allowed, _text, {"type": ["string", "number", "boolean"]})
FLAG = Kind("true or false", _flag, {"type": "boolean"})
PORT = Kind("a port, 1 to 65535", _natural, {"type": "integer", "minimum": 1, "maximum": 65_535})
NATURAL = Kind("a whole number from 0", _natural, {"type": "integer", "minimum": 0})
WHOLE = Kind("a whole number", _whole, {"type": "integer"})
COUNT = Kind("a whole number from 0, or INFINITY", _count, _SCORE_SCHEMA)
SCORE = Kind(
    "a whole number within -1000000..1000000, INFINITY or -INFINITY", _score, _SCORE_SCHEMA
)
DURATION = Kind("a time such as 500ms, 10s, 5min or 1h", _duration, _DURATION_SCHEMA)
MOMENT = Kind(
    "a moment with zone, such as 2026-12-31T18:00:00Z",
    _moment,
    {"type": "string", "format": "date-time"},
)
AGENT = Kind(
    "ocf:PROVIDER:TYPE, lsb:NAME, systemd:NAME, service:NAME, heartbeat:NAME, process or address",
    _agent,
    {"type": "string", "pattern": f"^({'|'.join(AgentClass)})(:[^:]+){{0,2}}$"},
)


def words(values: type[StrEnum]) -> Kind:
    """Return the kind of a value that is one of the enumeration's words."""
    return Kind("one of " + ", ".join(values), values, {"enum": [str(value) for value in values]})


def show_duration(value_ms: Millis) -> str:
    """Return the time as `_duration` reads it, in the largest whole unit up to seconds."""
    return f"{value_ms // 1000}s" if value_ms and value_ms % 1000 == 0 else f"{value_ms}ms"


def show_score(score: int) -> int | str:
    """Return the score as `_score` reads it."""
    if abs(score) < INFINITY:
        return score
    return "INFINITY" if score > 0 else "-INFINITY"


def show_moment(wall_ms: Millis) -> str:
    """Return the moment as `_moment` reads it."""
    moment = _EPOCH + timedelta(milliseconds=wall_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
