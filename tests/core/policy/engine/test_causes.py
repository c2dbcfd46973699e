"""What is stopped is told with its cause: the constraint, the ban, the failure, not a score."""

from dataclasses import replace

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.causes import Causes
from ha_core.policy.engine.plan import solve
from ha_core.policy.engine.problem import (
    LossPolicy,
    Node,
    NoQuorum,
    Observed,
    OnFail,
    Options,
    Ordering,
    Problem,
    Requires,
    Role,
    Strategy,
    TicketConstraint,
)
from tests.core.policy.engine.placing import (
    clone,
    group,
    nodes,
    prefers,
    primitive,
    problem,
    together,
)

TWO = nodes("n1", "n2")
PLAIN = Options(fencing_enabled=False)
A, B = primitive("a"), primitive("b")
NEVER = (prefers("a", "n1", -INFINITY), prefers("a", "n2", -INFINITY))
STILL = (*nodes("n1", is_standby=True), *nodes("n2", is_online=False))
FAILED = Observed(
    "a",
    "n1",
    bans_node=True,
    failed=OnFail.BAN,
    failed_task="start",
    failed_text="start failed (5)",
)
CASES = {
    "constraint": (
        problem(TWO, A, locations=NEVER),
        "l-a-n1--1000000 forbids n1; l-a-n2--1000000 forbids n2",
    ),
    "nodes": (problem(STILL, A), "n1 is in standby; n2 is offline"),
    "stopped": (
        problem(nodes("n1", is_standby=True, is_leaving=True), A),
        "n1 is being stopped",
    ),
    "all offline": (problem(nodes("n1", "n2", is_online=False), A), "n1 and n2 are offline"),
    "failure": (
        problem(nodes("n1"), A, observed=[FAILED]),
        "start failed (5): not on n1 again",
    ),
    "threshold": (
        problem(
            nodes("n1"), primitive("a", migration_threshold=1),
            observed=[Observed("a", "n1", fail_count=1)],
        ),
        "1 failure on n1, allowed are 1",
    ),
    "quorum": (
        problem(TWO, A, options=replace(PLAIN, has_quorum=False)),
        "there is no quorum, and no-quorum-policy is stop",
    ),
    "ticket": (
        problem(TWO, A, ticket_constraints=(TicketConstraint("t", "a", "gold"),)),
        "ticket gold is not here: it may not run",
    ),
    "room": (
        problem(
            (Node("n1", capacity=(("cpu", 1),)),), primitive("a", demand=2),
            options=replace(PLAIN, strategy=Strategy.UTILIZATION),
        ),
        "n1 has no room for it",
    ),
    "wanted stopped": (
        problem(TWO, primitive("a", target_role=Role.STOPPED)),
        "its target-role is Stopped",
    ),
    "unmanaged": (
        problem(TWO, primitive("a", is_managed=False)),
        "its is-managed is false: it is left as it is",
    ),
    "no device": (
        problem(TWO, A, options=Options()),
        "stonith-enabled is true, and there is no fence device: nothing is started",
    ),
    "everything": (
        problem(TWO, A, options=replace(PLAIN, stop_all=True)),
        "stop-all-resources is true",
    ),
    "opt-in": (
        problem(TWO, A, options=replace(PLAIN, is_symmetric=False)),
        "no constraint allows n1 and n2 (symmetric-cluster is false)",
    ),
    "too low": (
        problem(nodes("n1"), A, locations=[prefers("a", "n1", -5)]),
        "the scores of n1 add up to -5 (l-a-n1--5 -5)",
    ),
    "with a stopped one": (
        problem(
            TWO, A, primitive("b", target_role=Role.STOPPED), colocations=[together("a", "b")]
        ),
        "it must be with b (c-a-b), which is stopped: its target-role is Stopped",
    ),
    "with one elsewhere": (
        problem(
            TWO, A, B, colocations=[together("a", "b", influence=False)],
            locations=[prefers("b", "n2", 5), prefers("a", "n2", -INFINITY)],
            observed=[Observed("b", "n2", Role.STARTED)],
        ),
        "it must be with b (c-a-b), which is on n2; l-a-n2--1000000 forbids n2",
    ),
    "apart": (
        problem(nodes("n1"), B, A, colocations=[together("a", "b", -INFINITY)]),
        "it must not be with b on n1 (c-a-b)",
    ),
    "after one that cannot start": (
        problem(
            TWO, A, primitive("b", target_role=Role.STOPPED), orderings=(Ordering("o", "b", "a"),)
        ),
        "the start of b cannot be: its target-role is Stopped",
    ),
}  # fmt: skip


def why(question: Problem, name: str = "a") -> str:
    """Return what is told of a stopped primitive."""
    made = solve(question)
    item = made.board.items[name]
    assert not made.outcome.roles.get(name), "it runs"
    return Causes(made.board, made.graph).stopped(item)


@pytest.mark.parametrize(("question", "text"), CASES.values(), ids=CASES.keys())
def test_the_cause_is_named(question: Problem, text: str) -> None:
    assert why(question) == text


def test_a_member_of_a_group_names_the_one_before_it() -> None:
    question = problem(
        TWO, group("g", primitive("x", target_role=Role.STOPPED), A),
    )  # fmt: skip
    assert why(question) == "it must be with x, which is stopped: its target-role is Stopped"


def test_an_instance_without_a_node_says_where_its_clone_is() -> None:
    question = problem(TWO, clone("c", A, 3))
    assert why(question, "a:2") == "n1 and n2 have its c"


def test_a_lost_ticket_that_freezes_leaves_it_and_says_so() -> None:
    question = problem(
        TWO, A, observed=[Observed("a", "n1", Role.STARTED)],
        ticket_constraints=(TicketConstraint("t", "a", "gold", loss_policy=LossPolicy.FREEZE),),
    )  # fmt: skip
    made = solve(question)
    causes = Causes(made.board, made.graph)
    assert causes.unmanaged(made.board.items["a"]) == "ticket gold is not here: it is left as it is"


def test_circles_of_what_must_be_together_end() -> None:
    question = problem(
        TWO, A, B, colocations=[together("a", "b"), together("b", "a")],
        locations=NEVER,
    )  # fmt: skip
    made = solve(replace(question, nodes=STILL))
    assert Causes(made.board, made.graph).stopped(made.board.items["b"])


def test_what_needs_no_quorum_is_not_told_of_it() -> None:
    question = problem(
        STILL, primitive("a", requires=Requires.NOTHING),
        options=replace(PLAIN, has_quorum=False, no_quorum=NoQuorum.STOP),
    )  # fmt: skip
    assert why(question) == "n1 is in standby; n2 is offline"
