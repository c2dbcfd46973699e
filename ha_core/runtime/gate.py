"""The kernel gate: service addresses that the kernel silences by itself when the lease ends.

Owns: which addresses are behind the gate, the lease as the core last gave it,
and the order of deeds: an address is behind the gate before it is on an
interface, and leaves it after it is gone from there. What the kernel cannot do
here is said in `reason`, once; a gate that breaks later ends the daemon, since
others count on it. Not for claims of the loopback lab. See docs/protocols/gates.md.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ha_core.errors import HaError
from ha_core.ids import Millis, NodeName
from ha_core.membership.ladder import CLOSED, Ladder, Rung
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.gate_kernel import Kernel, TamperedError, timer_margin_ms
from ha_core.runtime.netlink import IPAddress
from ha_core.runtime.nft import Message
from ha_core.runtime.nft_gate import Tables, tables_for

LOOK_MS_MIN: Final = 50
LOOKS: Final = 9
"""Looks at the tables within a lease even if nothing renews it."""
NOT_BEGUN: Final = "the daemon has not begun"
_CURES: Final = {
    errno.EPERM: "needs root or CAP_NET_ADMIN",
    errno.EOPNOTSUPP: "this kernel lacks nftables for 'inet' or 'arp': load nf_tables, or"
    " take a kernel with CONFIG_NF_TABLES_INET and CONFIG_NF_TABLES_ARP",
    errno.EPROTONOSUPPORT: "this kernel has no nftables: load module nf_tables",
}

_T = TypeVar("_T")

log = logging.getLogger(__name__)


class GateError(HaError):
    """The kernel gate has broken: what others count on does not hold."""

    code = "gate"


class GateKernel(Protocol):
    """What the gate asks of the kernel; each call may wait, and is made in one thread."""

    tables: Tables

    def begin(self, leftovers: Iterable[bytes]) -> None:
        """Clean up after an earlier daemon, and try out that tables can be. Raises OSError."""
        ...

    def install(
        self, held: Iterable[IPAddress], interfaces: Iterable[str], rungs: Sequence[Rung]
    ) -> Millis:
        """Make the tables, closed; return a moment after that. Raises OSError."""
        ...

    def watch(self, interface: str) -> Sequence[Message]:
        """Return what makes the gate see the frames that leave by one more interface."""
        ...

    def change(self, messages: Sequence[Message], *, is_structure: bool = False) -> Millis:
        """Change or look; return a moment after that. Raises TamperedError, OSError."""
        ...

    def take_away(self, address: bytes) -> None:
        """Carry out the request that takes an address from its interface. Raises OSError."""
        ...

    def end(self, *, removes: bool) -> None:
        """Remove the tables or leave them; nothing is asked any more. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """An address behind the gate, its interface, and the request that takes it from there."""

    address: IPAddress
    interface: str
    remove: bytes


class AddressGate(Protocol):
    """What holds service addresses behind a gate."""

    available: bool
    """Whether the kernel silences addresses at the lease's end."""
    on_opened: Callable[[], None]

    def is_open(self) -> bool:
        """Return whether packets of the addresses pass, as far as is known."""
        ...

    async def prepare(self, interface: str) -> None:
        """Have everything ready for this interface. Raises GateError."""
        ...

    async def cover(self, resource: str, place: Place) -> None:
        """Put an address behind the gate before it is on an interface. Raises GateError."""
        ...

    def covers(self, resource: str, place: Place) -> bool:
        """Return whether `cover` would have nothing to do. Raises GateError."""
        ...

    async def uncover(self, resource: str) -> None:
        """Take an address out; it goes from its interface if it is still there."""
        ...


class Ungated:
    """No gate: for whoever runs operations without a daemon."""

    def __init__(self) -> None:
        self.available = False
        self.on_opened: Callable[[], None] = _nothing

    def is_open(self) -> bool:
        """Say yes."""
        return True

    async def prepare(self, interface: str) -> None:
        """Do nothing."""

    async def cover(self, resource: str, place: Place) -> None:
        """Do nothing."""

    def covers(self, resource: str, place: Place) -> bool:
        """Say yes."""
        return True

    async def uncover(self, resource: str) -> None:
        """Do nothing."""


class Gate:
    """The gate of one daemon; `on_lost(fault)` is called once if it breaks."""

    def __init__(self, kernel: GateKernel, clock: Callable[[], Millis], margin_ms: Millis) -> None:
        self.available = False
        """Whether service addresses are silenced by the kernel; settled by `start`."""
        self.reason = NOT_BEGUN
        """Why not."""
        self.on_lost: Callable[[GateError], None] = _end_in_the_log
        self.on_opened: Callable[[], None] = _nothing
        """Called when traffic flows again after it did not."""
        self.on_restored: Callable[[str], None] = log.warning
        """Told in a sentence that others had changed the tables, and that they are back."""
        self._kernel = kernel
        self._clock = clock
        self._ladder = Ladder(margin_ms)
        self._worker = ThreadPoolExecutor(1, "gate")
        self._lock = asyncio.Lock()
        self._held: dict[str, Place] = {}
        self._interfaces: set[str] = set()
        self._is_installed = False
        self._is_lost = False
        self._until_ms: Millis = 0
        self._span_ms: Millis = 0
        self._token = CLOSED
        self._open_until_ms: Millis = 0
        self._is_due = False
        self.renewing: asyncio.Task[None] | None = None
        """What is under way with the kernel of its own accord."""
        self._deeds: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None

    # --- life ----------------------------------------------------------------------------

    async def start(self, leftovers: Iterable[bytes] = ()) -> None:
        """Remove what an earlier daemon left, and find out whether there can be a gate."""
        try:
            await self._run(self._kernel.begin, tuple(leftovers))
        except OSError as fault:
            self.reason = _why_not(fault)
            log.warning("no kernel gate: %s", self.reason)
        else:
            self.available, self.reason = True, ""

    async def close(self) -> None:
        """Remove everything; addresses must be gone, or go now."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        under_way = [*self._deeds, *([self.renewing] if self.renewing else [])]
        await asyncio.gather(*under_way, return_exceptions=True)
        async with self._lock:
            removes, self._is_installed = self._is_installed, False
            try:
                for place in self._held.values():
                    await self._run(self._kernel.take_away, place.remove)
            except OSError as fault:
                removes = False
                log.error("the tables of the kernel gate stay, closed: %s", fault)
            try:
                await self._run(partial(self._kernel.end, removes=removes))
            except OSError as fault:
                log.error("the tables of the kernel gate cannot be removed: %s", fault)
        await asyncio.to_thread(self._worker.shutdown, True)

    # --- the lease -----------------------------------------------------------------------

    def hold(self, until_ms: Millis) -> None:
        """Let traffic through until `until_ms` and no longer; 0 ends it now."""
        self._until_ms = until_ms
        self._span_ms = max(self._span_ms, until_ms - self._clock())
        if self._held:
            self._wake()

    def is_open(self) -> bool:
        """Return whether packets of the addresses pass, as far as is known; without a gate,
        whether the lease runs.
        """
        until_ms = self._open_until_ms if self.available else self._until_ms
        return self._clock() < until_ms

    def _wake(self) -> None:
        self._is_due = True
        if self.renewing is None or self.renewing.done():
            self.renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while self._is_due and self.available:
            self._is_due = False
            async with self._lock:
                if self._is_installed:
                    await self._step()
        self._look_later()

    def _look_later(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self._held and self.available:
            after_ms = max(self._span_ms // LOOKS, LOOK_MS_MIN)
            self._look = asyncio.get_running_loop().call_later(after_ms / 1000, self._wake)

    async def _step(self, structure: Sequence[Message] = ()) -> None:
        """Arm what is missing, choose what fits the lease, and see that the tables are ours."""
        now_ms = self._clock()
        until_ms = self._until_ms
        rungs = self._ladder.plan(until_ms, now_ms)
        token = self._ladder.choose(until_ms, now_ms)
        tables = self._kernel.tables
        messages = [*structure, *tables.arm(rungs)]
        if token != self._token:
            messages += tables.choose(token)
        change = partial(self._kernel.change, messages, is_structure=bool(structure))
        try:
            done_ms = await self._run(change)
        except TamperedError as fault:
            await self._restore(str(fault))
        except OSError as fault:
            await self._restore(f"the kernel said: {fault.strerror}")
        else:
            self._ladder.armed(rungs, done_ms)
            self._chosen(token)
            best = self._ladder.choose(until_ms, done_ms)
            gain_ms = self._ladder.end_ms(best) - self._ladder.end_ms(token)
            self._is_due |= gain_ms > self._span_ms // 8

    def _chosen(self, token: int) -> None:
        was_open = self._clock() < self._open_until_ms
        self._token = token
        self._open_until_ms = self._ladder.end_ms(token)
        if token != CLOSED and not was_open:
            self.on_opened()

    async def _restore(self, why: str) -> None:
        """Make the tables anew, closed at first; if that fails, the gate is lost."""
        self._token, self._open_until_ms = CLOSED, 0
        self._ladder.forget()
        try:
            await self._install()
        except OSError as fault:
            self._lose(f"{why}; it cannot be put back: {_why_not(fault)}")
        else:
            self._is_due = True
            self.on_restored(f"the kernel gate was made anew: {why}")

    async def _install(self) -> None:
        rungs = self._ladder.plan(self._until_ms, self._clock())
        held = [place.address for place in self._held.values()]
        install = partial(self._kernel.install, held, sorted(self._interfaces), rungs)
        done_ms = await self._run(install)
        self._is_installed = True
        self._ladder.armed(rungs, done_ms)

    def _is_used(self) -> bool:
        """Return whether addresses go behind it. Raises GateError where others count on it."""
        if self._is_lost:
            raise GateError(f"the kernel gate is lost: {self.reason}")
        return self.available

    def _lose(self, reason: str) -> None:
        self.available, self.reason, self._is_lost = False, reason, True
        self.on_lost(GateError(f"the kernel gate is lost: {reason}"))

    # --- addresses -----------------------------------------------------------------------

    async def prepare(self, interface: str) -> None:
        """Have everything ready for an address that may come to this interface.

        Raises:
            GateError: the gate is lost.
        """
        await self._in_one_piece(self._prepare(interface))

    async def cover(self, resource: str, place: Place) -> None:
        """Put an address behind the gate, open as long as the lease runs. Raises GateError."""
        await self._in_one_piece(self._cover(resource, place))

    def covers(self, resource: str, place: Place) -> bool:
        """Return whether an address is behind the gate, or there is none. Raises GateError."""
        if not self._is_used():
            return True
        return self._is_installed and self._held.get(resource) == place and self.is_open()

    async def uncover(self, resource: str) -> None:
        """Take an address out; it goes from its interface if it is still there."""
        await self._in_one_piece(self._uncover(resource))

    async def _in_one_piece(self, deed: Coroutine[None, None, None]) -> None:
        """Do it to its end even if whoever asked is cancelled: the kernel does not go back."""
        task = asyncio.get_running_loop().create_task(deed)
        self._deeds.add(task)
        task.add_done_callback(self._deeds.discard)
        await asyncio.shield(task)

    async def _prepare(self, interface: str) -> None:
        if not self._is_used() or interface in self._interfaces:
            return
        async with self._lock:
            self._interfaces.add(interface)
            if self._is_installed:
                await self._step(await self._run(self._kernel.watch, interface))
                return
            try:
                await self._install()
            except OSError as fault:
                self._lose(_why_not(fault))
        self._is_used()

    async def _cover(self, resource: str, place: Place) -> None:
        if not self._is_used():
            return
        await self._prepare(place.interface)
        async with self._lock:
            self._held[resource] = place
            await self._step(self._kernel.tables.hold(place.address))
            if self._is_due:
                self._is_due = False
                await self._step()
        self._look_later()
        self._is_used()

    async def _uncover(self, resource: str) -> None:
        if resource not in self._held or not self.available:
            return
        async with self._lock:
            place = self._held.get(resource)
            if place is None:
                return
            others = [item.address for name, item in self._held.items() if name != resource]
            try:
                await self._run(self._kernel.take_away, place.remove)
            except OSError as fault:
                log.error("%s stays behind the gate: %s", place.address, fault)
                return
            del self._held[resource]
            if place.address not in others:
                await self._step(self._kernel.tables.let_go(place.address))

    async def _run(self, deed: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, partial(deed, *arguments)
        )


class LeaseKeeper(Protocol):
    """Whoever ends or silences what runs under the lease when it is over."""

    def hold(self, until_ms: Millis) -> None:
        """Keep until then and no longer."""
        ...


class Keepers:
    """Several keepers of one lease; the first is told first."""

    def __init__(self, keepers: Sequence[LeaseKeeper]) -> None:
        self._keepers = keepers

    def hold(self, until_ms: Millis) -> None:
        """Tell them all."""
        for keeper in self._keepers:
            keeper.hold(until_ms)


def gate_of(run: Path, node: NodeName) -> Gate:
    """Return the gate of the daemon with that run directory."""
    kernel = Kernel(partial(tables_for, str(run.absolute()), node))
    return Gate(kernel, monotonic_ms, timer_margin_ms())


def _why_not(fault: OSError) -> str:
    cure = _CURES.get(fault.errno or 0, "")
    said = fault.strerror or str(fault)
    return f"nftables refuses ({said}){': ' + cure if cure else ''}"


def _end_in_the_log(fault: GateError) -> None:
    log.critical("%s, and nobody asked to be told", fault)


def _nothing() -> None:
    return
