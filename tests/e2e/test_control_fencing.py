"""A cluster with a power switch is cut off, told and switched over WBEM, by pywbem and wbemcli."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import pywbem

from ha_core.lab import processes
from tests.cim.indications.test_cluster import connection, wait
from tests.e2e.laboratory import HA, Laboratory, laboratory, traces
from tests.e2e.power import LOG, SWITCH, starter, switched
from tests.e2e.test_control import ended, service

STATEFUL = Path("/usr/lib/ocf/resource.d/pacemaker/Stateful")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not STATEFUL.exists(), reason="pacemaker-resource-agents is missing"),
]
WBEMCLI = shutil.which("wbemcli")
MODEL = "root/cimv2"
PROMOTED = 5
DONE = 3
CONFIGURATION = """
cluster: fenced
options: {{dead_after: 3s, fencing_grace: 60s}}
links: {{ring0: }}
nodes:
  n1: {{addresses: {{ring0: 127.0.1.1}}}}
  n2: {{addresses: {{ring0: 127.0.1.2}}}}
  n3: {{addresses: {{ring0: 127.0.1.3}}}}
resources:
  db:
    agent: ocf:pacemaker:Stateful
    promotable: {{max: 1}}
    clone: {{id: dbs}}
    accept_risk: a test
  site:
    agent: ocf:heartbeat:Dummy
    needs_ticket: {{site-a: {{loss: stop}}}}
fence_devices:
  switch:
    agent: fence:{switch}
    parameters: {{lab: {lab}, ha: {ha}, log: {log}}}
    targets: [n1, n2, n3]
    timeouts: {{off: 5s, on: 60s}}
    settle: 1s
"""


def configured(directory: Path) -> Path:
    """Write the configuration of a lab whose nodes a switch can cut off."""
    file = directory / "configuration.yaml"
    log, ha = directory / LOG, starter(directory)
    file.write_text(CONFIGURATION.format(switch=SWITCH, lab=directory / "lab", ha=ha, log=log))
    return file


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    directory = tmp_path_factory.mktemp("power")
    file = configured(directory)
    with laboratory(directory / "lab", "--config", str(file)) as made:
        yield made


def node(name: str) -> pywbem.CIMInstanceName:
    keys = {"CreationClassName": "HA_ClusterNode", "Name": name}
    return pywbem.CIMInstanceName("HA_ClusterNode", keys, namespace=MODEL)


def named(class_name: str, name: str) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(class_name, {"Id": name}, namespace=MODEL)


def wbemcli(lab: Laboratory, target: pywbem.CIMInstanceName, words: str) -> str:
    """Call a method by wbemcli and return what it prints."""
    where = next(each for each in lab.value["wbem"] if each["node"] == "n1")
    base = f"http://{where['user']}:{where['password']}@{where['http'].partition('//')[2]}"
    keys = ",".join(f'{name}="{value}"' for name, value in target.keybindings.items())
    url = f"{base}/root/cimv2:{target.classname}.{keys}"
    assert WBEMCLI is not None
    done = subprocess.run(
        [WBEMCLI, "cm", url, words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def status(client: pywbem.WBEMConnection, name: str) -> str:
    return str(client.GetInstance(named("HA_PrimitiveResource", name))["ResourceStatus"])


@pytest.mark.skipif(WBEMCLI is None, reason="wbemcli is not installed")
def test_ticket_is_granted_left_standing_by_and_revoked_by_wbemcli(lab: Laboratory) -> None:
    client, ticket = connection(lab, "n2"), named("HA_Ticket", "site-a")
    assert "Grant: 5, Message (string): Reason is not given" in wbemcli(lab, ticket, "Grant")
    for words, expected in (
        ("Grant.Reason=the other site is down", "running"),
        ("RequestStateChange.RequestedState=6", "not running"),
        ("RequestStateChange.RequestedState=2", "running"),
        ("Revoke.Reason=it is back", "not running"),
    ):
        told = wbemcli(lab, ticket, words)
        assert f"{words.partition('.')[0]}: 0" in told, told
        wait(partial(is_status, client, expected))


def promoted(client: pywbem.WBEMConnection) -> int:
    found = client.EnumerateInstances("HA_ResourceInstance", LocalOnly=False)
    return sum(each["Role"] == PROMOTED for each in found)


def is_status(client: pywbem.WBEMConnection, wanted: str) -> bool:
    return bool(status(client, "site") == wanted)


def are_promoted(client: pywbem.WBEMConnection, wanted: int) -> bool:
    return promoted(client) == wanted


def test_clone_is_demoted_and_promoted(lab: Laboratory) -> None:
    client, dbs = connection(lab, "n1"), named("HA_MasterSlaveResource", "dbs")
    wait(lambda: promoted(client) == 1)
    for method, count in (("Demote", 0), ("Promote", 1)):
        code, outputs = client.InvokeMethod(method, dbs)
        if code == 4096:
            assert ended(connection(lab, "n2"), outputs["Job"])["JobState"] == 7
        wait(partial(are_promoted, client, count))


def test_clone_is_promoted_on_the_node_that_is_named_for_as_long_as_is_said(
    lab: Laboratory,
) -> None:
    client, dbs = connection(lab, "n1"), named("HA_MasterSlaveResource", "dbs")
    wait(lambda: promoted(client) == 1)
    (home,) = client.GetInstance(dbs)["PromotedNodes"]
    target = next(each for each in ("n1", "n2", "n3") if each != home)
    for method, where, wanted in (("Promote", target, True), ("Demote", target, False)):
        code, outputs = client.InvokeMethod(
            method, dbs, NodeName=where, Lifetime=pywbem.Uint32(600)
        )
        if code == 4096:
            assert ended(connection(lab, "n2"), outputs["Job"])["JobState"] == 7
            code = 0
        assert code == 0, outputs
        wait(partial(is_promoted_on, client, where, wanted))
    held = client.EnumerateInstances("HA_LocationConstraint", LocalOnly=False)
    assert [(e["NodeName"], e["Expires"] is not None) for e in held] == [(target, True)]
    assert client.InvokeMethod("ClearMove", dbs)[0] in (0, 4096)


def is_promoted_on(client: pywbem.WBEMConnection, where: str, wanted: bool) -> bool:
    found = client.GetInstance(named("HA_MasterSlaveResource", "dbs"))["PromotedNodes"] or []
    return (where in found) is wanted and (wanted or len(found) == 1)


def test_node_is_cut_off_for_good_or_comes_back_and_devices_are_rehearsed(lab: Laboratory) -> None:
    client = connection(lab, "n1")
    code, outputs = client.InvokeMethod("TestFencing", service(client))
    assert (code, str(outputs["Incident"]).startswith("fence-rehearsal")) == (0, True)
    code, outputs = client.InvokeMethod("TestFencing", service(client), Subject="n9")
    assert (code, outputs["Message"]) == (5, "'n9' is neither a node nor a fence device")
    assert switched(lab) == []
    code, outputs = client.InvokeMethod("Fence", node("n3"), Action="on")
    assert (code, outputs["Message"]) == (
        4097,
        "n3 is online: only a node that is off is switched on",
    )
    fenced(client, "n3", "reboot")
    assert switched(lab)[0] == "off n3"
    told = client.EnumerateInstances("HA_FencingEvent")
    done = [each for each in told if (each["Target"], each["State"]) == ("n3", DONE)]
    assert [each["Delegate"] in ("n1", "n2") for each in done] == [True]
    wait(lambda: client.GetInstance(node("n3"))["Status"] == "OK")
    fenced(client, "n2", "off")
    assert "on n2" not in switched(lab)
    assert "cut off by switch" in client.GetInstance(node("n2"))["StatusDescriptions"][0]
    code, outputs = client.InvokeMethod("ConfirmDown", node("n2"))
    assert (code, "Reason is not given" in outputs["Message"]) == (5, True)
    code, outputs = client.InvokeMethod("ConfirmDown", node("n1"), Reason="I see it")
    assert code != 0, outputs
    code, outputs = client.InvokeMethod("Fence", node("n2"), Action="on", Reason="it is mended")
    if code == 4096:
        assert ended(client, outputs["Job"])["JobState"] == 7
        code = 0
    assert (code, switched(lab)[-1]) == (0, "on n2")
    wait(lambda: client.GetInstance(node("n2"))["Status"] == "OK")


def test_lab_says_that_its_own_switch_has_ended_a_server_that_was_starting(tmp_path: Path) -> None:
    file = configured(tmp_path)
    # Nothing proves of it that it has ended, and n2 alone may run it.
    ticket = "needs_ticket: {site-a: {loss: stop}}"
    assert ticket in file.read_text()
    file.write_text(file.read_text().replace(ticket, "only_on: [n2]"))
    words = ("--config", str(file), "--dead-after", "2000")
    root = tmp_path / "lab" / "n2"
    process = subprocess.Popen(
        [*HA, "lab", "up", "--dir", str(tmp_path / "lab"), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    stop("ha-cimd", root)
    begun = Laboratory(tmp_path / "lab", {"nodes": {"n1": {"root": tmp_path / "lab" / "n1"}}})
    begun.becomes("n1", lambda s: any(item.id == "site" and item.nodes for item in s.resources))
    stop("had", root)
    _, told = process.communicate(timeout=100)
    assert process.returncode == 3, told
    assert "ha-cimd of n2 did not start: it ended by signal 9 and said nothing; its own" in told
    assert "cluster ended it: n2 is to be cut off by switch, as n2 is lost and may still" in told
    assert "is this machine too busy for dead_after (2000 ms)?" in told
    assert not traces(tmp_path / "lab")


def stop(role: str, root: Path) -> None:
    """Have a daemon of a node stand still as soon as it is there."""
    found: list[processes.Process] = []

    def is_there() -> bool:
        found[:] = [item for item in processes.of(root) if item.role == role]
        return bool(found)

    wait(is_there)
    processes.send(found, signal.SIGSTOP)


def fenced(client: pywbem.WBEMConnection, name: str, action: str) -> None:
    """Cut a node off and see that done."""
    code, outputs = client.InvokeMethod("Fence", node(name), Action=action, Reason="a test")
    assert code in (0, 4096), outputs
    if code == 4096:
        assert ended(client, outputs["Job"])["JobState"] == 7
