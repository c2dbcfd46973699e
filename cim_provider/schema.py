"""The class declarations that the provider answers from, compiled from MOF text.

Owns: the immutable `Schema`: which classes each namespace has, what they
inherit, their keys, methods and qualifier types. Knows no instance, no cluster
and no file: whoever starts the server reads the texts. All look-ups ignore the
case of names and give back the declared spelling.
Source: DSP0004 3.0, "CIM schema" (inheritance and propagation of qualifiers).
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import pywbem

MODEL: Final = "root/cimv2"
"""Namespace of the cluster's classes."""
INTEROP: Final = "interop"
"""Namespace of the server's own classes."""
INTEROP_NAMES: Final = (INTEROP, "root/interop", "root/PG_InterOp")
"""All names of the interop namespace, since clients hard-code any of the three."""
ROOT: Final = "root"
"""Namespace of the other namespaces' names, by which old clients begin."""
NAMESPACE_CLASS: Final = "__Namespace"
NAMESPACES: Final = (*INTEROP_NAMES, ROOT, MODEL)
"""The names of all namespaces."""
_ENDINGS: Final = ("", ".cimv2.mof", ".interop.mof")
"""Of the names of texts: for both namespaces, for the model's alone, for the interop one alone."""
MAX_TEXT: Final = 4_000_000
"""Largest sum of MOF texts, in characters."""


class SchemaError(Exception):
    """The declarations do not compile; the text names the file, the line and the fault."""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One class of one schema; the pywbem values must not be changed by their readers."""

    name: str
    superclass: str
    """Name of the superclass, or empty."""
    lineage: tuple[str, ...]
    """Itself first, then its superclasses, in lower case."""
    declaration: pywbem.CIMClass
    """With all elements, inherited ones marked as propagated."""
    keys: tuple[str, ...]
    """Names of the key properties, in order of declaration from the top."""
    is_association: bool
    is_abstract: bool
    spelling: Mapping[str, str]
    """Names of all properties, by their lower case."""
    types: Mapping[str, tuple[str, bool]]
    """Type and whether it is an array, by the property's name."""


@dataclass(frozen=True, slots=True)
class NamespaceSchema:
    """The classes of one namespace; `classes` is keyed by lower case, superclasses first."""

    name: str
    classes: Mapping[str, ClassInfo]
    qualifiers: Mapping[str, pywbem.CIMQualifierDeclaration]
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Direct subclasses by superclass, all in lower case; the empty name has the root classes."""

    def get(self, name: str) -> ClassInfo | None:
        """Return the class of that name, or None."""
        return self.classes.get(name.lower())

    def is_a(self, name: str, ancestor: str) -> bool:
        """Return whether the class is the other or inherits from it."""
        info = self.get(name)
        return info is not None and ancestor.lower() in info.lineage

    def subclasses(self, name: str, deep: bool) -> Iterator[ClassInfo]:
        """Yield the direct, or all, subclasses by name; the empty name starts at the top."""
        for child in self.children.get(name.lower(), ()):
            yield self.classes[child]
            if deep:
                yield from self.subclasses(child, deep)


@dataclass(frozen=True, slots=True)
class Schema:
    """All declarations; `namespaces` is keyed by lower case, aliases of one included."""

    namespaces: Mapping[str, NamespaceSchema]

    def namespace(self, name: str) -> NamespaceSchema | None:
        """Return the classes of a namespace, or None; slashes at either end do not count."""
        return self.namespaces.get(name.strip("/").lower())


def load_schema(texts: Mapping[str, str]) -> Schema:
    """Compile MOF texts, in the order of their names, into a schema.

    A name (any directory in front of it is ignored) that ends in `.cimv2.mof` or
    `.interop.mof` declares for that namespace alone, every other one for both.
    Raises `SchemaError`.
    """
    if not texts:
        raise SchemaError("no MOF text was given, expected the files *.mof of the schema")
    if sum(map(len, texts.values())) > MAX_TEXT:
        raise SchemaError(f"MOF texts have more than {MAX_TEXT} characters together")
    both, model_alone, interop_alone = (_chosen(texts, ending) for ending in _ENDINGS)
    # What both declare is compiled once, and held once.
    interop, model = _compile(both, model_alone)
    if interop_alone:
        (interop,) = _compile([*both, *interop_alone])
    interops = (replace(interop, name=name) for name in INTEROP_NAMES)
    found = {each.name.lower(): each for each in (model, *interops, *_root(model))}
    return Schema(MappingProxyType(found))


def _root(model: NamespaceSchema) -> Iterator[NamespaceSchema]:
    """Yield the namespace that holds namespaces alone, where their class is declared."""
    known = model.get(NAMESPACE_CLASS)
    if known is not None:
        classes = {NAMESPACE_CLASS.lower(): known}
        children = {"": tuple(classes)}
        yield NamespaceSchema(
            ROOT, MappingProxyType(classes), model.qualifiers, MappingProxyType(children)
        )


def _chosen(texts: Mapping[str, str], ending: str) -> list[tuple[str, str]]:
    """Return names and texts of one ending, in order; without any, those for both namespaces."""
    named = sorted((name.rsplit("/", 1)[-1], text) for name, text in texts.items())
    if ending:
        return [(name, text) for name, text in named if name.endswith(ending)]
    return [(name, text) for name, text in named if not name.endswith(_ENDINGS[1:])]


def _compile(*steps: Iterable[tuple[str, str]]) -> list[NamespaceSchema]:
    """Compile one step after the other; return what is there after each of them.

    Of the compiler's store nothing is left afterwards but what is returned.
    """
    store = pywbem.MOFWBEMConnection()
    compiler = pywbem.MOFCompiler(store, log_func=None)
    classes: dict[str, ClassInfo] = {}
    made: _Made = {}
    found = []
    for texts in steps:
        for name, text in texts:
            try:
                compiler.compile_string(text, MODEL, filename=name)
            except pywbem.MOFCompileError as fault:
                raise SchemaError(f"{name}: {fault.get_err_msg().strip()}") from fault
        for declared in store.classes[MODEL].values():
            if declared.classname.lower() not in classes:
                parent = classes.get(declared.superclass.lower()) if declared.superclass else None
                classes[declared.classname.lower()] = _resolve(declared, parent, made)
        qualifiers = {name.lower(): value for name, value in store.qualifiers[MODEL].items()}
        schema = NamespaceSchema(
            MODEL,
            MappingProxyType(dict(classes)),
            MappingProxyType(dict(sorted(qualifiers.items()))),
            MappingProxyType(_children(classes.values())),
        )
        found.append(schema)
    store.classes.clear()  # the parser's library holds it for ever
    return found


def _children(classes: Iterable[ClassInfo]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for info in classes:
        found.setdefault(info.superclass.lower(), []).append(info.name.lower())
    return {parent: tuple(sorted(names)) for parent, names in found.items()}


_Element = pywbem.CIMProperty | pywbem.CIMMethod
_Made: TypeAlias = dict[int, tuple[object, Any]]
"""What heirs of one thing share, by its identity, with it: most of a schema is inherited."""


def _resolve(declared: pywbem.CIMClass, parent: ClassInfo | None, made: _Made) -> ClassInfo:
    """Return the class with what it inherits.

    The compiler leaves inherited elements in some classes and not in others;
    those that another class declared are told by their origin and dropped.
    """
    name = str(declared.classname)
    own_properties = _own(declared.properties.values(), name)
    own_methods = _own(declared.methods.values(), name)
    above = parent.declaration if parent else None
    full = pywbem.CIMClass(
        name,
        superclass=parent.name if parent else None,
        properties=_merged(above.properties.values() if above else (), own_properties, made),
        methods=_merged(above.methods.values() if above else (), own_methods, made),
        qualifiers=_qualifiers(above.qualifiers.values() if above else (), declared, made),
    )
    return ClassInfo(
        name=name,
        superclass=parent.name if parent else "",
        lineage=(name.lower(), *(parent.lineage if parent else ())),
        declaration=full,
        keys=tuple(each.name for each in full.properties.values() if _is(each, "Key")),
        is_association=_is(full, "Association"),
        is_abstract=_is(declared, "Abstract"),
        spelling=MappingProxyType({each.lower(): each for each in full.properties}),
        types=MappingProxyType(
            {each.name: (each.type, bool(each.is_array)) for each in full.properties.values()}
        ),
    )


def _own(elements: Iterable[_Element], class_name: str) -> list[_Element]:
    return [each for each in elements if each.class_origin == class_name]


def _is(element: _Element | pywbem.CIMClass, qualifier: str) -> bool:
    found = element.qualifiers.get(qualifier)
    return found is not None and bool(found.value)


def _merged(above: Iterable[_Element], own: list[_Element], made: _Made) -> list[_Element]:
    """Return inherited elements first, each replaced in its place where the class overrides it."""
    mine = {each.name.lower(): each for each in own}
    found = []
    for inherited in above:
        override = mine.pop(inherited.name.lower(), None)
        heir = _inherited(inherited, made) if override is None else _over(inherited, override, made)
        found.append(heir)
    for each in mine.values():
        each.propagated = False
        found.append(each)
    return found


def _inherited(element: _Element, made: _Made) -> _Element:
    """Return the element as all subclasses see it that do not override it."""
    if element.propagated:
        return element
    known = made.get(id(element))
    if known is None:
        copy: _Element = element.copy()
        copy.propagated = True
        copy.qualifiers = _passed_on(element.qualifiers.values(), made)
        known = made[id(element)] = (element, copy)
    found: _Element = known[1]
    return found


def _over(inherited: _Element, override: _Element, made: _Made) -> _Element:
    copy: _Element = override.copy()
    copy.propagated = False
    copy.qualifiers = [
        *(
            each
            for each in _passed_on(inherited.qualifiers.values(), made)
            if each.name not in override.qualifiers
        ),
        *override.qualifiers.values(),
    ]
    return copy


def _passed_on(qualifiers: Iterable[pywbem.CIMQualifier], made: _Made) -> list[pywbem.CIMQualifier]:
    """Return the qualifiers that a subclass inherits, marked as propagated."""
    found = []
    for qualifier in qualifiers:
        if qualifier.tosubclass is not False:
            known = made.get(id(qualifier))
            if known is None:
                copy = qualifier.copy()
                copy.propagated = True
                known = made[id(qualifier)] = (qualifier, copy)
                made[id(copy)] = (copy, copy)
            found.append(known[1])
    return found


def _qualifiers(
    above: Iterable[pywbem.CIMQualifier], declared: pywbem.CIMClass, made: _Made
) -> list[pywbem.CIMQualifier]:
    own = declared.qualifiers
    kept = [each for each in _passed_on(above, made) if each.name not in own]
    return [*kept, *own.values()]
