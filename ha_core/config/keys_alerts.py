"""The keys of alerts in a configuration file: of what kind, and what they mean.

Owns: these tables. They are part of `keys`.
"""

from ha_core.config import kinds, limits
from ha_core.config.alerts import AlertKind
from ha_core.config.shapes import Either, Key, ListOf, MapOf, Object

_COMMON: dict[str, Key] = {
    "description": Key(kinds.TEXT, "What it is, for people."),
    "parameters": Key(
        MapOf(kinds.named(limits.PARAMETER, limits.PARAMETER_ALLOWED), kinds.VALUE),
        "What the program is told in its environment.",
    ),
    "timeout": Key(
        kinds.duration(limits.TIMEOUT_MS_MIN, limits.TIME_MS_MAX),
        "The program is ended after so long.",
        "30s",
    ),
    "timestamp_format": Key(
        kinds.TEXT, "How times are written, as date takes it.", "%H:%M:%S.%06N"
    ),
    "enabled": Key(kinds.FLAG, "With false the program is not called.", "true"),
}
RECIPIENT = Object(
    {
        "value": Key(kinds.TEXT, "For whom: what the program takes for an address.", needed=True),
        **_COMMON,
    }
)
ALERT = Object(
    {
        "path": Key(kinds.TEXT, "The program.", needed=True),
        **_COMMON,
        "select": Key(
            ListOf(kinds.words(AlertKind)), "What it is told of.", "nodes, fencing, resources"
        ),
        "attributes": Key(
            ListOf(kinds.TEXT), "Of which attributes, where they are selected.", "all attributes"
        ),
        "recipients": Key(
            ListOf(Either(kinds.TEXT, RECIPIENT)),
            "For each of them it is called once more, with what is said there instead.",
        ),
    }
)
