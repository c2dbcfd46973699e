"""Several operations in one request: each is answered, and authorized, by itself."""

import re
from collections.abc import Iterator

import pytest

from cim_provider.wbem.parse import BATCH_MAX
from tests.cim.server.harness import OBSERVER, OPERATOR, Served, basic, body, read_reply, serving

SIMPLE = re.search(rb"<SIMPLEREQ>.*</SIMPLEREQ>", body())[0]
METHOD = (
    b'<SIMPLEREQ><METHODCALL NAME="SetManaged"><LOCALCLASSPATH><LOCALNAMESPACEPATH>'
    b'<NAMESPACE NAME="root"/><NAMESPACE NAME="cimv2"/></LOCALNAMESPACEPATH>'
    b'<CLASSNAME NAME="HA_PrimitiveResource"/></LOCALCLASSPATH></METHODCALL></SIMPLEREQ>'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


def batch(*simple: bytes) -> bytes:
    """Return the body of a batch."""
    content = b"<MULTIREQ>" + b"".join(simple) + b"</MULTIREQ>"
    return body("77").replace(SIMPLE, content)


def ask(
    server: Served,
    content: bytes,
    *lines: str,
    user: tuple[str, str] = OPERATOR,
    method: str = "POST",
):
    """Send one request and return the reply."""
    head = [
        f"{method} /cimom HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/xml",
        f"Authorization: {basic(*user)}",
        f"Content-Length: {len(content)}",
        *lines,
    ]
    with server.connect() as stream:
        stream.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + content)
        return read_reply(stream)


PLAIN = ("CIMOperation: MethodCall", "CIMBatch:")


def test_operations_of_a_batch_are_answered_in_order(server: Served) -> None:
    other = SIMPLE.replace(b"EnumerateInstances", b"EnumerateInstanceNames")
    unknown = SIMPLE.replace(b"EnumerateInstances", b"Dream")
    reply = ask(server, batch(SIMPLE, unknown, other), *PLAIN)
    assert reply.status == 200
    names = re.findall(rb'<SIMPLERSP><IMETHODRESPONSE NAME="(\w+)">(<\w+)', reply.body)
    assert names == [
        (b"EnumerateInstances", b"<IRETURNVALUE"),
        (b"Dream", b"<ERROR"),
        (b"EnumerateInstanceNames", b"<IRETURNVALUE"),
    ]
    assert b'<MESSAGE ID="77" PROTOCOLVERSION="1.0"><MULTIRSP>' in reply.body
    assert reply.body.count(b"MULTIRSP") == 2


def test_each_operation_of_a_batch_is_authorized_by_itself(server: Served) -> None:
    reply = ask(server, batch(METHOD, SIMPLE), *PLAIN, user=OBSERVER)
    first, second = reply.body.split(b"</SIMPLERSP>")[:2]
    assert b'<METHODRESPONSE NAME="SetManaged"><ERROR CODE="2"' in first
    assert b"<IRETURNVALUE>" in second
    reply = ask(server, batch(METHOD, SIMPLE), *PLAIN)
    assert b'<METHODRESPONSE NAME="SetManaged"><RETURNVALUE' in reply.body


def test_batch_by_m_post_has_its_prefix(server: Served) -> None:
    lines = (
        "Man: http://www.dmtf.org/cim/mapping/http/v1.0;ns=23",
        "23-CIMOperation: MethodCall",
        "23-CIMBatch:",
    )
    reply = ask(server, batch(SIMPLE, SIMPLE), *lines, method="M-POST")
    assert (reply.status, reply.headers["23-cimoperation"]) == (200, "MethodResponse")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (batch(SIMPLE, SIMPLE), ["CIMMethod: EnumerateInstances", "CIMObject: root/cimv2"]),
        (batch(SIMPLE, SIMPLE), ["CIMBatch:", "CIMMethod: EnumerateInstances"]),
        (body(), ["CIMBatch:"]),
        (batch(SIMPLE, SIMPLE), ["CIMBatch:", "CIMProtocolVersion: 1.1"]),
    ],
)
def test_headers_and_body_must_agree_on_whether_there_is_a_batch(
    server: Served, content: bytes, lines: list[str]
) -> None:
    reply = ask(server, content, "CIMOperation: MethodCall", *lines)
    assert (reply.status, reply.headers["cimerror"]) == (400, "header-mismatch")


def test_batch_has_a_bound(server: Served) -> None:
    assert ask(server, batch(*[SIMPLE] * BATCH_MAX), *PLAIN).status == 200
    reply = ask(server, batch(*[SIMPLE] * (BATCH_MAX + 1)), *PLAIN)
    assert (reply.status, reply.headers["cimerror"]) == (400, "request-not-valid")
    assert "expected 1 to 100" in reply.headers["pgerrordetail"]
