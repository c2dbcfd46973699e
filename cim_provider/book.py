"""The schema book: every class, property, source, method and return code, by subject.

Owns: the text of `docs/cim/schema*.md`, made from the declarations, the rows and
the roles, so that it says what the server does. Run as a module it writes the
pages and pictures into the directory that is named.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pywbem

from cim_provider.book_pictures import PICTURES, Picture
from cim_provider.book_svg import draw
from cim_provider.indications import rows as indications
from cim_provider.mapping import tables
from cim_provider.mapping.rows import UNFILLED, AssociationRow, ClassRow
from cim_provider.mapping.settings_tickets import TICKET_STATES
from cim_provider.mapping.states import (
    AWAY,
    CLONE_STATES,
    CLUSTER_STATES,
    DEVICE_STATES,
    GROUP_STATES,
    INSTANCE_STATES,
    NODE_STATES,
    PRIMITIVE_STATES,
    State,
)
from cim_provider.schema import MODEL, ClassInfo, NamespaceSchema, Schema, load_schema
from cim_provider.server.role import Role
from cim_provider.server.roles import SUBSCRIBING, least_role
from cim_provider.server.service import schema_texts
from cim_provider.wbem.operations import InvokeMethod

ROWS: Final = (*tables.ROWS, *indications.ROWS)
"""All classes that have objects."""
ASSOCIATIONS: Final = (*tables.ASSOCIATIONS, *indications.ASSOCIATIONS)
"""All associations that have objects."""
_StateColumn: TypeAlias = tuple[str, Callable[[State], int]]

COMMAND: Final = "python -m cim_provider.book docs/cim"
"""How the pages and pictures are written anew."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One page of the book."""

    name: str
    title: str
    classes: str
    picture: str = ""


SUBJECTS: Final = (
    Subject(
        "nodes",
        "Cluster and nodes",
        "HA_Cluster HA_ClusterNode HA_HeartbeatLink HA_SoftwareIdentity"
        " HA_EnabledLogicalElementCapabilities HA_ParticipatingNode HA_ComponentCS HA_HostedLink"
        " HA_InstalledSoftwareIdentity HA_ElementCapabilities",
        "nodes",
    ),
    Subject(
        "resources",
        "Resources",
        "HA_PrimitiveResource HA_ResourceGroup HA_ResourceClone HA_MasterSlaveResource"
        " HA_ResourceInstance HA_HostedResource HA_SubResource HA_SystemResource"
        " HA_ResourceComponent HA_InstanceOfResource HA_InstanceOnNode",
        "resources",
    ),
    Subject(
        "configuration",
        "Configuration",
        "HA_InstanceAttributes HA_MetaAttributes HA_Operation HA_NodeAttributes HA_ClusterProperty"
        " HA_FencingLevel HA_OrderConstraint HA_ColocationConstraint HA_LocationConstraint"
        " HA_LocationConstraintRule HA_TicketConstraint HA_Ticket HA_AttributesOfResource"
        " HA_MetaAttributesOfResource HA_OperationOnResource HA_RuleOfLocationConstraint",
        "configuration",
    ),
    Subject(
        "redundancy",
        "Redundancy and services",
        "HA_NodeRedundancySet HA_ResourceRedundancySet HA_ResourceService HA_ClusterIdentity"
        " HA_HostedRedundancySet HA_MemberOfRedundancySet HA_IsSpare HA_HostedResourceService"
        " HA_ResourceServiceIdentity HA_ResourceServiceDependency",
        "redundancy",
    ),
    Subject(
        "history",
        "History and figures",
        "HA_EventLog HA_EventLogEntry HA_ConfigurationRevision HA_FencingEvent HA_OperationResult"
        " HA_ClusterStatistics HA_NodeStatistics HA_ResourceStatistics HA_LinkStatistics"
        " HA_MetricDefinition HA_MetricValue HA_ResourceAgent HA_EventLogRecord HA_UseOfEventLog"
        " HA_FencingDeviceOfNode HA_ResultOfResource HA_ElementStatisticalData HA_MetricDefForME"
        " HA_MetricForME HA_MetricInstance HA_InstalledAgent",
        "history",
    ),
    Subject(
        "control",
        "Control and jobs",
        "HA_ClusterControlService HA_ClusteringService HA_ClusterSAP HA_ConcreteJob HA_MethodResult"
        " HA_HostedClusterControlService HA_HostedClusterSAP HA_ClusterServiceAccess"
        " HA_ServiceAffectsElement HA_OwningJobElement HA_AffectedJobElement"
        " HA_AssociatedJobMethodResult",
        "control",
    ),
    Subject("server", "The server, profiles and subscriptions", ""),
)
"""The pages; the last one has whatever the others do not name."""

SENT: Final = (
    *("CIM_AlertIndication", "LinuxHA_Indication", "HA_Indication"),
    *("CIM_InstCreation", "CIM_InstModification", "CIM_InstDeletion"),
)
"""Classes that listeners get; they have no objects to be read."""

_ALL: Final = "create, change, delete"
CHANGES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("HA_PrimitiveResource", "HA_ResourceGroup", "HA_ResourceClone"),
            *("HA_MasterSlaveResource", "HA_InstanceAttributes", "HA_MetaAttributes"),
            *("HA_Operation", "HA_OrderConstraint", "HA_ColocationConstraint"),
            *("HA_LocationConstraint", "HA_LocationConstraintRule", "HA_TicketConstraint"),
            *("HA_NodeAttributes", "HA_ClusterProperty", "HA_FencingLevel"),
            *("CIM_IndicationFilter", "CIM_ListenerDestinationCIMXML"),
            *("CIM_IndicationHandlerCIMXML", "CIM_IndicationSubscription"),
        ),
        _ALL,
    ),
    "HA_Cluster": "change",
    "HA_Ticket": "create, delete",
    "HA_ConcreteJob": "change, delete",
    "HA_OperationResult": "delete",
    "CIM_ObjectManager": "change",
    "CIM_IndicationService": "change",
}
"""What clients can do with the objects of a class; of all others they are made by the server."""

_HEAD: Final = f"""# Schema

Every class that has objects, by subject: properties, where their values come from, who may create,
change and delete objects, methods with their parameters, return codes and the role that may call
them. How to use it is in [README.md](README.md), [worked examples](examples.md) with three clients
beside it. These pages and pictures are made from `mof/` and `cim_provider/` by `{COMMAND}`.

| page | classes with objects |
|---|---|"""
_NOTES: Final = """
What values mean is in [schema-values.md](schema-values.md), which state everything has in which
situation in [schema-states.md](schema-states.md).

On every page:

- "Linux-HA 2.1" marks a property that keeps name and type for scripts written for that release.
- *w* after a property: ModifyInstance and SetProperty can write it. Objects of classes without a
  line "clients can" are made by the server: CreateInstance, ModifyInstance and DeleteInstance are
  refused with NOT_SUPPORTED.
- Reading takes the role *view*. Other roles stand with the method or with what clients can do.
  [security.md](../security.md) says how users get one.
- In a picture underlined properties are keys; a hollow head points to the parent.
"""
_STATES: Final = """# States

In each table the first situation that fits wins. A sentence may go on with names. Everything has
one of the first two states while the cluster cannot be asked: unknown is not off.
"""
_NODE: Final[tuple[_StateColumn, ...]] = (
    ("StateOfNode", lambda state: state.of_node),
    ("RoleOfNode", lambda state: state.role_of_node),
)
_TABLES: Final[tuple[tuple[str, Mapping[str, State], tuple[_StateColumn, ...]], ...]] = (
    ("Cluster that cannot be asked", AWAY, (("ClusterState", lambda s: s.of_cluster), *_NODE)),
    ("HA_Cluster", CLUSTER_STATES, (("ClusterState", lambda s: s.of_cluster),)),
    ("HA_ClusterNode and HA_ParticipatingNode", NODE_STATES, _NODE),
    ("HA_PrimitiveResource", PRIMITIVE_STATES, ()),
    ("HA_ResourceGroup: as its worst member, but", GROUP_STATES, ()),
    ("HA_ResourceClone, HA_MasterSlaveResource: as their member, but", CLONE_STATES, ()),
    ("HA_ResourceInstance", INSTANCE_STATES, ()),
    ("HA_PrimitiveResource that is a fence device", DEVICE_STATES, ()),
    ("HA_Ticket", TICKET_STATES, ()),
)


def book(schema: Schema) -> dict[str, str]:
    """Return the pages and pictures by file name."""
    placed: dict[str, Subject] = {}
    for subject in SUBJECTS:
        placed |= dict.fromkeys(subject.classes.split(), subject)
    rows: dict[str, list[ClassRow]] = {each.name: [] for each in SUBJECTS}
    links: dict[str, list[AssociationRow]] = {each.name: [] for each in SUBJECTS}
    for row in ROWS:
        rows[placed.get(row.class_name, SUBJECTS[-1]).name].append(row)
    for link in {each.class_name: each for each in reversed(ASSOCIATIONS)}.values():
        links[placed.get(link.class_name, SUBJECTS[-1]).name].insert(0, link)
    made = {"schema.md": _index(rows)}
    for subject in SUBJECTS:
        page = _page(schema, subject, rows[subject.name], links[subject.name])
        made[f"schema-{subject.name}.md"] = page
    made["schema-indications.md"] = "\n".join(_sent(schema))
    shown = [_declared(schema, row)[1] for row in ROWS]
    shown += (_declared(schema, row)[1] for row in ASSOCIATIONS)
    made["schema-states.md"] = "\n".join(
        [
            _STATES,
            *(line for title, states, more in _TABLES for line in _states(title, states, more)),
        ]
    )
    made["schema-values.md"] = "\n".join(["# Values\n", *_values(shown)])
    model = schema.namespace(MODEL)
    assert model is not None, "the schema has the namespace of the model"
    made |= {_file(each): draw(each, model) for each in PICTURES}
    return made


def _file(picture: Picture) -> str:
    return f"schema-{picture.name}.svg"


def _index(rows: Mapping[str, Sequence[ClassRow]]) -> str:
    lines = [_HEAD]
    for each in SUBJECTS:
        page = f"schema-{each.name}.md"
        names = ", ".join(
            f"[{row.class_name}]({page}#{row.class_name.lower()})" for row in rows[each.name]
        )
        lines.append(f"| [{each.title}]({page}) | {names} |")
    sent = ", ".join(f"[{name}](schema-indications.md#{name.lower()})" for name in SENT)
    lines.append(f"| [Indications](schema-indications.md), which are sent | {sent} |")
    return "\n".join((*lines, _NOTES))


def _page(
    schema: Schema, subject: Subject, rows: Sequence[ClassRow], links: Sequence[AssociationRow]
) -> str:
    parts = [
        f"# {subject.title}\n",
        "Part of the [schema](schema.md), which says how to read it.\n",
    ]
    if subject.picture:
        parts.append(f"![{subject.title}](schema-{subject.picture}.svg)\n")
    told: dict[str, str] = {}
    for row in rows:
        namespace, info = _declared(schema, row)
        parts += _class(row, namespace, info, told)
    parts.append("## Associations\n")
    parts += _associations(schema, links)
    return "\n".join(parts)


def _declared(schema: Schema, row: ClassRow | AssociationRow) -> tuple[NamespaceSchema, ClassInfo]:
    namespace = schema.namespace(row.namespaces[0])
    assert namespace is not None, f"{row.namespaces[0]} has rows and is not declared"
    info = namespace.get(row.class_name)
    assert info is not None, f"{row.class_name} has a row and is not declared"
    return namespace, info


def _sent(schema: Schema) -> Iterator[str]:
    """Yield the page of the classes that listeners get."""
    yield "# Indications\n"
    when = "[README.md](README.md#indications)"
    yield f"Part of the [schema](schema.md). What is sent when: {when}.\n"
    namespace = schema.namespace(MODEL)
    for name in SENT:
        info = None if namespace is None else namespace.get(name)
        assert namespace is not None, "the schema has the namespace of the model"
        assert info is not None, f"{name} is sent and is not declared"
        yield f"## {info.name}\n"
        yield f"{_description(info.declaration)}\n"
        yield f"- parents: {_lineage(namespace, info)}\n"
        yield "| property | type | meaning |"
        yield "|---|---|---|"
        for each in info.declaration.properties.values():
            values = _names(each)
            meaning = f"{_description(each)}{f' Values: {values}.' if values else ''}"
            yield f"| `{each.name}` | {_type(each)} | {meaning} |"
        for method in info.declaration.methods.values():
            yield ""
            yield from _method(info.name, method)
        yield ""


def _class(
    row: ClassRow, namespace: NamespaceSchema, info: ClassInfo, told: dict[str, str]
) -> Iterator[str]:
    """Yield a class; `told` has the methods that stand on the page already, and where."""
    declared = info.declaration
    yield f"## {info.name}\n"
    yield f"{_description(declared)}\n"
    yield f"- parents: {_lineage(namespace, info)}"
    yield f"- namespaces: {', '.join(f'`{name}`' for name in row.namespaces)}"
    keys = ", ".join(f"`{key}`" for key in info.keys)
    yield f"- keys: {keys}; found by {_found_by(row, info.keys)}"
    can = CHANGES.get(info.name, "")
    if can:
        role = Role.OPERATE if info.name.lower() in SUBSCRIBING else Role.ADMINISTER
        yield f"- clients can: {can}, with the role *{role}*"
    yield ""
    yield "| property | type | source | meaning |"
    yield "|---|---|---|---|"
    for each in declared.properties.values():
        source = row.sources.get(each.name, "part of the path")
        if source != UNFILLED:
            mark = " *w*" if "change" in can and _is_set(each, "Write") else ""
            told_of = (f"`{each.name}`{mark}", _type(each), _cell(source), _description(each))
            yield f"| {' | '.join(told_of)} |"
    unfilled = [name for name in declared.properties if row.sources.get(name) == UNFILLED]
    if unfilled:
        yield f"\nNot filled (NULL): {', '.join(f'`{name}`' for name in unfilled)}."
    again: dict[str, list[str]] = {}
    for method in declared.methods.values():
        text = "\n".join(_method(info.name, method))
        first = told.setdefault(text, info.name)
        if first == info.name:
            yield f"\n{text}"
        else:
            again.setdefault(first, []).append(method.name)
    for first, names in again.items():
        yield f"\nAs of [{first}](#{first.lower()}): {', '.join(f'**{name}**' for name in names)}."
    yield ""


def _found_by(row: ClassRow, keys: Sequence[str]) -> str:
    names = " and ".join(f"`{name}`" for name in row.identity)
    return names if len(keys) == len(row.identity) else f"{names}, the others are constants"


def _lineage(namespace: NamespaceSchema, info: ClassInfo) -> str:
    names = (namespace.classes[name].name for name in info.lineage[1:])
    return " < ".join(f"`{name}`" for name in names) or "none"


def _method(class_name: str, method: pywbem.CIMMethod) -> Iterator[str]:
    names = ", ".join(method.parameters)
    role = _roles(class_name, method)
    yield f"**{method.name}**({names}): {_description(method)} Role: {role}.\n"
    for each in method.parameters.values():
        way = "out" if _is_set(each, "Out") else "in"
        if way == "out" and _is_set(each, "In"):
            way = "in and out"
        about = [_cell(str(each.qualifiers["Description"].value))] * (
            "Description" in each.qualifiers
        )
        values = _names(each)
        about += [f"Values: {values}"] * bool(values)
        end = f": {' '.join(about)}" if about else ""
        yield f"- {way} `{each.name}`, {_type(each)}{end}"
    codes = _names(method)
    yield f"- returns {method.return_type}{f': {codes}' if codes else ''}"


def _roles(class_name: str, method: pywbem.CIMMethod) -> str:
    """Return the least role of a method, and where it depends on a state which is asked for."""

    def role(*given: tuple[str, object]) -> Role:
        return least_role(InvokeMethod(MODEL, class_name, method.name, given))

    usual = role()
    asked = method.parameters.get("RequestedState")
    if asked is None:
        return f"*{usual}*"
    numbers = asked.qualifiers.get("ValueMap")
    texts = [text for text in (numbers.value if numbers else ()) if text.isdigit()]
    more = {text: role(("RequestedState", pywbem.Uint16(int(text)))) for text in texts}
    other = [text for text, found in more.items() if found is not usual]
    if not other:
        return f"*{usual}*"
    return f"*{usual}*; states {', '.join(other)}: *{more[other[0]]}*"


def _is_set(element: pywbem.CIMProperty | pywbem.CIMParameter, name: str) -> bool:
    qualifier = element.qualifiers.get(name)
    return qualifier is not None and bool(qualifier.value)


def _associations(schema: Schema, rows: Iterable[AssociationRow]) -> Iterator[str]:
    yield "| association | parent | one end | other end | meaning |"
    yield "|---|---|---|---|---|"
    for row in rows:
        _, info = _declared(schema, row)
        ends = [
            f"`{role}`: `{info.declaration.properties[role].reference_class}`"
            for role in (row.left_role, row.right_role)
        ]
        more = "".join(f" `{name}`: {source}." for name, source in row.sources.items())
        parent = f"`{info.superclass}`" if info.superclass else "none"
        can = CHANGES.get(info.name)
        able = f" Clients can: {can}." if can else ""
        meaning = f"{_description(info.declaration)}{more}{able}"
        yield f"| `{info.name}` | {parent} | {ends[0]} | {ends[1]} | {meaning} |"
    yield ""


def _states(
    title: str, states: Mapping[str, State], more: tuple[_StateColumn, ...]
) -> Iterator[str]:
    names = ["OperationalStatus", "HealthState", "EnabledState", *(name for name, _ in more)]
    yield f"## {title}\n"
    yield f"| situation | {' | '.join(names)} | sentence |"
    yield f"|---|{'---|' * len(names)}---|"
    for situation, state in states.items():
        values = [", ".join(map(str, state.operational)), state.health, state.enabled]
        values += (read(state) for _, read in more)
        yield f"| {situation} | {' | '.join(map(str, values))} | {state.text} |"
    yield ""


def _values(infos: Iterable[ClassInfo]) -> Iterator[str]:
    found: dict[str, str] = {}
    for info in infos:
        for each in info.declaration.properties.values():
            names = _names(each)
            if names:
                found[f"{each.class_origin}.{each.name}"] = names
    yield "| property | values |"
    yield "|---|---|"
    for name, names in sorted(found.items()):
        yield f"| `{name}` | {names} |"
    yield ""


def _names(element: pywbem.CIMProperty | pywbem.CIMMethod | pywbem.CIMParameter) -> str:
    """Return the values of a value map with their names; ranges are left out."""
    numbers, words = element.qualifiers.get("ValueMap"), element.qualifiers.get("Values")
    if numbers is None:
        return ""
    if words is None:
        return ", ".join(f"`{text}`" for text in numbers.value)
    pairs = zip(numbers.value, words.value, strict=True)
    return ", ".join(f"{number} {_cell(word)}" for number, word in pairs if ".." not in number)


def _type(element: pywbem.CIMProperty | pywbem.CIMParameter) -> str:
    name = element.reference_class if element.type == "reference" else element.type
    return f"{name}{'[]' if element.is_array else ''}"


def _description(element: pywbem.CIMClass | pywbem.CIMProperty | pywbem.CIMMethod) -> str:
    return _cell(str(element.qualifiers["Description"].value))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(directory: str) -> None:
    """Write all pages and pictures into a directory."""
    for name, text in book(load_schema(schema_texts())).items():
        Path(directory, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docs/cim")
