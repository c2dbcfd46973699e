"""Runs `ha` in the test's own process against the fake cluster's socket."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ha_core.cli.main import ha as command

Ha = Callable[..., Result]


@pytest.fixture
def ha(root: Path) -> Ha:
    """Return a function that runs `ha` with these words, speaking to the node below `root`."""

    def invoke(*words: str, stdin: str | None = None) -> Result:
        environment = {"BEATKEEPER_ROOT": str(root)}
        result = CliRunner().invoke(command, words, input=stdin, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def value(result: Result) -> object:
    """Return what the verb printed as JSON."""
    return json.loads(result.stdout)
