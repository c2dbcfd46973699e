"""What orderings and mandatory colocations make of actions: sequence, restarts, what is held up."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    Colocation,
    MultipleActive,
    OnFail,
    Ordering,
    OrderKind,
    Problem,
    Resource,
    Role,
    Task,
)
from tests.core.policy.engine.acting import (
    Answer,
    active,
    answer,
    clone,
    group,
    nodes,
    prefers,
    primitive,
    question,
)

A_THEN_B = (Ordering("o", "a", "b"),)
MAYBE = (Ordering("o", "a", "b", kind=OrderKind.OPTIONAL),)
ONE_WAY = (Ordering("o", "a", "b", is_symmetrical=False),)
STOPPED = {"target_role": Role.STOPPED}


def pair(
    orderings: tuple[Ordering, ...],
    *,
    a: dict[str, object] | None = None,
    observed: tuple[object, ...] = (),
    **parts: object,
) -> Answer:
    return answer(
        question(
            nodes(2),
            primitive("a", **(a or {})),
            primitive("b"),
            orderings=orderings,
            observed=observed,
            **parts,
        )
    )


def test_starts_follow_the_ordering() -> None:
    got = pair(A_THEN_B)
    assert got.before("start a on n1", "start b on n2")


def test_stops_follow_it_the_other_way_round() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            primitive("b", **STOPPED),
            orderings=A_THEN_B,
            observed=(active("a", "n1"), active("b", "n1")),
        )
    )
    assert got.before("stop b on n1", "stop a on n1")


def test_a_restart_of_the_first_restarts_the_second() -> None:
    got = pair(A_THEN_B, observed=(active("a", "n1", failed=OnFail.RESTART), active("b", "n2")))
    assert got.does() == ["start a on n1", "start b on n2", "stop a on n1", "stop b on n2"]
    assert got.before("stop b on n2", "stop a on n1")
    assert got.find("b", Task.START).because is got.find("a", Task.START)


def test_an_optional_ordering_restarts_nothing() -> None:
    got = pair(MAYBE, observed=(active("a", "n1", failed=OnFail.RESTART), active("b", "n2")))
    assert got.does() == ["start a on n1", "stop a on n1"]


def test_a_one_way_ordering_restarts_nothing() -> None:
    got = pair(ONE_WAY, observed=(active("a", "n1", failed=OnFail.RESTART), active("b", "n2")))
    assert got.does() == ["start a on n1", "stop a on n1"]


def test_a_move_of_the_first_restarts_the_second_in_place() -> None:
    got = pair(
        A_THEN_B,
        observed=(active("a", "n1"), active("b", "n1")),
        locations=(prefers("a", "n2"), prefers("b", "n1")),
    )
    assert got.does() == ["start a on n2", "start b on n1", "stop a on n1", "stop b on n1"]


def test_the_second_stops_if_the_first_cannot_start() -> None:
    got = pair(A_THEN_B, a=STOPPED, observed=(active("b", "n2"),))
    assert got.does() == ["stop b on n2"]


def test_the_second_does_not_start_if_the_first_cannot_and_says_what_it_waits_for() -> None:
    got = pair(A_THEN_B, a=STOPPED)
    assert got.does() == []
    start = got.find("b", Task.START)
    assert start.waits_for is not None
    assert start.waits_for.item is got.board.items["a"]
    assert start.hindrance == "a has no node for it"


def test_a_one_way_ordering_keeps_a_running_second() -> None:
    assert pair(ONE_WAY, a=STOPPED, observed=(active("b", "n2"),)).does() == []
    assert pair(ONE_WAY, a=STOPPED).does() == []


def test_an_optional_ordering_lets_the_second_start_alone() -> None:
    assert pair(MAYBE, a=STOPPED).does() == ["start b on n1"]


def test_a_first_that_stays_active_does_not_keep_what_follows_its_stop() -> None:
    got = pair(
        (Ordering("o", "a", "b", first_task=Task.STOP, then_task=Task.START),),
        observed=(active("a", "n1"),),
    )
    assert got.does() == ["start b on n2"]


def test_the_first_of_two_orderings_of_one_pair_counts() -> None:
    both = (*MAYBE, Ordering("p", "a", "b"))
    got = pair(both, observed=(active("a", "n1", failed=OnFail.RESTART), active("b", "n2")))
    assert got.does() == ["start a on n1", "stop a on n1"]
    assert [line.partition(" is not used")[0] for line in got.graph.dropped] == [
        "ordering p of a and b"
    ]


def test_a_blocked_stop_holds_up_the_stop_that_waits_for_it() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            primitive("b", **STOPPED),
            orderings=A_THEN_B,
            observed=(active("a", "n1"), active("b", "n1", failed=OnFail.BLOCK)),
        )
    )
    assert got.does() == []


def test_a_merely_unmanaged_resource_does_not_hold_up_a_stop() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            primitive("b", is_managed=False),
            orderings=A_THEN_B,
            observed=(active("a", "n1"), active("b", "n1")),
        )
    )
    assert got.does() == ["stop a on n1"]


def test_any_member_of_a_set_is_enough_to_start() -> None:
    anyof = tuple(Ordering(f"o{name}", name, "c", any_of="set") for name in ("a", "b"))
    got = answer(
        question(
            nodes(1), primitive("a", **STOPPED), primitive("b"), primitive("c"), orderings=anyof
        )
    )
    assert got.does() == ["start b on n1", "start c on n1"]
    assert got.before("start b on n1", "start c on n1")


@pytest.mark.parametrize("kind", list(OrderKind))
def test_what_runs_stops_if_no_member_of_a_set_can_run_whatever_the_kind(kind: OrderKind) -> None:
    orderings = tuple(Ordering("o", name, "c", kind=kind, any_of="s") for name in ("a", "b"))
    stopped = [primitive(name, target_role=Role.STOPPED) for name in ("a", "b")]
    seen = (active("c", "n1"),)
    asked = question(nodes(1), *stopped, primitive("c"), orderings=orderings, observed=seen)
    assert answer(asked).does() == ["stop c on n1"]


def test_no_member_of_a_set_is_not_enough() -> None:
    anyof = tuple(Ordering(f"o{name}", name, "c", any_of="set") for name in ("a", "b"))
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            primitive("b", **STOPPED),
            primitive("c"),
            orderings=anyof,
        )
    )
    assert got.does() == []


# --- clones ------------------------------------------------------------------------------------


def cloned(size: int, *, least: int = 0, **changes: object) -> Resource:
    return clone("c", primitive("r"), size, clone_min=least, **changes)


def test_what_follows_a_clone_waits_for_all_its_starts() -> None:
    got = answer(
        question(nodes(2), cloned(2), primitive("b"), orderings=(Ordering("o", "c", "b"),))
    )
    starts = [line for line in got.does() if line.startswith("start r")]
    assert len(starts) == 2
    b = next(line for line in got.does() if line.startswith("start b"))
    assert all(got.before(start, b) for start in starts)


def test_an_instance_elsewhere_restarts_nothing() -> None:
    got = answer(
        question(
            nodes(2),
            cloned(2),
            primitive("b"),
            orderings=(Ordering("o", "c", "b"),),
            observed=(
                active("r", "n1"),
                active("r", "n2", failed=OnFail.RESTART),
                active("b", "n1"),
            ),
        )
    )
    assert not [line for line in got.does() if " b " in line]


def test_the_instance_on_its_own_node_restarts_what_follows() -> None:
    got = answer(
        question(
            nodes(2),
            cloned(2),
            primitive("b"),
            orderings=(Ordering("o", "c", "b"),),
            observed=(
                active("r", "n1", failed=OnFail.RESTART),
                active("r", "n2"),
                active("b", "n1"),
            ),
        )
    )
    assert {"stop b on n1", "start b on n1"} <= set(got.does())


@pytest.mark.parametrize(("size", "starts"), [(2, True), (1, False)])
def test_a_clone_has_to_start_its_least_number(size: int, starts: bool) -> None:
    got = answer(
        question(
            nodes(size),
            cloned(2, least=2),
            primitive("b"),
            orderings=(Ordering("o", "c", "b"),),
        )
    )
    assert any(line.startswith("start b") for line in got.does()) is starts


def two_clones(*, interleave: bool) -> Problem:
    one = clone("c", primitive("r"), 2)
    two = clone("d", primitive("s"), 2, interleave=interleave)
    return question(
        nodes(2),
        one,
        two,
        orderings=(Ordering("o", "c", "d"),),
        observed=(active("r", "n1"), active("s", "n1"), active("s", "n2")),
    )


def test_a_new_instance_restarts_all_of_the_next_clone() -> None:
    got = answer(two_clones(interleave=False))
    assert sum(line.startswith("stop s") for line in got.does()) == 2


def test_an_interleaved_clone_restarts_only_on_that_node() -> None:
    got = answer(two_clones(interleave=True))
    stops = [line for line in got.does() if line.startswith("stop s")]
    assert len(stops) == 1
    assert stops[0].endswith("on n2")


def test_an_interleaved_instance_without_a_partner_is_not_run() -> None:
    problem = two_clones(interleave=True)
    first = replace(problem.resources[0], clone=replace(problem.resources[0].clone, clone_max=1))
    got = answer(
        replace(
            problem,
            resources=(first, problem.resources[1]),
            observed=(active("r", "n1"),),
        )
    )
    assert [line.split(" on ")[1] for line in got.does() if line.startswith("start s")] == ["n1"]


def test_an_ordered_clone_starts_its_instances_one_after_the_other() -> None:
    got = answer(question(nodes(2), clone("c", primitive("r"), 2, is_ordered=True)))
    assert got.before("start r:0 on n1", "start r:1 on n2")


# --- mandatory colocations ---------------------------------------------------------------------


def together(dependent: str, primary: str) -> Colocation:
    return Colocation(f"{dependent}-{primary}", dependent, primary, INFINITY)


def test_what_must_be_with_something_that_cannot_start_does_not_start() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            primitive("x"),
            primitive("y"),
            primitive("z"),
            orderings=(Ordering("o", "a", "x"),),
            colocations=(together("y", "x"), together("z", "y")),
        )
    )
    assert got.does() == []
    start = got.find("z", Task.START)
    assert start.waits_for is not None
    assert start.waits_for.item is got.board.items["y"]


def test_a_group_blocks_only_if_no_member_can_start() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            group("g", primitive("b"), primitive("c")),
            primitive("x"),
            orderings=(Ordering("o", "a", "c"),),
            colocations=(together("x", "g"),),
        )
    )
    assert "start b on n1" in got.does()
    assert "start x on n1" in got.does()


def test_a_restart_of_the_primary_does_not_restart_the_dependent() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a"),
            primitive("b"),
            colocations=(together("b", "a"),),
            observed=(active("a", "n1", failed=OnFail.RESTART), active("b", "n1")),
        )
    )
    assert got.does() == ["start a on n1", "stop a on n1"]


def test_what_must_not_share_a_node_does_not_overlap_on_it() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a"),
            primitive("b"),
            colocations=(Colocation("c", "b", "a", -INFINITY),),
            observed=(active("a", "n1"), active("b", "n2")),
            locations=(prefers("a", "n2"), prefers("b", "n1", 100)),
        )
    )
    assert got.before("stop b on n2", "start a on n2")


# --- circles -----------------------------------------------------------------------------------


def test_orderings_in_a_circle_end_and_are_named() -> None:
    circle = (Ordering("o", "a", "b"), Ordering("p", "b", "a"))
    got = pair(circle)
    assert len(got.does()) == 2
    assert len(got.graph.dropped) == 1
    assert "start a" in got.graph.dropped[0]
    assert "start b" in got.graph.dropped[0]


def test_a_circle_prefers_to_drop_what_is_only_sequence() -> None:
    circle = (Ordering("o", "a", "b"), Ordering("p", "b", "a", kind=OrderKind.OPTIONAL))
    got = pair(circle)
    assert got.before("start a on n1", "start b on n2")
    assert got.graph.dropped


def test_a_long_circle_of_a_thousand_ends() -> None:
    names = [f"r{number:04}" for number in range(1000)]
    pairs = zip(names, names[1:] + names[:1], strict=True)
    orderings = tuple(Ordering(f"o{one}", one, two) for one, two in pairs)
    got = answer(question(nodes(1), *(primitive(name) for name in names), orderings=orderings))
    assert len(got.does()) == 1000
    assert len(got.graph.dropped) == 1


def test_a_stop_of_what_is_active_twice_is_waited_for_on_both_nodes() -> None:
    a = primitive("a", multiple_active=MultipleActive.STOP_START)
    got = answer(question(nodes(2), a, observed=(active("a", "n1"), active("a", "n2"))))
    start = next(line for line in got.does() if line.startswith("start"))
    assert got.before("stop a on n1", start)
    assert got.before("stop a on n2", start)


def test_a_clone_of_groups_passes_a_gate_with_what_begins() -> None:
    members = group("g", primitive("a", **STOPPED), primitive("b"))
    got = answer(
        question(
            nodes(1),
            clone("c", members, 1, clone_min=1),
            primitive("x"),
            orderings=(Ordering("o", "c", "x"),),
        )
    )
    assert "start x on n1" in got.does()


def test_long_chains_of_colocations_and_orderings_are_no_trouble() -> None:
    names = [f"r{number:04}" for number in range(1500)]
    pairs = list(pairwise(names))
    got = answer(
        question(
            nodes(1),
            primitive("a", **STOPPED),
            *(primitive(name) for name in names),
            orderings=(
                Ordering("o", "a", names[0]),
                *(Ordering(f"o{one}", one, two) for one, two in pairs),
            ),
            colocations=tuple(together(two, one) for one, two in pairs),
        )
    )
    assert got.does() == []
