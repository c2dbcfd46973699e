"""The gate's tables in a real kernel, read back by nft, and asked by real packets."""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest

from ha_core.membership.ladder import Rung
from ha_core.runtime import netlink, nft
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.gate_kernel import TRIES, Kernel, TamperedError, timer_margin_ms
from ha_core.runtime.nft import NftError
from ha_core.runtime.nft_gate import tables_for

pytestmark = pytest.mark.root

OURS = "192.0.2.1"
SERVICE = "192.0.2.7"
SIX = "2001:db8::7"
PORT = 40_000
ROOT = Path(__file__).parents[2]
BUSY = """
from ha_core.runtime.nft import *

netlink, name = open_socket(), text(1, "busy")
change = [Message(kind, Family.INET, name) for kind in (Kind.NEWTABLE, Kind.DELTABLE)]
print(flush=True)
while True:
    exchange(netlink, batch(change, None))
"""
INET = """\
table inet NAME {
	comment "Beatkeeper node n1 (/run/one): its service addresses are silent without a lease"
	set held4 {
		type ipv4_addr
		elements = { 192.0.2.7 }
	}

	set armed {
		typeof numgen inc mod 2
		flags timeout
	}

	set held6 {
		type ipv6_addr
		elements = { 2001:db8::7 }
	}

	chain open {
		numgen inc mod 1 offset 7 @armed accept
	}

	chain lease {
		jump open
		drop
	}

	chain in {
		type filter hook prerouting priority -350; policy accept;
		ip daddr @held4 goto lease
		ip6 daddr @held6 goto lease
	}

	chain out {
		type filter hook postrouting priority 350; policy accept;
		ip saddr @held4 goto lease
		ip6 saddr @held6 goto lease
	}
}
"""
ARP = """\
	chain in {
		type filter hook input priority filter; policy accept;
		arp daddr ip @held4 goto lease
	}

	chain out {
		type filter hook output priority filter; policy accept;
		arp saddr ip @held4 goto lease
	}
}
"""
NETDEV = """\
	chain out_lo {
		type filter hook egress device "lo" priority filter; policy accept;
		arp saddr ip @held4 goto lease
	}
}
"""


@pytest.fixture(autouse=True)
def _namespace() -> Iterator[None]:
    """Be in a network namespace of our own, with two addresses on loopback."""
    from pyroute2 import netns

    name = f"bktest{os.getpid()}"
    netns.create(name)
    netns.pushns(name)
    try:
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", f"{OURS}/32", "dev", "lo")
        run("ip", "address", "add", f"{SERVICE}/32", "dev", "lo")
        yield
    finally:
        netns.popns()
        netns.remove(name)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """Return the kernel with the gate's tables in it, closed, with a service address behind."""
    with kernel_of("/run/one", "n1") as made:
        made.install([ip_address(SERVICE), ip_address(SIX)], ["lo"], ())
        yield made
    assert made.tables.name not in run("nft", "list", "tables")


@contextmanager
def kernel_of(scope: str, node: str, leftovers: tuple[bytes, ...] = ()) -> Iterator[Kernel]:
    made = Kernel(partial(tables_for, scope, node))
    try:
        made.begin(leftovers)
        yield made
    finally:
        made.end(removes=True)


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@contextmanager
def busy_host() -> Iterator[None]:
    """Have somebody else work on the ruleset all the time."""
    with subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        try:
            other.stdout.readline()
            yield
            assert other.poll() is None
        finally:
            other.kill()


def listed(kernel: Kernel, family: str) -> str:
    return run("nft", "list", "table", family, kernel.tables.name)


def passes(address: str) -> bool:
    """Return whether a datagram to the address on this machine arrives."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind((address, PORT))
        server.setblocking(False)
        try:
            client.sendto(b"?", (address, PORT))
            return server.recv(10) == b"?"
        except (BlockingIOError, PermissionError):  # dropped on its way in, on its way out
            return False


def test_nft_lists_the_tables_as_they_are_meant(kernel: Kernel) -> None:
    kernel.change(kernel.tables.choose(7))
    assert listed(kernel, "inet") == INET.replace("NAME", kernel.tables.name)
    assert listed(kernel, "arp").endswith(ARP)
    assert listed(kernel, "netdev").endswith(NETDEV)


def test_what_nft_lists_can_be_loaded_again(kernel: Kernel) -> None:
    kernel.change([*kernel.tables.arm([Rung(7, 60_000)]), *kernel.tables.choose(7)])
    text = run("nft", "list", "ruleset")
    run("nft", "flush", "ruleset")
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    assert "elements = { 7 timeout 1m" in listed(kernel, "inet")


def test_trial_leaves_nothing_behind() -> None:
    with kernel_of("/run/one", "n1"):
        assert run("nft", "list", "ruleset") == ""


def test_closed_gate_silences_its_addresses_alone(kernel: Kernel) -> None:
    assert not passes(SERVICE)
    assert passes(OURS)
    assert passes("127.0.0.1")


def test_chosen_token_opens_and_another_closes(kernel: Kernel) -> None:
    tables = kernel.tables
    kernel.change([*tables.arm([Rung(7, 60_000)]), *tables.choose(7)])
    assert passes(SERVICE)
    kernel.change(tables.choose(8))
    assert not passes(SERVICE)


def test_token_that_has_ended_opens_nothing_however_late_it_is_chosen(kernel: Kernel) -> None:
    done_ms = kernel.change(kernel.tables.arm([Rung(7, 20)]))
    while monotonic_ms() < done_ms + 20 + timer_margin_ms():
        pass
    kernel.change(kernel.tables.choose(7))
    assert not passes(SERVICE)


@pytest.mark.parametrize("timeout_ms", [20, 33, 50, 81, 100])
def test_kernel_drops_a_token_no_later_than_is_believed(kernel: Kernel, timeout_ms: int) -> None:
    tables = kernel.tables
    change = [*tables.arm([Rung(timeout_ms, timeout_ms)]), *tables.choose(timeout_ms)]
    end_ms = kernel.change(change) + timeout_ms + timer_margin_ms()
    newest_ms = 0.0
    while monotonic_ms() < end_ms + 30:
        asked_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6
        if passes(SERVICE):
            newest_ms = asked_ms
    assert 0 < newest_ms <= end_ms


def test_changes_of_others_elsewhere_are_nobodys_business(kernel: Kernel) -> None:
    run("nft", "add", "table", "inet", "firewall")
    kernel.change(kernel.tables.choose(7))
    run("nft", "delete", "table", "inet", "firewall")
    kernel.change(())
    kernel.change(kernel.tables.let_go(ip_address(SERVICE)), is_structure=True)
    assert passes(SERVICE)


def test_large_rulesets_of_others_are_read_past(kernel: Kernel) -> None:
    rules = "".join(f"add rule inet firewall input tcp dport {n} accept\n" for n in range(1, 5000))
    chains = "".join(f"add chain inet firewall c{n}\n" for n in range(2000))
    text = f"add table inet firewall\nadd chain inet firewall input\n{chains}{rules}"
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    kernel.change([*kernel.tables.arm([Rung(7, 60_000)]), *kernel.tables.choose(7)])
    assert passes(SERVICE)


@pytest.mark.parametrize(
    "deed",
    [
        "flush ruleset",
        "delete table inet NAME",
        "delete table arp NAME",
        "flush chain inet NAME in",
        "flush chain arp NAME lease",
        "delete element inet NAME held4 { 192.0.2.7 }",
        "delete element inet NAME held6 { 2001:db8::7 }",
        "insert rule inet NAME in accept",
        "add table inet NAME { flags dormant; }",
    ],
)
def test_change_of_our_tables_is_noticed_with_the_next_word(kernel: Kernel, deed: str) -> None:
    text = deed.replace("NAME", kernel.tables.name)
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    with pytest.raises(TamperedError):
        kernel.change(kernel.tables.choose(7))
    kernel.install([ip_address(SERVICE), ip_address(SIX)], ["lo"], [Rung(7, 60_000)])
    assert not passes(SERVICE)
    kernel.change(kernel.tables.choose(7))
    assert passes(SERVICE)


def test_host_that_changes_its_ruleset_without_a_pause_is_no_fault(kernel: Kernel) -> None:
    held = [ip_address(SERVICE)]
    with busy_host():
        for token in range(1, 200):
            rungs = [Rung(token, 60_000)]
            if token % 20 == 1:
                kernel.install(held, ["lo"], rungs)
            kernel.change([*kernel.tables.arm(rungs), *kernel.tables.choose(token)])
            kernel.change(())
    assert passes(SERVICE)


def test_change_of_our_tables_is_noticed_on_a_busy_host(kernel: Kernel) -> None:
    with busy_host():
        run("nft", "flush", "chain", "inet", kernel.tables.name, "in")
        with pytest.raises(TamperedError):
            kernel.change(kernel.tables.choose(7))


def test_interface_that_is_gone_is_no_hindrance_to_make_the_tables_anew(kernel: Kernel) -> None:
    kernel.install([ip_address(SERVICE)], ["gone0", "lo"], [Rung(7, 60_000)])
    chains = run("nft", "list", "chains")
    assert "out_lo" in chains
    assert "out_gone0" not in chains, "kernels before 6.16 would refuse all of it"


REFUSED = "an-interface-name-that-is-too-long"
"""No kernel takes it; older ones refuse one that is gone in the same way."""


def test_interface_that_goes_after_it_was_looked_up_is_no_hindrance_either() -> None:
    seen = {REFUSED: iter((99, 0, 0)), "lo": iter((1, 1, 1))}
    made = Kernel(partial(tables_for, "/run/one", "n1"), number=lambda name: next(seen[name]))
    made.begin(())
    try:
        made.install([ip_address(SERVICE)], [REFUSED, "lo"], [Rung(7, 60_000)])
        assert "out_lo" in run("nft", "list", "chains")
    finally:
        made.end(removes=True)


@pytest.mark.parametrize(("goes_on", "looks"), [(False, 2), (True, 2 * TRIES)])
def test_refusal_that_has_another_cause_or_no_end_is_told(goes_on: bool, looks: int) -> None:
    asked: list[str] = []

    def number(name: str) -> int:
        asked.append(name)
        return len(asked) if goes_on else 99

    made = Kernel(partial(tables_for, "/run/one", "n1"), number=number)
    made.begin(())
    try:
        with pytest.raises(NftError):
            made.install([], [REFUSED], ())
        assert len(asked) == looks
    finally:
        made.end(removes=True)


def test_interface_that_came_back_under_its_name_has_its_chain_anew_before_anything_passes(
    kernel: Kernel,
) -> None:
    """This kernel may keep the chain; older ones drop it, and nothing else of them changes."""
    held = [ip_address(SERVICE)]
    run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "far")
    kernel.install(held, ["lo"], ())
    kernel.change(kernel.watch("cable"), is_structure=True)
    run("ip", "link", "delete", "cable")
    kernel.change(())
    run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "far")
    opening = [*kernel.tables.arm([Rung(7, 60_000)]), *kernel.tables.choose(7)]
    with pytest.raises(TamperedError, match="interface cable has come back"):
        kernel.change(opening)
    assert not passes(SERVICE)
    kernel.install(held, ["cable", "lo"], ())
    assert 'hook egress device "cable"' in listed(kernel, "netdev")
    kernel.change(opening)
    assert passes(SERVICE)


def test_tables_of_a_node_with_thousands_of_addresses_are_made_anew_at_once(
    kernel: Kernel,
) -> None:
    many = [ip_address("198.18.0.0") + number for number in range(3000)]
    rungs = [Rung(number, 60_000) for number in range(1, 70)]
    kernel.install([*many, ip_address(SERVICE)], ["lo"], rungs)
    assert not passes(SERVICE)
    kernel.change(kernel.tables.choose(7))
    assert passes(SERVICE)


def test_later_daemon_removes_what_an_earlier_one_left(kernel: Kernel) -> None:
    (present,) = (item for item in netlink.addresses() if str(item.address) == SERVICE)
    with kernel_of("/run/one", "n1", (netlink.remove_request(present),)):
        assert run("nft", "list", "ruleset") == ""
        assert SERVICE not in run("ip", "address", "show", "dev", "lo")


def test_daemons_that_share_a_network_have_tables_of_their_own(kernel: Kernel) -> None:
    with kernel_of("/run/two", "n2") as other:
        other.install([ip_address(OURS)], (), [Rung(1, 60_000)])
        other.change(other.tables.choose(1))
        kernel.change(kernel.tables.choose(1))
        assert passes(OURS)
        assert not passes(SERVICE)
    assert not passes(SERVICE)


def test_address_is_taken_away_once_and_a_second_time_without_a_fault(kernel: Kernel) -> None:
    (present,) = (item for item in netlink.addresses() if str(item.address) == SERVICE)
    kernel.take_away(netlink.remove_request(present))
    kernel.take_away(netlink.remove_request(present))
    assert SERVICE not in run("ip", "address", "show", "dev", "lo")


def test_refusal_of_the_kernel_changes_nothing(kernel: Kernel) -> None:
    tables = kernel.tables
    messages = [*tables.choose(7), *tables.let_go(ip_address("192.0.2.99"))]
    before = listed(kernel, "inet")
    with pytest.raises((nft.NftError, TamperedError)) as caught:
        kernel.change(messages)
    assert not isinstance(caught.value, nft.NftError) or caught.value.errno == errno.ENOENT
    assert listed(kernel, "inet") == before
