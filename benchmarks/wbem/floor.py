"""The least that TLS costs here: a loop that does nothing but send the same bytes.

Once as they are and once enciphered, on one connection over loopback to a process that only takes
them. What it says is the ratio of processor times: no server that enciphers as OpenSSL does and
sends an answer of that size from memory comes nearer to its own figure without TLS.
"""

import multiprocessing
import os
import socket
import ssl
import statistics
import time
from collections.abc import Callable

PIECE_BYTES = 65_536
AT_ONCE_BYTES = 524_288
TIMES = 200


def _sink(port: int, context: ssl.SSLContext | None) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stream:
        if context is not None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            machine = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            is_done = False
            while not is_done:
                try:
                    machine.do_handshake()
                    is_done = True
                except ssl.SSLWantReadError:
                    stream.sendall(outgoing.read())
                    incoming.write(stream.recv(PIECE_BYTES))
            stream.sendall(outgoing.read())
        buffer = bytearray(AT_ONCE_BYTES)
        while stream.recv_into(buffer):
            pass


def _seconds(send: Callable[[memoryview], int], data: memoryview, piece: int) -> float:
    """Return how much processor time it takes to send the data, the median of many times."""
    taken = []
    for _ in range(TIMES):
        begin_s, left = time.process_time(), data
        while left:
            left = left[send(left[:piece]) :]
        taken.append(time.process_time() - begin_s)
    return statistics.median(taken)


def tls_to_plain(size: int, server: ssl.SSLContext, client: ssl.SSLContext) -> float:
    """Return how fast so many bytes are sent with TLS, where without it is 1."""
    found = []
    for context in (None, client):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            sink = multiprocessing.Process(target=_sink, args=(port, context))
            sink.start()
            stream, _ = listening.accept()
        data = memoryview(bytes(size))
        with stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                number = stream.fileno()
                found.append(
                    _seconds(lambda part, at=number: os.write(at, part), data, AT_ONCE_BYTES)
                )
            else:
                with server.wrap_socket(stream, server_side=True) as secured:
                    found.append(_seconds(secured.send, data, PIECE_BYTES))
        sink.terminate()
        sink.join(30)
    return found[0] / found[1]
