"""wbemcli, whose parser is the weakest of the known clients', reads what we send."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import pywbem

from cim_provider.wbem import operations
from cim_provider.wbem.operations import Answer, Operation
from tests.cim.wbem.loopback import Loopback
from tests.cim.wbem.test_render import GROUP, node_class, sample, setting

WBEMCLI = shutil.which("wbemcli")
pytestmark = pytest.mark.skipif(WBEMCLI is None, reason="wbemcli is not installed")
TIMEOUT_S = 20
NODE = 'HA_Node.Name="n 1"'


@contextmanager
def serving(perform: Callable[[Operation], Answer]) -> Iterator[tuple[str, Loopback]]:
    """Answer operations on a free port of the loopback interface while the block runs."""
    loopback = Loopback(perform)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pairs = [(k.encode(), v.encode("latin-1")) for k, v in self.headers.items()]
            status, headers, answer = loopback.exchange(self.command, self.path, pairs, body)
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(answer)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/root/ha", loopback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(perform: Callable[[Operation], Answer], verb: str, path: str, *more: str):
    """Return what the client printed, its errors, and the operations it asked for."""
    with serving(perform) as (url, loopback):
        command = [WBEMCLI, "-nl", verb, url + path, *more]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    return done.stdout, done.stderr, loopback.operations


def readable() -> pywbem.CIMInstance:
    """Return the sample without an array of embedded instances, which wbemcli cannot read."""
    item = sample()
    del item.properties["Inners"]
    return item


def test_instance_of_every_kind_of_property_is_read():
    out, err, asked = run(lambda _operation: operations.Instances((readable(),)), "gi", f":{NODE}")
    assert not err
    assert isinstance(asked[0], operations.GetInstance)
    for line in ("-Yes=TRUE", "-Counts=1,2", "-Number6=18446744073709551615", '-Empty=""'):
        assert line in out


@pytest.mark.parametrize(
    ("verb", "path"), [("ei", ":HA_Node"), ("ai", f":{NODE}"), ("ri", f":{NODE}")]
)
def test_enumerated_and_associated_instances_are_read(verb, path):
    out, err, _ = run(lambda _operation: operations.Instances((readable(),) * 2), verb, path)
    assert not err
    assert out.count("-Yes=TRUE") == 2
    assert "root/ha:HA_Slot" in out


@pytest.mark.parametrize(
    ("verb", "path"), [("ein", ":HA_Node"), ("ain", f":{NODE}"), ("rin", f":{NODE}")]
)
def test_names_are_read(verb, path):
    node = pywbem.CIMInstanceName("HA_Node", {"Name": "n 1", "N": 3}, namespace="root/ha")
    out, err, _ = run(lambda _operation: operations.Paths((node, GROUP)), verb, path)
    assert not err
    assert 'root/ha:HA_Node.Name="n 1",N=3' in out


def test_association_instance_with_references_is_read():
    member = pywbem.CIMInstanceName(
        "HA_Member", {"Group": GROUP, "Member": GROUP}, namespace="root/ha"
    )
    out, err, _ = run(lambda _operation: operations.Paths((member,)), "ein", ":HA_Member")
    assert not err
    assert "HA_Member.Group=" in out


def test_classes_are_read():
    out, err, _ = run(lambda _operation: operations.Classes((node_class(),)), "gc", ":HA_Slot")
    assert not err
    assert "HA_Slot" in out
    out, err, _ = run(lambda _operation: operations.ClassNames(("HA_A", "HA_B")), "ecn", "")
    assert not err
    assert "HA_B" in out


def test_empty_answers_are_read():
    for verb, path, answer in (
        ("ei", ":HA_Node", operations.Instances(())),
        ("ein", ":HA_Node", operations.Paths(())),
        ("ai", f":{NODE}", operations.Instances(())),
    ):
        assert run(lambda _operation, answer=answer: answer, verb, path)[:2] == ("", "")


def test_error_is_told_with_its_text():
    def refuse(_operation: Operation) -> Answer:
        raise pywbem.CIMError(6, "no node 'n 1' & none other")

    _, err, _ = run(refuse, "gi", f":{NODE}")
    assert "CIM_ERR_NOT_FOUND" in err
    assert "no node" in err


def test_method_is_called_and_its_result_read():
    def perform(operation: Operation) -> Answer:
        if isinstance(operation, operations.InvokeMethod):
            outputs = (
                ("Job", "reference", GROUP),
                ("Note", "string", "done"),
                ("None", "string", None),
            )
            return operations.MethodResult(pywbem.Uint32(0), outputs)
        return operations.Classes((callable_class(),))

    out, err, asked = run(perform, "cm", f":{NODE}", "SetStandby.Standby=true")
    assert not err
    assert asked[-1].method == "SetStandby"
    assert "SetStandby: 0\n" in out
    assert "Note (string): done\n" in out
    assert "Job (reference): root/ha:HA_Group.Id=" in out


def callable_class() -> pywbem.CIMClass:
    """Return the class that the client wants before it calls a method."""
    key = pywbem.CIMProperty("Name", None, "string", qualifiers=[pywbem.CIMQualifier("Key", True)])
    standby = pywbem.CIMParameter(
        "Standby", "boolean", qualifiers=[pywbem.CIMQualifier("In", True)]
    )
    method = pywbem.CIMMethod("SetStandby", "uint32", [standby])
    return pywbem.CIMClass("HA_Node", properties=[key], methods=[method])


def test_embedded_instance_is_shown():
    item = pywbem.CIMInstance("C", {"Inner": setting("x")}, path=GROUP)
    out, err, _ = run(lambda _operation: operations.Instances((item,)), "gi", f":{NODE}")
    assert not err
    assert "HA_Setting" in out
