"""Snapshots of one daemon, read one after the other: what has not changed is not read again.

Owns: how a snapshot's text is taken apart. A large cluster's has millions of bytes, most of them
the same as in the last one; parts that are, are the very same objects. Others have their turn
between two parts.
"""

import asyncio
from hashlib import blake2b
from typing import Any, Final, get_type_hints

import msgspec

from ha_core import control_protocol as protocol
from ha_core.errors import WireError
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import NodeStatus

MARK: Final = b'{"reply":"snapshot",'
"""So an answer with a snapshot begins."""
DIGEST_BYTES: Final = 16
PART_BYTES: Final = 65_536
"""After so much, others have their turn."""


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

    async def reply(self, line: bytes) -> protocol.AnyReply:
        """Return the reply in the line. Raises: WireError: this version does not know it."""
        if not line.startswith(MARK):
            return protocol.decode_reply(line)
        try:
            return protocol.SnapshotGiven(await self._snapshot(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as fault:
            text = f"the daemon's answer is not understood, its version may differ: {fault}"
            raise WireError(text) from fault

    async def _snapshot(self, line: bytes) -> ClusterSnapshot:
        found: dict[str, Any] = {}
        fresh: dict[tuple[str, int], tuple[bytes, Any]] = {}
        for name, raw in _parts.decode(line).snapshot.items():
            if name == _INSTANCES:
                items = [
                    await self._part(name, place, each, _STATUS, fresh)
                    for place, each in enumerate(_statuses.decode(raw), 1)
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
        digest = blake2b(text, digest_size=DIGEST_BYTES).digest()
        known = self._known.get((name, place))
        is_same = known is not None and known[0] == digest
        part = known if known is not None and is_same else (digest, decoder.decode(raw))
        fresh[name, place] = part
        if not is_same and len(text) > PART_BYTES:
            await asyncio.sleep(0)
        return part[1]
