"""One view after the other: only what has changed is made, and nothing is stale."""

import random
from dataclasses import replace
from functools import partial

import pytest

from cim_provider.engines.ha_core_history import Kept, result_view
from cim_provider.engines.ha_core_memo import Memo
from cim_provider.engines.ha_core_settings import (
    A_TURN,
    configured_settings,
    settings_in_turns,
)
from cim_provider.engines.ha_core_view import Parts, Translator, view_of
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.observed import OperationResult
from ha_core.snapshot import ClusterSnapshot, LinkSummary
from tests.core.test_summary import picture

COUNT = 16
STATES = ("", "", "standby", "maintenance", "lost")
LINES = (
    "on n1 r3 failed count=1 failure=monitor:1:restart",
    "on n1 r5 stopped count=2 failure=start:1:restart",
    "on n2 r4 started",
    "on n3 r6 blocked count=1 failure=stop:1:block",
    "primitive more",
    "location r7 n2 50",
    "location r8 n1 -INFINITY",
    "colocation r9 with r10 -INFINITY",
    "order r11 then r12",
)


def text(*lines: str, second: str = "", third: str = "") -> str:
    """Return a cluster of three nodes with many resources, and some more lines."""
    said = {tuple(each.split()[1:3]) for each in lines if each.startswith("on ")}
    names = [f"r{number}" for number in range(COUNT)]
    return "\n".join(
        (
            "node n1",
            f"node n2 {second}",
            f"node n3 {third}",
            *(f"primitive {name}" for name in names),
            *(f"on n1 {name} started" for name in names if ("n1", name) not in said),
            *lines,
        )
    )


def parts(translator: Translator, snapshot: ClusterSnapshot, kept: Kept) -> Parts:
    """Return what a translator makes of a snapshot."""
    making = translator.parts(snapshot, kept)
    while True:
        try:
            next(making)
        except StopIteration as done:
            found = done.value
            assert isinstance(found, Parts)
            return found


def fresh(snapshot: ClusterSnapshot, kept: Kept) -> Parts:
    """Return what one makes that has seen nothing before."""
    return parts(Translator(), snapshot, kept)


def test_a_failure_of_one_resource_makes_one_resource_anew() -> None:
    translator, kept = Translator(), Kept()
    before = parts(translator, picture(text()), kept)
    made = translator.primitives.made
    assert made == COUNT
    line = "on n1 r3 failed count=1 failure=monitor:1:restart"
    after = parts(translator, picture(text(line)), kept)
    assert translator.primitives.made == made + 1
    differing = [
        a.id for a, b in zip(after.primitives, before.primitives, strict=True) if a is not b
    ]
    assert differing == ["r3"]
    assert after.settings is before.settings
    assert after.redundancy is before.redundancy or after.redundancy != before.redundancy


def test_what_changes_in_no_view_makes_nothing() -> None:
    translator, kept = Translator(), Kept()
    before = parts(translator, picture(text()), kept)
    made = translator.primitives.made
    again = replace(picture(text()), version="another")
    after = parts(translator, again, kept)
    assert translator.primitives.made == made
    assert after.primitives is before.primitives
    assert after.facts is before.facts
    assert after.history is before.history


@pytest.mark.parametrize("seed", range(8))
def test_views_made_one_after_the_other_are_those_made_anew(seed: int) -> None:
    chance, translator = random.Random(seed), Translator()
    for _ in range(6):
        lines = chance.sample(LINES, chance.randrange(len(LINES)))
        nodes = {"second": chance.choice(STATES), "third": chance.choice(STATES)}
        snapshot = picture(text(*lines, **nodes))
        results = tuple(
            result_view(
                OperationResult(
                    NodeName("n1"),
                    ResourceId(f"r{chance.randrange(COUNT)}"),
                    "monitor",
                    exit_code=chance.choice((0, 7)),
                )
            )
            for _ in range(chance.randrange(4))
        )
        kept = Kept(results=results)
        assert parts(translator, snapshot, kept) == fresh(snapshot, kept)


def test_a_memo_forgets_what_a_round_does_not_ask_for() -> None:
    memo: Memo[str] = Memo()
    for number in range(1000):
        assert memo.get(number, (number,), partial(str, number)) == str(number)
        memo.end()
    assert len(memo) == 1


def test_a_value_made_anew_that_is_equal_is_the_one_before() -> None:
    memo: Memo[tuple[int, ...]] = Memo()
    first = memo.get("a", (1,), lambda: (int("1000"), 2))
    memo.end()
    assert memo.get("a", (2,), lambda: (int("1000"), 2)) is first
    assert memo.made == 2


def test_settings_of_many_resources_are_made_in_turns() -> None:
    made = picture(text())
    usual = made.configuration.primitives[0]
    many = tuple(
        replace(usual, id=ResourceId(f"r{number}"), parameters=(("state", "x"), ("delay", "1")))
        for number in range(2_000)
    )
    configuration = replace(made.configuration, primitives=many)
    turns = sum(1 for _ in settings_in_turns(configuration))
    assert turns >= 2 * len(many) // A_TURN
    assert len(configured_settings(configuration).attributes) >= 2 * len(many)


@pytest.mark.parametrize(
    ("state", "silent_ms", "is_heard"),
    [("suspect", 374, True), ("suspect", 375, False), ("online", 0, False)],
)
def test_who_is_suspect_and_was_heard_since_others_fell_silent_is_heard(
    state: str, silent_ms: int, is_heard: bool
) -> None:
    made = picture(text())
    (name, other) = (node.name for node in made.nodes if node.name != made.local)
    links = tuple(
        LinkSummary(peer, LinkName("ring0"), True, silent)
        for peer, silent in ((name, silent_ms), (other, 0))
    )
    nodes = tuple(replace(node, state=state) if node.name == name else node for node in made.nodes)
    seen = replace(made, nodes=nodes, links=links)
    assert seen.timers.dead_after_ms == 1000
    view = view_of(seen, "1", "1")
    assert [node.is_heard for node in view.nodes if node.name == name] == [is_heard]
