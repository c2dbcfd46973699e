"""node.yaml: read as it was written, or all its faults at once, each with its line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.errors import ConfigError
from ha_core.ids import LinkName, NodeName
from ha_core.runtime.nodefile import (
    NodeFile,
    WatchdogPlace,
    parse_place,
    read_node_file,
    render_node_file,
)

RING0, RING1 = LinkName("ring0"), LinkName("ring1")
CONFIGURATION = Configuration(
    nodes=(
        Node(NodeName("n1"), (Address(RING0, "10.0.0.1"), Address(RING1, "fd00::1", 7000))),
        Node(NodeName("n2"), (Address(RING0, "host.example"),)),
    ),
    links=(Link(RING0, 6941), Link(RING1)),
)


def faults(path: Path, text: str) -> list[str]:
    """Return the faults of a file with that text, without its directory."""
    path = path / "node.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_node_file(path)
    assert all(fault.startswith(str(path)) for fault in caught.value.faults)
    return [fault.removeprefix(f"{path.parent}/") for fault in caught.value.faults]


def test_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(render_node_file(NodeName("n2"), CONFIGURATION))
    found = read_node_file(path)
    assert found.name == "n2"
    assert [node.addresses for node in found.seeds.nodes] == [
        (Address(RING0, "10.0.0.1", 6941), Address(RING1, "fd00::1", 7000)),
        (Address(RING0, "host.example", 6941),),
    ]
    assert [link.name for link in found.seeds.links] == [RING0, RING1]


def test_file_says_after_which_start_its_node_begins(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(render_node_file(NodeName("n2"), CONFIGURATION, 2_000_000_000_000))
    assert read_node_file(path).after_start == 2_000_000_000_000
    text = "name: n1\nafter_start: -7\n"
    assert faults(tmp_path, text) == ["node.yaml:2: 'after_start' is '-7', expected a whole number"]


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    text = """\
# comment
name: []
nodes:
  n1:
    ring2: 10.0.0.1:99999
    ring0: 10.0.0.1
    ring0: 10.0.0.1
    ring1: ':6940'
  n2: 10.0.0.2
  n3: {ring0: }
colour: blue
"""
    assert faults(tmp_path, text) == [
        "node.yaml:11: 'colour' is not known, expected 'name', 'nodes', 'watchdog'",
        "node.yaml:2: name is empty or a list, expected one word",
        "node.yaml:7: 'ring0' stands twice in nodes.n1",
        "node.yaml:5: nodes.n1.ring2: '10.0.0.1:99999' has port '99999', expected 1..65535",
        "node.yaml:8: nodes.n1.ring1: ':6940' has no host, expected host or host:port",
        "node.yaml:9: nodes.n2 is not a mapping of names to values",
        "node.yaml:10: nodes.n3.ring0 is empty or a list, expected one word",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "node.yaml:1: the file is not a mapping of names to values"),
        ("- a", "node.yaml:1: the file is not a mapping of names to values"),
        ("nodes: {}", "node.yaml:1: 'name' is missing, expected the name of this node"),
        ("name: n1\nnodes: 5", "node.yaml:2: 'nodes' is not a mapping of names to values"),
        ("name: n1\n  bad: [", "node.yaml:2: not YAML: mapping values are not allowed here"),
        ("name: *x", "node.yaml:1: not YAML: found undefined alias 'x'"),
        ("#" * 65_537, "node.yaml: 65537 bytes, at most 65536"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    assert faults(tmp_path, text) == [fault]


def test_missing_file_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"node.yaml cannot be read .*'ha init'.*'ha join'"):
        read_node_file(tmp_path / "node.yaml")


@given(raw=st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_raise_anything_else(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "node.yaml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError):
        read_node_file(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "[" * 60_000)
    assert fault.startswith("node.yaml: not YAML")


@pytest.mark.parametrize(
    ("place", "host", "port"),
    [
        ("10.0.0.1", "10.0.0.1", 0),
        ("10.0.0.1:7000", "10.0.0.1", 7000),
        ("fd00::1", "fd00::1", 0),
        ("[fd00::1]", "fd00::1", 0),
        ("[fd00::1]:7000", "fd00::1", 7000),
        ("host.example:65535", "host.example", 65535),
    ],
)
def test_place_is_host_with_or_without_port(place: str, host: str, port: int) -> None:
    assert parse_place("ring0", place, "here") == Address(RING0, host, port)


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "9" * 5000, ""])
def test_port_out_of_range_is_refused(port: str) -> None:
    with pytest.raises(ConfigError, match=r"here: .* expected 1\.\.65535"):
        parse_place("ring0", f"host:{port}", "here")


def test_watchdog_is_read_with_its_time_out(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    text = render_node_file(NodeName("n2"), CONFIGURATION)
    assert read_node_file_of(path, text).watchdog is None
    found = read_node_file_of(path, f"{text}watchdog: {{device: /dev/watchdog}}\n")
    assert found.watchdog == WatchdogPlace("/dev/watchdog", 10)
    found = read_node_file_of(path, f"{text}watchdog: {{device: /dev/watchdog1, timeout: 5s}}\n")
    assert found.watchdog == WatchdogPlace("/dev/watchdog1", 5)


def read_node_file_of(path: Path, text: str) -> NodeFile:
    """Return what the file with this text says."""
    path.write_text(text)
    return read_node_file(path)


@pytest.mark.parametrize(
    ("watchdog", "fault"),
    [
        ("{timeout: 5s}", "'watchdog.device' is missing, expected a path as /dev/watchdog"),
        ("{device: watchdog}", "'watchdog.device' is 'watchdog', expected a path"),
        ("{device: /dev/watchdog, timeout: 0s}", "'0s', expected whole seconds, 1s..3600s"),
        ("{device: /dev/watchdog, timeout: soon}", "'soon', expected whole seconds"),
        ("{device: /dev/watchdog, feed: 1}", "'watchdog.feed' is not known"),
        ("/dev/watchdog", "'watchdog' is not a mapping"),
    ],
)
def test_fault_in_the_watchdog_is_told(tmp_path: Path, watchdog: str, fault: str) -> None:
    text = render_node_file(NodeName("n2"), CONFIGURATION)
    with pytest.raises(ConfigError) as caught:
        read_node_file_of(tmp_path / "node.yaml", f"{text}watchdog: {watchdog}\n")
    assert fault in str(caught.value)
