"""HA_SoftwareIdentity: which software the cluster runs.

Owns: its path, its properties and HA_InstalledSoftwareIdentity. Knows nothing
of how the version came to be known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import FINE, STATE_COLUMNS, State
from cim_provider.mapping.world import World

SOFTWARE_CLASS: Final = "HA_SoftwareIdentity"
SOFTWARE_ID: Final = "LinuxHA:Cluster"
"""Source: Linux-HA 2.1's provider; scripts rely on it."""
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[.+-](\d{1,4}))?(?!\d)")


@dataclass(frozen=True, slots=True)
class _Software:
    version: str
    state: State = FINE

    def number(self, place: int) -> int | None:
        """Return a part of the version, if it begins with three numbers."""
        match = _VERSION.match(self.version)
        return None if match is None or match[place] is None else int(match[place])


_LINUX: Final = 36
"""Value of TargetOSTypes."""
SELDOM: Final = (
    *("ExtendedResourceType", "IdentityInfoType", "IdentityInfoValue", "Languages"),
    *("LargeBuildNumber", "MinExtendedResourceTypeBuildNumber"),
    *("MinExtendedResourceTypeMajorVersion", "MinExtendedResourceTypeMinorVersion"),
    *("MinExtendedResourceTypeRevisionNumber", "OtherExtendedResourceTypeDescription"),
    *("ReleaseDate", "SerialNumber"),
)
"""Properties of CIM_SoftwareIdentity that nothing here has a value for."""


def software_ref() -> Ref:
    """Return the name of the software."""
    return Ref(SOFTWARE_CLASS, (("InstanceID", SOFTWARE_ID),))


def _subjects(world: World) -> Iterator[_Software]:
    yield _Software(world.view.product_version)


_COLUMNS: Final[tuple[Column[_Software], ...]] = (
    *STATE_COLUMNS,
    constant("Caption", "SoftwareIdentity"),
    constant("Description", "The cluster software, Beatkeeper"),
    constant("ElementName", "Beatkeeper"),
    constant("Name", "beatkeeper"),
    constant("Manufacturer", "Beatkeeper"),
    Column("VersionString", "version of the daemon", lambda s: s.version or None),
    Column("MajorVersion", "its first number", lambda s: s.number(1)),
    Column("MinorVersion", "its second number", lambda s: s.number(2)),
    Column("RevisionNumber", "its third number", lambda s: s.number(3)),
    constant("Classifications", (9, 4)),
    constant("ClassificationDescriptions", ("Cluster software", "Resource management")),
    constant("TargetOperatingSystems", ("Linux",)),
    constant("IsEntity", True),
    constant("TargetTypes", ("HA_Cluster",)),
    Column("BuildNumber", "its fourth number, if it has one", lambda s: s.number(4)),
    constant("TargetOSTypes", (_LINUX,)),
    constant("IsLargeBuildNumber", False),
    *unfilled("InstallDate", *SELDOM),
)


def _installed(_: World) -> Iterator[Pair]:
    yield Pair(cluster_ref(), software_ref())


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(SOFTWARE_CLASS, ("InstanceID",), _subjects, lambda _: software_ref(), _COLUMNS),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_InstalledSoftwareIdentity", "System", "InstalledSoftware", _installed),
)
"""The association of this module."""
