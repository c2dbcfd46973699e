"""The daemon's control socket: lets local clients read the cluster and give commands.

Owns: the UNIX socket, who may use it, and the bounds on what comes in. Knows
nothing of how the node works: it serves a `ControlPort`. The socket file may be
opened by everyone, because a peer that is not allowed is told so in a sentence
instead of meeting a bare "permission denied"; the kernel vouches for the peer.
"""

import asyncio
import logging
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, Protocol, TypeAlias, assert_never

from ha_core import control_protocol as protocol
from ha_core.commands import Command, Outcome, Shelve
from ha_core.errors import ConnectError, HaError, WireError
from ha_core.figures import AgentTold, NodeFigures
from ha_core.ids import Millis
from ha_core.journal import JournalEvent
from ha_core.layout import socket_address
from ha_core.observed import Item, LinkStanding, OperationResult
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import Shelf
from ha_core.runtime.errands import Errands
from ha_core.runtime.tasks import end_tasks
from ha_core.runtime.wills import LastWill, Wills
from ha_core.snapshot import ClusterSnapshot

CLIENTS_MAX: Final = 64
REFUSALS_MAX: Final = 16
"""Connections that are being refused at one time; more are cut off without a word, so that a user
who may not come in cannot use up the daemon's open files, nor the places of those who may."""
BACKLOG: Final = 64
SEND_TIMEOUT_S: Final = 30.0
"""A client that reads nothing for so long is dropped: its replies would pile up here."""
PROBE_S: Final = 2.0
TURNS_TO_ACCEPT: Final = 3
"""Of the loop: so many, and who has connected is accepted. A server that is closed between the two
leaves the connection open for ever (CPython 3.11, `Server._attach`)."""
_SO_PEERGROUPS: Final = 59  # unix(7); has no name in the socket module
_GROUPS_BYTES_MAX: Final = 1024  # the most that `getsockopt` of the socket module takes
_ROOT_UID: Final = 0

Sign: TypeAlias = Callable[[str], Awaitable[str]]
"""Returns the certificate for a request, both PEM. Raises HaError: it is not signed."""

Measure: TypeAlias = Callable[[Millis], Awaitable[tuple[NodeFigures, ...]]]
"""Returns the figures of all nodes, none of those that answer older than so much."""
Describe: TypeAlias = Callable[[str], Awaitable[AgentTold]]
"""Returns what an installed agent says of itself. Raises HaError: there is no such agent."""

log = logging.getLogger(__name__)


class ControlPort(Protocol):
    """What the socket needs of a running node."""

    def snapshot(self) -> ClusterSnapshot:
        """Return the picture as it is now."""
        ...

    async def command(self, command: Command, author: str) -> Outcome:
        """Carry out a command, bounded in time, and return what became of it."""
        ...

    async def events(self, since_seq: int, limit: int) -> tuple[JournalEvent, ...]:
        """Return at most `limit` events numbered above `since_seq`, oldest first."""
        ...

    def observed(self, since: int, limit: int) -> tuple[tuple[Item, ...], int]:
        """Return at most `limit` results and links that are newer than `since`, and how far."""
        ...

    def history(self) -> tuple[ConfigurationChange, ...]:
        """Return the kept revisions of the configuration, oldest first."""
        ...

    def shelf(self) -> Shelf:
        """Return what the log keeps for programs beside the cluster: read only."""
        ...

    async def shelf_changed(self, since: int, timeout_ms: Millis) -> None:
        """Return when the shelf's revision differs from `since`, or time is up."""
        ...

    async def changed(self, version: str, timeout_ms: Millis) -> None:
        """Return when the snapshot's version differs from `version`, or time is up."""
        ...


class Trust(Enum):
    """How far a peer is trusted."""

    REFUSED = "refused"
    MEMBER = "member"
    """May do everything in its own name."""
    DELEGATE = "delegate"
    """May also name the person on whose behalf it acts."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    uid: int
    groups: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The user's name, or its number where the system knows no name."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid-{self.uid}"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the socket, besides root and the daemon's own user.

    `delegates` are users that act for others (the WBEM server's); `groups`
    are groups whose members act for themselves.
    """

    own_uid: int = field(default_factory=os.getuid)
    delegates: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()

    def trust(self, peer: Peer) -> Trust:
        """Return how far the peer is trusted."""
        if peer.uid in (_ROOT_UID, self.own_uid) or peer.uid in self.delegates:
            return Trust.DELEGATE
        return Trust.MEMBER if peer.groups & self.groups else Trust.REFUSED


def peer_of(connection: socket.socket) -> Peer:
    """Return who is connected. Source: unix(7), SO_PEERCRED and SO_PEERGROUPS."""
    size = struct.calcsize("iII")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, gid = struct.unpack("iII", raw)
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES_MAX)
    except OSError:
        raw = b""  # more than 256 groups, or no such option: the primary one must do
    groups = struct.unpack(f"{len(raw) // 4}I", raw)
    return Peer(uid, frozenset((gid, *groups)))


class ControlServer:
    """Serves a `ControlPort` on a UNIX socket until it is stopped."""

    def __init__(
        self,
        path: Path,
        port: ControlPort,
        *,
        access: Access | None = None,
        product: str = "",
        sign: Sign | None = None,
        figures: Measure | None = None,
        describe: Describe | None = None,
        errands: Errands | None = None,
        cluster: str = "",
    ) -> None:
        self._cluster = cluster
        self._describe = describe
        self._errands = errands
        self._sign = sign
        self._figures = figures
        self._path = path
        self._port = port
        self._access = access if access is not None else Access()
        self._product = product
        self._server: asyncio.Server | None = None
        self._is_stopping = False
        self._sessions: set[asyncio.Task[None]] = set()
        self._refusals: set[asyncio.Task[None]] = set()
        self._wills = Wills(port.command)

    async def start(self) -> None:
        """Listen. Raises ConnectError if another daemon serves the same socket."""
        listener = _listen(self._path)
        self._server = await asyncio.start_unix_server(
            self._accept, sock=listener, limit=protocol.REQUEST_BYTES_MAX, backlog=BACKLOG
        )

    async def stop(self) -> None:
        """Close the socket and every connection, and remove the file."""
        if self._server is None:
            return
        self._is_stopping = True
        self._path.unlink(missing_ok=True)
        for _ in range(TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        self._server.close()
        await end_tasks(*self._sessions, *self._refusals)
        await self._wills.stop()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_stopping:
            writer.transport.abort()
            return
        peer = peer_of(writer.get_extra_info("socket"))
        trust = self._access.trust(peer)
        refusal = self._refusal(peer, trust)
        if refusal is None:
            self._begin(self._sessions, self._session(reader, writer, peer, trust), writer)
        elif len(self._refusals) < REFUSALS_MAX:
            self._begin(self._refusals, _refuse(reader, writer, refusal), writer)
        else:
            writer.transport.abort()

    def _begin(
        self,
        tasks: set[asyncio.Task[None]],
        work: Coroutine[None, None, None],
        writer: asyncio.StreamWriter,
    ) -> None:
        task = asyncio.get_running_loop().create_task(_served(work, writer))
        tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            writer.close()  # one that is cancelled before it begins has closed nothing

        task.add_done_callback(ended)

    async def _session(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer,
        trust: Trust,
    ) -> None:
        will = LastWill(self._wills, peer.name)
        try:
            await self._serve(reader, writer, peer, trust, will)
        finally:
            if not self._is_stopping:
                will.open()

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer,
        trust: Trust,
        will: LastWill,
    ) -> None:
        while True:
            try:
                line = await will.next_line(reader)
            except asyncio.LimitOverrunError:
                text = f"a request may have at most {protocol.REQUEST_BYTES_MAX} bytes: split it"
                await _send(writer, protocol.encode(protocol.Fault("invalid", text)))
                await _drain_input(reader)
                return
            await _send(writer, await self._answer(line, peer, trust, will))

    def _refusal(self, peer: Peer, trust: Trust) -> protocol.Fault | None:
        if trust is Trust.REFUSED:
            text = (
                f"user {peer.name!r} may not use {self._path}: use root, "
                "or join the group that the daemon was started with"
            )
            return protocol.Fault("denied", text)
        if len(self._sessions) >= CLIENTS_MAX:
            text = f"{CLIENTS_MAX} clients are connected, which is the most: close some"
            return protocol.Fault("busy", text)
        return None

    async def _answer(self, line: bytes, peer: Peer, trust: Trust, will: LastWill) -> bytes:
        try:
            request = protocol.decode_request(line)
            return protocol.encode(await self._reply(request, peer, trust, will))
        except WireError as fault:
            return protocol.encode(protocol.Fault("invalid", str(fault)))
        except HaError as fault:
            return protocol.encode(protocol.Fault(fault.code, str(fault)))

    async def _reply(
        self, request: protocol.AnyRequest, peer: Peer, trust: Trust, will: LastWill
    ) -> protocol.AnyReply:
        match request:
            case protocol.Hello():
                return self._greet(request)
            case protocol.AskSnapshot():
                return protocol.SnapshotGiven(self._port.snapshot())
            case protocol.AskEvents(since=since, limit=limit):
                bounded = max(1, min(limit, protocol.EVENTS_PER_REPLY_MAX))
                return protocol.EventsGiven(await self._port.events(since, bounded))
            case protocol.AskHistory(since=since, limit=limit):
                kept = tuple(each for each in self._port.history() if each.revision > since)
                return protocol.HistoryGiven(kept[: limit or None])
            case protocol.AskObserved(since=since, limit=limit):
                bounded = max(1, min(limit, protocol.OBSERVED_PER_REPLY_MAX))
                return _observed(*self._port.observed(since, bounded))
            case protocol.AskCommand():
                return await self._command(request, peer, trust)
            case protocol.AskShelf() | protocol.AskWill() if trust is not Trust.DELEGATE:
                return _not_on_the_shelf(peer)
            case protocol.AskShelf() | protocol.AskWill():
                return await self._shelf(request, will)
            case protocol.Watch(version=version, timeout_ms=timeout_ms):
                wait_ms = max(0, min(timeout_ms, protocol.WATCH_MS_MAX))
                await self._port.changed(version, wait_ms)
                return protocol.VersionGiven(self._port.snapshot().version)
            case protocol.AskFigures(max_age_ms=max_age_ms):
                given = await self._figures(max_age_ms) if self._figures is not None else ()
                return protocol.FiguresGiven(given)
            case protocol.AskAgent(name=name) if self._describe is not None:
                return protocol.AgentGiven(await self._describe(name))
            case protocol.AskAgent():
                return protocol.Fault("unsupported", "no agents are known here: ask a node")
            case protocol.AskCertificate():
                return await self._certificate(request, peer, trust)
            case protocol.AskInvitation() | protocol.AskEnd():
                return self._errand(request, peer, trust)
            case _:
                assert_never(request)

    async def _shelf(
        self, request: protocol.AskShelf | protocol.AskWill, will: LastWill
    ) -> protocol.AnyReply:
        if isinstance(request, protocol.AskWill):
            will.make(request)
            return protocol.WillKept()
        wait_ms = min(request.timeout_ms, protocol.WATCH_MS_MAX)
        await self._port.shelf_changed(request.since, wait_ms)
        return _shelf_given(self._port.shelf(), request)

    async def _certificate(
        self, request: protocol.AskCertificate, peer: Peer, trust: Trust
    ) -> protocol.AnyReply:
        if trust is not Trust.DELEGATE:
            text = f"user {peer.name!r} may not have certificates signed: only the WBEM server may"
            return protocol.Fault("denied", text)
        if self._sign is None:
            return protocol.Fault("unsupported", "nothing is signed here: ask a node's daemon")
        log.info("%s has a certificate signed", peer.name)
        return protocol.CertificateGiven(await self._sign(request.request))

    def _errand(
        self, request: protocol.AskInvitation | protocol.AskEnd, peer: Peer, trust: Trust
    ) -> protocol.AnyReply:
        if trust is not Trust.DELEGATE:
            text = f"user {peer.name!r} may not have that done: root, and the WBEM server may"
            return protocol.Fault("denied", text)
        if self._errands is None:
            return protocol.Fault("unsupported", "that is not done here: ask a node's daemon")
        author = request.author[: protocol.AUTHOR_LENGTH_MAX] or peer.name
        if isinstance(request, protocol.AskInvitation):
            token = self._errands.invite(request.valid_s, request.node)
            log.info("%r has an invitation made by %s", author, peer.name)
            return protocol.InvitationGiven(token)
        log.info("%r has the daemon ended by %s, again: %s", author, peer.name, request.again)
        self._errands.end(request.again)
        return protocol.EndBegun()

    def _greet(self, request: protocol.Hello) -> protocol.AnyReply:
        if request.protocol != protocol.PROTOCOL:
            text = (
                f"this daemon speaks control protocol {protocol.PROTOCOL}, the client "
                f"{request.protocol}: upgrade the older of the two"
            )
            return protocol.Fault("version", text)
        local = self._port.snapshot().local
        return protocol.Greeting(protocol.PROTOCOL, self._product, local, self._cluster)

    async def _command(
        self, request: protocol.AskCommand, peer: Peer, trust: Trust
    ) -> protocol.AnyReply:
        author = request.author or peer.name
        if author != peer.name and trust is not Trust.DELEGATE:
            text = f"user {peer.name!r} may give commands in its own name only, not as {author!r}"
            return protocol.Fault("denied", text[: protocol.AUTHOR_LENGTH_MAX + 200])
        if len(author) > protocol.AUTHOR_LENGTH_MAX or not author.isprintable():
            text = f"an author has at most {protocol.AUTHOR_LENGTH_MAX} printable characters"
            return protocol.Fault("invalid", text)
        command = protocol.decode_command(request)
        if isinstance(command, Shelve) and trust is not Trust.DELEGATE:
            return _not_on_the_shelf(peer)
        return protocol.OutcomeGiven(await self._port.command(command, author))


def _not_on_the_shelf(peer: Peer) -> protocol.Fault:
    """Refuse: programs keep there what not everybody may read, such as passwords."""
    text = f"user {peer.name!r} may not use the shelf: root, the daemon's user and delegates may"
    return protocol.Fault("denied", text)


def _shelf_given(shelf: Shelf, asked: protocol.AskShelf) -> protocol.ShelfGiven:
    items = [item for item in shelf.items if item.key.startswith(asked.prefix)]
    # Another store than the one that the client has seen may be at an earlier revision.
    since = asked.since if asked.since <= shelf.revision else 0
    return protocol.ShelfGiven(
        shelf.revision,
        tuple((item.key, item.revision) for item in items),
        tuple(item for item in items if item.revision > since),
    )


def _observed(items: tuple[Item, ...], through: int) -> protocol.ObservedGiven:
    results = tuple(item for item in items if isinstance(item, OperationResult))
    return protocol.ObservedGiven(
        through, results, tuple(item for item in items if isinstance(item, LinkStanding))
    )


async def _served(work: Coroutine[None, None, None], writer: asyncio.StreamWriter) -> None:
    try:
        await work
    except (ConnectionError, asyncio.IncompleteReadError):
        log.debug("a client of the control socket went away")
    except TimeoutError:
        log.info("a client of the control socket reads nothing and was dropped")
        writer.transport.abort()
    finally:
        writer.close()


async def _refuse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: protocol.Fault
) -> None:
    await _send(writer, protocol.encode(refusal))
    await _drain_input(reader)


async def _send(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await writer.drain()


async def _drain_input(reader: asyncio.StreamReader) -> None:
    """Read on for a moment: closing with unread input would destroy the reply under way."""
    taken = 0
    try:
        async with asyncio.timeout(1.0):
            while taken < 4 * protocol.REQUEST_BYTES_MAX:
                piece = await reader.read(65_536)
                if not piece:
                    return
                taken += len(piece)
    except TimeoutError:
        return


def _listen(path: Path) -> socket.socket:
    """Return a bound socket; a file left by a dead daemon is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            _remove_stale(path, address)
            listener.bind(address)
        path.chmod(0o666)
        listener.setblocking(False)
    except OSError as fault:
        listener.close()
        text = (
            f"cannot listen on {path}: {fault.strerror}; the directory must exist and be writable"
        )
        raise ConnectError(text) from fault
    except ConnectError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path, address: str) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ConnectError(f"{path} is in the way: remove it, it is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConnectError(
        f"another daemon already serves {path}: stop it first, or use another --root"
    )
