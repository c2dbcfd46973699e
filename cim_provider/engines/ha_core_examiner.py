"""`ha doctor` for consoles: the command line's own answer, made by a child process.

Owns: the child, its end, and what its answer is in the provider's words. It is a process of its
own because what examines a cluster looks ahead at the loss of each node, and is larger than this
server; and so that both say the same.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from cim_provider.commands import Told
from cim_provider.engine import Refused

LIMIT_S: Final = 60.0
"""Looking ahead takes seconds with thousands of resources; a listener two at most."""
FOUND: Final = frozenset({0, 6, 7})
"""Exit codes of `ha doctor` that are an answer. Source: docs/cli.md, "Exit codes"."""


class _Finding(msgspec.Struct, frozen=True):
    severity: str
    text: str
    why: str = ""
    cure: str = ""


class _Answer(msgspec.Struct, frozen=True):
    findings: tuple[_Finding, ...]


class Examiner:
    """Asks one question at a time; others wait for their turn. `root`: as of the engine."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._turn = asyncio.Lock()

    async def ask(self) -> Told | Refused:
        """Return what `ha doctor` finds; a line for each finding."""
        async with self._turn:
            code, out, words = await self._run("doctor", "--json")
        if code not in FOUND:
            return _refused(code, words)
        try:
            findings = msgspec.json.decode(out, type=_Answer).findings
        except msgspec.DecodeError as fault:
            return Refused("failed", f"the answer of 'ha doctor' is not understood: {fault}")
        return Told("\n".join(map(_line, findings)), out.decode().strip())

    async def _run(self, *words: str) -> tuple[int | None, bytes, bytes]:
        """Return exit code, output and errors of a verb; without a code it took too long."""
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
                out, errors = await child.communicate()
            return child.returncode, out, errors
        except TimeoutError:
            return None, b"", b""
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


def _refused(code: int | None, errors: bytes) -> Refused:
    if code is None:
        return Refused("timeout", f"it took longer than {LIMIT_S:g} s: ask 'ha doctor' on a node")
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return Refused("failed", lines[-1].removeprefix("ha: ") if lines else f"it ended with {code}")


def _line(finding: _Finding) -> str:
    parts = (f"{finding.severity}: {finding.text}", finding.why, finding.cure)
    return "; ".join(part.replace("\n", " ") for part in parts if part)
