"""Edits that would take the ground from under a proof, of exclusivity above all."""

from dataclasses import replace

import pytest

from ha_core.config.check import check
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Exclusivity,
    Meta,
    Node as Member,
    Primitive,
)
from ha_core.coordinator.record import Record
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.coordinator.roster import Roster
from ha_core.errors import RefusedError
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers

N1, N2 = NodeName("n1"), NodeName("n2")
DB = ResourceId("db")
NODES = (Member(N1, ()), Member(N2, ()))
SCRIPT = Primitive(DB, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
ELECTED_MS = 100_000


def whole(primitive: Primitive, clone: Clone | None = None) -> Configuration:
    clones = () if clone is None else (clone,)
    return Configuration(nodes=NODES, primitives=(primitive,), clones=clones)


def roster(configuration: Configuration, *instances: Instance) -> Roster:
    """Return the roster of n1 to which n2 has reported."""
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "x", "", 0),), (), ELECTED_MS)
    made.configure(configuration, 0)
    assert not made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), ELECTED_MS + 10, 0)
    assert made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, instances), 0)
    return made


def found(made: Roster, name: str) -> InstanceState:
    return next(i.state for i in made.records[N2].instances if i.resource == name)


def test_what_is_network_exclusive_now_is_not_freed_by_storage_fencing_for_what_it_was() -> None:
    """`device` by default, then the administrator says that it must not answer twice."""
    before = whole(SCRIPT)
    after = whole(replace(SCRIPT, meta=Meta(exclusivity=Exclusivity.NETWORK)))
    for edits in ((after,), (before, after)):
        made = roster(edits[0], Instance(DB, InstanceState.STARTED))
        for edit in edits[1:]:
            refuse_unsafe(edits[0], edit, made.records.values(), ())
            made.configure(edit, 0)
        made.check({N2: 10_000}, frozenset(), ELECTED_MS + 10_000, 0)
        assert found(made, "db") is InstanceState.UNCERTAIN
        made.judged(Verdict(N2, 3, "cut:scsi", "cluster", "", 0))
        assert found(made, "db") is InstanceState.UNCERTAIN, "it answers on the network still"


@pytest.mark.parametrize("where", [(N2,), (N1, N2)])
def test_copies_of_a_unique_clone_do_not_become_exclusive_while_they_may_run_twice(
    where: tuple[NodeName, ...],
) -> None:
    """`exclusivity: none` is taken back: the copies keep their names, so that `former` holds
    nothing back; no watchdog was armed for them, and one may run on two nodes.
    """
    unique = Clone(ResourceId("dbs"), DB, 2, unique=True)
    twice = replace(SCRIPT, meta=Meta(exclusivity=Exclusivity.NONE))
    plain_ones = [
        Record(n, NodeState.ONLINE, instances=(Instance(DB, InstanceState.STARTED),)) for n in where
    ]
    with pytest.raises(RefusedError):
        refuse_unsafe(whole(twice), whole(SCRIPT), plain_ones, ())
    copies = [
        Record(
            n, NodeState.ONLINE, instances=(Instance(ResourceId("db:0"), InstanceState.STARTED),)
        )
        for n in where
    ]
    with pytest.raises(RefusedError):
        refuse_unsafe(whole(twice, unique), whole(SCRIPT, unique), copies, ())


def test_copy_of_a_unique_clone_for_which_no_watchdog_was_armed_is_not_free_by_it() -> None:
    """`Watched.operate` arms nothing for what may run twice. Then it becomes exclusive."""
    unique = Clone(ResourceId("dbs"), DB, 2, unique=True)
    twice = replace(SCRIPT, meta=Meta(exclusivity=Exclusivity.NONE))
    before, after = whole(twice, unique), whole(SCRIPT, unique)
    for edit in (before, after):  # these nodes have no links: nothing else is wrong
        assert {fault.path for fault in check(edit)} == {"nodes.n1.addresses", "nodes.n2.addresses"}
    made = roster(before, Instance(ResourceId("db:0"), InstanceState.STARTED))
    made.records[N2].gates = Gates(watchdog_ms=10_000)
    try:
        refuse_unsafe(before, after, made.records.values(), ())
    except RefusedError:
        return
    made.configure(after, 0)
    made.check({N2: 10_000}, frozenset(), ELECTED_MS + 10_000, 0)
    made.release(ELECTED_MS + 60_000)
    assert found(made, "db:0") is InstanceState.UNCERTAIN, "nothing has reset n2"
