"""Drafts among the objects, and objects under the names that clients gave them.

Owns: `drafted`, which makes a row show both. Drafts are shown by the same columns as what is
configured, of a world in which they are all that there is, with the state of a draft laid over.
What clients call a parameter, an operation or an expression is its Id; else that is made by the
view. Source: Linux-HA 2.1's provider, whose clients choose these Ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final

from cim_provider.drafts import HOLDER, Draft, DraftParameter, Kept, Named
from cim_provider.edits import Words
from cim_provider.engine import CloneView, ClusterView, EngineState, GroupView, PrimitiveView
from cim_provider.engines.ha_core_secrecy import HIDDEN, is_secret
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Pair,
    Parts,
    Record,
    Ref,
    Value,
    Values,
    Wanted,
)
from cim_provider.mapping.states import State
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.mapping.write_words import score, shown_time, time
from cim_provider.views.settings import AttributeView, LocationView, OperationView, Settings

PARAMETER: Final = "parameter"
OPERATION: Final = "operation"
EXPRESSION: Final = "expression"
RESOURCES: Final = (
    "HA_PrimitiveResource",
    "HA_ResourceGroup",
    "HA_ResourceClone",
    "HA_MasterSlaveResource",
)
_NAMED: Final = {
    "HA_InstanceAttributes": PARAMETER,
    "HA_Operation": OPERATION,
    "HA_LocationConstraintRule": EXPRESSION,
}
NAMED_KINDS: Final = (PARAMETER, OPERATION, EXPRESSION)
TEXTS: Final = ("Interval", "Timeout", "Score", "OrderType")
"""Properties whose text is kept as it was written, under these kinds; it counts while it means what
is configured.
"""
_WRITTEN: Final[Mapping[str, tuple[str, ...]]] = {
    "HA_Operation": ("Interval", "Timeout"),
    "HA_OrderConstraint": ("OrderType",),
    "HA_ColocationConstraint": ("Score",),
    "HA_LocationConstraint": ("Score",),
}
_CONTENT: Final = {
    PARAMETER: ("Name",),
    OPERATION: ("Name", "IntervalMilliseconds"),
    EXPRESSION: ("Attribute", "Operation", "Value"),
}
_OWNER: Final = {PARAMETER: "ResourceId", OPERATION: "ResourceId", EXPRESSION: "ConstraintId"}
_WITH_DRAFTS: Final = frozenset(
    {*RESOURCES, "HA_InstanceAttributes", "HA_Operation", "HA_LocationConstraint"}
)
_LINKS: Final = frozenset(
    {
        "HA_SubResource",
        "HA_ResourceComponent",
        "HA_AttributesOfResource",
        "HA_OperationOnResource",
    }
)
_RENAMED_LINKS: Final = _LINKS | {"HA_RuleOfLocationConstraint"}
_DRAFT: Final = State((15,), 5, 3, "a draft, not in the configuration yet")
_STATE: Final[Values] = {
    "OperationalStatus": _DRAFT.operational,
    "StatusDescriptions": (_DRAFT.text,),
    "Status": _DRAFT.word,
    "HealthState": _DRAFT.health,
    "PrimaryStatus": _DRAFT.primary,
    "OperatingStatus": _DRAFT.operating,
    "CommunicationStatus": _DRAFT.communication,
    "EnabledState": _DRAFT.enabled,
    "TransitioningToState": _DRAFT.transitioning_to,
    "ResourceStatus": None,
    "Enabled": "false",
    "InConfiguration": False,
    "AvailableRequestedStates": (),
    "CurrentRole": 2,
    "HostingNode": "Unknown",
    "PlacementReason": (),
}
"""What a draft is, whatever it is of."""


def content_of(kind: str, values: Mapping[str, object]) -> str:
    """Return what a part is told apart by within its owner, from its properties."""
    return "/".join(str(values.get(name) or "") for name in _CONTENT[kind])


def kept_of(world: World) -> Kept:
    """Return the drafts and names that a request sees."""
    return world.held(HOLDER, Kept) or _NONE


_NONE: Final = Kept()


def draft_of(world: World, name: str) -> Draft | None:
    """Return the draft of that id, unless something configured has it."""
    return None if _is_live(world, name) else kept_of(world).drafts.get(name)


def drafted(row: ClassRow) -> ClassRow:
    """Return the row with drafts of its class, and with the names that clients gave."""
    kind = _NAMED.get(row.class_name)
    has_drafts = row.class_name in _WITH_DRAFTS
    if kind is None and not has_drafts and row.class_name not in _WRITTEN:
        return row

    def records(world: World) -> Iterable[Record]:
        kept = kept_of(world)
        if kept is _NONE or not (kept.drafts or kept.names):
            return row.records(world)
        return _records(world, kept)

    def _records(world: World, kept: Kept) -> Iterator[Record]:
        for record in row.records(world):
            yield _renamed(kind, record, kept.names)
        if has_drafts and kept.drafts:
            beside = draft_world(kept)
            for record in row.records(beside):
                if not _is_live(world, _owner(kind, record)):
                    yield _shown(row, kind, record, kept_of(beside).names)

    def find(world: World, identity: tuple[str, ...]) -> Record | None:
        kept = kept_of(world)
        if kept is _NONE or not (kept.drafts or kept.names):
            return row.find(world, identity)
        found = _find(row, kind, world, identity)
        if found is not None or not has_drafts or _is_live(world, identity[0]):
            return found
        beside = draft_world(kept)
        found = _find(row, kind, beside, identity)
        return None if found is None else _shown(row, kind, found, kept_of(beside).names)

    return replace(row, records=records, find=find, parts=_parts_without_drafts(row.parts))


def _parts_without_drafts(parts: Parts | None) -> Parts | None:
    """Return the parts of a row; while there are drafts or names, it has none."""
    if parts is None:
        return None
    keys = parts.keys

    def known(world: World) -> Iterable[str] | None:
        kept = kept_of(world)
        return None if kept.drafts or kept.names else keys(world)

    return Parts(known, parts.of)


def drafted_links(row: AssociationRow) -> AssociationRow:
    """Return the row with what binds drafts, and with the names that clients gave."""
    if row.class_name not in _RENAMED_LINKS:
        return row

    def pairs(world: World) -> Iterable[Pair]:
        kept = kept_of(world)
        if kept is _NONE or not (kept.drafts or kept.names):
            return row.pairs(world)
        return _pairs(world, kept)

    def _pairs(world: World, kept: Kept) -> Iterator[Pair]:
        yield from (_renamed_pair(pair, world) for pair in row.pairs(world))
        if row.class_name in _LINKS and kept.drafts:
            beside = draft_world(kept)
            for pair in row.pairs(beside):
                if not _is_live(world, str(dict(pair.left.keys)["Id"])):
                    yield _renamed_pair(pair, beside)

    return replace(row, pairs=pairs)


# --- names -----------------------------------------------------------------------------------


def _owner(kind: str | None, record: Record) -> str:
    return str(dict(record.ref.keys)["Id" if kind is None else _OWNER[kind]])


def _renamed(kind: str | None, record: Record, names: Mapping[str, Named]) -> Record:
    """Return an object as its client named and wrote it."""
    given = names.get(_owner(kind, record))
    if not given:
        return record
    content = "" if kind is None else content_of(kind, record.fill(frozenset(_CONTENT[kind])))
    texts = {
        name: given[name, content]
        for name in _WRITTEN.get(record.ref.class_name, ())
        if (name, content) in given
    }
    if texts:
        record = Record(record.ref, partial(_as_written, record.fill, texts))
    name = given.get((kind, content)) if kind is not None else None
    return record if name is None else _called(record, name)


def _as_written(
    fill: Callable[[Wanted], Values], texts: Mapping[str, str], wanted: Wanted
) -> Values:
    is_turned = texts.get("OrderType") == "before"
    values: dict[str, Value] = dict(fill(None if is_turned else wanted))
    for name, text in texts.items():
        if name == "OrderType":
            if is_turned:
                values |= {"From": values["To"], "To": values["From"], "OrderType": text}
        elif name in values and _means(name, text) == _means(name, values[name]):
            values[name] = text
    return {name: value for name, value in values.items() if wanted is None or name in wanted}


def _means(name: str, value: object) -> str:
    """Return what a text means; a text that means nothing is unlike any other."""
    try:
        return score(value) if name == "Score" else time(value)
    except ValueError:
        return f"?{value}"


def _called(record: Record, name: str) -> Record:
    keys = tuple((key, name if key == "Id" else value) for key, value in record.ref.keys)
    known = str(dict(record.ref.keys)["Id"])

    def fill(wanted: Wanted) -> Values:
        values = dict(record.fill(wanted))
        caption = values.get("Caption")
        if isinstance(caption, str) and caption.endswith(known):
            values["Caption"] = (caption.removesuffix(known) + name)[:64]
        return values

    return Record(Ref(record.ref.class_name, keys, record.ref.namespace), fill)


def _find(
    row: ClassRow, kind: str | None, world: World, identity: tuple[str, ...]
) -> Record | None:
    found = row.find(world, identity)
    names = kept_of(world).names
    if not names.get(identity[0]):
        return found
    if kind is None:
        return None if found is None else _renamed(None, found, names)
    if found is not None:
        renamed = _renamed(kind, found, names)
        # What a client gave another name is found by that alone, as it is shown.
        return renamed if dict(renamed.ref.keys)["Id"] == identity[1] else None
    for (of, content), name in names[identity[0]].items():
        if of == kind and name == identity[1]:
            known = _known_id(kind, identity[0], content, world)
            found = None if known is None else row.find(world, (identity[0], known))
            return None if found is None else _renamed(kind, found, names)
    return None


def _known_id(kind: str, owner: str, content: str, world: World) -> str | None:
    """Return the Id that a part would have if nobody had named it."""
    settings = world.view.settings
    if kind == PARAMETER:
        return AttributeView(owner, PARAMETER, content).id
    if kind == OPERATION:
        for item in settings.operations:
            values = {"Name": item.action, "IntervalMilliseconds": item.interval_ms}
            if item.resource == owner and content_of(kind, values) == content:
                return item.id
        return None
    location = settings.location.get(owner)
    for each in () if location is None else location.expressions:
        values = {"Attribute": each.attribute, "Operation": each.operation, "Value": each.value}
        if content_of(kind, values) == content:
            return each.id
    return None


def _renamed_pair(pair: Pair, world: World) -> Pair:
    kind = _NAMED.get(pair.right.class_name)
    names = kept_of(world).names
    keys = dict(pair.right.keys)
    if kind is None or str(keys[_OWNER[kind]]) not in names:
        return pair
    owner = str(keys[_OWNER[kind]])
    for (of, content), name in names[owner].items():
        if of == kind and _known_id(kind, owner, content, world) == keys["Id"]:
            renamed = tuple((k, name if k == "Id" else v) for k, v in pair.right.keys)
            return replace(pair, right=replace(pair.right, keys=renamed))
    return pair


# --- drafts ----------------------------------------------------------------------------------


def _is_live(world: World, name: str) -> bool:
    return (
        name in world.primitives
        or name in world.groups
        or name in world.clones
        or name in world.devices
        or name in world.view.settings.location
    )


def _shown(row: ClassRow, kind: str | None, record: Record, names: Mapping[str, Named]) -> Record:
    if kind is not None:
        return _renamed(kind, record, names)
    if row.class_name in RESOURCES:
        return Record(record.ref, partial(_laid_over, record.fill))
    return record


def _laid_over(fill: Callable[[Wanted], Values], wanted: Wanted) -> Values:
    values: dict[str, Value] = dict(fill(wanted))
    return values | {name: value for name, value in _STATE.items() if name in values}


@lru_cache(maxsize=4)
def draft_world(kept: Kept) -> World:
    """Return a world in which the drafts are all that there is."""
    drafts = list(kept.drafts.values())
    groups = {name: each for each in drafts if each.kind == "group" for name in each.members}
    clones = {name: each.id for each in drafts if each.kind == "clone" for name in each.members}
    view = ClusterView(
        version="drafts",
        engine=EngineState.RUNNING,
        name="",
        product_version="",
        local_node="",
        primitives=tuple(
            _primitive(each, groups.get(each.id), clones)
            for each in drafts
            if each.kind == "primitive"
        ),
        groups=tuple(
            GroupView(
                each.id,
                each.members,
                description=each.description,
                clone=clones.get(each.id, ""),
                **_fields(each.words),
            )
            for each in drafts
            if each.kind == "group"
        ),
        clones=tuple(_clone(each) for each in drafts if each.kind == "clone"),
        settings=_settings(drafts),
    )
    names = {each.id: _names(each) for each in drafts}
    return World(view, ServerIdentity(), {HOLDER: Kept(names=names)})


def _primitive(draft: Draft, group: Draft | None, clones: Mapping[str, str]) -> PrimitiveView:
    return PrimitiveView(
        draft.id,
        *draft.agent,
        "stopped",
        description=draft.description,
        group=group.id if group else "",
        position=group.members.index(draft.id) + 1 if group else 0,
        clone=clones.get(group.id if group else draft.id, ""),
        parameters=tuple(
            (each.name, HIDDEN if is_secret(each.name) else each.value) for each in draft.parameters
        ),
        **_fields(draft.words),
    )


def _clone(draft: Draft) -> CloneView:
    words = {name: text for name, text in draft.words if text is not None}
    return CloneView(
        draft.id,
        draft.members[0] if draft.members else "",
        description=draft.description,
        is_promotable=draft.is_promotable,
        instances_max=_number(words.get("max"), 0),
        instances_min=_number(words.get("min"), 0),
        node_max=_number(words.get("per_node"), 1),
        promoted_max=_number(words.get("promoted_max"), 1),
        promoted_node_max=_number(words.get("promoted_per_node"), 1),
        is_unique=words.get("unique") == "true",
        is_interleaved=words.get("interleave") == "true",
        is_ordered=words.get("ordered") == "true",
        notifies=words.get("notify") == "true",
        **_fields(draft.words),
    )


def _fields(words: Words) -> dict[str, Any]:
    said = {name: text for name, text in words if text is not None}
    return {
        "managed": said.get("managed") != "false",
        "target_role": said.get("target_role", ""),
        "stickiness": _number(said.get("stickiness"), 0),
        "priority": _number(said.get("priority"), 0),
    }


def _number(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    return {"INFINITY": 1_000_000, "-INFINITY": -1_000_000}.get(text) or int(text)


def _settings(drafts: list[Draft]) -> Settings:
    return Settings(
        attributes=tuple(_parameter(each.id, pair) for each in drafts for pair in each.parameters),
        operations=tuple(
            _operation(each, place) for each in drafts for place in range(len(each.operations))
        ),
        locations=tuple(
            LocationView(
                each.id, words.get("location", ""), score=_number(words.get("score"), 1_000_000)
            )
            for each in drafts
            if each.kind == "location"
            for words in ({name: text or "" for name, text in each.words},)
        ),
    )


def _parameter(owner: str, pair: DraftParameter) -> AttributeView:
    hides = is_secret(pair.name)
    return AttributeView(owner, PARAMETER, pair.name, "" if hides else pair.value, hides)


def _operation(draft: Draft, place: int) -> OperationView:
    item = draft.operations[place]
    words = {name: text or "" for name, text in item.words}
    earlier = [each.action for each in draft.operations[:place]]
    return OperationView(
        draft.id,
        item.action,
        earlier.count(item.action) + 1,
        interval=shown_time(interval_ms(item.words)),
        interval_ms=interval_ms(item.words),
        timeout=shown_time(_ms(words.get("timeout", ""))),
        timeout_ms=_ms(words.get("timeout", "")),
        on_fail=words.get("on_fail", ""),
        role=words.get("role", ""),
        depth=_number(words.get("depth") or None, 0),
        is_enabled=words.get("enabled") != "false",
    )


def interval_ms(words: Words) -> int:
    """Return the interval that words of an operation say; 0 if none."""
    return _ms(dict(words).get("interval") or "")


def _ms(text: str) -> int:
    """Return a time in the form in which words are kept."""
    return int(text.removesuffix("ms")) if text else 0


def _names(draft: Draft) -> Named:
    found = {(PARAMETER, each.name): each.id for each in draft.parameters if each.id}
    for each in draft.operations:
        values = {"Name": each.action, "IntervalMilliseconds": interval_ms(each.words)}
        content = content_of(OPERATION, values)
        if each.id:
            found[OPERATION, content] = each.id
        found |= {(name, content): text for name, text in each.texts}
    return found


def named_content(kept: Kept, kind: str, owner: str, name: str, otherwise: str) -> str:
    """Return what tells a part apart that a client calls so; `otherwise` if nobody does."""
    found = dict(kept.names.get(owner, {}))
    if owner in kept.drafts and owner not in kept.names:
        found = dict(_names(kept.drafts[owner]))
    for (of, content), each in found.items():
        if of == kind and each == name:
            return content
    return otherwise
