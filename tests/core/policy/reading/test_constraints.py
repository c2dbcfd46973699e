"""Constraints: sets, tags and templates become pairs; what is between them stays the same."""

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    Discovery,
    LossPolicy,
    OrderKind,
    Problem,
    Role,
    Task,
)
from tests.core.policy.reading.cibs import meta, pairs, primitive, read

FIVE = "".join(map(primitive, "abcde"))


def members(*names: str, **attributes: str) -> str:
    written = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    inner = "".join(f'<resource_ref id="{name}"/>' for name in names)
    return f'<resource_set id="s-{"".join(names)}" {written}>{inner}</resource_set>'


def colocated(*sets: str, score: str = "INFINITY") -> list[str]:
    text = f'<rsc_colocation id="c" score="{score}">{"".join(sets)}</rsc_colocation>'
    found = read(FIVE, text).colocations
    return [f"{item.dependent}{item.primary}" for item in found]


def ordered(*sets: str, **attributes: str) -> list[str]:
    written = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    text = f'<rsc_order id="o" {written}>{"".join(sets)}</rsc_order>'
    return [f"{item.first}{item.then}" for item in read(FIVE, text).orderings]


def test_a_colocated_set_is_a_chain_and_depends_on_the_next_set() -> None:
    assert colocated(members("a", "b", "c")) == ["ba", "cb"]
    assert colocated(members("a", "b"), members("c", "d")) == ["ba", "dc", "ad"]


def test_members_that_are_kept_apart_are_kept_from_each_other() -> None:
    assert colocated(members("a", "b", "c"), score="-10") == ["ba", "ca", "cb"]


def test_a_set_without_sequence_has_no_relation_inside() -> None:
    loose = {"sequential": "false"}
    assert colocated(members("a", "b", **loose), members("c")) == ["ac", "bc"]
    assert colocated(members("a", "b"), members("c", "d", **loose)) == ["ba", "ac", "ad"]
    assert ordered(members("a", "b", **loose), members("c", "d", **loose)) == [
        "ac",
        "bc",
        "ad",
        "bd",
    ]


def test_a_sets_own_score_holds_inside_it_and_the_constraints_between() -> None:
    text = f'<rsc_colocation id="c" score="5">{members("a", "b", score="7")}{members("c")}'
    found = read(FIVE, text + "</rsc_colocation>").colocations
    assert [(item.dependent, item.score) for item in found] == [("b", 7), ("a", 5)]


def test_ordered_sets_follow_one_another_whole() -> None:
    whole = ["ab", "cd", "ac", "bc", "ad", "bd"]
    assert ordered(members("a", "b"), members("c", "d")) == whole


def test_ordered_set_that_says_that_it_is_a_sequence_stands_for_itself_by_its_end() -> None:
    says = {"sequential": "true"}
    assert ordered(members("a", "b", **says), members("c", "d", **says)) == ["ab", "cd", "bc"]
    assert ordered(members("a", "b", **says), members("c", "d")) == ["ab", "cd", "bc", "bd"]


def test_one_of_a_set_can_be_enough() -> None:
    text = members("a", "b", sequential="false", require_all="false") + members("c")
    found = read(FIVE, f'<rsc_order id="o">{text}</rsc_order>').orderings
    assert [(item.first, item.then) for item in found] == [("a", "c"), ("b", "c")]
    assert len({item.any_of for item in found}) == 1
    assert found[0].any_of


def test_members_that_must_not_act_at_once_are_all_told_apart() -> None:
    assert ordered(members("a", "b", "c"), kind="Serialize") == ["ab", "ac", "bc"]


@pytest.mark.parametrize(
    ("written", "kind", "symmetrical"),
    [
        ("", OrderKind.MANDATORY, True),
        ('score="0"', OrderKind.OPTIONAL, True),
        ('score="5"', OrderKind.MANDATORY, True),
        ('kind="optional"', OrderKind.OPTIONAL, True),
        ('kind="Serialize"', OrderKind.SERIALIZE, False),
        ('symmetrical="false"', OrderKind.MANDATORY, False),
    ],
)
def test_kinds_of_orderings(written: str, kind: OrderKind, symmetrical: bool) -> None:
    found = read(FIVE, f'<rsc_order id="o" first="a" then="b" {written}/>').orderings[0]
    assert (found.kind, found.is_symmetrical) == (kind, symmetrical)


def test_the_second_action_is_the_first_one_unless_it_is_told() -> None:
    text = (
        '<rsc_order id="o" first="a" then="b" first-action="promote"/>'
        '<rsc_order id="p" first="a" then="b" first-action="stop" then-action="start"/>'
    )
    found = read(FIVE, text).orderings
    assert [(item.first_task, item.then_task) for item in found] == [
        (Task.PROMOTE, Task.PROMOTE),
        (Task.STOP, Task.START),
    ]


def tagged(constraint: str) -> Problem:
    tags = '<tags><tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>'
    return read(FIVE, constraint, more=tags)


def test_a_tag_stands_for_each_of_its_resources() -> None:
    found = tagged(
        '<rsc_location id="l" rsc="t" node="n1" score="1"/>'
        '<rsc_colocation id="c" rsc="t" with-rsc="c" score="1"/>'
        '<rsc_order id="o" first="c" then="t"/>'
    )
    assert [item.resource for item in found.locations] == ["a", "b"]
    assert [(item.dependent, item.primary) for item in found.colocations] == [
        ("a", "c"),
        ("b", "c"),
    ]
    assert [(item.first, item.then) for item in found.orderings] == [("c", "a"), ("c", "b")]


def test_a_template_stands_for_all_that_is_made_from_it_and_gives_them_its_options() -> None:
    operations = '<operations><op id="{}" name="monitor" interval="{}"/></operations>'
    inner = meta("m1", priority="4", resource_stickiness="1") + operations.format("o1", "10s")
    template = f'<template id="t" class="ocf" provider="x" type="y">{inner}</template>'
    own = meta("m2", priority="9") + operations.format("o2", "20s")
    problem = read(
        f'{template}<primitive id="a" template="t"/><primitive id="b" template="t">{own}'
        "</primitive>",
        '<rsc_location id="l" rsc="t" node="n1" score="1"/>',
    )
    assert [item.resource for item in problem.locations] == ["a", "b"]
    one, two = problem.resources
    assert (one.meta.priority, two.meta.priority) == (4, 9)
    assert (two.meta.stickiness, two.type) == (1, "y")
    assert [item.interval_ms for item in two.operations] == [10_000, 20_000]


def test_locations_keep_what_they_say_of_roles_and_discovery() -> None:
    text = (
        '<rsc_location id="l1" rsc="a" node="n1" score="INFINITY" role="Master"/>'
        '<rsc_location id="l2" rsc="a" node="n2" score="-INFINITY" role="Started"/>'
        '<rsc_location id="l3" rsc="a" node="n2" score="3" role="Stopped"/>'
        '<rsc_location id="l4" rsc="a" node="n2" score="0" resource-discovery="exclusive"/>'
    )
    found = read(FIVE, text).locations
    assert [(item.id, item.role, item.scores) for item in found] == [
        ("l1", Role.PROMOTED, (("n1", INFINITY),)),
        ("l2", None, (("n2", -INFINITY),)),
        ("l4", None, (("n2", 0),)),
    ]
    assert found[2].discovery is Discovery.EXCLUSIVE


def test_colocations_keep_roles_attribute_and_influence() -> None:
    text = (
        '<rsc_colocation id="c" rsc="a" with-rsc="b" score="-20" rsc-role="Slave"'
        ' with-rsc-role="Promoted" node-attribute="rack" influence="false"/>'
        '<rsc_colocation id="n" rsc="a" with-rsc="b" score="0"/>'
    )
    (found,) = read(FIVE, text).colocations
    assert (found.dependent_role, found.primary_role) == (Role.UNPROMOTED, Role.PROMOTED)
    assert (found.node_attribute, found.influence, found.score) == ("rack", False, -20)


@pytest.mark.parametrize(
    ("written", "fencing", "role", "policy"),
    [
        ("", "true", None, LossPolicy.STOP),
        ('rsc-role="Promoted"', "true", Role.PROMOTED, LossPolicy.DEMOTE),
        ('loss-policy="fence"', "true", None, LossPolicy.FENCE),
        ('loss-policy="fence"', "false", None, LossPolicy.STOP),
        ('loss-policy="freeze" rsc-role="Started"', "false", None, LossPolicy.FREEZE),
    ],
)
def test_tickets_have_their_loss_policies(
    written: str, fencing: str, role: Role | None, policy: LossPolicy
) -> None:
    text = f'<rsc_ticket id="t" rsc="a" ticket="x" {written}/>'
    found = read(FIVE, text, options={"stonith-enabled": fencing}).ticket_constraints[0]
    assert (found.ticket, found.role, found.loss_policy) == ("x", role, policy)


def test_tickets_are_granted_by_the_status() -> None:
    states = (
        '<tickets><ticket_state id="x" granted="true" standby="true"/>'
        '<ticket_state id="y" granted="false"/></tickets>'
    )
    found = read(FIVE, status=states).tickets
    assert [(item.name, item.is_granted, item.is_standby) for item in found] == [
        ("x", True, True),
        ("y", False, False),
    ]


def test_options_of_parents_hold_for_what_is_in_them_and_defaults_last() -> None:
    group = f'<group id="g">{meta("gm", priority="3")}{primitive("a")}'
    group += primitive("b", meta("bm", priority="1")) + "</group>"
    clone = f'<clone id="c">{meta("cm", is_managed="false")}{primitive("d")}</clone>'
    defaults = pairs("meta_attributes", {"priority": "7", "migration-threshold": "2"}, "d")
    problem = read(group + clone, more=f"<rsc_defaults>{defaults}</rsc_defaults>")
    found = {item.id: item.meta for top in problem.resources for item in top.primitives()}
    assert [found[name].priority for name in "abd"] == [3, 1, 7]
    assert {item.migration_threshold for item in found.values()} == {2}
    assert not found["d"].is_managed
    assert found["d"].stickiness == 1
    assert found["a"].stickiness == 0


def test_old_names_mean_the_same_as_new_ones() -> None:
    old = f'<master id="m">{meta("mm", master_max="2")}{primitive("a")}</master>'
    new = meta("mm", promotable="true", promoted_max="2")
    new = f'<clone id="m">{new}{primitive("a")}</clone>'
    assert read(old).resources == read(new).resources
    words = {"stonith-action": "poweroff", "stop-orphan-resources": "no"}
    modern = {"fencing-action": "off", "stop-removed-resources": "false"}
    assert read(options=words).options == read(options=modern).options


def test_clones_have_as_many_instances_as_nodes_and_are_unique_if_a_node_may_have_several() -> None:
    found = read(
        f'<clone id="c">{primitive("a")}</clone>'
        f'<clone id="d">{meta("dm", clone_node_max="2")}{primitive("b")}</clone>',
        nodes=("n1", "n2", "n3"),
    ).resources
    assert [(item.clone.clone_max, item.clone.is_unique) for item in found if item.clone] == [
        (3, False),
        (3, True),
    ]
