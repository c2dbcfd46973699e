"""The server's certificate: made by itself where the administrator gives none.

Owns: making a self-signed certificate or a request for one by the cluster's
authority, and when either is due. A certificate that somebody else signed is
never replaced. Knows nothing of
connections. A program of its own, because the library that makes certificates
needs nine megabytes that the running server can do without; see `tls`.
Source: RFC 5280; the longest life that browsers take, 825 days.
"""

import ipaddress
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cim_provider.server.tls import (
    EXIT_FAILED,
    EXIT_KEPT,
    EXIT_MADE,
    MAKE,
    CertificateError,
    write_file,
)

LIFE: Final = timedelta(days=825)
RENEW_BEFORE: Final = timedelta(days=30)
LAST_CHANCE: Final = timedelta(days=1)
CLOCK_SKEW: Final = timedelta(hours=24)
"""Clients whose clock is behind accept a certificate that was made just now."""
COMMON_NAME_MAX: Final = 64
ORGANIZATION: Final = "Beatkeeper, self-signed"
SIGNED: Final = "Beatkeeper"
"""Organization of the certificates that the cluster's authority signs."""


def ensure_certificate(
    certificate_file: Path, key_file: Path, hosts: Iterable[str], now: datetime | None = None
) -> bool:
    """Make a certificate where there is none, or where ours ends soon; and a key for the first.

    Returns whether one was made. `hosts` are the names and addresses of the server, the first
    one its principal name.

    Raises: CertificateError: they cannot be read or written, or the key is missing.
    """
    moment = now or datetime.now(UTC)
    try:
        if certificate_file.exists():
            if not key_file.exists():
                raise CertificateError(f"{certificate_file} has no key: give {key_file} as well")
            if not _is_due(certificate_file, moment, by_ourselves=True):
                return False
        certificate_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The key is written once and before any certificate: whenever this is cut short,
        # what is there fits, and the next start completes it.
        if not key_file.exists():
            write_file(key_file, _new_key(), 0o600)
        made = _certificate(_read_key(key_file), list(dict.fromkeys(hosts)), moment)
        write_file(certificate_file, made, 0o644)
    except (OSError, ValueError, TypeError) as fault:
        raise CertificateError(f"{certificate_file} or {key_file}: {fault}") from fault
    return True


def request(
    certificate_file: Path, key_file: Path, hosts: Iterable[str], now: datetime | None = None
) -> bytes | None:
    """Return a request for a certificate where there is none, or where ours ends soon; else None.

    Makes the key if it is missing.

    Raises: CertificateError: they cannot be read or written.
    """
    moment = now or datetime.now(UTC)
    try:
        if certificate_file.exists() and not _is_due(certificate_file, moment, by_ourselves=False):
            return None
        certificate_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists():
            write_file(key_file, _new_key(), 0o600)
        names = list(dict.fromkeys(hosts))
        asked = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(_subject(SIGNED, names))
            .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
            .sign(_read_key(key_file), hashes.SHA256())
        )
    except (OSError, ValueError, TypeError) as fault:
        raise CertificateError(f"{certificate_file} or {key_file}: {fault}") from fault
    return asked.public_bytes(serialization.Encoding.PEM)


def _subject(organization: str, hosts: list[str]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, (hosts[0] or "localhost")[:COMMON_NAME_MAX]),
        ]
    )


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _read_key(key_file: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError(f"{key_file} holds another kind of key, expected EC or RSA")
    return key


def _is_due(certificate_file: Path, now: datetime, *, by_ourselves: bool) -> bool:
    """Return whether it is one of ours and near its end.

    One that the cluster has signed is replaced by one of our own on its last day alone: clients
    that trust the cluster would not trust that one, and the cluster may only be away.
    """
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    organization = _organization(certificate)
    left = certificate.not_valid_after_utc - now
    if organization == [SIGNED]:
        return left < (LAST_CHANCE if by_ourselves else RENEW_BEFORE)
    return organization == [ORGANIZATION] and left < RENEW_BEFORE


def is_of_cluster(certificate_file: Path) -> bool:
    """Return whether the authority of a cluster has signed it. Raises OSError, ValueError: it
    cannot be read.
    """
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    return _organization(certificate) == [SIGNED]


def _organization(certificate: x509.Certificate) -> list[str | bytes]:
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [name.value for name in names]


def _certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, hosts: list[str], now: datetime
) -> bytes:
    name = _subject(ORGANIZATION, hosts)
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    # No KeyUsage: without the right to sign certificates it would not vouch for itself, and with
    # it, whoever trusts this server would trust all that its key might sign.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + LIFE)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def described(certificate_file: Path) -> dict[str, list[str]]:
    """Return what a certificate says of itself: names, who signed it, from when until when.

    Raises: CertificateError: it cannot be read.
    """
    certificate = _chain(certificate_file)[0]
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(each.value) for each in found]
    except x509.ExtensionNotFound:
        names = []
    return {
        "subject": [certificate.subject.rfc4514_string()],
        "issuer": [certificate.issuer.rfc4514_string()],
        "names": names,
        "begins": [certificate.not_valid_before_utc.isoformat()],
        "ends": [certificate.not_valid_after_utc.isoformat()],
        "sha256": [certificate.fingerprint(hashes.SHA256()).hex()],
    }


def authority(certificate_file: Path) -> str:
    """Return the last certificate of the chain, PEM: whom clients have to trust.

    Raises: CertificateError: it cannot be read.
    """
    return _chain(certificate_file)[-1].public_bytes(serialization.Encoding.PEM).decode()


def _chain(certificate_file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except (OSError, ValueError) as fault:
        raise CertificateError(f"{certificate_file} cannot be read: {fault}") from fault


def main() -> int:
    """Make a certificate, or write a request for one, for `tls`.

    Exit code 0 says made, 2 kept, 1 not possible.
    """
    verb, certificate_file, key_file, *hosts = sys.argv[1:]
    files = Path(certificate_file), Path(key_file)
    try:
        if verb == MAKE:
            return EXIT_MADE if ensure_certificate(*files, hosts) else EXIT_KEPT
        asked = request(*files, hosts)
    except CertificateError as fault:
        sys.stderr.write(f"{fault}\n")
        return EXIT_FAILED
    if asked is None:
        return EXIT_KEPT
    sys.stdout.write(asked.decode())
    return EXIT_MADE


if __name__ == "__main__":
    sys.exit(main())
