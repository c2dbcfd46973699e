"""Invitations: how a new node proves that it was asked in, and gets the key ring in secret.

Owns: the token's form and the sealed exchange. A token carries a one-time
secret, never the cluster's keys; both sides mix it with a fresh X25519
agreement, so that whoever records the exchange and later finds the token still
reads nothing. Source: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (AEAD).
"""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ha_core.errors import ConfigError, WireError

PREFIX = "bk1-"
ID_BYTES = 8
SECRET_BYTES = 16
PUBLIC_BYTES = 32
CHECK_BYTES = 4
KNOCK = b"BKJ1"
"""First bytes of a stream on which a node asks to be let in."""
REFUSAL = b"BKJ0"
TOKEN_CHARACTERS_MAX = 4096
_INFO = b"beatkeeper join 1"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a token says; `places` has host:port of the inviting node for each link."""

    id: bytes
    secret: bytes = field(repr=False)
    places: tuple[tuple[str, str], ...]


def render_token(invitation: Invitation) -> str:
    """Return the token: one word, to be copied to the new node."""
    raw = {
        "i": invitation.id.hex(),
        "s": invitation.secret.hex(),
        "at": dict(invitation.places),
    }
    text = json.dumps(raw, separators=(",", ":")).encode()
    word = base64.urlsafe_b64encode(text + _check(text)).decode().rstrip("=")
    return PREFIX + word


def parse_token(token: str) -> Invitation:
    """Read a token. Raises ConfigError, which never repeats the token."""
    cure = "copy the whole word that 'ha init' or 'ha token' printed"
    if not token.startswith(PREFIX) or len(token) > TOKEN_CHARACTERS_MAX:
        raise ConfigError(f"this is not a token (one begins with {PREFIX}): {cure}")
    body = token[len(PREFIX) :]
    try:
        whole = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        text, check = whole[:-CHECK_BYTES], whole[-CHECK_BYTES:]
        if check != _check(text):
            raise ValueError("mistyped")
        raw = json.loads(text)
        places = tuple((str(link), str(place)) for link, place in raw["at"].items())
        invitation = Invitation(bytes.fromhex(raw["i"]), bytes.fromhex(raw["s"]), places)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise ConfigError(f"the token is damaged: {cure}") from None
    if len(invitation.id) != ID_BYTES or len(invitation.secret) != SECRET_BYTES or not places:
        raise ConfigError(f"the token is incomplete: {cure}")
    return invitation


def _check(text: bytes) -> bytes:
    """Return what shows a slip of copying; it protects against nothing else."""
    return zlib.crc32(text).to_bytes(CHECK_BYTES, "big")


class Handshake:
    """One side of the exchange: a fresh key pair, then one cipher for each direction."""

    def __init__(self, invitation_id: bytes, secret: bytes) -> None:
        self._private = X25519PrivateKey.generate()
        self._id = invitation_id
        self._secret = secret
        self.public = self._private.public_key().public_bytes_raw()

    def keys(self, peer: bytes, *, is_joiner: bool) -> "Sealer":
        """Return the ciphers agreed with the peer. Raises WireError for a senseless key."""
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError:
            raise WireError("the other side sent no usable key") from None
        first, second = (self.public, peer) if is_joiner else (peer, self.public)
        derived = HKDF(SHA256(), 64, self._secret, _INFO + self._id + first + second)
        material = derived.derive(shared)
        up, down = ChaCha20Poly1305(material[:32]), ChaCha20Poly1305(material[32:])
        return Sealer(up, down) if is_joiner else Sealer(down, up)


class Sealer:
    """Seals exactly one message in each direction."""

    _NONCE = bytes(12)

    def __init__(self, sending: ChaCha20Poly1305, receiving: ChaCha20Poly1305) -> None:
        self._sending = sending
        self._receiving = receiving

    def seal(self, value: object) -> bytes:
        """Return the value (of JSON) sealed; to be called once."""
        return self._sending.encrypt(self._NONCE, json.dumps(value).encode(), _INFO)

    def open(self, sealed: bytes) -> dict[str, object]:
        """Return the object that the other side sealed. Raises WireError."""
        try:
            value = json.loads(self._receiving.decrypt(self._NONCE, sealed, _INFO))
        except (InvalidTag, ValueError):
            text = "the other side does not know the token's secret, or the data were changed"
            raise WireError(text) from None
        if not isinstance(value, dict):
            raise WireError("the other side sent no object")
        return value
