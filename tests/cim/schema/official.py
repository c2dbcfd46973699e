"""Our CIM_ declarations against an official schema, a directory of MOF files one for each class.

Owns: reading such a directory, and the list of all differences of our CIM_ classes:
- of a class: whether it is there, its superclass, Association, Aggregation, Indication, Abstract,
  Deprecated, Version;
- of a property or reference: whether it is there, its spelling, type, array or not, class of a
  reference, Key, Override, Deprecated, EmbeddedObject, EmbeddedInstance, ValueMap, Values;
- of a method: whether it is there, its spelling, type, Deprecated, ValueMap, Values, and its
  parameters with type, In, Out, EmbeddedObject, EmbeddedInstance, ValueMap, Values.
What we leave out is a difference like any other. Not compared: texts, defaults, Write, Required,
lengths and other limits, for these say what a server does.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pywbem

from cim_provider.schema import ClassInfo, NamespaceSchema

NAMESPACE = "root/official"
QUALIFIERS = ("qualifiers.mof", "qualifiers_optional.mof")
Element = pywbem.CIMProperty | pywbem.CIMMethod | pywbem.CIMParameter


@dataclass(frozen=True, order=True)
class Difference:
    """One difference; `where` is a class, or a class and what is in it."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class Official:
    """The classes of a directory, compiled when they are asked for.

    Raises: FileNotFoundError: there are no qualifiers.
    """

    def __init__(self, directory: Path) -> None:
        self._files = {path.name.lower(): path for path in sorted(directory.rglob("*.mof"))}
        self._store = pywbem.MOFWBEMConnection()
        folders = sorted({str(path.parent) for path in self._files.values()})
        self._compiler = pywbem.MOFCompiler(self._store, search_paths=folders, log_func=None)
        found = [self._files[name] for name in QUALIFIERS if name in self._files]
        if not found:
            raise FileNotFoundError(f"{directory} has no file {' or '.join(QUALIFIERS)}")
        for path in found:
            self._compiler.compile_file(str(path), NAMESPACE)

    def declared(self, name: str) -> pywbem.CIMClass | None:
        """Return the class of that name as it is declared, or None."""
        known: Mapping[str, pywbem.CIMClass] = self._store.classes.get(NAMESPACE, {})
        if name not in known:
            path = self._files.get(f"{name.lower()}.mof")
            if path is None:
                return None
            self._compiler.compile_file(str(path), NAMESPACE)
        return self._store.classes[NAMESPACE].get(name)

    def is_newer(self, where: str, than: tuple[int, ...]) -> bool:
        """Return whether what is there is of a later version than that of the schema."""
        name, _, member = where.partition("(")[0].partition(".")
        declared = [found for found in (self.declared(name),) if found is not None]
        if member:
            elements = self.elements(name, "properties") | self.elements(name, "methods")
            origins = (self.declared(e.class_origin) for e in elements.get(member.lower(), []))
            declared = [found for found in origins if found is not None]
        return any(_version(each) > than for each in declared)

    def lineage(self, name: str) -> Iterator[pywbem.CIMClass]:
        """Yield the class and what it inherits from, itself first."""
        found = self.declared(name)
        while found is not None:
            yield found
            found = self.declared(found.superclass) if found.superclass else None

    def elements(self, name: str, kind: str) -> dict[str, list[Element]]:
        """Return `properties` or `methods` by name, each with what it overrides, itself first."""
        found: dict[str, list[Element]] = {}
        for declared in self.lineage(name):
            for each in getattr(declared, kind).values():
                if each.class_origin == declared.classname:
                    found.setdefault(each.name.lower(), []).append(each)
        return found


def _version(declared: pywbem.CIMClass) -> tuple[int, ...]:
    found = _own(declared, "Version")
    return tuple(map(int, str(found).split("."))) if found else ()


def differences(ours: NamespaceSchema, official: Official) -> list[Difference]:
    """Return all differences of the CIM_ classes, in order."""
    found: list[Difference] = []
    for info in ours.classes.values():
        if info.name.startswith("CIM_"):
            found += _of_class(info, official)
    return sorted(set(found))


def _of_class(info: ClassInfo, official: Official) -> Iterator[Difference]:
    theirs = official.declared(info.name)
    if theirs is None:
        yield Difference(info.name, "the official schema has no such class")
        return
    if (theirs.superclass or "") != info.superclass:
        text = f"superclass {info.superclass or 'none'}, official {theirs.superclass or 'none'}"
        yield Difference(info.name, text)
    for qualifier in ("Association", "Aggregation", "Indication"):
        if _says(official.lineage(info.name), qualifier) != _has(info.declaration, qualifier):
            yield Difference(info.name, f"only one of both has the qualifier {qualifier}")
    for qualifier in ("Abstract", "Deprecated", "Version"):
        own, others = _own(info.declaration, qualifier), _own(theirs, qualifier)
        if own != others:
            yield Difference(info.name, f"{qualifier} {own}, official {others}")
    yield from _of_elements(info, official, "properties")
    yield from _of_elements(info, official, "methods")


def _of_elements(info: ClassInfo, official: Official, kind: str) -> Iterator[Difference]:
    theirs = official.elements(info.name, kind)
    ours = getattr(info.declaration, kind)
    for element in ours.values():
        where = f"{info.name}.{element.name}"
        found = theirs.get(element.name.lower())
        if found is None:
            yield Difference(where, "the official schema has nothing of that name")
            continue
        if element.name != found[0].name:
            yield Difference(where, f"is written {found[0].name} officially")
        yield from _of_types(where, element, found)
        if kind == "properties" and _has(element, "Key") != any(_has(e, "Key") for e in found):
            yield Difference(where, "is a key in only one of both")
        is_ours = element.class_origin.lower() == info.name.lower()
        is_theirs = found[0].class_origin.lower() == info.name.lower()
        for qualifier in ("Deprecated", "Override"):
            own = _own(element, qualifier) if is_ours else None
            others = _own(found[0], qualifier) if is_theirs else None
            if own != others:
                yield Difference(where, f"{qualifier} {own}, official {others}")
        if kind == "methods":
            yield from _of_parameters(where, element, found[0])
    for name, found in theirs.items():
        if name not in ours:
            yield Difference(f"{info.name}.{found[0].name}", "is left out")


def _of_parameters(
    where: str, ours: pywbem.CIMMethod, theirs: pywbem.CIMMethod
) -> Iterator[Difference]:
    for parameter in ours.parameters.values():
        inside = f"{where}({parameter.name})"
        found = theirs.parameters.get(parameter.name)
        if found is None:
            yield Difference(inside, "the official method has no such parameter")
        else:
            yield from _of_types(inside, parameter, [found])
            if _way(parameter) != _way(found):
                yield Difference(inside, f"is {_way(parameter)}, official {_way(found)}")
    for name in theirs.parameters:
        if name not in ours.parameters:
            yield Difference(f"{where}({name})", "is left out")


def _of_types(where: str, ours: Element, theirs: list[Element]) -> Iterator[Difference]:
    pairs: dict[str, tuple[object, object]] = {"type": (_type(ours), _type(theirs[0]))}
    for name in ("ValueMap", "Values"):
        declared = next((e for e in theirs if name in e.qualifiers), None)
        pairs[name] = (_list(ours, name), _list(declared, name) if declared is not None else ())
    for name, (own, official) in pairs.items():
        if own != official:
            yield Difference(where, f"{name} {own}, official {official}")
    for name in ("EmbeddedObject", "EmbeddedInstance"):
        declared = next((e for e in theirs if name in e.qualifiers), theirs[0])
        embedded, others = _value(ours, name), _value(declared, name)
        if (embedded or None) != (others or None):
            yield Difference(where, f"{name} {embedded}, official {others}")


def _type(element: Element) -> str:
    if isinstance(element, pywbem.CIMMethod):
        return str(element.return_type)
    name = element.reference_class if element.type == "reference" else element.type
    return f"{name}{'[]' if element.is_array else ''}"


def _list(element: Element, qualifier: str) -> tuple[str, ...]:
    found = element.qualifiers.get(qualifier)
    return () if found is None else tuple(found.value)


def _value(element: Element | pywbem.CIMClass, qualifier: str) -> object:
    found = element.qualifiers.get(qualifier)
    return None if found is None else found.value


def _own(element: Element | pywbem.CIMClass, qualifier: str) -> object:
    """Return what is said at the element itself; None for nothing, and for False."""
    found = element.qualifiers.get(qualifier)
    if found is None or found.propagated or found.value is False:
        return None
    return tuple(found.value) if isinstance(found.value, list) else found.value


def _way(parameter: pywbem.CIMParameter) -> str:
    """Return which way a parameter goes; without qualifiers it is given by the caller."""
    is_in = _value(parameter, "In") is not False
    is_out = bool(_value(parameter, "Out"))
    return " and ".join(word for word, given in (("In", is_in), ("Out", is_out)) if given)


def _has(element: Element | pywbem.CIMClass, qualifier: str) -> bool:
    found = element.qualifiers.get(qualifier)
    return found is not None and bool(found.value)


def _says(lineage: Iterator[pywbem.CIMClass], qualifier: str) -> bool:
    return any(_has(each, qualifier) for each in lineage)
