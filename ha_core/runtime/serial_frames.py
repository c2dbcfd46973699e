"""Frames on a serial line: each a packet that begins anew after any garbage.

Owns: length and CRC around a frame, and COBS, which keeps the zero byte free to
end packets. Pure. Source: Cheshire and Baker, "Consistent Overhead Byte
Stuffing", 1999; CRC-32 as in zlib.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import Final

SERIAL_FRAME_MAX: Final = 1400
"""Largest frame that goes over a serial line: at 115,200 bit/s it takes 0.12 s."""
_LENGTH: Final = struct.Struct(">H")
_CRC: Final = struct.Struct(">I")
_RUN_MAX: Final = 254
_END: Final = b"\0"
PACKET_MAX: Final = SERIAL_FRAME_MAX + 16
"""Encoded, without its end: six bytes around the frame, and one for each 254."""


def encode_packet(frame: bytes) -> bytes:
    """Return the packet of a frame of at most `SERIAL_FRAME_MAX` bytes, its end included."""
    assert len(frame) <= SERIAL_FRAME_MAX, len(frame)
    body = _LENGTH.pack(len(frame)) + frame
    return _stuffed(body + _CRC.pack(zlib.crc32(body))) + _END


class PacketReader:
    """Finds frames in what a line brings; what is no packet is counted and left out."""

    def __init__(self) -> None:
        self.garbage = 0
        """Packets that were none."""
        self._held = bytearray()
        self._skips = False

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return the frames that are complete now."""
        *ended, rest = data.split(_END)
        frames = []
        for part in ended:
            frame = self._end(part)
            if frame is not None:
                frames.append(frame)
        self._hold(rest)
        return frames

    def _end(self, part: bytes) -> bytes | None:
        self._hold(part)
        packet, skipped = bytes(self._held), self._skips
        self._held.clear()
        self._skips = False
        if skipped or not packet:
            self.garbage += skipped
            return None
        frame = decode_packet(packet)
        self.garbage += frame is None
        return frame

    def _hold(self, part: bytes) -> None:
        if len(self._held) + len(part) > PACKET_MAX:
            self._held.clear()
            self._skips = True
        elif not self._skips:
            self._held += part


def decode_packet(packet: bytes) -> bytes | None:
    """Return the frame of a packet without its end; None if it is none."""
    body = _unstuffed(packet)
    if body is None or len(body) < _LENGTH.size + _CRC.size:
        return None
    head, crc = body[: -_CRC.size], body[-_CRC.size :]
    frame = head[_LENGTH.size :]
    if _LENGTH.unpack_from(head)[0] != len(frame) or _CRC.unpack(crc)[0] != zlib.crc32(head):
        return None
    return frame


def _stuffed(data: bytes) -> bytes:
    """Return the data without zero bytes: runs, each with the distance to the next zero."""
    found = bytearray()
    for run in (data + _END).split(_END)[:-1]:
        while len(run) >= _RUN_MAX:
            found.append(_RUN_MAX + 1)
            found += run[:_RUN_MAX]
            run = run[_RUN_MAX:]
        found.append(len(run) + 1)
        found += run
    return bytes(found)


def _unstuffed(data: bytes) -> bytes | None:
    """Return the data with its zero bytes; None if the distances lead nowhere."""
    found, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        run = data[at + 1 : at + code]
        if code == 0 or len(run) != code - 1 or 0 in run:
            return None
        found += run
        at += code
        if code <= _RUN_MAX and at < len(data):
            found.append(0)
    return bytes(found)
