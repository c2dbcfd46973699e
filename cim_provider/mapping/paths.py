"""Paths of clients to objects, and objects to paths.

Owns: how keys are compared. An object is found by the keys that tell it apart;
scripts for Linux-HA 2.1 leave the others out or give them values of their own,
so those are checked for nothing but their names. Blanks around a key count if
an object has them. Names ignore case, values do not. A key that was written as
a number is the text of a string key, as it was written. References are compared
without host.
Source: DSP0200 1.4, section 5.3.2.2 (errors); Linux-HA 2.1's provider.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from typing import Final

import pywbem

from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, as_record, refuse
from cim_provider.mapping.rows import AssociationRow, ClassRow, Record, Ref
from cim_provider.mapping.world import World
from cim_provider.schema import INTEROP, INTEROP_NAMES, ClassInfo, NamespaceSchema
from cim_provider.wbem.errors import Status
from cim_provider.wbem.render_plain import Named

TEXT_CHARS_MAX: Final = 512
"""So much of a path that names nothing is repeated to the client."""
_TYPED: Final = (bool, str, pywbem.CIMInt, pywbem.CIMFloat, pywbem.CIMDateTime)
_INTEROP: Final = frozenset(name.lower() for name in INTEROP_NAMES)
_ONE_NAME: Final = dict.fromkeys(_INTEROP, INTEROP)


def cim_path(ref: Ref, namespace: str) -> pywbem.CIMInstanceName:
    """Return the path of an object as seen from a namespace; references have no host."""
    where = seen(ref, namespace)
    keys = [
        (name, cim_path(value, where) if isinstance(value, Ref) else value)
        for name, value in ref.keys
    ]
    return pywbem.CIMInstanceName(ref.class_name, keys, namespace=where)


def seen(ref: Named, namespace: str) -> str:
    """Return where an object is; one namespace with several names has the client's."""
    where = ref.namespace or namespace
    return namespace if where.lower() in _INTEROP and namespace.lower() in _INTEROP else where


def namespace_of(catalog: Catalog, ref: Ref, namespace: NamespaceSchema) -> NamespaceSchema:
    """Return the namespace that an object is in, as seen from another one."""
    where = seen(ref, namespace.name)
    return namespace if where == namespace.name else catalog.namespace(where)


def located(ref: Ref, namespace: NamespaceSchema) -> Ref:
    """Return the name with its namespace, by which objects are compared; keys alike."""
    where = _ONE_NAME.get((ref.namespace or namespace.name).lower(), ref.namespace)
    keys = ref.keys
    for _, value in keys:
        if isinstance(value, Ref):
            keys = tuple(
                (key, located(value, namespace) if isinstance(value, Ref) else value)
                for key, value in keys
            )
            break
    return Ref(ref.class_name, keys, where or namespace.name)


def relative(ref: Ref, namespace: NamespaceSchema) -> Ref:
    """Return the name as it is seen from a namespace, by which its objects are compared.

    Most names are written so: nothing is made anew for them, as there may be thousands.
    """
    if not ref.namespace and not any(isinstance(value, Ref) for _, value in ref.keys):
        return ref
    where, here = ref.namespace.lower(), namespace.name.lower()
    is_here = _ONE_NAME.get(where, where) in ("", _ONE_NAME.get(here, here))
    keys = tuple(
        (key, relative(value, namespace) if isinstance(value, Ref) else value)
        for key, value in ref.keys
    )
    return Ref(ref.class_name, keys, "" if is_here else ref.namespace)


def existing(catalog: Catalog, namespace: NamespaceSchema, ref: Ref, world: World) -> Record | None:
    """Return the object of that name, or None."""
    row = catalog.row(namespace, ref.class_name)
    if row is not None:
        keys = dict(ref.keys)
        return row.find(world, tuple(str(keys[name]) for name in row.identity))
    wanted = located(ref, namespace)
    for each in catalog.records(namespace, ref.class_name, world):
        if located(each.ref, namespace) == wanted:
            return each
    return None


def locate(
    catalog: Catalog,
    namespace: NamespaceSchema,
    path: pywbem.CIMInstanceName,
    world: World,
    *,
    unknown_class: Status = Status.INVALID_CLASS,
) -> Record:
    """Return the object that a path names.

    Raises CIMError: `unknown_class`; INVALID_PARAMETER if the keys are not those of the class;
    NOT_FOUND.
    """
    info = catalog.declared(namespace, path.classname, unknown_class)
    keys = _keys(info, path)
    row = catalog.row(namespace, info.name)
    links = catalog.association(namespace, info.name)
    found: Record | None = None
    if row is not None:
        identity = _identity(info, row, keys)
        found = row.find(world, identity) or _trimmed(row, identity, world)
    elif links is not None:
        found = _linked(catalog, namespace, links, keys, world)
    if found is None:
        refuse(Status.NOT_FOUND, f"{_text(path)} does not exist")
    return found


def _keys(info: ClassInfo, path: pywbem.CIMInstanceName) -> dict[str, object]:
    """Return the values by the declared names of the keys."""
    names = {key.lower(): key for key in info.keys}
    found: dict[str, object] = {}
    for name, value in path.keybindings.items():
        if name is None and len(info.keys) == 1:
            found[info.keys[0]] = value
        elif name is not None and name.lower() in names:
            found[names[name.lower()]] = value
        else:
            given = "a key without a name" if name is None else f"key {name[:NAME_CHARS_MAX]}"
            text = f"{info.name} has no such key: {given}; its keys are {', '.join(info.keys)}"
            refuse(Status.INVALID_PARAMETER, text)
    return found


def _identity(info: ClassInfo, row: ClassRow, keys: dict[str, object]) -> tuple[str, ...]:
    return tuple(_string(info, name, keys.get(name)) for name in row.identity)


def _trimmed(row: ClassRow, identity: tuple[str, ...], world: World) -> Record | None:
    """Return the object whose keys are those without the blanks around that old scripts write."""
    trimmed = tuple(value.strip() for value in identity)
    return None if trimmed == identity else row.find(world, trimmed)


def _string(info: ClassInfo, name: str, value: object) -> str:
    """Return the value of a string key."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    given = "missing" if value is None else f"given as {kind_of(value)}, expected a string"
    refuse(Status.INVALID_PARAMETER, f"{info.name}: key {name} is {given}")


def _linked(
    catalog: Catalog,
    namespace: NamespaceSchema,
    row: AssociationRow,
    keys: dict[str, object],
    world: World,
) -> Record | None:
    ends = []
    for role in (row.left_role, row.right_role):
        value = keys.get(role)
        if isinstance(value, str):
            value = written_path(value)
        if not isinstance(value, pywbem.CIMInstanceName):
            given = "missing" if value is None else f"given as {kind_of(value)}"
            text = f"{row.class_name}: key {role} is {given}, expected a reference"
            refuse(Status.INVALID_PARAMETER, text)
        where = namespace
        if value.namespace is not None:
            known = catalog.schema.namespace(value.namespace)
            if known is None:
                return None
            where = known
        end = locate(catalog, where, value, world, unknown_class=Status.NOT_FOUND)
        ends.append(located(end.ref, where))
    for pair in row.pairs(world):
        if [located(pair.left, namespace), located(pair.right, namespace)] == ends:
            return as_record(row, pair)
    return None


def written_path(text: str) -> pywbem.CIMInstanceName | str:
    """Return the path that a text stands for, as some clients write references; else the text."""
    try:
        found: pywbem.CIMInstanceName = pywbem.CIMInstanceName.from_wbem_uri(text)
    except ValueError:
        return text
    return found


def kind_of(value: object) -> str:
    """Return what a value from a client is, in words for the client."""
    if isinstance(value, pywbem.CIMInstanceName):
        return "reference"
    if isinstance(value, pywbem.CIMClassName):
        return "reference to a class"
    if isinstance(value, pywbem.CIMInstance | pywbem.CIMClass):
        return "embedded object"
    return str(pywbem.cimtype(value)) if isinstance(value, _TYPED) else "number"


def _text(path: pywbem.CIMInstanceName) -> str:
    """Return a path for people; pywbem writes none whose key has no name."""
    keys = ",".join(
        f"{'' if name is None else f'{name}='}{_value_text(value)}"
        for name, value in path.keybindings.items()
    )
    return f"{path.classname}.{keys}"[:TEXT_CHARS_MAX]


def _value_text(value: object) -> str:
    return _text(value) if isinstance(value, pywbem.CIMInstanceName) else f'"{value}"'
