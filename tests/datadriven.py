"""Cases in text files: an input, a line of dashes, the expected text.

Owns: reading them, comparing, and rewriting the expected half under `--rewrite`,
so that a change of behaviour is a difference to review. A case opens with a
comment on its purpose.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

SEPARATOR = "----\n"


def paths(directory: Path) -> list[Path]:
    """Return the case files of a directory, sorted."""
    found = sorted(directory.glob("*.txt"))
    assert found, f"no cases in {directory}"
    return found


def given(path: Path) -> str:
    """Return the input half of a case."""
    return path.read_text(encoding="utf-8").partition(SEPARATOR)[0]


def check(path: Path, answer: Callable[[str], str], request: pytest.FixtureRequest) -> None:
    """Compare the answer to the input half with the expected half, or write it there."""
    text = path.read_text(encoding="utf-8")
    question, _, expected = text.partition(SEPARATOR)
    assert question.startswith("#"), f"{path.name} does not open with its purpose"
    found = answer(question)
    if request.config.getoption("--rewrite"):
        path.write_text(question + SEPARATOR + found, encoding="utf-8")
        return
    assert found == expected
