"""The configuration written over WBEM in a lab of three nodes, by wbemcli and by pywbem.

The script is in the manner of those for Linux-HA 2.1. What is refused leaves everything as it was.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import pywbem

from tests.daemon.fleet import eventually
from tests.e2e.laboratory import Laboratory, laboratory, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
MODEL = "root/cimv2"
SCRIPT = Path(__file__).with_name("old_style.sh")
WBEMCLI = shutil.which("wbemcli")
needs_wbemcli = pytest.mark.skipif(WBEMCLI is None, reason="wbemcli (sblim-wbemcli) is missing")
KEYS = "SystemName=LinuxHACluster,SystemCreationClassName=HA_LinuxHA"
DUMMY = {"ResourceClass": "ocf", "Provider": "heartbeat", "Type": "Dummy"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("writing") / "lab", "--nodes", "3") as made:
        yield made


def where(lab: Laboratory, node: str) -> dict[str, str]:
    """Return how one node's WBEM server is reached."""
    return next(each for each in lab.value["wbem"] if each["node"] == node)


def client(lab: Laboratory, node: str = "n1") -> pywbem.WBEMConnection:
    """Return a client of one node's WBEM server."""
    found = where(lab, node)
    user = (found["user"], found["password"])
    return pywbem.WBEMConnection(found["http"], user, default_namespace=MODEL, timeout=30)


def named(class_name: str, name: str, **keys: str) -> pywbem.CIMInstanceName:
    """Return a path with the keys that tell objects apart."""
    return pywbem.CIMInstanceName(class_name, {"Id": name, **keys}, namespace=MODEL)


def there(c: pywbem.WBEMConnection, path: pywbem.CIMInstanceName) -> bool:
    """Whether a node tells of an object yet: each reads for itself what one has written."""
    try:
        c.GetInstance(path)
    except pywbem.CIMError as fault:
        if fault.status_code != pywbem.CIM_ERR_NOT_FOUND:
            raise
        return False
    return True


def exported(lab: Laboratory) -> dict[str, Any]:
    """Return the configuration as the cluster has it."""
    done = run("export", "--json", "--root", str(lab.root("n1")))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def newest(lab: Laboratory) -> dict[str, Any]:
    """Return the newest revision of the history."""
    done = run("history", "--json", "--root", str(lab.root("n1")))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)[-1]
    return found


def refused(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and sentence of a refusal."""
    with pytest.raises(pywbem.CIMError) as caught:
        call()
    return caught.value.status_code, str(caught.value.status_description)


def make(connection: pywbem.WBEMConnection, class_name: str, **values: object) -> Any:
    """Create an instance."""
    return connection.CreateInstance(pywbem.CIMInstance(class_name, values))


def old_style(lab: Laboratory, node: str) -> str:
    """Run the script and return what it prints."""
    found = where(lab, node)
    place = found["http"].removeprefix("http://")
    done = subprocess.run(
        ["bash", str(SCRIPT), found["user"], found["password"], place],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@needs_wbemcli
def test_an_old_script_runs_unchanged_and_runs_again(lab: Laboratory) -> None:
    for node in ("n1", "n2"):
        printed = old_style(lab, node)
        assert "== done" in printed
        for word in ("CIM_ERR", "Exception", "Bad key", "Undefined"):
            assert word not in printed
        assert printed.count("AddResource: 1") == 6
        assert printed.count("AddPrimitiveResource: 1") == 2
        assert printed.index('-Enabled="false"') < printed.index('-Enabled="true"')
        assert '-Value="first"' in printed
        assert "-OperationalStatus=" not in printed
    found = exported(lab)
    resources, constraints = found["resources"], found["constraints"]
    assert resources["old_one"]["parameters"] == {"fake": "second", "state": "/tmp/old_one.state"}
    assert resources["old_one"]["operations"] == {
        "stop": {"timeout": "25s"},
        "monitor": [{"interval": "20s", "timeout": "18s"}],
    }
    assert resources["old_group"]["group"] == ["old_sub_1", "old_sub_2"]
    assert resources["old_part"]["clone"] == {"id": "old_clone", "max": 2}
    assert resources["old_store"]["promotable"] is True
    assert constraints["old_order"] == {"order": "old_group", "then": "old_one"}
    assert constraints["old_place"]["rule"] == "old_group"
    assert constraints["old_place"]["value"] == "n1"
    last = newest(lab)
    assert last["author"] == "lab"
    assert "old_place" in last["reason"]


@needs_wbemcli
def test_names_that_are_listed_can_be_read_and_walked_by_wbemcli(lab: Laboratory) -> None:
    """As the old test loop did: names, each by its name, then what it is associated with."""
    found = where(lab, "n1")
    stem = f"http://{found['user']}:{found['password']}@{found['http'].removeprefix('http://')}"

    def ask(verb: str, path: str) -> str:
        words = [str(WBEMCLI), "-nl", verb, path]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False
        ).stdout.strip()

    for name in (
        *("HA_PrimitiveResource", "HA_ResourceGroup", "HA_ResourceClone"),
        *("HA_MasterSlaveResource", "HA_InstanceAttributes", "HA_Operation"),
        *("HA_OrderConstraint", "HA_ColocationConstraint", "HA_LocationConstraint"),
        *("HA_LocationConstraintRule", "HA_ClusteringService"),
    ):
        paths = ask("ein", f"{stem}/{MODEL}:{name}").split()
        assert paths, name
        for path in paths[:3]:
            local = path.partition(f"{MODEL}:")[2].replace('"', "")
            one = ask("gi", f"{stem}/{MODEL}:{local}")
            assert one, local
            for word in ("FAILED", "ERR", "Exception", "error", "*"):
                assert word not in one, (local, word)
            assert "Exception" not in ask("ain", f"{stem}/{MODEL}:{local}")


def test_a_draft_is_the_same_on_every_node_and_outlives_each_server(lab: Laboratory) -> None:
    one, other = client(lab, "n1"), client(lab, "n2")
    make(one, "HA_PrimitiveResource", Id="shown", **DUMMY)
    mine = make(one, "HA_InstanceAttributes", Id="mine", ResourceId="shown", Name="fake", Value="x")
    path = named("HA_PrimitiveResource", "shown")
    eventually("n2 tells of the draft", lambda: there(other, mine))
    for each in (one, other):
        draft = each.GetInstance(path)
        assert (draft["Enabled"], draft["InConfiguration"]) == ("false", False)
        assert list(draft["OperationalStatus"]) == [15]
        assert draft["ResourceStatus"] is None
        (attribute,) = each.AssociatorNames(path, AssocClass="HA_AttributesOfResource")
        assert attribute["Id"] == "mine"
    assert "shown" not in exported(lab)["resources"]
    for node in ("n1", "n2"):
        state = json.loads((lab.root(node) / "run" / "cimd.json").read_text())
        os.kill(int(state["pid"]), signal.SIGKILL)
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(int(state["pid"])).wait(10)
    lab.told("restart", "n1", "n2")
    assert client(lab, "n2").GetInstance(path)["Enabled"] == "false"
    third = client(lab, "n3")
    eventually("n3 tells of the draft", lambda: there(third, mine))
    service = named("HA_ClusteringService", "default_service_id")
    assert third.InvokeMethod("AddResource", service, Resource=path)[0] == 1
    assert exported(lab)["resources"]["shown"]["parameters"] == {"fake": "x"}
    third.DeleteInstance(path)
    assert refused(lambda: third.GetInstance(path))[0] == pywbem.CIM_ERR_NOT_FOUND


def test_each_kind_of_object_is_made_changed_and_ended(lab: Laboratory) -> None:
    c = client(lab)
    make(
        c, "HA_PrimitiveResource", Id="k1", InConfiguration=True, Priority=pywbem.Sint32(3), **DUMMY
    )
    make(c, "HA_PrimitiveResource", Id="k2", InConfiguration=True, **DUMMY)
    made = [
        make(c, "HA_MetaAttributes", ResourceId="k1", Name="failure-timeout", Value="2min"),
        make(c, "HA_Operation", ResourceId="k1", Name="start", Timeout="90s"),
        make(c, "HA_NodeAttributes", NodeName="n1", Name="rack", Value="r1"),
        make(c, "HA_OrderConstraint", Id="kord", From="k1", To="k2", OrderType="before"),
        make(
            c,
            "HA_ColocationConstraint",
            Id="kcol",
            Resource="k2",
            WithResource="k1",
            ScoreValue=pywbem.Sint32(-50),
        ),
        make(c, "HA_LocationConstraint", Id="kloc", Resource="k1", NodeName="n2", Score="77"),
        make(c, "HA_TicketConstraint", Id="ktic", Resource="k2", Ticket="T"),
    ]
    found = exported(lab)
    assert found["resources"]["k1"]["failure_timeout"] == "2min"
    assert found["resources"]["k1"]["priority"] == 3
    assert found["nodes"]["n1"]["attributes"] == {"rack": "r1"}
    assert found["constraints"]["kord"] == {"order": "k1", "then": "k2"}
    assert found["constraints"]["kcol"]["score"] == -50
    assert found["constraints"]["ktic"]["ticket"] == "T"
    changed = c.GetInstance(made[5])
    changed["ScoreValue"] = pywbem.Sint32(-1000000)
    c.ModifyInstance(changed)
    assert c.GetInstance(made[5])["Score"] == "-INFINITY"
    order = c.GetInstance(made[3])
    order["Kind"] = pywbem.Uint16(3)
    c.ModifyInstance(order)
    assert exported(lab)["constraints"]["kord"]["kind"] == "optional"
    option = named("HA_ClusterProperty", "stop_all")
    c.ModifyInstance(pywbem.CIMInstance("HA_ClusterProperty", {"Value": "false"}, path=option))
    for path in (*made, named("HA_PrimitiveResource", "k1"), named("HA_PrimitiveResource", "k2")):
        c.DeleteInstance(path)
    left = exported(lab)
    assert not {"kord", "kcol", "kloc", "ktic"} & set(left.get("constraints", {}))
    assert not {"k1", "k2"} & set(left["resources"])


def test_a_ticket_is_made_before_anything_needs_it_and_undone(lab: Laboratory) -> None:
    c = client(lab)
    path = make(c, "HA_Ticket", Id="west")
    made = newest(lab)
    assert made["reason"] == "ticket west made over WBEM"
    assert c.GetInstance(path)["Granted"] is False
    assert exported(lab)["tickets"] == ["west"]
    needs = make(c, "HA_PrimitiveResource", Id="w1", InConfiguration=True, **DUMMY)
    bond = make(c, "HA_TicketConstraint", Id="wtic", Resource="w1", Ticket="west")
    assert "west is needed by w1 (wtic)" in refused(lambda: c.DeleteInstance(path))[1]
    for each in (bond, needs):
        c.DeleteInstance(each)
    root = str(lab.root("n2"))
    for words, code in (
        (("grant", "west", "--reason", "it is alone"), 0),
        (("remove", "west"), 1),
        (("revoke", "west"), 0),
        (("remove", "west", "--dry-run"), 0),
        (("remove", "west"), 0),
    ):
        done = run("ticket", *words, "--root", root)
        assert done.returncode == code, (words, done.stdout, done.stderr)
    eventually("the ticket is gone", lambda: not there(c, path))
    assert run("undo", "--root", root).returncode == 0
    eventually("the ticket is back", lambda: there(c, path))
    c.DeleteInstance(path)


def test_what_is_wrong_is_refused_in_a_sentence_and_changes_nothing(lab: Laboratory) -> None:
    c = client(lab)
    make(c, "HA_PrimitiveResource", Id="w1", InConfiguration=True, **DUMMY)
    before, revision = exported(lab), newest(lab)["revision"]
    path = named("HA_PrimitiveResource", "w1")

    def change(**values: object) -> tuple[int, str]:
        instance = pywbem.CIMInstance("HA_PrimitiveResource", values, path=path)
        return refused(lambda: c.ModifyInstance(instance))

    assert change(TargetRole=pywbem.Uint16(9), Stickiness=pywbem.Sint32(5))[0] == 4
    assert change(ResourceStickiness="3", Stickiness=pywbem.Sint32(4))[0] == 4
    assert "contradict" in change(ResourceStickiness="3", Stickiness=pywbem.Sint32(4))[1]
    assert change(Nonsense="1")[0] == pywbem.CIM_ERR_NO_SUCH_PROPERTY
    assert change(Priority="1")[0] == pywbem.CIM_ERR_INVALID_PARAMETER
    assert change(EnabledState=pywbem.Uint16(3))[0] == pywbem.CIM_ERR_NOT_SUPPORTED
    assert change(BaseRevision=pywbem.Uint64(1), Description="x")[0] == pywbem.CIM_ERR_FAILED
    again = refused(lambda: make(c, "HA_PrimitiveResource", Id="w1", **DUMMY))
    assert again[0] == pywbem.CIM_ERR_ALREADY_EXISTS
    gone = named("HA_PrimitiveResource", "never")
    assert refused(lambda: c.DeleteInstance(gone))[0] == pywbem.CIM_ERR_NOT_FOUND
    bad = refused(
        lambda: make(c, "HA_OrderConstraint", Id="w9", From="w1", To="never", OrderType="after")
    )
    assert bad[0] == pywbem.CIM_ERR_INVALID_PARAMETER
    assert "'never'" in bad[1]
    other = pywbem.CIMInstanceName(
        "HA_PrimitiveResource", {"Id": "w1", "SystemName": "elsewhere"}, namespace=MODEL
    )
    service = named("HA_ClusteringService", "default_service_id")
    foreign = refused(lambda: c.InvokeMethod("AddResource", service, Resource=other))
    assert foreign[0] == pywbem.CIM_ERR_INVALID_PARAMETER
    assert exported(lab) == before
    assert newest(lab)["revision"] == revision
    c.DeleteInstance(path)


def test_changes_of_many_clients_at_once_are_all_there(lab: Laboratory) -> None:
    nodes = ("n1", "n2", "n3")
    busy = make(client(lab), "HA_PrimitiveResource", Id="busy", InConfiguration=True, **DUMMY)
    for node in nodes:
        eventually(f"{node} tells of it", partial(there, client(lab, node), busy))

    def write(number: int) -> None:
        c = client(lab, nodes[number % 3])
        name = f"p{number}"
        make(c, "HA_InstanceAttributes", ResourceId="busy", Name=name, Value=str(number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(18)))
    assert exported(lab)["resources"]["busy"]["parameters"] == {
        f"p{number}": str(number) for number in range(18)
    }


def test_a_loop_that_deletes_everything_ends_with_nothing_left(lab: Laboratory) -> None:
    c = client(lab)
    known = [
        path
        for path in c.EnumerateInstanceNames("HA_ClusterResource")
        if str(path["Id"]).startswith(("old_", "busy"))
    ]
    codes = set()
    for path in known:
        try:
            c.DeleteInstance(path)
        except pywbem.CIMError as fault:
            codes.add(fault.status_code)
    # What went with its group or clone is not there when the loop comes to it.
    assert codes <= {pywbem.CIM_ERR_NOT_FOUND}
    assert not [name for name in exported(lab)["resources"] if name.startswith(("old_", "busy"))]
    names = [path["ResourceId"] for path in c.EnumerateInstanceNames("HA_InstanceAttributes")]
    assert not [name for name in names if str(name).startswith(("old_", "busy"))]


def test_with_the_core_stopped_nothing_is_taken(lab: Laboratory) -> None:
    c = client(lab, "n3")
    layout = lab.root("n3")
    before = exported(lab)
    done = run("stop", "--root", str(layout))
    assert done.returncode == 0, done.stderr
    try:
        call = lambda: make(c, "HA_OrderConstraint", Id="s", From="site", To="downloads")  # noqa: E731
        code, text = refused(call)
        assert code == pywbem.CIM_ERR_FAILED
        assert text
        draft = refused(lambda: make(c, "HA_PrimitiveResource", Id="late", **DUMMY))
        assert draft[0] == pywbem.CIM_ERR_FAILED
    finally:
        lab.told("restart", "n3")
    assert exported(lab) == before
