"""The CIM operations as frozen values: what a request asks, what an answer holds.

Owns: one dataclass per operation of DSP0200 that the server carries out, and
the protocol between the server and whoever carries them out. Values inside
are pywbem's (CIMInstance, CIMInstanceName, CIMClass, …). Knows nothing of XML.
Source: DSP0200 1.4, section 5.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias

import pywbem


class WrittenNumber(str):
    """A key that a client wrote as a number without saying which type: the text as it was written.

    The key may be a string by its declaration, and 010 is then another string than 10.
    """

    __slots__ = ()


class CalledText(str):
    """A value of a method's parameter of which the client said that it is a string."""

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
    """Call a method of an instance, or (a class name given) a static one; the name as sent."""

    namespace: str
    target: pywbem.CIMInstanceName | str
    method: str
    parameters: tuple[tuple[str, object], ...] = ()
    """Names as sent, values as pywbem's CIM values (strings where the client sent no type)."""


@dataclass(frozen=True, slots=True)
class CreateInstance:
    """Ask for a new instance; its properties are as sent, unchecked against the class."""

    namespace: str
    instance: pywbem.CIMInstance


@dataclass(frozen=True, slots=True)
class ModifyInstance:
    """Ask for other values of an instance, which its path names."""

    namespace: str
    instance: pywbem.CIMInstance
    properties: tuple[str, ...] | None = None
    """Which may change: None for those in the instance, () for none."""


@dataclass(frozen=True, slots=True)
class DeleteInstance:
    """Ask for the end of an instance."""

    namespace: str
    path: pywbem.CIMInstanceName


@dataclass(frozen=True, slots=True)
class GetProperty:
    """Ask for the value of one property of an instance."""

    namespace: str
    path: pywbem.CIMInstanceName
    name: str


@dataclass(frozen=True, slots=True)
class SetProperty:
    """Ask for another value of one property of an instance."""

    namespace: str
    path: pywbem.CIMInstanceName
    name: str
    value: object = None
    """Text, a path, or a list of either, since the request names no type; None is NULL."""


class SchemaChange(Enum):
    """The operations that would change the declarations."""

    CREATE_CLASS = "CreateClass"
    MODIFY_CLASS = "ModifyClass"
    DELETE_CLASS = "DeleteClass"
    SET_QUALIFIER = "SetQualifier"
    DELETE_QUALIFIER = "DeleteQualifier"


@dataclass(frozen=True, slots=True)
class ChangeSchema:
    """Ask for another declaration: of the class or qualifier `name`."""

    namespace: str
    change: SchemaChange
    name: str


@dataclass(frozen=True, slots=True)
class ExecQuery:
    """Ask for what a query selects."""

    namespace: str
    language: str
    query: str


Enumerable: TypeAlias = (
    EnumerateInstances
    | EnumerateInstanceNames
    | Associators
    | AssociatorNames
    | References
    | ReferenceNames
    | ExecQuery
)
"""Reads whose answer may be pulled in parts."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What all requests that open an enumeration have in common."""

    filter_language: str | None = None
    filter_query: str | None = None
    timeout_s: int | None = None
    """Between two requests; None leaves it to the server."""
    continue_on_error: bool = False
    objects_max: int = 0
    """How many the first answer may hold."""


@dataclass(frozen=True, slots=True)
class OpenEnumeration:
    """Ask for the first part of an answer; the rest is pulled."""

    namespace: str
    read: Enumerable
    opening: Opening = Opening()
    wants_class: bool = False
    """Whether a query's answer shall describe what it selects."""


PULL_OPERATIONS: Final = (
    "OpenEnumerateInstances",
    "OpenEnumerateInstancePaths",
    "OpenReferenceInstances",
    "OpenReferenceInstancePaths",
    "OpenAssociatorInstances",
    "OpenAssociatorInstancePaths",
    "OpenQueryInstances",
    "PullInstancesWithPath",
    "PullInstancePaths",
    "PullInstances",
    "CloseEnumeration",
    "EnumerationCount",
)
"""Names of the operations that answer in parts. Source: DSP0200 1.4, section 5.3.2.24."""


class PullKind(Enum):
    """What a pull brings, which must be what was opened."""

    INSTANCES_WITH_PATH = "PullInstancesWithPath"
    PATHS = "PullInstancePaths"
    INSTANCES = "PullInstances"


@dataclass(frozen=True, slots=True)
class Pull:
    """Ask for the next part of an open enumeration; with `objects_max` 0, keep it open."""

    namespace: str
    kind: PullKind
    context: str
    objects_max: int


@dataclass(frozen=True, slots=True)
class CloseEnumeration:
    """Give an open enumeration up."""

    namespace: str
    context: str


@dataclass(frozen=True, slots=True)
class CountEnumeration:
    """Ask how many objects are left in an open enumeration (EnumerationCount)."""

    namespace: str
    context: str


Read: TypeAlias = (
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
    | GetProperty
    | ExecQuery
)
"""Changes nothing, and has the same answer while the version is the same (`is_lasting`)."""
Write: TypeAlias = CreateInstance | ModifyInstance | DeleteInstance | SetProperty | ChangeSchema
"""Changes something by what it is; a method may or may not."""
PullOperation: TypeAlias = OpenEnumeration | Pull | CloseEnumeration | CountEnumeration
"""Its answer depends on what this client asked before."""
Operation: TypeAlias = Read | Write | PullOperation | InvokeMethod

WRITES: Final = (CreateInstance, ModifyInstance, DeleteInstance, SetProperty, ChangeSchema)
PULLS: Final = (OpenEnumeration, Pull, CloseEnumeration, CountEnumeration)


@dataclass(frozen=True, slots=True)
class Instances:
    """Answer of GetInstance (exactly one), EnumerateInstances, Associators, References.

    Also of ExecQuery. Every instance carries its full path (host None, namespace set); what a
    query made of parts of several has none.
    """

    items: Sequence[pywbem.CIMInstance]
    """May make each instance when it is asked for, and not keep it."""
    is_volatile: bool = False
    """Whether something in it changes without a new version: the answer is of this moment."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Answer of EnumerateInstanceNames, AssociatorNames, ReferenceNames: full paths.

    Also of CreateInstance: exactly one.
    """

    items: Sequence[pywbem.CIMInstanceName]
    is_volatile: bool = False
    """Whether the list changes without a new version: the answer is of this moment."""


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


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """Answer of GetProperty: the value, None for NULL."""

    value: object
    cim_type: str
    is_volatile: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """Answer of what has none: it is done."""


@dataclass(frozen=True, slots=True)
class Page:
    """Answer of OpenEnumeration and Pull: the next objects, and how to ask for more."""

    kind: PullKind
    objects: Instances | Paths
    """Paths for `PullKind.PATHS`, else instances; without paths for `PullKind.INSTANCES`."""
    selection: Selection
    context: str
    """Empty when the sequence has ended."""
    query_class: pywbem.CIMClass | None = None
    """What a query selects, where that was asked for."""

    @property
    def is_end(self) -> bool:
        """Return whether these are the last objects."""
        return not self.context


@dataclass(frozen=True, slots=True)
class Count:
    """Answer of CountEnumeration: how many objects are left."""

    value: int


Answer: TypeAlias = (
    Instances
    | Paths
    | Classes
    | ClassNames
    | Qualifiers
    | PropertyValue
    | Nothing
    | Page
    | Count
    | MethodResult
)


def is_lasting(operation: Operation, answer: Answer) -> bool:
    """Return whether the same operation has this very answer while the version is the same."""
    is_read = not isinstance(operation, (*WRITES, *PULLS, InvokeMethod))
    is_volatile = isinstance(answer, Instances | Paths | PropertyValue) and answer.is_volatile
    return is_read and not is_volatile


class Performer(Protocol):
    """Carries out operations; raises `pywbem.CIMError` with the status code of DSP0200."""

    async def perform(self, operation: Operation, user: str) -> Answer:
        """Carry out one operation on behalf of an authenticated user."""
        ...

    async def version(self) -> str:
        """Return the version of what reads would see; equal versions give equal answers."""
        ...
