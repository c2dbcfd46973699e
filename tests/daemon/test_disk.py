"""Torn databases, full disks, wrong files: one sentence each, and nothing acknowledged is lost."""

import json
import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.fleet import (
    HAD,
    PORT,
    Fleet,
    Nobody,
    NodeUnderTest,
    environment,
    eventually,
    may_enter,
)

pytestmark = pytest.mark.slow
SERVICE = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 999}\n"


def stopped(fleet: Fleet) -> NodeUnderTest:
    """Return a node that has been made, and stopped again."""
    node = fleet.init()
    node.applied(SERVICE)
    node.done("stop")
    return node


def refused(node: NodeUnderTest, code: int) -> str:
    """Start the daemon, which must refuse; return its one sentence."""
    result = node.run_daemon()
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert not node.layout.control_socket.exists()
    return lines[0]


def test_truncated_database_is_refused_and_left_as_it_is(fleet: Fleet) -> None:
    node = stopped(fleet)
    whole = node.layout.store.read_bytes()
    for size in (0, 100, 4096, len(whole) - 1, len(whole) // 2):
        node.layout.store.write_bytes(whole[:size])
        sentence = refused(node, 6)
        assert f"{node.layout.store} is damaged" in sentence
        assert "move it away, then join the cluster again" in sentence
        assert node.layout.store.read_bytes() == whole[:size]


def test_flipped_bits_are_noticed_wherever_they_matter(fleet: Fleet) -> None:
    node = stopped(fleet)
    whole = node.layout.store.read_bytes()
    place = whole.index(b"sleep 999")
    node.layout.store.write_bytes(whole[:place] + b"sleep 998" + whole[place + 9 :])
    assert "is not what was written" in refused(node, 6)
    node.layout.store.write_bytes(b"\0" * 16 + whole[16:])
    assert "is damaged" in refused(node, 6)
    node.layout.store.write_bytes(whole)
    node.start()
    node.reaches("web", "started")


def test_database_of_another_program_or_a_newer_version_is_refused(fleet: Fleet) -> None:
    node = stopped(fleet)
    query = ["sqlite3", str(node.layout.store)]
    subprocess.run([*query, "PRAGMA user_version = 99"], check=True)
    assert "was written by a newer version (schema 99, known 1)" in refused(node, 6)
    subprocess.run([*query, "PRAGMA application_id = 7"], check=True)
    assert "is not a Beatkeeper database" in refused(node, 6)


def test_missing_database_makes_a_node_that_asks_and_does_not_rule(fleet: Fleet) -> None:
    node = stopped(fleet)
    node.layout.store.unlink()
    node.start()
    assert node.status()["quorate"] is False


def test_what_was_acknowledged_survives_kills_in_the_middle_of_writing(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(SERVICE)
    acknowledged = node.status()["revision"]
    for round_number in range(6):
        stop = threading.Event()
        seen = [acknowledged]

        def edit(stop: threading.Event = stop, seen: list[int] = seen) -> None:
            wanted = "manage"
            while not stop.is_set():
                wanted = "unmanage" if wanted == "manage" else "manage"
                result = node.ha("resource", wanted, "web", "--no-wait", "--json")
                if result.returncode == 0:
                    seen.append(json.loads(result.stdout)["revision"])

        editor = threading.Thread(target=edit)
        editor.start()
        eventually("some edits", lambda seen=seen, most=2 + round_number: len(seen) > most)
        node.end()
        stop.set()
        editor.join()
        acknowledged = max(seen)
        node.start()
        assert node.status()["revision"] >= acknowledged


@pytest.mark.parametrize(
    ("spoil", "code", "sentence"),
    [
        (lambda n: n.layout.keyring_file.unlink(), 5, "keyring cannot be read"),
        (lambda n: n.layout.keyring_file.chmod(0o644), 5, "has mode 0644, expected 0600: chmod"),
        (lambda n: n.layout.keyring_file.write_text("{"), 5, "not a key ring"),
        (lambda n: n.layout.node_file.unlink(), 5, "node.yaml cannot be read"),
        (lambda n: n.layout.node_file.write_text("name: [x"), 5, "node.yaml:1: not YAML"),
        (lambda n: n.layout.node_file.write_text("nodes: {}"), 5, "'name' is missing"),
        (
            lambda n: n.layout.store.chmod(0o644) or n.layout.store.write_text("x" * 9000),
            6,
            "damag",
        ),
    ],
    ids=["no-ring", "open-ring", "ring", "no-file", "yaml", "no-name", "store"],
)
def test_faulty_files_are_refused_in_one_sentence(
    fleet: Fleet, spoil: Callable[[NodeUnderTest], object], code: int, sentence: str
) -> None:
    node = stopped(fleet)
    spoil(node)
    assert sentence in refused(node, code)


def test_second_daemon_on_a_root_is_refused_and_the_first_lives(fleet: Fleet) -> None:
    node = fleet.init()
    result = node.run_daemon()
    assert result.returncode == 7
    assert result.stderr == f"had: another daemon runs on {node.layout.lib}: stop it first\n"
    assert node.status()["quorate"]


def test_daemon_without_permission_says_where(fleet: Fleet, nobody: Nobody) -> None:
    node = stopped(fleet)
    may_enter(fleet.directory)
    result = nobody.run(nobody.python, "-m", "ha_core.runtime.daemon", "--root", node.root)
    if nobody.uid == os.stat(node.root).st_uid:
        pytest.skip("this user owns the directory")
    assert result.returncode == 5
    assert "Permission denied" in result.stderr
    assert "run as root" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@contextmanager
def limited(node: NodeUnderTest) -> Iterator["subprocess.Popen[str]"]:
    """Run the daemon so that its database cannot grow any more, as on a full disk."""
    most = node.layout.store.stat().st_size
    with subprocess.Popen(
        [*HAD, "--root", str(node.root)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    ) as daemon:
        try:
            yield daemon
        finally:
            daemon.kill()


def test_disk_that_fills_up_ends_the_node_with_a_sentence_and_loses_nothing(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(SERVICE)
    revision = node.status()["revision"]
    node.done("stop")
    with limited(node) as daemon:
        node.reaches("web", "started")
        web = eventually("its process", lambda: services("sleep 999", node.root))
        many = "".join(
            f"  r{n}:\n    agent: process\n    parameters: {{command: sleep 9}}\n"
            for n in range(200)
        )
        # "The daemon ends", or cut off before it could say so.
        assert node.apply(SERVICE + many, "--timeout", "20").returncode in (3, 4)
        assert daemon.wait(30) == 6
        assert daemon.stderr is not None
        words = daemon.stderr.read()
    assert "the disk is full or failing" in words
    assert "make room, then start the node again" in words
    assert len(words.splitlines()) == 1
    assert not Path(f"/proc/{web[0]}").exists(), "a node that has ended runs nothing"
    node.start()
    assert node.status()["revision"] == revision
    node.reaches("web", "started")


def services(command: str, root: Path) -> list[int]:
    """Return the processes that run a command for the node of that root."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            mine = str(root).encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if mine and b" ".join(words) == command.encode():
            found.append(int(entry.name))
    return found


def test_port_taken_after_init_is_logged_and_taken_again_when_free(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    second.done("stop")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.bind((second.host, PORT))
        second.start()
        second.logs(f"cannot listen on {second.host} port {PORT} (Address already in use)")
        assert second.status()["quorate"] is False
        assert f"cannot listen on {second.host} port {PORT}" in " ".join(second.status()["faults"])
    second.logs("every link of this node listens now")
    eventually("n2 is back", lambda: first.status()["nodes"]["n2"]["state"] == "online")


def test_stop_signal_sent_twice_is_no_fault(fleet: Fleet) -> None:
    node = fleet.init()
    pid = node.pid
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    node.gone()
    assert "bug" not in node.log()
