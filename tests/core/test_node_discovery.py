"""What is not looked for on a node runs elsewhere; what an earlier start left there is found."""

from dataclasses import replace

import pytest

from ha_core.commands import Apply
from ha_core.config.check import check
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Discovery,
    Link,
    Location,
    Primitive,
)
from ha_core.effects import RunOperation
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.status import InstanceState
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import Town

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
WEB = ResourceId("web")
SERVICE = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "x"),))
EMPTY = Configuration(nodes=(member("a"), member("b"), member("c")), links=(Link(LINK),))


def kept_from_c(discovery: Discovery) -> Configuration:
    """Return a configuration whose service is not looked for on c, or on c alone."""
    score = 100 if discovery is Discovery.EXCLUSIVE else -INFINITY
    place = Location("l", WEB, C, score, discovery=discovery)
    return replace(EMPTY, primitives=(SERVICE,), locations=(place,))


class Quiet(Town):
    """Three voters; who looked for the service is noted."""

    def __init__(self, configuration: Configuration) -> None:
        assert check(configuration) == ()
        self.lookers: set[NodeName] = set()
        self.absent = 7
        super().__init__(configuration)

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        if operation.action == "monitor":
            self.lookers.add(name)
        code = super()._ran(name, operation)
        return self.absent if code == 7 else code


@pytest.mark.parametrize("discovery", [Discovery.NEVER, Discovery.EXCLUSIVE])
@pytest.mark.parametrize("is_added", [True, False])
def test_what_is_not_looked_for_on_one_node_runs_on_another(
    discovery: Discovery, is_added: bool
) -> None:
    wanted = kept_from_c(discovery)
    town = Quiet(EMPTY if is_added else wanted)
    if is_added:
        town.ask(Apply(wanted, "it is needed"))
    assert len(town.running) == 1
    others = {A, B} if discovery is Discovery.EXCLUSIVE else {C}
    assert not town.lookers & others


@pytest.mark.parametrize("absent", [7, 5])
def test_new_start_looks_by_itself_for_what_an_earlier_one_may_have_left(absent: int) -> None:
    town = Quiet(kept_from_c(Discovery.NEVER))
    (home,) = town.running
    town.absent = absent
    town.dead.add(C)
    town.run(4000)
    town.restart(C)
    assert C in town.lookers
    (seen,) = town.nodes[C]._local.instances()
    assert (seen.state, seen.failure) == (InstanceState.STOPPED, None)
    town.absent = 7
    town.kill(home)
    assert len(town.running) == 1, "that it does not run on c is known"


def test_what_an_earlier_start_has_left_where_it_is_not_looked_for_is_found_and_stopped() -> None:
    town = Quiet(kept_from_c(Discovery.NEVER))
    (home,) = town.running
    town.dead |= {C, home}
    town.running = {C}
    town.restart(C)
    town.run(4000)
    assert town.starts == [home, next(iter({A, B} - {home}))]
    assert town.running == {town.starts[-1]}
