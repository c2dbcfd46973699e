"""Who delivers: tells what happens, and settles what was taken.

Owns: one server's time as the holder; docs/protocols/indications.md has the
argument. All that must outlive this process is on the shelf, and each write is
under the condition that this server still holds.
"""

import asyncio
import logging
import sqlite3
from dataclasses import replace
from typing import Final

from cim_provider.engine import ClusterView, EngineState
from cim_provider.indications import outbox, picture as pictures, policies
from cim_provider.indications.alerts import alerts_of, is_status, status_changed
from cim_provider.indications.beside import Beside
from cim_provider.indications.events import Event
from cim_provider.indications.facts import FACT, STATUS
from cim_provider.indications.faults import encode as encode_faults
from cim_provider.indications.following import Following
from cim_provider.indications.keeper_events import Found, raised_events, stamped
from cim_provider.indications.keeping import change
from cim_provider.indications.matching import Matcher, Unnumbered, is_batch
from cim_provider.indications.outbox import Batch, Holding, Indication, Numbers
from cim_provider.indications.overflow import Overflow
from cim_provider.indications.pacing import STATUS_GAP_S, Pace
from cim_provider.indications.picture import Difference, Picture
from cim_provider.indications.registry import Registry
from cim_provider.indications.sending import Queue
from cim_provider.indications.shelf import (
    ALIVE,
    FAULTS,
    HOLDER,
    NUMBERS,
    REGISTRY,
    SENT,
    Code,
    revision_of,
)
from cim_provider.indications.stock import Stock
from cim_provider.indications.surroundings import Surroundings
from cim_provider.indications.telling import Named, Progress, read_progress, resolved

TOLD_MAX: Final = 200
"""Events, or groups of them, that one write tells."""
REMOVED_MAX: Final = 400
"""Batches that one write removes."""
LOOK_GAP_S: Final = 0.05
"""Pictures are taken no more than 20 times a second."""

log = logging.getLogger(__name__)


class Holder:
    """One server's time as the holder.

    Args:
        around: what it works with.
        revision: of its own claim on the shelf.
        base: what was told last; None: begin with what is seen now.
    """

    def __init__(self, around: Surroundings, revision: int, base: Picture | None) -> None:
        items, now_s = around.shelf.items, around.now_s()
        self._around = around
        self._limits = around.limits
        self._shelf = around.shelf
        self.revision = revision
        self._claim = revision
        """Tells this time as the holder from any other: a server may hold again."""
        self._has_left = False
        """Whether this server has made its last will."""
        self.base = base
        self.lost = ""
        """Why it holds no more; empty while it does."""
        self._renewed_s = now_s
        self._count = 0
        self._numbers = outbox.read_numbers(items, NUMBERS)
        self._numbers_revision = revision_of(items, NUMBERS)
        self._progress = self._written = read_progress(items, self._numbers)
        """What was told, and of it what is on the shelf."""
        self._status = Pace()
        self._overflow = Overflow()
        self._look_due_s = 0.0
        self._saved = -1
        """All batches below are in the base on this node's disk; -1 if none is there yet."""
        self._is_whole = False
        """The base is a picture of all that is watched, and not of what was told alone."""
        self._saved_base: Picture | None = None
        self._stock = Stock(items, now_s)
        self._queues: dict[str, Queue] = {}
        self._urls: dict[str, str] = {}
        self._deeds: list[policies.Deed] = []
        self._told_version = ""
        self._registry_revision = -1
        self._settle_due_s: float | None = now_s
        self._settling: Beside[bool] = Beside("settle", around.wake)
        self._renewing: Beside[bool] = Beside("renew", around.wake)
        self._leaving: Beside[None] = Beside("leave a last will", around.wake)
        self._saving = asyncio.Lock()
        self._serial = 0
        self._cluster = ""
        self._is_full = False
        """The last write found no room on the shelf."""
        self._following = Following(around.engine, around.wake)
        self._waits = ""
        """Why the last write was not done."""

    async def step(self, registry: Registry, revision: int, matcher: Matcher) -> None:
        """Do once what is due, by this registry."""
        now_s = self._around.now_s()
        if revision != self._registry_revision:
            self._told_version, self._registry_revision = "", revision
        await self._renew(registry, now_s)
        self._leave()
        if not self.lost:
            await self._refresh(registry)
            await self._tell(registry, matcher)
        if not self.lost:
            self._settle(now_s)
            await self._carry_out(registry, now_s)

    async def stop(self) -> None:
        """Send no more."""
        await self._leaving.stop()
        await self._shelf.leave({}, {})
        await self._renewing.stop()
        await self._settling.stop()
        for queue in self._queues.values():
            await queue.stop()

    async def let_go(self) -> None:
        """After `stop`: what was taken is written down, and another may hold at once."""
        await self._save()
        await self._write_settled(*self._settled())
        view = await self._around.engine.view()
        if len(view.nodes) > 1:
            await self._shelf.write({HOLDER: self._released()}, {HOLDER: self.revision})

    def _leave(self) -> None:
        """Once: have another hold at once should this server vanish; nobody waits for it."""
        self._leaving.result()
        if not self._has_left:
            self._has_left = True
            will = {HOLDER: self._released()}
            self._leaving.begin(self._shelf.leave(will, {HOLDER: self.revision}))

    def _released(self) -> str:
        return outbox.write(Holding("", self._around.start, self._count))

    def _lose(self, why: str) -> None:
        self.lost = why or "the shelf says so"

    async def _renew(self, registry: Registry, now_s: float) -> None:
        """Show that this server is well; without subscriptions nobody wants to know."""
        if self._renewing.result() and self._progress != self._written:
            await self._write({}, self._numbers, self._progress)
        if self._renewing.is_busy or now_s - self._renewed_s < self._limits.renew_s:
            return
        self._renewed_s = now_s
        if self._stock and self._settle_due_s is None:
            self._settle_due_s = now_s  # what was kept for others may go
        if registry.subscriptions:
            self._renewing.begin(self._write_alive())

    async def _write_alive(self) -> bool:
        view = await self._around.engine.view()
        text = outbox.write(Holding(view.local_node, self._around.start, self._count + 1))
        # Under a key of its own: what else is under way has the claim's revision as a condition.
        written = await self._shelf.write({ALIVE: text}, {HOLDER: self.revision})
        if written.ok:
            self._count += 1
        elif written.code is Code.UNKNOWN:
            self._lose(written.text)
        return written.ok  # if it is stale, the next step sees who holds

    # --- destinations --------------------------------------------------------------------

    async def _refresh(self, registry: Registry) -> None:
        """Have a queue for each destination that is subscribed, with all that waits for it."""
        active = policies.active(registry)
        for context in list(self._queues):
            is_other = context not in active or active[context].url != self._urls[context]
            if is_other or self._queues[context].has_ended:
                await self._queues.pop(context).stop()
                self._settle_due_s = self._around.now_s()
        sent = outbox.read_sent(self._shelf.items, SENT)
        for context, destination in active.items():
            if context not in self._queues:
                queue = self._queue(context, sent.get(context, -1), destination.url)
                self._queues[context], self._urls[context] = queue, destination.url
                for each in self._stock.of(context):
                    queue.add(each)
                queue.start()

    def _queue(self, context: str, sent: int, url: str) -> Queue:
        def interval_s() -> float:
            registry, _ = self._around.reader.read(self._shelf.items)
            return float(registry.settings.retry_interval_s)

        sender = self._around.sender(url)
        return Queue(context, sent, sender, interval_s, self._taken, self._failed)

    def _taken(self) -> None:
        """There is something to settle: soon, the disk is slow and nobody waits for it."""
        if self._settle_due_s is None:
            self._settle_due_s = self._around.now_s() + self._limits.settle_s
            asyncio.get_running_loop().call_later(self._limits.settle_s, self._around.wake)

    def _failed(self, context: str, tries: int, lasting_s: float) -> None:
        registry, _ = self._around.reader.read(self._shelf.items)
        deed = policies.after_failure(registry, context, tries, lasting_s)
        if deed is not None:
            self._deeds.append(deed)
            self._around.wake()

    # --- telling -------------------------------------------------------------------------

    async def _tell(self, registry: Registry, matcher: Matcher) -> None:
        """Turn what has happened since the last time into indications on the shelf."""
        found = raised_events(self._shelf.items)
        wants_alerts = matcher.wants_alerts
        self._progress = self._following.progress(self._progress, wants_alerts=wants_alerts)
        is_following = not wants_alerts or self._progress.events >= 0
        if registry.subscriptions:
            found += await self._following.found(self._progress)
            found += [Found((e,)) for e in self._overflow.due(registry, self._around.now_s())]
        view = await self._around.engine.view()
        self._cluster = view.name
        # First, because it is known already: a picture of a large cluster takes a while.
        if not await self._tell_all(found, matcher, view):
            return
        if self._progress.events >= 0:
            self._following.has_looked_back = True
        seen: Picture | None = None
        # Without a quorum this node may show others as lost that only it does not hear.
        is_sure = view.engine is EngineState.RUNNING and view.quorate
        is_new = view.version != self._told_version or self._status.is_due(self._around.now_s())
        if registry.subscriptions and is_sure and is_new and self._may_look():
            seen = await self._look(matcher)
            if self.base is not None:
                seen = self._paced(self.base, pictures.settled(self.base, seen))
                changes = pictures.differences(self.base, seen)
                differing = [Found(self._events_of(each), each) for each in changes]
                await asyncio.sleep(0)
                if not await self._tell_all(differing, matcher, view):
                    return
        if seen is not None:
            self._told_version = view.version
            if self.base != seen or not self._is_whole:
                self.base, self._is_whole = seen, True
                self._taken()
        is_ready = seen is not None or not registry.subscriptions
        if is_ready and is_following and self._numbers.registry < self._registry_revision:
            await self._save()  # who has subscribed hears of what comes, whoever dies now
            await self._write_ready(registry)

    def _may_look(self) -> bool:
        """Return whether a picture may be taken already; if not, there will be a step for it."""
        wait_s = self._look_due_s - self._around.now_s()
        if wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self._around.wake)
        return wait_s <= 0

    async def _look(self, matcher: Matcher) -> Picture:
        """Take a picture, and none for as long as it took: others have work to do, too."""
        began_s = self._around.now_s()
        seen = await self._around.picture(matcher.watched)
        now_s = self._around.now_s()
        self._look_due_s = now_s + max(LOOK_GAP_S, now_s - began_s)
        return seen

    def _events_of(self, change: Difference) -> tuple[Event, ...]:
        if is_status(change):
            return (status_changed(self._status.count, change),)
        own = () if change.ref.class_name == FACT else (pictures.event_of(change),)
        return (*own, *alerts_of(change))

    def _paced(self, base: Picture, seen: Picture) -> Picture:
        """Keep back for a moment that something has changed, if that was told just now."""
        before, after = base.objects.get(STATUS), seen.objects.get(STATUS)
        if before is None or after is None or before == after:
            return seen
        now_s = self._around.now_s()
        if self._status.may_tell(after, now_s):
            return seen
        wait_s = self._status.told_s + STATUS_GAP_S - now_s
        asyncio.get_running_loop().call_later(wait_s, self._around.wake)
        return seen.holding(STATUS, before)

    async def _write_ready(self, registry: Registry) -> None:
        """Say that what happens from now on is told to all that this registry names."""
        known = {each.context for each in registry.destinations}
        numbers = Numbers(
            self._numbers.batch,
            {name: number for name, number in self._numbers.next.items() if name in known},
            {name: number for name, number in self._numbers.dropped.items() if name in known},
            self._registry_revision,
        )
        if not await self._write({}, numbers, self._progress):
            self._told_version = ""

    async def _tell_all(self, found: list[Found], matcher: Matcher, view: ClusterView) -> bool:
        """Write all events in batches; return whether all are on the shelf."""
        position, progress = 0, self._progress
        while position < len(found):
            chosen: list[Unnumbered] = []
            told: list[Found] = []
            while position < len(found) and not is_batch(chosen) and len(told) < TOLD_MAX:
                each = found[position]
                named, progress = resolved(each, progress, view, self._next_name)
                matched = [item for event in named for item in self._match(event, matcher)]
                chosen += matched
                if matched or each.key:
                    told.append(each)
                position += 1
                await asyncio.sleep(0)
            if told and not await self._write_batch(chosen, told, progress):
                return False
            self._progress = progress
        return True

    def _next_name(self) -> str:
        self._serial += 1
        return f"{self._around.host}:{self._around.start}:{self._claim}.{self._serial}"

    def _match(self, named: Named, matcher: Matcher) -> list[Unnumbered]:
        around, event = self._around, named.event
        fixed = stamped(named.name, event.at_wall_ms or around.wall_ms(), around.host)
        fixed["ClusterName"] = self._cluster
        return matcher.match(event, fixed, around.now_s())

    async def _write_batch(
        self, chosen: list[Unnumbered], told: list[Found], progress: Progress
    ) -> bool:
        """Give out numbers and write; return whether it is on the shelf."""
        is_room = self._stock.characters < self._limits.out_characters_max
        fresh, numbers = self._numbered(chosen, is_room=is_room)
        puts: dict[str, str | None] = {each.key: None for each in told if each.key}
        if not fresh:
            return await self._write(puts, numbers, progress)
        changes = tuple(each.change for each in told if each.change is not None)
        whole, merged = Batch(tuple(fresh), changes), self._to_merge()
        if merged is not None:
            before = self._stock.batch(merged)
            whole = Batch((*before.indications, *fresh), (*before.changes, *changes))
        parts = dict(enumerate(outbox.fitting(whole), self._numbers.batch))
        if any(len(text) > outbox.SHELF_TEXT_MAX for _, text in parts.values()):
            log.error("an indication is too large for the shelf, and is dropped with its batch")
            return await self._write(puts, self._numbered(chosen)[1], progress)
        texts = {outbox.key_of(number): text for number, (_, text) in parts.items()}
        gone = {} if merged is None else {outbox.key_of(merged): None}
        grown = replace(numbers, batch=self._numbers.batch + len(parts))
        if not await self._write({**puts, **gone, **texts}, grown, progress):
            return self._is_full and await self._write(puts, self._numbered(chosen)[1], progress)
        if merged is not None:
            self._stock.drop(merged)
        self._stock.keep(parts, self._around.now_s())
        for indication in fresh:
            queue = self._queues.get(indication.context)
            if queue is not None:
                queue.add(indication)
        self.base = pictures.laid_over(self.base or Picture(), changes)
        self._taken()
        return True

    def _to_merge(self) -> int | None:
        # What is being settled may be about to remove it.
        return None if self._settling.is_busy else self._stock.to_merge()

    async def _save(self) -> None:
        """Write the base to this node's disk: before what told of it leaves the shelf."""
        async with self._saving:
            base, position = self.base, self._numbers.batch
            is_saved = position == self._saved and base is self._saved_base
            if self._is_whole and base is not None and not is_saved:
                await self._around.save(base, position)
                self._saved, self._saved_base = position, base

    def _numbered(
        self, chosen: list[Unnumbered], *, is_room: bool = False
    ) -> tuple[list[Indication], Numbers]:
        """Return the indications with numbers, and the numbers after; without room, no more."""
        following, dropped = dict(self._numbers.next), dict(self._numbers.dropped)
        lengths = {context: queue.length for context, queue in self._queues.items()}
        fresh: list[Indication] = []
        for each in chosen:
            number = following.get(each.context, 0)
            following[each.context] = 0 if number >= outbox.NUMBER_MAX else number + 1
            lengths[each.context] = lengths.get(each.context, 0) + 1
            if is_room and lengths[each.context] <= self._limits.queue_max:
                fresh.append(Indication(each.context, number, each.numbered(number)))
            else:
                dropped[each.context] = dropped.get(each.context, 0) + 1
        return fresh, replace(self._numbers, next=following, dropped=dropped)

    async def _write(
        self, puts: dict[str, str | None], numbers: Numbers, progress: Progress
    ) -> bool:
        """Write texts with the numbers that they used, if this server still holds."""
        numbers = progress.numbers(numbers)
        if progress.faults != self._written.faults:
            puts = {**puts, FAULTS: encode_faults(progress.faults)}
        conditions = {
            HOLDER: self.revision,
            NUMBERS: self._numbers_revision,
            REGISTRY: self._registry_revision,
        }
        written = await self._shelf.write({**puts, NUMBERS: outbox.write(numbers)}, conditions)
        self._is_full = written.code is Code.FULL
        if written.ok:
            if self._overflow.note(self._numbers.dropped, numbers.dropped):
                log.error("there is no room: indications were dropped, %s", dict(numbers.dropped))
            self._numbers, self._numbers_revision = numbers, written.revision
            self._written = progress
        elif written.code is Code.UNKNOWN:
            self._lose(written.text)
        elif written.code is Code.REFUSED and written.text != self._waits:
            log.warning("indications wait: %s", written.text)
        self._waits = "" if written.ok else written.text
        return written.ok

    # --- settling ------------------------------------------------------------------------

    def _settle(self, now_s: float) -> None:
        """Let what was taken be written down, while what comes is told. Raises sqlite3.Error."""
        try:
            has_failed = self._settling.result() is False
        except sqlite3.Error:
            self._settle_due_s = now_s + self._limits.settle_s
            raise
        if has_failed:
            self._settle_due_s = now_s + self._limits.settle_s
        is_due = self._settle_due_s is not None and now_s >= self._settle_due_s
        if is_due and not self._settling.is_busy:
            # What is done is judged now: queues come and go later.
            self._settle_due_s = None
            self._settling.begin(self._write_settled(*self._settled()))

    def _settled(self) -> tuple[dict[str, int], list[int]]:
        """Return how far each destination has taken all, and the batches nobody waits for."""
        registry, _ = self._around.reader.read(self._shelf.items)
        sent = outbox.read_sent(self._shelf.items, SENT)
        known = {each.context for each in registry.destinations}
        marks = {context: number for context, number in sent.items() if context in known}
        for context in known:
            queue = self._queues.get(context)
            newest = self._numbers.next.get(context, 0) - 1
            mark = queue.sent if queue is not None else newest
            if mark >= 0:
                marks[context] = max(mark, marks.get(context, -1))
        limits, older_s = self._limits, self._around.now_s() - self._limits.kept_s
        done = self._stock.done(known, marks, older_s, limits.kept_max)
        return marks, [number for number in done if number < self._saved]

    async def _write_settled(self, marks: dict[str, int], done: list[int]) -> bool:
        """Save the base, write down the marks and remove batches; return whether all is done."""
        await self._save()
        if marks == outbox.read_sent(self._shelf.items, SENT) and not done:
            return True
        gone = done[:REMOVED_MAX]
        puts: dict[str, str | None] = {outbox.key_of(number): None for number in gone}
        puts[SENT] = outbox.write(marks)
        written = await self._shelf.write(puts, {HOLDER: self.revision})
        if written.ok:
            for number in gone:
                self._stock.drop(number)
        return written.ok and len(done) == len(gone)

    async def _carry_out(self, registry: Registry, now_s: float) -> None:
        """Change the registry as policies and durations say."""
        deeds, self._deeds = self._deeds, []
        wall_ms = self._around.wall_ms()

        def edit(known: Registry) -> Registry:
            known = policies.without_expired(known, wall_ms)
            for deed in deeds:
                known = policies.done(known, deed, wall_ms)
            return known

        if edit(registry) == registry:
            return
        for text in dict.fromkeys(deed.text for deed in deeds):
            log.warning("%s", text)
        await change(self._shelf, self._around.reader, edit)
        self._settle_due_s = now_s
