"""What is configured, as clients see it: attributes, operations, constraints, tickets, options."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from typing import Any

import pytest
import pywbem

from cim_provider.engine import EngineState
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.settings import ASSOCIATIONS, ROWS
from cim_provider.mapping.world import World
from cim_provider.views.settings import LocationView, Settings
from cim_provider.wbem.operations import (
    AssociatorNames,
    EnumerateInstances,
    Filters,
    GetInstance,
    Instances,
    Paths,
)
from tests.cim.mapping.settings import WALL_MS
from tests.cim.mapping.views import IDENTITY, MODEL, Provider, cloned, cluster, path, resource_path

CONSTRAINT_KEYS = {"SystemName": "LinuxHACluster", "SystemCreationClassName": "HA_Cluster"}


def constraint_path(class_name: str, name: str) -> pywbem.CIMInstanceName:
    return path(class_name, Id=name, CreationClassName=class_name, **CONSTRAINT_KEYS)


def one(name: pywbem.CIMInstanceName, provider: Provider | None = None) -> dict[str, Any]:
    """Return the properties of an object that are not NULL."""
    answer = (provider or Provider()).ask(GetInstance(MODEL, name))
    assert isinstance(answer, Instances)
    (found,) = answer.items
    return {key: value for key, value in found.items() if value is not None}


def all_of(class_name: str, provider: Provider) -> list[dict[str, Any]]:
    answer = provider.ask(EnumerateInstances(MODEL, class_name))
    assert isinstance(answer, Instances)
    return [dict(each.items()) for each in answer.items]


def near(provider: Provider, source: pywbem.CIMInstanceName, association: str) -> list[str]:
    """Return what is at the other end, as class and ids."""
    asked = AssociatorNames(MODEL, source, Filters(assoc_class=association))
    answer = provider.ask(asked)
    assert isinstance(answer, Paths)
    return [f"{each.classname} {each.keybindings['Id']}" for each in answer.items]


def subset(found: dict[str, Any], **expected: object) -> None:
    assert {name: found.get(name) for name in expected} == expected


def test_a_parameter_keeps_its_id_and_a_secret_is_never_told() -> None:
    plain = one(path("HA_InstanceAttributes", Id="db-state", ResourceId="db"))
    subset(plain, Name="state", Value="/run/db", IsSecret=False, SetId="db-parameter")
    subset(plain, Caption="InstanceAttributes.db-db-state", IsDefault=False)
    secret = one(path("HA_InstanceAttributes", Id="db-password", ResourceId="db"))
    subset(secret, Name="password", Value="hidden", IsSecret=True)


def test_options_and_utilization_of_resources_are_meta_attributes_in_sets_of_their_own() -> None:
    role = one(path("HA_MetaAttributes", Id="db-meta-target_role", ResourceId="db"))
    subset(role, Name="target_role", Value="started", SetId="db-meta", IsDefault=False)
    usual = one(path("HA_MetaAttributes", Id="db-meta-stickiness", ResourceId="db"))
    subset(usual, IsDefault=True, Description="stickiness of all resources")
    cpu = one(path("HA_MetaAttributes", Id="db-utilization-cpu", ResourceId="db"))
    subset(cpu, Name="cpu", Value="4", SetId="db-utilization")
    hidden = one(path("HA_MetaAttributes", Id="db-meta-admin_password", ResourceId="db"))
    subset(hidden, Value="hidden", IsSecret=True)


def test_what_belongs_to_no_resource_that_is_there_is_not_shown() -> None:
    provider = Provider()
    for name in ("HA_InstanceAttributes", "HA_MetaAttributes", "HA_Operation"):
        assert "gone" not in {each["ResourceId"] for each in all_of(name, provider)}
    assert provider.refused(
        GetInstance(MODEL, path("HA_MetaAttributes", Id="gone-meta-of", ResourceId="gone"))
    ) == int(pywbem.CIM_ERR_NOT_FOUND)


def test_an_operation_has_the_old_texts_and_the_same_as_numbers() -> None:
    first = one(path("HA_Operation", Id="db-monitor-10s", ResourceId="db"))
    subset(first, Name="monitor", Interval="10s", Timeout="20s", OnFail="fence", Enabled="true")
    subset(first, IntervalMilliseconds=10_000, TimeoutMilliseconds=20_000, OnFailPolicy=8)
    subset(first, Role="promoted", IsEnabled=True, Caption="Operation.db-monitor-10s")
    deep = one(path("HA_Operation", Id="db-monitor-1min", ResourceId="db"))
    subset(deep, Interval="1min", IntervalMilliseconds=60_000, Depth=10, Role=None, OnFail=None)
    off = one(path("HA_Operation", Id="db-monitor-2min", ResourceId="db"))
    subset(off, Enabled="false", IsEnabled=False)
    start = one(path("HA_Operation", Id="db-start-1", ResourceId="db"))
    subset(start, Interval="0", IntervalMilliseconds=0, PreReq="quorum")


def test_attributes_of_nodes_are_configured_or_measured_and_both_may_have_one_name() -> None:
    kept = one(path("HA_NodeAttributes", Id="n1-connectivity", NodeName="n1"))
    subset(kept, Name="connectivity", Value="of ours", IsTransient=False)
    measured = one(path("HA_NodeAttributes", Id="n1+connectivity", NodeName="n1"))
    subset(measured, Name="connectivity", Value="2000", IsTransient=True)
    token = one(path("HA_NodeAttributes", Id="n1-api_token", NodeName="n1"))
    subset(token, Value="hidden", IsSecret=True)


def test_an_option_says_what_holds_what_is_usual_and_what_is_allowed() -> None:
    unset = one(path("HA_ClusterProperty", Id="dead_after"))
    subset(unset, Name="dead_after", Value="1s", DefaultValue="1s", IsSet=False, ValueType="time")
    red = one(path("HA_ClusterProperty", Id="health-red"))
    subset(red, Name="health.red", Value="-5", DefaultValue="-INFINITY", IsSet=True)
    words = one(path("HA_ClusterProperty", Id="ping-interval"))
    subset(words, Value=None, DefaultValue="dead_after / 2", Description="How often.")


def test_an_order_reads_as_scripts_write_it_and_by_names_that_say_which_is_first() -> None:
    found = one(constraint_path("HA_OrderConstraint", "db-ip"))
    subset(found, From="ip", OrderType="after", To="db", Caption="Constraint.db-ip")
    subset(found, FirstResource="db", ThenResource="ip", FirstAction="promote", ThenAction="start")
    subset(found, Kind=2, IsSymmetrical=True, AnyOf="either", Source=None)
    assert found["Description"] == "start of ip after promote of db"
    loose = one(constraint_path("HA_OrderConstraint", "x"))
    subset(
        loose,
        Kind=3,
        IsSymmetrical=False,
        Description="start of db if both are due, after start of ip",
    )
    apart = one(constraint_path("HA_OrderConstraint", "y"))
    subset(apart, Kind=4, Source="constraints.y.order")
    subset(apart, Description="start of ip and start of cache never at once")


def test_a_colocation_has_its_score_as_text_and_number_and_its_roles() -> None:
    found = one(constraint_path("HA_ColocationConstraint", "ip-with-db"))
    subset(found, From="ip", To="db", Score="INFINITY", ScoreValue=1_000_000)
    subset(found, Resource="ip", WithResource="db", ResourceRole="started", WithRole="promoted")
    subset(found, NodeAttribute="rack", Influence=True)
    away = one(constraint_path("HA_ColocationConstraint", "apart"))
    subset(away, Score="-5", ScoreValue=-5, Influence=None, Source="constraints.apart.apart")
    assert away["Description"] == "cache away from db, score -5"


def test_moves_and_bans_by_hand_are_locations_with_their_origin_and_their_end() -> None:
    ban = one(constraint_path("HA_LocationConstraint", "db-ban"))
    subset(ban, Resource="db", NodeName="n1", Score="-INFINITY", ScoreValue=-1_000_000, Origin=4)
    assert ban["Expires"].datetime.timestamp() * 1000 == WALL_MS
    subset(ban, EndsWithNode=False, UntilIncarnation=None)
    move = one(constraint_path("HA_LocationConstraint", "db-move"))
    subset(move, Origin=3, Score="INFINITY", EndsWithNode=True, UntilIncarnation=3, Expires=None)
    subset(move, Description="db on n2, score INFINITY, by a move")
    own = one(constraint_path("HA_LocationConstraint", "web-prefers-n1"))
    subset(own, Origin=2, Discovery=4, Source="resources.web.prefers", Score="100")


def test_a_rule_is_told_part_by_part_and_a_rule_within_it_is_a_part() -> None:
    provider = Provider()
    rows = {
        each["Id"]: each
        for each in all_of("HA_LocationConstraintRule", provider)
        if each["ConstraintId"] == "db-rack"
    }
    assert list(rows) == [
        *("db-rack-rule-1", "db-rack-rule-2", "db-rack-rule-2-1", "db-rack-rule-2-2"),
        *("db-rack-rule-3", "db-rack-rule-4"),
    ]
    first = rows["db-rack-rule-1"]
    subset(first, Attribute="rack", Operation="eq", Value="a", RuleId="db-rack-rule", BooleanOp=2)
    subset(first, ExpressionType=2, ValueSource=2, ValueType=None, RuleScore=100)
    subset(rows["db-rack-rule-2"], ExpressionType=5, Operation=None, RuleId="db-rack-rule")
    fast = rows["db-rack-rule-2-1"]
    subset(fast, RuleId="db-rack-rule-2", BooleanOp=3, ValueSource=3, ValueType="integer")
    date = rows["db-rack-rule-2-2"]
    subset(date, ExpressionType=3, Operation="in_range", Attribute=None, ValueSource=None)
    assert date["Begins"].datetime.timestamp() * 1000 == WALL_MS
    subset(rows["db-rack-rule-3"], ExpressionType=4, Operation="date_spec", Value="hours=9-16")
    subset(rows["db-rack-rule-4"], Operation="not_defined", Value=None)
    scored = constraint_path("HA_LocationConstraint", "db-near")
    subset(one(scored), ScoreAttribute="weight", Score=None, ScoreValue=None, NodeName=None)


def test_what_needs_a_ticket_says_what_its_loss_leads_to() -> None:
    found = {each["Id"]: each for each in all_of("HA_TicketConstraint", Provider())}
    losses = {name: each["LossPolicy"] for name, each in found.items()}
    assert losses == {
        "db-needs-stop": 2,
        "db-needs-demote": 3,
        "db-needs-freeze": 4,
        "db-needs-fence": 5,
    }
    subset(found["db-needs-demote"], Ticket="shop-sites", Resource="db", ResourceRole="promoted")


def test_a_ticket_is_granted_in_standby_or_not_and_unknown_while_nobody_can_be_asked() -> None:
    granted = one(path("HA_Ticket", Id="shop-sites"))
    subset(granted, Granted=True, IsStandby=False, EnabledState=2, RequestedState=2)
    subset(granted, OperationalStatus=[2], Owner="shop", SiteName="shop", Resources=["db"])
    subset(granted, LastChangeAuthor="ann", LastChangeReason="the other site is down")
    assert granted["LastGranted"] == granted["LastChanged"]
    resting = one(path("HA_Ticket", Id="spare"))
    subset(
        resting,
        Granted=True,
        IsStandby=True,
        EnabledState=6,
        LastGranted=None,
        AvailableRequestedStates=[2, 3, 6],
    )
    unheard = one(path("HA_Ticket", Id="unheard"))
    subset(unheard, Granted=False, EnabledState=3, Owner=None, LastChanged=None)
    for engine, enabled, status in (
        (EngineState.STOPPED, 0, 13),
        (EngineState.NOT_ANSWERING, 0, 13),
    ):
        away = one(path("HA_Ticket", Id="shop-sites"), Provider(cluster(engine=engine)))
        subset(away, Granted=None, IsStandby=None, Owner=None, EnabledState=enabled)
        subset(away, OperationalStatus=[status], RequestedState=5, AvailableRequestedStates=[])


def test_a_fencing_level_has_its_node_and_devices() -> None:
    found = one(path("HA_FencingLevel", Id="1:n1"))
    subset(found, Target="n1", Level=1, Devices=["ipmi", "pdu"])
    assert found["Description"] == "n1 is cut off by ipmi and pdu"


@pytest.mark.parametrize("state", [EngineState.STOPPED, EngineState.NOT_ANSWERING])
def test_what_is_configured_stays_visible_while_the_cluster_cannot_be_asked(
    state: EngineState,
) -> None:
    away, well = Provider(cluster(engine=state)), Provider()
    for row in ROWS:
        if row.class_name != "HA_Ticket":
            assert all_of(row.class_name, away) == all_of(row.class_name, well) != []


def test_resources_and_what_belongs_to_them_are_found_from_either_end() -> None:
    provider = Provider()
    db = resource_path("db")
    ends = {
        "HA_AttributesOfResource": ("HA_InstanceAttributes", "db-state", "ResourceId"),
        "HA_MetaAttributesOfResource": ("HA_MetaAttributes", "db-meta-target_role", "ResourceId"),
        "HA_OperationOnResource": ("HA_Operation", "db-monitor-1min", "ResourceId"),
    }
    for association, (class_name, name, key) in ends.items():
        assert f"{class_name} {name}" in near(provider, db, association)
        far = path(class_name, Id=name, **{key: "db"})
        assert near(provider, far, association) == ["HA_PrimitiveResource db"]
    group = resource_path("web", "HA_ResourceGroup")
    assert near(provider, group, "HA_MetaAttributesOfResource") == [
        "HA_MetaAttributes web-meta-priority"
    ]
    clones = Provider(cloned())
    stores = resource_path("stores", "HA_MasterSlaveResource")
    assert near(clones, stores, "HA_MetaAttributesOfResource") == [
        "HA_MetaAttributes stores-meta-target_role"
    ]


def test_a_rule_is_found_from_its_constraint_and_back() -> None:
    provider = Provider()
    location = constraint_path("HA_LocationConstraint", "db-rack")
    parts = near(provider, location, "HA_RuleOfLocationConstraint")
    assert len(parts) == 6
    part = path("HA_LocationConstraintRule", Id="db-rack-rule-2-1", ConstraintId="db-rack")
    back = near(provider, part, "HA_RuleOfLocationConstraint")
    assert back == ["HA_LocationConstraint db-rack"]


def test_constraints_are_one_family_and_found_by_their_id_alone() -> None:
    provider = Provider()
    family = all_of("HA_ResourceConstraint", provider)
    assert len(family) == 6 + 2 + 3 + 4
    assert {each["SystemCreationClassName"] for each in family} == {"HA_Cluster"}
    for keys in ({}, {"SystemCreationClassName": "HA_LinuxHA", "SystemName": "other"}):
        subset(one(path("HA_OrderConstraint", Id="db-ip", **keys)), To="db")


def test_long_names_fit_into_captions() -> None:
    long = "x" * 200
    view = cluster(settings=Settings(locations=(LocationView(long, "db", "n1", 1),)))
    found = one(constraint_path("HA_LocationConstraint", long), Provider(view))
    assert len(found["Caption"]) == 64
    assert found["ElementName"] == long


def test_look_ups_find_what_enumerations_show() -> None:
    world = World(cluster(), IDENTITY)
    for row in ROWS:
        for record in row.records(world):
            keys = dict(record.ref.keys)
            found = row.find(world, tuple(str(keys[name]) for name in row.identity))
            assert found is not None
            assert found.fill(None) == record.fill(None)
    ends: set[Ref] = {
        end for row in ASSOCIATIONS for pair in row.pairs(world) for end in (pair.left, pair.right)
    }
    assert len(ends) > 30
