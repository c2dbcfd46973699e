"""What daemon and clients say on the control socket: one JSON object a line, each way.

Owns: requests, replies, their bounds, and the way from bytes to values and back.
Knows nothing of sockets, peers or the cluster. A request is answered by exactly
one reply, in order. A command travels as its verb and its fields, because the
commands of the core are plain dataclasses without a tag.
"""

import re
from typing import Annotated, Final, TypeAlias, get_args

import msgspec

from ha_core.commands import Command, Outcome
from ha_core.errors import WireError
from ha_core.figures import AgentTold, NodeFigures
from ha_core.ids import Millis, NodeName
from ha_core.journal import JournalEvent
from ha_core.observed import LinkStanding, OperationResult
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import ShelfCondition, ShelfItem, ShelfPut
from ha_core.snapshot import ClusterSnapshot

PROTOCOL: Final = 1
REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024
"""A configuration of 10,000 resources takes about half of it."""
REPLY_BYTES_MAX: Final = 128 * 1024 * 1024
"""Snapshot of 10,000 resources on 64 nodes with all scores, and room to grow."""
EVENTS_PER_REPLY_MAX: Final = 1000
OBSERVED_PER_REPLY_MAX: Final = 1000
WATCH_MS_MAX: Final[Millis] = 30_000
"""A watcher asks again at least this often, so that a vanished one frees its place."""
AUTHOR_LENGTH_MAX: Final = 128
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What any store and any other language can hold."""


class Request(msgspec.Struct, frozen=True, tag_field="verb", forbid_unknown_fields=True):
    """Base of all requests; `verb` tells them apart."""


class Hello(Request, frozen=True, tag="hello"):
    """Client names the protocol version that it speaks."""

    protocol: int = PROTOCOL


class AskSnapshot(Request, frozen=True, tag="snapshot"):
    """Client wants the whole picture."""


class AskEvents(Request, frozen=True, tag="events"):
    """Client wants events numbered above `since`, oldest first."""

    since: Count = 0
    limit: Count = EVENTS_PER_REPLY_MAX


class AskHistory(Request, frozen=True, tag="history", omit_defaults=True):
    """Client wants the kept revisions of the configuration above `since`, oldest first, at most
    `limit` of them; 0: all.
    """

    since: Count = 0
    limit: Count = 0


class AskObserved(Request, frozen=True, tag="observed"):
    """Client wants last results of operations, and links, of all nodes that are newer than
    `since`, oldest first, at most `limit`.
    """

    since: Count = 0
    limit: Count = OBSERVED_PER_REPLY_MAX


class AskCommand(Request, frozen=True, tag="command"):
    """Client gives a command; only trusted peers may name an `author` other than their user."""

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    author: str = ""


class Watch(Request, frozen=True, tag="watch"):
    """Client waits until the snapshot's version differs, at most `timeout_ms`."""

    version: str
    timeout_ms: Count = WATCH_MS_MAX


class AskShelf(Request, frozen=True, tag="shelf"):
    """Client wants what the log keeps for it, as soon as that is newer than `since`, at most
    `timeout_ms` later; keys that begin with `prefix`, with their texts if those are newer.
    """

    prefix: str = ""
    since: Count = 0
    timeout_ms: Count = 0


class AskWill(Request, frozen=True, tag="will", omit_defaults=True):
    """Client leaves what is to be written on the shelf should this connection end, or bring no
    request for `silence_ms` (0: however long). It replaces an earlier one; no puts withdraw it.
    """

    puts: tuple[ShelfPut, ...] = ()
    conditions: tuple[ShelfCondition, ...] = ()
    silence_ms: Count = 0


class AskFigures(Request, frozen=True, tag="figures"):
    """Client wants figures of all nodes; those that are younger are not asked for again."""

    max_age_ms: Count = 2000


class AskAgent(Request, frozen=True, tag="agent"):
    """Client wants what an agent that is installed on this node says of itself."""

    name: str


class AskCertificate(Request, frozen=True, tag="certificate"):
    """The WBEM server wants a certificate by the cluster's authority: its request, PEM."""

    request: str


class AskInvitation(Request, frozen=True, tag="invitation", omit_defaults=True):
    """Delegate wants a token with which one machine can join within so many seconds."""

    valid_s: Count = 3600
    author: str = ""
    node: str = ""
    """Only under this name; empty: under any."""


class AskEnd(Request, frozen=True, tag="end", omit_defaults=True):
    """Delegate wants the daemon to end in good order, and (`again`) to be started anew."""

    again: bool = False
    author: str = ""


class Reply(msgspec.Struct, frozen=True, tag_field="reply"):
    """Base of all replies; clients ignore fields they do not know."""


class Greeting(Reply, frozen=True, tag="hello"):
    """Daemon names itself and the protocol version that it speaks."""

    protocol: int
    product: str
    node: NodeName
    cluster: str = ""
    """Id of the cluster in hexadecimal digits, the same on all nodes; empty: not told."""


class SnapshotGiven(Reply, frozen=True, tag="snapshot"):
    """The whole picture."""

    snapshot: ClusterSnapshot


class EventsGiven(Reply, frozen=True, tag="events"):
    """Events, oldest first; fewer than asked for means that there are no more."""

    events: tuple[JournalEvent, ...]


class HistoryGiven(Reply, frozen=True, tag="history"):
    """The kept revisions, oldest first; the last one of all is in force."""

    revisions: tuple[ConfigurationChange, ...]


class ObservedGiven(Reply, frozen=True, tag="observed"):
    """What nodes have told of themselves; `through` is where the next question begins.

    A number below the question's: the daemon has begun anew, and this is from the beginning.
    """

    through: int
    results: tuple[OperationResult, ...] = ()
    links: tuple[LinkStanding, ...] = ()


class ShelfGiven(Reply, frozen=True, tag="shelf"):
    """All keys with their revisions; the items that are newer than the client's."""

    revision: int
    keys: tuple[tuple[str, int], ...]
    items: tuple[ShelfItem, ...]


class WillKept(Reply, frozen=True, tag="will"):
    """The last will stands, or is withdrawn."""


class OutcomeGiven(Reply, frozen=True, tag="outcome"):
    """What became of a command."""

    outcome: Outcome


class VersionGiven(Reply, frozen=True, tag="version"):
    """The snapshot's version now."""

    version: str


class FiguresGiven(Reply, frozen=True, tag="figures"):
    """The newest figures of each node that has told any, sorted by name."""

    figures: tuple[NodeFigures, ...]


class AgentGiven(Reply, frozen=True, tag="agent"):
    """What the agent says of itself."""

    agent: AgentTold


class CertificateGiven(Reply, frozen=True, tag="certificate"):
    """The certificate with the authority's behind it, PEM."""

    chain: str


class InvitationGiven(Reply, frozen=True, tag="invitation"):
    """The token: a secret."""

    token: str


class EndBegun(Reply, frozen=True, tag="end"):
    """The daemon drains its node and then ends."""


class Fault(Reply, frozen=True, tag="fault"):
    """The request could not be served; one sentence says why and what to do."""

    code: str
    text: str


AnyRequest: TypeAlias = (
    Hello
    | AskSnapshot
    | AskEvents
    | AskHistory
    | AskObserved
    | AskCommand
    | Watch
    | AskShelf
    | AskWill
    | AskFigures
    | AskAgent
    | AskCertificate
    | AskInvitation
    | AskEnd
)
AnyReply: TypeAlias = (
    Greeting
    | SnapshotGiven
    | EventsGiven
    | HistoryGiven
    | ObservedGiven
    | OutcomeGiven
    | VersionGiven
    | ShelfGiven
    | WillKept
    | FiguresGiven
    | AgentGiven
    | CertificateGiven
    | InvitationGiven
    | EndBegun
    | Fault
)


def _verb(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


COMMANDS: Final[dict[str, type[Command]]] = {_verb(kind): kind for kind in get_args(Command)}
"""Every command by its name on the socket, such as `set-standby`."""

_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_replies: msgspec.json.Decoder[AnyReply] = msgspec.json.Decoder(AnyReply)
_commands = {name: msgspec.json.Decoder(kind) for name, kind in COMMANDS.items()}
_encoder = msgspec.json.Encoder()


def encode(message: AnyRequest | AnyReply) -> bytes:
    """Return the message as one line, its end included."""
    return _encoder.encode(message) + b"\n"


def command_request(command: Command, author: str = "") -> AskCommand:
    """Return the request that gives the command."""
    fields = msgspec.Raw(_encoder.encode(command))
    return AskCommand(name=_verb(type(command)), arguments=fields, author=author)


def decode_request(line: bytes) -> AnyRequest:
    """Return the request in the line.

    Raises: WireError: it is not a request; the text says what is wrong.
    """
    try:
        return _requests.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        text = f"the request is not understood: {fault}; see ha_core/control_protocol.py"
        raise WireError(text) from fault


def decode_command(request: AskCommand) -> Command:
    """Return the command that the request carries.

    Raises: WireError: no such command, or its arguments do not fit it.
    """
    decoder = _commands.get(request.name)
    if decoder is None:
        known = ", ".join(sorted(COMMANDS))
        raise WireError(f"there is no command {request.name[:80]!r}; known are: {known}")
    try:
        command = decoder.decode(request.arguments)
        # Python reads integers of any length; what has no binary form cannot travel on.
        msgspec.msgpack.encode(command)
        return command
    except OverflowError as fault:
        text = f"command {request.name!r} holds a number beyond 64 bits"
        raise WireError(text) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise WireError(f"command {request.name!r} does not fit: {fault}") from fault


def decode_reply(line: bytes) -> AnyReply:
    """Return the reply in the line.

    Raises: WireError: it is not a reply that this version knows.
    """
    try:
        return _replies.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        text = f"the daemon's answer is not understood, its version may differ: {fault}"
        raise WireError(text) from fault
