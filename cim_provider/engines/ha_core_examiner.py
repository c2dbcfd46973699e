"""`ha doctor` and `ha report` for consoles: the command line's answers, made by a child process.

Owns: the child, its end, and what its answer is in the provider's words. It is a process of its
own because what examines a cluster looks ahead at the loss of each node, and is larger than this
server; and so that both say the same.
"""

import asyncio
import base64
import io
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from cim_provider.commands import Diagnose, MakeReport, Told
from cim_provider.engine import Refused

LIMIT_S: Final = 50.0
"""Reasons and what is foreseen may each take half a minute with thousands of resources."""
REPORT_MIB: Final = 4
"""Of a report before it is compressed: it travels in one answer, in XML."""
FOUND: Final = frozenset({0, 6, 7})
"""Exit codes of `ha doctor` that are an answer. Source: docs/cli.md, "Exit codes"."""
USAGE: Final = 2
"""Exit code of a time that is none. Source: as above."""


class _Finding(msgspec.Struct, frozen=True):
    severity: str
    text: str
    why: str = ""
    cure: str = ""


class _Answer(msgspec.Struct, frozen=True):
    findings: tuple[_Finding, ...]


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a child ended; `code` None: it took too long."""

    code: int | None
    output: bytes = b""
    errors: bytes = b""


class Examiner:
    """Asks one question at a time; others wait for their turn. `root`: as of the engine."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._turn = asyncio.Lock()

    async def ask(self, question: Diagnose | MakeReport) -> Told | Refused:
        """Return what `ha doctor` finds, a line for each finding; or a report with its index."""
        async with self._turn:
            if isinstance(question, Diagnose):
                return _diagnosed(await self._run("doctor", "--json"))
            return _reported(await self._run(*_words(question)))

    async def _run(self, *words: str) -> _Ended:
        place = () if self._root is None else ("--root", str(self._root))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ha_core.cli", *place, *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1"},
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                output, errors = await child.communicate()
            return _Ended(child.returncode, output, errors)
        except TimeoutError:
            return _Ended(None)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


def _words(asked: MakeReport) -> tuple[str, ...]:
    """Return the verb; each value stands in one word with its option, whatever is in it."""
    given = {"since": asked.since, "until": asked.until, "incident": asked.incident}
    options = (f"--{name}={text}" for name, text in given.items() if text)
    return ("report", "--output=-", f"--max-mib={REPORT_MIB}", *options)


def _diagnosed(ended: _Ended) -> Told | Refused:
    if ended.code not in FOUND:
        return _refused(ended)
    try:
        findings = msgspec.json.decode(ended.output, type=_Answer).findings
    except msgspec.DecodeError as fault:
        return Refused("failed", f"the answer of 'ha doctor' is not understood: {fault}")
    return Told("\n".join(map(_line, findings)), ended.output.decode().strip())


def _reported(ended: _Ended) -> Told | Refused:
    if ended.code != 0:
        return _refused(ended)
    with tarfile.open(fileobj=io.BytesIO(ended.output)) as archive:
        index = archive.extractfile(archive.getmembers()[0])
        assert index is not None, "the index is the first file"
        text = index.read().decode()
    return Told(text, base64.b64encode(ended.output).decode())


def _refused(ended: _Ended) -> Refused:
    if ended.code is None:
        return Refused("timeout", f"it took longer than {LIMIT_S:g} s: use ha on a node")
    lines = ended.errors.decode("utf-8", "replace").strip().splitlines()
    text = lines[-1].removeprefix("ha: ") if lines else f"it ended with exit code {ended.code}"
    return Refused("invalid" if ended.code == USAGE else "failed", text)


def _line(finding: _Finding) -> str:
    parts = (f"{finding.severity}: {finding.text}", finding.why, finding.cure)
    return "; ".join(part.replace("\n", " ") for part in parts if part)
