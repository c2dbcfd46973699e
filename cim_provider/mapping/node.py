"""HA_ClusterNode and its part in the cluster.

Owns: paths and properties of nodes, HA_ParticipatingNode, HA_ComponentCS.
Knows nothing of how a node's state came about.
Source: Linux-HA 2.1's provider for the properties that are text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import NodeView
from cim_provider.mapping import node_typed
from cim_provider.mapping.cluster import cluster_ref, yes
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    Value,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, State, node_state, ping_state
from cim_provider.mapping.world import REACHED, World
from cim_provider.views.facts import PingFacts

NODE_CLASS: Final = "HA_ClusterNode"
STATES: Final = (2, 6, 9)
"""What RequestStateChange of a node carries out: online, standby, maintenance; …"""
FENCED: Final = (11,)
"""… of one that a fence device can end, besides: cut off and switched on again; …"""
LOCAL_STATES: Final = (3, 4, 10)
"""… and of the one that answers: its cluster service ends, or is restarted."""
_STOPPED: Final = 3
_WANTED: Final = {"standby": 6, "maintenance": 9, "online": 2, "suspect": 2}


@dataclass(frozen=True, slots=True)
class _Node:
    world: World
    node: NodeView
    state: State
    ping: PingFacts | None = None
    """It is no member, but what all members ping."""


def node_ref(name: str) -> Ref:
    """Return the name of a node's object."""
    return Ref(NODE_CLASS, (("CreationClassName", NODE_CLASS), ("Name", name)))


def _subjects(world: World) -> Iterator[_Node]:
    for node in world.view.nodes:
        yield _Node(world, node, node_state(world, node))
    for ping in pinged(world):
        yield _pinged(world, ping)


def pinged(world: World) -> Iterator[PingFacts]:
    """Yield what the nodes ping and has an object of its own; a node's name is the node's."""
    return (each for each in world.view.facts.pings if each.name not in world.nodes)


def _pinged(world: World, ping: PingFacts) -> _Node:
    state = ping_state(world, ping)
    word = "online" if ping.reached_by else "lost"
    view = NodeView(ping.name, word, is_voter=False, is_witness=True, addresses=ping.hosts)
    return _Node(world, view, state, ping)


def _found(world: World, identity: tuple[str, ...]) -> _Node | None:
    node = world.nodes.get(identity[0])
    if node is not None:
        return _Node(world, node, node_state(world, node))
    known = (each for each in pinged(world) if each.name == identity[0])
    return next((_pinged(world, each) for each in known), None)


def _live(name: str, source: str, read: Callable[[_Node], Value]) -> Column[_Node]:
    """Return a property that only a cluster that runs can tell; NULL is not False."""
    return Column(name, source, lambda n: read(n) if n.world.running else None)


def _roles(subject: _Node) -> tuple[str, ...]:
    node = subject.node
    if subject.ping is not None:
        return ("ping",)
    voting = "voter" if node.is_voter else "learner"
    kind = "witness" if node.is_witness else "member"
    coordinator = ("coordinator",) if node.is_coordinator and subject.world.running else ()
    return (kind, voting, *coordinator)


def states_of(node: NodeView) -> tuple[int, ...]:
    """Return what RequestStateChange of this node carries out, in order; a witness nothing."""
    if node.is_witness:
        return ()
    fenced = FENCED if node.can_fence else ()
    local = LOCAL_STATES if node.is_local else ()
    return tuple(sorted((*STATES, *fenced, *local)))


def _available(subject: _Node) -> tuple[int, ...]:
    return states_of(subject.node) if subject.world.running else ()


def _online(subject: _Node) -> str | None:
    if subject.world.running:
        return yes(subject.node.state in REACHED)
    is_stopped = subject.world.answering and subject.node.name == subject.world.view.local_node
    return "False" if is_stopped else None


def _fail_count(subject: _Node) -> int:
    known = subject.world.instances.get(subject.node.name, ())
    return max((each.fail_count for each in known), default=0)


_ELEMENT: Final[tuple[Column[_Node], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    Column("Caption", "Node. and the name", lambda n: f"Node.{n.node.name}"),
    Column("ElementName", "name of the node", lambda n: n.node.name),
    Column(
        "Description",
        "whether it is a witness",
        lambda n: f"{_kind(n, 'Node of', 'Witness of', 'Host that is pinged by')} the cluster",
    ),
    constant("NameFormat", "Other"),
    Column("Roles", "member or witness, voter or learner, coordinator", _roles),
    Column("Dedicated", "2 of what is pinged", lambda n: _kind(n, (0,), (0,), (2,))),
    Column(
        "OtherDedicatedDescriptions",
        "of what is pinged",
        lambda n: _kind(n, None, None, ("cluster ping node",)),
    ),
    Column(
        "ResetCapability",
        "4 if a fence device can end it, else 5",
        lambda n: 4 if n.node.can_fence else 5,
    ),
    Column(
        "RequestedState",
        "state of the node",
        lambda n: _requested(n),
    ),
    constant("EnabledDefault", 2),
    Column(
        "AvailableRequestedStates", "none for a witness, or if the cluster does not run", _available
    ),
    *unfilled(
        "InstanceID",
        "PowerManagementCapabilities",
        "PrimaryOwnerContact",
        "PrimaryOwnerName",
    ),
)

_OWN: Final[tuple[Column[_Node], ...]] = (
    Column("NodePing", "kind of node", lambda n: _kind(n, "member", "ping", "ping")),
    Column("NodeType", "kind of node", lambda n: _kind(n, 2, 4, 3)),
    Column(
        "VotingRole", "whether it votes", lambda n: 4 if n.ping else 2 if n.node.is_voter else 3
    ),
    Column("Incarnation", "starts of the cluster service", lambda n: n.node.generation),
    Column("Addresses", "addresses of the node", lambda n: n.node.addresses),
    Column(
        "NodeAttributes",
        "attributes of the node",
        lambda n: tuple(f"{name}={value}" for name, value in n.node.attributes),
    ),
    Column("IsLocal", "whether the daemon runs there", lambda n: n.node.is_local),
    Column(
        "OnLine", "whether it is reached; False of the node that answers, if it is stopped", _online
    ),
    _live("Standby", "whether it is in standby", lambda n: yes(n.node.state == "standby")),
    _live("Unclean", "whether it is unclean", lambda n: yes(n.node.unclean)),
    _live("Shutdown", "whether it has left", lambda n: yes(n.node.state == "left")),
    _live("ExpectedUp", "whether it has not left", lambda n: yes(n.node.state != "left")),
    _live("IsDC", "whether it is the coordinator", lambda n: yes(n.node.is_coordinator)),
    _live("IsOnline", "whether it is reached", lambda n: n.node.state in REACHED),
    _live("IsStandby", "whether it is in standby", lambda n: n.node.state == "standby"),
    _live("IsUnclean", "whether it is unclean", lambda n: n.node.unclean),
    _live("IsShuttingDown", "whether it has left", lambda n: n.node.state == "left"),
    _live("IsExpectedUp", "whether it has not left", lambda n: n.node.state != "left"),
    _live(
        "IsDesignatedController", "whether it is the coordinator", lambda n: n.node.is_coordinator
    ),
    _live(
        "IsInMaintenance", "whether it is in maintenance", lambda n: n.node.state == "maintenance"
    ),
    _live(
        "RunningResources", "primitives active there", lambda n: n.world.active.get(n.node.name, ())
    ),
    _live("FailCount", "largest fail count of a primitive there", _fail_count),
)


def _requested(subject: _Node) -> int:
    """Return what is asked of a node: 11 while it is being cut off, 3 once it has left."""
    if subject.ping is not None or not subject.world.running:
        return 5
    facts = subject.world.node_facts.get(subject.node.name)
    if facts is not None and facts.fencing_stage:
        return 11
    if subject.node.is_local and subject.world.view.facts.cluster.is_local_leaving:
        return _STOPPED
    return _WANTED.get(subject.node.state, 5)


def _kind(subject: _Node, member: Value, witness: Value, ping: Value) -> Value:
    if subject.ping is not None:
        return ping
    return witness if subject.node.is_witness else member


def _participating(world: World) -> Iterator[Pair]:
    for subject in _subjects(world):
        state = subject.state
        yield Pair(
            node_ref(subject.node.name),
            cluster_ref(),
            (("StateOfNode", state.of_node), ("RoleOfNode", state.role_of_node)),
        )


def _components(world: World) -> Iterator[Pair]:
    for node in world.view.nodes:
        yield Pair(cluster_ref(), node_ref(node.name))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        NODE_CLASS,
        ("Name",),
        _subjects,
        lambda n: node_ref(n.node.name),
        (*_ELEMENT, *_OWN, *node_typed.COLUMNS),
        find=_found,
    ),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        "HA_ParticipatingNode",
        "Antecedent",
        "Dependent",
        _participating,
        {"StateOfNode": "table of states", "RoleOfNode": "table of states"},
    ),
    AssociationRow("HA_ComponentCS", "GroupComponent", "PartComponent", _components),
)
"""The associations of this module."""
