"""Redundancy sets: the nodes of the cluster, and the nodes of each resource.

Owns: HA_NodeRedundancySet, HA_ResourceRedundancySet, who is a member and who a spare, and how
much may still be lost. Source: DMTF CIM Schema 2.41 (Final), CIM_RedundancySet and CIM_IsSpare.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import CloneView, PrimitiveView
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import Resource
from cim_provider.mapping.rows import (
    AssociationRow,
    Column,
    Keyed,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import instances_running, outside, plain
from cim_provider.mapping.tops import top, top_ids, tops
from cim_provider.mapping.world import REACHED, World

NODES_CLASS: Final = "HA_NodeRedundancySet"
RESOURCE_CLASS: Final = "HA_ResourceRedundancySet"
NODES_ID: Final = "LinuxHA:set:nodes"
_PREFIX: Final = "LinuxHA:set:rsc:"
UNKNOWN, FULL, DEGRADED, LOST, FAILURE = 0, 2, 3, 4, 5
"""Values of RedundancyStatus."""
_AT_REST: Final = frozenset({"started", "starting", "stopped", "stopping"})
_N_PLUS_1, _SPARING, _LIMITED_SPARING = 2, 4, 5
_HOT, _COLD = 2, 3
_MANUAL, _BOTH = 3, 4


@dataclass(frozen=True, slots=True)
class Level:
    """How much may still be lost: RedundancyStatus, and a sentence that says why."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class _Nodes:
    world: World
    level: Level


@dataclass(frozen=True, slots=True)
class _Set:
    resource: Resource
    level: Level

    @property
    def id(self) -> str:
        return self.resource.view.id


# --- who, and how much is left ---------------------------------------------------------------


def members_of_cluster(world: World) -> tuple[str, ...]:
    """Return the nodes that can take over from each other: all but witnesses."""
    return tuple(node.name for node in world.view.nodes if not node.is_witness)


def members_of(resource: Resource) -> tuple[str, ...]:
    """Return the nodes where a resource is active; none while nobody can be asked."""
    return resource.nodes if resource.world.running else ()


def spares_of(resource: Resource) -> Iterator[tuple[str, bool]]:
    """Yield the other nodes that may run it, and whether they could at once."""
    world = resource.world
    if not world.running or not resource.members:
        return
    known = world.view.redundancy.nodes_of
    here = resource.nodes
    for node in world.view.nodes:
        is_free = all(node.name in known.get(each.id, (node.name,)) for each in resource.members)
        if is_free and not node.is_witness and node.name not in here:
            yield node.name, node.state == "online" and not node.unclean and world.view.quorate


NOTHING_TO_KEEP: Final = "it is stopped, as wanted: there is nothing to keep up"


def level_of_nodes(world: World) -> Level:
    """Return how many more nodes may be lost."""
    away = outside(world)
    if away is not None:
        return Level(UNKNOWN, away.text)
    view = world.view
    if not view.quorate:
        return Level(FAILURE, "no quorum; bring back nodes")
    missing = [node.name for node in view.nodes if node.state not in REACHED]
    missing += [name for name in view.votes_missing if name not in missing]
    lack = f"{', '.join(missing)} missing, and " if missing else ""
    is_decided = view.fencing_decides and view.votes == view.votes_expected
    if view.votes - 1 < view.votes_needed and not is_decided:
        return Level(LOST, f"{lack}the next loss of a vote would stop the cluster")
    if missing:
        return Level(DEGRADED, f"{lack}there is quorum without")
    proof = ": the other goes on once it is proved to be off" if is_decided else ""
    return Level(FULL, f"all nodes are there, and one more may be lost{proof}")


def level_of(resource: Resource) -> Level:
    """Return how many more of the nodes that run a resource may be lost."""
    away = outside(resource.world)
    if away is not None:
        return Level(UNKNOWN, away.text)
    if not resource.members:
        return Level(UNKNOWN, "it has no members")
    if any(each.state == "unknown" for each in resource.members):
        return Level(UNKNOWN, "its state is unknown until a node reports it")
    states = {each.state for each in resource.members}
    if resource.view.target_role == "stopped" and states <= {"stopped", "stopping"}:
        return Level(UNKNOWN, NOTHING_TO_KEEP)
    if isinstance(resource.view, CloneView):
        return _of_clone(resource, resource.view)
    return _of_single(resource)


def _of_single(resource: Resource) -> Level:
    members, behind = _wanted(resource)
    down = [each for each in members if each.state != "started" or not each.nodes]
    down += [each for each in behind if each.state not in _AT_REST]
    if not members and not down:
        return Level(UNKNOWN, NOTHING_TO_KEEP)
    if down:
        state = down[0].state if down[0].state != "started" else "active nowhere"
        return Level(FAILURE, f"{down[0].id} is {state}")
    several = next((each for each in resource.members if len(each.nodes) > 1), None)
    if several is not None:
        return Level(FAILURE, f"{several.id} is active on {', '.join(several.nodes)} at once")
    return _by_spares(resource)


def _wanted(resource: Resource) -> tuple[list[PrimitiveView], list[PrimitiveView]]:
    """Return the members that are to run, and those from the first that was stopped on request."""
    members = list(resource.members)
    for place, each in enumerate(members):
        if each.target_role == "stopped" and each.state in ("stopped", "stopping"):
            return members[:place], members[place:]
    return members, []


def _by_spares(resource: Resource) -> Level:
    """Return the level of what runs and needs another node should its own be lost."""
    if not resource.world.view.quorate:
        return Level(LOST, "without quorum it cannot start on another node")
    spares = tuple(spares_of(resource))
    hot = [name for name, is_hot in spares if is_hot]
    if not spares:
        return Level(LOST, "no other node may run it")
    if not hot:
        names = ", ".join(name for name, _ in spares)
        return Level(DEGRADED, f"it could go to {names}, but not at once")
    if not is_managed(resource):
        return Level(DEGRADED, "the cluster leaves it alone: it goes to another node by hand only")
    return Level(FULL, f"it can go to {', '.join(hot)}")


def _of_clone(resource: Resource, clone: CloneView) -> Level:
    running, wanted = instances_running(resource.members), clone.instances_wanted
    needed = needed_of(clone)
    count = f"{running} of {wanted} instances run"
    if running < needed:
        return Level(FAILURE, f"{count}, and {needed} must")
    if clone.is_promotable and clone.target_role != "unpromoted" and not resource.promoted_on:
        return Level(FAILURE, f"{count}, and none is promoted")
    if running > needed:
        if running >= wanted:
            return Level(FULL, count)
        return Level(DEGRADED, f"{count}: enough for now")
    if running >= wanted:
        return _by_spares(resource)
    has_spare = any(is_hot for _, is_hot in spares_of(resource))
    more = "another node could run one" if has_spare else "no other node can run one"
    return Level(DEGRADED if has_spare else LOST, f"{count}, as few as may be; {more}")


def needed_of(clone: CloneView) -> int:
    """Return how many instances must run."""
    return max(1, clone.instances_min)


def is_managed(resource: Resource) -> bool:
    """Return whether the cluster acts on a resource and all of its members."""
    return resource.view.managed and all(each.managed for each in resource.members)


# --- rows ------------------------------------------------------------------------------------


def nodes_ref() -> Ref:
    """Return the name of the set of all nodes."""
    return Ref(NODES_CLASS, (("InstanceID", NODES_ID),))


def set_ref(resource: str) -> Ref:
    """Return the name of the set of a resource."""
    return Ref(RESOURCE_CLASS, (("InstanceID", f"{_PREFIX}{resource}"),))


def resource_of(set_id: str) -> str:
    """Return the id of the resource whose set has that InstanceID; empty for no such set."""
    return set_id.removeprefix(_PREFIX) if set_id.startswith(_PREFIX) else ""


def _needed_nodes(world: World) -> int:
    """Return how many nodes must be there; a witness that is there gives its vote beside them."""
    nodes = world.view.nodes
    helping = sum(n.is_witness and n.is_voter and n.state in REACHED for n in nodes)
    return 1 if world.view.fencing_decides else max(1, world.view.votes_needed - helping)


def _cluster_set(world: World) -> Iterator[_Nodes]:
    yield _Nodes(world, level_of_nodes(world))


def _set_of(world: World, resource: str) -> Iterator[_Set]:
    found = top(world, resource)
    return iter(() if found is None else (_Set(found, level_of(found)),))


def _find(world: World, identity: tuple[str, ...]) -> _Set | None:
    found = top(world, resource_of(identity[0]))
    return None if found is None else _Set(found, level_of(found))


_SAME: Final[tuple[Column[object], ...]] = (
    constant("LoadBalanceAlgorithm", 2),
    *unfilled("OtherLoadBalanceAlgorithm", "OtherTypeOfSet", "VendorIdentifyingInfo"),
)

_OF_NODES: Final[tuple[Column[_Nodes], ...]] = (
    constant("Caption", "RedundancySet.nodes"),
    constant("ElementName", "Nodes of the cluster"),
    constant("Description", "The nodes, each of which can take over from the others"),
    Column("RedundancyStatus", "quorum, and nodes that are missing", lambda s: s.level.status),
    Column("RedundancyDescription", "the same as a sentence", lambda s: plain(s.level.text)),
    Column("MemberNames", "nodes but witnesses", lambda s: members_of_cluster(s.world)),
    constant("TypeOfSet", (_SPARING,)),
    Column(
        "MinNumberNeeded",
        "votes that quorum takes, less those of witnesses that are there",
        lambda s: _needed_nodes(s.world),
    ),
    Column(
        "MaxNumberSupported",
        "limit of the configuration; 0 if it is not known",
        lambda s: s.world.view.facts.cluster.node_limit,
    ),
    *_SAME,
)


def _clone(subject: _Set) -> CloneView | None:
    view = subject.resource.view
    return view if isinstance(view, CloneView) else None


_OF_RESOURCE: Final[tuple[Column[_Set], ...]] = (
    Column("Caption", "RedundancySet. and the resource", lambda s: f"RedundancySet.{s.id}"[:64]),
    Column("ElementName", "Redundancy of, and the resource", lambda s: f"Redundancy of {s.id}"),
    Column("Description", "RedundancyDescription", lambda s: plain(s.level.text)),
    Column("ResourceId", "id of the resource", lambda s: s.id),
    Column("RedundancyStatus", "where it runs, and where it may", lambda s: s.level.status),
    Column("RedundancyDescription", "the same as a sentence", lambda s: plain(s.level.text)),
    Column("MemberNames", "nodes where it is active", lambda s: members_of(s.resource)),
    Column(
        "SpareNames",
        "other nodes that may run it",
        lambda s: tuple(name for name, _ in spares_of(s.resource)),
    ),
    Column(
        "TypeOfSet",
        "2 for a clone, else 5",
        lambda s: (_N_PLUS_1 if _clone(s) else _LIMITED_SPARING,),
    ),
    Column(
        "MinNumberNeeded",
        "instances that must run of a clone, else 0",
        lambda s: needed_of(clone) if (clone := _clone(s)) else 0,
    ),
    Column(
        "MaxNumberSupported",
        "most instances of a clone, else 1",
        lambda s: clone.instances_max if (clone := _clone(s)) else 1,
    ),
    *_SAME,
)


def _hosted(world: World) -> Iterator[Pair]:
    yield Pair(cluster_ref(), nodes_ref())
    for each in tops(world):
        yield Pair(cluster_ref(), set_ref(each.view.id))


def _members(world: World) -> Iterator[Pair]:
    for name in members_of_cluster(world):
        yield Pair(nodes_ref(), node_ref(name))
    for each in tops(world):
        for name in members_of(each):
            if name in world.nodes:
                yield Pair(set_ref(each.view.id), node_ref(name))


def _spares(world: World) -> Iterator[Pair]:
    for each in tops(world):
        support = _BOTH if is_managed(each) else _MANUAL
        for name, is_hot in spares_of(each):
            about = (("SpareStatus", _HOT if is_hot else _COLD), ("FailoverSupported", support))
            yield Pair(node_ref(name), set_ref(each.view.id), about)


def _identity(_: World) -> Iterator[Pair]:
    yield Pair(cluster_ref(), nodes_ref())


ROWS: Final = (
    class_row(NODES_CLASS, ("InstanceID",), _cluster_set, lambda _: nodes_ref(), _OF_NODES),
    class_row(
        RESOURCE_CLASS,
        ("InstanceID",),
        Keyed(top_ids, _set_of),
        lambda s: set_ref(s.id),
        _OF_RESOURCE,
        find=_find,
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_ClusterIdentity", "SystemElement", "SameElement", _identity),
    AssociationRow("HA_HostedRedundancySet", "Antecedent", "Dependent", _hosted),
    AssociationRow("HA_MemberOfRedundancySet", "Collection", "Member", _members),
    AssociationRow(
        "HA_IsSpare",
        "Antecedent",
        "Dependent",
        _spares,
        {
            "SpareStatus": "2 if the node is online and there is quorum, else 3",
            "FailoverSupported": "4 if the resource is managed, else 3",
        },
    ),
)
"""The associations of this module."""
