"""Wrong usage in one sentence: what was wrong, what is allowed, where help is.

Owns: the words in which the parser's complaints are told.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import click

from ha_core.cli import options

_NAMES_MAX: Final = 20
_HINT: Final = re.compile(r"\.? \(?Did( you mean [^?]*\?)\)?")


class Misuse(click.ClickException):
    """A command line that means nothing; `show` prints one sentence, as all our errors do."""

    exit_code = 2

    def __init__(self, text: str, *, as_json: bool) -> None:
        super().__init__(text)
        self._as_json = as_json

    def show(self, file: object = None) -> None:
        """Print the sentence on standard error, and as JSON where that is wanted."""
        if self._as_json:
            click.echo(options.to_json({"code": "usage", "text": self.message}))
        click.echo(f"ha: {self.message}", err=True)


@contextmanager
def told_in_one_sentence(words: Iterable[str]) -> Iterator[None]:
    """Turn the parser's complaints about these words into ours."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # it is no complaint: it prints the help
    except click.UsageError as fault:
        raise Misuse(_sentence(fault), as_json="--json" in words) from None


def similar(name: str, known: Iterable[str]) -> str:
    """Return the question whether a similar name was meant; empty if there is none."""
    import difflib  # only here: most words are right

    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean '{near[0]}'?" if near else ""


def _sentence(fault: click.UsageError) -> str:
    text = _HINT.sub(lambda found: f"; did{found[1]}", fault.format_message().rstrip("."))
    parameter = getattr(fault, "param", None)
    if isinstance(parameter, click.Parameter):
        if isinstance(parameter.type, click.IntRange):
            bounds = f"allowed: {_bounds(parameter.type)}"
            text = text.replace("is not a valid integer range", f"is no whole number; {bounds}")
        if isinstance(fault, click.MissingParameter) and fault.ctx is not None:
            found = _candidates(parameter, fault.ctx)
            text += f"; there are: {', '.join(found[:_NAMES_MAX])}" if found else ""
    path = fault.ctx.command_path if fault.ctx is not None else "ha"
    return f"{text[:1].lower()}{text[1:]} (see '{path} --help')"


def _bounds(kind: click.IntRange) -> str:
    if kind.max is None:
        return f"{kind.min or 0} or more"
    return f"{kind.min or 0} to {kind.max}"


def _candidates(parameter: click.Parameter, context: click.Context) -> list[str]:
    """Return the names that the shell would complete here."""
    items = parameter.shell_complete(context, "")
    return [str(item.value) for item in items if item.type == "plain" and item.value]
