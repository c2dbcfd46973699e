"""The cluster key ring: several keys with ids, one of them used for sending.

Owns: the ring's value and its file form. Rotation without an outage: add the
new key on all nodes, make it active, retire the old one. Secrets never appear
in a repr or an error. Does no I/O.
"""

import base64
import json
from dataclasses import dataclass, field, replace

from ha_core.errors import ConfigError

KEY_BYTES = 32
KEYS_MAX = 16
KEY_ID_MAX = 255
CLUSTER_ID_BYTES = 16
FILE_CHARACTERS_MAX = 65_536


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
        if len(self.keys) >= KEYS_MAX:
            raise ConfigError(f"key ring: {KEYS_MAX} keys already: retire one first")
        used = {key.id for key in self.keys}
        # Not the lowest free number: a node that missed the last rotation would try a key it
        # still holds under that number, and blame the sender.
        circle = (self.active + step for step in range(1, KEY_ID_MAX + 1))
        fresh = next(n for i in circle if (n := (i - 1) % KEY_ID_MAX + 1) not in used)
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
    cure = "copy it from another node"
    if len(text) > FILE_CHARACTERS_MAX:
        raise ConfigError(f"{place}: {len(text)} characters, at most {FILE_CHARACTERS_MAX}: {cure}")
    try:
        raw = json.loads(text)
        secrets = {
            int(number): base64.b64decode(secret, validate=True)
            for number, secret in raw["keys"].items()
        }
        cluster_id, active = bytes.fromhex(raw["cluster_id"]), raw["active"]
        repeated = len(secrets) != len(raw["keys"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        kind = type(fault).__name__
        raise ConfigError(f"{place}: not a key ring ({kind}): {cure}") from None
    faults = _faults(secrets, cluster_id)
    if repeated:
        faults.append("two keys have the same number")
    if type(active) is not int or active not in secrets:
        faults.append(f"active is {active!r:.20}, expected the number of a key in the ring")
    if faults:
        raise ConfigError([f"{place}: {fault}: {cure}" for fault in faults])
    return KeyRing(cluster_id, active, tuple(Key(id, secrets[id]) for id in sorted(secrets)))


def _faults(secrets: dict[int, bytes], cluster_id: bytes) -> list[str]:
    faults = []
    if len(cluster_id) != CLUSTER_ID_BYTES:
        faults.append(f"cluster_id has {len(cluster_id)} bytes, expected {CLUSTER_ID_BYTES}")
    if not 1 <= len(secrets) <= KEYS_MAX:
        faults.append(f"{len(secrets)} keys, expected 1..{KEYS_MAX}")
    for number, secret in sorted(secrets.items()):
        if not 1 <= number <= KEY_ID_MAX:
            faults.append(f"key {number}, expected a number in 1..{KEY_ID_MAX}")
        if len(secret) != KEY_BYTES:
            faults.append(f"key {number} has {len(secret)} bytes, expected {KEY_BYTES}")
    return faults
