"""Small pieces of configuration files, and their faults, for tests of parser and rules."""

import pytest

from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError

HEAD = """\
links: {ring0: }
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  w: {addresses: {ring0: 192.0.2.3}, witness: true}
"""
"""Five lines that make a whole configuration of whatever resources follow."""
HEAD_LINES = 5


def parsed(text: str) -> Configuration:
    """Return the configuration of HEAD and the text."""
    return parse_text(HEAD + text, "c.yaml")


def faults_of_file(text: str) -> list[str]:
    """Return the faults of a whole file `c.yaml`, which must have some."""
    with pytest.raises(ConfigError) as caught:
        parse_text(text, "c.yaml")
    return list(caught.value.faults)


def faults(text: str) -> list[str]:
    """Return the faults of HEAD and the text, as `LINE: …` with the lines of the text alone."""
    found = []
    for fault in faults_of_file(HEAD + text):
        file, line, rest = fault.split(":", 2)
        assert file == "c.yaml"
        found.append(f"{int(line) - HEAD_LINES}:{rest}")
    return found
