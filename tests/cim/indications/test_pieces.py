"""The pure pieces: repetitions, pictures, what a standby keeps, batches, policies."""

from dataclasses import replace

import pytest

from cim_provider.indications import outbox, picture, policies
from cim_provider.indications.keeping import RegistryReader
from cim_provider.indications.matching import checked
from cim_provider.indications.outbox import Batch, DamagedError, Indication
from cim_provider.indications.overflow import GAP_S, Overflow
from cim_provider.indications.picture import Difference, Picture, differences, laid_over, settled
from cim_provider.indications.registry import (
    DELAY,
    SUPPRESS,
    TRANSIENT,
    Destination,
    Filter,
    FullError,
    Names,
    Registry,
    RegistryError,
    Settings,
    Subscription,
    decode,
    encode,
)
from cim_provider.indications.repeats import Repeats
from cim_provider.indications.sending import pause_s
from cim_provider.indications.shelf import OUT, REGISTRY, Item
from cim_provider.indications.standby import AGE_S, Standby
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.rows import Ref, Value
from cim_provider.mapping.tables import ASSOCIATIONS, ROWS
from cim_provider.query.faults import QueryFault
from cim_provider.wbem.errors import Status
from tests.cim.mapping.views import schema

MODEL = "root/cimv2"
CLASS = "HA_ClusterNode"
WATCHED = frozenset({(MODEL, CLASS)})


def ref(name: str) -> Ref:
    """Return the name of a node."""
    return Ref(CLASS, (("CreationClassName", CLASS), ("Name", name)), MODEL)


def shown(**nodes: str) -> Picture:
    """Return a picture of nodes with their states."""
    return Picture(WATCHED, {ref(name): {"Status": state} for name, state in nodes.items()})


# --- repetitions ----------------------------------------------------------------------------


def sent(policy: int, times: list[float], **more: int) -> list[bool]:
    """Return which of the indications of one event, at these times, are sent."""
    repeats = Repeats(
        Subscription(
            "f",
            ("c", "d"),
            repeat=policy,
            repeat_interval_s=more.get("interval", 10),
            repeat_gap_s=more.get("gap", 100),
            repeat_count=more.get("count", 2),
        )
    )
    return [repeats.may_send("event", now_s) for now_s in times]


def test_suppress_sends_the_first_ones_of_each_interval() -> None:
    assert sent(SUPPRESS, [0, 1, 2, 9, 11, 12, 13]) == [True, True, False, False, True, True, False]


def test_delay_sends_one_after_enough_and_then_none_in_the_gap() -> None:
    assert sent(DELAY, [0, 1, 2, 3, 50, 103, 104, 105]) == [
        *(False, False, True, False),
        *(False, False, False, True),
    ]


def test_delay_counts_only_within_the_interval() -> None:
    assert sent(DELAY, [0, 1, 20, 21, 40]) == [False] * 5


def test_without_a_policy_all_are_sent() -> None:
    assert sent(2, [0, 0, 0]) == [True] * 3


# --- pictures -------------------------------------------------------------------------------


def test_a_difference_is_a_coming_a_change_or_a_going() -> None:
    found = list(differences(shown(a="1", b="1"), shown(b="2", c="1")))
    assert [(dict(each.ref.keys)["Name"], each.before, each.after) for each in found] == [
        ("a", {"Status": "1"}, None),
        ("b", {"Status": "1"}, {"Status": "2"}),
        ("c", None, {"Status": "1"}),
    ]


def test_what_is_watched_only_now_is_no_news() -> None:
    assert list(differences(Picture(), shown(a="1"))) == []


def test_a_picture_is_written_down_and_read_again() -> None:
    before = Picture(WATCHED, {ref("a"): {"Roles": ("x", "y"), "OnLine": None, "N": 3}})
    assert picture.from_lines(WATCHED, picture.object_lines(before)) == before


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("SourceInstance ISA HA_ClusterNode", {CLASS}),
        ("SourceInstance ISA HA_ClusterNode AND SourceInstance.Name = 'n1'", {CLASS}),
        (
            "SourceInstance ISA HA_ClusterNode OR SourceInstance ISA HA_ResourceGroup",
            {CLASS, "HA_ResourceGroup"},
        ),
        ("SourceInstance ISA HA_HostedResource", {"HA_HostedResource"}),
    ],
)
def test_only_classes_that_a_query_names_are_watched(where: str, expected: set[str]) -> None:
    catalog = Catalog(schema(), ROWS, ASSOCIATIONS)
    query = f"SELECT * FROM CIM_InstModification WHERE {where}"
    select = checked(query, "WQL", (MODEL,), schema())
    assert {name for _, name in picture.watched_by(select, (MODEL,), catalog)} == expected


@pytest.mark.parametrize(
    "where",
    ["", " WHERE NOT SourceInstance ISA HA_ClusterNode", " WHERE SourceInstance.Name = 'n1'"],
)
def test_a_query_that_names_no_class_watches_all(where: str) -> None:
    catalog = Catalog(schema(), ROWS, ASSOCIATIONS)
    select = checked(f"SELECT * FROM CIM_InstDeletion{where}", "WQL", (MODEL,), schema())
    names = {name for _, name in picture.watched_by(select, (MODEL,), catalog)}
    assert {CLASS, "HA_Cluster", "HA_PrimitiveResource"} <= names
    select = checked("SELECT * FROM CIM_AlertIndication", "WQL", (MODEL,), schema())
    assert picture.watched_by(select, (MODEL,), catalog) == frozenset()


def test_a_query_about_no_indication_is_refused() -> None:
    with pytest.raises(QueryFault, match="no class of indications") as fault:
        checked("SELECT * FROM HA_Cluster", "WQL", (MODEL,), schema())
    assert fault.value.status is Status.INVALID_PARAMETER


# --- standing by ----------------------------------------------------------------------------


def watch(standby: Standby, times: range, state: str, *, is_well: bool = True) -> None:
    """Let a standby see the same state every second."""
    for now_s in times:
        standby.see(shown(a=state), now_s, is_well=is_well)


def test_a_standby_takes_for_told_what_it_saw_long_enough() -> None:
    standby = Standby()
    watch(standby, range(1), "1")
    watch(standby, range(1, 11), "2")
    assert standby.base() == shown(a="1")
    watch(standby, range(11, 12), "3")
    assert standby.base() == shown(a="2")
    assert AGE_S == 10


def test_without_a_holder_that_is_well_nothing_counts_as_told() -> None:
    standby = Standby()
    watch(standby, range(1), "1")
    watch(standby, range(1, 60), "2", is_well=False)
    assert standby.base() == shown(a="1")


def test_time_without_a_look_makes_nothing_old() -> None:
    standby = Standby()
    watch(standby, range(1), "1")
    watch(standby, range(1, 2), "2")
    watch(standby, range(60, 62), "3")  # there was no quorum in between
    assert standby.base() == shown(a="1")
    watch(standby, range(62, 75), "3")
    assert standby.base() == shown(a="3")


def test_batches_on_the_shelf_count_as_told() -> None:
    standby = Standby()
    standby.see(shown(a="1"), 0, is_well=True)
    text = outbox.encode(Batch((), (Difference(ref("a"), None, {"Status": "2"}),)))
    standby.note({f"{OUT}000000000007": Item(text, 3)}, 1)
    assert standby.base() == shown(a="2")
    gone = outbox.encode(Batch((), (Difference(ref("a"), None, None),)))
    standby.note({f"{OUT}000000000008": Item(gone, 4)}, 2)
    assert standby.base() == shown()


def test_laying_over_changes_nothing_else() -> None:
    before = shown(a="1", b="1")
    assert laid_over(before, [Difference(ref("b"), None, {"Status": "2"})]) == shown(a="1", b="2")
    assert before == shown(a="1", b="1")


# --- batches and the registry ---------------------------------------------------------------


def test_a_batch_that_is_too_large_is_written_in_parts() -> None:
    import random

    rng = random.Random(1)
    texts = ["".join(rng.choices("abcdefghijklmnop", k=100_000)) for _ in range(16)]
    change = Difference(ref("a"), None, {"Status": "2"})
    whole = Batch(tuple(Indication("c", n, text) for n, text in enumerate(texts)), (change,))
    parts = list(outbox.fitting(whole))
    assert len(parts) > 1
    assert all(len(text) <= outbox.TEXT_CHARACTERS_MAX for _, text in parts)
    read = [outbox.decode("key", text) for _, text in parts]
    assert [each.number for batch in read for each in batch.indications] == list(range(16))
    assert [each for batch in read for each in batch.changes] == [change]


@pytest.mark.parametrize("text", ["", "nonsense", "[]"])
def test_what_is_no_batch_is_named(text: str) -> None:
    with pytest.raises(DamagedError, match="wbem/out/000000000001"):
        outbox.decode("wbem/out/000000000001", text)
    with pytest.raises(DamagedError, match=REGISTRY):
        RegistryReader().read({REGISTRY: Item(text or "x", 1)})


def registry(**more: object) -> Registry:
    """Return a registry with one of each."""
    destination = Destination(Names("d"), "c", "http://h:1/", "d#1")
    subscription = replace(Subscription("f", ("c", "d")), **more)  # type: ignore[arg-type]  # by name
    found = Registry(settings=Settings(retry_attempts=2, retry_interval_s=10))
    found = found.with_filter(Filter(Names("f"), "q", "WQL")).with_destination(destination)
    return found.with_subscription(subscription)


def test_a_registry_is_written_down_and_read_again() -> None:
    assert decode(encode(registry(duration_s=5))) == registry(duration_s=5)


def test_there_is_a_bound_for_everything() -> None:
    long = Filter(Names("long"), "q" * 250_000, "WQL")
    with pytest.raises(FullError, match="characters"):
        Registry().with_filter(long)
    with pytest.raises(RegistryError, match="exists already"):
        registry().with_filter(Filter(Names("f"), "q", "WQL"))


@pytest.mark.parametrize(("policy", "left"), [(2, [2]), (3, [4]), (4, [])])
def test_a_fatal_error_follows_the_policy(policy: int, left: list[int]) -> None:
    known = registry(on_fatal=policy)
    assert policies.after_failure(known, "d#1", 2, 100) is None  # not often enough
    assert policies.after_failure(known, "d#1", 9, 19) is None  # not long enough
    deed = policies.after_failure(known, "d#1", 3, 20)
    found = known if deed is None else policies.done(known, deed, 1)
    assert [each.state for each in found.subscriptions] == left


def test_a_transient_destination_goes_with_its_subscriptions() -> None:
    known = registry()
    known = known.with_destination(replace(known.destinations[0], persistence=TRANSIENT))
    deed = policies.after_failure(known, "d#1", 3, 20)
    assert deed is not None
    found = policies.done(known, deed, 1)
    assert (found.destinations, found.subscriptions) == ((), ())
    assert len(found.filters) == 1


@pytest.mark.parametrize(("action", "left"), [(2, []), (3, [4]), (4, [2])])
def test_long_failures_follow_the_settings(action: int, left: list[int]) -> None:
    known = registry()
    settings = replace(known.settings, removal_action=action, removal_interval_s=60)
    known = replace(known, settings=settings)
    deed = policies.after_failure(known, "d#1", 1, 60)
    found = known if deed is None else policies.done(known, deed, 1)
    assert [each.state for each in found.subscriptions] == left


def test_a_duration_ends_a_subscription() -> None:
    known = registry(duration_s=5, start_wall_ms=1000)
    assert policies.without_expired(known, 5999) is known
    assert policies.without_expired(known, 6000).subscriptions == ()


def job(percent: int, **more: Value) -> Picture:
    """Return a picture of one job."""
    name = Ref("HA_ConcreteJob", (("InstanceID", "j"),), MODEL)
    values: dict[str, Value] = {"PercentComplete": percent, "JobState": 4, **more}
    return Picture(frozenset({(MODEL, name.class_name)}), {name: values})


def test_a_job_is_told_in_steps_of_five_percent_that_add_up() -> None:
    base = job(0)
    told: list[Value] = []
    for percent in (1, 3, 6, 8, 10, 11):
        seen = settled(base, job(percent))
        found = [change.after or {} for change in differences(base, seen)]
        told += [values["PercentComplete"] for values in found]
        base = seen
    assert told == [6, 11]


def test_another_state_of_a_job_is_told_whatever_its_percent() -> None:
    assert list(differences(job(1), job(2, JobState=7)))
    assert not list(differences(job(1), job(1, ElapsedTime="00000000000001.000000:000")))


def test_what_grows_with_every_event_is_not_watched() -> None:
    every = checked("SELECT * FROM CIM_InstIndication", "WQL", (MODEL,), schema())
    catalog = Catalog(schema(), ROWS, ASSOCIATIONS)
    names = {name for _, name in picture.watched_by(every, (MODEL,), catalog)}
    assert "HA_EventLogEntry" not in names
    assert "HA_OperationResult" not in names
    assert {"HA_Ticket", "HA_HeartbeatLink", "HA_ConcreteJob", "HA_OrderConstraint"} <= names
    assert {"HA_ConfigurationRevision", "HA_NodeRedundancySet", "HA_InstanceAttributes"} <= names


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ("CIM_LogManagesRecord", set()),
        ("HA_ResultOfResource", set()),
        ("HA_UseOfEventLog", set()),
        ("HA_HostedResourceService", {"HA_HostedResourceService"}),
    ],
)
def test_links_of_what_grows_with_every_event_are_not_watched(named: str, left: set[str]) -> None:
    text = f"SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA {named}"
    select = checked(text, "WQL", (MODEL,), schema())
    catalog = Catalog(schema(), ROWS, ASSOCIATIONS)
    assert {name for _, name in picture.watched_by(select, (MODEL,), catalog)} == left


def test_what_was_dropped_is_told_once_a_minute_with_its_number() -> None:
    overflow, registry = Overflow(), Registry()
    assert not overflow.note({"d": 1}, {"d": 1})
    assert overflow.note({"d": 1}, {"d": 4})
    (first,) = overflow.due(registry, 0.0)
    assert first.values["MessageID"] == "LHA041"
    assert first.values["MessageArguments"] == ("d", "3")
    assert overflow.note({"d": 4}, {"d": 5})
    assert overflow.due(registry, GAP_S - 1) == ()
    assert overflow.note({"d": 5}, {"d": 7})
    (second,) = overflow.due(registry, GAP_S)
    assert second.values["MessageArguments"] == ("d", "3")


def test_a_listener_that_is_back_is_found_after_an_eighth_of_its_absence() -> None:
    for absence_s in (0.3, 0.8, 4.0, 60.0):
        tried_s, tries = 0.0, 1
        while tried_s < absence_s:
            tried_s, tries = tried_s + pause_s(tried_s, 30.0), tries + 1
        assert tried_s - absence_s <= max(0.1, absence_s / 8)
        assert tries < 50
    assert pause_s(10_000.0, 30.0) == 30.0
    assert pause_s(10_000.0, 0.0) == 0.1
