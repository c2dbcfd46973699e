"""Our CIM_ declarations against an official schema, a directory of MOF files one for each class.

Owns: reading such a directory, and the list of all differences: names, superclasses, types, keys,
references, value maps, methods. What we leave out is a difference of its own kind: the schema
allows it.
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
    is_left_out: bool = False
    """The official schema has it, and we have not."""

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
    for qualifier in ("Association", "Indication"):
        if _says(official.lineage(info.name), qualifier) != _has(info.declaration, qualifier):
            yield Difference(info.name, f"only one of both has the qualifier {qualifier}")
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
        if kind == "methods":
            yield from _of_parameters(where, element, found[0])
    for name, found in theirs.items():
        if name not in ours:
            text = "is left out"
            yield Difference(f"{info.name}.{found[0].name}", text, is_left_out=True)


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
    for name in theirs.parameters:
        if name not in ours.parameters:
            yield Difference(f"{where}({name})", "is left out", is_left_out=True)


def _of_types(where: str, ours: Element, theirs: list[Element]) -> Iterator[Difference]:
    pairs = {"type": (_type(ours), _type(theirs[0]))}
    for name in ("ValueMap", "Values"):
        declared = next((e for e in theirs if name in e.qualifiers), None)
        pairs[name] = (_list(ours, name), _list(declared, name) if declared is not None else ())
    for name, (own, official) in pairs.items():
        if own != official:
            is_left_out = name != "type" and not own
            yield Difference(where, f"{name} {own}, official {official}", is_left_out)


def _type(element: Element) -> str:
    if isinstance(element, pywbem.CIMMethod):
        return str(element.return_type)
    name = element.reference_class if element.type == "reference" else element.type
    return f"{name}{'[]' if element.is_array else ''}"


def _list(element: Element, qualifier: str) -> tuple[str, ...]:
    found = element.qualifiers.get(qualifier)
    return () if found is None else tuple(found.value)


def _has(element: Element | pywbem.CIMClass, qualifier: str) -> bool:
    found = element.qualifiers.get(qualifier)
    return found is not None and bool(found.value)


def _says(lineage: Iterator[pywbem.CIMClass], qualifier: str) -> bool:
    return any(_has(each, qualifier) for each in lineage)
