"""Streams that are not as they should be: hung up on, bounded, and nobody else is kept waiting."""

import asyncio
import socket
import struct

import pytest

from ha_core.runtime import streams
from ha_core.runtime.invitation import KNOCK
from ha_core.wire import FRAME_BYTES_MAX
from tests.runtime.peers import (
    RING0,
    A,
    B,
    Peer,
    configuration,
    connected,
    is_hung_up,
    large,
    pair_works,
    place,
    running,
    scenario,
    sentences,
)


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX + 1, 2**32 - 1, streams.STRANGER_BYTES_MAX + 1])
def test_stranger_that_announces_a_large_frame_is_hung_up_on(
    caplog: pytest.LogCaptureFixture, size: int
) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", size))
            assert await is_hung_up(reader)
            writer.close()
            await pair_works(a, b)

    scenario(body())
    assert f"a stream announces a frame of {size} bytes, at most 65536" in sentences(caplog)[0]


def test_node_that_announces_more_than_the_bound_is_hung_up_on() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            reader, writer = await connected(config)
            hello = a.codec.encode((), B)
            writer.write(struct.pack(">I", len(hello)) + hello)
            writer.write(struct.pack(">I", FRAME_BYTES_MAX + 1))
            assert await is_hung_up(reader)
            assert b.counters["ring0.too-large"] == 1
            writer.close()

    scenario(body())


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\0\0\x50half a frame"])
def test_stranger_that_says_nothing_more_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(streams, "STRANGER_S", 0.05)
    monkeypatch.setattr(streams, "TRANSFER_S", 0.05)

    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            reader, writer = await connected(config)
            writer.write(said)
            assert await is_hung_up(reader)
            writer.close()
            await pair_works(a, b)

    scenario(body())


@pytest.mark.parametrize("repeat", [False, True])
def test_stream_that_does_not_begin_with_a_new_frame_of_a_node_is_hung_up_on(repeat: bool) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            said = a.codec.encode((), B) if repeat else b"x" * 100
            if repeat:
                b.transport.arrived(said, RING0)
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", len(said)) + said)
            assert await is_hung_up(reader)
            writer.close()

    scenario(body())


def test_crowd_of_strangers_does_not_keep_nodes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 5)

    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, large(10_000))
            await b.until(lambda: bool(b.received))
            crowd = [await connected(config) for _ in range(20)]
            await asyncio.gather(*(is_hung_up(reader) for reader, _ in crowd[:15]))
            a.send(B, large(20_000))
            await b.until(lambda: len(b.received) == 2)
            for _, writer in crowd:
                writer.close()

    scenario(body())


def test_peer_that_does_not_read_costs_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TRANSFER_S", 0.1)
    monkeypatch.setattr(streams, "BYTES_PER_SECOND_MIN", 1 << 40)

    async def body() -> None:
        config, a = configuration(A, B, links=(RING0,)), Peer(A)
        deaf = socket.create_server(place(config, B))
        with deaf:
            async with running(config, a):
                for _ in range(streams.QUEUE_FRAMES_MAX + 10):
                    a.send(B, large(1_900_000))
                await a.until(lambda: a.counters["stream.dropped"] > 0)
                stream = a.transport._outgoing[B]
                assert len(stream._queue) <= streams.QUEUE_FRAMES_MAX
                assert stream._bytes <= streams.QUEUE_BYTES_MAX
                left = len(stream._queue)
                await a.until(lambda: len(stream._queue) < left - 1)

    scenario(body())


def test_node_that_knocks_is_answered_by_the_door_alone() -> None:
    class Door:
        async def answer(
            self, knock: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"who is there: " + knock)
            await writer.drain()

    async def body() -> None:
        config, b = configuration(A, B), Peer(B)
        b.transport.door = Door()
        async with running(config, b):
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", len(KNOCK)) + KNOCK)
            assert await reader.read() == b"who is there: " + KNOCK
            assert b.events == []
            writer.close()

    scenario(body())
