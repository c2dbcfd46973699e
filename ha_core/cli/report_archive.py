"""The file of a report: a compressed archive whose bytes depend on nothing but its pages.

Owns: the layout, and writing it whole or not at all, for its owner alone, over nothing else.
"""

import errno
import gzip
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ha_core.cli.report_pages import Page
from ha_core.errors import RefusedError

MODE: Final = 0o600
LEVEL: Final = 6


def packed(name: str, pages: Sequence[Page], at_s: int) -> bytes:
    """Return the archive: a directory of that name with the pages in their order."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for page in pages:
            data = page.text.encode()
            entry = tarfile.TarInfo(f"{name}/{page.path}")
            entry.size, entry.mtime, entry.mode = len(data), at_s, MODE
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), LEVEL, mtime=at_s)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet: whole, on disk, readable by its owner alone.

    Raises: RefusedError: something of that name is there, or it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            # A link, unlike a move, never takes the place of what is there.
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as fault:
        if fault.errno == errno.EEXIST:
            text = f"{path} is there already, and is not overwritten: name another --output"
            raise RefusedError("exists", text) from fault
        raise RefusedError("failed", f"cannot write {path}: {fault.strerror}") from fault
