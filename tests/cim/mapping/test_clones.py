"""Clones as objects: their kinds, roles, states, instances on nodes and places."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView, EngineState
from cim_provider.wbem.operations import (
    AssociatorNames,
    EnumerateInstanceNames,
    Filters,
    GetInstance,
    Instances,
    Paths,
    Selection,
)
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cloned,
    cluster,
    cluster_path,
    node_path,
    path,
    resource_path,
)

MASTER = "HA_MasterSlaveResource"
CLONE = "HA_ResourceClone"


def read(view: ClusterView, target: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    answer = Provider(view).ask(GetInstance(MODEL, target))
    assert isinstance(answer, Instances)
    return answer.items[0]


def instance_path(node: str, name: str) -> pywbem.CIMInstanceName:
    return path("HA_ResourceInstance", InstanceID=f"LinuxHA:rsc:{node}:{name}")


def ids(provider: Provider, source: pywbem.CIMInstanceName, **filters: str) -> list[str]:
    answer = provider.ask(AssociatorNames(MODEL, source, Filters(**filters)))
    assert isinstance(answer, Paths)
    return [
        dict(each.keybindings).get("Id") or each.keybindings["InstanceID"] for each in answer.items
    ]


def test_clone_says_in_old_words_and_in_types_what_it_may_and_does() -> None:
    found = read(cloned(), resource_path("workers", CLONE))
    old = ("CloneMax", "CloneNodeMax", "Notify", "Ordered", "Interleave", "ResourceStatus")
    assert [found[name] for name in old] == ["3", "2", "false", "false", "false", "clone"]
    typed = ("CloneMaximum", "CloneNodeMaximum", "CloneMinimum", "GloballyUnique", "MemberId")
    assert [found[name] for name in typed] == [3, 2, 0, True, "worker"]
    assert (found["InstancesRunning"], found["InstancesWanted"]) == (2, 3)


def test_what_has_roles_is_of_its_own_class_and_says_who_is_promoted() -> None:
    found = read(cloned(), resource_path("stores", MASTER))
    old = ("CloneMax", "MaxMasters", "MaxNodeMasters", "Notify", "ResourceStatus")
    assert [found[name] for name in old] == ["2", "1", "1", "true", "master"]
    assert (found["MastersMaximum"], found["PromotedNodes"]) == (1, ["n1"])
    assert (found["TargetRole"], found["CurrentRole"]) == (5, 6)
    for wrong in (CLONE, "HA_ResourceGroup"):
        assert Provider(cloned()).refused(
            GetInstance(MODEL, resource_path("stores", wrong), Selection())
        ) == int(pywbem.CIM_ERR_NOT_FOUND)


@pytest.mark.parametrize(
    ("promoted", "status", "role"), [(("n1",), "running (Master)", 5), ((), "running (Slave)", 4)]
)
def test_primitive_with_roles_says_the_highest_that_it_has(
    promoted: tuple[str, ...], status: str, role: int
) -> None:
    view = cloned()
    changed = tuple(
        replace(each, promoted=promoted) if each.id == "store" else each for each in view.primitives
    )
    found = read(replace(view, primitives=changed), resource_path("store"))
    assert (found["ResourceStatus"], found["CurrentRole"]) == (status, role)
    assert found["PromotedNodes"] == list(promoted)
    assert found["ParentId"] == "stores"


def test_cloned_resource_on_two_nodes_is_well_and_not_active_twice() -> None:
    found = read(cloned(), resource_path("disk"))
    assert (found["ResourceStatus"], found["OperationalStatus"]) == ("running", [2])
    assert read(cloned(), resource_path("stack", CLONE))["OperationalStatus"] == [2]


def test_clone_with_too_few_instances_is_degraded_and_says_how_many() -> None:
    found = read(cloned(), resource_path("cells", CLONE))
    assert (found["OperationalStatus"], found["HealthState"]) == ([3], 10)
    assert found["StatusDescriptions"] == ["fewer instances run than are wanted: 2 of 3"]


def test_instance_says_its_role_scores_and_failure_on_its_node() -> None:
    found = read(cloned(), instance_path("n1", "store"))
    names = ("ResourceId", "NodeName", "CloneIndex", "Role", "PromotionScore", "PlacementScore")
    assert [found[name] for name in names] == ["store", "n1", -1, 5, 10, 5]
    failed = read(cloned(), instance_path("n2", "worker:2"))
    assert (failed["ResourceId"], failed["CloneIndex"], failed["FailCount"]) == ("worker", 2, 2)
    assert failed["LastFailureText"] == "monitor gave exit code 1: fault"
    assert (failed["OperationalStatus"], failed["HealthState"]) == ([6], 20)


def test_instance_of_a_cluster_that_does_not_answer_is_unknown_and_not_off() -> None:
    found = read(cloned(engine=EngineState.NOT_ANSWERING), instance_path("n1", "cell"))
    assert (found["OperationalStatus"], found["EnabledState"], found["Role"]) == ([13], 0, 0)
    assert found["IsActive"] is None


def test_clones_are_reached_from_the_cluster_and_lead_to_members_instances_and_nodes() -> None:
    provider = Provider(cloned())
    top = ids(provider, cluster_path(), assoc_class="HA_SystemResource")
    assert top == ["cells", "stack", "stores", "workers"]
    for association in ("HA_SubResource", "HA_ResourceComponent"):
        assert ids(provider, resource_path("stack", CLONE), assoc_class=association) == ["base"]
    assert ids(provider, resource_path("worker"), result_class="HA_ResourceInstance") == [
        f"LinuxHA:rsc:{where}" for where in ("n1:worker:0", "n1:worker:1", "n2:worker:2")
    ]
    on_node = ids(provider, node_path("n2"), assoc_class="HA_InstanceOnNode")
    assert on_node == [f"LinuxHA:rsc:n2:{name}" for name in ("cell", "disk", "store", "worker:2")]


def test_clones_are_listed_among_all_resources_each_once() -> None:
    answer = Provider(cloned()).ask(EnumerateInstanceNames(MODEL, "HA_ClusterResource"))
    assert isinstance(answer, Paths)
    found = [each.keybindings["Id"] for each in answer.items]
    assert len(found) == len(set(found)) == 9


def test_cluster_is_for_performance_too_when_a_clone_runs_on_several_nodes() -> None:
    assert read(cloned(), cluster_path())["Types"] == [2, 3]
    assert read(cluster(), cluster_path())["Types"] == [2]
