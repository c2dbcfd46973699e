"""Certificates by the authority of Beatkeeper's own cluster, which the node's daemon signs.

Owns: the question to the daemon, and that there may be no answer: a node that is
down, or a daemon of an earlier version.
"""

import logging
from pathlib import Path

from ha_core.client import Client
from ha_core.errors import ConnectError, HaError
from ha_core.layout import Layout

log = logging.getLogger(__name__)


class HaCoreAuthority:
    """Asks the daemon below `root`; None means the system's."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def is_expected(self) -> bool:
        """Return whether there is a node whose daemon may only not have started yet."""
        return Layout(self._root).node_file.exists()

    async def sign(self, request: str) -> str | None:
        """Return the certificate for a request, both PEM, or None if nobody answers.

        Raises: PermissionError: the daemon refuses; the text says why.
        """
        try:
            async with Client(self._root) as client:
                return await client.certificate(request)
        except ConnectError as fault:
            log.debug("no certificate by the cluster: %s", fault)
            return None
        except HaError as fault:
            raise PermissionError(str(fault)) from fault
