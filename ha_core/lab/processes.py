"""What runs on a lab's nodes: finding it, stopping it in its tracks, killing it at once.

Owns: telling which process belongs to which node, and in what role. A process
belongs to a node by a mark in its environment, or because an ancestor does:
the node's keeper inherits whoever went into the background. Marks are whole
values of variables that only the lab, `had` and the guardian set, so that a
shell that merely stands in the lab's directory is never taken for a part of it.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil

from ha_core.errors import RefusedError
from ha_core.layout import Layout
from ha_core.runtime import launch, pids
from ha_core.runtime.guardian_os import RESOURCE_VARIABLE, SCOPE_VARIABLE

MARK: Final = "BEATKEEPER_LAB"
"""Set to the node's root for everything that the lab starts there."""
_MARKS: Final = ((MARK, ""), (SCOPE_VARIABLE, "/run"), ("HA_RSCTMP", "/run/resource-agents"))
END_S: Final = 10.0
_FACTS: Final = ("pid", "ppid", "environ", "cmdline", "status")

KEEPER: Final = "keeper"
HAD: Final = "had"
GUARDIAN: Final = "guardian"
CIMD: Final = "ha-cimd"
DAEMONS: Final = (HAD, GUARDIAN, CIMD)
_ORDER: Final = (HAD, GUARDIAN, CIMD, KEEPER)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a node; `role` is a daemon's name, `resource:ID`, or `agent`; `began` is when
    it did, in the kernel's ticks: another process may have its number by now (0:
    not known, and it is sent nothing).
    """

    pid: int
    role: str
    is_stopped: bool = False
    began: int = 0


def scan(directory: Path) -> dict[Path, tuple[Process, ...]]:
    """Return every living process of every node below the lab's directory, by the node's root."""
    parents: dict[int, int] = {}
    roots: dict[int, Path] = {}
    facts: dict[int, Process] = {}
    for pid, began, info in _all():
        environment = info["environ"] or {}
        parents[pid] = info["ppid"]
        root = _marked(environment, directory)
        if root is not None:
            roots[pid] = root
        role = _role(info["cmdline"] or [], environment.get(RESOURCE_VARIABLE, ""))
        facts[pid] = Process(pid, role, info["status"] == psutil.STATUS_STOPPED, began)
    for lock in directory.glob("*/lib/had.lock"):
        # A daemon that was started by hand has no mark, but it holds its root's lock.
        by_hand = launch.running_pid(Layout(lock.parent.parent))
        if by_hand is not None:
            roots[by_hand] = lock.parent.parent
    found_here: dict[Path, list[Process]] = {}
    for pid, process in facts.items():
        owner = _owner(pid, roots, parents)
        if owner is not None and pid != os.getpid():
            found_here.setdefault(owner, []).append(process)
    return {root: tuple(sorted(items, key=_rank)) for root, items in sorted(found_here.items())}


def _all() -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Give every living process with when it began and what is known of it, all of one process."""
    for pid in psutil.pids():
        began = pids.began(pid)
        try:
            info = psutil.Process(pid).as_dict(_FACTS)
        except psutil.NoSuchProcess:
            continue
        if info["status"] != psutil.STATUS_ZOMBIE and began and pids.began(pid) == began:
            yield pid, began, info


def _marked(environment: dict[str, str], directory: Path) -> Path | None:
    for variable, end in _MARKS:
        value = environment.get(variable, "")
        if value and value.endswith(end):
            root = Path(value.removesuffix(end))
            if root.parent == directory:
                return root
    return None


def _owner(pid: int, roots: dict[int, Path], parents: dict[int, int]) -> Path | None:
    seen: set[int] = set()
    while pid not in roots:
        seen.add(pid)
        pid = parents.get(pid, 0)
        if pid <= 1 or pid in seen:
            return None
    return roots[pid]


def _role(command: list[str], resource: str) -> str:
    words = [os.path.basename(word) for word in command]
    if resource:
        return f"resource:{resource}"
    if "keeper.py" in words:
        return KEEPER
    if any("guardian_main" in word for word in command):
        return GUARDIAN
    if "ha_core.runtime.daemon" in command or HAD in words[:2]:
        return HAD
    if "cim_provider.server.daemon" in command or CIMD in words[:2]:
        return CIMD
    return "agent"


def _rank(process: Process) -> tuple[int, int]:
    order = _ORDER.index(process.role) if process.role in _ORDER else len(_ORDER)
    return (order, process.pid)


def of(root: Path) -> tuple[Process, ...]:
    """Return every living process of the node with that root."""
    return scan(root.parent).get(root, ())


def has_word(process: Process, word: str) -> bool:
    """Return whether the word stands on the process's command line."""
    try:
        return word in psutil.Process(process.pid).cmdline()
    except psutil.NoSuchProcess:
        return False


def send(processes: Iterable[Process], number: signal.Signals) -> None:
    """Send a signal to each of them that still lives, and to no other that has its number now."""
    for process in processes:
        pids.signal_if(process.pid, number, partial(_is_still, process))


def _is_still(process: Process) -> bool:
    return pids.began(process.pid) == process.began


def kill(find: Callable[[], tuple[Process, ...]], within_s: float = END_S) -> tuple[Process, ...]:
    """Kill all that `find` returns, now and again until it finds nothing; return what was killed.

    Everything is stopped before anything is killed, so that no process sees
    another one die: a machine that loses its power has no last words. Keepers
    go last, since they inherit what was forked in between.

    Raises: RefusedError: something outlives SIGKILL.
    """
    killed: dict[int, Process] = {}
    deadline = time.monotonic() + within_s
    while living := find():
        now = [item for item in living if item.role != KEEPER] or list(living)
        send(now, signal.SIGSTOP)
        send(now, signal.SIGKILL)
        killed |= {item.pid: item for item in now}
        if not _ended(now, deadline - time.monotonic()):
            numbers = ", ".join(str(item.pid) for item in now)
            raise RefusedError("failed", f"processes {numbers} do not end: the kernel holds them")
    return tuple(killed.values())


def _ended(processes: Iterable[Process], within_s: float) -> bool:
    """Wait for their ends; return whether all came in time."""
    deadline = time.monotonic() + within_s
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            if not _is_still(process):
                continue
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return False
            _reap(process.pid)
        finally:
            os.close(descriptor)
    return True


def _reap(pid: int) -> None:
    """Take note of the end of a child of this very process, which nobody else can."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
