"""Drafts: resources that are being made in steps and are not in the configuration yet.

Owns: their values, the names that clients have given to parts of resources, and how both stand on
the shelf, which all servers of a cluster share and which outlives each of them. Nothing of this is
scheduled. Knows nothing of CIM.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final, TypeAlias

import msgspec

from cim_provider.edits import Change, MakeClone, MakeGroup, MakePrimitive, OperationText, Words
from cim_provider.indications.shelf import PREFIX, Code, Item, Shelf, revision_of

DRAFTS: Final = f"{PREFIX}draft/"
NAMES: Final = f"{PREFIX}name/"
DRAFTS_MAX: Final = 256
"""Drafts at a time: they are work in progress, and the shelf has other guests."""
PARTS_MAX: Final = 256
"""Parameters and operations of one draft, or members."""
ID_CHARS_MAX: Final = 100
TRIES_MAX: Final = 10
HOLDER: Final = "drafts"


class DraftError(Exception):
    """A draft cannot be kept; the text says why.

    `is_full`: there is no room; `is_wrong`: what was given may not be.
    """

    def __init__(self, text: str, *, is_full: bool = False, is_wrong: bool = False) -> None:
        super().__init__(text)
        self.is_full = is_full
        self.is_wrong = is_wrong


@dataclass(frozen=True, slots=True)
class DraftParameter:
    """A parameter; `id` is what its client calls it."""

    id: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DraftOperation:
    """An operation; `id` is what its client calls it."""

    id: str
    action: str
    words: Words = ()
    texts: tuple[tuple[str, str], ...] = ()
    """Times as they were written, by property."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One resource, or a location constraint that waits for its rule.

    `kind`: primitive, group, clone or location.
    """

    id: str
    kind: str
    agent: tuple[str, str, str] = ("", "", "")
    """Class, provider and type."""
    description: str = ""
    is_promotable: bool = False
    members: tuple[str, ...] = ()
    """Drafts that are in it."""
    words: Words = ()
    parameters: tuple[DraftParameter, ...] = ()
    operations: tuple[DraftOperation, ...] = ()
    author: str = ""


Named: TypeAlias = Mapping[tuple[str, str], str]
"""What clients call parts of one resource or constraint, by kind and content."""


@dataclass(frozen=True, eq=False)
class Kept:
    """All drafts by id, and the names of parts by what they are in."""

    drafts: Mapping[str, Draft] = field(default_factory=dict)
    names: Mapping[str, Named] = field(default_factory=dict)


def changes_of(draft: Draft, drafts: Mapping[str, Draft]) -> tuple[Change, ...]:
    """Return what puts a draft into the configuration, with the drafts that are in it first."""
    found: dict[str, Draft] = {}
    _collect(draft, drafts, set(), found)
    return tuple(map(_change_of, found.values()))


def within(draft: Draft, drafts: Mapping[str, Draft]) -> tuple[Draft, ...]:
    """Return a draft with those that are in it."""
    found: dict[str, Draft] = {}
    _collect(draft, drafts, set(), found)
    del found[draft.id]
    return (draft, *found.values())


def _collect(
    draft: Draft, drafts: Mapping[str, Draft], entered: set[str], found: dict[str, Draft]
) -> None:
    """Add what is in a draft, and then itself: each once, for drafts may name each other."""
    entered.add(draft.id)
    for name in draft.members:
        if name in drafts and name not in entered:
            _collect(drafts[name], drafts, entered, found)
    found[draft.id] = draft


def _change_of(draft: Draft) -> Change:
    match draft.kind:
        case "primitive":
            return MakePrimitive(
                draft.id,
                *draft.agent,
                draft.description,
                draft.words,
                tuple((each.name, each.value) for each in draft.parameters),
                tuple(OperationText(each.action, each.words) for each in draft.operations),
            )
        case "group":
            return MakeGroup(draft.id, draft.members, draft.description, draft.words)
        case _:
            member = draft.members[0] if draft.members else ""
            return MakeClone(draft.id, member, draft.is_promotable, draft.description, draft.words)


class DraftStore:
    """Drafts and names on a shelf; implements `mapping.world.Holder`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._items: Mapping[str, Item] | None = None
        self._seen: dict[str, Item] = {}
        self._kept = Kept()
        # Versions must not come back, neither here nor after a restart.
        self._start, self._count = token_hex(4), 0

    @property
    def name(self) -> str:
        """See `Holder`."""
        return HOLDER

    @property
    def version(self) -> str:
        """See `Holder`."""
        self.held()
        return f"{self._start}.{self._count}"

    def held(self) -> Kept:
        """See `Holder`."""
        items = self._shelf.items
        if items is self._items:
            return self._kept
        seen = {key: item for key, item in items.items() if key.startswith((DRAFTS, NAMES))}
        self._items = items
        if seen != self._seen:
            self._seen = seen
            self._kept = _decoded(seen)
            self._count += 1
        return self._kept

    async def put(self, draft: Draft) -> None:
        """Keep a draft in place of an earlier one of its id. Raises DraftError."""
        _check(draft)
        await self._change(DRAFTS + draft.id, lambda _: _encode(draft))

    async def edit(self, name: str, edit: Callable[[Draft], Draft]) -> None:
        """Change a draft; `edit` may be called again where another client was quicker.

        Raises DraftError, also where there is no such draft any more; and what `edit` raises.
        """

        def changed(text: str | None) -> str | None:
            if text is None:
                raise DraftError(f"draft {name} does not exist any more")
            draft = edit(_decode(text))
            _check(draft)
            return _encode(draft)

        await self._change(DRAFTS + name, changed)

    async def remove(self, *names: str) -> None:
        """Forget drafts and what is said of them. Raises DraftError."""
        for name in names:
            await self._change(DRAFTS + name, lambda _: None)

    async def call(self, owner: str, edit: Callable[[dict[tuple[str, str], str]], None]) -> None:
        """Change what parts of a resource or constraint are called. Raises DraftError."""

        def changed(text: str | None) -> str | None:
            known = {} if text is None else _names(text)
            edit(known)
            if not known:
                return None
            rows = [[kind, content, name] for (kind, content), name in known.items()]
            return msgspec.json.encode(rows).decode()

        await self._change(NAMES + owner, changed)

    async def forget_names(self, owner: str) -> None:
        """Forget what parts of a resource or constraint are called. Raises DraftError."""
        await self._change(NAMES + owner, lambda _: None)

    async def _change(self, key: str, edit: Callable[[str | None], str | None]) -> None:
        if not self._shelf.is_reached:
            raise DraftError("the cluster on this node cannot be asked: start it, then try again")
        for _ in range(TRIES_MAX):
            items = self._shelf.items
            found = items.get(key)
            old = None if found is None else found.text
            new = edit(old)
            if new == old:
                return
            count = sum(each.startswith(DRAFTS) for each in items)
            if old is None and key.startswith(DRAFTS) and count >= DRAFTS_MAX:
                text = f"there are {count} drafts, which is the most: submit or delete some"
                raise DraftError(text, is_full=True)
            written = await self._shelf.write({key: new}, {key: revision_of(items, key)})
            if written.ok:
                return
            if written.code is not Code.STALE:
                raise DraftError(written.text, is_full=written.code is Code.FULL)
        raise DraftError("others change the same draft all the time: try again")


def _check(draft: Draft) -> None:
    if (
        not draft.id
        or len(draft.id) > ID_CHARS_MAX
        or not (draft.id.isascii() and draft.id.isprintable() and " " not in draft.id)
    ):
        text = f"Id {draft.id[:40]!r}: expected 1 to {ID_CHARS_MAX} letters, digits, _ . -"
        raise DraftError(text, is_wrong=True)
    parts = len(draft.parameters) + len(draft.operations) + len(draft.members)
    if parts > PARTS_MAX:
        raise DraftError(f"draft {draft.id} would have {parts} parts, at most {PARTS_MAX}")


def _encode(draft: Draft) -> str:
    return msgspec.json.encode(draft).decode()


def _decode(text: str) -> Draft:
    return msgspec.json.decode(text, type=Draft)


def _names(text: str) -> dict[tuple[str, str], str]:
    rows = msgspec.json.decode(text, type=list[tuple[str, str, str]])
    return {(kind, content): name for kind, content, name in rows}


def _decoded(items: Mapping[str, Item]) -> Kept:
    """Return what stands on the shelf; what a later version wrote otherwise is left out."""
    drafts: dict[str, Draft] = {}
    names: dict[str, Named] = {}
    for key, item in items.items():
        try:
            if key.startswith(DRAFTS):
                draft = _decode(item.text)
                drafts[draft.id] = draft
            else:
                names[key.removeprefix(NAMES)] = _names(item.text)
        except msgspec.DecodeError:
            continue
    return Kept(drafts, names)
