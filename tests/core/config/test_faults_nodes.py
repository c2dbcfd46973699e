"""Faults of nodes and links: names, addresses, votes, media."""

import pytest

from ha_core.config.model import Medium
from ha_core.config.parse import parse_text
from tests.core.config.samples import HEAD, faults_of_file


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "n1: {addresses: {ring0: 192.0.2.1}}\n  n1: {addresses: {ring0: 192.0.2.2}}",
            "4: nodes.n1: stands there twice (first in line 3); allowed: once",
        ),
        (
            "N1: {addresses: {ring0: 192.0.2.1}}",
            "3: nodes.N1: is the name 'N1'; "
            "allowed: lower-case letters, digits, dots and dashes (64 at most)",
        ),
        (
            "n1: {voter: true}",
            "3: nodes.n1: has no 'addresses', which it needs",
        ),
        (
            "n1: {addresses: }",
            "3: nodes.n1.addresses: is empty; allowed: an address on at least one link",
        ),
        (
            "n1: {addresses: {ring1: 192.0.2.1}}",
            "3: nodes.n1.addresses.ring1: names the link 'ring1', which does not exist; "
            "allowed: ring0",
        ),
        (
            "n1: {addresses: {ring0: 192.0.2.300}}",
            "3: nodes.n1.addresses.ring0: is the host '192.0.2.300'; "
            "allowed: an IPv4 or IPv6 address, or a name of letters, digits, dots and dashes",
        ),
        *(
            (
                f"n1: {{addresses: {{ring0: {host}}}}}",
                f"3: nodes.n1.addresses.ring0: is the host '{host}'; "
                "allowed: an IPv4 or IPv6 address, or a name of letters, digits, dots and dashes",
            )
            for host in ("a..b", "n1-.example")
        ),
        (
            "n1: {addresses: {ring0: 224.0.0.1}}",
            "3: nodes.n1.addresses.ring0: is the host '224.0.0.1'; "
            "allowed: an IPv4 or IPv6 address, or a name of letters, digits, dots and dashes",
        ),
        *(
            (
                f"n1: {{addresses: {{ring0: '192.0.2.1:{port}'}}}}",
                f"3: nodes.n1.addresses.ring0: is '192.0.2.1:{port}'; "
                "allowed: HOST, HOST:PORT or [IPV6]:PORT, with a port of 1 to 65535; on a serial "
                "link the path of a device",
            )
            for port in ("0", "70000", "x", "")
        ),
        (
            "n1: {addresses: {ring0: 192.0.2.1}}\n  n2: {addresses: {ring0: '192.0.2.1:6940'}}",
            "4: nodes.n2.addresses.ring0: is 192.0.2.1:6940, as is nodes.n1.addresses.ring0; "
            "allowed: an address and port of its own",
        ),
        (
            "n1: {addresses: {ring0: 192.0.2.1}, voter: false}",
            "2: nodes: no node votes; allowed: at least one node without 'voter: false'",
        ),
        (
            "n1: {addresses: {ring0: 192.0.2.1}, voter: false, witness: true}",
            "3: nodes.n1.witness: is true, but the node does not vote; allowed: one of both",
        ),
        ("", "2: nodes: is empty; allowed: at least one node"),
    ],
    ids=lambda value: value[:50],
)
def test_nodes_have_names_addresses_and_votes(text: str, fault: str) -> None:
    found = faults_of_file(f"links: {{ring0: }}\nnodes:\n  {text}\n")
    assert f"c.yaml:{fault}" in found


def test_eighth_voter_is_one_too_many() -> None:
    nodes = "".join(f"  n{n}: {{addresses: {{ring0: 192.0.2.{n}}}}}\n" for n in range(1, 9))
    assert faults_of_file(f"links: {{ring0: }}\nnodes:\n{nodes}") == [
        "c.yaml:2: nodes: 8 nodes vote; allowed: 7 at most (give further nodes 'voter: false')"
    ]


@pytest.mark.parametrize("port", ["0", "65536", "70000", "-1", "x", "1.5", "'6940 '"])
def test_port_of_a_link_is_a_port(port: str) -> None:
    (found,) = faults_of_file(HEAD.replace("ring0: }", f"ring0: {{port: {port}}}}}", 1))
    assert found.startswith("c.yaml:1: links.ring0.port: is '")
    assert found.endswith("; allowed: a port, 1 to 65535")


def test_medium_of_a_link_is_one_of_four() -> None:
    assert faults_of_file(HEAD.replace("ring0: }", "ring0: {medium: pigeon}}", 1)) == [
        "c.yaml:1: links.ring0.medium: is 'pigeon'; allowed: one of udp, broadcast, multicast, "
        "serial"
    ]


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        (
            "{medium: multicast, group: 192.0.2.1}",
            "links.ring0.group: is '192.0.2.1'; allowed: a multicast address, such as "
            "239.255.73.1 or ff12::7301",
        ),
        (
            "{medium: multicast, group: 'ff12::1'}",
            "links.ring0.group: is ff12::1 and no interface is named; allowed: with 'interface', "
            "such as eth1",
        ),
        (
            "{medium: broadcast, group: 'ff12::1'}",
            "links.ring0.group: is 'ff12::1'; allowed: the network's broadcast address, such as "
            "192.0.2.255",
        ),
        (
            "{medium: broadcast, group: 255.255.255.255}",
            "links.ring0.group: is 255.255.255.255 and no interface is named; allowed: with "
            "'interface', such as eth1",
        ),
        (
            "{group: 239.1.1.1}",
            "links.ring0.group: is '239.1.1.1' on a udp link; allowed: on broadcast and multicast "
            "links",
        ),
        (
            "{medium: multicast, group: 239.1.1.1, interface: a/b}",
            "links.ring0.interface: is 'a/b'; allowed: the name of a network interface "
            "(15 characters at most)",
        ),
        ("{ttl: 0}", "links.ring0.ttl: is 0; allowed: 1 to 255"),
        (
            "{speed: 1200}",
            "links.ring0.speed: is 1200; allowed: 9600, 19200, 38400, 57600, 115200, 230400, "
            "460800, 921600",
        ),
    ],
)
def test_link_has_what_its_medium_needs(link: str, fault: str) -> None:
    text = HEAD.replace("ring0: }", f"ring0: {link}}}", 1)
    assert faults_of_file(text) == [f"c.yaml:1: {fault}"]


SERIAL = (
    "links: {ring0: , cable: {medium: serial}}\n"
    "nodes:\n"
    "  n1: {addresses: {ring0: 192.0.2.1, cable: /dev/ttyS0}}\n"
    "  n2: {addresses: {ring0: 192.0.2.2, cable: /dev/ttyS0}}\n"
)


def test_serial_devices_of_two_nodes_may_have_one_name() -> None:
    assert parse_text(SERIAL, "c.yaml").links[1].medium is Medium.SERIAL


def test_address_on_a_serial_link_is_a_device() -> None:
    assert faults_of_file(SERIAL.replace("cable: /dev/ttyS0", "cable: 192.0.2.9", 1)) == [
        "c.yaml:3: nodes.n1.addresses.cable: is '192.0.2.9'; allowed: the path of a serial "
        "device, such as /dev/ttyS0, without a port"
    ]


def test_node_with_serial_links_alone_is_refused() -> None:
    assert faults_of_file(SERIAL.replace("ring0: 192.0.2.1, ", "", 1)) == [
        "c.yaml:3: nodes.n1.addresses: has serial links alone, over which nothing large can go; "
        "allowed: with an address on another link, too"
    ]
