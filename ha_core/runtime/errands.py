"""What the daemon does on its own machine for a program that may not: invite, and end.

Owns: the invitation by what the node knows, and whether an end is followed by a start. The WBEM
server runs without rights and asks over the control socket.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ha_core.config.kinds import show_place
from ha_core.errors import RefusedError
from ha_core.runtime.admission import invite
from ha_core.runtime.peers import endpoints
from ha_core.snapshot import ClusterSnapshot

VALID_S_MAX: Final = 7 * 24 * 3600


def is_of_systemd(environment: Mapping[str, str], pid: int) -> bool:
    """Return whether systemd has started this very process, not one that this comes from.

    Before its release 248 systemd does not say which process it means.
    Source: systemd.exec(5), "Environment Variables Set or Propagated".
    """
    if "INVOCATION_ID" not in environment:
        return False
    return environment.get("SYSTEMD_EXEC_PID", str(pid)) == str(pid)


def places_of(snapshot: ClusterSnapshot) -> tuple[tuple[str, str], ...]:
    """Return where a machine that is invited finds this node, by link. Raises RefusedError."""
    if not snapshot.quorate:
        text = "without quorum no node is taken in: bring back nodes"
        raise RefusedError("no-quorum", text)
    found = endpoints(snapshot.configuration, snapshot.local)
    return tuple((str(item.link), show_place(item.host, item.port)) for item in found)


class Errands:
    """Done for root, the daemon's user and delegates.

    Args:
        invitations: directory of the invitations.
        snapshot: the picture as it is now.
        end: lets the daemon end in good order; `True`: and be started again.
        is_supervised: whether systemd has started it, and starts it again.
    """

    def __init__(
        self,
        invitations: Path,
        snapshot: Callable[[], ClusterSnapshot],
        end: Callable[[bool], None],
        *,
        is_supervised: bool,
    ) -> None:
        self._is_supervised = is_supervised
        self._invitations = invitations
        self._snapshot = snapshot
        self._end = end

    def invite(self, valid_s: int, node: str = "") -> str:
        """Return a token for one machine (of that name alone if one is given), good for so many
        seconds. Raises RefusedError.
        """
        if not 0 < valid_s <= VALID_S_MAX:
            text = f"an invitation of {valid_s} s: allowed: 1 to {VALID_S_MAX}, a week"
            raise RefusedError("invalid", text)
        places = places_of(self._snapshot())
        try:
            return invite(self._invitations, places, valid_s, node)
        except OSError as fault:
            text = f"the invitation cannot be kept in {self._invitations}: {fault.strerror}"
            raise RefusedError("failed", text) from fault

    def end(self, again: bool) -> None:
        """Begin to end, as after a SIGTERM. Raises RefusedError: nothing would start it again."""
        if again and not self._is_supervised:
            text = "systemd has not started this daemon, and nothing would start it again"
            raise RefusedError("unsupported", text)
        self._end(again)
