"""A whole directory of Heartbeat's: what comes out always verifies, and tells no secret."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from ha_core.config.heartbeat import import_directory
from ha_core.config.heartbeat.directives import WITHOUT_COUNTERPART
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError

HA_CF = "node alpha bravo\n"
SAMPLE = Path(__file__).parents[4] / "etc" / "heartbeat-v1"


def sample() -> dict[str, str]:
    """Return the files of the sample directory."""
    paths = [path for path in SAMPLE.rglob("*") if path.is_file()]
    return {str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8") for path in paths}


def test_sample_of_a_shop_becomes_two_groups_on_two_networks() -> None:
    found = parse_text(import_directory(sample()).yaml_text, "imported.yaml")
    assert {group.id: group.members for group in found.groups} == {
        "apache-group": ("ip-192.0.2.100", "apache", "mailto"),
        "orderfeed-group": (
            "ip-192.0.2.101",
            "drbddisk",
            "fs-srv-orders",
            "postgresql",
            "orderfeed",
        ),
    }
    assert {item.resource: item.node for item in found.locations} == {
        "apache-group": "alpha",
        "orderfeed-group": "bravo",
    }
    assert [(link.name, link.medium, link.port) for link in found.links] == [
        ("eth1", "broadcast", 694),
        ("eth0", "udp", 694),
        ("ttyS0", "serial", 6940),
    ]
    assert [target.hosts for target in found.ping.targets] == [("192.0.2.1",)]
    assert found.defaults.meta.prefers_connectivity == 10_000
    assert (found.options.dead_after_ms, found.defaults.meta.stickiness) == (5_000, 1_000)


def test_every_line_of_the_sample_is_kept_or_told() -> None:
    files = sample()
    told = {
        note.split(":")[1] for note in import_directory(files).notes if note.startswith("ha.cf:")
    }
    kept = ("node", "deadtime", "bcast", "ucast", "auto_failback")
    kept += ("baud", "serial", "ping", "deadping")
    for number, line in enumerate(files["ha.cf"].splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            assert (str(number) in told) or words[0] in kept, line


def test_two_nodes_are_advised_to_take_a_witness() -> None:
    two, three = (import_directory({"ha.cf": f"node a b {c}\n"}).notes for c in ("", "c"))
    assert any("add a third voter without resources ('witness: true'" in note for note in two)
    assert not any("witness" in note for note in three)


def test_keys_are_counted_and_never_copied() -> None:
    authkeys = "auth 2\n1 crc\n2 sha1 s3cret # x\n3 md5 0ther\nsha1 misplaced\n4 sha512 l0ng\n"
    found = import_directory({"ha.cf": HA_CF, "authkeys": authkeys})
    (note,) = [note for note in found.notes if note.startswith("authkeys:")]
    assert note.startswith(
        "authkeys: 3 keys (crc, sha1, md5), none of them copied; not understood: line 5, 6: "
    )
    assert "mode 0600" in note
    everything = found.yaml_text + "\n".join(found.notes)
    for secret in ("s3cret", "0ther", "misplaced", "l0ng"):
        assert secret not in everything


def test_keys_that_could_not_be_read_are_no_obstacle() -> None:
    found = import_directory({"ha.cf": HA_CF, "authkeys": ""})
    assert any(note.startswith("authkeys: no key that was read") for note in found.notes)


@pytest.mark.parametrize("files", [{}, {"haresources": "alpha x\n", "README": ""}])
def test_directory_of_something_else_is_refused(files: dict[str, str]) -> None:
    there = ", ".join(sorted(files)) or "no file"
    with pytest.raises(ConfigError) as caught:
        import_directory(files)
    assert str(caught.value) == (
        f"there is no ha.cf in the directory, which holds {there}; allowed: Heartbeat's /etc/ha.d"
    )


def test_too_many_of_anything_is_refused_in_one_sentence() -> None:
    many = "node " + " ".join(f"n{number}" for number in range(65))
    with pytest.raises(ConfigError, match=r"^ha\.cf: 65 nodes; allowed: 64 at most$"):
        import_directory({"ha.cf": many})
    lines = "".join(f"alpha s{number}\n" for number in range(2_001))
    with pytest.raises(ConfigError, match=r"^haresources: more than 2000 resources"):
        import_directory({"ha.cf": HA_CF, "haresources": lines})


def test_comments_at_the_top_say_where_the_file_comes_from() -> None:
    text = import_directory({"ha.cf": HA_CF}).yaml_text
    assert text.startswith("# Made from Heartbeat's ha.cf and haresources by 'ha import heartbeat'")


WORDS = st.one_of(
    st.sampled_from(
        [
            *WITHOUT_COUNTERPART,
            "node alpha",
            "node bravo charlie",
            "node 1",
            "node alpha-eth1",
            "bcast eth0",
            "bcast ETH0",
            "ucast eth0 192.0.2.1",
            "ucast eth1 192.0.2.1",
            "ucast eth0 alpha",
            "ucast eth1 alpha",
            "ucast eth0 alpha-eth1",
            "mcast eth1 225.0.0.1 694 1 0",
            "udpport 6940",
            "deadtime 3",
            "cluster x",
            "auto_failback off",
        ]
    ),
    st.text(max_size=20),
)
RESOURCES = st.one_of(
    st.sampled_from(
        [
            "alpha",
            "192.0.2.9",
            "192.0.2.9/24/eth0:0/192.0.2.1",
            "IPaddr2::192.0.2.9",
            "IPv6addr::fe80::9",
            "apache",
            "apache::",
            "apache-2",
            "apache-group",
            "Filesystem::/dev/x::/srv",
            "Filesystem::::",
            "MailTo",
            "a::b::c",
            "\\",
            "#",
        ]
    ),
    st.text(max_size=12),
)


def _text(words: st.SearchStrategy[str], between: str) -> st.SearchStrategy[str]:
    lines = st.lists(words, max_size=6).map(between.join)
    return st.lists(lines, max_size=6).map("\n".join)


@settings(max_examples=300)
@given(_text(WORDS, "\n"), _text(RESOURCES, " "), st.text(max_size=30))
@example("node alpha alpha-eth1\nucast eth0 alpha-eth1\nbcast eth1", "", "")
@example("ucast eth0 n1\nudpport 6940\nucast eth1 n1", "", "")
@example("bcast \uffff \x1b", "", "")
@example("node 1\nbcast eth0", "1 apache apache-2 apache\n1 apache-group apache", "")
def test_whatever_the_files_hold_the_result_verifies(
    ha_cf: str, haresources: str, authkeys: str
) -> None:
    files = {"ha.cf": f"node n1\n{ha_cf}", "haresources": haresources, "authkeys": authkeys}
    found = import_directory(files)
    assert parse_text(found.yaml_text, "imported.yaml").nodes
    assert all(note.isprintable() for note in found.notes)
