"""Cluster events as values: what happened, in one sentence, with its incident and reason.

Owns: the event that `ha events` prints and that indications are made from.
"""

from dataclasses import dataclass

from ha_core.ids import Generation, Millis, NodeName


@dataclass(frozen=True, slots=True)
class JournalEvent:
    """One event. (node, generation, local_seq) names it for ever; `seq` is its place in the
    cluster's order.
    """

    node: NodeName
    """Node that noticed it."""
    generation: Generation
    local_seq: int
    at_wall_ms: Millis
    kind: str
    """Stable word, such as `node-lost`, `resource-failed`, `resource-started`,
    `configuration-changed`.
    """
    subject: str
    """The node, resource, link or revision it is about."""
    text: str
    """One sentence."""
    why: str = ""
    incident: str = ""
    """Events with the same value belong together (a node's loss and all that follows)."""
    seq: int = 0
    """Number given by the coordinator; 0 before."""
