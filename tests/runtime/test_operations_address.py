"""Starts of service addresses: those that the lease's end overtakes, and those that were prepared.

Both over a guardian and a gate that are made up.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.effects import RunOperation
from ha_core.ids import ResourceId
from ha_core.layout import Layout
from ha_core.runtime.gate import Place, Ungated
from ha_core.runtime.guardian import Guardian
from ha_core.runtime.guardian_requests import Answer, Claim
from ha_core.runtime.operations_address import Addresses
from ha_core.runtime.operations_process import FaultError

WEB = ResourceId("web")
HELD = Primitive(WEB, AgentRef(AgentClass.ADDRESS), (("address", "127.0.0.9"),))
OVER = "the lease ran out"


class Hasty(Guardian):
    """Grants each claim, and says whatever a test wants before anybody has read that."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.meanwhile: Callable[[], None] = lambda: None
        self.released: list[str] = []

    async def claim(self, claim: Claim, timeout_ms: int) -> Answer:
        self.meanwhile()
        return Answer()

    async def release(self, resource: str, remove: bytes, timeout_ms: int) -> Answer:
        self.released.append(resource)
        return Answer()


def start(root: Path, *, ended: str) -> tuple[str, list[str]]:
    """Start the address while the lease ends something; return the fault, and what was let go."""

    async def scenario() -> tuple[str, list[str]]:
        guardian, fault = Hasty(Layout(root)), ""
        addresses = Addresses(guardian, root / "notes")
        guardian.meanwhile = lambda: addresses.ended(ended, OVER)
        try:
            await addresses.operate(RunOperation(1, HELD, "start", 1000))
        except FaultError as error:
            fault = str(error)
        await addresses.close()
        return fault, guardian.released

    return asyncio.run(scenario())


def test_address_that_the_lease_has_ended_before_its_start_was_heard_of_has_not_started(
    tmp_path: Path,
) -> None:
    assert start(tmp_path, ended=WEB) == (OVER, [WEB])


def test_end_of_another_address_is_no_business_of_a_start(tmp_path: Path) -> None:
    assert start(tmp_path, ended="mail") == ("", [])


# --- preparation -------------------------------------------------------------------------------

ON_LOOPBACK = Primitive(
    WEB, AgentRef(AgentClass.ADDRESS), (("address", "127.0.0.9/8"), ("interface", "lo"))
)
OTHER_ADDRESS = replace(ON_LOOPBACK, parameters=(("address", "127.0.0.8/8"), ("interface", "lo")))
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put an address anywhere")


class Listed(Guardian):
    """A guardian that lists its claims, and puts nothing on any interface."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.claimed: list[str] = []
        self.released: list[str] = []

    async def claim(self, claim: Claim, timeout_ms: int) -> Answer:
        self.claimed.append(claim.resource)
        return Answer()

    async def release(self, resource: str, remove: bytes, timeout_ms: int) -> Answer:
        self.released.append(resource)
        return Answer()

    async def check(self, resource: str, timeout_ms: int) -> Answer:
        return Answer()


class Listing(Ungated):
    """A gate that lists what goes behind it, and lets a cover take as long as a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.available = True
        self.deeds: list[tuple[str, str]] = []
        self.places: dict[str, Place] = {}
        self.may_cover = asyncio.Event()
        self.may_cover.set()
        self.is_shut = False

    def is_open(self) -> bool:
        return False  # nobody is told of anything

    def covers(self, resource: str, place: Place) -> bool:
        return self.places.get(resource) == place and not self.is_shut

    async def cover(self, resource: str, place: Place) -> None:
        await self.may_cover.wait()
        self.deeds.append(("cover", resource))
        self.places[resource] = place

    async def uncover(self, resource: str) -> None:
        self.deeds.append(("uncover", resource))
        self.places.pop(resource, None)


@dataclass
class Bench:
    """Operations on an address over a listing gate and guardian."""

    root: Path
    guardian: Listed = field(init=False)
    gate: Listing = field(init=False)
    addresses: Addresses = field(init=False)

    def __post_init__(self) -> None:
        self.guardian, self.gate = Listed(Layout(self.root)), Listing()
        self.addresses = Addresses(self.guardian, self.root / "notes", self.gate)

    async def do(self, action: str, primitive: Primitive = ON_LOOPBACK) -> None:
        """Carry out an operation to its end."""
        operation = RunOperation(1, primitive, action, 1000, handover=True)
        await self.addresses.operate(operation)

    def notes(self) -> list[str]:
        """Return what a successor would take away."""
        return [path.name for path in (self.root / "notes").glob("[!.]*")]


def on_bench(root: Path, body: Callable[[Bench], Coroutine[None, None, None]]) -> Bench:
    """Run a scenario and close; return what there is then."""

    async def scenario() -> Bench:
        bench = Bench(root)
        await body(bench)
        await bench.addresses.close()
        return bench

    return asyncio.run(scenario())


@root_only
def test_preparation_puts_nothing_on_an_interface_and_the_start_need_not_do_it_again(
    tmp_path: Path,
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.do("prepare")
        assert bench.gate.deeds == [("cover", WEB)]
        assert bench.guardian.claimed == []
        await bench.do("start")
        assert bench.guardian.claimed == [WEB]
        assert bench.notes() == [WEB]
        await bench.do("unprepare")  # late: it has started

    bench = on_bench(tmp_path, scenario)
    assert bench.gate.deeds == [("cover", WEB)], "neither covered again nor taken away"
    assert bench.notes() == [WEB], "a successor of a killed daemon takes it away"


@root_only
def test_preparation_that_is_undone_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.do("prepare")
        await bench.do("unprepare")

    bench = on_bench(tmp_path, scenario)
    assert bench.gate.deeds == [("cover", WEB), ("uncover", WEB)]
    assert bench.notes() == []


@root_only
def test_daemon_that_ends_undoes_its_preparations(tmp_path: Path) -> None:
    bench = on_bench(tmp_path, lambda bench: bench.do("prepare"))
    assert bench.gate.deeds == [("cover", WEB), ("uncover", WEB)]
    assert bench.notes() == []


@root_only
@pytest.mark.parametrize("trouble", ["the gate is shut", "another address"])
def test_start_does_all_of_it_where_what_was_prepared_does_not_hold(
    tmp_path: Path, trouble: str
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.do("prepare")
        bench.gate.is_shut = trouble == "the gate is shut"
        await bench.do("start", OTHER_ADDRESS if trouble == "another address" else ON_LOOPBACK)

    bench = on_bench(tmp_path, scenario)
    assert bench.gate.deeds == [("cover", WEB), ("cover", WEB)]
    assert bench.guardian.claimed == [WEB]


@root_only
def test_start_that_overtakes_its_preparation_is_not_undone_by_it(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gate.may_cover.clear()
        first = asyncio.create_task(bench.do("prepare"))
        await asyncio.sleep(0)
        second = asyncio.create_task(bench.do("start"))
        await asyncio.sleep(0)
        bench.gate.may_cover.set()
        await asyncio.gather(first, second)
        await bench.do("unprepare")

    bench = on_bench(tmp_path, scenario)
    assert bench.gate.deeds == [("cover", WEB), ("cover", WEB)]
    assert bench.guardian.claimed == [WEB]
    assert bench.notes() == [WEB]


def test_claim_of_the_loopback_lab_has_nothing_to_prepare(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.do("prepare", HELD)
        await bench.do("unprepare", HELD)

    assert on_bench(tmp_path, scenario).gate.deeds == []
