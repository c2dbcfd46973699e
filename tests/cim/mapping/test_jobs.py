"""Jobs: what is kept of them by all servers, how they end, what a client may do with them."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
import pywbem

from cim_provider.engine import ClusterView, EngineState, Pending
from cim_provider.mapping.job_book import RECENT_MS, JobBook, JobError, MemoryShelf
from cim_provider.mapping.job_calls import before, call_of, outputs
from cim_provider.mapping.job_records import (
    COMPLETED,
    EXCEPTION,
    JOBS_MAX,
    KEPT_S,
    KILLED,
    Call,
    Job,
    JobRecord,
    parse,
    render,
)
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.rows import Ref
from cim_provider.server.job_keeper import SURE_S, JobKeeper, look
from cim_provider.wbem.operations import (
    Answer,
    AssociatorNames,
    DeleteInstance,
    EnumerateInstances,
    Filters,
    GetInstance,
    Instances,
    InvokeMethod,
    MethodResult,
    ModifyInstance,
    Operation,
    Paths,
)
from tests.cim.mapping.databases import with_db
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    WALL_MS,
    Provider,
    path,
    resource_path,
    schema,
)


def test_record_comes_back_from_its_text_and_a_later_versions_fields_do_no_harm() -> None:
    record = JobRecord("1", Job("move", "db", 7, "n2"), "ann", "M", 5, 6)
    assert parse(render(record)) == record
    assert parse(render(record).replace('"author"', '"later":1,"author"')) == record
    for damaged in ("", "[]", '{"id":1}'):
        assert parse(damaged) is None


class Pair:
    """Two servers of one cluster, with one shelf and a clock that tests set."""

    def __init__(self, view: ClusterView) -> None:
        self.now_ms = WALL_MS
        self.shelf = MemoryShelf()
        self.first, self.second = self._server(view), self._server(view)
        self.engine = self.first.engine

    def _server(self, view: ClusterView) -> "Server":
        book = JobBook(self.shelf, lambda: self.now_ms)
        return Server(view, book, lambda: self.now_ms / 1000)


class Server(Provider):
    """One server and its keeper of jobs."""

    def __init__(self, view: ClusterView, book: JobBook, now_s: Callable[[], float]) -> None:
        super().__init__(view)
        self.book = book
        self.mapping = Mapping(schema(), self.engine, IDENTITY, jobs=book)
        self.keeper = JobKeeper(book, self.mapping.world, now_s)

    def step(self) -> None:
        """Let the keeper do what is due."""
        asyncio.run(self.keeper.step())

    def job(self, name: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
        """Read the job."""
        answer = self.ask(GetInstance(MODEL, name))
        assert isinstance(answer, Instances)
        return answer.items[0]

    def call(
        self, target: pywbem.CIMInstanceName, method: str, **given: object
    ) -> tuple[int, dict[str, object]]:
        """Call a method."""
        answer = self.ask(InvokeMethod(MODEL, target, method, tuple(given.items())), "ann")
        assert isinstance(answer, MethodResult)
        outputs = {name: value for name, _, value in answer.outputs}
        return int(str(answer.value)), outputs


@pytest.fixture
def pair() -> Pair:
    return Pair(with_db("stopping", "stopped", 1, ("n2",)))


def begun(pair: Pair) -> pywbem.CIMInstanceName:
    pair.engine.answer = Pending("accepted, but db is stopping")
    code, outputs = pair.first.call(resource_path("db"), "Stop")
    assert (code, outputs["Message"]) == (4096, "accepted, but db is stopping")
    name = outputs["Job"]
    assert isinstance(name, pywbem.CIMInstanceName)
    return name


def test_any_server_answers_for_a_job_and_tells_who_asked_for_it_when(pair: Pair) -> None:
    name = begun(pair)
    for server in (pair.first, pair.second):
        job = server.job(name)
        assert (job["Name"], job["JobState"], job["Owner"]) == ("stop db", 4, "ann")
        assert str(job["TimeSubmitted"].datetime.year) == "2023"
        assert (job["OperationalStatus"], job["TimeBeforeRemoval"].timedelta.seconds) == ([2], 600)


def test_end_that_one_server_has_seen_stays_whatever_comes_later(pair: Pair) -> None:
    name = begun(pair)
    pair.second.engine.change_primitive("db", state="stopped", nodes=())
    pair.now_ms += 5000
    pair.second.step()
    pair.second.engine.change_primitive("db", state="failed")
    for server in (pair.first, pair.second):
        job = server.job(name)
        assert (job["JobState"], job["PercentComplete"], job["JobStatus"]) == (7, 100, "completed")
        assert job["ElapsedTime"].timedelta.seconds == 5
    assert pair.first.call(name, "GetError") == (0, {})


def test_job_that_came_to_rest_short_of_its_goal_fails_once_that_is_sure(pair: Pair) -> None:
    name = begun(pair)
    pair.first.engine.change_primitive("db", state="blocked", why="its stop failed")
    pair.first.engine.become(pending_actions=0)
    pair.first.step()
    assert pair.second.job(name)["JobState"] == 4
    pair.now_ms += round(SURE_S * 1000)
    pair.first.step()
    job = pair.second.job(name)
    assert (job["JobState"], job["OperationalStatus"], job["ErrorCode"]) == (10, [6, 17], 1)
    assert job["ErrorDescription"] == "db is blocked on n2: its stop failed"
    code, outputs = pair.second.call(name, "GetError")
    error = outputs["Error"]
    assert isinstance(error, pywbem.CIMInstance)
    assert (code, error.classname, error["CIMStatusCode"]) == (0, "CIM_Error", 1)
    assert error["Message"] == "stop db: db is blocked on n2: its stop failed"
    assert len(pair.second.call(name, "GetErrors")[1]["Errors"]) == 1  # type: ignore[arg-type]  # a list


def test_job_that_takes_too_long_fails_and_says_what_it_waited_for(pair: Pair) -> None:
    name = begun(pair)
    pair.now_ms += 600_000
    pair.first.step()
    assert pair.first.job(name)["JobStatus"] == "not done within 600 s: db is stopping on n2"
    assert pair.first.job(name)["JobState"] == 10


def test_job_waits_while_its_cluster_cannot_be_asked(pair: Pair) -> None:
    name = begun(pair)
    pair.first.engine.become(engine=EngineState.NOT_ANSWERING)
    pair.first.step()
    job = pair.first.job(name)
    assert (job["JobState"], job["OperationalStatus"]) == (4, [13])
    assert job["JobStatus"] == "the cluster service does not answer"


@pytest.mark.parametrize(("state", "job_state", "word"), [(4, 8, "terminated"), (5, 9, "killed")])
def test_wait_for_a_job_can_be_ended_once(
    pair: Pair, state: int, job_state: int, word: str
) -> None:
    name = begun(pair)
    assert pair.second.call(name, "RequestStateChange", RequestedState=pywbem.Uint16(state))[0] == 0
    job = pair.first.job(name)
    assert (job["JobState"], job["OperationalStatus"]) == (job_state, [14])
    assert str(job["JobStatus"]).startswith(f"{word} by ann")
    again = pair.first.call(name, "RequestStateChange", RequestedState=pywbem.Uint16(state))
    assert again[0] == 4097
    for other, code in ((2, 1), (3, 1), (6, 1), (9, 5)):
        given = pywbem.Uint16(other)
        assert pair.first.call(name, "RequestStateChange", RequestedState=given)[0] == code


def changed(name: pywbem.CIMInstanceName, **values: object) -> Operation:
    """Return the write of these properties of a job."""
    instance = pywbem.CIMInstance("HA_ConcreteJob", values, path=name)
    return ModifyInstance(MODEL, instance, tuple(values))


def test_job_is_removed_by_hand_once_it_has_ended(pair: Pair) -> None:
    name = begun(pair)
    assert pair.first.refused(DeleteInstance(MODEL, name)) == 1
    pair.first.call(name, "RequestStateChange", RequestedState=pywbem.Uint16(4))
    pair.now_ms += 10 * KEPT_S * 1000
    pair.first.step()
    job = pair.second.job(name)
    assert (job["JobState"], job["DeleteOnCompletion"]) == (8, False), "it stays by itself"
    pair.first.ask(DeleteInstance(MODEL, name))
    assert pair.second.refused(GetInstance(MODEL, name)) == 6


def test_job_that_is_to_go_by_itself_goes_when_its_time_is_up(pair: Pair) -> None:
    name = begun(pair)
    pair.first.ask(changed(name, DeleteOnCompletion=True))
    assert pair.second.job(name)["DeleteOnCompletion"] is True
    pair.first.call(name, "RequestStateChange", RequestedState=pywbem.Uint16(4))
    pair.now_ms += KEPT_S * 1000 - 1
    pair.first.step()
    assert pair.first.job(name)["JobState"] == 8
    pair.now_ms += 1
    pair.second.step()
    assert pair.first.refused(GetInstance(MODEL, name)) == 6


def test_time_that_a_job_is_kept_can_be_changed_within_bounds(pair: Pair) -> None:
    name = begun(pair)
    hour = pywbem.CIMDateTime("00000000010000.000000:000")
    pair.first.ask(changed(name, TimeBeforeRemoval=hour, DeleteOnCompletion=True))
    job = pair.second.job(name)
    assert job["TimeBeforeRemoval"].timedelta.seconds == 3600
    days = pywbem.CIMDateTime("00000008000000.000000:000")
    assert pair.first.refused(changed(name, TimeBeforeRemoval=days, DeleteOnCompletion=False)) == 4
    assert pair.second.job(name)["DeleteOnCompletion"] is True, "all of it or nothing"


@pytest.mark.parametrize("is_deleted", [True, False, None])
def test_killed_job_has_ended_and_goes_with_it_where_that_is_asked_for(
    pair: Pair, is_deleted: bool | None
) -> None:
    name = begun(pair)
    given = {} if is_deleted is None else {"DeleteOnKill": is_deleted}
    assert pair.first.call(name, "KillJob", **given)[0] == 0
    if is_deleted:
        assert pair.second.refused(GetInstance(MODEL, name)) == 6
        return
    job = pair.second.job(name)
    assert (job["JobState"], job["OperationalStatus"]) == (9, [14])
    assert str(job["JobStatus"]).startswith("killed by ann")
    assert pair.second.call(name, "KillJob")[0] == 4, "it has ended"


def test_end_of_a_job_has_no_time_limit(pair: Pair) -> None:
    name = begun(pair)
    soon = pywbem.CIMDateTime("00000000000001.000000:000")
    given = {"RequestedState": pywbem.Uint16(4), "TimeoutPeriod": soon}
    assert pair.first.call(name, "RequestStateChange", **given)[0] == 4098
    assert pair.second.job(name)["JobState"] == 4


def test_job_says_what_went_in_and_once_it_is_over_what_came_out(pair: Pair) -> None:
    pair.engine.answer = Pending("accepted, but db is stopping")
    _, found = pair.first.call(resource_path("db"), "Stop", Reason="r")
    name = found["Job"]
    assert isinstance(name, pywbem.CIMInstanceName)
    job = pair.second.job(name)
    assert job["JobInParameters"].classname == "__MethodParameters"
    assert (job["JobInParameters"]["Reason"], job["JobOutParameters"]) == ("r", None)
    assert job.properties["JobInParameters"].embedded_object == "object"
    pair.second.engine.change_primitive("db", state="stopped", nodes=())
    pair.second.step()
    given_back = pair.first.job(name)["JobOutParameters"]
    assert (given_back["ReturnValue"], given_back["Message"]) == (0, "completed")


def test_job_that_fails_gives_back_that_it_failed() -> None:
    record = JobRecord("1", Job("stop", "db"), call=Call("HA_PrimitiveResource"))
    failed = outputs(record, EXCEPTION, "db is blocked")
    assert failed is not None
    assert dict(failed) == {"ReturnValue": 4}, "a method without words has none here either"
    assert outputs(record, KILLED, "killed by ann") is None


def test_job_leads_to_its_owner_to_what_it_changes_and_to_its_result(pair: Pair) -> None:
    name = begun(pair)

    def ends(assoc: str) -> Answer:
        return pair.second.ask(AssociatorNames(MODEL, name, Filters(assoc_class=assoc)))

    expected = {
        "CIM_OwningJobElement": "HA_ClusterControlService",
        "CIM_AffectedJobElement": "HA_PrimitiveResource",
        "CIM_AssociatedJobMethodResult": "HA_MethodResult",
    }
    for assoc, class_name in expected.items():
        answer = ends(assoc)
        assert isinstance(answer, Paths)
        assert [each.classname for each in answer.items] == [class_name]
    results = pair.first.ask(EnumerateInstances(MODEL, "CIM_MethodResult"))
    assert isinstance(results, Instances)
    assert str(results.items[0]["Description"]).startswith("HA_PrimitiveResource.Stop: ")


def test_result_holds_the_call_before_and_once_it_is_over_after(pair: Pair) -> None:
    pair.engine.answer = Pending("accepted, but db is stopping")
    long = "r" * 1_000
    _, outputs = pair.first.call(resource_path("db"), "Stop", Reason=long)
    name = outputs["Job"]
    assert isinstance(name, pywbem.CIMInstanceName)
    key = str(name["InstanceID"]).replace("LinuxHA:job:", "LinuxHA:jobresult:")

    def result() -> pywbem.CIMInstance:
        return pair.second.job(path("HA_MethodResult", InstanceID=key))

    call = result()["PreCallIndication"]
    assert (call.classname, call["MethodName"], call["PreCall"]) == (
        "CIM_InstMethodCall",
        "Stop",
        True,
    )
    assert call["SourceInstance"].classname == "HA_PrimitiveResource"
    assert (call["SourceInstance"]["Id"], "ReturnValue" in call) == ("db", False)
    assert call["MethodParameters"].classname == "__MethodParameters"
    assert call["MethodParameters"]["Reason"] == "(1000 characters)"
    assert result()["PostCallIndication"] is None
    pair.second.engine.change_primitive("db", state="stopped", nodes=())
    pair.second.step()
    call = result()["PostCallIndication"]
    assert (call["PreCall"], call["ReturnValue"]) == (False, "0")
    assert call["MethodParameters"]["Message"] == "completed"


@pytest.mark.parametrize("is_forced", [True, False])
def test_call_that_began_a_job_is_told_with_the_booleans_that_were_given(is_forced: bool) -> None:
    given = {"Force": is_forced, "Timeout": pywbem.Uint32(7)}
    call = call_of(Ref("HA_ClusterNode", (("Name", "n1"),)), given, has_words=True)
    record = parse(render(JobRecord("1", Job("off", "n1"), method="A.Fence", call=call)))
    assert record is not None
    known = before(record)
    assert known is not None
    assert known["MethodParameters"]["Force"] is is_forced
    assert known["MethodParameters"]["Timeout"] == 7


def test_configuration_that_was_applied_stands_in_no_record_of_the_call() -> None:
    given = {"Text": "geheim", "Base": pywbem.Uint32(7), "Reason": None}
    call = call_of(Ref("HA_ClusterControlService", (("Name", "x"),)), given, has_words=True)
    assert call.given == (("Text", "string", "(6 characters)"), ("Base", "uint32", "7"))
    record = JobRecord("1", Job("apply", "x"), method="A.Apply", call=call)
    assert parse(render(record)) == record
    known = before(record)
    assert known is not None
    assert known["MethodParameters"]["Base"] == 7


def test_no_more_than_so_many_jobs_are_kept_and_the_oldest_that_ended_makes_room() -> None:
    async def claim() -> None:
        book = JobBook(MemoryShelf(), lambda: WALL_MS)
        names = [await book.begin(Job("stop", "db"), "ann", "M") for _ in range(JOBS_MAX)]
        with pytest.raises(JobError, match="100 jobs are under way"):
            await book.begin(Job("stop", "db"), "ann", "M")
        assert await book.end(names[3], COMPLETED, "completed", 100)
        assert not await book.end(names[3], EXCEPTION, "late", 0)
        await book.begin(Job("stop", "db"), "ann", "M")
        assert (len(book.held().records), names[3] in book.held().records) == (JOBS_MAX, False)

    asyncio.run(claim())


class LateShelf(MemoryShelf):
    """The shelf of a node that learns of a write of others when it is told to."""

    def __init__(self, log: MemoryShelf) -> None:
        super().__init__()
        self._log = log
        self._news = asyncio.Event()
        self.waiting = asyncio.Event()

    def learn(self) -> None:
        """Take what the log has."""
        self._items, self._revision = dict(self._log.items), self._log.revision
        self._news.set()

    async def changed(self, since: int) -> None:
        """See `Shelf`."""
        self.waiting.set()
        await self._news.wait()


def test_server_that_learns_late_of_a_job_answers_once_it_knows_it() -> None:
    async def claim() -> None:
        log = MemoryShelf()
        name = await JobBook(log, lambda: WALL_MS).begin(Job("stop", "db"), "ann", "M")
        late = LateShelf(log)
        book = JobBook(late, lambda: WALL_MS - 5_000, look=partial(look, within_s=60))
        server = Mapping(schema(), Provider().engine, IDENTITY, jobs=book)
        asked = GetInstance(MODEL, path("HA_ConcreteJob", InstanceID=f"LinuxHA:job:{name}"))
        answer = asyncio.create_task(server.perform(asked, "ann"))
        await late.waiting.wait()
        late.learn()
        found = await answer
        assert isinstance(found, Instances)
        assert found.items[0]["Name"] == "stop db"

    asyncio.run(claim())


@pytest.mark.parametrize(("age_ms", "name"), [(RECENT_MS + 1, ""), (0, "LinuxHA:job:5-x")])
def test_job_that_cannot_come_any_more_is_not_waited_for(age_ms: int, name: str) -> None:
    async def claim() -> None:
        log = MemoryShelf()
        began = await JobBook(log, lambda: WALL_MS).begin(Job("stop", "db"), "ann", "M")
        late = LateShelf(log)
        book = JobBook(late, lambda: WALL_MS + age_ms, look=partial(look, within_s=3_600))
        server = Mapping(schema(), Provider().engine, IDENTITY, jobs=book)
        key = name or f"LinuxHA:job:{began}"
        with pytest.raises(pywbem.CIMError, match="does not exist"):
            await server.perform(GetInstance(MODEL, path("HA_ConcreteJob", InstanceID=key)), "ann")
        assert not late.waiting.is_set()

    asyncio.run(claim())


def test_job_that_does_not_come_is_not_there() -> None:
    async def claim() -> None:
        late = LateShelf(MemoryShelf())
        book = JobBook(late, lambda: WALL_MS, look=partial(look, within_s=0.01))
        server = Mapping(schema(), Provider().engine, IDENTITY, jobs=book)
        name = f"LinuxHA:jobresult:{WALL_MS}-abcdef"
        with pytest.raises(pywbem.CIMError, match="does not exist"):
            await server.perform(GetInstance(MODEL, path("HA_MethodResult", InstanceID=name)), "a")
        assert late.waiting.is_set()

    asyncio.run(claim())


def test_unknown_names_are_no_jobs() -> None:
    for name in ("LinuxHA:job:1", "LinuxHA:jobresult:1", "x", "stop:db"):
        for kind in ("HA_ConcreteJob", "HA_MethodResult"):
            assert Provider().refused(GetInstance(MODEL, path(kind, InstanceID=name))) == 6
