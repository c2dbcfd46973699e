"""What a node does for a start that is to come: when it begins, and what ends it."""

from dataclasses import replace

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.messages import Prepare
from ha_core.status import Instance, InstanceState
from ha_core.transition.readiness import KEPT_MS, PREPARE, UNDO, Readiness

VIP = ResourceId("vip")
ADDRESS = Primitive(VIP, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.7"),))
KNOWN = Configuration(primitives=(ADDRESS,))
STOPPED = Instance(VIP, InstanceState.STOPPED)
NOW_MS = 1_000
LEASE_MS = 500_000


def asked(
    readiness: Readiness,
    *,
    instance: Instance = STOPPED,
    lease_until_ms: int = LEASE_MS,
    configuration: Configuration = KNOWN,
    now_ms: int = NOW_MS,
) -> list[RunOperation]:
    message = Prepare(1, 1, VIP)
    return readiness.asked(message, (instance,), configuration, lease_until_ms, now_ms)


def ready() -> Readiness:
    """Return a node's readiness for the address."""
    made = Readiness()
    (deed,) = asked(made)
    assert made.done(OperationDone(deed.operation_id, 0))
    return made


def undone(
    made: Readiness,
    *,
    instance: Instance = STOPPED,
    configuration: Configuration = KNOWN,
    lease_until_ms: int = LEASE_MS,
    now_ms: int = NOW_MS,
) -> list[str]:
    deeds = made.tick((instance,), configuration, lease_until_ms, now_ms)
    return [item.action for item in deeds]


def test_ready_is_what_the_shell_has_done_and_not_what_was_asked() -> None:
    made = Readiness()
    (deed,) = asked(made)
    assert (deed.action, deed.primitive, deed.not_after_ms) == (PREPARE, ADDRESS, LEASE_MS)
    assert made.names() == ()
    assert not made.done(OperationDone(deed.operation_id - 1, 0)), "that was somebody else's"
    assert made.done(OperationDone(deed.operation_id, 0))
    assert made.names() == (VIP,)
    assert not made.done(OperationDone(deed.operation_id, 0)), "each answer counts once"


def test_what_cannot_be_prepared_is_not_ready() -> None:
    made = Readiness()
    (deed,) = asked(made)
    assert not made.done(OperationDone(deed.operation_id, 1, reason="no such interface"))
    assert made.names() == ()


@pytest.mark.parametrize(
    "instance",
    [
        Instance(VIP, InstanceState.STARTED),
        Instance(VIP, InstanceState.UNKNOWN),
        Instance(VIP, InstanceState.BLOCKED),
        replace(STOPPED, pending="start"),
        replace(STOPPED, pending="monitor"),
        Instance(ResourceId("other"), InstanceState.STOPPED),
    ],
)
def test_nothing_is_done_for_what_is_not_known_to_be_stopped_here(instance: Instance) -> None:
    assert asked(Readiness(), instance=instance) == []


def test_nothing_is_done_without_a_lease_or_for_what_is_not_configured() -> None:
    assert asked(Readiness(), lease_until_ms=NOW_MS) == []
    assert asked(Readiness(), configuration=Configuration()) == []


def test_asking_again_prolongs_it_and_does_nothing() -> None:
    made = ready()
    assert asked(made, now_ms=NOW_MS + KEPT_MS - 1) == []
    assert undone(made, now_ms=NOW_MS + KEPT_MS) == []
    assert made.deadline_ms() == NOW_MS + 2 * KEPT_MS - 1


def test_start_that_does_not_come_is_given_up_in_time() -> None:
    made = ready()
    assert made.deadline_ms() == NOW_MS + KEPT_MS
    assert undone(made, now_ms=NOW_MS + KEPT_MS - 1) == []
    assert undone(made, now_ms=NOW_MS + KEPT_MS) == [UNDO]
    assert (made.names(), made.deadline_ms(), made.is_idle) == ((), None, True)


def test_it_ends_with_the_lease() -> None:
    made = ready()
    assert undone(made, lease_until_ms=NOW_MS) == [UNDO]
    assert made.names() == ()


def test_it_ends_with_the_definition_that_it_was_made_for() -> None:
    other = replace(ADDRESS, parameters=(("address", "192.0.2.8"),))
    assert undone(ready(), configuration=Configuration(primitives=(other,))) == [UNDO]
    assert undone(ready(), configuration=Configuration()) == [UNDO]


@pytest.mark.parametrize(
    "instance",
    [
        replace(STOPPED, pending="start"),
        Instance(VIP, InstanceState.STARTED),
        Instance(VIP, InstanceState.FAILED),
    ],
)
def test_what_has_begun_is_not_undone(instance: Instance) -> None:
    made = ready()
    assert undone(made, instance=instance, lease_until_ms=0) == []
    assert made.names() == ()


def test_what_is_looked_at_again_meanwhile_stays_ready_and_is_undone_in_time() -> None:
    made = ready()
    unknown = Instance(VIP, InstanceState.UNKNOWN, pending="monitor")
    assert undone(made, instance=unknown) == []
    assert undone(made, instance=unknown, now_ms=NOW_MS + KEPT_MS) == [UNDO]
