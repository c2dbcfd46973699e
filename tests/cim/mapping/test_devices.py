"""Fence devices, which consoles find as primitives that nobody starts or stops."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView, EngineState
from cim_provider.views.facts import ClusterFacts
from cim_provider.wbem.operations import (
    AssociatorNames,
    EnumerateInstanceNames,
    Filters,
    GetInstance,
    Instances,
    InvokeMethod,
    MethodResult,
    Paths,
)
from tests.cim.mapping.facts import beyond
from tests.cim.mapping.pasts import past
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cluster,
    cluster_path,
    node_path,
    primitive,
    resource_path,
)

SWITCH = resource_path("switch")


def with_device(**changes: object) -> ClusterView:
    """Return the sample cluster with a fence device, `switch`."""
    return cluster(**{"facts": beyond(), **changes})


def device(provider: Provider) -> pywbem.CIMInstance:
    answer = provider.ask(GetInstance(MODEL, SWITCH))
    assert isinstance(answer, Instances)
    (found,) = answer.items
    return found


def near(provider: Provider, source: pywbem.CIMInstanceName, association: str) -> list[str]:
    answer = provider.ask(AssociatorNames(MODEL, source, Filters(assoc_class=association)))
    assert isinstance(answer, Paths)
    return [str(each.keybindings.get("Id", each.keybindings.get("Name"))) for each in answer.items]


def test_a_fence_device_is_a_primitive_that_cuts_nodes_off() -> None:
    found = device(Provider(with_device()))
    assert found["IsFencingDevice"] is True
    assert (found["ResourceClass"], found["Type"]) == ("fence", "fence_apc")
    assert found["AgentRef"] == "fence:fence_apc"
    assert found["Description"] == "cuts off n2"
    assert (found["OperationalStatus"], found["EnabledState"]) == ([2], 2)
    assert (found["ResourceStatus"], found["HostingNode"]) == ("unmanaged", "Unknown")
    assert found["AvailableRequestedStates"] == []


def test_without_fencing_it_is_not_used_and_unasked_nothing_is_known() -> None:
    off = replace(beyond(), cluster=ClusterFacts(fences=False))
    found = device(Provider(with_device(facts=off)))
    assert (found["OperationalStatus"], found["EnabledState"]) == ([15], 3)
    found = device(Provider(with_device(engine=EngineState.NOT_ANSWERING)))
    assert (found["OperationalStatus"], found["HealthState"]) == ([13], 0)
    found = device(Provider(with_device(engine=EngineState.STOPPED)))
    assert (found["OperationalStatus"], found["HealthState"]) == ([13], 0)


def test_it_is_found_from_the_cluster_its_nodes_and_its_parameters_and_leads_back() -> None:
    provider = Provider(with_device(history=past()))
    ends = {
        "HA_SystemResource": (cluster_path(), "LinuxHACluster"),
        "HA_FencingDeviceOfNode": (node_path("n1"), "n1"),
    }
    for association, (other, name) in ends.items():
        assert "switch" in near(provider, other, association)
        assert name in near(provider, SWITCH, association)
    assert near(provider, SWITCH, "HA_AttributesOfResource") == ["switch-ip"]
    assert near(provider, SWITCH, "HA_MetaAttributesOfResource") == ["switch-meta-targets"]


def test_nobody_can_start_it_and_it_is_no_service() -> None:
    provider = Provider(with_device())
    answer = provider.ask(
        InvokeMethod(MODEL, SWITCH, "requeststatechange", (("RequestedState", pywbem.Uint16(2)),))
    )
    assert isinstance(answer, MethodResult)
    assert answer.value not in (0, 4096)


def test_a_name_that_a_resource_has_too_means_the_resource() -> None:
    provider = Provider(with_device(primitives=(primitive("switch", "n1"),), groups=()))
    assert device(provider)["HostingNode"] == "n1"
    answer = provider.ask(EnumerateInstanceNames(MODEL, "HA_PrimitiveResource"))
    assert isinstance(answer, Paths)
    assert len(answer.items) == 1


@pytest.mark.parametrize("name", ["HA_ResourceService", "HA_ResourceRedundancySet"])
def test_what_is_made_for_resources_that_run_is_not_made_for_it(name: str) -> None:
    answer = Provider(with_device()).ask(EnumerateInstanceNames(MODEL, name))
    assert isinstance(answer, Paths)
    assert answer.items
    assert not [each for each in answer.items if "switch" in str(each)]
