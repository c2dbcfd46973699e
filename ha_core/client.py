"""The cluster seen by a program on the same node: snapshots, commands, events, changes.

Owns: connections to the daemon's control socket. Everything the `ha` command
does goes through here, and programs that embed the cluster use it the same way:

    async with Client() as cluster:
        snapshot = await cluster.snapshot()

A connection that is lost during a call raises ConnectError; the next call connects again.
"""

import asyncio
import os
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

from ha_core import control_protocol as protocol
from ha_core.commands import Command, Outcome, Shelve
from ha_core.errors import ConnectError, RefusedError, WireError
from ha_core.figures import AgentTold, NodeFigures
from ha_core.ids import Millis
from ha_core.journal import JournalEvent
from ha_core.layout import Layout, socket_address
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import ClusterSnapshot

ANSWER_MS: Final[Millis] = 10_000
"""A daemon that leaves a plain question unanswered for so long is taken for hung."""
AGENT_MS: Final[Millis] = 40_000
"""An agent has 30 seconds to describe itself."""
COMMAND_MS: Final[Millis] = 60_000
"""The daemon itself bounds a command well below this."""
LAST_WORDS_BYTES: Final = 400
PIECE_BYTES: Final = 262_144
"""What is read of an answer at once."""
EVENT_POLL_MS: Final[Millis] = 1_000
"""A daemon of an earlier version wakes nobody for an event: a follower looks again so often."""

_Reply = TypeVar("_Reply", bound=protocol.Reply)
Read: TypeAlias = Callable[[bytes], Awaitable[protocol.AnyReply]]
"""Returns the reply in a line. Raises: WireError."""


class _Channel:
    """One connection; requests wait their turn."""

    def __init__(self, layout: Layout, read: Read | None = None) -> None:
        self._layout = layout
        self._path = layout.control_socket
        self._turn = asyncio.Lock()
        self._read = read
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, request: protocol.AnyRequest, expected: type[_Reply], timeout_ms: Millis
    ) -> _Reply:
        async with self._turn:
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    reply = await self._exchange(request)
            except TimeoutError as fault:
                self._drop()
                text = f"the daemon at {self._path} has not answered for {timeout_ms / 1000:g} s"
                raise ConnectError(f"{text}: it hangs or is frozen; look at its log") from fault
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as fault:
                self._drop()
                text = f"the daemon at {self._path} closed the connection: look at its log"
                raise ConnectError(text) from fault
            except asyncio.CancelledError:
                # The answer may still come and would be taken for that of the next request.
                self._drop()
                raise
        if isinstance(reply, protocol.Fault):
            raise RefusedError(reply.code, reply.text)
        if not isinstance(reply, expected):
            raise WireError(f"the daemon answered {type(reply).__name__}, not {expected.__name__}")
        return reply

    async def close(self) -> None:
        if self._streams is None:
            return
        writer = self._streams[1]
        self._drop()
        try:
            await writer.wait_closed()
        except OSError:
            return  # it was broken before; it is closed now

    async def _exchange(self, request: protocol.AnyRequest) -> protocol.AnyReply:
        if self._streams is not None and _is_over(self._streams[1]):
            # The daemon has ended since the last request. This one has not been sent: a new
            # daemon may have it.
            self._drop()
        if self._streams is None:
            self._streams = await self._connect()
            greeting = await self._line(protocol.Hello())
            if isinstance(greeting, protocol.Fault):
                self._drop()
                return greeting
        return await self._line(request)

    async def _line(self, request: protocol.AnyRequest) -> protocol.AnyReply:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(protocol.encode(request))
        # Not drained: a daemon that refuses may answer before it has read everything.
        line = await _whole_line(reader)
        return protocol.decode_reply(line) if self._read is None else await self._read(line)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            with socket_address(self._path) as address:
                return await asyncio.open_unix_connection(address, limit=protocol.REPLY_BYTES_MAX)
        except OSError as fault:
            raise ConnectError(_unreachable(self._layout, fault)) from fault

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _whole_line(reader: asyncio.StreamReader) -> bytes:
    """Return what is sent up to an end of line, behind which nothing comes without a question.

    A large answer is put together once: `readuntil` copies it four times, and all wait meanwhile.
    Raises: IncompleteReadError: the connection ends; LimitOverrunError: it is too long.
    """
    pieces: list[bytes] = []
    size = 0
    while not pieces or not pieces[-1].endswith(b"\n"):
        piece = await reader.read(PIECE_BYTES)
        if not piece:
            raise asyncio.IncompleteReadError(b"".join(pieces), None)
        pieces.append(piece)
        size += len(piece)
        if size > protocol.REPLY_BYTES_MAX:
            raise asyncio.LimitOverrunError("the answer is too long", size)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _is_over(writer: asyncio.StreamWriter) -> bool:
    """Return whether the other end has closed a connection, seen by the loop or not yet."""
    if writer.is_closing():
        return True
    poll = select.poll()
    poll.register(writer.get_extra_info("socket"), select.POLLRDHUP)
    return bool(poll.poll(0))


class Client:
    """Talks to the daemon of one node; use as an asynchronous context manager.

    Args:
        root: directory that holds the node's etc, lib and run; None for the system's.
        read: reads the answers, for who asks for many large ones; None: each by itself.
    Raises:
        ConnectError: (any method) no daemon answers; the text says how to start it.
        RefusedError: (any method) the daemon refuses this user or this request.
    """

    def __init__(self, root: Path | None = None, *, read: Read | None = None) -> None:
        self._layout = Layout(root)
        self._channel = _Channel(self._layout, read)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; a later call opens it again."""
        await self._channel.close()

    async def hello(self) -> protocol.Greeting:
        """Return the daemon's name for its node, and its versions."""
        return await self._channel.ask(protocol.Hello(), protocol.Greeting, ANSWER_MS)

    async def snapshot(self) -> ClusterSnapshot:
        """Return the picture of the cluster as this node has it now."""
        reply = await self._channel.ask(protocol.AskSnapshot(), protocol.SnapshotGiven, ANSWER_MS)
        return reply.snapshot

    async def command(
        self, command: Command, *, author: str = "", timeout_ms: Millis = COMMAND_MS
    ) -> Outcome:
        """Give a command and return its outcome; a refusal by the cluster is an outcome.

        `author` is the person on whose behalf a trusted program acts; by default the
        daemon takes the name of the user that this process runs as.
        """
        request = protocol.command_request(command, author)
        return (await self._channel.ask(request, protocol.OutcomeGiven, timeout_ms)).outcome

    async def certificate(self, request: str) -> str:
        """Return the certificate of a server for a request, both PEM, the authority's behind it."""
        asked = protocol.AskCertificate(request)
        return (await self._channel.ask(asked, protocol.CertificateGiven, COMMAND_MS)).chain

    async def invite(self, valid_s: int, author: str = "", node: str = "") -> str:
        """Return a token with which one machine can join in time, as `node` alone if given."""
        asked = protocol.AskInvitation(valid_s, author, node)
        return (await self._channel.ask(asked, protocol.InvitationGiven, ANSWER_MS)).token

    async def end(self, *, again: bool = False, author: str = "") -> None:
        """Let the daemon begin to end in good order, and be started anew if `again`."""
        await self._channel.ask(protocol.AskEnd(again, author), protocol.EndBegun, ANSWER_MS)

    async def recent_events(self, since: int = 0) -> tuple[JournalEvent, ...]:
        """Return at most 1,000 events numbered above `since`, oldest first."""
        request = protocol.AskEvents(since)
        return (await self._channel.ask(request, protocol.EventsGiven, ANSWER_MS)).events

    async def figures(self, max_age_ms: Millis = 2000) -> tuple[NodeFigures, ...]:
        """Return figures of all nodes, sorted by name; of those that do not answer the last ones.

        Raises: as `snapshot`.
        """
        request = protocol.AskFigures(max_age_ms)
        reply = await self._channel.ask(request, protocol.FiguresGiven, ANSWER_MS)
        return reply.figures

    async def observed(self, since: int = 0) -> protocol.ObservedGiven:
        """Return at most 1,000 results and links of all nodes that are newer than a number."""
        request = protocol.AskObserved(since)
        return await self._channel.ask(request, protocol.ObservedGiven, ANSWER_MS)

    async def agent(self, name: str) -> AgentTold:
        """Return what an agent that is installed on this node says of itself.

        Raises: RefusedError: there is none of that name; and as `snapshot`.
        """
        reply = await self._channel.ask(protocol.AskAgent(name), protocol.AgentGiven, AGENT_MS)
        return reply.agent

    async def history(self, since: int = 0, limit: int = 0) -> tuple[ConfigurationChange, ...]:
        """Return the kept revisions of the configuration above `since`, oldest first.

        At most `limit`, 0: all; each holds a whole configuration.
        """
        request = protocol.AskHistory(since, limit)
        reply = await self._channel.ask(request, protocol.HistoryGiven, ANSWER_MS)
        return reply.revisions

    async def shelf(
        self, prefix: str = "", since: int = 0, timeout_ms: Millis = 0
    ) -> protocol.ShelfGiven:
        """Return what the log keeps under keys that begin so, once it is newer than `since`.

        After `timeout_ms`, at most 30 seconds, in any case; other questions of this client wait
        meanwhile. Write with the command `Shelve`.
        """
        request = protocol.AskShelf(prefix, since, timeout_ms)
        return await self._channel.ask(request, protocol.ShelfGiven, timeout_ms + ANSWER_MS)

    async def will(self, will: Shelve | None, silence_ms: Millis = 0) -> None:
        """Leave what the daemon writes on the shelf should this client vanish; None withdraws it.

        It stands for as long as the connection does, and no longer than `silence_ms` from one
        request to the next (0: however long): leave it again from time to time.
        """
        request = protocol.AskWill()
        if will is not None:
            request = protocol.AskWill(will.puts, will.conditions, silence_ms)
        await self._channel.ask(request, protocol.WillKept, ANSWER_MS)

    async def events(self, since: int = 0, *, follow: bool = False) -> AsyncIterator[JournalEvent]:
        """Yield all events numbered above `since`, oldest first; with `follow`, go on for ever."""
        channel = _Channel(self._layout)
        try:
            version = ""
            while True:
                request = protocol.AskEvents(since)
                page = (await channel.ask(request, protocol.EventsGiven, ANSWER_MS)).events
                for event in page:
                    yield event
                    since = max(since, event.seq)
                if not page and not follow:
                    return
                if not page:
                    version = await _next_version(channel, version, EVENT_POLL_MS)
        finally:
            await channel.close()

    async def changed(self, version: str, timeout_ms: Millis) -> str:
        """Return the snapshot's version as soon as it differs from `version`, or when time is up.

        At most 30 seconds; other questions of this client wait meanwhile.
        """
        return await _next_version(self._channel, version, timeout_ms)

    async def changes(self, since: str = "") -> AsyncIterator[str]:
        """Yield the snapshot's version whenever it differs from the last one, at first `since`."""
        channel = _Channel(self._layout)
        try:
            while True:
                version = await _next_version(channel, since, protocol.WATCH_MS_MAX)
                if version != since:
                    since = version
                    yield version
        finally:
            await channel.close()


async def _next_version(channel: _Channel, version: str, timeout_ms: Millis) -> str:
    request = protocol.Watch(version, timeout_ms)
    reply = await channel.ask(request, protocol.VersionGiven, timeout_ms + ANSWER_MS)
    return reply.version


def _unreachable(layout: Layout, fault: OSError) -> str:
    path, root = layout.control_socket, layout.root
    if isinstance(fault, PermissionError):
        return f"{path} may not be opened by this user: run as root or as the daemon's user"
    if not os.path.exists(layout.node_file):
        what = "this machine" if root is None else root
        cure = "'ha init' makes one, 'ha join' takes it into one, --root names another node"
        return f"{what} is no node of a cluster yet: {cure}"
    if root is None:
        cure = "start it with 'systemctl start beatkeeper' or 'ha start', or name a --root"
    else:
        cure = f"start it with 'ha start --root {root}'"
    return f"no daemon answers at {path}{_last_words(layout)}: {cure}"


def _last_words(layout: Layout) -> str:
    """Return what a daemon that 'ha start' began said when it ended; empty if nothing is known."""
    try:
        with (layout.run / "had.stderr").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f" (its last words: {lines[-1].strip()})" if lines else ""
