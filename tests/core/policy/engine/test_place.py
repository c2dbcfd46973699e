"""Which node one primitive gets: scores, ties, stickiness, failures, and who may run at all."""

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    Discovery,
    Health,
    Location,
    LossPolicy,
    NoQuorum,
    Observed,
    OnFail,
    Options,
    Requires,
    Role,
    Ticket,
    TicketConstraint,
)
from tests.core.policy.engine.placing import (
    at,
    clone,
    group,
    nodes,
    placed,
    places,
    prefers,
    primitive,
    problem,
    spread,
)

TWO = nodes("n1", "n2")
OPT_IN = Options(fencing_enabled=False, is_symmetric=False)


def test_fresh_primitives_go_where_fewest_are_then_by_name() -> None:
    five = [primitive(name) for name in "abcde"]
    assert list(places(problem(TWO, *five)).values()) == ["n1", "n2", "n1", "n2", "n1"]


def test_names_break_ties_by_their_bytes() -> None:
    assert places(problem(nodes("node2", "node10"), primitive("a"))) == {"a": "node10"}
    assert places(problem(nodes("alpha", "Beta"), primitive("a"))) == {"a": "Beta"}


def test_without_stickiness_what_runs_is_spread() -> None:
    both = [primitive("a"), primitive("b")]
    where = places(problem(TWO, *both, observed=at("a", "n2") + at("b", "n2")))
    assert where == {"a": "n2", "b": "n1"}


def test_with_any_positive_score_what_runs_stays() -> None:
    both = [primitive("a", stickiness=1), primitive("b", stickiness=1)]
    where = places(problem(TWO, *both, observed=at("a", "n2") + at("b", "n2")))
    assert where == {"a": "n2", "b": "n2"}


def test_a_negative_total_is_not_used_even_on_the_only_node() -> None:
    assert places(problem(nodes("n1"), primitive("a"), locations=[prefers("a", "n1", -1)])) == {}


@pytest.mark.parametrize(("score", "node"), [(-50, "n1"), (-150, "n2")])
def test_stickiness_is_weighed_against_a_location(score: int, node: str) -> None:
    question = problem(
        TWO,
        primitive("a", stickiness=100),
        observed=at("a", "n1"),
        locations=[prefers("a", "n1", score)],
    )
    assert places(question) == {"a": node}


def test_must_not_beats_must() -> None:
    limits = [prefers("a", "n1"), prefers("a", "n1", -INFINITY), prefers("a", "n2", -1)]
    assert places(problem(TWO, primitive("a"), locations=limits)) == {}


def test_an_opt_in_cluster_runs_only_what_is_listed() -> None:
    listed = [prefers("a", "n2", 0)]
    both = [primitive("a"), primitive("b", stickiness=INFINITY)]
    question = problem(TWO, *both, observed=at("b", "n1"), locations=listed, options=OPT_IN)
    assert places(question) == {"a": "n2"}


def test_a_location_of_a_group_lists_the_nodes_of_all_its_members() -> None:
    members = group("g", primitive("a"), primitive("b"))
    question = problem(TWO, members, locations=[prefers("g", "n2", 0)], options=OPT_IN)
    assert places(question) == {"a": "n2", "b": "n2"}


def test_exclusive_discovery_bans_all_other_nodes() -> None:
    limit = Location("l", "a", (("n2", 0),), discovery=Discovery.EXCLUSIVE)
    both = [primitive("a"), primitive("b")]
    assert places(problem(TWO, *both, locations=[limit])) == {"a": "n2", "b": "n1"}


@pytest.mark.parametrize(
    ("threshold", "count", "node"),
    [
        (INFINITY, 999_999, "n1"),
        (INFINITY, INFINITY, "n2"),
        (2, 1, "n1"),
        (2, 2, "n2"),
        (0, 9, "n1"),
    ],
)
def test_so_many_failures_as_the_threshold_ban_a_node(
    threshold: int, count: int, node: str
) -> None:
    failed = Observed("a", "n1", Role.STARTED, fail_count=count)
    item = primitive("a", migration_threshold=threshold, stickiness=5)
    assert places(problem(TWO, item, observed=[failed])) == {"a": node}


def test_no_threshold_counts_after_an_ignored_failure() -> None:
    failed = Observed("a", "n1", Role.STARTED, fail_count=9, is_threshold_ignored=True)
    item = primitive("a", migration_threshold=1, stickiness=5)
    assert places(problem(TWO, item, observed=[failed])) == {"a": "n1"}


def test_failures_of_an_anonymous_instance_ban_the_clone_from_the_node() -> None:
    failed = Observed("a", "n1", Role.STARTED, fail_count=3)
    item = clone("c", primitive("a", migration_threshold=3), 2)
    assert spread(problem(TWO, item, observed=[failed])) == ["a n2"]


def test_an_exit_code_that_rules_out_a_node_is_heeded() -> None:
    failed = Observed("a", "n1", Role.STARTED, failed=OnFail.BAN, bans_node=True)
    assert places(problem(TWO, primitive("a"), observed=[failed])) == {"a": "n2"}


def test_on_fail_stop_leaves_it_nowhere() -> None:
    failed = Observed("a", "n1", Role.STARTED, failed=OnFail.STOP, bans_all=True)
    assert places(problem(TWO, primitive("a"), observed=[failed])) == {}


def test_unavailable_nodes_get_nothing() -> None:
    gone = nodes("n1", is_online=False) + nodes("n2", is_standby=True)
    busy = nodes("n3", is_shutting_down=True) + nodes("n4", is_maintenance=True)
    assert places(problem(gone + busy + nodes("n5"), primitive("a"))) == {"a": "n5"}


def test_what_is_not_managed_stays_whatever_the_scores() -> None:
    question = problem(
        TWO,
        primitive("a", is_managed=False),
        primitive("b", is_managed=False),
        observed=at("a", "n2"),
        locations=[prefers("a", "n2", -INFINITY)],
    )
    assert places(question) == {"a": "n2"}


def test_nothing_is_started_if_fencing_is_on_without_a_device() -> None:
    question = problem(TWO, primitive("a"), options=Options())
    assert places(question) == {}
    assert places(problem(TWO, primitive("a"), options=Options(can_fence=True))) == {"a": "n1"}


def test_stop_all_stops_all() -> None:
    options = Options(fencing_enabled=False, stop_all=True)
    assert places(problem(TWO, primitive("a"), observed=at("a", "n1"), options=options)) == {}


# --- health ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "value", "node"),
    [
        ("none", "red", "n1"),
        ("migrate-on-red", "red", "n2"),
        ("migrate-on-red", "yellow", "n1"),
        ("only-green", "yellow", "n2"),
        ("custom", "-5", "n2"),
        ("progressive", "-5", "n1"),
    ],
)
def test_health_counts_by_the_strategy(strategy: str, value: str, node: str) -> None:
    sick = nodes("n1", attributes=(("#health-disk", value),))
    options = Options(fencing_enabled=False, health=Health(strategy, base=10))
    found = places(problem(sick + nodes("n2"), primitive("a"), options=options))
    expected = "n2" if strategy == "progressive" else node
    assert found == {"a": expected}


def test_what_may_run_on_sick_nodes_stays() -> None:
    sick = nodes("n1", attributes=(("#health-disk", "red"),))
    options = Options(fencing_enabled=False, health=Health("only-green"))
    item = primitive("a", allow_unhealthy_nodes=True)
    assert places(problem(sick + nodes("n2"), item, options=options)) == {"a": "n1"}


# --- tickets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "runs", "expected"),
    [
        (LossPolicy.STOP, True, {}),
        (LossPolicy.DEMOTE, True, {}),
        (LossPolicy.FREEZE, True, {"a": "n2"}),
        (LossPolicy.FREEZE, False, {}),
        (LossPolicy.FENCE, True, {}),
    ],
)
def test_what_has_lost_its_ticket_follows_the_policy(
    policy: LossPolicy, runs: bool, expected: dict[str, str]
) -> None:
    question = problem(
        TWO,
        primitive("a"),
        observed=at("a", "n2") if runs else (),
        ticket_constraints=(TicketConstraint("t", "a", "T", loss_policy=policy),),
        tickets=(Ticket("T"),),
    )
    assert places(question) == expected


def test_a_lost_ticket_fences_where_it_is_active() -> None:
    question = problem(
        TWO,
        primitive("a"),
        observed=at("a", "n2"),
        options=Options(can_fence=True),
        ticket_constraints=(TicketConstraint("t", "a", "T", loss_policy=LossPolicy.FENCE),),
    )
    board = placed(question)
    assert [spot.is_unclean for spot in board.nodes] == [False, True]


def test_a_ticket_in_standby_stops_gently() -> None:
    question = problem(
        TWO,
        primitive("a"),
        observed=at("a", "n2"),
        options=Options(can_fence=True),
        ticket_constraints=(TicketConstraint("t", "a", "T", loss_policy=LossPolicy.FENCE),),
        tickets=(Ticket("T", is_granted=True, is_standby=True),),
    )
    board = placed(question)
    assert board.items["a"].node is None
    assert not board.nodes[1].is_unclean


# --- quorum ------------------------------------------------------------------------------------


def _without_quorum(policy: NoQuorum) -> Options:
    return Options(fencing_enabled=False, has_quorum=False, no_quorum=policy)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (NoQuorum.STOP, {"runs", "new"}),
        (NoQuorum.FENCE, {"runs", "new"}),
        (NoQuorum.DEMOTE, {"runs", "new"}),
        (NoQuorum.FREEZE, {"new"}),
        (NoQuorum.IGNORE, set()),
    ],
)
def test_what_needs_quorum_keeps_its_place_and_says_that_it_cannot_have_it(
    policy: NoQuorum, told: set[str]
) -> None:
    board = placed(
        problem(
            TWO,
            primitive("free", requires=Requires.NOTHING),
            primitive("runs"),
            primitive("new"),
            observed=at("runs", "n2"),
            options=_without_quorum(policy),
        )
    )
    codes = {item.id: {why.code for why in item.reasons} for item in board.tops}
    assert {name for name, found in codes.items() if "no_quorum" in found} == told
    assert [item.node for item in board.tops] == [0, 1, 0]


def test_without_quorum_policy_demote_leaves_promotable_instances_running() -> None:
    item = clone("c", primitive("a"), 1, is_promotable=True)
    seen = Observed("a", "n1", Role.PROMOTED, promotion_score=5)
    found = spread(problem(TWO, item, observed=[seen], options=_without_quorum(NoQuorum.DEMOTE)))
    assert found == ["a n1 unpromoted"]


# --- reasons -----------------------------------------------------------------------------------


def test_reasons_name_the_constraints_and_only_those() -> None:
    question = problem(TWO, primitive("a"), primitive("b"), locations=[prefers("a", "n2", 7)])
    board = placed(question)
    (reason,) = board.items["a"].reasons
    assert (reason.code, reason.constraint) == ("location", "l-a-n2-7")
    assert (reason.node, reason.score) == (1, 7)
    assert all(not why.constraint for why in board.items["b"].reasons)


def test_a_tie_says_what_broke_it() -> None:
    three = primitive("a", stickiness=1), primitive("b"), primitive("c")
    level = prefers("a", "n2", 1)
    board = placed(problem(TWO, *three, observed=at("a", "n1"), locations=[level]))
    codes = [[why.code for why in item.reasons] for item in board.tops]
    assert codes == [["location", "stickiness", "stays"], ["fewest"], ["name"]]
