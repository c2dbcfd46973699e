"""Alerts of the cluster: which, once each, and what clears them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pywbem

from cim_provider.engine import EngineState, InstanceView
from cim_provider.engines.memory import MemoryEngine
from tests.cim.indications.rig import Node, free_port, listening, run, until
from tests.cim.mapping.views import cluster

ALL = (
    "SELECT * FROM LinuxHA_Indication WHERE MessageID <> 'LHA034'"
    " AND MessageID <> 'LHA023' AND MessageID <> 'LHA024'"
)


def told(
    tmp_path: Path,
    count: int,
    work: Callable[[MemoryEngine], None],
    query: str = ALL,
) -> list[pywbem.CIMInstance]:
    """Return the alerts that follow from what is done to the cluster."""
    got: list[pywbem.CIMInstance] = []

    async def whole() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, query)
            work(engine)
            engine.happened("node-left", "n3", "the end of the test", number=0)
            await listener.wait(count + 1)
            got.extend(listener.got)
        await node.stop()

    run(whole)
    assert got[-1]["Message"] == "the end of the test"
    return got[:-1]


def ids(alerts: list[pywbem.CIMInstance]) -> list[str]:
    """Return the messages of alerts."""
    return [str(each["MessageID"]) for each in alerts]


def test_a_lost_node_is_told_once_and_cleared_once(tmp_path: Path) -> None:
    def work(engine: MemoryEngine) -> None:
        engine.happened("node-lost", "n2", "n2 is lost: no answer", incident="n2-lost-1-7")
        engine.happened("node-lost", "n2", "n2 is lost: no answer", incident="n2-lost-1-7")
        engine.happened("node-joined", "n2", "n2 is online", why="it has reported")
        engine.happened("node-joined", "n2", "n2 is online", why="it has reported")

    lost, back, again = told(tmp_path, 3, work)
    assert (lost["MessageID"], lost["AlertType"], lost["PerceivedSeverity"]) == ("LHA003", 2, 6)
    assert (lost["ProbableCause"], lost["NodeName"]) == (72, "n2")
    assert lost["CorrelationId"] == "n2-lost-1-7"
    assert lost["RecommendedActions"]
    assert lost["AlertingManagedElement"].startswith("root/cimv2:HA_ClusterNode.")
    assert (back["MessageID"], back["ProbableCause"], back["PerceivedSeverity"]) == (
        "LHA001",
        59,
        2,
    )
    assert back["CorrelatedIndications"] == [lost["IndicationIdentifier"]]
    assert back["EventID"] == lost["EventID"]
    assert (back["OldState"], back["NewState"]) == ("lost", "online")
    assert (again["MessageID"], again["ProbableCause"]) == ("LHA001", 1)
    assert again.get("CorrelatedIndications") is None


def test_what_happened_before_the_first_subscription_is_not_told(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        engine.happened("node-lost", "n2", "long ago")
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.happened("node-lost", "n3", "just now")
            await listener.wait(1)
            assert [each["Message"] for each in listener.got] == ["just now"]
        await node.stop()

    run(work)


def test_every_failover_is_told_however_many_there_are(tmp_path: Path) -> None:
    def work(engine: MemoryEngine) -> None:
        for count in range(3):
            lost, other = ("n1", "n2") if count % 2 == 0 else ("n2", "n1")
            incident = f"{lost}-lost-{count}-9"
            engine.happened(
                "resource-started", "web", "web was started", node=other, incident=incident
            )

    alerts = told(tmp_path, 3, work)
    assert ids(alerts) == ["LHA020"] * 3
    assert [each["Message"] for each in alerts] == [
        "web has moved from n1 to n2",
        "web has moved from n2 to n1",
        "web has moved from n1 to n2",
    ]
    assert [each["OldState"] for each in alerts] == ["n1", "n2", "n1"]
    assert {each["ResourceId"] for each in alerts} == {"web"}


def test_a_failure_is_told_once_for_each_level_and_cleared_where_it_was(tmp_path: Path) -> None:
    blocked = "stop of web failed with exit code 1: no"
    failed = "monitor of web failed with exit code 7: not running"
    slow = "monitor of web failed with exit code 1: time limit exceeded after 20 ms: no output"

    def work(engine: MemoryEngine) -> None:
        engine.happened("resource-failed", "web", failed, node="n1")
        engine.happened("resource-failed", "web", failed, node="n1")
        engine.happened("resource-stopped", "web", "web was stopped", node="n1")
        engine.happened("resource-blocked", "web", blocked, node="n1")
        engine.happened("resource-started", "web", "web was started", node="n1")
        engine.happened("resource-failed", "web", slow, node="n1")
        engine.happened(
            "resource-started", "web", "web was started", node="n2", incident="web-failed-1"
        )
        engine.happened("resource-stopped", "web", "web was stopped", node="n2")
        engine.happened("resource-started", "web", "web was started", node="n2")

    alerts = told(tmp_path, 7, work)
    assert ids(alerts) == ["LHA016", "LHA018", "LHA019", "LHA017", "LHA020", "LHA015", "LHA014"]
    first, worse, recovered = alerts[:3]
    assert (first["OperationName"], first["ReturnCode"], first["NodeName"]) == ("monitor", 7, "n1")
    assert recovered["CorrelatedIndications"] == [
        first["IndicationIdentifier"],
        worse["IndicationIdentifier"],
    ]
    assert len({each["EventID"] for each in alerts[:3]}) == 1


def test_a_link_is_down_until_nobody_says_so_any_more(tmp_path: Path) -> None:
    def work(engine: MemoryEngine) -> None:
        engine.happened("link-down", "red", "nothing is heard from n2 over link red", node="n1")
        engine.happened("link-down", "red", "nothing is heard from n1 over link red", node="n2")
        engine.happened("link-up", "red", "n2 is heard over link red again", node="n1")
        engine.happened("link-up", "red", "n1 is heard over link red again", node="n2")
        engine.happened("link-up", "red", "link red works, but not steadily", node="n2")

    down, up = told(tmp_path, 2, work)
    assert (down["MessageID"], up["MessageID"]) == ("LHA010", "LHA011")
    assert up["NodeName"] == "n2"
    assert up["CorrelatedIndications"] == [down["IndicationIdentifier"]]


def test_what_operators_do_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.change_node("n1", state="standby")
            await listener.wait(1)
            engine.change_node("n1", state="maintenance")
            await listener.wait(3)
            engine.change_node("n1", state="online")
            await listener.wait(4)
            engine.become(maintenance=True)
            await listener.wait(5)
            engine.become(maintenance=False)
            await listener.wait(6)
            engine.change_primitive("db", managed=False)
            await listener.wait(7)
            engine.change_primitive("db", managed=True)
            await listener.wait(8)
            engine.change_node("n1", state="suspect")
            await listener.wait(9)
        await node.stop()
        known = ids(listener.got)
        assert known[0] == "LHA025"
        assert sorted(known[1:3]) == ["LHA026", "LHA027"]
        assert known[3:] == ["LHA028", "LHA027", "LHA028", "LHA029", "LHA030", "LHA004"]
        assert (listener.got[0]["OldState"], listener.got[0]["NewState"]) == ("online", "standby")

    run(work)


def test_a_resource_without_a_place_or_with_too_many_is_told_and_cleared(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.become(unplaced=(("db", "all nodes are in standby"),))
            await listener.wait(1)
            engine.become(unplaced=())
            await listener.wait(2)
            both = (InstanceView("n1", "started"), InstanceView("n2", "started"))
            engine.change_primitive("db", instances=both)
            await listener.wait(3)
            engine.change_primitive("db", instances=both[:1])
            await listener.wait(4)
        await node.stop()
        assert ids(listener.got) == ["LHA021", "LHA019", "LHA022", "LHA019"]
        assert "all nodes are in standby" in listener.got[0]["Message"]
        for raised, cleared in ((0, 1), (2, 3)):
            known = listener.got[raised]["IndicationIdentifier"]
            assert listener.got[cleared]["CorrelatedIndications"] == [known]

    run(work)


def test_old_listeners_hear_of_any_change_once_a_second(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        query = "SELECT * FROM LinuxHA_Indication WHERE Type = 4"
        with listening() as listener:
            await node.subscribe(listener.url, query)
            engine.become(revision=cluster().revision + 1)
            await listener.wait(1)
            engine.become(revision=cluster().revision + 2)
            engine.change_node("n2", state="lost")
            await listener.wait(2)
        await node.stop()
        first, second = listener.got
        for each in (first, second):
            assert each.classname == "HA_Indication"
            assert each["Message"] == "Got an indication: evt:cib_changed"
            assert (each["MessageID"], each["AlertType"]) == ("LHA034", 7)
        assert first["Revision"] == 1
        known = cluster().revision
        assert (first["OldState"], first["NewState"]) == (
            f"revision {known}",
            f"revision {known + 1}",
        )
        assert f"the configuration is revision {known + 1}, by " in first["Description"]
        assert second["Revision"] >= 1
        apart = second["IndicationTime"].datetime - first["IndicationTime"].datetime
        assert apart.total_seconds() > 0.9

    run(work)


def test_a_successor_goes_on_in_the_journal_where_the_other_ended(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        nodes = [Node(engine, tmp_path, "n1"), Node(engine, tmp_path, "n2")]
        with listening() as listener:
            await nodes[0].subscribe(listener.url, ALL)
            engine.happened("node-lost", "n3", "first")
            await listener.wait(1)
            nodes[0].freeze()
            engine.happened("node-joined", "n3", "second")
            engine.change_node("n1", state="lost")
            await until(lambda: any(each["Message"] == "second" for each in listener.got))
            # Numbered anew by a coordinator that had not got it: the same event of its node.
            engine.happened("node-joined", "n3", "second, numbered anew", number=2)
            engine.happened("node-left", "n3", "third", number=3)
            await until(lambda: any(each["Message"] == "third" for each in listener.got))
        for node in nodes:
            await node.stop()
        got = listener.distinct()
        assert [each["Message"] for each in got] == ["first", "second", "third"]
        assert got[1]["CorrelatedIndications"] == [got[0]["IndicationIdentifier"]]

    run(work)


def test_a_successor_tells_what_only_its_own_node_had_got(tmp_path: Path) -> None:
    """Numbered by a coordinator that was deposed before it told the node that delivered."""

    async def work() -> None:
        first, second = MemoryEngine(cluster()), MemoryEngine(cluster())
        nodes = [Node(first, tmp_path, "n1"), Node(second, tmp_path, "n2")]
        with listening() as listener:
            await nodes[0].subscribe(listener.url, ALL)
            first.happened("configuration-changed", "2", source="n1 1", number=1)
            first.happened("node-lost", "n2", "of both", source="n1 1", number=2)
            await listener.wait(1)
            nodes[0].freeze()
            second.happened("node-lost", "n3", "of one", source="n3 1", number=1)
            second.happened("node-lost", "n2", "of both", source="n1 1", number=2)
            second.change_node("n1", state="lost")
            await until(lambda: any(each["Message"] == "of one" for each in listener.got))
            second.happened("node-lost", "n3", "numbered anew", source="n3 1", number=1)
            second.happened("node-left", "n3", "the end", source="n3 1", number=2)
            await until(lambda: any(each["Message"] == "the end" for each in listener.got))
        for node in nodes:
            await node.stop()
        got = [each["Message"] for each in listener.distinct()]
        assert [text for text in got if text != "n1 is lost"] == ["of both", "of one", "the end"]

    run(work)


def test_events_that_a_node_had_to_drop_are_counted(tmp_path: Path) -> None:
    def work(engine: MemoryEngine) -> None:
        engine.happened("node-lost", "n2", "n2 is lost", number=4)
        engine.happened("node-joined", "n2", "n2 is back", number=9)

    alerts = told(tmp_path, 3, work)
    assert ids(alerts) == ["LHA003", "LHA041", "LHA001"]
    assert alerts[1]["MessageArguments"] == ["4", "n1"]


def test_the_end_of_the_cluster_service_is_told_at_once_and_its_return_as_well(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.become(engine=EngineState.STOPPED)
            await listener.wait_raw(1)
            engine.become(engine=EngineState.RUNNING)
            await listener.wait_raw(2)
        await node.stop()
        gone, back = listener.got
        assert (gone["MessageID"], gone["Type"]) == ("LHA039", 0)
        assert gone["Message"] == "Heartbeat disconnected"
        assert gone.get("SequenceNumber") is None
        assert (back["MessageID"], back["ProbableCause"]) == ("LHA040", 59)
        assert back["CorrelatedIndications"] == [gone["IndicationIdentifier"]]
        assert back["EventID"] == gone["EventID"]
        assert back["SequenceNumber"] == 0

    run(work)


def test_the_requested_end_of_the_cluster_service_is_no_critical_alarm(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            known = engine.now.facts
            leaving = replace(known, cluster=replace(known.cluster, is_local_leaving=True))
            engine.become(facts=leaving)
            engine.become(engine=EngineState.STOPPED)
            await listener.wait_raw(1)
        await node.stop()
        (gone,) = listener.got
        assert (gone["MessageID"], gone["Message"]) == ("LHA039", "Heartbeat disconnected")
        assert (gone["PerceivedSeverity"], gone["ProbableCause"]) == (2, 128)
        assert "on request" in gone["Description"]

    run(work)


def test_a_lost_quorum_is_told_by_one_server_at_once_and_again_where_it_was_not_taken(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        engine = MemoryEngine(replace(cluster(), votes=3, votes_needed=2))
        nodes = [Node(engine, tmp_path, "n1"), Node(engine, tmp_path, "n2")]
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with listening() as first:
            await nodes[0].subscribe(first.url, ALL, "first")
            await nodes[0].subscribe(url, ALL, "second")
            engine.become(quorate=False, votes=1)
            await first.wait_raw(1)
            with listening(port) as second:
                engine.become(quorate=True, votes=2)
                await first.wait_raw(3)
                await second.wait_raw(2)
        for node in nodes:
            await node.stop()
        assert ids(first.got) == ["LHA007", "LHA007", "LHA008"]
        assert ids(second.got)[-2:] == ["LHA007", "LHA008"]
        assert len({each["IndicationIdentifier"] for each in first.got[:2]}) == 1

    run(work)


def test_a_stranger_on_a_link_is_told_once_until_it_is_gone(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        stranger = (("10.9.9.9", "link red: wrong key"),)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.become(refused_hosts=stranger)
            await listener.wait(1)
            engine.become(refused_hosts=(*stranger, ("10.9.9.8", "link red: wrong key")))
            await listener.wait(2)
        await node.stop()
        assert ids(listener.got) == ["LHA036", "LHA036"]
        assert [each["MessageArguments"][0] for each in listener.got] == ["10.9.9.9", "10.9.9.8"]
        assert (listener.got[0]["AlertType"], listener.got[0]["ProbableCause"]) == (8, 117)

    run(work)
