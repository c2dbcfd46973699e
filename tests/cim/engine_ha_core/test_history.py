"""The past and the links, read of a daemon and put into the provider's words."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from cim_provider.commands import ClearEventLog
from cim_provider.engines.ha_core_control import translated
from cim_provider.engines.ha_core_events import JournalFollower, core_event
from cim_provider.engines.ha_core_history import (
    CLEARED_KEY,
    Kept,
    Reader,
    cleared_of,
    fencing_of,
    history_of,
    links_of,
    result_view,
    results_of,
    revision_views,
    wishes_of,
)
from cim_provider.engines.ha_core_observed import REVISIONS_STRANGE, Observed
from cim_provider.views.history import EVENTS_KEPT
from cim_provider.views.journal import CoreEvent
from ha_core import commands
from ha_core.client import Client
from ha_core.config.model import Address, FenceDevice, Link, Medium, OnFail
from ha_core.fencing.rules import devices_told, words_of
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.observed import LinkStanding, OperationResult
from ha_core.replication.entries import ConfigurationChange, Verdict
from ha_core.replication.shelf import ShelfChange, ShelfItem, ShelfPut
from ha_core.snapshot import ClusterSnapshot, LinkMoment, LinkSummary
from ha_core.status import Failure, FailureKind, FencingStatus, Instance, InstanceState
from tests.fake_cluster import NODES, WALL_MS, FakeCluster, event, served

BOUND_S = 20.0
RING = LinkName("ring0")
NOW = FakeCluster().now
FIRST, SECOND, THIRD = NODES[:3]


def linked(*links: LinkSummary, addresses: tuple[str, ...] = ("ring0",)) -> ClusterSnapshot:
    """Return the sample cluster with links by name, and how the local node hears over them."""
    configuration = NOW.configuration
    nodes = tuple(
        replace(
            node,
            addresses=tuple(
                Address(LinkName(name), f"10.0.{number}.{place}")
                for number, name in enumerate(addresses)
            ),
        )
        for place, node in enumerate(configuration.nodes, 1)
    )
    known = tuple(Link(LinkName(name)) for name in addresses)
    return replace(NOW, configuration=replace(configuration, nodes=nodes, links=known), links=links)


def heard(peer: NodeName, link: str = "ring0", *, up: bool = True, loss: int = 0) -> LinkSummary:
    history = () if up else (LinkMoment(WALL_MS, False, "nothing was heard"),)
    return LinkSummary(peer, LinkName(link), up, 0, 99, len(history), loss, history)


def others() -> list[NodeName]:
    return [node.name for node in NOW.configuration.nodes if node.name != NOW.local]


def test_own_links_are_as_this_node_hears_the_others() -> None:
    peers = others()
    paths = [heard(peer, loss=14) for peer in peers]
    found = links_of(linked(*paths))
    own = next(each for each in found if each.node == NOW.local)
    assert (own.state, own.deaf, own.loss_permille, own.seen_by) == ("up", (), 20, NOW.local)
    assert (own.link, own.medium, own.port, own.address) == ("ring0", "udp", 6940, "10.0.0.1")
    assert len(own.peers) == len(peers)


def test_link_over_which_one_node_is_not_heard_names_it_and_one_that_hears_none_is_down() -> None:
    peers = others()
    two = ("ring0", "ring1")
    paths = [heard(peer, "ring0") for peer in peers]
    paths += [heard(peer, "ring1", up=peer != peers[0]) for peer in peers]
    found = {
        each.link: each
        for each in links_of(linked(*paths, addresses=two))
        if each.node == NOW.local
    }
    assert (found["ring1"].state, found["ring1"].deaf) == ("up", (peers[0],))
    paths = [heard(peer, "ring0") for peer in peers]
    paths += [heard(peer, "ring1", up=False) for peer in peers]
    found = {
        each.link: each
        for each in links_of(linked(*paths, addresses=two))
        if each.node == NOW.local
    }
    down = found["ring1"]
    assert (down.state, down.reason) == ("down", "nothing was heard")
    assert down.heard_wall_ms == WALL_MS - NOW.timers.dead_after_ms


def test_links_of_another_node_are_as_it_says_itself() -> None:
    peer = others()[0]
    said = (LinkStanding(peer, NOW.local, RING, False, WALL_MS, 3, 40, "silent", flaps=True),)
    (found,) = [each for each in links_of(linked(heard(peer)), said) if each.node == peer]
    assert (found.state, found.deaf) == ("flapping", (NOW.local,))
    assert (found.changes, found.loss_permille, found.seen_by) == (3, 40, peer)


def test_links_of_a_node_that_has_said_nothing_are_as_this_one_hears_it() -> None:
    peer = others()[0]
    (found,) = [each for each in links_of(linked(heard(peer))) if each.node == peer]
    assert (found.state, found.seen_by) == ("up", NOW.local)


def test_nothing_is_known_of_the_links_of_a_node_that_is_not_heard() -> None:
    peer = others()[0]
    said = (LinkStanding(peer, NOW.local, RING, True),)
    (found,) = [each for each in links_of(linked(heard(peer, up=False)), said) if each.node == peer]
    assert (found.state, found.loss_permille, found.seen_by) == ("unknown", None, "")


def test_serial_line_has_a_speed_and_no_port() -> None:
    seen = linked()
    line = Link(RING, medium=Medium.SERIAL, speed=9600)
    seen = replace(seen, configuration=replace(seen.configuration, links=(line,)))
    found = links_of(seen)[0]
    assert (found.medium, found.port, found.speed) == ("serial", 0, 9600)


def result(name: str, code: int = 0, node: NodeName = FIRST, **of: object) -> OperationResult:
    made = OperationResult(node, ResourceId(name), "monitor", 10_000, code, at_wall_ms=WALL_MS)
    return replace(made, **of)  # type: ignore[arg-type]  # fields by their names


def test_results_say_how_it_went_in_a_word() -> None:
    name = NOW.configuration.primitives[0].id
    said = [
        result(name),
        result(name, 3, action="reload"),
        result(name, 1, action="notify", timed_out=True),
        result(name, 7, action="promote"),
        result("gone"),
        result(name, node=NodeName("stranger")),
    ]
    seen = replace(NOW, instances=())
    found = {each.operation: each.status for each in results_of(seen, map(result_view, said))}
    assert found == {
        "monitor": "done",
        "reload": "unsupported",
        "notify": "timed-out",
        "promote": "failed",
    }


def test_failed_result_is_gone_once_its_failure_is_cleaned_up() -> None:
    name = NOW.configuration.primitives[0].id
    failure = Failure("monitor", 7, FailureKind.SOFT, "dead", WALL_MS, OnFail.RESTART)
    failed = Instance(name, InstanceState.STARTED, fail_count=1, failure=failure)
    for instance, count in ((failed, 1), (replace(failed, fail_count=0, failure=None), 0)):
        nodes = tuple(
            replace(node, instances=(instance,)) if node.name == FIRST else node
            for node in NOW.instances
        )
        assert any(node.name == FIRST for node in nodes)
        seen = replace(NOW, instances=nodes)
        assert len(results_of(seen, [result_view(result(name, 7))])) == count


def told(seq: int, kind: str, subject: str = "n3", text: str = "", why: str = "") -> CoreEvent:
    return CoreEvent(seq, "n1", WALL_MS + seq, kind, subject, text, why, "i1")


def test_fencing_is_told_from_the_wish_to_its_end() -> None:
    verdict = Verdict(NodeName("n3"), 4, "fenced:pdu+ipmi", "n1", "lost", WALL_MS)
    found = fencing_of(
        [
            told(1, "fence-wanted", why="it was lost"),
            told(2, "fence-failed", text="pdu could not cut off n3 through n2: no answer"),
            told(2, "fence-proved", text="pdu has cut off n3 through n1: off"),
            told(3, "node-fenced", text=words_of(verdict)),
            told(4, "node-confirmed-down", "n2", "ann confirmed that n2 is down: I looked"),
            told(5, "fence-gave-up", "n2", "n2 could not be cut off by any device"),
        ]
    )
    assert [(each.id, each.node, each.state) for each in found] == [
        ("3", "n3", "succeeded"),
        ("4", "n2", "succeeded"),
        ("5", "n2", "failed"),
    ]
    assert (found[0].started_wall_ms, found[0].ended_wall_ms) == (WALL_MS + 1, WALL_MS + 3)
    assert (found[0].reason, found[0].device) == ("it was lost", "pdu and ipmi")
    assert [each.is_confirmed for each in found] == [False, True, False]
    assert [each.executor for each in found] == ["n1", "", ""]


def test_devices_are_read_out_of_every_sentence_that_names_them() -> None:
    for method, names in (("fenced:pdu", "pdu"), ("cut:san+pdu", "san and pdu")):
        verdict = Verdict(NodeName("n3"), 4, method, "n1", "lost", WALL_MS)
        assert devices_told(words_of(verdict)) == names
    assert devices_told("ann confirmed that n3 is down: proved") == ""


def test_what_is_under_way_and_who_can_cut_off_whom_is_of_the_snapshot() -> None:
    device = FenceDevice("pdu", "fence:fence_dummy", targets=(SECOND,))
    configuration = replace(NOW.configuration, fence_devices=(device,))
    status = FencingStatus(SECOND, 7, "cutting", "pdu", FIRST, "lost", "no answer")
    seen = replace(NOW, configuration=configuration, fencing=(status,))
    wish = told(7, "fence-wanted", SECOND, why="lost")
    over = told(8, "fence-called-off", THIRD)
    wishes = wishes_of([told(6, "fence-wanted", THIRD), wish, over])
    history = history_of(seen, Kept(wishes=wishes))
    (under_way,) = history.fencing
    assert (under_way.origin, under_way.started_wall_ms) == ("n1", WALL_MS + 7)
    assert (under_way.executor, under_way.incident) == (FIRST, "i1")
    assert set(wishes) == {SECOND}
    assert (under_way.id, under_way.state, under_way.text) == (
        f"{SECOND}-7",
        "pending",
        "cutting: no answer",
    )
    assert history.devices == (("pdu", str(SECOND)),)


def change(number: int, reason: str = "because") -> ConfigurationChange:
    configuration = replace(NOW.configuration, name=f"shop{number}")
    return ConfigurationChange(number, configuration, "ann", reason, WALL_MS + number)


def test_revisions_have_the_lines_of_the_history_but_for_the_oldest() -> None:
    first, second = revision_views([change(1), change(2)])
    assert first.changes is None
    assert second.changes
    assert "shop2" in second.changes[0]
    assert (second.author, second.reason, second.wall_ms) == ("ann", "because", WALL_MS + 2)


def test_a_revision_names_the_nodes_whose_standby_or_maintenance_it_turns() -> None:
    base = NOW.configuration
    resting = replace(base.nodes[1], standby=True)
    standby = replace(base, nodes=(base.nodes[0], resting, *base.nodes[2:]))
    whole = replace(standby, options=replace(base.options, maintenance=True))
    steps = [base, standby, standby, whole, base]
    found = revision_views([replace(change(n), configuration=c) for n, c in enumerate(steps, 1)])
    second = str(base.nodes[1].name)
    assert [each.turned for each in found] == [(), (second,), (), ("",), (second, "")]


def test_mark_of_a_cleared_log_is_a_number_on_the_shelf() -> None:
    given = translated(ClearEventLog(77), NOW)
    assert given == commands.Shelve((ShelfPut(CLEARED_KEY, "77"),))
    assert cleared_of([ShelfItem(CLEARED_KEY, "77", 3)]) == 77
    assert cleared_of([ShelfItem(CLEARED_KEY, "x", 3)]) == cleared_of([]) == 0


def reading(root: Path, cluster: FakeCluster, test: Callable[[Reader], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(BOUND_S), Client(root) as client:
            await test(Reader(client, JournalFollower()))

    with served(root, cluster):
        asyncio.run(run())


def test_reader_reads_all_and_then_only_what_is_new(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cluster.journal = [event(number) for number in range(1, 2_502)]
    cluster.revisions = [change(number) for number in range(1, 24)]
    cluster.now = replace(cluster.now, revision=23)
    name = NOW.configuration.primitives[0].id
    cluster.observations = [result(name, interval_ms=number) for number in range(1, 1_203)]

    async def test(reader: Reader) -> None:
        assert await reader.catch_up(cluster.now)
        kept = reader.kept
        assert [each.seq for each in kept.events] == list(range(1, 2_502))
        assert [each.revision for each in kept.revisions] == list(range(1, 24))
        assert [each.changes is None for each in kept.revisions] == [True, *[False] * 22]
        assert len(kept.results) == 1_202
        assert not await reader.catch_up(cluster.now)
        cluster.journal.append(event(2_502))
        assert await reader.catch_up(cluster.now)
        assert reader.kept.events[-1] == core_event(event(2_502))
        cluster.revisions = [change(number) for number in range(20, 25)]
        cluster.now = replace(cluster.now, revision=24, version="later")
        assert await reader.catch_up(cluster.now)
        assert [each.revision for each in reader.kept.revisions] == [20, 21, 22, 23, 24]
        shelving = ShelfChange((ShelfPut(CLEARED_KEY, "5"),))
        cluster.shelved.apply(shelving, 9)
        cluster.now = replace(cluster.now, version="later still")
        assert await reader.catch_up(cluster.now)
        assert reader.kept.cleared == 5

    reading(tmp_path, cluster, test)


def test_reader_keeps_no_more_events_than_a_node(tmp_path: Path) -> None:
    cluster = FakeCluster()
    many = EVENTS_KEPT + 5
    cluster.journal = [event(number) for number in range(1, many + 1)]

    async def test(reader: Reader) -> None:
        await reader.catch_up(cluster.now)
        assert [each.seq for each in reader.kept.events] == list(range(6, many + 1))

    reading(tmp_path, cluster, test)


def test_events_that_come_both_ways_are_kept_once(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cluster.journal = [event(number) for number in range(1, 1_502)]

    async def run() -> None:
        journal = JournalFollower(tmp_path)
        journal.start()
        async with asyncio.timeout(BOUND_S), Client(tmp_path) as client:
            await journal.catch_up(client.recent_events)
            await journal.after(1_500)
            cluster.journal.append(event(1_502))
            await journal.catch_up(client.recent_events)
            await journal.after(1_501)
            assert [each.seq for each in journal.events] == list(range(1, 1_503))
            assert [each.seq for each in await journal.since(1_490)] == list(range(1_491, 1_503))
            assert journal.events is journal.events
        await journal.stop()

    with served(tmp_path, cluster):
        asyncio.run(run())


def test_journal_of_another_store_is_read_from_its_beginning(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cluster.journal = [event(number) for number in range(1, 30)]

    async def run() -> None:
        journal = JournalFollower(tmp_path)
        async with asyncio.timeout(BOUND_S), Client(tmp_path) as client:
            await journal.catch_up(client.recent_events)
            assert journal.newest == 29
            cluster.journal = [replace(event(number), text="anew") for number in range(1, 4)]
            await journal.catch_up(client.recent_events)
            assert [each.text for each in journal.events] == ["anew"] * 3
            assert journal.newest == 3
        await journal.stop()

    with served(tmp_path, cluster):
        asyncio.run(run())


def test_thousand_resources_that_were_made_and_deleted_leave_nothing() -> None:
    observed, usual = Observed(), NOW.configuration.primitives
    for number in range(1_000):
        new = replace(usual[0], id=ResourceId(f"r{number}"))
        there = replace(NOW.configuration, primitives=(*usual, new))
        observed.take([result_view(result(new.id)), result_view(result(usual[0].id))], ())
        observed.forget(replace(NOW, revision=2 * number, configuration=there))
        assert any(each.resource == new.id for each in observed.results)
        observed.forget(replace(NOW, revision=2 * number + 1))
        # Its stop is told after it has gone.
        observed.take([result_view(result(new.id))], ())
        observed.forget(replace(NOW, revision=2 * number + 1))
    assert len(observed.results) <= 2 * REVISIONS_STRANGE
    assert any(each.resource == usual[0].id for each in observed.results)


def test_result_of_what_is_configured_only_later_is_kept_until_then() -> None:
    observed, usual = Observed(), NOW.configuration.primitives
    observed.take([result_view(result("early"))], ())
    observed.forget(replace(NOW, revision=7))
    observed.forget(replace(NOW, revision=8))
    assert [each.resource for each in observed.results] == ["early"]
    later = replace(NOW.configuration, primitives=(replace(usual[0], id=ResourceId("early")),))
    observed.forget(replace(NOW, revision=9, configuration=later))
    observed.forget(replace(NOW, revision=99, configuration=later))
    assert [each.resource for each in observed.results] == ["early"]


def test_links_of_a_node_that_was_removed_are_forgotten() -> None:
    observed = Observed()
    one, other = (node.name for node in NOW.configuration.nodes[:2])
    observed.take((), [LinkStanding(one, other, LinkName("ring0"), True)])
    observed.forget(NOW)
    assert len(observed.links) == 1
    alone = replace(NOW.configuration, nodes=NOW.configuration.nodes[:1])
    observed.forget(replace(NOW, configuration=alone))
    assert not observed.links
