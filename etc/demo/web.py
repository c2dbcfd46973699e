#!/usr/bin/env python3
"""A small web site: says which node answers, and counts its visitors in the database.

    web.py HOST:PORT DATABASE_HOST:PORT

The cluster tells a service on which node it runs: BEATKEEPER_NODE.
"""

import http.server
import os
import socket
import sys

NODE = os.environ.get("BEATKEEPER_NODE") or socket.gethostname()
DATABASE_S = 2.0


class Page(http.server.BaseHTTPRequestHandler):
    """The one page."""

    database = ("127.0.0.1", 0)

    def do_GET(self) -> None:
        """Answer with the node's name and the number of this visit."""
        try:
            visits = self._count()
        except OSError as fault:
            self._send(503, f"{NODE} answers, but the database does not: {fault}\n")
            return
        self._send(200, f"{NODE} answers. You are visitor {visits}.\n")

    def _count(self) -> str:
        with socket.create_connection(self.database, DATABASE_S) as connection:
            connection.sendall(b"add visitors\n")
            return connection.makefile().readline().strip()

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Node", NODE)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: visitors are counted elsewhere."""


def place(text: str) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    """Serve until the process is ended."""
    Page.database = place(sys.argv[2])
    with http.server.ThreadingHTTPServer(place(sys.argv[1]), Page) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
