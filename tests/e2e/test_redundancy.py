"""Redundancy and services of a real cluster, asked and used by pywbem and wbemcli."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import pywbem

from tests.cim.indications.rig import listening
from tests.cim.indications.test_cluster import connection, wait
from tests.cim.indications.test_redundancy import STANDING, changes
from tests.e2e.laboratory import Laboratory, all_run, laboratory, moved_from, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WBEMCLI = shutil.which("wbemcli")
MODEL = "root/cimv2"
DEGRADED, LOST, FULL = 3, 4, 2


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("redundancy") / "lab", "--nodes", "3") as made:
        yield made


def set_of(resource: str) -> pywbem.CIMInstanceName:
    keys = {"InstanceID": f"LinuxHA:set:rsc:{resource}"}
    return pywbem.CIMInstanceName("HA_ResourceRedundancySet", keys, namespace=MODEL)


def node(name: str) -> pywbem.CIMInstanceName:
    keys = {"CreationClassName": "HA_ClusterNode", "Name": name}
    return pywbem.CIMInstanceName("HA_ClusterNode", keys, namespace=MODEL)


NODES = pywbem.CIMInstanceName(
    "HA_NodeRedundancySet", {"InstanceID": "LinuxHA:set:nodes"}, namespace=MODEL
)


def names(client: pywbem.WBEMConnection, wanted: pywbem.CIMInstanceName, link: str) -> set[str]:
    return {str(path["Name"]) for path in client.AssociatorNames(wanted, AssocClass=link)} - {
        "LinuxHACluster"
    }


def top_level(lab: Laboratory) -> str:
    """Return a resource that is a service of its own, in a group or not."""
    client = connection(lab, "n2")
    return str(client.EnumerateInstanceNames("HA_ResourceService")[0]["Name"])


def status(client: pywbem.WBEMConnection, wanted: pywbem.CIMInstanceName) -> int:
    return int(client.GetInstance(wanted)["RedundancyStatus"])


def settled(lab: Laboratory, is_so: Callable[[], bool]) -> None:
    """Wait until the WBEM server of a node shows what its cluster has become."""
    wait(is_so, 30)
    assert is_so()


def test_failover_moves_a_resource_and_then_all_of_a_node(lab: Laboratory) -> None:
    client, resource = connection(lab, "n2"), top_level(lab)
    wanted = set_of(resource)
    (here,) = names(client, wanted, "HA_MemberOfRedundancySet")
    spares = names(client, wanted, "HA_IsSpare")
    assert spares == {"n1", "n2", "n3"} - {here}
    assert status(client, wanted) == FULL
    there = min(spares)
    code, outputs = client.InvokeMethod(
        "Failover", wanted, FailoverFrom=node(here), FailoverTo=node(there)
    )
    assert (code, dict(outputs)) == (0, {})
    assert names(client, wanted, "HA_MemberOfRedundancySet") == {there}
    assert here in names(client, wanted, "HA_IsSpare"), "the source is a spare now"
    assert client.InvokeMethod("Failover", wanted, FailoverFrom=node(here))[0] == 4
    assert client.InvokeMethod("Failover", wanted, FailoverFrom=node(there))[0] == 0
    assert names(client, wanted, "HA_MemberOfRedundancySet") != {there}
    (now,) = names(client, wanted, "HA_MemberOfRedundancySet")
    assert client.InvokeMethod("Failover", NODES, FailoverFrom=node(now))[0] == 0
    left = client.GetInstance(node(now))
    assert list(left["RunningResources"]) == []
    assert left["OperationalStatus"] == [2], "it stays online"


def test_banned_node_is_no_spare(lab: Laboratory) -> None:
    client, resource = connection(lab, "n3"), top_level(lab)
    wanted = set_of(resource)
    (here,) = names(client, wanted, "HA_MemberOfRedundancySet")
    others = sorted({"n1", "n2", "n3"} - {here})
    for banned in others:
        run("--root", str(lab.root("n3")), "resource", "ban", resource, "--node", banned)
    settled(lab, lambda: status(client, wanted) == LOST)
    assert names(client, wanted, "HA_IsSpare") == set()
    with pytest.raises(pywbem.CIMError, match="no node can take"):
        client.InvokeMethod("Failover", wanted, FailoverFrom=node(here))
    run("--root", str(lab.root("n3")), "resource", "clear", resource)
    settled(lab, lambda: status(client, wanted) == FULL)
    assert names(client, wanted, "HA_IsSpare") == set(others)


def test_service_is_stopped_and_started_by_its_own_verbs(lab: Laboratory) -> None:
    client, resource = connection(lab, "n1"), top_level(lab)
    path = next(
        each
        for each in client.EnumerateInstanceNames("CIM_Service")
        if each.classname == "HA_ResourceService" and each["Name"] == resource
    )
    assert client.InvokeMethod("StopService", path)[0] == 0
    stopped = client.GetInstance(path)
    assert (stopped["Started"], stopped["EnabledState"]) == (False, 3)
    assert status(client, set_of(resource)) == 0
    assert client.InvokeMethod("StartService", path)[0] == 0
    assert client.GetInstance(path)["Started"] is True


@pytest.mark.skipif(WBEMCLI is None, reason="wbemcli is not installed")
@pytest.mark.parametrize("name", ["CIM_RedundancySet", "CIM_Service", "CIM_Collection"])
def test_wbemcli_walks_sets_and_services(lab: Laboratory, name: str) -> None:
    where = lab.value["wbem"][0]
    base = where["http"].replace("://", f"://{where['user']}:{where['password']}@")

    def asked(*words: str) -> str:
        assert WBEMCLI is not None
        done = subprocess.run([WBEMCLI, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Exception" not in done.stdout
        return done.stdout

    listed = asked("-nl", "ei", f"{base}/{MODEL}:{name}")
    assert "HA_" in listed
    for line in asked("-nl", "ein", f"{base}/{MODEL}:{name}").splitlines():
        path = line.partition("/")[2]
        assert asked("-nl", "gi", f"{base}/{path}")
        assert "HA_Cluster." in asked("-nl", "ain", f"{base}/{path}", "-ac", "CIM_HostedDependency")


def test_console_is_told_of_the_loss_and_the_return_of_redundancy(lab: Laboratory) -> None:
    client = connection(lab, "n2")
    manager = pywbem.WBEMSubscriptionManager("redundancy")
    with listening() as listener:
        server = manager.add_server(pywbem.WBEMServer(client))
        destination = manager.add_destination(server, listener.url, owned=True, destination_id="r")
        chosen = manager.add_filter(
            server, [MODEL], STANDING, owned=True, filter_id="r", query_language="WQL"
        )
        manager.add_subscriptions(server, chosen.path, destination.path)
        lab.told("kill", "n1")
        lab.becomes("n2", lambda snapshot: moved_from("n1", snapshot))
        # Between two coordinators there is no quorum: that may be told, too.
        wait(lambda: [new for name, _, new in changes(listener) if name == "nodes"][-1:] == [LOST])
        assert status(client, NODES) == LOST
        lab.told("restart", "n1")
        lab.becomes("n2", all_run)
        wait(lambda: [new for name, _, new in changes(listener) if name == "nodes"][-1:] == [FULL])
        told = [(old, new) for name, old, new in changes(listener) if name == "nodes"]
        assert told[0][0] == FULL
        assert all(one[1] == other[0] for one, other in pairwise(told))
        manager.remove_all_servers()
