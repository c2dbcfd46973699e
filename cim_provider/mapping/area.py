"""What one part of the server adds to the namespaces.

Owns: `Area`, the bundle of rows, writers and methods that `Mapping` is made of.
Knows nothing of what is in one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cim_provider.mapping.rows import AssociationRow, ClassRow
from cim_provider.mapping.world import Holder
from cim_provider.mapping.writing import Writer


@dataclass(frozen=True, slots=True)
class Area:
    """Classes that belong together, and who keeps and changes their objects."""

    rows: tuple[ClassRow, ...] = ()
    associations: tuple[AssociationRow, ...] = ()
    writers: Mapping[str, Writer] = field(default_factory=dict)
    """Who creates, modifies and deletes, by class; in the namespaces of the class's row."""
    holders: tuple[Holder, ...] = ()
