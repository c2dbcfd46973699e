"""The witness: one small process that is a voter of many clusters and runs nothing.

Owns: the directory of clusters (each a node's root of its own), the process, its
log and its exit codes. A cluster is added by its files and a SIGHUP; what fails
in one cluster ends that cluster's node alone.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from ha_core.layout import Layout
from ha_core.runtime.logs import logging_to
from ha_core.runtime.service import lock, make_directory, tell_service_manager
from ha_core.runtime.witness_member import AGAIN_S, CLUSTER, Member

CLUSTERS_MAX: Final = 64
"""Clusters of one witness: each costs about a megabyte and a small part of a core."""
PART_S: Final = 10.0
"""How long goodbyes may take at the end; clusters without a coordinator take none."""
EXIT_OK: Final = 0
EXIT_CONFIG: Final = 5
EXIT_RUNNING: Final = 7

log = logging.getLogger("witness")


def directory_of(root: Path | None) -> Path:
    """Return where a witness keeps its clusters."""
    return Layout(root).lib / "witness"


def lock_file(directory: Path) -> Path:
    """Return what is locked while a witness runs on this directory."""
    return directory / "witness.lock"


def layouts(directory: Path) -> dict[str, Layout]:
    """Return the clusters that are there, by their names, sorted."""
    files = sorted(directory.glob("*/etc/node.yaml"))
    return {path.parents[1].name: Layout(path.parents[1]) for path in files}


class Witness:
    """All clusters of one process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._members: dict[str, Member] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_ending = False
        self._ended = asyncio.Event()

    async def run(self) -> int:
        """Vote until asked to end; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._look_again)
        self._look()
        gc.collect()
        gc.freeze()
        tell_service_manager("READY=1")
        log.info("the witness runs, with %d clusters", len(self._members))
        await self._ended.wait()
        tell_service_manager("STOPPING=1")
        return EXIT_OK

    def _look_again(self) -> None:
        for member in self._members.values():
            member.read_ring_again()
        self._look()

    def _look(self) -> None:
        """Begin with clusters that are new, and leave those that are gone."""
        there = layouts(self._directory)
        for label in sorted(set(self._members) - set(there)):
            self._members[label].leave()
        for label, layout in there.items():
            if label in self._members:
                continue
            if len(self._members) >= CLUSTERS_MAX:
                log.error("%s: a witness serves %d clusters at most", label, CLUSTERS_MAX)
                continue
            self._begin(label, layout)

    def _begin(self, label: str, layout: Layout) -> None:
        member = Member(label, layout)
        task = asyncio.get_running_loop().create_task(member.run())
        self._members[label], self._tasks[label] = member, task
        task.add_done_callback(lambda done: self._gone(label, done))

    def _gone(self, label: str, task: asyncio.Task[None]) -> None:
        del self._members[label], self._tasks[label]
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("%s: a bug ended it", label, exc_info=fault)
        if self._is_ending:
            if not self._tasks:
                self._ended.set()
        elif fault is not None:
            asyncio.get_running_loop().call_later(AGAIN_S, self._look)
        else:
            self._look()  # it may have been added again meanwhile

    def _end(self) -> None:
        if self._is_ending:
            return
        self._is_ending = True
        for member in self._members.values():
            member.leave()
        asyncio.get_running_loop().call_later(PART_S, self._ended.set)
        if not self._tasks:
            self._ended.set()


def run(directory: Path, *, to_stderr: bool) -> int:
    """Run the witness of this directory until it is asked to end; return the exit code."""
    with contextlib.ExitStack() as held:
        try:
            make_directory(directory)
            os.umask(0o077)
            if lock(lock_file(directory)) is None:
                sys.stderr.write(f"ha: a witness runs on {directory} already: stop it first\n")
                return EXIT_RUNNING
            held.enter_context(logging_to(directory / "witness.log", to_stderr=to_stderr))
        except OSError as fault:
            cure = "run as root, make room, or name another directory with --root"
            where = fault.filename or directory
            sys.stderr.write(f"ha: {where} cannot be used ({fault.strerror}): {cure}\n")
            return EXIT_CONFIG
        _name_clusters_in_the_log()
        return asyncio.run(_serve(directory))


def main(arguments: list[str] | None = None) -> int:
    """Run the witness in the background of 'ha witness add', or under 'ha witness run'."""
    parser = argparse.ArgumentParser(prog="ha witness run", description="Votes of many clusters.")
    parser.add_argument("--root", type=Path, help="directory below which its files lie")
    parser.add_argument("--foreground", action="store_true", help="log to standard error too")
    note = "by 'ha witness add', whose process ends with the last cluster"
    parser.add_argument("--while-needed", action="store_true", help=note)
    options = parser.parse_args(arguments)
    return run(directory_of(options.root), to_stderr=options.foreground)


async def _serve(directory: Path) -> int:
    return await Witness(directory).run()


def _name_clusters_in_the_log() -> None:
    """Begin each line with the cluster whose work made it."""
    make = logging.getLogRecordFactory()

    def named(*arguments: object, **more: object) -> logging.LogRecord:
        record = make(*arguments, **more)
        if label := CLUSTER.get():
            record.msg = f"{label}: {record.msg}"
        return record

    logging.setLogRecordFactory(named)


if __name__ == "__main__":
    sys.exit(main())
