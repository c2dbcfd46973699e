"""Where one node keeps its files, so that many nodes can live on one machine.

Owns: the names of directories and files below a root. Knows nothing of what
stands in them, and makes none of them. Not part of the core: it speaks of paths.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM_ETC: Final = Path("/etc/beatkeeper")
SYSTEM_LIB: Final = Path("/var/lib/beatkeeper")
SYSTEM_RUN: Final = Path("/run/beatkeeper")
UNIX_PATH_BYTES_MAX: Final = 107


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one node; `root` None means the system's own directories."""

    root: Path | None = None

    @property
    def etc(self) -> Path:
        """Directory of what an administrator gives: keys, the node's name, certificates."""
        return SYSTEM_ETC if self.root is None else self.root / "etc"

    @property
    def lib(self) -> Path:
        """Directory of what must survive a reboot."""
        return SYSTEM_LIB if self.root is None else self.root / "lib"

    @property
    def run(self) -> Path:
        """Directory of what need not survive a reboot: sockets, process ids, agents' state."""
        return SYSTEM_RUN if self.root is None else self.root / "run"

    @property
    def control_socket(self) -> Path:
        """UNIX socket on which the node's daemon serves clients."""
        return self.run / "control.sock"

    @property
    def store(self) -> Path:
        """SQLite database with log, hard state, snapshot and journal."""
        return self.lib / "store.db"

    @property
    def keyring_file(self) -> Path:
        """The cluster's key ring; readable by its owner alone."""
        return self.etc / "keyring"

    @property
    def node_file(self) -> Path:
        """The node's own name and bootstrap facts."""
        return self.etc / "node.yaml"

    @property
    def invitations(self) -> Path:
        """Directory of the invitations that are still good; each is one secret."""
        return self.lib / "invitations"

    @property
    def lock_file(self) -> Path:
        """Locked while a daemon runs on this root; holds its process id."""
        return self.lib / "had.lock"

    def directories(self) -> tuple[Path, Path, Path]:
        """Return the three directories, in the order in which to make them."""
        return (self.etc, self.lib, self.run)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Yield an address for the UNIX socket at `path`, however long the path is.

    The kernel takes 107 bytes; roots of test clusters easily go beyond, and
    are then reached through an open descriptor of their directory.
    Source: unix(7), "Address format".
    """
    if len(os.fsencode(path)) <= UNIX_PATH_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
