"""Checks the models with spin: each holds in every state, and each sown error is found.

A check counts only if it was exhaustive: a search that was cut off by its depth,
by memory or by hashing is a failure, not a result. Needs `spin` and a C compiler.
Usage: python3 models/check.py [--deep]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).resolve().parent
MEMORY_MB = 4000
"""A search that needs more ends as a failure."""
COMPILER = ("cc", "-w", "-O2", "-DSAFETY", "-DBFS", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MB}")
"""Breadth first, so that what is found is found by the shortest way; no reduction, no hashing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One search; `is_sown`: it must find an error (or answer a question by an example)."""

    model: str
    defines: tuple[str, ...]
    is_sown: bool = False

    @property
    def name(self) -> str:
        """Return how it is called in the table."""
        return " ".join((self.model, *self.defines))


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ended with."""

    errors: int
    states: int
    depth: int
    megabytes: float
    is_complete: bool
    seconds: float
    trail: str = ""


HOLDS = (
    Check("elections", ("DEAD_AFTER=10", "TERMS=3")),
    Check("leases", ("DEAD_AFTER=6",)),
)
DEEP = (
    Check("elections", ("DEAD_AFTER=20", "TERMS=3")),
    Check("leases", ("DEAD_AFTER=4", "STAYS=3")),
)
ELECTION_ERRORS = (
    "BUG_ELECTION_TOO_SHORT",
    "BUG_NO_WAIT_AFTER_RESTART",
    "BUG_OWN_ROUNDS_NOT_COUNTED",
    "BUG_ROUND_DATED_BY_ITS_ANSWER",
    "BUG_VOTE_NOT_ON_DISK",
)
LEASE_ERRORS = (
    "BUG_RUN_LEASE_BEYOND_BOUND",
    "BUG_INHERITED_NOT_AWAITED",
    "BUG_NO_MARGIN_FOR_DRIFT",
    "BUG_LEASE_DATED_BY_RECEIPT",
    "BUG_ORDER_OF_ANOTHER_STAY",
    "BUG_REPORT_OF_A_LOST_NODE",
    "BUG_LAPSED_GOES_ON_IN_ANOTHER_STAY",
    "FIND_TAKEOVER",
)
SOWN = (
    *(Check("elections", ("DEAD_AFTER=10", name), True) for name in ELECTION_ERRORS),
    *(Check("leases", ("DEAD_AFTER=4", name), True) for name in LEASE_ERRORS),
)


def search(check: Check, place: Path) -> Found:
    """Run spin's verifier on the model. Raises RuntimeError if it cannot be made."""
    model, defines = MODELS / f"{check.model}.pml", [f"-D{item}" for item in check.defines]
    _must(["spin", *defines, "-a", str(model)], place)
    _must([*COMPILER, "-o", "pan", "pan.c"], place)
    began = time.monotonic()
    done = subprocess.run([place / "pan", "-w25"], cwd=place, capture_output=True, text=True)
    seconds = time.monotonic() - began
    trail = ""
    if (place / f"{model.name}.trail").exists():
        replay = ["spin", *defines, "-t", "-k", f"{model.name}.trail", str(model)]
        trail = subprocess.run(replay, cwd=place, capture_output=True, text=True).stdout
    return read(done.stdout, done.returncode, seconds, trail)


def read(text: str, code: int, seconds: float, trail: str = "") -> Found:
    """Return what the verifier's output says. Raises RuntimeError if that is no result."""
    errors = re.search(r"depth reached (\d+), errors: (\d+)", text)
    states = re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", text)
    memory = re.search(r"([\d.]+)\s+total actual memory usage", text)
    if errors is None or states is None or memory is None:
        raise RuntimeError(f"the verifier ended with {code} and no result:\n{text[-2000:]}")
    cut = (
        "not completed",
        "truncated",
        "too small",
        "out of memory",
        "hash-compact",
        "reached -dmemlim",
        "reached max",
    )
    return Found(
        errors=int(errors[2]),
        states=int(float(states[1])),
        depth=int(errors[1]),
        megabytes=float(memory[1]),
        is_complete=code == 0 and not any(word in text.lower() for word in cut),
        seconds=seconds,
        trail="\n".join(line for line in trail.splitlines() if not line.startswith("\t\t")),
    )


def fault(check: Check, found: Found) -> str:
    """Return why the result is not as it must be; empty if it is."""
    if check.is_sown:
        return "" if found.errors else "the sown error was not found: this check cannot fail"
    if found.errors:
        return f"an assertion is violated:\n{found.trail}"
    return "" if found.is_complete else "the search was not exhaustive"


def _must(command: list[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def main(words: list[str]) -> int:
    """Run all checks, print a table; return the exit code."""
    missing = [tool for tool in ("spin", "cc") if shutil.which(tool) is None]
    if missing:
        print(f"{' and '.join(missing)} missing: apt-get install spin gcc libc6-dev")
        return 1
    checks = (*HOLDS, *(DEEP if "--deep" in words else ()), *SOWN)
    faults = 0
    print(f"{'states':>11} {'depth':>6} {'MB':>6} {'s':>6}  result", flush=True)
    for check in checks:
        with tempfile.TemporaryDirectory(prefix="model-") as place:
            found = search(check, Path(place))
        why = fault(check, found)
        faults += bool(why)
        word = why or (
            "found, as it must be" if check.is_sown else "holds in every state, errors: 0"
        )
        figures = (
            f"{found.states:>11} {found.depth:>6} {found.megabytes:>6.0f} {found.seconds:>6.1f}"
        )
        print(f"{figures}  {check.name}: {word}", flush=True)
    print(f"{len(checks)} searches, {faults} not as they must be")
    return 1 if faults else 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main(sys.argv[1:]))
