"""Keeps the server's certificate good while it serves: renews it, and takes what was replaced.

Owns: the TLS context in use, the look at its files, when a certificate is
renewed, and who is asked for one: the cluster's authority, else ourselves. A
certificate that the administrator gave is never renewed here, only taken anew
when its files change. Connections that are open keep what they have.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cim_provider.server.layout import ServerLayout
from cim_provider.server.settings import Settings
from cim_provider.server.tls import (
    CertificateError,
    certificate_request,
    have_certificate,
    load_pair,
    server_context,
    write_file,
)

LOOK_S: Final = 15.0
"""So long after its files have changed a certificate is shown at the latest."""
FIRST_S: Final = 10.0
"""So long a node that is just starting is waited for, before the first certificate is made."""
AGAIN_S: Final = 0.2
RENEW_S: Final = 12 * 3600.0
"""So often it is asked whether the certificate ends soon."""

log = logging.getLogger(__name__)

Renew = Callable[[], Awaitable[bool]]
"""Renews the pair of files where that is due; returns whether it did. Raises CertificateError."""


class Authority(Protocol):
    """Signs certificates of servers: the cluster's."""

    def is_expected(self) -> bool:
        """Return whether it may only not have started yet."""
        ...

    async def sign(self, request: str) -> str | None:
        """Return the certificate for a request, both PEM; None if nobody answers.

        Raises: PermissionError: it is refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Return a value that changes with either file. Raises OSError: one is not there."""
        found = (os.stat(self.certificate), os.stat(self.key))
        return tuple((each.st_mtime_ns, each.st_ino) for each in found)


class Keeper:
    """Looks after the pair of one context; `renew` is None for a pair of the administrator's."""

    def __init__(
        self,
        context: ssl.SSLContext,
        pair: Pair,
        renew: Renew | None,
        *,
        look_s: float = LOOK_S,
        renew_s: float = RENEW_S,
    ) -> None:
        self.context = context
        self._pair = pair
        self._renew = renew
        self._look_s = look_s
        self._renew_s = renew_s
        self._stamp: object = pair.stamp()
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Look at the files, and whether the certificate ends soon, now."""
        self._asked.set()

    async def run(self) -> None:
        """Keep the certificate good until cancelled."""
        clock = asyncio.get_running_loop().time
        # Not at once: whoever starts has enough to do.
        renew_at_s = clock() + self._look_s
        while True:
            is_due = self._asked.is_set() or clock() >= renew_at_s
            if is_due:
                self._asked.clear()
                renew_at_s = clock() + self._renew_s
            await self.look(may_renew=is_due)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._asked.wait()

    async def look(self, *, may_renew: bool) -> None:
        """Renew the certificate if it ends soon, and take what has been replaced."""
        is_gone = not self._pair.certificate.exists()  # with the cluster that had signed it
        if (may_renew or is_gone) and self._renew is not None:
            try:
                if await self._renew():
                    log.info("renewed %s", self._pair.certificate)
            except CertificateError as fault:
                log.error("the certificate cannot be renewed: %s", fault)
        self._take_if_changed()

    def _take_if_changed(self) -> None:
        try:
            stamp = self._pair.stamp()
            if stamp == self._stamp:
                return
            load_pair(self.context, self._pair.certificate, self._pair.key)
        except (OSError, CertificateError) as fault:
            # Half of the pair may be replaced: the next look finds the other half.
            log.error("the certificate stays the old one: %s", fault)
            return
        self._stamp = stamp
        log.info("new connections are shown %s as it is now", self._pair.certificate)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Has our own certificate signed by the cluster's authority, else signs it itself."""

    pair: Pair
    hosts: tuple[str, ...]
    authority: Authority | None = None

    async def __call__(self) -> bool:
        """See `Renew`."""
        return await self.by_authority() or await asyncio.to_thread(self.by_ourselves)

    async def by_authority(self, wait_s: float = 0.0) -> bool:
        """Have the certificate signed where that is due; return whether it was.

        `wait_s`: so long an authority that is expected and does not answer is asked again.

        Raises: CertificateError: the request or the files cannot be written.
        """
        if self.authority is None:
            return False
        files = (self.pair.certificate, self.pair.key)
        request = await asyncio.to_thread(certificate_request, *files, self.hosts)
        if request is None:
            return False
        chain = await self._signed(request, wait_s)
        if chain is None:
            return False
        try:
            write_file(self.pair.certificate, chain.encode(), 0o644)
        except OSError as fault:
            raise CertificateError(f"{self.pair.certificate}: {fault}") from fault
        log.info("%s was signed by the cluster's authority", self.pair.certificate)
        return True

    async def _signed(self, request: str, wait_s: float) -> str | None:
        assert self.authority is not None, "there is somebody to ask"
        clock = asyncio.get_running_loop().time
        until_s = clock() + wait_s
        while True:
            try:
                chain = await self.authority.sign(request)
            except PermissionError as fault:
                log.warning("the cluster's authority signs no certificate: %s", fault)
                return None
            if chain is not None or clock() >= until_s or not self.authority.is_expected():
                return chain
            await asyncio.sleep(AGAIN_S)

    def by_ourselves(self) -> bool:
        """Make a self-signed certificate where one is due; return whether it was."""
        made = have_certificate(self.pair.certificate, self.pair.key, self.hosts)
        if made:
            log.info("made a self-signed certificate, %s", self.pair.certificate)
        return made


async def keep_certificate(
    settings: Settings, layout: ServerLayout, authority: Authority | None = None
) -> Keeper:
    """Return the keeper of the certificate that the settings name, else of our own, made now.

    Raises: CertificateError: there is none that can be used.
    """
    pair, renew = Pair(layout.certificate_file, layout.key_file), None
    if settings.certificate:
        pair = Pair(Path(settings.certificate), Path(settings.key))
    else:
        renew = Renewal(pair, settings.certificate_hosts, authority)
        # Clients trust what they find at the first start: better to wait than to change it soon.
        if not pair.certificate.exists() and not await renew.by_authority(FIRST_S):
            await asyncio.to_thread(renew.by_ourselves)
    context = server_context(
        pair.certificate,
        pair.key,
        Path(settings.client_ca) if settings.client_ca else None,
        is_client_asked_strictly=settings.client_certificate_required,
    )
    return Keeper(context, pair, renew)
