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


def _is_comparable(made: case.Case) -> bool:
    picture = Picture(made.configuration, made.status, made.at_wall_ms)
    firsts = {item.first for item in made.configuration.orderings}
    for order in made.configuration.orderings:
        thens = picture.members(order.then)
        if order.then in firsts and any(not picture.acts_on(name) for name in thens):
            return False
    return True


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(cases(with_unknown=False))
def test_starts_and_stops_are_pacemakers(tmp_path: Path, text: str) -> None:
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
        assume(False)  # its own graph goes round in a circle now and then
        raise
    assert ours == set(answer.actions)
