"""The coordinator's comparison of nodes' journals with its own: each shall have what others have.

Owns: which nodes were compared in this term, and what those have that the register lacks.
"""

from ha_core.coordinator.register import Register
from ha_core.ids import Generation, NodeName, Term
from ha_core.journal import Head, Holdings, Start


class Comparison:
    """What the nodes' journals have beyond the register; one for each term."""

    def __init__(self, register: Register, term: Term) -> None:
        self._register = register
        self._term = term
        self._more: dict[NodeName, tuple[Head, ...]] = {}

    def compare(self, node: NodeName, known: Holdings, through: int) -> None:
        """Take what a node has of the journal; it holds nothing numbered above `through`."""
        self._more[node] = known.heads
        self._register.renumber(known, through, self._term)

    def through(self, node: NodeName, events_through: int) -> int:
        """Return after which number a node may be given events.

        Given a later event of a start first, it would take the earlier ones for known: so none
        before it was compared.
        """
        return events_through if node in self._more else self._register.last_seq

    def heard(self, node: NodeName, generation: Generation) -> int:
        """Return how far the events of a node's start are here."""
        return self._register.head(Start(node, generation))

    def wants(self, node: NodeName) -> tuple[Head, ...]:
        """Return the starts of which a node has to tell, and from where on."""
        told, register = self._more.get(node, ()), self._register
        lacking = tuple(head for head in told if head.local_seq > register.head(head.start))
        if node in self._more:
            self._more[node] = lacking
        return tuple(Head(head.start, register.head(head.start)) for head in lacking)
