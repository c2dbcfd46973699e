"""Built-in classes: parameters of `process` and `address`, output, and who guards what."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ha_core.agents import address, output, process
from ha_core.agents.registry import exclusivity_of, guard_of
from ha_core.config.model import AgentClass, AgentRef, Exclusivity, Meta, Primitive
from ha_core.errors import ConfigError
from ha_core.ids import ResourceId


def primitive(agent_class: AgentClass, **given_: str) -> Primitive:
    parameters = tuple((name.replace("__", "."), value) for name, value in given_.items())
    return Primitive(ResourceId("r"), AgentRef(agent_class), parameters)


def faults_of(agent_class: AgentClass, **given_: str) -> tuple[str, ...]:
    parse = {AgentClass.PROCESS: process.parse, AgentClass.ADDRESS: address.parse}[agent_class]
    with pytest.raises(ConfigError) as refused:
        parse(primitive(agent_class, **given_))
    return refused.value.faults


# --- process -------------------------------------------------------------------------------


def test_command_is_split_into_words_and_no_shell_is_asked() -> None:
    spec = process.parse(primitive(AgentClass.PROCESS, command="/bin/web --name 'a b' '$HOME' ; x"))
    assert spec.argv == ("/bin/web", "--name", "a b", "$HOME", ";", "x")


def test_process_takes_directory_user_port_and_variables() -> None:
    spec = process.parse(
        primitive(
            AgentClass.PROCESS,
            command="/bin/web",
            directory="/srv",
            user="www",
            ready_port="[::1]:8080",
            env__MODE="live",
        )
    )
    assert (spec.directory, spec.user, spec.ready) == ("/srv", "www", ("::1", 8080))
    assert spec.environment == (("MODE", "live"),)


@pytest.mark.parametrize(
    ("given_", "fault"),
    [
        ({}, "parameter 'command' is missing"),
        ({"command": "  "}, "parameter 'command' is missing"),
        ({"command": "/bin/x 'open"}, "No closing quotation"),
        ({"command": "/bin/x", "dir": "/"}, "parameter 'dir' is unknown"),
        ({"command": "/bin/x", "env__1X": "v"}, "parameter 'env.1X' is unknown"),
        ({"command": "/bin/x\0y"}, "null character"),
        ({"command": "/bin/x", "directory": "srv"}, "expected an absolute path"),
        ({"command": "/bin/x", "ready_port": "http"}, "expected PORT or HOST:PORT"),
        ({"command": "/bin/x", "ready_port": "0"}, "1..65535"),
        ({"command": "/bin/x", "ready_port": "65536"}, "1..65535"),
        ({"command": "/bin/x", "ready_port": "9" * 4000}, "1..65535"),
        ({"command": "x" * 40_000}, "expected at most 32768"),
    ],
)
def test_process_fault_names_the_resource_and_the_value(given_: dict[str, str], fault: str) -> None:
    faults = faults_of(AgentClass.PROCESS, **given_)
    assert len(faults) == 1
    assert faults[0].startswith("resource 'r': ")
    assert fault in faults[0]


def test_all_faults_of_a_process_are_told_together() -> None:
    faults = faults_of(AgentClass.PROCESS, directory="srv", ready_port="x", speed="1")
    assert len(faults) == 3


# --- address -------------------------------------------------------------------------------


def test_address_may_carry_its_prefix() -> None:
    spec = address.parse(primitive(AgentClass.ADDRESS, address="192.0.2.7/24", interface="eth0"))
    assert (str(spec.address), spec.prefix, spec.interface) == ("192.0.2.7", 24, "eth0")
    assert not spec.is_claim


def test_loopback_address_without_an_interface_is_a_claim() -> None:
    spec = address.parse(primitive(AgentClass.ADDRESS, address="127.0.8.1"))
    assert spec.is_claim
    assert spec.claim_name == "beatkeeper/address/127.0.8.1"
    on_interface = primitive(AgentClass.ADDRESS, address="127.0.8.1", interface="lo")
    assert not address.parse(on_interface).is_claim
    assert not address.parse(primitive(AgentClass.ADDRESS, address="::1")).is_claim


@pytest.mark.parametrize(
    ("given_", "fault"),
    [
        ({}, "'address' is ''"),
        ({"address": "192.0.2.256"}, "'address' is '192.0.2.256'"),
        ({"address": "224.0.0.1"}, "expected an IPv4 or IPv6 host address"),
        ({"address": "0.0.0.0"}, "expected an IPv4 or IPv6 host address"),
        ({"address": "192.0.2.7", "prefix": "33"}, "'prefix' is '33', expected 0..32"),
        ({"address": "192.0.2.7/"}, None),
        ({"address": "192.0.2.7/-1"}, "'prefix' is '-1', expected 0..32"),
        ({"address": "2001:db8::1/129"}, "'prefix' is '129', expected 0..128"),
        ({"address": "192.0.2.7", "interface": "a" * 16}, "expected at most 15 bytes"),
        ({"address": "192.0.2.7", "interface": "../x"}, "without blanks and slashes"),
        ({"address": "192.0.2.7", "probe_ms": "soon"}, "'probe_ms' is 'soon', expected 0..10000"),
        ({"address": "192.0.2.7", "announcements": "21"}, "'announcements' is '21'"),
        ({"address": "192.0.2.7", "netmask": "24"}, "'netmask' is unknown"),
    ],
)
def test_address_fault_names_the_value_and_what_is_allowed(
    given_: dict[str, str], fault: str | None
) -> None:
    if fault is None:
        assert address.parse(primitive(AgentClass.ADDRESS, **given_)).prefix is None
        return
    assert fault in faults_of(AgentClass.ADDRESS, **given_)[0]


# --- output --------------------------------------------------------------------------------


@given(st.binary(max_size=9000))
def test_output_is_bounded_and_readable(raw: bytes) -> None:
    text = output.clean(raw)
    assert len(text) <= output.OUTPUT_CHARACTERS_MAX
    assert all(c in "\n\t" or c.isprintable() for c in text)
    assert len(output.last_line(text)) <= output.REASON_CHARACTERS_MAX
    assert "\n" not in output.last_line(text)


def test_newest_output_is_kept_and_control_characters_are_not() -> None:
    assert output.clean(b"a" * 5000 + b"end").endswith("aend")
    assert output.clean(b"\x1b[31mred\x07\r\nline") == "[31mred\nline"
    assert output.clean(b"\xff\xfe") == "\N{REPLACEMENT CHARACTER}" * 2
    assert output.last_line("one\n  two  \n\n") == "two"
    assert output.last_line("\n \n") == ""


# --- guards --------------------------------------------------------------------------------

BOUND = (AgentClass.PROCESS, AgentClass.ADDRESS)


@pytest.mark.parametrize("agent_class", AgentClass)
def test_what_runs_under_the_guardian_ends_with_the_lease_and_nothing_else_does(
    agent_class: AgentClass,
) -> None:
    guard = guard_of(primitive(agent_class))
    assert guard.bounded is (agent_class in BOUND)
    assert guard.name == ("guardian" if agent_class in BOUND else "none")


@pytest.mark.parametrize("agent_class", AgentClass)
def test_what_may_run_twice_needs_no_guard(agent_class: AgentClass) -> None:
    guard = guard_of(replace(primitive(agent_class), meta=Meta(exclusivity=Exclusivity.NONE)))
    assert (guard.name, guard.bounded) == ("not needed", True)


@pytest.mark.parametrize(
    ("agent_class", "exclusivity"),
    [
        (AgentClass.PROCESS, Exclusivity.PROCESS),
        (AgentClass.ADDRESS, Exclusivity.NETWORK),
        (AgentClass.OCF, Exclusivity.DEVICE),
        (AgentClass.LSB, Exclusivity.DEVICE),
        (AgentClass.SYSTEMD, Exclusivity.DEVICE),
        (AgentClass.SERVICE, Exclusivity.DEVICE),
        (AgentClass.HEARTBEAT, Exclusivity.DEVICE),
    ],
)
def test_class_says_what_must_never_exist_twice_unless_the_resource_does(
    agent_class: AgentClass, exclusivity: Exclusivity
) -> None:
    assert exclusivity_of(primitive(agent_class)) is exclusivity
    meta = Meta(exclusivity=Exclusivity.NETWORK)
    assert exclusivity_of(replace(primitive(agent_class), meta=meta)) is Exclusivity.NETWORK
