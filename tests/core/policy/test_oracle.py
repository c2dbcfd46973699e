"""The same made-up cases put to Pacemaker's scheduler, where it is installed.

What the two must agree on are the starts and stops of one plan. Left out, and why:

* probes: we plan anew after each, Pacemaker once for all of them;
* a link of a chain of orderings that is only watched: Pacemaker's stops pass through it to what
  runs undisturbed above.
"""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.policy.picture import Picture
from ha_core.policy.transition import ActionKind
from tests.core.policy import case, cib
from tests.core.policy.strategies import cases

PROGRAM = cib.find()
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(PROGRAM is None, reason="crm_simulate is not installed"),
]

LEAST_ASKED = 200
DIFFERING_MAX = 0.01
"""Of the clusters; two releases of Pacemaker differ in more."""


def _is_comparable(made: case.Case) -> bool:
    picture = Picture(made.configuration, made.status, made.at_wall_ms)
    firsts = {item.first for item in made.configuration.orderings}
    for order in made.configuration.orderings:
        thens = picture.members(order.then)
        if order.then in firsts and any(not picture.acts_on(name) for name in thens):
            return False
    return True


def test_starts_and_stops_are_pacemakers(tmp_path: Path) -> None:
    """Of many made-up clusters; docs/policy.md and policy-engine.md name what differs and why."""
    asked, differing = 0, []

    @settings(
        max_examples=400,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(cases(with_unknown=False))
    def look(text: str) -> None:
        nonlocal asked
        made = case.read(text)
        assume(_is_comparable(made))
        ours = {
            (str(action.key.kind), action.key.resource, action.key.node)
            for action in made.plan().actions
            if action.key.kind is not ActionKind.PROBE
        }
        assert PROGRAM is not None
        try:
            answer = cib.ask(PROGRAM, tmp_path, cib.cib_of(made.configuration, made.status))
        except subprocess.CalledProcessError:
            return  # its own graph goes round in a circle now and then
        asked += 1
        if ours != set(answer.actions):
            differing.append(text)

    look()
    assert asked >= LEAST_ASKED
    assert len(differing) <= asked * DIFFERING_MAX, "\n\n".join(differing)
