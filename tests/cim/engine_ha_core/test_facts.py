"""What a snapshot tells beyond the lists of the view: a pure translation."""

from dataclasses import replace

from cim_provider.engines.ha_core_facts import facts_of
from cim_provider.views.facts import NodeFacts, ResourceFacts
from ha_core.config.model import FenceDevice, Meta, MultipleActive, Origin, Ping, PingTarget
from ha_core.gates import Gates
from ha_core.ids import LinkName
from ha_core.snapshot import ClusterSnapshot, Commanded, LinkMoment
from ha_core.status import Connectivity, FencingStatus, NodeState
from tests.fake_cluster import FakeCluster


def snapshot() -> ClusterSnapshot:
    return FakeCluster().now


def node_facts(made: ClusterSnapshot, name: str) -> NodeFacts:
    return next(each for each in facts_of(made).nodes if each.name == name)


def resource_facts(made: ClusterSnapshot, name: str) -> ResourceFacts:
    return next(each for each in facts_of(made).resources if each.id == name)


def test_cluster_tells_its_limits_ports_and_media() -> None:
    made = snapshot()
    told = facts_of(made).cluster
    assert (told.node_limit, told.port, told.baud_bits, told.feature_set) == (64, 6940, 0, "1")
    assert told.interconnect == tuple(f"udp {link.name}" for link in made.configuration.links)
    assert told.fences is False
    assert not told.is_local_leaving
    assert facts_of(replace(made, leaving=True)).cluster.is_local_leaving


def test_every_resource_is_told_with_what_it_inherits() -> None:
    made = snapshot()
    first = made.configuration.primitives[0]
    meta = Meta(multiple_active=MultipleActive.BLOCK, failure_timeout_ms=5000, maintenance=True)
    changed = replace(
        made.configuration,
        primitives=(replace(first, meta=meta), *made.configuration.primitives[1:]),
    )
    told = facts_of(replace(made, configuration=changed))
    names = [each.id for each in told.resources]
    parts = (changed.primitives, changed.groups, changed.clones)
    assert names == sorted(each.id for part in parts for each in part)
    found = resource_facts(replace(made, configuration=changed), first.id)
    assert (found.multiple_active, found.failure_timeout_ms) == ("block", 5000)
    assert found.in_maintenance
    assert resource_facts(made, first.id).exclusivity != ""


def test_gates_of_a_node_are_told_with_why_one_is_missing() -> None:
    made = snapshot()
    first, *others = made.nodes
    gates = Gates(kernel=True, watchdog_ms=900)
    told = node_facts(replace(made, nodes=(replace(first, gates=gates), *others)), first.name)
    assert (told.has_kernel_gate, told.watchdog_ms, told.gates_missing) == (True, 900, ())
    without = Gates(no_kernel="no nftables", no_watchdog="not set")
    told = node_facts(replace(made, nodes=(replace(first, gates=without), *others)), first.name)
    assert (told.has_kernel_gate, told.watchdog_ms) == (False, 0)
    assert told.gates_missing == ("no nftables", "not set")


def test_bans_by_hand_are_told_and_moves_are_not() -> None:
    made = snapshot()
    name = made.configuration.primitives[0].id
    nodes = [node.name for node in made.configuration.nodes]
    commanded = (
        Commanded(name, nodes[1], Origin.BAN, False),
        Commanded(name, nodes[0], Origin.MOVE, True),
    )
    assert resource_facts(replace(made, commanded=commanded), name).banned_from == (nodes[1],)


def test_silent_node_was_heard_last_before_its_silence_counted() -> None:
    made = snapshot()
    peer = made.links[0].peer
    links = tuple(
        replace(
            made.links[0],
            link=LinkName(name),
            up=False,
            silent_ms=5000,
            since_ms=4000,
            history=(LinkMoment(at_wall_ms, False, "silent"),),
        )
        for name, at_wall_ms in (("ring0", 9000), ("ring1", 9500))
    )
    others = tuple(link for link in made.links if link.peer != peer)
    silent = node_facts(replace(made, links=(*links, *others)), peer)
    assert silent.last_heard_wall_ms == 8500
    assert node_facts(made, peer).last_heard_wall_ms == 0


def test_fencing_joining_devices_and_health_of_a_node_are_told() -> None:
    made = snapshot()
    name = made.configuration.nodes[1].name
    device = FenceDevice("switch", "fence:fence_apc", targets=(name,))
    nodes = tuple(
        replace(node, attributes=(("#health-disk", "red"), ("#health-fan", "green")))
        if node.name == name
        else node
        for node in made.configuration.nodes
    )
    changed = replace(made.configuration, fence_devices=(device,), nodes=nodes)
    instances = tuple(
        replace(each, state=NodeState.PENDING, since_wall_ms=77) if each.name == name else each
        for each in made.instances
    )
    fencing = (FencingStatus(name, 1, "cutting", "switch", "n1", "lost", "no answer"),)
    found = replace(made, configuration=changed, instances=instances, fencing=fencing)
    told = node_facts(found, name)
    assert (told.devices, told.health) == (("switch",), "red")
    assert (told.fencing_stage, told.fencing_fault) == ("cutting", "no answer")
    assert (told.is_joining, told.since_wall_ms) == (True, 77)
    assert facts_of(found).cluster.fences is True
    (known,) = facts_of(found).devices
    assert (known.agent_class, known.type, known.targets) == ("fence", "fence_apc", (name,))


def test_ping_targets_are_told_with_who_reaches_them() -> None:
    made = snapshot()
    ping = Ping((PingTarget("gw", ("10.0.0.254",)),))
    first, second, *rest = made.nodes
    nodes = (
        replace(first, connectivity=Connectivity(("gw",))),
        replace(second, connectivity=Connectivity((), ("gw",))),
        *rest,
    )
    changed = replace(made, configuration=replace(made.configuration, ping=ping), nodes=nodes)
    (told,) = facts_of(changed).pings
    assert (told.name, told.hosts) == ("gw", ("10.0.0.254",))
    assert (told.reached_by, told.missed_by) == ((first.name,), (second.name,))
    deaf = tuple(replace(n, connectivity=Connectivity(fault="may not ping")) for n in nodes)
    (unknown,) = facts_of(replace(changed, nodes=deaf)).pings
    assert (unknown.reached_by, unknown.missed_by) == ((), ())
