"""A node that sees at once that nothing follows from a message does what it would do anyway."""

import pytest

from ha_core.node_parts import NodeParts
from ha_core.sim.run import run_seed

SEEDS = (2, 3, 6, 7, 13, 16, 19, 264)
"""One to eight nodes, with and without fence devices, witnesses, learners."""


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
