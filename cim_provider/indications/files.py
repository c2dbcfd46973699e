"""Destinations that are files, as the scripts of Linux-HA 2.1 use them: `file://NAME`.

Owns: which names there may be, and appending an export message to one. Only
files of one directory that the administrator has allowed are written, on the
node that delivers; links are never followed, and a file has a bound.
"""

import asyncio
import errno
import os
import re
import stat
from itertools import count
from pathlib import Path
from typing import Final

from cim_provider.indications.export import Delivery, UrlError, message_of

SCHEME: Final = "file://"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A file that is longer takes no more."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def is_file(url: str) -> bool:
    """Return whether a destination is a file."""
    return url.lower().startswith(SCHEME)


def path_of(url: str, directory: Path | None) -> Path:
    """Return the file that a URL names. Raises UrlError: it may not be written."""
    if directory is None:
        raise UrlError("files take no indications here: the setting listener_files is empty")
    given = url[len(SCHEME) :]
    path = Path(given) if given.startswith("/") else directory / given
    if path.parent != directory or _NAME.fullmatch(path.name) is None or given.endswith("/"):
        raise UrlError(
            f"destination {url[:80]!r}: expected file://NAME, a file in {directory}: letters,"
            " digits, '.', '_' and '-', a letter or digit first"
        )
    return path


class FileSender:
    """Appends to one file; implements `Sender`."""

    def __init__(self, url: str, directory: Path | None) -> None:
        self._url = url
        self._directory = directory
        self._ids = count(1)

    async def send(self, instance: str) -> Delivery:
        """Append one export message; return whether it is in the file."""
        body = message_of(next(self._ids), instance)
        try:
            path = path_of(self._url, self._directory)
            await asyncio.to_thread(_append, path, body)
        except UrlError as fault:
            return Delivery(False, str(fault))
        except OSError as fault:
            return Delivery(False, f"{self._url[:80]}: {fault.strerror}")
        return Delivery(True)

    async def close(self) -> None:
        """See `Sender`: nothing is kept open."""


def _append(path: Path, body: bytes) -> None:
    """Append to a plain file, which is made if it is not there. Raises OSError."""
    path.parent.mkdir(mode=0o750, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        file = os.open(path.name, flags, 0o640, dir_fd=directory)
    finally:
        os.close(directory)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(errno.EPERM, "it is no plain file of its own: remove it")
        if found.st_size + len(body) > FILE_BYTES_MAX:
            raise OSError(errno.EFBIG, f"it has {found.st_size} bytes: move it away")
        if os.write(file, body) != len(body):
            os.ftruncate(file, found.st_size)
            raise OSError(errno.ENOSPC, "there is no room")
    finally:
        os.close(file)
