"""Nodes: online, pending, or to be fenced, in the old form of their state and in the new one."""

import pytest

from ha_core.policy.engine.problem import Node, Problem
from tests.core.policy.reading.cibs import NOW, STATE, cib, pairs, read, transient

FENCING = {"stonith-enabled": "true"}
GONE = 'in_ccm="false" crmd="offline" join="down" expected="down"'


def node(problem: Problem, name: str = "n2") -> Node:
    return next(item for item in problem.nodes if item.name == name)


def state_of(member: str, process: str, join: str, expected: str) -> str:
    return f'in_ccm="{member}" crmd="{process}" join="{join}" expected="{expected}"'


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (state_of("false", "offline", "member", "member"), "no longer part of the cluster"),
        (state_of("true", "offline", "member", "member"), "does not respond"),
        (state_of("true", "online", "nack", "member"), "refused as a member"),
        (state_of("true", "online", "banana", "member"), "'banana' is unknown"),
        ('crmd="online" join="member" expected="member"', "not been seen"),
        (state_of("0", "0", "member", "member"), "no longer part of the cluster"),
        (state_of("1699990000", "0", "member", "member"), "does not respond"),
    ],
)
def test_with_fencing_a_node_that_should_be_there_and_is_not_must_be_fenced(
    state: str, reason: str
) -> None:
    found = node(read(states={"n2": state}, options=FENCING))
    assert reason in found.fence_reason


@pytest.mark.parametrize(
    "state",
    [
        STATE,
        state_of("1699990000", "1699990001", "member", "member"),
        GONE,
        state_of("0", "0", "down", "down"),
    ],
)
def test_a_node_that_is_in_or_left_cleanly_need_not_be_fenced(state: str) -> None:
    found = node(read(states={"n2": state}, options=FENCING))
    assert found.fence_reason == ""
    assert found.is_online is (state not in (GONE, state_of("0", "0", "down", "down")))


@pytest.mark.parametrize(
    "state",
    [
        state_of("true", "online", "pending", "member"),
        state_of("true", "online", "down", "member"),
        state_of("true", "online", "member", "down"),
        'in_ccm="true" crmd="online" join="member"',
    ],
)
def test_a_node_that_has_not_joined_wholly_is_pending(state: str) -> None:
    found = node(read(states={"n2": state}, options=FENCING))
    assert found.is_pending
    assert found.is_online
    assert found.fence_reason == ""


def test_a_node_that_takes_too_long_to_join_must_be_fenced() -> None:
    late = state_of(str(NOW - 60), "0", "down", "down")
    limits = [{"node-pending-timeout": limit, **FENCING} for limit in ("1min", "61s", "0")]
    found = [node(read(states={"n2": late}, options=limit)) for limit in limits]
    assert [item.fence_reason for item in found] == ["it did not join in time", "", ""]
    assert [item.is_pending for item in found] == [False, True, True]


def test_a_node_without_any_state_is_fenced_unless_startup_fencing_is_off() -> None:
    text = cib(nodes=("n1",), options=FENCING)
    extra = text.replace(b"</nodes>", b'<node id="2" uname="n2"/></nodes>')
    lenient = extra.replace(b"</cluster_property_set>", b"%b</cluster_property_set>") % (
        b'<nvpair id="s" name="startup-fencing" value="false"/>'
    )
    from ha_core.policy.cib.read import read_cib

    assert "not been seen" in node(read_cib(extra)).fence_reason
    assert node(read_cib(lenient)).fence_reason == ""
    assert not node(read_cib(lenient)).is_online


def test_without_fencing_only_a_member_whose_process_is_gone_is_unclean() -> None:
    hung = node(read(states={"n2": state_of("true", "offline", "member", "member")}))
    lost = node(read(states={"n2": state_of("false", "offline", "member", "member")}))
    assert hung.fence_reason
    assert not lost.fence_reason
    assert not hung.is_online
    assert not lost.is_online


def test_termination_can_be_asked_for() -> None:
    for value in ("true", str(NOW)):
        found = node(read(transients={"n2": transient(terminate=value)}, options=FENCING))
        assert found.fence_reason == "fencing was requested"
    already = read(
        states={"n2": GONE}, transients={"n2": transient(terminate="true")}, options=FENCING
    )
    assert node(already).fence_reason == ""


def test_transient_attributes_override_permanent_ones() -> None:
    found = node(
        read(
            inside={"n2": pairs("instance_attributes", {"standby": "off", "rack": "a"})},
            transients={"n2": transient(standby="on", maintenance="true", shutdown=str(NOW))},
        )
    )
    assert (found.is_standby, found.is_maintenance, found.is_shutting_down) == (True,) * 3
    attributes = dict(found.attributes)
    assert attributes["rack"] == "a"
    assert attributes["#uname"] == "n2"
    assert attributes["#kind"] == "cluster"
    assert attributes["#is_dc"] == "false"


def test_the_site_falls_back_to_the_clusters_name() -> None:
    problem = read(
        inside={"n2": pairs("instance_attributes", {"site-name": "berlin"})},
        options={"cluster-name": "prod"},
    )
    sites = [dict(item.attributes)["#site-name"] for item in problem.nodes]
    assert sites == ["prod", "berlin"]


def test_capacity_among_transient_attributes_overrides_the_permanent_one() -> None:
    parts = pairs("utilization", {"cpu": "4", "memory": "8"}, "u")
    found = node(
        read(
            inside={"n2": parts},
            transients={
                "n2": "<transient_attributes>"
                + pairs("utilization", {"cpu": "2"}, "t")
                + "</transient_attributes>"
            },
        )
    )
    assert dict(found.capacity) == {"cpu": 2, "memory": 8}


def test_fencing_levels_are_found_by_name_pattern_or_attribute() -> None:
    devices = "".join(
        f'<primitive id="{name}" class="stonith" type="fence_dummy"/>' for name in ("f1", "f2")
    )
    levels = (
        '<fencing-level id="l1" target="n1" index="2" devices="f2,f1"/>'
        '<fencing-level id="l2" target-pattern="^n" index="1" devices="f1"/>'
        '<fencing-level id="l3" target-attribute="rack" target-value="b" index="3" devices="f2"/>'
        '<fencing-level id="l4" target="n9" index="1" devices="f1"/>'
        '<fencing-level id="l5" target="n1" index="0" devices="f1"/>'
        '<fencing-level id="l6" target="n1" index="1" devices="a"/>'
    )
    problem = read(
        devices,
        inside={"n2": pairs("instance_attributes", {"rack": "b"})},
        more=f"<fencing-topology>{levels}</fencing-topology>",
    )
    assert [item.fence_levels for item in problem.nodes] == [
        (("f1",), ("f2", "f1")),
        (("f1",), ("f2",)),
    ]
    assert len(problem.left_out) == 3
