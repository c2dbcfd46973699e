"""Frames and messages: bytes <-> values, encrypted, authenticated, versioned, once only.

Owns: the frame. Header (in the clear, authenticated): magic, protocol version,
oldest version understood, feature bits, key id, cluster, sender, generation,
sequence. Body: ChaCha20-Poly1305 over a msgpack list of messages. The key is
derived for each (sender, generation), so the sequence is the nonce: a node
never uses a sequence twice within a generation, nor a generation twice.
Does no I/O. Source: RFC 8439 (AEAD), RFC 5869 (key derivation).
"""

import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, get_args

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ha_core import messages as msg
from ha_core.control_protocol import COMMANDS
from ha_core.errors import WireError
from ha_core.ids import Generation, NodeName
from ha_core.keyring import KeyRing
from ha_core.messages import Message

MAGIC: Final = b"BKHA"
VERSION: Final = 1
OLDEST_VERSION: Final = 1
FEATURES: Final = 0
"""No optional features exist yet; unknown bits of a peer are ignored."""
REFUSAL_VERSION: Final = 0
FRAME_BYTES_MAX: Final = 32 * 1024 * 1024
"""A snapshot with 100 revisions of a large configuration fits well."""
NAME_BYTES_MAX: Final = 64
MESSAGES_PER_FRAME_MAX: Final = 256
WINDOW: Final = 4096
"""How far behind the newest sequence a late frame may come."""
CIPHERS_MAX: Final = 512

_HEADER = struct.Struct(">4sBBIB8sQQB")

TYPES: Final[dict[int, type[Message]]] = {
    1: msg.VoteRequest,
    2: msg.VoteReply,
    3: msg.Beat,
    4: msg.BeatReply,
    5: msg.Append,
    6: msg.AppendReply,
    7: msg.InstallSnapshot,
    8: msg.LeaseRequest,
    9: msg.LeaseGrant,
    10: msg.Report,
    11: msg.Order,
    12: msg.View,
    13: msg.Hello,
    14: msg.CommandRequest,
    15: msg.CommandReply,
}
"""Type numbers on the wire; never renumbered, never used again."""
assert set(TYPES.values()) == set(get_args(Message))

_COMMAND_NAMES = {kind: name for name, kind in COMMANDS.items()}
_NUMBERS = {kind: number for number, kind in TYPES.items()}
_encoder = msgspec.msgpack.Encoder()
_decode_list = msgspec.msgpack.Decoder(list[tuple[int, msgspec.Raw]])
_decoders = {
    number: msgspec.msgpack.Decoder(kind)
    for number, kind in TYPES.items()
    if kind is not msg.CommandRequest
}
_decode_command = msgspec.msgpack.Decoder(tuple[str, str, str, msgspec.Raw])
_command_decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in COMMANDS.items()}


class Rejected(WireError):
    """A frame was refused; `code` is stable and counted."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame says, once it is known to be authentic."""

    sender: NodeName
    generation: Generation
    sequence: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The part in the clear."""

    version: int
    key_id: int
    cluster: bytes
    generation: Generation
    sequence: int
    sender: NodeName
    size: int


def encode_messages(messages: tuple[Message, ...]) -> bytes:
    """Return messages as one msgpack list of (type number, fields)."""
    return _encoder.encode([(_NUMBERS[type(item)], msgspec.Raw(_body(item))) for item in messages])


def decode_messages(data: bytes) -> tuple[Message, ...]:
    """Read messages; types and fields of newer peers are skipped. Raises Rejected."""
    try:
        items = _decode_list.decode(data)
        if len(items) > MESSAGES_PER_FRAME_MAX:
            raise Rejected("too-many", f"{len(items)} messages in one frame")
        return tuple(_message(number, raw) for number, raw in items if number in TYPES)
    except (msgspec.DecodeError, msgspec.ValidationError) as fault:
        raise Rejected("undecodable", f"a message cannot be read: {fault}") from None


def _body(message: Message) -> bytes:
    if isinstance(message, msg.CommandRequest):
        name = _COMMAND_NAMES[type(message.command)]
        fields = msgspec.Raw(_encoder.encode(message.command))
        return _encoder.encode((message.request_id, message.author, name, fields))
    return _encoder.encode(message)


def _message(number: int, raw: msgspec.Raw) -> Message:
    if number != _NUMBERS[msg.CommandRequest]:
        decoded: Message = _decoders[number].decode(raw)
        return decoded
    request_id, author, name, fields = _decode_command.decode(raw)
    decoder = _command_decoders.get(name)
    if decoder is None:
        raise Rejected("undecodable", f"the command '{name}' is not known here")
    return msg.CommandRequest(request_id, author, decoder.decode(fields))


class Codec:
    """Makes and opens frames with one key ring."""

    def __init__(self, name: NodeName, generation: Generation, ring: KeyRing) -> None:
        self.name = name
        self.ring = ring
        self._generation = generation
        self._sequence = 0
        self._ciphers: OrderedDict[tuple[int, str, int], ChaCha20Poly1305] = OrderedDict()

    def encode(self, messages: tuple[Message, ...]) -> bytes:
        """Return one frame with the next sequence number."""
        self._sequence += 1
        name = self.name.encode()
        header = _HEADER.pack(
            MAGIC,
            VERSION,
            OLDEST_VERSION,
            FEATURES,
            self.ring.active,
            self.ring.cluster_id[:8],
            self._generation,
            self._sequence,
            len(name),
        )
        header += name
        cipher = self._cipher(self.ring.active, self.name, self._generation)
        assert cipher is not None
        sealed = cipher.encrypt(_nonce(self._sequence), encode_messages(messages), header)
        return header + sealed

    def open(self, data: bytes) -> Frame:
        """Authenticate and read a frame. Raises Rejected with a plain sentence."""
        header = parse_header(data)
        if header.cluster != self.ring.cluster_id[:8]:
            text = f"a frame from '{header.sender}' is for another cluster ({header.cluster.hex()})"
            raise Rejected("foreign-cluster", text)
        cipher = self._cipher(header.key_id, header.sender, header.generation)
        if cipher is None:
            text = f"'{header.sender}' uses key {header.key_id}, which is not in our key ring"
            raise Rejected("unknown-key", text)
        try:
            nonce = _nonce(header.sequence)
            plain = cipher.decrypt(nonce, data[header.size :], data[: header.size])
        except InvalidTag:
            text = f"a frame that says it is from '{header.sender}' was not made with our key"
            raise Rejected("bad-tag", text) from None
        messages = decode_messages(plain)
        return Frame(header.sender, header.generation, header.sequence, messages)

    def _cipher(self, key_id: int, sender: str, generation: int) -> ChaCha20Poly1305 | None:
        slot = (key_id, sender, generation)
        cipher = self._ciphers.get(slot)
        if cipher is not None:
            return cipher
        key = self.ring.key(key_id)
        if key is None:
            return None
        info = b"beatkeeper frame " + sender.encode() + b" %d" % generation
        cipher = ChaCha20Poly1305(HKDF(SHA256(), 32, self.ring.cluster_id, info).derive(key.secret))
        self._ciphers[slot] = cipher
        while len(self._ciphers) > CIPHERS_MAX:
            self._ciphers.popitem(last=False)
        return cipher


def parse_header(data: bytes) -> Header:
    """Read the clear part of a frame. Raises Rejected."""
    if len(data) > FRAME_BYTES_MAX:
        raise Rejected("too-large", f"a frame of {len(data)} bytes, at most {FRAME_BYTES_MAX}")
    if len(data) < _HEADER.size or data[:4] != MAGIC:
        raise Rejected("garbage", "something that is not a Beatkeeper frame")
    _, version, oldest, _, key_id, cluster, generation, sequence, length = _HEADER.unpack_from(data)
    size = _HEADER.size + length
    if version == REFUSAL_VERSION:
        text = f"a peer refuses our protocol version {VERSION}: it speaks {oldest} to {key_id}"
        raise Rejected("refused", text)
    if not OLDEST_VERSION <= version <= VERSION and oldest > VERSION:
        text = f"a peer speaks protocol versions {oldest} to {version}, this node"
        raise Rejected("version", f"{text} {OLDEST_VERSION} to {VERSION}: update the older one")
    if version < OLDEST_VERSION:
        text = f"a peer speaks protocol version {version}, this node {OLDEST_VERSION} to {VERSION}"
        raise Rejected("version", f"{text}: update the older one")
    if length > NAME_BYTES_MAX or len(data) < size:
        raise Rejected("garbage", "a frame that ends within its header")
    try:
        sender = NodeName(data[_HEADER.size : size].decode())
    except UnicodeDecodeError:
        raise Rejected("garbage", "a frame whose sender is not text") from None
    return Header(version, key_id, cluster, generation, sequence, sender, size)


def refusal() -> bytes:
    """Return the frame that tells a peer which versions we speak; it is not authenticated."""
    return _HEADER.pack(MAGIC, REFUSAL_VERSION, OLDEST_VERSION, 0, VERSION, b"\0" * 8, 0, 0, 0)


def _nonce(sequence: int) -> bytes:
    return sequence.to_bytes(12, "big")


class ReplayWindow:
    """Accepts each frame of a sender once; older generations are dropped for good."""

    def __init__(self) -> None:
        self._newest: dict[NodeName, tuple[Generation, int]] = {}
        self._seen: dict[NodeName, int] = {}

    def accept(self, sender: NodeName, generation: Generation, sequence: int) -> bool:
        """Return whether the (authentic) frame is new; a repeated one is false.

        Raises:
            Rejected: it is of an older start of the sender, or too old to tell.
        """
        known, newest = self._newest.get(sender, (0, 0))
        if generation < known:
            text = f"a frame of '{sender}' is of its start {generation}, but {known} was seen"
            raise Rejected("stale-generation", text)
        if generation > known:
            self._newest[sender], self._seen[sender] = (generation, sequence), 1
            return True
        if sequence > newest:
            shifted = self._seen[sender] << (sequence - newest) if sequence - newest < WINDOW else 0
            self._seen[sender] = (shifted | 1) & ((1 << WINDOW) - 1)
            self._newest[sender] = (generation, sequence)
            return True
        back = newest - sequence
        if back >= WINDOW:
            raise Rejected("too-old", f"a frame of '{sender}' is {back} frames late")
        if self._seen[sender] >> back & 1:
            return False
        self._seen[sender] |= 1 << back
        return True
