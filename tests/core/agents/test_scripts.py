"""Agents that are programs: how each class is called, and what its answer means."""

import pytest

from ha_core.agents import heartbeat, lsb, ocf, systemd
from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError
from ha_core.ids import ResourceId

IP = ResourceId("ip")


def agent(provider: str = "heartbeat", kind: str = "IPaddr2", **parameters: str) -> Primitive:
    ref = AgentRef(AgentClass.OCF, provider, kind)
    return Primitive(IP, ref, tuple(parameters.items()))


# --- ocf -----------------------------------------------------------------------------------


def test_ocf_agent_lies_below_its_provider() -> None:
    assert ocf.path("/usr/lib/ocf", agent()) == "/usr/lib/ocf/resource.d/heartbeat/IPaddr2"


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "a\n", "-ä", "a;b", "$x"])
def test_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="resource 'ip': agent type is"):
        ocf.path("/usr/lib/ocf", agent(kind=name))
    with pytest.raises(ConfigError, match="resource 'ip': agent provider is"):
        ocf.path("/usr/lib/ocf", agent(provider=name))


def test_ocf_environment_is_whole_and_inherits_nothing() -> None:
    operation = RunOperation(1, agent(ip="192.0.2.7"), "monitor", 20_000, 10, 5000)
    found = ocf.environment(operation, ocf.Place(node="n1", scratch="/run/x"))
    assert found["OCF_RESKEY_ip"] == "192.0.2.7"
    assert found["OCF_CHECK_LEVEL"] == "10"
    assert found["OCF_RESKEY_CRM_meta_timeout"] == "20000"
    assert found["OCF_RESKEY_CRM_meta_interval"] == "5000"
    assert (found["OCF_RA_VERSION_MAJOR"], found["OCF_RA_VERSION_MINOR"]) == ("1", "1")
    assert (found["OCF_RESOURCE_INSTANCE"], found["OCF_RESOURCE_PROVIDER"]) == ("ip", "heartbeat")
    assert found["HA_RSCTMP"] == "/run/x"
    assert not {"HOME", "USER", "LD_PRELOAD"} & set(found)


def test_parameter_cannot_replace_a_variable_of_the_cluster() -> None:
    operation = RunOperation(1, agent(CRM_meta_timeout="1"), "start", 20_000)
    assert ocf.environment(operation, ocf.Place())["OCF_RESKEY_CRM_meta_timeout"] == "20000"


def test_exit_reason_is_the_last_marked_line() -> None:
    errors = "x\nocf-exit-reason: first\nnoise\nocf-exit-reason: no such device \nmore noise\n"
    assert ocf.exit_reason(errors) == "no such device"
    assert ocf.exit_reason("one\ntwo\n\n") == "two"
    assert ocf.exit_reason("") == ""
    assert len(ocf.exit_reason("ocf-exit-reason:" + "x" * 9000)) == 400


def test_every_exit_code_of_the_standard_has_words() -> None:
    assert [code for code in range(10) if ocf.meaning(code) == ocf.meaning(99)] == []
    assert ocf.meaning(7) == "cleanly stopped"
    assert ocf.meaning(190) == "running, but with trouble ahead"


# --- lsb -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "code", "meaning"),
    [
        ("monitor", 0, ocf.SUCCESS),
        ("monitor", 1, ocf.NOT_RUNNING),
        ("monitor", 2, ocf.NOT_RUNNING),
        ("monitor", 3, ocf.NOT_RUNNING),
        ("monitor", 4, ocf.GENERIC),
        ("monitor", 150, ocf.GENERIC),
        ("start", 0, ocf.SUCCESS),
        ("start", 1, ocf.GENERIC),
        ("start", 5, ocf.NOT_INSTALLED),
        ("start", 6, ocf.NOT_CONFIGURED),
        ("start", 7, ocf.NOT_RUNNING),
        ("start", 99, ocf.GENERIC),
        ("start", -9, ocf.GENERIC),
        ("stop", 0, ocf.SUCCESS),
        ("stop", 7, ocf.SUCCESS),
        ("stop", 1, ocf.GENERIC),
    ],
)
def test_lsb_code_in_ocf_terms(action: str, code: int, meaning: int) -> None:
    assert lsb.exit_code(action, code) == meaning


def test_lsb_monitor_is_status() -> None:
    assert lsb.ACTIONS == {"start": "start", "stop": "stop", "monitor": "status"}


# --- heartbeat v1 --------------------------------------------------------------------------


def test_heartbeat_arguments_come_by_number_before_the_action() -> None:
    ref = AgentRef(AgentClass.HEARTBEAT, "", "Filesystem")
    given = (("10", "last"), ("2", "/srv"), ("1", "/dev/sdb1"), ("3", "ext4"), ("note", "x"))
    script = Primitive(IP, ref, given)
    assert heartbeat.arguments(script, "start") == ("/dev/sdb1", "/srv", "ext4", "last", "start")
    assert heartbeat.arguments(script, "monitor")[-1] == "status"


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("running", ocf.SUCCESS),
        ("INFO: Running OK\n", ocf.SUCCESS),
        ("OK", ocf.SUCCESS),
        ("stopped", ocf.NOT_RUNNING),
        ("not running", ocf.NOT_RUNNING),
        ("is NOT\nrunning", ocf.NOT_RUNNING),
        ("Stopped, was running", ocf.NOT_RUNNING),
        ("ok", ocf.NOT_RUNNING),
        ("", ocf.NOT_RUNNING),
        ("no idea", ocf.NOT_RUNNING),
    ],
)
def test_heartbeat_status_is_read_as_words_whatever_the_code(output: str, meaning: int) -> None:
    assert [heartbeat.exit_code("monitor", code, output) for code in (0, 1, 3)] == [meaning] * 3


def test_heartbeat_start_and_stop_go_by_the_code() -> None:
    for action in ("start", "stop"):
        assert heartbeat.exit_code(action, 0, "stopped") == ocf.SUCCESS
        assert heartbeat.exit_code(action, 7, "running") == ocf.GENERIC


# --- systemd -------------------------------------------------------------------------------


def test_systemd_unit_without_a_suffix_is_a_service() -> None:
    assert systemd.arguments("nginx", "start") == ("start", "--", "nginx.service")
    assert systemd.arguments("data.mount", "monitor") == ("is-active", "--", "data.mount")


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("active", ocf.SUCCESS),
        ("reloading", ocf.SUCCESS),
        ("inactive", ocf.NOT_RUNNING),
        ("failed", ocf.GENERIC),
        ("activating", ocf.GENERIC),
        ("deactivating", ocf.GENERIC),
        ("unknown", ocf.NOT_INSTALLED),
        ("", ocf.GENERIC),
        ("something new", ocf.GENERIC),
    ],
)
def test_systemd_state_in_ocf_terms(state: str, meaning: int) -> None:
    assert systemd.exit_code("monitor", 3, f"{state}\n") == meaning


def test_systemd_stop_of_what_does_not_exist_is_done() -> None:
    assert systemd.exit_code("stop", 5, "") == ocf.SUCCESS
    assert systemd.exit_code("start", 5, "") == ocf.NOT_INSTALLED
    assert systemd.exit_code("start", 1, "") == ocf.GENERIC
    assert systemd.exit_code("start", 0, "") == ocf.SUCCESS
