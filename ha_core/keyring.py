"""The cluster key ring: several keys with ids, one of them used for sending.

Owns: the ring's value and its file form. Rotation without an outage: add the
new key on all nodes, make it active, retire the old one. Secrets never appear
in a repr or an error. Does no I/O.
"""

import base64
import binascii
import json
from dataclasses import dataclass, field, replace

from ha_core.errors import ConfigError

KEY_BYTES = 32
KEYS_MAX = 16
CLUSTER_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Key:
    """One shared secret; `id` is 1..255 and travels in the clear."""

    id: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that are accepted, and the id of the one used for sending."""

    cluster_id: bytes
    active: int
    keys: tuple[Key, ...]

    def key(self, key_id: int) -> Key | None:
        """Return the key of that id, or None."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_key(self, secret: bytes) -> "KeyRing":
        """Return a ring that also accepts a new key; sending still uses the old one."""
        used = {key.id for key in self.keys}
        fresh = next(number for number in range(1, 256) if number not in used)
        return replace(self, keys=(*self.keys, Key(fresh, secret)))

    def activated(self, key_id: int) -> "KeyRing":
        """Return a ring that sends with that key."""
        if self.key(key_id) is None:
            raise ConfigError(f"key ring: key {key_id} is not in the ring")
        return replace(self, active=key_id)

    def without_key(self, key_id: int) -> "KeyRing":
        """Return a ring that does not accept that key any more; the active one must stay."""
        if key_id == self.active:
            raise ConfigError(f"key ring: key {key_id} is active: activate another key first")
        return replace(self, keys=tuple(key for key in self.keys if key.id != key_id))


def first_ring(cluster_id: bytes, secret: bytes) -> KeyRing:
    """Return the ring of a new cluster."""
    assert len(cluster_id) == CLUSTER_ID_BYTES
    assert len(secret) == KEY_BYTES
    return KeyRing(cluster_id, 1, (Key(1, secret),))


def render_ring(ring: KeyRing) -> str:
    """Return the file form: JSON, for a file that only its owner may read."""
    return json.dumps(
        {
            "cluster_id": ring.cluster_id.hex(),
            "active": ring.active,
            "keys": {str(key.id): base64.b64encode(key.secret).decode() for key in ring.keys},
        },
        indent=1,
    )


def parse_ring(text: str, place: str) -> KeyRing:
    """Read the file form. Raises ConfigError that names the place and never a secret."""
    try:
        raw = json.loads(text)
        keys = tuple(
            Key(int(number), base64.b64decode(secret, validate=True))
            for number, secret in sorted(raw["keys"].items(), key=lambda item: int(item[0]))
        )
        ring = KeyRing(bytes.fromhex(raw["cluster_id"]), int(raw["active"]), keys)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as fault:
        kind = type(fault).__name__
        raise ConfigError(f"{place}: not a key ring ({kind}); copy it from another node") from None
    faults = []
    if len(ring.cluster_id) != CLUSTER_ID_BYTES:
        faults.append(f"{place}: cluster_id has {len(ring.cluster_id)} bytes, expected 16")
    if not 1 <= len(keys) <= KEYS_MAX:
        faults.append(f"{place}: {len(keys)} keys, expected 1..{KEYS_MAX}")
    faults += [
        f"{place}: key {key.id} has {len(key.secret)} bytes, expected {KEY_BYTES}"
        for key in keys
        if len(key.secret) != KEY_BYTES or not 1 <= key.id <= 255
    ]
    if ring.key(ring.active) is None:
        faults.append(f"{place}: active key {ring.active} is not in the ring")
    if faults:
        raise ConfigError(faults)
    return ring
