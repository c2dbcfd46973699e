"""The fingerprint of a certificate, by which a user may be known.

Owns: reading a PEM file and hashing what is in it, with the standard library
alone, since the server that compares fingerprints does without more.
"""

import hashlib
import re
import ssl
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 65_536
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----", re.ASCII
)


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
