"""Tables of docs/configuration.md, made from the parser's and the importer's own tables.

`python -m tests.core.config.reference` writes them anew between their marks.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ha_core.config import keys, keys_alerts, keys_constraints, kinds, shapes
from ha_core.config.heartbeat.directives import WITHOUT_COUNTERPART
from ha_core.config.heartbeat.scripts import PARAMETERS
from ha_core.config.kinds import Kind

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
MARKED = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
SHARED = keys.META.keys() | keys_constraints.WORDS.keys()
"""Keys of primitives and groups alike, which have tables of their own."""
OWN = {name: key for name, key in keys.PRIMITIVE.keys.items() if name not in SHARED}
TABLES: dict[str, dict[str, shapes.Key]] = {
    "file": keys.CONFIGURATION.keys,
    "options": keys.OPTIONS.keys,
    "link": keys.LINK.keys,
    "ping": keys.PING.keys,
    "node": keys.NODE.keys,
    "primitive": OWN,
    "resource options": keys.META,
    "clone": {name: key for name, key in keys.CLONE.keys.items() if name not in keys.META},
    "promotable": keys.PROMOTABLE.keys,
    "health": keys.HEALTH.keys,
    "operations": keys.OPERATIONS.keys,
    "operation": keys.OPERATION.keys,
    "monitor": keys.MONITOR.keys,
    "group": {name: key for name, key in keys.GROUP.keys.items() if name not in SHARED},
    "words": keys_constraints.WORDS,
    "place": keys_constraints.PLACE.keys,
    "bond": keys_constraints.BOND.keys,
    "sequence": keys_constraints.SEQUENCE.keys,
    "permit": keys_constraints.PERMIT.keys,
    "together": keys_constraints.TOGETHER.keys,
    "apart": keys_constraints.APART.keys,
    "location": keys_constraints.LOCATION.keys,
    "rule": keys_constraints.RULE.keys,
    "condition": keys_constraints.CONDITION.keys,
    "colocation": keys_constraints.COLOCATION.keys,
    "ordering": keys_constraints.ORDERING.keys,
    "ticket": keys_constraints.TICKET.keys,
    "fence device": keys.DEVICE.keys,
    "defaults": keys.DEFAULTS.keys,
    "alert": keys_alerts.ALERT.keys,
    "recipient": keys_alerts.RECIPIENT.keys,
    "operation defaults": keys.OPERATION_DEFAULTS.keys,
}


def expected(name: str) -> str:
    """Return the text of a table."""
    if name == "directives":
        return _table(("directive", "why not"), _directives())
    if name == "scripts":
        return _table(("script", "agent", "parameters"), _scripts())
    rows = [
        (f"`{word}`", _allowed(key.shape), _default(key), key.meaning)
        for word, key in TABLES[name].items()
    ]
    return _table(("key", "allowed", "without it", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    return "\n".join(["", *lines, "", ""])


def written(text: str) -> str:
    """Return the page with all tables as they should be."""
    return MARKED.sub(lambda found: found[1] + expected(found[2]) + found[3], text)


def _allowed(shape: shapes.Shape) -> str:
    match shape:
        case Kind():
            return shape.allowed
        case shapes.Names():
            return shape.allowed()
        case shapes.Either():
            return f"{shape.short.allowed}, or a mapping, see below"
        case shapes.ListOf(value=shapes.ListOf()):
            return "a list of texts, or of lists of texts"
        case shapes.ListOf():
            one = "a text" if isinstance(shape.value, Kind) else "a mapping, see below"
            return f"{one}, or a list of such"
        case shapes.MapOf():
            value = "mappings, see below"
            if isinstance(shape.value, Kind):
                is_text = shape.value.allowed == kinds.TEXT.allowed
                value = "texts" if is_text or shape.value is kinds.PLACE else shape.value.allowed
            if isinstance(shape.value, shapes.ListOf):
                value = "texts or lists of such"
            return f"names with {value}"
        case _:
            return "a mapping, see below"


def _default(key: shapes.Key) -> str:
    return "**needed**" if key.needed else key.default


def _directives() -> Iterator[tuple[str, ...]]:
    """Yield the reasons, each with its directives, in the order of the program."""
    for reason in dict.fromkeys(WITHOUT_COUNTERPART.values()):
        names = [name for name, why in WITHOUT_COUNTERPART.items() if why == reason]
        yield ", ".join(f"`{name}`" for name in names), reason


def _scripts() -> Iterator[tuple[str, ...]]:
    for name, items in PARAMETERS.items():
        script = "::".join([name, *(item.upper() for item in items)])
        yield f"`{script}`", f"`ocf:heartbeat:{name}`", ", ".join(f"`{item}`" for item in items)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
