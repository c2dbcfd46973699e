"""`haresources`: lines become groups with a preferred node, scripts become agents."""

import os
import subprocess

import pytest

from ha_core.agents import metadata
from ha_core.agents.ocf import DEFAULT_ROOT
from ha_core.config.heartbeat import Imported, import_directory
from ha_core.config.heartbeat.scripts import PARAMETERS
from ha_core.config.model import Configuration, Exclusivity, Primitive
from ha_core.config.parse import parse_text

HA_CF = "node alpha bravo\nbcast eth0\nauto_failback on\ndeadtime 5\n"


def imported(haresources: str, *own: str) -> Imported:
    """Return the import; `own` are names of scripts in resource.d."""
    scripts = {f"resource.d/{name}": "" for name in own}
    return import_directory({"ha.cf": HA_CF, "haresources": haresources, **scripts})


def configured(haresources: str, *own: str) -> Configuration:
    """Return the configuration that the import verifiably makes."""
    return parse_text(imported(haresources, *own).yaml_text, "imported.yaml")


def only(resource: str, *own: str) -> Primitive:
    """Return the primitive that the resource becomes."""
    (found,) = configured(f"alpha {resource}\n", *own).primitives
    return found


def notes(haresources: str, *own: str) -> list[str]:
    """Return the notes that name a line of haresources."""
    return [note for note in imported(haresources, *own).notes if note.startswith("haresources:")]


def test_line_becomes_a_group_that_prefers_its_node() -> None:
    found = configured("alpha 192.0.2.9 Filesystem::/dev/sdb1::/srv/www::ext4 apache\n")
    (group,) = found.groups
    assert group.id == "apache-group"
    assert group.members == ("ip-192.0.2.9", "fs-srv-www", "apache")
    (location,) = found.locations
    assert (location.resource, location.node, location.score) == ("apache-group", "alpha", 100)


def test_single_resource_needs_no_group() -> None:
    found = configured("bravo 192.0.2.9\n")
    assert found.groups == ()
    assert found.locations[0].resource == "ip-192.0.2.9"


def test_each_line_has_its_own_node() -> None:
    found = configured("alpha 192.0.2.8 apache\nbravo 192.0.2.9 apache\n")
    assert [item.id for item in found.groups] == ["apache-group", "apache-2-group"]
    assert [item.node for item in found.locations] == ["alpha", "bravo"]


@pytest.mark.parametrize(
    "text",
    [
        "alpha 192.0.2.9 apache MailTo::root",
        "  ALPHA\t192.0.2.9   apache  MailTo::root  \r\n",
        "alpha 192.0.2.9 \\\n  apache \\\n  MailTo::root\n",
        "alpha 192.0.2.9 \\\r\n  apache \\\r\nMailTo::root",
        "# a comment \\\nalpha 192.0.2.9 \\ # another\n apache MailTo::root # end\n\n",
        "alpha 192.0.2.9 apache MailTo::root \\",
    ],
)
def test_lines_are_joined_and_stripped_as_heartbeat_does(text: str) -> None:
    found = configured(text)
    assert [item.id for item in found.primitives] == ["ip-192.0.2.9", "apache", "mailto"]
    assert found.locations[0].node == "alpha"


@pytest.mark.parametrize(
    ("resource", "parameters"),
    [
        ("192.0.2.9", {"address": "192.0.2.9"}),
        ("192.0.2.9/24", {"address": "192.0.2.9/24"}),
        ("192.0.2.9/255.255.255.0", {"address": "192.0.2.9/24"}),
        ("192.0.2.9/24/eth1", {"address": "192.0.2.9/24", "interface": "eth1"}),
        (
            "192.0.2.9/24/eth1:web",
            {"address": "192.0.2.9/24", "interface": "eth1", "label": "eth1:web"},
        ),
        ("192.0.2.9/24/192.0.2.255", {"address": "192.0.2.9/24"}),
        ("192.0.2.9/24/eth1/192.0.2.255", {"address": "192.0.2.9/24", "interface": "eth1"}),
        ("192.0.2.9//eth1", {"address": "192.0.2.9", "interface": "eth1"}),
        ("IPaddr::192.0.2.9/24/eth1", {"address": "192.0.2.9/24", "interface": "eth1"}),
        ("IPaddr2::192.0.2.9/24/eth1", {"address": "192.0.2.9/24", "interface": "eth1"}),
        (
            "IPv6addr::2001:db8::9/64/eth1",
            {"address": "2001:db8::9/64", "interface": "eth1"},
        ),
        ("IPv6addr::2001:db8:0:0:0:0:0:9", {"address": "2001:db8::9"}),
    ],
)
def test_addresses_become_the_built_in_class(resource: str, parameters: dict[str, str]) -> None:
    found = only(resource)
    assert (str(found.agent), dict(found.parameters)) == ("address", parameters)


def test_unusual_broadcast_address_needs_the_ocf_agent_and_says_so() -> None:
    resource = "192.0.2.9/24/eth1:web/192.0.2.127"
    found = only(resource)
    assert str(found.agent) == "ocf:heartbeat:IPaddr2"
    assert dict(found.parameters) == {
        "ip": "192.0.2.9",
        "cidr_netmask": "24",
        "nic": "eth1",
        "iflabel": "web",
        "broadcast": "192.0.2.127",
    }
    assert any("takes no broadcast address" in note for note in notes(f"alpha {resource}"))


def test_broadcast_address_without_a_netmask_is_unusual_too() -> None:
    found = only("192.0.2.9//eth1/192.0.2.255")
    assert dict(found.parameters) == {"ip": "192.0.2.9", "nic": "eth1", "broadcast": "192.0.2.255"}


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        ("300.0.2.9", "has '300.0.2.9' where an address should be"),
        ("IPaddr::www", "has 'www' where an address should be"),
        ("IPaddr", "has other arguments than one address"),
        ("IPaddr::192.0.2.9::24", "has other arguments than one address"),
        ("224.0.0.1", "has '224.0.0.1' where an address should be"),
        ("192.0.2.9/33", "has '33' where a netmask should be"),
        ("192.0.2.9/255.0.255.0", "has '255.0.255.0' where a netmask should be"),
        ("192.0.2.9/24/much-too-long-a-name", "where an interface should be"),
        ("192.0.2.9/24/eth0/eth1", "has 'eth1' where an interface should be"),
        ("../evil", "has a name that no agent can have"),
        ("::x", "has a name that no agent can have"),
        (f"apache2::{'x' * 20_000}", "has an argument that is too long or no text"),
    ],
)
def test_resource_that_cannot_be_is_left_out_with_its_reason(resource: str, why: str) -> None:
    text = f"alpha apache {resource}\n"
    assert [item.id for item in configured(text).primitives] == ["apache"]
    (found,) = notes(text)
    assert found.startswith("haresources:1: resource '")
    assert found.endswith(f"{why}: left out")


def test_same_address_twice_is_one_resource() -> None:
    text = "alpha 192.0.2.9 apache\nbravo IPaddr2::192.0.2.9/24 apache\n"
    assert [item.id for item in configured(text).primitives] == [
        "ip-192.0.2.9",
        "apache",
        "apache-2",
    ]
    assert notes(text) == [
        "haresources:2: address 192.0.2.9 is a resource already, and can be only one: left out"
    ]


@pytest.mark.parametrize(
    ("resource", "agent", "parameters"),
    [
        ("apache::/etc/a.conf", "ocf:heartbeat:apache", {"configfile": "/etc/a.conf"}),
        ("apache", "ocf:heartbeat:apache", {}),
        (
            "Filesystem::/dev/sdb1::/srv::ext4::noatime",
            "ocf:heartbeat:Filesystem",
            {"device": "/dev/sdb1", "directory": "/srv", "fstype": "ext4", "options": "noatime"},
        ),
        ("LVM::vg0", "ocf:heartbeat:LVM", {"volgrpname": "vg0"}),
        (
            "MailTo::ops@example.org::moved",
            "ocf:heartbeat:MailTo",
            {"email": "ops@example.org", "subject": "moved"},
        ),
        (
            "Raid1::/etc/raidtab::/dev/md0",
            "ocf:heartbeat:Raid1",
            {"raidconf": "/etc/raidtab", "raiddev": "/dev/md0"},
        ),
        (
            "portblock::tcp::80::block",
            "ocf:heartbeat:portblock",
            {"protocol": "tcp", "portno": "80", "action": "block"},
        ),
        ("Delay::3::0", "ocf:heartbeat:Delay", {"startdelay": "3", "stopdelay": "0"}),
    ],
)
def test_scripts_of_heartbeat_become_ocf_agents_with_named_parameters(
    resource: str, agent: str, parameters: dict[str, str]
) -> None:
    found = only(resource)
    assert (str(found.agent), dict(found.parameters)) == (agent, parameters)


@pytest.mark.skipif(
    not os.path.isdir(f"{DEFAULT_ROOT}/resource.d/heartbeat"),
    reason="package resource-agents is not installed",
)
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_named_parameters_are_those_of_the_real_agents(name: str) -> None:
    path = f"{DEFAULT_ROOT}/resource.d/heartbeat/{name}"
    environment = {"OCF_ROOT": DEFAULT_ROOT, "PATH": os.environ["PATH"]}
    answer = subprocess.run(
        [path, "meta-data"], capture_output=True, check=True, env=environment, timeout=30
    )
    known = {item.name for item in metadata.parse(name, answer.stdout).parameters}
    assert set(PARAMETERS[name]) <= known


@pytest.mark.parametrize(
    ("resource", "own", "agent", "parameters"),
    [
        ("postgresql", (), "lsb:postgresql", {}),
        ("postgresql", ("postgresql",), "heartbeat:postgresql", {}),
        ("drbddisk::r0", (), "heartbeat:drbddisk", {"1": "r0"}),
        (
            "feed::/etc/feed.conf::::9100",
            (),
            "heartbeat:feed",
            {"1": "/etc/feed.conf", "2": "", "3": "9100"},
        ),
        ("OCF::pgsql::db", (), "heartbeat:OCF", {"1": "pgsql", "2": "db"}),
        ("apache::a::b", (), "heartbeat:apache", {"1": "a", "2": "b"}),
        ("apache", ("apache", "IPaddr"), "ocf:heartbeat:apache", {}),
    ],
)
def test_other_scripts_keep_their_arguments_in_order(
    resource: str, own: tuple[str, ...], agent: str, parameters: dict[str, str]
) -> None:
    found = only(resource, *own)
    assert (str(found.agent), dict(found.parameters)) == (agent, parameters)
    if not agent.startswith("ocf"):
        assert any(" must " in note for note in notes(f"alpha {resource}", *own))


def test_file_system_without_a_type_is_told() -> None:
    (found,) = notes("alpha Filesystem::/dev/sdb1::/srv\n")
    assert found == (
        "haresources:1: fs-srv (ocf:heartbeat:Filesystem): "
        "give it the parameter fstype, which Heartbeat left to mount"
    )


def test_who_only_tells_somebody_may_run_twice() -> None:
    assert only("MailTo::root").meta.exclusivity is Exclusivity.NONE
    assert only("apache").meta.exclusivity is None
    assert any(
        note == "mailto may run twice without harm: written as 'exclusivity: none'"
        for note in imported("alpha MailTo::root\n").notes
    )


def test_resources_that_nothing_ends_with_their_node_are_told() -> None:
    (found,) = [
        note
        for note in imported("alpha 192.0.2.9 apache MailTo::root lsbthing\n").notes
        if note.startswith("nothing ends ")
    ]
    assert found.startswith("nothing ends apache, lsbthing when their node is lost: a takeover")


def test_line_of_an_unknown_node_keeps_its_resources_without_a_preference() -> None:
    text = "charlie 192.0.2.9 apache\n"
    found = configured(text)
    assert (len(found.primitives), found.locations) == (2, ())
    assert notes(text) == [
        "haresources:1: charlie is no node of ha.cf: apache-group prefers no node"
    ]


def test_line_without_a_resource_is_told() -> None:
    assert notes("alpha\nbravo 300.1.1.1\n") == [
        "haresources:1: the line of alpha has no resource",
        "haresources:2: resource '300.1.1.1' has '300.1.1.1' where an address should be: left out",
        "haresources:2: the line of bravo has no resource",
    ]


def test_notes_name_the_line_of_the_word_not_of_the_group() -> None:
    assert notes("alpha apache \\\n  192.0.2.9 \\\n  thing\n")[0].startswith(
        "haresources:3: thing "
    )


def test_names_that_we_do_not_allow_become_ones_that_we_do() -> None:
    found = configured(
        "alpha my+script Filesystem::/dev/x::/srv/ä/b.::ext4 IPv6addr::fe80::1%eth0\n"
    )
    assert [item.id for item in found.primitives] == ["my-script", "fs-srv---b", "ip-fe80--1-eth0"]


def test_missing_file_means_no_resources() -> None:
    found = import_directory({"ha.cf": HA_CF})
    assert parse_text(found.yaml_text, "x").primitives == ()
    assert "haresources: is not there: no resources" in found.notes
