"""What a file means: every key, its defaults, and the forms in which it may be written."""

from pathlib import Path

import pytest

from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Colocation,
    Configuration,
    Defaults,
    Exclusivity,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    Node,
    NoQuorumPolicy,
    OnFail,
    Operation,
    Options,
    Ordering,
    OrderKind,
    Origin,
    Primitive,
    TargetRole,
)
from ha_core.config.parse import parse_text
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config.samples import parsed

EVERYTHING = """
cluster: shop
options:
  dead_after: 500ms
  symmetric: false
  no_quorum_policy: freeze
  maintenance: true
links:
  ring0: {port: 7000}
  ring1: {medium: udp}
nodes:
  n1:
    addresses: {ring0: 192.0.2.1, ring1: "[2001:db8::1]:7001"}
    voter: true
    standby: true
    maintenance: true
    attributes: {rack: 1}
  w: {addresses: {ring0: w.example.org:7002}, witness: true}
resources:
  web:
    agent: ocf:heartbeat:apache
    description: the shop
    parameters: {configfile: /etc/apache2/shop.conf}
    operations:
      start: {timeout: 1min, on_fail: stop}
      stop: {timeout: 2min, on_fail: ignore}
      monitor:
        - {interval: 10s, timeout: 5s}
        - {interval: 30s, depth: 10, on_fail: standby}
    target_role: stopped
    managed: false
    stickiness: INFINITY
    priority: -3
    migration_threshold: 3
    failure_timeout: 1h
    exclusivity: none
    accept_risk: yes, the disk is read-only
  ip: {agent: address, parameters: {address: 192.0.2.9}}
  shop: {group: [ip, web], description: both, stickiness: 5}
constraints:
  here: {location: shop, node: n1, score: -INFINITY, expires: "1970-01-02T01:00:00+01:00",
         origin: ban}
  near: {colocation: web, with: ip, score: 10}
  after: {order: ip, then: web, kind: optional, symmetrical: false}
fence_devices:
  pdu: {agent: "fence:fence_apc", parameters: {ip: 192.0.2.200}, targets: n1}
defaults:
  resource: {stickiness: 7}
  operation: {timeout: 40s, monitor_interval: 15s}
"""
WEB = Primitive(
    ResourceId("web"),
    AgentRef(AgentClass.OCF, "heartbeat", "apache"),
    (("configfile", "/etc/apache2/shop.conf"),),
    (
        Operation("start", 0, 60_000, OnFail.STOP),
        Operation("stop", 0, 120_000, OnFail.IGNORE),
        Operation("monitor", 10_000, 5_000),
        Operation("monitor", 30_000, 40_000, OnFail.STANDBY, 10),
    ),
    Meta(
        TargetRole.STOPPED,
        False,
        INFINITY,
        -3,
        3,
        3_600_000,
        Exclusivity.NONE,
        "yes, the disk is read-only",
    ),
    "the shop",
)
IP = Primitive(ResourceId("ip"), AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.9"),))


def test_every_key_reaches_the_model() -> None:
    n1, w, ring0, ring1 = NodeName("n1"), NodeName("w"), LinkName("ring0"), LinkName("ring1")
    places = (Address(ring0, "192.0.2.1"), Address(ring1, "2001:db8::1", 7001))
    shop, web, ip = ResourceId("shop"), ResourceId("web"), ResourceId("ip")
    assert parse_text(EVERYTHING, "c.yaml") == Configuration(
        "shop",
        Options(500, False, NoQuorumPolicy.FREEZE, True),
        (
            Node(n1, places, True, False, True, True, (("rack", "1"),)),
            Node(w, (Address(ring0, "w.example.org", 7002),), witness=True),
        ),
        (Link(ring0, 7000), Link(ring1)),
        (WEB, IP),
        (Group(shop, (ip, web), Meta(stickiness=5), "both"),),
        (Location(ConstraintId("here"), shop, n1, -INFINITY, Origin.BAN, 86_400_000),),
        (Colocation(ConstraintId("near"), web, ip, 10),),
        (Ordering(ConstraintId("after"), ip, web, OrderKind.OPTIONAL, False),),
        (FenceDevice("pdu", "fence:fence_apc", (("ip", "192.0.2.200"),), (n1,)),),
        Defaults(Meta(stickiness=7), 40_000, 15_000),
    )


def test_what_is_left_out_has_the_defaults_of_the_model() -> None:
    found = parsed("constraints: {c: {location: r, node: n1}}\nresources: {r: {agent: lsb:x}}\n")
    assert (found.name, found.options, found.defaults) == ("beatkeeper", Options(), Defaults())
    assert found.links == (Link(LinkName("ring0")),)
    assert found.nodes[0] == Node(NodeName("n1"), (Address(LinkName("ring0"), "192.0.2.1"),))
    assert found.primitives == (Primitive(ResourceId("r"), AgentRef(AgentClass.LSB, "", "x")),)
    assert found.locations[0].score == INFINITY


def test_operations_that_say_little_have_the_defaults_of_the_file() -> None:
    found = parsed(
        "resources: {r: {agent: lsb:x, operations: {start: , stop: {}, monitor: {depth: 5}}}}\n"
        "defaults: {operation: {timeout: 1min, monitor_interval: 3s}}\n"
    )
    assert found.primitives[0].operations == (
        Operation("start", 0, 60_000),
        Operation("stop", 0, 60_000),
        Operation("monitor", 3_000, 60_000, None, 5),
    )


def test_monitor_of_interval_0_says_how_to_probe() -> None:
    monitors = "[{interval: 0, timeout: 1min}, {interval: 5s}]"
    found = parsed(f"resources: {{r: {{agent: lsb:x, operations: {{monitor: {monitors}}}}}}}\n")
    assert [item.interval_ms for item in found.primitives[0].operations] == [0, 5_000]


@pytest.mark.parametrize(
    ("text", "value_ms"),
    [("100ms", 100), ("2 s", 2_000), ("1min", 60_000), ("0.5s", None), ("10", None), ("s", None)],
)
def test_times_have_their_unit(text: str, value_ms: int | None) -> None:
    whole = f"options: {{dead_after: {text}}}\n"
    if value_ms is not None:
        assert parsed(whole).options.dead_after_ms == value_ms
        return
    with pytest.raises(Exception, match=r"allowed: a time of 100ms to 10min with its unit"):
        parsed(whole)


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("ocf:heartbeat:Dummy", AgentRef(AgentClass.OCF, "heartbeat", "Dummy")),
        ("ocf:Dummy", AgentRef(AgentClass.OCF, "heartbeat", "Dummy")),
        ("ocf:linbit:drbd", AgentRef(AgentClass.OCF, "linbit", "drbd")),
        ("lsb:nginx", AgentRef(AgentClass.LSB, "", "nginx")),
        ("systemd:getty@tty1", AgentRef(AgentClass.SYSTEMD, "", "getty@tty1")),
        ("service:nginx", AgentRef(AgentClass.SERVICE, "", "nginx")),
        ("heartbeat:IPaddr", AgentRef(AgentClass.HEARTBEAT, "", "IPaddr")),
    ],
)
def test_agents_are_named_by_class_and_name(text: str, agent: AgentRef) -> None:
    assert parsed(f"resources: {{r: {{agent: '{text}'}}}}\n").primitives[0].agent == agent


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "'true'"])
def test_flags_have_the_words_that_people_use(word: str) -> None:
    assert parsed(f"options: {{maintenance: {word}}}\n").options.maintenance


def test_values_are_taken_as_they_are_written() -> None:
    found = parsed("resources: {r: {agent: lsb:x, parameters: {a: 010, b: 1.50, c: no, d: 1:30}}}")
    assert found.primitives[0].parameters == (
        ("a", "010"),
        ("b", "1.50"),
        ("c", "no"),
        ("d", "1:30"),
    )


def test_single_member_needs_no_list() -> None:
    found = parsed("resources: {r: {agent: lsb:x}, g: {group: r}}\n")
    assert found.groups[0].members == (ResourceId("r"),)


def test_order_of_the_file_is_kept() -> None:
    found = parsed("resources: {b: {agent: lsb:x}, g: {group: [b]}, a: {agent: lsb:x}}\n")
    assert [item.id for item in found.primitives] == ["b", "a"]


def test_windows_line_ends_and_a_byte_order_mark_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + EVERYTHING.replace("\n", "\r\n").encode())
    assert parse_text(path.read_text(encoding="utf-8"), "c") == parse_text(EVERYTHING, "c")
