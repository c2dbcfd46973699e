"""A watchdog that is no hardware: fires unless it is fed in time, as the kernel's contract says.

The product opens it as a device and speaks to it by open, ioctl, write and close; `watchdog.c`
carries these calls here. Written from Documentation/watchdog/watchdog-api.rst and watchdog_dev.c:
opening starts and feeds it; one opener at a time; any write feeds it; closing stops it only after
a write that held a 'V', or after WDIOS_DISABLECARD; a time-out it cannot do is refused.
"""

import errno
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.standin.library import library

SETTIMEOUT, MAGICCLOSE, KEEPALIVEPING = 0x80, 0x100, 0x8000
_PACKET: Final = struct.Struct("=iI40s")


@dataclass
class Model:
    """What kind of device it is."""

    options: int = SETTIMEOUT | MAGICCLOSE | KEEPALIVEPING
    timeout_s: int = 60
    longest_s: int = 120
    nowayout: bool = False
    fails_after_feeds: int | None = None


class WatchdogStandIn:
    """One device; `on_fire` is called once when it fires, which is what resets a machine."""

    def __init__(self, path: Path, model: Model, on_fire: Callable[[], None]) -> None:
        self.path = path
        self.model = model
        self.fired = threading.Event()
        self.deadline_s: float | None = None
        self.feeds: list[float] = []
        """CLOCK_BOOTTIME of each feed, in seconds."""
        self._on_fire = on_fire
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._opener: socket.socket | None = None
        self._may_stop = False
        self._end, self._ends = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_armed(self) -> bool:
        """Whether it fires unless it is fed."""
        return self.deadline_s is not None

    def close(self) -> None:
        """Take it out of the machine."""
        self._ends.close()
        self._thread.join(10)
        for used in (self._listener, self._end, *([self._opener] if self._opener else [])):
            used.close()
        self.path.unlink()

    # --- the device ----------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            watched = [self._listener, self._end, *([self._opener] if self._opener else [])]
            wait_s = None if self.deadline_s is None else max(self.deadline_s - _now_s(), 0)
            ready, _, _ = select.select(watched, [], [], wait_s)
            if self._end in ready:
                return
            if self.deadline_s is not None and _now_s() >= self.deadline_s:
                self.deadline_s = None
                self.fired.set()
                self._on_fire()
                continue
            if self._opener in ready:
                self._serve()
            elif self._listener in ready:
                self._open()

    def _open(self) -> None:
        asker, _ = self._listener.accept()
        if self._opener is not None:
            asker.send(_PACKET.pack(errno.EBUSY, 0, b""))
            asker.close()
            return
        self._opener, self._may_stop = asker, False
        self._feed()
        asker.send(_PACKET.pack(0, 0, b""))

    def _serve(self) -> None:
        assert self._opener is not None
        try:
            packet = self._opener.recv(_PACKET.size)
        except ConnectionError:
            packet = b""
        if not packet:
            self._opener.close()
            self._opener = None
            if self._may_stop and not self.model.nowayout:
                self.deadline_s = None
        elif len(packet) == _PACKET.size:
            _, request, argument = _PACKET.unpack(packet)
            fault, answer = self._ioctl(request, argument)
            self._opener.send(_PACKET.pack(fault, request, answer))
        else:
            self._may_stop = bool(self.model.options & MAGICCLOSE) and b"V" in packet
            self._feed()

    def _ioctl(self, request: int, argument: bytes) -> tuple[int, bytes]:
        (number,) = struct.unpack_from("=i", argument)
        model = self.model
        match request:
            case 0x80285700:  # WDIOC_GETSUPPORT
                return 0, struct.pack("=II32s", model.options, 1, b"stand-in")
            case 0x80045704:  # WDIOC_SETOPTIONS
                if number & 1 and model.nowayout:
                    return errno.EBUSY, argument
                if number & 1:
                    self.deadline_s = None
                return 0, argument
            case 0x80045705:  # WDIOC_KEEPALIVE
                if model.fails_after_feeds is not None and (
                    len(self.feeds) >= model.fails_after_feeds
                ):
                    return errno.EIO, argument
                self._feed()
                return 0, argument
            case 0xC0045706:  # WDIOC_SETTIMEOUT
                if not model.options & SETTIMEOUT:
                    return errno.EOPNOTSUPP, argument
                if not 1 <= number <= model.longest_s:
                    return errno.EINVAL, argument
                model.timeout_s = number
                self._feed()
                return 0, argument
            case 0x80045707:  # WDIOC_GETTIMEOUT
                return 0, struct.pack("=i", model.timeout_s)
        return errno.ENOTTY, argument

    def _feed(self) -> None:
        self.feeds.append(_now_s())
        self.deadline_s = _now_s() + self.model.timeout_s


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def preload(directory: Path) -> Path:
    """Return the library that carries the calls; skip the test where there is no compiler."""
    return library("watchdog.c", directory)


@contextmanager
def watchdog(
    path: Path, model: Model, on_fire: Callable[[], None] = lambda: None
) -> Iterator[WatchdogStandIn]:
    """Put a stand-in at that path for a while."""
    made = WatchdogStandIn(path, model, on_fire)
    try:
        yield made
    finally:
        made.close()
