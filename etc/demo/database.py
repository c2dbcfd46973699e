#!/usr/bin/env python3
"""A small database server: names and values, kept in a file that outlives the server.

    database.py HOST:PORT FILE

One request a line, one answer a line:

    get NAME          the value; empty if there is none
    set NAME VALUE    the value
    add NAME          the value as a number, after one was added

An answer is given once the disk has the change. The file must be in use by one
server at a time: on a cluster that is what the group around it is for.
"""

import socketserver
import sqlite3
import sys
import threading

LINE_BYTES_MAX = 4096


class Database:
    """The file. Changes wait their turn."""

    def __init__(self, path: str) -> None:
        self._turn = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute("CREATE TABLE IF NOT EXISTS pairs (name TEXT PRIMARY KEY, value TEXT)")

    def answer(self, line: str) -> str:
        """Return the answer to a request."""
        verb, _, rest = line.strip().partition(" ")
        name, _, value = rest.partition(" ")
        with self._turn:
            if verb == "get" and name:
                return self._value(name)
            if verb == "set" and name:
                return self._changed(name, value)
            if verb == "add" and name:
                return self._changed(name, str(int(self._value(name) or 0) + 1))
        return "error: expected get NAME, set NAME VALUE or add NAME"

    def _value(self, name: str) -> str:
        row = self._file.execute("SELECT value FROM pairs WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def _changed(self, name: str, value: str) -> str:
        self._file.execute("REPLACE INTO pairs VALUES (?, ?)", (name, value))
        return value


class Client(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Answer until the client leaves."""
        while line := self.rfile.readline(LINE_BYTES_MAX):
            try:
                answer = self.server.database.answer(line.decode("utf-8", "replace"))
            except (ValueError, sqlite3.Error) as fault:
                answer = f"error: {fault}"
            self.wfile.write(f"{answer}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """All connections."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve until the process is ended."""
    place, path = sys.argv[1:]
    host, _, port = place.rpartition(":")
    with Server((host, int(port)), Client) as server:
        server.database = Database(path)
        server.serve_forever()


if __name__ == "__main__":
    main()
