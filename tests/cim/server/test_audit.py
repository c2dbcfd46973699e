"""What is recorded of a write, what is left out, and where it is kept."""

import asyncio
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pywbem

from cim_provider.engines.ha_core_secrecy import HIDDEN
from cim_provider.server.audit import AuditFile, guarded, older, read_lines
from cim_provider.server.auth import Identity
from cim_provider.server.roles import Role
from cim_provider.wbem import operations
from cim_provider.wbem.operations import Answer, Operation

ANN = Identity("ann", Role.ADMINISTER, "192.0.2.7")
BOB = Identity("bob", Role.VIEW, "192.0.2.8")
PATH = pywbem.CIMInstanceName("HA_Group", {"Id": "shop"}, "node1", "root/cimv2")
STOP = operations.InvokeMethod(
    "root/cimv2",
    PATH,
    "RequestStateChange",
    (("RequestedState", pywbem.Uint16(3)), ("Password", "geheim"), ("TimeoutPeriod", None)),
)


class Kept:
    """Keeps entries in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []

    async def record(self, entry: dict[str, object]) -> None:
        """See `Audit`."""
        json.dumps(entry)
        self.entries.append(entry)


def carried_out(
    operation: Operation, identity: Identity = ANN, answer: Answer | BaseException | None = None
) -> list[dict[str, object]]:
    """Carry out an operation with that answer; return what was recorded."""
    kept = Kept()

    async def perform() -> Answer:
        if isinstance(answer, BaseException):
            raise answer
        return answer or operations.Nothing()

    async def run() -> None:
        await guarded(operation, identity, kept, perform)

    try:
        asyncio.run(run())
    except (pywbem.CIMError, ZeroDivisionError, asyncio.CancelledError):
        assert kept.entries, "a refusal is recorded"
    return kept.entries


def test_method_is_recorded_with_user_address_object_and_outcome() -> None:
    (entry,) = carried_out(STOP, answer=operations.MethodResult(pywbem.Uint32(0)))
    assert entry == {
        "user": "ann",
        "role": "administer",
        "address": "192.0.2.7",
        "operation": "InvokeMethod",
        "namespace": "root/cimv2",
        "method": "RequestStateChange",
        "object": 'HA_Group.Id="shop"',
        "given": {"RequestedState": 3, "Password": HIDDEN, "TimeoutPeriod": None},
        "result": "done",
        "returned": 0,
    }


def test_what_the_role_does_not_allow_is_recorded_and_not_carried_out() -> None:
    (entry,) = carried_out(STOP, BOB, AssertionError("it was carried out"))
    assert (entry["result"], entry["code"]) == ("refused", 2)
    assert "needs operate" in str(entry["text"])


@pytest.mark.parametrize("fault", [ZeroDivisionError(), asyncio.CancelledError()])
def test_write_that_was_cut_short_has_an_unknown_result(fault: BaseException) -> None:
    (entry,) = carried_out(STOP, answer=fault)
    assert entry["result"] == "unknown"


def test_reads_are_not_recorded() -> None:
    assert carried_out(operations.GetInstance("root/cimv2", PATH)) == []


def test_secrets_stand_in_no_line() -> None:
    destination = pywbem.CIMInstance(
        "CIM_ListenerDestinationCIMXML",
        {"Destination": "https://me:geheim@192.0.2.1:5990/x", "AuthToken": "geheim"},
    )
    parameter = pywbem.CIMInstance(
        "HA_InstanceAttributes", {"Name": "admin_password", "Value": "geheim", "Id": "x"}
    )
    parameter.path = pywbem.CIMInstanceName("HA_InstanceAttributes", {"Id": "x"})
    writes: list[Operation] = [
        operations.CreateInstance("interop", destination),
        operations.ModifyInstance("root/cimv2", parameter),
        operations.SetProperty("root/cimv2", PATH, "Secret", "geheim"),
        STOP,
    ]
    for write in writes:
        (entry,) = carried_out(write)
        assert "geheim" not in json.dumps(entry)
        assert HIDDEN in json.dumps(entry)


@pytest.mark.parametrize(
    ("kind", "called", "owner"),
    [
        ("HA_InstanceAttributes", "p1", "ResourceId"),
        ("HA_InstanceAttributes", "fence-1-password", "ResourceId"),
        ("HA_NodeAttributes", "n1-password", "NodeName"),
    ],
)
def test_value_of_what_only_its_name_tells_may_be_a_secret(
    kind: str, called: str, owner: str
) -> None:
    path = pywbem.CIMInstanceName(kind, {"Id": called, owner: "web"})
    named = {"Name": "password", "Value": "geheim"}
    writes: list[Operation] = [
        operations.SetProperty("root/cimv2", path, "Value", "geheim"),
        operations.ModifyInstance(
            "root/cimv2",
            pywbem.CIMInstance(kind, {"Value": "geheim"}, path=path),
        ),
        operations.ModifyInstance(
            "root/cimv2",
            pywbem.CIMInstance(kind, named, path=path),
            ("Value",),
        ),
        operations.CreateInstance(
            "root/cimv2",
            pywbem.CIMInstance(kind, {**named, "Name": "community"}),
        ),
    ]
    for write in writes:
        (entry,) = carried_out(write)
        assert "geheim" not in json.dumps(entry)


def test_other_writes_name_what_they_change() -> None:
    instance = pywbem.CIMInstance("CIM_IndicationFilter", {"Query": "q" * 9_999})
    made = pywbem.CIMInstanceName("CIM_IndicationFilter", {"Name": "f"}, None, "interop")
    create = operations.CreateInstance("interop", instance)
    (entry,) = carried_out(create, answer=operations.Paths((made,)))
    assert entry["object"] == 'CIM_IndicationFilter.Name="f"'
    assert len(json.dumps(entry)) < 1_000, "values are cut"
    change = operations.ChangeSchema("interop", operations.SchemaChange.DELETE_CLASS, "CIM_X")
    (entry,) = carried_out(change, answer=pywbem.CIMError(7, "no"))
    assert (entry["operation"], entry["object"], entry["code"]) == ("DeleteClass", "CIM_X", 7)
    (entry,) = carried_out(operations.DeleteInstance("root/cimv2", PATH))
    assert entry["object"] == 'HA_Group.Id="shop"'


def test_of_an_instance_that_is_sent_back_only_what_was_to_change_is_named() -> None:
    instance = pywbem.CIMInstance("HA_Group", {"Id": "shop", "State": "x", "Other": "y"}, path=PATH)
    (entry,) = carried_out(operations.ModifyInstance("root/cimv2", instance, ("state",)))
    assert entry["given"] == {"State": "x"}
    assert entry["object"] == 'HA_Group.Id="shop"'


def write(file: AuditFile, *entries: dict[str, object]) -> None:
    async def run() -> None:
        for entry in entries:
            await file.record(entry)

    asyncio.run(run())


def test_lines_are_kept_in_order_for_the_owner_alone_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "cimd" / "audit.log"
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    file = AuditFile(path, bytes_max=200, kept=2, now=lambda: moment)
    write(file, *({"number": number} for number in range(20)))
    file.close()
    lines = [json.loads(line) for line in read_lines(path, kept=2)]
    assert lines[-1] == {"time": "2026-01-02T03:04:05.678Z", "number": 19}
    numbers = [line["number"] for line in lines]
    assert numbers == list(range(numbers[0], 20))
    assert 3 < len(numbers) < 15
    assert older(path, 2).exists()
    assert not older(path, 3).exists()
    assert path.stat().st_size <= 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_line_that_finds_no_place_on_disk_goes_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cimd").write_text("a file where a directory should be")
    file = AuditFile(tmp_path / "cimd" / "audit.log")
    write(file, {"user": "ann"})
    file.close()
    assert "cannot be written" in caplog.text
    assert '"user": "ann"' in caplog.text


@pytest.mark.parametrize(
    ("kind", "method", "value", "result"),
    [
        ("HA_PrimitiveResource", "RequestStateChange", 0, "done"),
        ("HA_PrimitiveResource", "RequestStateChange", 4096, "done"),
        ("HA_PrimitiveResource", "RequestStateChange", 32768, "failed"),
        ("HA_PrimitiveResource", "Move", 32772, "failed"),
        ("HA_ClusteringService", "AddResource", 1, "done"),
        ("HA_ClusteringService", "AddResource", 0, "failed"),
        ("HA_ClusterControlService", "AddResource", 0, "done"),
    ],
)
def test_method_that_returned_an_error_code_has_failed(
    kind: str, method: str, value: int, result: str
) -> None:
    path = pywbem.CIMInstanceName(kind, {"Id": "x"}, None, "root/cimv2")
    call = operations.InvokeMethod("root/cimv2", path, method, ())
    words = (("Message", "string", "there is no node 'n9'"),)
    (entry,) = carried_out(call, answer=operations.MethodResult(pywbem.Uint32(value), words))
    assert (entry["result"], entry["returned"]) == (result, value)
    assert entry["text"] == "there is no node 'n9'"


def test_configuration_that_was_given_is_told_by_its_length() -> None:
    path = pywbem.CIMInstanceName("HA_ClusterControlService", {"Name": "x"}, None, "root/cimv2")
    text = "resources: {db: {parameters: {admin_password: geheim}}}"
    call = operations.InvokeMethod("root/cimv2", path, "Apply", (("Text", text),))
    (entry,) = carried_out(call, answer=operations.MethodResult(pywbem.Uint32(0)))
    assert entry["given"] == {"Text": f"{len(text)} characters"}
