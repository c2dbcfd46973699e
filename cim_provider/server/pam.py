"""Passwords that the system knows, by PAM: asked for by saslauthd.

Owns: the exchange on its socket, within a time limit. PAM's modules want to
read secrets that are root's, and run in the process that asks them; the server
has no privileges and loads no foreign code, so it leaves both to saslauthd of
Cyrus SASL, which is made for this and runs PAM in a process of its own. Which
modules are asked stands in the file of the service, as for every program.
Source: saslauthd(8) and its ipc_unix protocol: four strings with their lengths,
and one in return.
"""

import asyncio
from pathlib import Path
from typing import Final

ASK_S: Final = 10.0
"""PAM delays wrong passwords by some seconds, and may have to ask a directory."""
REPLY_BYTES_MAX: Final = 1_024
REALM: Final = b""


class SaslAuthd:
    """Asks the saslauthd on a socket about passwords of one service; see `PasswordService`."""

    def __init__(self, socket: Path, service: str, ask_s: float = ASK_S) -> None:
        self._socket = socket
        self._service = service
        self._ask_s = ask_s

    async def fits(self, name: str, password: bytes) -> bool:
        """Return whether the password is the user's.

        Raises: OSError: nobody listens, the answer is none, or time is up.
        """
        async with asyncio.timeout(self._ask_s):
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
            try:
                writer.write(_request(name, password, self._service))
                await writer.drain()
                size = int.from_bytes(await reader.readexactly(2))
                if size > REPLY_BYTES_MAX:
                    raise ConnectionAbortedError(f"an answer of {size} bytes from {self._socket}")
                reply = await reader.readexactly(size)
            except asyncio.IncompleteReadError as fault:
                text = f"{self._socket} was closed without an answer"
                raise ConnectionResetError(text) from fault
            finally:
                writer.close()
        return reply[:2] == b"OK"


def _request(name: str, password: bytes, service: str) -> bytes:
    fields = (name.encode(), password, service.encode(), REALM)
    return b"".join(len(each).to_bytes(2) + each for each in fields)
