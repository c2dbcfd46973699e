"""What the guardian asks of the kernel: descendants are found wherever they hide."""

import os
import subprocess
import sys

from ha_core.runtime import guardian_os as kernel, pids
from tests.runtime.test_pids import sleeper, successor

HIDE = """
import ctypes, os, signal, sys
from ha_core.runtime import guardian_os as kernel

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as the guardian is
left = 0
for _ in range(300):
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        if os.fork() == 0:
            os.setsid()
            os.write(writer, b"%d" % os.getpid())
        while True:
            signal.pause()
    hidden = int(os.read(reader, 20))
    os.close(reader), os.close(writer)
    os.kill(parent, signal.SIGKILL)
    kernel.kill_descendants(os.getpid(), but=0)
    left += not kernel.is_zombie(hidden)
    os.waitpid(parent, 0), os.waitpid(hidden, 0)
print(left)
"""


def test_descendant_is_killed_also_while_it_passes_from_a_dying_parent_to_its_reaper() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HIDE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "0"


def test_descendants_of_whoever_has_the_number_of_a_dead_guardian_live_on() -> None:
    with sleeper() as guardian:
        handle = os.pidfd_open(guardian.pid)
    with successor(guardian.pid, "sh", "-c", "sleep 100 & echo $!; wait") as other:
        assert other.stdout is not None
        child = int(other.stdout.readline())
        kernel.kill_descendants(other.pid, but=0, handle=handle)
        assert not kernel.is_zombie(child)
        assert pids.parent(child) == other.pid
        assert kernel.keeper_mark(other.pid) == f"{other.pid}-{pids.began(other.pid)}"
        living = os.pidfd_open(other.pid)
        kernel.kill_descendants(other.pid, but=0, handle=living)
        os.close(living)
        assert pids.parent(child) != other.pid or kernel.is_zombie(child)
    os.close(handle)


def test_group_of_a_dead_child_can_be_ended_before_another_gets_its_number() -> None:
    child = subprocess.Popen(
        ["sh", "-c", "sleep 100 & echo $!"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    left = int(child.stdout.readline())
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    seen: list[tuple[int, bool]] = []
    ended = kernel.reap(lambda pid: seen.append((pid, kernel.is_of_group(left, pid))))
    child.returncode = 0
    child.stdout.close()
    assert (child.pid, True) in seen
    assert ended[child.pid] == 0
    kernel.kill_all([left], lambda pid: kernel.is_of_group(pid, child.pid))
    assert not kernel.kill_all([left], lambda pid: False)
