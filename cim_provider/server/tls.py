"""TLS for the server: the context, and a certificate to stand in it.

Owns: the TLS versions, loading the pair of certificate and key, and having
`certificate` see to it that there is one. Knows nothing of connections.
"""

import ssl
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

EXIT_MADE: Final = 0
EXIT_FAILED: Final = 1
EXIT_KEPT: Final = 2
CHILD_S: Final = 60.0
"""Drawing a key may wait for the entropy of a machine that has just booted."""


class CertificateError(Exception):
    """Certificate or key cannot be used; the text names the file and the cure."""


def have_certificate(certificate_file: Path, key_file: Path, hosts: Iterable[str]) -> bool:
    """Let `certificate` make or renew the pair where needed; return whether it did.

    Raises: CertificateError: it could not.
    """
    program = (sys.executable, "-m", "cim_provider.server.certificate")
    try:
        done = subprocess.run(
            [*program, str(certificate_file), str(key_file), *hosts],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=CHILD_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise CertificateError(f"{certificate_file} cannot be made: {fault}") from fault
    if done.returncode not in (EXIT_MADE, EXIT_KEPT):
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CertificateError(lines[-1] if lines else f"{certificate_file} cannot be made")
    return done.returncode == EXIT_MADE


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return the TLS context of the server: version 1.2 at least.

    Raises: CertificateError: the files cannot be read, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as fault:
        raise CertificateError(
            f"{certificate_file} with {key_file} cannot be used ({fault}):"
            " give a fitting pair, or remove both and start again"
        ) from fault
    return context
