"""TLS: versions, certificates that are replaced while the server runs, those of clients."""

import asyncio
import logging
import os
import shutil
import socket
import ssl
from pathlib import Path

import pytest
import pywbem

from cim_provider.server.client_certificate import fingerprint
from cim_provider.server.keeper import Keeper, Pair, keep_certificate
from cim_provider.server.layout import ServerLayout
from cim_provider.server.roles import Role
from cim_provider.server.settings import Settings
from cim_provider.server.tls import CertificateError, load_pair, server_context
from cim_provider.server.users import Proof, User
from tests.cim.server.authority import Authority
from tests.cim.server.harness import CLASS, NAMESPACE, Served, basic, instance, serving


def shaken(served: Served, **versions: ssl.TLSVersion) -> ssl.SSLSocket:
    """Return a connection on which the handshake is done with these versions alone."""
    context = ssl.create_default_context(cafile=str(served.certificate))
    for name, value in versions.items():
        setattr(context, name, value)
    raw = socket.create_connection(("127.0.0.1", served.https_port), 10)
    return context.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken_with_forward_secrecy(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with (
        serving(tmp_path) as served,
        shaken(served, minimum_version=version, maximum_version=version) as stream,
    ):
        cipher = stream.cipher()
        assert cipher is not None
        name, protocol, _ = cipher
        assert protocol == version.name.replace("_", ".")
        assert name.startswith(("ECDHE-", "TLS_"))
        assert "GCM" in name or "CHACHA20" in name


def test_older_versions_and_weak_ciphers_are_not_there(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = server_context(*authority.issue("localhost"))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.TLSv1_3
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert not [name for name in names if not name.startswith(("ECDHE-", "TLS_"))]


def presented(served: Served, files: tuple[Path, Path]) -> pywbem.WBEMConnection:
    """Return a client without a password that shows a certificate."""
    client = pywbem.WBEMConnection(
        f"https://localhost:{served.https_port}",
        default_namespace=NAMESPACE,
        ca_certs=str(served.certificate),
        x509={"cert_file": str(files[0]), "key_file": str(files[1])},
        timeout=10,
    )
    client.session.trust_env = False
    return client


def test_client_certificate_stands_for_the_user_of_its_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(tmp_path, client_ca=authority.file) as served:
        bob = presented(served, authority.issue("bob"))
        assert len(bob.EnumerateInstances(CLASS)) == 20
        assert served.performer.users[-1] == "bob"
        with pytest.raises(pywbem.CIMError) as refused:
            bob.InvokeMethod("Stop", instance(3).path)
        assert refused.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED
        with pytest.raises(pywbem.AuthError):
            presented(served, authority.issue("nobody")).EnumerateInstances(CLASS)
        assert served.client(tls=True).EnumerateInstances(CLASS), "a password does as well"


def test_user_with_a_certificate_on_record_is_known_by_that_one_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(tmp_path, client_ca=authority.file) as served:
        first, second = authority.issue("carl", "first"), authority.issue("carl", "second")
        prints = (fingerprint(first[0]),)
        served.users.put(User("carl", Proof.NONE, Role.OPERATE, prints))
        assert presented(served, first).EnumerateInstances(CLASS)
        with pytest.raises(pywbem.AuthError):
            presented(served, second).EnumerateInstances(CLASS)
        open_one = presented(served, first)
        assert open_one.GetClass(CLASS)
        served.users.remove("carl")
        with pytest.raises(pywbem.AuthError):
            open_one.GetClass(CLASS)


def test_certificate_of_a_stranger_ends_the_handshake(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    with serving(tmp_path, client_ca=authority.file) as served:
        client = presented(served, stranger.issue("bob"))
        with pytest.raises(pywbem.ConnectionError):
            client.EnumerateInstances(CLASS)


def test_client_authorities_that_are_none_are_refused_with_the_cure(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("localhost")
    with pytest.raises(CertificateError, match="give certificates in PEM form"):
        server_context(*pair, tmp_path / "nowhere.pem")
    strict = server_context(*pair, authority.file, is_client_asked_strictly=True)
    assert strict.verify_mode is ssl.CERT_REQUIRED


def shown(served: Served, authority: Authority) -> str:
    """Return the common name of the certificate that the server shows to a new client."""
    context = ssl.create_default_context(cafile=str(authority.file))
    with (
        socket.create_connection(("127.0.0.1", served.https_port), 10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as stream,
    ):
        subject = dict(part[0] for part in stream.getpeercert()["subject"])  # type: ignore[index]
        return str(subject["commonName"])


def test_replaced_certificate_is_shown_to_new_clients_and_open_ones_go_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(tmp_path) as served:
        load_pair(served.context, *authority.issue("old"))
        assert shown(served, authority) == "old"
        client = served.client(tls=True)
        # Trusts what it is shown now, and stays on one connection.
        client.session.verify = str(authority.file)
        assert client.GetClass(CLASS)
        load_pair(served.context, *authority.issue("new"))
        assert shown(served, authority) == "new"
        assert client.GetClass(CLASS)


def test_pair_that_does_not_fit_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old, new = authority.issue("old"), authority.issue("new")
    with serving(tmp_path) as served:
        load_pair(served.context, *old)
        with pytest.raises(CertificateError, match="give a fitting pair"):
            load_pair(served.context, new[0], old[1])
        assert shown(served, authority) == "old"


def test_keeper_takes_files_that_were_replaced_once_both_halves_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    authority = Authority(tmp_path)
    (certificate, key), new = authority.issue("old"), authority.issue("new")

    async def run() -> None:
        keeper = Keeper(server_context(certificate, key), Pair(certificate, key), None)
        await keeper.look(may_renew=True)
        assert not caplog.records
        os.replace(new[0], certificate)
        await keeper.look(may_renew=False)
        assert "the certificate stays the old one" in caplog.text
        os.replace(new[1], key)
        await keeper.look(may_renew=False)
        assert f"new connections are shown {certificate}" in caplog.text
        caplog.clear()
        await keeper.look(may_renew=False)
        assert not caplog.records

    asyncio.run(run())


def test_keeper_renews_when_it_is_asked_and_goes_on_when_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked: list[asyncio.Event] = []
    pair = Pair(*Authority(tmp_path).issue("x"))

    async def run() -> None:
        rounds = [asyncio.Event() for _ in range(3)]

        async def renew() -> bool:
            asked.append(rounds[len(asked)])
            asked[-1].set()
            if len(asked) == 1:
                raise CertificateError("the disk is full")
            return len(asked) == 2

        keeper = Keeper(server_context(pair.certificate, pair.key), pair, renew)
        task = asyncio.create_task(keeper.run())
        for each in rounds:
            keeper.ask()
            async with asyncio.timeout(20):
                await each.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert "cannot be renewed: the disk is full" in caplog.text
    assert caplog.text.count("renewed ") == 1


def test_keeper_is_made_from_the_settings(tmp_path: Path) -> None:
    async def run() -> None:
        layout = ServerLayout(tmp_path)
        own = await keep_certificate(Settings(), layout)
        assert layout.certificate_file.exists()
        assert own.context.verify_mode is ssl.CERT_NONE
        authority = Authority(tmp_path)
        certificate, key = authority.issue("given")
        shutil.rmtree(layout.private)
        given = Settings(certificate=str(certificate), key=str(key), client_ca=str(authority.file))
        keeper = await keep_certificate(given, layout)
        assert keeper.context.verify_mode is ssl.CERT_OPTIONAL
        assert not layout.certificate_file.exists()
        with pytest.raises(CertificateError):
            await keep_certificate(Settings(certificate="/nowhere", key="/nowhere"), layout)

    asyncio.run(run())


def test_basic_header_is_read_beside_a_certificate_of_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(tmp_path, client_ca=authority.file) as served:
        client = presented(served, authority.issue("nobody"))
        client.session.headers["Authorization"] = basic("bob", "just looking")
        client.session.auth = lambda request: request
        assert client.GetClass(CLASS)
