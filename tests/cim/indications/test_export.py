"""One indication to one listener: what is sent, what counts as taken, and who is trusted."""

import asyncio
import ipaddress
import os
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pywbem

from cim_provider.indications.export import (
    ANSWER_BYTES_MAX,
    Exporter,
    Policy,
    UrlError,
    fault_of,
    target_of,
)
from cim_provider.server.certificate import ensure_certificate
from cim_provider.server.listeners import listener_policy
from cim_provider.server.settings import Settings, SettingsError, check
from cim_provider.server.tls import CertificateError
from tests.cim.indications.rig import free_port, listening, until

TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"
PYWBEMLISTENER = shutil.which(
    "pywbemlistener", path=os.pathsep.join((os.environ["PATH"], str(TOOLS)))
)
INSTANCE = '<INSTANCE CLASSNAME="CIM_AlertIndication"></INSTANCE>'
TAKEN = (
    b'<?xml version="1.0" encoding="utf-8" ?><CIM CIMVERSION="2.0" DTDVERSION="2.0">'
    b'<MESSAGE ID="1" PROTOCOLVERSION="1.0"><SIMPLEEXPRSP>'
    b'<EXPMETHODRESPONSE NAME="ExportIndication"></EXPMETHODRESPONSE>'
    b"</SIMPLEEXPRSP></MESSAGE></CIM>"
)
FAILED = TAKEN.replace(b"></EXP", b'><ERROR CODE="1" DESCRIPTION="full"></ERROR></EXP')


def http(body: bytes = TAKEN, status: str = "200 OK", more: str = "") -> bytes:
    """Return an answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


class Peer:
    """A listener that answers as it is told, and notes the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            size = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if b"Length" in x)
            self.requests.append(head + await reader.readexactly(size))
            answer = self.answers.pop(0)
            writer.write(answer)
            await writer.drain()
            if not answer or b"close" in answer[:200]:
                break
        writer.close()


def to(peer: Peer, work: Callable[[str], Awaitable[None]]) -> None:
    """Run with a listener."""

    async def run() -> None:
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await work(f"http://me:s%3Acret@127.0.0.1:{port}/path?x=1")

    asyncio.run(run())


def test_the_request_is_what_dsp0200_says() -> None:
    peer = Peer(http())

    async def work(url: str) -> None:
        exporter = Exporter(url, Policy())
        assert (await exporter.send(INSTANCE)).is_taken
        await exporter.close()

    to(peer, work)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /path?x=1 HTTP/1.1"
    for line in (
        "CIMExport: MethodRequest",
        "CIMExportMethod: ExportIndication",
        'Content-Type: application/xml; charset="utf-8"',
        "Authorization: Basic bWU6czpjcmV0",
    ):
        assert line in lines
    assert pywbem.WBEMListener  # its parser reads the same below
    assert body.startswith(b'<?xml version="1.0" encoding="utf-8" ?>')
    assert INSTANCE.encode() in body


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (http(FAILED), "error 1 full"),
        (http(status="500 Oops"), "HTTP status 500"),
        (http(status="302 Found", more="Location: http://127.0.0.1:1/\r\n"), "HTTP status 302"),
        (http(b"<html></html>"), "no EXPMETHODRESPONSE"),
        (http(b"nothing"), "not understood"),
        (http(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "document type"),
        (http(b"x" * (ANSWER_BYTES_MAX + 1)), "longer than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nclose", "closed"),
        (b"SSH-2.0-nothing\r\n\r\nclose", ""),
        (b"", "without an answer"),
    ],
)
def test_everything_else_is_not_taken_and_says_why(answer: bytes, text: str) -> None:
    async def work(url: str) -> None:
        exporter = Exporter(url, Policy())
        delivery = await exporter.send(INSTANCE)
        assert not delivery.is_taken
        assert text in delivery.text
        await exporter.close()

    to(Peer(answer), work)


def test_a_kept_connection_that_was_closed_is_no_failure() -> None:
    peer = Peer(http(), b"", http())

    async def work(url: str) -> None:
        exporter = Exporter(url, Policy())
        assert (await exporter.send(INSTANCE)).is_taken
        assert (await exporter.send(INSTANCE)).is_taken
        await exporter.close()

    to(peer, work)
    assert peer.connections == 2


def test_a_connection_is_kept_where_the_listener_keeps_it() -> None:
    peer = Peer(http(), http(), http())

    async def work(url: str) -> None:
        exporter = Exporter(url, Policy())
        for _ in range(3):
            assert (await exporter.send(INSTANCE)).is_taken
        await exporter.close()

    to(peer, work)
    assert peer.connections == 1


def test_listener_that_is_not_there_is_a_failed_delivery() -> None:
    async def work() -> None:
        delivery = await Exporter(f"http://127.0.0.1:{free_port()}/", Policy()).send(INSTANCE)
        assert not delivery.is_taken
        assert "refused" in delivery.text.lower() or "connect" in delivery.text.lower()

    asyncio.run(work())


@pytest.mark.parametrize("url", ["http://a..b/", f"http://{'a' * 70}.example/", "http://[::1]:9/"])
def test_a_url_that_leads_nowhere_is_a_failure_and_no_more(url: str) -> None:
    async def work() -> None:
        delivery = await Exporter(url, Policy()).send(INSTANCE)
        assert not delivery.is_taken
        assert delivery.text

    asyncio.run(work())


def test_only_allowed_networks_are_reached() -> None:
    peer = Peer(http())

    async def work(url: str) -> None:
        policy = Policy(networks=(ipaddress.ip_network("10.0.0.0/8"),))
        delivery = await Exporter(url, policy).send(INSTANCE)
        assert "none of the networks" in delivery.text

    to(peer, work)
    assert peer.connections == 0


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://host", "host", 5988),
        ("HTTPS://Host:1/x", "host", 1),
        ("https://[::1]/", "::1", 5990),
    ],
)
def test_urls_that_lead_somewhere(url: str, host: str, port: int) -> None:
    target = target_of(url)
    assert (target.host, target.port) == (host, port)


@pytest.mark.parametrize("url", ["", "host:80", "http://a:99999/", "http://a b/", "http://é/"])
def test_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(UrlError, match=r"expected|no URL"):
        target_of(url)


def test_an_answer_is_taken_only_without_an_error() -> None:
    assert fault_of(TAKEN) == ""
    assert fault_of(FAILED) == "error 1 full"


def tls_listener(directory: Path, port: int) -> pywbem.WBEMListener:
    """Return pywbem's listener with a certificate of its own."""
    certificate, key = directory / "listener.pem", directory / "listener.key"
    ensure_certificate(certificate, key, ["localhost", "127.0.0.1"])
    return pywbem.WBEMListener(
        "127.0.0.1", https_port=port, certfile=str(certificate), keyfile=str(key)
    )


# pywbem makes its server context so; the versions are still negotiated.
@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")
def test_a_listener_with_tls_is_verified(tmp_path: Path) -> None:
    port, got = free_port(), []
    listener = tls_listener(tmp_path, port)
    listener.add_callback(lambda indication, host: got.append(indication))
    listener.start()
    url = f"https://localhost:{port}"
    known = listener_policy(Settings(listener_ca=str(tmp_path / "listener.pem")))
    own = listener_policy(Settings(), tmp_path / "listener.pem")
    blind = listener_policy(Settings(listener_verify=False))

    async def work() -> None:
        for policy, is_taken in ((Policy(), False), (known, True), (own, True), (blind, True)):
            exporter = Exporter(url, policy)
            delivery = await exporter.send(INSTANCE)
            assert delivery.is_taken is is_taken, delivery.text
            assert is_taken or "certificate" in delivery.text.lower()
            await exporter.close()

    try:
        asyncio.run(work())
    finally:
        listener.stop()
    assert len(got) == 3


def test_settings_of_listeners_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="listener_ca"):
        listener_policy(Settings(listener_ca=str(tmp_path / "missing.pem")))
    with pytest.raises(SettingsError, match="listener_networks"):
        check(Settings(listener_networks=("10.0.0.0/99",)))
    assert listener_policy(Settings()).context is not None
    assert ssl.HAS_TLSv1_2


@pytest.mark.skipif(
    PYWBEMLISTENER is None, reason="pywbemlistener (pywbemtools) is missing: make tools"
)
def test_pywbemlistener_takes_it(tmp_path: Path) -> None:
    """The command line of pywbem as a receiver: it writes what it gets to a file."""
    assert PYWBEMLISTENER is not None
    port, file = free_port(), tmp_path / "got.txt"
    command = [
        *(PYWBEMLISTENER, "run", "one", "--scheme", "http", "--port", str(port)),
        *("--indi-file", str(file), "--indi-format", "{i.classname} {i[Message]}"),
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    message = '<PROPERTY NAME="Message" TYPE="string"><VALUE>hello</VALUE></PROPERTY>'
    instance = f'<INSTANCE CLASSNAME="CIM_AlertIndication">{message}</INSTANCE>'

    async def work() -> None:
        exporter = Exporter(f"http://127.0.0.1:{port}", Policy())
        tries = 0
        while not (await exporter.send(instance)).is_taken:
            tries += 1
            assert tries < 150, "it does not listen"
            await asyncio.sleep(0.2)
        await until(lambda: file.exists() and "hello" in file.read_text())

    try:
        asyncio.run(work())
    finally:
        process.terminate()
        process.wait(20)


def test_pywbems_listener_reads_every_property(tmp_path: Path) -> None:
    with listening() as listener:

        async def work() -> None:
            exporter = Exporter(listener.url, Policy())
            assert (await exporter.send(INSTANCE)).is_taken
            await exporter.close()
            await listener.wait_raw(1)

        asyncio.run(work())
        assert listener.got[0].classname == "CIM_AlertIndication"
