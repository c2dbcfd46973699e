"""Alerts end when what they are about is gone or well, and belong to the right incident."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cim_provider.engine import ClusterView, InstanceView
from cim_provider.indications.alerts import alerts_of
from cim_provider.indications.events import Event
from cim_provider.indications.facts import WATCHED, facts
from cim_provider.indications.faults import Fault, Faults, judge
from cim_provider.indications.keeper_events import Found
from cim_provider.indications.picture import Difference, Picture, differences
from cim_provider.indications.telling import Progress, resolved
from cim_provider.mapping.redundancy import NOTHING_TO_KEEP, Level, level_of, nodes_ref, set_ref
from cim_provider.mapping.rows import Value
from cim_provider.mapping.tops import tops
from cim_provider.mapping.world import World
from cim_provider.views.facts import NodeFacts
from cim_provider.views.journal import CoreEvent
from tests.cim.mapping.views import IDENTITY, cluster


class Teller:
    """Tells what follows from views and events, one after another."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.faults: Faults = {}
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return str(self._count)

    def _tell(self, found: Found) -> list[Event]:
        named, progress = resolved(found, Progress(0, {}, self.faults), self.view, self._name)
        self.faults = progress.faults
        return [each.event for each in named]

    def see(self, view: ClusterView) -> list[Event]:
        """Return the alerts of a newer view."""
        before, after = (Picture(WATCHED, dict(facts(each))) for each in (self.view, view))
        self.view = view
        return [
            event
            for change in differences(before, after)
            for event in self._tell(Found(tuple(alerts_of(change)), change))
        ]

    def redundancy(self, change: Difference) -> list[Event]:
        """Return the alerts of a change of a redundancy set."""
        return self._tell(Found(tuple(alerts_of(change)), change))

    def hear(
        self, kind: str, subject: str, node: str, incident: str = "", text: str = "", why: str = ""
    ) -> list[Event]:
        """Return the alerts of an event of the journal."""
        text = text or f"{subject}: {kind}"
        event = CoreEvent(1, node, 1, kind, subject, text, why, incident)
        return self._tell(Found((), event=event))


def ids(events: list[Event]) -> list[object]:
    """Return the messages of alerts."""
    return [each.values["MessageID"] for each in events]


def without(view: ClusterView, name: str) -> ClusterView:
    """Return the view after the deletion of a primitive."""
    return replace(view, primitives=tuple(p for p in view.primitives if p.id != name))


def node_is(view: ClusterView, name: str, state: str) -> ClusterView:
    """Return the view with a node in another state."""
    return replace(
        view, nodes=tuple(replace(n, state=state) if n.name == name else n for n in view.nodes)
    )


def primitive_is(view: ClusterView, name: str, **changes: object) -> ClusterView:
    """Return the view with another primitive."""
    edit: Callable[..., object] = replace
    return replace(
        view,
        primitives=tuple(
            edit(p, **changes) if p.id == name else p  # type: ignore[misc]  # fields by names
            for p in view.primitives
        ),
    )


def test_a_deleted_resource_has_no_alarms_left() -> None:
    teller = Teller(cluster())
    assert ids(teller.see(replace(cluster(), unplaced=(("db", "no node"),)))) == ["LHA021"]
    assert ids(teller.hear("resource-failed", "db", "n2")) == ["LHA016"]
    assert ids(teller.hear("resource-blocked", "db:1", "n2")) == ["LHA018"]
    over = teller.see(without(teller.view, "db"))
    assert ids(over) == ["LHA019"] * 3
    assert {each.values["CorrelatedIndications"] for each in over} == {
        ("beatkeeper:1",),
        ("beatkeeper:2",),
        ("beatkeeper:3",),
    }
    assert {each.values["Message"] for each in over} == {"db was deleted"}
    assert teller.faults == {}


def test_the_reserve_of_a_deleted_resource_is_no_alarm() -> None:
    teller = Teller(cluster())
    full, less = ({"RedundancyStatus": n, "ResourceId": "db"} for n in (2, 5))
    assert ids(teller.redundancy(Difference(set_ref("db"), full, less))) == ["LHA023"]
    (over,) = teller.redundancy(Difference(set_ref("db"), less, None))
    assert over.values["MessageID"] == "LHA024"
    assert over.values["CorrelatedIndications"] == ("beatkeeper:1",)
    assert teller.faults == {}


def test_a_node_that_was_removed_has_no_alarms_left() -> None:
    teller = Teller(cluster())
    assert ids(teller.hear("node-lost", "n3", "n1", "n3-lost-1-1")) == ["LHA003"]
    view = replace(teller.view, nodes=tuple(n for n in teller.view.nodes if n.name != "n3"))
    assert ids(teller.see(view)) == ["LHA002"]
    assert teller.faults == {}


def test_a_move_is_over_when_the_lost_node_is_back() -> None:
    view = cluster()
    teller = Teller(view)
    assert ids(teller.hear("resource-started", "db", "n2", "n3-lost-1-1")) == ["LHA020"]
    assert teller.see(node_is(view, "n3", "lost")) == []
    (over,) = teller.see(view)
    assert (over.values["MessageID"], over.values["ProbableCause"]) == ("LHA019", 59)
    assert over.values["CorrelatedIndications"] == ("beatkeeper:1",)
    assert over.values["CorrelationId"] == "n3-lost-1-1"
    assert teller.faults == {}


def test_a_move_is_not_over_while_the_failure_stands() -> None:
    view = cluster()
    failed = (InstanceView("n1", "failed", fail_count=1), InstanceView("n2", "started"))
    teller = Teller(primitive_is(view, "db", instances=failed))
    assert ids(teller.hear("resource-failed", "db", "n1")) == ["LHA016"]
    assert ids(teller.hear("resource-started", "db", "n2", "db-failed-1-1")) == ["LHA020"]
    assert teller.see(replace(teller.view, revision=teller.view.revision + 1)) == []
    assert ids(teller.see(primitive_is(view, "db", instances=failed[1:]))) == ["LHA019"]


def test_a_failure_of_what_is_stopped_as_wanted_is_over_once_it_is_forgotten() -> None:
    failed = (InstanceView("n2", "stopped", fail_count=1),)
    down = primitive_is(
        cluster(), "db", state="stopped", target_role="stopped", instances=failed, nodes=()
    )
    teller = Teller(cluster())
    assert ids(teller.hear("resource-failed", "db", "n2", "db-failed-1-1")) == ["LHA016"]
    assert "LHA019" not in ids(teller.see(down)), "its failure is remembered"
    restarting = primitive_is(cluster(), "db", state="stopped", instances=(), nodes=())
    assert "LHA019" not in ids(teller.see(restarting)), "it is wanted, and may be on its way"
    cleaned = primitive_is(down, "db", instances=())
    (over,) = [a for a in teller.see(cleaned) if a.values["MessageID"] == "LHA019"]
    assert over.values["CorrelatedIndications"] == ("beatkeeper:1",)
    assert over.values["CorrelationId"] == "db-failed-1-1"
    assert teller.faults == {}


def test_a_node_that_is_heard_late_is_an_alarm_until_it_is_in_time() -> None:
    view = cluster()
    teller = Teller(view)
    assert ids(teller.see(node_is(view, "n2", "suspect"))) == ["LHA004"]
    (over,) = teller.see(view)
    assert (over.values["MessageID"], over.values["ProbableCause"]) == ("LHA004", 59)
    assert over.values["PerceivedSeverity"] == 2
    assert over.values["CorrelatedIndications"] == ("beatkeeper:1",)
    assert teller.faults == {}


def test_a_node_that_joins_is_not_heard_late() -> None:
    lost = node_is(cluster(), "n2", "lost")
    teller = Teller(lost)
    assert teller.see(node_is(lost, "n2", "suspect")) == []
    assert teller.see(cluster()) == []
    known = tuple(n for n in cluster().facts.nodes if n.name != "n2")
    joining = replace(cluster().facts, nodes=(*known, NodeFacts("n2", is_joining=True)))
    assert teller.see(replace(node_is(cluster(), "n2", "suspect"), facts=joining)) == []


def test_a_complete_reserve_is_told_only_after_a_lack() -> None:
    teller = Teller(cluster())
    none, full, less = ({"RedundancyStatus": n, "ResourceId": "db"} for n in (0, 2, 3))
    assert teller.redundancy(Difference(set_ref("db"), none, full)) == []
    assert ids(teller.redundancy(Difference(set_ref("db"), full, less))) == ["LHA023"]
    assert ids(teller.redundancy(Difference(set_ref("db"), less, full))) == ["LHA024"]


def test_what_a_loss_takes_from_the_reserve_belongs_to_it() -> None:
    teller = Teller(cluster())
    teller.hear("node-lost", "n3", "n1", "n3-lost-1-1")
    change = Difference(nodes_ref(), {"RedundancyStatus": 2}, {"RedundancyStatus": 3})
    (less,) = teller.redundancy(change)
    assert less.values["CorrelationId"] == "n3-lost-1-1"


def test_a_clear_belongs_to_what_it_clears() -> None:
    raised = judge({}, Fault("x"), "LHA016", "a", "first")
    cleared = judge(raised.faults, Fault("x", clears=True), "LHA019", "b", "other")
    assert cleared.incident == "first"


def level_with(**changes: object) -> Level:
    """Return the level of the sample's group with its second member changed."""
    view = primitive_is(cluster(), "server", **changes)
    return level_of(next(each for each in tops(World(view, IDENTITY)) if each.view.id == "web"))


def test_a_member_that_was_stopped_on_request_is_no_lack_of_reserve() -> None:
    stopped = level_with(state="stopped", nodes=(), instances=(), target_role="stopped")
    assert stopped == level_with()
    failed = level_with(state="failed", nodes=(), instances=(), target_role="stopped")
    assert failed.status == 5
    unasked = level_with(state="stopped", nodes=(), instances=())
    assert unasked.status == 5


def test_a_lack_of_reserve_names_the_resource_and_the_reason() -> None:
    teller = Teller(cluster())
    full, less = (
        dict[str, Value]({"RedundancyStatus": n, "ResourceId": "db", "RedundancyDescription": why})
        for n, why in ((2, "it can go to n1"), (4, "no other node may run it"))
    )
    (told,) = teller.redundancy(Difference(set_ref("db"), full, less))
    assert told.values["Message"] == "db has less in reserve: no other node may run it"
    assert told.values["ResourceId"] == "db"
    assert "ha why db" in str(told.values["RecommendedActions"])
    wanted: dict[str, Value] = {
        **less,
        "RedundancyStatus": 0,
        "RedundancyDescription": NOTHING_TO_KEEP,
    }
    (over,) = teller.redundancy(Difference(set_ref("db"), less, wanted))
    assert (over.values["MessageID"], over.values["ProbableCause"]) == ("LHA024", 59)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("db was ended: the lease ran out", ""),
        ("db was stopped in 12 ms", "this node has lost the cluster"),
    ],
)
def test_what_ends_with_the_contact_to_the_cluster_is_a_warning_until_it_runs_again(
    text: str, why: str
) -> None:
    teller = Teller(primitive_is(cluster(), "db", state="stopped", nodes=(), instances=()))
    (ended,) = teller.hear("resource-stopped", "db", "n2", text=text, why=why)
    assert (ended.values["MessageID"], ended.values["PerceivedSeverity"]) == ("LHA015", 3)
    assert ended.values["ProbableCause"] == 57
    assert "lost contact" in str(ended.values["Description"])
    (over,) = teller.hear("resource-started", "db", "n2")
    assert over.values["MessageID"] == "LHA019"
    assert over.values["CorrelatedIndications"] == ("beatkeeper:1",)
    assert teller.faults == {}


def test_what_ended_with_the_contact_and_runs_already_again_leaves_no_alarm() -> None:
    teller = Teller(cluster())
    (ended,) = teller.hear("resource-stopped", "db", "n1", text="db was ended: the lease ran out")
    assert ended.values["PerceivedSeverity"] == 3
    assert teller.faults == {}
    (asked,) = teller.hear("resource-stopped", "db", "n2", text="db was stopped in 3 ms")
    assert asked.values["PerceivedSeverity"] == 2
