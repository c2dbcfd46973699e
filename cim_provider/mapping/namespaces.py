"""__Namespace: the namespaces inside another one, for clients from before CIM_Namespace.

Owns: the objects in the namespace `root`; the others have none inside. The
namespaces come with the server: none can be created or deleted.
Source: DSP0200 1.0, section 2.5 (namespace manipulation); OpenPegasus 2.14.
"""

from collections.abc import Iterator
from typing import Final

from cim_provider.mapping.rows import ClassRow, Ref, class_row
from cim_provider.mapping.world import World
from cim_provider.schema import NAMESPACE_CLASS, NAMESPACES, ROOT

_INSIDE: Final = f"{ROOT}/"


def _children(_: World) -> Iterator[str]:
    return (name.removeprefix(_INSIDE) for name in NAMESPACES if name.startswith(_INSIDE))


def _ref(name: str) -> Ref:
    return Ref(NAMESPACE_CLASS, (("Name", name),))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(NAMESPACE_CLASS, ("Name",), _children, _ref, (), namespaces=(ROOT,)),
)
"""The class of this module."""
