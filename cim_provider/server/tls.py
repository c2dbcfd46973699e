"""TLS for the server: the context, and a certificate to stand in it.

Owns: the TLS versions and ciphers, loading the pair of certificate and key,
whether clients show one, and having `certificate` see to it that there is one.
Knows nothing of requests.
"""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MAKE: Final = "make"
REQUEST: Final = "request"
EXIT_MADE: Final = 0
EXIT_FAILED: Final = 1
EXIT_KEPT: Final = 2
CHILD_S: Final = 60.0
"""Drawing a key may wait for the entropy of a machine that has just booted."""
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For version 1.2: keys of a session that the certificate's key does not give away later."""


class CertificateError(Exception):
    """Certificate or key cannot be used; the text names the file and the cure."""


def have_certificate(certificate_file: Path, key_file: Path, hosts: Iterable[str]) -> bool:
    """Let `certificate` make or renew the pair where needed; return whether it did.

    Raises: CertificateError: it could not.
    """
    return _child(MAKE, certificate_file, key_file, hosts) is not None


def certificate_request(certificate_file: Path, key_file: Path, hosts: Iterable[str]) -> str | None:
    """Return a request for a certificate, PEM, where one is due; else None.

    Raises: CertificateError: it could not be made.
    """
    return _child(REQUEST, certificate_file, key_file, hosts)


def _child(verb: str, certificate_file: Path, key_file: Path, hosts: Iterable[str]) -> str | None:
    """Return what the child has written, None if nothing was due."""
    program = (sys.executable, "-m", "cim_provider.server.certificate")
    try:
        done = subprocess.run(
            [*program, verb, str(certificate_file), str(key_file), *hosts],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHILD_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise CertificateError(f"{certificate_file} cannot be made: {fault}") from fault
    if done.returncode not in (EXIT_MADE, EXIT_KEPT):
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CertificateError(lines[-1] if lines else f"{certificate_file} cannot be made")
    return done.stdout.decode() if done.returncode == EXIT_MADE else None


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file, whole or not at all. Raises: OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(temporary, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def server_context(
    certificate_file: Path,
    key_file: Path,
    client_authorities: Path | None = None,
    *,
    is_client_asked_strictly: bool = False,
) -> ssl.SSLContext:
    """Return the TLS context of the server: versions 1.2 and 1.3, forward secrecy in both.

    Args:
        certificate_file: the certificate, and the chain up to its authority, PEM.
        key_file: its private key, PEM.
        client_authorities: PEM file of those whose certificates clients may show; None: clients
            are asked for none.
        is_client_asked_strictly: whether a client without a certificate is turned away.

    Raises: CertificateError: a file cannot be read, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    load_pair(context, certificate_file, key_file)
    if client_authorities is not None:
        try:
            context.load_verify_locations(client_authorities)
        except (OSError, ssl.SSLError) as fault:
            text = f"client_ca: {client_authorities}: {fault}: give certificates in PEM form"
            raise CertificateError(text) from fault
        context.verify_mode = ssl.CERT_REQUIRED if is_client_asked_strictly else ssl.CERT_OPTIONAL
    return context


def load_pair(context: ssl.SSLContext, certificate_file: Path, key_file: Path) -> None:
    """Let new connections on the context be shown this certificate; open ones stay as they are.

    Raises: CertificateError: the files cannot be used; the context is as it was.
    """
    try:
        # A pair that does not fit would leave the context with half of it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate_file, key_file)
        context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as fault:
        raise CertificateError(
            f"{certificate_file} with {key_file} cannot be used ({fault}):"
            " give a fitting pair, or remove both and start again"
        ) from fault
