"""All rows: which classes and associations have objects.

Owns: the lists, in the order in which associations are walked.
"""

from typing import Final

from cim_provider.mapping import (
    capabilities,
    clones,
    cluster,
    control_service,
    copies,
    figures,
    history,
    interop,
    jobs,
    namespaces,
    node,
    profiles,
    redundancy,
    resource,
    services,
    settings,
    software,
    statistics,
    write_area,
)
from cim_provider.mapping.area import Area
from cim_provider.mapping.drafted import drafted, drafted_links
from cim_provider.mapping.rows import AssociationRow, ClassRow

_ROWS: Final[tuple[ClassRow, ...]] = (
    *cluster.ROWS,
    *node.ROWS,
    *resource.ROWS,
    *clones.ROWS,
    *copies.ROWS,
    *settings.ROWS,
    *history.ROWS,
    *software.ROWS,
    *redundancy.ROWS,
    *services.ROWS,
    *jobs.ROWS,
    *control_service.ROWS,
    *capabilities.ROWS,
    *namespaces.ROWS,
    *interop.ROWS,
    *profiles.ROWS,
    *statistics.ROWS,
    *figures.ROWS,
    *write_area.ROWS,
)
ROWS: Final = tuple(map(drafted, _ROWS))
"""One row for each class that has objects."""
_ASSOCIATIONS: Final[tuple[AssociationRow, ...]] = (
    *node.ASSOCIATIONS,
    *resource.ASSOCIATIONS,
    *copies.ASSOCIATIONS,
    *settings.ASSOCIATIONS,
    *history.ASSOCIATIONS,
    *redundancy.ASSOCIATIONS,
    *services.ASSOCIATIONS,
    *software.ASSOCIATIONS,
    *control_service.ASSOCIATIONS,
    *jobs.ASSOCIATIONS,
    *capabilities.ASSOCIATIONS,
    *interop.ASSOCIATIONS,
    *profiles.ASSOCIATIONS,
    *statistics.ASSOCIATIONS,
    *figures.ASSOCIATIONS,
)
ASSOCIATIONS: Final = tuple(map(drafted_links, _ASSOCIATIONS))
"""One row for each association that has objects, in each namespace."""
AREAS: Final[tuple[Area, ...]] = (profiles.AREA,)
"""The methods of those classes that are not the cluster's."""
