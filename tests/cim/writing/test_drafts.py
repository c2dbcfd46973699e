"""Drafts: made in steps, seen before they are in the configuration, submitted as one edit."""

import pytest
import pywbem

from cim_provider.drafts import DRAFTS_MAX, Draft, DraftError
from cim_provider.edits import (
    ChangeResource,
    Edit,
    MakeClone,
    MakeGroup,
    MakePrimitive,
    OperationText,
    PutConstraint,
    RemoveResource,
    SetParameter,
)
from cim_provider.wbem import operations as ops
from cim_provider.wbem.errors import Status
from tests.cim.mapping.facts import beyond
from tests.cim.mapping.views import MODEL
from tests.cim.writing.site import GROUP, PRIMITIVE, Site, path, refusal


def test_drafts_that_name_each_other_are_refused_and_deleted_as_others_are(site: Site) -> None:
    site.create(GROUP, Id="first", Members=["second"])
    second = site.create(GROUP, Id="second", Members=["first", "second"])
    code, text = refusal(lambda: site.submit(second))
    assert (code, "names 'second'" in text) == (4, True)
    site.delete(second)
    assert not site.store.held().drafts


def test_a_resource_made_in_steps_goes_in_as_one_edit(site: Site) -> None:
    one = site.create(
        PRIMITIVE,
        Id="r",
        ResourceClass="ocf",
        Type="Dummy",
        ResourceStickiness="5",
        OnStopFail="block",
    )
    site.create("HA_InstanceAttributes", Id="mine", ResourceId="r", Name="fake", Value="x")
    site.create("HA_Operation", Id="m", ResourceId="r", Name="monitor", Interval="10", Timeout="2m")
    assert site.engine.edits == []
    assert site.submit(one) == 1
    stop = OperationText("stop", (("on_fail", "block"),))
    monitor = OperationText("monitor", (("interval", "10000ms"), ("timeout", "120000ms")))
    made = MakePrimitive(
        *("r", "ocf", "heartbeat", "Dummy"),
        words=(("stickiness", "5"),),
        parameters=(("fake", "x"),),
        operations=(stop, monitor),
    )
    assert site.last == Edit((made,), "primitive r added over WBEM")
    assert site.store.held().drafts == {}
    assert site.get(one)["Enabled"] == "true"


def test_a_draft_is_shown_as_one_with_what_is_in_it(site: Site) -> None:
    one = site.create(PRIMITIVE, Id="r", Type="Dummy")
    site.create("HA_InstanceAttributes", Id="mine", ResourceId="r", Name="fake", Value="x")
    shown = site.get(one)
    assert list(shown["OperationalStatus"]) == [15]
    assert (shown["Enabled"], shown["InConfiguration"]) == ("false", False)
    assert (shown["EnabledState"], shown["HealthState"], shown["ResourceStatus"]) == (3, 5, None)
    names = site.ask(ops.EnumerateInstanceNames(MODEL, PRIMITIVE))
    assert isinstance(names, ops.Paths)
    assert "r" in [each["Id"] for each in names.items]
    found = site.ask(ops.AssociatorNames(MODEL, one))
    assert isinstance(found, ops.Paths)
    assert [each["Id"] for each in found.items] == ["mine"]
    assert site.get(path("HA_InstanceAttributes", "mine", ResourceId="r"))["Value"] == "x"


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("Start", {}),
        ("Stop", {}),
        ("Restart", {}),
        ("Move", {"TargetNode": "n1"}),
        ("Ban", {"NodeName": "n1"}),
        ("Promote", {}),
        ("Cleanup", {}),
        ("Explain", {}),
        ("RequestStateChange", {"RequestedState": pywbem.Uint16(2)}),
        ("RequestStateChange", {"RequestedState": pywbem.Uint16(3)}),
    ],
)
def test_method_on_a_draft_is_refused_as_it_is_not_in_the_configuration(
    site: Site, method: str, given: dict[str, object]
) -> None:
    draft = site.create(PRIMITIVE, Id="d1", ResourceClass="process")
    answer = site.ask(ops.InvokeMethod(MODEL, draft, method, tuple(given.items())))
    assert isinstance(answer, ops.MethodResult)
    words = {name: value for name, _, value in answer.outputs}
    if method == "RequestStateChange":
        assert (answer.value, words) == (4097, {})
    else:
        assert answer.value == 5
        assert "resource 'd1' is not in the configuration" in str(words["Message"])


def test_drafts_and_names_outlive_the_server(site: Site) -> None:
    site.create(PRIMITIVE, Id="r", Type="Dummy")
    site.create("HA_InstanceAttributes", Id="mine", ResourceId="db", Name="fake", Value="x")
    before = site.run(site.mapping.version)
    site.shelf.close()
    site.open()
    assert site.get(path(PRIMITIVE, "r"))["Enabled"] == "false"
    assert site.run(site.mapping.version) != before
    assert site.store.held().names == {"db": {("parameter", "fake"): "mine"}}


def test_a_draft_is_replaced_and_what_is_configured_is_not(site: Site) -> None:
    site.create(PRIMITIVE, Id="r", Type="Dummy", Description="old")
    site.create(PRIMITIVE, Id="r", Type="Dummy", Description="new")
    assert site.get(path(PRIMITIVE, "r"))["Description"] == "new"
    code, words = refusal(lambda: site.create(PRIMITIVE, Id="db", Type="Dummy"))
    assert code == pywbem.CIM_ERR_ALREADY_EXISTS
    assert "db" in words


def test_a_group_takes_drafts_and_is_submitted_with_them(site: Site) -> None:
    for name in ("a", "b"):
        site.create(PRIMITIVE, Id=name, Type="Dummy")
    group = site.create(GROUP, Id="g")
    code, words = refusal(lambda: site.submit(group))
    assert (code, "empty" in words) == (pywbem.CIM_ERR_FAILED, True)
    for name in ("a", "b"):
        assert site.call(group, "AddPrimitiveResource", Resource=path(PRIMITIVE, name)) == 1
    assert list(site.get(group)["Members"]) == ["a", "b"]
    # Old scripts name a group as a primitive, by another host and namespace.
    old = pywbem.CIMInstanceName(PRIMITIVE, {"Id": "g"}, host="http", namespace="localhost/root")
    assert site.submit(old) == 1
    kinds = [type(each) for each in site.last.changes]
    assert kinds == [MakePrimitive, MakePrimitive, MakeGroup]
    site.create(PRIMITIVE, Id="c", Type="Dummy")
    assert site.call(group, "AddPrimitiveResource", Resource=path(PRIMITIVE, "c")) == 1
    assert site.last.changes[-1] == ChangeResource("g", members=("a", "b", "c"))
    assert site.call(group, "Reorder", Ids=["c", "b", "a"]) == 0
    assert list(site.get(group)["Members"]) == ["c", "b", "a"]
    assert site.call(group, "RemoveResource", Id="b") == 0
    assert list(site.get(group)["Members"]) == ["c", "a"]
    assert refusal(lambda: site.call(group, "Reorder", Ids=["a"]))[0] == 4
    assert refusal(lambda: site.call(group, "RemoveResource", Id="b"))[0] == 6


def test_a_clone_has_one_resource(site: Site) -> None:
    for name in ("a", "b"):
        site.create(PRIMITIVE, Id=name, Type="Stateful")
    clone = site.create("HA_MasterSlaveResource", Id="ms", CloneMax="3", MaxMasters="2")
    assert site.call(clone, "AddResource", Resource=path(PRIMITIVE, "a")) == 1
    assert refusal(lambda: site.call(clone, "AddResource", Resource=path(PRIMITIVE, "b")))[0] == 1
    assert refusal(lambda: site.call(clone, "RemoveResource", Id="b"))[0] == 6
    assert site.call(clone, "RemoveResource", Id="a") == 0
    assert site.call(clone, "AddResource", Resource=path(PRIMITIVE, "b")) == 1
    assert site.call(clone, "RemoveResource", Id="b") == 0
    assert site.call(clone, "AddResource", Resource=path(PRIMITIVE, "a")) == 1
    assert site.submit(clone) == 1
    made = site.last.changes[-1]
    assert made == MakeClone("ms", "a", True, words=(("max", "3"), ("promoted_max", "2")))
    assert refusal(lambda: site.call(clone, "AddResource", Resource=path(PRIMITIVE, "b")))[0] == 1
    given = len(site.engine.edits)
    code, words = refusal(lambda: site.call(clone, "RemoveResource", Id="a"))
    assert (code, "delete the clone" in words) == (pywbem.CIM_ERR_FAILED, True)
    assert site.call(clone, "Reorder", Ids=["a"]) == 0
    assert refusal(lambda: site.call(clone, "Reorder", Ids=["b"]))[0] == 4
    assert len(site.engine.edits) == given, "nothing of that is a change"


def test_a_draft_that_is_deleted_is_forgotten_with_what_is_in_it(site: Site) -> None:
    site.create(PRIMITIVE, Id="a", Type="Dummy")
    group = site.create(GROUP, Id="g")
    site.call(group, "AddPrimitiveResource", Resource=path(PRIMITIVE, "a"))
    site.delete(group)
    assert site.store.held().drafts == {}
    assert site.engine.edits == []


def test_a_location_waits_as_a_draft_for_its_rule(site: Site) -> None:
    place = site.create("HA_LocationConstraint", Id="l9", Resource="db", Score="50")
    assert site.engine.edits == []
    assert site.get(place)["Score"] == "50"
    site.create(
        "HA_LocationConstraintRule",
        Id="e",
        ConstraintId="l9",
        Attribute="node",
        Operation="eq",
        Value="n1",
    )
    rule = (("rule", "db"), ("score", "50"))
    words = (*rule, ("attribute", "node"), ("operation", "eq"), ("value", "n1"))
    assert site.last.changes == (PutConstraint("l9", "rule", words),)
    assert site.store.held().names == {"l9": {("expression", "node/eq/n1"): "e"}}
    lost = lambda: site.create(  # noqa: E731
        "HA_LocationConstraintRule", Id="e", ConstraintId="no", Attribute="a", Operation="defined"
    )
    assert refusal(lost)[0] == pywbem.CIM_ERR_NOT_FOUND


def test_drafts_have_bounds(site: Site) -> None:
    async def fill() -> None:
        for number in range(DRAFTS_MAX):
            await site.store.put(Draft(f"d{number}", "primitive"))

    site.run(fill)
    code, words = refusal(lambda: site.create(PRIMITIVE, Id="one-more", Type="Dummy"))
    assert code == 27
    assert str(DRAFTS_MAX) in words
    for name in ("", "with blank", "x" * 101):
        with pytest.raises(DraftError):
            site.run(lambda name=name: site.store.put(Draft(name, "primitive")))  # type: ignore[misc]


def test_a_secret_of_a_draft_is_not_told(site: Site) -> None:
    site.create(PRIMITIVE, Id="r", Type="Dummy")
    one = site.create("HA_InstanceAttributes", ResourceId="r", Name="password", Value="x")
    shown = site.get(one)
    assert (shown["Value"], shown["IsSecret"]) == ("hidden", True)
    site.modify(one, Value="hidden")
    assert site.store.held().drafts["r"].parameters[0].value == "x"


def test_fence_device_is_made_as_a_primitive_in_steps_and_changed_by_its_parts(site: Site) -> None:
    new = site.create(PRIMITIVE, Id="power", ResourceClass="fence", Type="fence_ipmilan")
    site.create("HA_InstanceAttributes", ResourceId="power", Name="username", Value="ann")
    site.create("HA_MetaAttributes", ResourceId="power", Name="reached-from", Value="n1 n2")
    assert site.submit(new) == 1
    words = (("reached_from", "n1 n2"),)
    made = MakePrimitive("power", "fence", "", "fence_ipmilan", "", words, (("username", "ann"),))
    assert site.last.changes == (made,)


def test_configured_fence_device_is_no_draft(site: Site) -> None:
    site.engine.become(facts=beyond())
    with pytest.raises(pywbem.CIMError, match=r"'switch' already|exists already"):
        site.create(PRIMITIVE, Id="switch", ResourceClass="fence", Type="fence_apc")
    switch = pywbem.CIMInstanceName(PRIMITIVE, {"Id": "switch"}, namespace=MODEL)
    site.modify(switch, Type="fence_ipmilan")
    change = ChangeResource("switch", agent=("fence", "", "fence_ipmilan"))
    assert site.last.changes == (change,)
    site.create("HA_InstanceAttributes", ResourceId="switch", Name="lanplus", Value="1")
    assert site.last.changes == (SetParameter("switch", "lanplus", "1"),)
    site.create("HA_MetaAttributes", ResourceId="switch", Name="plugs", Value="n1=4")
    assert site.last.changes == (ChangeResource("switch", (("plugs", "n1=4"),)),)
    site.delete(switch)
    assert site.last.changes == (RemoveResource("switch"),)


def test_a_draft_of_an_unknown_class_or_with_an_unknown_operation_is_refused_at_once(
    site: Site,
) -> None:
    status, text = refusal(lambda: site.create(PRIMITIVE, Id="d1", ResourceClass="oct"))
    assert (status, text[:31]) == (Status.INVALID_PARAMETER, "ResourceClass is 'oct'; allowed")
    draft = site.create(PRIMITIVE, Id="d1", ResourceClass="ocf", Type="Dummy")
    assert refusal(lambda: site.modify(draft, ResourceClass="ocx"))[0] == Status.INVALID_PARAMETER
    assert site.get(draft)["ResourceClass"] == "ocf"
    told = refusal(lambda: site.create("HA_Operation", ResourceId="d1", Name="watch"))
    assert told[1].startswith("HA_Operation.Name is 'watch'; allowed: monitor, start")
