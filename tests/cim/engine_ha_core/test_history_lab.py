"""What has happened in a real cluster of three nodes, read over WBEM with pywbem and wbemcli."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import pywbem
import yaml

from tests.cim.indications.rig import MODEL, until
from tests.e2e.laboratory import Laboratory, laboratory, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WBEMCLI = shutil.which("wbemcli")
LOG = 'HA_EventLog.InstanceID="LinuxHA:log:events"'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("history") / "lab", "--nodes", "3") as made:
        yield made


def server(lab: Laboratory, node: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in lab.value["wbem"] if each["node"] == node)
    return found


def connection(lab: Laboratory, node: str = "n1") -> pywbem.WBEMConnection:
    where = server(lab, node)
    user = (where["user"], where["password"])
    return pywbem.WBEMConnection(where["http"], user, default_namespace=MODEL, timeout=20)


def eventually(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition, 60))


def kinds(client: pywbem.WBEMConnection) -> list[str]:
    return [each["Kind"] for each in client.IterEnumerateInstances("HA_EventLogEntry")]


def apply(lab: Laboratory, change: Callable[[dict[str, Any]], None], reason: str) -> None:
    """Change the configuration as an administrator does: with a file."""
    root = str(lab.root("n1"))
    value = yaml.safe_load(run("--root", root, "export").stdout)
    change(value)
    file = lab.directory.parent / "wanted.yaml"
    file.write_text(yaml.safe_dump(value), encoding="utf-8")
    done = run("--root", root, "apply", str(file), "--reason", reason)
    assert not done.returncode or "accepted" in done.stderr, done.stdout + done.stderr


def test_log_has_the_events_of_ha_events_in_their_order(lab: Laboratory) -> None:
    client = connection(lab)
    told = [str(each["kind"]) for each in lab.events("n1")]
    assert told
    eventually(lambda: kinds(client)[: len(told)] == told)
    (log,) = client.EnumerateInstances("CIM_RecordLog")
    assert log["CurrentNumberOfRecords"] >= len(told)
    profiles = client.EnumerateInstances("CIM_RegisteredProfile", namespace="interop")
    assert "Record Log" in {each["RegisteredName"] for each in profiles}


def test_links_of_all_nodes_are_up_and_each_node_speaks_for_itself(lab: Laboratory) -> None:
    client = connection(lab)

    def is_told() -> bool:
        found = client.EnumerateInstances("HA_HeartbeatLink")
        assert {each["NodeName"] for each in found} == {"n1", "n2", "n3"}
        return all(
            (each["LinkState"], each["ReportedBy"]) == (2, each["NodeName"]) for each in found
        )

    eventually(is_told)
    node = pywbem.CIMInstanceName(
        "HA_ClusterNode", {"CreationClassName": "HA_ClusterNode", "Name": "n2"}, namespace=MODEL
    )
    assert {each["NodeName"] for each in client.Associators(node, AssocClass="HA_HostedLink")} == {
        "n2"
    }


def test_results_of_all_nodes_are_known_on_each(lab: Laboratory) -> None:
    client = connection(lab, "n2")

    def results() -> list[pywbem.CIMInstance]:
        found: list[pywbem.CIMInstance] = client.EnumerateInstances("HA_OperationResult")
        return found

    eventually(lambda: {each["NodeName"] for each in results()} == {"n1", "n2", "n3"})
    started = [each for each in results() if each["Operation"] == "start"]
    assert started
    assert all(each["Status"] == 2 and each["LastRun"] is not None for each in started)
    (resource,) = client.Associators(started[0].path, AssocClass="HA_ResultOfResource")
    assert resource["Id"] == started[0]["ResourceId"]


def test_apply_makes_a_revision_that_says_who_why_and_what(lab: Laboratory) -> None:
    def change(value: dict[str, Any]) -> None:
        first = next(iter(value["resources"].values()))
        first["description"] = "slowly, to be seen"

    apply(lab, change, "said to be slow")
    clients = [connection(lab, node) for node in ("n1", "n3")]

    def newest(client: pywbem.WBEMConnection) -> pywbem.CIMInstance:
        found = client.EnumerateInstances("HA_ConfigurationRevision")
        return next(each for each in found if each["IsCurrent"])

    def is_told(client: pywbem.WBEMConnection) -> bool:
        return bool(newest(client)["Reason"] == "said to be slow")

    for client in clients:
        eventually(partial(is_told, client))
        revision = newest(client)
        assert "slowly, to be seen" in revision["DiffText"]
        assert revision["Author"]
        assert revision["Time"] is not None


def test_failing_agent_leaves_its_result_and_deleting_it_cleans_up(lab: Laboratory) -> None:
    def change(value: dict[str, Any]) -> None:
        value["resources"]["broken"] = {
            "agent": "process",
            "parameters": {"command": "/bin/false"},
        }

    apply(lab, change, "a program that fails")
    client = connection(lab, "n2")

    def failed() -> list[pywbem.CIMInstance]:
        found = client.EnumerateInstances("HA_OperationResult")
        return [each for each in found if each["ResourceId"] == "broken" and each["Status"] == 3]

    eventually(lambda: bool(failed()))
    result = failed()[0]
    assert result["ReturnCode"] != result["ExpectedReturnCode"]
    assert result["ExitReason"]
    eventually(
        lambda: any(
            each["MessageID"] == "LHA016" and each["Subject"] == "broken"
            for each in client.EnumerateInstances("HA_EventLogEntry")
        )
    )
    client.DeleteInstance(result.path)

    def remove(value: dict[str, Any]) -> None:
        del value["resources"]["broken"]

    apply(lab, remove, "enough of it")
    eventually(lambda: not failed())


def test_killed_node_is_in_the_log_and_nothing_is_known_of_its_links(lab: Laboratory) -> None:
    client = connection(lab)
    lab.told("kill", "n3")

    def lost() -> list[pywbem.CIMInstance]:
        found = client.EnumerateInstances("HA_EventLogEntry")
        return [each for each in found if each["MessageID"] == "LHA003" and each["Subject"] == "n3"]

    def states(node: str) -> set[int]:
        found = client.EnumerateInstances("HA_HeartbeatLink")
        return {int(each["LinkState"]) for each in found if each["NodeName"] == node}

    eventually(lambda: bool(lost()))
    assert lost()[-1]["PerceivedSeverity"] == 6
    eventually(lambda: states("n3") == {0} and states("n1") == states("n2") == {2})
    lab.told("restart", "n3")
    eventually(lambda: states("n3") == {2})
    lab.mend()


@pytest.mark.skipif(WBEMCLI is None, reason="wbemcli (sblim-wbemcli) is not installed")
def test_wbemcli_reads_the_log_and_clears_it_for_all_nodes(lab: Laboratory) -> None:
    assert WBEMCLI is not None
    where = server(lab, "n2")
    base = where["http"].replace("http://", f"http://{where['user']}:{where['password']}@")

    def wbemcli(*words: str) -> str:
        done = subprocess.run(
            [str(WBEMCLI), "-nl", *words], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    log = f"{base}/{MODEL}:{LOG}"
    assert "node-lost" in wbemcli("ei", f"{base}/{MODEL}:HA_EventLogEntry")
    assert "-OverwritePolicy=2" in wbemcli("gi", log)
    assert "HA_ClusterNode" in wbemcli("ain", "-ac", "HA_HostedLink", _first(wbemcli, base))
    before = len(lab.events("n1"))
    wbemcli("cm", log, "ClearLog")
    client = connection(lab, "n1")
    eventually(lambda: "node-lost" not in kinds(client))
    assert len(lab.events("n1")) >= before, "no event was destroyed"


def _first(wbemcli: Callable[..., str], base: str) -> str:
    name = wbemcli("ein", f"{base}/{MODEL}:HA_HeartbeatLink").splitlines()[0]
    return f"{base}/{name.partition('/')[2]}"


def test_after_a_planned_move_everything_can_be_enumerated(lab: Laboratory) -> None:
    """Getting ready for the start is no operation with a result."""
    client = connection(lab)
    (group,) = (
        each for each in client.EnumerateInstances("HA_ResourceGroup") if each["Id"] == "site"
    )
    target = next(name for name in ("n2", "n3") if name not in (group["RunningNodes"] or ()))
    done = run("--root", str(lab.root("n1")), "resource", "move", "site", "--to", target)
    assert not done.returncode, done.stdout + done.stderr

    def is_started_there() -> bool:
        found = client.EnumerateInstances("HA_OperationResult")
        assert not {"prepare", "unprepare"} & {each["Operation"] for each in found}
        starts = [each for each in found if each["Operation"] == "start"]
        return any(each["NodeName"] == target and each["ResourceId"] == "web" for each in starts)

    eventually(is_started_there)
    names = {each.classname for each in client.EnumerateInstances("CIM_ManagedElement")}
    assert {"HA_OperationResult", "HA_ClusterNode"} <= names
