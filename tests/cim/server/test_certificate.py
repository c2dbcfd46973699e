"""The server's own certificate: what it says, when it is renewed, what is left alone."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from cim_provider.server.certificate import LIFE, ensure_certificate
from cim_provider.server.tls import CertificateError, have_certificate, server_context

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def made(directory: Path, now: datetime = NOW) -> tuple[bool, x509.Certificate]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    was_made = ensure_certificate(certificate, key, ["n1", "localhost", "127.0.0.1", "::1"], now)
    return was_made, x509.load_pem_x509_certificate(certificate.read_bytes())


def test_certificate_names_the_server_and_lives_no_longer_than_clients_take(tmp_path: Path) -> None:
    was_made, certificate = made(tmp_path / "new")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert was_made
    assert names.get_values_for_type(x509.DNSName) == ["n1", "localhost"]
    assert [str(item) for item in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == LIFE
    assert stat.S_IMODE((tmp_path / "new" / "key.pem").stat().st_mode) == 0o600


def test_certificate_is_kept_until_it_ends_soon_and_renewed_under_the_same_key(
    tmp_path: Path,
) -> None:
    _, first = made(tmp_path)
    assert not made(tmp_path, NOW + timedelta(days=700))[0]
    was_made, second = made(tmp_path, NOW + timedelta(days=800))
    assert was_made
    assert second.public_key() == first.public_key()
    assert second.not_valid_after_utc > first.not_valid_after_utc
    server_context(tmp_path / "certificate.pem", tmp_path / "key.pem")


def test_certificate_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    _, ours = made(tmp_path)
    key = tmp_path / "key.pem"
    foreign = tmp_path / "certificate.pem"
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "their server")])
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    theirs = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(ours.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    foreign.write_bytes(theirs.public_bytes(serialization.Encoding.PEM))
    was_made, found = made(tmp_path, NOW + timedelta(days=5))
    assert not was_made
    assert found.serial_number == 7


def test_key_without_certificate_gets_one_and_certificate_without_key_is_refused(
    tmp_path: Path,
) -> None:
    made(tmp_path)
    (tmp_path / "certificate.pem").unlink()
    assert made(tmp_path)[0]
    (tmp_path / "key.pem").unlink()
    with pytest.raises(CertificateError, match="has no key"):
        made(tmp_path)


def test_context_takes_no_version_below_1_2(tmp_path: Path) -> None:
    made(tmp_path)
    context = server_context(tmp_path / "certificate.pem", tmp_path / "key.pem")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_are_no_pair_are_refused_with_the_cure(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b")
    with pytest.raises(CertificateError, match="give a fitting pair"):
        server_context(tmp_path / "a" / "certificate.pem", tmp_path / "b" / "key.pem")
    (tmp_path / "a" / "certificate.pem").write_text("nonsense")
    with pytest.raises(CertificateError, match=r"certificate\.pem"):
        made(tmp_path / "a")


def test_server_has_its_certificate_made_once_and_hears_what_is_wrong(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    assert have_certificate(certificate, key, ["localhost"])
    assert not have_certificate(certificate, key, ["localhost"])
    key.unlink()
    with pytest.raises(CertificateError, match=r"certificate\.pem has no key"):
        have_certificate(certificate, key, ["localhost"])
