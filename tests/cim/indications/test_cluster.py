"""Indications of a real cluster: subscribed at one node with pywbem, told by whichever lives.

A lab of three nodes, pywbem's subscription manager and listener. The node that
delivers is killed; what follows is told by another, with the next numbers.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pywbem

from ha_core.client import Client
from ha_core.errors import HaError
from tests.cim.indications.rig import INTEROP, MODEL, NODES_CHANGE, Listener, listening, until
from tests.e2e.laboratory import Laboratory, laboratory, moved_from, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"
PYWBEMCLI = shutil.which("pywbemcli", path=os.pathsep.join((os.environ["PATH"], str(TOOLS))))
ALERTS = "SELECT * FROM HA_Indication"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("indications") / "lab", "--nodes", "3") as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def connection(lab: Laboratory, node: str) -> pywbem.WBEMConnection:
    """Return a client of one node's WBEM server."""
    where = next(each for each in lab.value["wbem"] if each["node"] == node)
    user = (where["user"], where["password"])
    return pywbem.WBEMConnection(where["http"], user, default_namespace=MODEL, timeout=20)


def holder(lab: Laboratory) -> str:
    """Return the node that delivers, by what any node that lives has in its log."""

    async def asked(node: str) -> str:
        async with Client(lab.root(node)) as client:
            given = await client.shelf("wbem/holder")
        return str(json.loads(given.items[0].text)["node"])

    for node in lab.value["nodes"]:
        with suppress(HaError):  # a node that was killed does not answer
            return asyncio.run(asked(node))
    raise AssertionError("no node answers")


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    asyncio.run(until(condition, seconds))


def subscriptions(client: pywbem.WBEMConnection) -> set[pywbem.CIMInstanceName]:
    """Return the paths of the subscriptions as one node has them."""
    return set(client.EnumerateInstanceNames("CIM_IndicationSubscription", namespace=INTEROP))


def told(listener: Listener) -> list[tuple[str, str]]:
    """Return node and status of each change of a node, each once, in order."""
    return [
        (str(each["SourceInstance"]["Name"]), str(each["SourceInstance"]["Status"]))
        for each in listener.distinct()
    ]


def numbers(listener: Listener) -> list[int]:
    """Return the numbers of first arrivals, in order."""
    return [int(each["SequenceNumber"]) for each in listener.distinct()]


def test_the_subscription_manager_works_in_full(lab: Laboratory, listener: Listener) -> None:
    server = pywbem.WBEMServer(connection(lab, "n2"))
    with pywbem.WBEMSubscriptionManager("whole") as manager:
        where = manager.add_server(server)
        own = manager.add_destination(where, listener.url, owned=True, destination_id="d")
        chosen = manager.add_filter(
            where, [MODEL], ALERTS, "DMTF:CQL", owned=True, filter_id="alerts"
        )
        (subscription,) = manager.add_subscriptions(where, chosen.path, own.path)
        lasting = manager.add_destination(
            where, listener.url, owned=False, name="lasting", persistence_type="permanent"
        )
        named = manager.add_filter(where, [MODEL], ALERTS, "WQL", owned=False, name="named")
        (other,) = manager.add_subscriptions(where, named.path, lasting.path, owned=False)
        assert manager.get_owned_filters(where) == [chosen]
        assert manager.get_owned_destinations(where) == [own]
        assert manager.get_owned_subscriptions(where) == [subscription]
        assert len(manager.get_all_subscriptions(where)) == 2
        assert own["PersistenceType"] == 3
        both = {subscription.path, other.path}
        for node in ("n1", "n3"):
            client = connection(lab, node)
            wait(lambda asked=client: subscriptions(asked) == both)
        code, _ = connection(lab, "n1").InvokeMethod(
            "SendTestIndications", "HA_Indication", [("Count", pywbem.Uint32(25))]
        )
        assert code == 0
        wait(lambda: len(listener.distinct()) == 50)
        with pytest.raises(pywbem.CIMError) as fault:
            manager.remove_filter(where, named.path)
        assert fault.value.status_code == 1
        manager.remove_subscriptions(where, other.path)
        manager.remove_filter(where, named.path)
        manager.remove_destinations(where, lasting.path)
    client = connection(lab, "n3")
    for class_name in ("CIM_IndicationFilter", "CIM_ListenerDestination"):
        wait(lambda name=class_name: not own_names(client, name))


def own_names(client: pywbem.WBEMConnection, class_name: str) -> list[str]:
    """Return the names of a class's objects that are not always there."""
    paths = client.EnumerateInstanceNames(class_name, namespace=INTEROP)
    return [str(each["Name"]) for each in paths if not str(each["Name"]).startswith("HA:")]


def test_another_node_goes_on_when_the_one_that_delivers_is_killed(
    lab: Laboratory, listener: Listener
) -> None:
    server = pywbem.WBEMServer(connection(lab, "n1"))
    manager = pywbem.WBEMSubscriptionManager("deaths")
    where = manager.add_server(server)
    destination = manager.add_destination(where, listener.url, owned=True, destination_id="d")
    chosen = manager.add_filter(where, [MODEL], NODES_CHANGE, owned=True, filter_id="nodes")
    manager.add_subscriptions(where, chosen.path, destination.path)
    victim = holder(lab)
    lab.told("kill", victim)
    wait(lambda: (victim, "Lost Comm") in told(listener))
    assert holder(lab) != victim
    lab.told("restart", victim)
    wait(lambda: told(listener)[-1:] == [(victim, "OK")] or (victim, "OK") in told(listener))
    assert numbers(listener) == list(range(len(numbers(listener))))
    assert len({each["SequenceContext"] for each in listener.got}) == 1


def test_a_server_that_dies_alone_is_followed_by_another(
    lab: Laboratory, listener: Listener
) -> None:
    lab.mend()
    client = connection(lab, "n1")
    chosen = client.CreateInstance(filter_instance(), namespace=INTEROP)
    destination = client.CreateInstance(destination_instance(listener.url), namespace=INTEROP)
    subscription = pywbem.CIMInstance(
        "CIM_IndicationSubscription", {"Filter": chosen, "Handler": destination}
    )
    client.CreateInstance(subscription, namespace=INTEROP)
    node = holder(lab)
    other = next(each for each in lab.value["nodes"] if each != node)
    client = connection(lab, other)
    state: dict[str, Any] = json.loads((lab.root(node) / "run" / "cimd.json").read_text())
    os.kill(int(state["pid"]), signal.SIGKILL)
    # Its own daemon has seen it die, and said so: nobody has waited for a sign of life.
    wait(lambda: "its last will is done" in log_of(lab, node))
    given = [("Message", "after its death")]
    assert client.InvokeMethod("SendTestIndications", "HA_Indication", given)[0] == 0
    wait(lambda: len(listener.distinct()) == 1)
    assert holder(lab) != node
    assert listener.got[0]["Message"] == "after its death"
    assert run("status", "--root", str(lab.root(other)), "--json").returncode == 0


def log_of(lab: Laboratory, node: str) -> str:
    """Return what a node's daemon has logged."""
    return (lab.root(node) / "lib" / "had.log").read_text()


def filter_instance() -> pywbem.CIMInstance:
    """Return a filter for alerts."""
    values = {
        "Name": "dies alone",
        "Query": ALERTS,
        "QueryLanguage": "WQL",
        "SourceNamespaces": [MODEL],
    }
    return pywbem.CIMInstance("CIM_IndicationFilter", values)


def destination_instance(url: str) -> pywbem.CIMInstance:
    """Return a destination."""
    values = {"Name": "dies alone", "Destination": url}
    return pywbem.CIMInstance("CIM_ListenerDestinationCIMXML", values)


def test_subscriptions_outlive_the_whole_cluster(tmp_path: Path, listener: Listener) -> None:
    with laboratory(tmp_path / "again", "--nodes", "3") as lab:
        client = connection(lab, "n1")
        chosen = client.CreateInstance(filter_instance(), namespace=INTEROP)
        destination = client.CreateInstance(destination_instance(listener.url), namespace=INTEROP)
        subscription = pywbem.CIMInstance(
            "CIM_IndicationSubscription", {"Filter": chosen, "Handler": destination}
        )
        client.CreateInstance(subscription, namespace=INTEROP)
        listener.stop()
        given = [("Count", pywbem.Uint32(5))]
        assert client.InvokeMethod("SendTestIndications", "HA_Indication", given)[0] == 0
        for node in lab.value["nodes"]:
            lab.told("kill", node)
        with ThreadPoolExecutor(3) as hands:  # none is a member before the others are there
            assert all(hands.map(lambda node: lab.told("restart", node), lab.value["nodes"]))
        listener.start()
        wait(lambda: len(listener.distinct()) >= 5, 100)
        tests = [each for each in listener.distinct() if each["MessageID"] == "LHA000"]
        assert [str(each["Message"]) for each in tests] == [f"test {n}" for n in range(1, 6)]
        assert numbers(listener) == list(range(len(numbers(listener))))


class Servers:
    """The WBEM servers of a lab, killed and started again."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab
        self._started: list[subprocess.Popen[bytes]] = []

    def kill(self, node: str) -> None:
        """End the server of a node as a power cut would."""
        file = self._lab.root(node) / "run" / "cimd.json"
        pid = int(json.loads(file.read_text())["pid"])
        file.unlink()
        os.kill(pid, signal.SIGKILL)

    def start(self, node: str) -> None:
        """Start the server of a node; return when clients may come."""
        root = self._lab.root(node)
        command = [sys.executable, "-m", "cim_provider.server.daemon", "run", "--root", str(root)]
        with (root / "run" / "again.log").open("ab") as log:
            self._started.append(subprocess.Popen(command, stdout=log, stderr=log))
        wait(lambda: (root / "run" / "cimd.json").exists())

    def stop(self) -> None:
        """End those that were started here."""
        for process in self._started:
            process.terminate()
            process.wait(20)


def test_a_thousand_indications_of_a_real_cluster(lab: Laboratory, listener: Listener) -> None:
    lab.mend()
    servers, nodes, rng = Servers(lab), list(lab.value["nodes"]), random.Random(11)
    for node in nodes:
        if not (lab.root(node) / "run" / "cimd.json").exists():
            servers.start(node)
    client = connection(lab, "n1")
    chosen = filter_instance()
    chosen["Name"] = "thousand"
    destination = destination_instance(listener.url)
    destination["Name"] = "thousand"
    ends = [client.CreateInstance(each, namespace=INTEROP) for each in (chosen, destination)]
    values = {"Filter": ends[0], "Handler": ends[1]}
    client.CreateInstance(
        pywbem.CIMInstance("CIM_IndicationSubscription", values), namespace=INTEROP
    )
    safe: list[str] = []
    kills = 0
    for number in range(40):
        giver = rng.choice(nodes)
        texts = [f"call {number} {part}" for part in range(1, 26)]
        given = [("Count", pywbem.Uint32(25)), ("Message", f"call {number}")]
        assert (
            connection(lab, giver).InvokeMethod("SendTestIndications", "HA_Indication", given)[0]
            == 0
        )
        safe += texts
        if number % 10 == 4:
            listener.stop()
        if number % 10 == 8:
            listener.start()
        if number % 7 == 3:
            victim = holder(lab) if number % 2 else rng.choice(nodes)
            servers.kill(victim)
            servers.start(victim)
            kills += 1
    asyncio.run(listener.wait(len(safe), 120))
    servers.stop()
    got = [str(each["Message"]) for each in listener.distinct() if each["MessageID"] == "LHA000"]
    assert kills == 6
    assert got == safe
    assert numbers(listener) == list(range(len(numbers(listener))))


@pytest.mark.skipif(PYWBEMCLI is None, reason="pywbemcli (pywbemtools) is missing: make tools")
def test_pywbemcli_subscribes_with_all_its_commands(lab: Laboratory, listener: Listener) -> None:
    lab.mend()
    where = next(each for each in lab.value["wbem"] if each["node"] == "n2")

    def told(*words: str) -> str:
        """Run a command of the group that must succeed; return what it says."""
        assert PYWBEMCLI is not None
        general = ["-s", where["http"], "-u", where["user"], "-p", where["password"], "-o", "plain"]
        done = subprocess.run(
            [PYWBEMCLI, *general, "subscription", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    told("add-destination", "bench7", "-l", listener.url, "--permanent")
    more = ("-q", ALERTS, "--query-language", "DMTF:CQL", "--source-namespaces", MODEL)
    told("add-filter", "bench7", *more, "--permanent")
    told("add-subscription", "bench7", "bench7", "--permanent")
    for listing in ("list", "list-destinations", "list-filters", "list-subscriptions"):
        assert "bench7" in told(listing) or listing == "list"
    given = [("Message", "by hand")]
    assert connection(lab, "n3").InvokeMethod("SendTestIndications", "HA_Indication", given)[0] == 0
    wait(lambda: [str(each["Message"]) for each in listener.distinct()] == ["by hand"])
    told("remove-subscription", "bench7", "bench7")
    told("remove-filter", "bench7", "--permanent")
    told("remove-destination", "bench7", "--permanent")
    assert "bench7" not in told("list-filters")


def alert_subscription(client: pywbem.WBEMConnection, url: str, name: str) -> None:
    """Subscribe to all alerts but the one that says no more than that something changed."""
    query = "SELECT * FROM HA_Indication WHERE MessageID <> 'LHA034'"
    chosen = filter_instance()
    chosen["Name"], chosen["Query"] = name, query
    destination = destination_instance(url)
    destination["Name"] = name
    ends = [client.CreateInstance(each, namespace=INTEROP) for each in (chosen, destination)]
    values = {"Filter": ends[0], "Handler": ends[1]}
    made = pywbem.CIMInstance("CIM_IndicationSubscription", values)
    client.CreateInstance(made, namespace=INTEROP)


def messages(listener: Listener) -> list[str]:
    """Return the messages of what came, each once."""
    return [str(each["MessageID"]) for each in listener.distinct()]


def test_failovers_are_told_once_and_in_order_whoever_dies(
    tmp_path: Path, listener: Listener
) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "3") as lab:
        node = next(iter(lab.value["nodes"]))
        alert_subscription(connection(lab, node), listener.url, "failovers")
        since = max(event["seq"] for event in lab.events(node))
        for number in range(4):
            victim = holder(lab)
            if number == 2:
                listener.stop()
            lost = messages(listener).count("LHA003")
            lab.told("kill", victim)
            other = next(each for each in lab.value["nodes"] if each != victim)
            lab.becomes(other, lambda seen, gone=victim: moved_from(gone, seen))
            if number == 2:
                listener.start()
            wait(lambda before=lost: messages(listener).count("LHA003") == before + 1)
            lab.told("restart", victim)
            lab.mend()
        events = [each for each in lab.events(node) if each["seq"] > since]
        for kind, message in (("node-lost", "LHA003"), ("node-joined", "LHA001")):
            wanted = [each["subject"] for each in events if each["kind"] == kind]
            wait(lambda name=message, all_=wanted: messages(listener).count(name) >= len(all_))
            got = [i["NodeName"] for i in listener.distinct() if i["MessageID"] == message]
            assert got == wanted
        assert numbers(listener) == list(range(len(numbers(listener))))
        names = [each["IndicationIdentifier"] for each in listener.distinct()]
        assert len(set(names)) == len(names)


def test_the_end_of_a_nodes_service_is_told_at_once_by_its_own_server(
    tmp_path: Path, listener: Listener
) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "1") as lab:
        alert_subscription(connection(lab, "n1"), listener.url, "service")
        alert_subscription(connection(lab, "n1"), "file://linuxha_indication.log", "file")
        file = lab.root("n1") / "lib" / "cimd" / "listeners" / "linuxha_indication.log"
        assert run("stop", "--root", str(lab.root("n1"))).returncode == 0
        wait(lambda: "LHA039" in [each["MessageID"] for each in listener.got])
        wait(lambda: file.exists() and "Heartbeat disconnected" in file.read_text())
        gone = next(each for each in listener.got if each["MessageID"] == "LHA039")
        assert gone["Message"] == "Heartbeat disconnected"
        assert gone.get("SequenceNumber") is None
        assert gone["PerceivedSeverity"] == 2, "it was stopped on request"
        assert run("start", "--root", str(lab.root("n1"))).returncode == 0
        wait(lambda: "LHA040" in [each["MessageID"] for each in listener.got])
        back = next(each for each in listener.got if each["MessageID"] == "LHA040")
        assert back["CorrelatedIndications"] == [gone["IndicationIdentifier"]]
