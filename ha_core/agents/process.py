"""Class `process`: the parameters of a command that the guardian supervises itself.

Owns: reading and checking them. Runs nothing. No shell is involved: the
command is split into words once, by the rules of a POSIX shell.
"""

import shlex
from dataclasses import dataclass
from typing import Final

from ha_core.config.model import Primitive
from ha_core.errors import ConfigError

READY_DEPTH: Final = 10
"""Monitors of this depth (OCF_CHECK_LEVEL) and more also try the ready port."""
PARAMETERS_CHARACTERS_MAX: Final = 32 * 1024
ENVIRONMENT_PREFIX: Final = "env."
_ALLOWED: Final = ("command", "directory", "user", "ready_port", "env.NAME")
_PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A command to supervise; `ready` is where it accepts connections once it is up."""

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    user: str = ""
    ready: tuple[str, int] | None = None


def parse(primitive: Primitive) -> ProcessSpec:
    """Return the checked parameters.

    Raises:
        ConfigError: with every fault found.
    """
    given = dict(primitive.parameters)
    faults = _faults(given)
    argv: tuple[str, ...] = ()
    try:
        argv = tuple(shlex.split(given.get("command", "")))
    except ValueError as error:
        faults.append(f"parameter 'command' is {given['command']!r}: {error}")
    if not argv and not faults:
        faults.append("parameter 'command' is missing, expected a program and its arguments")
    ready = None
    try:
        ready = parse_port(given["ready_port"]) if "ready_port" in given else None
    except ConfigError as error:
        faults.extend(error.faults)
    if faults:
        raise ConfigError([f"resource '{primitive.id}': {fault}" for fault in faults])
    environment = tuple(
        (name.removeprefix(ENVIRONMENT_PREFIX), value)
        for name, value in primitive.parameters
        if name.startswith(ENVIRONMENT_PREFIX)
    )
    directory, user = given.get("directory", "/"), given.get("user", "")
    return ProcessSpec(argv, environment, directory, user, ready)


def _faults(given: dict[str, str]) -> list[str]:
    faults = [
        f"parameter '{name}' is unknown, expected one of {', '.join(_ALLOWED)}"
        for name in sorted(given)
        if name not in _ALLOWED and not _is_variable(name)
    ]
    faults += [
        f"parameter '{name}' holds a null character"
        for name in sorted(given)
        if "\0" in given[name]
    ]
    if not given.get("directory", "/").startswith("/"):
        faults.append(f"parameter 'directory' is '{given['directory']}', expected an absolute path")
    size = sum(len(name) + len(value) for name, value in given.items())
    if size > PARAMETERS_CHARACTERS_MAX:
        faults.append(
            f"parameters have {size} characters, expected at most {PARAMETERS_CHARACTERS_MAX}"
        )
    return faults


def _is_variable(name: str) -> bool:
    variable = name.removeprefix(ENVIRONMENT_PREFIX)
    return name.startswith(ENVIRONMENT_PREFIX) and variable.isascii() and variable.isidentifier()


def parse_port(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[IPV6]:PORT` or `PORT` (this machine).

    Raises:
        ConfigError: it is none of these, or the port is not within 1..65535.
    """
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= _PORT_MAX:
        raise ConfigError(
            f"parameter 'ready_port' is '{text}', expected PORT or HOST:PORT with 1..{_PORT_MAX}"
        )
    return (host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))
