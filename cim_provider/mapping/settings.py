"""All rows of what is configured beside the resources themselves.

Owns: the lists. How a key names an object of the configuration is said in each of the modules.
"""

from typing import Final

from cim_provider.mapping import (
    settings_attributes,
    settings_constraints,
    settings_operations,
    settings_tickets,
)
from cim_provider.mapping.rows import AssociationRow, ClassRow

ROWS: Final[tuple[ClassRow, ...]] = (
    *settings_attributes.ROWS,
    *settings_operations.ROWS,
    *settings_constraints.ROWS,
    *settings_tickets.ROWS,
)
"""One row for each class that has objects."""
ASSOCIATIONS: Final[tuple[AssociationRow, ...]] = (
    *settings_attributes.ASSOCIATIONS,
    *settings_operations.ASSOCIATIONS,
    *settings_constraints.ASSOCIATIONS,
)
"""One row for each association that has objects."""
