"""Redundancy sets: who is a member, who a spare, and what may still be lost, in every state."""

from dataclasses import replace
from itertools import product

import pytest
import pywbem

from cim_provider.engine import CloneView, ClusterView, EngineState, GroupView, PrimitiveView
from cim_provider.mapping.redundancy import (
    DEGRADED,
    FAILURE,
    FULL,
    LOST,
    UNKNOWN,
    level_of,
    level_of_nodes,
    members_of,
    spares_of,
)
from cim_provider.mapping.tops import tops
from cim_provider.mapping.world import World
from cim_provider.views.redundancy import MayRun, Redundancy
from cim_provider.wbem.operations import EnumerateInstances, GetInstance, Instances
from tests.cim.mapping.test_associations import associated, referring
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    NODE_STATES,
    PRIMITIVE_STATES,
    Provider,
    cluster,
    cluster_path,
    copy,
    node,
    node_path,
    path,
    primitive,
    worlds,
)

NODES = path("HA_NodeRedundancySet", InstanceID="LinuxHA:set:nodes")
SERVING = ("online", "standby", "maintenance")


def of(resource: str) -> pywbem.CIMInstanceName:
    return path("HA_ResourceRedundancySet", InstanceID=f"LinuxHA:set:rsc:{resource}")


def instance(provider: Provider, wanted: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    answer = provider.ask(GetInstance(MODEL, wanted))
    assert isinstance(answer, Instances)
    return answer.items[0]


def status(view: ClusterView, resource: str) -> int:
    """Return RedundancyStatus as a client reads it, and see to it that it says why."""
    found = instance(Provider(view), of(resource))
    assert found["RedundancyDescription"]
    return int(found["RedundancyStatus"])


def members(provider: Provider, wanted: pywbem.CIMInstanceName) -> list[str]:
    found = associated(provider, wanted, assoc_class="CIM_MemberOfCollection")
    return [each["Name"] for each in found]


def spares(provider: Provider, wanted: pywbem.CIMInstanceName) -> list[str]:
    found = associated(provider, wanted, assoc_class="CIM_IsSpare", role="Dependent")
    return [each["Name"] for each in found]


def one(state: str = "started", on: str = "n1", *nodes: str, **changes: object) -> ClusterView:
    """Return three nodes, the others in the given states, and a primitive that is on n1."""
    states = nodes or ("online", "online")
    views = (node("n1"), *(node(f"n{i}", state=each) for i, each in enumerate(states, 2)))
    made = primitive("db", on, state=state, target_role="started")
    return cluster(nodes=views, primitives=(made,), groups=(), **changes)


def spread(running: int, wanted: int, least: int = 0, count: int = 3) -> ClusterView:
    """Return a clone of which so many instances run, on so many nodes."""
    on = tuple(f"n{i + 1}" for i in range(running))
    cell = primitive(
        "cell",
        clone="cells",
        nodes=on,
        state="started" if on else "stopped",
        target_role="started",
        instances=tuple(copy(each, "cell") for each in on),
    )
    clone = CloneView(
        "cells", "cell", instances_wanted=wanted, instances_max=wanted, instances_min=least
    )
    nodes = tuple(node(f"n{i + 1}") for i in range(count))
    return cluster(nodes=nodes, primitives=(cell,), groups=(), clones=(clone,))


def test_nodes_of_the_cluster_are_a_set_that_is_the_cluster() -> None:
    provider = Provider()
    assert members(provider, NODES) == ["n1", "n2", "n3"]
    assert associated(provider, NODES, assoc_class="CIM_ConcreteIdentity") == [cluster_path()]
    hosted = associated(provider, cluster_path(), assoc_class="CIM_HostedCollection")
    assert [NODES, of("web"), of("cache"), of("db")] == hosted
    found = instance(provider, NODES)
    assert list(found["TypeOfSet"]) == [4]
    assert (found["RedundancyStatus"], found["MinNumberNeeded"]) == (FULL, 2)
    assert found["MaxNumberSupported"] == 64
    assert "OperationalStatus" not in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, FULL),
        ({"votes": 3, "votes_missing": ("n3",)}, LOST),
        ({"votes": 4, "votes_expected": 5, "votes_missing": ("n5",)}, DEGRADED),
        ({"votes": 2, "votes_expected": 2, "votes_needed": 2}, LOST),
        ({"votes": 1, "votes_expected": 1, "votes_needed": 1}, LOST),
        ({"quorate": False, "votes": 1}, FAILURE),
        ({"engine": EngineState.STOPPED}, UNKNOWN),
        ({"engine": EngineState.NOT_ANSWERING}, UNKNOWN),
    ],
)
def test_set_of_nodes_says_what_the_votes_mean(changes: dict[str, object], expected: int) -> None:
    world = World(cluster(**changes), IDENTITY)
    assert level_of_nodes(world).status == expected


@pytest.mark.parametrize("state", NODE_STATES)
def test_node_that_is_not_reached_is_missing_though_it_has_no_vote(state: str) -> None:
    view = cluster()
    changed = replace(view.nodes[2], state=state, is_voter=False)
    world = World(replace(view, nodes=(*view.nodes[:2], changed, view.nodes[3])), IDENTITY)
    assert level_of_nodes(world).status == (FULL if state in SERVING else DEGRADED)


def test_resource_has_the_nodes_that_run_it_as_members_and_those_that_may_as_spares() -> None:
    provider = Provider()
    assert members(provider, of("web")) == ["n1"]
    assert spares(provider, of("web")) == ["n2"], "what the server may not do, its group may not"
    assert members(provider, of("db")) == ["n2"]
    assert spares(provider, of("db")) == ["n1", "n3"], "a witness is no spare"
    assert members(provider, of("cache")) == []
    (link,) = referring(provider, of("web"), assoc_class="CIM_IsSpare")
    found = instance(provider, link)
    assert (found["SpareStatus"], found["FailoverSupported"]) == (2, 4)
    assert found["Antecedent"] == node_path("n2")
    shown = instance(provider, of("web"))
    assert (list(shown["TypeOfSet"]), shown["MinNumberNeeded"]) == ([5], 0)
    assert shown["RedundancyStatus"] == FULL
    assert "n2" in shown["RedundancyDescription"]


@pytest.mark.parametrize(("state", "unclean"), list(product(NODE_STATES, (False, True))))
def test_spare_is_hot_where_the_resource_could_start_at_once(state: str, unclean: bool) -> None:
    view = cluster()
    changed = replace(view.nodes[1], state=state, unclean=unclean)
    provider = Provider(replace(view, nodes=(view.nodes[0], changed, *view.nodes[2:])))
    (link,) = referring(provider, of("web"), assoc_class="CIM_IsSpare")
    is_hot = state == "online" and not unclean
    assert instance(provider, link)["SpareStatus"] == (2 if is_hot else 3)
    assert instance(provider, of("web"))["RedundancyStatus"] == (FULL if is_hot else DEGRADED)


def test_resource_that_is_left_alone_fails_over_by_hand_only() -> None:
    left = primitive("db", "n2", managed=False)
    provider = Provider(cluster(primitives=(left,), groups=()))
    for link in referring(provider, of("db"), assoc_class="CIM_IsSpare"):
        assert instance(provider, link)["FailoverSupported"] == 3
    assert instance(provider, of("db"))["RedundancyStatus"] == DEGRADED


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (one(), FULL),
        (one("started", "n1", "online", "lost"), FULL),
        (one("started", "n1", "standby", "lost"), DEGRADED),
        (one(redundancy=Redundancy((MayRun("db", ("n1",)),))), LOST),
        (one(quorate=False), LOST),
        (one("starting", ""), FAILURE),
        (one("stopping"), FAILURE),
        (one("failed"), FAILURE),
        (one("blocked"), FAILURE),
        (one("stopped", ""), FAILURE),
        (one("unknown", ""), UNKNOWN),
        (one(engine=EngineState.STOPPED), UNKNOWN),
        (one(engine=EngineState.NOT_ANSWERING), UNKNOWN),
        (cluster(primitives=(primitive("db"),), groups=()), UNKNOWN),
        (
            cluster(primitives=(primitive("db", "n1", nodes=("n1", "n2")),), groups=()),
            FAILURE,
        ),
    ],
)
def test_status_of_what_runs_once(view: ClusterView, expected: int) -> None:
    assert status(view, "db") == expected


def test_group_runs_when_all_of_it_does() -> None:
    ip = primitive("ip", "n1", group="web", position=1)
    server = primitive("server", group="web", position=2, state="failed", target_role="started")
    group = GroupView("web", ("ip", "server"), target_role="started")
    assert status(cluster(primitives=(ip, server), groups=(group,)), "web") == FAILURE
    empty = cluster(primitives=(), groups=(GroupView("web", ()),))
    assert status(empty, "web") == UNKNOWN
    provider = Provider(empty)
    assert members(provider, of("web")) == spares(provider, of("web")) == []


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (spread(3, 3), FULL),
        (spread(2, 3), DEGRADED),
        (spread(1, 3), DEGRADED),
        (spread(1, 3, count=1), LOST),
        (spread(2, 3, least=2, count=2), LOST),
        (spread(1, 3, least=2), FAILURE),
        (spread(0, 3), FAILURE),
        (spread(1, 1), FULL),
        (spread(1, 1, count=1), LOST),
        (spread(3, 3, least=3), LOST),
    ],
)
def test_status_of_what_runs_several_times(view: ClusterView, expected: int) -> None:
    assert status(view, "cells") == expected


def test_clone_that_nobody_leads_has_failed_and_its_set_says_what_must_run() -> None:
    view = spread(3, 3, least=2)
    led = replace(view.clones[0], is_promotable=True)
    part = view.primitives[0]
    assert status(replace(view, clones=(led,)), "cells") == FAILURE
    promoted = replace(part, promoted=("n1",))
    full = replace(view, clones=(led,), primitives=(promoted,))
    assert status(full, "cells") == FULL
    assert status(replace(view, clones=(replace(led, target_role="unpromoted"),)), "cells") == FULL
    found = instance(Provider(full), of("cells"))
    assert (list(found["TypeOfSet"]), found["MinNumberNeeded"]) == ([2], 2)
    assert found["MaxNumberSupported"] == 3


def test_every_state_has_a_status_that_members_and_spares_bear_out() -> None:
    seen = set()
    for name, world in worlds():
        for each in tops(world):
            level, here = level_of(each), members_of(each)
            away = dict(spares_of(each))
            seen.add(level.status)
            label = f"{name}: {each.view.id} is {level}"
            assert not set(here) & set(away), label
            if not world.running:
                assert (level.status, here, away) == (UNKNOWN, (), {}), label
            if level.status in (FULL, DEGRADED, LOST):
                assert here, label
                assert all(part.nodes for part in each.members), label
            if level.status == FULL and not isinstance(each.view, CloneView):
                assert any(away.values()), label
            if level.status == LOST and isinstance(each.view, PrimitiveView | GroupView):
                assert not away or not world.view.quorate, label
    assert seen == {UNKNOWN, FULL, DEGRADED, LOST, FAILURE}


def test_all_sets_are_found_by_the_standard_names() -> None:
    provider = Provider()
    answer = provider.ask(EnumerateInstances(MODEL, "CIM_RedundancySet"))
    assert isinstance(answer, Instances)
    assert [each["InstanceID"] for each in answer.items] == [
        "LinuxHA:set:nodes",
        *(f"LinuxHA:set:rsc:{name}" for name in ("web", "cache", "db")),
    ]
    assert provider.refused(GetInstance(MODEL, of("server"))) == 6
    assert provider.refused(GetInstance(MODEL, of("unheard"))) == 6


@pytest.mark.parametrize("state", PRIMITIVE_STATES)
def test_service_is_the_same_as_its_resource(state: str) -> None:
    provider = Provider()
    provider.engine.change_primitive("db", state=state)
    keys = {
        "SystemCreationClassName": "HA_Cluster",
        "SystemName": "LinuxHACluster",
        "CreationClassName": "HA_ResourceService",
        "Name": "db",
    }
    service = instance(provider, path("HA_ResourceService", **keys))
    (resource,) = associated(provider, service.path, assoc_class="CIM_ConcreteIdentity")
    alike = instance(provider, resource)
    for name in ("OperationalStatus", "HealthState", "EnabledState", "RequestedState", "Status"):
        assert service[name] == alike[name], name
    assert service["Started"] is {"started": True, "unknown": None}.get(state, False)
    assert service["StartMode"] == "Automatic"


def test_services_depend_on_each_other_as_mandatory_orders_say() -> None:
    provider = Provider()
    answer = provider.ask(EnumerateInstances(MODEL, "CIM_ServiceServiceDependency"))
    assert isinstance(answer, Instances)
    (found,) = answer.items
    assert (found["Antecedent"]["Name"], found["Dependent"]["Name"]) == ("db", "web")
    assert (found["TypeOfDependency"], found["RestartService"]) == (3, False)
    hosted = associated(provider, cluster_path(), assoc_class="HA_HostedResourceService")
    assert [each["Name"] for each in hosted] == ["web", "cache", "db"]


def test_control_service_manages_nodes_and_resources() -> None:
    provider = Provider()
    (control,) = associated(provider, node_path("n1"), assoc_class="CIM_ServiceAffectsElement")
    assert control.classname == "HA_ClusterControlService"
    found = associated(provider, control, assoc_class="HA_ServiceAffectsElement")
    assert {each.get("Name") or each["Id"] for each in found} == {
        *("n1", "n2", "n3", "w"),
        *("ip", "server", "web", "db", "cache"),
    }
    (link,) = referring(provider, node_path("n1"), assoc_class="CIM_ServiceAffectsElement")
    assert list(instance(provider, link)["ElementEffects"]) == [5]
