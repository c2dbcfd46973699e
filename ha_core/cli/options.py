"""What all verbs share: options, output, exit codes, and errors turned into one sentence.

Owns: the conventions of the command line. Knows nothing of any single verb.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from ha_core.doctor.findings import Severity
from ha_core.errors import ConfigError, ConnectError, HaError, RefusedError

ROOT_VARIABLE: Final = "BEATKEEPER_ROOT"
_META: Final = "beatkeeper."

EXIT_CODES: Final = {
    0: "done",
    1: "refused or failed",
    2: "wrong usage",
    3: "the node's daemon cannot be reached",
    4: "accepted, but the effect was not seen in time",
    5: "invalid configuration",
    6: "ha doctor found what deserves a warning",
    7: "ha doctor found something critical",
}
EXIT_FAILED: Final = 1
EXIT_UNREACHABLE: Final = 3
EXIT_TIMEOUT: Final = 4
EXIT_INVALID: Final = 5
EXIT_OF_FINDINGS: Final = {Severity.WARNING: 6, Severity.CRITICAL: 7}
"""What the worst finding of `ha doctor` ends it with; a notice is worth no alarm."""

_T = TypeVar("_T")
_Verb = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Options:
    """What every verb understands."""

    root: Path | None
    as_json: bool

    def show(self, value: object, text: str) -> None:
        """Print the value as one line of JSON, or the text, as the user wants it."""
        click.echo(to_json(value) if self.as_json else text)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether, and how long, a verb waits until its effect is visible."""

    enabled: bool
    timeout_s: float


def to_json(value: object) -> str:
    """Return the value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def verb(function: _Verb) -> _Verb:
    """Give a command the options that every verb has; it gets them as its first argument."""

    @click.option(
        "--root",
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Directory of a node (its etc, lib, run); also ${ROOT_VARIABLE}.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def wrapper(root: Path | None, as_json: bool, **arguments: object) -> None:
        meta = click.get_current_context().meta
        meta[_META + "json"] = as_json
        meta[_META + "is_named"] = (root or chosen_root()) is not None
        function(Options(root or chosen_root(), as_json), **arguments)

    return wrapper


def waits(function: _Verb) -> _Verb:
    """Give a command the options of a verb that changes something."""

    @click.option(
        "--wait/--no-wait", default=True, help="Wait until the effect is visible (the default)."
    )
    @click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(0.1, 3600),
        default=60.0,
        show_default=True,
        help="How many seconds to wait at most.",
    )
    @functools.wraps(function)
    def wrapper(*positional: object, wait: bool, timeout_s: float, **arguments: object) -> None:
        function(*positional, waiting=Waiting(wait, timeout_s), **arguments)

    return wrapper


def choose_root(root: Path | None) -> None:
    """Remember the root that was named before the verb."""
    click.get_current_context().meta[_META + "root"] = root


def chosen_root() -> Path | None:
    """Return the root named before the verb, else the environment's, else None: the system's."""
    named = click.get_current_context().meta.get(_META + "root")
    if isinstance(named, Path):
        return named
    from_environment = os.environ.get(ROOT_VARIABLE, "")
    return Path(from_environment) if from_environment else None


def is_root_named() -> bool:
    """Return whether the user has said which node is meant, in any way."""
    return bool(click.get_current_context().meta.get(_META + "is_named", True))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run the asynchronous part of a verb."""
    import asyncio  # only here: verbs that ask no daemon need not pay for it

    return asyncio.run(work)


def run_until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run what goes on until Ctrl-C, which is then its ordinary end."""
    try:
        run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(0) from None


def read_text(path: Path) -> str:
    """Return the file's text. Raises ConfigError if it cannot be read as UTF-8 text."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as fault:
        raise ConfigError(f"cannot read {path}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not UTF-8 text (byte {fault.start})") from fault


def fail(error: HaError) -> NoReturn:
    """Say what went wrong, on standard error and as JSON where wanted, and end with its code."""
    context = click.get_current_context()
    if context.meta.get(_META + "json"):
        click.echo(to_json(_as_value(error)))
    for line in str(error).splitlines():
        click.echo(f"ha: {line}", err=True)
    raise click.exceptions.Exit(exit_code(error))


def exit_code(error: HaError) -> int:
    """Return the documented exit code for the error."""
    if isinstance(error, ConnectError):
        return EXIT_UNREACHABLE
    if isinstance(error, ConfigError):
        return EXIT_INVALID
    if isinstance(error, RefusedError) and error.code == "timeout":
        return EXIT_TIMEOUT
    return EXIT_FAILED


def _as_value(error: HaError) -> dict[str, object]:
    value: dict[str, object] = {"code": error.code, "text": str(error)}
    if isinstance(error, ConfigError):
        value["faults"] = list(error.faults)
    return value
