"""Frames and messages: bytes <-> values, encrypted, authenticated, versioned, once only.

Owns: the frame, laid out in docs/protocols/wire.md. A header in the clear, but
authenticated, says who speaks to whom in which version; the body is a list of
messages under ChaCha20-Poly1305. The key is derived for each start of a sender
(its generation and a random salt), so that the sequence can be the nonce.
Knows nothing of sockets. Does no I/O and draws no random numbers.
Source: RFC 8439 (AEAD), RFC 5869 (key derivation), RFC 4303, 3.4.3 (window).
"""

import struct
from collections import OrderedDict
from collections.abc import Sequence
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
from ha_core.versions import SPOKEN, Versions

MAGIC: Final = b"BKHA"
FEATURES: Final = 0
"""Feature bits of this node; none exist yet."""
FEATURES_OPTIONAL: Final = 0x0000FFFF
"""Bits that a peer may ignore; a frame that uses an unknown one of the others is refused."""
REFUSAL_VERSION: Final = 0
FRAME_BYTES_MAX: Final = 32 * 1024 * 1024
"""A snapshot with 100 revisions of a large configuration fits well."""
NAME_BYTES_MAX: Final = 64
MESSAGES_PER_FRAME_MAX: Final = 256
WINDOW: Final = 4096
"""How far behind the newest sequence a late frame may come."""
CIPHERS_MAX: Final = 512
SALT_BYTES: Final = 8
TAG_BYTES: Final = 16
CLUSTER_BYTES: Final = 8
"""The part of the cluster's id that travels; the whole of it enters the keys."""

_HEADER = struct.Struct(">4sBBIB8sQ8sQBB")

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
    16: msg.StepAside,
    17: msg.FenceOrder,
    18: msg.FenceReport,
    19: msg.Prepare,
    20: msg.FiguresWanted,
    21: msg.FiguresTold,
    22: msg.Told,
    23: msg.ToldTaken,
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


class StaleGenerationError(Rejected):
    """An authentic frame is of an earlier start of its sender than one seen before."""

    def __init__(self, sender: NodeName, generation: Generation, known: Generation) -> None:
        text = f"a frame of '{sender}' is of its start {generation}, but {known} was seen"
        super().__init__("stale-generation", f"{text}; if that goes on, its disk is an older copy")
        self.sender = sender
        self.generation = generation
        self.known = known


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame says, once it is known to be authentic."""

    sender: NodeName
    generation: Generation
    sequence: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The part in the clear; `size` is its length in bytes."""

    key_id: int
    cluster: bytes
    generation: Generation
    salt: bytes
    sequence: int
    sender: NodeName
    receiver: NodeName
    size: int


def encode_message(message: Message) -> bytes:
    """Return one message as msgpack: its type's number and its fields."""
    return _encoder.encode((_NUMBERS[type(message)], msgspec.Raw(_body(message))))


def batches(parts: Sequence[bytes], bytes_max: int) -> list[tuple[bytes, ...]]:
    """Divide encoded messages, in order, into frames whose bodies stay within the bound.

    A message that is larger by itself gets a frame of its own, so that nothing
    small has to wait for it.
    """
    found: list[tuple[bytes, ...]] = []
    batch: list[bytes] = []
    for part in parts:
        size = sum(len(item) for item in batch) + len(part)
        if batch and (size > bytes_max or len(batch) == MESSAGES_PER_FRAME_MAX):
            found.append(tuple(batch))
            batch = []
        batch.append(part)
    return [*found, tuple(batch)] if batch else found


def decode_messages(data: bytes) -> tuple[Message, ...]:
    """Read messages; types and fields of newer peers are skipped. Raises Rejected."""
    try:
        items = _decode_list.decode(data)
        if len(items) > MESSAGES_PER_FRAME_MAX:
            raise Rejected("too-many", f"{len(items)} messages in one frame")
        return tuple(_message(number, raw) for number, raw in items if number in TYPES)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as fault:
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
    """Makes and opens the frames of one node with one key ring."""

    def __init__(
        self,
        name: NodeName,
        generation: Generation,
        ring: KeyRing,
        *,
        salt: bytes = bytes(SALT_BYTES),
        speaks: Versions = SPOKEN,
    ) -> None:
        self.name = name
        self._ring = ring
        self._speaks = speaks
        self._generation = generation
        self._salt = salt
        self._sequence = 0
        self._ciphers: OrderedDict[tuple[int, str, int, bytes], ChaCha20Poly1305] = OrderedDict()

    @property
    def ring(self) -> KeyRing:
        """Key ring in use."""
        return self._ring

    @ring.setter
    def ring(self, ring: KeyRing) -> None:
        """Use another ring from the next frame on."""
        self._ciphers.clear()  # an id may come back with another secret
        self._ring = ring

    def use_salt(self, salt: bytes) -> None:
        """Draw keys of our own from this salt: random, and new with every start.

        Without it a node restored from a backup would seal other words under
        the generations and sequences of its first life.
        """
        assert len(salt) == SALT_BYTES, len(salt)
        assert self._sequence == 0, "a salt is chosen before the first frame"
        self._salt = salt

    def encode(self, messages: tuple[Message, ...], receiver: NodeName) -> bytes:
        """Return one frame with the next sequence number."""
        return self.seal([encode_message(item) for item in messages], receiver)

    def seal(self, parts: Sequence[bytes], receiver: NodeName) -> bytes:
        """Return one frame of encoded messages with the next sequence number."""
        self._sequence += 1
        sender, to = self.name.encode(), receiver.encode()
        header = _HEADER.pack(
            MAGIC,
            self._speaks.newest,
            self._speaks.oldest,
            FEATURES,
            self._ring.active,
            self._ring.cluster_id[:CLUSTER_BYTES],
            self._generation,
            self._salt,
            self._sequence,
            len(sender),
            len(to),
        )
        header += sender + to
        slot = (self._ring.active, self.name, self._generation, self._salt)
        cipher = self._cipher(slot)
        assert cipher is not None
        self._remember(slot, cipher)
        body = _encoder.encode([msgspec.Raw(part) for part in parts])
        return header + cipher.encrypt(_nonce(self._sequence), body, header)

    def open(self, data: bytes) -> Frame:
        """Authenticate and read a frame. Raises Rejected with a plain sentence."""
        header = parse_header(data, self._speaks)
        self._check_ends(header)
        slot = (header.key_id, header.sender, header.generation, header.salt)
        cipher = self._cipher(slot)
        if cipher is None:
            text = f"'{header.sender}' uses key {header.key_id}, which is not in our key ring"
            raise Rejected("unknown-key", f"{text}: copy the key ring of another node")
        try:
            nonce = _nonce(header.sequence)
            plain = cipher.decrypt(nonce, data[header.size :], data[: header.size])
        except InvalidTag:
            text = f"a frame that says it is from '{header.sender}' was not made with our key"
            raise Rejected("bad-tag", f"{text} {header.key_id}, or was changed") from None
        # Only now: made-up headers must not drive the keys of true peers out of the cache.
        self._remember(slot, cipher)
        messages = decode_messages(plain)
        return Frame(header.sender, header.generation, header.sequence, messages)

    def refusal(self) -> bytes:
        """Return the frame that tells a peer which versions we speak; it is not authenticated."""
        low, high = self._speaks.oldest, self._speaks.newest
        nothing = bytes(CLUSTER_BYTES)
        return _HEADER.pack(
            MAGIC, REFUSAL_VERSION, low, FEATURES, high, nothing, 0, bytes(SALT_BYTES), 0, 0, 0
        )

    def _check_ends(self, header: Header) -> None:
        """Refuse what is not from a peer to us: a frame led astray could count as a vote here."""
        ours = self._ring.cluster_id[:CLUSTER_BYTES]
        if header.cluster != ours:
            text = f"a frame from '{header.sender}' is for another cluster"
            raise Rejected("foreign-cluster", f"{text} ({header.cluster.hex()}, not {ours.hex()})")
        if header.sender == self.name:
            text = f"a frame that says it is from '{self.name}' itself"
            raise Rejected("own-name", f"{text}: does a second node use this name?")
        if header.receiver != self.name:
            text = f"a frame from '{header.sender}' is for '{header.receiver}', not '{self.name}'"
            raise Rejected("astray", f"{text}: check the addresses of both")

    def _cipher(self, slot: tuple[int, str, int, bytes]) -> ChaCha20Poly1305 | None:
        cipher = self._ciphers.get(slot)
        if cipher is not None:
            return cipher
        key_id, sender, generation, salt = slot
        key = self._ring.key(key_id)
        if key is None:
            return None
        info = b"beatkeeper frame " + generation.to_bytes(8, "big") + salt + sender.encode()
        return ChaCha20Poly1305(HKDF(SHA256(), 32, self._ring.cluster_id, info).derive(key.secret))

    def _remember(self, slot: tuple[int, str, int, bytes], cipher: ChaCha20Poly1305) -> None:
        self._ciphers[slot] = cipher
        self._ciphers.move_to_end(slot)
        if len(self._ciphers) > CIPHERS_MAX:
            self._ciphers.popitem(last=False)


def parse_header(data: bytes, speaks: Versions = SPOKEN) -> Header:
    """Read the clear part of a frame. Raises Rejected."""
    if len(data) > FRAME_BYTES_MAX:
        raise Rejected("too-large", f"a frame of {len(data)} bytes, at most {FRAME_BYTES_MAX}")
    if len(data) < _HEADER.size or data[:4] != MAGIC:
        raise Rejected("garbage", "something that is not a Beatkeeper frame")
    fields = _HEADER.unpack_from(data)
    _, newest, oldest, features, key_id, cluster, generation, salt, sequence, *lengths = fields
    if newest == REFUSAL_VERSION:
        text = f"a peer refuses our frames: it speaks protocol versions {oldest} to {key_id}"
        raise Rejected("refused", f"{text}, this node {speaks}: update the older one")
    if oldest > speaks.newest or newest < speaks.oldest:
        text = f"a peer speaks protocol versions {oldest} to {newest}, this node {speaks}"
        raise Rejected("version", f"{text}: update the older one")
    unknown = features & ~(FEATURES_OPTIONAL | FEATURES)
    if unknown:
        text = f"a peer uses features ({unknown:#010x}) that this node does not have"
        raise Rejected("feature", f"{text}: update this node")
    names = _HEADER.size + lengths[0]
    size = names + lengths[1]
    if len(data) < size + TAG_BYTES:
        raise Rejected("garbage", "a frame that ends too early")
    sender, receiver = _name(data[_HEADER.size : names]), _name(data[names:size])
    return Header(key_id, cluster, generation, salt, sequence, sender, receiver, size)


def _name(raw: bytes) -> NodeName:
    """Read a node's name, which may come from anybody and goes into logs."""
    text = raw.decode("ascii", errors="replace")
    if not 1 <= len(raw) <= NAME_BYTES_MAX or not text.isascii() or not text.isprintable():
        raise Rejected("garbage", f"a frame whose sender or receiver is {text!a}, not a name")
    return NodeName(text)


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
            raise StaleGenerationError(sender, generation, known)
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
