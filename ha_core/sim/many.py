"""Many seeds, on as many cores as there are, counted and timed.

Owns: the report of `ha sim run`. The only place of the simulator that looks at
a real clock, for the rate.
"""

import gc
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from typing import TypedDict

from ha_core.sim.run import Result, run_seed

ALLOCATIONS_PER_COLLECTION = 50_000
"""Far above the 700 of the interpreter: hardly any of what a run makes is cyclic."""


class Report(TypedDict):
    """`violations` lists `{"seed", "text", "replay"}`; `events_per_s` is over all cores; `faults`
    counts what went wrong, `states` what clusters were like and went through; equal digests mean
    equal runs.
    """

    seeds: int
    first: int
    events: int
    violations: list[dict[str, str | int]]
    events_per_s: int
    seeds_per_s: float
    digest: str
    faults: dict[str, int]
    states: dict[str, int]


def run_seeds(first: int, count: int, workers: int | None = None) -> Report:
    """Run `count` seeds from `first` on; return the report."""
    began = time.perf_counter()
    seeds = range(first, first + count)
    jobs = workers or os.cpu_count() or 1
    if jobs == 1 or count < 4:
        results = [run_seed(seed) for seed in seeds]
    else:
        with ProcessPoolExecutor(jobs, initializer=_collect_seldom) as pool:
            results = list(pool.map(run_seed, seeds, chunksize=max(1, min(20, count // jobs))))
    return _report(first, results, time.perf_counter() - began)


def _collect_seldom() -> None:
    """A seed leaves little behind; what the program itself consists of is not looked at again."""
    if sys.implementation.name == "cpython":  # PyPy has neither knob, and needs none
        gc.collect()
        gc.freeze()
        gc.set_threshold(ALLOCATIONS_PER_COLLECTION)


def _report(first: int, results: list[Result], seconds: float) -> Report:
    events = sum(result.events for result in results)
    found: list[dict[str, str | int]] = [
        {"seed": result.seed, "text": text, "replay": f"ha sim replay {result.seed}"}
        for result in results
        for text in result.violations
    ]
    combined = blake2b("".join(result.digest for result in results).encode(), digest_size=12)
    faults: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for result in results:
        faults.update(result.faults)
        states.update(result.states)
    return {
        "seeds": len(results),
        "first": first,
        "events": events,
        "violations": found,
        "events_per_s": int(events / max(seconds, 0.001)),
        "seeds_per_s": round(len(results) / max(seconds, 0.001), 2),
        "digest": combined.hexdigest(),
        "faults": dict(sorted(faults.items())),
        "states": dict(sorted(states.items())),
    }
