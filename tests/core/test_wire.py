"""Frames: what is sealed comes out unchanged once, everything else is refused in a sentence."""

import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, strategies as st

from ha_core import commands, messages as msg, wire
from ha_core.commands import Outcome
from ha_core.config.model import Configuration
from ha_core.figures import LinkFigures, NodeFigures
from ha_core.ids import Generation, LinkName, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.keyring import KeyRing, first_ring
from ha_core.messages import Message
from ha_core.observed import LinkStanding, OperationResult
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ConfigurationChange, Entry, Snapshot, Verdict
from ha_core.status import Instance, InstanceState
from ha_core.versions import SPOKEN, Versions
from ha_core.wire import Codec, Rejected, ReplayWindow

A, B = NodeName("a"), NodeName("b")
RING = first_ring(bytes(range(16)), b"k" * 32)
EVENT = JournalEvent(A, 1, 2, 3, "node-lost", "b", "b is silent", seq=4)
CHANGE = ConfigurationChange(2, Configuration(), "admin", "reason", 5)
INSTANCE = Instance(ResourceId("web"), InstanceState.STARTED)
MESSAGES: tuple[Message, ...] = (
    msg.VoteRequest(3, True, 7, 2),
    msg.VoteReply(3, True, False),
    msg.Beat(3, 1000, 7),
    msg.BeatReply(3, 1000, 7),
    msg.StepAside(3, NodeName("n2")),
    msg.FenceOrder(3, 7, msg.FenceVerb.CUT, "pdu", NodeName("n2"), "off", "n2-lost-1"),
    msg.FenceReport(3, 7, msg.FenceState.DONE, "is off"),
    msg.Append(
        3, 6, 2, (Entry(3, 7, CHANGE), Entry(3, 8, verdict=Verdict(A, 1, "x", "y", "", 1))), 6
    ),
    msg.AppendReply(3, True, 8),
    msg.InstallSnapshot(3, Snapshot(7, 3, (CHANGE,))),
    msg.LeaseRequest(3, 1000, 1, 4, 5, 6),
    msg.LeaseGrant(3, 1000, 1, 4, 20),
    msg.Report(3, 1, 1, 4, (INSTANCE,), (EVENT,), leaving=True),
    msg.Order(3, 1, 9, ResourceId("web"), ActionKind.START, reason="why"),
    msg.Prepare(3, 1, ResourceId("web")),
    msg.View(3, 8, (), True, (ResourceId("web"),), (EVENT,)),
    msg.Hello(1000, 900),
    msg.CommandRequest("a-1-1", "admin", commands.SetStandby(A, True)),
    msg.CommandReply("a-1-1", Outcome("done", "it is done")),
    msg.Told(
        0,
        3,
        (OperationResult(NodeName("n1"), ResourceId("web"), "start", reason="because"),),
        (LinkStanding(NodeName("n1"), NodeName("n2"), LinkName("ring0"), up=True),),
    ),
    msg.ToldTaken(4, 3),
    msg.FiguresWanted(7),
    msg.FiguresTold(7, NodeFigures("b", 3, links=(LinkFigures("ring0", 1),))),
)


def codec(
    name: NodeName = A,
    *,
    ring: KeyRing = RING,
    generation: Generation = 1,
    speaks: Versions = SPOKEN,
    salt: bytes = b"saltsalt",
) -> Codec:
    """Return a codec of a node."""
    return Codec(name, generation, ring, salt=salt, speaks=speaks)


def refusal(data: bytes, receiver: Codec | None = None) -> Rejected:
    """Return the fault with which `b` refuses a frame."""
    with pytest.raises(Rejected) as caught:
        (receiver or codec(B)).open(data)
    text = str(caught.value)
    assert text
    assert text.isprintable()
    assert not text.endswith("."), "it stands within a sentence of the log"
    return caught.value


def test_samples_cover_every_type() -> None:
    assert {type(item) for item in MESSAGES} == set(wire.TYPES.values())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda item: type(item).__name__)
def test_message_comes_out_as_it_went_in(message: Message) -> None:
    frame = codec(B).open(codec().encode((message,), B))
    assert (frame.sender, frame.generation, frame.sequence) == (A, 1, 1)
    assert frame.messages == (message,)


def test_nothing_of_a_body_is_readable() -> None:
    assert b"it is done" not in codec().encode(MESSAGES, B)


def test_equal_messages_never_give_equal_frames() -> None:
    sender = codec()
    again, restored = codec(generation=2), codec(salt=b"SALTsalt")
    bodies = {
        maker.encode((msg.Hello(1, 0),), B)[-40:] for maker in (sender, sender, again, restored)
    }
    assert len(bodies) == 4


def test_every_truncation_is_refused() -> None:
    data = codec().encode((msg.Hello(1, 0),), B)
    codes = {refusal(data[:size]).code for size in range(len(data))}
    assert codes <= {"garbage", "bad-tag"}


def test_every_flipped_bit_is_refused() -> None:
    data = codec().encode((msg.Hello(1, 0),), B)
    seen = set()
    for place in range(len(data)):
        for bit in range(8):
            changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            seen.add(refusal(changed).code)
    assert seen >= {"garbage", "bad-tag", "foreign-cluster", "unknown-key", "version", "feature"}


@given(st.binary(max_size=300), st.sampled_from([b"", b"BKHA", b"BKHA\1\1\0\0\0\0\1"]))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes, start: bytes) -> None:
    refusal(start + data)


@given(st.binary(max_size=200))
def test_no_authentic_body_raises_anything_but_a_refusal(body: bytes) -> None:
    try:
        wire.decode_messages(body)
    except Rejected as fault:
        assert fault.code in ("undecodable", "too-many")  # noqa: PT017 - either end is right


def test_frame_above_the_bound_is_refused_unread() -> None:
    fault = refusal(bytes(wire.FRAME_BYTES_MAX + 1))
    assert (fault.code, str(fault)) == (
        "too-large",
        "a frame of 33554433 bytes, at most 33554432",
    )


def test_names_that_are_no_text_do_not_reach_the_log() -> None:
    data = Codec(NodeName("x\n\x1b[2J"), 1, RING).encode((), B)
    assert str(refusal(data)).startswith(r"a frame whose sender or receiver is 'x\n\x1b[2J'")
    assert refusal(Codec(NodeName(""), 1, RING).encode((), B)).code == "garbage"


def test_unknown_optional_features_are_ignored_and_binding_ones_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = codec(B)
    with monkeypatch.context() as patch:
        patch.setattr(wire, "FEATURES", 0x0000_0102)
        optional = codec().encode((), B)
        patch.setattr(wire, "FEATURES", 0x8001_0000)
        binding = codec().encode((), B)
    assert receiver.open(optional).messages == ()
    assert str(refusal(binding, receiver)) == (
        "a peer uses features (0x80010000) that this node does not have: update this node"
    )


@pytest.mark.parametrize("code", ["older", "newer"])
def test_versions_that_do_not_meet_are_refused_on_both_sides(code: str) -> None:
    ours, theirs = Versions(2, 3), Versions(4, 5) if code == "newer" else Versions(1, 1)
    us, them = codec(B, speaks=ours), codec(A, speaks=theirs)
    assert str(refusal(them.encode((), B), us)) == (
        f"a peer speaks protocol versions {theirs}, this node {ours}: update the older one"
    )
    assert str(refusal(us.refusal(), them)) == (
        "a peer refuses our frames: it speaks protocol versions 2 to 3,"
        f" this node {theirs}: update the older one"
    )


def test_a_refusal_is_never_answered_and_never_larger_than_what_it_answers() -> None:
    assert refusal(codec().refusal()).code == "refused"
    assert len(codec().refusal()) < len(codec().encode((), B))


def test_rotation_serves_nodes_at_either_step() -> None:
    added = RING.with_key(b"n" * 32)
    switched = added.activated(2)
    for sender, receiver in ((added, switched), (switched, added), (RING, switched)):
        assert codec(B, ring=receiver).open(codec(ring=sender).encode((), B)).sender == A
    retired = codec(B, ring=switched.without_key(1))
    assert refusal(codec().encode((), B), retired).code == "unknown-key"


def test_key_that_came_back_under_an_old_number_is_the_new_one() -> None:
    receiver = codec(B)
    receiver.open(codec().encode((), B))
    other = first_ring(RING.cluster_id, b"o" * 32)
    receiver.ring = other
    assert refusal(codec().encode((), B), receiver).code == "bad-tag"
    assert receiver.open(codec(ring=other).encode((), B)).sender == A


def test_made_up_headers_do_not_fill_the_cache() -> None:
    receiver = codec(B)
    receiver.open(codec().encode((), B))
    draw = random.Random(3)
    for _ in range(50):
        frame = codec(salt=draw.randbytes(8)).encode((), B)
        refusal(frame[:-1] + bytes([frame[-1] ^ 1]), receiver)
    assert len(receiver._ciphers) == 1


def test_cache_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CIPHERS_MAX", 3)
    receiver = codec(B)
    for generation in range(1, 10):
        receiver.open(codec(generation=generation).encode((), B))
    assert len(receiver._ciphers) == 3


def test_types_and_fields_of_newer_peers_are_skipped() -> None:
    hello = wire.encode_message(msg.Hello(1, 0))
    newer = msgspec.msgpack.encode((99, {"a": 1}))
    wider = msgspec.msgpack.encode((13, {"sent_ms": 1, "echo_ms": 0, "colour": "blue"}))
    body = msgspec.msgpack.encode([msgspec.Raw(part) for part in (newer, hello, wider)])
    assert wire.decode_messages(body) == (msg.Hello(1, 0), msg.Hello(1, 0))


def test_unknown_command_is_named() -> None:
    fields: tuple[object, ...] = ("a-1-1", "admin", "fly", {})
    body = msgspec.msgpack.encode([(14, fields)])
    with pytest.raises(Rejected, match="the command 'fly' is not known here"):
        wire.decode_messages(body)


def test_too_many_messages_in_a_frame_are_refused() -> None:
    body = msgspec.msgpack.encode([(99, 0)] * 257)
    with pytest.raises(Rejected, match="257 messages in one frame"):
        wire.decode_messages(body)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=600), st.integers(1, 200))
def test_batches_keep_order_and_bounds(parts: list[bytes], bytes_max: int) -> None:
    found = wire.batches(parts, bytes_max)
    assert [part for batch in found for part in batch] == parts
    for batch in found:
        assert 1 <= len(batch) <= wire.MESSAGES_PER_FRAME_MAX
        assert len(batch) == 1 or sum(len(part) for part in batch) <= bytes_max


def test_salt_is_chosen_before_the_first_frame() -> None:
    sender = codec()
    sender.encode((), B)
    with pytest.raises(AssertionError):
        sender.use_salt(b"saltsalt")


# --- the window --------------------------------------------------------------------------


def test_window_accepts_each_frame_once_in_any_order() -> None:
    window = ReplayWindow()
    numbers = list(range(1, 500))
    random.Random(1).shuffle(numbers)
    assert all(window.accept(A, 1, number) for number in numbers)
    assert not any(window.accept(A, 1, number) for number in numbers)


@given(st.lists(st.integers(1, 3 * wire.WINDOW), max_size=60))
def test_window_agrees_with_a_set(numbers: list[int]) -> None:
    window, seen = ReplayWindow(), set[int]()
    for number in numbers:
        if seen and max(seen) - number >= wire.WINDOW:
            with pytest.raises(Rejected, match="frames late"):
                window.accept(A, 1, number)
            continue
        assert window.accept(A, 1, number) is (number not in seen)
        seen.add(number)


def test_new_start_of_a_sender_begins_a_new_window_and_ends_the_old_one() -> None:
    window = ReplayWindow()
    assert window.accept(A, 1, 50)
    assert window.accept(A, 2, 50)
    assert not window.accept(A, 2, 50)
    with pytest.raises(Rejected, match="'a' is of its start 1, but 2 was seen"):
        window.accept(A, 1, 51)
    assert window.accept(B, 1, 51), "another sender has its own"


def test_ring_is_not_shown_in_any_text() -> None:
    assert "kkk" not in repr(replace(RING, active=1))
