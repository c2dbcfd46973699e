"""Words for constraints: what each comes to, that it stays as it was written, and its faults."""

from dataclasses import replace

import pytest
import yaml

from ha_core import commands
from ha_core.config import words
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.difference import diff
from ha_core.config.model import (
    Colocation,
    Comparison,
    Configuration,
    Constraint,
    Location,
    Ordering,
    Rule,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config.samples import HEAD, faults, faults_of_file, parsed

RESOURCES = """\
resources:
  a: {agent: lsb:a%s}
  b: {agent: lsb:b}
  c: {agent: lsb:c}
  d: {agent: lsb:d}
  g: {group: [c, d]}
"""
OPT_IN = "options: {symmetric: false}\n"


def saying(said: str, rest: str = "") -> Configuration:
    """Return the configuration in which `a` says so."""
    return parsed(RESOURCES % f", {said}" + rest)


def constrained(text: str) -> Configuration:
    """Return the configuration with one constraint `k`."""
    return parsed(RESOURCES % "" + f"constraints:\n  k: {text}\n")


def told(item: Constraint) -> tuple[object, ...]:
    """Return a constraint as its id and what it says."""
    match item:
        case Location():
            return item.id, item.node, item.score
        case Rule():
            return item.id, item.attribute, str(item.operation), item.value, item.score
        case Colocation():
            return item.id, item.resource, item.with_resource, item.score
        case Ordering():
            return item.id, item.first, item.then, str(item.kind), item.symmetrical


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("prefers: n1", [("a-prefers-n1", "n1", 100)]),
        ("prefers: [n2, n1]", [("a-prefers-n2", "n2", 200), ("a-prefers-n1", "n1", 100)]),
        (
            "prefers: {n1: 7, n2: 999999}",
            [("a-prefers-n1", "n1", 7), ("a-prefers-n2", "n2", 999_999)],
        ),
        (
            "never_on: [n1, n2]",
            [("a-never-on-n1", "n1", -INFINITY), ("a-never-on-n2", "n2", -INFINITY)],
        ),
        ("avoids: n1", [("a-avoids-n1", "#uname", "ne", "n1", 100)]),
        ("avoids: {n1: 30}", [("a-avoids-n1", "#uname", "ne", "n1", 30)]),
        ("only_on: [n1, n2]", [("a-only-on", "#uname", "none_of", "n1 n2", -INFINITY)]),
        ("with: b", [("a-with-b", "a", "b", INFINITY)]),
        (
            "with: {b: 50, c: INFINITY}",
            [("a-with-b", "a", "b", 50), ("a-with-c", "a", "c", INFINITY)],
        ),
        ("apart_from: b", [("a-apart-from-b", "a", "b", -INFINITY)]),
        ("apart_from: {b: 50}", [("a-apart-from-b", "a", "b", -50)]),
        ("after: b", [("a-after-b", "b", "a", "mandatory", True)]),
        ("after: {b: optional}", [("a-after-b", "b", "a", "optional", True)]),
    ],
)
def test_word_of_a_resource_comes_to(said: str, made: list[tuple[object, ...]]) -> None:
    found = saying(said)
    assert [told(item) for item in found.constraints()] == made
    word = said.partition(":")[0]
    assert {item.source for item in found.constraints()} == {f"resources.a.{word}"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "{together: [a, b, c]}",
            [("k-b-with-a", "b", "a", INFINITY), ("k-c-with-b", "c", "b", INFINITY)],
        ),
        ("{together: [b, a], score: 5}", [("k-a-with-b", "a", "b", 5)]),
        (
            "{apart: [a, b, c], score: 5}",
            [
                ("k-b-apart-from-a", "b", "a", -5),
                ("k-c-apart-from-a", "c", "a", -5),
                ("k-c-apart-from-b", "c", "b", -5),
            ],
        ),
        ("{apart: [a, b]}", [("k-b-apart-from-a", "b", "a", -INFINITY)]),
        (
            "{order: [a, [b, c]], kind: optional, symmetrical: false}",
            [
                ("k-b-after-a", "a", "b", "optional", False),
                ("k-c-after-a", "a", "c", "optional", False),
            ],
        ),
        (
            "{order: [a, b], then: g}",
            [
                ("k-b-after-a", "a", "b", "mandatory", True),
                ("k-g-after-b", "b", "g", "mandatory", True),
            ],
        ),
        (
            "{order: [[a, b]], then: g}",
            [
                ("k-g-after-a", "a", "g", "mandatory", True),
                ("k-g-after-b", "b", "g", "mandatory", True),
            ],
        ),
        ("{order: a, then: b}", [("k", "a", "b", "mandatory", True)]),
        ("{order: [a], then: b}", [("k", "a", "b", "mandatory", True)]),
    ],
)
def test_constraint_of_several_comes_to(text: str, made: list[tuple[object, ...]]) -> None:
    found = constrained(text)
    assert [told(item) for item in found.constraints()] == made


def test_where_nodes_must_be_named_only_on_names_them() -> None:
    found = saying("only_on: [n1, n2]", OPT_IN)
    assert [told(item) for item in found.constraints()] == [
        ("a-only-on-n1", "n1", 0),
        ("a-only-on-n2", "n2", 0),
        ("a-only-on", "#uname", "none_of", "n1 n2", -INFINITY),
    ]
    assert parse_text(render(found), "x") == found


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("prefers: [n1]", {"prefers": "n1"}),
        ("prefers: [n2, n1]", {"prefers": ["n2", "n1"]}),
        ("prefers: {n2: 200, n1: 100}", {"prefers": ["n2", "n1"]}),
        ("prefers: {n2: 20, n1: 10}", {"prefers": {"n2": 20, "n1": 10}}),
        ("avoids: [n1, n2]", {"avoids": ["n1", "n2"]}),
        ("avoids: {n1: 100, n2: 99}", {"avoids": {"n1": 100, "n2": 99}}),
        ("only_on: n1, never_on: n2", {"only_on": "n1", "never_on": "n2"}),
        ("with: [b, c]", {"with": ["b", "c"]}),
        ("apart_from: {b: INFINITY}", {"apart_from": "b"}),
        ("with: {b: 5, c: INFINITY}", {"with": {"b": 5, "c": "INFINITY"}}),
        ("after: {b: optional, c: mandatory}", {"after": {"b": "optional", "c": "mandatory"}}),
    ],
)
def test_word_is_written_as_it_was_meant_and_without_arithmetic(
    said: str, written: dict[str, object]
) -> None:
    found = saying(said)
    value = yaml.safe_load(render(found))
    assert value["resources"]["a"] == {"agent": "lsb:a", **written}
    assert "constraints" not in value
    assert parse_text(render(found), "x") == found


@pytest.mark.parametrize(
    "text",
    [
        "{together: [a, b, c]}",
        "{apart: [a, b, c], score: 5}",
        "{order: [a, [b, c], d], kind: optional}",
        "{order: [[a, b], g], symmetrical: false}",
    ],
)
def test_constraint_of_several_is_written_as_it_was(text: str) -> None:
    found = constrained(text)
    assert yaml.safe_load(render(found))["constraints"] == {"k": yaml.safe_load(text)}
    assert parse_text(render(found), "x") == found


def test_group_says_words_like_a_primitive() -> None:
    found = parsed("resources:\n  a: {agent: lsb:a}\n  g: {group: a, prefers: n2}\n")
    assert [told(item) for item in found.constraints()] == [("g-prefers-n2", "n2", 100)]


def test_id_that_somebody_has_taken_gets_a_number() -> None:
    rest = "constraints: {a-prefers-n1: {location: b, node: n1}}\n"
    found = saying("prefers: n1", rest)
    assert [item.id for item in found.locations] == ["a-prefers-n1-2", "a-prefers-n1"]
    assert parse_text(render(found), "x") == found


def test_names_that_run_together_have_ids_of_their_own() -> None:
    text = (
        "resources: {a: {agent: lsb:x, with: b-with-c}, a-with-b: {agent: lsb:x, with: c},"
        " b-with-c: {agent: lsb:x}, c: {agent: lsb:x}}\n"
    )
    found = parsed(text)
    assert [item.id for item in found.colocations] == ["a-with-b-with-c", "a-with-b-with-c-2"]
    assert parse_text(render(found), "x") == found


# --- faults ----------------------------------------------------------------------------------

WISH = "a whole number within 1..999999"
NODES = f"a node, a list of such, or each with {WISH}, or more"
BOND = "score, role, own_role, node_attribute, influence"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("prefers: n9", "prefers.n9: names the node 'n9', which does not exist; allowed: n1, n2"),
        ("avoids: [n9]", "avoids.n9: names the node 'n9', which does not exist; allowed: n1, n2"),
        (
            "only_on: w",
            "only_on.w: names the node 'w', which is a witness and runs nothing; allowed: n1, n2",
        ),
        (
            "never_on: w",
            "never_on.w: names the node 'w', which is a witness and runs nothing; allowed: n1, n2",
        ),
        ("prefers: {n1: 0}", f"prefers.n1: is '0'; allowed: {WISH}, or a mapping of score, role"),
        ("avoids: {n1: INFINITY}", f"avoids.n1: is 'INFINITY'; allowed: {WISH}"),
        ("prefers: []", f"prefers: is empty; allowed: {NODES}"),
        ("prefers: ", f"prefers: is empty; allowed: {NODES}"),
        ("only_on: {n1: 5}", "only_on: is a mapping; allowed: a node, a list of such"),
        ("never_on: [n1, n1]", "never_on.n1: stands there twice (first in line 7); allowed: once"),
        ("with: x", "with.x: names the resource 'x', which does not exist; allowed: a, b, c, d, g"),
        ("apart_from: a", "apart_from.a: relates 'a' to itself; allowed: two resources"),
        (
            "with: {b: -5}",
            "with.b: is '-5'; allowed: a whole number within 1..1000000, or INFINITY, or a "
            f"mapping of {BOND}",
        ),
        (
            "after: {b: 5}",
            "after.b: is '5'; allowed: one of mandatory, optional, serialize, start, stop, "
            "promote, demote, or a mapping of action, own_action, kind, symmetrical",
        ),
        (
            "after: y",
            "after.y: names the resource 'y', which does not exist; allowed: a, b, c, d, g",
        ),
        (
            "only_on: n1, avoids: n1",
            "avoids: names every node of 'only_on' (n1); allowed: to leave one out",
        ),
        ("only_on: n1, never_on: n1", "never_on.n1: is in 'only_on', too; allowed: one of both"),
        ("only_on: n1, prefers: n2", "prefers.n2: is no node of 'only_on'; allowed: n1"),
        (
            "only_on: n1, prefers: n9",
            "prefers.n9: names the node 'n9', which does not exist; allowed: n1, n2",
        ),
        ("prefers: n1, avoids: n1", "avoids.n1: is in 'prefers', too; allowed: one of both"),
        ("prefers: n1, never_on: n1", "never_on.n1: is in 'prefers', too; allowed: one of both"),
        ("avoids: n1, never_on: n1", "never_on.n1: is in 'avoids', too; allowed: one of both"),
    ],
)
def test_fault_of_a_word_names_it_and_what_is_allowed(said: str, fault: str) -> None:
    assert faults(RESOURCES % f", {said}") == [f"2: resources.a.{fault}"]


def test_resource_cannot_be_with_and_apart_from_the_same_one() -> None:
    assert faults(RESOURCES % ", with: b, apart_from: b") == [
        "2: resources.a.apart_from.b: is in 'with', too; allowed: one of both",
    ]


def test_every_fault_has_the_line_of_its_name() -> None:
    text = """\
resources:
  a:
    agent: lsb:a
    prefers:
      - n1
      - n8
      - n9
    with:
      b: 5
      x: 6
"""
    assert [fault.split(": names")[0] for fault in faults(text)] == [
        "6: resources.a.prefers.n8",
        "7: resources.a.prefers.n9",
        "9: resources.a.with.b",
        "10: resources.a.with.x",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "{together: [a]}",
            "k.together: names 1 resource; allowed: a list of resources, at least 2",
        ),
        ("{apart: a}", "k.apart: names 1 resource; allowed: a list of resources, at least 2"),
        (
            "{together: [a, b, a]}",
            "k.together.a: stands there twice (first in line 13); allowed: once",
        ),
        (
            "{apart: [a, x]}",
            "k.apart.x: names the resource 'x', which does not exist; allowed: a, b, c, d, g",
        ),
        (
            "{together: [a, b], score: 0}",
            "k.score: is '0'; allowed: a whole number within 1..1000000, or INFINITY",
        ),
        (
            "{order: [], then: a}",
            "k.order: is empty, or a list in it is; allowed: at least one resource in each",
        ),
        (
            "{order: [[], a]}",
            "k.order: is empty, or a list in it is; allowed: at least one resource in each",
        ),
        ("{order: a}", "k: has no 'then'; allowed: 'then', or several resources in 'order'"),
        (
            "{order: [a, b, x]}",
            "k.order.x: names the resource 'x', which does not exist; allowed: a, b, c, d, g",
        ),
        (
            "{order: [d, a, c]}",
            "k.order: orders in a circle: d then a then c then d (by constraints.k.order); "
            "allowed: orderings that have a beginning",
        ),
        (
            "{together: [a, b], apart: [a, b]}",
            "k: has together and apart; allowed: a mapping with one of 'location', 'rule', "
            "'colocation', 'order', 'together', 'apart', 'ticket'",
        ),
        (
            "{apart: [c, d]}",
            "k.apart: keeps d apart from c, and they must be together (with g); allowed: one "
            "of both",
        ),
    ],
)
def test_fault_of_several_names_the_constraint(text: str, fault: str) -> None:
    found = faults(RESOURCES % "" + f"constraints:\n  k: {text}\n")
    assert f"8: constraints.{fault}" in found


def test_resources_that_must_share_a_node_and_may_share_none_are_a_fault() -> None:
    text = """\
resources:
  a: {agent: lsb:a, only_on: n1}
  b: {agent: lsb:b, never_on: n1, with: a}
"""
    assert faults(text) == [
        "3: resources.b.never_on: leaves no node to a, b, which must share one "
        "(see resources.a.only_on); allowed: a node in common"
    ]


def test_to_avoid_a_node_is_no_way_to_allow_all_others() -> None:
    assert faults(OPT_IN + RESOURCES % ", avoids: n1") == [
        "3: resources.a.avoids: would allow it all other nodes, as 'options.symmetric' is false; "
        "allowed: with 'only_on' beside it"
    ]
    assert saying("only_on: [n1, n2], avoids: n1", OPT_IN).rules


def test_constraint_that_claims_a_word_it_does_not_come_from_is_a_fault() -> None:
    found = saying("prefers: [n1, n2]")
    first, second = found.locations
    other = replace(found, locations=(first, replace(second, score=-5)))
    (fault,) = check(other)
    assert str(fault) == (
        "resources.a.prefers: has constraints that are not what the word makes; "
        "allowed: just these, or constraints without a source"
    )
    assert list(yaml.safe_load(render(other))["constraints"]) == ["a-prefers-n1", "a-prefers-n2"]


A, B, N1 = ResourceId("a"), ResourceId("b"), NodeName("n1")
ODD = [
    Location(ConstraintId("x"), A, N1, 100, source="nonsense"),
    Location(ConstraintId("x"), A, N1, 100, source="resources.z.prefers"),
    Location(ConstraintId("x"), A, N1, 100, source="resources.a.with"),
    Location(ConstraintId("x"), A, N1, 100, source="resources.a.order"),
    Location(ConstraintId("x"), A, N1, INFINITY, source="resources.a.prefers"),
    Location(ConstraintId("x"), A, N1, 100, source="resources.a.prefers"),
    Location(ConstraintId("x"), A, N1, 100, source="constraints.k.together"),
    Rule(ConstraintId("x"), A, "#uname", Comparison.NOT_EQUAL, "n1", -5, "resources.a.avoids"),
    Rule(ConstraintId("x"), A, "rack", Comparison.EQUAL, "n1", 5, "resources.a.only_on"),
    Colocation(ConstraintId("x"), A, B, -5, "constraints.k.together"),
    Colocation(ConstraintId("x"), A, B, 0, "resources.a.with"),
    Ordering(ConstraintId("x"), A, A, source="constraints.k.order"),
    Ordering(ConstraintId("x"), A, B, source="constraints.odd.order"),
]


@pytest.mark.parametrize("item", ODD, ids=range(len(ODD)))
def test_odd_source_is_a_fault_and_hides_no_constraint(item: Constraint) -> None:
    """No file says such a thing: a program that speaks to the control socket may."""
    found = parsed(RESOURCES % "" + "constraints: {odd: {location: b, node: n1, score: 5}}\n")
    tables = {Location: "locations", Rule: "rules", Colocation: "colocations"}
    name = tables.get(type(item), "orderings")
    odd = replace(found, **{name: (*getattr(found, name), item)})  # type: ignore[arg-type]  # by name
    assert item.source in {fault.path for fault in check(odd)}
    assert set(yaml.safe_load(render(odd))["constraints"]) == {"odd", "x"}
    assert any(line.startswith("+ constraint x: ") for line in diff(found, odd))


@pytest.mark.parametrize("text", ["{apart: [%s]}", "{order: [[%s], [%s]]}"])
def test_pairs_without_number_are_a_fault_and_not_spelled_out(text: str) -> None:
    names = ", ".join(f"r{number}" for number in range(2000))
    made = "".join(f"  k{number}: {text.replace('%s', names)}\n" for number in range(20))
    found = faults_of_file(f"{HEAD}constraints:\n{made}")
    assert any("constraints: 5001 constraints; allowed: 5000 at most" in fault for fault in found)


def test_names_without_number_are_a_fault() -> None:
    many = ", ".join(f"n{number}" for number in range(300_000))
    assert faults(RESOURCES % f", with: [{many}]") == [
        "2: resources.a.with: names 300000 resources; allowed: 2000 at most"
    ]


# --- changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("prefers: [n2, n1]", "prefers: n1"),
        ("prefers: {n2: 70, n1: 30}", "prefers: {n1: 30}"),
        ("avoids: [n1, n2]", "avoids: n1"),
        ("only_on: [n1, n2]", "only_on: n1"),
        ("never_on: [n2, n1]", "never_on: n1"),
    ],
)
def test_node_that_is_removed_leaves_the_words_as_if_it_had_never_been_named(
    said: str, left: str
) -> None:
    found = apply_command(saying(said), commands.RemoveNode(NodeName("n2")))
    assert check(found) == ()
    assert found.locations == saying(left).locations
    assert found.rules == saying(left).rules


def test_last_node_that_may_run_something_is_not_removed_in_silence() -> None:
    with pytest.raises(RefusedError) as caught:
        apply_command(saying("only_on: n2"), commands.RemoveNode(NodeName("n2")))
    assert caught.value.code == "invalid"
    assert str(caught.value) == (
        "a may run on n2 alone (resources.a.only_on): name another node there first"
    )


def test_node_that_joins_is_no_place_for_what_runs_on_others_alone() -> None:
    before = saying("only_on: n1")
    address = replace(before.nodes[0].addresses[0], link=LinkName("ring0"), host="192.0.2.9")
    after = apply_command(before, commands.AddNode(NodeName("n9"), (address,)))
    assert after.rules == before.rules
    assert check(after) == ()


def test_difference_says_the_words() -> None:
    before = saying("prefers: [n1, n2]")
    after = saying("prefers: {n2: 30}, with: b", "constraints: {k: {order: [a, [b, c]]}}\n")
    assert diff(before, after) == (
        "+ constraint k: order a then b and c",
        "resource a: prefers n1, n2 -> n2 30",
        "resource a: with none -> b",
    )
    apart = constrained("{apart: [a, b], score: 5}")
    assert diff(parsed(RESOURCES % ""), apart) == ("+ constraint k: apart a, b, score 5",)


def test_new_group_is_told_with_its_words() -> None:
    before = parsed("resources:\n  a: {agent: lsb:a}\n")
    after = parsed("resources:\n  a: {agent: lsb:a}\n  g: {group: a, only_on: n1}\n")
    assert diff(before, after) == ("+ group g: members a, only_on n1",)


def test_words_are_told_by_their_paths() -> None:
    parts, alone = words.collect(parse_text(HEAD + RESOURCES % ", after: b", "c.yaml"))
    assert parts == {"resources.a.after": {"after": [("b", None)]}}
    assert alone == []
