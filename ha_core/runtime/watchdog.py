"""The machine's watchdog: /dev/watchdog by its ioctl contract.

Owns: one open device, the calls on it, and what it says of itself. Opening arms and feeds it; only
the magic close disarms it, and with `nowayout` nothing does. Knows nothing of leases. Part of the
guardian, hence: the standard library's smallest parts alone.
Source: Documentation/watchdog/watchdog-api.rst, linux/watchdog.h, ABI/testing/sysfs-class-watchdog.
"""

import errno
import fcntl
import os
import struct
from typing import Final

MAGIC: Final = b"V"
"""Written last before it is closed, it disarms."""
_GETSUPPORT: Final = 0x80285700
_SETOPTIONS: Final = 0x80045704
_KEEPALIVE: Final = 0x80045705
_SETTIMEOUT: Final = 0xC0045706
_GETTIMEOUT: Final = 0x80045707
_DISABLECARD: Final = 0x0001
_MAGICCLOSE: Final = 0x0100
_INFO: Final = struct.Struct("=II32s")
_INT: Final = struct.Struct("=i")


class WatchdogError(Exception):
    """The device does not do what is asked; the text names it, the call and the fault."""


class Watchdog:
    """An open, and so armed, watchdog. Raises WatchdogError if it cannot be had or set so."""

    def __init__(self, path: str, timeout_s: int) -> None:
        self.path = path
        self.has_no_way_out = has_no_way_out(path)
        """Once open it can never be disarmed."""
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as fault:
            raise self._fault("cannot be opened", fault) from None
        try:
            options, _, identity = _INFO.unpack(self._call(_GETSUPPORT, bytes(_INFO.size)))
            self.identity = identity.rstrip(b"\0").decode("ascii", "replace")
            self.has_no_way_out |= not options & _MAGICCLOSE
            self.timeout_s = self._set_timeout(timeout_s)
        except WatchdogError:
            self.disarm()
            raise

    def _set_timeout(self, timeout_s: int) -> int:
        """Set the time-out; return the one in force, which must be no longer."""
        try:
            fcntl.ioctl(self._fd, _SETTIMEOUT, _INT.pack(timeout_s))
        except OSError as fault:
            if fault.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):  # a fixed one may do
                what = f"refuses a time-out of {timeout_s} s"
                raise self._fault(what, fault) from None
        (actual_s,) = _INT.unpack(self._call(_GETTIMEOUT, bytes(_INT.size)))
        if not 0 < actual_s <= timeout_s:
            text = f"has a time-out of {actual_s} s where at most {timeout_s} s is asked for"
            raise WatchdogError(f"watchdog {self.path} {text}")
        return int(actual_s)

    def feed(self) -> None:
        """Begin its time-out anew. Raises WatchdogError."""
        self._call(_KEEPALIVE, bytes(_INT.size))

    def hurry(self) -> None:
        """Let it fire as soon as it can."""
        for timeout_s in (1, 2, 5):
            try:
                fcntl.ioctl(self._fd, _SETTIMEOUT, _INT.pack(timeout_s))
            except OSError:
                continue
            return

    def disarm(self) -> None:
        """Close it by the magic character; a failure leaves it armed, which is safe."""
        for deed in (
            lambda: fcntl.ioctl(self._fd, _SETOPTIONS, _INT.pack(_DISABLECARD)),
            lambda: os.write(self._fd, MAGIC),
            lambda: os.close(self._fd),
        ):
            try:
                deed()
            except OSError:
                continue

    def _call(self, request: int, argument: bytes) -> bytes:
        try:
            return fcntl.ioctl(self._fd, request, argument)
        except OSError as fault:
            raise self._fault(f"fails at call {request & 0xFF} of its interface", fault) from None

    def _fault(self, what: str, fault: OSError) -> WatchdogError:
        return WatchdogError(f"watchdog {self.path} {what} ({fault.strerror})")


def has_no_way_out(path: str) -> bool:
    """Return whether the kernel says that the device cannot be disarmed once it is open."""
    name = os.path.basename(path)
    name = "watchdog0" if name == "watchdog" else name
    try:
        fd = os.open(f"/sys/class/watchdog/{name}/nowayout", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(fd, 2).strip() == b"1"
    finally:
        os.close(fd)
