"""Whether two observed states are the same to whoever plans.

Owns: what of a status the policy engine does not read: numbers of orders and of starts, and since
when something is as it is.
"""

from dataclasses import replace
from itertools import starmap

from ha_core.status import ClusterStatus, Instance, NodeStatus


def are_alike(one: ClusterStatus, other: ClusterStatus) -> bool:
    """Return whether the engine's answer to both, at one time, is the same for sure."""
    if len(one.nodes) != len(other.nodes) or replace(one, nodes=other.nodes) != other:
        return False
    return all(starmap(_are_alike_nodes, zip(one.nodes, other.nodes, strict=True)))


def _are_alike_nodes(one: NodeStatus, other: NodeStatus) -> bool:
    if one is other:
        return True
    if len(one.instances) != len(other.instances):
        return False
    bare = replace(
        one,
        generation=other.generation,
        since_wall_ms=other.since_wall_ms,
        instances=other.instances,
    )
    if bare != other:
        return False
    return all(starmap(_are_alike_instances, zip(one.instances, other.instances, strict=True)))


def _are_alike_instances(one: Instance, other: Instance) -> bool:
    if one is other:
        return True
    bare = replace(one, order_id=other.order_id, started_wall_ms=other.started_wall_ms)
    return bare == other
