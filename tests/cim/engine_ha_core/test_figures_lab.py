"""Figures of a real cluster of three nodes, read over WBEM with pywbem and wbemcli."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import pywbem

from tests.cim.indications.rig import MODEL, until
from tests.e2e.laboratory import Laboratory, laboratory, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WBEMCLI = shutil.which("wbemcli")
NODES = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("figures") / "lab", "--nodes", "3") as made:
        yield made


def server(lab: Laboratory, node: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in lab.value["wbem"] if each["node"] == node)
    return found


def connection(lab: Laboratory, node: str) -> pywbem.WBEMConnection:
    where = server(lab, node)
    user = (where["user"], where["password"])
    return pywbem.WBEMConnection(where["http"], user, default_namespace=MODEL, timeout=20)


def living(lab: Laboratory) -> str:
    """Return a node whose daemon answers: one of them is killed on the way."""
    asked = (node for node in NODES if not run("--root", str(lab.root(node)), "status").returncode)
    return next(asked)


def eventually(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition, 60))


def one(client: pywbem.WBEMConnection, class_name: str, local: str) -> pywbem.CIMInstance:
    keys = {"InstanceID": f"LinuxHA:stat:{local}"}
    return client.GetInstance(pywbem.CIMInstanceName(class_name, keys, namespace=MODEL))


def has_moved_once(client: pywbem.WBEMConnection) -> bool:
    return bool(one(client, "HA_ResourceStatistics", "rsc:web")["Moves"] == 1)


def test_every_node_tells_its_own_figures_to_every_server(lab: Laboratory) -> None:
    for node in NODES:
        client = connection(lab, node)

        def are_told(client: pywbem.WBEMConnection = client) -> bool:
            found = client.EnumerateInstances("HA_NodeStatistics")
            return all(each["HeartbeatsReceived"] for each in found) and len(found) == len(NODES)

        eventually(are_told)
        versions = {each["SoftwareVersion"] for each in client.EnumerateInstances("HA_ClusterNode")}
        assert len(versions) == 1
        assert None not in versions


def test_figures_go_on_and_make_no_new_version_of_nodes(lab: Laboratory) -> None:
    client = connection(lab, "n2")
    before = one(client, "HA_NodeStatistics", "node:n1")
    nodes = client.EnumerateInstances("HA_ClusterNode")
    eventually(
        lambda: (
            one(client, "HA_NodeStatistics", "node:n1")["HeartbeatsSent"] > before["HeartbeatsSent"]
        )
    )
    assert client.EnumerateInstances("HA_ClusterNode") == nodes


def test_links_are_timed_and_transitions_counted(lab: Laboratory) -> None:
    client = connection(lab, "n1")

    def is_timed() -> bool:
        links = client.EnumerateInstances("HA_HeartbeatLink")
        return all(each["RoundTripMicroseconds"] for each in links) and len(links) == 2 * len(NODES)

    eventually(is_timed)
    late = [each["LateHeartbeats"] for each in client.EnumerateInstances("HA_HeartbeatLink")]
    assert None not in late
    counts = one(client, "HA_ClusterStatistics", "cluster:LinuxHACluster")
    assert counts["Transitions"] >= 1, "the resources were started"
    assert counts["QuorumLosses"] is not None


def test_process_of_a_resource_is_measured_where_it_runs(lab: Laboratory) -> None:
    client = connection(lab, "n3")

    def values() -> dict[str, Any]:
        (web,) = [
            each
            for each in client.EnumerateInstances("HA_ResourceInstance")
            if each["ResourceId"] == "web"
        ]
        found = client.Associators(web.path, AssocClass="HA_MetricForME")
        texts = {each["MetricDefinitionId"]: each["MetricValue"] for each in found}
        return {**texts, "pid": web["ProcessId"]}

    eventually(lambda: bool(values()["pid"]))
    found = values()
    assert int(found["LinuxHA:metric:Memory"]) > 1_000_000
    assert int(found["LinuxHA:metric:Processes"]) >= 1
    assert float(found["LinuxHA:metric:ProcessorTime"]) >= 0


def test_failover_is_counted_alike_by_all_servers_that_live(lab: Laboratory) -> None:
    client = connection(lab, "n2")
    (hosted,) = [
        each for each in client.EnumerateInstances("HA_PrimitiveResource") if each["Id"] == "web"
    ]
    victim = hosted["HostingNode"]
    killed = run("lab", "kill", victim, "--dir", str(lab.directory))
    assert not killed.returncode, killed.stderr
    living = [node for node in NODES if node != victim]
    for node in living:
        other = connection(lab, node)
        eventually(partial(has_moved_once, other))
        counts = one(other, "HA_ClusterStatistics", "cluster:LinuxHACluster")
        assert counts["FailoverCount"] == 1
        assert counts["LastFailoverMilliseconds"] > 0


def test_agents_describe_themselves(lab: Laboratory) -> None:
    client = connection(lab, living(lab))
    eventually(lambda: bool(client.EnumerateInstances("HA_ResourceAgent")))
    names = {each["Name"] for each in client.EnumerateInstances("HA_ResourceAgent")}
    assert {"process", "address"} <= names


@pytest.mark.skipif(WBEMCLI is None, reason="wbemcli is not installed (sblim-wbemcli)")
def test_wbemcli_reads_figures_and_sets_counters_back(lab: Laboratory) -> None:
    assert WBEMCLI is not None
    alive = living(lab)
    where = server(lab, alive)
    base = where["http"].replace("http://", f"http://{where['user']}:{where['password']}@")
    path = f"{base}/{MODEL}:HA_NodeStatistics.InstanceID=LinuxHA:stat:node:{alive}"
    argument = 'ResetSelectedStats.SelectedStatistics="HeartbeatsSent","HeartbeatsReceived"'
    done = subprocess.run(
        [WBEMCLI, "cm", path, argument], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.strip().endswith("ResetSelectedStats: 0"), done.stdout + done.stderr
    read = subprocess.run(
        [WBEMCLI, "-nl", "gi", path], capture_output=True, text=True, check=False, timeout=30
    )
    assert re.search(r"^-HeartbeatsLost=\d+$", read.stdout, re.MULTILINE), read.stdout
    assert "-UptimeSeconds=" in read.stdout
