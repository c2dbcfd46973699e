"""The schema book: every class, property, source, method and return code, as one page.

Owns: the text of `docs/cim/schema.md`, made from the declarations and the rows,
so that it says what the server does. Run as a module it writes the page to
standard output.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import pywbem

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
from cim_provider.schema import ClassInfo, NamespaceSchema, Schema, load_schema
from cim_provider.server.service import schema_texts

ROWS: Final = (*tables.ROWS, *indications.ROWS)
"""All classes that have objects."""
ASSOCIATIONS: Final = (*tables.ASSOCIATIONS, *indications.ASSOCIATIONS)
"""All associations that have objects."""
_StateColumn: TypeAlias = tuple[str, Callable[[State], int]]

COMMAND: Final = "python -m cim_provider.book > docs/cim/schema.md"
"""How the page is written anew."""
_HEAD: Final = f"""# Schema

Every class that has objects, with all its properties, where their values come from, and what
methods return. How to use it is in [README.md](README.md). This page is made from `mof/` and
`cim_provider/` by `{COMMAND}`.

"Linux-HA 2.1" marks a property that keeps its name and type for scripts written for that release.
"""
_STATES: Final = """## States

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


def book(schema: Schema) -> str:
    """Return the whole page."""
    parts = [_HEAD, "## Classes\n"]
    shown: list[ClassInfo] = []
    for row in ROWS:
        namespace, info = _declared(schema, row)
        shown.append(info)
        parts += _class(row, namespace, info)
    parts.append("## Associations\n")
    parts += _associations(schema)
    shown += (_declared(schema, row)[1] for row in ASSOCIATIONS)
    parts.append(_STATES)
    for title, states, more in _TABLES:
        parts += _states(title, states, more)
    parts.append("## Values\n")
    parts += _values(shown)
    return "\n".join(parts)


def _declared(schema: Schema, row: ClassRow | AssociationRow) -> tuple[NamespaceSchema, ClassInfo]:
    namespace = schema.namespace(row.namespaces[0])
    assert namespace is not None, f"{row.namespaces[0]} has rows and is not declared"
    info = namespace.get(row.class_name)
    assert info is not None, f"{row.class_name} has a row and is not declared"
    return namespace, info


def _class(row: ClassRow, namespace: NamespaceSchema, info: ClassInfo) -> Iterator[str]:
    declared = info.declaration
    yield f"### {info.name}\n"
    yield f"{_description(declared)}\n"
    yield f"- parents: {_lineage(namespace, info)}"
    yield f"- namespaces: {', '.join(f'`{name}`' for name in row.namespaces)}"
    yield f"- keys: {', '.join(f'`{key}`' for key in info.keys)}; found by {_found_by(row)}\n"
    yield "| property | type | source | meaning |"
    yield "|---|---|---|---|"
    for each in declared.properties.values():
        source = row.sources.get(each.name, "part of the path")
        if source != UNFILLED:
            yield f"| `{each.name}` | {_type(each)} | {_cell(source)} | {_description(each)} |"
    unfilled = [name for name in declared.properties if row.sources.get(name) == UNFILLED]
    if unfilled:
        yield f"\nNot filled (NULL): {', '.join(f'`{name}`' for name in unfilled)}."
    for method in declared.methods.values():
        yield f"\n{_method(method)}"
    yield ""


def _found_by(row: ClassRow) -> str:
    names = " and ".join(f"`{name}`" for name in row.identity)
    return f"{names}, the others are constants" if len(row.identity) == 1 else names


def _lineage(namespace: NamespaceSchema, info: ClassInfo) -> str:
    names = (namespace.classes[name].name for name in info.lineage[1:])
    return " < ".join(f"`{name}`" for name in names) or "none"


def _method(method: pywbem.CIMMethod) -> str:
    parameters = ", ".join(
        f"{'out ' if _is_output(each) else ''}{_type(each)} `{each.name}`"
        for each in method.parameters.values()
    )
    codes = _names(method)
    returned = f" Returns {codes}." if codes else ""
    return f"**{method.name}**({parameters}): {_description(method)}{returned}"


def _is_output(parameter: pywbem.CIMParameter) -> bool:
    qualifier = parameter.qualifiers.get("Out")
    return qualifier is not None and bool(qualifier.value)


def _associations(schema: Schema) -> Iterator[str]:
    yield "| association | parent | one end | other end | meaning |"
    yield "|---|---|---|---|---|"
    seen = set()
    for row in ASSOCIATIONS:
        if row.class_name in seen:
            continue
        seen.add(row.class_name)
        _, info = _declared(schema, row)
        ends = [
            f"`{role}`: `{info.declaration.properties[role].reference_class}`"
            for role in (row.left_role, row.right_role)
        ]
        more = "".join(f" `{name}`: {source}." for name, source in row.sources.items())
        parent = f"`{info.superclass}`" if info.superclass else "none"
        meaning = f"{_description(info.declaration)}{more}"
        yield f"| `{info.name}` | {parent} | {ends[0]} | {ends[1]} | {meaning} |"
    yield ""


def _states(
    title: str, states: Mapping[str, State], more: tuple[_StateColumn, ...]
) -> Iterator[str]:
    names = ["OperationalStatus", "HealthState", "EnabledState", *(name for name, _ in more)]
    yield f"### {title}\n"
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


def _names(element: pywbem.CIMProperty | pywbem.CIMMethod) -> str:
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


if __name__ == "__main__":
    sys.stdout.write(book(load_schema(schema_texts())))
