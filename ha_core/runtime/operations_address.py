"""Operations of class `address`: start, stop and monitor of a service address under the guardian.

Owns: the order of steps: look, ask the neighbours, note, gate, claim, announce. All but the last
two and the question can be done before a start: nothing answers for an address that is on no
interface, and nobody is told of it.
"""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ha_core.agents import address as agent, ocf
from ha_core.agents.address import AddressSpec
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.runtime import address
from ha_core.runtime.gate import AddressGate, GateError, Ungated
from ha_core.runtime.gate_announce import Announcer, Teller
from ha_core.runtime.guardian import LATE, Guardian
from ha_core.runtime.guardian_requests import Answer, Claim
from ha_core.runtime.operations_process import FaultError

SPARE_S: Final = 2
"""Without a gate the kernel removes an address so many seconds after the lease's end."""
GATED_SPARE_S: Final = 60
_IN_USE: Final = "EADDRINUSE"
_EXISTS: Final = "EEXIST"


@dataclass(slots=True)
class _Prepared:
    """An address whose start may come."""

    spec: AddressSpec
    seat: address.Seat
    interface: str
    is_done: bool = False


class Addresses:
    """Carries out operations of class `address`; `notes` is where removals are noted."""

    def __init__(self, guardian: Guardian, notes: Path, gate: AddressGate | None = None) -> None:
        self._guardian = guardian
        self._notes = address.Notes(notes)
        self._gate = gate or Ungated()
        self._teller = Teller()
        self._announcer = Announcer(self._gate.is_open, self._teller.tell)
        self._gate.on_opened = self._announcer.again
        self._uncovering: set[asyncio.Task[None]] = set()
        self._prepared: dict[str, _Prepared] = {}
        self._noted: set[str] = set()
        """Whose removal is to stay noted."""
        self._claiming: dict[str, str] = {}
        """Claims that are asked for, and why the guardian has let go of one again."""

    def leftovers(self) -> tuple[bytes, ...]:
        """Return what an earlier guardian may have left on interfaces."""
        return tuple(self._notes.all().values())

    def announce_again(self) -> None:
        """Tell the neighbours of everything that is held here: some may not have heard it."""
        self._announcer.again()

    def ended(self, resource: str, reason: str) -> None:
        """Take note that the guardian has let go of a resource of its own accord."""
        if resource in self._claiming:
            self._claiming[resource] = reason
        self._announcer.end(resource)
        self._uncover(resource)

    def _uncover(self, resource: str) -> None:
        task = asyncio.get_running_loop().create_task(self._leave(resource))
        self._uncovering.add(task)
        task.add_done_callback(self._uncovering.discard)

    async def _leave(self, resource: str) -> None:
        await self._gate.uncover(resource)
        if resource not in self._noted:
            self._notes.drop(resource)

    async def close(self) -> None:
        """End announcements that are under way."""
        await self._announcer.close()
        for resource in list(self._prepared):
            self._unprepare(resource)
        await asyncio.gather(*self._uncovering)
        await asyncio.to_thread(self._teller.close)

    async def operate(self, operation: RunOperation) -> OperationDone:
        """Carry out the operation.

        Raises:
            FaultError, ConfigError: it failed.
        """
        spec = agent.parse(operation.primitive)
        match operation.action, spec.is_claim:
            case "start", True:
                await self._claim(operation, spec)
            case "start", False:
                await self._seat(operation, spec)
            case "stop", _:
                await self._stop(operation, spec)
            case "prepare", False:
                await self._prepare(operation, spec)
            case "prepare", True:
                pass  # a claim is one step
            case "unprepare", _:
                self._unprepare(operation.primitive.id)
            case _:
                await self._monitor(operation, spec)
        return OperationDone(operation.operation_id, ocf.SUCCESS)

    async def _claim(self, operation: RunOperation, spec: AddressSpec) -> None:
        claim = Claim(
            operation.primitive.id, name=spec.claim_name, not_after_ms=operation.not_after_ms
        )
        answer = await self._claimed(claim, operation.timeout_ms)
        if answer.fault == _IN_USE:
            owner = await address.claim_owner(spec.claim_name)
            reason = f"address {spec.address} is already claimed on this machine by {owner}"
            raise FaultError(ocf.GENERIC, reason)
        _require(answer)

    async def _claimed(self, claim: Claim, timeout_ms: Millis) -> Answer:
        """Have it claimed. A daemon that stood still may read that, and at once that the lease has
        ended it: then nothing is held, and nobody may be told that it is here.
        """
        self._claiming[claim.resource] = ""
        try:
            answer = await self._guardian.claim(claim, timeout_ms)
        finally:
            ended = self._claiming.pop(claim.resource)
        if answer.fault or not ended:
            return answer
        await self._guardian.release(claim.resource, claim.remove, timeout_ms)
        return replace(answer, fault=ended)

    async def _seat(self, operation: RunOperation, spec: AddressSpec) -> None:
        resource = operation.primitive.id
        prepared = self._prepared.pop(resource, None)
        # What this cluster had until now is nobody else's, and is missed while we ask.
        if prepared and operation.handover and self._is_good(resource, prepared, spec):
            seat = prepared.seat
        else:
            seat = _found(spec)
            if not operation.handover:
                held = await self._guardian.check(resource, operation.timeout_ms)
                if held.held:
                    return
                await self._ask_outside(seat, spec)
            await self._cover(resource, seat)
        claim = Claim(
            resource,
            add=seat.add,
            remove=seat.remove,
            spare_s=GATED_SPARE_S if self._gate.available else SPARE_S,
            not_after_ms=operation.not_after_ms,
        )
        answer = await self._claimed(claim, operation.timeout_ms)
        if answer.fault == _EXISTS:
            reason = f"address {spec.address} is on {_link(seat)} already, put there by others"
            raise FaultError(ocf.GENERIC, reason)
        _require(answer)
        self._announcer.begin(resource, seat, spec.announcements)

    async def _cover(self, resource: str, seat: address.Seat) -> None:
        self._noted.add(resource)
        self._notes.write(resource, seat.remove)
        try:
            await self._gate.cover(resource, seat.place)
        except GateError as error:
            raise FaultError(ocf.GENERIC, str(error)) from error

    async def _prepare(self, operation: RunOperation, spec: AddressSpec) -> None:
        """Do beforehand what a start would do first; one that comes meanwhile does it itself."""
        resource, seat = operation.primitive.id, _found(spec)
        prepared = _Prepared(spec, seat, seat.present.interface)
        self._prepared[resource] = prepared
        await self._cover(resource, seat)
        prepared.is_done = True

    def _is_good(self, resource: str, prepared: _Prepared, spec: AddressSpec) -> bool:
        """Return whether everything is still as it was prepared."""
        if not prepared.is_done or prepared.spec != spec:
            return False
        try:
            index = socket.if_nametoindex(prepared.interface)
            covers = self._gate.covers(resource, prepared.seat.place)
        except (GateError, OSError):
            return False  # the whole way finds out why
        return covers and index == prepared.seat.present.index

    def _unprepare(self, resource: str) -> None:
        """The start has not come. One that was on its way has taken this out before."""
        if self._prepared.pop(resource, None) is not None:
            self._noted.discard(resource)
            self._uncover(resource)

    async def _ask_outside(self, seat: address.Seat, spec: AddressSpec) -> None:
        other = await address.other_owner(seat, spec.probe_ms)
        if other:
            reason = f"address {spec.address} is in use on {_link(seat)} by the host with {other}"
            raise FaultError(ocf.GENERIC, reason)

    async def _stop(self, operation: RunOperation, spec: AddressSpec) -> None:
        resource = operation.primitive.id
        self._announcer.end(resource)
        self._prepared.pop(resource, None)
        answer = await self._guardian.release(resource, b"", operation.timeout_ms)
        _require(answer)
        for seat in () if spec.is_claim else address.find(spec):
            answer = await self._guardian.release(resource, seat.remove, operation.timeout_ms)
            _require(answer)
        self._noted.discard(resource)
        self._uncover(resource)  # its next owner need not wait for that: it is gone

    async def _monitor(self, operation: RunOperation, spec: AddressSpec) -> None:
        answer = await self._guardian.check(operation.primitive.id, operation.timeout_ms)
        _require(answer)
        seats = () if spec.is_claim else address.find(spec)
        await self._make_ready(spec)
        if answer.held and not spec.is_claim and not seats:
            reason = f"address {spec.address} was taken from its interface by others"
            raise FaultError(ocf.GENERIC, reason)
        if not answer.held and seats:
            reason = f"address {spec.address} is on {_link(seats[0])}, but not under the lease"
            raise FaultError(ocf.GENERIC, reason)
        if not answer.held:
            raise FaultError(ocf.NOT_RUNNING, "the guardian does not hold it")

    async def _make_ready(self, spec: AddressSpec) -> None:
        """Whoever may have to take an address has its gate ready: making one takes its time."""
        if spec.is_claim or os.geteuid() != 0:
            return
        with contextlib.suppress(ConfigError, GateError):  # a start will tell
            await self._gate.prepare(address.seat_of(spec).present.interface)


def _found(spec: AddressSpec) -> address.Seat:
    """Return where the address belongs. Raises FaultError."""
    if os.geteuid() != 0:
        reason = (
            f"only root can put address {spec.address} on an interface; "
            "addresses of 127.0.0.0/8 without 'interface' need no root"
        )
        raise FaultError(ocf.PERMISSION, reason)
    try:
        return address.seat_of(spec)
    except ConfigError as error:
        raise FaultError(ocf.NOT_INSTALLED, str(error)) from error


def _link(seat: address.Seat) -> str:
    return f"interface {seat.present.interface}"


def _require(answer: Answer) -> None:
    if answer.fault:
        raise FaultError(ocf.GENERIC, answer.fault, timed_out=answer.fault in LATE)
