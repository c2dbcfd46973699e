"""The kernel gate around real daemons: who is stopped, killed or cut off is silent in time."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import psutil
import pytest

from ha_core.lab import state
from ha_core.runtime import address_frames as frames
from ha_core.runtime.gate_announce import NEXT_PAUSE_S, SLOW_PAUSE_S
from ha_core.runtime.operations_address import GATED_SPARE_S
from ha_core.snapshot import ClusterSnapshot
from tests.e2e.laboratory import PATIENCE_S, Laboratory, all_run, laboratory, run, states

pytestmark = [pytest.mark.root, pytest.mark.slow]

NODES = ("n1", "n2", "n3")
DEAD_AFTER_S = 0.5
ASK_S = 0.01
SIX = IPv6Address("fd5a:1::80")
HOST_SIX = "fd5a:1::fe"
CONFIG = {
    "cluster": "gates",
    "options": {"dead_after": f"{round(DEAD_AFTER_S * 1000)}ms"},
    "links": {"front": {"port": 6940}, "back": {"port": 6940}},
    "nodes": {
        name: {"addresses": {"front": f"127.0.1.{place}", "back": f"127.0.2.{place}"}}
        for place, name in enumerate(NODES, 1)
    },
    "resources": {
        "four": {"agent": "address", "parameters": {"address": "127.0.0.80"}},
        "six": {
            "agent": "address",
            "parameters": {"address": f"{SIX}/64", "interface": "eth0"},
        },
        "both": {"group": ["four", "six"]},
    },
    "defaults": {"resource": {"stickiness": 100}},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return the lab that all tests here break and mend."""
    directory = tmp_path_factory.mktemp("gate")
    config = directory / "gates.yaml"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    words = ("--netns", "--no-wbem", "--config", str(config))
    with laboratory(directory / "lab", *words) as made:
        known = state.known(made.directory)
        called("ip", "address", "add", f"{HOST_SIX}/64", "dev", known.namespaces, "nodad")
        yield made


@pytest.fixture
def lab(shared: Laboratory) -> Laboratory:
    """Return the lab with everything in order again."""
    shared.mend()
    return shared


def called(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def pids(lab: Laboratory, node: str, *roles: str) -> list[int]:
    """Return the node's processes, or those with a role."""
    found = lab.told("status")["nodes"][node]["roles"]
    return [int(pid) for pid, role in found.items() if not roles or role in roles]


def addresses(lab: Laboratory) -> tuple[IPv4Address, IPv6Address]:
    return IPv4Address(lab.service("four")), SIX


def own_address(lab: Laboratory, node: str) -> str:
    return str(lab.value["nodes"][node]["addresses"]["front"]["host"])


class Asker:
    """Asks the lab's network, over and over, who has an address: each question gets its answers.

    Each question comes from a hardware address of its own, so that an answer names its question.
    """

    def __init__(self, interface: str, address: IPv4Address | IPv6Address) -> None:
        self._address = address
        is_four = isinstance(address, IPv4Address)
        protocol = frames.ETH_P_ARP if is_four else frames.ETH_P_IPV6
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
        self._socket.bind((interface, protocol))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.asked: list[float] = []
        self.answers: list[tuple[float, bytes]] = []
        """When an answer came, and from whom; announcements nobody asked for are in it too."""

    def _run(self) -> None:
        while not self._ending.is_set():
            self._ask()
            until = time.monotonic() + ASK_S
            while (left := until - time.monotonic()) > 0:
                if select.select([self._socket], [], [], left)[0]:
                    self._take(self._socket.recv(2048))

    def _ask(self) -> None:
        mac = b"\x02\xbe\xa7\x00\x00\x01"
        if isinstance(self._address, IPv4Address):
            self._socket.send(frames.arp_probe(mac, self._address))
        else:
            self._socket.send(frames.neighbour_probe(mac, self._address))
        self.asked.append(time.monotonic())

    def _take(self, frame: bytes) -> None:
        if isinstance(self._address, IPv4Address):
            owner = frames.arp_owner(frame, self._address)
        else:
            owner = frames.neighbour_owner(frame, self._address)
        if owner is not None:
            self.answers.append((time.monotonic(), owner))

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def newest(self, owner: bytes) -> float:
        """Return when that owner answered last; 0 if never."""
        return max((at for at, who in self.answers if who == owner), default=0.0)

    def waits_for(self, owner: bytes | None, after: float) -> float:
        """Wait for an answer of that owner, or of any, after a moment; return when it came."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for at, who in list(self.answers):
                if at > after and owner in (None, who):
                    return at
            self._ending.wait(ASK_S)
        raise AssertionError(f"{owner.hex(':') if owner else 'any'}: no answer for {self._address}")


@contextmanager
def asking(lab: Laboratory, address: IPv4Address | IPv6Address) -> Iterator[Asker]:
    with Asker(state.known(lab.directory).namespaces, address) as made:
        yield made


class Pinger:
    """Sends echo requests to one hardware address, whatever the neighbours say; notes answers."""

    def __init__(self, lab: Laboratory, node: str, address: IPv4Address | IPv6Address) -> None:
        self._interface = state.known(lab.directory).namespaces
        self._address = address
        self._mac = lab.hardware(node).hex(":")
        self._is_four = address.version == 4
        family = socket.AF_INET if self._is_four else socket.AF_INET6
        protocol = socket.IPPROTO_ICMP if self._is_four else socket.IPPROTO_ICMPV6
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self._kinds = (8, 0) if self._is_four else (128, 129)
        self._number = 0

    def __enter__(self) -> "Pinger":
        self._neighbour("replace", "lladdr", self._mac, "nud", "permanent")
        return self

    def __exit__(self, *_: object) -> None:
        self._neighbour("delete")
        self._socket.close()

    def _neighbour(self, verb: str, *more: str) -> None:
        words = ("ip", "neighbour", verb, str(self._address), "dev", self._interface)
        called(*words, *more)

    def answers(self) -> bool:
        """Send one request; return whether it is answered soon."""
        self._number += 1
        body = struct.pack("!BBHHH", self._kinds[0], 0, 0, 0xBEA7, self._number)
        if self._is_four:
            body = body[:2] + struct.pack("!H", frames.checksum(body)) + body[4:]
        self._socket.sendto(body, (str(self._address), 0))
        until = time.monotonic() + 20 * ASK_S
        while (left := until - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                answer = self._socket.recv(2048)[20 if self._is_four else 0 :]
                if answer[0] == self._kinds[1] and answer[4:8] == body[4:8]:
                    return True
        return False


def stop(found: list[int]) -> float:
    """Stop processes; return a moment when they stood still. A guardian will go on by itself."""
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + DEAD_AFTER_S / 5
    while time.monotonic() < until and any(
        psutil.Process(pid).status() != psutil.STATUS_STOPPED for pid in found
    ):
        pass
    return time.monotonic()


def kill(found: list[int]) -> float:
    """Kill processes, none of which sees another one die first; return when."""
    stop(found)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return time.monotonic()


@contextmanager
def stopped(found: list[int]) -> Iterator[float]:
    """Have processes stand still; gives a moment since when they do."""
    try:
        yield stop(found)
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


def passed(moment: float) -> None:
    """Wait until a moment has passed."""
    while (left := moment - time.monotonic()) > 0:
        select.select([], [], [], left)


def owner_of(lab: Laboratory, node: str = "n1") -> str:
    """Return the one owner that the node knows."""

    def has_one(seen: ClusterSnapshot) -> bool:
        return all(r.state == "started" and len(r.nodes) == 1 for r in seen.resources)

    return str(lab.becomes(node, has_one).resources[0].nodes[0])


def heir_of(lab: Laboratory, owner: str) -> str:
    """Return who has everything once the owner is lost."""

    def has_moved(seen: ClusterSnapshot) -> bool:
        return all(r.state == "started" and owner not in r.nodes for r in seen.resources)

    witness = next(name for name in NODES if name != owner)
    lab.becomes(witness, has_moved)
    return owner_of(lab, witness)


def lifetime_s(lab: Laboratory, node: str, address: IPv4Address | IPv6Address) -> int:
    """Return for how long the kernel would keep the address on the node if nobody did anything."""
    links = json.loads(lab.inside(node, "ip", "-j", "address", "show", "dev", "eth0"))
    found = [item for link in links for item in link["addr_info"]]
    (one,) = (item for item in found if item["local"] == str(address))
    return int(one["valid_life_time"])


def tables(lab: Laboratory, node: str) -> list[dict[str, Any]]:
    """Return what nft lists of our tables on the node."""
    listed = json.loads(lab.inside(node, "nft", "-j", "list", "ruleset"))["nftables"]
    return [item for item in listed if "beatkeeper_" in json.dumps(item)]


def behind_the_gate(lab: Laboratory, node: str) -> set[str]:
    sets = [item["set"] for item in tables(lab, node) if "set" in item]
    return {element for item in sets if "held" in item["name"] for element in item.get("elem", ())}


@pytest.mark.parametrize("version", [4, 6])
def test_frozen_owner_neither_resolves_nor_answers_once_its_lease_is_over(
    lab: Laboratory, version: int
) -> None:
    owner = owner_of(lab)
    address = next(item for item in addresses(lab) if item.version == version)
    before = lab.hardware(owner)
    with asking(lab, address) as asker, Pinger(lab, owner, address) as pinger:
        asker.waits_for(before, 0)
        assert pinger.answers()
        with stopped(pids(lab, owner)) as since:
            answered = since
            while (asked := time.monotonic()) < since + DEAD_AFTER_S:
                answered = asked if pinger.answers() else answered
            after = asker.waits_for(lab.hardware(heir_of(lab, owner)), since)
            assert asker.newest(before) < min(after, since + DEAD_AFTER_S)
            assert since < answered < since + DEAD_AFTER_S
            assert not pinger.answers()
            with Pinger(lab, owner, ip_address(own_address(lab, owner))) as other:
                assert other.answers(), "other traffic of the frozen node is untouched"
        lab.becomes(owner, all_run)
        assert asker.newest(before) < since + DEAD_AFTER_S
    assert str(address) not in lab.inside(owner, "ip", "address", "show", "dev", "eth0")
    assert behind_the_gate(lab, owner) == set()


@pytest.mark.parametrize("version", [4, 6])
def test_killed_daemon_and_guardian_leave_an_address_that_is_silent_and_will_go(
    lab: Laboratory, version: int
) -> None:
    owner = owner_of(lab)
    address = next(item for item in addresses(lab) if item.version == version)
    before = lab.hardware(owner)
    victims = pids(lab, owner, "guardian", "had")
    with asking(lab, address) as asker:
        asker.waits_for(before, 0)
        since = kill(victims)
        assert str(address) in lab.inside(owner, "ip", "address", "show", "dev", "eth0")
        asker.waits_for(lab.hardware(heir_of(lab, owner)), since)
        assert asker.newest(before) < since + DEAD_AFTER_S
        assert 0 < lifetime_s(lab, owner, address) <= GATED_SPARE_S + 1
        lab.told("restart", owner)
        lab.becomes(owner, all_run)
        assert asker.newest(before) < since + DEAD_AFTER_S
    assert behind_the_gate(lab, owner) == set()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("is_killed", [True, False], ids=["guardian killed", "guardian stopped"])
def test_daemon_that_thaws_without_its_guardian_does_not_answer_again(
    lab: Laboratory, version: int, is_killed: bool
) -> None:
    """It is admitted anew, and has a lease, before anybody has taken its old address away."""
    owner = owner_of(lab)
    address = next(item for item in addresses(lab) if item.version == version)
    before = lab.hardware(owner)
    daemon = pids(lab, owner, "had")
    others = [pid for pid in pids(lab, owner) if pid not in daemon]
    with asking(lab, address) as asker:
        asker.waits_for(before, 0)
        with contextlib.ExitStack() as undo:
            with stopped(daemon) as since:
                if is_killed:
                    kill(others)
                else:
                    undo.enter_context(stopped(others))
                heir = heir_of(lab, owner)
                asker.waits_for(lab.hardware(heir), since)
            lab.becomes(heir, lambda seen: states(seen)[owner] in ("online", "pending"))
        lab.becomes(owner, all_run)
        assert asker.newest(before) < since + DEAD_AFTER_S
        assert owner_of(lab) == heir


def test_daemon_that_is_started_at_once_cleans_up_what_was_left(lab: Laboratory) -> None:
    owner = owner_of(lab)
    victims = pids(lab, owner, "guardian", "had")
    kill(victims)
    assert behind_the_gate(lab, owner) == {str(item) for item in addresses(lab)}
    lab.told("restart", owner)
    lab.becomes(owner, all_run)
    now = owner_of(lab, owner)
    expected = {str(item) for item in addresses(lab)} if now == owner else set()
    assert behind_the_gate(lab, owner) == expected


def test_owner_without_a_majority_is_silent_and_answers_again_when_it_has_one(
    lab: Laboratory,
) -> None:
    owner = owner_of(lab)
    four, _ = addresses(lab)
    before = lab.hardware(owner)
    others = [pid for name in NODES if name != owner for pid in pids(lab, name)]
    with asking(lab, four) as asker:
        asker.waits_for(before, 0)
        with stopped(others) as since:
            passed(since + 3 * DEAD_AFTER_S)
            silent_until = time.monotonic()
        # Whoever has it now: the others may have elected a coordinator that moved it.
        asker.waits_for(None, silent_until)
        assert not [at for at, _ in asker.answers if since + DEAD_AFTER_S < at < silent_until]


SENDER = """
import sys
from ipaddress import ip_address
from ha_core.runtime import address, netlink
(seat,) = (item for item in netlink.addresses() if item.address == ip_address(sys.argv[1]))
for _ in range(3):
    try:
        address.announce(address.Seat(seat), address.packet_socket())
    except OSError as fault:
        print(fault)
"""


@pytest.mark.parametrize("version", [4, 6])
def test_announcement_that_a_late_owner_had_under_way_never_leaves(
    lab: Laboratory, version: int
) -> None:
    owner = owner_of(lab)
    address = next(item for item in addresses(lab) if item.version == version)
    before = lab.hardware(owner)
    sender = (sys.executable, "-c", SENDER, str(address))
    with asking(lab, address) as asker:
        begun = time.monotonic()
        assert lab.inside(owner, *sender) == "", "while the lease runs it leaves"
        asker.waits_for(before, begun)
        daemons, guardians = pids(lab, owner, "had"), pids(lab, owner, "guardian")
        with stopped(daemons):
            since = kill(guardians)
            passed(since + DEAD_AFTER_S)
            lab.inside(owner, *sender)
            assert str(address) in lab.inside(owner, "ip", "address", "show", "dev", "eth0")
            assert asker.newest(before) < since + DEAD_AFTER_S


class Announcements:
    """Hears what an owner announces."""

    def __init__(self, lab: Laboratory, node: str) -> None:
        four, _ = addresses(lab)
        self._frame = frames.arp_announcement(lab.hardware(node), four)
        self._link = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ETH_P_ARP)
        )
        self._link.bind((state.known(lab.directory).namespaces, frames.ETH_P_ARP))

    def __enter__(self) -> "Announcements":
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def next(self, within_s: float) -> float | None:
        """Return when one was heard; None if there was none in time."""
        until = time.monotonic() + within_s
        while (left := until - time.monotonic()) > 0:
            is_heard = select.select([self._link], [], [], left)[0]
            if is_heard and self._link.recv(2048)[: len(self._frame)] == self._frame:
                return time.monotonic()
        return None


def test_new_owner_announces_itself_at_once_and_goes_on(lab: Laboratory) -> None:
    owner = owner_of(lab)
    heir = next(name for name in NODES if name != owner)
    with Announcements(lab, heir) as heard:
        run("--root", str(lab.root("n1")), "resource", "move", "both", "--to", heir)
        times = [heard.next(PATIENCE_S) for _ in range(4)]
    run("--root", str(lab.root("n1")), "resource", "clear", "both")
    assert times[0] is not None
    assert times[3] is not None
    assert times[3] - times[0] > 1


def test_owner_announces_itself_anew_when_a_peer_is_heard_again(lab: Laboratory) -> None:
    owner = owner_of(lab)
    other = next(name for name in NODES if name != owner)
    with Announcements(lab, owner) as heard:
        while heard.next(3 * NEXT_PAUSE_S):
            pass  # those of its start
        lab.told("isolate", other)
        lab.becomes(owner, lambda seen: states(seen)[other] == "lost")
        lab.told("heal")
        lab.becomes(owner, all_run)
        assert owner_of(lab) == owner
        assert heard.next(SLOW_PAUSE_S / 2)
        assert heard.next(3 * NEXT_PAUSE_S), "not one of those that come now and then"


def test_tables_that_somebody_flushes_are_back_and_the_journal_says_so(lab: Laboratory) -> None:
    owner = owner_of(lab)
    four, _ = addresses(lab)
    lab.inside(owner, "nft", "flush", "ruleset")
    deadline = time.monotonic() + PATIENCE_S
    while behind_the_gate(lab, owner) != {str(item) for item in addresses(lab)}:
        assert time.monotonic() < deadline
    with asking(lab, four) as asker:
        asker.waits_for(lab.hardware(owner), time.monotonic())
    said = run("--root", str(lab.root(owner)), "events", "--json").stdout
    assert "gate-restored" in said


def test_clean_stop_leaves_no_table(lab: Laboratory) -> None:
    owner = owner_of(lab)
    assert tables(lab, owner)
    assert run("--root", str(lab.root(owner)), "stop").returncode == 0
    assert tables(lab, owner) == []
