"""Clones, roles, tickets, capacities and conditions: what a file can say of them, and what not."""

import pytest

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.difference import diff
from ha_core.config.model import (
    Clone,
    Colocation,
    Configuration,
    Discovery,
    Join,
    Location,
    LossPolicy,
    Operation,
    OrderedAction,
    Ordering,
    OrderKind,
    Role,
    TargetRole,
    TicketConstraint,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import plain, render
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from tests.core.config.samples import faults, parsed

DB, WEB, WEBS = ResourceId("db"), ResourceId("web"), ResourceId("web-clone")
BASE = """\
resources:
  db: {agent: "ocf:x:db", promotable: true%s}
  web: {agent: lsb:web, clone: true%s}
  ip: {agent: lsb:ip%s}
"""


def said(of_db: str = "", of_web: str = "", of_ip: str = "", rest: str = "") -> Configuration:
    """Return the configuration in which the three resources say this; it comes back from YAML."""
    found = parsed(BASE % (of_db, of_web, of_ip) + rest)
    assert parse_text(render(found), "again") == found
    return found


def wrong(of_db: str = "", of_web: str = "", of_ip: str = "", rest: str = "") -> list[str]:
    """Return the faults of a configuration in which the three resources say this."""
    return faults(BASE % (of_db, of_web, of_ip) + rest)


def test_true_makes_a_clone_with_a_name_of_its_own() -> None:
    found = said()
    assert found.clones == (
        Clone(ResourceId("db-clone"), DB, promotable=True),
        Clone(WEBS, WEB),
    )


def test_clone_says_how_many_copies_run_and_where_and_how() -> None:
    text = BASE.replace("clone: true", "clone: {id: webs, max: 3, min: 2, interleave: true}")
    (clone,) = parsed(text % ("", "", "")).clones[1:]
    assert (clone.id, clone.instances_max, clone.instances_min) == ("webs", 3, 2)
    assert clone.interleave


def test_counts_of_promoted_copies_are_those_of_promotable() -> None:
    text = BASE.replace("promotable: true", "promotable: {max: 2, per_node: 1}")
    (clone, _) = parsed(text % ("", "", "")).clones
    assert (clone.promotable, clone.promoted_max, clone.promoted_node_max) == (True, 2, 1)


def test_false_makes_no_clone() -> None:
    found = parsed("resources: {a: {agent: lsb:a, clone: false, promotable: false}}\n")
    assert found.clones == ()


def test_options_of_the_whole_stand_under_clone_and_those_of_copies_beside_it() -> None:
    text = BASE.replace("clone: true", "clone: {priority: 7}, priority: 1")
    found = parsed(text % ("", "", ""))
    assert (found.clones[1].meta.priority, found.primitives[1].meta.priority) == (7, 1)


def test_words_may_ask_for_roles() -> None:
    found = said(
        ", prefers: {n1: {role: promoted}}",
        of_ip=", with: {db: {role: promoted}}, after: {db: promote}",
    )
    assert found.locations == (
        Location(
            ConstraintId("db-prefers-n1"),
            DB,
            NodeName("n1"),
            100,
            source="resources.db.prefers",
            role=Role.PROMOTED,
        ),
    )
    (bond,), (order,) = found.colocations, found.orderings
    assert (bond.score, bond.with_role, bond.role) == (INFINITY, Role.PROMOTED, None)
    assert (order.first_action, order.then_action) == (OrderedAction.PROMOTE, OrderedAction.START)


def test_words_stay_words_with_all_that_they_say() -> None:
    words = (
        ", with: {db: {score: 50, role: promoted, own_role: started, influence: false},"
        " web: {node_attribute: rack}}, apart_from: {db: {role: unpromoted}},"
        " after: {db: {action: promote, symmetrical: false}, web: {kind: optional}},"
        " needs_ticket: {T: freeze, U: stop}"
    )
    found = said(of_ip=words)
    shown = plain(found)["resources"]
    assert isinstance(shown, dict)
    assert shown["ip"]["with"] == {
        "db": {"score": 50, "role": "promoted", "own_role": "started", "influence": False},
        "web": {"node_attribute": "rack"},
    }
    assert shown["ip"]["after"] == {
        "db": {"action": "promote", "symmetrical": False},
        "web": "optional",
    }
    assert shown["ip"]["needs_ticket"] == {"T": "freeze", "U": "stop"}


def test_one_of_several_is_enough_for_what_is_after_any_of_them() -> None:
    found = said(of_ip=", after_any_of: [db, web]")
    assert [(item.first, item.any_of) for item in found.orderings] == [
        ("db", "ip-after-any-of"),
        ("web", "ip-after-any-of"),
    ]


@pytest.mark.parametrize(
    ("word", "loss", "role"),
    [
        ("T", LossPolicy.STOP, None),
        ("{T: fence}", LossPolicy.FENCE, None),
        ("{T: {role: promoted}}", LossPolicy.DEMOTE, Role.PROMOTED),
        ("{T: {role: promoted, loss: freeze}}", LossPolicy.FREEZE, Role.PROMOTED),
    ],
)
def test_ticket_says_what_its_loss_does(word: str, loss: LossPolicy, role: Role | None) -> None:
    (ticket,) = said(f", needs_ticket: {word}").tickets
    assert (ticket.ticket, ticket.resource, ticket.loss_policy, ticket.role) == (
        *("T", "db", loss),
        role,
    )


def test_constraints_in_long_form_say_the_same_of_roles() -> None:
    found = said(
        rest="constraints:\n"
        "  l: {location: db, node: n1, role: promoted, discovery: exclusive}\n"
        "  c: {colocation: ip, with: db-clone, with_role: promoted, node_attribute: rack}\n"
        "  o: {order: db, then: ip, first_action: promote, kind: serialize, any_of: some}\n"
        "  t: {ticket: T, resource: web, loss: fence}\n"
    )
    assert found.locations[0].discovery is Discovery.EXCLUSIVE
    clone = ResourceId("db-clone")
    assert found.colocations == (
        Colocation(
            ConstraintId("c"),
            ResourceId("ip"),
            clone,
            INFINITY,
            with_role=Role.PROMOTED,
            node_attribute="rack",
        ),
    )
    assert found.orderings == (
        Ordering(
            ConstraintId("o"),
            DB,
            ResourceId("ip"),
            OrderKind.SERIALIZE,
            first_action=OrderedAction.PROMOTE,
            any_of="some",
        ),
    )
    assert found.tickets == (
        TicketConstraint(ConstraintId("t"), "T", WEB, loss_policy=LossPolicy.FENCE),
    )


def test_condition_is_a_tree_of_comparisons_and_times() -> None:
    (rule,) = said(
        rest="constraints:\n  r:\n    rule: web\n    when:\n      all:\n"
        "        - {attribute: rack, operation: eq, value: a}\n"
        "        - {hours: 9-16}\n"
    ).rules
    assert rule.condition is not None
    assert rule.condition.join is Join.ALL
    assert rule.condition.parts[1].calendar == (("hours", "9-16"),)


FAULTS = [
    (
        ", clone: false",
        "",
        "",
        "2: resources.db.clone: is false beside 'promotable'; allowed: what",
    ),
    (", clone: {per_node: 2}", "", "", "2: resources.db.clone.per_node: is 2, and its copies are"),
    (
        ", clone: {max: 2, min: 3}",
        "",
        "",
        "2: resources.db.clone.min: is 3, and there are 2 copies",
    ),
    (", clone: {max: x}", "", "", "2: resources.db.clone.max: is 'x'; allowed: a whole number, 0"),
    (
        ", clone: {mux: 2}",
        "",
        "",
        "2: resources.db.clone.mux: is an unknown key (did you mean max?)",
    ),
    (
        ", clone: 3",
        "",
        "",
        "2: resources.db.clone: is '3'; allowed: true or false, or a mapping of",
    ),
    (", clone: {id: ip}", "", "", "1: resources: 'ip' stands there 2 times; allowed: once"),
    (
        "",
        ", promotable: true",
        "",
        "3: resources.web.promotable: is set, and no agent of class lsb",
    ),
    ("", ", target_role: promoted", "", "3: resources.web.target_role: is promoted of what has no"),
    (
        "",
        ", operations: {promote: {timeout: 9s}}",
        "",
        "3: resources.web.operations.promote: is of what has no roles; allowed: with",
    ),
    (
        "",
        ", operations: {monitor: {role: promoted}}",
        "",
        "3: resources.web.operations.monitor[0].role: is promoted of what has no roles",
    ),
    (
        ", operations: {start: {on_fail: demote}}",
        "",
        "",
        "2: resources.db.operations.start.on_fail: is demote; allowed: for promote, and monitors",
    ),
    (
        "",
        "",
        ", with: {web: {role: promoted}}",
        "4: resources.ip.with.web: is promoted of web, which",
    ),
    (
        "",
        "",
        ", after: {web: promote}",
        "4: resources.ip.after.web: is promote of web, which has no",
    ),
    (
        "",
        "",
        ", needs_ticket: {T: {role: promoted}}",
        "4: resources.ip.needs_ticket.T: is promoted of",
    ),
    (
        "",
        "",
        ", needs_ticket: {T: cry}",
        "4: resources.ip.needs_ticket.T: is 'cry'; allowed: one of",
    ),
    (
        "",
        "",
        ", needs_ticket: ' '",
        "4: resources.ip.needs_ticket: is ' '; allowed: letters, digits",
    ),
    (
        "",
        "",
        ", utilization: {cpu: -1}",
        "4: resources.ip.utilization.cpu: is '-1'; allowed: a whole",
    ),
    (
        "",
        "",
        ", after: {db: {action: jump}}",
        "4: resources.ip.after.db.action: is 'jump'; allowed:",
    ),
    (
        "",
        ", with: web-clone",
        "",
        "3: resources.web.with.web-clone: relates 'web' to itself; allowed",
    ),
    (
        "",
        "",
        "}\n  v: {agent: address, parameters: {address: 192.0.2.9}, clone: true",
        "5: resources.v.clone: copies v, an address, which no two nodes may have; allowed: an",
    ),
    (
        "",
        "",
        "}\n  v: {agent: lsb:v, clone: {unique: true}",
        "5: resources.v.clone.unique: is true, and v has an agent of class lsb; allowed: agents of",
    ),
    (
        "",
        "",
        "}\n  g: {group: [ip], clone: true}\n  h: {group: [web]",
        "3: resources.web.clone: copies a member of the group h; allowed: 'clone' on h",
    ),
]


@pytest.mark.parametrize(("of_db", "of_web", "of_ip", "fault"), FAULTS, ids=range(len(FAULTS)))
def test_contradiction_is_told_with_its_place_value_and_what_is_allowed(
    of_db: str, of_web: str, of_ip: str, fault: str
) -> None:
    found = wrong(of_db, of_web, of_ip)
    assert any(item.startswith(fault) for item in found), found


WHEN = [
    (
        "{}",
        "when: says nothing; allowed: all, any, attribute, after, before, from or to, or a time",
    ),
    ("{hours: 25-x}", "when.hours: is '25-x'; allowed: a number from 0 to 23, or a range as 0-23"),
    (
        "{hours: 25-30}",
        "when.hours: is '25-30'; allowed: a number from 0 to 23, or a range as 0-23",
    ),
    (
        "{hours: 22-6}",
        "when.hours: is '22-6'; allowed: a number from 0 to 23, or a range as 0-23, the",
    ),
    ("{hours: '24'}", "when.hours: is '24'; allowed: a number from 0 to 23"),
    ("{any: [{minutes: 60-}]}", "when.any[0].minutes: is '60-'; allowed: a number from 0 to 59"),
    ("{seconds: -60}", "when.seconds: is '-60'; allowed: a number from 0 to 59"),
    ("{weekdays: 0-5}", "when.weekdays: is '0-5'; allowed: a number from 1 to 7"),
    ("{monthdays: '32'}", "when.monthdays: is '32'; allowed: a number from 1 to 31"),
    ("{yeardays: 367}", "when.yeardays: is '367'; allowed: a number from 1 to 366"),
    ("{months: 1-13}", "when.months: is '1-13'; allowed: a number from 1 to 12"),
    ("{weeks: 54}", "when.weeks: is '54'; allowed: a number from 1 to 53"),
    ("{years: 0}", "when.years: is '0'; allowed: a number from 1 to 9999"),
    ("{weekyears: 10000-}", "when.weekyears: is '10000-'; allowed: a number from 1 to 9999"),
    ("{hours: 9, after: 2026-01-01T00:00:00Z}", "when: has after and hours; allowed: one of them"),
    ("{attribute: rack}", "when: has no 'attribute' or no 'operation'; allowed: both"),
    ("{all: []}", "when.all: is empty; allowed: at least one condition"),
    ("{after: yesterday}", "when.after: is 'yesterday'; allowed: a moment with its zone"),
    (
        "{from: 2027-01-01T00:00:00Z, to: 2026-01-01T00:00:00Z}",
        "when.to: is before 'from'; allowed: a moment from then on",
    ),
    ("{any: [{weekday: 1}]}", "when.any[0].weekday: is an unknown key (did you mean weekdays?)"),
    (
        "{attribute: a, operation: one_of, value: b c, value_from: option}",
        "when.value_from: is option for the operation one_of; allowed: with a single value",
    ),
]


@pytest.mark.parametrize(("when", "fault"), WHEN)
def test_fault_of_a_condition_names_the_part_that_is_wrong(when: str, fault: str) -> None:
    found = wrong(rest=f"constraints:\n  r: {{rule: ip, when: {when}}}\n")
    assert any(item.startswith(f"6: constraints.r.{fault}") for item in found), found


def test_condition_stands_alone_and_so_does_a_score_out_of_an_attribute() -> None:
    rule = "constraints:\n  r: {rule: ip, attribute: a, operation: defined, %s}\n"
    assert "stands beside attribute, operation" in wrong(rest=rule % "when: {hours: 9}")[0]
    assert "stands beside 'score'" in wrong(rest=rule % "score: 5, score_attribute: b")[0]
    bare = wrong(rest="constraints:\n  r: {rule: ip}\n")
    assert "has no 'attribute', which it needs, and no 'when' instead" in bare[0]


def test_chain_of_orderings_names_no_actions() -> None:
    found = wrong(rest="constraints:\n  o: {order: [db, web, ip], first_action: promote}\n")
    assert found == [
        "6: constraints.o.first_action: is of a chain; allowed: where 'order' and 'then' name one "
        "resource each"
    ]


def test_promotion_that_waits_for_itself_is_a_circle() -> None:
    found = wrong(", after: {ip: {own_action: promote}}", of_ip=", after: {db: promote}")
    assert any("orders in a circle: " in item and "db:promote" in item for item in found), found


def test_values_that_no_file_could_say_are_faults_too() -> None:
    found = said()
    odd = Clone(ResourceId("second"), WEB), Clone(ResourceId("third"), WEBS)
    lost = (Clone(ResourceId("lost"), ResourceId("gone")),)
    texts = [str(fault) for fault in check(_with(found, *odd, *lost))]
    assert any("is a second clone of web, beside web-clone" in text for text in texts)
    assert any(
        "copies the clone 'web-clone'; allowed: no clone of clones" in text for text in texts
    )
    assert any("copies 'gone', which does not exist" in text for text in texts)
    stray = Clone(ResourceId("x"), ResourceId("ip"), promoted_max=2)
    assert any("not promotable" in str(fault) for fault in check(_with(found, stray)))


def _with(found: Configuration, *clones: Clone) -> Configuration:
    return Configuration(
        **{name: getattr(found, name) for name in Configuration.__slots__ if name != "clones"},
        clones=(*found.clones, *clones),
    )


# --- commands and differences ------------------------------------------------------------------


def test_what_a_clone_is_told_holds_for_all_its_copies() -> None:
    found = said(of_web=", target_role: stopped")
    changed = apply_command(found, commands.SetTargetRole(WEBS, TargetRole.STARTED))
    assert changed.clones[1].meta.target_role is TargetRole.STARTED
    assert changed.primitives[1].meta.target_role is None
    assert check(changed) == ()


def test_move_of_a_copy_is_one_of_the_clone_by_either_name() -> None:
    moves = [
        apply_command(said(), commands.Move(name, NodeName("n2"))).locations for name in (WEB, WEBS)
    ]
    assert moves[0] == moves[1]
    assert moves[0][0].resource == WEBS


def test_difference_tells_clones_tickets_and_conditions_in_the_words_of_the_file() -> None:
    old = said(of_ip=", needs_ticket: T")
    text = BASE.replace("clone: true", "clone: {max: 2}") % (
        *("", ", utilization: {cpu: 2}"),
        ", needs_ticket: {T: fence}, with: {db: {role: promoted}}",
    )
    assert diff(old, parsed(text)) == (
        "clone web-clone: max none -> 2",
        "resource ip: needs_ticket T -> T fence",
        "resource ip: with none -> db (role promoted)",
        "resource web: utilization.cpu none -> 2",
    )
    rule = "constraints: {r: {rule: ip, when: {hours: %s}}}\n"
    nine, ten = (said(rest=rule % hour) for hour in ("9", "10"))
    assert diff(nine, ten) == ('constraint r: when {"hours": "9"} -> {"hours": "10"}',)


def test_operations_stand_in_the_order_in_which_a_file_is_read() -> None:
    found = said(", operations: {demote: {}, monitor: {role: promoted, enabled: false}, start: {}}")
    assert found.primitives[0].operations == (
        Operation("start"),
        Operation("monitor", 10_000, role=Role.PROMOTED, enabled=False),
        Operation("demote"),
    )
