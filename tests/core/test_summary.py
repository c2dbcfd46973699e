"""From facts to the picture behind `ha status`: words of states, waits, faults and their cures."""

from dataclasses import replace

import pytest

from ha_core.agents.registry import RESET_MS
from ha_core.config.model import AgentClass, AgentRef, Meta
from ha_core.events import Stranger
from ha_core.facts import Facts
from ha_core.gates import Gates
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import ClusterSnapshot, LinkSummary
from ha_core.summary import summarize
from ha_core.timers import timers, with_drift
from tests.core.policy import case


def facts(text: str, **more: object) -> Facts:
    made = case.read(text)
    given = Facts(
        local=NodeName("n1"),
        generation=1,
        coordinator=NodeName("n1"),
        term=2,
        quorate=made.is_quorate,
        revisions=(),
        configuration=made.configuration,
        nodes=made.status.nodes,
        restarts=(),
        pending=(),
        links=(),
        timers=timers(1000),
        version="2.1",
        wall_ms=made.at_wall_ms,
    )
    return replace(given, **more)  # type: ignore[arg-type]  # by name


def picture(text: str, **more: object) -> ClusterSnapshot:
    return summarize(facts(text, **more))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("on n1 a started", "started"),
        ("on n1 a stopped", "stopped"),
        ("on n1 a stopped pending=start", "starting"),
        ("on n1 a started pending=stop", "stopping"),
        ("on n1 a started pending=monitor", "started"),
        ("on n1 a failed count=1 failure=monitor:1:restart", "failed"),
        ("on n1 a blocked count=1 failure=stop:1:block", "blocked"),
        ("on n1 a stopped count=INFINITY failure=start:1:restart", "failed"),
        ("on n1 a unknown", "unknown"),
        ("on n1 a uncertain", "blocked"),
    ],
)
def test_state_of_a_resource_in_one_word(line: str, word: str) -> None:
    resource = picture(f"nodes n1\nprimitive a\n{line}").resources[0]
    assert resource.state == word
    assert resource.role == ("Started" if resource.nodes else "Stopped")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("node n2", "online"),
        ("node n2 standby", "standby"),
        ("node n2 maintenance", "maintenance"),
        ("node n2 suspect", "suspect"),
        ("node n2 suspect standby", "suspect"),
        ("node n2 pending", "suspect"),
        ("node n2 lost", "lost"),
        ("node n2 left", "left"),
        ("node n2 never", "left"),
    ],
)
def test_state_of_a_node_in_one_word(line: str, word: str) -> None:
    assert picture(f"node n1\n{line}").nodes[1].state == word


def test_maintenance_of_the_cluster_shows_on_every_node_and_resource() -> None:
    found = picture("nodes n1 n2\noptions maintenance\nprimitive a")
    assert [node.state for node in found.nodes] == ["maintenance", "maintenance"]
    assert not found.resources[0].managed


def test_resource_that_waits_is_blocked_and_says_for_what() -> None:
    found = picture("nodes n1\nprimitive a target=stopped\nprimitive b\norder a then b")
    assert [(r.id, r.state) for r in found.resources] == [("a", "stopped"), ("b", "blocked")]
    assert found.faults == ("resource b is blocked: b waits for a: it is wanted stopped",)


def test_guarded_resource_can_be_taken_over_after_the_dead_time() -> None:
    found = picture("nodes n1\nprimitive a").resources[0]
    assert found.guard == "guardian"
    assert found.takeover_wait_ms == max(1000, with_drift(timers(1000).run_lease_ms))


@pytest.mark.parametrize(("words", "wait"), [(None, None), ("", None), ("we know", 1000)])
def test_unguarded_resource_waits_for_an_operator_unless_the_risk_is_accepted(
    words: str | None, wait: int | None
) -> None:
    given = facts("nodes n1\nprimitive a")
    item = replace(
        given.configuration.primitives[0],
        agent=AgentRef(AgentClass.LSB, "", "nginx"),
        meta=Meta(accept_risk=words),
    )
    given = replace(given, configuration=replace(given.configuration, primitives=(item,)))
    found = summarize(given).resources[0]
    assert (found.guard, found.takeover_wait_ms) == ("none", wait)


DISK = AgentRef(AgentClass.LSB, "", "nginx")
WATCHED_MS = 1000 + with_drift(10_000 + RESET_MS)


@pytest.mark.parametrize(
    ("gates", "where", "guard", "wait", "shorter"),
    [
        ({}, "", "none", None, "configure a fence device for n2, or its watchdog"),
        ({"n1": 10_000}, "on n1 a started", "watchdog", WATCHED_MS, "of n1 a shorter time-out"),
        ({"n1": 10_000}, "", "none", None, "for n2, or its watchdog"),
        ({"n1": 10_000, "n2": 5000}, "", "watchdog", WATCHED_MS, "a dead_after below 1000 ms"),
        ({"n1": 10_000}, "on n2 a uncertain", "none", None, "for n2, or its watchdog"),
    ],
)
def test_guard_is_that_of_the_node_where_it_may_run_or_the_weakest_of_all(
    gates: dict[str, int], where: str, guard: str, wait: int | None, shorter: str
) -> None:
    given = facts(f"nodes n1 n2\nprimitive a\n{where}")
    item = replace(given.configuration.primitives[0], agent=DISK)
    said = {NodeName(name): Gates(watchdog_ms=ms) for name, ms in gates.items()}
    changed = replace(given.configuration, primitives=(item,))
    found = summarize(replace(given, configuration=changed, gates=said)).resources[0]
    assert (found.guard, found.takeover_wait_ms) == (guard, wait)
    assert any(shorter in text for text in found.shorter)


def test_what_a_guard_still_has_to_end_says_when_that_will_be() -> None:
    given = facts("node n1\nnode n2 lost\nprimitive a\non n2 a uncertain")
    n1, n2 = given.nodes
    timed = replace(n2, instances=(replace(n2.instances[0], free_after_ms=5000),))
    found = summarize(replace(given, nodes=(n1, timed)))
    assert found.resources[0].state == "blocked"
    assert "until its guard has ended it there: 5000 ms after the loss" in found.faults[-1]
    assert "nothing proves" in summarize(given).faults[-1]


def test_options_of_a_group_hold_for_its_members() -> None:
    found = picture("nodes n1\nprimitives a b\ngroup g a b target=stopped managed=false")
    assert [(r.group, r.target, r.managed) for r in found.resources] == [
        ("g", "stopped", False),
        ("g", "stopped", False),
    ]


def test_lost_node_is_unclean_while_something_may_run_there() -> None:
    text = "node n1\nnode n2 lost\nprimitive a\n"
    assert [node.unclean for node in picture(text + "on n2 a uncertain").nodes] == [False, True]
    assert [node.unclean for node in picture(text + "on n2 a stopped").nodes] == [False, False]


def test_every_fault_has_its_sentence() -> None:
    text = """
        node n1
        node n2 lost
        node n3
        primitives a b
        on n1 a stopped count=INFINITY failure=start:5:restart
        on n3 a stopped count=INFINITY failure=start:5:restart
        on n2 b uncertain
    """
    links = (
        LinkSummary(NodeName("n3"), LinkName("ring0"), True, 40),
        LinkSummary(NodeName("n3"), LinkName("ring1"), False, 4000),
        LinkSummary(NodeName("n2"), LinkName("ring1"), False, 9000),
    )
    assert picture(text, links=links).faults == (
        "node n2 is lost: start it, or mend its links; it comes back by itself",
        "resource a has failed: start on n3 gave exit code 5 (it broke);"
        " mend it, then: ha resource cleanup a",
        "resource b is blocked: b may still run on n2, which is lost, and nothing proves that it"
        " has ended there; if n2 is down for sure: ha node confirm-down n2 --reason TEXT",
        "link ring1 to n3 is down; other links carry on",
    )


def link(peer: str, name: str, silent_ms: int, *, up: bool) -> LinkSummary:
    return LinkSummary(NodeName(peer), LinkName(name), up, silent_ms)


def test_node_without_a_coordinator_says_so_and_counts_the_votes_that_it_hears() -> None:
    text = "nodes n1 n2 n3\nquorum lost\nprimitive a\non n1 a stopped"
    links = (link("n2", "ring0", 4000, up=False), link("n3", "ring0", 4000, up=False))
    found = picture(text, links=links, coordinator=None)
    assert (found.quorate, found.votes, found.votes_needed) == (False, 1, 2)
    assert not found.electing
    assert found.faults == (
        "n1 sees no working coordinator: no quorum, nothing new is started;"
        " bring back nodes until a majority of voters can talk to each other",
    )


def test_majority_without_a_coordinator_is_electing_one() -> None:
    links = (link("n2", "ring0", 40, up=True), link("n3", "ring0", 4000, up=False))
    found = picture("nodes n1 n2 n3\nquorum lost", links=links, coordinator=None)
    assert (found.quorate, found.votes, found.electing) == (False, 2, True)
    assert found.faults == (
        "n1 sees no coordinator, though a majority of voters is there: they are electing one;"
        " wait a moment",
    )


def test_node_that_nobody_listens_to_waits_for_no_election() -> None:
    links = (link("n2", "ring0", 40, up=True), link("n3", "ring0", 40, up=True))
    more: dict[str, object] = {"links": links, "coordinator": None, "superseded_by": 9}
    found = picture("nodes n1 n2 n3\nquorum lost", **more)
    assert not found.electing
    assert len(found.faults) == 1
    assert "the others remember start 9" in found.faults[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nodes n1", ""),
        ("nodes n1 n2 n3", ""),
        ("nodes n1 n2\nquorum lost", ""),
        (
            "nodes n1 n2 n3\nnode n4 lost",
            "3 of 4 votes are there, and 3 are needed; bring back the voters that are missing",
        ),
        (
            "nodes n1 n2\nnode n3 lost",
            "2 of 3 votes are there, and 2 are needed; bring back the voters that are missing",
        ),
    ],
)
def test_cluster_without_a_vote_to_spare_says_so(text: str, sentence: str) -> None:
    begin = "the next loss of a vote stops the cluster: "
    assert picture(text).notices == ((begin + sentence,) if sentence else ())


def test_resource_that_is_wanted_stopped_has_not_failed_whatever_it_did_before() -> None:
    failed = "on n1 a stopped count=1 failure=monitor:7:restart"
    for text in (
        "primitive a target=stopped",
        "primitive a\ngroup g a target=stopped",
    ):
        found = picture(f"nodes n1\n{text}\n{failed}")
        assert (found.resources[0].state, found.faults) == ("stopped", ())


@pytest.mark.parametrize(("at", "count"), [(61_000, 1), (61_001, 0)])
def test_failure_counts_until_its_time_out_has_passed(at: int, count: int) -> None:
    found = picture(
        "nodes n1\nprimitive a timeout=60000\n"
        f"on n1 a started count=1 failure=monitor:7:restart@1000\nat {at}"
    )
    assert found.resources[0].fail_count == count


def test_resource_on_a_node_in_maintenance_is_not_managed() -> None:
    text = "node n1 maintenance\nnode n2\nprimitives a b\non n1 a started\non n2 b started"
    assert [item.managed for item in picture(text).resources] == [False, True]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "on n1 old blocked count=1 failure=stop:1:block",
            "but could not be stopped on n1 (it broke); end it there,"
            " then: ha resource cleanup old",
        ),
        (
            "on n2 old uncertain",
            "but may still run on n2, which is lost; if n2 is down for sure:"
            " ha node confirm-down n2 --reason TEXT",
        ),
        ("on n1 old started", "but n1 still has it; end it there, then: ha resource cleanup old"),
        ("on n1 old started pending=stop", ""),
        ("on n1 old stopped", ""),
    ],
)
def test_what_still_runs_and_is_not_configured_any_more_is_a_fault(
    line: str, sentence: str
) -> None:
    found = picture(f"node n1\nnode n2 lost\nprimitive a\non n1 a started\n{line}").faults
    begin = "resource old is not in the configuration any more, "
    assert [fault for fault in found if "old" in fault] == ([begin + sentence] if sentence else [])


def test_what_runs_under_a_former_name_is_said_to_be_called_otherwise() -> None:
    text = "nodes n1 n2\nprimitive a\non n1 a:0 blocked count=1 failure=stop:1:block"
    assert picture(text).faults == (
        "nothing of resource a is called a:0 any more, but could not be stopped on n1 (it broke);"
        " end it there, then: ha resource cleanup a:0",
    )


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("on n1 a stopped count=2 failure=monitor:7:restart", "stopped"),
        ("on n1 a stopped count=INFINITY failure=start:1:restart", "stopped"),
        ("on n1 a failed count=1 failure=monitor:1:restart", "failed"),
    ],
)
def test_without_a_quorum_no_older_failure_is_blamed_for_what_does_not_run(
    line: str, state: str
) -> None:
    found = picture(f"nodes n1 n2 n3\nquorum lost\nprimitive a\n{line}", coordinator=None)
    (item,) = found.resources
    assert (item.state, item.why) == (state, "there is no quorum")
    assert "no quorum" in found.faults[0]
    blamed = [fault for fault in found.faults if fault.startswith("resource a has failed")]
    assert bool(blamed) is (state == "failed")


def test_link_is_no_fault_beside_others_unless_these_carry_on() -> None:
    """All links of a silent peer go down one after the other."""
    down = link("n2", "ring1", 1000, up=False)
    beside = "link ring1 to n2 is down; other links carry on"
    for silent_ms, faults in ((100, (beside,)), (990, ())):
        links = (link("n2", "ring0", silent_ms, up=True), down)
        assert picture("nodes n1 n2 n3", links=links).faults == faults


def test_peer_that_only_the_coordinator_hears_is_a_fault() -> None:
    links = (link("n2", "ring0", 1000, up=False), link("n2", "ring1", 1000, up=False))
    assert picture("nodes n1 n2 n3", links=links).faults == (
        "nothing is heard from n2, which the coordinator calls online, over any of the links"
        " ring0, ring1: mend the way from n2 to n1",
    )
    assert len(picture("node n1\nnode n2 lost\nnode n3", links=links).faults) == 1


def test_what_is_under_way_is_told_node_by_node() -> None:
    text = (
        "nodes n1 n2\nprimitives a b\non n2 a started pending=stop\non n1 b stopped pending=start"
    )
    assert picture(text).pending == ("start b on n1", "stop a on n2")
    assert picture(text, pending=("told",)).pending == ("told",)


def test_fail_count_is_the_highest_of_all_nodes() -> None:
    found = picture(
        "nodes n1 n2\nprimitive a\non n1 a stopped count=2 failure=monitor:1:restart\n"
        "on n2 a started"
    )
    assert found.resources[0].fail_count == 2
    assert found.resources[0].id == ResourceId("a")


def test_learner_that_is_to_vote_is_noticed_until_it_votes() -> None:
    text = "nodes n1 n2 n3"
    change = ConfigurationChange(4, facts(text).configuration, "ann", "", 0)
    waits = replace(change, will_vote=(NodeName("n3"),))
    (notice,) = picture(text, revisions=(waits,)).notices
    assert notice.startswith("n3 has no vote yet: ")
    assert picture(text, revisions=(change,)).notices == ()
    assert picture(text, revisions=(waits,), quorate=False).notices == ()


def test_refused_frames_are_noticed_with_their_address_and_since_when() -> None:
    why = "a frame from 'x' is for another cluster"
    found = [Stranger(host, LinkName("ring0"), why, 0) for host in ("192.0.2.9", "192.0.2.7")]
    since_ms = 1_700_000_000_000
    (notice,) = picture("nodes n1 n2 n3", strangers=tuple((s, since_ms) for s in found)).notices
    assert notice == (
        "n1 refuses frames from 192.0.2.9 over link ring0 since 2023-11-14 22:13:20 UTC"
        f" ({why}), and from 192.0.2.7: give the other cluster another port, or compare the key"
        " rings and addresses"
    )


def test_one_of_two_that_does_not_go_on_alone_says_why() -> None:
    why = "it has not seen the other voter since it started"
    found = picture("nodes n1 n2", quorate=False, coordinator=None, alone_fault=why)
    (fault, *_) = found.faults
    assert f"nothing new is started; it does not go on alone: {why}; bring back" in fault


def test_moves_and_bans_are_shown_with_their_end_until_that_has_come() -> None:
    text = (
        "nodes n1 n2\nprimitive a\nlocation a n1 INFINITY move until=5000\n"
        "location a n2 -INFINITY ban\nlocation a n1 50\n"
    )
    now, later = picture(text, wall_ms=4_999), picture(text, wall_ms=5_000)
    assert [(item.node, item.is_allowed, item.expires_wall_ms) for item in now.commanded] == [
        ("n1", True, 5_000),
        ("n2", False, None),
    ]
    assert [item.node for item in later.commanded] == ["n2"]
