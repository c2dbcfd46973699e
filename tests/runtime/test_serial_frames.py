"""Packets of a serial line: round trips, and beginning anew after any garbage."""

import os

from hypothesis import given, strategies as st

from ha_core.runtime.serial_frames import (
    PACKET_MAX,
    SERIAL_FRAME_MAX,
    PacketReader,
    decode_packet,
    encode_packet,
)

FRAMES = st.binary(max_size=300) | st.integers(0, 600).map(bytes) | st.just(b"\xff" * 1400)


@given(FRAMES)
def test_packet_has_no_zero_but_its_end_and_gives_the_frame_back(frame: bytes) -> None:
    packet = encode_packet(frame)
    assert packet.index(0) == len(packet) - 1 <= PACKET_MAX
    assert decode_packet(packet[:-1]) == frame


@given(st.lists(FRAMES, max_size=5), st.integers(1, 50))
def test_frames_come_out_however_the_line_cuts_them(frames: list[bytes], size: int) -> None:
    data = b"".join(map(encode_packet, frames))
    reader = PacketReader()
    found = [f for i in range(0, len(data), size) for f in reader.feed(data[i : i + size])]
    assert (found, reader.garbage) == (frames, 0)


@given(st.binary(max_size=4000), FRAMES)
def test_after_garbage_the_next_packet_but_one_is_read(garbage: bytes, frame: bytes) -> None:
    reader = PacketReader()
    packet = encode_packet(frame)
    found = list(reader.feed(garbage + packet + packet))
    assert found[-1] == frame


@given(FRAMES.filter(bool), st.data())
def test_packet_with_a_wrong_bit_is_never_a_frame(frame: bytes, data: st.DataObject) -> None:
    packet = bytearray(encode_packet(frame))
    bit = data.draw(st.integers(0, len(packet) * 8 - 1))
    packet[bit // 8] ^= 1 << bit % 8
    found = list(PacketReader().feed(bytes(packet) + b"\0"))
    assert found in ([], [frame]), "at most its end was hit"
    assert found == [] or bit // 8 == len(packet) - 1


def test_endless_garbage_is_held_within_bounds() -> None:
    reader = PacketReader()
    for _ in range(1000):
        assert list(reader.feed(os.urandom(4096).replace(b"\0", b"\1"))) == []
    assert len(reader._held) <= PACKET_MAX
    largest = os.urandom(SERIAL_FRAME_MAX)
    assert list(reader.feed(b"\0" + encode_packet(largest))) == [largest]
    assert reader.garbage == 1
