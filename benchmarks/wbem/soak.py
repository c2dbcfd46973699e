"""Full load for a while, from clients that are killed at any moment.

The clients ask for lists, single resources and names, over HTTP and HTTPS, while
the cluster changes ten times a second. Each is killed after a few requests: in
the middle of its own request, before the answer, in the middle of it, or after.
Prints a line every so often; exits with 1 if memory grew by more than two percent
from the first quarter on, if an answer did not come, or if a connection is left.

    python benchmarks/wbem/soak.py [--minutes 30] [--clients 32]
"""

import argparse
import os
import random
import select
import socket
import ssl
import statistics
import struct
import sys
import tempfile
import time

import psutil
from asking import CLASS, Server, enumerate_request, get_request, http

RESOURCES, CHANGES_PER_S = 100, 10.0
GROWTH_MAX = 0.02
STUCK_S = 30.0
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the peer is told nothing but that the connection is gone."""
KINDS = ("in the request", "before the answer", "in the answer", "after the answer")


class Victim:
    """A client with a few requests to live."""

    def __init__(self, draw: random.Random, ours: Server, context: ssl.SSLContext) -> None:
        self._draw = draw
        self.kind = draw.choice(KINDS)
        self.left = draw.randrange(1, 40)
        has_tls = draw.random() < 0.3
        port = ours.port("https" if has_tls else "http")
        self.stream: socket.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if has_tls:
            self.stream = context.wrap_socket(self.stream, server_hostname="localhost")
        self.stream.setblocking(False)
        self.head, self.missing, self.asked_s = b"", 0, 0.0

    def ask(self) -> bool:
        """Send a request; return whether the client lives on."""
        number = self._draw.randrange(RESOURCES)
        named = f'<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="{CLASS}"/></IPARAMVALUE>'
        request = self._draw.choice(
            (
                enumerate_request(),
                get_request(f"resource-{number:04}"),
                get_request("nobody"),
                http("EnumerateInstanceNames", named),
                http("EnumerateInstances", named),
            )
        )
        self.left -= 1
        self.head, self.missing, self.asked_s = b"", 0, time.monotonic()
        is_end = not self.left
        if is_end and self.kind == "in the request":
            request = request[: self._draw.randrange(len(request))]
        self.stream.send(request)
        return not (is_end and self.kind in ("in the request", "before the answer"))

    def take(self, buffer: bytearray) -> bool:
        """Take what has come; return whether the answer is whole."""
        while True:
            try:
                got = self.stream.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            assert got, "the server closed the connection"
            self._count(bytes(buffer[: min(got, 1024)]), got)
            if self.missing == 0 and self.head.endswith(b"\r\n\r\n"):
                return True

    def _count(self, begin: bytes, got: int) -> None:
        if not self.head:
            top, _, _ = begin.partition(b"\r\n\r\n")
            assert top.startswith(b"HTTP/1.1 200"), top
            lines = dict(line.lower().split(b":", 1) for line in top.split(b"\r\n")[1:])
            self.head = top + b"\r\n\r\n"
            self.missing = int(lines[b"content-length"]) + len(self.head)
        self.missing -= got

    def kill(self) -> None:
        """End without a word."""
        self.stream.close()


class Soak:
    """Keeps the clients going, and counts."""

    def __init__(self, ours: Server, clients: int, context: ssl.SSLContext, seed: int) -> None:
        self._ours, self._context = ours, context
        self._draw, self._clients = random.Random(seed), clients
        self._poll, self._buffer = select.epoll(), bytearray(1 << 18)
        self._by_number: dict[int, Victim] = {}
        self.answers = self.kills = 0
        self.longest_s = 0.0

    def run(self, seconds: float) -> None:
        """Load the server for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            while len(self._by_number) < self._clients:
                self._begin()
            for number, _ in self._poll.poll(1):
                self._go_on(number, self._by_number[number])
            oldest = min(each.asked_s for each in self._by_number.values())
            assert time.monotonic() - oldest < STUCK_S, "an answer does not come"

    def end(self) -> None:
        """Kill all."""
        for number in tuple(self._by_number):
            self._kill(number)

    def _begin(self) -> None:
        victim = Victim(self._draw, self._ours, self._context)
        number = victim.stream.fileno()
        self._by_number[number] = victim
        self._poll.register(number, select.EPOLLIN)
        self._ask(number, victim)

    def _go_on(self, number: int, victim: Victim) -> None:
        is_whole = victim.take(self._buffer)
        if not is_whole:
            if not victim.left and victim.kind == "in the answer" and victim.head:
                self._kill(number)
            return
        self.answers += 1
        self.longest_s = max(self.longest_s, time.monotonic() - victim.asked_s)
        if victim.left:
            self._ask(number, victim)
        else:
            self._kill(number)

    def _ask(self, number: int, victim: Victim) -> None:
        if not victim.ask():
            self._kill(number)

    def _kill(self, number: int) -> None:
        self._poll.unregister(number)
        self._by_number.pop(number).kill()
        self.kills += 1


def main() -> int:
    """Soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ours = Server("wbem", directory, str(RESOURCES), str(CHANGES_PER_S))
        context = ssl.create_default_context(cafile=str(ours.state["certificate"]))
        descriptors = ours.watched.num_fds()
        soak = Soak(ours, options.clients, context, options.seed)
        sizes: list[float] = []
        steps = max(16, int(options.minutes))
        for step in range(steps):
            soak.run(options.minutes * 60 / steps)
            sizes.append(ours.megabytes())
            print(
                f"{(step + 1) * options.minutes / steps:6.1f} min  {soak.answers:9} answers"
                f"  {soak.kills:7} kills  {sizes[-1]:6.1f} MB  longest {soak.longest_s:.3f} s"
                f"  load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        soak.end()
        left = _left_open(ours, descriptors)
        ours.stop()
    quarter = len(sizes) // 4
    first, last = (
        statistics.median(each) for each in (sizes[quarter : 2 * quarter], sizes[-quarter:])
    )
    growth = last / first - 1
    print(f"memory grew by {growth:.2%}, at most {GROWTH_MAX:.0%}; connections left: {left}")
    return int(growth > GROWTH_MAX or left > 0)


def _left_open(ours: Server, before: int) -> int:
    """Return how many connections the server still holds, some time after all clients have gone."""
    for _ in range(50):
        left = ours.watched.num_fds() - before
        connected = [
            c for c in ours.watched.net_connections("tcp") if c.status != psutil.CONN_LISTEN
        ]
        if left <= 1 and not connected:
            return 0
        time.sleep(0.1)
    return max(len(connected), left)


if __name__ == "__main__":
    sys.exit(main())
