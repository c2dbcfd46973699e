"""Heartbeat's own scripts (`resource.d`): arguments in front, a status that is read as words.

Owns: the call and the reading of the output. Runs nothing. Source: Heartbeat 3,
ResourceManager(8), and the executor's class `heartbeat`.
"""

from fnmatch import fnmatchcase
from typing import Final

from ha_core.agents import ocf
from ha_core.config.model import Primitive

DIRECTORIES: Final = ("/etc/ha.d/resource.d", "/etc/init.d")
ACTIONS: Final = {"start": "start", "stop": "stop", "monitor": "status"}


def arguments(primitive: Primitive, action: str) -> tuple[str, ...]:
    """Return a script's arguments: parameters 1, 2, 3 … by number, then the action."""
    numbered = sorted((int(n), v) for n, v in primitive.parameters if n.isascii() and n.isdigit())
    return (*(value for _, value in numbered), ACTIONS[action])


def exit_code(action: str, code: int, output: str) -> int:
    """Return the OCF exit code; a status speaks by its words alone, and silence means stopped."""
    if action != "monitor":
        return ocf.SUCCESS if code == 0 else ocf.GENERIC
    text = output.replace("\n", " ")
    if fnmatchcase(text.lower(), "*stopped*") or fnmatchcase(text.lower(), "*not*running*"):
        return ocf.NOT_RUNNING
    runs = fnmatchcase(text.lower(), "*running*") or fnmatchcase(text, "*OK*")
    return ocf.SUCCESS if runs else ocf.NOT_RUNNING
