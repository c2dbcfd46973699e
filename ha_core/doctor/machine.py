"""Findings about this machine: daemon, guardian, rights, room on the disk, the database.

Owns: these checks. Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.doctor.facts import Examined, Place, Space
from ha_core.doctor.findings import Finding, Severity, ok, parted

DAEMON = "daemon"
RIGHTS = "rights"
DISK = "disk"
STORE = "store"
MIB: Final = 1024 * 1024
FREE_BYTES_WARNING: Final = 512 * MIB
FREE_BYTES_CRITICAL: Final = 64 * MIB
"""The database, its journal and three logs take less, but services write as well."""
FREE_PERMILLE_MIN: Final = 20
STORE_BYTES_MAX: Final = 512 * MIB
"""A configuration of 10,000 resources with 100 revisions and all events stays below that."""
_OTHERS_READ: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_STOPPED: Final = ("stopped", "tracing-stop", "zombie", "dead", "disk-sleep")


def daemon(examined: Examined) -> Iterator[Finding]:
    """Yield whether the daemon answers, and whether its guardian lives."""
    machine = examined.machine
    if examined.snapshot is None:
        why = "this node takes nothing over, and tells nothing of the cluster or of what it runs"
        text, cure = parted(examined.daemon_fault or "the daemon does not answer")
        cure = f"{cure or 'ha start'}; if it ends again, the newest lines of lib/had.log say why"
        yield Finding(Severity.CRITICAL, DAEMON, machine.node, text, why, cure)
        return
    if machine.daemon_pid is None:
        yield ok(DAEMON, "the daemon answers; its guardian cannot be looked at from here")
    elif machine.guardian_pid is None:
        why = "nothing would end this node's services when it loses its lease"
        cure = "look again in a second: a new one is started at once; then see lib/had.log"
        text = "the daemon has no guardian"
        yield Finding(Severity.CRITICAL, DAEMON, "guardian", text, why, cure)
    elif machine.guardian_state in _STOPPED:
        why = "its deputy would end the services, but nothing else that the guardian does is done"
        cure = f"find out who stopped process {machine.guardian_pid} (kill -CONT lets it go on)"
        text = f"the guardian (process {machine.guardian_pid}) is {machine.guardian_state}"
        yield Finding(Severity.CRITICAL, DAEMON, "guardian", text, why, cure)
    else:
        pids = f"process {machine.daemon_pid}, guardian {machine.guardian_pid}"
        yield ok(DAEMON, f"daemon and guardian run ({pids})")


def rights(examined: Examined) -> Iterator[Finding]:
    """Yield files and directories that others may read or write."""
    places = examined.machine.places
    found = [each for place in places if (each := _right(place)) is not None]
    if places:
        yield from found or [ok(RIGHTS, "nobody else may read keys or write what the node keeps")]


def _right(place: Place) -> Finding | None:
    if place.fault:
        why = "whether others may read or write it is not known"
        text = f"{place.what} {place.path} could not be looked at: {place.fault}"
        cure = "run 'ha doctor' as root, or as the daemon's user"
        return Finding(Severity.NOTICE, RIGHTS, place.path, text, why, cure)
    if place.is_secret and place.mode & _OTHERS_READ:
        why = "whoever has the keys can speak as any node, and read all that nodes say"
        text = f"{place.what} {place.path} may be used by others (mode {place.mode:04o})"
        cure = f"chmod go= {place.path}"
        return Finding(Severity.CRITICAL, RIGHTS, place.path, text, why, cure)
    if place.mode & _OTHERS_WRITE:
        why = "others can put files in the place of the node's own, and so run what they like"
        text = f"{place.what} {place.path} may be written by others (mode {place.mode:04o})"
        cure = f"chmod go-w {place.path}"
        return Finding(Severity.CRITICAL, RIGHTS, place.path, text, why, cure)
    return None


def disk(examined: Examined) -> Iterator[Finding]:
    """Yield file systems that are nearly full."""
    spaces = examined.machine.spaces
    found = [each for space in spaces if (each := _space(space)) is not None]
    if spaces:
        free = min(space.free_bytes for space in spaces) // MIB
        yield from found or [ok(DISK, f"at least {free} MiB are free where the node writes")]


def _space(space: Space) -> Finding | None:
    why = "a node that cannot write its log gives up its vote and its services"
    cure = f"make room on the file system of {space.path}: du -x -d 2 {space.path}"
    if space.total_files and space.free_files * 1000 < space.total_files * FREE_PERMILLE_MIN:
        text = f"the file system of {space.path} has room for {space.free_files} more files"
        return Finding(Severity.WARNING, DISK, space.path, text, why, cure)
    if space.free_bytes >= FREE_BYTES_WARNING:
        return None
    is_full = space.free_bytes < FREE_BYTES_CRITICAL
    severity = Severity.CRITICAL if is_full else Severity.WARNING
    text = f"the file system of {space.path} has {space.free_bytes // MIB} MiB left"
    return Finding(severity, DISK, space.path, text, why, cure)


def store(examined: Examined) -> Iterator[Finding]:
    """Yield a database that has grown beyond all need."""
    size = examined.machine.store_bytes
    if size is None:
        return
    if size <= STORE_BYTES_MAX:
        yield ok(STORE, f"the database has {max(size // 1024, 1)} KiB")
        return
    why = "it is copied whole to a node that joins, and the disk fills up"
    text = f"the database has {size // MIB} MiB, which is more than it should ever need"
    cure = "make a report (ha report) and file it as a fault of this program"
    yield Finding(Severity.WARNING, STORE, "", text, why, cure)
