"""Who creates, changes and deletes primitives, groups and clones.

Owns: what their properties mean as words of an edit. A new resource is a draft until it is
submitted, as Linux-HA 2.1 had it; with InConfiguration or Enabled true it is configured at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cim_provider.drafts import Draft, DraftOperation, changes_of, within
from cim_provider.edits import (
    Change,
    ChangeResource,
    OperationText,
    PutOperation,
    RemoveResource,
    Words,
)
from cim_provider.engine import ClusterView
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.drafted import OPERATION, PARAMETER, draft_of, interval_ms
from cim_provider.mapping.resource import (
    CLONE_CLASS,
    FENCE_CLASSES,
    GROUP_CLASS,
    MASTER_CLASS,
    PRIMITIVE_CLASS,
    ROLES,
)
from cim_provider.mapping.resource_typed import EXCLUSIVITY, MULTIPLE_ACTIVE, ON_STOP_FAIL
from cim_provider.mapping.rows import Ref, configured_ref
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import Desk, content, is_configured, kept, key, required
from cim_provider.mapping.write_words import (
    SHOWN_MAX,
    Twin,
    flag,
    milliseconds,
    number,
    numbered,
    same,
    score,
    word_of,
    words_of,
)
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

KINDS: Final = {
    PRIMITIVE_CLASS: "primitive",
    GROUP_CLASS: "group",
    CLONE_CLASS: "clone",
    MASTER_CLASS: "clone",
}
_COMMON: Final = (
    Twin("managed", {"IsManaged": flag, "Managed": flag}, usual={"IsManaged": "true"}),
    Twin(
        "stickiness",
        {"ResourceStickiness": score, "Stickiness": score},
        usual={"ResourceStickiness": "0"},
    ),
    Twin("priority", {"Priority": score}),
    Twin("target_role", {"TargetRole": numbered(ROLES)}, {"TargetRole": 0}),
    Twin(
        "multiple_active",
        {
            "MultipleActive": word_of(*MULTIPLE_ACTIVE),
            "MultipleActivePolicy": numbered(MULTIPLE_ACTIVE),
        },
        usual={"MultipleActive": "stop_start"},
    ),
    Twin("migration_threshold", {"MigrationThreshold": number}),
    Twin("failure_timeout", {"FailureTimeoutMilliseconds": milliseconds}),
)
_PRIMITIVE: Final = (*_COMMON, Twin("exclusivity", {"Exclusivity": numbered(EXCLUSIVITY)}))
_CLONE: Final = (
    *_COMMON,
    Twin("max", {"CloneMax": number, "CloneMaximum": number}),
    Twin("per_node", {"CloneNodeMax": number, "CloneNodeMaximum": number}),
    Twin("min", {"CloneMinimum": number}),
    Twin("notify", {"Notify": flag, "NotifyEnabled": flag}),
    Twin("ordered", {"Ordered": flag, "OrderedStart": flag}),
    Twin("interleave", {"Interleave": flag, "InterleaveEnabled": flag}),
    Twin("unique", {"GloballyUnique": flag}),
)
_MASTER: Final = (
    *_CLONE,
    Twin("promoted_max", {"MaxMasters": number, "MastersMaximum": number}),
    Twin("promoted_per_node", {"MaxNodeMasters": number, "MastersNodeMaximum": number}),
)
AGENT_CLASSES: Final = (
    *("address", "heartbeat", "lsb", "ocf", "process", "service", "systemd"),
    *FENCE_CLASSES,
)
"""What an agent, or a fence device, may be of."""
TWINS: Final[Mapping[str, tuple[Twin, ...]]] = {
    PRIMITIVE_CLASS: _PRIMITIVE,
    GROUP_CLASS: _COMMON,
    CLONE_CLASS: _CLONE,
    MASTER_CLASS: _MASTER,
}
"""The options of each class."""
_STOP: Final = (
    Twin(
        "on_fail",
        {
            "OnStopFail": word_of(*ON_STOP_FAIL, "stonith"),
            "OnStopFailPolicy": numbered(ON_STOP_FAIL),
        },
    ),
)
"""What a failed stop leads to: the primitive's own stop operation says it."""


@dataclass(frozen=True, slots=True)
class ResourceWriter:
    """Writes resources of one class."""

    desk: Desk
    class_name: str

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        return configured_ref(self.class_name, required(given, self.class_name, "Id"))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`: a draft makes way for a new one."""
        return draft_of(world, key(ref, "Id")) is not None

    def same(self, name: str, value: object, old: object) -> bool:
        """See `Meaning`."""
        return same((*TWINS[self.class_name], *_STOP), name, value, old)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        name = key(ref, "Id")
        if is_configured(await self.desk.view(), name):
            refuse(Status.ALREADY_EXISTS, f"there is a resource {name!r} already")
        draft = self._draft(name, given, author)
        if given.get("InConfiguration") is True or str(given.get("Enabled")).lower() == "true":
            await submit(self.desk, draft, author, given)
        else:
            await kept(self.desk.store.put(draft))

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        name = key(ref, "Id")
        draft = await self.desk.draft(name)
        if draft is not None:
            await self._modify_draft(name, changes, author)
            return
        if changes.get("InConfiguration") is False or "Enabled" in changes:
            text = f"{name} is in the configuration: it is deleted, and no draft again"
            refuse(Status.INVALID_PARAMETER, text)
        view = await self.desk.view()
        edits = self._edits(name, changes, view)
        what = f"{KINDS[self.class_name]} {name} changed over WBEM: {', '.join(sorted(changes))}"
        await self.desk.give(edits, what, author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: drafts are forgotten with what is in them, as are configured resources."""
        name = key(ref, "Id")
        draft = await self.desk.draft(name)
        drafts = self.desk.kept.drafts
        if draft is not None:
            await kept(self.desk.store.remove(*(each.id for each in within(draft, drafts))))
            return
        view = await self.desk.view()
        inside = _inside(view, name)
        what = f"{KINDS[self.class_name]} {name} deleted over WBEM"
        await self.desk.give((RemoveResource(name),), what, author)
        # A draft that it hid is not to come to light.
        await kept(self.desk.store.remove(*(each for each in inside if each in drafts)))
        await self.desk.forget_all(*inside)

    def _draft(self, name: str, given: Given, author: str) -> Draft:
        words = words_of(TWINS[self.class_name], given, is_new=True)
        draft = Draft(
            name,
            KINDS[self.class_name],
            description=str(given.get("Description") or ""),
            is_promotable=self.class_name == MASTER_CLASS,
            words=words,
            author=author,
        )
        if self.class_name == PRIMITIVE_CLASS:
            draft = replace(draft, agent=agent_of(given))
            stop = words_of(_STOP, given, is_new=True)
            return _with_stop(draft, stop) if stop else draft
        return replace(draft, members=_members(given) or ())

    def _edits(self, name: str, changes: Given, view: ClusterView) -> tuple[Change, ...]:
        words = words_of(TWINS[self.class_name], changes)
        description = changes.get("Description", "") or ""
        agent = None
        if self.class_name == PRIMITIVE_CLASS:
            old = _agent_in(view, name)
            if old is not None and {"ResourceClass", "Type", "Provider"} & set(changes):
                agent = agent_of(changes, old)
        change = ChangeResource(
            name,
            words,
            str(description) if "Description" in changes else None,
            agent,
            _members(changes) if self.class_name == GROUP_CLASS else None,
        )
        found: list[Change] = [] if change == ChangeResource(name) else [change]
        stop = words_of(_STOP, changes)
        if stop:
            found += _stop_edits(name, stop, view)
        return tuple(found)

    async def _modify_draft(self, name: str, changes: Given, author: str) -> None:
        words = words_of(TWINS[self.class_name], changes)

        def edit(draft: Draft) -> Draft:
            new = replace(draft, words=merged(draft.words, words), author=author)
            if "Description" in changes:
                new = replace(new, description=str(changes["Description"] or ""))
            if {"ResourceClass", "Type", "Provider"} & set(changes):
                new = replace(new, agent=agent_of(changes, draft.agent))
            members = _members(changes)
            stop = words_of(_STOP, changes)
            new = new if members is None else replace(new, members=members)
            return _with_stop(new, stop) if stop else new

        if changes.get("InConfiguration") is True or changes.get("Enabled") == "true":
            await submit(self.desk, edit(self.desk.kept.drafts[name]), author, changes)
        else:
            await kept(self.desk.store.edit(name, edit))


# --- drafts ----------------------------------------------------------------------------------


async def submit(
    desk: Desk,
    draft: Draft,
    author: str,
    given: Given | None = None,
    also: tuple[Change, ...] = (),
    reason: str = "",
) -> None:
    """Put a draft into the configuration, with the drafts that are in it, and forget it there.

    `also` is changed in the same revision. Raises CIMError.
    """
    drafts = desk.kept.drafts
    whole = within(draft, drafts)
    empty = next((each for each in whole if each.kind != "primitive" and not each.members), None)
    if empty is not None:
        text = f"{empty.kind} {empty.id} is empty: add a resource to it first"
        refuse(Status.FAILED, text)
    changes = changes_of(draft, drafts)
    for each in whole:
        for pair in each.parameters:
            await desk.call(each.id, PARAMETER, pair.name, pair.id)
        for item in each.operations:
            told = operation_content(item.action, item.words)
            await desk.call(each.id, OPERATION, told, item.id)
            for name, text in item.texts:
                await desk.call(each.id, name, told, text)
    what = reason or f"{draft.kind} {draft.id} added over WBEM"
    await desk.give((*changes, *also), what, author, given)
    await kept(desk.store.remove(*(each.id for each in whole if each.id in drafts)))


def operation_content(action: str, words: Words) -> str:
    """Return what tells an operation apart within its resource."""
    return content(OPERATION, Name=action, IntervalMilliseconds=interval_ms(words))


def merged(old: Words, new: Words) -> Words:
    """Return words with newer ones over them; those that say nothing any more are gone."""
    found = dict(old) | dict(new)
    return tuple((name, text) for name, text in found.items() if text is not None)


def agent_of(given: Given, old: tuple[str, str, str] | None = None) -> tuple[str, str, str]:
    """Return class, provider and type; what is not given is as it was, or as the class has it.

    Raises CIMError: there is no such class of agents.
    """
    known = old or ("ocf", "", "")

    def chosen(name: str, otherwise: str) -> str:
        value = given.get(name, otherwise)
        return str(value).strip() if value is not None else ""

    agent_class = chosen("ResourceClass", known[0])
    if agent_class not in AGENT_CLASSES:
        text = f"ResourceClass is {agent_class[:SHOWN_MAX]!r}; allowed: {', '.join(AGENT_CLASSES)}"
        refuse(Status.INVALID_PARAMETER, text)
    provider = chosen("Provider", known[1])
    if agent_class != "ocf":
        provider = ""  # Linux-HA 2.1 has one for every class; only ocf has any
    elif not provider:
        provider = "heartbeat"
    return agent_class, provider, chosen("Type", known[2])


def _members(given: Given) -> tuple[str, ...] | None:
    listed = given.get("Members")
    if isinstance(listed, tuple):
        return tuple(str(each).strip() for each in listed)
    one = given.get("MemberId")
    return (str(one).strip(),) if one else None


def _with_stop(draft: Draft, stop: Words) -> Draft:
    rest = tuple(each for each in draft.operations if each.action != "stop")
    known = next((each for each in draft.operations if each.action == "stop"), None)
    base = known or DraftOperation("", "stop")
    return replace(draft, operations=(*rest, replace(base, words=merged(base.words, stop))))


def _stop_edits(name: str, stop: Words, view: ClusterView) -> list[Change]:
    has_one = any(
        each.resource == name and each.action == "stop" for each in view.settings.operations
    )
    return [PutOperation(name, OperationText("stop", stop), 0 if has_one else None)]


def _agent_in(view: ClusterView, name: str) -> tuple[str, str, str] | None:
    """Return class, provider and type of what is configured."""
    for each in view.primitives:
        if each.id == name:
            return each.agent_class, each.provider, each.type
    found = (each for each in view.facts.devices if each.id == name)
    return next(((each.agent_class, "", each.type) for each in found), None)


def _inside(view: ClusterView, name: str) -> tuple[str, ...]:
    """Return a resource with what is in it."""
    found = [name]
    found += [each.member for each in view.clones if each.id == name]
    for group in view.groups:
        if group.id in found:
            found += group.members
    return tuple(found)
