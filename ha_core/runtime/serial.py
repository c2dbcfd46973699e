"""A serial line to one peer: a device in raw mode, frames in and out, bounded.

Owns: the device. What waits for the line is bounded by time and not by bytes:
an old sign of life is worth nothing, so that what does not fit is dropped.
Source: termios(3), ioctl_tty(2) (TIOCOUTQ).
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from typing import Final

from ha_core.runtime.serial_frames import SERIAL_FRAME_MAX, PacketReader, encode_packet

WAIT_S: Final = 0.25
"""What waits for the line is at most what it carries in this time …"""
WAIT_BYTES_MIN: Final = 2 * SERIAL_FRAME_MAX
"""… and at least two of the largest frames."""
BITS_PER_BYTE: Final = 10
"""One start bit, eight data bits, one stop bit."""
_READ_BYTES: Final = 4096
_COUNT: Final = struct.Struct("i")


class SerialLine:
    """One open device."""

    def __init__(
        self,
        path: str,
        speed: int,
        take: Callable[[bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        """Open it. Raises OSError.

        `take` is given each frame; `lost`, once, a word on why the device is gone.
        """
        self._take = take
        self._lost = lost
        self._reader = PacketReader()
        self._rest = b""
        self._wait_bytes = max(round(speed / BITS_PER_BYTE * WAIT_S), WAIT_BYTES_MIN)
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            _make_raw(self._fd, speed)
        except termios.error as fault:
            os.close(self._fd)
            raise OSError(fault.args[0], "it is no serial device") from None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    @property
    def garbage(self) -> int:
        """How much came that was no packet."""
        return self._reader.garbage

    def send(self, frame: bytes) -> bool:
        """Send a frame; return whether it goes: it does not if too much waits, or it is large."""
        if self._fd < 0 or len(frame) > SERIAL_FRAME_MAX:
            return False
        packet = encode_packet(frame)
        if len(self._rest) + self._in_kernel() + len(packet) > self._wait_bytes:
            return False
        was_empty = not self._rest
        self._rest += packet
        if was_empty:
            self._write()
        return True

    def close(self) -> None:
        """Close the device."""
        if self._fd < 0:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIOFLUSH)  # closing would wait for a dead line
        os.close(self._fd)
        self._fd = -1

    def _in_kernel(self) -> int:
        try:
            raw = fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(_COUNT.size))
        except OSError:
            return 0
        count: int = _COUNT.unpack(raw)[0]
        return count

    def _write(self) -> None:
        try:
            self._rest = self._rest[os.write(self._fd, self._rest) :]
        except BlockingIOError:
            pass
        except OSError as fault:
            self._give_up(fault)
            return
        if self._rest:
            self._loop.add_writer(self._fd, self._write)
        else:
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as fault:
            self._give_up(fault)
            return
        if not data:
            self._give_up(OSError(0, "end of file"))
            return
        for frame in self._reader.feed(data):
            self._take(frame)

    def _give_up(self, fault: OSError) -> None:
        self.close()
        self._lost(fault.strerror or str(fault))


def _make_raw(fd: int, speed: int) -> None:
    """Set eight bits, no parity, no echo, no special bytes, no waiting for a carrier."""
    attributes = termios.tcgetattr(fd)
    control = list(attributes[6])
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    code = getattr(termios, f"B{speed}")
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    termios.tcsetattr(fd, termios.TCSANOW, [0, 0, flags, 0, code, code, control])
    termios.tcflush(fd, termios.TCIOFLUSH)
