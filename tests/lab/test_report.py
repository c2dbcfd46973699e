"""The JSON that other programs rely on, key by key, and commands that can be pasted."""

import shlex
from pathlib import Path

import pytest

from ha_core.lab import report
from ha_core.lab.processes import Process
from ha_core.lab.state import Lab, LabNode, Moved, Place
from tests.fake_cluster import configuration

DIRECTORY = Path("/tmp/some lab")
RUNNING = (
    Process(11, "had"),
    Process(12, "guardian"),
    Process(13, "ha-cimd"),
    Process(10, "keeper"),
    Process(14, "resource:web"),
)


def node(number: int) -> LabNode:
    places = (
        Place("front", f"127.1.2.{number}", 6940),
        Place("back", f"127.1.2.{64 + number}", 6941),
    )
    ports = 20_000 + 2 * number
    return LabNode(f"n{number}", places, "127.0.0.1", ports, ports + 1)


def lab(**changes: object) -> Lab:
    values: dict[str, object] = {
        "directory": DIRECTORY,
        "made": (DIRECTORY,),
        "nodes": (node(1), node(2)),
        "moved": (Moved("ip", "127.0.0.80", "127.1.2.193"),),
        "user": "lab",
        "password": "pass",
        **changes,
    }
    return Lab(**values)  # type: ignore[arg-type]  # the values of each field


def found(*here: Process) -> report.Found:
    return {DIRECTORY / "n1": here or RUNNING}


def test_value_has_the_keys_that_other_programs_rely_on() -> None:
    value = report.lab_value(lab(), found())
    assert value["dir"] == str(DIRECTORY)
    nodes = value["nodes"]
    assert isinstance(nodes, dict)
    assert list(nodes) == ["n1", "n2"]
    first = nodes["n1"]
    assert first["root"] == f"{DIRECTORY}/n1"
    assert first["address"] == "127.1.2.1"
    assert first["pids"] == [11, 12, 13, 10, 14]
    assert value["wbem"] == [
        {
            "node": name,
            "http": f"http://127.0.0.1:{port}",
            "https": f"https://127.0.0.1:{port + 1}",
            "user": "lab",
            "password": "pass",
            "ca": f"{DIRECTORY}/{name}/etc/cimd/certificate.pem",
        }
        for name, port in (("n1", 20_002), ("n2", 20_004))
    ]


def test_value_says_what_has_moved_and_where() -> None:
    value = report.lab_value(lab(), found())
    assert value["services"] == [
        {"resource": "ip", "address": "127.1.2.193", "given": "127.0.0.80"}
    ]
    assert value["mode"] == "loopback"
    assert value["shared"] == f"{DIRECTORY}/shared_srv"


def test_node_value_has_every_address_and_the_control_socket() -> None:
    value = report.node_value(lab(), node(1), found())
    assert value["addresses"] == {
        "front": {"host": "127.1.2.1", "port": 6940},
        "back": {"host": "127.1.2.65", "port": 6941},
    }
    assert value["control"] == f"{DIRECTORY}/n1/run/control.sock"
    assert value["roles"] == {str(item.pid): item.role for item in RUNNING}
    assert value["namespace"] is None


def test_lab_without_wbem_lists_none() -> None:
    bare = LabNode("n1", node(1).places)
    assert report.lab_value(lab(nodes=(bare,)), found())["wbem"] == []
    assert report.node_state(bare, RUNNING[:2]) == "running"


@pytest.mark.parametrize(
    ("here", "state", "faults"),
    [
        (RUNNING, "running", []),
        ((), "down", ["power is off"]),
        ((Process(10, "keeper"),), "down", ["power is off"]),
        (RUNNING[:2], "partly", ["ha-cimd does not run"]),
        (RUNNING[2:], "partly", ["had does not run"]),
        (
            (Process(11, "had", True), Process(13, "ha-cimd", True), Process(14, "resource:web")),
            "frozen",
            ["frozen: ha-cimd, had"],
        ),
        (
            (*RUNNING[:4], Process(14, "resource:web", True)),
            "running",
            ["frozen: resource:web"],
        ),
    ],
)
def test_faults_are_read_from_what_runs(
    here: tuple[Process, ...], state: str, faults: list[str]
) -> None:
    assert report.node_state(node(1), here) == state
    assert report.faults(lab(), node(1), here) == faults


def test_isolated_node_is_said_to_be() -> None:
    assert report.faults(lab(isolated=("n1",)), node(1), RUNNING) == [
        "isolated from the other nodes"
    ]


def test_status_has_a_line_for_each_node() -> None:
    lines = report.status_text(lab(), found()).splitlines()
    assert lines[0] == f"lab in {DIRECTORY}, 2 nodes on loopback"
    rows = [" ".join(line.split()) for line in lines[1:]]
    assert rows[0] == "n1 running had 11, guardian 12, ha-cimd 13, resource:web 14"
    assert rows[1:] == ["n2 down - [power is off]"]


def test_commands_can_be_pasted_however_the_directory_is_named() -> None:
    text = report.how_to(lab(), configuration(), is_own_end=False)
    commands = [line[12:].strip() for line in text.splitlines() if " lab " in line and "'" in line]
    assert len(commands) >= 6
    for command in commands:
        words = shlex.split(command)
        if "--dir" in words:
            assert words[words.index("--dir") + 1] == str(DIRECTORY)


def test_password_stands_only_where_it_is_needed() -> None:
    text = report.how_to(lab(password="s3cret"), configuration(), is_own_end=True)
    assert all("wbemcli" in line for line in text.splitlines() if "s3cret" in line)
    assert "s3cret" not in report.status_text(lab(password="s3cret"), found())
