"""Of two nodes with fencing one shoots first, and never both at once, whatever each knows last."""

from ha_core.coordinator.race import OPEN_D, RACE_D
from ha_core.effects import Effect, Send
from ha_core.events import Event
from ha_core.ids import NodeName
from ha_core.messages import View
from tests.core.test_node_lone import A, B, Pair

D_MS = 1000


class Unseeing(Pair):
    """Two nodes between which no view arrives."""

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Send) and isinstance(effect.message, View):
            return []
        return super().follows(sender, effect)


def first_shot_ms(pair: Pair) -> int:
    """Part the two; return after how long the first shot falls."""
    pair.run(4000)
    pair.is_cut = True
    since_ms = pair.now_ms
    while not pair.shots:
        pair.run(10)
    return pair.now_ms - since_ms


def test_both_know_who_is_first_after_a_moment_and_nobody_else_shoots() -> None:
    pair = Pair()
    assert first_shot_ms(pair) < 2 * D_MS
    pair.run(20_000)
    assert {who for who, _, _ in pair.shots} == {A}
    assert pair.leaders() == [A]


def test_two_that_do_not_know_who_is_first_shoot_late_and_one_after_the_other() -> None:
    pair = Unseeing()
    pair.answers = False
    waited_ms = first_shot_ms(pair)
    assert OPEN_D[0] * D_MS <= waited_ms < (OPEN_D[0] + 2) * D_MS
    assert {who for who, _, _ in pair.shots} == {A}
    pair.answers = True
    while {who for who, _, _ in pair.shots} == {A} and len(pair.dead) == 0:
        pair.run(10)
    assert pair.dead == {B}, "its second round comes before the first of the other one"


def test_survivor_that_was_told_to_be_second_waits_for_the_first_alone() -> None:
    pair = Pair()
    pair.run(4000)
    pair.dead.add(A)
    since_ms = pair.now_ms
    while not pair.shots:
        pair.run(10)
    assert RACE_D * D_MS <= pair.now_ms - since_ms < (RACE_D + 2) * D_MS
