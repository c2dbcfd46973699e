"""Proof of loss: what a silent node may still run, and whose word counts."""

from dataclasses import replace

import pytest

from ha_core.config.choices import Role
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Node as Member,
    Primitive,
)
from ha_core.coordinator.record import doubted
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.coordinator.roster import Roster
from ha_core.errors import RefusedError
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ADMITTED, LEFT, OPERATOR, Verdict
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus
from ha_core.timers import timers
from ha_core.transition.executor import OpenOrder

N1, N2 = NodeName("n1"), NodeName("n2")
DISK, WEB = ResourceId("disk"), ResourceId("web")
UNGUARDED = Primitive(DISK, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
GUARDED = Primitive(WEB, AgentRef(AgentClass.PROCESS))
BOTH = Configuration(nodes=(Member(N1, ()), Member(N2, ())), primitives=(UNGUARDED, GUARDED))
STOPPED = Instance(DISK, InstanceState.STOPPED)
STARTED = Instance(DISK, InstanceState.STARTED)
WEB_STOPPED = Instance(WEB, InstanceState.STOPPED)
ELECTED_MS = 100_000
LATE_MS = ELECTED_MS + 10_000


def word(method: str, generation: int = 3) -> Verdict:
    """Return a verdict on n2."""
    return Verdict(N2, generation, method, "admin", "", 0)


def roster(*verdicts: Verdict, configuration: Configuration = BOTH) -> Roster:
    """Return the roster of n1, just elected."""
    made = Roster(N1, 1, timers(1000), verdicts, (), ELECTED_MS)
    made.configure(configuration, 0)
    return made


def ask(made: Roster, generation: int = 3) -> bool:
    """Let n2 ask for its lease; return whether the log must admit it first."""
    request = LeaseRequest(5, 1, generation, 1, 0, 0)
    return made.request(N2, generation, request, ELECTED_MS + 10, 0)


def report(made: Roster, *instances: Instance, generation: int = 3, number: int = 1) -> bool:
    """Let n2 report."""
    admission = made.records[N2].admission
    told = Report(5, admission, generation, number, instances)
    return made.report(N2, generation, told, 0)


def online(*instances: Instance) -> Roster:
    """Return a roster to which n2, in its third start, has reported."""
    made = roster(word(ADMITTED))
    assert not ask(made)
    assert report(made, *instances)
    return made


def lose(made: Roster, *starting: ResourceId) -> dict[ResourceId, InstanceState]:
    """Let n2 be silent until it is lost; return what may still run there."""
    lost, _ = made.check({}, {(resource, N2) for resource in starting}, LATE_MS, 0)
    assert [item.node for item in lost] == [N2]
    return {item.resource: item.state for item in made.records[N2].instances}


def test_start_that_was_ordered_counts_as_run_though_nobody_reported_it() -> None:
    made = online(STOPPED)
    assert lose(made, DISK)[DISK] is InstanceState.UNCERTAIN
    assert lose(online(), DISK)[DISK] is InstanceState.UNCERTAIN
    assert lose(online(STOPPED), WEB)[DISK] is InstanceState.STOPPED


def test_report_that_comes_after_the_loss_proves_nothing() -> None:
    """The model found it (models/leases.pml, BUG_REPORT_OF_A_LOST_NODE)."""
    made = online(STARTED)
    assert lose(made)[DISK] is InstanceState.UNCERTAIN
    assert not report(made, STOPPED, number=2)
    assert made.records[N2].state is NodeState.LOST
    assert made.records[N2].instances[0].state is InstanceState.UNCERTAIN
    assert not made.may_grant(N2)
    assert not ask(made)
    assert report(made, STOPPED, number=1)
    assert made.records[N2].state is NodeState.ONLINE
    assert made.may_grant(N2)


def test_lease_ends_what_a_guard_watches() -> None:
    states = lose(online(Instance(WEB, InstanceState.STARTED), STARTED))
    assert states == {DISK: InstanceState.UNCERTAIN, WEB: InstanceState.STOPPED}


def test_restarted_daemon_may_still_have_whatever_it_had_or_was_told_to_start() -> None:
    made = online(STOPPED)
    made.judged(word(ADMITTED, 4))
    assert not ask(made, generation=4)
    assert made.records[N2].state is NodeState.PENDING
    states = {item.resource: item.state for item in made.records[N2].instances}
    assert states == {DISK: InstanceState.UNKNOWN, WEB: InstanceState.UNKNOWN}
    assert lose(made)[DISK] is InstanceState.UNCERTAIN


def test_report_by_an_old_configuration_does_not_clear_what_it_does_not_know() -> None:
    made = online(STARTED)
    made.judged(word(ADMITTED, 4))
    ask(made, generation=4)
    assert report(made, generation=4)
    assert made.records[N2].state is NodeState.ONLINE
    assert lose(made)[DISK] is InstanceState.UNCERTAIN


def test_resource_that_was_removed_while_it_ran_is_still_remembered() -> None:
    made = online(STARTED, Instance(WEB, InstanceState.STARTED))
    made.configure(Configuration(nodes=BOTH.nodes), 0)
    assert lose(made) == {DISK: InstanceState.UNCERTAIN, WEB: InstanceState.STOPPED}


def test_goodbye_counts_only_after_everything_was_reported_stopped() -> None:
    made = online(STARTED)
    assert not made.left(N2, 3, 0)
    assert report(made, STOPPED, WEB_STOPPED, number=2)
    assert not made.left(N2, 2, 0), "that was an earlier start"
    assert not made.left(N2, 4, 0), "that one has not looked yet"
    assert made.left(N2, 3, 0)
    assert made.records[N2].state is NodeState.LEFT


def test_node_that_said_goodbye_is_not_admitted_again_by_what_it_asked_before() -> None:
    made = online(STOPPED, WEB_STOPPED)
    assert made.left(N2, 3, 0)
    assert not ask(made)
    assert made.records[N2].state is NodeState.LEFT
    made.judged(word(LEFT))
    assert not ask(made)
    assert made.records[N2].state is NodeState.LEFT
    assert ask(made, generation=4), "its next start is admitted by the log"


def test_late_word_on_an_earlier_start_changes_nothing() -> None:
    made = online(STOPPED)
    made.judged(word(LEFT, 2))
    assert made.is_admitted(N2, 3)
    made.judged(word(OPERATOR, 2))
    assert made.is_admitted(N2, 3)


def test_operators_word_does_not_end_what_a_returned_node_runs() -> None:
    made = online(STARTED, WEB_STOPPED)
    made.judged(word(OPERATOR))
    assert made.records[N2].instances == (STARTED, WEB_STOPPED)
    assert ask(made), "and the node must be admitted anew before it is given anything"


def test_lost_witness_makes_nothing_uncertain() -> None:
    nodes = (Member(N1, ()), Member(N2, (), witness=True))
    made = roster(word(ADMITTED), configuration=Configuration(nodes=nodes, primitives=(UNGUARDED,)))
    assert lose(made) == {}


def test_node_that_was_removed_and_added_again_has_a_new_admission() -> None:
    made = online(STOPPED)
    first = made.records[N2].admission
    made.configure(Configuration(nodes=BOTH.nodes[:1], primitives=BOTH.primitives), 0)
    made.configure(BOTH, 0)
    ask(made)
    assert made.records[N2].admission > first


def test_coordinator_that_has_not_looked_at_itself_may_run_anything_and_cannot_be_removed() -> None:
    made = roster()
    own = made.records[N1]
    assert {item.resource: item.state for item in own.instances} == {
        DISK: InstanceState.UNKNOWN,
        WEB: InstanceState.UNKNOWN,
    }
    resting = replace(BOTH, nodes=(replace(BOTH.nodes[0], standby=True), BOTH.nodes[1]))
    without = replace(resting, nodes=resting.nodes[1:])
    with pytest.raises(RefusedError, match="'n1' cannot be removed"):
        refuse_unsafe(resting, without, list(made.records.values()), ())


def cloned(*, promotable: bool) -> Configuration:
    """Return the configuration with the unguarded primitive in a clone."""
    return replace(BOTH, clones=(Clone(ResourceId("disks"), DISK, promotable=promotable),))


@pytest.mark.parametrize(
    ("promotable", "role", "promoting", "state"),
    [
        (False, None, False, InstanceState.STOPPED),
        (True, Role.UNPROMOTED, False, InstanceState.STOPPED),
        (True, Role.UNPROMOTED, True, InstanceState.UNCERTAIN),
        (True, Role.PROMOTED, False, InstanceState.UNCERTAIN),
        (True, None, False, InstanceState.UNCERTAIN),
    ],
)
def test_of_a_clone_on_a_lost_node_what_may_be_promoted_is_uncertain(
    promotable: bool, role: Role | None, promoting: bool, state: InstanceState
) -> None:
    made = roster(word(ADMITTED), configuration=cloned(promotable=promotable))
    assert not ask(made)
    assert report(made, replace(STARTED, role=role), WEB_STOPPED)
    out = frozenset({(DISK, N2)}) if promoting else frozenset()
    lost, _ = made.check({N2: 10_000}, frozenset(), LATE_MS, 0, out)
    assert [item.node for item in lost] == [N2]
    found = next(item for item in made.records[N2].instances if item.resource == DISK)
    assert found.state is state


def test_successor_takes_what_was_unpromoted_as_possibly_promoted_by_now() -> None:
    configuration = cloned(promotable=True)
    seen = NodeStatus(N2, NodeState.ONLINE, 3, (replace(STARTED, role=Role.UNPROMOTED),))
    made = Roster(N1, 1, timers(1000), (word(ADMITTED),), (seen,), ELECTED_MS)
    made.configure(configuration, 0)
    found = next(item for item in made.records[N2].instances if item.resource == DISK)
    assert found.role is None


@pytest.mark.parametrize("is_ordered", [True, False])
def test_what_may_have_come_alive_to_a_lost_node_is_uncertain_whatever_guards_the_node(
    is_ordered: bool,
) -> None:
    gates = Gates(watchdog_ms=1000)
    made = roster(replace(word(ADMITTED), gates=gates))
    sent = replace(STARTED, migrated_to=None if is_ordered else N2)
    made.records[N1].instances = (sent,)
    assert not ask(made)
    assert report(made, STOPPED, WEB_STOPPED)
    if is_ordered:
        order = OpenOrder(7, N1, DISK, ActionKind.MIGRATE_TO, "", peer=N2)
        made.orders.open[(DISK, N1)] = order
    made.check({N2: 10_000}, frozenset(), LATE_MS, 0)
    found = next(item for item in made.records[N2].instances if item.resource == DISK)
    assert (found.state, found.free_after_ms) == (InstanceState.UNCERTAIN, 0)


def test_what_a_lost_node_handed_on_is_unknown_where_it_went_until_that_node_has_looked() -> None:
    made = online(replace(STARTED, migrated_to=N1), WEB_STOPPED)
    made.records[N1].instances = (replace(STOPPED, order_id=5), WEB_STOPPED)
    made.check({N2: 10_000}, frozenset(), LATE_MS, 0)

    def here(order_id: int, pending: str = "") -> InstanceState:
        said = (replace(STOPPED, order_id=order_id, pending=pending), WEB_STOPPED)
        made.records[N1].instances = doubted(made.records[N1], said)
        return made.records[N1].instances[0].state

    assert made.records[N1].instances[0].state is InstanceState.UNKNOWN
    assert here(5) is InstanceState.UNKNOWN, "it has not looked"
    assert here(6, "monitor") is InstanceState.UNKNOWN, "it looks"
    assert here(6) is InstanceState.STOPPED, "it has looked"
    assert here(6) is InstanceState.STOPPED


FORMER = ResourceId("disk:1")


def restarted() -> Roster:
    """Return a roster that knew a copy of n2's third start, which an edit has renamed since; its
    fourth start asks.
    """
    made = online(STOPPED, replace(STARTED, resource=FORMER))
    made.judged(word(ADMITTED, 4))
    assert not ask(made, 4)
    return made


def test_where_an_earlier_start_has_left_nothing_is_known_of_what_was_seen_to_end() -> None:
    made = online(STOPPED)
    assert not made.records[N2].has_left_nothing(DISK), "it was not asked before"
    assert lose(made)[DISK] is InstanceState.STOPPED
    made.judged(word(ADMITTED, 4))
    assert not ask(made, 4)
    assert made.records[N2].has_left_nothing(DISK)


@pytest.mark.parametrize("is_lost", [False, True], ids=["at once", "after its loss"])
def test_what_an_earlier_start_may_have_left_is_looked_for_by_all_it_may_have_begun_it_by(
    is_lost: bool,
) -> None:
    made = online(STARTED if is_lost else STOPPED)
    if is_lost:
        assert lose(made)[DISK] is InstanceState.UNCERTAIN
    made.judged(word(ADMITTED, 4))
    assert not ask(made, 4)
    assert not made.records[N2].has_left_nothing(DISK), "it may have been told to start it"


def test_start_that_lost_its_disk_does_not_end_by_silence_what_it_cannot_know() -> None:
    made = restarted()
    assert report(made, STOPPED, generation=4)
    assert state_of(made, FORMER) is InstanceState.UNKNOWN
    assert report(made, STOPPED, generation=4, number=2)
    assert state_of(made, FORMER) is InstanceState.UNKNOWN
    assert not made.left(N2, 4, 0), "nobody has looked yet"


def test_start_that_has_named_it_ends_it_by_its_word_or_its_silence() -> None:
    made = restarted()
    assert report(made, STOPPED, replace(STARTED, resource=FORMER), generation=4)
    assert report(made, STOPPED, generation=4, number=2)
    assert state_of(made, FORMER) is None
    made = restarted()
    assert report(made, STOPPED, replace(STOPPED, resource=FORMER), generation=4)
    assert state_of(made, FORMER) is InstanceState.STOPPED


def test_what_an_operator_has_vouched_for_is_not_asked_for_again() -> None:
    made = online(STOPPED, replace(STARTED, resource=FORMER))
    assert lose(made)[FORMER] is InstanceState.UNCERTAIN
    made.judged(word(OPERATOR))
    made.judged(word(ADMITTED, 4))
    assert not ask(made, 4)
    assert report(made, STOPPED, generation=4)
    assert state_of(made, FORMER) is None


@pytest.mark.parametrize("generation", [3, 4])
def test_successor_goes_on_to_ask_for_it(generation: int) -> None:
    seen = NodeStatus(N2, NodeState.ONLINE, 3, (replace(STARTED, resource=FORMER),))
    made = Roster(N1, 1, timers(1000), [word(ADMITTED, generation)], [seen], ELECTED_MS)
    made.configure(BOTH, 0)
    assert not ask(made, generation)
    assert report(made, STOPPED, generation=generation)
    assert state_of(made, FORMER) is InstanceState.UNKNOWN


def state_of(made: Roster, resource: ResourceId) -> InstanceState | None:
    """Return what is known of a resource on n2."""
    found = made.records[N2].status().instance(resource)
    return None if found is None else found.state


def test_node_with_something_blocked_that_takes_no_lease_is_known_after_a_while() -> None:
    blocked = replace(STARTED, state=InstanceState.BLOCKED)
    made = online(blocked)
    record = made.records[N2]
    asked_ms = record.requested_ms
    assert asked_ms is not None
    assert record.request is not None
    made.granted(N2, asked_ms)
    assert not record.takes_no_lease(asked_ms + 5000, 1000), "it does not speak of its gates"
    record.request = replace(record.request, gates=Gates())
    made.granted(N2, asked_ms)
    assert not record.takes_no_lease(asked_ms + 999, 1000)
    assert record.takes_no_lease(asked_ms + 1000, 1000)
    record.instances = (STOPPED,)
    assert not record.takes_no_lease(asked_ms + 1000, 1000), "its log may be behind"
    record.instances, record.request = (blocked,), replace(record.request, gates=None)
    made.granted(N2, asked_ms)
    assert not record.takes_no_lease(asked_ms + 5000, 1000)
