"""HA_Cluster sent back by its clients, and drafts and operations as their clients wrote them."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider.edits import SetOption
from cim_provider.views.settings import OperationView
from tests.cim.mapping.views import MODEL
from tests.cim.writing.site import PRIMITIVE, Site, path, refusal

CLUSTER = pywbem.CIMInstanceName(
    "HA_Cluster",
    {"CreationClassName": "HA_Cluster", "Name": "LinuxHACluster"},
    namespace=MODEL,
)


def given_back(site: Site, **values: object) -> None:
    """Send the whole instance back, as wbemcli does, with some properties changed."""
    whole = site.get(CLUSTER)
    instance = pywbem.CIMInstance("HA_Cluster", whole.properties)
    instance.update(values)
    site.modify(CLUSTER, **dict(instance.properties))


def test_a_whole_cluster_sent_back_unchanged_changes_nothing(site: Site) -> None:
    given_back(site)
    site.modify(CLUSTER, AuthKey=pywbem.CIMProperty("AuthKey", None, "string"))
    site.modify(CLUSTER, AuthKey="hidden")
    assert not site.engine.edits


@pytest.mark.parametrize(
    ("given", "option", "value"),
    [
        ({"ElementName": "store"}, "cluster", "store"),
        ({"DeadTime": "3"}, "dead_after", "3000ms"),
        ({"DeadTimeMilliseconds": pywbem.Uint32(700)}, "dead_after", "700ms"),
        ({"SymmetricCluster": "false"}, "symmetric", "false"),
        ({"SymmetricPlacement": False}, "symmetric", "false"),
        ({"NoQuorumPolicy": "Freeze"}, "no_quorum_policy", "freeze"),
        ({"QuorumPolicy": pywbem.Uint16(5)}, "no_quorum_policy", "demote"),
        ({"DefaultResourceStickiness": "INFINITY"}, "defaults.resource.stickiness", "INFINITY"),
        ({"DefaultStickiness": pywbem.Sint32(7)}, "defaults.resource.stickiness", "7"),
        ({"MaintenanceMode": True}, "maintenance", "true"),
        (
            {"FencingEnabled": pywbem.CIMProperty("FencingEnabled", None, "boolean")},
            "fencing",
            None,
        ),
    ],
)
def test_a_property_of_the_cluster_is_its_option(
    site: Site, given: dict[str, object], option: str, value: str | None
) -> None:
    site.modify(CLUSTER, **given)
    assert site.last.changes == (SetOption(option, value),)


def test_changed_beside_all_that_was_read_only_what_differs_counts(site: Site) -> None:
    given_back(site, DefaultResourceStickiness="9", PendingActions=pywbem.Uint32(99))
    assert site.last.changes == (SetOption("defaults.resource.stickiness", "9"),)
    assert site.last.reason == "cluster changed over WBEM: DefaultResourceStickiness"


def test_a_cluster_is_changed_at_once_or_not_at_all(site: Site) -> None:
    for wrong in ({"DeadTime": "soon"}, {"QuorumPolicy": pywbem.Uint16(6)}, {"KeepAlive": "9s"}):
        alone = wrong if "KeepAlive" in wrong else {"MaintenanceMode": True} | wrong
        status, words = refusal(lambda given=alone: site.modify(CLUSTER, **given))
        assert (status, next(iter(wrong)) in words) == (pywbem.CIM_ERR_INVALID_PARAMETER, True)
    twins = {"DefaultResourceStickiness": "9", "DefaultStickiness": pywbem.Sint32(8)}
    assert "contradict" in refusal(lambda: site.modify(CLUSTER, **twins))[1]
    assert not site.engine.edits


def test_clusters_are_not_made_or_ended_by_a_client(site: Site) -> None:
    status, words = refusal(lambda: site.create("HA_Cluster", Name="second"))
    assert (status, "ha init" in words) == (pywbem.CIM_ERR_NOT_SUPPORTED, True)
    status, words = refusal(lambda: site.delete(CLUSTER))
    assert (status, "ha leave" in words) == (pywbem.CIM_ERR_NOT_SUPPORTED, True)


def test_an_interval_is_read_as_it_was_written_by_path_and_in_lists(site: Site) -> None:
    """The operation of a draft keeps its Id and its text once it is in the configuration."""
    made = site.create(PRIMITIVE, Id="old", Type="Dummy")
    operation = site.create(
        "HA_Operation", Id="op", ResourceId="old", Name="monitor", Interval="1000", Timeout="10s"
    )
    assert site.get(operation)["Interval"] == "1000"
    assert site.submit(made) == 1
    running = OperationView(
        "old", "monitor", 1, interval="1000s", interval_ms=1_000_000, timeout_ms=10_000
    )
    settings = site.engine.now.settings
    site.engine.become(settings=replace(settings, operations=(*settings.operations, running)))
    assert site.get(operation)["Interval"] == "1000"


def test_the_state_of_a_draft_is_told_alike_by_all_its_properties(site: Site) -> None:
    found = site.get(site.create(PRIMITIVE, Id="new", Type="Dummy"))
    told = [found[name] for name in ("Status", "PrimaryStatus", "OperatingStatus", "HealthState")]
    assert told == ["Stopped", 1, 7, 5]
    assert found["OperationalStatus"] == [15]
    assert path(PRIMITIVE, "new")["Id"] == found["Id"]
