"""Failover of redundancy sets, and resources started and stopped as services."""

import asyncio
from dataclasses import replace

import pytest
import pywbem

from cim_provider.commands import MoveResource
from cim_provider.engine import (
    ClusterView,
    Done,
    EngineState,
    Outcome,
    Pending,
    Refused,
    RestartResource,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.server.roles import Role, least_role
from cim_provider.wbem.operations import InvokeMethod, MethodResult
from tests.cim.mapping.test_associations import associated, referring
from tests.cim.mapping.test_redundancy import NODES, instance, members, of, one, spares, spread
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cloned,
    cluster,
    cluster_path,
    node_path,
    path,
    primitive,
    resource_path,
)

LATE = Pending("accepted, but web is stopping")


def failover(
    provider: Provider,
    wanted: pywbem.CIMInstanceName,
    source: pywbem.CIMInstanceName,
    target: pywbem.CIMInstanceName | None = None,
) -> int:
    given = {"FailoverFrom": source, "FailoverTo": target}
    return call(provider, wanted, "Failover", **given)


def call(provider: Provider, wanted: pywbem.CIMInstanceName, method: str, **given: object) -> int:
    """Call a method in an event loop, since several commands may be under way at once."""
    asked = InvokeMethod(MODEL, wanted, method, tuple(given.items()))
    answer = asyncio.run(provider.mapping.perform(asked, "ann"))
    assert isinstance(answer, MethodResult)
    assert not answer.outputs or answer.value == 4096
    return int(answer.value)


def refused(provider: Provider, wanted: pywbem.CIMInstanceName, *nodes: str) -> str:
    """Return why Failover is refused in words; nothing may have moved."""
    paths = [node_path(each) for each in nodes]
    before = len(provider.engine.given)
    with pytest.raises(pywbem.CIMError) as fault:
        failover(provider, wanted, *paths)
    assert fault.value.status_code == 1
    assert len(provider.engine.given) == before
    return str(fault.value.status_description)


def service(name: str) -> pywbem.CIMInstanceName:
    keys = {
        "SystemCreationClassName": "HA_Cluster",
        "SystemName": "LinuxHACluster",
        "CreationClassName": "HA_ResourceService",
        "Name": name,
    }
    return path("HA_ResourceService", **keys)


def test_failover_makes_the_target_the_member_and_the_source_a_spare() -> None:
    provider = Provider()
    assert failover(provider, of("db"), node_path("n2"), node_path("n3")) == 0
    assert provider.engine.given == [(MoveResource("db", "n3"), "ann")]
    assert members(provider, of("db")) == ["n3"]
    assert spares(provider, of("db")) == ["n1", "n2"]


def test_failover_without_a_target_lets_the_cluster_choose() -> None:
    provider = Provider()
    assert failover(provider, of("web"), node_path("n1")) == 0
    assert provider.engine.given == [(MoveResource("web", ""), "ann")]
    assert members(provider, of("web")) == ["n2"]


def test_source_may_be_what_of_the_resource_is_on_the_node() -> None:
    provider = Provider()
    there = path("HA_ResourceInstance", InstanceID="LinuxHA:rsc:n1:server")
    assert failover(provider, of("db"), there, node_path("n3")) == 4
    assert failover(provider, of("web"), there, node_path("n2")) == 0
    assert members(provider, of("web")) == ["n2"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (node_path("n1"), node_path("n3")),
        (node_path("n2"), node_path("n2")),
        (node_path("n2"), node_path("w")),
        (cluster_path(), node_path("n3")),
        (node_path("n2"), cluster_path()),
        (resource_path("db"), node_path("n3")),
    ],
)
def test_ends_that_are_no_member_or_no_spare_are_a_parameter_error(
    source: pywbem.CIMInstanceName, target: pywbem.CIMInstanceName
) -> None:
    provider = Provider()
    assert failover(provider, of("db"), source, target) == 4
    assert failover(provider, of("web"), node_path("n1"), node_path("n3")) == 4
    assert provider.engine.given == []


@pytest.mark.parametrize(
    ("outcome", "code"), [(Done(), 0), (LATE, 3), (Refused("busy", "an election"), 3)]
)
def test_failover_says_whether_it_was_seen_in_time(outcome: Outcome, code: int) -> None:
    provider = Provider()
    provider.engine.answer = outcome
    assert failover(provider, of("db"), node_path("n2"), node_path("n3")) == code
    assert failover(provider, NODES, node_path("n1"), node_path("n2")) == code


def test_what_cannot_fail_over_is_refused_in_words_before_anything_moves() -> None:
    provider = Provider()
    provider.engine.change_node("n3", state="standby")
    assert "n3" in refused(provider, of("db"), "n2", "n3")
    assert "standby" in refused(provider, NODES, "n1", "n3")
    provider.engine.change_node("n2", state="standby")
    assert "web" in refused(provider, of("web"), "n1")
    assert "web" in refused(provider, NODES, "n1")
    provider.engine.become(quorate=False)
    assert "quorum" in refused(provider, of("db"), "n2")
    provider.engine.become(engine=EngineState.STOPPED)
    assert "stopped" in refused(provider, of("db"), "n2")
    assert "stopped" in refused(provider, NODES, "n1")
    left = Provider(cluster(primitives=(primitive("db", "n2", managed=False),), groups=()))
    assert "db" in refused(left, NODES, "n2")


def test_clones_and_what_is_left_alone_do_not_fail_over() -> None:
    provider = Provider(spread(2, 2))
    assert failover(provider, of("cells"), node_path("n1"), node_path("n3")) == 1
    assert failover(provider, NODES, node_path("n1")) == 0, "an instance of a clone stays"
    assert provider.engine.given == []
    provider = Provider(cluster(primitives=(primitive("db", "n2", managed=False),), groups=()))
    assert failover(provider, of("db"), node_path("n2"), node_path("n3")) == 1


def test_failover_of_a_node_moves_all_of_it_to_the_target_where_that_may_be() -> None:
    provider = Provider()
    assert failover(provider, of("db"), node_path("n2"), node_path("n1")) == 0
    provider.engine.given.clear()
    assert failover(provider, NODES, node_path("n1"), node_path("n3")) == 0
    given = {command for command, _ in provider.engine.given}
    assert given == {MoveResource("web", ""), MoveResource("db", "n3")}, "web may not be on n3"
    for ends in (("n1", "w"), ("w", "n1"), ("n1", "n1")):
        assert failover(provider, NODES, *map(node_path, ends)) == 4
    assert failover(provider, NODES, cluster_path()) == 4


def test_what_one_of_several_moves_was_refused_for_is_told() -> None:
    provider = Provider(one())
    provider.engine.answer = Refused("unsafe", "n1 is not proved to be gone")
    with pytest.raises(pywbem.CIMError, match="not proved to be gone"):
        failover(provider, NODES, node_path("n1"))


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (2, StartResource("db")),
        (3, StopResource("db")),
        (9, SetResourceManaged("db", False)),
        (10, RestartResource("db")),
        (11, RestartResource("db")),
    ],
)
def test_service_changes_its_state_as_the_resource_does(state: int, command: object) -> None:
    provider = Provider()
    given = {"RequestedState": pywbem.Uint16(state)}
    assert call(provider, service("db"), "RequestStateChange", **given) == 0
    assert provider.engine.given == [(command, "ann")]
    assert call(provider, service("db"), "RequestStateChange", RequestedState=None) == 5
    assert call(provider, service("db"), "RequestStateChange", RequestedState=pywbem.Uint16(7)) == 1


def test_service_that_takes_long_leaves_the_job_of_its_resource() -> None:
    provider = Provider()
    provider.engine.answer = LATE
    given = (("RequestedState", pywbem.Uint16(3)),)
    answer = provider.ask(InvokeMethod(MODEL, service("web"), "RequestStateChange", given))
    assert isinstance(answer, MethodResult)
    ((name, _, job),) = answer.outputs
    assert (int(answer.value), name) == (4096, "Job")
    assert instance(provider, job)["Name"] == "stop web"


def test_old_verbs_of_services_start_and_stop_them() -> None:
    provider = Provider()
    assert call(provider, service("db"), "StopService") == 0
    assert instance(provider, service("db"))["Started"] is False
    assert instance(provider, service("db"))["StartMode"] == "Manual"
    assert call(provider, service("db"), "StartService") == 0
    assert instance(provider, service("db"))["Started"] is True
    provider.engine.answer = LATE
    assert call(provider, service("db"), "StopService") == 3
    provider.engine.answer = Refused("invalid", "no")
    with pytest.raises(pywbem.CIMError):
        call(provider, service("db"), "StopService")


def test_who_operates_may_fail_over_and_start_what_the_cluster_runs() -> None:
    for wanted, method in (
        (of("db"), "Failover"),
        (NODES, "failover"),
        (service("db"), "StopService"),
    ):
        assert least_role(InvokeMethod(MODEL, wanted, method, ())) is Role.OPERATE
    own = path("CIM_IndicationService", "interop")
    assert least_role(InvokeMethod("interop", own, "StopService", ())) is Role.ADMINISTER
    state = (("RequestedState", pywbem.Uint16(3)),)
    change = InvokeMethod("interop", own, "RequestStateChange", state)
    assert least_role(change) is Role.ADMINISTER, "what is done decides, not the method"


@pytest.mark.parametrize("view", [cluster(), cloned()])
def test_every_service_and_resource_says_which_states_may_be_asked_for(view: object) -> None:
    provider = Provider(view)  # type: ignore[arg-type]  # a view
    hosted = associated(provider, cluster_path(), assoc_class="HA_HostedResourceService")
    resources = associated(provider, cluster_path(), assoc_class="HA_SystemResource")
    assert len(hosted) == len(resources) > 0
    for each in (*hosted, *resources):
        (link,) = referring(provider, each, assoc_class="CIM_ElementCapabilities")
        supported = instance(provider, link["Capabilities"])["RequestedStatesSupported"]
        shown = instance(provider, each)["AvailableRequestedStates"]
        assert set(shown) <= set(supported), each
        assert {2, 3, 11} <= set(supported), each


@pytest.mark.parametrize("view", [cluster(), cloned()])
@pytest.mark.parametrize("managed", [True, False])
def test_states_that_may_be_asked_for_are_those_that_are_not_refused(
    view: ClusterView, managed: bool
) -> None:
    primitives = tuple(replace(each, managed=managed) for each in view.primitives)
    groups = tuple(replace(each, managed=managed) for each in view.groups)
    clones = tuple(replace(each, managed=managed) for each in view.clones)
    view = replace(view, primitives=primitives, groups=groups, clones=clones)
    provider = Provider(view)
    found = associated(provider, cluster_path(), assoc_class="HA_SystemResource")
    assert len(found) > 1
    for each in found:
        shown = instance(provider, each)["AvailableRequestedStates"]
        taken = []
        for state in (2, 3, 9, 10, 11):
            given = (("RequestedState", pywbem.Uint16(state)),)
            asked = InvokeMethod(MODEL, each, "RequestStateChange", given)
            try:
                answer = Provider(view).ask(asked)
            except pywbem.CIMError:
                continue
            assert isinstance(answer, MethodResult)
            taken += [state] if answer.value in (0, 4096) else []
        assert shown == taken, each
