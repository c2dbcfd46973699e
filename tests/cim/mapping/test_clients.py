"""pywbem and wbemcli against the whole provider over real sockets, with and without TLS."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from secrets import token_urlsafe
from time import monotonic

import pytest
import pywbem

from cim_provider.engine import Pending, RestartResource, SetNodeStandby, StopResource
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from cim_provider.schema import INTEROP_NAMES
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    cluster,
    cluster_path,
    node_path,
    resource_path,
    schema,
)
from tests.cim.server.harness import OBSERVER, OPERATOR, Served, serving

WBEMCLI = shutil.which("wbemcli")
needs_wbemcli = pytest.mark.skipif(WBEMCLI is None, reason="wbemcli (sblim-wbemcli) is missing")
INSTANCE_CLASSES = (
    *("HA_Cluster", "HA_ClusterNode", "HA_SoftwareIdentity", "HA_PrimitiveResource"),
    *("HA_ResourceGroup", "HA_InstanceAttributes"),
)
ASSOCIATION_CLASSES = (
    *("HA_ParticipatingNode", "HA_HostedResource", "HA_SubResource"),
    *("HA_InstalledSoftwareIdentity", "HA_AttributesOfResource"),
)
FAILURE_WORDS = ("FAILED", "ERR", "Exception", "error", "*")
"""What the check scripts of Linux-HA 2.1 look for in what wbemcli prints."""


@dataclass
class Site:
    """A server over an engine in memory."""

    served: Served
    engine: MemoryEngine

    def pywbem(self, *, tls: bool = False) -> pywbem.WBEMConnection:
        return self.served.client(tls=tls)

    def url(self, rest: str, *, tls: bool = False) -> str:
        scheme, port = ("https", self.served.https_port) if tls else ("http", self.served.http_port)
        name, password = OPERATOR
        return f"{scheme}://{name}:{password}@localhost:{port}/{rest}"

    def wbemcli(self, verb: str, rest: str, *more: str, tls: bool = False) -> str:
        """Return what wbemcli prints; its exit code says nothing."""
        assert WBEMCLI is not None
        options = ["-cacert", str(self.served.certificate)] if tls else []
        done = subprocess.run(
            [WBEMCLI, "-nl", *options, verb, self.url(rest, tls=tls), *more],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout + done.stderr

    def names(self, class_name: str, *, tls: bool = False) -> list[str]:
        """Return the paths that wbemcli enumerates, without the host."""
        lines = self.wbemcli("ein", f"{MODEL}:{class_name}", tls=tls).splitlines()
        return [line.partition("/")[2] for line in lines if line]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    engine = MemoryEngine(cluster())
    pulls = Pulls(monotonic, partial(token_urlsafe, 24))
    mapping = Mapping(schema(), engine, IDENTITY, pulls=pulls)
    with serving(tmp_path_factory.mktemp("site"), performer=mapping) as served:
        yield Site(served, engine)


@pytest.fixture(autouse=True)
def fresh(site: Site) -> None:
    view = cluster()
    fields = {name: getattr(view, name) for name in view.__dataclass_fields__ if name != "version"}
    site.engine.become(**fields)
    site.engine.given.clear()
    site.engine.answer = None


def as_printed(instance: pywbem.CIMInstance) -> dict[str, str]:
    """Return the properties of an instance as wbemcli prints them."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        return f'"{value}"' if isinstance(value, str) else str(value)

    shown = {}
    for each in instance.properties.values():
        values = [] if each.value is None else each.value if each.is_array else [each.value]
        shown[each.name] = ",".join(map(text, values))
    return shown


def printed(output: str) -> dict[str, str]:
    """Return the properties in what wbemcli printed about one instance."""
    lines = output.splitlines()
    return dict(line[1:].split("=", 1) for line in lines if line.startswith("-"))


@pytest.mark.parametrize("tls", [False, True])
def test_pywbem_finds_namespaces_profiles_and_their_central_instances(
    site: Site, tls: bool
) -> None:
    server = pywbem.WBEMServer(site.pywbem(tls=tls))
    assert server.interop_ns == "interop"
    assert server.namespaces == ["interop", "root/interop", "root/PG_InterOp", "root", MODEL]
    assert (server.brand, server.version) == ("Beatkeeper", "1.2.3")
    assert server.cimom_inst["ElementName"] == "Beatkeeper"
    names = {(p["RegisteredName"], p["RegisteredVersion"]) for p in server.profiles}
    assert {
        ("HA Cluster", "1.0.0"),
        ("Profile Registration", "1.0.0"),
        ("Server", "1.1.0"),
        ("Server", "1.2.0"),
    } <= names
    assert server.get_selected_profiles("Other", "HA Cluster", "1.0.0")


CENTRAL = (
    (("Other", "HA Cluster", "1.0.0"), "HA_Cluster"),
    (("DMTF", "Profile Registration", "1.0.0"), "HA_RegisteredProfile"),
    (("SNIA", "Server", "1.2.0"), "CIM_ObjectManager"),
)


@pytest.mark.parametrize("interop", INTEROP_NAMES)
@pytest.mark.parametrize("asks_profile", [True, False])
@pytest.mark.parametrize(("listed", "central"), CENTRAL)
def test_pywbem_finds_central_instances_by_the_profile_itself_and_by_association(
    site: Site, interop: str, asks_profile: bool, listed: tuple[str, str, str], central: str
) -> None:
    client = site.pywbem()
    server = pywbem.WBEMServer(client)
    (profile,) = server.get_selected_profiles(*listed)
    profile.path.namespace = interop
    (path,) = server.get_central_instances(profile.path, try_gci_method=asks_profile)
    assert path.classname == central
    assert path.namespace == (MODEL if central == "HA_Cluster" else interop)
    found = client.GetInstance(path)
    assert all(found[key] == value for key, value in path.keybindings.items())
    (back, *_) = client.AssociatorNames(
        path, AssocClass="CIM_ElementConformsToProfile", ResultRole="ConformantStandard"
    )
    assert back.classname == "HA_RegisteredProfile"


def test_scoping_path_leads_from_a_component_profile_to_the_cluster(site: Site) -> None:
    client = site.pywbem()
    (profile,) = pywbem.WBEMServer(client).get_selected_profiles("DMTF", "Profile Registration")
    (scope,) = client.Associators(
        profile.path, AssocClass="CIM_ReferencedProfile", ResultRole="Dependent"
    )
    assert scope["RegisteredName"] == "HA Cluster"
    (central,) = client.AssociatorNames(scope.path, AssocClass="CIM_ElementConformsToProfile")
    assert central.classname == "HA_Cluster"
    seen = client.EnumerateInstanceNames("CIM_ReferencedProfile", namespace="interop")
    assert [path.classname for path in seen] == ["HA_ReferencedProfile"] * len(seen)


def test_pywbem_reads_value_maps_and_classes(site: Site) -> None:
    client = site.pywbem()
    states = pywbem.ValueMapping.for_property(client, MODEL, "HA_ClusterNode", "EnabledState")
    assert states.tovalues(6) == "Enabled but Offline"
    codes = pywbem.ValueMapping.for_method(
        client, MODEL, "HA_PrimitiveResource", "RequestStateChange"
    )
    assert codes.tovalues(32768) == "No Quorum"
    names = client.EnumerateClassNames(DeepInheritance=True)
    for name in names:
        found = client.GetClass(name, LocalOnly=False, IncludeClassOrigin=True)
        assert all(each.class_origin in names for each in found.properties.values())
    assert client.GetQualifier("Key").name == "Key"
    assert len(client.EnumerateQualifiers()) > 20


def test_paths_of_pywbem_can_be_fed_back(site: Site) -> None:
    client = site.pywbem()
    for name in (*INSTANCE_CLASSES, *ASSOCIATION_CLASSES):
        found = client.EnumerateInstances(name)
        assert found, name
        for instance in found:
            assert dict(client.GetInstance(instance.path).items()) == dict(instance.items())
    hosted = client.EnumerateInstances("HA_HostedResource")[0]
    assert client.GetInstance(hosted["Antecedent"])["Name"] == "n2"


def test_pywbem_controls_and_the_answer_says_so(site: Site) -> None:
    client = site.pywbem()
    stop = {"RequestedState": pywbem.Uint16(3)}
    assert client.InvokeMethod("RequestStateChange", resource_path("db"), **stop) == (0, {})
    assert site.engine.given == [(StopResource("db"), OPERATOR[0])]
    assert client.GetInstance(resource_path("db"))["ResourceStatus"] == "not running"
    site.engine.answer = Pending("accepted, but it takes a while")
    value, outputs = client.InvokeMethod("RequestStateChange", resource_path("ip"), **stop)
    assert value == 4096
    assert client.GetInstance(outputs["Job"])["JobState"] == 4
    with pytest.raises(pywbem.CIMError) as refused:
        site.served.client(OBSERVER).InvokeMethod("RequestStateChange", resource_path("db"), **stop)
    assert refused.value.status_code == 2


def test_pywbem_is_told_which_error_it_was(site: Site) -> None:
    client = site.pywbem()

    def status(call: object, *args: object, **more: object) -> int:
        with pytest.raises(pywbem.CIMError) as fault:
            call(*args, **more)  # type: ignore[operator]  # a method of the client
        return int(fault.value.status_code)

    assert status(client.EnumerateInstances, "HA_Cluster", namespace="root/other") == 3
    assert status(client.EnumerateInstances, "HA_Unheard") == 5
    assert status(client.GetInstance, node_path("n9")) == 6
    assert status(client.GetClass, "HA_Unheard") == 6
    assert status(client.DeleteInstance, node_path("n1")) == 7
    assert status(client.AssociatorNames, node_path("n1"), AssocClass="HA_Unheard") == 4
    assert status(client.InvokeMethod, "Reboot", node_path("n1")) == 17


@needs_wbemcli
@pytest.mark.parametrize("tls", [False, True])
def test_wbemcli_and_pywbem_read_the_same(site: Site, tls: bool) -> None:
    client = site.pywbem(tls=tls)
    for class_name in (*INSTANCE_CLASSES, *ASSOCIATION_CLASSES):
        by_pywbem = client.EnumerateInstances(class_name)
        names = site.names(class_name, tls=tls)
        assert len(names) == len(by_pywbem) > 0
        for name, instance in zip(names, by_pywbem, strict=True):
            shown = printed(site.wbemcli("gi", name, tls=tls))
            expected = as_printed(instance)
            assert shown.keys() == expected.keys()
            references = {p.name for p in instance.properties.values() if p.type == "reference"}
            for key in shown.keys() - references:
                assert shown[key] == expected[key], f"{class_name}.{key}"
        everything = site.wbemcli("ei", f"{MODEL}:{class_name}", tls=tls)
        assert everything.count("-") >= len(names) * len(printed(everything))


@needs_wbemcli
def test_wbemcli_walks_associations_as_pywbem_does(site: Site) -> None:
    client = site.pywbem()
    for source in (cluster_path(), node_path("n1"), resource_path("web", "HA_ResourceGroup")):
        for verb, expected in (
            ("ain", client.AssociatorNames(source)),
            ("rin", client.ReferenceNames(source)),
        ):
            lines = site.wbemcli(verb, _rest(source)).splitlines()
            assert len(lines) == len(expected) > 0
            for line, path in zip(lines, expected, strict=True):
                assert f"/{path.namespace}:{path.classname}." in line
        assert site.wbemcli("ai", _rest(source)).count("OperationalStatus=") > 0
        assert site.wbemcli("ri", _rest(source))
        hosted = ("-ac", "HA_HostedResource")
        assert bool(site.wbemcli("ain", _rest(source), *hosted)) == (source == node_path("n1"))


def _rest(path: pywbem.CIMInstanceName) -> str:
    keys = ",".join(f'{name}="{value}"' for name, value in path.keybindings.items())
    return f"{path.namespace}:{path.classname}.{keys}"


@needs_wbemcli
def test_old_check_script_finds_nothing_to_complain_about(site: Site) -> None:
    """The loop of Linux-HA 2.1's runtest.sh: names are split at blanks and fed back."""
    for class_name in (*INSTANCE_CLASSES, *ASSOCIATION_CLASSES):
        outputs = [site.wbemcli("ein", f"{MODEL}:{class_name}")]
        for name in outputs[0].split():
            rest = name.partition("/")[2]
            outputs += [site.wbemcli(verb, rest) for verb in ("gi", "ain", "ai", "rin", "ri")]
        outputs.append(site.wbemcli("ei", f"{MODEL}:{class_name}"))
        assert outputs[0], class_name
        for output in outputs:
            assert not [word for word in FAILURE_WORDS if word in output], output


@needs_wbemcli
@pytest.mark.parametrize("tls", [False, True])
def test_wbemcli_controls_with_the_keys_that_old_scripts_have(site: Site, tls: bool) -> None:
    db = (
        f"{MODEL}:HA_PrimitiveResource.Id=db,CreationClassName=HA_PrimitiveResource,"
        "SystemName=LinuxHACluster,SystemCreationClassName=HA_LinuxHA"
    )
    n1 = f"{MODEL}:HA_ClusterNode.CreationClassName=HA_ClusterNode,Name=n1"
    for rest, state in ((db, 10), (db, 3), (n1, 6)):
        output = site.wbemcli("cm", rest, f"RequestStateChange.RequestedState={state}", tls=tls)
        assert re.search(r"RequestStateChange: 0$", output.strip()), output
    assert [command for command, _ in site.engine.given] == [
        RestartResource("db"),
        StopResource("db"),
        SetNodeStandby("n1", True),
    ]
    assert printed(site.wbemcli("gi", db, tls=tls))["ResourceStatus"] == '"not running"'
    assert printed(site.wbemcli("gi", n1, tls=tls))["Standby"] == '"True"'


@needs_wbemcli
def test_wbemcli_is_given_the_job_and_can_read_it(site: Site) -> None:
    site.engine.answer = Pending("accepted, but it takes a while")
    n1 = f"{MODEL}:HA_ClusterNode.CreationClassName=HA_ClusterNode,Name=n1"
    output = site.wbemcli("cm", n1, "RequestStateChange.RequestedState=6")
    assert "RequestStateChange: 4096" in output
    named = re.search(r'HA_ConcreteJob\.InstanceID="LinuxHA:job:[^"]+"', output)
    assert named is not None, output
    job = site.wbemcli("gi", f"{MODEL}:{named[0]}")
    assert printed(job)["Subject"] == '"n1"'


@needs_wbemcli
def test_wbemcli_reads_classes(site: Site) -> None:
    one = site.wbemcli("gc", f"{MODEL}:HA_ClusterNode")
    assert f"{MODEL}:HA_ClusterNode" in one
    assert "OnLine=" in one
    names = site.wbemcli("ecn", f"{MODEL}:CIM_ComputerSystem").splitlines()
    assert [name.rpartition(":")[2] for name in names] == [
        *("CIM_Cluster", "HA_Cluster"),
        "HA_ClusterNode",
    ]
    assert site.wbemcli("ec", f"{MODEL}:CIM_ComputerSystem").count("-OperationalStatus=") == 3
    assert "CIM_ManagedElement" in site.wbemcli("ecn", MODEL)


@needs_wbemcli
@pytest.mark.parametrize(
    ("verb", "rest", "expected"),
    [
        ("ein", "root/other:HA_Cluster", "(3) CIM_ERR_INVALID_NAMESPACE: namespace 'root/other'"),
        ("ei", f"{MODEL}:HA_Unheard", "(5) CIM_ERR_INVALID_CLASS: class 'HA_Unheard'"),
        (
            "gi",
            f"{MODEL}:HA_ClusterNode.Name=n9",
            '(6) CIM_ERR_NOT_FOUND: HA_ClusterNode.Name="n9" does not',
        ),
        ("gi", f"{MODEL}:HA_ClusterNode.Colour=red", "(4) CIM_ERR_INVALID_PARAMETER: HA_Clus"),
        ("gc", f"{MODEL}:HA_Unheard", "(6) CIM_ERR_NOT_FOUND: class 'HA_Unheard'"),
    ],
)
def test_wbemcli_is_told_which_error_it_was(
    site: Site, verb: str, rest: str, expected: str
) -> None:
    assert expected in site.wbemcli(verb, rest)


def test_reads_are_new_with_every_change_of_the_cluster(site: Site) -> None:
    client = site.pywbem()
    assert client.GetInstance(node_path("n3"))["OnLine"] == "True"
    site.engine.change_node("n3", state="lost", unclean=True)
    assert client.GetInstance(node_path("n3"))["Unclean"] == "True"
    assert client.EnumerateInstances("HA_Cluster")[0]["NodesUnclean"] == 1
