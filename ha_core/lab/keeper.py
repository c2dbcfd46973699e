"""Process 1 of a lab's node, so to speak: the parent of all that runs there, however it hid.

Owns: the daemon's birth and the orphans that its agents leave. A service that
an agent started goes into the background and is nobody's child then; this
process inherits it, so that a power cut of the node finds it. It enters the
node's namespaces first, where there are some. A bare interpreter runs this
file by its path. Source: prctl(2), PR_SET_CHILD_SUBREAPER; ip-netns(8) for /sys.
"""

import argparse
import ctypes
import os
import signal
import socket
import sys

_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWNET = 0x40000000
_MS_REC_SLAVE = 16384 | 1 << 19
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Run the program and wait until nothing of it is left; return its exit code."""
    parser = argparse.ArgumentParser(description="Parent of all that runs on a lab's node.")
    parser.add_argument("--namespace", help="network namespace to enter: a path")
    parser.add_argument("--host", help="host name to take there")
    parser.add_argument("program", nargs="+", help="program to run, and its arguments")
    options = parser.parse_args()
    if options.namespace:
        enter(options.namespace, options.host or socket.gethostname())
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.posix_spawn(options.program[0], options.program, os.environ)
    code = 0
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1


def enter(namespace: str, host: str) -> None:
    """Move into the network namespace, with its own /sys and host name."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    _do("setns", descriptor, _CLONE_NEWNET)
    os.close(descriptor)
    _do("unshare", _CLONE_NEWNS | _CLONE_NEWUTS)
    _do("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC_SLAVE), None)
    # Interfaces below /sys are those of whoever mounted it.
    _do("umount2", b"/sys", _MNT_DETACH)
    _do("mount", b"sysfs", b"/sys", b"sysfs", ctypes.c_ulong(0), None)
    socket.sethostname(host)


def _do(call: str, *arguments: object) -> None:
    if getattr(_libc, call)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
