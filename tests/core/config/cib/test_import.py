"""A CIB of Pacemaker's becomes our YAML; what has no place there is told, all of it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from ha_core.config.cib import export_cib, import_cib
from ha_core.config.model import Configuration, Origin
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "etc" / "pacemaker" / "cib.xml"
KEPT = SAMPLE.read_text(encoding="utf-8")
TWO = "<node id='1' uname='n1'/><node id='2' uname='n2'/>"
ABC = "".join(f"<primitive id='{name}' class='lsb' type='{name}'/>" for name in "abc")


def taken(text: str) -> Configuration:
    """Return the configuration that a CIB becomes."""
    return parse_text(import_cib(text.encode(), "cib.xml").yaml_text, "imported.yaml")


def cib(constraints: str = "", resources: str = ABC, options: str = "", nodes: str = TWO) -> str:
    """Return a CIB with these sections."""
    return (
        "<cib validate-with='pacemaker-3.9'><configuration>"
        f"<crm_config>{options}</crm_config><nodes>{nodes}</nodes>"
        f"<resources>{resources}</resources><constraints>{constraints}</constraints>"
        "</configuration><status/></cib>"
    )


def told(text: str) -> str:
    """Return all notes."""
    return "\n".join(import_cib(text.encode(), "cib.xml").notes)


def options(**values: str) -> str:
    """Return the block of the cluster's options."""
    pairs = "".join(
        f"<nvpair id='o-{name}' name='{name.replace('_', '-')}' value='{value}'/>"
        for name, value in values.items()
    )
    return f"<cluster_property_set id='o'>{pairs}</cluster_property_set>"


def test_sample_becomes_nodes_resources_and_devices_of_ours() -> None:
    found = taken(KEPT)
    assert [node.name for node in found.nodes] == ["ant", "bee.example.com", "cow"]
    assert found.nodes[2].standby
    assert found.nodes[0].fence_levels == (("board-ant",), ("pdu",))
    assert [str(item.agent) for item in found.primitives] == [
        "ocf:heartbeat:Filesystem",
        "ocf:heartbeat:IPaddr2",
        "systemd:postgresql",
        "lsb:nginx",
        "systemd:postfix",
        "systemd:rabbitmq-server",
        "ocf:pacemaker:controld",
    ]
    assert found.groups[0].members == ("orders-disk", "orders-ip", "orders-db")
    assert (found.groups[0].meta.stickiness, found.groups[0].meta.priority) == (500, 10)
    assert found.options.no_quorum_policy == "freeze"
    pdu = found.fence_devices[1]
    assert pdu.plugs == (("ant", "3"), ("bee.example.com", "4"), ("cow", "5"))
    assert (pdu.delay_ms, pdu.random_delay_ms) == (2_000, 3_000)
    assert pdu.reached_from == ("ant", "bee.example.com")


def test_template_is_written_out_in_what_uses_it() -> None:
    disk = taken(KEPT).primitives[0]
    assert dict(disk.parameters) == {
        "device": "/dev/mapper/orders",
        "directory": "/srv/orders",
        "fstype": "xfs",
        "options": "noatime",
    }
    assert [item.action for item in disk.operations] == ["start", "stop", "monitor"]


def test_cloned_ping_becomes_ping_targets_and_its_attribute_connectivity() -> None:
    found = taken(KEPT)
    hosts = [target.hosts for target in found.ping.targets]
    assert hosts == [("192.0.2.254",), ("203.0.113.53",)]
    assert (found.ping.multiplier, found.ping.dampen_ms) == (100, 5_000)
    rules = [rule for rule in found.rules if rule.attribute == "connectivity"]
    assert [str(rule.operation) for rule in rules] == ["not_defined", "lt"]


def test_move_with_an_end_stays_a_move_with_that_end() -> None:
    (move,) = (item for item in taken(KEPT).locations if item.origin is Origin.MOVE)
    assert (move.resource, move.node) == ("queue", "bee.example.com")
    assert move.expires_wall_ms == 1_798_736_400_000


def test_every_part_of_the_sample_is_kept_or_told() -> None:
    """An attribute that nobody knows, put anywhere into what is kept, is told."""
    root = ET.fromstring(KEPT)
    parents = {child: parent for parent in root.iter() for child in parent}
    notes = "\n".join(import_cib(KEPT.encode(), "cib.xml").notes)
    tried = 0
    for element in root.find("configuration").iter():  # type: ignore[union-attr]  # it is there
        if is_left(element, parents, notes):
            continue
        element.set("odd-one", "7")
        assert "odd-one" in told(ET.tostring(root, "unicode")), (element.tag, element.attrib)
        del element.attrib["odd-one"]
        tried += 1
    assert tried > 100


def is_left(element: ET.Element, parents: dict[ET.Element, ET.Element], notes: str) -> bool:
    """Return whether the element, or what it is in, is told as a whole."""
    if f"{element.get('name')}='{element.get('value')}'" in notes:
        return True
    while element in parents:
        owner = parents[element]
        what = f"{element.tag} '{element.get('id')}'" if element.get("id") else element.tag
        where = f" of {owner.tag} '{owner.get('id')}'" if element.tag == "operations" else ""
        if f" {what}{where} is left out" in notes:
            return True
        element = owner
    return False


def test_location_of_several_resources_is_one_for_each() -> None:
    places = [item for item in taken(KEPT).locations if item.node == "cow" and item.score == -50]
    assert [item.resource for item in places] == ["web", "queue"]


def test_tag_stands_for_its_resources_in_a_location() -> None:
    text = cib("<rsc_location id='l' rsc='t' node='n1' score='5'/>")
    tag = "<tags><tag id='t'><obj_ref id='a'/><obj_ref id='c'/></tag></tags>"
    found = taken(text.replace("</constraints>", f"</constraints>{tag}"))
    assert [item.resource for item in found.locations] == ["a", "c"]


def test_sets_of_an_ordering_are_levels() -> None:
    sets = "<resource_set id='s1'><resource_ref id='a'/></resource_set>"
    sets += "<resource_set id='s2' sequential='false'><resource_ref id='b'/>"
    sets += "<resource_ref id='c'/></resource_set>"
    found = taken(cib(f"<rsc_order id='o' score='0'>{sets}</rsc_order>"))
    assert {(item.first, item.then, str(item.kind)) for item in found.orderings} == {
        ("a", "b", "optional"),
        ("a", "c", "optional"),
    }


def test_sets_of_a_colocation_are_pairs_and_the_earlier_set_depends_on_the_later() -> None:
    sets = "<resource_set id='s1'><resource_ref id='a'/></resource_set>"
    sets += "<resource_set id='s2'><resource_ref id='b'/><resource_ref id='c'/></resource_set>"
    found = taken(cib(f"<rsc_colocation id='o' score='7'>{sets}</rsc_colocation>"))
    pairs = [(item.resource, item.with_resource, item.score) for item in found.colocations]
    assert pairs == [("c", "b", 7), ("a", "c", 7)]


LEFT = {
    "<rsc_location id='x' rsc='a' node='n9' score='1'/>": "there is no node 'n9'",
    "<rsc_location id='x' rsc='z' node='n1' score='1'/>": "there is no resource 'z'",
    "<rsc_location id='x' rsc='a' node='n1' score='1' role='Promoted'/>": "which has no roles",
    "<rsc_location id='x' rsc='a' node='n1' score='1' role='King'/>": "its role is 'King'",
    "<rsc_location id='x' rsc-pattern='a(' node='n1' score='1'/>": "its pattern",
    "<rsc_location id='x' rsc-pattern='x' node='n1' score='1'/>": "no resource has a name like 'x'",
    "<rsc_location id='x' rsc='a'/>": "it has neither a node nor a rule",
    "<rsc_colocation id='x' rsc='a' with-rsc='b' score='much'/>": "its score is 'much'; allowed",
    "<rsc_colocation id='x' rsc='a' with-rsc='a' score='1'/>": "relates 'a' to itself",
    "<rsc_colocation id='x' rsc='a' with-rsc='b' rsc-instance='1' score='1'/>": "with one instance",
    "<rsc_colocation id='x' rsc='a' with-rsc='b' rsc-role='King' score='1'/>": "its rsc-role",
    "<rsc_order id='x' first='a' then='b' first-action='dance'/>": "its first-action is 'dance'",
    "<rsc_order id='x' first='a' then='b' first-action='promote'/>": "which has no roles",
    "<rsc_order id='x' first='a' then='b' kind='Maybe'/>": "its kind is 'Maybe'",
    "<rsc_colocation id='x' score='1'><resource_set id='s'/></rsc_colocation>": "names no resource",
    "<rsc_colocation id='x' rsc='a' score='1'/>": "it has no 'with-rsc'",
    "<rsc_order id='x' first='a'/>": "it has no 'then'",
    "<rsc_order id='x' then='a'/>": "it has no 'first'",
    "<rsc_ticket id='x' rsc='a' ticket=''/>": "it names no ticket",
    "<rsc_ticket id='x' rsc='a' ticket='t' loss-policy='cry'/>": "its loss-policy is 'cry'",
    "<odd id='x'/>": "has no counterpart here",
}


@pytest.mark.parametrize("constraint", LEFT)
def test_constraint_that_has_no_meaning_here_is_left_out_with_its_line_and_reason(
    constraint: str,
) -> None:
    text = cib(f"\n{constraint}")
    (note,) = (line for line in told(text).splitlines() if line.startswith("cib.xml"))
    assert note.startswith("cib.xml:2: ")
    assert LEFT[constraint] in note
    assert not list(taken(text).constraints())


def test_a_pair_without_value_and_an_agent_without_provider_are_told_with_their_line() -> None:
    pair = "<nvpair id='p' name='resource-stickiness'/>"
    found = told(
        cib(
            resources="\n<primitive id='a' class='ocf' type='Dummy'>"
            f"\n<meta_attributes id='m'>{pair}</meta_attributes></primitive>"
        )
    )
    assert "cib.xml:2: a names no provider; it is taken for heartbeat" in found
    assert "cib.xml:3: " in found
    assert "resource-stickiness: it has no value" in found


def test_orderings_that_go_round_in_a_circle_lose_a_link_with_a_note() -> None:
    text = cib(
        "<rsc_order id='o1' first='a' then='b'/><rsc_order id='o2' first='b' then='c'/>"
        "<rsc_order id='o3' first='c' then='a'/>"
    )
    assert len(taken(text).orderings) == 2
    assert "orders in a circle" in told(text)


def test_resources_that_must_be_together_and_apart_lose_one_of_both_with_a_note() -> None:
    text = cib(
        "<rsc_colocation id='c1' rsc='a' with-rsc='b' score='INFINITY'/>"
        "<rsc_colocation id='c2' rsc='a' with-rsc='b' score='-INFINITY'/>"
    )
    assert [item.id for item in taken(text).colocations] == ["c1"]
    assert "c2 is left out" in told(text)


def test_policy_that_ignores_a_lost_quorum_is_not_accepted_in_the_administrators_name() -> None:
    text = cib(options=options(no_quorum_policy="ignore"))
    assert taken(text).options.no_quorum_policy == "stop"
    assert "fill in options.no_quorum_policy" in told(text)


def test_stickiness_that_a_cib_does_not_say_is_that_of_pacemaker() -> None:
    assert taken(cib()).defaults.meta.stickiness == 0


def test_time_limit_that_is_no_time_is_told_and_the_default_taken() -> None:
    op = "<op id='m' name='monitor' interval='10s' timeout='soon'/>"
    inner = f"<operations>{op}</operations>"
    text = cib(resources=f"<primitive id='a' class='lsb' type='a'>{inner}</primitive>")
    assert taken(text).primitives[0].operations[0].timeout_ms == 20_000
    assert "timeout is left out: it is 'soon'" in told(text)


def test_names_that_we_cannot_have_are_changed_and_told_and_still_refer() -> None:
    text = cib(
        "<rsc_location id='l' rsc='.é' node='N1' score='5'/>",
        resources="<primitive id='.é' class='lsb' type='a'/>",
        nodes="<node id='1' uname='N1'/>",
    )
    found = taken(text)
    (place,), (primitive,) = found.locations, found.primitives
    assert (place.resource, place.node) == (primitive.id, "n1")
    assert "'.é' is called" in told(text)
    assert "'N1' is called n1" in told(text)


def test_a_name_that_another_one_has_is_changed_and_that_is_the_reason_told() -> None:
    text = cib(resources="<primitive id='a' class='lsb' type='a'/>" * 2)
    assert [item.id for item in taken(text).primitives] == ["a", "a-2"]
    assert "'a' is called a-2; another one has that name" in told(text)


def test_a_score_out_of_an_attribute_is_kept() -> None:
    rule = "<rule id='r' score-attribute='s'><expression id='e' attribute='k' operation='defined'/>"
    text = cib(
        f"<rsc_location id='l' rsc='a'>{rule}</rule></rsc_location>",
        resources="<primitive id='a' class='lsb' type='a'/>",
    )
    (rule_found,) = taken(text).rules
    assert (rule_found.score_attribute, rule_found.attribute) == ("s", "k")


def test_nodes_beyond_the_seventh_have_no_vote_and_that_is_told() -> None:
    nodes = "".join(f"<node id='{number}' uname='n{number}'/>" for number in range(9))
    text = cib(nodes=nodes)
    assert [node.voter for node in taken(text).nodes] == [True] * 7 + [False] * 2
    assert "9 nodes, of which the first 7 vote" in told(text)


def test_fence_device_may_use_a_template() -> None:
    text = cib(
        resources="<template id='t' class='stonith' type='fence_apc'/>"
        "<primitive id='d' template='t'/>"
    )
    (device,) = taken(text).fence_devices
    assert (device.agent, device.targets) == ("fence:fence_apc", ("n1", "n2"))
    assert "fill in fence_devices.d.targets" in told(text)


REFUSED = {
    "": "no well-formed XML",
    "<cib><configuration>": "no well-formed XML",
    "<html/>": "is <html>; allowed: a CIB",
    "<cib/>": "is <cib> without <configuration>; allowed: a CIB",
    "<!DOCTYPE cib [<!ENTITY a 'b'>]><cib><configuration/></cib>": "document type",
    "<cib>" * 100: "nests deeper than",
    cib(nodes=""): "nodes: is empty; allowed: at least one node",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_cib_is_refused_in_one_sentence_that_names_the_file(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        import_cib(text.encode(), "cib.xml")
    assert str(caught.value).startswith("cib.xml: ")
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def check_outcome(root: ET.Element) -> None:
    """Check that a CIB becomes a configuration, or one sentence that names the file."""
    try:
        text = import_cib(ET.tostring(root), "cib.xml").yaml_text
    except ConfigError as error:
        (text, faults) = ("", error.faults)
    if text:
        parse_text(text, "imported.yaml")
    else:
        assert all(fault.startswith("cib.xml: ") for fault in faults)


WORDS = st.sampled_from(
    ["", "INFINITY", "-5", "orders", "web", "ant", "n9", "beatkeeper-name", "true", "[[[", "é<>&"]
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("-+=@"), WORDS, WORDS), max_size=6))
def test_sample_with_anything_changed_becomes_a_configuration_or_one_sentence(
    changes: list[tuple[int, str, str, str]],
) -> None:
    root = ET.fromstring(KEPT)
    for number, what, one, other in changes:
        pairs = [(parent, child) for parent in root.iter() for child in parent]
        if not pairs:
            break
        parent, child = pairs[number % len(pairs)]
        if what == "-":
            parent.remove(child)
        elif what == "+":
            parent.append(child)
        elif what == "=":
            key = list(child.attrib)[number % len(child.attrib)] if child.attrib else "id"
            child.set(key, one)
        else:
            child.set(one or "odd", other) if one.isalpha() else child.set("name", other)
    check_outcome(root)


@pytest.mark.parametrize(
    "value", ["5", "[[1]]", "[" * 60_000, "{}", "null", "Infinity", "\U0001f600"]
)
def test_pair_of_our_own_with_anything_in_it_becomes_a_configuration_or_one_sentence(
    value: str,
) -> None:
    root = ET.fromstring(export_cib(taken(KEPT)))
    pairs = [item for item in root.iter("nvpair") if item.get("name", "").startswith("beatkeeper-")]
    assert len(pairs) > 3
    for pair in pairs:
        before = pair.get("value", "")
        pair.set("value", value)
        check_outcome(root)
        pair.set("value", before)


def test_thousands_of_orderings_in_circles_end_in_a_configuration() -> None:
    lines = "".join(
        f"<rsc_order id='o{number}' first='a' then='{'bc'[number % 2]}'/>"
        f"<rsc_order id='p{number}' first='{'bc'[number % 2]}' then='a'/>"
        for number in range(1_000)
    )
    imported = import_cib(cib(lines).encode(), "cib.xml")
    assert len(imported.notes) <= 1_010


def test_the_second_of_two_constraints_with_one_id_is_told_with_its_name() -> None:
    written = "".join(
        f"<rsc_location id='l' rsc='a' node='{name}' score='5'/>" for name in ("n1", "n2")
    )
    assert "l is called l-2; another constraint has that name" in told(cib(written))
