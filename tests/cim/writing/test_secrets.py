"""A secret goes in where it belongs, and comes out nowhere: answers, refusals, audit, log."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import pywbem

from cim_provider.drafts import DraftStore
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.job_calls import call_of
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.write_area import writing_area
from cim_provider.server.audit import guarded
from cim_provider.server.auth import Identity
from cim_provider.server.roles import Role
from cim_provider.wbem import operations as ops
from ha_core.config.secrets import is_secret
from tests.cim.contract.rigs import rig_of
from tests.cim.indications.rig import ALERTS, Node, listening, until
from tests.cim.mapping.views import IDENTITY, MODEL, schema

SECRET = "hunter2geheim"
ANN = Identity("ann", Role.ADMINISTER, "192.0.2.7")
NAMES = ("password", "env.DB_PASSWORD", "bmc_passwd", "api_token", "auth_key", "community")
TOO_LONG = SECRET + "x" * 100_000
WITH_NULL = f"{SECRET}\0"
TEXT = f"""
cluster: c
links: {{ring0: }}
nodes: {{n1: {{addresses: {{ring0: 192.0.2.1}}, attributes: {{bmc_password: {SECRET}}}}}}}
resources: {{db: {{agent: process, parameters: {{command: x, password: {SECRET}}}}}}}
"""
WRONG = (
    TEXT.replace(f"password: {SECRET}}}}}}}", f"password: [{SECRET}]}}}}}}"),
    TEXT.replace(f"password: {SECRET}}}}}}}", f'password: "{SECRET}\\0"}}}}}}'),
    TEXT.replace(f"password: {SECRET}}}}}}}", f"password: {TOO_LONG}}}}}}}"),
    f"{TEXT}\nfence_devices: {{p: {{agent: 'fence:f', parameters: {{passwd_file: {SECRET}}}}}}}",
)


class Heard:
    """A provider over the cluster's socket, and everything that it lets anybody hear."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.said: list[str] = []

    async def record(self, entry: dict[str, object]) -> None:
        """See `Audit`."""
        self.said.append(json.dumps(entry))

    async def ask(self, operation: ops.Operation) -> ops.Answer | None:
        """Carry out an operation as the server does; None where it is refused."""
        try:
            answer = await guarded(
                operation, ANN, self, lambda: self.mapping.perform(operation, "ann")
            )
        except pywbem.CIMError as refusal:
            self.said.append(str(refusal))
            return None
        if isinstance(answer, ops.Instances):
            self.said += [each.tomof() for each in answer.items]
        elif isinstance(answer, ops.MethodResult):
            self.said.append(repr(answer))
        return answer

    async def everything(self) -> None:
        """Read all instances of all classes."""
        namespace = schema().namespace(MODEL)
        assert namespace is not None
        for name, info in namespace.classes.items():
            if "Association" not in info.declaration.qualifiers:
                await self.ask(ops.EnumerateInstances(MODEL, name, deep=False))


async def _with_heard(root: Path, work: Callable[[Heard], Awaitable[None]]) -> list[str]:
    shelf = SqliteShelf(root / "shelf.db")
    async with rig_of("ha_core", root) as rig:
        areas = [writing_area(rig.engine, DraftStore(shelf))]
        heard = Heard(Mapping(schema(), rig.engine, IDENTITY, areas))
        await work(heard)
        await heard.everything()
    shelf.close()
    return heard.said


@contextmanager
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let nothing secret into the log at any level."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text


@pytest.mark.parametrize("owner", ["db", "a-draft"])
def test_secret_parameter_is_nowhere_to_be_heard(
    tmp_path: Path, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(heard: Heard) -> None:
        draft = {"Id": "a-draft", "ResourceClass": "ocf", "Type": "Dummy", "Provider": "heartbeat"}
        await heard.ask(
            ops.CreateInstance(MODEL, pywbem.CIMInstance("HA_PrimitiveResource", draft))
        )
        for name in NAMES:
            values = {"Id": name, "ResourceId": owner, "Name": name, "Value": SECRET}
            made = pywbem.CIMInstance("HA_InstanceAttributes", values)
            answer = await heard.ask(ops.CreateInstance(MODEL, made))
            assert isinstance(answer, ops.Paths), heard.said[-1]
            for value in (f"{SECRET}2", WITH_NULL, TOO_LONG):
                await heard.ask(ops.SetProperty(MODEL, answer.items[0], "Value", value))
                changed = pywbem.CIMInstance("HA_InstanceAttributes", {"Value": value})
                changed.path = answer.items[0]
                await heard.ask(ops.ModifyInstance(MODEL, changed))

    with logged(caplog):
        said = asyncio.run(_with_heard(tmp_path, work))
    assert [each[:300] for each in said if SECRET in each] == []
    assert any("IsSecret = true" in each for each in said), "the parameters were seen at all"


def test_secret_attribute_of_a_node_is_nowhere_to_be_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(heard: Heard) -> None:
        for name in NAMES:
            for value in (SECRET, WITH_NULL, TOO_LONG):
                values = {"Id": name, "NodeName": "n1", "Name": name, "Value": value}
                made = pywbem.CIMInstance("HA_NodeAttributes", values)
                await heard.ask(ops.CreateInstance(MODEL, made))

    with logged(caplog):
        said = asyncio.run(_with_heard(tmp_path, work))
    assert [each[:300] for each in said if SECRET in each] == []


@pytest.mark.parametrize("method", ["Apply", "Preview", "Verify"])
@pytest.mark.parametrize("text", [TEXT, *WRONG])
def test_secret_in_a_configuration_is_nowhere_to_be_heard(
    tmp_path: Path, method: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {
        "SystemCreationClassName": "HA_Cluster",
        "SystemName": "LinuxHACluster",
        "CreationClassName": "HA_ClusterControlService",
        "Name": "default_service_id",
    }
    service = pywbem.CIMInstanceName("HA_ClusterControlService", keys, namespace=MODEL)

    async def work(heard: Heard) -> None:
        call = ops.InvokeMethod(MODEL, service, method, (("Text", text),))
        assert isinstance(await heard.ask(call), ops.MethodResult)
        await heard.ask(ops.InvokeMethod(MODEL, service, "ExportConfiguration", ()))

    with logged(caplog):
        said = asyncio.run(_with_heard(tmp_path, work))
    assert [each[:300] for each in said if SECRET in each] == []


def test_secret_property_of_any_class_is_nowhere_to_be_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    namespace = schema().namespace(MODEL)
    assert namespace is not None
    named = [
        (info.name, str(prop.name))
        for info in namespace.classes.values()
        for prop in info.declaration.properties.values()
        if prop.type == "string" and is_secret(str(prop.name)) and info.name.startswith("HA_")
    ]
    assert ("HA_Cluster", "AuthKey") in named

    async def work(heard: Heard) -> None:
        for name, prop in named:
            answer = await heard.ask(ops.EnumerateInstanceNames(MODEL, name))
            assert isinstance(answer, ops.Paths)
            for path in answer.items:
                await heard.ask(ops.SetProperty(MODEL, path, prop, SECRET))
                changed = pywbem.CIMInstance(name, {prop: SECRET})
                changed.path = path
                await heard.ask(ops.ModifyInstance(MODEL, changed))

    with logged(caplog):
        said = asyncio.run(_with_heard(tmp_path, work))
    assert [each[:300] for each in said if SECRET in each] == []


def test_job_keeps_no_secret_of_its_call() -> None:
    given = {"Password": SECRET, "Text": TEXT, "Reason": "r"}
    kept = call_of(Ref("HA_ClusterNode", (("Name", "n1"),)), given, has_words=True)
    assert SECRET not in repr(kept)
    assert ("Reason", "string", "r") in kept.given


def _told(heard: list[pywbem.CIMInstance], class_name: str) -> bool:
    """Return whether an object of a class was told of."""
    sources = (each.get("SourceInstance") for each in list(heard))
    return any(each is not None and each.classname == class_name for each in sources)


def test_secret_is_in_no_indication(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[pywbem.CIMInstance] = []

    async def work() -> None:
        async with rig_of("ha_core", tmp_path) as rig:
            node = Node(rig.engine, tmp_path)  # type: ignore[arg-type]  # any engine will do
            areas = [writing_area(rig.engine, DraftStore(node.shelf))]
            writing = Heard(Mapping(schema(), rig.engine, IDENTITY, areas))
            with listening() as listener:
                await node.subscribe(listener.url, "SELECT * FROM CIM_InstIndication")
                await node.subscribe(listener.url, ALERTS, "alerts")
                for name in NAMES:
                    values = {"ResourceId": "db", "Name": name, "Value": SECRET}
                    made = pywbem.CIMInstance("HA_InstanceAttributes", values)
                    answer = await writing.ask(ops.CreateInstance(MODEL, made))
                    assert isinstance(answer, ops.Paths), writing.said[-1]
                values = {"NodeName": "n1", "Name": "bmc_password", "Value": SECRET}
                made = pywbem.CIMInstance("HA_NodeAttributes", values)
                await writing.ask(ops.CreateInstance(MODEL, made))
                for class_name in ("HA_InstanceAttributes", "HA_NodeAttributes"):
                    await until(partial(_told, listener.got, class_name))
                heard.extend(listener.got)
            await node.stop()

    with logged(caplog):
        asyncio.run(work())
    assert [each.tocimxmlstr()[:300] for each in heard if SECRET in each.tocimxmlstr()] == []
