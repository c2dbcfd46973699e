"""HA_ConcreteJob: state changes that were accepted and are not seen to be done.

Owns: the objects of jobs and of their results, how both hang together with what
they change, and what a client may do with a job. What is kept of a job is the
same on all servers (`job_records`), how far it is comes from the view
(`job_progress`): so any server answers for it.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, cast

import pywbem

from cim_provider.mapping.area import Area, MethodCall
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.codes import Code
from cim_provider.mapping.control_service import service_ref
from cim_provider.mapping.given import is_time
from cim_provider.mapping.job_book import JobBook, JobError
from cim_provider.mapping.job_calls import after, before, inputs, outputs
from cim_provider.mapping.job_progress import ON_CLUSTER, ON_NODES, ON_TICKETS, progress
from cim_provider.mapping.job_records import (
    COMPLETED,
    EXCEPTION,
    HOLDER,
    KILLED,
    RUNNING,
    TERMINATED,
    JobRecord,
    Jobs,
)
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import resource_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    Value,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.settings_tickets import ticket_ref
from cim_provider.mapping.states import STATE_COLUMNS, State, outside, plain
from cim_provider.mapping.times import cim_datetime, cim_interval
from cim_provider.mapping.verbs import JOB_CLASS, JOB_PREFIX
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import MethodResult

RESULT_CLASS: Final = "HA_MethodResult"
KEPT_MAX_S: Final = 7 * 24 * 3600
_RESULT_PREFIX: Final = "LinuxHA:jobresult:"
_STATES: Final = {
    RUNNING: ((2,), 5),
    COMPLETED: ((17, 2), 5),
    TERMINATED: ((14,), 5),
    KILLED: ((14,), 5),
}
_ENDS: Final = {4: (TERMINATED, "terminated"), 5: (KILLED, "killed")}
"""JobState and word of what RequestStateChange carries out."""
_OTHER_STATES: Final = (2, 3, 6)
_KILL_FAILED: Final = 4
"""KillJob of what has ended; it has no code of its own for that."""
_FAILED: Final = 4
"""ErrorType: Software Error."""
_MINOR: Final = 4
"""PerceivedSeverity."""


@dataclass(frozen=True, slots=True)
class _Shown:
    record: JobRecord
    job_state: int
    percent: int
    text: str
    state: State

    @property
    def name(self) -> str:
        return f"{self.record.job.verb} {self.record.job.subject}"

    @property
    def dotted(self) -> str:
        return f"{self.record.job.verb}.{self.record.job.subject}"


def job_ref(name: str) -> Ref:
    """Return the name of a job's object."""
    return Ref(JOB_CLASS, (("InstanceID", f"{JOB_PREFIX}{name}"),))


def job_refs(world: World) -> tuple[Ref, ...]:
    """Return the names of all jobs that are kept."""
    return tuple(job_ref(name) for name in _records(world).records)


def _result_ref(name: str) -> Ref:
    return Ref(RESULT_CLASS, (("InstanceID", f"{_RESULT_PREFIX}{name}"),))


def _shown(world: World, record: JobRecord) -> _Shown:
    if record.has_ended:
        state, percent, text = record.state, record.percent, record.text
    else:
        found = progress(world, record.job)
        # Its end is what was seen and written down: until then it runs.
        is_done = found.state == COMPLETED
        state = COMPLETED if is_done else RUNNING
        percent, text = found.percent, plain(found.text)
        away = outside(world)
        if away is not None:
            return _Shown(record, RUNNING, 0, away.text, away)
    operational, health = _STATES.get(state, ((6, 17), 20))
    return _Shown(record, state, percent, text, State(operational, health, 0, text))


def _records(world: World) -> Jobs:
    return world.held(HOLDER, Jobs) or Jobs()


def _all(world: World) -> Iterator[_Shown]:
    for record in _records(world).records.values():
        yield _shown(world, record)


def _find(prefix: str) -> Callable[[World, tuple[str, ...]], _Shown | None]:
    def find(world: World, identity: tuple[str, ...]) -> _Shown | None:
        if not identity[0].startswith(prefix):
            return None
        record = _records(world).records.get(identity[0].removeprefix(prefix))
        return None if record is None else _shown(world, record)

    return find


def _affected(world: World, record: JobRecord) -> Ref | None:
    """Return what a job changes; None if that is not there any more."""
    job = record.job
    if job.verb in ON_CLUSTER:
        return cluster_ref()
    if job.verb in ON_TICKETS:
        known = any(each.name == job.subject for each in world.view.settings.tickets)
        return ticket_ref(job.subject) if known else None
    if job.verb in ON_NODES:
        return node_ref(job.subject) if job.subject in world.nodes else None
    return resource_ref(world, job.subject)


def _owned(world: World) -> Iterator[Pair]:
    for name in _records(world).records:
        yield Pair(service_ref(), job_ref(name))


def _affecting(world: World) -> Iterator[Pair]:
    for name, record in _records(world).records.items():
        affected = _affected(world, record)
        if affected is not None:
            words = (
                ("ElementEffects", (1,)),
                ("OtherElementEffectsDescriptions", (record.job.verb,)),
            )
            yield Pair(affected, job_ref(name), words)


def _results(world: World) -> Iterator[Pair]:
    for name in _records(world).records:
        yield Pair(job_ref(name), _result_ref(name))


def _elapsed(shown: _Shown) -> str | None:
    record = shown.record
    if not record.has_ended:
        return None
    return cim_interval((record.changed_wall_ms - record.submitted_wall_ms) * 1000)


_SUBMITTED: Final = "when the method was called"
_COLUMNS: Final[tuple[Column[_Shown], ...]] = (
    *STATE_COLUMNS,
    Column("Name", "verb and subject", lambda s: s.name),
    Column("ElementName", "verb and subject", lambda s: s.name),
    Column("Caption", "Job. and its name", lambda s: f"Job.{s.dotted}"),
    constant("Description", "A change that was accepted"),
    Column("Subject", "what changes", lambda s: s.record.job.subject),
    Column("JobState", "what was seen of the change", lambda s: s.job_state),
    Column("JobStatus", "what is being done, or what is, in words", lambda s: s.text),
    Column("PercentComplete", "members that are done", lambda s: s.percent),
    Column("ErrorCode", "1 in JobState 10, else 0", lambda s: int(s.job_state == EXCEPTION)),
    Column(
        "ErrorDescription",
        "JobStatus in JobState 10",
        lambda s: s.text if s.job_state == EXCEPTION else None,
    ),
    Column("Owner", "user who called the method", lambda s: s.record.author or None),
    Column("TimeSubmitted", _SUBMITTED, lambda s: cim_datetime(s.record.submitted_wall_ms)),
    Column("StartTime", _SUBMITTED, lambda s: cim_datetime(s.record.submitted_wall_ms)),
    Column("InstallDate", _SUBMITTED, lambda s: cim_datetime(s.record.submitted_wall_ms)),
    Column(
        "TimeOfLastStateChange",
        "when its end was seen, or it began",
        lambda s: cim_datetime(s.record.changed_wall_ms),
    ),
    Column("ElapsedTime", "from call to end; NULL before", _elapsed),
    Column("DeleteOnCompletion", "false, or what a client wrote", lambda s: s.record.goes),
    constant("JobRunTimes", 1),
    Column(
        "JobInParameters",
        "the parameters of the call; long texts and configurations by their length",
        lambda s: cast(Value, inputs(s.record)),
    ),
    Column(
        "JobOutParameters",
        "once the job has completed or failed: ReturnValue 0 or 4, and JobStatus as Message",
        lambda s: cast(Value, outputs(s.record, s.job_state, s.text)),
    ),
    *unfilled("LocalOrUtcTime", "Notify", "Priority"),
    *unfilled("OtherRecoveryAction", "RecoveryAction", "RunDay", "RunDayOfWeek", "RunMonth"),
    *unfilled("RunStartInterval", "ScheduledStartTime", "UntilTime"),
    Column(
        "TimeBeforeRemoval",
        "ten minutes, or what a client wrote",
        lambda s: cim_interval(s.record.kept_s * 1_000_000),
    ),
)
_RESULT_COLUMNS: Final[tuple[Column[_Shown], ...]] = (
    Column("ElementName", "verb and subject", lambda s: f"Result of {s.name}"),
    Column("Caption", "Result. and the name", lambda s: f"Result.{s.dotted}"),
    Column(
        "Description",
        "the method, and what became of it",
        lambda s: f"{s.record.method or s.record.job.verb}: {s.text}",
    ),
    Column(
        "PreCallIndication",
        "the call as it came; long texts and configurations by their length",
        lambda s: cast(Value, before(s.record)),  # marked as embedded where it is made
    ),
    Column(
        "PostCallIndication",
        "once the job has completed or failed: ReturnValue 0 or 4, and JobStatus as Message",
        lambda s: cast(Value, after(s.record, s.job_state, s.text)),
    ),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        JOB_CLASS,
        ("InstanceID",),
        _all,
        lambda s: job_ref(s.record.id),
        _COLUMNS,
        find=_find(JOB_PREFIX),
    ),
    class_row(
        RESULT_CLASS,
        ("InstanceID",),
        _all,
        lambda s: _result_ref(s.record.id),
        _RESULT_COLUMNS,
        find=_find(_RESULT_PREFIX),
        is_quiet=True,  # the job tells
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_OwningJobElement", "OwningElement", "OwnedElement", _owned),
    AssociationRow(
        "HA_AffectedJobElement",
        "AffectedElement",
        "AffectingElement",
        _affecting,
        {
            "ElementEffects": "always 1, Other",
            "OtherElementEffectsDescriptions": "the verb of the job",
        },
    ),
    AssociationRow("HA_AssociatedJobMethodResult", "Job", "JobParameters", _results),
)
"""The associations of this module."""


@dataclass(frozen=True, slots=True)
class JobWriter:
    """Implements `Writer`: how long a job is kept can be changed, and an old one removed."""

    book: JobBook

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "a job begins with the method that it carries on")

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "a job begins with the method that it carries on")

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        seconds, wanted = _seconds(changes.get("TimeBeforeRemoval")), None
        is_bad = seconds is None or not 0 < seconds <= KEPT_MAX_S
        if "TimeBeforeRemoval" in changes and is_bad:
            text = f"TimeBeforeRemoval: expected an interval of at most {KEPT_MAX_S // 86400} days"
            refuse(Status.INVALID_PARAMETER, text)
        if "DeleteOnCompletion" in changes:
            wanted = changes["DeleteOnCompletion"]
            if not isinstance(wanted, bool):
                refuse(Status.INVALID_PARAMETER, "DeleteOnCompletion: expected true or false")
        goes = wanted if isinstance(wanted, bool) else None
        if seconds is None and goes is None:
            return
        try:
            if not await self.book.keep(_id(ref), seconds, goes):
                refuse(Status.NOT_FOUND, "the job is not kept any more")
        except JobError as fault:
            refuse(Status.FAILED, str(fault))

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        record = self.book.held().records.get(_id(ref))
        if record is not None and not record.has_ended:
            text = "the job is under way: RequestStateChange 4 ends the wait for it"
            refuse(Status.FAILED, text)
        try:
            await self.book.forget(_id(ref))
        except JobError as fault:
            refuse(Status.FAILED, str(fault))


def _id(ref: Ref) -> str:
    return str(dict(ref.keys)["InstanceID"]).removeprefix(JOB_PREFIX)


def _seconds(value: object) -> int | None:
    if isinstance(value, str):
        value = pywbem.CIMDateTime(value)
    if not isinstance(value, pywbem.CIMDateTime) or not value.is_interval:
        return None
    return int(value.timedelta.total_seconds())


def named_by(operation: object) -> str:
    """Return the id of the job whose object, or result, an operation names; empty if it is none."""
    inner = getattr(operation, "instance", None)
    places = [getattr(operation, each, None) for each in ("path", "target", "source")]
    for path in (*places, getattr(inner, "path", None)):
        if isinstance(path, pywbem.CIMInstanceName):
            name = path.keybindings.get("InstanceID", "")
            for prefix in (JOB_PREFIX, _RESULT_PREFIX):
                if isinstance(name, str) and name.startswith(prefix):
                    return name.removeprefix(prefix)
    return ""


def jobs_area(book: JobBook) -> Area:
    """Return what changes jobs; their rows are in the tables."""

    async def change(call: MethodCall) -> MethodResult:
        state = call.given.get("RequestedState")
        if is_time(call.given.get("TimeoutPeriod")):
            return _returned(Code.NO_TIMEOUT)
        end = _ENDS.get(state) if isinstance(state, int) else None
        if end is None:
            is_known = state in _OTHER_STATES
            return _returned(Code.NOT_SUPPORTED if is_known else Code.INVALID_PARAMETER)
        is_first = await ended(call, *end)
        return _returned(Code.COMPLETED if is_first else Code.INVALID_TRANSITION)

    async def ended(call: MethodCall, state: int, word: str) -> bool:
        """Write an end down; return whether the job had none."""
        assert call.record is not None, "the methods are not static"
        record = _records(call.world).records[_id(call.record.ref)]
        shown = _shown(call.world, record)
        if record.has_ended:
            return False
        text = f"{word} by {call.author}; what was asked for stays: {shown.text}"
        try:
            return await book.end(record.id, state, text, shown.percent)
        except JobError as fault:
            refuse(Status.FAILED, str(fault))

    async def kill(call: MethodCall) -> MethodResult:
        """As RequestStateChange 5; with DeleteOnKill the job goes at once."""
        if not await ended(call, *_ENDS[5]):
            return _returned(_KILL_FAILED)
        if call.given.get("DeleteOnKill") and call.record is not None:
            try:
                await book.forget(_id(call.record.ref))
            except JobError as fault:
                refuse(Status.FAILED, str(fault))
        return _returned(Code.COMPLETED)

    async def error(call: MethodCall) -> MethodResult:
        return _errors(call, "Error", is_list=False)

    async def errors(call: MethodCall) -> MethodResult:
        return _errors(call, "Errors", is_list=True)

    return Area(
        writers={JOB_CLASS: JobWriter(book)},
        holders=(book,),
        methods={
            (JOB_CLASS, "RequestStateChange"): change,
            (JOB_CLASS, "KillJob"): kill,
            (JOB_CLASS, "GetError"): error,
            (JOB_CLASS, "GetErrors"): errors,
        },
    )


def _returned(code: int) -> MethodResult:
    return MethodResult(pywbem.Uint32(code))


def _errors(call: MethodCall, output: str, *, is_list: bool) -> MethodResult:
    """Return what went wrong; nothing where nothing did."""
    assert call.record is not None, "the methods are not static"
    record = _records(call.world).records[_id(call.record.ref)]
    if record.state != EXCEPTION:
        return _returned(Code.COMPLETED)
    found = pywbem.CIMInstance(
        "CIM_Error",
        {
            "ErrorType": pywbem.Uint16(_FAILED),
            "OwningEntity": "Linux-HA",
            "MessageID": "LHA-JOB-1",
            "Message": f"{record.job.verb} {record.job.subject}: {record.text}",
            "MessageArguments": [record.job.verb, record.job.subject, record.text],
            "PerceivedSeverity": pywbem.Uint16(_MINOR),
            "ProbableCause": pywbem.Uint16(0),
            "CIMStatusCode": pywbem.Uint32(int(Status.FAILED)),
            "RecommendedActions": ["look at the resource or node with Explain or Why"],
        },
    )
    value: object = [found] if is_list else found
    return MethodResult(pywbem.Uint32(Code.COMPLETED), ((output, "string", value),))
