"""`had`: puts a node together and keeps it running until it is asked to end.

Owns: the composition, the exit codes, and what must hold before anything is
sent: one daemon per root, a key ring only its owner can read, a sound store.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import grp
import logging
import os
import pwd
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ha_core.errors import ConfigError, HaError, StoreError
from ha_core.events import Declared, Event, Noticed, ResourceDied
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName
from ha_core.keyring import KeyRing
from ha_core.layout import Layout
from ha_core.node import Node
from ha_core.runtime.admission import Door
from ha_core.runtime.agents_installed import Agents
from ha_core.runtime.authority import Authority
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.control import Access, ControlServer
from ha_core.runtime.disk import Store
from ha_core.runtime.errands import Errands, is_of_systemd
from ha_core.runtime.figures import FiguresDesk
from ha_core.runtime.gate import Keepers, gate_of
from ha_core.runtime.guardian import Guardian, GuardianError
from ha_core.runtime.home import keep_home, require_home
from ha_core.runtime.logs import logging_to
from ha_core.runtime.loop import Loop
from ha_core.runtime.measured import Measured
from ha_core.runtime.nodefile import NodeFile, read_node_file
from ha_core.runtime.operations import Operations
from ha_core.runtime.operations_fence import FenceAgents
from ha_core.runtime.ping import Pinger
from ha_core.runtime.service import (
    lock,
    make_directory,
    newest_places,
    product,
    read_ring,
    tell_service_manager,
)
from ha_core.runtime.transport import Transport
from ha_core.wire import Codec

EXIT_OK: Final = 0
EXIT_CONFIG: Final = 5
EXIT_STORE: Final = 6
EXIT_RUNNING: Final = 7
EXIT_OPTIMISED: Final = 8
EXIT_FAILED: Final = 9
EXIT_AGAIN: Final = 10
EXIT_CODES: Final = {
    EXIT_OK: "ended as asked",
    EXIT_CONFIG: "node file, key ring, directories or sockets are not as they must be",
    EXIT_STORE: "the database cannot be read or written",
    EXIT_RUNNING: "another daemon runs on this root",
    EXIT_OPTIMISED: "started under python -O, which removes safety checks",
    EXIT_FAILED: "a bug, or the guardian cannot be started; the log says which",
    EXIT_AGAIN: "ended as asked, to be started again by systemd",
}
DRAIN_S: Final = 60.0
"""How long stopping everything may take before the daemon ends all the same."""
FILES_MIN: Final = 8192
"""Open files that daemon and guardian (three for each process it holds) may need."""
CONNECTED: Final = "connected"
ISOLATED: Final = "isolated"
LAB_LINKS: Final = (CONNECTED, ISOLATED)
_MCL_CURRENT_FUTURE_ONFAULT: Final = 1 | 2 | 4  # mlockall(2)

log = logging.getLogger("had")


class Daemon:
    """One node of a cluster, running."""

    def __init__(
        self, layout: Layout, node_file: NodeFile, ring: KeyRing, store: Store, access: Access
    ) -> None:
        self._layout = layout
        self._store = store
        recovered = store.recover()
        self._places = newest_places(recovered, node_file)
        self._watchdog = node_file.watchdog
        self._broken: HaError | None = None
        self._is_wanted_again = False
        self._cutting: set[asyncio.Task[None]] = set()
        self._node = Node(node_file.name, recovered, random.SystemRandom(), monotonic_ms())
        self._loop = Loop(self._node, store)
        self._codec = Codec(node_file.name, recovered.generation, ring)
        self._transport = Transport(self._codec, self._deliver)
        self._guardian = Guardian(layout)
        self._gate = gate_of(layout.run, node_file.name)
        self._operations = Operations(
            layout,
            self._guardian,
            self._loop.operation_done,
            self._died,
            node=node_file.name,
            gate=self._gate,
        )
        self._pinger = Pinger(self._loop.post)
        self._fence_agents = FenceAgents(self._operations.scratch, self._loop.post)
        self._agents = Agents()
        self._figures = self._make_figures(recovered.generation)
        self._control = self._make_control(access)
        self._connect()

    def _make_figures(self, generation: Generation) -> FiguresDesk:
        name = self._node.name
        sources = (self._transport, self._operations, self._guardian, self._node)
        return FiguresDesk(
            name,
            Measured(name, generation, *sources, self._agents.names).figures,
            self._transport.send,
            lambda: (node.name for node in self._node.configuration.nodes),
        )

    def _make_control(self, access: Access) -> ControlServer:
        return ControlServer(
            self._layout.control_socket,
            self._loop,
            access=access,
            product=product(),
            sign=Authority(self._layout.keyring_file).sign,
            figures=self._figures.figures,
            describe=self._agents.describe,
            errands=self._errands(),
            cluster=self._codec.ring.cluster_id.hex(),
        )

    def _connect(self) -> None:
        """Tell the parts of those that were made after them."""
        self._transport.door = Door(
            self._layout.invitations,
            self._layout.keyring_file.read_text,
            self._loop.command,
            lambda: self._node.configuration,
            self._newest_start,
        )
        self._gate.on_lost = self._loop.fail
        self._gate.on_restored = self._gate_was_restored
        self._guardian.on_broken = self._watchdog_broke
        self._guardian.on_paused = self._guardian_paused
        self._guardian.on_ended = self._guardian_ended
        self._loop.transport = self._transport
        self._loop.pinger = self._pinger
        self._loop.operations = self._operations
        self._loop.on_link_up = self._operations.announce_again
        self._loop.fence_agents = self._fence_agents
        self._loop.guardian = Keepers((self._gate, self._guardian))

    def _newest_start(self, node: NodeName) -> Generation:
        verdict = self._node.replication.verdict_on(node)
        return verdict.generation if verdict is not None else 0

    def _errands(self) -> Errands:
        return Errands(
            self._layout.invitations,
            self._loop.snapshot,
            self._end_as_asked,
            is_supervised=is_of_systemd(os.environ, os.getpid()),
        )

    async def run(self, lab: str = "") -> int:
        """Run until stopped; return the exit code. Raises HaError if it cannot begin.

        `lab` is one of `LAB_LINKS` where signals may cut the links: whoever may send them may
        end this process as well.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._read_ring_again)
        if lab:
            loop.add_signal_handler(signal.SIGUSR1, self._isolate, True)
            loop.add_signal_handler(signal.SIGUSR2, self._isolate, False)
            self._pinger.is_isolated = lab == ISOLATED
            await self._transport.isolate(self._pinger.is_isolated)
        try:
            await self._begin()
            await self._loop.ended.wait()
            tell_service_manager("STOPPING=1")
        finally:
            await self._end()
        return self._exit_code()

    async def _begin(self) -> None:
        await self._guardian.start()
        await self._gate.start(self._operations.leftovers())
        self._operations.sweep()
        await self._transport.configure(self._places)
        self._pinger.configure(self._node.configuration)
        await self._control.start()
        watched = await self._operations.watched.use(self._watchdog, str(self._layout.node_file))
        self._loop.post(Declared(Gates(self._gate.available, self._gate.reason, *watched)))
        self._loop.start()
        # What is there now stays: the collector need not look at it, nor stop the node for it.
        gc.collect()
        gc.freeze()
        tell_service_manager("READY=1")
        log.info("node %s runs, generation %d", self._node.name, self._node.generation)

    async def _end(self) -> None:
        await self._control.stop()
        await self._figures.close()
        await self._operations.close()
        await self._fence_agents.close()
        await self._guardian.close()
        await self._gate.close()
        await self._pinger.close()
        await self._transport.close()
        await self._loop.close()
        self._store.close()

    def _exit_code(self) -> int:
        fault = self._loop.failure or self._broken
        if fault is None:
            return EXIT_AGAIN if self._is_wanted_again else EXIT_OK
        sys.stderr.write(f"had: {fault}\n")
        return EXIT_STORE if isinstance(fault, StoreError) else EXIT_FAILED

    def _gate_was_restored(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._loop.post(Noticed("gate-restored", sentence))

    def _deliver(self, event: Event) -> None:
        self._figures.take(event)
        self._loop.post(event)

    def _died(self, event: ResourceDied) -> None:
        self._loop.post(event)

    def _watchdog_broke(self, text: str) -> None:
        """Others count on it: what it guards must go from here, in order, and so must we."""
        if self._broken is None:
            self._broken = HaError(text)
            log.critical("%s: this node moves its resources away and ends", text)
            why = "this node has told the cluster that its watchdog ends them"
            self._loop.post(Noticed("watchdog-broken", f"{text}: all moves away from here", why))
            self._ask_to_stop()

    def _guardian_paused(self, paused_ms: Millis, late_ms: Millis) -> None:
        text = f"the guardian on {self._node.name} did not run for {paused_ms} ms"
        if late_ms:
            text += f": what it held outlived the lease by up to {late_ms} ms"
        why = "it was stopped, or this machine was too busy or asleep"
        self._loop.post(Noticed("guardian-paused", text, why))

    def _guardian_ended(self, pid: int, why: str) -> None:
        text = f"the guardian of {self._node.name} (process {pid}) has ended; another one starts"
        log.error("%s: %s", text, why)
        self._loop.post(Noticed("guardian-ended", text, why))

    def _end_as_asked(self, again: bool) -> None:
        self._is_wanted_again = again
        self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        log.info("asked to stop: draining")
        self._loop.ask_to_stop()
        asyncio.get_running_loop().call_later(DRAIN_S, self._loop.ended.set)

    def _isolate(self, is_isolated: bool) -> None:
        """Pull every cable out of this node of a lab, or plug them in."""
        log.warning("the lab %s the links", "cuts" if is_isolated else "restores")
        self._pinger.is_isolated = is_isolated
        task = asyncio.get_running_loop().create_task(self._transport.isolate(is_isolated))
        self._cutting.add(task)
        task.add_done_callback(self._cutting.discard)

    def _read_ring_again(self) -> None:
        """A rotated key ring is taken up without a restart; a faulty one changes nothing."""
        try:
            ring = read_ring(self._layout.keyring_file)
            require_home(self._layout)  # keys of another cluster are none of ours
            self._codec.ring = ring
            log.info("the key ring was read again: key %d seals", self._codec.ring.active)
        except ConfigError as fault:
            log.error("the old key ring stays in use: %s", fault)


def access_of(groups: list[str], delegates: list[str]) -> Access:
    """Return who may use the control socket. Raises ConfigError for a name that does not exist."""
    return Access(
        delegates=frozenset(
            _number("--delegate", name, lambda user: pwd.getpwnam(user).pw_uid)
            for name in delegates
        ),
        groups=frozenset(
            _number("--group", name, lambda group: grp.getgrnam(group).gr_gid) for name in groups
        ),
    )


def _number(option: str, name: str, find: Callable[[str], int]) -> int:
    try:
        return find(name)
    except KeyError:
        cure = "make it, or leave the option out"
        raise ConfigError(f"{option} '{name}' does not exist on this machine: {cure}") from None


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon; the exit codes are those of `EXIT_CODES`."""
    options = _parser().parse_args(arguments)
    if not __debug__:
        sys.stderr.write("had: python -O removes safety checks: start it without -O\n")
        return EXIT_OPTIMISED
    layout = Layout(options.root)
    with contextlib.ExitStack() as held:
        try:
            for directory in layout.directories():
                make_directory(directory)
            os.umask(0o077)  # only now: others must reach the control socket
            if lock(layout.lock_file) is None:
                sys.stderr.write(f"had: another daemon runs on {layout.lib}: stop it first\n")
                return EXIT_RUNNING
            log_file = layout.lib / "had.log"
            held.enter_context(logging_to(log_file, to_stderr=options.foreground))
        except OSError as fault:
            cure = "run as root, make room, or name another directory with --root"
            where = fault.filename or layout.lib
            sys.stderr.write(f"had: {where} cannot be used ({fault.strerror}): {cure}\n")
            return EXIT_CONFIG
        return _serve(layout, options)


def _serve(layout: Layout, options: argparse.Namespace) -> int:
    _claim_priority()
    try:
        access = access_of(options.group, options.delegate)
        node_file = read_node_file(layout.node_file)
        ring = read_ring(layout.keyring_file)
        require_home(layout)
        store = Store.open(layout.store, node_file.after_start)
        keep_home(layout)
        return asyncio.run(_run(layout, node_file, ring, store, access, options.lab))
    except StoreError as fault:
        return _refuse(fault, EXIT_STORE)
    except GuardianError as fault:
        return _refuse(fault, EXIT_FAILED)
    except HaError as fault:
        return _refuse(fault, EXIT_CONFIG)


async def _run(
    layout: Layout, node_file: NodeFile, ring: KeyRing, store: Store, access: Access, lab: str
) -> int:
    return await Daemon(layout, node_file, ring, store, access).run(lab)


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
    parser.add_argument(
        "--lab",
        choices=LAB_LINKS,
        default="",
        help="for 'ha lab' alone: begin with these links; SIGUSR1 cuts and SIGUSR2 restores them",
    )
    for option, meaning in (
        ("--group", "a group whose members may use the control socket, each in its own name"),
        ("--delegate", "a user who may give commands in the name of others, as ha-cimd's does"),
    ):
        parser.add_argument(
            option, action="append", default=[], metavar="NAME", help=f"{meaning}; may be repeated"
        )
    return parser


def _claim_priority() -> None:
    """Ask for real-time scheduling and memory that stays; carry on without, and say so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if FILES_MIN > soft != resource.RLIM_INFINITY:
        wanted = FILES_MIN if hard == resource.RLIM_INFINITY else min(FILES_MIN, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError as fault:
        log.info("no real-time priority (%s)", fault.strerror)
    # Only what was touched: whole libraries and stacks would be 20 MB more. An ordinary user's
    # small limit would make later allocations fail.
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).mlockall(
        _MCL_CURRENT_FUTURE_ONFAULT
    ):
        log.info("memory is not locked (%s)", os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    sys.exit(main())
