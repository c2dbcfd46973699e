"""Writers over the engine in memory: what each property means, twins, refusals."""

from dataclasses import replace
from functools import partial

import pytest
import pywbem

from cim_provider.edits import (
    AddTicket,
    ChangeResource,
    OperationText,
    PutConstraint,
    PutExpression,
    PutOperation,
    RemoveConstraint,
    RemoveExpression,
    RemoveOperation,
    RemoveResource,
    RemoveTicket,
    SetFenceLevel,
    SetNodeAttribute,
    SetOption,
    SetParameter,
)
from cim_provider.engine import EngineState, Refused
from cim_provider.engines.ha_core_edits_devices import CLASSES
from cim_provider.mapping.write_resources import AGENT_CLASSES
from cim_provider.views.settings import OperationView, TicketConstraintView, TicketView
from cim_provider.wbem import operations as ops
from cim_provider.wbem.errors import Status
from ha_core.config.choices import AgentClass
from tests.cim.mapping.views import MODEL
from tests.cim.writing.site import DB, PRIMITIVE, Site, path, refusal


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ResourceStickiness": "+INFINITY"}, (("stickiness", "INFINITY"),)),
        ({"Stickiness": pywbem.Sint32(-1000000)}, (("stickiness", "-INFINITY"),)),
        ({"IsManaged": "false"}, (("managed", "false"),)),
        ({"Managed": False, "IsManaged": "false"}, (("managed", "false"),)),
        (
            {"TargetRole": pywbem.Uint16(0), "Priority": pywbem.Sint32(9)},
            (("priority", "9"), ("target_role", None)),
        ),
        ({"FailureTimeoutMilliseconds": pywbem.Uint64(5)}, (("failure_timeout", "5ms"),)),
        ({"MultipleActive": "block"}, (("multiple_active", "block"),)),
        ({"MultipleActivePolicy": pywbem.Uint16(5)}, (("multiple_active", "stop_unexpected"),)),
    ],
)
def test_properties_become_words_and_twins_agree(
    site: Site, values: dict[str, object], words: tuple[tuple[str, str | None], ...]
) -> None:
    site.engine.change_primitive("db", target_role="started")
    site.modify(DB, **values)
    assert site.last.changes == (ChangeResource("db", words),)


def test_a_whole_instance_that_is_sent_back_changes_what_differs_alone(site: Site) -> None:
    whole = site.get(DB)
    site.ask(ops.ModifyInstance(MODEL, whole))
    assert site.engine.edits == []
    whole["Stickiness"] = pywbem.Sint32(7)
    whole["FailCount"] = pywbem.Uint32(99)
    site.ask(ops.ModifyInstance(MODEL, whole))
    assert site.last.changes == (ChangeResource("db", (("stickiness", "7"),)),)


def test_twins_that_contradict_each_other_are_refused(site: Site) -> None:
    call = lambda: site.modify(DB, IsManaged="false", Managed=True)  # noqa: E731
    assert (
        refusal(lambda: site.modify(DB, ResourceStickiness="3", Stickiness=pywbem.Sint32(4)))[0]
        == 4
    )
    # The typed one has the value that it had: the text is the one that was changed.
    call()
    assert site.last.changes == (ChangeResource("db", (("managed", "false"),)),)


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        (
            {"ResourceStickiness": "much"},
            4,
            "is 'much'; allowed: a whole number",
        ),
        ({"TargetRole": pywbem.Uint16(9)}, 4, "TargetRole is '9'; allowed: 2 stopped"),
        ({"EnabledState": pywbem.Uint16(3)}, 7, "RequestStateChange"),
        ({"RequestedState": pywbem.Uint16(3)}, 7, "RequestStateChange"),
        ({"HostingNode": "n9"}, 4, "cannot be written"),
        ({"Nonsense": "x"}, 12, "has no property 'Nonsense'"),
        ({"Priority": "3"}, 4, "is sint32, and string was given"),
        ({"Id": "other"}, 4, "is a key"),
        ({"BaseRevision": pywbem.Uint64(1)}, 1, "look again"),
        ({"InConfiguration": False}, 4, "deleted, and no draft again"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    site: Site, values: dict[str, object], code: int, words: str
) -> None:
    before = site.run(site.engine.view)
    found, text = refusal(lambda: site.modify(DB, **values))
    assert found == code
    assert words in text
    assert site.run(site.engine.view) == before


def test_the_revision_that_a_change_rests_on_is_handed_on(site: Site) -> None:
    revision = site.run(site.engine.view).revision  # type: ignore[attr-defined]
    site.modify(DB, Priority=pywbem.Sint32(1), BaseRevision=pywbem.Uint64(revision))
    assert site.last.base == revision
    stale = lambda: site.create(  # noqa: E731
        "HA_OrderConstraint", Id="o", From="db", To="cache", BaseRevision=pywbem.Uint64(revision)
    )
    assert refusal(stale)[0] == pywbem.CIM_ERR_FAILED


@pytest.mark.parametrize(
    ("class_name", "values", "change"),
    [
        (
            "HA_InstanceAttributes",
            {"ResourceId": "db", "Name": "ip", "Value": "1"},
            SetParameter("db", "ip", "1"),
        ),
        (
            "HA_MetaAttributes",
            {"ResourceId": "db", "Name": "is-managed", "Value": "false"},
            ChangeResource("db", (("managed", "false"),)),
        ),
        (
            "HA_MetaAttributes",
            {"ResourceId": "cache", "Name": "target-role", "Value": "Master"},
            ChangeResource("cache", (("target_role", "promoted"),)),
        ),
        (
            "HA_Operation",
            {"ResourceId": "db", "Name": "stop", "Interval": "0", "OnFail": "fence"},
            PutOperation("db", OperationText("stop", (("on_fail", "fence"),))),
        ),
        (
            "HA_NodeAttributes",
            {"NodeName": "n1", "Name": "site", "Value": "a"},
            SetNodeAttribute("n1", "site", "a"),
        ),
        (
            "HA_FencingLevel",
            {"Target": "n3", "Level": pywbem.Uint8(1), "Devices": ["a", "b"]},
            SetFenceLevel("n3", 1, ("a", "b")),
        ),
        (
            "HA_OrderConstraint",
            {"Id": "o9", "From": "db", "To": "cache", "OrderType": "after"},
            PutConstraint("o9", "order", (("order", "cache"), ("then", "db"))),
        ),
        (
            "HA_ColocationConstraint",
            {"Id": "c9", "From": "db", "To": "cache", "Score": "-INFINITY"},
            PutConstraint(
                "c9",
                "colocation",
                (("colocation", "db"), ("with", "cache"), ("score", "-INFINITY")),
            ),
        ),
        (
            "HA_LocationConstraint",
            {"Id": "l9", "Resource": "db", "NodeName": "n1", "ScoreValue": pywbem.Sint32(5)},
            PutConstraint("l9", "location", (("location", "db"), ("node", "n1"), ("score", "5"))),
        ),
        (
            "HA_TicketConstraint",
            {"Id": "t9", "Resource": "db", "Ticket": "T", "LossPolicy": pywbem.Uint16(5)},
            PutConstraint("t9", "ticket", (("ticket", "T"), ("resource", "db"), ("loss", "fence"))),
        ),
    ],
)
def test_each_class_has_its_edit(
    site: Site, class_name: str, values: dict[str, object], change: object
) -> None:
    site.create(class_name, **values)
    assert site.last.changes == (change,)
    assert "over WBEM" in site.last.reason


def test_an_option_is_set_by_its_value_and_unset_by_delete(site: Site) -> None:
    names = site.ask(ops.EnumerateInstanceNames(MODEL, "HA_ClusterProperty"))
    assert isinstance(names, ops.Paths)
    one = names.items[0]
    name = site.get(one)["Name"]
    site.modify(one, Value="17")
    assert site.last.changes == (SetOption(name, "17"),)
    site.delete(one)
    assert site.last.changes == (SetOption(name, None),)


def test_a_constraint_takes_the_place_of_one_with_its_id(site: Site) -> None:
    known = site.ask(ops.EnumerateInstanceNames(MODEL, "HA_OrderConstraint"))
    assert isinstance(known, ops.Paths)
    name = str(known.items[0]["Id"])
    site.create("HA_OrderConstraint", Id=name, From="db", To="cache", OrderType="before")
    words = (("order", "db"), ("then", "cache"))
    assert site.last.changes == (RemoveConstraint(name), PutConstraint(name, "order", words))
    site.delete(known.items[0])
    assert site.last.changes == (RemoveConstraint(name),)


def test_a_comparison_behind_a_rule_within_is_the_one_that_is_changed(site: Site) -> None:
    last = path("HA_LocationConstraintRule", "db-rack-rule-4", ConstraintId="db-rack")
    known = (("attribute", "old"), ("operation", "not_defined"), ("value", ""))
    site.modify(last, Attribute="new")
    assert site.last.changes == (PutExpression("db-rack", (("attribute", "new"),), 3, known),)
    site.delete(last)
    assert site.last.changes == (RemoveExpression("db-rack", 3, known),)


def test_a_resource_is_deleted_with_its_names(site: Site) -> None:
    site.create("HA_InstanceAttributes", Id="mine", ResourceId="db", Name="fake", Value="x")
    site.delete(DB)
    assert site.last.changes == (RemoveResource("db"),)
    assert site.store.held().names == {}
    assert refusal(lambda: site.delete(DB))[0] == pywbem.CIM_ERR_NOT_FOUND


def test_a_refusal_of_the_cluster_is_told_in_its_words(site: Site) -> None:
    for code, status in (("invalid", 4), ("not-found", 6), ("denied", 2), ("busy", 1)):
        site.engine.answer = Refused(code, "because of that")
        assert refusal(lambda: site.delete(DB)) == (status, "because of that")
    site.engine.answer = None
    site.engine.become(engine=EngineState.STOPPED)
    assert refusal(lambda: site.modify(DB, Priority=pywbem.Sint32(3)))[0] == 1


def test_an_id_that_may_not_be_is_an_invalid_parameter(site: Site) -> None:
    code, words = refusal(lambda: site.create(PRIMITIVE, Id="bad name", Type="Dummy"))
    assert (code, words.startswith("Id 'bad name': expected 1 to 100 letters")) == (4, True)


def test_texts_come_back_as_they_were_written_while_they_mean_what_is_configured(
    site: Site,
) -> None:
    site.create(PRIMITIVE, Id="r", Type="Dummy")
    names = {"Id": "m", "ResourceId": "r"}
    one = site.create("HA_Operation", **names, Name="monitor", Interval="120s", Timeout="90")
    shown = site.get(one)
    assert (shown["Interval"], shown["Timeout"]) == ("120s", "90")
    assert (shown["IntervalMilliseconds"], shown["TimeoutMilliseconds"]) == (120_000, 90_000)
    whole = site.get(one)
    whole["TimeoutMilliseconds"] = pywbem.Uint64(5000)
    site.ask(ops.ModifyInstance(MODEL, whole))
    shown = site.get(one)
    assert (shown["Interval"], shown["Timeout"]) == ("120s", "5s")
    site.modify(one, Timeout="07s")
    assert site.get(one)["Timeout"] == "07s"


def test_an_operation_keeps_its_id_when_its_interval_changes_and_is_deleted_by_it(
    site: Site,
) -> None:
    names = {"Id": "db-monitor-1min", "ResourceId": "db"}
    one = pywbem.CIMInstanceName("HA_Operation", names, namespace=MODEL)
    site.modify(one, Interval="3min")
    (put,) = site.last.changes
    assert isinstance(put, PutOperation)
    assert put.interval_ms == 60_000
    assert "db-monitor-1min" in site.store.held().names["db"].values()
    site.ask(ops.DeleteInstance(MODEL, one))
    assert site.last.changes == (RemoveOperation("db", "monitor", 180_000),)


def test_the_id_of_an_operation_does_not_hang_on_others() -> None:
    every = OperationView("db", "monitor", 2, interval="1min", interval_ms=60_000)
    assert every.id == replace(every, number=1).id == "db-monitor-1min"
    assert OperationView("db", "start").id == "db-start-1"


def test_an_order_is_shown_in_the_direction_in_which_it_was_written(site: Site) -> None:
    known = site.ask(ops.EnumerateInstances(MODEL, "HA_OrderConstraint"))
    assert isinstance(known, ops.Instances)
    first = known.items[0]
    assert first["OrderType"] == "after"
    site.create(
        "HA_OrderConstraint",
        Id=first["Id"],
        From=first["To"],
        To=first["From"],
        OrderType="before",
    )
    shown = site.get(first.path)
    assert (shown["From"], shown["OrderType"]) == (first["To"], "before")
    assert shown["FirstResource"] == first["FirstResource"]
    site.modify(first.path, To="cache")
    words = (("order", first["To"]), ("then", "cache"))
    assert site.last.changes == (PutConstraint(first["Id"], "order", words),)


def test_set_property_changes_one_and_refuses_another_type(site: Site) -> None:
    site.ask(ops.SetProperty(MODEL, DB, "priority", "12"))
    assert site.last.changes == (ChangeResource("db", (("priority", "12"),)),)
    code, words = refusal(lambda: site.ask(ops.SetProperty(MODEL, DB, "Priority", "twelve")))
    assert code == pywbem.CIM_ERR_TYPE_MISMATCH
    assert "Priority" in words
    assert len(site.engine.edits) == 1


def test_a_ticket_is_made_without_a_grant_and_only_one_that_nothing_needs_ends(site: Site) -> None:
    path = site.create("HA_Ticket", Id="west")
    assert dict(path.keybindings) == {"Id": "west"}
    assert site.last.changes == (AddTicket("west"),)
    status, text = refusal(lambda: site.create("HA_Ticket", Id="east", Granted=True))
    assert (status, text) == (
        Status.NOT_SUPPORTED,
        "HA_Ticket.Granted is changed by its method Grant",
    )
    settings = replace(
        site.engine.now.settings,
        tickets=(TicketView("T"), TicketView("U", is_granted=True), TicketView("west")),
        ticket_constraints=(TicketConstraintView("t9", "T", "db"),),
    )
    site.engine.become(settings=settings)
    for name, words in (
        ("T", "ticket T is needed by db (t9): delete these first"),
        ("U", "ticket U is granted here: Revoke it first"),
    ):
        ticket = pywbem.CIMInstanceName("HA_Ticket", {"Id": name}, namespace=MODEL)
        assert refusal(partial(site.delete, ticket)) == (Status.FAILED, words)
    site.delete(path)
    assert site.last.changes == (RemoveTicket("west"),)
    assert refusal(lambda: site.create("HA_Ticket", Id="T"))[0] == Status.ALREADY_EXISTS


def test_classes_of_agents_are_those_of_the_cluster_and_of_fence_devices() -> None:
    assert set(AGENT_CLASSES) == {*AgentClass, *CLASSES}
