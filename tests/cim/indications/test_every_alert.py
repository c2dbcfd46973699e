"""Every alert of the table, from what makes it to what a listener gets, and what clears it.

The page of indications has the same table: a test compares.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pywbem

from cim_provider.engine import EngineState, InstanceView
from cim_provider.engines.memory import MemoryEngine
from cim_provider.messages import MESSAGES
from cim_provider.server.alarms import AccessAlarms
from tests.cim.indications.rig import ALERTS, Listener, Node, listening, until
from tests.cim.mapping.views import cluster

PAGE = Path(__file__).parents[3] / "docs" / "protocols" / "indications.md"
CLEARED = 59
TESTED = {f"LHA{number:03}" for number in range(1, 42)}
SLOW = "monitor of web failed with exit code 1: time limit exceeded after 20 ms: no output"
BOTH = (InstanceView("n1", "started"), InstanceView("n2", "started"))


@dataclass
class Site:
    """A server over a cluster in memory, and whoever listens."""

    engine: MemoryEngine
    node: Node
    alarms: AccessAlarms
    listener: Listener

    def happened(self, kind: str, subject: str, text: str = "", **more: object) -> None:
        """Let the core note an event."""
        self.engine.happened(kind, subject, text or f"{subject}: {kind}", **more)


@dataclass(frozen=True)
class Case:
    """What raises an alert, what clears it, and which object it is about.

    `source`: where it comes from, as the page calls it. `severity`: where it is not the message's.
    """

    message: str
    about: str
    source: str
    begin: Callable[[Site], None]
    cleared_by: str = ""
    end: Callable[[Site], None] | None = None
    incident: str = ""
    severity: int = 0


def _event(kind: str, subject: str, text: str = "", **more: object) -> Callable[[Site], None]:
    return lambda site: site.happened(kind, subject, text, **more)


def _node_is(name: str, state: str) -> Callable[[Site], None]:
    return lambda site: site.engine.change_node(name, state=state)


def _view_is(**changes: object) -> Callable[[Site], None]:
    return lambda site: site.engine.become(**changes)


def _resource_is(name: str, **changes: object) -> Callable[[Site], None]:
    return lambda site: site.engine.change_primitive(name, **changes)


NODE, CLUSTER, RESOURCE = "HA_ClusterNode", "HA_Cluster", "HA_PrimitiveResource"
JOURNAL, FACTS, SERVER = "journal", "state", "server"
STARTED = _event("resource-started", "web", node="n1")
CASES = (
    Case(
        *("LHA003", NODE, JOURNAL),
        _event("node-lost", "n2", incident="n2-lost-1-7"),
        "LHA001",
        _event("node-joined", "n2"),
        incident="n2-lost-1-7",
    ),
    Case("LHA001", NODE, JOURNAL, _event("node-joined", "n3")),
    Case("LHA002", NODE, JOURNAL, _event("node-left", "n3")),
    Case("LHA004", NODE, FACTS, _node_is("n2", "suspect"), "LHA004", _node_is("n2", "online")),
    Case("LHA005", NODE, JOURNAL, _event("node-fenced", "n2", incident="i5"), incident="i5"),
    Case("LHA006", NODE, JOURNAL, _event("fence-gave-up", "n2", incident="i6"), incident="i6"),
    Case(
        *("LHA007", CLUSTER, SERVER),
        _view_is(quorate=False, votes=1),
        "LHA008",
        _view_is(quorate=True, votes=4),
    ),
    Case("LHA009", CLUSTER, JOURNAL, _event("coordinator-elected", "n2")),
    Case(
        *("LHA010", NODE, JOURNAL),
        _event("link-down", "red", node="n1"),
        "LHA011",
        _event("link-up", "red", node="n1"),
    ),
    Case(
        *("LHA012", NODE, JOURNAL),
        _event("connectivity-lost", "n1", "n1 reaches none of 1, not gate"),
        "LHA013",
        _event("connectivity-restored", "n1", "n1 reaches 1 of 1"),
    ),
    Case("LHA014", RESOURCE, JOURNAL, _event("resource-started", "db", node="n2")),
    Case("LHA015", RESOURCE, JOURNAL, _event("resource-stopped", "db", node="n2")),
    Case(
        *("LHA016", RESOURCE, JOURNAL),
        _event("resource-failed", "web", "monitor of web failed with exit code 7: no", node="n1"),
        "LHA019",
        STARTED,
    ),
    Case(
        *("LHA017", RESOURCE, JOURNAL),
        _event("resource-failed", "web", SLOW, node="n1"),
        "LHA019",
        STARTED,
    ),
    Case(
        *("LHA018", RESOURCE, JOURNAL),
        _event("resource-blocked", "web", "stop of web failed with exit code 1: no", node="n1"),
        "LHA019",
        STARTED,
    ),
    Case(
        *("LHA020", RESOURCE, JOURNAL),
        _event("resource-started", "db", node="n2", incident="n1-lost-1-9"),
        "LHA019",
        _view_is(primitives=tuple(each for each in cluster().primitives if each.id != "db")),
        incident="n1-lost-1-9",
    ),
    Case(
        *("LHA021", RESOURCE, FACTS),
        _view_is(unplaced=(("ip", "all nodes are in standby"),)),
        "LHA019",
        _view_is(unplaced=()),
    ),
    Case(
        *("LHA022", RESOURCE, FACTS),
        _resource_is("ip", instances=BOTH),
        "LHA019",
        _resource_is("ip", instances=BOTH[:1]),
    ),
    Case(
        *("LHA023", "HA_NodeRedundancySet", FACTS),
        _view_is(votes=3, votes_missing=("n3",)),
        "LHA024",
        _view_is(votes=4, votes_missing=()),
    ),
    Case("LHA025", NODE, FACTS, _node_is("n1", "standby")),
    Case("LHA026", NODE, FACTS, _node_is("n1", "online")),
    Case("LHA027", CLUSTER, FACTS, _view_is(maintenance=True)),
    Case("LHA028", CLUSTER, FACTS, _view_is(maintenance=False)),
    Case("LHA029", RESOURCE, FACTS, _resource_is("ip", managed=False)),
    Case("LHA030", RESOURCE, FACTS, _resource_is("ip", managed=True)),
    Case("LHA031", CLUSTER, JOURNAL, _event("ticket-granted", "west")),
    Case("LHA032", CLUSTER, JOURNAL, _event("ticket-lost", "west")),
    Case(
        *("LHA033", CLUSTER, JOURNAL),
        _event(
            *("fence-wanted", "n2", "n2 is to be cut off by pdu"),
            why="ticket west is not granted here, and db ran there",
            incident="i33",
        ),
        incident="i33",
    ),
    Case("LHA034", CLUSTER, FACTS, _view_is(revision=99)),
    Case(
        *("LHA035", CLUSTER, SERVER),
        lambda site: site.alarms.rejected("ann", "10.0.0.1", "no such class"),
        severity=2,
    ),
    Case("LHA036", NODE, SERVER, _view_is(refused_hosts=(("10.9.9.9", "link red: wrong key"),))),
    Case("LHA037", CLUSTER, SERVER, lambda site: site.alarms.denied("ann", "10.0.0.1", "no")),
    Case("LHA038", CLUSTER, SERVER, lambda site: site.alarms.login_failed("ann", "10.0.0.1")),
    Case(
        *("LHA039", NODE, SERVER),
        _view_is(engine=EngineState.STOPPED),
        "LHA040",
        _view_is(engine=EngineState.RUNNING),
    ),
    Case("LHA041", CLUSTER, JOURNAL, _event("coordinator-elected", "n1", number=999)),
)


async def _next(site: Site, message: str, seen: int) -> pywbem.CIMInstance:
    """Wait until an alert of that message has come behind those that were seen."""

    def found() -> list[pywbem.CIMInstance]:
        return [each for each in site.listener.got[seen:] if each["MessageID"] == message]

    await until(lambda: bool(found()))
    return found()[0]


async def _all(directory: Path) -> dict[str, tuple[pywbem.CIMInstance, ...]]:
    engine = MemoryEngine(cluster())
    node = Node(engine, directory)
    alarms = AccessAlarms(node.indications.raise_alerts, lambda: 0.0)
    got: dict[str, tuple[pywbem.CIMInstance, ...]] = {}
    with listening() as listener:
        await node.subscribe(listener.url, ALERTS)
        site = Site(engine, node, alarms, listener)
        for case in CASES:
            seen = len(listener.got)
            case.begin(site)
            begun = await _next(site, case.message, seen)
            got[case.message] = (begun,)
            if case.end is not None:
                seen = len(listener.got)
                case.end(site)
                got[case.message] = (begun, await _next(site, case.cleared_by, seen))
    await node.stop()
    return got


@pytest.fixture(scope="module")
def alerts(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[pywbem.CIMInstance, ...]]:
    return asyncio.run(_all(tmp_path_factory.mktemp("alerts")))


@pytest.mark.parametrize("case", CASES, ids=[each.message for each in CASES])
def test_alert_has_what_the_table_says_and_is_cleared_by_name(
    case: Case, alerts: dict[str, tuple[pywbem.CIMInstance, ...]]
) -> None:
    begun, *ended = alerts[case.message]
    known = MESSAGES[case.message]
    assert begun.classname == "HA_Indication"
    assert begun["AlertType"] == known.alert_type
    assert begun["PerceivedSeverity"] == (case.severity or known.severity)
    assert begun["ProbableCause"] == known.cause
    assert begun["Message"]
    assert begun["MessageArguments"]
    assert f":{case.about}" in begun["AlertingManagedElement"]
    assert begun.get("CorrelationId") == (case.incident or None)
    if known.severity > 2 and case.severity != 2:
        assert begun["RecommendedActions"], "who is to act is told how"
    for over in ended:
        assert over["ProbableCause"] == CLEARED
        assert over["PerceivedSeverity"] == 2
        assert over["EventID"] == begun["EventID"]
        assert begun["IndicationIdentifier"] in over["CorrelatedIndications"]
        assert over.get("CorrelationId") == (case.incident or None)


def test_every_message_of_the_table_is_tried() -> None:
    tried = {each.message for each in CASES} | {each.cleared_by for each in CASES}
    assert tried - {""} == TESTED


def line_of(case: Case) -> str:
    """Return the line of a case on the page."""
    known, severity = MESSAGES[case.message], case.severity or MESSAGES[case.message].severity
    return (
        f"| {case.message} | {known.meaning} | {known.alert_type} | {severity} |"
        f" {known.cause} | {case.source} | {case.cleared_by or '-'} |"
    )


def test_page_has_every_alert_as_it_is_told() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [line_of(each) for each in CASES if line_of(each) not in page]
    assert not missing, "\n".join(missing)
