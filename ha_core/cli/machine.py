"""What `ha init`, `join` and `witness add` read from their options and write on a machine.

Owns: the check of names, links and addresses, and a node's files. A half-made
node is taken back: whoever is refused finds the machine as it was.
"""

import contextlib
import errno
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ha_core.config.check_network import is_host
from ha_core.config.limits import HOST_ALLOWED
from ha_core.config.model import Address
from ha_core.errors import ConfigError, RefusedError
from ha_core.layout import Layout
from ha_core.runtime.home import home_file

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
_LINK = re.compile(r"[a-z][a-z0-9-]{0,31}")


def read_token(token: str) -> str:
    """Return the token, which `-` leaves to standard input."""
    if token != "-":
        return token
    if sys.stdin.isatty():
        return str(click.prompt("token", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def checked_name(name: str | None) -> str:
    """Return the name given, or this machine's. Raises ConfigError if no node can be called so."""
    chosen = name or socket.gethostname().partition(".")[0].lower()
    if not _NAME.fullmatch(chosen):
        text = "expected lower-case letters, digits, dots and dashes, 64 at most"
        raise ConfigError(f"node name '{chosen}': {text}; name it with --node")
    return chosen


def given_links(addresses: tuple[str, ...]) -> dict[str, str]:
    """Read `--address` options: unnamed ones are ring0, ring1, … in their order."""
    found: dict[str, str] = {}
    for number, text in enumerate(addresses):
        link, equals, place = text.partition("=")
        if not equals:
            link, place = f"ring{number}", text
        if not _LINK.fullmatch(link) or link in found or not place:
            raise ConfigError(f"--address {text}: expected [LINK=]HOST[:PORT], each link once")
        found[link] = place
    return found


def own_host() -> str:
    """Return the address by which this machine would reach others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise ConfigError(
                "this machine has no route to other machines: name its address with --address"
            ) from None
        return str(probe.getsockname()[0])


def require_free(addresses: Iterable[Address]) -> None:
    """Refuse addresses on which the daemon could not listen, before anything is made.

    Raises: RefusedError, ConfigError: a port is taken, or an address is not this machine's.
    """
    for item in addresses:
        if not is_free(item):
            text = f"{item.host} port {item.port} is taken by another program"
            cure = f"name another port with --address {item.link}=HOST:PORT"
            raise RefusedError("busy", f"{text}: {cure}")


def is_free(item: Address) -> bool:
    """Return whether nobody listens there. Raises ConfigError: it is not this machine's."""
    if not is_host(item.host):
        raise ConfigError(f"--address {item.host!r} is no host; allowed: {HOST_ALLOWED}")
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            _bind(item, kind)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            return False
        text = f"this node cannot listen on {item.host} port {item.port} ({fault.strerror})"
        cure = f"name an address of this machine with --address {item.link}=HOST:PORT"
        raise ConfigError(f"{text}: {cure}") from None
    return True


def _bind(item: Address, kind: socket.SocketKind) -> None:
    found = socket.getaddrinfo(item.host, item.port, type=kind, flags=socket.AI_PASSIVE)
    with socket.socket(found[0][0], kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(found[0][4])


def refuse_second(layout: Layout) -> None:
    """Raise RefusedError if there is a node on this root already."""
    for path in (layout.keyring_file, layout.node_file, layout.store):
        if path.exists():
            raise RefusedError(
                "busy", f"this machine is a node of a cluster already ({path}): 'ha leave' first"
            )


@contextlib.contextmanager
def taken_back_if_refused(layout: Layout) -> Iterator[None]:
    """Remove the node's files again if the block raises."""
    is_made = False
    try:
        yield
        is_made = True
    finally:
        if not is_made:
            forget(layout)


def forget(layout: Layout) -> None:
    """Remove all that makes this root a node."""
    journal = layout.store.with_name(f"{layout.store.name}-journal")
    files = (layout.keyring_file, layout.node_file, layout.store, journal, home_file(layout))
    for path in files:
        path.unlink(missing_ok=True)
    shutil.rmtree(layout.invitations, ignore_errors=True)


def make_directories(layout: Layout) -> None:
    """Make the node's directories. Raises ConfigError with the cure."""
    try:
        for directory in layout.directories():
            directory.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(
            f"cannot make {fault.filename} ({fault.strerror}): run as root, or use --root DIR"
        ) from None


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
