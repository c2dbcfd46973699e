"""What the administrator says of the listeners of indications, and where it is remembered.

Owns: the TLS context with which listeners are verified, the networks in which
they may be, and opening the file of what was told last.
"""

import ipaddress
import logging
import sqlite3
import ssl
from contextlib import suppress
from pathlib import Path

from cim_provider.indications.base_store import BaseStore
from cim_provider.indications.export import Policy
from cim_provider.server.settings import Settings
from cim_provider.server.tls import CertificateError

log = logging.getLogger(__name__)


def listener_policy(
    settings: Settings, own: Path | None = None, state: Path | None = None
) -> Policy:
    """Return to whom indications may go.

    Args:
        settings: what the administrator says.
        own: the server's certificate with the cluster's authority behind it, which is trusted.
        state: the server's own directory, below which files may take indications.
    Raises: CertificateError: a file cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.listener_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        log.warning("listeners of indications are not verified: listener_verify is false")
    file = settings.listener_ca
    if own is not None and own.exists():
        with suppress(OSError, ssl.SSLError):  # the server itself says what is wrong with it
            context.load_verify_locations(own)
    try:
        if file:
            context.load_verify_locations(file)
        file = settings.listener_certificate
        if file:
            context.load_cert_chain(file)
    except (OSError, ssl.SSLError) as fault:
        raise CertificateError(
            f"{file} cannot be used ({fault}): give a PEM file, or leave out listener_ca and"
            " listener_certificate"
        ) from fault
    files = Path(settings.listener_files) if settings.listener_files else None
    if files is not None and not files.is_absolute():
        files = None if state is None else state / files
    return Policy(context, tuple(map(ipaddress.ip_network, settings.listener_networks)), files)


def base_store(path: Path) -> BaseStore | None:
    """Return the file of what was told last, or None where it cannot be used."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return BaseStore(path)
    except (OSError, sqlite3.Error) as fault:
        log.warning("%s cannot be used (%s): changes during a restart may not be told", path, fault)
        return None
