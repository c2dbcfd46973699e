"""What one part of the server adds to the namespaces.

Owns: `Area`, the bundle of rows, writers and methods that `Mapping` is made of.
Knows nothing of what is in one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from cim_provider.mapping.rows import AssociationRow, ClassRow, Record
from cim_provider.mapping.world import Holder, World
from cim_provider.mapping.writing import Writer
from cim_provider.wbem.operations import MethodResult


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A call that has been checked: the object is there, the values fit the declaration."""

    record: Record | None
    """None where a static method is called on the class."""
    given: Mapping[str, object]
    """Values of the input parameters by declared name, in the declared type.

    They are CIM's, but that an array is a list and a reference the `Ref` of an object that is
    there, its namespace filled in.
    """
    namespace: str
    world: World
    author: str


Method: TypeAlias = Callable[[MethodCall], Awaitable[MethodResult]]
"""Carries a call out; raises `pywbem.CIMError` for what only this method can know."""


@dataclass(frozen=True, slots=True)
class Area:
    """Classes that belong together, and who keeps and changes their objects."""

    rows: tuple[ClassRow, ...] = ()
    associations: tuple[AssociationRow, ...] = ()
    writers: Mapping[str, Writer] = field(default_factory=dict)
    """Who creates, modifies and deletes, by class; in the namespaces of the class's row."""
    holders: tuple[Holder, ...] = ()
    methods: Mapping[tuple[str, str], Method] = field(default_factory=dict)
    """Who carries out methods, by class and name as declared."""
