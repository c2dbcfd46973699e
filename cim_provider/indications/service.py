"""Indications of one server put together: shelf, registry, keeper, rows and writers.

Owns: the composition. `Indications.area` goes into `Mapping`, and `run` beside
it; `raise_alerts` is how other parts of the server tell listeners something.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

import pywbem

from cim_provider.engine import ClusterEngine
from cim_provider.indications.alerts import ALERT_CLASS, alert
from cim_provider.indications.base_store import BaseStore
from cim_provider.indications.direct import Direct
from cim_provider.indications.events import Event
from cim_provider.indications.export import Exporter, Policy
from cim_provider.indications.files import FileSender, is_file
from cim_provider.indications.keeper import Keeper
from cim_provider.indications.keeper_events import Alert, raise_alerts, raised_of
from cim_provider.indications.keeping import RegistryReader, ShelfError
from cim_provider.indications.registry import Registry
from cim_provider.indications.rows import (
    ASSOCIATIONS,
    DESTINATION_CLASS,
    FILTER_CLASS,
    HANDLER_CLASS,
    ROWS,
    SERVICE_CLASS,
    SUBSCRIPTION_CLASS,
)
from cim_provider.indications.sending import Sender
from cim_provider.indications.shelf import RAISED, REGISTRY, Code, Shelf, revision_of
from cim_provider.indications.surroundings import Limits, Surroundings
from cim_provider.indications.writers import (
    DestinationWriter,
    Editor,
    FilterWriter,
    ServiceWriter,
    SubscriptionWriter,
)
from cim_provider.mapping.area import Area, MethodCall
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.interop import INDICATIONS
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.rows import Value
from cim_provider.schema import MODEL, Schema
from cim_provider.tasks import end_tasks
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import MethodResult

TESTS_MAX: Final = 1000
AGAIN_S: Final = 5.0
MESSAGE_CHARACTERS_MAX: Final = 1024
_INVALID: Final = 5

log = logging.getLogger(__name__)


def sender_of(url: str, policy: Policy) -> Sender:
    """Return what sends to a destination. Raises UrlError."""
    return FileSender(url, policy.files) if is_file(url) else Exporter(url, policy)


class Indications:
    """Implements `Holder`.

    Args:
        shelf: what all servers of the cluster share.
        wall_ms: reads the wall clock.
        policy: to whom indications may go.
        store: the base on this node's disk; None keeps it in memory.
        sender: makes what sends to a URL; None: HTTP and HTTPS.
        limits: bounds and times; None: those that the documentation names.
    """

    def __init__(
        self,
        shelf: Shelf,
        wall_ms: Callable[[], int],
        policy: Policy | None = None,
        store: BaseStore | None = None,
        sender: Callable[[str], Sender] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._shelf = shelf
        self._wall_ms = wall_ms
        self._policy = known = policy or Policy()
        self._sender = sender or (lambda url: sender_of(url, known))
        self._store = store
        self._reader = RegistryReader()
        self._start = secrets.token_hex(4)
        self._raised = count(1)

    def area(self, schema: Schema) -> Area:
        """Return the classes, with who writes them."""
        editor = Editor(self._shelf, self._reader, self._wall_ms, schema)
        return Area(
            rows=ROWS,
            associations=ASSOCIATIONS,
            writers={
                FILTER_CLASS: FilterWriter(editor),
                DESTINATION_CLASS: DestinationWriter(editor, DESTINATION_CLASS, self._policy.files),
                HANDLER_CLASS: DestinationWriter(editor, HANDLER_CLASS, self._policy.files),
                SUBSCRIPTION_CLASS: SubscriptionWriter(editor),
                SERVICE_CLASS: ServiceWriter(editor),
            },
            holders=(self,),
            methods={(ALERT_CLASS, "SendTestIndications"): self._send_test},
        )

    @property
    def name(self) -> str:
        """See `Holder`."""
        return INDICATIONS

    @property
    def version(self) -> str:
        """See `Holder`."""
        return str(revision_of(self._shelf.items, REGISTRY))

    def held(self) -> Registry:
        """See `Holder`."""
        return self._reader.read(self._shelf.items)[0]

    async def raise_alerts(self, alerts: Sequence[Alert]) -> None:
        """Tell whoever subscribes; nothing is lost once this returns. Raises ShelfError."""
        if not self.held().subscriptions and not await self._is_behind():
            return  # nobody wants to know
        wall_ms = self._wall_ms()
        name = f"{wall_ms:014}-{self._start}-{next(self._raised):06}"
        await raise_alerts(self._shelf, name, alerts, wall_ms)

    async def _is_behind(self) -> bool:
        """Return whether somebody may have subscribed at another node, unknown here as yet."""
        revision = revision_of(self._shelf.items, REGISTRY)
        written = await self._shelf.write({f"{RAISED}none": None}, {REGISTRY: revision})
        return written.code is Code.STALE

    async def _raise_events(self, events: Sequence[Event]) -> None:
        await self.raise_alerts([raised_of(each) for each in events])

    async def _send_test(self, call: MethodCall) -> MethodResult:
        """SendTestIndications: returns when none of them can be lost."""
        count, text = call.given.get("Count"), call.given.get("Message")
        number = int(count) if isinstance(count, int) else 1
        message = str(text) if text is not None else "test"
        if not 1 <= number <= TESTS_MAX or len(message) > MESSAGE_CHARACTERS_MAX:
            return MethodResult(pywbem.Uint32(_INVALID))
        texts = [message] if number == 1 else [f"{message} {n + 1}" for n in range(number)]
        about = cluster_ref(MODEL)
        values: dict[str, Value] = {"OtherAlertType": "test", "MessageArguments": (message,)}
        alerts = [alert(about, "LHA000", each, values) for each in texts]
        raised = [raised_of(each) for each in alerts]
        try:
            await self.raise_alerts(raised)
        except ShelfError as fault:
            refuse(Status.FAILED, str(fault))
        return MethodResult(pywbem.Uint32(0))

    async def run(self, mapping: Mapping, engine: ClusterEngine, host: str) -> None:
        """Tell indications until cancelled; after a bug, which is logged, begin again."""
        while True:
            task = asyncio.create_task(self.keeper(mapping, engine, host).run(), name="keeper")
            try:
                await asyncio.wait({task})
            finally:
                await end_tasks(task)
            log.error("telling indications has ended", exc_info=task.exception())
            await asyncio.sleep(AGAIN_S)

    def keeper(
        self,
        mapping: Mapping,
        engine: ClusterEngine,
        host: str,
    ) -> Keeper:
        """Return what must run for indications to be told."""
        wake = asyncio.Event()
        around = Surroundings(
            self._shelf,
            mapping.catalog,
            mapping.world,
            engine,
            self._store,
            self._sender,
            self._start,
            self._wall_ms,
            host,
            wake.set,
            Direct(self._sender, self._raise_events, self._wall_ms, host, self._start),
            self._limits,
        )
        return Keeper(around, wake)
