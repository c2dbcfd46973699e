"""What a snapshot, the journal and the kept revisions say of the past, in the provider's words.

Owns: that translation, and what must be read of the daemon beside the snapshot: only what is new,
in bounded parts. The revisions are compared on a thread of their own: that may take a while.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Final, TypeVar

from cim_provider.engines.ha_core_events import JournalFollower
from cim_provider.engines.ha_core_memo import Memo
from cim_provider.engines.ha_core_observed import Observed
from cim_provider.views.history import (
    FencingView,
    HistoryView,
    LinkView,
    ResultView,
    RevisionView,
    order_of,
)
from cim_provider.views.journal import CoreEvent
from ha_core.client import Client
from ha_core.config.difference import diff
from ha_core.config.model import Address, Configuration, Link, Medium
from ha_core.diary import standing_of
from ha_core.errors import RefusedError
from ha_core.fencing.rules import devices_told, levels_of
from ha_core.ids import LinkName, NodeName, ResourceId, Revision
from ha_core.observed import LinkStanding, OperationResult
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import ShelfItem
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import FencingStatus, NodeStatus

CLEARED_KEY: Final = "event-log/cleared"
"""Under it the shelf keeps the number up to which the log was cleared."""
REVISIONS_PER_READ: Final = 10
"""A revision holds the whole configuration."""
FENCING_KEPT: Final = 1000
_ENDS: Final = {
    "node-fenced": "succeeded",
    "node-confirmed-down": "succeeded",
    "fence-gave-up": "failed",
}
_TRIES: Final = ("fence-proved", "fence-failed")
FENCING_KINDS: Final = frozenset({"fence-wanted", "fence-called-off", *_ENDS})
"""Events that tell of fencing as a whole."""
_THROUGH: Final = re.compile(r" through (\S+): ")
"""What such a sentence says of the node that has used the device."""
ANSWER_S: Final = 1.5
"""A daemon that leaves one of these questions unanswered for so long is taken for hung."""
_UNIMPLEMENTED: Final = 3
"""Exit code of an agent that has no such operation."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was read beside the snapshot."""

    events: tuple[CoreEvent, ...] = ()
    revisions: tuple[RevisionView, ...] = ()
    results: tuple[ResultView, ...] = ()
    """Sorted by `order_of`."""
    links: tuple[LinkStanding, ...] = ()
    fencing: tuple[FencingView, ...] = ()
    wishes: Mapping[str, CoreEvent] = field(default_factory=dict)
    """By node, the newest wish to cut it off that has come to no end."""
    cleared: int = 0


NOTHING_KEPT: Final = Kept()


class Reader:
    """Reads of a daemon what is new; one for each connection.

    Args:
        client: over which it reads.
        journal: who keeps the events.
    """

    def __init__(self, client: Client, journal: JournalFollower) -> None:
        self._client = client
        self._journal = journal
        self._newest: ConfigurationChange | None = None
        self._seen = ""
        """Version of the snapshot with which all of it was read last."""
        self._observed = Observed()
        self._through = 0
        self._is_old = False
        """The daemon is of an earlier version that tells no results."""
        self.kept = Kept()

    async def catch_up(self, snapshot: ClusterSnapshot) -> bool:
        """Read what is new; return whether something was.

        Raises HaError or TimeoutError: the daemon is lost.
        """
        before = self.kept
        await self._read_events()
        await self._read_observed(snapshot)
        if self._seen != snapshot.version:
            await self._read_revisions(snapshot.revision)
            await self._read_start()
            self._seen = snapshot.version
        return self.kept is not before

    async def _read_events(self) -> None:
        await self._journal.catch_up(lambda since: _soon(self._client.recent_events(since)))
        events, known = self._journal.events, self.kept.events
        if events is known:
            return
        fencing, wishes = self.kept.fencing, self.kept.wishes
        if any(each.kind in FENCING_KINDS for each in _fresh(events, known)):
            fencing, wishes = fencing_of(events), wishes_of(events)
        self.kept = replace(self.kept, events=events, fencing=fencing, wishes=wishes)

    async def _read_observed(self, snapshot: ClusterSnapshot) -> None:
        """Read results and links; a daemon that does not know the question tells none."""
        number = -1
        while not self._is_old and number != self._through:
            number = self._through
            try:
                given = await _soon(self._client.observed(number))
            except RefusedError:
                self._is_old = True
                return
            if given.through < number:
                self._observed.clear()
            self._observed.take(map(result_view, given.results), given.links)
            self._through = given.through
        self._observed.forget(snapshot)
        results, links = self._observed.results, self._observed.links
        if results is not self.kept.results or links is not self.kept.links:
            self.kept = replace(self.kept, results=results, links=links)

    async def _read_revisions(self, newest: Revision) -> None:
        """Read the revisions that are not known here, some at a time."""
        while self._newest is None or self._newest.revision < newest:
            since = self._newest.revision if self._newest is not None else 0
            given = await _soon(self._client.history(since, REVISIONS_PER_READ))
            if not given:
                return
            base = (self._newest,) if self._newest is not None else ()
            fresh = await asyncio.to_thread(revision_views, (*base, *given))
            known = (*self.kept.revisions, *fresh[len(base) :])
            oldest = (await _soon(self._client.history(0, 1)))[0].revision
            kept = tuple(each for each in known if each.revision >= oldest)
            self._newest, self.kept = given[-1], replace(self.kept, revisions=kept)

    async def _read_start(self) -> None:
        try:
            given = await _soon(self._client.shelf(CLEARED_KEY))
        except RefusedError:
            return  # this user may not read the shelf: the log is shown whole
        cleared = cleared_of(given.items)
        if cleared != self.kept.cleared:
            self.kept = replace(self.kept, cleared=cleared)


def _fresh(events: Sequence[CoreEvent], known: Sequence[CoreEvent]) -> Iterable[CoreEvent]:
    """Return the events that are not known; all of them if they are those of another journal."""
    if not (events and known) or events[0].seq > known[-1].seq or known[-1].seq > events[-1].seq:
        return events
    return takewhile(lambda each: each.seq > known[-1].seq, reversed(events))


async def _soon(question: Coroutine[object, object, _T]) -> _T:
    async with asyncio.timeout(ANSWER_S):
        return await question


def cleared_of(items: Iterable[ShelfItem]) -> int:
    """Return the number up to which the log was cleared, 0 if it never was."""
    texts = [item.text for item in items if item.key == CLEARED_KEY]
    return int(texts[0]) if texts and texts[0].isdecimal() else 0


def revision_views(revisions: Sequence[ConfigurationChange]) -> tuple[RevisionView, ...]:
    """Return revisions, oldest first, with what each changed; of the first that is not known."""
    found = []
    before: Configuration | None = None
    for change in revisions:
        after = change.configuration
        changes = None if before is None else diff(before, after)
        turned = () if before is None else _turned(before, after)
        found.append(
            RevisionView(
                change.revision, change.author, change.reason, change.at_wall_ms, changes, turned
            )
        )
        before = after
    return tuple(found)


def _turned(before: Configuration, after: Configuration) -> tuple[str, ...]:
    """Return whose standby or maintenance begins or ends; the empty name is the cluster."""
    known = {node.name: (node.standby, node.maintenance) for node in before.nodes}
    nodes = (
        str(node.name)
        for node in after.nodes
        if known.get(node.name, (False, False)) != (node.standby, node.maintenance)
    )
    is_whole = before.options.maintenance != after.options.maintenance
    return (*nodes, *("",) * is_whole)


def history_of(
    snapshot: ClusterSnapshot, kept: Kept, results: "ResultsMaker | None" = None
) -> HistoryView:
    """Return what is known of the past and of the links; `results` remembers the last time."""
    configuration = snapshot.configuration
    results = results if results is not None else ResultsMaker()
    return HistoryView(
        events=kept.events,
        cleared=kept.cleared,
        revisions=kept.revisions,
        links=links_of(snapshot, kept.links),
        results=results.of(snapshot, kept.results),
        fencing=(
            *(_under_way(f, kept.wishes.get(f.node)) for f in snapshot.fencing),
            *kept.fencing,
        ),
        devices=_devices(configuration),
    )


def _under_way(item: FencingStatus, wish: CoreEvent | None) -> FencingView:
    return FencingView(
        id=f"{item.node}-{item.generation}",
        node=item.node,
        action="on" if item.stage == "restoring" else "off",
        executor=item.executor,
        device=item.device,
        reason=item.reason,
        text=f"{item.stage}: {item.fault}" if item.fault else item.stage,
        origin=wish.node if wish is not None else "",
        started_wall_ms=wish.at_wall_ms if wish is not None else 0,
        incident=wish.incident if wish is not None else "",
    )


def wishes_of(events: Iterable[CoreEvent]) -> Mapping[str, CoreEvent]:
    """Return by node the newest wish to cut it off that has come to no end."""
    found: dict[str, CoreEvent] = {}
    for event in events:
        if event.kind == "fence-wanted":
            found[event.subject] = event
        elif event.kind in _ENDS or event.kind == "fence-called-off":
            found.pop(event.subject, None)
    return found


def fencing_of(events: Iterable[CoreEvent]) -> tuple[FencingView, ...]:
    """Return what came of every wish to cut a node off, as the journal tells it, oldest first."""
    wanted: dict[str, CoreEvent] = {}
    through: dict[str, str] = {}
    found: list[FencingView] = []
    for event in events:
        if event.kind == "fence-wanted":
            wanted[event.subject] = event
            through.pop(event.subject, None)
        elif event.kind in _TRIES:
            told = _THROUGH.search(event.text)
            if told is not None:
                through[event.subject] = told[1]
        elif event.kind in _ENDS:
            begin = wanted.pop(event.subject, event)
            is_confirmed = event.kind == "node-confirmed-down"
            found.append(
                FencingView(
                    id=str(event.seq),
                    node=event.subject,
                    state=_ENDS[event.kind],
                    action="" if is_confirmed else "off",
                    origin=event.node,
                    executor="" if is_confirmed else through.pop(event.subject, ""),
                    device=devices_told(event.text),
                    started_wall_ms=begin.at_wall_ms,
                    ended_wall_ms=event.at_wall_ms,
                    reason=event.why or begin.why,
                    text=event.text,
                    is_confirmed=is_confirmed,
                    incident=event.incident,
                )
            )
    return tuple(found[-FENCING_KEPT:])


def _devices(configuration: Configuration) -> tuple[tuple[str, str], ...]:
    pairs = {
        (device.id, str(node.name))
        for node in configuration.nodes
        for level in levels_of(configuration, node.name)
        for device in level
    }
    return tuple(sorted(pairs))


def links_of(snapshot: ClusterSnapshot, said: Iterable[LinkStanding] = ()) -> tuple[LinkView, ...]:
    """Return every link at every node, as its own node says, or as this one hears it."""
    configuration = snapshot.configuration
    named = {link.name: link for link in configuration.links}
    words: dict[tuple[NodeName, LinkName], list[LinkStanding]] = {}
    for each in said:
        words.setdefault((each.node, each.link), []).append(each)
    return tuple(
        _link(
            snapshot,
            node.name,
            address,
            named[address.link],
            words.get((node.name, address.link), ()),
        )
        for node in sorted(configuration.nodes, key=lambda each: each.name)
        for address in sorted(node.addresses, key=lambda each: each.link)
        if address.link in named
    )


def _link(
    snapshot: ClusterSnapshot,
    node: NodeName,
    address: Address,
    link: Link,
    said: Iterable[LinkStanding],
) -> LinkView:
    others = [
        f"{other.host}"
        for each in snapshot.configuration.nodes
        for other in each.addresses
        if each.name != node and other.link == link.name
    ]
    has_port = link.medium is not Medium.SERIAL
    shown = LinkView(
        node=node,
        link=link.name,
        medium=str(link.medium),
        interface=link.interface,
        address=address.host,
        port=(address.port or link.port) if has_port else 0,
        group=link.group,
        peers=tuple(sorted(others)),
        speed=0 if has_port else link.speed,
    )
    return _heard(shown, _standings(snapshot, node, link.name, said), snapshot)


def _standings(
    snapshot: ClusterSnapshot, node: NodeName, link: LinkName, said: Iterable[LinkStanding]
) -> tuple[LinkStanding, ...]:
    """Return how a node hears the others over a link; else, how this node hears that one.

    Of a node that is not heard at all, nothing is known of its links.
    """
    own = [standing_of(snapshot.local, path) for path in snapshot.links if path.link == link]
    heard = {path.peer for path in snapshot.links if path.up}
    if node == snapshot.local:
        return tuple(each for each in own if each.up or each.peer in heard)
    if node not in heard:
        return ()
    gone = {each.name for each in snapshot.nodes if each.state in ("lost", "left")}
    return tuple(each for each in said if each.peer not in gone) or tuple(
        each for each in own if each.peer == node
    )


def _heard(
    shown: LinkView, standings: Sequence[LinkStanding], snapshot: ClusterSnapshot
) -> LinkView:
    """Say how a link does by how it is heard over it."""
    if not standings:
        return shown
    is_up = any(each.up for each in standings)
    last = max(standings, key=lambda each: each.since_wall_ms)
    is_silent = not is_up and last.since_wall_ms > 0
    teller = standings[0].node
    silent = tuple(
        each.peer if teller == shown.node else teller for each in standings if not each.up
    )
    return replace(
        shown,
        state="flapping" if any(each.flaps for each in standings) else "up" if is_up else "down",
        deaf=silent,
        loss_permille=max(each.loss_permille for each in standings),
        changes=sum(each.changes for each in standings),
        changed_wall_ms=last.since_wall_ms,
        heard_wall_ms=last.since_wall_ms - snapshot.timers.dead_after_ms if is_silent else 0,
        reason=last.reason,
        seen_by=teller,
    )


class ResultsMaker:
    """Chooses the results that are shown, of one snapshot after the other."""

    def __init__(self) -> None:
        self._fitting: Memo[tuple[ResultView, ...]] = Memo()
        self._shown: Memo[tuple[ResultView, ...]] = Memo()

    def of(
        self, snapshot: ClusterSnapshot, results: tuple[ResultView, ...]
    ) -> tuple[ResultView, ...]:
        """Return the results of what is configured; those whose failure was cleaned up are gone."""
        configuration = snapshot.configuration
        fitting = self._fitting.get(
            "", (configuration, results), partial(_fitting, configuration, results)
        )
        nodes = {each.name: each for each in snapshot.instances}
        gone = frozenset(
            order_of(each)
            for each in fitting
            if each.status != "done" and _is_clean(nodes.get(NodeName(each.node)), each)
        )
        shown = self._shown.get("", (fitting, gone), partial(_without, fitting, gone))
        self._fitting.end()
        self._shown.end()
        return shown


def results_of(snapshot: ClusterSnapshot, results: Iterable[ResultView]) -> tuple[ResultView, ...]:
    """Return the results of what is configured; those whose failure was cleaned up are gone."""
    return ResultsMaker().of(snapshot, tuple(results))


def _fitting(
    configuration: Configuration, results: tuple[ResultView, ...]
) -> tuple[ResultView, ...]:
    configured = {each.id for each in configuration.primitives}
    members = {each.name for each in configuration.nodes}
    return tuple(
        each
        for each in results
        if each.node in members and each.resource.partition(":")[0] in configured
    )


def _without(
    results: tuple[ResultView, ...], gone: frozenset[tuple[str, str, str, int]]
) -> tuple[ResultView, ...]:
    return tuple(each for each in results if order_of(each) not in gone) if gone else results


def _is_clean(node: NodeStatus | None, result: ResultView) -> bool:
    """Return whether a node is known to remember no failure of what a result is about."""
    instance = node.instance(ResourceId(result.resource)) if node is not None else None
    return instance is not None and instance.failure is None


def result_view(said: OperationResult) -> ResultView:
    """Return a result in the provider's words."""
    return ResultView(
        node=said.node,
        resource=said.resource,
        operation=said.action,
        interval_ms=said.interval_ms,
        status=_status(said),
        exit_code=said.exit_code,
        expected=said.expected,
        reason=said.reason,
        output=said.output,
        execution_ms=said.duration_ms,
        run_wall_ms=said.at_wall_ms,
        changed_wall_ms=said.since_wall_ms,
        call=said.call,
    )


def _status(said: OperationResult) -> str:
    if said.timed_out:
        return "timed-out"
    if said.exit_code == said.expected:
        return "done"
    return "unsupported" if said.exit_code == _UNIMPLEMENTED else "failed"
