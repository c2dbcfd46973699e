"""What the cluster's journal holds, in the provider's words.

Owns: the event as indications need it. Knows nothing of CIM.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoreEvent:
    """One event. `seq` is its place in the cluster's order, the same on all nodes."""

    seq: int
    node: str
    """Who noticed it."""
    at_wall_ms: int
    kind: str
    """Stable word, such as `node-lost`."""
    subject: str
    text: str
    """One sentence."""
    why: str = ""
    incident: str = ""
    """Events with the same value belong together."""
    source: str = ""
    """The start of a node that noticed it, …"""
    number: int = 0
    """… and how manieth of that start: both name it for ever, whoever gives it a `seq`."""
