"""The same made-up cases put to Pacemaker's scheduler, where it is installed.

What the two must agree on are the starts and stops of one plan. Left out, and why:

* probes: we plan anew after each, Pacemaker once for all of them;
* a link of a chain of orderings that is only watched, or whose stop failed:
  Pacemaker's stops pass through it to what runs undisturbed above;
* a dependent with one node left that avoids its primary: Debian's release makes
  no room for it, newer ones do, and so do we;
* a failed stop ordered after a whole group: Debian's release stops the group around it.
"""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.policy.actions import edges_of
from ha_core.policy.picture import Picture
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from tests.core.policy import case, cib
from tests.core.policy.strategies import cases

PROGRAM = cib.find()
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(PROGRAM is None, reason="crm_simulate is not installed"),
]


def _is_stuck(picture: Picture, resource: str) -> bool:
    blocked = InstanceState.BLOCKED
    return any(item.state is blocked for _, item in picture.active(resource))  # type: ignore[arg-type]  # an id


def _is_comparable(made: case.Case) -> bool:
    picture = Picture(made.configuration, made.status, made.at_wall_ms)
    edges = edges_of(picture)
    inner = {edge.then for edge in edges} & {edge.first for edge in edges}
    if any(not picture.acts_on(r) or _is_stuck(picture, r) for r in inner):
        return False
    for order in made.configuration.orderings:
        then = made.configuration.group(order.then)
        thens = then.members if then else (order.then,)
        if made.configuration.group(order.first) and any(_is_stuck(picture, r) for r in thens):
            return False
    scores = {d.resource: [s for _, s in d.scores] for d in made.plan().decisions}
    for pair in made.configuration.colocations:
        group = made.configuration.group(pair.resource)
        for member in group.members if group else (pair.resource,):
            if pair.score < 0 and sum(s >= 0 for s in scores[member]) < len(scores[member]):
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
