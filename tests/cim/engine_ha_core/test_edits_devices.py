"""Edits of fence devices: what was said is there, is what a file would say, and faults are told."""

from dataclasses import replace

import pytest

from cim_provider.edits import (
    ChangeResource,
    EditError,
    MakePrimitive,
    OperationText,
    RemoveResource,
    SetFenceLevel,
    SetParameter,
)
from cim_provider.engines.ha_core_edits import edited
from ha_core.config.check import check
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    FenceAction,
    FenceDevice,
    Primitive,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.ids import ResourceId

SITE = parse_text(
    """
cluster: site
links: {net: {}}
nodes:
  n1: {addresses: {net: 192.0.2.1}}
  n2: {addresses: {net: 192.0.2.2}}
fence_devices:
  old: {agent: "fence:fence_apc", parameters: {ip: 192.0.2.9, password: geheim}}
""",
    "the test",
)
NEW = MakePrimitive(
    "power",
    "fence",
    "",
    "fence_ipmilan",
    words=(
        ("targets", "n1 n2"),
        ("plugs", "n1=4 n2=5"),
        ("delay", "3s"),
        ("delays", "n2=5s"),
        ("timeouts", "off=30s"),
        ("retries", "off=2"),
        ("action", "off"),
        ("reached_from", "n1"),
    ),
    parameters=(("username", "ann"),),
)


def device(configuration: Configuration, name: str) -> FenceDevice:
    return next(each for each in configuration.fence_devices if each.id == name)


def test_new_device_is_what_a_file_would_say() -> None:
    configuration = edited(SITE, (NEW,))
    found = device(configuration, "power")
    assert (found.agent, found.parameters) == ("fence:fence_ipmilan", (("username", "ann"),))
    assert (found.targets, found.plugs) == (("n1", "n2"), (("n1", "4"), ("n2", "5")))
    assert (found.delay_ms, found.delays) == (3_000, (("n2", 5_000),))
    assert (found.timeouts, found.retries) == ((("off", 30_000),), (("off", 2),))
    assert (found.action, found.reached_from) == (FenceAction.OFF, ("n1",))
    assert not list(check(configuration))
    assert parse_text(render(configuration), "again") == configuration
    assert configuration.primitives == ()


def test_what_is_changed_changes_and_the_rest_stays() -> None:
    first = edited(SITE, (NEW,))
    words = (("targets", None), ("settle", "1s"))
    changed = edited(first, (ChangeResource("power", words), SetParameter("power", "lanplus", "1")))
    expected = replace(
        device(first, "power"),
        targets=(),
        settle_ms=1_000,
        parameters=(("username", "ann"), ("lanplus", "1")),
    )
    assert device(changed, "power") == expected
    assert device(changed, "old") == device(SITE, "old")
    agent = ChangeResource("power", agent=("stonith", "", "external/ipmi"))
    assert device(edited(first, (agent,)), "power").agent == "stonith:external/ipmi"


def test_device_that_ends_leaves_every_level() -> None:
    levels = (
        NEW,
        SetFenceLevel("n1", 1, ("old",)),
        SetFenceLevel("n1", 2, ("old", "power")),
    )
    left = edited(edited(SITE, levels), (RemoveResource("old"),))
    assert [each.id for each in left.fence_devices] == ["power"]
    assert left.nodes[0].fence_levels == (("power",),)
    assert not list(check(left))


def test_name_that_a_resource_has_too_means_the_resource() -> None:
    dummy = Primitive(ResourceId("old"), AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
    both = replace(SITE, primitives=(dummy,))
    left = edited(both, (SetParameter("old", "state", "/run/x"), RemoveResource("old")))
    assert (left.primitives, left.fence_devices) == ((), SITE.fence_devices)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (replace(NEW, id="old"), "exists", "'old' already"),
        (replace(NEW, operations=(OperationText("monitor"),)), "invalid", "allowed: none"),
        (replace(NEW, description="x"), "invalid", "description"),
        (replace(NEW, words=(("priority", "5"),)), "invalid", "unknown key; allowed: targets"),
        (replace(NEW, words=(("plugs", "n1"),)), "invalid", "NAME=VALUE"),
        (
            replace(NEW, words=(("delay", "soon"),)),
            "invalid",
            "fence_devices.power.delay: is 'soon'",
        ),
        (replace(NEW, words=(("retries", "off=x"),)), "invalid", "retries.off: is 'x'"),
        (replace(NEW, words=(("timeouts", "fly=1s"),)), "invalid", "timeouts: is 'fly'"),
        (ChangeResource("old", description="x"), "invalid", "no description"),
        (SetParameter("old", "unheard", None), "not-found", "no parameter 'unheard'"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(
    change: MakePrimitive | ChangeResource | SetParameter, code: str, words: str
) -> None:
    with pytest.raises(EditError, match=words) as fault:
        edited(SITE, (change,))
    assert fault.value.code == code
