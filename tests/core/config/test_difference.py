"""The differences between two configurations, in words: each is told, and no secret."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest
from hypothesis import given, settings

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.difference import diff
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Configuration,
    Defaults,
    Group,
    Link,
    Meta,
    Node,
    OnFail,
    Operation,
    Primitive,
    TargetRole,
)
from ha_core.config.parse import parse_text
from ha_core.ids import INFINITY, LinkName, ResourceId
from tests.core.config.draw import configurations
from tests.core.config.edited import BASE, DB, IP, N1, SHOP, STARTS, after
from tests.core.config.test_parse import EVERYTHING


@settings(max_examples=50)
@given(configurations())
def test_configuration_does_not_differ_from_itself(found: Configuration) -> None:
    assert diff(found, found) == ()


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (replace(BASE, name="shop"), ["cluster: name beatkeeper -> shop"]),
        (
            after(commands.SetStandby(N1, True), commands.SetMaintenance(None, True)),
            ["node n1: standby false -> true", "options: maintenance false -> true"],
        ),
        (
            after(commands.Ban(DB, N1)),
            [
                "+ constraint ban-db-n1: location db, node n1, score -INFINITY, origin ban, "
                "until n1 is lost or stops"
            ],
        ),
        (
            after(commands.SetTargetRole(DB, TargetRole.STOPPED)),
            ["resource db: target_role none -> stopped"],
        ),
        (
            replace(BASE, groups=(Group(SHOP, (IP,)),)),
            ["group shop: members ip, web -> ip"],
        ),
        (replace(BASE, fence_devices=()), ["- fence device pdu"]),
        (replace(BASE, colocations=()), ["- constraint near"]),
        (after(commands.AddTicket("west")), ["+ ticket west"]),
        (
            after(commands.Move(DB, N1, 1_700_000_000_000)),
            [
                "+ constraint move-db: location db, node n1, score INFINITY, origin move, "
                "expires 2023-11-14T22:13:20.000Z, until n1 is lost or stops"
            ],
        ),
        (
            replace(BASE, defaults=Defaults(Meta(stickiness=1, failure_timeout_ms=3_600_000))),
            ["defaults: resource.failure_timeout none -> 1h"],
        ),
        (
            replace(
                BASE,
                primitives=(
                    *BASE.primitives,
                    Primitive(
                        ResourceId("new"),
                        AgentRef(AgentClass.PROCESS),
                        (("command", "sleep 5"),),
                        (
                            Operation("start", 0, 3_000),
                            Operation("monitor", 10_000, 90_000, OnFail.BLOCK, 10),
                        ),
                    ),
                ),
            ),
            [
                "+ resource new: agent process, parameters.command sleep 5, start timeout 3s, "
                "monitor every 10s timeout 90s on_fail block depth 10"
            ],
        ),
    ],
    ids=range(11),
)
def test_difference_names_the_part_and_both_values(
    changed: Configuration, lines: list[str]
) -> None:
    assert list(diff(BASE, changed)) == lines


def test_port_of_the_link_and_the_same_port_named_are_no_difference() -> None:
    def listening(port: int) -> Configuration:
        address = Address(LinkName("ring0"), "192.0.2.1", port)
        return Configuration(nodes=(Node(N1, (address,)),), links=(Link(LinkName("ring0"), 6940),))

    assert diff(listening(6940), listening(0)) == ()
    assert diff(listening(6941), listening(0)) == (
        "node n1: addresses.ring0 192.0.2.1:6941 -> 192.0.2.1:6940",
    )


def _variants(value: object, is_pair: bool = False) -> Iterator[object]:
    """Yield copies of a frozen value, each with one leaf changed or one element less."""
    if isinstance(value, Enum):
        yield from (other for other in type(value) if other is not value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1 if value < INFINITY else value - 1
    elif isinstance(value, str):
        yield f"{value}x"
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            before, behind = value[:number], value[number + 1 :]
            if not is_pair:
                yield before + behind
            others = _variants(item, is_pair=isinstance(item, tuple))
            yield from ((*before, other, *behind) for other in others)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for other in _variants(getattr(value, field.name)):
                yield replace(value, **{field.name: other})


WORDS = """
links: {ring0: }
nodes: {n1: {addresses: {ring0: n1}}, n2: {addresses: {ring0: n2}}}
resources:
  a: {agent: lsb:a, prefers: [n1, n2], with: {b: 50}, after: {b: optional}}
  b: {agent: lsb:b, only_on: [n1, n2], avoids: n1}
  c: {agent: lsb:c, never_on: n1, apart_from: b}
constraints:
  all: {together: [a, b, c], score: 5}
  none: {apart: [a, b, c], score: 5}
  row: {order: [b, [a, c]], kind: optional}
"""


@pytest.mark.parametrize("text", [EVERYTHING, WORDS], ids=["everything", "words"])
def test_no_value_changes_in_silence(text: str) -> None:
    whole = parse_text(text, "everything.yaml")
    variants = list(_variants(whole))
    assert len(variants) > 100
    silent = [found for found in variants if diff(whole, found) == ()]  # type: ignore[arg-type]  # configurations
    assert silent == []


def test_new_password_of_a_fence_device_shows_in_no_difference() -> None:
    (device,) = BASE.fence_devices
    old = replace(device, parameters=(("password", "alpha"), ("password_file", "/a")))
    new = replace(device, parameters=(("password", "bravo"), ("password_file", "/b")))
    changed = diff(replace(BASE, fence_devices=(old,)), replace(BASE, fence_devices=(new,)))
    assert changed == (
        "fence device pdu: parameters.password (hidden) -> (hidden)",
        "fence device pdu: parameters.password_file /a -> /b",
    )


def test_end_of_a_standby_is_told_as_the_file_has_it() -> None:
    found = apply_command(BASE, commands.SetStandby(N1, True, 1_800_000_000_000), STARTS)
    assert check(found) == ()
    assert "node n1: standby_until none -> 2027-01-15T08:00:00.000Z" in diff(BASE, found)
    ended = apply_command(found, commands.SetStandby(N1, False), STARTS)
    assert ended == BASE


def test_serial_device_is_told_without_a_port() -> None:
    (n1, *others) = BASE.nodes
    cabled = replace(n1, addresses=(*n1.addresses, Address(LinkName("cable"), "/dev/ttyS0")))
    (line,) = diff(BASE, replace(BASE, nodes=(cabled, *others)))
    assert line == "node n1: addresses.cable none -> /dev/ttyS0"
