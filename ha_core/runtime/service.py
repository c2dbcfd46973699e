"""What every long-lived process of ours needs: its directories, its lock, its key ring, and a word
to the service manager.

Owns: no state. Used by `had` and by the witness, which is many small nodes in one process.
"""

import contextlib
import fcntl
import os
import socket
import stat
from pathlib import Path

from ha_core.config.model import Configuration
from ha_core.errors import ConfigError
from ha_core.keyring import KeyRing, parse_ring
from ha_core.recovered import Recovered
from ha_core.runtime.nodefile import NodeFile


def newest_places(recovered: Recovered, node_file: NodeFile) -> Configuration:
    """Return the configuration whose nodes must be reached to begin.

    The newest one on disk, final or not: what is final is known only when a majority has been
    reached, and that may be the majority of a change which was still open when this node died.
    """
    first = recovered.snapshot.revisions if recovered.snapshot is not None else ()
    later = [entry.change for entry in recovered.entries if entry.change is not None]
    for change in reversed((*first, *later)):
        if change.configuration.node(node_file.name) is not None:
            return change.configuration
    return node_file.seeds


def read_ring(path: Path) -> KeyRing:
    """Read the key ring, which nobody but its owner may be able to read. Raises ConfigError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text()
    except OSError as fault:
        cure = "make a cluster with 'ha init', or join one with 'ha join'"
        raise ConfigError(f"{path} cannot be read ({fault.strerror}): {cure}") from None
    if mode & 0o077:
        cure = f"chmod 600 {path}"
        raise ConfigError(f"{path} has mode {mode:04o}, expected 0600: {cure}")
    return parse_ring(text, str(path))


def make_directory(path: Path) -> None:
    """Make a directory that everyone may enter: secrets are files of mode 0600 in it."""
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(0o755)


def lock(path: Path) -> int | None:
    """Return a descriptor that holds the root's lock for the life of the process, or None."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def tell_service_manager(state: str) -> None:
    """Speak systemd's readiness protocol. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # 'ha start' hears that the daemon is ready, and then listens no more.
    ignored = contextlib.suppress(OSError)
    with ignored, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())


def product() -> str:
    """Return what this program calls itself, with its version."""
    from importlib.metadata import version

    return f"Beatkeeper {version('beatkeeper')}"
