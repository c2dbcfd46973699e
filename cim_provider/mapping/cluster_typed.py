"""Properties of HA_Cluster that its settings, links and quorum fill beside the old texts.

Owns: those columns. What is not known is NULL.
"""

from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from cim_provider.mapping.rows import Column, Value
from cim_provider.mapping.world import World
from cim_provider.views.facts import ClusterFacts

CLUSTER_STATES: Final = (2, 3, 4, 9, 10, 11)
"""What RequestStateChange of the cluster carries out."""
_STAYS: Final = 2
_GOES_BACK: Final = 3
INTERCONNECT_MAX: Final = 256
POLICIES: Final = {"stop": 2, "freeze": 3, "ignore": 4, "demote": 5}
"""QuorumPolicy by the word of the option."""


class InWorld(Protocol):
    """What these columns read."""

    @property
    def world(self) -> World:
        """Return what the request sees."""
        ...


def uuid_of(text: str) -> UUID | None:
    """Return 32 hexadecimal digits as a UUID; None if they are none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _told(name: str, source: str, read: Callable[[ClusterFacts], Value]) -> Column[InWorld]:
    """Return a property that was told by the cluster while it ran; 0 and empty are NULL."""

    def value(subject: InWorld) -> Value:
        found = read(subject.world.view.facts.cluster)
        return None if found in (0, "") and found is not False else found

    return Column(name, source, value)


def _milliseconds(value: int) -> str | None:
    return f"{value}ms" if value else None


def _links(world: World, medium: str) -> tuple[str, ...]:
    view = world.view
    media = (*view.media, *("udp" for _ in view.links[len(view.media) :]))
    return tuple(link for link, kind in zip(view.links, media, strict=True) if kind == medium)


def _by_medium(name: str, medium: str) -> Column[InWorld]:
    return Column(name, f"the {medium} links", lambda c: _links(c.world, medium))


def _pings(subject: InWorld) -> str | None:
    found = (f"{name} {' '.join(hosts)}" for name, hosts in subject.world.view.ping_targets)
    return "; ".join(found) or None


def _interconnect(subject: InWorld) -> str | None:
    view = subject.world.view
    return ", ".join(view.facts.cluster.interconnect)[:INTERCONNECT_MAX] or None


def _fail_back(subject: InWorld) -> int | None:
    view = subject.world.view
    if not view.product_version:
        return None
    return _STAYS if view.default_stickiness > 0 else _GOES_BACK


def _yes(flag: bool | None) -> str | None:
    return None if flag is None else str(flag)


COLUMNS: Final[tuple[Column[InWorld], ...]] = (
    Column("Interconnect", "medium and interface of each link, joined", _interconnect),
    Column(
        "InterconnectAddress",
        "address of the coordinator on its first link",
        lambda c: (
            (c.world.view.facts.cluster.controller_address if c.world.running else None) or None
        ),
    ),
    _told("MaxNumberOfNodes", "limit of the configuration", lambda f: f.node_limit),
    _told("UDPPort", "port of the first link", lambda f: str(f.port or "")),
    _told("UDPPortNumber", "port of the first link", lambda f: f.port),
    _told("BaudRate", "speed of the first serial link", lambda f: str(f.baud_bits or "")),
    _told("BaudRateBits", "speed of the first serial link", lambda f: f.baud_bits),
    _told("DeadPing", "time-out of pings", lambda f: _milliseconds(f.ping_timeout_ms)),
    _told("DeadPingMilliseconds", "time-out of pings", lambda f: f.ping_timeout_ms),
    _told("StonithEnabled", "option fencing, and some device", lambda f: _yes(f.fences)),
    _told("FencingEnabled", "option fencing, and some device", lambda f: f.fences),
    _told("FeatureSet", "version of the nodes' protocol", lambda f: f.feature_set),
    Column(
        "ViewVersion",
        "versions of all that is read",
        lambda c: c.world.version or c.world.view.version,
    ),
    Column("AutoFailbackMode", "AutoFailBack", _fail_back),
    Column("Aping", "all ping targets, joined", _pings),
    _by_medium("UnicastLinks", "udp"),
    _by_medium("BroadcastLinks", "broadcast"),
    _by_medium("MulticastLinks", "multicast"),
    _by_medium("SerialLinks", "serial"),
)
"""The columns of this module."""
