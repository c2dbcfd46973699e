"""A real cluster is told what to do by pywbem and wbemcli, and its jobs outlive their server."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pywbem
import yaml

from ha_core.lab import processes
from tests.cim.indications.test_cluster import connection, wait
from tests.e2e.laboratory import Laboratory, laboratory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WBEMCLI = shutil.which("wbemcli")
SERVICE = "HA_ClusterControlService"
ENDED = (7, 8, 9, 10)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("control") / "lab", "--nodes", "3") as made:
        yield made


def service(client: pywbem.WBEMConnection) -> pywbem.CIMInstanceName:
    (found,) = client.EnumerateInstanceNames(SERVICE)
    return found


def ended(client: pywbem.WBEMConnection, name: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    """Follow a job to its end."""

    def is_over() -> bool:
        known = [str(each["InstanceID"]) for each in client.EnumerateInstanceNames(name.classname)]
        return str(name["InstanceID"]) in known and client.GetInstance(name)["JobState"] in ENDED

    wait(is_over, 60)
    return client.GetInstance(name)


def test_job_is_seen_to_its_end_by_another_server_than_the_one_that_began_it(
    lab: Laboratory,
) -> None:
    first, other = connection(lab, "n1"), connection(lab, "n2")
    _, given = first.InvokeMethod("ExportConfiguration", service(first))
    wanted = yaml.safe_load(given["Text"])
    wanted["resources"]["late"] = {"agent": "process", "parameters": {"command": "/bin/false"}}
    text = yaml.safe_dump(wanted, sort_keys=False)
    code, plan = first.InvokeMethod("Preview", service(first), Text=text)
    assert (code, "+ resource late" in plan["Plan"]) == (0, True)
    assert json.loads(plan["Result"])["moves"]
    code, outputs = first.InvokeMethod("Apply", service(first), Text=text, Reason="try")
    assert code == 4096, outputs
    server = json.loads((lab.root("n1") / "run" / "cimd.json").read_text())
    os.kill(int(server["pid"]), signal.SIGKILL)
    job = ended(other, outputs["Job"])
    assert (job["JobState"], job["Owner"], job["Name"]) == (10, "lab", "apply LinuxHACluster")
    assert "late is failed" in job["ErrorDescription"]
    (result,) = other.Associators(outputs["Job"], AssocClass="HA_AssociatedJobMethodResult")
    call = result["PreCallIndication"]
    assert (call["MethodName"], call["MethodParameters"]["Reason"]) == ("Apply", "try")
    assert call["MethodParameters"]["Text"] == f"({len(text)} characters)"
    assert call["SourceInstance"].classname == SERVICE
    assert result["PostCallIndication"]["ReturnValue"] == "4"
    _, told = other.InvokeMethod("GetError", outputs["Job"])
    assert (told["Error"].classname, told["Error"]["CIMStatusCode"]) == ("CIM_Error", 1)
    code, outputs = other.InvokeMethod("UndoRevision", service(other))
    assert code in (0, 4096)


@pytest.mark.skipif(WBEMCLI is None, reason="wbemcli is not installed")
def test_wbemcli_bans_explains_and_previews_with_plain_parameters(lab: Laboratory) -> None:
    where = next(each for each in lab.value["wbem"] if each["node"] == "n3")
    base = f"http://{where['user']}:{where['password']}@{where['http'].partition('//')[2]}"
    client = connection(lab, "n3")

    def call(target: pywbem.CIMInstanceName, words: str) -> str:
        keys = ",".join(f'{name}="{value}"' for name, value in target.keybindings.items())
        url = f"{base}/root/cimv2:{target.classname}.{keys}"
        assert WBEMCLI is not None
        done = subprocess.run(
            [WBEMCLI, "cm", url, words], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    group = client.EnumerateInstanceNames("HA_ResourceGroup")[0]
    assert "Ban: 32772, Message (string): there is no node 'n9'" in call(group, "Ban.NodeName=n9")
    assert "Unban: 5" in call(group, "Unban.NodeName=n2")
    assert "because" in call(group, "Explain")
    assert "placement:" in call(service(client), "Simulate.Operation=lost,Target=n1")
    assert "is valid" in call(service(client), "Verify")


def test_machine_is_invited_and_the_service_of_a_node_ended_and_started_by_its_daemon(
    lab: Laboratory,
) -> None:
    other, here = connection(lab, "n2"), connection(lab, "n3")
    code, outputs = here.InvokeMethod("Invite", service(here), Minutes=pywbem.Uint32(5))
    assert (code, str(outputs["Token"]).startswith("bk1-")) == (0, True)
    log = lab.root("n3") / "lib" / "had.log"
    assert "'lab' has an invitation made by" in log.read_text()
    keys = {"CreationClassName": "HA_ClusterNode", "Name": "n3"}
    n3 = pywbem.CIMInstanceName("HA_ClusterNode", keys, namespace="root/cimv2")
    state = pywbem.Uint16(3)
    code, outputs = here.InvokeMethod("RequestStateChange", n3, RequestedState=state)
    assert code in (0, 4096), outputs
    if code == 4096:
        assert ended(other, outputs["Job"])["JobState"] == 7
    assert "'lab' has the daemon ended by" in log.read_text()
    wait(lambda: other.GetInstance(n3)["EnabledState"] == 3, 60)
    cluster = here.EnumerateInstanceNames("HA_Cluster")[0]
    state = pywbem.Uint16(2)
    code, outputs = here.InvokeMethod("RequestStateChange", cluster, RequestedState=state)
    assert code == 0, outputs
    wait(lambda: other.GetInstance(n3)["EnabledState"] == 2, 60)


def test_cluster_service_that_is_still_ending_is_started_when_it_has_ended(lab: Laboratory) -> None:
    here, again, other = connection(lab, "n3"), connection(lab, "n3"), connection(lab, "n2")
    keys = {"CreationClassName": "HA_ClusterNode", "Name": "n3"}
    n3 = pywbem.CIMInstanceName("HA_ClusterNode", keys, namespace="root/cimv2")
    cluster = here.EnumerateInstanceNames("HA_Cluster")[0]
    _, given = other.InvokeMethod("ExportConfiguration", service(other))
    wanted = yaml.safe_load(given["Text"])
    command = """/bin/sh -c 'trap "sleep 2; exit" TERM; while :; do sleep 0.1; done'"""
    slow = {"agent": "process", "parameters": {"command": command}, "only_on": ["n3"]}
    wanted["resources"]["slow"] = slow
    text = yaml.safe_dump(wanted, sort_keys=False)
    assert other.InvokeMethod("Apply", service(other), Text=text, Reason="try")[0] in (0, 4096)
    wait(lambda: "resource:slow" in roles(lab))
    log, ends = lab.root("n3") / "lib" / "had.log", "asked to stop: draining"
    before, old = log.read_text().count(ends), daemons(lab.root("n3"))

    def ask(client: pywbem.WBEMConnection, state: int) -> int:
        wanted = pywbem.Uint16(state)
        return int(client.InvokeMethod("RequestStateChange", cluster, RequestedState=wanted)[0])

    with ThreadPoolExecutor(1) as beside:
        ending = beside.submit(ask, here, 3)
        wait(lambda: log.read_text().count(ends) > before)
        assert ask(again, 2) in (0, 4096)
        assert ending.result() in (0, 4096)
    wait(lambda: bool(daemons(lab.root("n3")) - old))
    wait(lambda: other.GetInstance(n3)["EnabledState"] == 2)


def roles(lab: Laboratory) -> set[str]:
    """Return what processes n3 has."""
    return {item.role for item in processes.of(lab.root("n3"))}


def daemons(root: Path) -> set[int]:
    """Return the processes that are daemons of this node."""
    return {item.pid for item in processes.of(root) if item.role == "had"}
