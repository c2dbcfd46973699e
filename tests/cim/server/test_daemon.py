"""The `ha-cimd` program: users by its command line, and whole runs as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pywbem
from click.testing import CliRunner

from cim_provider.server.daemon import main
from tests.fake_cluster import FakeCluster, served

PROGRAM = (sys.executable, "-m", "cim_provider.server.daemon")
FREE_PORTS = ("--http-port", "0", "--https-port", "0")


def cli(root: Path, *arguments: str, text: str = "") -> tuple[int, str]:
    """Return exit code and output."""
    result = CliRunner().invoke(main, [*arguments, "--root", str(root)], input=text)
    return result.exit_code, result.output


def program(root: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments, "--root", str(root)],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(root: Path, *arguments: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """Run the server; yield what it records of itself."""
    process = subprocess.Popen(
        [*PROGRAM, "run", "--root", str(root), *FREE_PORTS, *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("READY "):
                break
        assert lines[-1].startswith("READY "), "".join(lines)
        yield json.loads((root / "run" / "cimd.json").read_text()), process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def connection(root: Path, url: str) -> pywbem.WBEMConnection:
    """Return a client of the server."""
    certificate = str(root / "etc" / "cimd" / "certificate.pem")
    client = pywbem.WBEMConnection(
        url, ("ann", "sesame"), default_namespace="root/cimv2", ca_certs=certificate, timeout=10
    )
    client.session.trust_env = False
    return client


def test_users_are_set_listed_and_removed(tmp_path: Path) -> None:
    assert cli(tmp_path, "passwd", "ann", text="sesame\n")[0] == 0
    assert cli(tmp_path, "passwd", "bob", "--role", "view", text="look\n")[0] == 0
    assert cli(tmp_path, "passwd", "bob", text="look again\n")[0] == 0
    assert cli(tmp_path, "user", "list") == (0, "ann administer (password)\nbob view (password)\n")
    assert cli(tmp_path, "user", "remove", "bob")[0] == 0
    assert cli(tmp_path, "user", "list") == (0, "ann administer (password)\n")


def test_faults_of_users_are_one_sentence_each(tmp_path: Path) -> None:
    code, output = cli(tmp_path, "passwd", "a:b", text="x\n")
    assert (code, output.count("\n")) == (1, 1)
    assert "user name 'a:b'" in output
    assert cli(tmp_path, "passwd", "ann", text="\n")[0] == 1
    assert "there is no user 'ann'" in cli(tmp_path, "user", "remove", "ann")[1]


def test_server_without_users_refuses_to_start_and_says_the_cure(tmp_path: Path) -> None:
    done = program(tmp_path, "run", *FREE_PORTS)
    assert done.returncode == 1
    assert f"'ha-cimd passwd --root {tmp_path} USER'" in done.stderr
    assert "Traceback" not in done.stderr


def test_port_that_is_taken_is_named_with_the_cure(tmp_path: Path) -> None:
    cli(tmp_path, "passwd", "ann", text="sesame\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = program(
            tmp_path, "run", "--bind", "127.0.0.1", "--http-port", "0", "--https-port", port
        )
    assert done.returncode == 1
    assert f"https: 127.0.0.1 port {port}" in done.stderr
    assert "choose another port" in done.stderr


@pytest.mark.slow
def test_server_shows_the_cluster_and_carries_out_commands(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cli(tmp_path, "passwd", "ann", text="sesame\n")
    with served(tmp_path, cluster), running(tmp_path) as (state, process):
        assert state["pid"] == process.pid
        for scheme in ("http", "https"):
            client = connection(tmp_path, state[scheme])
            found = client.EnumerateInstanceNames("HA_PrimitiveResource")
            assert len(found) == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_ends_cleanly_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    cli(tmp_path, "passwd", "ann", text="sesame\n")
    with running(tmp_path, "--no-http") as (state, process):
        assert "http" not in state
        connection(tmp_path, state["https"]).EnumerateClassNames()
        os.kill(process.pid, number)
        assert process.wait(20) == 0
        assert not (tmp_path / "run" / "cimd.json").exists()
