"""Gates: what ends the resources of one node with its run lease, by that node's own word.

Owns: the declaration that each start of a daemon makes once, when it asks to be admitted. It
goes into the log with the verdict that admits it, so that a coordinator which never saw the node
knows how long it must wait. It holds for the whole incarnation: a node whose gate breaks ends its
incarnation. A node that says nothing has its guardian alone, as every daemon has.
"""

from dataclasses import dataclass

from ha_core.ids import Millis


@dataclass(frozen=True, slots=True)
class Gates:
    """Gates of one incarnation beside its guardian; a reason says why one is missing."""

    kernel: bool = False
    """The kernel silences service addresses when the lease ends."""
    no_kernel: str = ""
    watchdog_ms: Millis = 0
    """The machine is reset so long after it was last fed, and it is fed only under the lease; 0:
    nothing resets it.
    """
    no_watchdog: str = ""
