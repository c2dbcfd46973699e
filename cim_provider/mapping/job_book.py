"""The jobs of the cluster on the shelf that all servers share: begun, ended, forgotten.

Owns: the keys, and who may change a record when. A write names the revision it is
based on, so that of several servers that see the end of a job one writes it down.
Source: DMTF DSP1103, "Job Control Profile", for what a job goes through.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from cim_provider.indications.shelf import Code, Item, Shelf, Written, revision_of
from cim_provider.mapping.job_records import (
    HOLDER,
    JOBS_MAX,
    LIMIT_S,
    PREFIX,
    Call,
    Job,
    JobRecord,
    Jobs,
    parse,
    render,
    table,
)

TRIES: Final = 3
Look: TypeAlias = Callable[[Shelf, Callable[[], bool]], Awaitable[None]]
"""Waits, bounded, until a shelf has something."""
RECENT_MS: Final = 30_000
"""A job that is named and not known is waited for if it began so lately; clocks may differ."""
_NAMES_MAX: Final = 4 * JOBS_MAX
_NAME: Final = re.compile(r"([0-9]{1,15})-[0-9a-f]{6}")
"""When it began, and what tells it from others of that moment."""


class JobError(Exception):
    """A record could not be changed; the text says why."""


class MemoryShelf:
    """Implements `Shelf` for a server without one: what is kept ends with it."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._revision = 0

    @property
    def is_reached(self) -> bool:
        """See `Shelf`."""
        return True

    @property
    def revision(self) -> int:
        """See `Shelf`."""
        return self._revision

    @property
    def items(self) -> Mapping[str, Item]:
        """See `Shelf`."""
        return self._items

    async def write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Written:
        """See `Shelf`."""
        if any(revision_of(self._items, key) != wanted for key, wanted in conditions.items()):
            return Written(Code.STALE, "it was changed meanwhile")
        self._revision += 1
        left = {key: item for key, item in self._items.items() if key not in puts}
        new = {key: Item(text, self._revision) for key, text in puts.items() if text is not None}
        self._items = {**left, **new}
        return Written(Code.DONE, "", self._revision)

    async def leave(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> None:
        """See `Shelf`; it ends with this server."""

    async def changed(self, since: int) -> None:
        """See `Shelf`; nobody else writes here."""


class JobBook:
    """Implements `Holder`.

    Args:
        shelf: what all servers share.
        wall_ms: reads the wall clock.
        limit_s: after so long a job has failed.
        look: waits for a job that may have been begun elsewhere; None: none is waited for.
    """

    def __init__(
        self,
        shelf: Shelf,
        wall_ms: Callable[[], int],
        limit_s: int = LIMIT_S,
        look: Look | None = None,
    ) -> None:
        self.shelf = shelf
        self._wall_ms = wall_ms
        self._limit_s = limit_s
        self._look = look
        self._read: tuple[str, Jobs] = ("", Jobs())
        self._names: dict[str, None] = {}
        """Which have been seen here, the oldest first."""

    @property
    def name(self) -> str:
        """See `Holder`."""
        return HOLDER

    @property
    def version(self) -> str:
        """See `Holder`."""
        return ".".join(str(item.revision) for _, item in self._items())

    def held(self) -> Jobs:
        """See `Holder`."""
        version = self.version
        if version != self._read[0]:
            found = (parse(item.text) for _, item in self._items())
            self._read = (version, table(each for each in found if each is not None))
            names = self._names | dict.fromkeys(self._read[1].records)
            self._names = dict.fromkeys(list(names)[-_NAMES_MAX:])
        return self._read[1]

    async def look_for(self, name: str) -> None:
        """Wait, bounded, for a job that another server has just begun.

        The log has it before its client is told of it; this node may learn of that later.
        """

        def is_there() -> bool:
            return name in self.held().records

        if self._look is not None and not is_there() and self._may_come(name):
            await self._look(self.shelf, is_there)

    def _may_come(self, name: str) -> bool:
        found = _NAME.fullmatch(name)
        if name in self._names or found is None:
            return False
        return abs(self._wall_ms() - int(found[1])) <= RECENT_MS

    def now_ms(self) -> int:
        """Return the time."""
        return self._wall_ms()

    async def begin(self, job: Job, author: str, method: str, call: Call | None = None) -> str:
        """Keep a new job and return its id. Raises JobError."""
        now_ms = self._wall_ms()
        name = f"{now_ms}-{secrets.token_hex(3)}"
        record = JobRecord(
            name,
            job,
            author,
            method,
            now_ms,
            now_ms,
            limit_s=self._limit_s,
            text="queued",
            call=call or Call(),
        )
        puts: dict[str, str | None] = {PREFIX + name: render(record)}
        known = self.held().records.values()
        if len(known) >= JOBS_MAX:
            ended = [each.id for each in known if each.has_ended]
            if not ended:
                raise JobError(f"{JOBS_MAX} jobs are under way: no more are kept")
            puts[PREFIX + ended[0]] = None
        await self._write(puts, {PREFIX + name: 0})
        return name

    async def end(self, name: str, state: int, text: str, percent: int) -> bool:
        """Write down that a job has ended; return False where it had ended already, or is gone.

        Raises JobError.
        """
        return await self._change(
            name,
            lambda known: (
                None if known.has_ended else known.ended(state, text, percent, self._wall_ms())
            ),
        )

    async def keep(self, name: str, kept_s: int | None, goes: bool | None) -> bool:
        """Change how long a job can be read after its end, and whether it goes by itself then.

        None leaves that as it is. Returns False if the job is gone. Raises JobError.
        """

        def edit(known: JobRecord) -> JobRecord:
            return replace(
                known,
                kept_s=known.kept_s if kept_s is None else kept_s,
                goes=known.goes if goes is None else goes,
            )

        return await self._change(name, edit)

    async def forget(self, name: str) -> None:
        """Remove a job; nothing if it is gone. Raises JobError."""
        await self._write({PREFIX + name: None}, {})

    async def _change(self, name: str, edit: Callable[[JobRecord], JobRecord | None]) -> bool:
        key = PREFIX + name
        for _ in range(TRIES):
            item = self.shelf.items.get(key)
            known = parse(item.text) if item is not None else None
            new = edit(known) if known is not None else None
            if item is None or new is None:
                return False
            if await self._write({key: render(new)}, {key: item.revision}):
                return True
        raise JobError("the job is being changed by others all the time: try again")

    async def _write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> bool:
        """Write, and return False if somebody was quicker. Raises JobError."""
        written = await self.shelf.write(puts, conditions)
        if written.ok:
            return True
        if written.code is Code.STALE:
            return False
        raise JobError(written.text or f"the jobs cannot be written: {written.code.value}")

    def _items(self) -> list[tuple[str, Item]]:
        found = [(key, item) for key, item in self.shelf.items.items() if key.startswith(PREFIX)]
        return sorted(found)
