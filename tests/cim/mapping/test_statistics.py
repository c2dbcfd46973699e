"""What the server counts, how a client reads it and switches it."""

import asyncio

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.counters import OTHER, TYPES, UNKNOWN_NAME, Statistics
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.statistics import CLASS, statistics_area
from cim_provider.mapping.times import SPAN_MAX_US, cim_interval
from cim_provider.schema import INTEROP
from cim_provider.wbem import operations
from cim_provider.wbem.operations import Instances
from tests.cim.mapping.views import IDENTITY, WALL_MS, cluster, schema

LATER_MS = WALL_MS + 60_000


class Counting:
    """A mapping whose requests are counted, and a clock that stands."""

    def __init__(self) -> None:
        self.statistics = Statistics(WALL_MS)
        area = statistics_area(self.statistics, lambda: LATER_MS)
        self.mapping = Mapping(schema(), MemoryEngine(cluster()), IDENTITY, [area])

    def ask(self, operation: operations.Operation) -> operations.Answer:
        return asyncio.run(self.mapping.perform(operation, "ann"))

    def all(self) -> dict[str, pywbem.CIMInstance]:
        answer = self.ask(operations.EnumerateInstances(INTEROP, CLASS))
        assert isinstance(answer, Instances)
        assert answer.is_volatile, "an answer with counters may not be kept"
        return {item["ElementName"]: item for item in answer.items}

    def manager(self) -> pywbem.CIMInstance:
        answer = self.ask(operations.EnumerateInstances(INTEROP, "CIM_ObjectManager"))
        assert isinstance(answer, Instances)
        return answer.items[0]

    def switch(self, value: object) -> None:
        path = self.manager().path
        changed = pywbem.CIMInstance(
            path.classname,
            [pywbem.CIMProperty("GatherStatisticalData", value, type="boolean")],
            path=path,
        )
        self.ask(operations.ModifyInstance(INTEROP, changed))


def test_each_operation_has_its_type_and_what_has_none_its_name() -> None:
    found = Counting().all()
    assert found.keys() == TYPES.keys()
    assert found["GetClass"]["OperationType"] == 3
    assert found["EnumerateQualifiers"]["OperationType"] == 25
    assert found["GetClass"]["OtherOperationType"] is None
    assert found["PullInstances"]["OperationType"] == OTHER
    assert found["PullInstances"]["OtherOperationType"] == "PullInstances"


def test_times_and_sizes_add_up_under_the_name_in_any_case() -> None:
    counting = Counting()
    for name in ("GetInstance", "getinstance"):
        counting.statistics.provided(name, 500_000)
        counting.statistics.count(
            name, LATER_MS, total_us=1_500_000, request_bytes=3, response_bytes=4
        )
    counting.statistics.count("x" * 999, LATER_MS, total_us=1)
    found = counting.all()
    one = found["GetInstance"]
    assert (one["NumberOfOperations"], one["RequestSize"], one["ResponseSize"]) == (2, 6, 8)
    assert str(one["CimomElapsedTime"]) == "00000000000002.000000:000"
    assert str(one["ProviderElapsedTime"]) == "00000000000001.000000:000"
    assert found[UNKNOWN_NAME]["NumberOfOperations"] == 1
    assert one["StatisticTime"] != one["StartStatisticTime"]


def test_client_switches_the_counting_off_and_on_which_begins_anew() -> None:
    counting = Counting()
    before = asyncio.run(counting.mapping.version())
    counting.statistics.count("GetClass", WALL_MS, total_us=1)
    assert asyncio.run(counting.mapping.version()) == before, "counting makes nothing else stale"
    assert counting.manager()["GatherStatisticalData"] is True
    counting.switch(False)
    assert counting.manager()["GatherStatisticalData"] is False
    assert asyncio.run(counting.mapping.version()) != before
    counting.statistics.count("GetClass", WALL_MS, total_us=1)
    assert counting.all()["GetClass"]["NumberOfOperations"] == 1
    counting.switch(True)
    again = counting.all()["GetClass"]
    assert again["NumberOfOperations"] == 0
    assert again["StartStatisticTime"] == pywbem.CIMDateTime("20231114221420.000000+000")


def test_nothing_else_of_the_server_can_be_changed() -> None:
    counting = Counting()
    path = counting.manager().path
    owner = pywbem.CIMInstance(path.classname, {"PrimaryOwnerName": "ann"}, path=path)
    refused = [
        operations.ModifyInstance(INTEROP, owner),
        operations.DeleteInstance(INTEROP, path),
        operations.CreateInstance(INTEROP, pywbem.CIMInstance(path.classname)),
    ]
    for operation in refused:
        with pytest.raises(pywbem.CIMError) as fault:
            counting.ask(operation)
        assert fault.value.status_code == pywbem.CIM_ERR_NOT_SUPPORTED
    with pytest.raises(pywbem.CIMError, match="NULL") as fault:
        counting.switch(None)
    assert fault.value.status_code == pywbem.CIM_ERR_INVALID_PARAMETER


def test_server_is_associated_with_all_its_counters() -> None:
    counting = Counting()
    asked = operations.AssociatorNames(
        INTEROP, counting.manager().path, operations.Filters("CIM_ElementStatisticalData")
    )
    answer = counting.ask(asked)
    assert isinstance(answer, operations.Paths)
    assert len(answer.items) == len(TYPES)


def test_server_that_counts_nothing_has_no_counters() -> None:
    mapping = Mapping(schema(), MemoryEngine(cluster()), IDENTITY)
    answer = asyncio.run(mapping.perform(operations.EnumerateInstances(INTEROP, CLASS), "ann"))
    assert isinstance(answer, Instances)
    assert not answer.items


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "00000000000000.000000:000"),
        (90_061_000_001, "00000001010101.000001:000"),
        (SPAN_MAX_US, "99999999235959.999999:000"),
        (SPAN_MAX_US * 3, "99999999235959.999999:000"),
    ],
)
def test_span_is_told_in_cims_form(microseconds: int, text: str) -> None:
    assert cim_interval(microseconds) == text
    assert pywbem.CIMDateTime(text).is_interval
