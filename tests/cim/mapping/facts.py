"""What the sample cluster tells beyond its lists: settings, times, devices, pings."""

from dataclasses import replace

from cim_provider.views.facts import (
    ClusterFacts,
    DeviceFacts,
    Facts,
    NodeFacts,
    PingFacts,
    ResourceFacts,
)

SINCE_MS = 1_699_999_000_000


def facts() -> Facts:
    """Return the facts that go with the sample cluster, all well."""
    return Facts(
        ClusterFacts(
            node_limit=64,
            controller_address="10.0.0.1",
            port=6940,
            baud_bits=115_200,
            ping_timeout_ms=2000,
            fences=True,
            feature_set="1",
            interconnect=("udp eth1", "serial /dev/ttyS0"),
        ),
        (
            NodeFacts("n1", SINCE_MS, links_total=1),
            NodeFacts(
                "n2",
                SINCE_MS,
                capacity=(("cpu", 4), ("memory", 16)),
                health="green",
                devices=("switch",),
                links_total=1,
                watchdog_ms=900,
                gates_missing=("no nftables",),
            ),
            NodeFacts("n3", SINCE_MS, last_heard_wall_ms=SINCE_MS, links_total=1),
        ),
        tuple(
            ResourceFacts(name, 3, 60_000, exclusivity="network", banned_from=("n3",))
            for name in ("cache", "cell", "db", "disk", "ip", "server", "store", "worker")
        ),
    )


def beyond() -> Facts:
    """Return the same, and what is no node and no resource, yet shown as one."""
    return replace(
        facts(),
        pings=(PingFacts("gateway", ("10.0.0.254",), reached_by=("n1",)),),
        devices=(DeviceFacts("switch", "fence", "fence_apc", ("n2",), (("ip", "10.0.0.9"),)),),
    )
