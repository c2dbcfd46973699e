"""Who creates, changes and deletes attributes, operations, options and fencing levels.

Owns: what their properties mean as edits. What belongs to a draft is written there. A parameter
and an operation may be called by any Id that its client likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cim_provider.commands import OPERATIONS
from cim_provider.drafts import Draft, DraftOperation, DraftParameter
from cim_provider.edits import (
    ChangeResource,
    OperationText,
    PutOperation,
    RemoveOperation,
    SetParameter,
    Words,
)
from cim_provider.engines.ha_core_secrecy import is_secret
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.drafted import OPERATION, PARAMETER, interval_ms, kept_of, named_content
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.settings_attributes import (
    ATTRIBUTE_CLASS,
    META_CLASS,
)
from cim_provider.mapping.settings_operations import ON_FAIL, OPERATION_CLASS
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import Desk, key, required
from cim_provider.mapping.write_resources import merged, operation_content
from cim_provider.mapping.write_words import (
    Twin,
    flag,
    milliseconds,
    number,
    numbered,
    same,
    shown_time,
    time,
    word_of,
    words_of,
)
from cim_provider.mapping.writing import Given
from cim_provider.views.settings import AttributeView, OperationView
from cim_provider.wbem.errors import Status

_ON_FAIL_WORDS: Final = tuple(ON_FAIL)
OPERATION_TWINS: Final = (
    Twin(
        "interval",
        {"Interval": time, "IntervalMilliseconds": milliseconds},
    ),
    Twin("timeout", {"Timeout": time, "TimeoutMilliseconds": milliseconds}),
    Twin("on_fail", {"OnFail": word_of(*_ON_FAIL_WORDS), "OnFailPolicy": numbered(ON_FAIL)}),
    Twin("enabled", {"Enabled": flag, "IsEnabled": flag}, usual={"Enabled": "true"}),
    Twin("role", {"Role": word_of("stopped", "started", "unpromoted", "promoted")}),
    Twin("depth", {"Depth": number}),
)
_MAPPED: Final[Mapping[str, str]] = {
    "resource-stickiness": "stickiness",
    "is-managed": "managed",
    "multiple-active": "multiple_active",
}
"""Names that options have in Pacemaker and not here; others differ by dashes alone."""
_VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "target_role": {
        "Started": "started",
        "Stopped": "stopped",
        "Slave": "unpromoted",
        "Master": "promoted",
        "Unpromoted": "unpromoted",
        "Promoted": "promoted",
    }
}


def value_of(given: Given, class_name: str) -> str:
    """Return a value that must not be NULL. Raises CIMError."""
    found = given.get("Value")
    if found is None:
        text = f"{class_name}.Value is missing or NULL: delete the instance to end it"
        refuse(Status.INVALID_PARAMETER, text)
    return str(found)


@dataclass(frozen=True, slots=True)
class AttributeWriter:
    """Writes HA_InstanceAttributes."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        owner = required(given, ATTRIBUTE_CLASS, "ResourceId")
        name = required(given, ATTRIBUTE_CLASS, "Name")
        given_id = str(given.get("Id") or "").strip()
        usual = AttributeView(owner, PARAMETER, name).id
        if given_id and given_id != usual:
            taken = kept_of(world).names.get(owner, {}).get((PARAMETER, name))
            known = world.view.settings.attribute.get((owner, usual))
            if known is not None:
                shown = taken or usual
                text = f"{owner} has a parameter {name} already: it is {ATTRIBUTE_CLASS} {shown}"
                refuse(Status.ALREADY_EXISTS, text)
        return Ref(ATTRIBUTE_CLASS, (("Id", given_id or usual), ("ResourceId", owner)))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`: what is in a draft makes way for a new one."""
        owner = key(ref, "ResourceId")
        return owner not in world.primitives and owner not in world.devices

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        owner, name = key(ref, "ResourceId"), required(given, ATTRIBUTE_CLASS, "Name")
        value = value_of(given, ATTRIBUTE_CLASS)
        usual = AttributeView(owner, PARAMETER, name).id
        called = "" if key(ref, "Id") == usual else key(ref, "Id")
        new = DraftParameter(called, name, value)

        def edit(draft: Draft) -> Draft:
            _only_primitive(draft)
            rest = [e for e in draft.parameters if e.name != name and (e.id or "") != called]
            rest += [e for e in draft.parameters if e.name != name and not e.id and not called]
            return replace(draft, parameters=(*rest, new), author=author)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"parameter {name} of {owner} set over WBEM"
        await self.desk.give((SetParameter(owner, name, value),), what, author, given)
        await self.desk.call(owner, PARAMETER, name, called)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        owner = key(ref, "ResourceId")
        name = _parameter_of(self.desk, ref)
        if "Value" not in changes or (changes["Value"] is None and is_secret(name)):
            return
        value = value_of(changes, ATTRIBUTE_CLASS)

        def edit(draft: Draft) -> Draft:
            pairs = (replace(e, value=value) if e.name == name else e for e in draft.parameters)
            return replace(draft, parameters=tuple(pairs), author=author)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"parameter {name} of {owner} changed over WBEM"
        await self.desk.give((SetParameter(owner, name, value),), what, author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        owner = key(ref, "ResourceId")
        name = _parameter_of(self.desk, ref)

        def edit(draft: Draft) -> Draft:
            rest = tuple(each for each in draft.parameters if each.name != name)
            return replace(draft, parameters=rest)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"parameter {name} of {owner} deleted over WBEM"
        await self.desk.give((SetParameter(owner, name, None),), what, author)
        await self.desk.forget(owner, PARAMETER, name)


def _parameter_of(desk: Desk, ref: Ref) -> str:
    """Return the name of the parameter that an object is of."""
    owner, name = key(ref, "ResourceId"), key(ref, "Id")
    usual = name.removeprefix(f"{owner}-")
    return named_content(desk.kept, PARAMETER, owner, name, usual)


@dataclass(frozen=True, slots=True)
class MetaWriter:
    """Writes HA_MetaAttributes."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        owner = required(given, META_CLASS, "ResourceId")
        name = option_word(required(given, META_CLASS, "Name"))
        usual = AttributeView(owner, "meta", name).id
        return Ref(META_CLASS, (("Id", usual), ("ResourceId", owner)))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`: what is said for all resources is no word of this one."""
        known = world.view.settings.attribute.get((key(ref, "ResourceId"), key(ref, "Id")))
        return known is not None and known.is_default

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        await self._put(ref, value_of(given, META_CLASS), author, given)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        if "Value" in changes:
            await self._put(ref, value_of(changes, META_CLASS), author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        view = await self.desk.view()
        known = view.settings.attribute.get((key(ref, "ResourceId"), key(ref, "Id")))
        if known is not None and known.is_default:
            text = f"{known.name} is said for all resources: HA_ClusterProperty has it"
            refuse(Status.FAILED, text)
        await self._put(ref, None, author, {})

    async def _put(self, ref: Ref, value: str | None, author: str, given: Given) -> None:
        owner = key(ref, "ResourceId")
        stem = f"{owner}-meta-"
        if not key(ref, "Id").startswith(stem):
            refuse(Status.NOT_SUPPORTED, "utilization is changed in the file")
        name = key(ref, "Id").removeprefix(stem)
        if value is not None:
            value = _VALUES.get(name, {}).get(value, value)
            value = _time(name, value) if name == "failure_timeout" else value
        words: Words = ((name, value),)

        def edit(draft: Draft) -> Draft:
            return replace(draft, words=merged(draft.words, words))

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"option {name} of {owner} {'deleted' if value is None else 'set'} over WBEM"
        await self.desk.give((ChangeResource(owner, words),), what, author, given)


@dataclass(frozen=True, slots=True)
class OperationWriter:
    """Writes HA_Operation."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        owner = required(given, OPERATION_CLASS, "ResourceId")
        action = required(given, OPERATION_CLASS, "Name")
        name = str(given.get("Id") or "").strip()
        if not name:
            known = [e for e in world.view.settings.operations if e.resource == owner]
            taken = {each.id for each in known}
            place = 1
            while OperationView(owner, action, place).id in taken:
                place += 1
            name = OperationView(owner, action, place).id
        return Ref(OPERATION_CLASS, (("Id", name), ("ResourceId", owner)))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`: what is in a draft makes way for a new one."""
        return key(ref, "ResourceId") not in world.primitives

    def same(self, name: str, value: object, old: object) -> bool:
        """See `Meaning`."""
        return same(OPERATION_TWINS, name, value, old)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        owner, name = key(ref, "ResourceId"), key(ref, "Id")
        action = required(given, OPERATION_CLASS, "Name")
        if action not in OPERATIONS:
            text = f"{OPERATION_CLASS}.Name is {action[:60]!r}; allowed: {', '.join(OPERATIONS)}"
            refuse(Status.INVALID_PARAMETER, text)
        words = words_of(OPERATION_TWINS, given, is_new=True)
        if action != "monitor":
            words = tuple(pair for pair in words if pair[0] != "interval")
        elif not interval_ms(words) and "interval" not in dict(words):
            words = (*words, ("interval", "10000ms"))
        new = DraftOperation(name, action, words, tuple(written_times(given).items()))

        def edit(draft: Draft) -> Draft:
            _only_primitive(draft)
            told = operation_content(action, words)
            rest = tuple(
                each
                for each in draft.operations
                if each.id != name and operation_content(each.action, each.words) != told
            )
            return replace(draft, operations=(*rest, new), author=author)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"operation {action} of {owner} added over WBEM"
        put = PutOperation(owner, OperationText(action, words))
        await self.desk.give((put,), what, author, given)
        told = operation_content(action, words)
        await self.desk.call(owner, OPERATION, told, name)
        for each, as_written in written_times(given).items():
            await self.desk.call(owner, each, told, as_written)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        owner = key(ref, "ResourceId")
        words = words_of(OPERATION_TWINS, changes)
        action, old_ms = await self._which(ref)
        old = operation_content(action, (("interval", f"{old_ms}ms"),) if old_ms else ())

        def edit(draft: Draft) -> Draft:
            texts = written_times(changes)
            found = tuple(
                replace(
                    each,
                    words=merged(each.words, words),
                    texts=tuple((dict(each.texts) | texts).items()),
                )
                if operation_content(each.action, each.words) == old
                else each
                for each in draft.operations
            )
            return replace(draft, operations=found, author=author)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"operation {action} of {owner} changed over WBEM: {', '.join(sorted(changes))}"
        put = PutOperation(owner, OperationText(action, words), old_ms)
        await self.desk.give((put,) if words else (), what, author, changes)
        if "interval" in dict(words):
            await self.desk.rename(owner, OPERATION, old, operation_content(action, words))
            old = operation_content(action, words)
            if (OPERATION, old) not in self.desk.kept.names.get(owner, {}):
                # Its usual name has the interval in it, and a path stays what it is.
                await self.desk.call(owner, OPERATION, old, key(ref, "Id"))
        for each, as_written in written_times(changes).items():
            await self.desk.call(owner, each, old, as_written)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        owner = key(ref, "ResourceId")
        action, old_ms = await self._which(ref)
        old = operation_content(action, (("interval", f"{old_ms}ms"),) if old_ms else ())

        def edit(draft: Draft) -> Draft:
            rest = (e for e in draft.operations if operation_content(e.action, e.words) != old)
            return replace(draft, operations=tuple(rest), author=author)

        if await self.desk.edit_draft(owner, edit):
            return
        what = f"operation {action} of {owner} deleted over WBEM"
        await self.desk.give((RemoveOperation(owner, action, old_ms),), what, author)
        await self.desk.forget(owner, OPERATION, old)

    async def _which(self, ref: Ref) -> tuple[str, int]:
        """Return the action and interval of an operation. Raises CIMError NOT_FOUND."""
        owner, name = key(ref, "ResourceId"), key(ref, "Id")
        draft = await self.desk.draft(owner)
        if draft is not None:
            counts: dict[str, int] = {}
            for each in draft.operations:
                counts[each.action] = counts.get(each.action, 0) + 1
                usual = OperationView(owner, each.action, counts[each.action]).id
                if (each.id or usual) == name:
                    return each.action, interval_ms(each.words)
        told = named_content(self.desk.kept, OPERATION, owner, name, "")
        if told:
            action, _, interval = told.partition("/")
            return action, int(interval or 0)
        view = await self.desk.view()
        found = view.settings.operation.get((owner, name))
        if found is None:
            refuse(Status.NOT_FOUND, f"{owner} has no operation {name} any more")
        return found.action, found.interval_ms


def written_times(given: Given) -> dict[str, str]:
    """Return the times that were not written as the file has them, by property."""
    found = {}
    for name in ("Interval", "Timeout"):
        value = given.get(name)
        if isinstance(value, str) and shown_time(int(time(value).removesuffix("ms"))) != value:
            found[name] = value.strip()
    return found


def option_word(name: str) -> str:
    """Return an option's word in the file, of its name here or in Pacemaker."""
    return _MAPPED.get(name, name.replace("-", "_"))


def _time(name: str, value: str) -> str:
    try:
        return time(value)
    except ValueError as fault:
        refuse(Status.INVALID_PARAMETER, f"{name} is {value[:60]!r}; allowed: {fault}")


def _only_primitive(draft: Draft) -> None:
    if draft.kind != "primitive":
        text = f"{draft.id} is no primitive: parameters and operations are of primitives"
        refuse(Status.INVALID_PARAMETER, text)
