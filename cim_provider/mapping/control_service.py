"""HA_ClusterControlService and its access point: what concerns the cluster as a whole.

Owns: both objects, their associations with the cluster, and what the methods
of the service mean.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from cim_provider.commands import (
    EVENTS,
    FORMS,
    ApplyConfiguration,
    Diagnose,
    Export,
    IfApplied,
    Invite,
    MakeReport,
    MoveResource,
    RehearseFencing,
    ReleaseQuorum,
    RemoveNode,
    UndoRevision,
    Verify,
    WhatIf,
    WhyResource,
)
from cim_provider.edits import Edit, SetOption
from cim_provider.engine import Command, SetNodeStandby
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.codes import Code
from cim_provider.mapping.control_node import job_of_all
from cim_provider.mapping.control_resource import MISSING, node_given
from cim_provider.mapping.job_records import Job
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, FINE, State, outside
from cim_provider.mapping.verbs import (
    Asked,
    Denial,
    DeniedError,
    Meaning,
    Plan,
    Query,
    Rewrite,
    Verb,
)
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME, World

SERVICE_CLASS: Final = "HA_ClusterControlService"
SAP_CLASS: Final = "HA_ClusterSAP"
SERVICE_NAME: Final = "default_service_id"
SAP_NAME: Final = "control"
NAME_CHARS_MAX: Final = 64
"""No option has a longer name."""
TEXT_CHARS_MAX: Final = 1_000_000
"""Of a configuration: many times what the largest cluster needs."""
WORDS_CHARS_MAX: Final = 200
"""Of a time or an incident's name."""
MINUTES_MAX: Final = 10_080
_HOSTED_AT: Final = (
    ("SystemCreationClassName", CLUSTER_CLASS),
    ("SystemName", CLUSTER_NAME),
)


@dataclass(frozen=True, slots=True)
class _Whole:
    """The service or the access point."""

    world: World

    @property
    def state(self) -> State:
        return outside(self.world) or FINE


def service_ref() -> Ref:
    """Return the name of the service."""
    keys = (*_HOSTED_AT, ("CreationClassName", SERVICE_CLASS), ("Name", SERVICE_NAME))
    return Ref(SERVICE_CLASS, keys)


def sap_ref() -> Ref:
    """Return the name of the access point."""
    keys = (*_HOSTED_AT, ("CreationClassName", SAP_CLASS), ("Name", SAP_NAME))
    return Ref(SAP_CLASS, keys)


def _one(world: World) -> Iterator[_Whole]:
    yield _Whole(world)


# --- what the methods mean ------------------------------------------------------------------


def _text(asked: Asked) -> str:
    text = str(asked.given.get("Text") or "")
    if not text.strip():
        words = MISSING.format("a configuration, as YAML or JSON")
        raise DeniedError(Code.INVALID_PARAMETER, f"Text {words}")
    if len(text) > TEXT_CHARS_MAX:
        words = f"Text has {len(text)} characters: expected at most {TEXT_CHARS_MAX}"
        raise DeniedError(Code.INVALID_PARAMETER, words)
    return text


def _base(asked: Asked) -> int | None:
    value = asked.given.get("Base")
    return int(value) if isinstance(value, int) else None


def _apply(asked: Asked) -> Meaning:
    command = ApplyConfiguration(_text(asked), asked.text("Reason"), _base(asked))
    return Plan((command,), job_of_all(asked, "apply"))


def _preview(asked: Asked) -> Meaning:
    return Query(IfApplied(_text(asked), _base(asked)), "Plan")


def _undo(asked: Asked) -> Meaning:
    revision = asked.number("Revision") or None
    return Plan((UndoRevision(revision, asked.text("Reason")),), job_of_all(asked, "undo"))


def _verify(asked: Asked) -> Meaning:
    """Without a text, the configuration in force is looked at."""
    text = _text(asked) if str(asked.given.get("Text") or "").strip() else ""
    return Query(Verify(text), "Messages", "", has_lines=True)


def _export(asked: Asked) -> Meaning:
    form = asked.text("Format").lower() or FORMS[0]
    if form not in FORMS:
        words = f"Format is {form[:64]!r}: expected one of {', '.join(FORMS)}"
        return Denial(Code.INVALID_PARAMETER, words)
    return Query(Export(form), "Text", "")


def _diagnose(asked: Asked) -> Meaning:
    return Query(Diagnose(), "Findings", has_lines=True)


def _report(asked: Asked) -> Meaning:
    words = {name: asked.text(name) for name in ("Since", "Until", "Incident")}
    for name, text in words.items():
        if len(text) > WORDS_CHARS_MAX or not text.isprintable():
            what = f"{name} is {text[:64]!r}"
            fault = f"{what}: expected at most {WORDS_CHARS_MAX} printable characters"
            return Denial(Code.INVALID_PARAMETER, fault)
    return Query(MakeReport(*words.values()), "Index", "Archive")


def _why(asked: Asked) -> Meaning:
    name = asked.text("Resource")
    if not name:
        return Denial(Code.INVALID_PARAMETER, f"Resource {MISSING.format('the id of a resource')}")
    return Query(WhyResource(name, node_given(asked, "NodeName", needed=False)))


def _simulate(asked: Asked) -> Meaning:
    event, subject = asked.text("Operation").lower(), asked.text("Target")
    world = asked.world
    kind = "node" if subject in world.nodes else "resource"
    if subject and kind == "resource" and not _is_resource(world, subject):
        kind = "ticket"
        is_ticket = any(each.name == subject for each in world.view.settings.tickets)
        if event in EVENTS["node"] and event not in EVENTS["ticket"] and not is_ticket:
            names = ", ".join(world.nodes)
            words = f"there is no node {subject[:64]!r}, but {names}"
            return Denial(Code.UNKNOWN_NODE, f"Target: {words}")
    known = {word for words in EVENTS.values() for word in words}
    if event not in known or not subject:
        words = f"expected Operation one of {', '.join(sorted(known))}, and Target"
        return Denial(Code.INVALID_PARAMETER, words)
    if event not in EVENTS[kind]:
        words = f"{subject[:64]} is a {kind}, and {event} is not supposed of one"
        return Denial(Code.INVALID_PARAMETER, f"{words}, but {', '.join(EVENTS[kind])}")
    node = node_given(asked, "NodeName", needed=False)
    return Query(WhatIf(kind, subject, event, node), "Lines", has_lines=True)


def _is_resource(world: World, name: str) -> bool:
    return name in world.primitives or name in world.groups or name in world.clones


def _invite(asked: Asked) -> Meaning:
    minutes = asked.number("Minutes") or 60
    if minutes > MINUTES_MAX:
        words = f"Minutes is {minutes}: expected 1 to {MINUTES_MAX}, a week"
        return Denial(Code.INVALID_PARAMETER, words)
    return Plan((Invite(minutes, asked.text("NodeName")),), output="Token")


def _system(asked: Asked) -> str:
    found = asked.given.get("CS")
    keys = dict(found.keys) if isinstance(found, Ref) else {}
    name = str(keys.get("Name", ""))
    if name not in asked.world.nodes:
        raise DeniedError(Code.INVALID_PARAMETER, "CS names no node of the cluster")
    return name


def _add(asked: Asked) -> Meaning:
    """What is no node yet has no path; `Invite` and `ha join` make it one."""
    return Plan((SetNodeStandby(_system(asked), False),))


def _evict(asked: Asked) -> Meaning:
    name = _system(asked)
    state = asked.world.nodes[name].state
    if state in ("lost", "left"):
        return Plan((RemoveNode(name),))
    steps = (SetNodeStandby(name, True), RemoveNode(name, is_drained=True))
    # What cannot be emptied, or may not go, runs resources as before; in maintenance it is not
    # seen whether it stood by.
    undo = (SetNodeStandby(name, False),) if state not in ("standby", "maintenance") else ()
    return Plan(steps, is_in_steps=True, undo=undo)


def _force_evict(asked: Asked) -> Meaning:
    return Plan((RemoveNode(node_given(asked, "NodeName", needed=True)),))


def _move_all(asked: Asked) -> Meaning:
    name = node_given(asked, "NodeName", needed=True)
    owners = dict.fromkeys(
        primitive.group or primitive.id
        for primitive in asked.world.view.primitives
        if name in primitive.nodes and not primitive.clone and primitive.managed
    )
    moves: tuple[Command, ...] = tuple(
        MoveResource(owner, reason=asked.text("Reason")) for owner in owners
    )
    return Plan(moves, Job("moveall", name))


def _release(asked: Asked) -> Meaning:
    reason = asked.text("Reason")
    if not reason:
        words = MISSING.format("how you know that the voters not seen yet run nothing")
        return Denial(Code.INVALID_PARAMETER, f"Reason {words}")
    return Plan((ReleaseQuorum(reason),))


def _set_property(asked: Asked) -> Meaning:
    """An option that is given no value, or an empty one, is no longer set."""
    name, value = asked.text("Name"), asked.given.get("Value")
    settings = asked.world.view.settings
    options = {each.name: each for each in settings.options}
    known = options.get(name) or options.get(name.replace("-", "_")) or settings.option.get(name)
    if known is None:
        near = get_close_matches(name[:NAME_CHARS_MAX], options, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"but {', '.join(sorted(options))}"
        words = f"there is no option {name[:64]!r}{';' if near else ','} {hint}"
        return Denial(Code.INVALID_PARAMETER, f"Name: {words}")
    text = None if value in (None, "") else str(value)
    did = f"option {known.name} {'unset' if text is None else 'set'} over WBEM"
    return Rewrite(Edit((SetOption(known.name, text),), asked.text("Reason") or did, _base(asked)))


def _rehearse(asked: Asked) -> Meaning:
    return Plan((RehearseFencing(asked.text("Subject")),), output="Incident")


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {
        (SERVICE_CLASS, name): verb
        for name, verb in {
            "AddNode": _add,
            "EvictNode": _evict,
            "ForceEvictNode": _force_evict,
            "Invite": _invite,
            "Simulate": _simulate,
            "Diagnose": _diagnose,
            "Report": _report,
            "Why": _why,
            "Verify": _verify,
            "ExportConfiguration": _export,
            "Apply": _apply,
            "Preview": _preview,
            "UndoRevision": _undo,
            "MoveAllFrom": _move_all,
            "SetClusterProperty": _set_property,
            "ReleaseQuorum": _release,
            "TestFencing": _rehearse,
        }.items()
    }
)
"""What each method of the service means."""

_COMMON: Final[tuple[Column[_Whole], ...]] = (
    *ENABLED_COLUMNS,
    constant("EnabledDefault", 2),
    constant("RequestedState", 12),
    constant("AvailableRequestedStates", ()),
    *unfilled("InstanceID"),
)
_SERVICE_COLUMNS: Final[tuple[Column[_Whole], ...]] = (
    *_COMMON,
    constant("ElementName", "Control of the cluster"),
    constant("Caption", "Service.control"),
    constant("Description", "Takes commands that concern the cluster as a whole"),
    Column("Started", "whether the cluster could be asked", lambda w: w.world.running),
    constant("StartMode", "Automatic"),
    *unfilled("PrimaryOwnerName", "PrimaryOwnerContact"),
)
_SAP_COLUMNS: Final[tuple[Column[_Whole], ...]] = (
    *_COMMON,
    constant("ElementName", "Access to the control of the cluster"),
    constant("Caption", "Access.control"),
    constant("Description", "This WBEM server, where the control service is used"),
)
_KEYS: Final = ("Name",)


def _pairs(left: Ref, right: Ref) -> tuple[Pair, ...]:
    return (Pair(left, right),)


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(SERVICE_CLASS, _KEYS, _one, lambda _: service_ref(), _SERVICE_COLUMNS),
    class_row(SAP_CLASS, _KEYS, _one, lambda _: sap_ref(), _SAP_COLUMNS),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        "HA_HostedClusterControlService",
        "Antecedent",
        "Dependent",
        lambda _: _pairs(cluster_ref(), service_ref()),
    ),
    AssociationRow(
        "HA_HostedClusterSAP",
        "Antecedent",
        "Dependent",
        lambda _: _pairs(cluster_ref(), sap_ref()),
    ),
    AssociationRow(
        "HA_ClusterServiceAccess",
        "Antecedent",
        "Dependent",
        lambda _: _pairs(service_ref(), sap_ref()),
    ),
)
"""The associations of this module."""
