"""A node's own part in roles: promotion, demotion, and what a monitor says of them."""

from dataclasses import replace

import pytest

from ha_core.config.choices import AgentClass, OnFail, Role
from ha_core.config.model import AgentRef, Clone, Configuration, Group, Operation, Primitive
from ha_core.config.units import plain, unit, units
from ha_core.effects import LocalState, RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone, Promotion
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState
from ha_core.transition.keeping import stop_sequence
from ha_core.transition.local import LocalResources

DB = ResourceId("db")
LEASE_MS = 10_000


def primitive(name: str = "db", *operations: Operation) -> Primitive:
    return Primitive(
        ResourceId(name), AgentRef(AgentClass.OCF, "pacemaker", "Stateful"), operations=operations
    )


def cloned(*operations: Operation, unique: bool = False, promotable: bool = True) -> Configuration:
    clone = Clone(ResourceId("db-clone"), DB, 2, unique=unique, promotable=promotable)
    return Configuration(primitives=(primitive("db", *operations),), clones=(clone,))


class Bench:
    """One node's resources, driven by hand."""

    def __init__(self, configuration: Configuration) -> None:
        self.local = LocalResources(LocalState())
        self.local.configure(configuration, 0)
        self._order = 0
        self._running = 0

    def instance(self, name: ResourceId = DB) -> Instance:
        return next(item for item in self.local.instances() if item.resource == name)

    def order(
        self, kind: ActionKind, name: ResourceId = DB, peer: str = "", now_ms: int = 0
    ) -> list[RunOperation]:
        self._order += 1
        order = Order(1, 1, self._order, name, kind, peer=NodeName(peer) if peer else None)
        output = self.local.order(order, LEASE_MS, now_ms)
        return self._noted([item for item in output if isinstance(item, RunOperation)])

    def end(self, exit_code: int, promotion: Promotion | None = None) -> list[str]:
        event = OperationDone(self._running, exit_code, promotion=promotion)
        output = self.local.done(event, 1, LEASE_MS, 0)
        return [item.kind for item in output if hasattr(item, "kind")]

    def due(self, now_ms: int) -> list[RunOperation]:
        return self._noted(
            [item for item in self.local.tick(now_ms) if isinstance(item, RunOperation)]
        )

    def do(self, kind: ActionKind, exit_code: int = 0, name: ResourceId = DB) -> list[str]:
        self.order(kind, name)
        return self.end(exit_code)

    def _noted(self, begun: list[RunOperation]) -> list[RunOperation]:
        for item in begun:
            self._running = item.operation_id
        return begun


def test_what_starts_is_unpromoted_until_a_promotion_has_succeeded() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.PROBE, 7)
    bench.do(ActionKind.START)
    assert bench.instance().role is Role.UNPROMOTED
    assert bench.do(ActionKind.PROMOTE) == ["resource-promoted"]
    assert (bench.instance().state, bench.instance().role) == (InstanceState.STARTED, Role.PROMOTED)
    assert bench.do(ActionKind.DEMOTE) == ["resource-demoted"]
    assert bench.instance().role is Role.UNPROMOTED
    bench.do(ActionKind.STOP)
    assert bench.instance().role is None


def test_what_is_promoted_and_could_not_be_stopped_is_not_demoted_by_a_start() -> None:
    bench = Bench(cloned())
    for kind, code in zip(["probe", "start", "promote", "stop"], [7, 0, 0, 1], strict=True):
        bench.do(ActionKind(kind), code)
    bench.do(ActionKind.START)
    assert bench.instance().role is Role.PROMOTED


def test_what_is_in_no_promotable_clone_has_no_role() -> None:
    bench = Bench(cloned(promotable=False))
    bench.do(ActionKind.START)
    assert bench.instance().role is None


@pytest.mark.parametrize(
    ("code", "state", "role"),
    [
        (0, InstanceState.STARTED, Role.UNPROMOTED),
        (8, InstanceState.STARTED, Role.PROMOTED),
        (191, InstanceState.STARTED, Role.PROMOTED),
        (9, InstanceState.FAILED, Role.PROMOTED),
        (7, InstanceState.STOPPED, None),
    ],
)
def test_probe_finds_the_role(code: int, state: InstanceState, role: Role | None) -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.PROBE, code)
    assert (bench.instance().state, bench.instance().role) == (state, role)


def test_promotion_needs_a_running_lease_and_demotion_does_not() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    assert bench.order(ActionKind.PROMOTE, now_ms=LEASE_MS) == []
    assert [item.not_after_ms for item in bench.order(ActionKind.PROMOTE)] == [LEASE_MS]
    bench.end(0)
    assert [item.not_after_ms for item in bench.order(ActionKind.DEMOTE, now_ms=LEASE_MS)] == [None]


def test_demotion_that_failed_is_followed_by_a_stop_and_not_by_another() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    bench.do(ActionKind.PROMOTE)
    assert bench.do(ActionKind.DEMOTE, 7) == ["resource-failed"]
    assert (bench.instance().state, bench.instance().role) == (InstanceState.FAILED, None)


def test_role_is_unknown_while_a_promotion_is_under_way() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    bench.order(ActionKind.PROMOTE)
    assert (bench.instance().role, bench.instance().pending) == (None, "promote")


def test_failed_promotion_may_have_promoted() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    assert bench.do(ActionKind.PROMOTE, 1) == ["resource-failed"]
    assert (bench.instance().state, bench.instance().role) == (InstanceState.FAILED, Role.PROMOTED)
    failure = bench.instance().failure
    assert failure is not None
    assert failure.action == "promote"


@pytest.mark.parametrize(
    ("first", "code", "words"),
    [
        (ActionKind.START, 8, "it is promoted, which nobody asked it to be"),
        (ActionKind.PROMOTE, 0, "it is not promoted any more, which nobody asked for"),
    ],
)
def test_monitor_that_finds_another_role_is_a_failure_that_names_it(
    first: ActionKind, code: int, words: str
) -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    if first is ActionKind.PROMOTE:
        bench.do(ActionKind.PROMOTE)
    assert bench.due(10_000)
    assert bench.end(code) == ["resource-failed"]
    failure = bench.instance().failure
    assert failure is not None
    assert failure.reason == words


def test_each_role_has_monitors_of_its_own() -> None:
    bench = Bench(
        cloned(Operation("monitor", 10_000), Operation("monitor", 3_000, role=Role.PROMOTED))
    )
    bench.do(ActionKind.START)
    assert [item.interval_ms for item in bench.due(10_000)] == [10_000]
    bench.end(0)
    bench.do(ActionKind.PROMOTE)
    assert [item.interval_ms for item in bench.due(3_000)] == [3_000]


def test_monitor_that_is_switched_off_does_not_run() -> None:
    bench = Bench(cloned(Operation("monitor", 10_000, enabled=False)))
    bench.do(ActionKind.START)
    assert bench.due(60_000) == []


def test_demotion_cures_what_is_to_be_demoted_on_failure() -> None:
    monitor = Operation("monitor", 3_000, role=Role.PROMOTED, on_fail=OnFail.DEMOTE)
    bench = Bench(cloned(monitor))
    bench.do(ActionKind.START)
    bench.do(ActionKind.PROMOTE)
    bench.due(3_000)
    bench.end(1)
    assert (bench.instance().state, bench.instance().role) == (InstanceState.FAILED, Role.PROMOTED)
    bench.do(ActionKind.DEMOTE)
    assert (bench.instance().state, bench.instance().role) == (
        InstanceState.STARTED,
        Role.UNPROMOTED,
    )


def test_agents_wish_to_be_promoted_is_reported() -> None:
    bench = Bench(cloned())
    bench.order(ActionKind.START)
    bench.end(0, Promotion(100))
    assert bench.instance().promotion_score == 100
    bench.do(ActionKind.PROBE)
    assert bench.instance().promotion_score == 100
    bench.order(ActionKind.PROBE)
    bench.end(0, Promotion(None))
    assert bench.instance().promotion_score is None


def test_notification_changes_nothing_and_leaves_the_monitors_running() -> None:
    bench = Bench(cloned())
    bench.do(ActionKind.START)
    before = bench.instance()
    assert bench.do(ActionKind.NOTIFY, 1) == []
    after = bench.instance()
    assert replace(after, order_id=before.order_id) == before
    assert bench.due(10_000)


def test_instances_of_a_unique_clone_are_units_of_their_own() -> None:
    configuration = cloned(unique=True, promotable=False)
    bench = Bench(configuration)
    assert [item.resource for item in bench.local.instances()] == ["db:0", "db:1"]
    begun = bench.order(ActionKind.START, ResourceId("db:1"))
    assert [item.primitive.id for item in begun] == ["db:1"]
    bench.end(0)
    assert bench.instance(ResourceId("db:0")).state is InstanceState.UNKNOWN
    assert bench.instance(ResourceId("db:1")).state is InstanceState.STARTED


def test_live_migration_is_known_on_both_sides() -> None:
    whole = Configuration(primitives=(primitive("db"),))
    source, target = Bench(whole), Bench(whole)
    source.do(ActionKind.START)
    source.order(ActionKind.MIGRATE_TO, peer="n2")
    assert source.instance().migrated_to == "n2", "it may be there from the first moment on"
    assert source.end(0) == ["resource-migrated"]
    assert source.instance().migrated_to == "n2"
    target.do(ActionKind.PROBE, 7)
    target.order(ActionKind.MIGRATE_FROM, peer="n1")
    assert target.end(0) == ["resource-migrated"]
    assert (target.instance().state, target.instance().migrated_from) == (
        InstanceState.STARTED,
        "n1",
    )
    source.do(ActionKind.STOP)
    assert source.instance().migrated_to is None


def test_what_a_source_ends_by_itself_it_still_says_where_it_was_handed_to() -> None:
    source = Bench(Configuration(primitives=(primitive("db"),)))
    source.do(ActionKind.START)
    source.order(ActionKind.MIGRATE_TO, peer="n2")
    source.end(0)
    (stop,) = [i for i in source.local.stop_all("lost") if isinstance(i, RunOperation)]
    source.local.done(OperationDone(stop.operation_id, 0), 0, 0, 0)
    assert source.instance().state is InstanceState.STOPPED
    assert source.instance().migrated_to == "n2"
    source.do(ActionKind.START)
    assert source.instance().migrated_to is None


def test_units_are_primitives_and_instances_by_name() -> None:
    web = Group(ResourceId("web"), (ResourceId("a"), ResourceId("b")))
    whole = Configuration(
        primitives=(primitive("a"), primitive("b"), primitive("c")),
        groups=(web,),
        clones=(Clone(ResourceId("webs"), ResourceId("web"), 2, unique=True),),
    )
    assert [item.id for item in units(whole)] == ["a:0", "a:1", "b:0", "b:1", "c"]
    found = unit(whole, ResourceId("b:1"))
    assert found is not None
    assert found.copy is not None
    assert found.copy.number == 1
    assert [unit(whole, ResourceId(name)) for name in ("b:2", "b", "c:0", "d")] == [None] * 4
    assert plain(ResourceId("b:1")) == "b"


def test_what_becomes_promotable_while_it_runs_has_a_role_with_its_next_monitor() -> None:
    bench = Bench(cloned(promotable=False))
    bench.do(ActionKind.START)
    bench.local.configure(cloned(), 0)
    assert bench.instance().role is None
    assert bench.due(10_000)
    bench.end(0)
    assert bench.instance().role is Role.UNPROMOTED


@pytest.mark.parametrize("kind", [ActionKind.PROMOTE, ActionKind.MIGRATE_FROM])
def test_what_may_be_half_done_as_the_lease_ends_is_neither_stopped_nor_well(
    kind: ActionKind,
) -> None:
    bench = Bench(cloned())
    bench.do(*((ActionKind.START, 0) if kind is ActionKind.PROMOTE else (ActionKind.PROBE, 7)))
    running = bench.order(kind, peer="n2")[0].operation_id
    bench.local.done(OperationDone(running, 1, reason=LEASE_RAN_OUT), 1, LEASE_MS, 0)
    after = bench.instance()
    assert (after.state, after.role, after.failure) == (InstanceState.FAILED, None, None)


def test_instances_of_a_unique_clone_of_a_group_stop_last_first() -> None:
    a, b = ResourceId("a"), ResourceId("b")
    whole = Configuration(
        primitives=(primitive("a"), primitive("b")), groups=(Group(ResourceId("g"), (a, b)),)
    )
    names = [ResourceId(name) for name in ("a:0", "a:1", "b:0", "b:1", "z")]
    assert stop_sequence(whole, names) == ["b:0", "b:1", "a:0", "a:1", "z"]
