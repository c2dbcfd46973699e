"""Each fault by itself, in network namespaces, judged from outside: never two owners, and the
service comes back.

The prober asks every node on its own cable, so both sides of a partition are asked every 5 ms.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ha_core.lab.processes import GUARDIAN, HAD
from ha_core.layout import Layout
from tests.e2e import timeline
from tests.e2e.fire import NODES, SERVICE, Fire, fire
from tests.e2e.laboratory import states

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(400)]

Fault = Callable[[Fire, str], None]


@pytest.fixture(scope="module")
def burning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fire]:
    """Return the lab that all tests here break and mend."""
    with fire(tmp_path_factory.mktemp("cases")) as made:
        yield made


@pytest.fixture
def lab(burning: Fire) -> Iterator[Fire]:
    """Return the lab with everything in order, and heal and judge it afterwards."""
    burning.is_well()
    begin_ns = burning.mark("a case begins")
    yield burning
    burning.heal()
    burning.is_well()
    answers = burning.judge(begin_ns)
    outage = timeline.silence_ms(answers, begin_ns, time.monotonic_ns())
    sys.stderr.write(f"\nworst silence {outage:.0f} ms, two owners 0 ms, {len(answers)} answers")


def is_lost(node: str, lab: Fire) -> None:
    """Wait until the others count the node as lost."""
    for other in others(node):
        lab.becomes(other, lambda seen: states(seen)[node] == "lost")


def others(node: str) -> list[str]:
    return [name for name in NODES if name != node]


TAKES_OVER: dict[str, Fault] = {
    "power cut": lambda lab, node: lab.crash(node),
    "every process frozen": lambda lab, node: lab.freeze(node),
    "daemon frozen": lambda lab, node: lab.freeze(node, HAD),
    "daemon and guardian frozen": lambda lab, node: (
        lab.freeze(node, GUARDIAN),
        lab.freeze(node, HAD),
    )[0],
    "isolated": lambda lab, node: lab.cuts.isolate(node),
    "deaf: nothing reaches it": lambda lab, node: lab.cuts.deafen(node),
    "dumb: nothing comes from it": lambda lab, node: lab.cuts.silence(node),
    "daemon killed": lambda lab, node: lab.kill(node, HAD),
}


@pytest.mark.parametrize("fault", TAKES_OVER.values(), ids=TAKES_OVER.keys())
def test_service_goes_on_elsewhere_and_the_lost_owner_is_silent(lab: Fire, fault: Fault) -> None:
    owner = lab.owner()
    fault(lab, owner)
    heir = lab.moves_from(owner)
    is_lost(owner, lab)
    lab.heal()
    lab.is_well()
    assert lab.owner() == heir  # who comes back takes nothing away


def test_node_that_thaws_bit_by_bit_does_not_answer_again(lab: Fire) -> None:
    """Its daemon goes on, and is admitted again, while its guardian still stands."""
    owner = lab.owner()
    lab.freeze(owner)
    heir = lab.moves_from(owner)
    is_lost(owner, lab)
    lab.resume(owner, HAD)
    lab.becomes(heir, lambda seen: states(seen)[owner] in ("online", "pending"))
    assert lab.owner() == heir
    lab.heal()
    lab.is_well()
    assert lab.owner() == heir


def test_coordinator_without_services_may_die_and_nothing_is_silent(lab: Fire) -> None:
    coordinator = coordinating(lab)
    if lab.owner() == coordinator:
        lab.move(others(coordinator)[0])
    owner = lab.owner()
    begin_ns = lab.mark("the coordinator dies")
    lab.crash(coordinator)
    is_lost(coordinator, lab)
    assert {item.node for item in lab.judge(begin_ns)} == {owner}


def coordinating(lab: Fire) -> str:
    """Return who coordinates."""
    seen = lab.becomes(NODES[0], lambda seen: seen.coordinator is not None)
    return str(seen.coordinator)


def test_flapping_cable_moves_nothing(lab: Fire) -> None:
    owner = lab.owner()
    for _ in range(20):
        lab.cuts.carrier(owner, 0, is_up=False)
        lab.cuts.carrier(owner, 0, is_up=True)
    lab.becomes(owner, lambda seen: seen.quorate)
    assert lab.owner() == owner


def test_loss_of_a_fifth_of_all_frames_everywhere_is_survived(lab: Fire) -> None:
    for node in NODES:
        lab.cuts.thin(node)
    owner = lab.owner()
    lab.crash(owner)
    lab.moves_from(owner)


def test_one_of_two_links_may_go(lab: Fire) -> None:
    owner = lab.owner()
    begin_ns = lab.mark("its second link goes")
    lab.cuts.isolate(owner, (1,))
    lab.cuts.carrier(others(owner)[0], 1, is_up=False)
    for node in NODES:
        lab.becomes(node, lambda seen: seen.quorate)
    lab.is_served()
    assert {item.node for item in lab.judge(begin_ns)} == {owner}


def test_killed_guardian_takes_the_service_with_it_and_it_comes_back(lab: Fire) -> None:
    owner = lab.owner()
    begin_ns = lab.mark("the guardian dies")
    lab.kill(owner, GUARDIAN)
    lab.is_well()
    assert lab.answers_after(begin_ns)


def test_killed_service_is_started_again(lab: Fire) -> None:
    owner = lab.owner()
    begin_ns = lab.mark("the service dies")
    lab.kill(owner, SERVICE)
    lab.is_well()
    assert lab.answers_after(begin_ns)


def test_node_whose_disk_is_full_loses_nothing_and_recovers(lab: Fire) -> None:
    owner = lab.owner()
    root = lab.lab.root(owner)
    lab.crash(owner)
    heir = lab.moves_from(owner)
    with small_disk(root) as fill:
        lab.boot(owner)
        lab.is_well()
        fill()
        lab.mark(f"the disk of {owner} is full")
        lab.crash(heir)
        # Whoever is left decides: with a full disk nothing can be promised, nor voted for.
        lab.boot(heir)
        lab.is_served()
        (Layout(root).lib / "ballast").unlink()
        lab.mark(f"the disk of {owner} has room again")
        lab.is_well()
        lab.crash(owner)


@contextmanager
def small_disk(root: Path) -> Iterator[Callable[[], None]]:
    """Put the node's store on a disk of a few megabytes; yield what fills it."""
    store = Layout(root).lib
    aside = store.with_name("aside")
    store.rename(aside)
    store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", store], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", store], check=True)
        (store / "home").unlink()  # or it would be taken for a copy, which it is

        def fill() -> None:
            with (store / "ballast").open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    return

        yield fill
    finally:
        subprocess.run(["umount", store], check=True)
        store.rmdir()
        aside.rename(store)
