"""From what a method means to what it returns: commands in order, questions, refusals.

Owns: the shapes of the meaning (`Plan`, `Query`, `Denial`), and how each is
carried out. Methods of our own tell their result in words (`Message`) beside the
code; the standard ones have no place for words, so what no code tells is a CIM error.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import pywbem

from cim_provider.commands import Question
from cim_provider.edits import Edit
from cim_provider.engine import ClusterEngine, Command, Done, Pending, Refused
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.codes import CODES, STATUSES, Code, code_of
from cim_provider.mapping.job_book import JobBook, JobError
from cim_provider.mapping.job_records import Call, Job
from cim_provider.mapping.paths import cim_path
from cim_provider.mapping.rows import Record, Ref
from cim_provider.mapping.world import World
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import MethodResult

Output: TypeAlias = tuple[str, str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that has been checked, as a verb sees it."""

    record: Record
    given: Mapping[str, object]
    world: World

    @property
    def keys(self) -> Mapping[str, object]:
        """Return the keys of the object."""
        return dict(self.record.ref.keys)

    def text(self, name: str) -> str:
        """Return a text without blanks around it; empty where none was given."""
        value = self.given.get(name)
        return "" if value is None else str(value).strip()

    def number(self, name: str) -> int:
        """Return a number; 0 where none was given."""
        value = self.given.get(name)
        return (
            int(value) if isinstance(value, int) else 0
        )  # CIM's own kind of number goes no further


@dataclass(frozen=True, slots=True)
class Plan:
    """Commands in order."""

    commands: tuple[Command, ...]
    job: Job | None = None
    """What may be left of them; None: they are done once they are written down."""
    output: str = ""
    """The output parameter that has what was done, in words."""
    is_in_steps: bool = False
    """The next command makes no sense before the effect of the last one was seen."""
    undo: tuple[Command, ...] = ()
    """What takes back the first of the steps, where a later one cannot be done."""
    note: str = ""
    """What else the caller should know of it, in words."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the output parameters of its answer."""

    question: Question
    text: str = "Text"
    json: str = "Result"
    has_lines: bool = False
    """Whether the text is an array of its lines."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why nothing is asked of the cluster."""

    code: Code
    text: str = ""


class DeniedError(Exception):
    """What was given makes no sense, or not of this object: raised where it is read."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.denial = Denial(code, text)


@dataclass(frozen=True, slots=True)
class Together:
    """Commands in order, none waiting for the effect of another; for methods without a job."""

    commands: tuple[Command, ...]
    late: int
    """Returned where an effect has not been seen in time, or the cluster is busy."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A code of a method that has codes of its own; nothing is asked of the cluster."""

    code: int


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of the configuration, done once it is written down."""

    edit: Edit


Meaning: TypeAlias = Plan | Query | Denial | Together | Returned | Rewrite
Verb: TypeAlias = Callable[[Asked], Meaning]
MESSAGE: Final = "Message"
JOB_CLASS: Final = "HA_ConcreteJob"
PATIENCE_S: Final = 2.0
"""So long a client waits for an effect before it gets a job."""
TOLD_MAX: Final = 10
"""Of more commands only so many are told in words."""
FEW: Final = 2
"""Of more commands only the last one waits for its effect; what is left is the job's."""
JOB_PREFIX: Final = "LinuxHA:job:"


@dataclass(frozen=True, slots=True)
class Means:
    """With what methods are carried out, and for whom."""

    engine: ClusterEngine
    jobs: JobBook
    author: str
    namespace: str
    method: str
    call: Call

    @property
    def has_words(self) -> bool:
        """Whether the method has the output parameter `Message`."""
        return self.call.has_words


def meaning_of(verb: Verb, asked: Asked) -> Meaning:
    """Return what a call means; a denial where what was given cannot be."""
    try:
        return verb(asked)
    except DeniedError as denied:
        return denied.denial


async def carry_out(meaning: Meaning, means: Means) -> MethodResult:
    """Do what a call means and return what it returns.

    Raises: CIMError: a refusal that neither code nor words can tell.
    """
    match meaning:
        case Denial(code=code, text=text):
            return result(code, text if means.has_words else "")
        case Query():
            return _answer(meaning, await means.engine.ask(meaning.question))
        case Returned(code=number):
            return result(number)
        case Together():
            return await _all(meaning, means.engine, means.author)
        case Plan():
            return await _submit(meaning, means)
        case Rewrite(edit=edit):
            outcome = await means.engine.edit(edit, means.author)
            if isinstance(outcome, Refused):
                return _refused(outcome, means.has_words)
            return result(Code.COMPLETED, edit.reason if means.has_words else "")


def result(code: int, text: str = "", *outputs: Output) -> MethodResult:
    """Return a code, with words where there are any."""
    words: tuple[Output, ...] = ((MESSAGE, "string", text),) if text else ()
    return MethodResult(pywbem.Uint32(code), (*outputs, *words))


def _answer(query: Query, answer: object) -> MethodResult:
    if isinstance(answer, Refused):
        return result(code_of(answer), answer.text)
    text, value = getattr(answer, "text", ""), getattr(answer, "json", "")
    lines = str(text).splitlines()
    outputs: tuple[Output, ...] = ((query.text, "string", lines if query.has_lines else text),)
    if query.json:
        outputs += ((query.json, "string", value),)
    return result(Code.COMPLETED, str(getattr(answer, "refusal", "")), *outputs)


async def _submit(plan: Plan, means: Means) -> MethodResult:
    text, late, has_words = "", "", means.has_words
    told: dict[str, None] = {}
    for number, command in enumerate(plan.commands, 1):
        outcome = await means.engine.submit(command, means.author, _patience(plan, number, late))
        match outcome:
            case Done(text=text):
                told[text] = None
            case Refused():
                before = f"{number - 1} of {len(plan.commands)} done; " if number > 1 else ""
                if number > 1 and plan.undo:
                    before = await _taken_back(plan, means)
                return _refused(replace(outcome, text=f"{before}{outcome.text}"), has_words)
            case Pending(text=text) if plan.is_in_steps:
                # What has begun may be taken back as long as the last step was not asked for.
                back = ""
                if plan.undo and number < len(plan.commands):
                    back = await _taken_back(plan, means)
                if not has_words:
                    refuse(Status.FAILED, f"{back}{text}")
                return result(Code.NOT_IN_TIME, f"{back}{text}")
            case Pending(text=text):
                told[text] = None
                late = late or text
    if plan.output and text:
        return result(Code.COMPLETED, "", (plan.output, "string", text))
    words = _words(plan, tuple(filter(None, told)))
    if plan.job is not None and late:
        return await _left_to_job(plan.job, words, means)
    return result(Code.COMPLETED, words if has_words else "")


def _words(plan: Plan, told: tuple[str, ...]) -> str:
    """Return what the commands of a plan have told, and the note."""
    more = len(told) - TOLD_MAX
    rest = (f"and {more} more",) if more > 0 else ()
    return "; ".join(filter(None, (*told[:TOLD_MAX], *rest, plan.note)))


def _patience(plan: Plan, number: int, late: str) -> float | None:
    """Return how long a command may wait for its effect: a client waits once, not for each."""
    if plan.job is None:
        return None
    is_one_of_many = len(plan.commands) > FEW and number < len(plan.commands)
    return 0 if late or is_one_of_many else PATIENCE_S


async def _taken_back(plan: Plan, means: Means) -> str:
    """Take back the steps that were done and return what came of that, in words."""
    for command in plan.undo:
        outcome = await means.engine.submit(command, means.author, PATIENCE_S)
        if isinstance(outcome, Refused):
            return f"what was begun stays, as it cannot be taken back ({outcome.text}): "
    return "what was begun is taken back: "


async def _left_to_job(job: Job, text: str, means: Means) -> MethodResult:
    try:
        name = await means.jobs.begin(job, means.author, means.method, means.call)
    except JobError as fault:
        refuse(Status.FAILED, f"{text}; no job can be kept of it: {fault}")
    ref = Ref(JOB_CLASS, (("InstanceID", f"{JOB_PREFIX}{name}"),))
    path = ("Job", "reference", cim_path(ref, means.namespace))
    return result(Code.JOB_STARTED, text if means.has_words else "", path)


async def _all(together: Together, engine: ClusterEngine, author: str) -> MethodResult:
    outcomes = await engine.submit_all(together.commands, author)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    wrong = next((each for each in refused if each.code != "busy"), None)
    if wrong is not None:
        of_how_many = f"{len(refused)} of {len(outcomes)} refused: " if len(outcomes) > 1 else ""
        refuse(STATUSES.get(wrong.code, Status.FAILED), f"{of_how_many}{wrong.text}")
    is_late = refused or any(isinstance(each, Pending) for each in outcomes)
    return result(together.late if is_late else Code.COMPLETED)


def _refused(refused: Refused, has_words: bool) -> MethodResult:
    if has_words and refused.code != "denied":
        return result(code_of(refused), refused.text)
    if refused.code in CODES:
        return result(CODES[refused.code])
    refuse(STATUSES.get(refused.code, Status.FAILED), refused.text)
