"""What an earlier start of the daemon began is looked for by the definition it was begun by."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from ha_core.config.model import AgentClass, AgentRef, Clone, Configuration, Meta, Primitive, Role
from ha_core.effects import Effect, LocalState, Persist, RunOperation
from ha_core.events import OperationDone, Received, Tick
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.messages import InstallSnapshot, Order
from ha_core.node import Node
from ha_core.policy.transition import ActionKind
from ha_core.recovered import Recovered
from ha_core.replication.entries import (
    ADMITTED,
    ConfigurationChange,
    Entry,
    Snapshot,
    Verdict,
)
from ha_core.status import Instance, InstanceState
from ha_core.transition.local import LocalResources
from ha_core.transition.telling import Happened
from tests.core.coordinator.test_admission import member

DB = ResourceId("db")
NAMES = ("Dummy", "Stateful", "Delay")
OLD, NEW, NEWEST = (Primitive(DB, AgentRef(AgentClass.OCF, "pacemaker", n)) for n in NAMES)
RUNS, RUNS_NOT, NOT_INSTALLED = 0, 7, 5
LEASE_MS = 9000


def having(*primitives: Primitive) -> Configuration:
    """Return a configuration of these."""
    return Configuration(primitives=primitives)


def promotable(primitive: Primitive) -> Configuration:
    """Return a configuration in which it is a promotable clone."""
    clone = Clone(ResourceId("dbs"), DB, promotable=True)
    return Configuration(primitives=(primitive,), clones=(clone,))


class Start:
    """One start of a daemon, and the orders that it gets."""

    def __init__(self, disk: LocalState = LocalState(followed=1)) -> None:
        self.local = LocalResources(disk)
        self.disk = disk
        self._order_id = 0

    def follow(self, configuration: Configuration, revision: int, *, is_new: bool = False) -> None:
        """Take a revision."""
        self.keep(self.local.configure(configuration, 0, revision, is_new=is_new))

    def keep(self, effects: Sequence[Effect | Happened]) -> None:
        """Write what is to be written."""
        for effect in effects:
            if isinstance(effect, Persist) and effect.local is not None:
                self.disk = effect.local

    def ordered(self, kind: ActionKind, *, nothing_left: bool = False) -> RunOperation:
        """Give an order; return what it begins."""
        (run,) = self.given(kind, nothing_left=nothing_left)
        assert isinstance(run, RunOperation)
        return run

    def given(self, kind: ActionKind, *, nothing_left: bool = False) -> list[Effect | Happened]:
        """Give an order; return all that follows at once."""
        self._order_id += 1
        order = Order(1, 1, self._order_id, DB, kind, nothing_left=nothing_left)
        return self.local.order(order, LEASE_MS, 0)

    def answer(self, run: RunOperation, code: int) -> list[Effect | Happened]:
        """Let an operation end."""
        effects = self.local.done(OperationDone(run.operation_id, code), 0, LEASE_MS, 0)
        self.keep(effects)
        return effects

    def probed(self, by: Primitive, code: int) -> Instance:
        """Order a look, which must go by this definition; return what is reported then."""
        run = self.ordered(ActionKind.PROBE)
        assert (run.action, run.primitive.agent) == ("monitor", by.agent)
        self.answer(run, code)
        return self.instance()

    def instance(self) -> Instance:
        """Return what is reported."""
        (found,) = self.local.instances()
        return found


def edited_while_away(*newer: Configuration) -> Start:
    """Return a start that hears of revisions which its predecessor never had."""
    start = Start()
    for revision, configuration in enumerate((having(OLD), *newer), 1):
        start.follow(configuration, revision)
    return start


def test_service_of_the_old_agent_is_found_by_it_and_ended_by_it() -> None:
    start = edited_while_away(promotable(NEW))
    found = start.probed(OLD, RUNS)
    assert (found.state, found.stale, found.role) == (InstanceState.STARTED, True, None)
    stop = start.ordered(ActionKind.STOP)
    assert stop.primitive == OLD
    start.answer(stop, 0)
    assert start.probed(NEW, RUNS_NOT).state is InstanceState.STOPPED
    begun = start.ordered(ActionKind.START)
    assert begun.primitive.agent == NEW.agent
    start.answer(begun, 0)
    assert (start.instance().role, start.instance().stale) == (Role.UNPROMOTED, False)


def test_what_does_not_run_by_the_old_agent_is_looked_for_by_the_next_ones() -> None:
    start = edited_while_away(having(NEW), having(NEWEST))
    assert start.probed(OLD, RUNS_NOT).state is InstanceState.UNKNOWN
    assert start.probed(NEW, RUNS_NOT).state is InstanceState.UNKNOWN
    found = start.probed(NEWEST, RUNS)
    assert (found.state, found.stale) == (InstanceState.STARTED, False)


def test_what_runs_by_none_of_them_is_stopped() -> None:
    start = edited_while_away(having(NEW))
    assert start.probed(OLD, RUNS_NOT).state is InstanceState.UNKNOWN
    assert start.probed(NEW, RUNS_NOT).state is InstanceState.STOPPED
    assert start.ordered(ActionKind.START).primitive == NEW


def test_finding_by_an_old_definition_is_told() -> None:
    start = edited_while_away(having(NEW))
    effects = start.answer(start.ordered(ActionKind.PROBE), RUNS)
    texts = [item.text for item in effects if isinstance(item, Happened)]
    assert texts == ["db was found running, by an older definition: it is to start anew"]


def test_definition_that_was_changed_back_is_no_reason_for_a_restart() -> None:
    start = edited_while_away(having(NEW), having(replace(OLD, meta=Meta(managed=True))))
    found = start.probed(OLD, RUNS)
    assert (found.state, found.stale) == (InstanceState.STARTED, False)
    assert start.ordered(ActionKind.STOP).primitive.meta.managed


def test_edit_that_arrives_during_the_look_does_not_take_its_answer_for_the_new_agents() -> None:
    start = edited_while_away()
    look = start.ordered(ActionKind.PROBE)
    start.follow(having(NEW), 2)
    start.answer(look, RUNS)
    found = start.instance()
    assert (found.state, found.stale) == (InstanceState.STARTED, True)


def test_agent_that_is_not_installed_is_passed_over() -> None:
    start = edited_while_away(having(NEW))
    assert start.probed(OLD, NOT_INSTALLED).state is InstanceState.UNKNOWN
    found = start.probed(NEW, RUNS)
    assert (found.state, found.failure) == (InstanceState.STARTED, None)


@pytest.mark.parametrize("code", [1, 2, 4, 6])
def test_what_an_old_agent_cannot_tell_is_ended_by_it_and_then_looked_for_further(
    code: int,
) -> None:
    start = edited_while_away(having(NEW))
    run = start.ordered(ActionKind.PROBE)
    texts = [item.text for item in start.answer(run, code) if isinstance(item, Happened)]
    assert "may run by an older definition, whose monitor failed" in texts[0]
    found = start.instance()
    assert (found.state, found.stale) == (InstanceState.FAILED, True)
    assert (found.fail_count, found.failure) == (0, None), "it says nothing of the new definition"
    stop = start.ordered(ActionKind.STOP)
    assert stop.primitive == OLD
    start.answer(stop, 0)
    assert start.instance().state is InstanceState.UNKNOWN
    assert start.probed(NEW, RUNS).state is InstanceState.STARTED


@pytest.mark.parametrize("found_by", [OLD, NEW])
def test_what_was_removed_meanwhile_is_ended_by_the_definition_that_finds_it(
    found_by: Primitive,
) -> None:
    start = edited_while_away(having(NEW))
    (run,) = [e for e in start.local.configure(having(), 0, 3) if isinstance(e, RunOperation)]
    assert (run.action, run.primitive) == ("monitor", OLD)
    if found_by == NEW:
        (run,) = [e for e in start.answer(run, RUNS_NOT) if isinstance(e, RunOperation)]
        assert (run.action, run.primitive) == ("monitor", NEW)
    (stop,) = [e for e in start.answer(run, RUNS) if isinstance(e, RunOperation)]
    assert (stop.action, stop.primitive) == ("stop", found_by)
    start.answer(stop, 0)
    assert start.local.instances() == ()


def test_revisions_that_the_start_before_had_followed_are_not_looked_by() -> None:
    start = Start(LocalState(followed=2))
    start.follow(having(OLD), 1)
    start.follow(having(NEW), 2)
    found = start.probed(NEW, RUNS)
    assert (found.state, found.stale) == (InstanceState.STARTED, False)


def test_two_that_take_it_for_their_own_are_both_asked_to_end_it() -> None:
    start = edited_while_away(having(NEW), having(NEWEST))
    assert start.probed(OLD, RUNS).stale
    start.answer(start.ordered(ActionKind.STOP), 0)
    assert start.probed(NEW, RUNS).stale
    stop = start.ordered(ActionKind.STOP)
    assert stop.primitive == NEW
    start.answer(stop, 0)
    assert start.probed(NEWEST, RUNS_NOT).state is InstanceState.STOPPED


def test_edit_beside_an_old_agent_that_cannot_tell_is_looked_by_as_well() -> None:
    start = edited_while_away(having(NEW))
    start.probed(OLD, 1)
    start.follow(having(NEWEST), 3)
    start.answer(start.ordered(ActionKind.STOP), 0)
    assert start.probed(NEW, RUNS_NOT).state is InstanceState.UNKNOWN
    assert start.probed(NEWEST, RUNS).state is InstanceState.STARTED


def test_where_nothing_was_left_the_newest_alone_counts() -> None:
    start = edited_while_away(having(NEW))
    look = start.ordered(ActionKind.PROBE, nothing_left=True)
    assert look.primitive == NEW
    start.answer(look, RUNS_NOT)
    assert start.instance().state is InstanceState.STOPPED


def test_word_that_nothing_was_left_does_not_cover_what_the_disk_tells() -> None:
    start = Start(LocalState(orphans=(OLD,), followed=2))
    start.follow(having(NEW), 2)
    assert start.ordered(ActionKind.PROBE, nothing_left=True).primitive == OLD


def test_replayed_revision_that_lacks_it_ends_nothing() -> None:
    """What a log has forgotten to begin with may be managed, or not, by what comes after."""
    start = Start(LocalState(orphans=(OLD,), followed=3))
    for revision, configuration in enumerate((having(), having(OLD), having(NEW)), 1):
        start.keep(kept := start.local.configure(configuration, 0, revision))
        assert not [item for item in kept if isinstance(item, RunOperation)]
    assert start.probed(OLD, RUNS).stale


def test_removal_and_return_that_were_followed_begin_no_look() -> None:
    start = Start(LocalState(followed=3))
    for revision, configuration in enumerate((having(OLD), having(), having(NEW)), 1):
        start.follow(configuration, revision)
    found = start.probed(NEW, RUNS)
    assert (found.state, found.stale) == (InstanceState.STARTED, False)


def test_node_that_has_never_run_anything_looks_by_the_newest_alone() -> None:
    start = Start(LocalState())
    start.follow(having(OLD), 1, is_new=True)
    start.follow(having(NEW), 2, is_new=True)
    assert start.probed(NEW, RUNS_NOT).state is InstanceState.STOPPED


def running(primitive: Primitive) -> Start:
    """Return a start that runs something."""
    start = edited_while_away()
    start.probed(OLD, RUNS_NOT)
    start.answer(start.ordered(ActionKind.START), 0)
    assert start.instance().state is InstanceState.STARTED
    return start


def test_what_ran_by_an_old_definition_when_the_daemon_died_is_on_its_disk() -> None:
    before = running(OLD)
    before.follow(having(NEW), 2)
    assert before.disk == LocalState(orphans=(OLD,), followed=2)
    after = Start(before.disk)
    for revision, primitive in enumerate((OLD, NEW), 1):
        after.follow(having(primitive), revision)
    found = after.probed(OLD, RUNS)
    assert (found.state, found.stale) == (InstanceState.STARTED, True)
    after.answer(after.ordered(ActionKind.STOP), 0)
    assert after.disk == LocalState(followed=2), "nothing runs by the old one any more"


@pytest.mark.parametrize("kind", [ActionKind.START, ActionKind.MIGRATE_FROM])
@pytest.mark.parametrize("queued", [None, ActionKind.PROBE, ActionKind.STOP])
def test_edit_of_what_is_just_beginning_does_not_change_what_it_began_by(
    kind: ActionKind, queued: ActionKind | None
) -> None:
    start = edited_while_away()
    start.probed(OLD, RUNS_NOT)
    begun = start.ordered(kind)
    if queued is not None:
        assert start.given(queued) == []
    start.follow(having(NEW), 2)
    assert start.disk == LocalState(orphans=(OLD,), followed=2)
    following = [e for e in start.answer(begun, 0) if isinstance(e, RunOperation)]
    assert [run.primitive for run in following] == [OLD] * (queued is not None)
    if queued is not ActionKind.STOP:
        for run in following:
            start.answer(run, RUNS)
        found = start.instance()
        assert (found.state, found.stale) == (InstanceState.STARTED, True)


def test_what_was_not_looked_for_yet_is_on_disk_for_the_next_start() -> None:
    first = edited_while_away(having(NEW))
    assert first.disk == LocalState(orphans=(OLD,), followed=2)
    second = Start(first.disk)
    second.follow(having(NEW), 2)
    second.follow(having(NEWEST), 3)
    assert second.disk == LocalState(orphans=(OLD, NEW), followed=3)
    assert second.probed(OLD, RUNS_NOT).state is InstanceState.UNKNOWN
    assert second.disk == LocalState(orphans=(NEW,), followed=3)


def test_edits_of_what_is_begun_by_the_same_agent_write_nothing() -> None:
    start = running(OLD)
    assert start.disk == LocalState(followed=1)
    start.follow(having(replace(OLD, meta=Meta(managed=True))), 2)
    assert start.disk == LocalState(followed=1)


def changes(*primitives: Primitive) -> tuple[ConfigurationChange, ...]:
    """Return one revision for each."""
    return tuple(
        ConfigurationChange(
            number, replace(having(item), nodes=(member("a"),)), "test", "an edit", 0
        )
        for number, item in enumerate(primitives, 1)
    )


@pytest.mark.parametrize("followed", [1, 2])
def test_node_takes_revisions_of_its_log_one_by_one(followed: int) -> None:
    first, *later = changes(OLD, NEW, NEWEST)
    admitted = Verdict(NodeName("a"), 1, ADMITTED, "", "", 0)
    recovered = Recovered(
        2,
        snapshot=Snapshot(1, 1, (first,), (admitted,)),
        entries=tuple(Entry(1, index, change) for index, change in enumerate(later, 2)),
        local=LocalState(followed=followed),
    )
    node = Node(NodeName("a"), recovered, Random(1), 1000)
    kept = [
        effect.local.orphans
        for now_ms in range(1000, 2000, 10)
        for effect in node.handle(Tick(), now_ms)
        if isinstance(effect, Persist) and effect.local is not None
    ]
    assert node.revision == 3
    assert kept[-1] == (OLD, NEW, NEWEST)[followed - 1 : 2]


def test_node_looks_by_revisions_of_its_disk_that_nobody_had_followed() -> None:
    """A crash between the snapshot of a leader and what follows from it."""
    admitted = Verdict(NodeName("a"), 1, ADMITTED, "", "", 0)
    snapshot = Snapshot(9, 1, changes(OLD, NEW, NEWEST), (admitted,))
    node = Node(
        NodeName("a"),
        Recovered(2, snapshot=snapshot, local=LocalState(followed=1)),
        Random(1),
        1000,
    )
    effects = node.handle(Tick(), 1000)
    kept = [item.local for item in effects if isinstance(item, Persist) and item.local is not None]
    assert kept[-1] == LocalState(orphans=(OLD, NEW), followed=3)


def test_node_takes_all_revisions_of_a_snapshot_that_it_had_missed() -> None:
    names = tuple(member(name) for name in ("a", "b"))
    known = [
        replace(each, configuration=replace(each.configuration, nodes=names))
        for each in changes(OLD, NEW, NEWEST)
    ]
    admitted = Verdict(NodeName("a"), 1, ADMITTED, "", "", 0)
    first = Snapshot(1, 1, (known[0],), (admitted,))
    recovered = Recovered(2, snapshot=first, local=LocalState(followed=1))
    node = Node(NodeName("a"), recovered, Random(1), 1000)
    told = InstallSnapshot(3, Snapshot(9, 3, tuple(known), (admitted,)))
    effects = node.handle(Received(NodeName("b"), 1, LinkName("ring0"), told), 1001)
    kept = [item.local for item in effects if isinstance(item, Persist) and item.local is not None]
    assert kept[-1] == LocalState(orphans=(OLD, NEW), followed=3)
