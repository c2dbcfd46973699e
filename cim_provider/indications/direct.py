"""What a server tells of its own node: the cluster service or the quorum is gone, a stranger came.

Owns: these conditions. Without service or quorum nothing can be written, and numbers are given out
by the log: listeners are told at once, without a number. When it is over, it is told with a number
that it is; and where not all listeners took the first word, that one as well, with the same
identifier. Whoever looks waits for none of that: a write may have to wait for another coordinator.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cim_provider.engine import ClusterView, EngineState
from cim_provider.indications.alerts import DISCONNECTED, alert
from cim_provider.indications.beside import Beside
from cim_provider.indications.events import Event
from cim_provider.indications.faults import CLEARED
from cim_provider.indications.keeper_events import cim_time, stamped
from cim_provider.indications.keeping import ShelfError
from cim_provider.indications.matching import Matcher
from cim_provider.indications.registry import Registry
from cim_provider.indications.sending import Sender
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.rows import Value
from cim_provider.tasks import end_tasks

TRIES_S: Final = (0.0, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0)
"""When it is tried to tell a listener, in seconds after the last try; then it waits for the end."""
ANSWER_S: Final = 0.5
"""A word that is on its way when its condition ends is answered in this time, or told again."""
REQUESTED: Final[Mapping[str, Value]] = {
    "PerceivedSeverity": 2,
    "ProbableCause": 128,
    "Description": "the cluster service was stopped on request",
    "RecommendedActions": ("start the cluster service when the node is to take part again",),
}
"""What the end of the cluster service is if it was asked for: old listeners wait for its words."""
UNSAID_MAX: Final = 64
"""With so many alerts that could not be raised yet, more strangers wait to be told of."""
HERE: Final = frozenset({"online", "standby", "maintenance", "suspect"})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Condition:
    """One condition that holds."""

    name: str
    began: Event
    message: str
    """Of the alert that it is over."""
    text: str
    """What that one says."""
    has_ended: asyncio.Event
    task: "asyncio.Task[bool]"
    over: Event | None = None
    """That alert, when it is."""


@dataclass(slots=True)
class Direct:
    """Watches the view of one server.

    Args:
        sender: makes what sends to a URL.
        raised: raises alerts, numbered; raises ShelfError.
        wall_ms: reads the wall clock.
        host: the name of this server.
        start: names this run.
    """

    sender: Callable[[str], Sender]
    raised: Callable[[Sequence[Event]], Awaitable[None]]
    wall_ms: Callable[[], int]
    host: str
    start: str
    _was_running: bool = False
    _was_quorate: bool = False
    _count: int = 0
    _holds: dict[str, _Condition] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    """Addresses that were told of."""
    _over: list[_Condition] = field(default_factory=list)
    """Conditions that have ended, and of which it is not said yet."""
    _unsaid: list[Event] = field(default_factory=list)
    """What is to be raised."""
    _saying: Beside[None] = field(default_factory=lambda: Beside("raise alerts", lambda: None))

    def look(self, view: ClusterView, registry: Registry, matcher: Matcher) -> None:
        """See what has begun and what is over, and let it be told."""
        is_running = view.engine is EngineState.RUNNING
        if self._was_running and not is_running:
            self._begin("core", view, registry, matcher)
        elif is_running and view.quorate:
            self._end("core")
        if is_running:
            is_without = not view.quorate and 0 < view.votes < view.votes_needed
            if self._was_quorate and is_without and _speaks(view):
                self._begin("quorum", view, registry, matcher)
            elif view.quorate:
                self._end("quorum")
                self._was_quorate = True
            self._strangers(view)
        self._was_running = is_running
        self._saying.result()
        if (self._over or self._unsaid) and not self._saying.is_busy:
            self._saying.begin(self._say())

    def _strangers(self, view: ClusterView) -> None:
        """Say of each new address that this node refuses what comes from there."""
        known = {host for host, _ in view.refused_hosts} & self._refused
        for host, why in view.refused_hosts:
            if host not in known and len(self._unsaid) < UNSAID_MAX:
                known.add(host)
                text = f"{view.local_node} refuses messages from {host}, {why}"
                values: dict[str, Value] = {
                    "NodeName": view.local_node,
                    "MessageArguments": (host, view.local_node),
                    "EventID": f"stranger:{view.local_node}:{host}",
                }
                self._unsaid.append(alert(node_ref(view.local_node), "LHA036", text, values))
        self._refused = known

    async def stop(self) -> None:
        """Tell nothing more."""
        await self._saying.stop()
        for each in (*self._holds.values(), *self._over):
            await end_tasks(each.task)
        self._holds.clear()
        self._over.clear()

    def _begin(self, name: str, view: ClusterView, registry: Registry, matcher: Matcher) -> None:
        if name in self._holds:
            return
        self._count += 1
        word, wall_ms = f"{self.host}:{self.start}:direct-{self._count}", self.wall_ms()
        fixed = {**stamped(word, wall_ms, self.host), "ClusterName": view.name}
        node = view.local_node
        values: dict[str, Value] = {
            "IndicationIdentifier": fixed["IndicationIdentifier"],
            "IndicationTime": fixed["IndicationTime"],
            "EventTime": fixed["EventTime"],
            "Time": fixed["Time"],
            "EventID": f"{name}:{node}",
            "NodeName": node,
            "MessageArguments": (node,),
        }
        if name == "core":
            is_requested = view.facts.cluster.is_local_leaving  # when it was seen last
            values |= REQUESTED if is_requested else {}
            began, message = alert(node_ref(node), "LHA039", DISCONNECTED, values), "LHA040"
            text = f"the cluster service of {node} answers again"
        else:
            missing = ", ".join(view.votes_missing)
            lost = f"the quorum is lost: {view.votes} of {view.votes_expected} votes are there"
            lost += f", {view.votes_needed} are needed; missing: {missing}"
            began, message = alert(cluster_ref(), "LHA007", lost, values), "LHA008"
            text = "there is a quorum again"
            self._was_quorate = False
        now_s = asyncio.get_running_loop().time()
        urls = {each.context: each.url for each in registry.destinations}
        bodies = [(urls[u.context], u.unnumbered()) for u in matcher.match(began, fixed, now_s)]
        ended = asyncio.Event()
        telling = self._tell(bodies, ended)
        task = asyncio.create_task(telling, name=f"tell without a number: {name}")
        self._holds[name] = _Condition(name, began, message, text, ended, task)

    async def _tell(self, bodies: list[tuple[str, str]], ended: asyncio.Event) -> bool:
        """Send to all, until it has `ended`; return whether all have taken it."""
        results = await asyncio.gather(*(self._send(url, body, ended) for url, body in bodies))
        return all(results)

    async def _send(self, url: str, body: str, ended: asyncio.Event) -> bool:
        sender, why = self.sender(url), ""
        try:
            for wait_s in TRIES_S:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await ended.wait()
                        return False
                delivery = await sender.send(body)
                if delivery.is_taken:
                    return True
                why = delivery.text
            log.warning("a listener was not told at once: %s", why)
            return False
        finally:
            await sender.close()

    def _end(self, name: str) -> None:
        held = self._holds.pop(name, None)
        if held is None:
            return
        held.has_ended.set()
        held.over = self._over_of(held)
        self._over.append(held)

    def _over_of(self, held: _Condition) -> Event:
        """Return the alert that a condition is over, as of now."""
        began, time = held.began, cim_time(self.wall_ms())
        values: dict[str, Value] = {
            "EventTime": time,
            "Time": time,
            "EventID": str(began.values["EventID"]),
            "NodeName": str(began.values["NodeName"]),
            "CorrelatedIndications": (str(began.values["IndicationIdentifier"]),),
            "ProbableCause": CLEARED,
        }
        about = cluster_ref() if held.name == "quorum" else node_ref(str(values["NodeName"]))
        return alert(about, held.message, held.text, values)

    async def _say(self) -> None:
        """Raise what is over, and what else is to be raised, or leave it to the next look."""
        while self._over:
            await self._see_off(self._over[0])
            del self._over[0]
        raised = list(self._unsaid)
        try:
            await self.raised(raised)
        except ShelfError as fault:
            log.info("that the cluster is back is told later: %s", fault)
            return
        del self._unsaid[: len(raised)]

    async def _see_off(self, held: _Condition) -> None:
        """Have it raised that a condition is over; that it began, too, where not all know that."""
        await asyncio.wait({held.task}, timeout=ANSWER_S)
        await end_tasks(held.task)
        is_told = not held.task.cancelled() and held.task.result()
        assert held.over is not None
        self._unsaid += [held.over] if is_told else [held.began, held.over]


def _speaks(view: ClusterView) -> bool:
    """Return whether this server speaks for its part of the cluster: the first that is there."""
    here = sorted(node.name for node in view.nodes if node.state in HERE and not node.is_witness)
    return not here or here[0] == view.local_node
