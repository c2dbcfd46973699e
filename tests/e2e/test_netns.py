"""A lab in network namespaces: addresses on interfaces move, and never have two owners."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import psutil
import pytest

from ha_core.lab import network, processes, state
from ha_core.runtime.address_frames import ETH_P_ARP, arp_owner, arp_probe
from tests.e2e.laboratory import (
    HA,
    Laboratory,
    alive,
    all_run,
    laboratory,
    moved_from,
    run,
    traces,
    visited,
)

pytestmark = [pytest.mark.root, pytest.mark.slow]

NODES = ("n1", "n2", "n3")
ASK_S = 0.01


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return the lab that all tests here break and mend."""
    directory = tmp_path_factory.mktemp("netns") / "lab"
    with laboratory(directory, "--netns") as made:
        yield made
    assert not network.is_left(network.names_for(directory))


@pytest.fixture
def lab(shared: Laboratory) -> Laboratory:
    """Return the lab with everything in order again."""
    shared.mend()
    return shared


def addresses(lab: Laboratory, node: str) -> set[str]:
    """Return the addresses on the node's interfaces, as the kernel says."""
    lines = lab.inside(node, "ip", "-4", "-o", "address", "show").splitlines()
    return {line.split()[3].partition("/")[0] for line in lines}


class Claims:
    """Asks the lab's network, over and over, who has an address, and notes who answers when."""

    def __init__(self, interface: str, address: str) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
        self._socket.bind((interface, ETH_P_ARP))
        self._socket.settimeout(ASK_S)
        self._mac = self._socket.getsockname()[4]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: list[tuple[float, bytes]] = []

    def _ask(self) -> None:
        address = IPv4Address(self._address)
        while not self._ending.wait(ASK_S):
            self._socket.send(arp_probe(self._mac, address))
            deadline = time.monotonic() + ASK_S
            while time.monotonic() < deadline:
                try:
                    frame = self._socket.recv(2048)
                except TimeoutError:
                    break
                owner = arp_owner(frame, address)
                if owner is not None and owner != self._mac:
                    self.answers.append((time.monotonic(), owner))

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def owners(self) -> list[bytes]:
        """Return who answered, in the order of the first answers after somebody else's."""
        found: list[bytes] = []
        for _, owner in self.answers:
            if not found or found[-1] != owner:
                found.append(owner)
        return found


@contextmanager
def claims(lab: Laboratory) -> Iterator[Claims]:
    """Ask for the site's address all the time."""
    known = state.known(lab.directory)
    with Claims(known.namespaces, lab.service("site-ip")) as asking:
        yield asking


def other(node: str) -> str:
    return next(name for name in NODES if name != node)


def test_every_node_has_its_own_addresses_on_its_own_links(lab: Laboratory) -> None:
    for name in NODES:
        own = {item["host"] for item in lab.value["nodes"][name]["addresses"].values()}
        assert len(own) == 2
        assert own <= addresses(lab, name)


def test_service_address_is_on_the_interface_of_its_owner_alone(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    holders = [name for name in NODES if lab.service("site-ip") in addresses(lab, name)]
    assert holders == [owner]


def test_machine_outside_reaches_site_and_wbem(lab: Laboratory) -> None:
    with visited(lab.service("site-ip")) as visitor:
        assert visitor.node == lab.owner("n1", "web")
    for item in lab.value["wbem"]:
        host, _, port = item["https"].removeprefix("https://").partition(":")
        socket.create_connection((host, int(port)), 5).close()


def test_agents_see_their_node_as_the_machine(lab: Laboratory) -> None:
    pid = next(
        int(pid)
        for pid, role in lab.told("status")["nodes"]["n2"]["roles"].items()
        if role == "had"
    )
    enter = ["nsenter", "--target", str(pid), "--uts", "--mount", "--net"]
    name = subprocess.run([*enter, "hostname"], capture_output=True, text=True, check=True).stdout
    links = subprocess.run(
        [*enter, "ls", "/sys/class/net"], capture_output=True, text=True, check=True
    ).stdout
    assert name.strip() == "n2"
    assert set(links.split()) == {"eth0", "eth1", "lo"}


def test_power_cut_takes_processes_addresses_and_network_at_once(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    before = lab.hardware(owner)
    pids = lab.told("status")["nodes"][owner]["pids"]
    with claims(lab) as asking, visited(lab.service("site-ip")) as visitor:
        lab.told("kill", owner)
        assert not alive(pids)
        assert not Path(f"/run/netns/{lab.value['nodes'][owner]['namespace']}").exists()
        assert visitor.wait_for(lambda: visitor.node != owner)
        heir = visitor.node
        lab.becomes(heir, lambda seen: moved_from(owner, seen))
    assert asking.owners() == [before, lab.hardware(heir)]
    lab.told("restart", owner)
    lab.becomes(owner, all_run)
    assert lab.service("site-ip") not in addresses(lab, owner)


def test_isolated_owner_and_its_heir_never_both_answer(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with claims(lab) as asking, visited(lab.service("site-ip")) as visitor:
        lab.told("isolate", owner)
        assert visitor.wait_for(lambda: visitor.node != owner)
        heir = visitor.node
        lab.becomes(other(owner), lambda seen: moved_from(owner, seen))
        lab.becomes(owner, lambda seen: not seen.quorate)
        assert lab.service("site-ip") not in addresses(lab, owner)
        lab.told("heal", owner)
        lab.becomes(owner, all_run)
        answers = visitor.answers
        assert visitor.wait_for(lambda: visitor.answers > answers + 10)
        assert visitor.node == heir
    assert asking.owners() == [lab.hardware(owner), lab.hardware(heir)]


def test_frozen_owner_and_its_heir_never_both_serve(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with visited(lab.service("site-ip")) as visitor:
        lab.told("freeze", owner)
        roles = lab.told("status")["nodes"][owner]["roles"]
        frozen = {int(pid) for pid, role in roles.items() if role != "guardian"}
        # The guardian, which nobody froze, ends the services with the lease: some may have gone.
        there = [each.info for each in psutil.process_iter(["pid", "status"])]
        found = {each["status"] for each in there if each["pid"] in frozen}
        assert found - {psutil.STATUS_ZOMBIE} == {psutil.STATUS_STOPPED}
        assert visitor.wait_for(lambda: visitor.node != owner)
        heir = visitor.node
        served = list(visitor.owners)
        lab.told("heal", owner)
        lab.becomes(owner, all_run)
        assert lab.service("site-ip") not in addresses(lab, owner)
        answers = visitor.answers
        assert visitor.wait_for(lambda: visitor.answers > answers + 10)
        assert visitor.owners == served == [owner, heir]


def test_isolation_cuts_clients_off_as_well(lab: Laboratory) -> None:
    lab.told("isolate", "n3")
    item = next(item for item in lab.value["wbem"] if item["node"] == "n3")
    host, _, port = item["https"].removeprefix("https://").partition(":")
    with pytest.raises(OSError, match=r"timed out|unreachable|No route"):
        socket.create_connection((host, int(port)), 1)
    lab.told("heal")
    socket.create_connection((host, int(port)), 20).close()


def test_two_labs_have_networks_of_their_own(lab: Laboratory, tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--netns", "--nodes", "2", "--no-wbem") as second:
        networks = {
            item["addresses"]["front"]["host"].rpartition(".")[0]
            for made in (lab, second)
            for item in made.value["nodes"].values()
        }
        assert len(networks) == 2
        assert second.status("n1")["quorate"]
    assert lab.status("n1")["quorate"]


def test_down_after_everything_was_killed_removes_the_namespaces_too(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with laboratory(directory, "--netns", "--nodes", "2", "--no-wbem"):
        for found in processes.scan(directory).values():
            processes.send(found, signal.SIGKILL)
        assert network.is_left(network.names_for(directory))
    assert not network.is_left(network.names_for(directory))
    assert not traces(directory)


def test_namespaces_without_their_lab_are_found_by_its_directory(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    done = run("lab", "up", "--dir", str(directory), "--netns", "--nodes", "1", "--no-wbem")
    assert done.returncode == 0, done.stderr
    (directory / state.FILE).unlink()
    assert run("lab", "down", "--dir", str(directory)).returncode == 0
    assert not network.is_left(network.names_for(directory))


def test_ordinary_user_is_told_to_be_root(tmp_path: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*nobody, sys.executable, "-c", ""], check=False).returncode:
        pytest.skip("ordinary users cannot run this Python")
    tmp_path.chmod(0o777)
    words = [*nobody, *HA, "lab", "up", "--netns", "--dir", str(tmp_path / "lab")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 1
    assert "run it as root" in done.stderr
    assert not traces(tmp_path / "lab")
