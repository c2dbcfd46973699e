"""An agent's output as a value: bounded, readable, with the line that says why.

Owns: cutting and cleaning of text that a foreign program printed. Pure.
"""

from typing import Final

OUTPUT_CHARACTERS_MAX: Final = 4000
REASON_CHARACTERS_MAX: Final = 400
TAIL_BYTES: Final = 4 * OUTPUT_CHARACTERS_MAX
"""Bytes that certainly hold the newest characters: UTF-8 takes four for one at most."""


def clean(raw: bytes) -> str:
    """Return the newest characters of an output, without control characters."""
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    kept = "".join(c for c in text if c in "\n\t" or c.isprintable())
    return kept[-OUTPUT_CHARACTERS_MAX:]


def last_line(text: str) -> str:
    """Return the last line that says anything, at most as long as a reason may be."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:REASON_CHARACTERS_MAX] if lines else ""
