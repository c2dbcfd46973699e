"""What the guardian asks of the kernel: clock, alarm, processes, prepared netlink requests.

Owns: the system calls and the reading of /proc. Knows nothing of leases,
requests or the daemon. Part of the guardian, hence: the standard library's
smallest parts alone, and no disk. Source: proc(5), prctl(2), timerfd_create(2).
"""

import contextlib
import ctypes
import errno
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ha_core.runtime import pids
from ha_core.runtime.signals import signal_name

WALK_ROUNDS: Final = 20
WALK_MS: Final = 100
"""How long what was killed is waited for: what hangs in the kernel may take for ever."""
ENVIRON_BYTES_MAX: Final = 256 * 1024
CHILDREN_BYTES_MAX: Final = 1024 * 1024
FAULT_BYTES_MAX: Final = 4000
SERVICE_UMASK: Final = 0o022
"""As for agents; the daemon's own would hide a service's files from its users."""
SCOPE_VARIABLE: Final = "BEATKEEPER_GUARDIAN"
KEEPER_VARIABLE: Final = "BEATKEEPER_KEEPER"
"""Process id of the guardian that began it: another one of the same node may be at work."""
RESOURCE_VARIABLE: Final = "BEATKEEPER_RESOURCE"

STAT_BYTES_MAX: Final = 1024
_START_TIME: Final = 19
"""Place behind the command's name in /proc/pid/stat."""
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MLOCK_CURRENT_FUTURE_ONFAULT: Final = 1 | 2 | 4  # mlockall(2)
_TFD_FLAGS: Final = 0o2004000  # TFD_NONBLOCK | TFD_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1
_NLMSG_ERROR: Final = 2  # netlink(7)
_TERMINATE: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_RESET_SIGNALS: Final = (*_TERMINATE, signal.SIGPIPE, signal.SIGXFSZ)

_libc = ctypes.CDLL(None, use_errno=True)


def now_ms() -> int:
    """Return the clock of leases: CLOCK_BOOTTIME, which counts while the machine is suspended."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Timer:
    """One alarm at a time on CLOCK_BOOTTIME: a poll timeout would not count a suspended machine."""

    def __init__(self) -> None:
        self.fd: int = _libc.timerfd_create(time.CLOCK_BOOTTIME, _TFD_FLAGS)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._at_ms = 0

    def set(self, at_ms: int) -> None:
        """Ring at `at_ms`, or never if 0; a moment that has passed rings at once."""
        if at_ms != self._at_ms:
            self._at_ms = at_ms
            value = struct.pack("qqqq", 0, 0, at_ms // 1000, at_ms % 1000 * 1_000_000)
            _libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, value, None)

    def take(self) -> None:
        """Take note that it rang."""
        self._at_ms = 0
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)


# --- processes, seen from outside --------------------------------------------------------------


def signal_group(leader: int, caught: int) -> bool:
    """Send a signal to a process group; return whether anything of it is left.

    Its leader must not have been reaped: then the number may be another group's by now.
    """
    try:
        os.killpg(leader, caught)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_of_group(pid: int, leader: int) -> bool:
    """Return whether a process is in the group that a process led, which may have ended."""
    try:
        return os.getpgid(pid) == leader
    except ProcessLookupError:
        return False


def state_of(pid: int) -> tuple[int, bool]:
    """Return when a process began (0: it has gone), and whether it only waits to be reaped."""
    words = read_proc(f"/proc/{pid}/stat", STAT_BYTES_MAX).rpartition(b")")[2].split()
    if len(words) <= _START_TIME:
        return 0, True
    return int(words[_START_TIME]), words[0] in (b"Z", b"X")


def kill_begun(pid: int, began: int) -> bool:
    """Kill the process that has this number since then; return whether it still ran."""
    return kill_one(pid, lambda number: pids.began(number) == began)


def kill_known(known: Mapping[int, int]) -> None:
    """Kill processes, each known by number and beginning, with all their descendants."""
    for pid, began in known.items():
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if pids.began(pid) == began:
                kill_descendants(pid, but=os.getpid(), handle=handle)
                kill_begun(pid, began)
        finally:
            os.close(handle)


def kill_one(pid: int, is_meant: Callable[[int], bool]) -> bool:
    """Kill a process if it is the one that is meant; return whether that still ran."""
    if is_zombie(pid):
        return False
    return pids.signal_if(pid, signal.SIGKILL, lambda: is_meant(pid))


def kill_all(found: Iterable[int], is_meant: Callable[[int], bool]) -> bool:
    """Kill those processes that are meant; return whether any of them still ran."""
    return any([kill_one(pid, is_meant) for pid in found])


def read_proc(path: str, most: int) -> bytes:
    """Return the beginning of a file of /proc; nothing if its process is gone or not ours."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        os.close(fd)


def is_zombie(pid: int) -> bool:
    """Return whether the process has ended and only waits to be reaped."""
    stat = read_proc(f"/proc/{pid}/stat", 512)
    return stat.rpartition(b")")[2][1:2] in (b"Z", b"X")


def descendants(pid: int) -> dict[int, int]:
    """Return all living descendants, each with its parent. Source: proc(5), children."""
    found: dict[int, int] = {}
    queue = [pid]
    while queue:
        parent = queue.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            text = read_proc(f"/proc/{parent}/task/{thread}/children", CHILDREN_BYTES_MAX)
            children = [int(word) for word in text.split()]
            found |= dict.fromkeys(children, parent)
            queue += children
    return found


def kill_descendants(pid: int, but: int, handle: int | None = None) -> None:
    """Kill all descendants of a process, one of them excepted, wherever they hid.

    `handle`: the process itself, if it may end meanwhile: its number then says nothing any more.

    While a process dies its children pass to their reaper, and a walk may meet them in neither
    place: so only a walk counts that finds nothing but what had ended before it began.
    """
    ended: set[int] = {but}
    give_up_ms = now_ms() + WALK_MS
    while fresh := {c: above for c, above in descendants(pid).items() if c not in ended}:
        if handle is not None and pids.has_ended(handle):
            return
        # Of one whose parent has died meanwhile, the process itself is the parent now.
        kill_all(fresh, lambda child: pids.parent(child) in (fresh[child], pid))
        ended.update(found for found in fresh if is_zombie(found))
        if now_ms() >= give_up_ms:
            return
        time.sleep(0.001)  # lets them die also where this process goes ahead of all others


def marker(pid: int, variable: str) -> str:
    """Return a variable of a process's environment as it was at exec."""
    prefix = variable.encode() + b"="
    for item in read_proc(f"/proc/{pid}/environ", ENVIRON_BYTES_MAX).split(b"\0"):
        if item.startswith(prefix):
            return item[len(prefix) :].decode(errors="replace")
    return ""


def sweep(scope: str) -> list[int]:
    """Kill what an earlier guardian of the same node left behind when it was killed itself; return
    what outlives that.
    """
    return _kill_marked(SCOPE_VARIABLE, scope)


def keeper_mark(guardian: int) -> str:
    """Return what stands for one guardian, and for no later process that has its number."""
    return f"{guardian}-{pids.began(guardian)}"


def sweep_of(mark: str) -> None:
    """Kill what one guardian began; see `keeper_mark`."""
    _kill_marked(KEEPER_VARIABLE, mark)


def _kill_marked(variable: str, value: str) -> list[int]:
    found: list[int] = []
    for _ in range(WALK_ROUNDS):
        there = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        found = [pid for pid in there if marker(pid, variable) == value]
        if not kill_all(found, lambda pid: marker(pid, variable) == value):
            return []
    return found


def reap(before: Callable[[int], None]) -> dict[int, int]:
    """Collect every child that has ended, adopted ones too: process id to wait status.

    `before` is called with each while its number, its group's too, can be nobody else's.
    """
    ended: dict[int, int] = {}
    while True:
        try:
            seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return ended
        if seen is None:
            return ended
        before(seen.si_pid)
        _, ended[seen.si_pid] = os.waitpid(seen.si_pid, 0)


def outcome(pid: int, status: int) -> str:
    """Say how a process ended."""
    if os.WIFSIGNALED(status):
        caught = os.WTERMSIG(status)
        return f"process {pid} was killed by signal {caught} ({signal_name(caught)})"
    return f"process {pid} ended with exit code {os.WEXITSTATUS(status)}"


# --- the child, between fork and exec ----------------------------------------------------------


def become(message: Mapping[str, object], scope: str, report: int, parent: int) -> None:
    """Turn this forked child into the service; never returns. A fault is written to `report`."""
    argv = texts(message["argv"])
    stage = "its process group cannot be made"
    try:
        os.setsid()
        for caught in _RESET_SIGNALS:
            signal.signal(caught, signal.SIG_DFL)
        write_oom_score("0")  # a service is no more precious than others
        stage = f"its log '{message['log']}' cannot be opened"
        open_streams(str(message["log"]))
        os.umask(SERVICE_UMASK)  # behind the log, which stays private
        stage = f"user id {message['uid']} cannot be taken"
        take_user(message["uid"], message["gid"], message["groups"])
        stage = f"directory '{message['directory']}' cannot be entered"
        os.chdir(str(message["directory"]))
        # After the change of user, which would undo it.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        stage = "the guardian died"
        if os.getppid() == parent:
            stage = f"command '{argv[0]}' cannot be run"
            os.execvpe(argv[0], argv, environment(message, scope, parent))
    except OSError as error:
        os.write(report, f"{stage}: {error.strerror}".encode()[:FAULT_BYTES_MAX])
    finally:
        os._exit(127)


def texts(value: object) -> list[str]:
    """Return a list of texts that came as JSON."""
    assert isinstance(value, Sequence), f"{value!r} is no list"
    return [str(item) for item in value]


def number(message: Mapping[str, object], key: str) -> int:
    """Return an integer of a message; 0 where it is missing."""
    value = message.get(key, 0)
    assert isinstance(value, int), f"{key} is {value!r}, expected a whole number"
    return value


def environment(message: Mapping[str, object], scope: str, keeper: int) -> dict[str, str]:
    """Return the service's environment, with the marks by which its descendants are found."""
    given = message["env"]
    assert isinstance(given, Mapping), f"{given!r} is no table"
    own = {SCOPE_VARIABLE: scope, RESOURCE_VARIABLE: str(message["resource"])}
    own[KEEPER_VARIABLE] = keeper_mark(keeper)
    return {str(key): str(value) for key, value in given.items()} | own


def open_streams(log: str) -> None:
    """Connect input to nothing, output and errors to the end of the log."""
    null = os.open("/dev/null", os.O_RDWR)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)


def take_user(uid: object, gid: object, groups: object) -> None:
    """Give up root for the service's user, if one is named."""
    if isinstance(uid, int) and isinstance(gid, int):
        os.setgroups([int(item) for item in texts(groups)])
        os.setgid(gid)
        os.setuid(uid)


def write_oom_score(score: str) -> None:
    """Set the kernel's inclination to kill this process when memory runs out, if permitted."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    with contextlib.suppress(OSError):
        os.write(fd, score.encode())
    os.close(fd)


# --- addresses ---------------------------------------------------------------------------------


def bound(name: str) -> socket.socket:
    """Return a socket that holds a machine-wide name. Raises OSError, EADDRINUSE if it is taken."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        holder.bind(name)
    except OSError:
        holder.close()
        raise
    return holder


def send_netlink(message: bytes) -> str:
    """Have the kernel carry out one prepared request; return the name of its error, or nothing.

    The daemon prepares the requests (`netlink.py`), so that removing an address
    needs no library here. The kernel answers before `send` returns.
    """
    if not message:
        return ""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as netlink:
            netlink.settimeout(1.0)
            netlink.send(message)
            answer = netlink.recv(4096)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    _, kind = struct.unpack_from("=IH", answer)
    (code,) = struct.unpack_from("=i", answer, 16)
    if kind != _NLMSG_ERROR or code == 0:
        return ""
    return errno.errorcode.get(-code, f"error {-code}")


# --- start -------------------------------------------------------------------------------------


def harden() -> None:
    """Stay in memory, run before others and survive the out-of-memory killer, where permitted."""
    for caught in _TERMINATE:
        # A service manager signals the whole control group; the daemon decides when this ends.
        signal.signal(caught, signal.SIG_IGN)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.geteuid() == 0:
        # Under a user's small limit, locked future pages would make allocations fail.
        _libc.mlockall(_MLOCK_CURRENT_FUTURE_ONFAULT)
        write_oom_score("-1000")
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
