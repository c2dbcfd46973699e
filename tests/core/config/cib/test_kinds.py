"""Clones, roles, tickets, capacities, conditions, sets of a CIB become ours, and go out again."""

import xml.etree.ElementTree as ET

import pytest

from ha_core.config.cib import export_cib, import_cib
from ha_core.config.model import Colocation, Configuration, Meta, Ordering, Role
from ha_core.config.parse import parse_text
from tests.core.config.cib.test_import import ABC, cib, options, taken, told

DB = "<primitive id='db' class='ocf' provider='p' type='db'/>"


def pairs(tag: str, **values: str) -> str:
    """Return a block of name-value pairs."""
    inner = "".join(
        f"<nvpair id='{tag}-{name}' name='{name.replace('_', '-')}' value='{value}'/>"
        for name, value in values.items()
    )
    return f"<{tag} id='{tag}-{abs(hash(inner))}'>{inner}</{tag}>"


def clone(inner: str = DB, tag: str = "clone", key: str = "db-clone", **values: str) -> str:
    """Return a clone with these options."""
    block = pairs("meta_attributes", **values) if values else ""
    return f"<{tag} id='{key}'>{block}{inner}</{tag}>"


def again(text: str) -> Configuration:
    """Return what the CIB becomes after it has gone out and come in once more."""
    found = taken(text)
    back = parse_text(import_cib(export_cib(found).encode(), "out.xml").yaml_text, "again.yaml")
    assert back == found
    return found


def test_clone_is_a_word_of_what_is_copied() -> None:
    text = clone(clone_max="3", interleave="true", notify="yes", globally_unique="true")
    (found,) = again(cib(resources=text)).clones
    assert (found.id, found.member, found.instances_max) == ("db-clone", "db", 3)
    assert (found.interleave, found.notify, found.unique, found.promotable) == (
        *(True, True, True),
        False,
    )


def test_clone_of_a_group_with_another_name_keeps_it() -> None:
    group = f"<group id='g'>{DB}</group>"
    found = again(cib(resources=clone(group, key="everywhere")))
    assert [(item.id, item.member) for item in found.clones] == [("everywhere", "g")]


@pytest.mark.parametrize("tag", ["clone", "master"])
def test_promotable_clone_has_its_counts_under_new_and_old_names(tag: str) -> None:
    text = clone(tag=tag, promotable="true", master_max="2", promoted_node_max="2")
    (found,) = again(cib(resources=text)).clones
    assert (found.promotable, found.promoted_max, found.promoted_node_max) == (True, 2, 2)


def test_copies_are_sticky_where_nothing_is_said_as_in_pacemaker() -> None:
    assert again(cib(resources=clone())).clones[0].meta == Meta(stickiness=1)
    defaults = f"<rsc_defaults>{pairs('meta_attributes', resource_stickiness='7')}</rsc_defaults>"
    text = cib(resources=clone()).replace("</constraints>", f"</constraints>{defaults}")
    assert again(text).clones[0].meta == Meta()


def test_options_of_clones_among_the_defaults_hold_for_each() -> None:
    defaults = f"<rsc_defaults>{pairs('meta_attributes', interleave='true')}</rsc_defaults>"
    text = cib(resources=clone()).replace("</constraints>", f"</constraints>{defaults}")
    assert again(text).clones[0].interleave


def test_constraints_may_name_the_clone_or_what_is_in_it() -> None:
    text = cib(
        "<rsc_location id='l' rsc='db-clone' node='n1' score='5' role='Master'/>"
        "<rsc_colocation id='c' rsc='a' with-rsc='db' with-rsc-role='Promoted' score='INFINITY'/>"
        "<rsc_order id='o' first='db' first-action='promote' then='a' then-action='start'/>",
        resources=ABC + clone(promotable="true"),
    )
    found = again(text)
    assert (found.locations[0].resource, found.locations[0].role) == ("db", Role.PROMOTED)
    assert found.colocations[0].with_role is Role.PROMOTED
    assert (found.orderings[0].first_action, found.orderings[0].then_action) == ("promote", "start")


def test_operations_keep_their_roles_and_that_they_are_off() -> None:
    operations = (
        "<operations><op id='1' name='monitor' interval='10' role='Slave'/>"
        "<op id='2' name='monitor' interval='11' role='Promoted' on-fail='demote'/>"
        "<op id='3' name='monitor' interval='12' enabled='false'/>"
        "<op id='4' name='promote' interval='0' timeout='90'/></operations>"
    )
    inner = DB.replace("/>", f">{operations}</primitive>")
    (item,) = again(cib(resources=clone(inner, promotable="true"))).primitives
    assert [(op.action, op.role, op.enabled) for op in item.operations] == [
        ("monitor", Role.UNPROMOTED, True),
        ("monitor", Role.PROMOTED, True),
        ("monitor", None, False),
        ("promote", None, True),
    ]


def test_capacities_and_what_is_taken_of_them_are_kept() -> None:
    node = f"<node id='1' uname='n1'>{pairs('utilization', cpu='4')}</node>"
    inner = f"<primitive id='a' class='lsb' type='a'>{pairs('utilization', cpu='1')}</primitive>"
    text = cib(resources=inner, nodes=node, options=options(placement_strategy="minimal"))
    found = again(text)
    assert found.nodes[0].capacity == (("cpu", 4),)
    assert found.primitives[0].utilization == (("cpu", 1),)
    assert found.options.strategy == "minimal"


def test_health_of_nodes_is_kept() -> None:
    node = "<node id='1' uname='n1'><instance_attributes id='i'><nvpair id='p'"
    node += " name='#health-disk' value='red'/></instance_attributes></node>"
    text = cib(nodes=node, options=options(node_health_strategy="custom", node_health_red="-9"))
    found = again(text)
    assert found.nodes[0].attributes == (("#health-disk", "red"),)
    assert (found.options.health.strategy, found.options.health.red) == ("custom", -9)


def test_ticket_has_its_loss_policy_or_the_usual_one_of_its_role() -> None:
    text = cib(
        "<rsc_ticket id='t' rsc='db-clone' ticket='T' rsc-role='Master'/>"
        "<rsc_ticket id='u' ticket='T' loss-policy='freeze'><resource_set id='s'>"
        "<resource_ref id='a'/><resource_ref id='b'/></resource_set></rsc_ticket>",
        resources=ABC + clone(promotable="true"),
    )
    found = [(item.resource, item.role, item.loss_policy) for item in again(text).tickets]
    assert found == [
        ("db", Role.PROMOTED, "demote"),
        ("a", None, "freeze"),
        ("b", None, "freeze"),
    ]


def order(sets: str, **attributes: str) -> list[Ordering]:
    """Return the orderings that sets become."""
    words = "".join(f" {key}='{value}'" for key, value in attributes.items())
    return list(again(cib(f"<rsc_order id='o'{words}>{sets}</rsc_order>")).orderings)


def resources(key: str, *names: str, **attributes: str) -> str:
    """Return a set."""
    words = "".join(f" {k.replace('_', '-')}='{value}'" for k, value in attributes.items())
    inner = "".join(f"<resource_ref id='{name}'/>" for name in names)
    return f"<resource_set id='{key}'{words}>{inner}</resource_set>"


def test_one_of_a_set_that_need_not_be_whole_is_enough() -> None:
    found = order(resources("s", "a", "b", require_all="false") + resources("t", "c"))
    assert [(item.first, item.then) for item in found if item.any_of] == [("a", "c"), ("b", "c")]
    assert len({item.any_of for item in found if item.any_of}) == 1


def test_alternatives_go_out_as_one_element_again() -> None:
    sets = resources("s", "a", "b", require_all="false", sequential="false")
    text = cib(f"<rsc_order id='o'>{sets}{resources('t', 'c')}</rsc_order>")
    root = ET.fromstring(export_cib(taken(text)))
    (element,) = root.iter("rsc_order")
    assert [item.get("require-all") for item in element] == ["false", None]


def test_sets_with_actions_and_kinds_become_pairs() -> None:
    found = order(resources("s", "a", "b", action="stop") + resources("t", "c", action="start"))
    assert [(i.first, i.first_action, i.then, i.then_action) for i in found] == [
        ("a", "stop", "b", "stop"),
        ("a", "stop", "c", "start"),
        ("b", "stop", "c", "start"),
    ]
    found = order(resources("s", "a", "b") + resources("t", "c"))
    assert [(item.first, item.then) for item in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    found = order(resources("s", "a", "b", sequential="true") + resources("t", "c"))
    assert [(item.first, item.then) for item in found] == [("a", "b"), ("b", "c")]
    found = order(resources("s", "a", "b", "c"), kind="Serialize")
    assert [(item.first, item.then) for item in found] == [("a", "b"), ("a", "c"), ("b", "c")]


def colocate(sets: str, **attributes: str) -> list[Colocation]:
    """Return the colocations that sets become."""
    words = "".join(f" {key}='{value}'" for key, value in attributes.items())
    text = cib(
        f"<rsc_colocation id='o' score='5'{words}>{sets}</rsc_colocation>",
        resources=ABC + clone(promotable="true"),
    )
    return list(again(text).colocations)


def test_sets_of_a_colocation_keep_their_roles_and_their_order() -> None:
    found = colocate(resources("s", "a", "b", ordering="listed"), influence="false")
    assert [(i.resource, i.with_resource, i.influence) for i in found] == [("a", "b", False)]
    found = colocate(resources("s", "a") + resources("t", "db", role="Promoted"))
    assert [(i.resource, i.with_resource, i.with_role) for i in found] == [
        ("a", "db", Role.PROMOTED)
    ]


def test_tag_and_template_stand_for_their_resources_everywhere() -> None:
    tags = "<tags><tag id='t'><obj_ref id='a'/><obj_ref id='b'/></tag></tags>"
    made = "<template id='m' class='lsb' type='x'/><primitive id='u' template='m'/>"
    text = cib(
        "<rsc_order id='o' first='t' then='c'/><rsc_location id='l' rsc='m' node='n1' score='1'/>",
        resources=ABC + made,
    ).replace("</constraints>", f"</constraints>{tags}")
    found = again(text)
    assert [(item.first, item.then) for item in found.orderings] == [("a", "c"), ("b", "c")]
    assert [item.resource for item in found.locations] == ["u"]
    assert "'t'" not in told(text)


def test_pattern_stands_for_what_it_is_found_in() -> None:
    text = cib("<rsc_location id='l' rsc-pattern='[ab]' node='n1' score='1'/>")
    assert [item.resource for item in again(text).locations] == ["a", "b"]
    text = cib("<rsc_location id='l' rsc-pattern='!a' node='n1' score='1'/>")
    assert [item.resource for item in again(text).locations] == ["b", "c"]


def ruled(rule: str) -> Configuration:
    """Return what a location with that rule becomes."""
    return again(cib(f"<rsc_location id='l' rsc='a'>{rule}</rsc_location>"))


def test_rule_of_several_conditions_is_a_tree() -> None:
    (rule,) = ruled(
        "<rule id='r' score='5' boolean-op='or'>"
        "<expression id='e' attribute='k' operation='eq' value='1'/>"
        "<rule id='s' boolean-op='and'>"
        "<date_expression id='d' operation='gt' start='2026-01-01T00:00Z'/>"
        "<date_expression id='f' operation='date_spec'><date_spec id='g' hours='9-16'/>"
        "</date_expression></rule></rule>"
    ).rules
    assert rule.condition is not None
    assert rule.condition.join == "any"
    compared, both = rule.condition.parts
    assert (compared.attribute, compared.value) == ("k", "1")
    assert [part.calendar for part in both.parts] == [(), (("hours", "9-16"),)]


def test_duration_of_a_date_becomes_its_end() -> None:
    (rule,) = ruled(
        "<rule id='r' score='5'><date_expression id='d' operation='in_range'"
        " start='2026-01-31T00:00:00Z'><duration id='u' months='1'/></date_expression></rule>"
    ).rules
    assert rule.condition is not None
    found = (rule.condition.from_wall_ms, rule.condition.to_wall_ms)
    assert found == (1_769_817_600_000, 1_772_236_800_000)


def test_moments_without_a_zone_are_of_utc_and_that_is_told() -> None:
    date = "<date_expression id='d' operation='lt' end='2026-01-01'/>"
    rule = f"<rule id='r' score='5'>{date}</rule>"
    text = cib(f"<rsc_location id='l' rsc='a'>{rule}</rsc_location>")
    assert "d: its dates are those of UTC here" in told(text)
    assert "of UTC" not in told(export_cib(taken(text)))


ODD_RULES = {
    "<rule id='r' score='5'/>": "it has no expression",
    "<rule id='r' score='5'><rsc_expression id='e' class='lsb'/></rule>": "<rsc_expression>",
    "<rule id='r' score='5'><date_expression id='d' operation='lt' end='soon'/></rule>": "'soon'",
    "<rule id='r' score='5'><date_expression id='d' operation='date_spec'>"
    "<date_spec id='s' moon='3'/></date_expression></rule>": "'moon' is no part of the calendar",
    "<rule id='r' score='5'><date_expression id='d' operation='date_spec'>"
    "<date_spec id='s' hours='25-30'/></date_expression></rule>": (
        "hours is '25-30'; allowed: a number from 0 to 23"
    ),
    "<rule id='r' score='5' role='Stopped'><expression id='e' attribute='k' operation='defined'/>"
    "</rule>": "its role is 'Stopped'",
    "<rule id='r' score='5'><expression id='e' attribute='k' operation='like' value='x'/></rule>": (
        "'like' of attribute 'k'"
    ),
}


@pytest.mark.parametrize("rule", ODD_RULES)
def test_rule_that_has_no_counterpart_is_left_out_with_the_reason(rule: str) -> None:
    text = cib(f"<rsc_location id='l' rsc='a'>{rule}</rsc_location>")
    assert f"rule 'r' is left out: {ODD_RULES[rule]}"[:20] in told(text)
    assert ODD_RULES[rule] in told(text)
    assert not taken(text).rules


NOT_SUPPORTED = {
    "<bundle id='x'><podman image='i'/></bundle>": "not supported: bundle 'x'",
    "<primitive id='x' class='ocf' provider='pacemaker' type='remote'/>": (
        "not supported: remote node 'x'"
    ),
    f"<primitive id='x' class='lsb' type='x'>{pairs('meta_attributes', remote_node='far')}"
    "</primitive>": "not supported: guest node 'x'",
    "<group id='x'><primitive id='y' class='ocf' provider='pacemaker' type='remote'/></group>": (
        "not supported: remote node 'y'"
    ),
}


@pytest.mark.parametrize("element", NOT_SUPPORTED)
def test_what_is_out_of_scope_is_named_and_nothing_else_is_misread(element: str) -> None:
    text = cib("<rsc_order id='o' first='x' then='a'/>", resources=ABC + element)
    assert NOT_SUPPORTED[element] in told(text)
    assert "rsc_order 'o' is left out: x is left out, too" in told(text)
    found = taken(text)
    assert [item.id for item in found.primitives] == ["a", "b", "c"]
    assert not list(found.constraints())


def test_constraint_with_a_lifetime_is_left_out_as_a_whole() -> None:
    lifetime = "<lifetime><rule id='r'><date_expression id='d' operation='lt' end='2026-01-01'/>"
    text = cib(
        f"<rsc_colocation id='c' rsc='a' with-rsc='b' score='1'>{lifetime}</rule></lifetime>"
        "</rsc_colocation>"
    )
    assert "rsc_colocation 'c' is left out: it has a lifetime" in told(text)
    assert not taken(text).colocations


def test_clone_that_is_wrong_is_mended_or_left_out_with_a_note() -> None:
    text = cib(resources=f"<clone id='c'>{DB}<primitive id='e' class='lsb' type='e'/></clone>")
    assert "it copies 2 resources; allowed: one primitive or group" in told(text)
    text = cib(resources=clone(clone_max="many"))
    assert "clone-max is left out: it is 'many'" in told(text)
    service = "<primitive id='w' class='systemd' type='w'/>"
    text = cib(resources=clone(service, promotable="true"))
    assert "no agent of class systemd can promote" in told(text)


def test_second_ordering_of_two_is_left_out_as_pacemaker_heeds_the_first_alone() -> None:
    text = cib(
        "<rsc_order id='o' first='a' then='b' kind='Optional'/>"
        "<rsc_order id='p' first='a' then='b' kind='Mandatory'/>"
    )
    assert "p is left out: o orders the same two" in told(text)
    assert [item.kind for item in again(text).orderings] == ["optional"]


def test_set_that_makes_too_many_pairs_is_left_out_before_they_are_made() -> None:
    names = [f"r{number}" for number in range(1_500)]
    many = "".join(f"<primitive id='{name}' class='lsb' type='x'/>" for name in names)
    bond = f"<rsc_colocation id='c' score='-5'>{resources('s', *names)}</rsc_colocation>"
    tag = "".join(f"<obj_ref id='{name}'/>" for name in names)
    order = "<rsc_order id='o' first='t' then='t'/>"
    text = cib(bond + order, resources=many)
    notes = told(
        text.replace("</constraints>", f"</constraints><tags><tag id='t'>{tag}</tag></tags>")
    )
    assert "rsc_colocation 'c' is left out: it makes more than 5000 pairs" in notes
    assert "rsc_order 'o' is left out: it makes more than 5000 pairs" in notes
