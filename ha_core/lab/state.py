"""What a lab remembers of itself between two `ha lab` commands: one file in its directory.

Owns: the values, the file, its lock, and where labs live by default. The file
holds the password of the lab's WBEM user, so it is its owner's alone. What runs
is not remembered but looked up (`processes`): a file could not know of a crash.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from ha_core.errors import RefusedError, StoreError

FILE: Final = "lab_state.json"
NEW: Final = "lab_state.new"
LOCK: Final = "lab_state.lock"
SHARED: Final = "shared_srv"
"""Stands for /srv in a lab. These names have an underscore, which no node's name has."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens on one link."""

    link: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class LabNode:
    """One node: where it listens, and where its WBEM server does."""

    name: str
    places: tuple[Place, ...]
    wbem_host: str = ""
    http_port: int = 0
    https_port: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """A service's address in the configuration that was given, and the one it has in the lab."""

    resource: str
    given: str
    address: str


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab; `namespaces` is empty on loopback, else the beginning of all their names."""

    directory: Path
    made: tuple[Path, ...]
    """Directories that were not there before, the innermost first: to be removed in the end."""
    nodes: tuple[LabNode, ...]
    moved: tuple[Moved, ...] = ()
    namespaces: str = ""
    host_address: str = ""
    """With namespaces: the address and prefix of this machine in the lab's network."""
    user: str = ""
    password: str = ""
    isolated: tuple[str, ...] = ()

    @property
    def shared(self) -> Path:
        """Directory that stands for /srv: the same on all nodes, like a shared disk."""
        return self.directory / SHARED

    def root(self, name: str) -> Path:
        """Return the directory of that node."""
        return self.directory / name

    def node(self, name: str) -> LabNode:
        """Return that node. Raises RefusedError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise RefusedError("not-found", f"the lab has no node '{name}', only {known}")


def with_isolated(lab: Lab, names: Iterable[str]) -> Lab:
    """Return the lab with these nodes isolated and no others."""
    return replace(lab, isolated=tuple(sorted(names)))


def default_directory() -> Path:
    """Return where a user's lab lives if nothing else is said."""
    return Path(tempfile.gettempdir()).resolve() / f"beatkeeper-lab-{os.getuid()}"


def read(directory: Path) -> Lab | None:
    """Return the lab in the directory, or None. Raises StoreError if the file is not a lab's."""
    path = directory / FILE
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise StoreError(f"{path} cannot be read ({fault.strerror}): is it yours?") from fault
    try:
        return msgspec.json.decode(raw, type=Lab, dec_hook=_decoded)
    except msgspec.DecodeError as fault:
        raise StoreError(f"{path} does not describe a lab ({fault}): remove it") from fault


def known(directory: Path) -> Lab:
    """Return the lab in the directory. Raises RefusedError if there is none."""
    found = read(directory)
    if found is None or found.directory != directory:
        cure = "'ha lab up' makes one, --dir names another place"
        raise RefusedError("not-found", f"no lab in {directory}: {cure}")
    return found


def is_kept(lab: Lab) -> bool:
    """Return whether that very lab is still there, and neither removed nor followed by another.

    Raises StoreError if its file cannot be read.
    """
    found = read(lab.directory)
    return found is not None and with_isolated(found, ()) == with_isolated(lab, ())


def _decoded(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected a path, found {value!r}")


def begin(lab: Lab) -> None:
    """Keep a new lab."""
    (lab.directory / LOCK).touch(0o600)
    write(lab)


def write(lab: Lab) -> None:
    """Keep the lab, whole or not at all, for its owner alone."""
    path = lab.directory / FILE
    content = msgspec.json.format(msgspec.json.encode(lab, enc_hook=str))
    temporary = lab.directory / NEW
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Wait until no other command changes the lab, and keep others out meanwhile.

    Raises: RefusedError, StoreError: there is no lab, or it is somebody else's.
    """
    known(directory)
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError as fault:
        text = f"the lab in {directory} cannot be changed ({fault.strerror}): is it yours?"
        raise StoreError(text) from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
