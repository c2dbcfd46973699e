"""A node's processes are found wherever they hid, die at once, and nobody else dies with them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ha_core.lab import processes
from ha_core.lab.machines import KEEPER_PROGRAM
from ha_core.lab.processes import KEEPER, MARK

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; print('on', flush=True); time.sleep(300)"]
GO_AWAY = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[1]], {})
"""
"""Becomes a daemon as agents' services do: nobody's child, with an environment of its own."""
STAY = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
PARENT = """
import subprocess, sys, time
subprocess.run([sys.executable, "-I", "-S", "-c", *sys.argv[1:]])
time.sleep(300)
"""


@contextmanager
def started(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that says a word when it is there, and kill it in the end."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def word(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def marked(root: Path) -> dict[str, str]:
    return {MARK: str(root)}


def pids(root: Path) -> list[int]:
    return [item.pid for item in processes.of(root)]


@pytest.mark.parametrize(
    ("variable", "end"),
    [(MARK, ""), ("BEATKEEPER_GUARDIAN", "/run"), ("HA_RSCTMP", "/run/resource-agents")],
)
def test_every_mark_of_a_node_is_known(tmp_path: Path, variable: str, end: str) -> None:
    with started(SLEEP, **{variable: f"{tmp_path}/n1{end}"}) as process:
        word(process)
        assert pids(tmp_path / "n1") == [process.pid]
        assert not pids(tmp_path / "n2")


def test_shell_that_stands_in_the_lab_is_not_part_of_it(tmp_path: Path) -> None:
    root = tmp_path / "n1"
    root.mkdir()
    variables = {"PWD": str(root), "BEATKEEPER_ROOT": str(root), "MY_LAB": str(tmp_path)}
    with started([*SLEEP, "--root", str(root)], **variables) as process:
        word(process)
        assert not processes.scan(tmp_path)


def test_node_of_a_longer_name_is_another_node(tmp_path: Path) -> None:
    with started(SLEEP, **marked(tmp_path / "n11")) as process:
        word(process)
        assert not pids(tmp_path / "n1")


def test_lab_within_a_labs_node_is_another_lab(tmp_path: Path) -> None:
    with started(SLEEP, **marked(tmp_path / "n1" / "n1")) as process:
        word(process)
        assert not processes.scan(tmp_path)


def test_service_in_the_background_is_found_and_killed_through_its_keeper(tmp_path: Path) -> None:
    root = tmp_path / "n1"
    keeper = [sys.executable, "-I", "-S", str(KEEPER_PROGRAM), "--"]
    parent = [sys.executable, "-I", "-S", "-c", PARENT, GO_AWAY, STAY]
    with started([*keeper, *parent], **marked(root)) as process:
        service = int(word(process))
        assert psutil.Process(service).environ() == {}
        found = processes.of(root)
        assert service in [item.pid for item in found]
        assert [item.pid for item in found if item.role == KEEPER] == [process.pid]
        killed = processes.kill(lambda: processes.of(root))
        assert service in [item.pid for item in killed]
        assert not pids(root)


def test_keeper_ends_with_the_last_of_its_children_and_with_the_programs_code() -> None:
    keeper = [sys.executable, "-I", "-S", str(KEEPER_PROGRAM), "--"]
    done = subprocess.run([*keeper, "/bin/sh", "-c", "exit 7"], check=False)
    assert done.returncode == 7


def test_nothing_of_a_killed_node_hears_of_another_ones_death(tmp_path: Path) -> None:
    """The parent would write a file if it saw its child die."""
    witness = tmp_path / "last-words"
    text = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n    time.sleep(300)\n"
        "print('on', flush=True)\nos.wait()\nopen(sys.argv[1], 'w').close()\n"
    )
    command = [sys.executable, "-I", "-S", "-c", text, str(witness)]
    for _ in range(10):
        with started(command, **marked(tmp_path / "n1")) as process:
            word(process)
            assert len(processes.kill(lambda: processes.of(tmp_path / "n1"))) == 2
    assert not witness.exists()


def test_stopped_process_is_seen_as_stopped_and_can_be_killed(tmp_path: Path) -> None:
    root = tmp_path / "n1"
    with started(SLEEP, **marked(root)) as process:
        word(process)
        processes.send(processes.of(root), signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert [item.is_stopped for item in processes.of(root)] == [True]
        processes.kill(lambda: processes.of(root))
        assert not pids(root)


def test_process_that_has_the_number_of_another_by_now_is_left_alone(tmp_path: Path) -> None:
    with started(SLEEP, **marked(tmp_path / "n1")) as process:
        assert word(process) == "on"
        (found,) = processes.of(tmp_path / "n1")
        assert found.began > 0
        processes.send([replace(found, began=found.began - 1)], signal.SIGKILL)
        processes.send([found], signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_process_whose_name_is_cut_within_a_character_is_found(tmp_path: Path) -> None:
    rename = "open('/proc/self/comm', 'wb').write(b'dienst-f\\xc3'); "
    with started([*SLEEP[:-1], rename + SLEEP[-1]], **marked(tmp_path / "n1")) as process:
        assert word(process) == "on"
        (found,) = processes.of(tmp_path / "n1")
        assert (found.pid, found.began > 0) == (process.pid, True)
