"""Alerts that fire by their real causes: the core itself, on simulated machines, makes the events.

Nothing is made up but the machines: nodes die, hosts are silent, fence agents fail, an operator
grants a ticket. What the journal of the core then says is told as it would be to a listener.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, islice
from random import Random
from typing import cast

import pytest

from cim_provider.engine import ClusterView
from cim_provider.engines.ha_core_events import core_event
from cim_provider.engines.ha_core_view import view_of
from cim_provider.indications.alerts import SETS, alerts_of
from cim_provider.indications.faults import Faults
from cim_provider.indications.journal_alerts import told
from cim_provider.indications.picture import Picture, differences, objects
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import MODEL
from ha_core import commands
from ha_core.config.model import PingTarget, TicketConstraint
from ha_core.events import PingAnswered
from ha_core.ids import ConstraintId
from ha_core.journal import JournalEvent
from ha_core.sim.host import Host
from ha_core.sim.observer import Observer
from ha_core.sim.outlets import Manner
from ha_core.sim.plan import draw
from ha_core.sim.run import Run
from tests.cim.indications.test_album import CATALOG

GATE = "10.9.9.9"
WATCHED = frozenset((MODEL, name) for name in SETS)
STEPS_MAX = 200
TRIES_MAX = 10
ENDS = {"node-fenced", "fence-gave-up"}
US_PER_MS = 1000


class Notes:
    """Sees what a machine does for the judges, and keeps the events of the journal."""

    def __init__(self, judges: Observer, events: dict[int, JournalEvent]) -> None:
        self._judges, self._events = judges, events

    def __getattr__(self, name: str) -> object:
        return getattr(self._judges, name)

    def performed(self, effect: object) -> None:
        if isinstance(effect, JournalEvent):
            self._events[effect.seq] = effect
        self._judges.performed(effect)  # type: ignore[arg-type]  # what it was given


class Place:
    """A simulated cluster whose nodes can be cut off, and what they have noted."""

    def __init__(self, seed: int) -> None:
        self.run = Run(seed)
        self.events: dict[int, JournalEvent] = {}
        for host in self.run.hosts:
            assert host.observer is not None
            host.observer = cast(Observer, Notes(host.observer, self.events))
        self.run._form()

    def kinds(self) -> set[str]:
        """Return the kinds of events that there were."""
        return {event.kind for event in self.events.values()}

    def leader(self) -> Host | None:
        """Return the machine that coordinates."""
        found = [each for each in self.run.hosts if each.node and each.node.is_coordinator]
        return found[0] if len(found) == 1 else None

    def other(self) -> Host:
        """Return a voter that does not coordinate."""
        return next(
            host for host in self.run.operator.members() if host.node and host is not self.leader()
        )

    def view(self) -> ClusterView | None:
        """Return what the coordinator's provider would show."""
        leader = self.leader()
        if leader is None or leader.node is None:
            return None
        return view_of(leader.node.snapshot(leader.now_ms()), "1", "1.0")

    def alerts(self) -> set[str]:
        """Return the ids of the alerts that the journal makes."""
        view, found = self.view(), set()
        assert view is not None
        faults: Faults = {}
        for event in sorted(self.events.values(), key=lambda each: each.seq):
            result = told(core_event(event), faults, view)
            faults = result.faults
            found |= {str(each.values["MessageID"]) for each in result.alerts}
        return found

    def until(self, is_so: Callable[[], bool], each_ms: int = 100) -> None:
        """Let time pass until it is so."""
        for _ in range(STEPS_MAX):
            if is_so():
                return
            self.run.world.run_until(self.run.world.now_us + each_ms * US_PER_MS)
        raise AssertionError(f"it does not come: {sorted({e.kind for e in self.events.values()})}")

    def until_told(self, message: str) -> None:
        """Let time pass until an alert is told."""
        self.until(lambda: self.leader() is not None and message in self.alerts())


def is_fit(seed: int) -> bool:
    """Return whether a cluster has three voters and devices that cut its nodes off."""
    configuration = draw(Random(seed)).configuration
    nodes = configuration.nodes
    return (
        len(configuration.voters()) == len(nodes) >= 3
        and bool(configuration.fence_devices)
        and configuration.options.fencing
        and not any(node.witness for node in nodes)
    )


@pytest.fixture
def place() -> Place:
    return Place(next(filter(is_fit, count(1))))


def test_a_node_that_dies_is_cut_off_and_another_coordinates(place: Place) -> None:
    leader = place.leader()
    assert leader is not None
    leader.restarts = False
    leader.crash(power=False)
    place.until_told("LHA003")
    place.until_told("LHA009")
    assert "LHA005" not in place.alerts(), "nothing that ran there needs it"
    place.run.operator.give(commands.FenceNode(leader.name, "to be sure"))
    place.until_told("LHA005")


def has_ended(place: Place) -> bool:
    """Return whether the attempt to cut a node off has come to an end."""
    return bool(ENDS & place.kinds())


def test_a_node_that_cannot_be_cut_off_is_told() -> None:
    for seed in islice(filter(is_fit, count(1)), TRIES_MAX):
        place = Place(seed)
        place.run.outlets.manner = Manner.FAILS
        place.run.operator.give(commands.FenceNode(place.other().name, "it does not answer me"))
        place.until(partial(has_ended, place))
        # Now and then an agent does its work all the same: then the next cluster is tried.
        if "fence-gave-up" in place.kinds():
            place.until_told("LHA006")
            return
    raise AssertionError("fence agents that fail have failed nowhere")


def test_a_host_that_is_silent_and_answers_again_is_told(place: Place) -> None:
    configuration = place.run.operator.configuration()
    ping = replace(configuration.ping, targets=(PingTarget("gate", (GATE,)),))
    place.run.operator.give(commands.Apply(replace(configuration, ping=ping), "watch the gate"))
    is_silent = False

    def answered() -> bool:
        for host in place.run.hosts:
            if host.node is not None and not is_silent:
                host._handle(PingAnswered(GATE))
        return False

    with pytest.raises(AssertionError):
        place.until(answered)
    assert "LHA012" not in place.alerts()
    is_silent = True
    place.until_told("LHA012")
    assert "LHA013" not in place.alerts()
    is_silent = False
    place.until(lambda: answered() or "LHA013" in place.alerts())


def test_a_ticket_that_is_granted_and_revoked_is_told(place: Place) -> None:
    configuration = place.run.operator.configuration()
    name = configuration.primitives[0].id
    needs = TicketConstraint(ConstraintId("t1"), "site", name)
    changed = replace(configuration, tickets=(needs,))
    place.run.operator.give(commands.Apply(changed, "two sites"))
    place.until(lambda: bool(place.run.operator.configuration().tickets))
    place.run.operator.give(commands.SetTicket("site", granted=True, reason="the other is down"))
    place.until_told("LHA031")
    assert "LHA032" not in place.alerts()
    place.run.operator.give(commands.SetTicket("site", granted=False))
    place.until_told("LHA032")


def test_less_in_reserve_and_its_end_are_told(place: Place) -> None:
    found: set[str] = set()
    before: Picture | None = None

    def look() -> set[str]:
        nonlocal before
        view = place.view()
        if view is not None and view.quorate:
            world = World(view, ServerIdentity())
            after = Picture(WATCHED, dict(objects(CATALOG, WATCHED, world)))
            changes = [] if before is None else list(differences(before, after))
            found.update(str(a.values["MessageID"]) for c in changes for a in alerts_of(c))
            before = after
        return found

    place.until(lambda: bool(look()) or before is not None)
    victim = place.other()
    victim.restarts = False
    victim.crash(power=True)
    place.until(lambda: "LHA023" in look())
    victim.boot()
    place.until(lambda: "LHA024" in look())
