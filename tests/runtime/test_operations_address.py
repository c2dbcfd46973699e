"""Starts of service addresses that the lease's end overtakes, over a guardian that is made up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.effects import RunOperation
from ha_core.ids import ResourceId
from ha_core.layout import Layout
from ha_core.runtime.guardian import Answer, Claim, Guardian
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
