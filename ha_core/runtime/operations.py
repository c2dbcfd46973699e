"""Carries out `RunOperation` and `CancelOperation`: one task for each operation, one answer each.

Owns: the operations under way, who carries each out, and that exactly one
`OperationDone` follows, whatever happens. Decides nothing: results go to the node.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from ha_core.agents import ocf
from ha_core.agents.metadata import Metadata
from ha_core.agents.output import OUTPUT_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from ha_core.config.model import AgentClass, Primitive
from ha_core.config.units import may_be_promoted
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError
from ha_core.events import LEASE_RAN_OUT, OperationDone, Promotion, ResourceDied
from ha_core.layout import Layout
from ha_core.runtime import process
from ha_core.runtime.agent_tools import AgentTools
from ha_core.runtime.gate import AddressGate
from ha_core.runtime.guardian import Guardian, boottime_ms
from ha_core.runtime.guardian_kin import LEFT
from ha_core.runtime.operations_address import Addresses
from ha_core.runtime.operations_agents import Directories, MissingError, describe, operate
from ha_core.runtime.operations_process import FaultError, Processes
from ha_core.runtime.tally import Tally
from ha_core.runtime.tasks import end_tasks
from ha_core.runtime.watched import Watched

_PLAIN_ACTIONS: Final = ("start", "stop", "monitor")
_MORE_ACTIONS: Final = (AgentClass.OCF, AgentClass.ADDRESS)
CANCELLED: Final = "the operation was cancelled"
_LEASE_REASONS: Final = (LEASE_RAN_OUT, "the lease ran out", "the lease was given up")

log = logging.getLogger(__name__)


class Operations:
    """Runs operations of every agent class; `done` and `died` are called on the event loop."""

    def __init__(
        self,
        layout: Layout,
        guardian: Guardian,
        done: Callable[[OperationDone], None],
        died: Callable[[ResourceDied], None],
        *,
        node: str = "",
        ocf_root: str = ocf.DEFAULT_ROOT,
        directories: Directories | None = None,
        gate: AddressGate | None = None,
    ) -> None:
        self._done = done
        self._died = died
        self._tools = AgentTools(layout.run.absolute())
        self._place = ocf.Place(
            ocf_root,
            str(layout.run.absolute() / "resource-agents"),
            node=node,
            tools=str(self._tools.programs),
            values=str(self._tools.values),
        )
        self._directories = directories or Directories()
        self._processes = Processes(guardian, layout.lib.absolute() / "log", node)
        self._addresses = Addresses(guardian, layout.run.absolute() / "addresses", gate)
        self.watched = Watched(guardian, layout.run.absolute() / "watched")
        """What only the machine's watchdog ends."""
        self.tally = Tally()
        """What operations came to, by resource."""
        self._tasks: dict[int, asyncio.Task[OperationDone]] = {}
        guardian.on_died = self._take_death
        guardian.leftovers = self._addresses.leftovers

    @property
    def scratch(self) -> str:
        """Directory of what agents keep for a while; marks them as this daemon's."""
        return self._place.scratch

    def sweep(self) -> None:
        """End what an earlier daemon of this node left at work when it was killed."""
        for pid in process.sweep(self._place.scratch):
            log.warning("process %d, an agent of this daemon's predecessor, was killed", pid)

    def announce_again(self) -> None:
        """Tell the neighbours once more of every address that is held here."""
        self._addresses.announce_again()

    def leftovers(self) -> tuple[bytes, ...]:
        """Return requests that remove addresses which an earlier daemon may have left."""
        return self._addresses.leftovers()

    def run(self, operation: RunOperation) -> None:
        """Begin an operation; `done` is called once, later."""
        task = asyncio.create_task(self._carried_out(operation))
        self._tasks[operation.operation_id] = task
        task.add_done_callback(partial(self._ended, operation, time.monotonic()))

    def cancel(self, operation_id: int) -> None:
        """Kill an operation; its `OperationDone` still comes. One that is over is left alone."""
        task = self._tasks.get(operation_id)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Kill whatever is under way, and wait until it is gone."""
        await end_tasks(*self._tasks.values())
        await self._addresses.close()

    async def describe(self, primitive: Primitive) -> Metadata:
        """Return what an OCF agent says of itself.

        Raises:
            MissingError, ConfigError, OSError: there is no such agent, or it answers nonsense.
        """
        return await describe(primitive, self._place.root)

    # --- one operation -------------------------------------------------------------------

    def _ended(
        self, operation: RunOperation, started: float, task: asyncio.Task[OperationDone]
    ) -> None:
        number = operation.operation_id
        del self._tasks[number]
        if task.cancelled():
            done = OperationDone(number, ocf.GENERIC, reason=CANCELLED)
        elif (bug := task.exception()) is not None:
            # The node must hear of it all the same, or the resource would be busy for ever.
            log.error("operation %d met a bug", number, exc_info=bug)
            done = OperationDone(number, ocf.GENERIC, reason=_short(f"internal error: {bug!r}"))
        else:
            done = task.result()
        duration_ms = round((time.monotonic() - started) * 1000)
        done = replace(done, duration_ms=duration_ms)
        if not task.cancelled():
            self.tally.count(operation, done)
        self._done(done)

    async def _carried_out(self, operation: RunOperation) -> OperationDone:
        """Carry it out, and turn every failure that can be expected into its exit code."""
        number = operation.operation_id
        if operation.not_after_ms is not None and boottime_ms() >= operation.not_after_ms:
            return OperationDone(number, ocf.GENERIC, reason=LEASE_RAN_OUT)
        try:
            return await self._by_class(operation)
        except FaultError as fault:
            return await self._failed(operation, fault)
        except MissingError as error:
            return OperationDone(number, ocf.NOT_INSTALLED, reason=_short(str(error)))
        except ConfigError as error:
            return OperationDone(number, ocf.NOT_CONFIGURED, reason=_short(str(error)))
        except FileNotFoundError as error:
            reason = f"agent {operation.primitive.agent} names an interpreter that is missing"
            return OperationDone(number, ocf.NOT_INSTALLED, reason=_short(f"{reason}: {error}"))
        except PermissionError as error:
            return OperationDone(number, ocf.PERMISSION, reason=_short(str(error)))
        except OSError as error:
            reason = _short(f"agent {operation.primitive.agent} cannot be run: {error}")
            return OperationDone(number, ocf.GENERIC, reason=reason)

    async def _by_class(self, operation: RunOperation) -> OperationDone:
        agent_class = operation.primitive.agent.agent_class
        if agent_class not in _MORE_ACTIONS and operation.action not in _PLAIN_ACTIONS:
            reason = f"agents of class {agent_class} have no action {operation.action}"
            return OperationDone(operation.operation_id, ocf.UNIMPLEMENTED, reason=reason)
        match agent_class:
            case AgentClass.PROCESS:
                return await self._processes.operate(operation)
            case AgentClass.ADDRESS:
                return await self._addresses.operate(operation)
            case _:
                self._tools.install()
                deed = partial(operate, operation, self._place, self._directories)
                done = await self.watched.operate(operation, deed)
                return self._with_promotion(operation.primitive, done)

    def _with_promotion(self, primitive: Primitive, done: OperationDone) -> OperationDone:
        if not may_be_promoted(primitive):
            return done
        score = self._tools.promotion_score(primitive.id)
        return replace(done, promotion=Promotion(score))

    async def _failed(self, operation: RunOperation, fault: FaultError) -> OperationDone:
        reason = str(fault)
        is_lease = reason.partition(";")[0] in _LEASE_REASONS and LEFT not in reason
        if operation.action == "start" and is_lease:
            return OperationDone(operation.operation_id, ocf.GENERIC, reason=LEASE_RAN_OUT)
        output = ""
        if operation.primitive.agent.agent_class is AgentClass.PROCESS:
            output = await self._processes.newest_output(operation.primitive.id)
        return OperationDone(
            operation.operation_id,
            fault.exit_code,
            fault.timed_out,
            _short(reason),
            output[-OUTPUT_CHARACTERS_MAX:],
        )

    def _take_death(self, resource: str, reason: str) -> None:
        self._addresses.ended(resource, reason)
        if not self._processes.died(resource, reason):
            self.tally.died(resource)
            words = self._processes.last_words(resource)
            has_left = reason.endswith(LEFT)
            with_lease = reason.startswith(_LEASE_REASONS) and not has_left
            self._died(ResourceDied(resource, _short(reason + words), with_lease, has_left))


def _short(reason: str) -> str:
    return reason[:REASON_CHARACTERS_MAX]
