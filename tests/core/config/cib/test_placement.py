"""Pacemaker's own scheduler takes every exported CIB, and puts a fresh cluster where we do.

Left out, as it is Pacemaker's own fault: a CIB of which it says itself that it made an invalid
transition, such as of a group that is unmanaged and has a managed member.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.config.cib.settle import bare
from ha_core.config.cib.write import write
from ha_core.config.model import Configuration, Node
from ha_core.policy.schedule import schedule
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from tests.core.config.cib import simulate
from tests.core.policy import case
from tests.core.policy.strategies import cases

PROGRAM = simulate.find()
pytestmark = [
    pytest.mark.shared,
    pytest.mark.timeout(600),
    pytest.mark.skipif(PROGRAM is None, reason="crm_simulate is not installed"),
]
SLOW = [
    *(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture),
]
CONFIGURED = (
    "node",
    "options",
    "defaults",
    "primitive",
    "group",
    "location",
    "colocation",
    "order",
)


def ours(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """Return where we start what, all of it being stopped everywhere."""
    instances = sorted(p.id for p in configuration.primitives)

    def status(node: Node) -> NodeStatus:
        stopped = tuple(Instance(name, InstanceState.STOPPED) for name in instances)
        return NodeStatus(node.name, NodeState.ONLINE, 1, () if node.witness else stopped)

    nodes = tuple(status(node) for node in sorted(configuration.nodes, key=lambda n: n.name))
    plan = schedule(configuration, ClusterStatus(nodes, True, (), ()), simulate.NOW_S * 1000)
    return {
        item.resource: (item.node,) if item.node and not item.blocked else ()
        for item in plan.decisions
    }


def theirs(configuration: Configuration, directory: Path) -> dict[str, tuple[str, ...]]:
    """Return where Pacemaker starts it."""
    assert PROGRAM is not None
    answer = simulate.ask(PROGRAM, directory, simulate.fresh(configuration))
    assume(answer is not None)
    assert answer is not None
    elements = write(bare(configuration)[0]).resources
    names = [item.id for item in configuration.primitives]
    return {name: answer.places.get(elements[name].id, ()) for name in names}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(cases())
def test_groups_and_scores_and_orderings_are_placed_alike(tmp_path: Path, text: str) -> None:
    lines = [line for line in text.splitlines() if line.split()[0] in CONFIGURED]
    configuration = case.read("\n".join(lines)).configuration
    assert theirs(configuration, tmp_path) == ours(configuration)
