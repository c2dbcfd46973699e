"""Logs of supervised processes: where each writes, its newest lines, and its bound.

Owns: one file for each resource below `lib/log`. The processes append to it
themselves, so that no daemon stands between them and their own words.
"""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ha_core.agents.output import TAIL_BYTES, clean, last_line

LOG_BYTES_MAX: Final = 1024 * 1024
LOG_BYTES_KEPT: Final = 256 * 1024


def log_path(directory: Path, resource: str) -> Path:
    """Return a resource's log; its directory is made."""
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{quote(resource, safe='')}.log"


def tail(path: Path, since: int = 0) -> str:
    """Return the newest lines behind byte `since`; nothing if there is no such log."""
    return clean(_newest(path, TAIL_BYTES, since))


def size(path: Path) -> int:
    """Return how long the log is; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_words(path: Path, since: int) -> str:
    """Return the last line behind byte `since`, to be added to a reason."""
    line = last_line(tail(path, since))
    return f"; its last words: {line}" if line else ""


def trim(path: Path) -> None:
    """Cut a log that has become too long down to its newest part.

    The writer keeps its descriptor: it appends, and so goes on at the new end.
    Lines written in the very moment of cutting may be lost.
    """
    if size(path) <= LOG_BYTES_MAX:
        return
    kept = _newest(path, LOG_BYTES_KEPT, 0)
    with path.open("r+b") as file:
        file.truncate(0)
    with path.open("ab") as file:
        file.write(kept)


def _newest(path: Path, most: int, since: int) -> bytes:
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            begin = since if since <= end else 0  # it was cut in between
            file.seek(max(begin, end - most))
            return file.read(most)
    except FileNotFoundError:
        return b""
