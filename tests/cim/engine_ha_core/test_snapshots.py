"""Snapshots that are read part by part are those that are read whole."""

import asyncio
from dataclasses import fields, replace

import pytest

from cim_provider.engines.ha_core_snapshots import MARK, TURN_BYTES, SnapshotReader
from ha_core import control_protocol as protocol
from ha_core.config.model import Configuration
from ha_core.errors import WireError
from ha_core.snapshot import ClusterSnapshot, Timers
from tests.fake_cluster import snapshot


def answer(now: ClusterSnapshot) -> bytes:
    return protocol.encode(protocol.SnapshotGiven(now))


def read(reader: SnapshotReader, line: bytes) -> ClusterSnapshot:
    reply = asyncio.run(reader.reply(line))
    assert isinstance(reply, protocol.SnapshotGiven)
    return reply.snapshot


def test_snapshot_is_read_as_it_was_written_and_what_has_not_changed_is_the_same_object() -> None:
    reader, first = SnapshotReader(), snapshot()
    assert answer(first).startswith(MARK), "else nothing is read by parts"
    one, *others = first.instances
    second = replace(first, version="2", instances=(replace(one, instances=()), *others))
    seen = [read(reader, answer(each)) for each in (first, second, first)]
    assert seen == [first, second, first]
    assert seen[0].configuration is seen[1].configuration is seen[2].configuration
    assert seen[0].instances[1] is seen[1].instances[1]
    assert seen[1].instances[0] is not seen[0].instances[0]


def test_others_have_their_turn_while_a_large_snapshot_is_read() -> None:
    large = replace(snapshot(), last_reason="x" * 3 * TURN_BYTES)
    turns: list[int] = []

    async def count(reader: SnapshotReader) -> protocol.AnyReply:
        async def others() -> None:
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        reply = await reader.reply(answer(large))
        beside.cancel()
        return reply

    assert asyncio.run(count(SnapshotReader())) == protocol.SnapshotGiven(large)
    # After it was put together, taken apart, and the long part was read.
    assert len(turns) >= 3


def other(value: object) -> object:
    """Return another value of the same kind; one that holds nothing stays as it is."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"other {value}"
        case tuple():
            return value[1:]
        case Configuration():
            return replace(value, name="other")
        case Timers():
            return replace(value, beat_ms=1)
    raise AssertionError(f"no other value of {value}")


@pytest.mark.parametrize("name", [each.name for each in fields(ClusterSnapshot)])
def test_every_part_that_has_changed_is_seen(name: str) -> None:
    reader, now = SnapshotReader(), snapshot()
    assert read(reader, answer(now)) == now
    changed = replace(now, **{name: other(getattr(now, name))})  # type: ignore[arg-type]  # by name
    assert read(reader, answer(changed)) == changed


def test_other_answers_are_read_as_ever_and_what_does_not_fit_is_told() -> None:
    reader = SnapshotReader()
    line = protocol.encode(protocol.Fault("unsupported", "not here"))
    assert asyncio.run(reader.reply(line)) == protocol.Fault("unsupported", "not here")
    whole = answer(snapshot())
    known = whole.replace(b'"snapshot":{', b'"snapshot":{"later":[1],', 1)
    assert read(reader, known) == snapshot()
    for wrong in (MARK + b'"snapshot":{}}', whole.replace(b'"term":2', b'"term":"x"'), whole[:-9]):
        with pytest.raises(WireError, match="its version may differ"):
            asyncio.run(reader.reply(wrong))
