"""From what a method means to what it returns: commands in order, questions, refusals.

Owns: the shapes of the meaning (`Plan`, `Query`, `Denial`), and how each is
carried out. Methods of our own tell their result in words (`Message`) beside the
code; the standard ones have no place for words, so what no code tells is a CIM error.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import pywbem

from cim_provider.commands import Question
from cim_provider.engine import ClusterEngine, Command, Done, Pending, Refused
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.codes import CODES, STATUSES, Code, code_of
from cim_provider.mapping.jobs import Job, job_ref
from cim_provider.mapping.paths import cim_path
from cim_provider.mapping.rows import Record
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
        return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Commands in order; the next one is given when the effect of the last has been seen."""

    commands: tuple[Command, ...]
    job: Job | None = None
    """What may be left of them; None: they are done once they are written down."""
    output: str = ""
    """The output parameter that has what was done, in words."""


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


Meaning: TypeAlias = Plan | Query | Denial | Together | Returned
Verb: TypeAlias = Callable[[Asked], Meaning]
MESSAGE: Final = "Message"


async def carry_out(
    meaning: Meaning, engine: ClusterEngine, author: str, namespace: str, *, has_words: bool
) -> MethodResult:
    """Do what a call means and return what it returns.

    `has_words`: the method has the output parameter `Message`.

    Raises: CIMError: a refusal that neither code nor words can tell.
    """
    match meaning:
        case Denial(code=code, text=text):
            return result(code, text if has_words else "")
        case Query():
            return _answer(meaning, await engine.ask(meaning.question))
        case Returned(code=number):
            return result(number)
        case Together():
            return await _all(meaning, engine, author)
        case Plan():
            return await _submit(meaning, engine, author, namespace, has_words)


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


async def _submit(
    plan: Plan, engine: ClusterEngine, author: str, namespace: str, has_words: bool
) -> MethodResult:
    text = ""
    for number, command in enumerate(plan.commands, 1):
        outcome = await engine.submit(command, author)
        match outcome:
            case Done(text=text):
                continue
            case Refused():
                before = f"{number - 1} of {len(plan.commands)} done; " if number > 1 else ""
                return _refused(outcome, before, has_words)
            case Pending(text=text):
                if plan.job is None and number == len(plan.commands):
                    # A wish that is written down is done, though a node may not follow it yet.
                    return result(Code.COMPLETED, text if has_words else "")
                if plan.job is None:
                    return result(Code.NOT_IN_TIME, text if has_words else "")
                path = cim_path(job_ref(plan.job), namespace)
                job = ("Job", "reference", path)
                return result(Code.JOB_STARTED, text if has_words else "", job)
    if plan.output and text:
        return result(Code.COMPLETED, "", (plan.output, "string", text))
    return result(Code.COMPLETED, text if has_words else "")


async def _all(together: Together, engine: ClusterEngine, author: str) -> MethodResult:
    if len(together.commands) == 1:
        outcomes = [await engine.submit(together.commands[0], author)]
    else:
        outcomes = await asyncio.gather(
            *(engine.submit(each, author) for each in together.commands)
        )
    refused = [each for each in outcomes if isinstance(each, Refused)]
    wrong = next((each for each in refused if each.code != "busy"), None)
    if wrong is not None:
        of_how_many = f"{len(refused)} of {len(outcomes)} refused: " if len(outcomes) > 1 else ""
        refuse(STATUSES.get(wrong.code, Status.FAILED), f"{of_how_many}{wrong.text}")
    is_late = refused or any(isinstance(each, Pending) for each in outcomes)
    return result(together.late if is_late else Code.COMPLETED)


def _refused(refused: Refused, before: str, has_words: bool) -> MethodResult:
    if has_words and refused.code != "denied":
        return result(code_of(refused), f"{before}{refused.text}")
    if refused.code in CODES:
        return result(CODES[refused.code])
    refuse(STATUSES.get(refused.code, Status.FAILED), refused.text)
