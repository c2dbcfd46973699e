"""Where a request begins and ends, and what is too much of one."""

import pytest

from cim_provider.wbem.framing import KNOWN_MAX, Bounds, Framing, FramingError

HOST = b"Host: a\r\n"
USUAL = Bounds()
SIZED = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


def read(data: bytes, bounds: Bounds = USUAL, step: int = 0) -> list[tuple[str, bytes]]:
    """Return method and body of each request in a stream."""
    framing, found = Framing(bounds), []
    for piece in [data[n : n + step] for n in range(0, len(data), step)] if step else [data]:
        while piece:
            piece = piece[framing.feed(piece) :]
            if framing.is_complete:
                assert framing.head is not None
                found.append((framing.head.method, framing.body))
                framing.next_request()
    return found


def fault(data: bytes, bounds: Bounds = USUAL) -> int:
    with pytest.raises(FramingError) as caught:
        read(data, bounds)
    return caught.value.status


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5, 8, 64])
def test_requests_are_told_apart_however_they_are_cut(step: int) -> None:
    stream = (
        SIZED
        + SIZED.replace(b"POST", b"M-POST")
        + b"\r\n"
        + CHUNKED
        + b"4;x=y\r\n\r\n\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n"
        + CHUNKED.replace(b"POST", b"M-POST")
        + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        + SIZED
    )
    assert read(stream, step=step) == [
        ("POST", b"abc"),
        ("M-POST", b"abc"),
        ("POST", b"\r\n\r\nhi"),
        ("M-POST", b""),
        ("GET", b""),
        ("POST", b"abc"),
    ]


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("method", [b"POST", b"M-POST"])
def test_wish_for_another_protocol_is_passed_over(method: bytes, step: int) -> None:
    wish = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUPGRADE: h2c\r\nHTTP2-Settings: x\r\n\r\n"
    data = SIZED.replace(b"POST", method).replace(b"\r\n\r\n", wish)
    assert read(data + SIZED + data, step=step) == [
        (method.decode(), b"abc"),
        ("POST", b"abc"),
        (method.decode(), b"abc"),
    ]


def test_nothing_is_taken_beyond_a_request() -> None:
    framing = Framing(Bounds())
    head = framing.feed(SIZED + SIZED)
    assert SIZED[:head].endswith(b"\r\n\r\n")
    assert framing.feed((SIZED + SIZED)[head:]) == 3
    assert framing.is_complete


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"), 400),
        (SIZED.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), 400),
        (SIZED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"), 400),
        (SIZED.replace(b"Host: a", b"Authorization:\r\nauthorization: Basic eA=="), 400),
        (SIZED.replace(b" 3\r\n", b" +3\r\n"), 400),
        (SIZED.replace(b" 3\r\n", b" 3x\r\n"), 400),
        (SIZED.replace(b" 3\r\n", b" " + b"9" * 30 + b"\r\n"), 400),
        (SIZED.replace(b"\r\n", b"\n"), 400),
        (SIZED.replace(b"Length:", b"Length :"), 400),
        (SIZED.replace(b"Host: a", b"Host: a\r\n b"), 400),
        (SIZED.replace(b"Host: a", b"Host: a\0b"), 400),
        (SIZED.replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
        (SIZED.replace(b"POST", b"DREAM"), 501),
        (CHUNKED.replace(b"chunked", b"gzip"), 501),
        (CHUNKED.replace(b"chunked", b"gzip, chunked"), 501),
        (CHUNKED.replace(b"1.1", b"1.0"), 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"f" * 20 + b"\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ],
)
def test_what_has_two_meanings_is_refused(data: bytes, status: int) -> None:
    assert fault(data) == status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nX: " + b"y" * 300, 431),
        (b"POST /" + b"y" * 300, 431),
        (b"POST / HTTP/1.1\r\nX: " + b"y" * 120 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 11 + b"\r\n", 431),
        (SIZED.replace(b" 3\r\n", b" 33\r\n") + b" " * 30, 413),
        (CHUNKED + b"b\r\n" + b" " * 11 + b"\r\n" + b"b\r\n" + b" " * 11 + b"\r\n", 413),
        (CHUNKED + b"1;" + b"x" * 400, 413),
        (CHUNKED + b"0\r\nX: " + b"y" * 120 + b"\r\n\r\n", 431),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * 9 + b"\r\n", 431),
    ],
)
def test_each_bound_holds(data: bytes, status: int) -> None:
    assert fault(data, Bounds(256, line_bytes=100, headers=10, body_bytes=20)) == status


def test_head_that_comes_again_means_the_same() -> None:
    framing, heads = Framing(Bounds()), []
    for body in (b"abc", b"xyz", b"123"):
        data = SIZED[:-3] + body
        framing.feed(data[framing.feed(data) :])
        assert (framing.is_complete, framing.body, framing.length) == (True, body, 3)
        heads.append(framing.head)
        framing.next_request()
    assert heads[1] is heads[2]
    assert heads[0] == heads[1]


def test_heads_that_differ_are_read_though_others_are_known() -> None:
    stream = b"".join(
        SIZED.replace(b"/x", b"/%d" % (n % (KNOWN_MAX + 3))) for n in range(5 * KNOWN_MAX)
    )
    assert read(stream) == [("POST", b"abc")] * 5 * KNOWN_MAX


def test_authorization_and_length_are_no_part_of_the_head() -> None:
    framing = Framing(Bounds())
    framing.feed(SIZED.replace(b"\r\n\r\n", b"\r\nAUTHORIZATION: Basic eA==\r\n\r\n"))
    assert framing.head is not None
    assert framing.head.headers == ((b"Host", b"a"),)
    assert (framing.authorization, framing.length) == (b"Basic eA==", 3)
