"""The second layer: an address of which nobody takes care any more goes by itself."""

import json
import os
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from ha_core.agents.registry import LIFETIME_MS
from ha_core.runtime import netlink
from ha_core.runtime.gate_lifetime import Claim, lasting
from ha_core.runtime.guardian_os import now_ms
from ha_core.runtime.operations_address import GATED_SPARE_S, SPARE_S

FOREVER_S = 0xFFFFFFFF
LEASE_MS = 450


@pytest.fixture(params=["192.0.2.7/24", "2001:db8::7/64"])
def present(request: pytest.FixtureRequest) -> Iterator[netlink.Present]:
    """Return an address for a network of our own, whose interface has another of its network."""
    from pyroute2 import netns

    name = f"bktest{os.getpid()}"
    netns.create(name)
    netns.pushns(name)
    text, _, prefix = str(request.param).partition("/")
    try:
        run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        run("ip", "link", "set", "eth0", "up")
        run("ip", "link", "set", "eth1", "up")
        run("ip", "address", "add", f"{text[:-1]}1/{prefix}", "dev", "eth0", "nodad")
        (index,) = {
            item.index for item in netlink.addresses() if str(item.address) == f"{text[:-1]}1"
        }
        yield netlink.Present(ip_address(text), int(prefix), index)
    finally:
        netns.popns()
        netns.remove(name)


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def valid_s(present: netlink.Present) -> int:
    """Return how many seconds the kernel would keep the address; 0 if it has none such."""
    links = json.loads(run("ip", "-j", "address", "show", "dev", "eth0"))
    found = [item for link in links for item in link["addr_info"]]
    lives = [i["valid_life_time"] for i in found if i["local"] == str(present.address)]
    return int(lives[0]) if lives else 0


def claim_of(present: netlink.Present, spare_s: int) -> Claim:
    add = netlink.add_request(present, shares_route=True)
    return Claim(None, add, netlink.remove_request(present), spare_s=spare_s)


@pytest.mark.root
@pytest.mark.slow
def test_address_without_anybody_is_gone_when_takeovers_count_on_it(
    present: netlink.Present,
) -> None:
    until_ms = now_ms() + LEASE_MS
    assert claim_of(present, SPARE_S).put(until_ms) == ""
    assert valid_s(present)
    while valid_s(present):
        pass
    assert now_ms() <= until_ms + LIFETIME_MS


@pytest.mark.root
def test_address_that_is_kept_stays_and_its_network_keeps_its_route(
    present: netlink.Present,
) -> None:
    claim = claim_of(present, SPARE_S)
    claim.put(now_ms() + LEASE_MS)
    family = "-6" if present.address.version == 6 else "-4"
    before = run("ip", family, "route", "show", "dev", "eth0")
    while valid_s(present) >= SPARE_S:  # it is renewed when half of its spare time is over
        pass
    claim.keep(now_ms() + LEASE_MS)
    assert valid_s(present) == SPARE_S + 1
    assert run("ip", family, "route", "show", "dev", "eth0") == before
    assert "expires" not in before


@pytest.mark.root
def test_address_behind_the_gate_is_renewed_rarely(present: netlink.Present) -> None:
    claim = claim_of(present, GATED_SPARE_S)
    claim.put(now_ms() + LEASE_MS)
    while valid_s(present) > GATED_SPARE_S:
        claim.keep(now_ms() + LEASE_MS)
    assert 0 < valid_s(present) <= GATED_SPARE_S


@pytest.mark.root
def test_address_without_spare_seconds_is_there_for_good(present: netlink.Present) -> None:
    claim_of(present, 0).put(now_ms() + LEASE_MS)
    assert valid_s(present) == FOREVER_S


def test_lifetimes_are_whole_seconds_rounded_up() -> None:
    add = b"request" + bytes(16)
    seconds = [int.from_bytes(lasting(add, left, 2)[11:15], "little") for left in (1, 1000, 1001)]
    assert seconds == [3, 3, 4]
