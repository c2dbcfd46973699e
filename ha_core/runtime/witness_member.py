"""One cluster of a witness: a whole node, without resources, guardian or agents.

Owns: the life of that node below its own directory: it is opened, it runs, and
if its disk ends it, it is tried again later. It shares nothing with the other
clusters of the process but the event loop: its store has a thread of its own
and its port sockets of its own, so that one cluster's hung disk or flood does
not stop the votes of another.
"""

import asyncio
import contextlib
import logging
import random
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from ha_core.agents import ocf
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError, HaError
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.layout import Layout
from ha_core.node import Node
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.control import ControlServer
from ha_core.runtime.disk import Store
from ha_core.runtime.home import keep_home, require_home
from ha_core.runtime.loop import Loop
from ha_core.runtime.nodefile import read_node_file
from ha_core.runtime.service import make_directory, newest_places, product, read_ring
from ha_core.runtime.transport import Transport
from ha_core.wire import Codec

AGAIN_S: Final = 30.0
"""A cluster whose store, keys or node failed is tried again after so long."""
EVENTS_AT_HAND: Final = 100
"""Newest events of each cluster in memory; older ones are read from its store."""
NO_RESOURCES: Final = "this is a witness and can run no resources: give the node 'witness: true'"

CLUSTER: ContextVar[str] = ContextVar("CLUSTER", default="")
"""Name of the cluster whose work is being done, for the log."""

log = logging.getLogger("witness")


def fault_file(layout: Layout) -> Path:
    """Return where a cluster's fault stands while its node does not run."""
    return layout.run / "fault"


class Member:
    """One cluster that this witness votes in; `run` goes on until `leave`."""

    def __init__(self, label: str, layout: Layout) -> None:
        self.label = label
        self._layout = layout
        self._ending = asyncio.Event()
        self._loop: Loop | None = None
        self._codec: Codec | None = None

    def leave(self) -> None:
        """Say goodbye to the cluster and end."""
        self._ending.set()
        if self._loop is not None:
            self._loop.ask_to_stop()

    def read_ring_again(self) -> None:
        """Take up a rotated key ring; a faulty one changes nothing."""
        if self._codec is None:
            return
        try:
            ring = read_ring(self._layout.keyring_file)
            require_home(self._layout)  # keys of another cluster are none of ours
            self._codec.ring = ring
        except ConfigError as fault:
            log.error("%s: the old key ring stays in use: %s", self.label, fault)

    async def run(self) -> None:
        """Keep the node of this cluster running until it is told to leave."""
        CLUSTER.set(self.label)
        told = ""
        while not self._ending.is_set():
            try:
                await self._live()
                fault = "its node has ended"
            except (HaError, OSError) as failed:
                fault = str(failed)
            if self._ending.is_set():
                break
            if fault != told:
                log.error("does not vote, and is tried again every %g s: %s", AGAIN_S, fault)
                told = fault
            with contextlib.suppress(OSError):  # its disk may be what is broken: the log has it
                fault_file(self._layout).write_text(fault, encoding="utf-8")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), AGAIN_S)

    async def _live(self) -> None:
        layout = self._layout
        for directory in layout.directories():
            make_directory(directory)
        node_file = read_node_file(layout.node_file)
        ring = read_ring(layout.keyring_file)
        require_home(layout)
        store = await asyncio.to_thread(Store.open, layout.store, node_file.after_start)
        with contextlib.closing(store):
            keep_home(layout)
            recovered = await asyncio.to_thread(store.recover)
            node = Node(node_file.name, recovered, random.SystemRandom(), monotonic_ms())
            codec = Codec(node_file.name, recovered.generation, ring)
            loop = Loop(node, store, events_at_hand=EVENTS_AT_HAND)
            transport = Transport(codec, loop.post)
            loop.transport, loop.guardian = transport, _Nothing()
            loop.operations = _NoOperations(loop)
            control = ControlServer(layout.control_socket, loop, product=product())
            self._loop, self._codec = loop, codec
            fault_file(layout).unlink(missing_ok=True)
            try:
                await transport.configure(newest_places(recovered, node_file))
                await control.start()
                loop.start()
                log.info("votes as %s, start %d", node.name, node.generation)
                if self._ending.is_set():
                    loop.ask_to_stop()
                await loop.ended.wait()
            finally:
                self._loop = self._codec = None
                await control.stop()
                await transport.close()
                await loop.close()
        if loop.failure is not None:
            raise loop.failure


class _Nothing:
    """There is nothing here that a lease could end."""

    def hold(self, until_ms: Millis) -> None:
        pass


class _NoOperations:
    """Answers orders that a wrong configuration gives a witness."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def run(self, operation: RunOperation) -> None:
        codes = {"start": ocf.NOT_INSTALLED, "stop": ocf.SUCCESS}
        code = codes.get(operation.action, ocf.NOT_RUNNING)
        done = OperationDone(operation.operation_id, code, reason=NO_RESOURCES)
        asyncio.get_running_loop().call_soon(self._loop.operation_done, done)

    def cancel(self, operation_id: int) -> None:
        pass
