"""Operations of agents that are programs: ocf, lsb, heartbeat, systemd, service.

Owns: finding the program and turning its end into an `OperationDone`. What
these agents start is guarded by nothing; see docs/agents.md, "Guards".
"""

import os
import shutil
from dataclasses import dataclass
from typing import Final

from ha_core.agents import heartbeat, lsb, metadata, ocf, systemd
from ha_core.agents.output import clean, last_line
from ha_core.config.model import AgentClass, Primitive
from ha_core.effects import RunOperation
from ha_core.errors import ConfigError
from ha_core.events import OperationDone
from ha_core.runtime.process import AgentResult, run_agent
from ha_core.runtime.signals import signal_name

METADATA_TIMEOUT_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Directories:
    """Where agents of the families without a root of their own lie."""

    lsb: tuple[str, ...] = (lsb.DIRECTORY,)
    heartbeat: tuple[str, ...] = heartbeat.DIRECTORIES


class MissingError(Exception):
    """An agent is not there; the text says where it was looked for."""


async def operate(
    operation: RunOperation, place: ocf.Place, directories: Directories
) -> OperationDone:
    """Run the operation by its agent's program.

    Raises:
        MissingError, ConfigError, OSError: it cannot be run.
    """
    match operation.primitive.agent.agent_class:
        case AgentClass.OCF:
            return await _ocf(operation, place)
        case AgentClass.LSB:
            return await _lsb(operation, place, directories)
        case AgentClass.HEARTBEAT:
            return await _heartbeat(operation, place, directories)
        case AgentClass.SERVICE if not _has_systemd():
            return await _lsb(operation, place, directories)
        case _:
            return await _systemd(operation)


async def describe(primitive: Primitive, root: str) -> metadata.Metadata:
    """Ask an OCF agent what it says of itself.

    Raises:
        MissingError, ConfigError, OSError: there is no such agent, or it does not answer properly.
    """
    return (await print_metadata(primitive, root))[0]


async def print_metadata(primitive: Primitive, root: str) -> tuple[metadata.Metadata, bytes]:
    """Return what an OCF agent says of itself, and the XML in which it says so.

    Raises:
        MissingError, ConfigError, OSError: there is no such agent, or it does not answer properly.
    """
    program = find((ocf.path(root, primitive),), primitive)
    name = str(primitive.agent)
    result = await run_agent(
        (program, "meta-data"),
        {"PATH": ocf.SEARCH_PATH, "LC_ALL": "C", "OCF_ROOT": root},
        METADATA_TIMEOUT_MS,
        metadata.XML_BYTES_MAX + 1,
    )
    if result.exit_code or result.timed_out:
        raise ConfigError(f"{name} does not print its meta-data: {last_line(clean(result.errors))}")
    return metadata.parse(name, result.output), result.output


def find(candidates: tuple[str, ...], primitive: Primitive) -> str:
    """Return the first of these paths that is a program.

    Raises:
        MissingError: none is.
    """
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    looked = " and ".join(candidates)
    raise MissingError(f"agent {primitive.agent} is not installed: looked for {looked}")


async def _ocf(operation: RunOperation, place: ocf.Place) -> OperationDone:
    program = find((ocf.path(place.root, operation.primitive),), operation.primitive)
    os.makedirs(place.scratch, exist_ok=True)
    environment = ocf.environment(operation, place)
    result = await run_agent((program, operation.action), environment, operation.timeout_ms)
    reason = ocf.exit_reason(clean(result.errors))
    return _done(operation, result, result.exit_code, reason)


async def _lsb(
    operation: RunOperation, place: ocf.Place, directories: Directories
) -> OperationDone:
    primitive = operation.primitive
    ocf.require_plain(primitive.agent.type, f"resource '{primitive.id}': agent type")
    candidates = tuple(f"{where}/{primitive.agent.type}" for where in directories.lsb)
    argv = (find(candidates, primitive), lsb.ACTIONS[operation.action])
    result = await run_agent(argv, _environment(place), operation.timeout_ms)
    return _done(operation, result, lsb.exit_code(operation.action, result.exit_code), "")


async def _heartbeat(
    operation: RunOperation, place: ocf.Place, directories: Directories
) -> OperationDone:
    primitive = operation.primitive
    ocf.require_plain(primitive.agent.type, f"resource '{primitive.id}': agent type")
    candidates = tuple(f"{where}/{primitive.agent.type}" for where in directories.heartbeat)
    argv = (find(candidates, primitive), *heartbeat.arguments(primitive, operation.action))
    result = await run_agent(argv, _environment(place), operation.timeout_ms)
    text = clean(result.output)
    code = heartbeat.exit_code(operation.action, result.exit_code, text)
    return _done(operation, result, code, "")


async def _systemd(operation: RunOperation) -> OperationDone:
    primitive = operation.primitive
    ocf.require_plain(primitive.agent.type.replace("@", "_"), f"resource '{primitive.id}': unit")
    program = shutil.which(systemd.PROGRAM, path=ocf.SEARCH_PATH)
    if program is None or not _has_systemd():
        raise MissingError(
            f"agent {primitive.agent} needs systemd, which does not run on this node: "
            f"looked for {systemd.RUNS_HERE}"
        )
    argv = (program, *systemd.arguments(primitive.agent.type, operation.action))
    environment = {"PATH": ocf.SEARCH_PATH, "LC_ALL": "C"}
    result = await run_agent(argv, environment, operation.timeout_ms)
    code = systemd.exit_code(operation.action, result.exit_code, clean(result.output))
    return _done(operation, result, code, "")


def _has_systemd() -> bool:
    return os.path.isdir(systemd.RUNS_HERE)


def _environment(place: ocf.Place) -> dict[str, str]:
    own = ocf.cluster_environment(place)
    return {"PATH": ocf.SEARCH_PATH, "LC_ALL": "C", "OCF_ROOT": place.root} | own


def _done(operation: RunOperation, result: AgentResult, code: int, reason: str) -> OperationDone:
    output = clean(result.output)
    words = reason or last_line(output)
    if result.timed_out or result.signal:
        code = ocf.GENERIC  # it has said nothing: 1 and silence would mean stopped in some families
    if result.signal:
        words = f"it was killed by signal {result.signal} ({signal_name(result.signal)})"
    return OperationDone(
        operation.operation_id, code, result.timed_out, words, output, result.duration_ms
    )
