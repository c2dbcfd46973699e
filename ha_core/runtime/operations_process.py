"""Operations of class `process`: start, stop and monitor of a command under the guardian.

Owns: finding the command and its user, and when a start counts as done.
"""

import asyncio
import os
import pwd
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ha_core.agents import ocf, process
from ha_core.agents.output import last_line
from ha_core.agents.process import ProcessSpec
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.runtime import process_log
from ha_core.runtime.aside import Aside
from ha_core.runtime.guardian import LATE, Guardian
from ha_core.runtime.guardian_requests import Launch
from ha_core.runtime.operations_agents import MissingError
from ha_core.runtime.tasks import to_its_end

GRACE_S: Final = 0.05
"""A command without a ready port counts as started once it has lived for so long."""
RETRY_S: Final = 0.02
CONNECT_S: Final = 2.0
LOG_S: Final = 2.0
"""Nothing waits longer for a log to be read or cut."""
NODE_VARIABLE: Final = "BEATKEEPER_NODE"
"""Tells a command on which node it runs, as agents are told."""


class FaultError(Exception):
    """An operation failed with an OCF exit code; the text is its reason."""

    def __init__(self, exit_code: int, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class _User:
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    home: str = "/"
    name: str = ""


class Processes:
    """Carries out operations of class `process`; `logs` is the directory of their logs."""

    def __init__(self, guardian: Guardian, logs: Path, node: str = "") -> None:
        self._guardian = guardian
        self._logs = logs
        self._node = node
        self._starting: dict[str, asyncio.Future[str]] = {}
        self._since: dict[str, int] = {}
        self._aside = Aside(FaultError, MissingError)
        self._trimming: set[str] = set()

    def died(self, resource: str, reason: str) -> bool:
        """Take a death; return whether it belongs to a start that is still under way."""
        future = self._starting.get(resource)
        if future is None or future.done():
            return False
        future.set_result(reason)
        return True

    def last_words(self, resource: str) -> str:
        """Return the last line that the newest process of the resource wrote, for a reason."""
        path = process_log.log_path(self._logs, resource)
        return process_log.last_words(path, self._since.get(resource, 0))

    async def operate(self, operation: RunOperation) -> OperationDone:
        """Carry out the operation.

        Raises:
            FaultError, MissingError, ConfigError: it failed.
        """
        spec = process.parse(operation.primitive)
        match operation.action:
            case "start":
                await self._start(operation, spec)
            case "stop":
                return await self._stop(operation)
            case _:
                await self._monitor(operation, spec)
        return OperationDone(operation.operation_id, ocf.SUCCESS)

    # --- start ---------------------------------------------------------------------------

    async def _start(self, operation: RunOperation, spec: ProcessSpec) -> None:
        resource = operation.primitive.id
        limit_s = asyncio.get_running_loop().time() + operation.timeout_ms / 1000
        launch = await self._prepared(operation, spec)
        death: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._starting[resource] = death
        is_up = False
        try:
            async with asyncio.timeout_at(limit_s):
                answer = await self._guardian.launch(launch, operation.timeout_ms)
                if answer.fault:
                    raise FaultError(ocf.GENERIC, answer.fault)
                await self._come_up(resource, spec, death)
            is_up = True
        except TimeoutError:
            where = f" at {_name(spec.ready)}" if spec.ready else ""
            reason = f"it does not accept connections{where} within {operation.timeout_ms} ms"
            raise FaultError(ocf.GENERIC, reason, timed_out=True) from None
        finally:
            del self._starting[resource]
            if not is_up:
                await to_its_end(self._guardian.stop(resource, 0))

    async def _prepared(self, operation: RunOperation, spec: ProcessSpec) -> Launch:
        """Return what to start, looked at beside the event loop: each of it may hang."""
        look = partial(self._launch, operation, spec)
        try:
            launch, since = await self._aside.call(look, operation.timeout_ms / 1000)
        except TimeoutError:
            what = f"directory '{spec.directory}', command, user or log cannot be looked at"
            reason = f"{what} within {operation.timeout_ms} ms: a disk or a file server hangs"
            raise FaultError(ocf.GENERIC, reason, timed_out=True) from None
        self._since[operation.primitive.id] = since
        return launch

    def _launch(self, operation: RunOperation, spec: ProcessSpec) -> tuple[Launch, int]:
        """Return what to start, and how long its log is. Runs beside the event loop."""
        resource = operation.primitive.id
        user = _find_user(spec.user)
        environment = {"PATH": ocf.SEARCH_PATH, "HOME": user.home, NODE_VARIABLE: self._node}
        if user.name:
            environment |= {"USER": user.name, "LOGNAME": user.name}
        environment |= dict(spec.environment)
        if not os.path.isdir(spec.directory):
            raise MissingError(f"resource '{resource}': directory '{spec.directory}' is missing")
        _require_program(resource, spec, environment["PATH"])
        log = process_log.log_path(self._logs, resource)
        process_log.trim(log)
        launch = Launch(
            resource,
            spec.argv,
            environment,
            log,
            spec.directory,
            user.uid,
            user.gid,
            user.groups,
            operation.not_after_ms,
        )
        return launch, process_log.size(log)

    async def _come_up(self, resource: str, spec: ProcessSpec, death: asyncio.Future[str]) -> None:
        """Wait until the ready port accepts, or the grace has passed; a death ends the start."""
        while True:
            pause = GRACE_S if spec.ready is None else RETRY_S
            accepts = spec.ready is not None and not await _refusal(*spec.ready)
            if not accepts:
                await asyncio.wait({death}, timeout=pause)
            if death.done():  # also if somebody else accepts
                words = await self._of_log(process_log.last_words, resource)
                raise FaultError(ocf.GENERIC, death.result() + words)
            if accepts or spec.ready is None:
                return

    # --- stop and monitor ----------------------------------------------------------------

    async def _stop(self, operation: RunOperation) -> OperationDone:
        answer = await self._guardian.stop(operation.primitive.id, operation.timeout_ms)
        if answer.fault:
            raise FaultError(ocf.GENERIC, answer.fault, timed_out=answer.fault in LATE)
        limit = f"it did not end within {operation.timeout_ms} ms and was killed"
        reason = limit if answer.was_killed else ""
        return OperationDone(operation.operation_id, ocf.SUCCESS, reason=reason)

    async def _monitor(self, operation: RunOperation, spec: ProcessSpec) -> None:
        resource = operation.primitive.id
        answer = await self._guardian.check(resource, operation.timeout_ms)
        if answer.fault:
            raise FaultError(ocf.GENERIC, answer.fault, timed_out=answer.fault in LATE)
        if not answer.held:
            raise FaultError(ocf.NOT_RUNNING, "the guardian holds no process of it")
        await self._trim(resource)
        if spec.ready is not None and operation.depth >= process.READY_DEPTH:
            refusal = await _refusal(*spec.ready)
            if refusal:
                reason = f"process {answer.pid} lives, but {_name(spec.ready)} {refusal}"
                raise FaultError(ocf.GENERIC, reason)

    async def _trim(self, resource: str) -> None:
        """Cut its log if that has become long. A disk that hangs says nothing of the resource."""
        if resource not in self._trimming:
            self._trimming.add(resource)
            try:
                await self._aside.call(partial(self._trimmed, resource), LOG_S)
            except TimeoutError:
                return  # it goes on alone, and is not begun twice
            except OSError:
                self._trimming.discard(resource)

    def _trimmed(self, resource: str) -> None:
        try:
            process_log.trim(process_log.log_path(self._logs, resource))
        finally:
            self._trimming.discard(resource)

    async def newest_output(self, resource: str) -> str:
        """Return the newest lines that the resource's process wrote; nothing if a disk hangs."""
        return await self._of_log(process_log.tail, resource)

    async def _of_log(self, read: Callable[[Path, int], str], resource: str) -> str:
        since = self._since.get(resource, 0)
        try:
            return await self._aside.call(
                lambda: read(process_log.log_path(self._logs, resource), since), LOG_S
            )
        except OSError:  # a time-out is one, too
            return ""


def _name(ready: tuple[str, int]) -> str:
    return f"{ready[0]}:{ready[1]}"


async def _refusal(host: str, port: int) -> str:
    """Return why nothing accepts connections there; empty if something does."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"does not answer within {CONNECT_S:g} s"
    except OSError as error:
        return f"refuses connections: {last_line(str(error))}"
    writer.close()
    return ""


def _find_user(name: str) -> _User:
    if not name:
        return _User()
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise MissingError(f"user '{name}' does not exist on this node") from None
    if found.pw_uid == os.geteuid():
        return _User(home=found.pw_dir, name=name)
    if os.geteuid() != 0:
        raise FaultError(ocf.PERMISSION, f"only root can run a command as user '{name}'")
    groups = tuple(os.getgrouplist(name, found.pw_gid))
    return _User(found.pw_uid, found.pw_gid, groups, found.pw_dir, name)


def _require_program(resource: str, spec: ProcessSpec, search: str) -> None:
    program = spec.argv[0]
    path = os.path.join(spec.directory, program) if "/" in program else program
    if shutil.which(path, path=search) is None:
        where = path if "/" in program else f"'{program}' in {search}"
        raise MissingError(f"resource '{resource}': command is not installed: looked for {where}")
