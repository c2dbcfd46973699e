"""What its guard ends late does not become, under the same name, what is gone at once."""

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Node, Primitive
from ha_core.coordinator.record import Record
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.errors import RefusedError
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Instance, InstanceState, NodeState

N1, N2 = NodeName("n1"), NodeName("n2")
IP = ResourceId("ip")
ADDRESS = Primitive(IP, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.7"),))
OTHER = Primitive(IP, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.8"),))
PROCESS = Primitive(IP, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
NODES = (Node(N1, ()), Node(N2, ()))


def refusal(
    old: Primitive,
    new: Primitive,
    *,
    state: InstanceState = InstanceState.STARTED,
    node: NodeState = NodeState.ONLINE,
    kernel: bool = False,
) -> str:
    """Return why the change is refused while n2 has it in that state; nothing if it is not."""
    record = Record(N2, node, instances=(Instance(IP, state),), gates=Gates(kernel=kernel))
    before, after = (Configuration(nodes=NODES, primitives=(item,)) for item in (old, new))
    try:
        refuse_unsafe(before, after, [record], ())
    except RefusedError as refused:
        return f"{refused.code}: {refused}"
    return ""


def test_address_does_not_become_a_process_while_it_may_run_without_a_kernel_gate() -> None:
    assert refusal(ADDRESS, PROCESS) == (
        "unsafe: resource 'ip' cannot become process while address may run on n2: should that be"
        " lost, a takeover would have to wait for 4500 ms and would not know it: stop it first"
        " ('ha resource stop ip')"
    )
    assert refusal(ADDRESS, PROCESS, state=InstanceState.UNCERTAIN, node=NodeState.LOST)


@pytest.mark.parametrize(
    ("old", "new", "state", "kernel"),
    [
        (ADDRESS, PROCESS, InstanceState.STARTED, True),  # the kernel silences it in time
        (ADDRESS, PROCESS, InstanceState.STOPPED, False),
        (PROCESS, ADDRESS, InstanceState.STARTED, False),  # a takeover waits for longer than needed
        (ADDRESS, OTHER, InstanceState.STARTED, False),
    ],
)
def test_what_is_ended_in_time_may_become_anything_that_is(
    old: Primitive, new: Primitive, state: InstanceState, kernel: bool
) -> None:
    assert refusal(old, new, state=state, kernel=kernel) == ""
