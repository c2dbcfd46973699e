"""Who changes objects on behalf of clients: the port between the operations and the parts.

Owns: `Writer`, and the form in which it is told what a client wants. The checks
that are the same for all classes are made before (`changes`). Knows nothing of
operations.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from cim_provider.mapping.rows import Ref
from cim_provider.mapping.world import World

Given: TypeAlias = Mapping[str, object]
"""Values by declared name, in the declared type; absent: not given; None: NULL.

Text, numbers and truth values are Python's (numbers pywbem's subclasses of them), a datetime is
text in CIM form, an array is a tuple, a reference is the `Ref` of an object that exists, its
namespace filled in (of the interop namespace's names always the first), an embedded instance
is pywbem's.
"""


class Writer(Protocol):
    """Creates, modifies and deletes the objects of one class.

    All raise `pywbem.CIMError` for what only this class can know. Whoever waits in one of the
    coroutines must look again afterwards: another client may have been quicker.
    """

    def name(self, given: Given, world: World) -> Ref:
        """Return how a new object would be named.

        Keys that the client left out are filled here; CIMError INVALID_PARAMETER where one
        cannot be.
        """
        ...

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """Make a new object, which is there and safe afterwards; `given` has its keys as sent."""
        ...

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """Change properties of an object, all of them writable and no keys, or none at all."""
        ...

    async def delete(self, ref: Ref, author: str) -> None:
        """End an object."""
        ...


@runtime_checkable
class Replacing(Protocol):
    """A writer under which a new object may take the place of one with its name."""

    def replaces(self, ref: Ref, world: World) -> bool:
        """Return whether the object of that name makes way for a new one."""
        ...


@runtime_checkable
class Meaning(Protocol):
    """A writer that knows when two values of a property mean the same."""

    def same(self, name: str, value: object, old: object) -> bool:
        """Return whether a value that was sent means what the property has."""
        ...
