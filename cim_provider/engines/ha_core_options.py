"""All options of the cluster, set or not, from the tables that the configuration is read by.

Owns: that translation, pure. A new option is seen without a word here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from cim_provider.views.settings import OptionView
from ha_core.config import keys
from ha_core.config.kinds import Kind
from ha_core.config.model import Configuration
from ha_core.config.render import plain
from ha_core.config.shapes import Key

_TABLES: Final[tuple[tuple[str, tuple[str, ...], Mapping[str, Key]], ...]] = (
    ("", (), {"cluster": keys.CONFIGURATION.keys["cluster"]}),
    ("", ("options",), keys.OPTIONS.keys),
    ("health.", ("options", "health"), keys.HEALTH.keys),
    ("ping.", ("ping",), keys.PING.keys),
    ("defaults.resource.", ("defaults", "resource"), keys.RESOURCE_DEFAULTS.keys),
    ("defaults.operation.", ("defaults", "operation"), keys.OPERATION_DEFAULTS.keys),
)
"""How names begin, where the values stand in the file, and the keys there."""


def options_of(configuration: Configuration) -> tuple[OptionView, ...]:
    """Return every option with what holds."""
    file = plain(
        Configuration(
            name=configuration.name,
            options=configuration.options,
            defaults=configuration.defaults,
            ping=configuration.ping,
        )
    )
    return tuple(
        replace(blank, value=_text(part[key]), is_set=True) if key in part else blank
        for path, blanks in _blanks()
        for part in (_part(file, path),)
        for key, blank in blanks
    )


@cache
def _blanks() -> tuple[tuple[tuple[str, ...], tuple[tuple[str, OptionView], ...]], ...]:
    """Return every option as it is where nothing is set, by the place of its value."""
    return tuple((path, tuple(_unset(stem, table))) for stem, path, table in _TABLES)


def _unset(stem: str, table: Mapping[str, Key]) -> Iterator[tuple[str, OptionView]]:
    for name, key in table.items():
        if not isinstance(key.shape, Kind):
            continue
        yield (
            name,
            OptionView(
                name=stem + name,
                value=key.default if _is_value(key.shape, key.default) else None,
                default=key.default,
                value_type=_type(key.shape),
                allowed=key.shape.allowed,
                description=key.meaning,
            ),
        )


def _is_value(kind: Kind, default: str) -> bool:
    """Return whether a default is what could stand in the file: others say in words what holds."""
    if not default:
        return False
    try:
        kind.read(default)
    except ValueError:
        return False
    return True


def _type(kind: Kind) -> str:
    """Return the kind of a value in a word, by what an editor is told of it."""
    schema = kind.schema
    choices = schema.get("anyOf")
    first = choices[0] if isinstance(choices, list) else schema
    if "enum" in schema:
        return "word"
    if first.get("type") == "boolean":
        return "boolean"
    if first.get("type") == "integer":
        return "score" if choices else "integer"
    return "time" if "time of" in kind.allowed else "text"


def _part(file: Mapping[str, object], path: tuple[str, ...]) -> Mapping[str, object]:
    part: object = file
    for name in path:
        part = part.get(name, {}) if isinstance(part, Mapping) else {}
    assert isinstance(part, Mapping), path
    return part


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
