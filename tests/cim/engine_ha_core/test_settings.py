"""Settings of real configurations: nothing of them is lost, secrets apart."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cim_provider.edits import SetOption
from cim_provider.engines.ha_core_edits_rules import with_option
from cim_provider.engines.ha_core_settings import configured_settings, settings_of
from cim_provider.engines.ha_core_view import view_of
from cim_provider.views.settings import ExpressionView, LocationView, NodeAttributeView, Settings
from ha_core.config import keys_constraints
from ha_core.config.kinds import show_moment
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Clone,
    Colocation,
    Comparison,
    Condition,
    Configuration,
    Defaults,
    Discovery,
    FenceDevice,
    Group,
    Join,
    Location,
    LossPolicy,
    Meta,
    Node,
    OnFail,
    Operation,
    OrderedAction,
    Ordering,
    OrderKind,
    Origin,
    Ping,
    PingTarget,
    Primitive,
    Requires,
    Role,
    Rule,
    TicketConstraint,
    ValueFrom,
    ValueType,
)
from ha_core.config.parse import parse_text
from ha_core.config.secrets import is_secret
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from ha_core.snapshot import TicketSummary
from ha_core.status import Connectivity
from tests.core.config.draw import configurations
from tests.fake_cluster import snapshot

MANY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
DB, IP = ResourceId("db"), ResourceId("ip")
N1 = NodeName("n1")
DUMMY = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")


def role(word: str) -> Role | None:
    return Role(word) if word else None


def orders(told: Settings) -> tuple[Ordering, ...]:
    return tuple(
        Ordering(
            ConstraintId(each.id),
            ResourceId(each.first),
            ResourceId(each.then),
            OrderKind(each.kind),
            each.is_symmetrical,
            each.source,
            OrderedAction(each.first_action),
            OrderedAction(each.then_action),
            each.any_of,
        )
        for each in told.orders
    )


def colocations(told: Settings) -> tuple[Colocation, ...]:
    return tuple(
        Colocation(
            ConstraintId(each.id),
            ResourceId(each.resource),
            ResourceId(each.with_resource),
            each.score,
            each.source,
            role(each.role),
            role(each.with_role),
            each.node_attribute,
            each.influence,
        )
        for each in told.colocations
    )


def tickets(told: Settings) -> tuple[TicketConstraint, ...]:
    return tuple(
        TicketConstraint(
            ConstraintId(each.id),
            each.ticket,
            ResourceId(each.resource),
            role(each.role),
            LossPolicy(each.loss_policy),
            each.source,
        )
        for each in told.ticket_constraints
    )


def place(each: LocationView) -> Location:
    assert each.score is not None
    return Location(
        ConstraintId(each.id),
        ResourceId(each.resource),
        NodeName(each.node),
        each.score,
        Origin(each.origin),
        each.expires_wall_ms,
        each.until_generation,
        each.source,
        role(each.role),
        Discovery(each.discovery),
        each.live,
    )


def rule(each: LocationView) -> Rule:
    """Return the rule with its condition as a list of parts, however few they are."""
    return Rule(
        ConstraintId(each.id),
        ResourceId(each.resource),
        "",
        Comparison.DEFINED,
        "",
        each.score or 0,
        each.source,
        role(each.role),
        Discovery(each.discovery),
        tree(each.expressions, f"{each.id}-rule"),
        each.score_attribute,
    )


def tree(parts: tuple[ExpressionView, ...], name: str) -> Condition:
    """Return the condition by what rows show: ids of rules and of parts, and joins."""
    own = [each for each in parts if each.rule_id == name]
    (join,) = {each.join for each in own}
    return Condition(
        Join(join),
        tuple(tree(parts, each.id) if each.kind == "rule" else leaf(each) for each in own),
    )


def leaf(each: ExpressionView) -> Condition:
    begins, ends = each.begins_wall_ms, each.ends_wall_ms
    match each.kind, each.operation:
        case "calendar", "date_spec":
            pairs = (part.split("=") for part in each.value.split())
            return Condition(calendar=tuple((name, value) for name, value in pairs))
        case "date", "gt":
            return Condition(after_wall_ms=begins)
        case "date", "lt":
            return Condition(before_wall_ms=ends)
        case "date", "in_range":
            shown = "/".join(".." if at is None else show_moment(at) for at in (begins, ends))
            assert each.value == shown
            return Condition(from_wall_ms=begins, to_wall_ms=ends)
    return Condition(
        attribute=each.attribute,
        operation=Comparison(each.operation),
        value=each.value,
        value_type=ValueType(each.value_type) if each.value_type else None,
        value_from=ValueFrom(each.value_from),
    )


def as_list(item: Rule) -> Rule:
    """Return a rule whose condition is a list of parts."""
    inner = item.condition or Condition(
        attribute=item.attribute, operation=item.operation, value=item.value
    )
    whole = inner if inner.join is not None else Condition(Join.ALL, (inner,))
    return replace(item, attribute="", operation=Comparison.DEFINED, value="", condition=whole)


@MANY
@given(configurations())
def test_every_constraint_can_be_made_again_from_what_is_told(found: Configuration) -> None:
    told = configured_settings(found)
    assert orders(told) == found.orderings
    assert colocations(told) == found.colocations
    assert tickets(told) == found.tickets
    places = {each.id: place(each) for each in told.locations if each.node}
    assert places == {item.id: item for item in found.locations}
    rules = {each.id: rule(each) for each in told.locations if not each.node}
    assert rules == {item.id: as_list(item) for item in found.rules}
    assert len(told.locations) == len(found.locations) + len(found.rules)


@MANY
@given(configurations())
def test_every_operation_parameter_and_option_of_a_resource_is_told(found: Configuration) -> None:
    told = configured_settings(found)
    for item in found.primitives:
        own = [each for each in told.operations if each.resource == item.id]
        assert [
            Operation(
                each.action,
                each.interval_ms,
                each.timeout_ms,
                OnFail(each.on_fail) if each.on_fail else None,
                each.depth,
                role(each.role),
                each.is_enabled,
            )
            for each in own
        ] == list(item.operations)
        pairs = {
            each.name: each.value
            for each in told.attributes
            if each.resource == item.id and each.kind == "parameter"
        }
        assert pairs == {name: "" if is_secret(name) else value for name, value in item.parameters}
    said = {(each.resource, each.name) for each in told.attributes if each.kind == "meta"}
    owners: list[Primitive | Group | Clone] = [*found.primitives, *found.groups, *found.clones]
    for owner in owners:
        for name in ("stickiness", "priority", "managed", "target_role", "maintenance"):
            if getattr(owner.meta, name) is not None:
                assert (owner.id, name) in said


@MANY
@given(configurations())
def test_ids_are_unique_and_without_blanks_in_every_configuration(found: Configuration) -> None:
    told = configured_settings(found)
    lists = (
        [(each.resource, each.kind == "parameter", each.id) for each in told.attributes],
        [(each.resource, each.id) for each in told.operations],
        [*told.location, *told.colocation, *told.order, *told.ticket_constraint],
        [part.id for each in told.locations for part in each.expressions],
        [(each.node, each.id) for each in told.node_attributes],
        [each.id for each in told.options],
        [each.id for each in told.levels],
    )
    for names in lists:
        assert not [name for name, count in Counter(names).items() if count > 1]
        assert not [name for name in names if " " in str(name[-1])]


@MANY
@given(configurations())
def test_options_that_are_told_set_what_holds(found: Configuration) -> None:
    """Cluster's name, ping times and acknowledgements apart, the words make the options again."""
    told = {each.name: each for each in configured_settings(found).options}
    made = Configuration(defaults=Defaults(Meta()))
    for name, each in told.items():
        if each.is_set and name != "cluster" and not name.startswith("ping."):
            made = with_option(made, SetOption(name, each.value))
    usual = Defaults().meta
    meta = found.defaults.meta
    if meta.stickiness == usual.stickiness:
        meta = replace(meta, stickiness=None)  # as usual, so it is not set
    assert made.options == found.options
    assert made.defaults == replace(found.defaults, meta=meta)


@given(st.sampled_from(["password", "db_passwd", "auth_token", "secret", "community"]))
def test_a_secret_is_nowhere_in_the_settings(name: str) -> None:
    found = Configuration(
        primitives=(Primitive(DB, DUMMY, ((name, "sesame"), ("user", "ann"))),),
        nodes=(Node(N1, (Address(LinkName("a"), "h"),), attributes=((name, "sesame"),)),),
        fence_devices=(FenceDevice("ipmi", "fence:ipmi", ((name, "sesame"),)),),
    )
    told = configured_settings(found)
    assert "sesame" not in repr(told)
    assert [each.name for each in told.attributes if each.is_secret] == [name, name]
    assert "ann" in repr(told)
    assert [each.is_secret for each in told.node_attributes] == [True]


def test_a_secret_is_nowhere_in_the_view() -> None:
    made = snapshot()
    secret = (("admin_password", "sesame"),)
    configuration = replace(
        made.configuration,
        nodes=tuple(replace(each, attributes=secret) for each in made.configuration.nodes),
        primitives=tuple(
            replace(each, parameters=secret) for each in made.configuration.primitives
        ),
        fence_devices=(FenceDevice("ipmi", "fence:ipmi", secret),),
    )
    view = view_of(replace(made, configuration=configuration), "1", "1")
    assert "sesame" not in repr(view)
    assert view.nodes[0].attributes == (("admin_password", "hidden"),)


def test_a_default_is_told_only_where_nobody_nearer_says_something() -> None:
    meta = Meta(stickiness=5)
    names = [ResourceId(name) for name in ("alone", "own", "grouped", "cloned")]
    found = Configuration(
        primitives=tuple(
            Primitive(name, DUMMY, meta=meta if name == "own" else Meta()) for name in names
        ),
        groups=(Group(ResourceId("shop"), (names[2],), Meta(stickiness=7), ordered=False),),
        clones=(Clone(ResourceId("cells"), names[3], meta=Meta(stickiness=0)),),
        defaults=Defaults(Meta(stickiness=1, priority=3)),
    )
    told = configured_settings(found).attributes
    sticky = {each.resource: each for each in told if each.name == "stickiness"}
    assert {name: (each.value, each.is_default) for name, each in sticky.items()} == {
        "alone": ("1", True),
        "own": ("5", False),
        "shop": ("7", False),
        "cells": ("0", False),
    }
    assert sum(each.is_default for each in told if each.name == "priority") == 6
    assert [each.id for each in told if each.name == "ordered"] == ["shop-meta-ordered"]


def test_a_name_that_a_resource_shares_with_a_fence_device_is_the_resource() -> None:
    device = FenceDevice("db", "fence:ipmi", (("user", "ann"),))
    told = configured_settings(
        Configuration(
            primitives=(Primitive(DB, DUMMY, (("user", "bob"),)),), fence_devices=(device,)
        )
    )
    assert [each.value for each in told.attributes if each.name == "user"] == ["bob"]


def test_what_else_is_said_of_a_fence_device_is_told() -> None:
    device = FenceDevice(
        "ipmi",
        "fence:ipmi",
        targets=(N1, NodeName("n2")),
        plugs=(("n1", "4"),),
        delay_ms=2000,
        unfence=True,
    )
    told = configured_settings(Configuration(fence_devices=(device,))).attributes
    assert {each.name: each.value for each in told} == {
        "targets": "n1 n2",
        "plugs": "n1=4",
        "delay": "2s",
        "unfence": "true",
    }


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(attribute="a", operation=Comparison.EQUAL, value="1"), "1 all attribute eq"),
        (
            Condition(
                Join.ANY,
                (
                    Condition(Join.ALL, (Condition(after_wall_ms=1), Condition(before_wall_ms=2))),
                    Condition(Join.ALL, (Condition(calendar=(("hours", "9-16"),)),)),
                ),
            ),
            "1 any rule, 1-1 all date gt, 1-2 all date lt, 2 any rule, 2-1 all calendar date_spec",
        ),
        (Condition(after_wall_ms=1, before_wall_ms=2), "1 all date gt, 2 all date lt"),
        (
            Condition(Join.ANY, (Condition(after_wall_ms=1, before_wall_ms=2),)),
            "1 any rule, 1-1 all date gt, 1-2 all date lt",
        ),
    ],
)
def test_parts_of_a_rule_stand_in_their_order_with_their_joins(
    condition: Condition, expected: str
) -> None:
    item = Rule(ConstraintId("c"), DB, "", Comparison.DEFINED, condition=condition)
    (told,) = configured_settings(Configuration(rules=(item,))).locations
    said = (f"{e.number} {e.join} {e.kind} {e.operation}".rstrip() for e in told.expressions)
    assert ", ".join(said) == expected


def test_words_for_several_resources_come_as_pairs_that_name_their_word() -> None:
    found = parse_text(
        """
links: {a: {}}
nodes: {n1: {addresses: {a: h1}}, n2: {addresses: {a: h2}}}
resources:
  x: {agent: process, parameters: {command: sleep 1}, prefers: [n1, n2]}
  y: {agent: process, parameters: {command: sleep 1}, after: x}
  z: {agent: process, parameters: {command: sleep 1}, only_on: n1}
constraints:
  rack: {together: [x, y, z]}
  chain: {order: [x, [y, z]]}
""",
        "cluster.yaml",
    )
    told = configured_settings(found)
    assert Counter(each.source for each in told.colocations) == {"constraints.rack.together": 2}
    assert Counter(each.source for each in told.orders) == {
        "constraints.chain.order": 2,
        "resources.y.after": 1,
    }
    assert Counter(each.source for each in told.locations) == {
        "resources.x.prefers": 2,
        "resources.z.only_on": 1,
    }


def test_every_option_of_the_file_is_told_with_its_meaning_whether_it_is_set_or_not() -> None:
    ping = Ping((PingTarget("gw", ("10.0.0.1",)),), interval_ms=500)
    told = {each.id: each for each in configured_settings(Configuration(ping=ping)).options}
    silence = told["dead_after"]
    assert (silence.value, silence.default, silence.is_set) == ("1s", "1s", False)
    assert (told["ping-interval"].value, told["ping-interval"].is_set) == ("500ms", True)
    assert (told["ping-timeout"].value, told["ping-timeout"].default) == (None, "4 intervals")
    assert {each.value_type for each in told.values()} == {
        *("boolean", "integer", "score", "time", "word", "text"),
    }
    assert all(each.description and each.allowed for each in told.values())
    names = set(told)
    assert {"health-red", "defaults-resource-requires", "defaults-operation-timeout"} <= names
    assert not [name for name in names if "." in name]


def test_tickets_and_measured_attributes_come_from_the_snapshot() -> None:
    made = snapshot()
    ticket = TicketSummary("shop", True, False, 5, "ann", "checked", (DB,))
    node = replace(made.nodes[0], connectivity=Connectivity(reached=("gw", "out")))
    seen = replace(
        made,
        tickets=(ticket,),
        nodes=(node, *made.nodes[1:]),
        configuration=replace(made.configuration, ping=Ping(multiplier=10)),
    )
    told = view_of(seen, "1", "1").settings
    assert [(each.name, each.is_granted, each.author) for each in told.tickets] == [
        ("shop", True, "ann")
    ]
    measured = NodeAttributeView(node.name, "connectivity", "20", is_transient=True)
    assert measured in told.node_attributes
    blind = replace(node, connectivity=Connectivity(fault="may not ping"))
    told = view_of(replace(seen, nodes=(blind,)), "1", "1").settings
    assert not [each for each in told.node_attributes if each.is_transient]


def test_a_configuration_is_translated_anew_whenever_it_differs() -> None:
    made = snapshot()
    first = settings_of(made)
    assert settings_of(made) is first
    other = replace(made.configuration, orderings=(Ordering(ConstraintId("o"), DB, IP),))
    changed = settings_of(replace(made, configuration=other))
    assert [each.id for each in changed.orders] == ["o"]
    assert settings_of(made) == first


def test_of_a_start_it_is_told_what_must_hold_before() -> None:
    made = Primitive(DB, DUMMY, operations=(Operation("start"), Operation("monitor", 10_000)))
    found = Configuration(
        primitives=(made, replace(made, id=IP, meta=Meta(requires=Requires.NOTHING))),
        defaults=Defaults(Meta(requires=Requires.QUORUM)),
    )
    told = configured_settings(found).operations
    assert [each.requires for each in told] == ["quorum", "", "nothing", ""]


def test_parts_of_the_calendar_are_told_by_the_words_of_the_file() -> None:
    parts = tuple((name, "1-2") for name in keys_constraints.CALENDAR)
    item = Rule(
        ConstraintId("c"),
        DB,
        "",
        Comparison.DEFINED,
        "",
        INFINITY,
        condition=Condition(calendar=parts),
    )
    (told,) = configured_settings(Configuration(rules=(item,))).locations
    assert leaf(told.expressions[0]).calendar == parts
