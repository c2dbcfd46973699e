"""What the guardian asks of the kernel: descendants are found wherever they hide."""

import subprocess
import sys

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
