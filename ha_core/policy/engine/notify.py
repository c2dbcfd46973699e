"""Notifications of clones with `notify`: before and after each change, to all active instances."""

from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Item


def add_notifications(graph: Graph, clone: Item) -> None:
    """Add the rounds of notifications around what the clone's instances do."""
