"""Measures this machine and the processes of resources.

Owns: what is read from the kernel (psutil). Blocks for some milliseconds: called in a thread.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from ha_core.figures import NodeFigures, ResourceFigures

MACHINE_ID: Final = Path("/etc/machine-id")
_ID_CHARACTERS: Final = 64


class Meter:
    """Measures for one daemon; keeps what the next measurement is compared with."""

    def __init__(self) -> None:
        self._cpu: tuple[float, float] | None = None
        """Busy and total seconds of all processors at the last measurement."""
        self._self = psutil.Process()
        self._machine_id = _machine_id()

    def node(self, base: NodeFigures) -> NodeFigures:
        """Return the figures with what this machine says now."""
        memory = psutil.virtual_memory()
        own = self._self.cpu_times()
        return replace(
            base,
            at_wall_ms=int(time.time() * 1000),
            machine_id=self._machine_id,
            boot_wall_ms=int(psutil.boot_time()) * 1000,
            cpus=os.cpu_count() or 0,
            load_milli=_milli(psutil.getloadavg()),
            cpu_permille=self._busy_permille(),
            memory_bytes=memory.total,
            memory_available_bytes=memory.available,
            daemon_cpu_ms=round((own.user + own.system) * 1000),
            daemon_memory_bytes=self._self.memory_info().rss,
        )

    def _busy_permille(self) -> int:
        times = psutil.cpu_times()
        total, idle = sum(times), times.idle + getattr(times, "iowait", 0.0)
        before, self._cpu = self._cpu, (total - idle, total)
        if before is None or total <= before[1]:
            return -1
        share = (total - idle - before[0]) / (total - before[1])
        return max(0, min(1000, round(1000 * share)))


def _milli(load: Iterable[float]) -> tuple[int, int, int]:
    one, five, fifteen = (round(value * 1000) for value in load)
    return one, five, fifteen


def _machine_id() -> str:
    try:
        return MACHINE_ID.read_text(encoding="ascii").strip()[:_ID_CHARACTERS]
    except (OSError, UnicodeDecodeError):
        return ""


def with_processes(
    figures: Mapping[str, ResourceFigures], pids: Mapping[str, int]
) -> tuple[ResourceFigures, ...]:
    """Return the figures with what the processes of resources use, found in one look at all."""
    usage = _usage(set(pids.values())) if pids else {}
    found = dict(figures)
    for resource, pid in pids.items():
        if pid in usage:
            count, cpu_ms, memory = usage[pid]
            known = found.get(resource, ResourceFigures(resource))
            found[resource] = replace(
                known, process_id=pid, processes=count, cpu_ms=cpu_ms, memory_bytes=memory
            )
    return tuple(found[name] for name in sorted(found))


def _usage(roots: set[int]) -> dict[int, tuple[int, int, int]]:
    """Return count, processor time and memory of each of these processes with its descendants."""
    parents: dict[int, int] = {}
    used: dict[int, tuple[int, int]] = {}
    for process in psutil.process_iter(["pid", "ppid", "cpu_times", "memory_info"]):
        info = process.info
        times, memory = info["cpu_times"], info["memory_info"]
        if times is None or memory is None:
            continue
        parents[info["pid"]] = info["ppid"] or 0
        used[info["pid"]] = (round((times.user + times.system) * 1000), memory.rss)
    found: dict[int, tuple[int, int, int]] = {}
    for pid, (cpu_ms, rss) in used.items():
        ancestor, seen = pid, set[int]()
        while ancestor not in roots and ancestor in parents and ancestor not in seen:
            seen.add(ancestor)
            ancestor = parents[ancestor]
        if ancestor in roots:
            count, cpu, memory_bytes = found.get(ancestor, (0, 0, 0))
            found[ancestor] = (count + 1, cpu + cpu_ms, memory_bytes + rss)
    return found
