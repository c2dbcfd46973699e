"""Writing the configuration, put together: writers, the methods of Linux-HA 2.1, drafts.

Owns: the composition, and HA_ClusteringService with AddResource, AddPrimitiveResource of groups,
AddResource of clones, RemoveResource and Reorder of both. The old methods return 1 for success,
and say what is wrong as a CIM error.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pywbem

from cim_provider.drafts import Draft, DraftStore
from cim_provider.edits import ChangeResource
from cim_provider.engine import ClusterEngine
from cim_provider.mapping.area import Area, Method, MethodCall
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.resource import CLONE_CLASS, GROUP_CLASS, MASTER_CLASS
from cim_provider.mapping.rows import (
    ClassRow,
    Column,
    Record,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.settings_attributes import (
    ATTRIBUTE_CLASS,
    META_CLASS,
    NODE_ATTRIBUTE_CLASS,
    OPTION_CLASS,
)
from cim_provider.mapping.settings_constraints import (
    COLOCATION_CLASS,
    EXPRESSION_CLASS,
    LOCATION_CLASS,
    ORDER_CLASS,
    TICKET_CONSTRAINT_CLASS,
)
from cim_provider.mapping.settings_operations import LEVEL_CLASS, OPERATION_CLASS
from cim_provider.mapping.settings_tickets import TICKET_CLASS
from cim_provider.mapping.world import CLUSTER_CLASS, World
from cim_provider.mapping.write_cluster import LevelWriter, NodeAttributeWriter, OptionWriter
from cim_provider.mapping.write_constraints import ConstraintWriter, ExpressionWriter
from cim_provider.mapping.write_desk import Desk, kept, key
from cim_provider.mapping.write_resources import KINDS, ResourceWriter, submit
from cim_provider.mapping.write_settings import AttributeWriter, MetaWriter, OperationWriter
from cim_provider.mapping.write_tickets import TicketWriter
from cim_provider.mapping.write_whole import ClusterWriter
from cim_provider.mapping.writing import Writer
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import MethodResult

SERVICE_CLASS: Final = "HA_ClusteringService"
SERVICE_ID: Final = "default_service_id"
CONTROL_CLASS: Final = "HA_ClusterControlService"
_SUCCESS: Final = 1
"""What the methods of Linux-HA 2.1 return when all is well."""

_SERVICE: Final[tuple[Column[World], ...]] = (
    constant("Caption", SERVICE_ID),
    constant("ElementName", SERVICE_ID),
    constant("Description", "takes drafts of resources into the configuration"),
    *unfilled("InstanceID"),
)
ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        SERVICE_CLASS,
        ("Id",),
        lambda world: (world,),
        lambda _: Ref(SERVICE_CLASS, (("Id", SERVICE_ID),)),
        _SERVICE,
    ),
)
"""The class of this module."""


def writing_area(engine: ClusterEngine, store: DraftStore) -> Area:
    """Return who writes the configuration; the rows of what is written are shown by others."""
    desk = Desk(engine, store)
    submitting = Submitting(desk)
    writers: dict[str, Writer] = {name: ResourceWriter(desk, name) for name in KINDS}
    writers |= {
        name: ConstraintWriter(desk, name)
        for name in (ORDER_CLASS, COLOCATION_CLASS, LOCATION_CLASS, TICKET_CONSTRAINT_CLASS)
    }
    writers |= {
        ATTRIBUTE_CLASS: AttributeWriter(desk),
        META_CLASS: MetaWriter(desk),
        OPERATION_CLASS: OperationWriter(desk),
        NODE_ATTRIBUTE_CLASS: NodeAttributeWriter(desk),
        OPTION_CLASS: OptionWriter(desk),
        LEVEL_CLASS: LevelWriter(desk),
        TICKET_CLASS: TicketWriter(desk),
        CLUSTER_CLASS: ClusterWriter(desk),
        EXPRESSION_CLASS: ExpressionWriter(desk),
    }
    methods: dict[tuple[str, str], Method] = {
        (SERVICE_CLASS, "AddResource"): submitting.add_resource,
        (CONTROL_CLASS, "AddResource"): submitting.add_resource_as_dmtf,
        (GROUP_CLASS, "AddPrimitiveResource"): submitting.add_member,
        (CLONE_CLASS, "AddResource"): submitting.add_member,
        (MASTER_CLASS, "AddResource"): submitting.add_member,
    }
    for owner in (GROUP_CLASS, CLONE_CLASS, MASTER_CLASS):
        methods[owner, "RemoveResource"] = submitting.remove_member
        methods[owner, "Reorder"] = submitting.reorder
    return Area(writers=writers, holders=(store,), methods=methods)


@dataclass(frozen=True, slots=True)
class Submitting:
    """Implements the methods; all raise CIMError for what cannot be done."""

    desk: Desk

    async def add_resource(self, call: MethodCall) -> MethodResult:
        """HA_ClusteringService.AddResource: 1 for success."""
        await self._submit(call)
        return MethodResult(pywbem.Uint32(_SUCCESS))

    async def add_resource_as_dmtf(self, call: MethodCall) -> MethodResult:
        """HA_ClusterControlService.AddResource: 0 for success."""
        await self._submit(call)
        return MethodResult(pywbem.Uint32(0))

    async def _submit(self, call: MethodCall) -> None:
        name = _named(call)
        draft = await self.desk.draft(name)
        if draft is None:
            refuse(Status.ALREADY_EXISTS, f"{name} is in the configuration already")
        await submit(self.desk, draft, call.author)

    async def add_member(self, call: MethodCall) -> MethodResult:
        """AddPrimitiveResource of a group, AddResource of a clone: 1 for success."""
        owner, name = _owner(call), _named(call)
        draft = await self.desk.draft(name)
        if draft is None:
            text = f"{name} is in the configuration already: only a draft can be added"
            refuse(Status.ALREADY_EXISTS, text)
        if draft.kind == "clone" or (draft.kind == "group" and _class(call) == GROUP_CLASS):
            refuse(
                Status.INVALID_PARAMETER, f"{name} is a {draft.kind}, which cannot be in {owner}"
            )
        _check_free(draft, owner, self.desk.kept.drafts)
        if await self.desk.draft(owner) is None:
            await self._add_to_live(owner, draft, call)
        else:
            is_group = _class(call) == GROUP_CLASS

            def edit(known: Draft) -> Draft:
                rest = tuple(each for each in known.members if each != name)
                if rest and not is_group:
                    text = f"{owner} is a clone of {rest[0]} already: a clone has one resource"
                    refuse(Status.FAILED, text)
                return replace(known, members=(*rest, name), author=call.author)

            await kept(self.desk.store.edit(owner, edit))
        return MethodResult(pywbem.Uint32(_SUCCESS))

    async def _add_to_live(self, owner: str, draft: Draft, call: MethodCall) -> None:
        view = await self.desk.view()
        group = next((each for each in view.groups if each.id == owner), None)
        if group is None:
            text = f"{owner} is configured as a clone of its resource: it can have no other one"
            refuse(Status.FAILED, text)
        change = ChangeResource(owner, members=(*group.members, draft.id))
        what = f"primitive {draft.id} added to group {owner} over WBEM"
        await submit(self.desk, draft, call.author, also=(change,), reason=what)

    async def remove_member(self, call: MethodCall) -> MethodResult:
        """RemoveResource: it stays configured, by itself; a clone in force keeps its resource."""
        owner, name = _owner(call), str(call.given.get("Id") or "").strip()
        members, kind = await self._members(owner), _kind(call)
        if name not in members:
            refuse(Status.NOT_FOUND, f"{name[:64]!r} is not in {kind} {owner}")
        if kind == "clone" and await self.desk.draft(owner) is None:
            text = f"{owner} is nothing without {name}: delete the clone instead"
            refuse(Status.FAILED, text)
        rest = tuple(each for each in members if each != name)
        await self._set_members(owner, rest, call.author, f"{name} taken out of {kind} {owner}")
        return MethodResult(pywbem.Uint32(0))

    async def reorder(self, call: MethodCall) -> MethodResult:
        """Reorder: all members, in their new order; a clone has one, and nothing changes."""
        owner, given = _owner(call), call.given.get("Ids")
        wanted = (
            tuple(str(each).strip() for each in given) if isinstance(given, list | tuple) else ()
        )
        members = await self._members(owner)
        if sorted(wanted) != sorted(members):
            text = f"Ids must name each member of {owner} once: {', '.join(members)}"
            refuse(Status.INVALID_PARAMETER, text)
        if _kind(call) == "group":
            what = f"members of group {owner} reordered"
            await self._set_members(owner, wanted, call.author, what)
        return MethodResult(pywbem.Uint32(0))

    async def _members(self, owner: str) -> tuple[str, ...]:
        draft = await self.desk.draft(owner)
        if draft is not None:
            return draft.members
        view = await self.desk.view()
        for clone in view.clones:
            if clone.id == owner:
                return (clone.member,)
        return next((each.members for each in view.groups if each.id == owner), ())

    async def _set_members(
        self, owner: str, members: tuple[str, ...], author: str, what: str
    ) -> None:
        if await self.desk.edit_draft(owner, lambda draft: replace(draft, members=members)):
            return
        change = ChangeResource(owner, members=members)
        await self.desk.give((change,), f"{what} over WBEM", author)


def _named(call: MethodCall) -> str:
    ref = call.given.get("Resource")
    if not isinstance(ref, Ref):
        refuse(Status.INVALID_PARAMETER, "Resource is missing: name a draft")
    return key(ref, "Id")


def _record(call: MethodCall) -> Record:
    assert call.record is not None, "these methods are called on instances"
    return call.record


def _owner(call: MethodCall) -> str:
    return key(_record(call).ref, "Id")


def _class(call: MethodCall) -> str:
    return _record(call).ref.class_name


def _kind(call: MethodCall) -> str:
    return "group" if _class(call) == GROUP_CLASS else "clone"


def _check_free(draft: Draft, owner: str, drafts: Mapping[str, Draft]) -> None:
    for each in drafts.values():
        if draft.id in each.members and each.id != owner:
            refuse(Status.FAILED, f"{draft.id} is in the draft {each.id} already")
    if owner == draft.id:
        refuse(Status.INVALID_PARAMETER, f"{owner} cannot be in itself")
