"""The key ring: rotation in steps, and a file that is refused whole, without showing a secret."""

import base64
import json

import pytest
from hypothesis import given, strategies as st

from ha_core.errors import ConfigError
from ha_core.keyring import KEYS_MAX, first_ring, parse_ring, render_ring

CLUSTER = bytes(range(16))
SECRET = b"s3cret-s3cret-s3cret-s3cret-s3cr"
RING = first_ring(CLUSTER, SECRET)
PLACE = "etc/keyring.json"


def faults(text: str) -> tuple[str, ...]:
    """Return why the text is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_ring(text, PLACE)
    assert all(fault.startswith(f"{PLACE}: ") for fault in caught.value.faults)
    assert "s3cret" not in str(caught.value)
    return tuple(fault.removeprefix(f"{PLACE}: ") for fault in caught.value.faults)


def changed(**fields: object) -> str:
    """Return the ring's file with other fields."""
    return json.dumps({**json.loads(render_ring(RING)), **fields})


def key(size: int = 32) -> str:
    """Return a key of that many bytes as the file writes it."""
    return base64.b64encode(b"x" * size).decode()


def test_ring_is_read_as_it_was_written() -> None:
    ring = RING.with_key(b"n" * 32).activated(2)
    assert parse_ring(render_ring(ring), PLACE) == ring


def test_rotation_goes_add_activate_retire() -> None:
    added = RING.with_key(b"n" * 32)
    assert (added.active, [item.id for item in added.keys]) == (1, [1, 2])
    done = added.activated(2).without_key(1)
    assert (done.active, [item.id for item in done.keys]) == (2, [2])


def test_numbers_are_not_used_again_soon() -> None:
    ring, numbers = RING, []
    for _ in range(260):
        fresh = ring.with_key(b"n" * 32)
        number = fresh.keys[-1].id
        ring = fresh.activated(number).without_key(ring.active)
        numbers.append(number)
    assert numbers[:254] == list(range(2, 256))
    assert numbers[254:257] == [1, 2, 3]


def test_active_key_stays() -> None:
    with pytest.raises(ConfigError, match="key 1 is active: activate another key first"):
        RING.without_key(1)


def test_unknown_key_cannot_be_activated() -> None:
    with pytest.raises(ConfigError, match="key 9 is not in the ring"):
        RING.activated(9)


def test_ring_is_bounded() -> None:
    ring = RING
    for _ in range(KEYS_MAX - 1):
        ring = ring.with_key(b"n" * 32)
    with pytest.raises(ConfigError, match="16 keys already: retire one first"):
        ring.with_key(b"n" * 32)


def test_secrets_do_not_show() -> None:
    assert "s3cret" not in repr(RING)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a key ring (JSONDecodeError): copy it from another node"),
        ("[]", "not a key ring (TypeError): copy it from another node"),
        ("[" * 30_000, "not a key ring (RecursionError): copy it from another node"),
        ("x" * 65_537, "65537 characters, at most 65536: copy it from another node"),
        (changed(keys=[]), "not a key ring (AttributeError): copy it from another node"),
        (changed(keys={"1": 5}), "not a key ring (TypeError): copy it from another node"),
        (changed(keys={"1": "s3cret"}), "not a key ring (Error): copy it from another node"),
        (changed(keys={"one": key()}), "not a key ring (ValueError): copy it from another node"),
        (changed(cluster_id="zz"), "not a key ring (ValueError): copy it from another node"),
        (
            changed(cluster_id="0011"),
            "cluster_id has 2 bytes, expected 16: copy it from another node",
        ),
        (
            changed(active=True),
            "active is True, expected the number of a key in the ring: copy it from another node",
        ),
        (
            changed(keys={"1": key(), "01": key()}),
            "two keys have the same number: copy it from another node",
        ),
    ],
)
def test_bad_file_is_refused_with_place_and_cure(text: str, fault: str) -> None:
    assert faults(text) == (fault,)


def test_all_faults_are_told_at_once() -> None:
    text = changed(cluster_id="00", active=7, keys={"0": key(5), "300": key()})
    assert [fault.partition(":")[0] for fault in faults(text)] == [
        "cluster_id has 1 bytes, expected 16",
        "key 0, expected a number in 1..255",
        "key 0 has 5 bytes, expected 32",
        "key 300, expected a number in 1..255",
        "active is 7, expected the number of a key in the ring",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["keys", "active", "cluster_id", "1"]), inner)
        ),
        max_leaves=6,
    )
)
def test_no_document_raises_anything_else(document: object) -> None:
    faults(json.dumps(document))
