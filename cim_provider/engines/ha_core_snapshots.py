"""Snapshots of one daemon, read one after the other: what has not changed is not read again.

Owns: how a snapshot's text is taken apart. A large cluster's has millions of bytes, most of them
the same as in the last one; parts that are, are the very same objects. Others have their turn
between two parts.
"""

import asyncio
from hashlib import sha1
from typing import Any, Final, get_type_hints

import msgspec

from ha_core import control_protocol as protocol
from ha_core.errors import WireError
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import NodeStatus

MARK: Final = b'{"reply":"snapshot",'
"""So an answer with a snapshot begins."""
TURN_BYTES: Final = 1_048_576
"""After so much, others have their turn: some 1 ms."""
READING: Final = 8
"""Reading takes so many times as long as looking whether it is the same."""


class _Parts(msgspec.Struct):
    snapshot: dict[str, msgspec.Raw]


_parts: msgspec.json.Decoder[_Parts] = msgspec.json.Decoder(_Parts)
_statuses: msgspec.json.Decoder[tuple[msgspec.Raw, ...]] = msgspec.json.Decoder(
    tuple[msgspec.Raw, ...]
)
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(kind) for name, kind in get_type_hints(ClusterSnapshot).items()
}
_STATUS: Final = msgspec.json.Decoder(NodeStatus)
_INSTANCES: Final = "instances"
"""The reports of the nodes: most of the text; each is a part of its own."""


class SnapshotReader:
    """Reads the answers of one daemon."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[bytes, Any]] = {}
        """By field and place in it: the digest of the text, and what was read from it."""
        self._looked_at = 0
        """Bytes since others had their turn."""

    async def reply(self, line: bytes) -> protocol.AnyReply:
        """Return the reply in the line. Raises: WireError: this version does not know it."""
        if not line.startswith(MARK):
            return protocol.decode_reply(line)
        await self._looked(len(line))  # it was put together just now
        try:
            return protocol.SnapshotGiven(await self._snapshot(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as fault:
            text = f"the daemon's answer is not understood, its version may differ: {fault}"
            raise WireError(text) from fault

    async def _snapshot(self, line: bytes) -> ClusterSnapshot:
        found: dict[str, Any] = {}
        fresh: dict[tuple[str, int], tuple[bytes, Any]] = {}
        parts = _parts.decode(line).snapshot
        await self._looked(len(line))
        for name, raw in parts.items():
            if name == _INSTANCES:
                statuses = _statuses.decode(raw)
                await self._looked(len(memoryview(raw)))
                items = [
                    await self._part(name, place, each, _STATUS, fresh)
                    for place, each in enumerate(statuses, 1)
                ]
                found[name] = tuple(items)
            elif name in _DECODERS:
                found[name] = await self._part(name, 0, raw, _DECODERS[name], fresh)
        self._known = fresh
        return ClusterSnapshot(**found)

    async def _part(
        self,
        name: str,
        place: int,
        raw: msgspec.Raw,
        decoder: msgspec.json.Decoder[Any],
        fresh: dict[tuple[str, int], tuple[bytes, Any]],
    ) -> Any:
        text = memoryview(raw)
        # Nobody but our own daemon could bring two texts that are alike by it.
        digest = sha1(text, usedforsecurity=False).digest()
        known = self._known.get((name, place))
        is_same = known is not None and known[0] == digest
        part = known if known is not None and is_same else (digest, decoder.decode(raw))
        fresh[name, place] = part
        await self._looked(len(text) * (1 if is_same else READING))
        return part[1]

    async def _looked(self, size: int) -> None:
        """Note how much was looked at; let others have their turn if that was enough."""
        self._looked_at += size
        if self._looked_at >= TURN_BYTES:
            self._looked_at = 0
            await asyncio.sleep(0)
