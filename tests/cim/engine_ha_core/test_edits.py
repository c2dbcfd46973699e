"""Edits made to configurations: what was given is there afterwards, and nothing else changed."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st

from cim_provider.edits import (
    AddTicket,
    Change,
    ChangeResource,
    EditError,
    MakeClone,
    MakeGroup,
    MakePrimitive,
    OperationText,
    PutConstraint,
    PutExpression,
    PutOperation,
    RemoveConstraint,
    RemoveExpression,
    RemoveOperation,
    RemoveResource,
    RemoveTicket,
    SetFenceLevel,
    SetNodeAttribute,
    SetOption,
    SetParameter,
    Words,
)
from cim_provider.engines.ha_core_edits import edited
from cim_provider.engines.ha_core_options import options_of
from ha_core.config.check import check
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Alert,
    Clone,
    Colocation,
    Comparison,
    Configuration,
    Constraint,
    Group,
    Join,
    Link,
    Location,
    Meta,
    MultipleActive,
    Node,
    OnFail,
    Operation,
    Ordering,
    OrderKind,
    Primitive,
    Recipient,
    Rule,
    TargetRole,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config.draw import configurations

DUMMY = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
BASE = Configuration(
    nodes=tuple(
        Node(NodeName(f"n{n}"), (Address(LinkName("lan"), f"10.0.0.{n}"),)) for n in (1, 2, 3)
    ),
    links=(Link(LinkName("lan")),),
    primitives=tuple(Primitive(ResourceId(name), DUMMY) for name in ("a", "b", "c", "d")),
    groups=(Group(ResourceId("g"), (ResourceId("a"), ResourceId("b"))),),
    clones=(Clone(ResourceId("cs"), ResourceId("c")),),
    orderings=(Ordering(ConstraintId("o"), ResourceId("g"), ResourceId("d")),),
    colocations=(Colocation(ConstraintId("k"), ResourceId("d"), ResourceId("g"), INFINITY),),
)
MANY = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def refusal(configuration: Configuration, *changes: Change) -> tuple[str, str]:
    """Return the code and words of the refusal of an edit."""
    with pytest.raises(EditError) as caught:
        edited(configuration, changes)
    return caught.value.code, str(caught.value)


def plain_set(configuration: Configuration) -> set[Constraint]:
    """Return the constraints, whichever word of the file says them."""
    return {replace(item, source="") for item in configuration.constraints()}


def test_a_new_primitive_has_what_it_was_given() -> None:
    new = MakePrimitive(
        "web",
        "ocf",
        "heartbeat",
        "Dummy",
        "a site",
        (("stickiness", "INFINITY"), ("multiple_active", "block"), ("target_role", "stopped")),
        (("state", "/run/x"),),
        (
            OperationText("monitor", (("interval", "15s"), ("on_fail", "standby"))),
            OperationText("start", (("timeout", "90s"),)),
        ),
    )
    made = edited(BASE, [new]).primitive(ResourceId("web"))
    assert made == Primitive(
        ResourceId("web"),
        DUMMY,
        (("state", "/run/x"),),
        (
            Operation("start", timeout_ms=90_000),
            Operation("monitor", 15_000, on_fail=OnFail.STANDBY),
        ),
        Meta(
            stickiness=INFINITY,
            multiple_active=MultipleActive.BLOCK,
            target_role=TargetRole.STOPPED,
        ),
        "a site",
    )
    assert check(edited(BASE, [new])) == ()


def test_a_group_and_a_clone_are_made_with_their_parts_in_one_edit() -> None:
    changes = [
        MakePrimitive("x", "ocf", "heartbeat", "Dummy"),
        MakePrimitive("y", "ocf", "heartbeat", "Dummy"),
        MakeGroup("xy", ("x", "y")),
        MakeClone("xys", "xy", True, words=(("max", "3"), ("promoted_max", "2"))),
    ]
    found = edited(BASE, changes)
    assert check(found) == ()
    clone = found.clone(ResourceId("xys"))
    assert clone is not None
    assert (clone.instances_max, clone.promoted_max, clone.promotable) == (3, 2, True)


def test_none_returns_a_word_to_what_holds_without_it() -> None:
    words: Words = (("priority", "7"), ("failure_timeout", "1min"))
    said = edited(BASE, [ChangeResource("d", words)])
    assert said.primitives[3].meta == Meta(priority=7, failure_timeout_ms=60_000)
    silent = edited(said, [ChangeResource("d", (("priority", None), ("failure_timeout", None)))])
    assert silent == BASE


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (MakePrimitive("g", "ocf"), "exists", "a resource 'g' already"),
        (MakePrimitive("x", "exe"), "invalid", "resources.x.agent: is of class 'exe'; allowed:"),
        (
            ChangeResource("d", (("priority", "high"),)),
            "invalid",
            "d.priority: is 'high'",
        ),
        (ChangeResource("d", (("prority", "1"),)), "invalid", "(did you mean priority?)"),
        (ChangeResource("zz", (("priority", "1"),)), "not-found", "no resource 'zz'"),
        (ChangeResource("d", members=("a",)), "invalid", "only a group has members"),
        (SetParameter("d", "p", None), "not-found", "no parameter 'p'"),
        (SetParameter("g", "p", "1"), "invalid", "g is no primitive"),
        (RemoveOperation("d", "monitor", 5), "not-found", "no operation 'monitor' every 5 ms"),
        (PutOperation("d", OperationText("fly")), "invalid", "is no action; allowed: start"),
        (PutConstraint("l", "location", (("location", "d"),)), "invalid", "has no 'node'"),
        (PutConstraint("l", "wish", ()), "invalid", "is of kind 'wish'"),
        (RemoveConstraint("zz"), "not-found", "no constraint 'zz'"),
        (PutExpression("o", (("attribute", "x"),)), "invalid", "is no rule"),
        (SetOption("dead_after", "never"), "invalid", "options.dead_after: is 'never'"),
        (SetOption("nothing.there", "1"), "invalid", "no option 'nothing.there'"),
        (SetNodeAttribute("n9", "x", "1"), "not-found", "no node 'n9'"),
        (SetFenceLevel("n1", 2, ("sw",)), "invalid", "count from 1, without a gap"),
    ],
)
def test_a_change_that_means_nothing_is_refused_with_a_sentence(
    change: Change, code: str, words: str
) -> None:
    found, text = refusal(BASE, SetParameter("d", "kept", "no"), change)
    assert found == code
    assert words in text


def test_what_is_removed_takes_along_what_cannot_be_without_it() -> None:
    found = edited(BASE, [RemoveResource("g")])
    assert {item.id for item in found.primitives} == {"c", "d"}
    assert list(found.constraints()) == []
    assert check(found) == ()


def test_a_group_goes_with_its_last_member_and_a_clone_with_its_only_one() -> None:
    found = edited(BASE, [RemoveResource("a")])
    assert found.groups[0].members == ("b",)
    assert len(list(found.constraints())) == 2
    found = edited(found, [RemoveResource("b"), RemoveResource("c")])
    assert (found.groups, found.clones) == ((), ())
    assert check(found) == ()


def test_each_operation_is_found_by_its_action_and_interval() -> None:
    put = [
        PutOperation("d", OperationText("monitor", (("interval", "10s"), ("timeout", "5s")))),
        PutOperation("d", OperationText("monitor", (("interval", "1min"), ("depth", "10")))),
        PutOperation("d", OperationText("stop", (("timeout", "2min"),))),
    ]
    found = edited(BASE, put)
    changed = edited(
        found, [PutOperation("d", OperationText("monitor", (("interval", "30s"),)), 10_000)]
    )
    intervals = [each.interval_ms for each in changed.primitives[3].operations]
    assert intervals == [0, 30_000, 60_000]
    assert changed.primitives[3].operations[1].timeout_ms == 5_000
    assert refusal(found, PutOperation("d", OperationText("stop")))[0] == "exists"
    left = edited(changed, [RemoveOperation("d", "monitor", 60_000)])
    assert [each.action for each in left.primitives[3].operations] == ["stop", "monitor"]


def test_a_rule_grows_and_shrinks_by_comparisons() -> None:
    words: Words = (("rule", "d"), ("attribute", "rack"), ("operation", "eq"), ("value", "r1"))
    one = edited(BASE, [PutConstraint("r", "rule", (*words, ("score", "50")))])
    two = edited(one, [PutExpression("r", (("attribute", "site"), ("operation", "defined")))])
    condition = two.rules[0].condition
    assert condition is not None
    assert (condition.join, len(condition.parts)) == (Join.ALL, 2)
    assert check(two) == ()
    assert edited(two, [RemoveExpression("r", 1)]) == one
    other = edited(two, [PutExpression("r", (("value", "r2"),), 0)]).rules[0].condition
    assert other is not None
    assert [part.value for part in other.parts] == ["r2", ""]
    assert list(edited(one, [RemoveExpression("r", 0)]).rules) == []
    assert refusal(two, RemoveExpression("r", 2))[0] == "not-found"


def test_a_comparison_is_changed_only_where_it_still_stands() -> None:
    words: Words = (("rule", "d"), ("attribute", "rack"), ("operation", "eq"), ("value", "r1"))
    one = edited(BASE, [PutConstraint("r", "rule", (*words, ("score", "50")))])
    known: Words = (("attribute", "rack"), ("operation", "eq"), ("value", "r1"))
    assert list(edited(one, [RemoveExpression("r", 0, known)]).rules) == []
    changed = edited(one, [PutExpression("r", (("value", "r2"),), 0, known)])
    for late in (RemoveExpression("r", 0, known), PutExpression("r", (("value", "x"),), 0, known)):
        code, text = refusal(changed, late)
        assert (code, "another comparison there by now" in text) == ("not-found", True)


def test_a_constraint_of_another_kind_takes_the_place_of_one_with_its_id() -> None:
    put = PutConstraint(
        "o", "location", (("location", "d"), ("node", "n1"), ("score", "-INFINITY"))
    )
    found = edited(BASE, [put])
    assert found.orderings == ()
    assert [(item.id, item.score) for item in found.locations] == [("o", -INFINITY)]


def test_one_word_of_a_constraint_leaves_the_others() -> None:
    found = edited(BASE, [PutConstraint("o", "order", (("kind", "optional"),))])
    assert found.orderings == (replace(BASE.orderings[0], kind=OrderKind.OPTIONAL),)


def test_what_a_word_of_the_file_said_becomes_constraints_of_their_own() -> None:
    text = render(BASE).replace("  d:\n", "  d:\n    prefers: [n1, n2]\n")
    said = parse_text(text, "file")
    assert [item.source for item in said.locations] == ["resources.d.prefers"] * 2
    name = said.locations[0].id
    found = edited(said, [PutConstraint(name, "location", (("score", "7"),))])
    assert plain_set(parse_text(render(found), "file")) == plain_set(found)
    assert [item.score for item in found.locations] == [7, 100]
    left = edited(said, [RemoveConstraint(name)])
    assert plain_set(parse_text(render(left), "file")) == plain_set(left)
    assert [item.node for item in left.locations] == ["n2"]


def test_a_ticket_is_listed_and_forgotten_unless_something_needs_it() -> None:
    found = edited(BASE, [AddTicket("west")])
    assert found.ticket_names == ("west",)
    assert edited(found, [RemoveTicket("west")]) == BASE
    needs = PutConstraint("t", "ticket", (("ticket", "west"), ("resource", "d")))
    for changes, code, words in (
        ([AddTicket("west")], "exists", "there is a ticket 'west' already"),
        ([RemoveTicket("east")], "not-found", "no ticket 'east'"),
        ([needs, RemoveTicket("west")], "invalid", "west is needed by d (t)"),
    ):
        with pytest.raises(EditError) as caught:
            edited(found, changes)
        assert caught.value.code == code
        assert words in str(caught.value)


def test_options_nodes_and_levels_take_what_they_are_given() -> None:
    found = edited(
        BASE,
        [
            SetOption("symmetric", "false"),
            SetOption("health.red", "-5"),
            SetOption("defaults.resource.stickiness", "9"),
            SetOption("defaults.operation.timeout", "1min"),
            SetNodeAttribute("n1", "rack", "r1"),
            SetFenceLevel("n2", 1, ("a", "b")),
            SetFenceLevel("n2", 2, ("c",)),
        ],
    )
    assert (found.options.symmetric, found.options.health.red) == (False, -5)
    assert (found.defaults.meta.stickiness, found.defaults.operation_timeout_ms) == (9, 60_000)
    assert found.nodes[0].attributes == (("rack", "r1"),)
    assert found.nodes[1].fence_levels == (("a", "b"), ("c",))
    back = [
        SetOption("symmetric", None),
        SetOption("health.red", None),
        SetOption("defaults.resource.stickiness", None),
        SetOption("defaults.operation.timeout", None),
        SetNodeAttribute("n1", "rack", None),
        SetFenceLevel("n2", 1, ()),
        SetFenceLevel("n2", 1, ()),
    ]
    assert edited(found, back) == BASE


def test_every_option_that_is_shown_can_be_set_and_unset() -> None:
    shown = {each.name: each.value for each in options_of(BASE)}
    assert {"cluster", "ping.interval", "ping.multiplier", "health.base"} <= set(shown)
    for name, value in shown.items():
        unset = edited(BASE, [SetOption(name, None)])
        if value:
            again = {
                each.name: each.value
                for each in options_of(edited(unset, [SetOption(name, value)]))
            }
            assert again[name] == value or (again[name], value) == ("0ms", "0")
    named = edited(BASE, [SetOption("cluster", "shop"), SetOption("ping.interval", "250ms")])
    assert (named.name, named.ping.interval_ms) == ("shop", 250)


@pytest.mark.parametrize(("name", "value"), [("cluster", "two words"), ("ping.interval", "often")])
def test_a_value_that_an_option_cannot_have_is_refused(name: str, value: str) -> None:
    code, text = refusal(BASE, SetOption(name, value))
    assert (code, f"{name}: is '{value}'" in text) == ("invalid", True)


@MANY
@given(configurations(), st.data())
def test_whatever_is_removed_leaves_a_configuration_without_new_faults(
    drawn: Configuration, data: st.DataObject
) -> None:
    assume(not check(drawn))
    items = [*drawn.primitives, *drawn.groups, *drawn.clones]
    assume(items)
    name = data.draw(st.sampled_from([item.id for item in items]))
    found = edited(drawn, [RemoveResource(name)])
    assert check(found) == ()
    assert plain_set(parse_text(render(found), "file")) == plain_set(found)


@MANY
@given(configurations(), st.data())
def test_one_word_changes_one_resource_and_can_be_taken_back(
    drawn: Configuration, data: st.DataObject
) -> None:
    assume(not check(drawn))
    items = [*drawn.primitives, *drawn.groups, *drawn.clones]
    assume(items)
    item = data.draw(st.sampled_from(items))
    priority = data.draw(st.integers(-INFINITY, INFINITY))
    found = edited(drawn, [ChangeResource(item.id, (("priority", str(priority)),))])
    changed = next(
        each for each in (*found.primitives, *found.groups, *found.clones) if each.id == item.id
    )
    assert changed == replace(item, meta=replace(item.meta, priority=priority))
    assert parse_text(render(found), "file") == found
    before = item.meta.priority
    text = None if before is None else str(before)
    assert edited(found, [ChangeResource(item.id, (("priority", text),))]) == drawn


@MANY
@given(configurations(), st.data())
def test_whatever_constraint_is_removed_the_others_stay(
    drawn: Configuration, data: st.DataObject
) -> None:
    assume(not check(drawn))
    known = list(drawn.constraints())
    assume(known)
    gone = data.draw(st.sampled_from(known))
    found = edited(drawn, [RemoveConstraint(gone.id)])
    assert list(found.constraints()) == [item for item in known if item.id != gone.id]
    if not check(found):
        assert plain_set(parse_text(render(found), "file")) == plain_set(found)


def test_kinds_of_constraints_are_those_of_the_file() -> None:
    put = [
        PutConstraint("p", "location", (("location", "d"), ("node", "n1"))),
        PutConstraint("q", "colocation", (("colocation", "d"), ("with", "cs"), ("score", "-5"))),
        PutConstraint("s", "order", (("order", "cs"), ("then", "d"), ("kind", "serialize"))),
        PutConstraint("t", "ticket", (("ticket", "T"), ("resource", "d"), ("loss", "fence"))),
        PutConstraint("u", "rule", (("rule", "d"), ("attribute", "x"), ("operation", "defined"))),
    ]
    found = edited(BASE, put)
    assert parse_text(render(found), "file") == found
    kinds = {item.id: type(item) for item in found.constraints()}
    assert kinds["p"] is Location
    assert kinds["u"] is Rule
    assert found.rules[0].operation is Comparison.DEFINED


def test_alerts_survive_an_edit_of_something_else() -> None:
    mail = Alert("mail", "/bin/mail", recipients=(Recipient("ops", enabled=False),))
    known = replace(BASE, alerts=(mail,))
    found = edited(known, [MakePrimitive("x", "ocf", "heartbeat", "Dummy")])
    assert found.alerts == (mail,)
    assert found.primitive(ResourceId("x")) is not None
