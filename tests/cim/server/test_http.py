"""HTTP as clients and strangers speak it, over real sockets."""

import socket
import ssl
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from cim_provider.server.connection import Limits
from tests.cim.server.harness import (
    OBSERVER,
    Served,
    basic,
    body,
    head,
    is_closed,
    read_reply,
    request,
    serving,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


def test_keep_alive_answers_requests_one_after_the_other(server: Served) -> None:
    with server.connect() as stream:
        for message_id in ("1", "22", "x-3"):
            stream.sendall(request(message_id))
            reply = read_reply(stream)
            assert (reply.status, reply.reason) == (200, "OK")
            assert f'ID="{message_id}"'.encode() in reply.body
            assert reply.headers["cimoperation"] == "MethodResponse"
            assert reply.headers["content-type"] == 'application/xml; charset="utf-8"'


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(), 200),
        (request().replace(b"CIMOperation: MethodCall", b"CIMOperation: Nothing"), 400),
        (request().replace(b"Authorization", b"X-Authorization"), 401),
        (request().replace(b"POST", b"PUT"), 405),
        (b"no HTTP\r\n\r\n", 400),
    ],
)
def test_every_answer_says_when_it_was_given(server: Served, data: bytes, status: int) -> None:
    before = int(time.time())
    with server.connect() as stream:
        stream.sendall(data)
        reply = read_reply(stream)
    assert reply.status == status
    assert reply.headers["date"].endswith(" GMT")
    said = parsedate_to_datetime(reply.headers["date"]).timestamp()
    assert before <= said <= time.time()


def test_pipelined_requests_are_answered_in_order(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(b"".join(request(str(n)) for n in range(1, 9)))
        rest = bytearray()
        replies = [read_reply(stream, rest) for _ in range(8)]
    for number, reply in enumerate(replies, 1):
        assert f'ID="{number}"'.encode() in reply.body


def test_request_in_single_bytes_is_understood(server: Served) -> None:
    with server.connect() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request():
            stream.send(bytes([byte]))
        assert read_reply(stream).status == 200


def test_http_1_0_client_gets_its_answer_and_the_end(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(request(version="1.0"))
        assert read_reply(stream).status == 200
        assert is_closed(stream)


def test_client_that_half_closes_still_gets_its_answer(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(request())
        stream.shutdown(socket.SHUT_WR)
        assert read_reply(stream).status == 200
        assert is_closed(stream)


def test_connection_close_is_obeyed(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(request("1", "Connection: close"))
        assert read_reply(stream).headers["connection"] == "close"
        assert is_closed(stream)


def test_zero_padded_length_is_a_length(server: Served) -> None:
    content = body()
    with server.connect() as stream:
        stream.sendall(head(None, f"content-length: {len(content):010}") + content)
        assert read_reply(stream).status == 200


def test_chunked_request_with_trailers_is_understood(server: Served) -> None:
    content = body()
    chunks = b"".join(b"7\r\n" + content[n : n + 7] + b"\r\n" for n in range(0, 350, 7))
    last = b"%x\r\n" % len(content[350:]) + content[350:] + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"
    with server.connect() as stream:
        for _ in range(2):
            stream.sendall(head(None, "Transfer-Encoding: chunked") + chunks + last)
            assert read_reply(stream).status == 200


def test_client_that_expects_100_is_asked_for_its_body(server: Served) -> None:
    content = body()
    with server.connect() as stream:
        stream.sendall(head(len(content), "Expect: 100-continue"))
        assert read_reply(stream).status == 100
        stream.sendall(content)
        assert read_reply(stream).status == 200


def test_client_that_expects_100_is_refused_before_it_sends(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(head(2_000_000, "Expect: 100-continue"))
        assert read_reply(stream).status == 413
        assert is_closed(stream)


def test_m_post_is_answered_with_its_prefix(server: Served) -> None:
    content = body()
    lines = (
        "Man: http://www.dmtf.org/cim/mapping/http/v1.0;ns=07",
        "07-CIMOperation: MethodCall",
        "07-CIMMethod: EnumerateInstances",
        "07-CIMObject: root%2Fcimv2",
    )
    with server.connect() as stream:
        stream.sendall(head(len(content), *lines, method="M-POST") + content)
        reply = read_reply(stream)
    assert reply.status == 200
    assert reply.headers["07-cimoperation"] == "MethodResponse"
    assert reply.headers["ext"] == ""


def test_m_post_is_refused_with_its_prefix(server: Served) -> None:
    lines = (
        "Man: http://www.dmtf.org/cim/mapping/http/v1.0 ; ns=07",
        "07-CIMOperation: MethodCall",
        "07-CIMMethod: EnumerateInstances",
    )
    with server.connect() as stream:
        stream.sendall(head(len(body()), *lines, method="M-POST") + body())
        reply = read_reply(stream)
    assert (reply.status, reply.headers["07-cimerror"]) == (400, "header-mismatch")
    assert reply.headers["man"].endswith("ns=07")


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
def test_other_methods_are_refused_and_the_connection_stays(server: Served, method: str) -> None:
    with server.connect() as stream:
        stream.sendall(head(None, method=method))
        reply = read_reply_of(stream, method)
        assert reply == 405
        if method != "HEAD":
            stream.sendall(request())
            assert read_reply(stream).status == 200


def read_reply_of(stream: socket.socket, method: str) -> int:
    """An answer to HEAD names a length and has no body."""
    reply = read_reply(stream)
    assert reply.headers["allow"] == "POST, M-POST"
    assert reply.headers["content-length"] == "0", method
    return reply.status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /cimom HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"POST /cimom HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /cimom HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /cimom HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /cimom HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 80_000, 431),
    ],
)
def test_what_is_no_http_is_refused_and_closed(server: Served, data: bytes, status: int) -> None:
    with server.connect() as stream:
        stream.sendall(data)
        assert read_reply(stream).status == status
        assert is_closed(stream)


def test_malformed_xml_is_refused_with_its_reason_and_the_connection_stays(server: Served) -> None:
    content = body()[:-3]
    with server.connect() as stream:
        stream.sendall(head(len(content)) + content)
        reply = read_reply(stream)
        assert (reply.status, reply.headers["cimerror"]) == (400, "request-not-well-formed")
        stream.sendall(request())
        assert read_reply(stream).status == 200


def test_header_that_differs_from_the_body_is_refused_though_the_answer_is_known(
    server: Served,
) -> None:
    content = body()
    with server.connect() as stream:
        stream.sendall(request())
        assert read_reply(stream).status == 200
        stream.sendall(head(len(content)).replace(b"root/cimv2", b"root/other") + content)
        reply = read_reply(stream)
    assert (reply.status, reply.headers["cimerror"]) == (400, "header-mismatch")


def test_announced_body_beyond_the_bound_is_refused_while_it_is_sent(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(head(3_000_000))
        stream.sendall(b" " * 3_000_000)
        assert read_reply(stream).status == 413


def test_chunked_body_beyond_the_bound_is_refused(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(head(None, "Transfer-Encoding: chunked"))
        stream.sendall((b"10000\r\n" + b" " * 65_536 + b"\r\n") * 20)
        assert read_reply(stream).status == 413
        stream.shutdown(socket.SHUT_WR)
        assert is_closed(stream)


def test_wrong_password_is_refused_and_the_same_connection_may_try_again(server: Served) -> None:
    wrong = request().replace(basic("ann", "open sesame").encode(), b"Basic YW5uOm5v")
    with server.connect() as stream:
        stream.sendall(wrong)
        reply = read_reply(stream)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == 'Basic realm="beatkeeper"'
        stream.sendall(request())
        assert read_reply(stream).status == 200


@pytest.mark.parametrize(
    "value", ["", "Basic", "Basic !!!!", "Bearer abc", "Local x:y", "Basic YQ=="]
)
def test_credentials_that_are_none_are_refused(server: Served, value: str) -> None:
    with server.connect() as stream:
        stream.sendall(request().replace(basic("ann", "open sesame").encode(), value.encode()))
        assert read_reply(stream).status == 401


def test_observer_may_read(server: Served) -> None:
    with server.connect() as stream:
        stream.sendall(
            request().replace(basic("ann", "open sesame").encode(), basic(*OBSERVER).encode())
        )
        assert read_reply(stream).status == 200


def test_noise_on_the_tls_port_ends_without_harm(server: Served) -> None:
    for noise in (b"GET / HTTP/1.0\r\n\r\n", bytes(range(256)) * 8, b""):
        with socket.create_connection(("127.0.0.1", server.https_port), 5) as stream:
            stream.sendall(noise)
            if noise:
                while not is_closed(stream):
                    pass
    assert server.client(tls=True).EnumerateInstanceNames("HA_PrimitiveResource")


def test_tls_below_1_2_is_refused(server: Served) -> None:
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.https_port), 5) as stream,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(stream, server_hostname="localhost")


def test_many_connections_at_once_are_all_served(server: Served) -> None:
    def ask(number: int) -> int:
        with server.connect() as stream:
            stream.sendall(request(str(number)))
            return read_reply(stream).status

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(300))) == {200}


def test_connections_beyond_the_bound_are_turned_away_and_come_in_later(tmp_path: Path) -> None:
    with serving(tmp_path, connections_max=2) as server:
        first, second = server.connect(), server.connect()
        for stream in (first, second):
            stream.sendall(request())
            assert read_reply(stream).status == 200
        with server.connect() as third:
            assert read_reply(third).status == 503
        first.close()
        second.sendall(request("2", "Connection: close"))
        assert read_reply(second).status == 200
        assert is_closed(second)
        second.close()
        with server.connect() as fourth:
            fourth.sendall(request())
            assert read_reply(fourth).status == 200


def test_slow_request_is_told_so_and_an_idle_connection_just_ends(tmp_path: Path) -> None:
    with serving(tmp_path, limits=Limits(idle_s=0.3, request_s=0.3)) as server:
        with server.connect() as slow, server.connect() as idle:
            slow.sendall(request()[:-20])
            assert read_reply(slow).status == 408
            assert is_closed(idle)
        with server.connect() as header:
            header.sendall(b"POST /cimom HT")
            assert read_reply(header).status == 408


def test_client_that_takes_no_answers_is_dropped(tmp_path: Path) -> None:
    with serving(tmp_path, limits=Limits(write_s=0.3), connections_max=1) as server:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.settimeout(0.2)
            deaf.connect(("127.0.0.1", server.http_port))
            with pytest.raises((TimeoutError, ConnectionError)):
                deaf.sendall(request() * 20_000)
        with server.connect() as stream:
            stream.sendall(request())
            assert read_reply(stream).status in (200, 503)


def test_bug_in_an_operation_is_a_500_that_shows_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.performer.has_bug = True
        with server.connect() as stream:
            stream.sendall(request())
            reply = read_reply(stream)
            assert (reply.status, reply.body) == (500, b"")
            assert is_closed(stream)
        server.performer.has_bug = False
        with server.connect() as stream:
            stream.sendall(request())
            assert read_reply(stream).status == 200


def test_stop_ends_idle_connections_and_lets_a_running_request_end(tmp_path: Path) -> None:
    with serving(tmp_path, operation_s_max=0.5) as server:
        idle, busy = server.connect(), server.connect()
        idle.sendall(request())
        read_reply(idle)
        server.performer.waits, server.performer.now = True, "2"
        busy.sendall(request())
        assert server.performer.waiting.wait(10)
    with idle, busy:
        assert is_closed(idle)
        reply = read_reply(busy)
        assert reply.status == 200
        assert b"took longer than 0.5 s" in reply.body
