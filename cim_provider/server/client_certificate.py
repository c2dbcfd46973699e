"""Certificates of clients, by which a user may be known.

Owns: what the server wants to know of one that was shown on a connection, and
the fingerprint of one in a PEM file. The standard library is enough: verifying
them is the TLS context's.
"""

import asyncio
import hashlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 65_536
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----", re.ASCII
)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The certificate of a client, which the TLS layer has verified."""

    fingerprint: str
    """SHA-256, in lower-case hex."""
    name: str
    """Common name of its subject, or nothing."""


class FingerprintError(Exception):
    """The file holds no certificate; the text names it and says what is expected."""


def of_certificate(der: bytes) -> str:
    """Return the SHA-256 of a certificate in lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def fingerprint(file: Path) -> str:
    """Return the fingerprint of the first certificate in a PEM file.

    Raises: FingerprintError: there is none; OSError: the file cannot be read.
    """
    with open(file, "rb") as opened:
        text = opened.read(FILE_BYTES_MAX).decode("ascii", "replace")
    found = _PEM.search(text)
    try:
        if found is not None:
            return of_certificate(ssl.PEM_cert_to_DER_cert(found[0]))
    except ValueError:
        pass
    raise FingerprintError(f"{file} holds no certificate, expected one in PEM form")


def peer_certificate(transport: asyncio.Transport) -> PeerCertificate | None:
    """Return the certificate that the client of a connection has shown, None if it has not."""
    machine = transport.get_extra_info("ssl_object")
    der = None if machine is None else machine.getpeercert(True)
    if not der:
        return None
    # The short form is there only because the certificate was verified.
    subject = (machine.getpeercert() or {}).get("subject", ())
    names = [value for part in subject for name, value in part if name == "commonName"]
    return PeerCertificate(of_certificate(der), names[0] if len(names) == 1 else "")
