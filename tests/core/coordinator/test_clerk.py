"""What the coordinator refuses, writes down and remembers across its own end."""

from dataclasses import replace

import pytest

from ha_core.commands import (
    AddNode,
    AddTicket,
    Apply,
    Cleanup,
    Command,
    Outcome,
    RemoveNode,
    RemoveTicket,
    Replan,
    SetTicket,
)
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    Link,
    Meta,
    Node as Member,
    Options,
    Primitive,
)
from ha_core.coordinator.desk import edited
from ha_core.coordinator.record import Record
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.effects import CommandAnswered, Effect
from ha_core.errors import RefusedError
from ha_core.events import CommandGiven, StopAsked
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.transition.executor import OpenOrder
from tests.core.coordinator.test_admission import LINK, Cluster, member

N1, N2 = NodeName("n1"), NodeName("n2")
DISK = ResourceId("disk")
UNGUARDED = Primitive(DISK, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
GUARDED = Primitive(DISK, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
NODES = (Member(N1, ()), Member(N2, ()))
BASE = Configuration(nodes=NODES, primitives=(UNGUARDED,))
ORDER = OpenOrder(1, N2, DISK, ActionKind.PROBE, "")


def running(state: InstanceState, node_state: NodeState = NodeState.ONLINE) -> Record:
    """Return n2 with the resource in that state."""
    return Record(N2, node_state, instances=(Instance(DISK, state),))


def refusal(changed: Configuration, record: Record, *orders: OpenOrder) -> str:
    """Return why the change is refused, or nothing."""
    try:
        refuse_unsafe(BASE, changed, [record], orders)
    except RefusedError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("state", [InstanceState.STARTED, InstanceState.UNCERTAIN])
def test_unguarded_resource_is_not_declared_guarded_while_it_may_run(state: InstanceState) -> None:
    changed = replace(BASE, primitives=(GUARDED,))
    assert "stop it first" in refusal(changed, running(state))
    assert refusal(changed, running(InstanceState.STOPPED)) == ""
    assert "stop it first" in refusal(changed, running(InstanceState.STOPPED), ORDER)


def test_what_runs_on_two_nodes_does_not_become_exclusive_that_moment() -> None:
    twice = replace(GUARDED, meta=Meta(exclusivity=Exclusivity.NONE))
    before, after = (replace(BASE, primitives=(item,)) for item in (twice, GUARDED))
    both = [
        Record(n, NodeState.ONLINE, instances=(Instance(DISK, InstanceState.STARTED),))
        for n in (N1, N2)
    ]
    with pytest.raises(RefusedError, match="may run on n1 and n2"):
        refuse_unsafe(before, after, both, ())
    refuse_unsafe(before, after, both[:1], ())


def test_name_of_a_resource_that_still_stops_is_not_taken_by_a_guarded_one() -> None:
    before = replace(BASE, primitives=())
    with pytest.raises(RefusedError, match="may run unguarded on n2"):
        refuse_unsafe(
            before,
            replace(BASE, primitives=(GUARDED,)),
            [running(InstanceState.STARTED)],
            (),
        )


def test_node_that_may_run_something_is_neither_removed_nor_made_a_witness() -> None:
    gone = replace(BASE, nodes=NODES[:1])
    witness = replace(BASE, nodes=(NODES[0], replace(NODES[1], witness=True)))
    lost = running(InstanceState.UNCERTAIN, NodeState.LOST)
    assert "cannot be removed" in refusal(gone, lost)
    assert "cannot be made a witness" in refusal(witness, lost)
    left = running(InstanceState.STOPPED, NodeState.LEFT)
    assert refusal(gone, left) == ""
    assert "cannot be removed" in refusal(gone, left, ORDER)


def test_dead_time_does_not_change_while_leases_of_others_run() -> None:
    learner = replace(NODES[1], voter=False)
    before = replace(BASE, nodes=(NODES[0], learner))
    changed = replace(before, options=Options(dead_after_ms=500))
    with pytest.raises(RefusedError, match="more than one node"):
        refuse_unsafe(before, changed, [], ())
    alone = replace(BASE, nodes=NODES[:1])
    refuse_unsafe(alone, replace(alone, options=Options(dead_after_ms=500)), [], ())


def test_new_voter_in_a_file_begins_as_a_learner() -> None:
    one = Configuration(nodes=(member("a"),), links=(Link(LINK),))
    two = replace(one, nodes=(member("a"), member("b")))
    changed, waiting = edited(one, (), Apply(two), {})
    assert changed.voters() == ("a",)
    assert waiting == ("b",)
    again, waiting = edited(changed, waiting, Apply(changed), {})
    assert again == changed
    assert waiting == (), "who applies it without a vote has changed his mind"
    again, waiting = edited(changed, (NodeName("b"),), Apply(changed), {}, (NodeName("b"),))
    assert waiting == ("b",), "its vote was taken by the cluster, not by the file"


def answers(
    cluster: Cluster, name: str, command: Command, request_id: str = "asked"
) -> list[Outcome]:
    """Give a command and return its answers after two seconds."""
    found: list[Outcome] = []
    given = cluster.follows

    def listen(sender: NodeName, effect: Effect) -> list[object]:
        if isinstance(effect, CommandAnswered):
            found.append(effect.outcome)
        return list(given(sender, effect))

    cluster.follows = listen  # type: ignore[method-assign, assignment]  # a listener of this test
    cluster.give(name, CommandGiven(request_id, "test", command))
    cluster.run(2000)
    return found


def test_cleanup_while_a_node_is_at_work_on_it_says_that_it_was_not_done() -> None:
    cluster = Cluster("a")
    cluster.run(1000)
    wanted = Configuration(nodes=(member("a"),), links=(Link(LINK),), primitives=(UNGUARDED,))
    answers(cluster, "a", Apply(wanted))
    (said,) = answers(cluster, "a", Cleanup(DISK), "again")
    words = "disk is not looked at again; a is at work on it: repeat this when that is over"
    assert said.text == words


def test_a_ticket_that_nothing_needs_is_granted_and_not_removed_before_it_is_revoked() -> None:
    cluster = Cluster("a")
    cluster.run(1000)
    said = [
        answers(cluster, "a", command, f"ask {number}")[0]
        for number, command in enumerate(
            (
                SetTicket("west", granted=True, reason="east is off"),
                AddTicket("west"),
                SetTicket("west", granted=True, reason="east is off"),
                RemoveTicket("west"),
                SetTicket("west", granted=False),
                RemoveTicket("west"),
                SetTicket("west", granted=True, reason="east is off"),
            )
        )
    ]
    codes = [each.code for each in said]
    assert codes == ["not-found", "done", "done", "unsafe", "done", "done", "not-found"]
    assert said[3].text == "ticket west is granted here: 'ha ticket revoke west' first"


def test_plan_is_made_anew_where_that_is_asked_for() -> None:
    cluster = Cluster("a")
    cluster.run(1000)
    (said,) = answers(cluster, "a", Replan())
    assert (said.ok, said.text) == (True, "everything is planned anew")


def test_one_voter_applies_a_second_one_that_is_not_there_and_goes_on() -> None:
    cluster = Cluster("a", "b")
    cluster.dead.add(NodeName("b"))
    cluster.run(1000)
    nodes = (member("a"), member("b"))
    wanted = Configuration(nodes=nodes, links=(Link(LINK),))
    assert [item.ok for item in answers(cluster, "a", Apply(wanted))] == [True]
    assert cluster.nodes[NodeName("a")].is_coordinator
    cluster.dead.clear()
    cluster.run(2000)
    assert cluster.nodes[NodeName("a")].configuration.voters() == ("a", "b")


def test_wish_to_vote_outlives_the_coordinator_that_heard_it() -> None:
    cluster = Cluster("a", "b", "c", "d")
    cluster.run(1000)
    for name in "bc":
        cluster.give("a", CommandGiven(name, "test", AddNode(NodeName(name), ADDRESSES[name])))
        cluster.run(2000)
    cluster.dead.add(NodeName("d"))
    cluster.give("a", CommandGiven("d", "test", AddNode(NodeName("d"), ADDRESSES["d"])))
    cluster.run(500)
    cluster.dead = {NodeName("a")}
    cluster.run(4000)
    assert cluster.nodes[NodeName("b")].configuration.node(NodeName("d")) is not None
    cluster.dead.clear()
    cluster.run(3000)
    assert cluster.nodes[NodeName("d")].configuration.voters() == ("a", "b", "c", "d")


ADDRESSES = {name: member(name).addresses for name in "abcd"}


def test_node_that_left_can_be_removed_and_comes_back_as_a_new_one() -> None:
    cluster = Cluster("a", "b")
    cluster.run(1000)
    cluster.give("a", CommandGiven("1", "test", AddNode(NodeName("b"), ADDRESSES["b"], False)))
    cluster.run(2000)
    cluster.give("b", StopAsked())
    cluster.run(500)
    assert NodeName("b") in cluster.stopped
    states = {n.name: n.state for n in cluster.nodes[NodeName("a")].snapshot(cluster.now_ms).nodes}
    assert states == {"a": "online", "b": "left"}
    cluster.dead.add(NodeName("b"))
    assert [item.ok for item in answers(cluster, "a", RemoveNode(NodeName("b")))] == [True]


def test_coordinator_that_ends_leaves_its_goodbye_in_the_log() -> None:
    cluster = Cluster("a", "b", "c")
    cluster.run(1000)
    for name in "bc":
        cluster.give("a", CommandGiven(name, "test", AddNode(NodeName(name), ADDRESSES[name])))
        cluster.run(2000)
    cluster.give("a", StopAsked())
    cluster.run(300)
    assert NodeName("a") in cluster.stopped
    cluster.dead.add(NodeName("a"))
    cluster.run(3000)
    states = {n.name: n.state for n in cluster.nodes[NodeName("b")].snapshot(cluster.now_ms).nodes}
    assert states == {"a": "left", "b": "online", "c": "online"}
