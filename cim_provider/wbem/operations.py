"""The CIM operations as frozen values: what a request asks, what an answer holds.

Owns: one dataclass per operation of DSP0200 that the server carries out, and
the protocol between the server and whoever carries them out. Values inside
are pywbem's (CIMInstance, CIMInstanceName, CIMClass, …). Knows nothing of XML.
Source: DSP0200 1.4, section 5.3.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pywbem


class WrittenNumber(str):
    """A key that a client wrote as a number without saying which type: the text as it was written.

    The key may be a string by its declaration, and 010 is then another string than 10.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What of each instance or class is wanted; `properties` None means all, () means none."""

    local_only: bool = False
    include_qualifiers: bool = False
    include_class_origin: bool = False
    properties: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class GetInstance:
    """Ask for one instance."""

    namespace: str
    path: pywbem.CIMInstanceName
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class EnumerateInstances:
    """Ask for all instances of a class and its subclasses."""

    namespace: str
    class_name: str
    deep: bool = True
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class EnumerateInstanceNames:
    """Ask for the paths of all instances of a class and its subclasses."""

    namespace: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which association ends count; None does not filter."""

    assoc_class: str | None = None
    result_class: str | None = None
    role: str | None = None
    result_role: str | None = None


@dataclass(frozen=True, slots=True)
class Associators:
    """Ask for what is associated with an instance, or (a class name given) with a class."""

    namespace: str
    source: pywbem.CIMInstanceName | str
    filters: Filters = Filters()
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class AssociatorNames:
    """Ask for the paths of what is associated with an instance or class."""

    namespace: str
    source: pywbem.CIMInstanceName | str
    filters: Filters = Filters()


@dataclass(frozen=True, slots=True)
class References:
    """Ask for the associations that refer to an instance or class (`assoc_class` filters them)."""

    namespace: str
    source: pywbem.CIMInstanceName | str
    filters: Filters = Filters()
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class ReferenceNames:
    """Ask for the paths of the associations that refer to an instance or class."""

    namespace: str
    source: pywbem.CIMInstanceName | str
    filters: Filters = Filters()


@dataclass(frozen=True, slots=True)
class GetClass:
    """Ask for one class declaration."""

    namespace: str
    class_name: str
    selection: Selection = Selection(local_only=True, include_qualifiers=True)


@dataclass(frozen=True, slots=True)
class EnumerateClasses:
    """Ask for the declarations of the subclasses of a class; None starts at the top."""

    namespace: str
    class_name: str | None = None
    deep: bool = False
    selection: Selection = Selection(local_only=True, include_qualifiers=True)


@dataclass(frozen=True, slots=True)
class EnumerateClassNames:
    """Ask for the names of the subclasses of a class; None starts at the top."""

    namespace: str
    class_name: str | None = None
    deep: bool = False


@dataclass(frozen=True, slots=True)
class GetQualifier:
    """Ask for one qualifier declaration."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class EnumerateQualifiers:
    """Ask for all qualifier declarations."""

    namespace: str


@dataclass(frozen=True, slots=True)
class InvokeMethod:
    """Call a method of an instance, or (a class name given) a static one; names in lower case."""

    namespace: str
    target: pywbem.CIMInstanceName | str
    method: str
    parameters: tuple[tuple[str, object], ...] = ()
    """Names as sent, values as pywbem's CIM values (strings where the client sent no type)."""


Operation: TypeAlias = (
    GetInstance
    | EnumerateInstances
    | EnumerateInstanceNames
    | Associators
    | AssociatorNames
    | References
    | ReferenceNames
    | GetClass
    | EnumerateClasses
    | EnumerateClassNames
    | GetQualifier
    | EnumerateQualifiers
    | InvokeMethod
)


@dataclass(frozen=True, slots=True)
class Instances:
    """Answer of GetInstance (exactly one), EnumerateInstances, Associators, References.

    Every instance carries its full path (host None, namespace set).
    """

    items: tuple[pywbem.CIMInstance, ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """Answer of EnumerateInstanceNames, AssociatorNames, ReferenceNames: full paths."""

    items: tuple[pywbem.CIMInstanceName, ...]


@dataclass(frozen=True, slots=True)
class Classes:
    """Answer of GetClass (exactly one), EnumerateClasses; class-level Associators, References."""

    items: tuple[pywbem.CIMClass, ...]


@dataclass(frozen=True, slots=True)
class ClassNames:
    """Answer of EnumerateClassNames, class-level AssociatorNames and ReferenceNames."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Qualifiers:
    """Answer of GetQualifier (exactly one) and EnumerateQualifiers."""

    items: tuple[pywbem.CIMQualifierDeclaration, ...]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """Answer of InvokeMethod: the return value and the output parameters, as CIM values."""

    value: object
    outputs: tuple[tuple[str, str, object], ...] = ()
    """Name, CIM type (`uint32`, `string`, `reference`, …) and value of each output parameter."""


Answer: TypeAlias = Instances | Paths | Classes | ClassNames | Qualifiers | MethodResult


class Performer(Protocol):
    """Carries out operations; raises `pywbem.CIMError` with the status code of DSP0200."""

    async def perform(self, operation: Operation, user: str) -> Answer:
        """Carry out one operation on behalf of an authenticated user."""
        ...

    async def version(self) -> str:
        """Return the version of what reads would see; equal versions give equal answers."""
        ...
