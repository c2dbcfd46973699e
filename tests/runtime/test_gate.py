"""The gate's order of deeds, over a kernel that is made up: what opens, closes and breaks it."""

import asyncio
import errno
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import pytest

from ha_core.runtime.gate import Gate, GateError, Place
from ha_core.runtime.gate_kernel import TamperedError

MARGIN_MS = 10
LEASE_MS = 500
PATIENCE_S = 20.0
WEB = Place(IPv4Address("192.0.2.7"), "eth0", b"remove web")
MAIL = Place(IPv4Address("192.0.2.8"), "eth0", b"remove mail")


class Words:
    """Messages as tuples, so that the kernel below need not read bytes."""

    def arm(self, rungs: Sequence[Any]) -> list[tuple[str, Any]]:
        return [("arm", rung) for rung in rungs]

    def choose(self, token: int) -> list[tuple[str, Any]]:
        return [("choose", token)]

    def hold(self, address: Any) -> list[tuple[str, Any]]:
        return [("hold", address)]

    def let_go(self, address: Any) -> list[tuple[str, Any]]:
        return [("let go", address)]


@dataclass
class MadeUp:
    """A kernel of which each test says what it does, with a clock that tests move."""

    now_ms: int = 10_000
    tables: Any = field(default_factory=Words)
    refuses: dict[str, OSError] = field(default_factory=dict)
    is_tampered: bool = False
    why: str = "somebody else has changed its tables"
    deeds: list[str] = field(default_factory=list)
    held: set[Any] = field(default_factory=set)
    armed: dict[int, int] = field(default_factory=dict)
    token: int = 0

    def _begin(self, deed: str) -> None:
        self.deeds.append(deed)
        if deed in self.refuses:
            raise self.refuses[deed]

    def begin(self, leftovers: Iterable[bytes]) -> None:
        for leftover in leftovers:
            self.take_away(leftover)
        self._begin("begin")

    def install(self, held: Iterable[Any], interfaces: Iterable[str], rungs: Sequence[Any]) -> int:
        self._begin("install")
        self.held, self.token, self.is_tampered = set(held), 0, False
        self.armed = {rung.token: self.now_ms + rung.timeout_ms for rung in rungs}
        return self.now_ms

    def watch(self, interface: str) -> Sequence[Any]:
        return [("watch", interface)]

    def change(self, messages: Sequence[Any], *, is_structure: bool = False) -> int:
        self._begin("change" if messages else "look")
        if self.is_tampered:
            raise TamperedError(self.why)
        for word, value in messages:
            match word:
                case "arm":
                    self.armed[value.token] = self.now_ms + value.timeout_ms
                case "choose":
                    self.token = value
                case "hold":
                    self.held.add(value)
                case "let go":
                    self.held.remove(value)
        return self.now_ms

    def take_away(self, address: bytes) -> None:
        self._begin(address.decode())

    def end(self, *, removes: bool) -> None:
        self._begin("remove" if removes else "end")

    def lets_through(self) -> bool:
        """Return whether packets of held addresses pass now."""
        return self.armed.get(self.token, 0) > self.now_ms


@dataclass
class Bench:
    """A gate over the kernel that is made up, and what it reported."""

    kernel: MadeUp
    gate: Gate
    lost: list[GateError] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)

    async def renew(self, left_ms: int = LEASE_MS) -> None:
        """Give the lease, and wait until the kernel has it."""
        self.gate.hold(self.kernel.now_ms + left_ms if left_ms else 0)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the gate has nothing more to do of its own accord."""
        while (task := self.gate.renewing) is not None and not task.done():
            await task


@asynccontextmanager
async def bench(**refuses: OSError) -> AsyncIterator[Bench]:
    """Run a gate that has begun."""
    kernel = MadeUp(refuses=refuses)
    made = Bench(kernel, Gate(kernel, lambda: kernel.now_ms, MARGIN_MS))
    made.gate.on_lost = made.lost.append
    made.gate.on_opened = lambda: made.opened.append(kernel.now_ms)
    made.gate.on_restored = made.restored.append
    await made.gate.start()
    try:
        yield made
    finally:
        await made.gate.close()


def test_address_is_behind_an_open_gate_before_it_is_put_anywhere() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            assert node.kernel.held == {WEB.address}
            assert node.kernel.lets_through()
            assert node.gate.is_open()

    asyncio.run(claim())


def test_address_is_behind_a_closed_gate_while_no_lease_runs() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            node.kernel.now_ms += LEASE_MS
            await node.gate.cover("web", WEB)
            assert node.kernel.held == {WEB.address}
            assert not node.kernel.lets_through()

    asyncio.run(claim())


def test_gate_closes_by_itself_before_the_lease_ends() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.now_ms += LEASE_MS
            assert not node.kernel.lets_through()
            assert not node.gate.is_open()

    asyncio.run(claim())


def test_renewals_keep_it_open_and_tell_nobody() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            told = len(node.opened)
            for _ in range(50):
                node.kernel.now_ms += LEASE_MS // 9
                assert node.kernel.lets_through()
                await node.renew()
            assert len(node.opened) == told == 1

    asyncio.run(claim())


def test_gate_that_opens_again_after_a_lapse_says_so() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.now_ms += 2 * LEASE_MS
            await node.renew()
            assert node.kernel.lets_through()
            assert len(node.opened) == 2

    asyncio.run(claim())


def test_lease_that_is_given_up_closes_at_once() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            await node.renew(0)
            assert not node.kernel.lets_through()

    asyncio.run(claim())


def test_shorter_lease_replaces_a_longer_one() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            await node.renew(200)
            assert node.kernel.lets_through()
            node.kernel.now_ms += 200
            assert not node.kernel.lets_through()

    asyncio.run(claim())


def test_without_addresses_a_renewal_costs_nothing() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            assert node.kernel.deeds == ["begin"]

    asyncio.run(claim())


def test_tables_that_others_changed_are_made_anew_and_it_is_told() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.is_tampered, node.kernel.held = True, set()
            await node.renew()
            assert node.kernel.held == {WEB.address}
            assert node.kernel.lets_through()
            assert node.restored == [
                "the kernel gate was made anew: somebody else has changed its tables"
            ]
            assert not node.lost

    asyncio.run(claim())


def test_address_on_an_interface_that_came_back_is_behind_new_tables_before_it_passes() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.gate.prepare("eth0")
            await node.renew()
            node.kernel.is_tampered, node.kernel.why = True, "interface eth0 has come back"
            node.kernel.deeds.clear()
            await node.gate.cover("web", WEB)
            assert node.kernel.deeds == ["change", "install", "change"]
            assert node.kernel.held == {WEB.address}
            assert node.kernel.lets_through()
            why = "the kernel gate was made anew: interface eth0 has come back"
            assert node.restored == [why]

    asyncio.run(claim())


def test_tables_are_looked_at_even_if_nothing_renews_the_lease() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.now_ms += 2 * LEASE_MS
            node.kernel.is_tampered = True
            restored = asyncio.Event()
            node.gate.on_restored = lambda sentence: restored.set()
            await asyncio.wait_for(restored.wait(), PATIENCE_S)
            assert not node.kernel.lets_through()

    asyncio.run(claim())


def test_gate_that_cannot_be_put_back_is_lost_and_says_why() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.is_tampered = True
            node.kernel.refuses["install"] = PermissionError(errno.EPERM, "Operation not permitted")
            await node.renew()
            assert not node.gate.available
            assert [str(fault) for fault in node.lost] == [
                "the kernel gate is lost: somebody else has changed its tables; it cannot be put "
                "back: nftables refuses (Operation not permitted): needs root or CAP_NET_ADMIN"
            ]
            with pytest.raises(GateError):
                await node.gate.cover("mail", MAIL)

    asyncio.run(claim())


def test_kernel_without_nftables_is_said_once_and_addresses_do_without() -> None:
    async def claim() -> None:
        missing = OSError(errno.EPROTONOSUPPORT, "Protocol not supported")
        async with bench(begin=missing) as node:
            assert not node.gate.available
            assert node.gate.reason == (
                "nftables refuses (Protocol not supported): "
                "this kernel has no nftables: load module nf_tables"
            )
            await node.renew()
            await node.gate.cover("web", WEB)
            assert node.gate.is_open()
            node.kernel.now_ms += LEASE_MS
            assert not node.gate.is_open()
            assert node.kernel.deeds == ["begin"]

    asyncio.run(claim())


def test_address_leaves_the_gate_only_after_it_has_left_the_interface() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.deeds.clear()
            await node.gate.uncover("web")
            assert node.kernel.deeds == ["remove web", "change"]
            assert not node.kernel.held

    asyncio.run(claim())


def test_address_that_cannot_be_taken_away_stays_behind_the_gate() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            node.kernel.refuses["remove web"] = OSError(errno.EBUSY, "busy")
            await node.gate.uncover("web")
            assert node.kernel.held == {WEB.address}
        assert node.kernel.deeds[-1] == "end"

    asyncio.run(claim())


def test_address_that_two_resources_have_stays_until_both_have_let_go() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            await node.gate.cover("web", WEB)
            await node.gate.cover("twin", WEB)
            await node.gate.uncover("web")
            assert node.kernel.held == {WEB.address}
            await node.gate.uncover("twin")
            assert not node.kernel.held

    asyncio.run(claim())


def test_start_that_is_cancelled_leaves_a_gate_that_works() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.renew()
            covering = asyncio.create_task(node.gate.cover("web", WEB))
            await asyncio.sleep(0)
            covering.cancel()
            await asyncio.wait([covering])
            await node.gate.cover("mail", MAIL)
            await node.gate.cover("mail", MAIL)  # that is behind the other, whichever was first
            assert node.kernel.held == {WEB.address, MAIL.address}
            node.kernel.now_ms += LEASE_MS // 9
            await node.renew()
            node.kernel.now_ms += LEASE_MS * 9 // 10
            assert node.kernel.lets_through()

    asyncio.run(claim())


def test_end_removes_addresses_first_and_tables_last() -> None:
    async def claim() -> None:
        async with bench() as node:
            await node.gate.cover("web", WEB)
            node.kernel.deeds.clear()
        assert node.kernel.deeds == ["remove web", "remove"]

    asyncio.run(claim())


def test_start_removes_what_an_earlier_daemon_left() -> None:
    async def claim() -> None:
        kernel = MadeUp()
        gate = Gate(kernel, lambda: kernel.now_ms, MARGIN_MS)
        await gate.start([b"remove web", b"remove mail"])
        assert kernel.deeds == ["remove web", "remove mail", "begin"]
        await gate.close()

    asyncio.run(claim())
