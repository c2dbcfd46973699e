"""Wall clocks that are set forward and back under real daemons: nothing is moved, lost or silent.

The machine's own clock is left alone: a small library, loaded into every daemon of the lab, shifts
what they read of CLOCK_REALTIME.
"""

import json
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import timeline
from tests.e2e.fire import NODES, SERVICE, Fire, fire
from tests.e2e.laboratory import run

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(400)]

SHIFTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static volatile long long *shift;
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, at);
    if (id != CLOCK_REALTIME || code) return code;
    if (!shift) {
        int file = open(getenv("WALL_SHIFT"), O_RDONLY);
        shift = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
        close(file);
    }
    at->tv_sec += *shift;
    return 0;
}
time_t time(time_t *out) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (out) *out = at.tv_sec;
    return at.tv_sec;
}
"""
DAY_S = 86_400


class Wall:
    """The wall clock of all daemons: how many seconds it is off."""

    def __init__(self, place: Path) -> None:
        self._file = place / "shift"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set it so many seconds off, in one step."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@pytest.fixture
def wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wall:
    """Return the clock; daemons that are started from now on read it."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    source, library = tmp_path / "shifter.c", tmp_path / "shifter.so"
    source.write_text(SHIFTER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    made = Wall(tmp_path)
    monkeypatch.setenv("WALL_SHIFT", str(tmp_path / "shift"))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    return made


@pytest.fixture
def lab(wall: Wall, tmp_path: Path) -> Iterator[Fire]:
    """Return a lab whose daemons read that clock."""
    with fire(tmp_path) as made:
        made.is_well()
        yield made


def newest_wall_s(lab: Fire, node: str) -> float:
    """Return the time that stands beside the newest event."""
    done = run("--root", str(lab.lab.root(node)), "events", "--last", "1", "--json")
    return float(json.loads(done.stdout.splitlines()[-1])["time"])


def test_steps_of_the_wall_clock_move_nothing_and_silence_nobody(lab: Fire, wall: Wall) -> None:
    owner = lab.owner()
    for shift in (DAY_S, -DAY_S, -30 * 365 * DAY_S, 0):
        begin_ns = lab.mark(f"the wall clock is {shift} s off")
        wall.set(shift)
        lab.pause(1.5)  # three dead times: whoever counted by this clock would have acted
        answers = lab.judge(begin_ns)
        assert {item.node for item in answers} == {owner}
        assert timeline.silence_ms(answers, begin_ns, time.monotonic_ns()) < 400
        for node in NODES:
            lab.becomes(node, lambda seen: seen.quorate)
        lab.kill(owner, SERVICE)
        lab.is_well()
        lab.is_served()
        # The daemons did read the shifted clock: it stands beside the event.
        off_s = newest_wall_s(lab, owner) - time.time()
        assert abs(off_s - shift) < 3600


def test_takeover_counts_by_no_wall_clock(lab: Fire, wall: Wall) -> None:
    owner = lab.owner()
    lab.freeze(owner)
    wall.set(-DAY_S)
    heir = lab.moves_from(owner)
    wall.set(DAY_S)
    lab.heal()
    lab.is_well()
    assert lab.owner() == heir
    lab.judge()
