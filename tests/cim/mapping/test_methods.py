"""RequestStateChange: what each state does, what each answer says, and in whose name."""

import pytest
import pywbem

from cim_provider.commands import RunService, ServiceAction, SetClusterMaintenance
from cim_provider.engine import (
    Command,
    Done,
    EngineState,
    FenceNode,
    Outcome,
    Pending,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.wbem.operations import GetInstance, Instances, InvokeMethod, MethodResult
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cluster_path,
    node_path,
    path,
    resource_path,
)

GROUP = resource_path("web", "HA_ResourceGroup")
METHOD = "requeststatechange"


@pytest.fixture
def provider() -> Provider:
    return Provider()


def call(
    target: pywbem.CIMInstanceName | str, state: object = None, **more: object
) -> InvokeMethod:
    given = {**({} if state is None else {"RequestedState": state}), **more}
    return InvokeMethod(MODEL, target, METHOD, tuple(given.items()))


def code(
    provider: Provider, target: pywbem.CIMInstanceName, state: object = None, **more: object
) -> int:
    """Return what a call gives back; a job is there with 4096 and with nothing else."""
    answer = provider.ask(call(target, state, **more))
    assert isinstance(answer, MethodResult)
    assert isinstance(answer.value, pywbem.Uint32)
    assert bool(answer.outputs) == (answer.value == 4096)
    return int(answer.value)


@pytest.mark.parametrize(
    ("target", "state", "command"),
    [
        (resource_path("cache"), 2, StartResource("cache")),
        (resource_path("db"), 3, StopResource("db")),
        (resource_path("db"), 10, RestartResource("db")),
        (resource_path("db"), 11, RestartResource("db")),
        (GROUP, 2, StartResource("web")),
        (GROUP, 3, StopResource("web")),
        (GROUP, 10, RestartResource("web")),
        (node_path("n1"), 6, SetNodeStandby("n1", True)),
        (node_path("n1"), 2, SetNodeStandby("n1", False)),
        (node_path("n2"), 9, SetNodeMaintenance("n2", True)),
        (resource_path("db"), 9, SetResourceManaged("db", False)),
        (cluster_path(), 9, SetClusterMaintenance(True)),
        (node_path("n2"), 11, FenceNode("n2", False)),
    ],
)
def test_state_becomes_a_command_in_the_name_of_the_user(
    provider: Provider, target: pywbem.CIMInstanceName, state: int, command: Command
) -> None:
    assert code(provider, target, pywbem.Uint16(state)) == 0
    assert provider.engine.given == [(command, "ann")]


@pytest.mark.parametrize(
    ("target", "method", "name", "command"),
    [
        (node_path("n1"), "SetMaintenance", "IsInMaintenance", SetNodeMaintenance("n1", True)),
        (resource_path("db"), "SetManaged", "Managed", SetResourceManaged("db", True)),
        (GROUP, "setmanaged", "managed", SetResourceManaged("web", True)),
    ],
)
def test_wish_is_written_down_in_the_name_of_the_user(
    provider: Provider, target: pywbem.CIMInstanceName, method: str, name: str, command: Command
) -> None:
    answer = provider.ask(InvokeMethod(MODEL, target, method, ((name, "true"),)))
    assert isinstance(answer, MethodResult)
    assert (answer.value, answer.outputs) == (0, ())
    missing = provider.ask(InvokeMethod(MODEL, target, method, ()))
    assert isinstance(missing, MethodResult)
    assert missing.value == 5
    assert provider.engine.given == [(command, "ann")]


def test_witness_has_no_maintenance(provider: Provider) -> None:
    asked = InvokeMethod(MODEL, node_path("w"), "SetMaintenance", (("IsInMaintenance", True),))
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert answer.value == 1
    assert provider.engine.given == []


def test_effect_is_seen_by_the_next_reader(provider: Provider) -> None:
    def of(name: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
        answer = provider.ask(GetInstance(MODEL, name))
        assert isinstance(answer, Instances)
        return answer.items[0]

    assert code(provider, resource_path("db"), pywbem.Uint16(3)) == 0
    db = of(resource_path("db"))
    assert (db["ResourceStatus"], db["EnabledState"], db["HostingNode"]) == (
        "not running",
        3,
        "Unknown",
    )
    assert (db["RequestedState"], db["OperationalStatus"]) == (3, [10])
    assert of(cluster_path())["LastChangeAuthor"] == "ann"
    assert code(provider, node_path("n1"), pywbem.Uint16(6)) == 0
    assert of(node_path("n1"))["Standby"] == "True"
    assert of(resource_path("ip"))["RunningNodes"] == ["n2"]
    assert code(provider, node_path("n1"), pywbem.Uint16(2)) == 0
    assert of(node_path("n1"))["Standby"] == "False"


def test_value_without_a_type_is_read_by_the_declaration_and_names_ignore_case(
    provider: Provider,
) -> None:
    asked = InvokeMethod(MODEL, resource_path("db"), METHOD, (("requestedSTATE", " 3 "),))
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert answer.value == 0
    assert provider.engine.given == [(StopResource("db"), "ann")]


@pytest.mark.parametrize("state", [4, 6, 7, 8])
def test_state_that_a_resource_does_not_have_is_not_supported(
    provider: Provider, state: int
) -> None:
    assert code(provider, resource_path("db"), pywbem.Uint16(state)) == 1
    assert provider.engine.given == []


@pytest.mark.parametrize("state", [7, 8, 11])
def test_state_that_a_node_does_not_have_is_not_supported(provider: Provider, state: int) -> None:
    assert code(provider, node_path("n1"), pywbem.Uint16(state)) == 1
    assert code(provider, node_path("w"), pywbem.Uint16(6)) == 1
    assert provider.engine.given == []


def test_node_with_a_fence_device_says_that_it_can_be_cut_off_and_what_became_of_it(
    provider: Provider,
) -> None:
    def of(name: str) -> pywbem.CIMInstance:
        answer = provider.ask(GetInstance(MODEL, node_path(name)))
        assert isinstance(answer, Instances)
        return answer.items[0]

    here = [2, 3, 4, 6, 9, 10]
    assert (of("n1")["AvailableRequestedStates"], of("n1")["ResetCapability"]) == (here, 5)
    assert (of("n2")["AvailableRequestedStates"], of("n2")["ResetCapability"]) == ([2, 6, 9, 11], 4)
    asked = InvokeMethod(MODEL, node_path("n2"), "Fence", (("Action", "off"), ("Reason", "mad")))
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert (answer.value, provider.engine.given) == (0, [(FenceNode("n2", True, "mad"), "ann")])
    assert "it was cut off by switch" in of("n2")["StatusDescriptions"][0]


def test_cluster_is_started_and_ended_on_the_node_that_answers(provider: Provider) -> None:
    for state, action in ((3, "stop"), (2, "start"), (4, "stop"), (11, "restart"), (10, "restart")):
        assert code(provider, cluster_path(), pywbem.Uint16(state)) == 0
        assert provider.engine.given[-1] == (RunService(ServiceAction(action)), "ann")
    assert code(provider, cluster_path(), pywbem.Uint16(9)) == 0
    assert code(provider, cluster_path(), pywbem.Uint16(2)) == 0
    assert provider.engine.given[-1] == (SetClusterMaintenance(False), "ann")
    assert code(provider, cluster_path(), pywbem.Uint16(8)) == 1


@pytest.mark.parametrize("state", [None, 0, 1, 5, 12, 32768])
def test_state_that_is_none_is_an_invalid_parameter(provider: Provider, state: int | None) -> None:
    given = None if state is None else pywbem.Uint16(state)
    assert code(provider, resource_path("db"), given) == 5
    assert code(provider, node_path("n1"), given) == 5


def test_time_limit_is_not_supported_unless_it_says_nothing(provider: Provider) -> None:
    three = pywbem.Uint16(3)
    limit = pywbem.CIMDateTime("00000000000010.000000:000")
    zero = pywbem.CIMDateTime("00000000000000.000000:000")
    assert code(provider, resource_path("db"), three, TimeoutPeriod=limit) == 4098
    assert code(
        provider, resource_path("db"), three, TimeoutPeriod="00000000000010.000000:000"
    ) == (4098)
    assert provider.engine.given == []
    assert code(provider, resource_path("db"), three, TimeoutPeriod=zero) == 0
    assert code(provider, resource_path("db"), three, TimeoutPeriod=None, Job=None) == 0


@pytest.mark.parametrize("state", [3, 10])
def test_resource_that_is_only_watched_is_left_alone(provider: Provider, state: int) -> None:
    provider.engine.change_primitive("db", managed=False)
    assert code(provider, resource_path("db"), pywbem.Uint16(state)) == 32771
    assert provider.engine.given == []


def test_resource_that_is_stopped_on_purpose_has_nothing_to_restart(provider: Provider) -> None:
    assert code(provider, resource_path("cache"), pywbem.Uint16(10)) == 4097
    assert provider.engine.given == []


@pytest.mark.parametrize(
    ("refusal", "expected"), [("busy", 4099), ("no-quorum", 32768), ("unsafe", 32769)]
)
def test_refusal_that_has_a_number_is_a_return_code(
    provider: Provider, refusal: str, expected: int
) -> None:
    provider.engine.answer = Refused(refusal, "because")
    assert code(provider, resource_path("db"), pywbem.Uint16(3)) == expected


@pytest.mark.parametrize(
    ("refusal", "status"),
    [("denied", 2), ("not-found", 6), ("timeout", 1), ("invalid", 1), ("stale", 1)],
)
def test_refusal_that_only_words_explain_is_a_cim_error_with_the_words(
    provider: Provider, refusal: str, status: int
) -> None:
    provider.engine.answer = Refused(refusal, "because of the moon")
    with pytest.raises(pywbem.CIMError, match="because of the moon") as fault:
        provider.ask(call(resource_path("db"), pywbem.Uint16(3)))
    assert fault.value.status_code == status


def test_cluster_that_cannot_be_asked_refuses_in_words(provider: Provider) -> None:
    provider.engine.become(engine=EngineState.STOPPED)
    assert provider.refused(call(resource_path("db"), pywbem.Uint16(3))) == 1


@pytest.mark.parametrize(
    ("target", "state", "job"),
    [
        (resource_path("cache"), 2, "start cache"),
        (resource_path("db"), 3, "stop db"),
        (resource_path("db"), 11, "restart db"),
        (GROUP, 3, "stop web"),
        (node_path("n1"), 6, "standby n1"),
        (node_path("n1"), 2, "online n1"),
    ],
)
def test_effect_that_takes_longer_leaves_a_job_that_can_be_read(
    provider: Provider, target: pywbem.CIMInstanceName, state: int, job: str
) -> None:
    provider.engine.answer = Pending("accepted, but it takes a while")
    answer = provider.ask(call(target, pywbem.Uint16(state)))
    assert isinstance(answer, MethodResult)
    assert answer.value == 4096
    ((name, cim_type, reference),) = answer.outputs
    assert (name, cim_type) == ("Job", "reference")
    assert isinstance(reference, pywbem.CIMInstanceName)
    read = provider.ask(GetInstance(MODEL, reference))
    assert isinstance(read, Instances)
    assert (read.items[0]["Name"], read.items[0]["JobState"] in (4, 7)) == (job, True)


@pytest.mark.parametrize("outcome", [Done(), Refused("no-quorum", "no")])
def test_answer_without_a_job_names_none(provider: Provider, outcome: Outcome) -> None:
    provider.engine.answer = outcome
    answer = provider.ask(call(resource_path("db"), pywbem.Uint16(3)))
    assert isinstance(answer, MethodResult)
    assert answer.outputs == ()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (InvokeMethod("root/other", node_path("n1"), METHOD), 3),
        (InvokeMethod(MODEL, path("HA_Unheard", Name="n1"), METHOD), 6),
        (InvokeMethod(MODEL, "HA_Unheard", METHOD), 6),
        (InvokeMethod(MODEL, node_path("n9"), METHOD, (("RequestedState", pywbem.Uint16(2)),)), 6),
        (InvokeMethod(MODEL, path("HA_ClusterNode", Colour="red"), METHOD), 4),
        (InvokeMethod(MODEL, "HA_ClusterNode", METHOD), 4),
        (InvokeMethod(MODEL, node_path("n1"), "reboot"), 17),
        (InvokeMethod(MODEL, "HA_ClusterNode", "reboot"), 17),
        (InvokeMethod(MODEL, node_path("n9"), "reboot"), 17),
        (call(node_path("n1"), pywbem.Uint16(2), Colour="red"), 4),
        (call(node_path("n1"), pywbem.Uint16(2), Job=node_path("n1")), 4),
        (call(node_path("n1"), pywbem.Uint32(2)), 4),
        (call(node_path("n1"), [pywbem.Uint16(2)]), 4),
        (call(node_path("n1"), "two"), 4),
        (call(node_path("n1"), "70000"), 4),
        (call(node_path("n1"), True), 4),
        (call(node_path("n1"), node_path("n1")), 4),
        (call(node_path("n1"), pywbem.Uint16(2), TimeoutPeriod="soon"), 4),
    ],
)
def test_calls_that_are_wrong_are_cim_errors_and_change_nothing(
    provider: Provider, asked: InvokeMethod, status: int
) -> None:
    assert provider.refused(asked) == status
    assert provider.engine.given == []


def test_declared_method_that_nobody_carries_out_is_not_available(provider: Provider) -> None:
    manager = path(
        "CIM_ObjectManager",
        "interop",
        Name="beatkeeper",
        CreationClassName="CIM_ObjectManager",
        SystemName="server.example",
        SystemCreationClassName="CIM_ComputerSystem",
    )
    assert provider.refused(InvokeMethod("interop", manager, "stopservice")) == 16
    assert provider.refused(InvokeMethod("interop", manager, METHOD)) == 16
