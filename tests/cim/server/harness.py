"""A server on free ports of the loopback address, in a thread of its own.

Owns: the stand-in for the operations (twenty instances, one method), one user
of each role with cheap password hashes, and raw exchanges over a socket.
"""

import asyncio
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pywbem

from cim_provider.mapping.counters import Statistics
from cim_provider.server.auth import Authenticator
from cim_provider.server.certificate import ensure_certificate
from cim_provider.server.client_certificate import peer_certificate
from cim_provider.server.connection import Connection, Limits
from cim_provider.server.listener import Listener, bind
from cim_provider.server.responder import Responder
from cim_provider.server.roles import Role
from cim_provider.server.tls import server_context
from cim_provider.server.users import Cost, User, UserFile, hash_password
from cim_provider.wbem import operations

CHEAP = Cost(n=16, r=1, p=1)
NAMESPACE = "root/cimv2"
CLASS = "HA_PrimitiveResource"
OPERATOR = ("ann", "open sesame")
OBSERVER = ("bob", "just looking")


@dataclass
class FakePerformer:
    """Answers enough operations for clients to be satisfied; counts them."""

    now: str = "1"
    performed: list[operations.Operation] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    has_bug: bool = False
    waits: bool = False
    waiting: threading.Event = field(default_factory=threading.Event)

    async def version(self) -> str:
        """See `Performer`."""
        return self.now

    async def perform(self, operation: operations.Operation, user: str) -> operations.Answer:
        """See `Performer`."""
        self.performed.append(operation)
        self.users.append(user)
        assert not self.has_bug, "a bug, as the test wants it"
        if self.waits:
            self.waiting.set()
            await asyncio.Event().wait()
        match operation:
            case operations.EnumerateInstances():
                return operations.Instances(tuple(instance(n) for n in range(20)))
            case operations.EnumerateInstanceNames():
                return operations.Paths(tuple(instance(n).path for n in range(20)))
            case operations.GetInstance():
                return operations.Instances((instance(3),))
            case operations.GetClass():
                return operations.Classes((declaration(),))
            case operations.InvokeMethod():
                return operations.MethodResult(pywbem.Uint32(0))
            case _:
                raise pywbem.CIMError(7, "not here")


def instance(number: int) -> pywbem.CIMInstance:
    """Return a resource as it is found in the wild: thirty properties."""
    properties = {"Id": f"resource-{number}", "OperationalStatus": [pywbem.Uint16(2)]}
    properties |= {f"Property{n}": f"value {n} of resource {number}" for n in range(28)}
    path = pywbem.CIMInstanceName(CLASS, {"Id": f"resource-{number}"}, None, NAMESPACE)
    return pywbem.CIMInstance(CLASS, properties, path=path)


def declaration() -> pywbem.CIMClass:
    """Return a class with a key and a method, as much as wbemcli needs for a call."""
    key = pywbem.CIMQualifier("Key", True)
    return pywbem.CIMClass(
        CLASS,
        properties=[pywbem.CIMProperty("Id", None, type="string", qualifiers=[key])],
        methods=[pywbem.CIMMethod("Stop", "uint32")],
    )


@dataclass
class Served:
    """A running server."""

    http_port: int
    https_port: int
    performer: FakePerformer
    certificate: Path
    users: UserFile
    context: ssl.SSLContext

    def connect(self) -> socket.socket:
        """Return a connected socket."""
        return socket.create_connection(("127.0.0.1", self.http_port), 10)

    def client(
        self, user: tuple[str, str] | None = OPERATOR, *, tls: bool = False
    ) -> pywbem.WBEMConnection:
        """Return a pywbem client."""
        scheme, port = ("https", self.https_port) if tls else ("http", self.http_port)
        client = pywbem.WBEMConnection(
            f"{scheme}://localhost:{port}",
            user,
            default_namespace=NAMESPACE,
            ca_certs=str(self.certificate),
            timeout=10,
        )
        # A bundle named in the environment would win over `ca_certs`.
        client.session.trust_env = False
        return client


@contextmanager
def serving(
    directory: Path,
    *,
    limits: Limits | None = None,
    connections_max: int = 100,
    connections_per_address_max: int = 100,
    operation_s_max: float = 10.0,
    performer: operations.Performer | None = None,
    statistics: Statistics | None = None,
    client_ca: Path | None = None,
) -> Iterator[Served]:
    """Serve `performer`, else a `FakePerformer`, with and without TLS."""
    users = UserFile(directory / "users")
    for (name, password), role in ((OPERATOR, Role.ADMINISTER), (OBSERVER, Role.VIEW)):
        users.put(User(name, hash_password(password.encode(), CHEAP), role))
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    ensure_certificate(certificate, key, ["localhost", "127.0.0.1"])
    context = server_context(certificate, key, client_ca)
    http, https = bind("http", ["127.0.0.1"], 0), bind("https", ["127.0.0.1"], 0)
    fake = FakePerformer()
    loop, stopping, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        authenticator = Authenticator(users)
        responder = Responder(
            performer or fake, "localhost", operation_s_max, statistics=statistics
        )

        def make(on_end: Callable[[Connection], None]) -> Connection:
            return Connection(
                authenticator, responder, limits or Limits(), on_end, certificate=peer_certificate
            )

        listener = Listener(
            make,
            connections_max=connections_max,
            connections_per_address_max=connections_per_address_max,
            handshake_s=1.0,
        )
        listener.start(http)
        listener.start(https, context)
        ready.set()
        await stopping.wait()
        await listener.stop()
        authenticator.close()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work, name="wbem server")
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield Served(http.port, https.port, fake, certificate, users, context)
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop"


def body(message_id: str = "1", method: str = "EnumerateInstances") -> bytes:
    """Return a request in CIM-XML."""
    return (
        '<?xml version="1.0" encoding="utf-8" ?><CIM CIMVERSION="2.0" DTDVERSION="2.0">'
        f'<MESSAGE ID="{message_id}" PROTOCOLVERSION="1.0"><SIMPLEREQ>'
        f'<IMETHODCALL NAME="{method}"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/>'
        '<NAMESPACE NAME="cimv2"/></LOCALNAMESPACEPATH><IPARAMVALUE NAME="ClassName">'
        f'<CLASSNAME NAME="{CLASS}"/></IPARAMVALUE></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>'
    ).encode()


def basic(name: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def head(length: int | None, *extra: str, method: str = "POST", version: str = "1.1") -> bytes:
    """Return the head of a request with credentials; `extra` are whole header lines."""
    lines = [
        f"{method} /cimom HTTP/{version}",
        "Host: localhost",
        'Content-Type: application/xml; charset="utf-8"',
        "CIMOperation: MethodCall",
        "CIMMethod: EnumerateInstances",
        "CIMObject: root/cimv2",
        f"Authorization: {basic(*OPERATOR)}",
        *([] if length is None else [f"Content-Length: {length}"]),
        *extra,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def request(message_id: str = "1", *extra: str, version: str = "1.1") -> bytes:
    """Return a whole request."""
    content = body(message_id)
    return head(len(content), *extra, version=version) + content


@dataclass
class Reply:
    """One answer, taken apart; header names are in lower case."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


def read_reply(stream: socket.socket | ssl.SSLSocket, rest: bytearray | None = None) -> Reply:
    """Read one answer; `rest` holds what was read beyond the last one."""
    data = bytearray() if rest is None else rest
    while b"\r\n\r\n" not in data:
        data += _more(stream)
    top, _, _ = bytes(data).partition(b"\r\n\r\n")
    del data[: len(top) + 4]
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    length = int(headers.get("content-length", "0"))
    while len(data) < length:
        data += _more(stream)
    content = bytes(data[:length])
    del data[:length]
    _, status, reason = first.split(" ", 2)
    return Reply(int(status), reason, headers, content)


def _more(stream: socket.socket | ssl.SSLSocket) -> bytes:
    data = stream.recv(65_536)
    assert data, "the server closed in the middle of an answer"
    return data


def is_closed(stream: socket.socket) -> bool:
    """Return whether the server has nothing more to say; waits for it."""
    try:
        return stream.recv(1) == b""
    except ConnectionResetError:
        return True
