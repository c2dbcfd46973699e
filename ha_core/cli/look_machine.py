"""Looking at this machine: files and their rights, room on the disk, processes, the clock.

Owns: what is read of the machine. Judges nothing; what cannot be read is said with its reason.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from ha_core.doctor.facts import Machine, Place, Space
from ha_core.errors import ConfigError
from ha_core.layout import Layout
from ha_core.runtime.launch import running_pid
from ha_core.runtime.nodefile import NodeFile, read_node_file

GUARDIAN: Final = "guardian_main"
"""Stands in the command line of the guardian and of its deputy."""
TIME_ERROR: Final = 5
"""What adjtimex(2) returns where no time service keeps the clock."""
TIMEX_BYTES: Final = 512
"""More than `struct timex` takes on any machine."""


def machine_facts(layout: Layout) -> Machine:
    """Return what can be seen of this machine."""
    pid = _daemon_pid(layout)
    guardian, node = _guardian(pid), _node_file(layout)
    return Machine(
        places=tuple(_places(layout)),
        spaces=tuple(_spaces(layout)),
        store_bytes=_store_bytes(layout),
        daemon_pid=pid,
        guardian_pid=guardian.pid if guardian is not None else None,
        guardian_state=_state(guardian),
        node=node.name if node is not None else "",
        wants_watchdog=node is not None and node.watchdog is not None,
        is_clock_kept=_is_clock_kept(),
    )


def _places(layout: Layout) -> Iterable[Place]:
    named = (
        ("directory", layout.etc, False),
        ("directory", layout.lib, False),
        ("directory", layout.run, False),
        ("key ring", layout.keyring_file, True),
        ("node file", layout.node_file, False),
        ("database", layout.store, True),
        ("invitations", layout.invitations, True),
    )
    for what, path, is_secret in named:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as fault:
            yield Place(what, str(path), 0, is_secret, fault.strerror or str(fault))
            continue
        yield Place(what, str(path), mode, is_secret)


def _spaces(layout: Layout) -> Iterable[Space]:
    seen: set[int] = set()
    for path in (layout.lib, layout.run):
        try:
            device, room = path.stat().st_dev, os.statvfs(path)
        except OSError:
            continue  # `places` says why
        if device not in seen:
            seen.add(device)
            size = room.f_frsize
            yield Space(
                str(path), room.f_bavail * size, room.f_blocks * size, room.f_favail, room.f_files
            )


def _store_bytes(layout: Layout) -> int | None:
    try:
        return layout.store.stat().st_size
    except OSError:
        return None


def _daemon_pid(layout: Layout) -> int | None:
    try:
        return running_pid(layout)
    except OSError:
        return None


def _guardian(pid: int | None) -> psutil.Process | None:
    """Return the guardian: the daemon's own child; its deputy is the guardian's."""
    if pid is None:
        return None
    try:
        children = psutil.Process(pid).children()
        return next((each for each in children if _is_guardian(each)), None)
    except psutil.Error:
        return None


def _is_guardian(process: psutil.Process) -> bool:
    return any(GUARDIAN in word for word in process.cmdline())


def _state(process: psutil.Process | None) -> str:
    try:
        return "" if process is None else str(process.status())
    except psutil.Error:
        return "dead"


def _node_file(layout: Layout) -> NodeFile | None:
    try:
        return read_node_file(layout.node_file)
    except ConfigError:
        return None  # the daemon says so at its start, and `places` if it cannot be read


def _is_clock_kept() -> bool | None:
    """Ask the kernel whether its clock is synchronised. Source: adjtimex(2)."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "adjtimex"):
        return None
    answer = int(library.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return None if answer < 0 else answer != TIME_ERROR


def log_files(layout: Layout) -> tuple[Path, ...]:
    """Return the files in which daemon, WBEM server and services write, sorted by path."""
    named = [*layout.lib.glob("had.log*"), *layout.run.glob("*.stderr")]
    return tuple(sorted((*named, *(layout.lib / "log").glob("*"))))
