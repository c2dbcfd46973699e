"""Who changes HA_Cluster itself: the options of the cluster that it shows.

Owns: which property is which option. A client of Linux-HA 2.1 sends back the whole instance, with
what it read in all other properties; the secret among them, masked or NULL, stays as it is.
Source: Linux-HA 2.1's provider, which rewrote ha.cf from such an instance.
"""

from dataclasses import dataclass
from typing import Final

from cim_provider.edits import SetOption
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.cluster_typed import POLICIES
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import BASE, Desk
from cim_provider.mapping.write_words import (
    Twin,
    flag,
    milliseconds,
    numbered,
    same,
    score,
    text,
    time,
    word_of,
    words_of,
)
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

TWINS: Final = (
    Twin("cluster", {"ElementName": text}),
    Twin("dead_after", {"DeadTime": time, "DeadTimeMilliseconds": milliseconds}),
    Twin("symmetric", {"SymmetricCluster": flag, "SymmetricPlacement": flag}),
    Twin("fencing", {"StonithEnabled": flag, "FencingEnabled": flag}),
    Twin(
        "no_quorum_policy",
        {"NoQuorumPolicy": word_of(*POLICIES), "QuorumPolicy": numbered(POLICIES)},
    ),
    Twin(
        "defaults.resource.stickiness",
        {"DefaultResourceStickiness": score, "DefaultStickiness": score},
    ),
    Twin("maintenance", {"MaintenanceMode": flag}),
)
"""Which properties say which option."""

_MADE: Final = "a cluster is made by 'ha init' on its first machine"


@dataclass(frozen=True, slots=True)
class ClusterWriter:
    """Writes HA_Cluster."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, _MADE)

    def same(self, name: str, value: object, old: object) -> bool:
        """See `Meaning`."""
        return (name == "AuthKey" and value is None) or same(TWINS, name, value, old)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, _MADE)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`: all in one revision; NULL returns to what holds where nothing is set."""
        edits = tuple(SetOption(option, value) for option, value in words_of(TWINS, changes))
        names = ", ".join(sorted(changes.keys() - {BASE}))
        what = f"cluster changed over WBEM: {names}"
        await self.desk.give(edits, what, author, changes)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "a cluster ends with its last node: type 'ha leave' there")
