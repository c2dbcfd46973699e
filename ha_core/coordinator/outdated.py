"""Nodes that speak as an earlier start than one that was here: old copies of a disk.

Owns: how long that must go on before it is told. What was under way when a node started again goes
on for a moment only.
"""

from ha_core.coordinator.told import Told
from ha_core.effects import Send
from ha_core.ids import Generation, Millis, NodeName
from ha_core.messages import Hello


class Outdated:
    """Earlier starts that one coordinator has heard."""

    def __init__(self) -> None:
        self._since_ms: dict[tuple[NodeName, Generation], Millis | None] = {}
        """Since when they speak; None once that was told."""

    def heard(
        self,
        node: NodeName,
        generation: Generation,
        known: Generation,
        now_ms: Millis,
        dead_after_ms: Millis,
    ) -> list[Send | Told]:
        """Return what such a node is told, and what the journal is told of it: once, and only if
        that has gone on for `dead_after_ms`. `known`: the newest start that was here.
        """
        since_ms = self._since_ms.setdefault((node, generation), now_ms)
        hello = Send(node, Hello(now_ms, 0, known=known))
        if since_ms is None:
            return [hello]
        if now_ms - since_ms < dead_after_ms:
            return []
        self._since_ms[(node, generation)] = None
        text = (
            f"{node} has come back with an older copy of its disk: it says that this is its"
            f" start {generation}, but start {known} was here before; nothing it says is taken"
        )
        return [hello, Told("node-outdated", node, text)]
