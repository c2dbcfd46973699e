"""Failover(): redundancy sets hand the work of one node to another.

Owns: what FailoverFrom and FailoverTo may be, and the moves that they come to. What cannot be
done as a whole is refused, in words, before anything moves.
Source: DMTF CIM Schema 2.41 (Final), CIM_RedundancySet.Failover.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NoReturn

from cim_provider.commands import MoveResource
from cim_provider.engine import CloneView
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.copies import INSTANCE_CLASS
from cim_provider.mapping.node import NODE_CLASS
from cim_provider.mapping.redundancy import (
    NODES_CLASS,
    RESOURCE_CLASS,
    is_managed,
    members_of,
    members_of_cluster,
    resource_of,
    spares_of,
)
from cim_provider.mapping.resource import Resource
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.states import outside
from cim_provider.mapping.tops import top, top_of, tops
from cim_provider.mapping.verbs import Asked, Meaning, Returned, Together, Verb
from cim_provider.mapping.world import World
from cim_provider.wbem.errors import Status

_INSTANCE: Final = "LinuxHA:rsc:"


class Code(IntEnum):
    """What Failover returns."""

    COMPLETED = 0
    NOT_SUPPORTED = 1
    BUSY = 3
    PARAMETER = 4


def _of_resource(asked: Asked) -> Meaning:
    world = asked.world
    _see_that_it_runs(world)
    resource = top(world, resource_of(str(asked.keys["InstanceID"])))
    assert resource is not None, "the call is on a set that is there"
    name = resource.view.id
    if isinstance(resource.view, CloneView) or not is_managed(resource):
        return Returned(Code.NOT_SUPPORTED)
    here, there = _from(asked, name), _to(asked)
    spares = dict(spares_of(resource))
    if here not in members_of(resource) or there is None or (there and there not in spares):
        return Returned(Code.PARAMETER)
    _see_that_it_can_go(resource, there)
    return Together((MoveResource(name, there),), Code.BUSY)


def _of_nodes(asked: Asked) -> Meaning:
    world = asked.world
    _see_that_it_runs(world)
    here, there = _node(asked.given.get("FailoverFrom")), _to(asked)
    members = members_of_cluster(world)
    if here not in members or there is None or there == here or (there and there not in members):
        return Returned(Code.PARAMETER)
    if there and (state := world.nodes[there].state) != "online":
        _refuse(f"{there} cannot take anything: it is {state}")
    moves = []
    for each in tops(world):
        if here not in members_of(each) or isinstance(each.view, CloneView):
            continue
        if not is_managed(each):
            _refuse(f"{each.view.id} stays on {here}, since the cluster leaves it alone")
        target = there if dict(spares_of(each)).get(there) else ""
        _see_that_it_can_go(each, target)
        moves.append(MoveResource(each.view.id, target))
    return Together(tuple(moves), Code.BUSY)


def _see_that_it_runs(world: World) -> None:
    away = outside(world)
    if away is not None:
        _refuse(away.text)


def _see_that_it_can_go(resource: Resource, node: str) -> None:
    """Refuse, in words, what no node could take now."""
    if not resource.world.view.quorate:
        _refuse("no quorum; bring back nodes")
    spares = dict(spares_of(resource))
    if node and not spares[node]:
        state = resource.world.nodes[node].state
        _refuse(f"{node} cannot take {resource.view.id}: it is {state}")
    if not any(spares.values()):
        _refuse(f"no node can take {resource.view.id} now; it stays where it is")


def _refuse(text: str) -> NoReturn:
    refuse(Status.FAILED, f"{text}; nothing was moved")


def _from(asked: Asked, resource: str) -> str:
    """Return the node that is meant, itself or by what of the resource is on it; else nothing."""
    given = asked.given.get("FailoverFrom")
    if isinstance(given, Ref) and given.class_name == INSTANCE_CLASS:
        text = str(dict(given.keys)["InstanceID"]).removeprefix(_INSTANCE)
        node, _, name = text.partition(":")
        return node if top_of(asked.world, name.partition(":")[0]) == resource else ""
    return _node(given)


def _to(asked: Asked) -> str | None:
    """Return the node that is wanted, empty where the cluster chooses, None if it is no node."""
    given = asked.given.get("FailoverTo")
    return "" if given is None else _node(given) or None


def _node(given: object) -> str:
    is_node = isinstance(given, Ref) and given.class_name == NODE_CLASS
    return str(dict(given.keys)["Name"]) if is_node and isinstance(given, Ref) else ""


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {(RESOURCE_CLASS, "Failover"): _of_resource, (NODES_CLASS, "Failover"): _of_nodes}
)
"""What Failover means, by class and name as declared."""
