"""The contracts of fence agents: what they are told, what it means, and what is kept quiet."""

import pytest

from ha_core.agents import fence
from ha_core.config.model import FenceCall, FenceDevice
from ha_core.errors import ConfigError
from ha_core.ids import NodeName

N2, NOBODY = NodeName("n2"), NodeName("")
PDU = FenceDevice(
    "pdu",
    "fence:fence_apc",
    (("ip", "192.0.2.1"), ("password_file", "/etc/secret"), ("action", "reboot")),
    plugs=(("n2", "7"),),
)
IPMI = FenceDevice("ipmi", "stonith:external/ipmi", (("hostname", "n2"), ("passwd", "x")))
METADATA = """<parameters><parameter name="ip" unique="0"/><parameter name='password'/>
<parameter name="action"/></parameters><actions><action name="on" automatic="0"/>
<action name="off"/><action name="status"/></actions>"""


def test_fence_agent_reads_names_and_values_and_the_action_comes_last() -> None:
    how = fence.calling(PDU, FenceCall.OFF, N2, {"password": "hunter2"})
    assert how.given == (
        b"ip=192.0.2.1\naction=off\npassword=hunter2\nplug=7\nport=7\nnodename=n2\n"
    )
    assert how.arguments == ()
    assert "hunter2" not in str(how.environment)


def test_call_about_the_device_names_no_plug() -> None:
    how = fence.calling(PDU, FenceCall.MONITOR, NOBODY, {})
    assert how.given == b"ip=192.0.2.1\naction=monitor\n"


def test_plug_in_finds_its_parameters_in_the_environment_and_no_secret_among_its_words() -> None:
    how = fence.calling(IPMI, FenceCall.RESET, N2, {})
    assert how.arguments == ("reset", "n2")
    assert how.environment == {"hostname": "n2", "passwd": "x"}
    assert fence.calling(IPMI, FenceCall.MONITOR, NOBODY, {}).arguments == ("status",)
    assert fence.calling(IPMI, FenceCall.METADATA, NOBODY, {}).arguments == ("getconfignames",)


def test_value_with_a_line_break_cannot_smuggle_in_another_parameter() -> None:
    device = FenceDevice("d", "fence:x", (("ip", "a\naction=off"),))
    with pytest.raises(ConfigError, match="parameter 'ip' has a line break"):
        fence.calling(device, FenceCall.MONITOR, NOBODY, {})


@pytest.mark.parametrize(
    ("agent", "paths"),
    [
        ("fence:fence_apc", ("/usr/sbin/fence_apc", "/usr/local/sbin/fence_apc")),
        ("fence:/opt/fence_x", ("/opt/fence_x",)),
        (
            "stonith:external/ipmi",
            (
                "/usr/lib/stonith/plugins/external/ipmi",
                "/usr/lib64/stonith/plugins/external/ipmi",
            ),
        ),
    ],
)
def test_agent_lies_where_its_family_puts_it(agent: str, paths: tuple[str, ...]) -> None:
    assert fence.candidates(FenceDevice("d", agent)) == paths


@pytest.mark.parametrize(
    ("device", "action", "code", "output", "found"),
    [
        (PDU, FenceCall.STATUS, 2, "Status: OFF", (2, "Status: OFF")),
        (PDU, FenceCall.OFF, 77, "???", (77, "???")),
        (PDU, FenceCall.LIST, 0, "1,web\n2,db\n", (0, "1, 2")),
        (IPMI, FenceCall.OFF, 5, "no", (1, "no")),
        (IPMI, FenceCall.OFF, 2, "no", (1, "no")),
        (IPMI, FenceCall.LIST, 0, "n1 n2\n", (0, "it lists n1, n2")),
        (IPMI, FenceCall.LIST, 0, "n1", (1, "it does not list n2: it lists n1")),
        (IPMI, FenceCall.METADATA, 0, "hostname passwd", (0, "off on reset")),
    ],
)
def test_exit_code_means_what_its_contract_says(
    device: FenceDevice, action: FenceCall, code: int, output: str, found: tuple[int, str]
) -> None:
    assert fence.result(device, action, N2, code, output) == found


def test_meta_data_tell_the_actions_and_every_parameter_that_the_agent_does_not_know() -> None:
    good = FenceDevice("d", "fence:x", (("ip", "a"), ("password_file", "/b")))
    assert fence.result(good, FenceCall.METADATA, NOBODY, 0, METADATA) == (0, "on off status")
    bad = FenceDevice("d", "fence:x", (("ipaddr", "a"),))
    code, told = fence.result(bad, FenceCall.METADATA, NOBODY, 0, METADATA)
    assert code == 1
    assert told == "it does not know the parameter 'ipaddr'; it knows action, ip, password"


def test_program_that_prints_no_meta_data_is_no_fence_agent() -> None:
    code, told = fence.result(PDU, FenceCall.METADATA, NOBODY, 0, "hello")
    assert (code, told) == (1, "what it prints is no meta-data of a fence agent")


def test_no_secret_that_an_agent_repeats_gets_any_further() -> None:
    device = FenceDevice("d", "fence:x", (("password", "hunter2"), ("ip", "192.0.2.1")))
    text = "login of 192.0.2.1 with hunter2 and s3cret refused"
    assert fence.blotted(text, device, {"community": "s3cret"}) == (
        "login of 192.0.2.1 with (hidden) and (hidden) refused"
    )
