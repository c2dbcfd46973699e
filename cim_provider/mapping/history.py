"""What has happened and how the nodes hear each other: the classes of this subject, as one list.

Owns: which modules belong to it.
"""

from typing import Final

from cim_provider.mapping import (
    history_fencing,
    history_links,
    history_log,
    history_results,
    history_revisions,
)
from cim_provider.mapping.rows import AssociationRow, ClassRow

ROWS: Final[tuple[ClassRow, ...]] = (
    *history_links.ROWS,
    *history_log.ROWS,
    *history_revisions.ROWS,
    *history_fencing.ROWS,
    *history_results.ROWS,
)
"""One row for each class."""
ASSOCIATIONS: Final[tuple[AssociationRow, ...]] = (
    *history_links.ASSOCIATIONS,
    *history_log.ASSOCIATIONS,
    *history_fencing.ASSOCIATIONS,
    *history_results.ASSOCIATIONS,
)
"""One row for each association."""
