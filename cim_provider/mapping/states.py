"""What the states of the cluster are called in CIM.

Owns: the tables from a state in the view to OperationalStatus, HealthState,
EnabledState and their like, each with one sentence for people. Knows nothing
of keys and paths. No sentence has a word that old check scripts take for a
failure of the request itself (`plain` replaces them in texts from elsewhere).
Source: DMTF CIM Schema 2.41 (Final), value maps of CIM_ManagedSystemElement,
CIM_EnabledLogicalElement, CIM_Cluster and CIM_ParticipatingCS.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from cim_provider.engine import CloneView, ClusterView, InstanceView, NodeView, PrimitiveView
from cim_provider.mapping.rows import Column, constant, unfilled
from cim_provider.mapping.world import REACHED, World
from cim_provider.views.facts import NodeFacts, PingFacts, ResourceFacts

_WORDS: Final = (
    ("error", "fault"),
    ("FAILED", "failed"),
    ("Exception", "exception"),
    ("ERR", "Err"),
    ("*", "-"),
)
_CUTTING: Final = ("cutting", "proved", "restoring")
"""Stages of fencing while something is being done."""
_STATUS_WORDS: Final = {2: "OK", 3: "Degraded", 6: "Error", 8: "Starting", 9: "Stopping"}
_STATUS_WORDS_MORE: Final = {
    10: "Stopped",
    12: "No Contact",
    13: "Lost Comm",
    15: "Stopped",
    17: "OK",
    19: "OK",
}

_FURTHER: Final = {
    2: "as it should be",
    6: "in trouble until it is proved to be gone",
    15: "dormant",
    16: "a part of it is in trouble",
    17: "completed",
}
"""What a status means that stands behind the first; each sentence is told once."""


@dataclass(frozen=True, slots=True)
class State:
    """One state as CIM says it; `text` is one sentence."""

    operational: tuple[int, ...]
    health: int
    enabled: int
    text: str
    communication: int = 2
    of_node: int = 0
    """ParticipatingCS.StateOfNode."""
    role_of_node: int = 0
    """ParticipatingCS.RoleOfNode."""
    of_cluster: int = 0
    """Cluster.ClusterState."""

    @property
    def primary(self) -> int:
        """Return PrimaryStatus."""
        if self.health == 0 or self.operational[0] == 13:
            return 0
        return {5: 1, 10: 2}.get(self.health, 3)

    @property
    def operating(self) -> int:
        """Return OperatingStatus."""
        words = {2: 16, 3: 16, 8: 3, 9: 4, 10: 5, 15: 7, 19: 9}
        return words.get(self.operational[0], 0)

    @property
    def word(self) -> str:
        """Return Status, at most ten characters."""
        first = self.operational[0]
        return _STATUS_WORDS.get(first) or _STATUS_WORDS_MORE.get(first, "Unknown")

    @property
    def transitioning_to(self) -> int:
        """Return TransitioningToState."""
        return {10: 2, 4: 3}.get(self.enabled, 12)


class Stateful(Protocol):
    """What a row must know to say how its object is doing."""

    @property
    def state(self) -> State:
        """Return the state of the object."""
        ...


STATE_COLUMNS: Final[tuple[Column[Stateful], ...]] = (
    Column("OperationalStatus", "table of states", lambda s: s.state.operational),
    Column(
        "StatusDescriptions",
        "table of states: one sentence, then what each further OperationalStatus means",
        lambda s: (s.state.text, *(_FURTHER[each] for each in s.state.operational[1:])),
    ),
    Column("Status", "OperationalStatus[0] as a word", lambda s: s.state.word),
    Column("HealthState", "table of states", lambda s: s.state.health),
    Column("CommunicationStatus", "table of states", lambda s: s.state.communication),
    constant("DetailedStatus", 0),
    Column("OperatingStatus", "from OperationalStatus[0]", lambda s: s.state.operating),
    Column("PrimaryStatus", "from HealthState", lambda s: s.state.primary),
)
"""The properties of CIM_ManagedSystemElement that say the state."""
ENABLED_COLUMNS: Final[tuple[Column[Stateful], ...]] = (
    *STATE_COLUMNS,
    Column("EnabledState", "table of states", lambda s: s.state.enabled),
    Column(
        "TransitioningToState",
        "2 while starting, 3 while stopping, else 12",
        lambda s: s.state.transitioning_to,
    ),
    *unfilled("OtherEnabledState", "TimeOfLastStateChange", "InstallDate"),
)
"""The properties of CIM_EnabledLogicalElement that say the state."""


def plain(text: str) -> str:
    """Return a text from the cluster without the words that old check scripts stumble over."""
    for word, instead in _WORDS:
        text = text.replace(word, instead)
    return text


FINE: Final = State((2,), 5, 2, "as it should be")
AWAY: Final = {
    "the cluster service is stopped": State(
        (10,), 5, 3, "the cluster service is stopped on this node", 4, 5, 0, 3
    ),
    "the cluster service does not answer": State(
        (13,), 25, 0, "the cluster service does not answer", 3, 0, 0, 0
    ),
    "… is stopped: other nodes, and resources": State(
        (13,), 0, 0, "not known: the cluster service is stopped on the node that answers", 3
    ),
}
"""States of everything while the cluster cannot be asked."""
_STOPPED, _SILENT, _ELSEWHERE = AWAY.values()

CLUSTER_STATES: Final = {
    "starting": State((8,), 5, 10, "the cluster service is starting on this node", of_cluster=3),
    "stopping": State((9,), 5, 4, "the cluster service is stopping on this node", of_cluster=3),
    "no quorum": State((6,), 25, 5, "no quorum; bring back nodes", of_cluster=5),
    "a node is unclean": State((6,), 20, 2, "not proved to be gone", of_cluster=4),
    "fencing fails": State((6,), 20, 2, "a node cannot be cut off", of_cluster=4),
    "a primitive is failed or blocked": State((3, 16), 20, 2, "failed or blocked", of_cluster=4),
    "a primitive has no place": State((3, 16), 20, 2, "can run nowhere", of_cluster=4),
    "a node is not reached": State((3,), 10, 2, "not there", of_cluster=4),
    "a link is down": State((3,), 10, 2, "a link is down", of_cluster=4),
    "a clone is partial": State((3,), 10, 2, "fewer instances run than are wanted", of_cluster=4),
    "no reserve": State(
        (3,), 10, 2, "the next loss of a vote would stop the cluster", of_cluster=4
    ),
    "maintenance": State((2,), 5, 9, "in maintenance: resources are left alone", of_cluster=2),
    "all is well": State((2,), 5, 2, "all is well", of_cluster=2),
}
"""States of the cluster by situation; the first that fits wins."""

NODE_STATES: Final = {
    "being fenced": State((9,), 20, 3, "being cut off", 3, 5, 0),
    "fenced": State((10,), 10, 3, "waited for", 4, 5, 0),
    "unclean": State((13, 6), 25, 0, "lost, and something on it is not proved to be gone", 3, 5, 0),
    "a link is down": State((3,), 10, 2, "online, but not heard over", 2, 6, 2),
    "a health attribute is bad": State((3,), 10, 2, "online, but its health is", 2, 6, 2),
    "joining": State((8,), 5, 10, "heard, and has not reported what it runs", 2, 2, 2),
    "online": State((2,), 5, 2, "online", 2, 4, 2),
    "standby": State((2, 15), 5, 6, "in standby: runs no resources", 2, 3, 5),
    "maintenance": State((2,), 5, 9, "in maintenance: resources are left alone", 2, 4, 2),
    "suspect": State((3,), 10, 2, "silent for the moment, or has not reported yet", 4, 6, 2),
    "lost": State((13,), 20, 0, "lost; what ran on it has ended", 3, 5, 0),
    "left": State((10,), 5, 3, "has left in good order", 4, 5, 0),
    "shutting down": State((9,), 5, 4, "stops what it runs, and ends", 2, 5, 2),
    "never seen": State((10,), 10, 3, "was never seen: start the cluster service on it", 4, 5, 0),
    "unknown": State((0,), 0, 0, "state unknown", 0, 0, 0),
}
"""States of a node by situation; the first that fits wins."""

PING_STATES: Final = {
    "reached": State((2,), 5, 5, "answers", 2, 4, 1),
    "not reached": State((12,), 15, 5, "does not answer", 4, 5, 1),
    "unknown": State((0,), 0, 5, "nobody has said whether it answers", 0, 0, 1),
}
"""States of a host that is pinged."""

PRIMITIVE_STATES: Final = {
    "unmanaged, started": State((2,), 5, 9, "running, and left alone by the cluster"),
    "unmanaged, stopped": State((10,), 5, 9, "not running, and left alone by the cluster"),
    "active on several nodes": State((6,), 25, 2, "active on more than one node"),
    "started after a failure": State(
        (3,), 10, 2, "running after a failure that nobody has cleaned up"
    ),
    "moving": State((19,), 5, 2, "moving alive"),
    "started": State((2,), 5, 2, "running"),
    "starting": State((8,), 5, 10, "starting"),
    "stopping": State((9,), 5, 4, "stopping"),
    "failed": State((6,), 20, 6, "failed; clean it up once its fault is mended"),
    "blocked": State((6,), 25, 6, "waits for an operator"),
    "stopped, as wanted": State((10,), 5, 3, "stopped, as wanted"),
    "stopped": State((6,), 20, 6, "should run and cannot"),
    "unknown": State((0,), 0, 0, "state unknown until a node reports it", 0),
}
"""States of a primitive by situation; the first that fits wins."""

GROUP_STATES: Final = {
    "no members": State((15,), 5, 3, "has no members"),
    "some members run, others cannot": State((3,), 10, 2, "only some of its members run"),
}
"""States of a group where it is not simply as its worst member."""


CLONE_STATES: Final = {
    "some instances run": State((3,), 10, 2, "fewer instances run than are wanted"),
}
"""States of a clone where it is not simply as its member."""

DEVICE_STATES: Final = {
    "fencing is switched off": State((15,), 5, 3, "not used: the option fencing is false"),
    "ready": State((2,), 5, 2, "ready to cut nodes off"),
}
"""States of a fence device, which is never started or stopped."""

INSTANCE_STATES: Final = {
    "unmanaged, started": State((2,), 5, 9, "active, and left alone by the cluster"),
    "started after a failure": State(
        (3,), 10, 2, "active after a failure that nobody has cleaned up"
    ),
    "started": State((2,), 5, 2, "active"),
    "stopped": State((10,), 10, 3, "not active after a failure that nobody has cleaned up"),
    "failed": State((6,), 20, 6, "failed; clean it up once its fault is mended"),
    "blocked": State((6,), 25, 6, "waits for an operator"),
    "unknown": State((13,), 25, 0, "not proved to be gone", 3),
}
"""States of an instance of a resource on a node by situation."""


def _saying(state: State, *parts: str) -> State:
    """Return the state with more to its sentence."""
    return replace(state, text=": ".join((state.text, *(part for part in parts if part))))


def outside(world: World) -> State | None:
    """Return the state that everything has because the cluster cannot be asked, or None."""
    if world.running:
        return None
    return _STOPPED if world.answering else _SILENT


def elsewhere(world: World) -> State | None:
    """Return the state that other nodes and resources have, or None: the cluster can be asked.

    A node whose own service is stopped knows nothing of them: they may well go on without it.
    """
    if world.running:
        return None
    # Health is for what is known to be well or ill, and of this nothing is known.
    return _ELSEWHERE if world.answering else replace(_SILENT, health=0)


def node_state(world: World, node: NodeView) -> State:
    """Return the state of a node."""
    # Its own server says that the service is gone; of others it knows as little as a silent one.
    state = outside(world)
    if state is not None:
        is_other = world.answering and node.name != world.view.local_node
        return _ELSEWHERE if is_other else state
    facts = world.node_facts.get(node.name, NodeFacts(node.name))
    is_ending = node.is_local and world.view.facts.cluster.is_local_leaving
    situation = _node_situation(node, facts)
    if is_ending and not node.unclean:
        situation = "shutting down"
    found = NODE_STATES.get(situation, NODE_STATES["unknown"])
    more = {
        "being fenced": facts.fencing_stage,
        "fenced": f"it was cut off by {node.fenced_by}",
        "unclean": plain(facts.fencing_fault),
        "a link is down": f"{', '.join(node.links_down)}; look at that network",
        "a health attribute is bad": facts.health,
    }
    return _saying(found, more.get(situation, ""))


def _node_situation(node: NodeView, facts: NodeFacts) -> str:
    if node.state in ("lost", "left") and facts.fencing_stage in _CUTTING:
        return "being fenced"
    if node.unclean:
        return "unclean"
    if node.fenced_by and node.state in ("lost", "left"):
        return "fenced"
    if node.state == "left" and not facts.is_seen:
        return "never seen"
    if node.state == "suspect" and facts.is_joining:
        return "joining"
    if node.state == "online" and node.links_down:
        return "a link is down"
    if node.state == "online" and facts.health in ("red", "yellow"):
        return "a health attribute is bad"
    return node.state


def ping_state(world: World, ping: PingFacts) -> State:
    """Return the state of what is pinged: one node that reaches it is enough."""
    if (state := outside(world)) is not None:
        state = _ELSEWHERE if world.answering else state
        return replace(state, enabled=5, role_of_node=1)
    if ping.reached_by:
        return PING_STATES["reached"]
    if ping.missed_by:
        return _saying(PING_STATES["not reached"], f"asked by {', '.join(ping.missed_by)}")
    return PING_STATES["unknown"]


def primitive_state(world: World, primitive: PrimitiveView) -> State:
    """Return the state of a primitive."""
    if (state := elsewhere(world)) is not None:
        return state
    moving_to = world.resource_facts.get(primitive.id, ResourceFacts(primitive.id)).moving_to
    situation = _situation(primitive, moving_to)
    if situation == "moving":
        return _saying(PRIMITIVE_STATES["moving"], f"to {moving_to}")
    state = PRIMITIVE_STATES.get(situation, PRIMITIVE_STATES["unknown"])
    return _saying(state, plain(primitive.why)) if situation in ("blocked", "stopped") else state


def _situation(primitive: PrimitiveView, moving_to: str = "") -> str:
    if not primitive.managed and primitive.state in ("started", "stopped"):
        return f"unmanaged, {primitive.state}"
    if primitive.state == "started":
        if len(primitive.nodes) > 1 and not primitive.clone:
            return "active on several nodes"
        if moving_to:
            return "moving"
        return "started after a failure" if fail_count(primitive) else "started"
    if primitive.state == "stopped" and primitive.target_role == "stopped":
        return "stopped, as wanted"
    return primitive.state


def resource_status(world: World, primitive: PrimitiveView) -> str:
    """Return the state in the words of Linux-HA 2.1; the first that fits wins."""
    if not world.running or primitive.state == "unknown":
        return "unknown"
    if not primitive.managed:
        return "unmanaged"
    if primitive.state in ("failed", "blocked"):
        return "failed"
    if primitive.state in ("started", "stopping"):
        if world.is_promotable(primitive):
            return "running (Master)" if primitive.promoted else "running (Slave)"
        is_several = len(primitive.nodes) > 1 and not primitive.clone
        return "multi-running" if is_several else "running"
    return "not running"


def fail_count(primitive: PrimitiveView) -> int:
    """Return the failures of a primitive on the node where there are most."""
    return max((each.fail_count for each in primitive.instances), default=0)


def device_state(world: World) -> State:
    """Return the state of a fence device."""
    if (state := elsewhere(world)) is not None:
        return state
    is_off = world.view.facts.cluster.fences is False
    return DEVICE_STATES["fencing is switched off" if is_off else "ready"]


def group_state(world: World, members: tuple[PrimitiveView, ...]) -> State:
    """Return the state of a group: that of its worst member, degraded if only some run."""
    if not members:
        return GROUP_STATES["no members"]
    states = [primitive_state(world, each) for each in members]
    if any(each.operational == (2,) for each in states) and any(
        each.enabled in (3, 6) for each in states
    ):
        return GROUP_STATES["some members run, others cannot"]
    order = (0, 25, 20, 10, 5)
    return min(states, key=lambda each: (order.index(each.health), each.operational == (2,)))


def instances_running(members: tuple[PrimitiveView, ...]) -> int:
    """Return how many instances of a clone run: of a group all of its members must."""
    return min(
        (sum(each.state == "started" for each in member.instances) for member in members),
        default=0,
    )


def clone_state(world: World, clone: CloneView, members: tuple[PrimitiveView, ...]) -> State:
    """Return the state of a clone: that of its member, degraded if too few instances run."""
    state = group_state(world, members)
    running = instances_running(members)
    if state.operational == (2,) and 0 < running < clone.instances_wanted:
        text = f"{running} of {clone.instances_wanted}"
        return _saying(CLONE_STATES["some instances run"], text)
    return state


def instance_state(world: World, primitive: PrimitiveView, instance: InstanceView) -> State:
    """Return the state of a primitive on one node."""
    if (state := elsewhere(world)) is not None:
        return state
    situation = instance.state
    if situation == "started" and not primitive.managed:
        situation = "unmanaged, started"
    elif situation == "started" and instance.fail_count:
        situation = "started after a failure"
    return INSTANCE_STATES.get(situation, INSTANCE_STATES["unknown"])


def cluster_state(world: World) -> State:
    """Return the state of the cluster."""
    if (state := outside(world)) is not None:
        return state
    view = world.view
    local = world.node_facts.get(view.local_node)
    if local is not None and local.is_joining:
        return CLUSTER_STATES["starting"]
    if view.facts.cluster.is_local_leaving:
        return CLUSTER_STATES["stopping"]
    if not view.quorate:
        return CLUSTER_STATES["no quorum"]
    found = {
        "a node is unclean": [node.name for node in view.nodes if node.unclean],
        "fencing fails": [each.name for each in view.facts.nodes if each.fencing_fault],
        "a primitive is failed or blocked": [
            each.id for each in view.primitives if each.state in ("failed", "blocked")
        ],
        "a primitive has no place": _without_place(world),
        "a node is not reached": [node.name for node in view.nodes if node.state not in REACHED],
        "a link is down": [node.name for node in view.nodes if node.links_down],
        "a clone is partial": [each.id for each in view.clones if _is_partial(world, each)],
    }
    warning = "" if _has_reserve(view) else CLUSTER_STATES["no reserve"].text
    for situation, names in found.items():
        if names:
            told = _saying(CLUSTER_STATES[situation], ", ".join(names))
            return replace(told, text=f"{told.text}; {warning}" if warning else told.text)
    if warning:
        return CLUSTER_STATES["no reserve"]
    return CLUSTER_STATES["maintenance" if view.maintenance else "all is well"]


def _has_reserve(view: ClusterView) -> bool:
    """Return whether the loss of a vote that is there would leave the cluster going.

    A cluster of one node has nothing to lose; of two, fencing may decide who goes on.
    """
    is_tight = 1 < view.votes_needed == view.votes
    return not is_tight or view.fencing_decides


def _without_place(world: World) -> list[str]:
    """Return the primitives that no node may run; those whose ticket is elsewhere run there."""
    settings = world.view.settings
    granted = {each.name for each in settings.tickets if each.is_granted and not each.is_standby}
    waiting = {each.resource for each in settings.ticket_constraints if each.ticket not in granted}
    known = (world.primitives.get(name) for name, _ in world.view.unplaced)
    return [
        each.id
        for each in known
        if each is not None and not waiting & {each.id, each.group, each.clone}
    ]


def _is_partial(world: World, clone: CloneView) -> bool:
    """Return whether some, and too few, instances of a clone run that is to run."""
    running = instances_running(world.copied(clone))
    return clone.target_role != "stopped" and 0 < running < clone.instances_wanted
