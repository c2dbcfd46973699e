"""YAML to configuration: every fault at once, each with its place, value and what is allowed.

Owns: the order of the work. Shape is `read`'s, rules are `check`'s; the rules
are tried on what could be read, so that one mistake does not hide another.
"""

from typing import Final

from ha_core.config.build import build
from ha_core.config.check import check
from ha_core.config.check_raw import raw_faults
from ha_core.config.faults import printable
from ha_core.config.model import Configuration
from ha_core.config.read import Reader
from ha_core.config.tree import TreeError, read_tree
from ha_core.errors import ConfigError

FAULTS_MAX: Final = 200
"""Nobody reads more at once."""


def parse_text(text: str, file: str) -> Configuration:
    """Return the configuration that the text of `file` holds: YAML, of which JSON is a part.

    Raises:
        ConfigError: every fault as `FILE:LINE: path: what is there; allowed: what may be`.
    """
    reader = Reader(file)
    try:
        raw = reader.read_file(read_tree(text))
    except TreeError as error:
        raise ConfigError(printable(f"{file}:{error.line}: the file {error}")) from None
    if raw is None:
        raise ConfigError(reader.faults())
    configuration = build(raw)
    for fault in (*raw_faults(raw), *check(configuration)):
        reader.add(fault.path, fault.text)
    faults = reader.faults()
    if faults:
        more = len(faults) - FAULTS_MAX
        rest = [f"{file}: {more} more faults"] if more > 0 else []
        raise ConfigError(faults[:FAULTS_MAX] + rest)
    return configuration
