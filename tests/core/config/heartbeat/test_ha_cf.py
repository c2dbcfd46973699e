"""`ha.cf`: what each directive becomes, and the note of each that becomes nothing."""

import pytest

from ha_core.config.heartbeat import Imported, import_directory
from ha_core.config.model import Configuration, Link, Medium, PingTarget
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError
from ha_core.ids import LinkName

NODES = "node alpha bravo\n"


def imported(ha_cf: str) -> Imported:
    """Return what a directory with this ha.cf alone becomes."""
    return import_directory({"ha.cf": ha_cf})


def configured(ha_cf: str) -> Configuration:
    """Return the configuration that the import verifiably makes."""
    return parse_text(imported(ha_cf).yaml_text, "imported.yaml")


def notes(ha_cf: str) -> list[str]:
    """Return the notes that name a line of ha.cf."""
    return [note for note in imported(ha_cf).notes if note.startswith("ha.cf:") and note[6] != " "]


def places(ha_cf: str) -> dict[str, dict[str, str]]:
    """Return the address of each node on each link."""
    return {
        str(node.name): {str(item.link): item.host for item in node.addresses}
        for node in configured(ha_cf).nodes
    }


@pytest.mark.parametrize(
    "text",
    [
        "node alpha bravo",
        "node alpha\nnode bravo",
        "node alpha,bravo",
        "node ALPHA # the first\n  node\tbravo  ",
        "node alpha\r\nnode bravo\r",
        "\ufeffnode alpha\nnode bravo\nnode alpha",
    ],
)
def test_nodes_are_read_however_they_are_written(text: str) -> None:
    assert [node.name for node in configured(text).nodes] == ["alpha", "bravo"]


def test_node_name_that_we_do_not_allow_is_changed_and_told() -> None:
    text = "node web_1 web-1 bravo\n"
    assert [node.name for node in configured(text).nodes] == ["web-1", "bravo"]
    assert notes(text)[:2] == [
        "ha.cf:1: node 'web_1' is called web-1; "
        "allowed: lower-case letters, digits, dots and dashes (64 at most)",
        "ha.cf:1: node 'web-1' has no name for us: left out",
    ]


def test_eighth_node_does_not_vote() -> None:
    found = configured("node " + " ".join(f"n{number}" for number in range(1, 10)))
    assert [node.voter for node in found.nodes] == [True] * 7 + [False] * 2


@pytest.mark.parametrize("text", ["", "# only a comment\n", "node\n", "node ___\n"])
def test_without_a_node_there_is_nothing_to_make(text: str) -> None:
    with pytest.raises(ConfigError, match=r"ha\.cf and haresources name no node"):
        imported(text)


def test_nodes_of_haresources_do_where_ha_cf_names_none() -> None:
    found = import_directory({"ha.cf": "autojoin any\n", "haresources": "alpha x\nbravo y\n"})
    assert [node.name for node in parse_text(found.yaml_text, "x").nodes] == ["alpha", "bravo"]
    assert "ha.cf: names no node: those of haresources are taken" in found.notes


@pytest.mark.parametrize(
    ("text", "dead_after_ms"),
    [
        ("deadtime 2", 2_000),
        ("deadtime 1.5", 1_500),
        ("deadtime 500ms", 500),
        ("deadtime 750msec", 750),
        ("deadtime 2000000us", 2_000),
        ("deadtime 10\ndeadtime 4", 4_000),
        ("deadtime 10 4", 4_000),
        ("", 1_000),
    ],
)
def test_deadtime_becomes_dead_after(text: str, dead_after_ms: int) -> None:
    assert configured(NODES + text).options.dead_after_ms == dead_after_ms


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "deadtime 50ms",
            "'deadtime 50ms' is out of range: dead_after is 100 ms; allowed: 100 to 600000 ms",
        ),
        (
            "deadtime 3600",
            "'deadtime 3600' is out of range: dead_after is 600000 ms; allowed: 100 to 600000 ms",
        ),
        ("deadtime 1s", "'deadtime 1s' is no time: dead_after keeps its default"),
        ("deadtime", "'deadtime' is no time: dead_after keeps its default"),
    ],
)
def test_deadtime_that_is_impossible_here_is_told(text: str, note: str) -> None:
    assert notes(NODES + text) == [f"ha.cf:2: {note}"]


def test_missing_deadtime_is_told() -> None:
    missing = "ha.cf: has no valid deadtime: dead_after keeps its default of 1s"
    assert missing in imported(NODES).notes
    assert missing not in imported(f"{NODES}deadtime 5\n").notes


@pytest.mark.parametrize(
    ("text", "stickiness"),
    [
        ("auto_failback on", 0),
        ("auto_failback legacy", 0),
        ("auto_failback off", 1_000),
        ("auto_failback NO", 1_000),
        ("nice_failback on", 1_000),
        ("nice_failback off", 0),
        ("", 0),
    ],
)
def test_failback_becomes_stickiness(text: str, stickiness: int) -> None:
    assert configured(NODES + text).defaults.meta.stickiness == stickiness


def test_cluster_keeps_its_name_where_it_can() -> None:
    assert configured(f"{NODES}cluster shop\n").name == "shop"
    assert configured(f"{NODES}cluster $x\n").name == "heartbeat"


# --- networks --------------------------------------------------------------------------------


def test_every_interface_becomes_one_link() -> None:
    text = f"{NODES}bcast eth0 eth1,eth2\nucast eth0 192.0.2.1\nudp eth1\n"
    text += "mcast br0 225.0.0.1 694 1 0\n"
    assert [link.name for link in configured(text).links] == ["eth0", "eth1", "eth2", "br0"]


def test_port_holds_for_what_stands_behind_it() -> None:
    text = f"{NODES}bcast eth0\nudpport 700\nbcast eth1\nmcast eth2 225.0.0.1 800 1 0\n"
    assert [link.port for link in configured(text).links] == [6940, 700, 800]
    assert notes(text)[0] == (
        "ha.cf:3: 'udpport 700': the links use UDP and TCP port 700; open both between the nodes"
    )


@pytest.mark.parametrize("port", ["0", "70000", "x", ""])
def test_port_that_is_none_is_told(port: str) -> None:
    text = f"{NODES}udpport {port}\nbcast eth0\n"
    assert [link.port for link in configured(text).links] == [6940]
    assert notes(text)[0].endswith("is no port: links keep the default")


@pytest.mark.parametrize("interface", ["eth0.100", "eth0:1", "ä", "-", "::"])
def test_odd_interface_makes_a_good_link_name(interface: str) -> None:
    assert len(configured(f"{NODES}bcast {interface}\n").links) == 1


def test_ninth_network_is_left_out_and_told() -> None:
    text = NODES + "bcast " + " ".join(f"eth{number}" for number in range(9))
    assert len(configured(text).links) == 8
    assert "ha.cf:2: network eth8 is left out; allowed: 8 links" in notes(text)


def test_without_a_network_there_is_one_to_fill_in() -> None:
    text = f"{NODES}serial /dev/ttyS0\n"
    assert places(text) == {
        "alpha": {"ring0": "alpha", "ttyS0": "/dev/ttyS0"},
        "bravo": {"ring0": "bravo", "ttyS0": "/dev/ttyS0"},
    }
    assert "ha.cf: names no IP network: the nodes have one link, ring0" in imported(text).notes


def test_broadcast_and_multicast_stay_what_they_are() -> None:
    text = f"{NODES}udpport 700\nbcast eth1\nmcast eth2 225.0.0.1 694 2 0\n"
    text += "mcast6 eth3 ff12::1 695 1 0\nucast eth0 192.0.2.1\n"
    assert configured(text).links == (
        Link(LinkName("eth1"), 700, Medium.BROADCAST, "eth1", "255.255.255.255"),
        Link(LinkName("eth2"), 694, Medium.MULTICAST, "eth2", "225.0.0.1", 2),
        Link(LinkName("eth3"), 695, Medium.MULTICAST, "eth3", "ff12::1"),
        Link(LinkName("eth0"), 700),
    )


def test_multicast_to_what_is_no_group_is_told() -> None:
    text = f"{NODES}mcast eth2 192.0.2.1 694 1 0\n"
    assert configured(text).links == (Link(LinkName("eth2"), 694),)
    assert notes(text)[0] == (
        "ha.cf:2: 'mcast eth2 192.0.2.1 694 1 0': 192.0.2.1 on eth2 is no multicast group: "
        "messages go to each node's address"
    )


def test_serial_lines_of_two_nodes_are_links_with_the_speed_of_the_file() -> None:
    text = f"{NODES}bcast eth0\nbaud 38400\nserial /dev/ttyS0 /dev/ttyS1\n"
    assert [(link.name, link.speed) for link in configured(text).links[1:]] == [
        ("ttyS0", 38_400),
        ("ttyS1", 38_400),
    ]
    assert configured(f"{NODES}serial /dev/ttyS0").links[1].speed == 19_200
    three = "node a b c\nbcast eth0\nserial /dev/ttyS0\nbaud 7\n"
    assert notes(three)[:2] == [
        "ha.cf:4: 'baud 7' is no speed: serial links have 19200",
        "ha.cf:3: /dev/ttyS0 is left out: a serial link is a cable between two nodes; write one "
        "for each pair",
    ]


# --- ping nodes ------------------------------------------------------------------------------

PINGS = "ping 192.0.2.1 gw\nping6 2001:db8::1\nping_group out 192.0.2.8 192.0.2.9\n"


def test_ping_nodes_become_targets_and_a_group_is_one() -> None:
    assert configured(NODES + PINGS).ping.targets == (
        PingTarget("192.0.2.1", ("192.0.2.1",)),
        PingTarget("gw", ("gw",)),
        PingTarget("2001-db8--1", ("2001:db8::1",)),
        PingTarget("out", ("192.0.2.8", "192.0.2.9")),
    )
    assert configured(NODES + PINGS).defaults.meta.prefers_connectivity is None


def test_ipfail_makes_resources_prefer_who_reaches_more() -> None:
    text = f"{NODES}{PINGS}respawn hacluster /usr/lib/heartbeat/ipfail\n"
    assert configured(text).defaults.meta.prefers_connectivity == 10_000
    assert notes(text)[0] == (
        "ha.cf:5: 'respawn hacluster /usr/lib/heartbeat/ipfail': resources prefer the node that "
        "reaches more ping targets, see 'ping'"
    )
    without = f"{NODES}respawn hacluster /usr/lib/heartbeat/ipfail\n"
    assert configured(without).defaults.meta.prefers_connectivity is None


def test_dead_time_of_ping_nodes_is_their_time_out() -> None:
    found = configured(f"{NODES}ping gw\ndeadping 10\n").ping
    assert (found.interval_ms, found.timeout_ms) == (2_500, 10_000)
    assert notes(f"{NODES}ping gw\ndeadping soon\n")[0] == (
        "ha.cf:3: 'deadping soon' is no time: ping.timeout keeps its default"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ping 1.2.3", "'1.2.3' is no host: left out"),
        ("ping", "'ping' names no host: left out"),
        ("ping_group alone", "'ping_group' needs a name and a host: left out"),
        ("ping gw gw", "ping target gw is left out; allowed: 16, each name once"),
    ],
)
def test_ping_node_that_makes_no_sense_is_told(line: str, why: str) -> None:
    assert notes(f"{NODES}{line}\n")[0] == f"ha.cf:2: {why}"


def test_unicast_addresses_follow_the_order_of_the_lines_and_say_so() -> None:
    text = f"{NODES}ucast eth0 192.0.2.1\nucast eth0 192.0.2.2\nucast eth0 192.0.2.1\n"
    assert places(text) == {"alpha": {"eth0": "192.0.2.1"}, "bravo": {"eth0": "192.0.2.2"}}
    assert notes(text) == [
        "ha.cf:2: which node has which address on eth0 follows the order of the lines: "
        "alpha 192.0.2.1, bravo 192.0.2.2; exchange them if that is wrong"
    ]
    assert not any(note.startswith("fill in") for note in imported(text).notes)


def test_unicast_names_are_their_nodes() -> None:
    text = f"{NODES}ucast eth0 bravo.example.org\nucast eth0 Alpha-hb\nucast eth1 bravo\n"
    assert places(text) == {
        "alpha": {"eth0": "Alpha-hb", "eth1": "alpha-eth1"},
        "bravo": {"eth0": "bravo.example.org", "eth1": "bravo"},
    }


def test_address_that_could_be_either_nodes_is_left_out_and_told() -> None:
    text = f"{NODES}ucast eth0 192.0.2.2\n"
    assert places(text) == {"alpha": {"eth0": "alpha"}, "bravo": {"eth0": "bravo"}}
    assert notes(text) == [
        "ha.cf:2: 192.0.2.2 on eth0 could be of more than one of the nodes: left out"
    ]


def test_address_used_on_two_networks_is_kept_on_one() -> None:
    text = f"{NODES}ucast eth0 alpha\nucast eth1 alpha\nucast eth0 bravo\nucast eth1 bravo\n"
    assert places(text) == {
        "alpha": {"eth0": "alpha", "eth1": "alpha-eth1"},
        "bravo": {"eth0": "bravo", "eth1": "bravo-eth1"},
    }


def test_peer_that_is_no_address_is_left_out_and_told() -> None:
    assert notes(f"{NODES}ucast eth0 192.0.2.300\n") == [
        "ha.cf:2: '192.0.2.300' is no address: left out"
    ]


def test_failback_in_other_words_is_taken_as_legacy_and_told() -> None:
    assert configured(f"{NODES}auto_failback maybe\n").defaults.meta.stickiness == 0
    assert notes(f"{NODES}auto_failback maybe\n") == [
        "ha.cf:2: 'auto_failback maybe' is neither on, off nor legacy: taken as legacy, which is on"
    ]


def test_ipv6_peers_keep_their_scope() -> None:
    text = f"{NODES}ucast6 eth0 fe80::1%eth0\nucast6 eth0 fe80::2%eth0\n"
    assert places(text)["bravo"] == {"eth0": "fe80::2%eth0"}


def test_what_must_be_filled_in_is_told_and_stands_at_the_top_of_the_file() -> None:
    found = imported(f"{NODES}bcast eth0 eth1\n")
    item = "nodes.bravo.addresses.eth1: bravo's address on eth1, for which 'bravo-eth1' stands here"
    assert f"fill in {item}" in found.notes
    assert f"#   {item}\n" in found.yaml_text
    assert len([note for note in found.notes if note.startswith("fill in ")]) == 4


# --- what has no counterpart -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("keepalive 2", "all timers derive from options.dead_after"),
        ("warntime 10", "all timers derive from options.dead_after"),
        ("initdead 60", "nothing starts before a majority of the nodes is there"),
        ("hbaping fc-card", "a ping target is an address"),
        ("hopfudge 1", "messages are not passed on from node to node"),
        ("logfile /var/log/ha-log", "each node writes had.log"),
        ("logfacility local0", "each node writes had.log"),
        ("use_logd yes", "each node writes had.log"),
        ("respawn root /usr/sbin/feed -x", "start it by the system's service manager"),
        ("apiauth ipfail uid=hacluster", "the node's control socket"),
        ("stonith_host * meatware", "write a device under fence_devices"),
        ("watchdog /dev/watchdog", "name it in each node's node.yaml"),
        ("compression bz2", "messages between nodes have a form of their own"),
        ("autojoin none", "a node joins by 'ha join TOKEN' alone"),
        ("realtime on", "the daemon sees to that by itself"),
    ],
)
def test_directive_without_a_counterpart_is_listed_with_its_line_and_reason(
    line: str, reason: str
) -> None:
    found = notes(f"# a comment\n\n{NODES}{line} # why\n")
    assert len(found) == 1
    assert found[0].startswith(f"ha.cf:4: '{line}' has no counterpart: ")
    assert reason in found[0]


def test_password_of_a_fencing_device_is_not_repeated() -> None:
    found = imported(f"{NODES}stonith_host * baytech 192.0.2.3 login s3cret\n")
    assert any("'stonith_host * baytech ...' has no counterpart" in note for note in found.notes)
    assert "s3cret" not in "".join(found.notes) + found.yaml_text


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Node charlie", "is no directive of Heartbeat that is known here"),
        ("keep-alive 2", "is no directive of Heartbeat that is known here"),
        ("ucast eth0", "has another number of words than this directive takes"),
        ("mcast eth0", "has another number of words than this directive takes"),
        ("ucast eth0 192.0.2.1 192.0.2.2", "has another number of words"),
    ],
)
def test_line_that_heartbeat_would_refuse_is_listed_too(line: str, why: str) -> None:
    (found,) = notes(NODES + line)
    assert found.startswith(f"ha.cf:2: '{line}' {why}")
    assert found.endswith(": left out")


def test_terminal_escapes_of_the_file_do_not_reach_the_terminal() -> None:
    found = imported(f"{NODES}\x1b[31mred\nbcast \x07eth0 \uffff\n")
    everything = "".join(found.notes) + found.yaml_text.replace("\n", "")
    assert everything.isprintable()


def test_long_lines_are_cut_in_notes() -> None:
    (found,) = notes(f"{NODES}respawn root /bin/x {'y' * 10_000}\n")
    assert len(found) < 250


def test_cluster_with_a_resource_manager_is_told_where_its_resources_are() -> None:
    files = {"ha.cf": f"{NODES}crm respawn\n", "haresources": "alpha 192.0.2.9 apache\n"}
    found = import_directory(files)
    assert parse_text(found.yaml_text, "x").primitives == ()
    assert any("its resources are in a CIB" in note for note in found.notes)
    files["ha.cf"] = f"{NODES}crm off\n"
    assert len(parse_text(import_directory(files).yaml_text, "x").primitives) == 2
