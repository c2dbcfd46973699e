"""Admission of new nodes: the door that a running node keeps, and the knock of the new one.

Owns: invitations on disk (each good for one node and a limited time) and the
streams of the exchange. What the words mean is `invitation`'s; whether the
node is taken in is the cluster's decision, like any other command.
"""

import asyncio
import json
import logging
import os
import secrets
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ha_core import commands
from ha_core.config import limits
from ha_core.config.kinds import show_place
from ha_core.config.model import Address, Configuration, Node
from ha_core.errors import ConfigError, ConnectError, HaError, RefusedError, WireError
from ha_core.ids import Generation, NodeName
from ha_core.runtime.invitation import (
    ID_BYTES,
    KNOCK,
    PUBLIC_BYTES,
    REFUSAL,
    SECRET_BYTES,
    Handshake,
    Invitation,
    render_token,
)
from ha_core.runtime.nodefile import parse_place, render_node_file

VALID_S: Final = 3600
EXCHANGE_S: Final = 10.0
ANSWER_S: Final = 60.0
"""How long the cluster may take to decide."""
MESSAGE_BYTES_MAX: Final = 262_144
KNOCKS_MAX: Final = 8
STARTS_UNHEARD: Final = 1000
"""How often a node may have started under a name since the log heard of it last: its peers, who saw
its frames, would take those of a new node for old ones.
"""
LOG_EVERY_S: Final = 60.0
LOGGED_MAX: Final = 100
UNKNOWN: Final = "this invitation is unknown here, used or expired: run 'ha token' for a new one"
IN_USE: Final = "this invitation is being used by another node: run 'ha token' for a new one"
WRONG_SECRET: Final = "the token's secret is wrong: copy the whole word that 'ha token' printed"
_LENGTH = struct.Struct(">I")
_KNOCK_BYTES: Final = len(KNOCK) + ID_BYTES + PUBLIC_BYTES

log = logging.getLogger(__name__)
Submit = Callable[[commands.Command, str], Awaitable[commands.Outcome]]


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a new node is given."""

    ring: str
    node_file: str
    revision: int
    cluster: str = ""
    """Name of the cluster; empty if the inviting node is too old to say it."""


# --- invitations ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of an invitation that is still good."""

    secret: bytes = field(repr=False)
    node: str = ""
    """The only name that may join with it; empty: any."""


def invite(
    directory: Path,
    places: tuple[tuple[str, str], ...],
    valid_s: int = VALID_S,
    node: str = "",
) -> str:
    """Write an invitation for one node, of that name alone if one is given; return its token.

    Raises RefusedError: no node can be called so.
    """
    if node and not limits.NODE.fullmatch(node):
        text = f"no node can be called {node[:64]!r}: expected {limits.NODE_ALLOWED}"
        raise RefusedError("invalid", text)
    invitation = Invitation(
        secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES), places
    )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_expired(directory)
    path = directory / invitation.id.hex()
    until = time.time() + valid_s
    text = json.dumps({"secret": invitation.secret.hex(), "until": until, "node": node})
    path.touch(mode=0o600, exist_ok=False)
    if os.geteuid() == 0:
        # The daemon may run as another user, whose directory this then is.
        owner = directory.parent.stat()
        os.chown(directory, owner.st_uid, owner.st_gid)
        os.chown(path, owner.st_uid, owner.st_gid)
    path.write_text(text)
    return render_token(invitation)


def _forget_expired(directory: Path) -> None:
    for path in directory.iterdir():
        if len(path.name) == 2 * ID_BYTES:
            _kept(directory, bytes.fromhex(path.name))


def _kept(directory: Path, invitation_id: bytes) -> _Kept | None:
    """Return an invitation that is still good, or None."""
    path = directory / invitation_id.hex()
    try:
        raw = json.loads(path.read_text())
        found = _Kept(bytes.fromhex(raw["secret"]), str(raw.get("node", "")))
        until = float(raw["until"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if time.time() > until:
        path.unlink(missing_ok=True)
        return None
    return found


# --- the door ------------------------------------------------------------------------------


class Door:
    """Lets invited nodes in, on behalf of a running daemon."""

    def __init__(
        self,
        directory: Path,
        ring: Callable[[], str],
        submit: Submit,
        configuration: Callable[[], Configuration],
        newest_start: Callable[[NodeName], Generation] = lambda _: 0,
    ) -> None:
        """`newest_start`: the newest start under a name that the log knows; 0 if there is none."""
        self._directory = directory
        self._ring = ring
        self._submit = submit
        self._configuration = configuration
        self._newest_start = newest_start
        self._open = 0
        self._in_use: set[bytes] = set()
        self._logged: dict[str, float] = {}

    async def answer(
        self, knock: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one exchange through; whatever is wrong ends it with a sentence in the log."""
        if self._open >= KNOCKS_MAX:
            return
        self._open += 1
        try:
            await self._exchange(knock, reader, writer)
        except (HaError, OSError, TimeoutError, asyncio.IncompleteReadError) as fault:
            self._log(str(fault) or "it fell silent")
        finally:
            self._open -= 1
            writer.close()

    async def _exchange(
        self, knock: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(knock) != _KNOCK_BYTES:
            raise WireError(f"a knock of {len(knock)} bytes, expected {_KNOCK_BYTES}")
        invitation_id = knock[len(KNOCK) : len(KNOCK) + ID_BYTES]
        kept = _kept(self._directory, invitation_id)
        if kept is None:
            await _send(writer, REFUSAL + UNKNOWN.encode())
            raise WireError("its invitation is unknown here, used or expired")
        if invitation_id in self._in_use:
            await _send(writer, REFUSAL + IN_USE.encode())
            raise WireError("its invitation is being used by another node this moment")
        self._in_use.add(invitation_id)
        try:
            await self._welcome(knock, kept, reader, writer)
        finally:
            self._in_use.discard(invitation_id)

    async def _welcome(
        self,
        knock: bytes,
        kept: _Kept,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        invitation_id = knock[len(KNOCK) : len(KNOCK) + ID_BYTES]
        handshake = Handshake(invitation_id, kept.secret)
        await _send(writer, KNOCK + handshake.public)
        sealer = handshake.keys(knock[-PUBLIC_BYTES:], is_joiner=False)
        try:
            wish = sealer.open(await _receive(reader, EXCHANGE_S))
        except WireError:
            await _send(writer, REFUSAL + WRONG_SECRET.encode())
            raise
        answer = await self._take_in(wish, invitation_id, kept.node)
        await _send(writer, sealer.seal(answer))

    def _log(self, text: str) -> None:
        """Log a refusal, at most once a minute: strangers must not push all else out of the log."""
        now_s = time.monotonic()
        if now_s - self._logged.get(text, -LOG_EVERY_S) >= LOG_EVERY_S:
            if len(self._logged) >= LOGGED_MAX:
                self._logged.clear()
            self._logged[text] = now_s
            log.warning("a node that asked to join was not let in: %s", text)

    async def _take_in(
        self, wish: dict[str, object], invitation_id: bytes, expected: str
    ) -> dict[str, object]:
        try:
            command = _command(wish)
            if expected not in ("", command.node):
                text = f"the token is for node {expected} and not for {command.node[:64]}"
                raise RefusedError("denied", f"{text}: join with --node {expected}")
            outcome = await self._submit(command, f"invitation {invitation_id.hex()}")
        except HaError as fault:
            return {"ok": False, "code": fault.code, "text": str(fault)}
        if not outcome.ok:
            return {"ok": False, "code": outcome.code, "text": outcome.text}
        (self._directory / invitation_id.hex()).unlink(missing_ok=True)
        known = self._newest_start(command.node)
        node_file = render_node_file(
            command.node,
            _with(self._configuration(), command),
            known + STARTS_UNHEARD if known else 0,
        )
        log.info("%s was let in by invitation %s", command.node, invitation_id.hex())
        return {
            "ok": True,
            "ring": self._ring(),
            "node_file": node_file,
            "revision": outcome.revision,
            "cluster": self._configuration().name,
        }


def _command(wish: dict[str, object]) -> commands.AddNode:
    name, places = wish.get("name"), wish.get("places")
    if not isinstance(name, str) or not isinstance(places, dict) or not places:
        raise ConfigError("the new node gave no name or no addresses")
    addresses = tuple(
        parse_place(str(link), str(place), f"address of {name}") for link, place in places.items()
    )
    return commands.AddNode(NodeName(name), addresses, witness=wish.get("witness") is True)


def _with(configuration: Configuration, command: commands.AddNode) -> Configuration:
    """Return the configuration with the new node, should this replica not show it yet."""
    if configuration.node(command.node) is not None:
        return configuration

    return replace(
        configuration, nodes=(*configuration.nodes, Node(command.node, command.addresses))
    )


# --- the knock -----------------------------------------------------------------------------


def wished_places(
    invitation: Invitation, given: dict[str, str], port: int | None = None
) -> dict[str, str]:
    """Return host:port of the new node for each link.

    `given` has host or host:port for links; for others the address is the one
    by which this machine reaches the inviting node, with that node's port.

    Raises: ConfigError: the cluster has no such link, or the inviting node cannot be reached.
    """
    places = {}
    for link, place in invitation.places:
        there = parse_place(link, place, "token")
        own = parse_place(link, given[link], f"--address {link}") if link in given else None
        host = own.host if own else _own_host(there)
        places[link] = show_place(host, (own.port if own else 0) or port or there.port)
    unknown = sorted(set(given) - set(places))
    if unknown:
        known = ", ".join(places)
        raise ConfigError(f"the cluster has no link {unknown[0]!r}; it has: {known}")
    return places


async def ask_in(
    invitation: Invitation, name: str, places: dict[str, str], *, witness: bool = False
) -> Welcome:
    """Ask the inviting node to be let in as `name`, listening at `places`.

    Raises: ConnectError: nobody answers; RefusedError: the cluster said no, and why.
    """
    faults = []
    for link, place in invitation.places:
        address = parse_place(link, place, "token")
        try:
            wish = {"name": name, "places": places, "witness": witness}
            return await _ask_at(address, invitation, wish)
        except (OSError, TimeoutError) as fault:
            faults.append(f"{place} ({_words(fault)})")
    raise ConnectError(
        f"the inviting node does not answer at {', '.join(faults)}: is 'had' running there, and"
        " are its ports open for TCP and UDP?"
    )


async def _ask_at(address: Address, invitation: Invitation, wish: dict[str, object]) -> Welcome:
    async with asyncio.timeout(EXCHANGE_S):
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        handshake = Handshake(invitation.id, invitation.secret)
        await _send(writer, KNOCK + invitation.id + handshake.public)
        reply = await _receive(reader, EXCHANGE_S)
        if reply.startswith(REFUSAL):
            raise RefusedError("denied", reply[len(REFUSAL) :].decode(errors="replace"))
        sealer = handshake.keys(reply[len(KNOCK) :], is_joiner=True)
        await _send(writer, sealer.seal(wish))
        reply = await _receive(reader, ANSWER_S)
        if reply.startswith(REFUSAL):
            raise RefusedError("denied", reply[len(REFUSAL) :].decode(errors="replace"))
        answer = sealer.open(reply)
    except asyncio.IncompleteReadError:
        raise OSError("it closed the connection") from None
    finally:
        writer.close()
    if not answer.get("ok"):
        raise RefusedError(str(answer.get("code", "denied")), str(answer.get("text", "")))
    revision = answer.get("revision")
    return Welcome(
        str(answer["ring"]),
        str(answer["node_file"]),
        revision if isinstance(revision, int) else 0,
        str(answer.get("cluster", "")),
    )


def _own_host(there: Address) -> str:
    """Return where the inviting node would see this machine. Source: udp(7), connect(2)."""
    try:
        found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_DGRAM)
        with socket.socket(found[0][0], socket.SOCK_DGRAM) as probe:
            probe.connect(found[0][4])
            return str(probe.getsockname()[0])
    except OSError as fault:
        text = f"this machine has no way to {there.host} of the token ({fault.strerror})"
        raise ConfigError(
            f"{text}: name its own address with --address {there.link}=HOST"
        ) from None


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(_LENGTH.pack(len(data)) + data)
    async with asyncio.timeout(EXCHANGE_S):
        await writer.drain()


async def _receive(reader: asyncio.StreamReader, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if size > MESSAGE_BYTES_MAX:
            raise WireError(f"a message of {size} bytes, at most {MESSAGE_BYTES_MAX}")
        return await reader.readexactly(size)


def _words(fault: OSError | TimeoutError) -> str:
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    return os.strerror(fault.errno) if fault.errno else str(fault)
