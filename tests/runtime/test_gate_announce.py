"""Announcements: when neighbours are told, and when they must not be."""

import asyncio
from collections.abc import Coroutine
from ipaddress import ip_address
from itertools import islice

import pytest

from ha_core.runtime.address import Seat
from ha_core.runtime.gate_announce import SLOW_PAUSE_S, Announcer, pauses
from ha_core.runtime.netlink import Present

WEB = Seat(Present(ip_address("192.0.2.7"), 24, 1))
MAIL = Seat(Present(ip_address("192.0.2.8"), 24, 1))
PATIENCE_S = 20.0


class Link:
    """A link that only remembers, and a gate that a test opens and closes."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.is_open = True
        self.asked: asyncio.Queue[bool] = asyncio.Queue()
        self.told: asyncio.Queue[Seat] = asyncio.Queue()
        self.fault = fault

    def may_tell(self) -> bool:
        self.asked.put_nowait(self.is_open)
        return self.is_open

    def tell(self, seat: Seat) -> None:
        self.told.put_nowait(seat)
        if self.fault is not None:
            raise self.fault

    async def hears(self) -> Seat:
        return await asyncio.wait_for(self.told.get(), PATIENCE_S)


def run(body: Coroutine[None, None, None]) -> None:
    asyncio.run(body)


def test_first_announcements_come_quickly_and_later_ones_for_ever() -> None:
    assert list(islice(pauses(5), 6)) == [0.1, 0.9, 1.0, 1.0, SLOW_PAUSE_S, SLOW_PAUSE_S]
    assert list(islice(pauses(1), 2)) == [SLOW_PAUSE_S, SLOW_PAUSE_S]


def test_the_first_announcement_waits_for_nothing() -> None:
    async def claim() -> None:
        link = Link()
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 1)
        assert link.told.get_nowait() == WEB
        await announcer.close()

    run(claim())


def test_nothing_is_told_while_the_gate_is_closed_and_all_is_when_it_opens() -> None:
    async def claim() -> None:
        link = Link()
        link.is_open = False
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 5)
        for _ in range(2):
            await asyncio.wait_for(link.asked.get(), PATIENCE_S)
        assert link.told.empty()
        link.is_open = True
        assert await link.hears() == WEB
        await announcer.close()

    run(claim())


def test_telling_again_begins_at_once() -> None:
    async def claim() -> None:
        link = Link()
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 1)
        await link.hears()
        announcer.again()  # else there would be none for ten seconds
        async with asyncio.timeout(SLOW_PAUSE_S / 2):
            await link.told.get()
        await announcer.close()

    run(claim())


def test_what_is_ended_is_told_no_more() -> None:
    async def claim() -> None:
        link = Link()
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 5)
        await link.hears()
        announcer.end("web")
        announcer.begin("mail", MAIL, 5)
        announcer.again()
        assert [await link.hears() for _ in range(2)] == [MAIL, MAIL]
        await announcer.close()

    run(claim())


def test_address_that_wants_no_announcement_gets_none() -> None:
    async def claim() -> None:
        link = Link()
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 0)
        announcer.again()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "none ever"
        await announcer.close()

    run(claim())


def test_link_that_is_down_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def claim() -> None:
        link = Link(OSError("Network is down"))
        announcer = Announcer(link.may_tell, link.tell)
        announcer.begin("web", WEB, 5)
        await link.hears()
        await link.hears()
        await announcer.close()

    run(claim())
    assert "address 192.0.2.7 is not announced: Network is down" in caplog.text
