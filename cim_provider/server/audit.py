"""The audit log: one line of JSON for everything that a client changed, or tried to.

Owns: what stands in a line, what is left out of it (values whose names say that
they are secret, credentials in URLs), the file and its rotation. A line is on
disk before the client has its answer. Where the file cannot be written, the
line goes to the server's own log: a full disk must not take the cluster out of
its administrator's hands. Knows nothing of HTTP.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import pywbem

from cim_provider.engines.ha_core_secrecy import HIDDEN, is_secret
from cim_provider.server.auth import Identity
from cim_provider.server.roles import authorize, is_write, name_of
from cim_provider.wbem.operations import (
    Answer,
    ChangeSchema,
    InvokeMethod,
    MethodResult,
    ModifyInstance,
    Operation,
    Paths,
    SetProperty,
)

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
FILES_KEPT: Final = 4
"""Older files beside the one that is written: some 60,000 lines in all."""
TEXT_CHARS_MAX: Final = 256
"""So much is kept of each value and of each reason."""
GIVEN_MAX: Final = 64
"""So many properties or parameters are named in a line."""
_LONG: Final = ("text",)
_JOB_STARTED: Final = 4096
_REVERSED: Final = ("addresource", "addprimitiveresource", "addoperation")
"""Methods of Linux-HA 2.1: 1 is success, and 0 is failure."""
_NOT_REVERSED: Final = ("ha_clustercontrolservice",)

_NAMED: Final = frozenset({"ha_instanceattributes", "ha_nodeattributes"})
"""Parameters of resources and attributes of nodes: their Name alone says what their Value is."""
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s\"]*@")

log = logging.getLogger(__name__)


class Audit(Protocol):
    """Keeps lines of audit."""

    async def record(self, entry: dict[str, object]) -> None:
        """Keep an entry; it is safe when this returns."""
        ...


class LogAudit:
    """Keeps the lines in the server's own log, where there is no file for them."""

    async def record(self, entry: dict[str, object]) -> None:
        """See `Audit`."""
        log.info("audit: %s", json.dumps(entry))


class AuditFile:
    """Appends to the file at `path`, and to a new one when it is full."""

    def __init__(
        self,
        path: Path,
        *,
        bytes_max: int = FILE_BYTES_MAX,
        kept: int = FILES_KEPT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._kept = kept
        self._now = now
        # One thread keeps the order; the disk's time is not that of other clients.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown()

    async def record(self, entry: dict[str, object]) -> None:
        """See `Audit`."""
        moment = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": moment, **entry})
        await asyncio.get_running_loop().run_in_executor(self._thread, self._append, line)

    def _append(self, line: str) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rotate(len(line) + 1)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            with open(os.open(self._path, flags, 0o600), "a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as fault:
            log.error("%s cannot be written (%s); its line is: %s", self._path, fault, line)

    def _rotate(self, wanted: int) -> None:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size + wanted <= self._bytes_max:
            return
        names = [self._path, *(older(self._path, n) for n in range(1, self._kept + 1))]
        for newer, name in reversed(list(pairwise(names))):
            if newer.exists():
                os.replace(newer, name)


def older(path: Path, number: int) -> Path:
    """Return the name of the audit file that was full `number` files ago."""
    return path.with_name(f"{path.name}.{number}")


def read_lines(path: Path, kept: int = FILES_KEPT) -> Iterator[str]:
    """Yield all lines that are kept, oldest first. Raises OSError: they cannot be read."""
    for number in range(kept, -1, -1):
        file = older(path, number) if number else path
        if file.exists():
            with open(file, encoding="utf-8") as lines:
                yield from (line.rstrip("\n") for line in lines)


async def guarded(
    operation: Operation,
    identity: Identity,
    audit: Audit,
    perform: Callable[[], Awaitable[Answer]],
) -> Answer:
    """Let a user carry out what its role allows, and record what is more than reading.

    Raises CIMError: ACCESS_DENIED, and what `perform` raises.
    """
    if not is_write(operation):
        return await perform()
    # This stands if it is cut short, by the end of the server or by a bug of ours: the cluster may
    # have been told, and then carries it out.
    outcome: dict[str, object] = {"result": "unknown"}
    try:
        authorize(identity.name, identity.role, operation)
        answer = await perform()
        result = "failed" if _has_failed(operation, answer) else "done"
        outcome = {"result": result, **_answered(answer)}
    except pywbem.CIMError as fault:
        text = _cut(fault.status_description or "")
        outcome = {"result": "refused", "code": fault.status_code, "text": text}
        raise
    finally:
        await asyncio.shield(audit.record({**_asked(operation, identity), **outcome}))
    return answer


def _asked(operation: Operation, identity: Identity) -> dict[str, object]:
    entry: dict[str, object] = {
        "user": identity.name,
        "role": str(identity.role),
        "address": identity.address,
        "operation": type(operation).__name__,
        "namespace": _cut(operation.namespace),
    }
    match operation:
        case InvokeMethod(target=target, parameters=parameters):
            entry |= {"method": _cut(name_of(operation)), "object": _object(target)}
            entry["given"] = _given(parameters)
        case ChangeSchema(name=name):
            entry |= {"operation": name_of(operation), "object": _cut(name)}
        case SetProperty(path=path, name=name, value=value):
            hides = _says_by_name(path)
            entry |= {"object": _object(path), "given": _given([(name, value)], hides=hides)}
        case _:
            entry |= _of_instance(operation)
    return entry


def _of_instance(operation: Operation) -> dict[str, object]:
    instance = getattr(operation, "instance", None)
    if not isinstance(instance, pywbem.CIMInstance):
        return {"object": _object(getattr(operation, "path", ""))}
    values = [(each.name, each.value) for each in instance.properties.values()]
    hides = _hides_value(values) or (_says_by_name(instance) and not instance.get("Name"))
    if not isinstance(operation, ModifyInstance):
        return {"object": _object(instance.classname), "given": _given(values, hides=hides)}
    if operation.properties is not None:
        # A client may send all that it has read: what is not listed was not to change.
        listed = {name.lower() for name in operation.properties}
        values = [(name, value) for name, value in values if name.lower() in listed]
    return {"object": _object(instance.path), "given": _given(values, hides=hides)}


def _has_failed(operation: Operation, answer: Answer) -> bool:
    """Return whether a method returned a code that says it did not do what was asked."""
    if not isinstance(operation, InvokeMethod) or not isinstance(answer, MethodResult):
        return False
    if isinstance(answer.value, bool) or not isinstance(answer.value, int):
        return False
    target = operation.target
    name = (target if isinstance(target, str) else str(target.classname)).lower()
    if operation.method.lower() in _REVERSED and name not in _NOT_REVERSED:
        return answer.value == 0
    return int(answer.value) not in (0, _JOB_STARTED)


def _answered(answer: Answer) -> dict[str, object]:
    """Return what of an answer tells what has come of a write."""
    match answer:
        case MethodResult(value=value, outputs=outputs):
            words = [text for name, _, text in outputs if name == "Message" and text]
            more = {"text": _cut(str(words[0]))} if words else {}
            return {"returned": _shown(value), **more}
        case Paths(items=(path, *_)):
            return {"object": _object(path)}
        case _:
            return {}


def _object(target: object) -> str:
    if isinstance(target, pywbem.CIMInstanceName):
        local = target.copy()
        local.host = local.namespace = None
        return _cut(local.to_wbem_uri().lstrip("/:"))
    return _cut(str(target))


def _says_by_name(named: pywbem.CIMInstance | pywbem.CIMInstanceName) -> bool:
    return str(named.classname).lower() in _NAMED


def _hides_value(pairs: Iterable[tuple[str, object]]) -> bool:
    """Return whether a Name says that the Value beside it is secret."""
    return any(
        name.lower() == "name" and isinstance(value, str) and is_secret(value)
        for name, value in pairs
    )


def _given(values: Iterable[tuple[str, object]], *, hides: bool = False) -> dict[str, object]:
    """Return what is told of values; `hides`: a Value is secret, or may be."""
    pairs = list(values)[:GIVEN_MAX]
    hides_value = hides or _hides_value(pairs)
    return {
        _cut(name): HIDDEN
        if is_secret(name) or (hides_value and name.lower() == "value")
        else _sized(value)
        if name.lower() in _LONG
        else _shown(value)
        for name, value in pairs
    }


def _sized(value: object) -> object:
    """Return how long a configuration is: it may hold secrets anywhere."""
    return f"{len(value)} characters" if isinstance(value, str) else _shown(value)


def _shown(value: object) -> object:
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case float():
            return str(value)
        case list() | tuple():
            return [_shown(each) for each in value[:GIVEN_MAX]]
        case pywbem.CIMInstance() | pywbem.CIMClass():
            return f"an instance of {_cut(value.classname)}"
        case _:
            return _object(value)


def _cut(text: str) -> str:
    """Return the text, bounded and without the credentials that a URL in it may hold."""
    return _CREDENTIALS.sub("", text[:TEXT_CHARS_MAX])
