"""`had`: puts a node together and keeps it running until it is asked to end.

Owns: the composition, the exit codes, and what must hold before anything is
sent: one daemon per root, a key ring only its owner can read, a sound store.
"""

import argparse
import asyncio
import ctypes
import fcntl
import json
import logging
import logging.handlers
import os
import random
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from ha_core.errors import ConfigError, HaError, StoreError
from ha_core.events import ResourceDied
from ha_core.keyring import KeyRing, parse_ring
from ha_core.layout import Layout
from ha_core.node import Node
from ha_core.runtime.admission import Door
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.control import ControlServer
from ha_core.runtime.disk import Store
from ha_core.runtime.guardian import Guardian
from ha_core.runtime.loop import Loop
from ha_core.runtime.nodefile import NodeFile, read_node_file
from ha_core.runtime.operations import Operations
from ha_core.runtime.transport import Transport
from ha_core.wire import Codec

EXIT_OK: Final = 0
EXIT_CONFIG: Final = 5
EXIT_STORE: Final = 6
EXIT_RUNNING: Final = 7
EXIT_OPTIMISED: Final = 8
EXIT_CODES: Final = {
    EXIT_OK: "ended as asked",
    EXIT_CONFIG: "node file, key ring or configuration is not acceptable",
    EXIT_STORE: "the database cannot be read or written",
    EXIT_RUNNING: "another daemon runs on this root",
    EXIT_OPTIMISED: "started under python -O, which removes safety checks",
}
DRAIN_S: Final = 60.0
"""How long stopping everything may take before the daemon ends all the same."""
LOG_BYTES: Final = 4 * 1024 * 1024
_MCL_CURRENT_FUTURE: Final = 3

log = logging.getLogger("had")


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Daemon:
    """One node of a cluster, running."""

    def __init__(self, layout: Layout, node_file: NodeFile, ring: KeyRing, store: Store) -> None:
        self._layout = layout
        self._store = store
        self._seeds = node_file.seeds
        recovered = store.recover()
        self._node = Node(node_file.name, recovered, random.SystemRandom(), monotonic_ms())
        self._loop = Loop(self._node, store)
        codec = Codec(node_file.name, recovered.generation, ring)
        self._transport = Transport(codec, self._loop.post)
        self._transport.door = Door(
            layout.invitations,
            layout.keyring_file.read_text,
            self._loop.command,
            lambda: self._node.configuration,
        )
        self._guardian = Guardian(layout)
        self._operations = Operations(
            layout,
            self._guardian,
            self._loop.operation_done,
            self._died,
            node=node_file.name,
        )
        self._loop.transport = self._transport
        self._loop.operations = self._operations
        self._loop.guardian = self._guardian
        self._control = ControlServer(layout.control_socket, self._loop, product=_product())

    async def run(self) -> int:
        """Run until stopped; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        await self._guardian.start()
        known = self._node.configuration
        await self._transport.configure(known if known.nodes else self._seeds)
        await self._control.start()
        self._loop.start()
        _tell_service_manager("READY=1")
        log.info("node %s runs, generation %d", self._node.name, self._node.generation)
        await self._loop.ended.wait()
        _tell_service_manager("STOPPING=1")
        await self._control.stop()
        await self._operations.close()
        await self._guardian.close()
        await self._transport.close()
        await self._loop.close()
        self._store.close()
        return EXIT_STORE if self._loop.failure is not None else EXIT_OK

    def _died(self, event: ResourceDied) -> None:
        self._loop.post(event)

    def _ask_to_stop(self) -> None:
        log.info("asked to stop: draining")
        self._loop.ask_to_stop()
        asyncio.get_running_loop().call_later(DRAIN_S, self._loop.ended.set)


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


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon; the exit codes are those of `EXIT_CODES`."""
    options = _parser().parse_args(arguments)
    if not __debug__:
        sys.stderr.write("had: python -O removes safety checks: start it without -O\n")
        return EXIT_OPTIMISED
    layout = Layout(options.root)
    os.umask(0o077)
    for directory in layout.directories():
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    _set_up_logging(layout, to_stderr=options.foreground)
    lock = _lock(layout.lock_file)
    if lock is None:
        sys.stderr.write(f"had: another daemon runs on {layout.lib}: stop it first\n")
        return EXIT_RUNNING
    _claim_priority()
    try:
        node_file = read_node_file(layout.node_file)
        ring = read_ring(layout.keyring_file)
        store = Store.open(layout.store)
        return asyncio.run(_run(layout, node_file, ring, store))
    except StoreError as fault:
        return _refuse(fault, EXIT_STORE)
    except HaError as fault:
        return _refuse(fault, EXIT_CONFIG)


async def _run(layout: Layout, node_file: NodeFile, ring: KeyRing, store: Store) -> int:
    return await Daemon(layout, node_file, ring, store).run()


def _refuse(fault: HaError, code: int) -> int:
    log.critical("%s", fault)
    sys.stderr.write(f"had: {fault}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    codes = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    parser = argparse.ArgumentParser(
        prog="had",
        description="The Beatkeeper daemon of one node.",
        epilog=f"Exit codes: {codes}.",
    )
    parser.add_argument("--root", type=Path, help="directory of the node's etc, lib and run")
    parser.add_argument("--foreground", action="store_true", help="log to standard error too")
    return parser


def _set_up_logging(layout: Layout, *, to_stderr: bool) -> None:
    to_file = logging.handlers.RotatingFileHandler(
        layout.lib / "had.log", maxBytes=LOG_BYTES, backupCount=2
    )
    handlers: list[logging.Handler] = [to_file]
    if to_stderr:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)


def _lock(path: Path) -> int | None:
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


def _claim_priority() -> None:
    """Ask for real-time scheduling and locked memory; carry on without, and say so."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError as fault:
        log.info("no real-time priority (%s)", fault.strerror)
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_FUTURE):
        log.info("memory is not locked (%s)", os.strerror(ctypes.get_errno()))


def _tell_service_manager(state: str) -> None:
    """Speak systemd's readiness protocol. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())


def _product() -> str:
    from importlib.metadata import version

    return f"Beatkeeper {version('beatkeeper')}"


if __name__ == "__main__":
    sys.exit(main())
