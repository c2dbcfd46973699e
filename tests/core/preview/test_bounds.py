"""The bounds of a preview against clusters that really take their time, each action its own."""

from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, assume, given, settings, strategies as st

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.model import Configuration, Exclusivity, Operation
from ha_core.ids import NodeName
from ha_core.policy.outage import Interruption
from ha_core.policy.transition import ActionKey
from ha_core.preview.foresee import foresee, limit_ms, observed
from ha_core.preview.lapse import lost_moments
from ha_core.preview.suppose import NodeLost, Supposition
from ha_core.status import NodeState
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.core.policy.strategies import cases
from tests.core.preview.run import Run

bounded = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)


def with_limits(configuration: Configuration, random: Random) -> Configuration:
    """Return it with a time limit of its own for every action; some may run twice."""
    primitives = tuple(
        replace(
            item,
            operations=tuple(
                Operation(action, timeout_ms=random.randint(1, 60) * 1000)
                for action in ("start", "stop", "monitor")
            ),
            meta=replace(item.meta, exclusivity=random.choice((None, None, Exclusivity.NONE))),
        )
        for item in configuration.primitives
    )
    return replace(configuration, primitives=primitives)


def check(
    made: case.Case, what: Supposition, random: Random
) -> list[tuple[Interruption, int | None]]:
    """Run what is supposed; return every interruption with the longest that was seen."""
    snapshot = snapshot_of(made)
    found = foresee(snapshot, what, 0)
    configuration, moments = made.configuration, ()
    if isinstance(what, NodeLost):
        moments = lost_moments(snapshot, what.node)[0]
    else:
        configuration = apply_command(configuration, what)

    def takes_ms(key: ActionKey) -> int:
        most_ms = limit_ms((configuration,), key)
        return random.choice((0, most_ms, random.randint(0, most_ms)))

    run = Run(configuration, observed(snapshot), takes_ms)
    run.until_rest(moments)
    seen = []
    told = {resource: item for item in found.interruptions for resource in item.resources}
    ran = {resource for resource, _ in found.ran}
    for resource in ran & run.spans.keys():
        assert resource in told, f"{resource} was away, and nobody foresaw it"
    for item in found.interruptions:
        spans = [span for resource in item.resources for span in run.spans.get(resource, ())]
        ends = [end for _, end in spans]
        whole = None
        if spans and None not in ends:
            whole = max(end for end in ends if end is not None) - min(begin for begin, _ in spans)
        assert whole is not None or not spans or item.at_most_ms is None, item
        seen.append((item, whole))
    return seen


@bounded
@given(cases(with_failures=False), st.integers(0, 10_000), st.booleans())
def test_no_interruption_is_longer_than_was_foreseen(text: str, seed: int, lost: bool) -> None:
    random = Random(seed)
    made = case.read(text)
    made = replace(made, configuration=with_limits(made.configuration, random))
    online = sorted(name for name, state in made.nodes.items() if state is NodeState.ONLINE)
    assume(len(online) >= (3 if lost else 2))
    node = NodeName(random.choice(online))
    what: Supposition = NodeLost(node) if lost else commands.SetStandby(node, True)
    for item, whole_ms in check(made, what, random):
        if whole_ms is not None and item.at_most_ms is not None:
            assert whole_ms <= item.at_most_ms, item
