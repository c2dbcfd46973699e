"""Writers over the engine in memory: what each property means, twins, drafts, refusals."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pywbem

from cim_provider.drafts import DRAFTS_MAX, Draft, DraftError, DraftStore
from cim_provider.edits import (
    AddTicket,
    ChangeResource,
    Edit,
    MakeClone,
    MakeGroup,
    MakePrimitive,
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
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.write_area import writing_area
from cim_provider.mapping.write_resources import AGENT_CLASSES
from cim_provider.views.settings import OperationView, TicketConstraintView, TicketView
from cim_provider.wbem import operations as ops
from cim_provider.wbem.errors import Status
from ha_core.config.choices import AgentClass
from tests.cim.mapping.facts import beyond
from tests.cim.mapping.views import IDENTITY, MODEL, cluster, schema

AUTHOR = "ann"
PRIMITIVE = "HA_PrimitiveResource"
GROUP = "HA_ResourceGroup"
SERVICE = pywbem.CIMInstanceName(
    "HA_ClusteringService", {"Id": "default_service_id"}, namespace=MODEL
)


class Site:
    """A provider with writers over a cluster in memory and a shelf on disk."""

    def __init__(self, directory: Path) -> None:
        self.engine = MemoryEngine(cluster())
        self.directory = directory
        self.loop = asyncio.new_event_loop()
        self.open()

    def open(self) -> None:
        """Begin anew, as after a restart: only engine and shelf are as they were."""
        self.shelf = self.run(self._shelf)
        self.store = DraftStore(self.shelf)
        area = writing_area(self.engine, self.store)
        self.mapping = Mapping(schema(), self.engine, IDENTITY, [area])

    async def _shelf(self) -> SqliteShelf:
        return SqliteShelf(self.directory / "shelf.db")

    def run(self, work: Callable[[], Awaitable[object]]) -> object:
        """Run a coroutine to its end."""

        async def whole() -> object:
            return await work()

        return self.loop.run_until_complete(whole())

    def close(self) -> None:
        """Let the files go."""
        self.shelf.close()
        self.loop.close()

    def ask(self, operation: ops.Operation) -> ops.Answer:
        """Carry out an operation."""
        return self.run(lambda: self.mapping.perform(operation, AUTHOR))  # type: ignore[return-value]

    def create(self, class_name: str, **values: object) -> pywbem.CIMInstanceName:
        """Create an instance and return its path."""
        answer = self.ask(ops.CreateInstance(MODEL, pywbem.CIMInstance(class_name, values)))
        assert isinstance(answer, ops.Paths)
        return answer.items[0]

    def modify(self, path: pywbem.CIMInstanceName, **values: object) -> None:
        """Change properties of an instance."""
        instance = pywbem.CIMInstance(path.classname, values)
        instance.path = path
        self.ask(ops.ModifyInstance(MODEL, instance))

    def delete(self, path: pywbem.CIMInstanceName) -> None:
        """Delete an instance."""
        self.ask(ops.DeleteInstance(MODEL, path))

    def get(self, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
        """Return an instance."""
        answer = self.ask(ops.GetInstance(MODEL, path))
        assert isinstance(answer, ops.Instances)
        return answer.items[0]

    def call(self, target: pywbem.CIMInstanceName, method: str, **given: object) -> int:
        """Call a method and return its value."""
        answer = self.ask(ops.InvokeMethod(MODEL, target, method, tuple(given.items())))
        assert isinstance(answer, ops.MethodResult)
        return int(answer.value)  # type: ignore[arg-type]

    def submit(self, path: pywbem.CIMInstanceName) -> int:
        """Take a draft into the configuration."""
        return self.call(SERVICE, "AddResource", Resource=path)

    @property
    def last(self) -> Edit:
        """The newest edit."""
        edit, author = self.engine.edits[-1]
        assert author == AUTHOR
        return edit


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def path(class_name: str, name: str, **keys: str) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(class_name, {"Id": name, **keys}, namespace=MODEL)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and words of a refusal."""
    with pytest.raises(pywbem.CIMError) as caught:
        call()
    return caught.value.status_code, str(caught.value.status_description)


def test_drafts_that_name_each_other_are_refused_and_deleted_as_others_are(site: Site) -> None:
    site.create(GROUP, Id="first", Members=["second"])
    second = site.create(GROUP, Id="second", Members=["first", "second"])
    code, text = refusal(lambda: site.submit(second))
    assert (code, "names 'second'" in text) == (4, True)
    site.delete(second)
    assert not site.store.held().drafts


DB = path(PRIMITIVE, "db")


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


def test_an_id_that_may_not_be_is_an_invalid_parameter(site: Site) -> None:
    code, words = refusal(lambda: site.create(PRIMITIVE, Id="bad name", Type="Dummy"))
    assert (code, words.startswith("Id 'bad name': expected 1 to 100 letters")) == (4, True)


def test_a_secret_of_a_draft_is_not_told(site: Site) -> None:
    site.create(PRIMITIVE, Id="r", Type="Dummy")
    one = site.create("HA_InstanceAttributes", ResourceId="r", Name="password", Value="x")
    shown = site.get(one)
    assert (shown["Value"], shown["IsSecret"]) == ("hidden", True)
    site.modify(one, Value="hidden")
    assert site.store.held().drafts["r"].parameters[0].value == "x"


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


def test_classes_of_agents_are_those_of_the_cluster_and_of_fence_devices() -> None:
    assert set(AGENT_CLASSES) == {*AgentClass, *CLASSES}
