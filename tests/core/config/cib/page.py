"""The table of docs/import-cib.md, made from the importer's own reasons.

`python -m tests.core.config.cib.page` writes it anew between its marks.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ha_core.config.cib import reasons

PAGE = Path(__file__).parents[4] / "docs" / "import-cib.md"
MARKED = re.compile(r"(<!-- table: left out -->\n).*?(<!-- end -->)", re.DOTALL)


def expected() -> str:
    """Return the text of the table: what goes for one reason in a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for where, name, why in _reasons():
        rows.setdefault((where, why), []).append(f"`{name}`")
    lines = ["| where | what | why not |", "| --- | --- | --- |"]
    lines += [f"| {where} | {', '.join(names)} | {why} |" for (where, why), names in rows.items()]
    return "\n" + "\n".join(lines) + "\n\n"


def _reasons() -> Iterator[tuple[str, str, str]]:
    for name, why in reasons.OPTIONS.items():
        yield "option", name, why
    for name, why in reasons.METAS.items():
        yield "meta attribute", name, why
    for name, why in reasons.OPERATIONS.items():
        yield "`op`", name, why
    for name, why in reasons.DEVICE_PARAMETERS.items():
        yield "fence device", name, why
    for (tag, name), why in reasons.ATTRIBUTES.items():
        yield f"`{tag}`", name, why
    for name, why in reasons.ELEMENTS.items():
        yield "element", name, why


if __name__ == "__main__":
    TEXT = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKED.sub(lambda m: f"{m[1]}{expected()}{m[2]}", TEXT), encoding="utf-8")
