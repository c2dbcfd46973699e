"""A storm of random faults over real daemons: two owners never, and the service always comes back.

The seed is printed; BEATKEEPER_STORM_SEED replays its faults (not their exact moments: the
daemons are real), BEATKEEPER_STORM_FAULTS sets how many there are.
"""

import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from ha_core.lab.processes import GUARDIAN, HAD
from tests.e2e import timeline
from tests.e2e.fire import NODES, SERVICE, Fire, fire

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(1500)]

FAULTS = int(os.environ.get("BEATKEEPER_STORM_FAULTS", "200"))
DEAD_AFTER_S = 0.4
AT_ONCE_MAX = 4
"""Faults before everything is healed: more than a cluster of three can bear."""


def flap(lab: Fire, node: str, chance: random.Random) -> None:
    """Let a cable's carrier go and come."""
    link = chance.randrange(2)
    for _ in range(chance.randint(1, 6)):
        lab.cuts.carrier(node, link, is_up=False)
        lab.pause(chance.uniform(0, 0.1))
        lab.cuts.carrier(node, link, is_up=True)


def stall(lab: Fire, node: str, chance: random.Random) -> None:
    """Let everything stand still for a moment that may be longer than a lease."""
    lab.freeze(node)
    lab.pause(chance.uniform(0.1, 2.5) * DEAD_AFTER_S)
    lab.thaw(node)


def thaw_in_parts(lab: Fire, node: str, chance: random.Random) -> None:
    """Freeze everything, and let the daemon or the guardian go on before the rest."""
    lab.freeze(node)
    lab.pause(chance.uniform(0.5, 3) * DEAD_AFTER_S)
    lab.resume(node, chance.choice((HAD, GUARDIAN)))


KINDS: dict[str, Callable[[Fire, str, random.Random], object]] = {
    "power cut": lambda lab, node, _: lab.crash(node),
    "freeze": lambda lab, node, _: lab.freeze(node),
    "freeze of the daemon": lambda lab, node, _: lab.freeze(node, HAD),
    "freeze of the guardian": lambda lab, node, _: lab.freeze(node, GUARDIAN),
    "stall": stall,
    "thaw in parts": thaw_in_parts,
    "isolation": lambda lab, node, _: lab.cuts.isolate(node),
    "deafness": lambda lab, node, _: lab.cuts.deafen(node),
    "dumbness": lambda lab, node, _: lab.cuts.silence(node),
    "link cut": lambda lab, node, chance: lab.cuts.isolate(node, (chance.randrange(2),)),
    "link loss": lambda lab, node, _: lab.cuts.thin(node),
    "link flap": flap,
    "cable out": lambda lab, node, chance: lab.cuts.carrier(node, chance.randrange(2), is_up=False),
    "daemon killed": lambda lab, node, _: lab.kill(node, HAD),
    "guardian killed": lambda lab, node, _: lab.kill(node, GUARDIAN),
    "service killed": lambda lab, node, _: lab.kill(node, SERVICE),
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Fire]:
    """Return a lab of its own, with a short dead time."""
    with fire(tmp_path, f"{DEAD_AFTER_S * 1000:.0f}ms") as made:
        yield made


def test_storm_never_makes_two_owners_and_the_service_always_comes_back(lab: Fire) -> None:
    seed = int(os.environ.get("BEATKEEPER_STORM_SEED", secrets.randbelow(1_000_000)))
    chance = random.Random(seed)
    done: Counter[str] = Counter()
    silences: list[float] = []
    lab.is_well()
    sys.stderr.write(f"\nstorm with seed {seed}\n")
    while done.total() < FAULTS:
        begin_ns = lab.mark("the next faults")
        try:
            some_faults(lab, chance, done)
            lab.heal()
            lab.is_well()
            lab.is_served()
            answers = lab.judge(begin_ns)
        except AssertionError as fault:
            pytest.fail(f"seed {seed}, after {done.total()} faults: {fault}")
        silences.append(timeline.silence_ms(answers, begin_ns, time.monotonic_ns()))
    lab.judge()
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(done.items()))
    sys.stderr.write(
        f"storm with seed {seed}: {done.total()} faults ({kinds}); silence at worst"
        f" {max(silences):.0f} ms, median {median(silences):.0f} ms; two owners 0 ms\n"
    )


def some_faults(lab: Fire, chance: random.Random, done: Counter[str]) -> None:
    """Do a few faults one upon the other, most of them to whoever owns the service."""
    for _ in range(chance.randint(1, AT_ONCE_MAX)):
        node, kind = chance.choice((*NODES, lab.owner(), lab.owner())), chance.choice([*KINDS])
        lab.mark(f"{kind}: {node}")
        if lab.is_powered(node):
            KINDS[kind](lab, node, chance)
            done[kind] += 1
        lab.pause(chance.uniform(0, 1.5) * DEAD_AFTER_S)
