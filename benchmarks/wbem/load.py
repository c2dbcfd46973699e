"""The load: one process that keeps a number of connections busy and only counts bytes.

Every connection is kept alive and has one request under way. How long an answer
is must be known before, so that nothing of it is looked at while it is measured.
"""

import multiprocessing
import select
import socket
import ssl
import time
from dataclasses import dataclass

import psutil

BUFFER_BYTES = 1 << 20
RECORD_BYTES = 16_384


@dataclass(frozen=True)
class Figures:
    """What was seen: answers a second, and how long they took, in microseconds."""

    rate: float
    per_processor_s: float
    """Answers for each second that the server used a processor: other work on the machine, which
    takes the processor away, does not count."""
    p50_us: float
    p99_us: float
    longest_us: float


class Client:
    """One connection that asks the same thing again and again."""

    def __init__(self, port: int, request: bytes, context: ssl.SSLContext | None) -> None:
        self.stream, self.request = socket.create_connection(("127.0.0.1", port), 30), request
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A machine of its own: Python's TLS sockets make two system calls for each record.
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.machine: ssl.SSLObject | None = None
        if context is not None:
            pair = (self._incoming, self._outgoing)
            self.machine = context.wrap_bio(*pair, server_hostname="localhost")
            self._shake_hands(self.machine)
        self.answer, self.missing, self.asked_s = 0, 0, 0.0

    def _shake_hands(self, machine: ssl.SSLObject) -> None:
        while True:
            try:
                machine.do_handshake()
            except ssl.SSLWantReadError:
                self.stream.sendall(self._outgoing.read())
                self._incoming.write(self.stream.recv(65_536))
            else:
                self.stream.sendall(self._outgoing.read())
                return

    def _more(self) -> bytes:
        if self.machine is None:
            return self.stream.recv(BUFFER_BYTES)
        while True:
            try:
                return self.machine.read(BUFFER_BYTES)
            except ssl.SSLWantReadError:
                self._incoming.write(self.stream.recv(65_536))

    def _send(self) -> None:
        if self.machine is None:
            self.stream.sendall(self.request)
        else:
            self.machine.write(self.request)
            self.stream.sendall(self._outgoing.read())

    def measure(self) -> bytes:
        """Ask once, note how long the whole answer is, and return its body."""
        self._send()
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        top, _, body = data.partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 200"), top[:200]
        lines = dict(line.lower().split(b":", 1) for line in top.split(b"\r\n")[1:])
        length = int(lines[b"content-length"])
        while len(body) < length:
            body += self._more()
        self.answer = len(top) + 4 + length
        return body

    def ask(self) -> None:
        """Send the next request."""
        self.missing, self.asked_s = self.answer, time.perf_counter()
        self._send()

    def take(self, buffer: bytearray) -> float | None:
        """Take what has come; return how long the answer took once it is whole."""
        try:
            got = self.stream.recv_into(buffer)
        except BlockingIOError:
            return None
        assert got, "the server closed the connection"
        self.missing -= self._deciphered(buffer, got)
        return None if self.missing else time.perf_counter() - self.asked_s

    def _deciphered(self, buffer: bytearray, got: int) -> int:
        """Return how many bytes of an answer are in what has come."""
        if self.machine is None:
            return got
        self._incoming.write(memoryview(buffer)[:got])
        count = 0
        while True:
            try:
                count += self.machine.read(RECORD_BYTES, buffer)
            except ssl.SSLWantReadError:
                return count


def drive(
    server: psutil.Process,
    port: int,
    request: bytes,
    concurrency: int,
    seconds: float,
    context: ssl.SSLContext | None = None,
) -> Figures:
    """Keep so many connections to a server busy for so long."""
    clients = [Client(port, request, context) for _ in range(concurrency)]
    poll, buffer, taken = select.epoll(), bytearray(BUFFER_BYTES), []
    by_number = {}
    for client in clients:
        client.measure()
        client.stream.setblocking(False)
        by_number[client.stream.fileno()] = client
        poll.register(client.stream.fileno(), select.EPOLLIN)
    used_s = sum(server.cpu_times()[:2])
    begin_s = now_s = time.perf_counter()
    for client in clients:
        client.ask()
    while now_s - begin_s < seconds:
        for number, _ in poll.poll(10):
            client = by_number[number]
            took_s = client.take(buffer)
            if took_s is not None:
                taken.append(took_s)
                client.ask()
        now_s = time.perf_counter()
    used_s = sum(server.cpu_times()[:2]) - used_s
    poll.close()
    for client in clients:
        client.stream.close()
    taken.sort()
    return Figures(
        rate=len(taken) / (now_s - begin_s),
        per_processor_s=len(taken) / max(used_s, 0.01),
        p50_us=taken[len(taken) // 2] * 1e6,
        p99_us=taken[len(taken) * 99 // 100] * 1e6,
        longest_us=taken[-1] * 1e6,
    )


def ask_slowly(port: int, request: bytes, seconds: float) -> None:
    """Ask for something long again and again, one after the other."""
    client = Client(port, request, None)
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        client.measure()
    client.stream.close()


def wait_beside(port: int, slow: bytes, quick: bytes, seconds: float) -> list[float]:
    """Return how long each quick answer took, in seconds, while others ask for long ones."""
    beside = [
        multiprocessing.Process(target=ask_slowly, args=(port, slow, seconds + 1)) for _ in range(2)
    ]
    client, taken = Client(port, quick, None), []
    client.measure()
    for process in beside:
        process.start()
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        begin_s = time.perf_counter()
        client.measure()
        taken.append(time.perf_counter() - begin_s)
    for process in beside:
        process.join(60)
    client.stream.close()
    return sorted(taken)
