"""A node that sees at once that nothing follows from a message does what it would do anyway."""

from itertools import count, islice
from random import Random

import pytest

from ha_core.node_parts import NodeParts
from ha_core.sim.plan import draw
from ha_core.sim.run import run_seed

SEEDS = tuple(
    islice((seed for seed in count(3) if "late-timers" not in draw(Random(seed)).faults), 8)
)
"""How late a timer is gets drawn whenever one is set, also for what need not be looked up: runs
with late timers would differ in that.
"""


def test_a_run_is_the_same_when_every_message_is_looked_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = [run_seed(seed, trace=True) for seed in SEEDS]
    settled: list[bool] = []
    shortcut = NodeParts._is_settled

    def doubts(node: NodeParts, now_ms: int) -> bool:
        settled.append(shortcut(node, now_ms))
        node._is_due_known = node._is_rest_known = False
        return False

    monkeypatch.setattr(NodeParts, "_is_settled", doubts)
    assert [run_seed(seed, trace=True) for seed in SEEDS] == usual
    assert sum(settled) > len(settled) // 2, "most messages only renew what is known"
