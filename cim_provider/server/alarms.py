"""Alerts of the server's own: who could not log in, what was denied, and what makes no sense.

Owns: that an alert of one kind about one user and address comes once a minute at most. Raising one
never holds up the client.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from cim_provider.indications.alerts import NOTHING, alert
from cim_provider.indications.keeper_events import Alert, raised_of
from cim_provider.indications.keeping import ShelfError
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import Value
from cim_provider.schema import MODEL
from cim_provider.server.audit import Audit

GAP_S: Final = 60.0
KNOWN_MAX: Final = 1000
"""Users with addresses that are remembered; others make no alert until one is forgotten."""
ACCESS_DENIED: Final = 2
INFORMATION: Final = 2
"""Value of PerceivedSeverity."""
REJECTED: Final = frozenset({1, 4})
"""FAILED and INVALID_PARAMETER."""
CHANGES: Final = frozenset({"CreateInstance", "ModifyInstance", "SetProperty", "DeleteInstance"})

log = logging.getLogger(__name__)


class AccessAlarms:
    """Raises the alerts of one server.

    Args:
        raised: raises alerts; raises ShelfError.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, raised: Callable[[Sequence[Alert]], Awaitable[None]], clock: Callable[[], float]
    ) -> None:
        self._raised = raised
        self._clock = clock
        self._known: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def login_failed(self, who: str, address: str) -> None:
        """Somebody gave a wrong name or password."""
        self._raise("LHA038", who, address, f"{who} could not log in from {address}")

    def denied(self, user: str, address: str, text: str) -> None:
        """A user may not do what it asked for."""
        self._raise("LHA037", user, address, f"user {user} at {address} was refused: {text}")

    def rejected(self, user: str, address: str, text: str) -> None:
        """A change of the configuration was refused because it makes no sense.

        Information only: nothing was changed, so nothing is wrong that could be cleared.
        """
        text = f"a change by {user} was refused: {text}"
        self._raise("LHA035", user, address, text, {"PerceivedSeverity": INFORMATION})

    def _raise(
        self,
        message: str,
        who: str,
        address: str,
        text: str,
        values: Mapping[str, Value] = NOTHING,
    ) -> None:
        now_s, key = self._clock(), (message, who, address)
        while self._known and now_s - next(iter(self._known.values())) >= GAP_S:
            self._known.popitem(last=False)
        if key in self._known or len(self._known) >= KNOWN_MAX:
            return
        self._known[key] = now_s
        event = alert(cluster_ref(), message, text, {"MessageArguments": (who, address), **values})
        task = asyncio.get_running_loop().create_task(self._tell(raised_of(event)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, event: Alert) -> None:
        try:
            await self._raised([event])
        except ShelfError as fault:
            log.info("an alert is not told: %s", fault)


class WatchedAudit:
    """Keeps lines of audit elsewhere, and raises an alert of what was denied or rejected."""

    def __init__(self, audit: Audit, alarms: AccessAlarms) -> None:
        self._audit = audit
        self._alarms = alarms

    async def record(self, entry: dict[str, object]) -> None:
        """See `Audit`."""
        words = [str(entry.get(name, "")) for name in ("user", "address", "text")]
        is_model = str(entry.get("namespace", "")).lower() == MODEL
        is_change = entry.get("operation") in CHANGES
        if entry.get("code") == ACCESS_DENIED:
            self._alarms.denied(*words)
        elif is_model and is_change and entry.get("code") in REJECTED:
            self._alarms.rejected(*words)
        await self._audit.record(entry)
