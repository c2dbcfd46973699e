"""Rules that hold for a configuration by whichever door it comes, not only as a file."""

from dataclasses import replace

import pytest

from ha_core.config.check import check, is_host
from ha_core.config.check_fence import AGENT_ALLOWED
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
    Medium,
    Meta,
    Node,
    OnFail,
    Operation,
    Options,
    Ordering,
    Primitive,
)
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId

N1, RING0, WEB, IP = NodeName("n1"), LinkName("ring0"), ResourceId("web"), ResourceId("ip")
LSB = AgentRef(AgentClass.LSB, "", "x")
NODE = Node(N1, (Address(RING0, "192.0.2.1"),))
BASE = Configuration(
    nodes=(NODE,),
    links=(Link(RING0),),
    primitives=(Primitive(WEB, LSB), Primitive(IP, LSB)),
)


def faults(found: Configuration) -> list[str]:
    """Return the faults as text."""
    return [str(fault) for fault in check(found)]


def with_web(**changes: object) -> Configuration:
    """Return BASE with a changed resource `web`."""
    return replace(BASE, primitives=(replace(BASE.primitives[0], **changes), BASE.primitives[1]))  # type: ignore[arg-type]  # by name


def test_small_configuration_has_no_faults() -> None:
    assert faults(BASE) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (replace(BASE, name=""), "cluster: is the name ''; allowed: letters"),
        (
            replace(BASE, options=Options(dead_after_ms=99)),
            "options.dead_after: is 99 ms; allowed: 100 to 600000 ms",
        ),
        (
            replace(BASE, links=(Link(RING0, 0),)),
            "links.ring0.port: is 0; allowed: 1 to 65535",
        ),
        (
            replace(BASE, links=(Link(RING0, 70_000),)),
            "links.ring0.port: is 70000; allowed: 1 to 65535",
        ),
        (
            replace(BASE, links=(Link(RING0, 1, Medium.MULTICAST),)),
            "links.ring0.group: is ''; allowed: a multicast address, such as 239.255.73.1 or "
            "ff12::7301",
        ),
        (
            replace(BASE, links=(Link(RING0), Link(RING0))),
            "links: 'ring0' stands there 2 times; allowed: once",
        ),
        (
            replace(BASE, links=tuple(Link(LinkName(f"ring{n}")) for n in range(9))),
            "links: 9 links; allowed: 8 at most",
        ),
        (replace(BASE, nodes=()), "nodes: is empty; allowed: at least one node"),
        (
            replace(BASE, nodes=(NODE, NODE)),
            "nodes: 'n1' stands there 2 times; allowed: once",
        ),
        (
            replace(BASE, nodes=(replace(NODE, addresses=(Address(RING0, "a b"),)),)),
            "nodes.n1.addresses.ring0: is the host 'a b'; allowed: an IPv4 or IPv6 address",
        ),
        (
            replace(BASE, nodes=(replace(NODE, addresses=(Address(RING0, "n1", 70_000),)),)),
            "nodes.n1.addresses.ring0: is 70000; allowed: 0 to 65535",
        ),
        (
            replace(BASE, nodes=(replace(NODE, addresses=NODE.addresses * 2),)),
            "nodes.n1.addresses: 'ring0' stands there 2 times; allowed: once",
        ),
        (
            replace(BASE, nodes=(replace(NODE, attributes=(("a b", "x"),)),)),
            "nodes.n1.attributes.a b: is the name 'a b'; allowed: letters",
        ),
        (
            replace(BASE, nodes=(replace(NODE, attributes=(("a", "x\0"),)),)),
            "nodes.n1.attributes.a: is 'x\\x00'; allowed: a text of at most 16384 characters",
        ),
        (
            replace(BASE, primitives=BASE.primitives * 2),
            "resources: 'web' stands there 2 times; allowed: once",
        ),
        (
            with_web(agent=AgentRef(AgentClass.OCF, "heartbeat", "../../bin/sh")),
            "resources.web.agent: is 'ocf:heartbeat:../../bin/sh'; allowed: ocf:PROVIDER:TYPE",
        ),
        (
            with_web(agent=AgentRef(AgentClass.LSB, "x", "y")),
            "resources.web.agent: is 'lsb:x:y'; allowed: lsb:NAME",
        ),
        (
            with_web(parameters=(("a", "1"), ("a", "2"))),
            "resources.web.parameters: 'a' stands there 2 times; allowed: once",
        ),
        (
            with_web(parameters=(("a", "\ud800"),)),
            "resources.web.parameters.a: is '\\ud800'; allowed: a text of at most 16384",
        ),
        (
            with_web(description="x" * 16_385),
            "resources.web.description: is 'xxx",
        ),
        (
            with_web(meta=Meta(stickiness=INFINITY + 1)),
            "resources.web.stickiness: is 1000001; allowed: -1000000 to 1000000",
        ),
        (
            with_web(meta=Meta(priority=-INFINITY - 1)),
            "resources.web.priority: is -1000001; allowed: -1000000 to 1000000",
        ),
        (
            with_web(meta=Meta(migration_threshold=-1)),
            "resources.web.migration_threshold: is -1; allowed: 0 to 1000000",
        ),
        (
            with_web(meta=Meta(failure_timeout_ms=-1)),
            "resources.web.failure_timeout: is -1 ms; allowed: 0 to 604800000 ms",
        ),
        (
            with_web(meta=Meta(accept_risk="\0")),
            "resources.web.accept_risk: is '\\x00'; allowed: a text",
        ),
        (
            with_web(operations=(Operation("dance"),)),
            "resources.web.operations.dance: is the action 'dance'; allowed: start, stop, monitor",
        ),
        (
            with_web(operations=(Operation("start"), Operation("start"))),
            "resources.web.operations: 'start' stands there 2 times; allowed: once",
        ),
        (
            with_web(operations=(Operation("start", 1_000),)),
            "resources.web.operations.start: has interval 1000 ms and depth 0; "
            "allowed: these for monitors only",
        ),
        (
            with_web(operations=(Operation("stop", on_fail=OnFail.STANDBY),)),
            "resources.web.operations.stop.on_fail: is standby; allowed for stop: restart, ",
        ),
        (
            with_web(operations=(Operation("monitor", 5),)),
            "resources.web.operations.monitor[0].interval: is 5 ms; allowed: 10 to 604800000 ms",
        ),
        (
            with_web(operations=(Operation("monitor", 10, depth=-1),)),
            "resources.web.operations.monitor[0].depth: is -1; allowed: 0 to 1000",
        ),
        (
            replace(BASE, groups=(Group(ResourceId("g"), (WEB,), Meta(accept_risk="yes")),)),
            "resources.g.accept_risk: is 'yes'; allowed: on a primitive only",
        ),
        (
            replace(BASE, defaults=Defaults(Meta(exclusivity=Exclusivity.NONE))),
            "defaults.resource.exclusivity: is 'none'; allowed: on a primitive only",
        ),
        (
            replace(BASE, defaults=Defaults(operation_timeout_ms=0)),
            "defaults.operation.timeout: is 0 ms; allowed: 10 to 604800000 ms",
        ),
        (
            replace(BASE, locations=(Location(ConstraintId("c"), WEB, N1, INFINITY + 1),)),
            "constraints.c.score: is 1000001; allowed: -1000000 to 1000000",
        ),
        (
            replace(BASE, locations=(Location(ConstraintId("c"), WEB, N1, 1, expires_wall_ms=-1),)),
            "constraints.c.expires: is -1 ms; allowed: 0 to 253402300799999 ms",
        ),
        (
            replace(BASE, colocations=(Colocation(ConstraintId("c"), WEB, IP, -INFINITY - 1),)),
            "constraints.c.score: is -1000001; allowed: -1000000 to 1000000",
        ),
        (
            replace(BASE, orderings=(Ordering(ConstraintId("a b"), WEB, IP),)),
            "constraints.a b: is the name 'a b'; allowed: letters",
        ),
        (
            replace(BASE, orderings=(Ordering(ConstraintId("c"), WEB, IP),) * 2),
            "constraints: 'c' stands there 2 times; allowed: once",
        ),
        (
            replace(BASE, fence_devices=(FenceDevice("d", ""),)),
            f"fence_devices.d.agent: is ''; allowed: {AGENT_ALLOWED}",
        ),
        (
            replace(BASE, fence_devices=(FenceDevice("d", "fence:x", targets=(N1, N1)),)),
            "fence_devices.d.targets: 'n1' stands there 2 times; allowed: once",
        ),
    ],
    ids=range(41),
)
def test_rule_holds_for_values_too(changed: Configuration, fault: str) -> None:
    found = faults(changed)
    assert any(item.startswith(fault) for item in found), found


def test_every_bound_on_numbers_of_things_is_kept() -> None:
    nodes = tuple(
        Node(NodeName(f"n{n}"), (Address(RING0, f"h{n}"),), voter=n == 0) for n in range(65)
    )
    assert faults(replace(BASE, nodes=nodes)) == ["nodes: 65 nodes; allowed: 64 at most"]
    many = tuple(Primitive(ResourceId(f"r{n}"), LSB) for n in range(2_001))
    assert faults(replace(BASE, primitives=many)) == [
        "resources: 2001 resources; allowed: 2000 at most"
    ]
    orderings = tuple(Ordering(ConstraintId(f"c{n}"), WEB, IP) for n in range(5_001))
    assert faults(replace(BASE, orderings=orderings)) == [
        "constraints: 5001 constraints; allowed: 5000 at most"
    ]
    devices = tuple(FenceDevice(f"d{n}", "fence:x") for n in range(257))
    assert faults(replace(BASE, fence_devices=devices)) == [
        "fence_devices: 257 devices; allowed: 256 at most"
    ]


def test_ban_with_the_longest_names_is_acceptable() -> None:
    resource, node = ResourceId("r" * 64), NodeName("n" * 64)
    found = replace(
        BASE,
        nodes=(replace(NODE, name=node),),
        primitives=(Primitive(resource, LSB),),
        locations=(Location(ConstraintId(f"ban-{resource}-{node}"), resource, node, -INFINITY),),
    )
    assert faults(found) == []


def test_long_list_of_what_is_allowed_is_cut() -> None:
    many = tuple(Primitive(ResourceId(f"r{n}"), LSB) for n in range(100))
    location = Location(ConstraintId("c"), WEB, N1, 1)
    (fault,) = faults(replace(BASE, primitives=many, locations=(location,)))
    assert fault.endswith("r18, r19, …")


def test_chain_of_a_thousand_orderings_is_no_circle() -> None:
    many = tuple(Primitive(ResourceId(f"r{n}"), LSB) for n in range(1_000))
    chain = tuple(Ordering(ConstraintId(f"c{n}"), many[n].id, many[n + 1].id) for n in range(999))
    assert faults(replace(BASE, primitives=many, orderings=chain)) == []
    closed = (*chain, Ordering(ConstraintId("back"), many[-1].id, many[0].id))
    (fault,) = faults(replace(BASE, primitives=many, orderings=closed))
    assert "orders in a circle: " in fault
    assert " then 981 more (by back, c0, " in fault


def test_number_of_circles_told_is_bounded() -> None:
    many = tuple(Primitive(ResourceId(f"r{n}"), LSB) for n in range(60))
    pairs = [(many[n].id, many[n + 1].id) for n in range(0, 60, 2)]
    orderings = tuple(
        Ordering(ConstraintId(f"{way}{n}"), *(pair if way == "a" else reversed(pair)))
        for n, pair in enumerate(pairs)
        for way in ("a", "b")
    )
    assert len(faults(replace(BASE, primitives=many, orderings=orderings))) == 20


@pytest.mark.parametrize(
    ("host", "is_good"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", True),
        ("n1", True),
        ("n1.example.org", True),
        ("web_1", True),
        ("192.0.2.256", False),
        ("192.0.2", False),
        ("1", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("", False),
        ("-n1", False),
        ("n1 n2", False),
        ("n1;reboot", False),
        ("a" * 256, False),
    ],
)
def test_host_is_an_address_or_a_name(host: str, is_good: bool) -> None:
    assert is_host(host) is is_good


def test_level_names_devices_that_can_cut_the_node_off() -> None:
    (first,) = BASE.nodes
    devices = (FenceDevice("d", "fence:x"),)
    nodes = (replace(first, fence_levels=(("d",), ("e", "d"))),)
    path = f"nodes.{first.name}.fence_levels"
    told = f"names the device 'd', which does not have {first.name} as a target"
    cure = "allowed: a device with it under targets"
    assert faults(replace(BASE, nodes=nodes, fence_devices=devices)) == [
        f"{path}[0]: {told}; {cure}",
        f"{path}[1]: names the device 'e', which does not exist; allowed: d",
        f"{path}[1]: {told}; {cure}",
    ]
