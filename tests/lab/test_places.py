"""Ports that somebody has are never given to a lab."""

import socket

import pytest

from ha_core.errors import RefusedError
from ha_core.lab import places


def listening(kind: socket.SocketKind) -> socket.socket:
    """Return a socket that holds a port of 127.0.0.1."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    if kind is socket.SOCK_STREAM:
        sock.listen()
    return sock


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_port_in_use_is_not_free(kind: socket.SocketKind) -> None:
    with listening(kind) as sock:
        assert not places.are_free([sock.getsockname()])
    assert places.are_free([("127.99.98.97", 6940)])


def test_one_place_cannot_be_had_twice() -> None:
    place = ("127.99.98.96", 6940)
    assert not places.are_free([place, place])


def test_wbem_ports_follow_each_other_and_differ() -> None:
    pairs = places.wbem_ports(5, None)
    flat = [port for pair in pairs for port in pair]
    assert flat == list(range(flat[0], flat[0] + 10))


def test_wbem_ports_begin_where_asked() -> None:
    first = places.wbem_ports(2, None)[0][0]
    assert places.wbem_ports(2, first) == ((first, first + 1), (first + 2, first + 3))


def test_wbem_port_in_use_is_named() -> None:
    with listening(socket.SOCK_STREAM) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} of 127.0.0.1 is not free"):
            places.wbem_ports(1, port)


def test_wbem_ports_beyond_the_last_are_refused() -> None:
    with pytest.raises(RefusedError, match="port 65536"):
        places.wbem_ports(2, 65_534)
