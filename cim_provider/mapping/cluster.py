"""HA_Cluster: the one instance that a dashboard needs.

Owns: its path and its properties. Knows nothing of nodes and resources beyond
counting them. What only a cluster that answers can tell is NULL otherwise:
unknown is not off.
Source: Linux-HA 2.1's provider for the properties that are text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import ClusterView
from cim_provider.engines.ha_core_secrecy import HIDDEN
from cim_provider.mapping import cluster_typed
from cim_provider.mapping.cluster_typed import uuid_of
from cim_provider.mapping.rows import ClassRow, Column, Ref, Value, class_row, constant, unfilled
from cim_provider.mapping.states import ENABLED_COLUMNS, State, cluster_state, plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME, REACHED, World

_BAD: Final = ("failed", "blocked")


@dataclass(frozen=True, slots=True)
class _Cluster:
    world: World
    state: State

    @property
    def view(self) -> ClusterView:
        return self.world.view

    @property
    def name(self) -> str:
        return self.world.view.name or CLUSTER_NAME


def cluster_ref(namespace: str = "") -> Ref:
    """Return the name of the cluster."""
    keys = (("CreationClassName", CLUSTER_CLASS), ("Name", CLUSTER_NAME))
    return Ref(CLUSTER_CLASS, keys, namespace)


def yes(flag: bool) -> str:
    """Return a truth as Linux-HA 2.1 wrote it."""
    return "True" if flag else "False"


def score_text(score: int) -> str:
    """Return a score as Linux-HA 2.1 wrote it."""
    if abs(score) >= 1_000_000:
        return "INFINITY" if score > 0 else "-INFINITY"
    return str(score)


def _clusters(world: World) -> Iterator[_Cluster]:
    yield _Cluster(world, cluster_state(world))


def _live(name: str, source: str, read: Callable[[ClusterView], Value]) -> Column[_Cluster]:
    """Return a property that only a cluster that runs can tell."""
    return Column(name, source, lambda c: read(c.view) if c.world.running else None)


def _known(name: str, source: str, read: Callable[[ClusterView], Value]) -> Column[_Cluster]:
    """Return a property that was told by the cluster while it ran."""
    return Column(name, source, lambda c: read(c.view) if c.view.product_version else None)


def _available(cluster: _Cluster) -> tuple[int, ...]:
    if cluster.world.running:
        return cluster_typed.CLUSTER_STATES
    return (2,) if cluster.world.answering else ()


def _changed(cluster: _Cluster) -> str | None:
    """Return when maintenance of all began or ended, or a coordinator was elected."""
    if not cluster.world.running:
        return None
    events = cluster.view.history.events
    elected = (each.at_wall_ms for each in events if each.kind == "coordinator-elected")
    turned = cluster.world.turned_ms.get("", 0)
    return cim_datetime(max(turned, *elected, 0))


def _uuid(cluster: _Cluster) -> tuple[str, ...]:
    found = uuid_of(cluster.view.cluster_id)
    return () if found is None else (str(found),)


def _installed(cluster: _Cluster) -> str | None:
    """Return when the cluster was made, as long as its first revision is kept."""
    kept = cluster.view.history.revisions
    return cim_datetime(kept[0].wall_ms) if kept and kept[0].revision == 1 else None


_REPLACED: Final = ("TimeOfLastStateChange", "InstallDate")
_ELEMENT: Final[tuple[Column[_Cluster], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name not in _REPLACED),
    Column(
        "TimeOfLastStateChange",
        "when maintenance of all began or ended, or a coordinator was elected; NULL: not known",
        _changed,
    ),
    Column("InstallDate", "first revision; NULL once that is not kept any more", _installed),
    constant("Caption", "LinuxHA Cluster"),
    constant("Description", "High-availability cluster"),
    Column("ElementName", "name of the cluster, else its Name", lambda c: c.name),
    constant("NameFormat", "Other"),
    Column(
        "OtherIdentifyingInfo",
        "id of the cluster as a UUID, if it is known, and its name",
        lambda c: (*_uuid(c), c.name),
    ),
    Column(
        "IdentifyingDescriptions",
        "as often as OtherIdentifyingInfo has entries",
        lambda c: (*("Linux-HA:ClusterUUID" for _ in _uuid(c)), "Linux-HA:ClusterName"),
    ),
    constant("Roles", ("HA cluster",)),
    constant("Dedicated", (0,)),
    constant("ResetCapability", 5),
    constant("RequestedState", 5),
    constant("EnabledDefault", 2),
    Column(
        "AvailableRequestedStates",
        "all that it supports; 2 if the cluster service is stopped, none if it does not answer",
        _available,
    ),
    Column(
        "Types",
        "2, and 3 if a clone is active on more than one node",
        lambda c: (2, 3) if any(p.clone and len(p.nodes) > 1 for p in c.view.primitives) else (2,),
    ),
    Column("ClusterState", "table of states", lambda c: c.state.of_cluster),
    *unfilled(
        "InstanceID",
        "BaseRevision",
        "OtherDedicatedDescriptions",
        "PowerManagementCapabilities",
        "PrimaryOwnerContact",
        "PrimaryOwnerName",
    ),
)


def _path(name: str, medium: str) -> Column[_Cluster]:
    """Return the column of the links of one medium."""

    def joined(cluster: _Cluster) -> str | None:
        view = cluster.view
        media = (*view.media, *("udp" for _ in view.links[len(view.media) :]))
        pairs = zip(view.links, media, strict=True)
        return "; ".join(link for link, kind in pairs if kind == medium) or None

    return Column(name, f"the {medium} links, joined", joined)


_LEGACY: Final[tuple[Column[_Cluster], ...]] = (
    Column("HBVersion", "version of the daemon", lambda c: c.view.product_version or None),
    Column("Node", "names of the nodes", lambda c: tuple(n.name for n in c.view.nodes)),
    constant("WithCrm", "true"),
    constant("AuthKey", HIDDEN),
    _path("UniCastPath", "udp"),
    _path("BroadCastPath", "broadcast"),
    _path("MultiCastPath", "multicast"),
    _path("SerialPath", "serial"),
    Column(
        "PingNode",
        "ping targets with one host",
        lambda c: tuple(hosts[0] for _, hosts in c.view.ping_targets if len(hosts) == 1),
    ),
    Column(
        "PingGroup",
        "ping targets with several hosts: name and hosts",
        lambda c: tuple(" ".join((n, *h)) for n, h in c.view.ping_targets if len(h) > 1),
    ),
    _live("HaveQuorum", "whether there is quorum", lambda v: yes(v.quorate)),
    _known(
        "AutoFailBack",
        "off if resources prefer by default to stay, else on",
        lambda v: "off" if v.default_stickiness > 0 else "on",
    ),
    _known("KeepAlive", "time between heartbeats", lambda v: f"{v.heartbeat_ms}ms"),
    _known("DeadTime", "option dead_after", lambda v: f"{v.dead_after_ms}ms"),
    _known("SymmetricCluster", "option symmetric", lambda v: yes(v.symmetric)),
    _known("NoQuorumPolicy", "option no_quorum_policy", lambda v: v.no_quorum_policy),
    _known(
        "DefaultResourceStickiness",
        "default stickiness",
        lambda v: score_text(v.default_stickiness),
    ),
    constant("ConnLogdTime", "60s"),
    constant("GenMethod", "file"),
    constant("MsgFmt", "classic"),
    *unfilled(
        *("APIAuth", "AuthMethod", "CoreDump"),
        *("CoreRootDir", "DebugFile", "DebugLevel", "HOPFudge", "InitDead"),
        *("LogBadPack", "LogFacility", "LogFile", "NiceFailBack"),
        *("NormalPoll", "RTPriority", "RealTime", "Respawn"),
        *("Stonith", "StonithHost", "TransitionIdleTimeout"),
        *("UseLogd", "WarnTime", "WatchdogTimer"),
        *("WarnTimeMilliseconds", "InitDeadMilliseconds", "TransitionIdleTimeoutMilliseconds"),
    ),
)

_TYPED: Final[tuple[Column[_Cluster], ...]] = (
    _live("Quorate", "whether there is quorum", lambda v: v.quorate),
    _live("Votes", "votes present", lambda v: v.votes),
    _live("DesignatedController", "the coordinator", lambda v: v.coordinator or None),
    _live("Term", "term of the coordinator", lambda v: v.term),
    _live("TransitionActive", "whether actions are under way", lambda v: v.pending_actions > 0),
    _live("PendingActions", "actions under way", lambda v: v.pending_actions),
    _known("KeepAliveMilliseconds", "time between heartbeats", lambda v: v.heartbeat_ms),
    _known("DeadTimeMilliseconds", "option dead_after", lambda v: v.dead_after_ms),
    _known("SymmetricPlacement", "option symmetric", lambda v: v.symmetric),
    _known("MaintenanceMode", "option maintenance", lambda v: v.maintenance),
    _known(
        "QuorumPolicy",
        "NoQuorumPolicy",
        lambda v: cluster_typed.POLICIES.get(v.no_quorum_policy, 0),
    ),
    _known("DefaultStickiness", "default stickiness", lambda v: v.default_stickiness),
    _known("VotesExpected", "votes there are", lambda v: v.votes_expected),
    _known("VotesNeededForQuorum", "votes that quorum takes", lambda v: v.votes_needed),
    _live("VotesMissing", "voters that are not there", lambda v: v.votes_missing),
    _live("QuorumOutlook", "what the votes mean", lambda v: plain(v.outlook) or None),
    _live("VotersAwaited", "voters without which nothing starts", lambda v: v.awaited),
    _known("ConfigurationRevision", "revision of the configuration", lambda v: v.revision),
    _known(
        "LastConfigurationChange",
        "time of the revision",
        lambda v: cim_datetime(v.last_change_wall_ms),
    ),
    _known(
        "LastChangeAuthor", "author of the revision", lambda v: plain(v.last_change_author) or None
    ),
)


def _primitives_that_are(*states: str) -> Callable[[ClusterView], int]:
    return lambda view: sum(each.state in states for each in view.primitives)


def _nodes(view: ClusterView, *, reached: bool) -> tuple[str, ...]:
    return tuple(node.name for node in view.nodes if (node.state in REACHED) is reached)


_COUNTS: Final[tuple[Column[_Cluster], ...]] = (
    Column("NodesTotal", "number of nodes", lambda c: len(c.view.nodes)),
    Column("ResourcesTotal", "number of primitives", lambda c: len(c.view.primitives)),
    _live("NodesOnline", "nodes that are reached", lambda v: len(_nodes(v, reached=True))),
    _live("NodesOffline", "all other nodes", lambda v: len(_nodes(v, reached=False))),
    _live("NodesStandby", "nodes in standby", lambda v: sum(n.state == "standby" for n in v.nodes)),
    _live("NodesUnclean", "unclean nodes", lambda v: sum(n.unclean for n in v.nodes)),
    _live("ResourcesRunning", "primitives started", _primitives_that_are("started")),
    _live("ResourcesStopped", "primitives stopped", _primitives_that_are("stopped")),
    _live("ResourcesFailed", "primitives failed", _primitives_that_are("failed")),
    _live("ResourcesBlocked", "primitives blocked", _primitives_that_are("blocked")),
    _live(
        "ResourcesUnmanaged",
        "primitives that are not managed",
        lambda v: sum(not each.managed for each in v.primitives),
    ),
    _live("OnlineNodeNames", "nodes that are reached", lambda v: _nodes(v, reached=True)),
    _live("OfflineNodeNames", "all other nodes", lambda v: _nodes(v, reached=False)),
    _live(
        "FailedResourceIds",
        "primitives failed or blocked",
        lambda v: tuple(each.id for each in v.primitives if each.state in _BAD),
    ),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        CLUSTER_CLASS,
        ("Name",),
        _clusters,
        lambda _: cluster_ref(),
        (*_ELEMENT, *_LEGACY, *_TYPED, *_COUNTS, *cluster_typed.COLUMNS),
    ),
)
"""The class of this module."""
