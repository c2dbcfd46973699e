"""What all writers of the configuration share: how an edit is given, and what a refusal is in CIM.

Owns: `Desk`, the property BaseRevision, and the CIM status of each refusal. Knows nothing of
single classes.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cim_provider.drafts import Draft, DraftError, DraftStore, Kept
from cim_provider.edits import Change, Edit
from cim_provider.engine import ClusterEngine, ClusterView, Refused
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.drafted import NAMED_KINDS, TEXTS, content_of
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

BASE: Final = "BaseRevision"
"""The property by which a client names the revision that its change rests on."""
_STATUSES: Final = {
    "not-found": Status.NOT_FOUND,
    "exists": Status.ALREADY_EXISTS,
    "invalid": Status.INVALID_PARAMETER,
    "denied": Status.ACCESS_DENIED,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Gives edits on behalf of clients; all methods raise CIMError where it cannot be done."""

    engine: ClusterEngine
    store: DraftStore

    async def give(
        self, changes: tuple[Change, ...], reason: str, author: str, given: Given | None = None
    ) -> None:
        """Give changes as one revision; `given` may name the revision that they rest on."""
        base = (given or {}).get(BASE)
        number = int(base) if isinstance(base, int) else None
        if not changes and number is None:
            return
        outcome = await self.engine.edit(Edit(changes, reason, number), author)
        if isinstance(outcome, Refused):
            refuse(_STATUSES.get(outcome.code, Status.FAILED), outcome.text)

    async def view(self) -> ClusterView:
        """Return what the cluster looks like now."""
        return await self.engine.view()

    @property
    def kept(self) -> Kept:
        """The drafts and names as they are known here."""
        return self.store.held()

    async def draft(self, name: str) -> Draft | None:
        """Return the draft of that id, unless something configured has it."""
        view = await self.view()
        return None if is_configured(view, name) else self.kept.drafts.get(name)

    async def edit_draft(self, name: str, edit: Callable[[Draft], Draft]) -> bool:
        """Change the draft of that id; return whether there is one."""
        if await self.draft(name) is None:
            return False
        await kept(self.store.edit(name, edit))
        return True

    async def call(self, owner: str, kind: str, content: str, name: str) -> None:
        """Keep what a client calls a part; empty: nothing of its own."""

        def edit(known: dict[tuple[str, str], str]) -> None:
            # A name is of one part at a time; a text is not.
            others = [key for key, each in known.items() if key[0] == kind and each == name]
            for key in others if kind in NAMED_KINDS else ():
                del known[key]
            known.pop((kind, content), None)
            if name:
                known[kind, content] = name

        if name or (kind, content) in self.kept.names.get(owner, {}):
            await kept(self.store.call(owner, edit))

    async def forget(self, owner: str, kind: str, content: str) -> None:
        """Forget what a client called a part, and how he wrote it."""

        def edit(known: dict[tuple[str, str], str]) -> None:
            for name in _of(known, kind, content):
                del known[name]

        if _of(self.kept.names.get(owner, {}), kind, content):
            await kept(self.store.call(owner, edit))

    async def forget_all(self, *owners: str) -> None:
        """Forget what clients called the parts of these."""
        for owner in owners:
            if owner in self.kept.names:
                await kept(self.store.call(owner, lambda known: known.clear()))

    async def rename(self, owner: str, kind: str, old: str, new: str) -> None:
        """Let a part keep its name though its content has changed."""
        if old == new or not _of(self.kept.names.get(owner, {}), kind, old):
            return

        def edit(known: dict[tuple[str, str], str]) -> None:
            for each in _of(known, kind, old):
                known[each[0], new] = known.pop(each)

        await kept(self.store.call(owner, edit))


def _of(known: Mapping[tuple[str, str], str], kind: str, content: str) -> list[tuple[str, str]]:
    """Return under which keys the name and the texts of a part stand."""
    return [key for key in known if key[1] == content and key[0] in (kind, *TEXTS)]


async def kept(writing: Awaitable[None]) -> None:
    """Wait for a write of drafts. Raises CIMError."""
    try:
        await writing
    except DraftError as fault:
        status = Status.INVALID_PARAMETER if fault.is_wrong else Status.FAILED
        status = Status.SERVER_LIMITS_EXCEEDED if fault.is_full else status
        refuse(status, str(fault))


def is_configured(view: ClusterView, name: str) -> bool:
    """Return whether a resource or fence device of that id is in the configuration."""
    return name in {
        *(each.id for each in view.facts.devices),
        *(each.id for each in view.primitives),
        *(each.id for each in view.groups),
        *(each.id for each in view.clones),
    }


def key(ref: Ref, name: str) -> str:
    """Return the value of a key that is text."""
    return str(dict(ref.keys)[name])


def required(given: Given, class_name: str, *names: str) -> str:
    """Return the text of the first of these properties that is given. Raises CIMError."""
    for name in names:
        value = given.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    text = f"{class_name}.{' or '.join(names)} is missing"
    refuse(Status.INVALID_PARAMETER, text)


def content(kind: str, **values: object) -> str:
    """Return what tells a part apart, from its properties."""
    return content_of(kind, values)
