"""What a node tells of itself to whoever wants to look: results of operations, and its links.

Owns: these values. Nothing depends on them: no decision, no lease.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ha_core.ids import LinkName, Millis, NodeName, ResourceId


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The last result of one operation of a resource on a node."""

    node: NodeName
    resource: ResourceId
    """Name of the instance: a unique clone's has a number."""
    action: str
    interval_ms: Millis = 0
    exit_code: int = 0
    expected: int = 0
    timed_out: bool = False
    reason: str = ""
    output: tuple[str, ...] = ()
    """Newest lines that the agent wrote."""
    duration_ms: Millis = 0
    at_wall_ms: Millis = 0
    """When it ended."""
    since_wall_ms: Millis = 0
    """When its outcome became what it is."""
    call: int = 0
    """Counts the operations since the node's daemon began."""


@dataclass(frozen=True, slots=True)
class LinkStanding:
    """How a node hears a peer over a link."""

    node: NodeName
    peer: NodeName
    link: LinkName
    up: bool
    since_wall_ms: Millis = 0
    """When that has changed last; 0: never since its daemon began."""
    changes: int = 0
    loss_permille: int = 0
    reason: str = ""
    flaps: bool = False
    """It has come and gone several times of late."""


Item: TypeAlias = OperationResult | LinkStanding
