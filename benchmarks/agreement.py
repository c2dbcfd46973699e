"""How often 'ha policy' decides as Pacemaker does, on random CIBs, beside two releases of it.

The CIBs, the call of crm_simulate and the comparison are those of the bench that may lie beside a
clone (`--bench`). Every CIB is put to the installed crm_simulate (2.1.5, Debian 12), to ours and to
ours with `--like 2.1.5`. Where releases differ the newer one is followed, so what differs from
2.1.5 is put to a newer crm_simulate, too, if `--newer` names one; without it the difference counts
as one between releases if `--like 2.1.5` agrees. Seeds are FIRST + 100,000 x level and the next
ones. Prints a table, and the seeds of what the releases do not explain; ends with 1 if ours does
not plan for one.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

BENCH: Final = Path(__file__).resolve().parents[2] / "shared" / "bench" / "scheduler"
ENGINE: Final = (sys.executable, "-m", "ha_core.cli", "policy", "--server")
LIKE: Final = ("--like", "2.1.5")
FIRST: Final = 15_000_000
STEP: Final = 100_000
LEVELS: Final = (1, 2, 3, 4, 5)
ASPECTS: Final = ("placement", "actions", "fenced")

Answer: TypeAlias = dict[str, Any]
Verdict: TypeAlias = dict[str, bool]


class Bench:
    """The modules of the bench, and how two answers to a CIB are compared with them."""

    def __init__(self, place: Path) -> None:
        sys.path.insert(0, str(place))
        self.made: Any = importlib.import_module("random_cib")
        self.oracle: Any = importlib.import_module("oracle")
        self.json: Any = importlib.import_module("schedjson")

    def same(self, wanted: Answer, found: Answer, cib: Path) -> Verdict:
        """Return for each aspect whether both answers agree."""
        index = self.json.CibIndex(self.json.read_cib(str(cib)))
        verdict = self.json.compare(wanted, found, index)
        return {aspect: bool(verdict[aspect]) for aspect in ASPECTS}

    def asked(self, program: str, cibs: list[Path], jobs: int) -> list[Answer | None]:
        """Return what a crm_simulate answers to each CIB; None: it fails itself."""

        def one(cib: Path) -> Answer | None:
            oracle = self.oracle.Oracle(program)
            try:
                answer: Answer = oracle.run(str(cib))
            except self.oracle.OracleError:
                return None
            finally:
                oracle.close()
            return answer

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, cibs))


@dataclass(frozen=True)
class Case:
    """One CIB and where the answers to it agree; `newer`: ours with the newer release."""

    seed: int
    ours: Verdict
    like: Verdict
    newer: Verdict | None

    def follows(self, aspect: str) -> bool:
        """Return whether ours decides as 2.1.5, or as the newer release where the two differ."""
        other = self.like if self.newer is None else self.newer
        return self.ours[aspect] or other[aspect]


def ours(cibs: list[Path], options: tuple[str, ...]) -> list[Answer]:
    """Return what our engine answers to each CIB; one with `error` could not be read."""
    lines = "".join(f"{cib}\n" for cib in cibs)
    done = subprocess.run((*ENGINE, *options), input=lines, text=True, stdout=-1, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def drawn(bench: Bench, level: int, first: int, count: int, place: Path) -> list[Path]:
    """Write the CIBs of a level and return their files, each named by its seed."""
    files = []
    for seed in range(first + STEP * level, first + STEP * level + count):
        text, _ = bench.made.generate(seed, level=level)
        files.append(place / f"{seed}.xml")
        files[-1].write_text(text, encoding="utf-8")
    return files


@dataclass(frozen=True)
class Level:
    """What was found at one level: cases, and on how many crm_simulate itself failed."""

    number: int
    cases: tuple[Case, ...]
    declined: int
    crashed: tuple[int, ...]

    def shares(self, agrees: Callable[[Case, str], bool]) -> str:
        """Return the percentages of cases that agree in placement, and in actions."""
        found = []
        for aspect in ASPECTS[:2]:
            number = sum(agrees(case, aspect) for case in self.cases)
            found.append(f"{100 * number / len(self.cases):6.1f}" if self.cases else f"{'-':>6}")
        return " ".join(found)


def compared(bench: Bench, level: int, options: argparse.Namespace, place: Path) -> Level:
    """Ask all about the CIBs of one level."""
    cibs = drawn(bench, level, options.first, options.count, place)
    answers = bench.asked("crm_simulate", cibs, options.jobs)
    known = [(cib, answer) for cib, answer in zip(cibs, answers, strict=True) if answer is not None]
    files = [cib for cib, _ in known]
    by_default, by_like = ours(files, ()), ours(files, LIKE)
    crashed = [int(c.stem) for c, a in zip(files, by_default, strict=True) if "error" in a]
    rows = [
        (cib, old, new, like)
        for (cib, old), new, like in zip(known, by_default, by_like, strict=True)
        if "error" not in new and "error" not in like
    ]
    verdicts = [(bench.same(o, n, c), bench.same(o, k, c)) for c, o, n, k in rows]
    differing = [n for n, (found, _) in enumerate(verdicts) if not all(found.values())]
    newest: dict[int, Answer | None] = {}
    if options.newer:
        asked = bench.asked(options.newer, [rows[n][0] for n in differing], options.jobs)
        newest = dict(zip(differing, asked, strict=True))
    cases = []
    for number, (cib, _, new, _) in enumerate(rows):
        newer = newest.get(number)
        with_newer = None if newer is None else bench.same(newer, new, cib)
        cases.append(Case(int(cib.stem), *verdicts[number], with_newer))
    return Level(level, tuple(cases), len(cibs) - len(known), tuple(crashed))


def kind(case: Case) -> str:
    """Return what a difference from 2.1.5 is."""
    like = all(case.like.values())
    if all(case.follows(aspect) for aspect in ASPECTS):
        return "of releases" if like else "of releases, not in --like"
    return "open, --like agrees" if like else "open"


def table(levels: list[Level], has_newer: bool) -> Iterator[str]:
    """Yield lines: percentages of placements and of action sets, then what differs and why."""
    yield "level compared declined  ours=2.1.5      like=2.1.5      ours=2.1.5 or the newer"
    for level in levels:
        columns = (
            f"{level.number:5} {len(level.cases):8} {level.declined:8}",
            level.shares(lambda case, aspect: case.ours[aspect]),
            level.shares(lambda case, aspect: case.like[aspect]),
            level.shares(Case.follows),
        )
        yield "   ".join(columns)
    yield ""
    judge = "the newer release decides as ours" if has_newer else "--like 2.1.5 agrees"
    yield f"differences from 2.1.5 in placement, actions or fencing ('of releases': {judge})"
    for level in levels:
        differing = [case for case in level.cases if not all(case.ours.values())]
        for name, number in sorted(Counter(map(kind, differing)).items()):
            seeds = [str(case.seed) for case in differing if kind(case) == name]
            told = "" if name == "of releases" else f": {' '.join(seeds)}"
            yield f"level {level.number}: {number:3} of {len(differing):3} {name}{told}"
        if level.crashed:
            yield f"level {level.number}: not planned by ours: {' '.join(map(str, level.crashed))}"


def main() -> int:
    """Draw, ask, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=BENCH, help="where the bench lies")
    parser.add_argument("--first", type=int, default=FIRST, help="seed, plus 100,000 x level")
    parser.add_argument("--count", type=int, default=40, help="CIBs of each level")
    parser.add_argument("--level", type=int, choices=LEVELS, action="append")
    parser.add_argument("--newer", help="a newer crm_simulate, asked where ours differs from 2.1.5")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    missing = "crm_simulate" if shutil.which("crm_simulate") is None else None
    if missing or not options.bench.is_dir():
        print(f"left out: {missing or options.bench} is not there")
        return 0
    bench = Bench(options.bench)
    with tempfile.TemporaryDirectory() as directory:
        found = [
            compared(bench, level, options, Path(directory)) for level in options.level or LEVELS
        ]
    print("\n".join(table(found, options.newer is not None)))
    return 1 if any(level.crashed for level in found) else 0


if __name__ == "__main__":
    sys.exit(main())
