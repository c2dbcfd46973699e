"""Verbs that change the cluster: what they ask for, how they wait, how they end."""

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core import commands
from ha_core.cli.lasting import Duration
from ha_core.commands import Outcome
from ha_core.config.model import TargetRole
from ha_core.ids import NodeName, ResourceId
from ha_core.layout import Layout
from ha_core.status import NodeState
from tests.cli.conftest import Ha, value
from tests.fake_cluster import FakeCluster

WEB = ResourceId("web")
N1, N2 = NodeName("n1"), NodeName("n2")

VERBS = [
    ("resource start web", commands.SetTargetRole(WEB, TargetRole.STARTED), "web is started on n1"),
    ("resource stop web", commands.SetTargetRole(WEB, TargetRole.STOPPED), "web is stopped"),
    ("resource restart web", commands.Restart(WEB), "web is started on n1"),
    (
        "resource move web --to n2",
        commands.Move(WEB, N2),
        "web is started on n2; this holds until n2 is lost or stops",
    ),
    (
        "resource move web",
        commands.Move(WEB),
        "web is started on n3; this holds until n3 is lost or stops",
    ),
    (
        "resource ban web --node n1",
        commands.Ban(WEB, N1),
        "web is started on n2; this holds until n1 is lost or stops",
    ),
    (
        "resource ban web --on n1",
        commands.Ban(WEB, N1),
        "web is started on n2; this holds until n1 is lost or stops",
    ),
    (
        "resource move web --on n2",
        commands.Move(WEB, N2),
        "web is started on n2; this holds until n2 is lost or stops",
    ),
    (
        "resource clear web",
        commands.Clear(WEB),
        "web has no move and no ban that could be ended; web is started on n1",
    ),
    (
        "resource promote web --on n2",
        commands.Move(WEB, N2, promoted=True),
        "web is started on n2 (promoted); this holds until n2 is lost or stops",
    ),
    (
        "resource demote web --on n1 --reason why",
        commands.Ban(WEB, N1, None, "why", promoted=True),
        "web is started on n1; this holds until n1 is lost or stops",
    ),
    ("resource fail web --on n1", commands.Fail(WEB, N1), "web is started on n1"),
    (
        "node fence n2 --on --reason mended",
        commands.SwitchOn(N2, "mended"),
        "n2 is online",
    ),
    (
        "ticket add west --reason soon",
        commands.AddTicket("west", "soon"),
        "ticket west is there",
    ),
    ("replan", commands.Replan(), "3 of 3 resources started"),
    ("resource cleanup web", commands.Cleanup(WEB), "web is started on n1"),
    (
        "resource cleanup web --operation stop",
        commands.Cleanup(WEB, None, "stop"),
        "web is started on n1",
    ),
    (
        "resource unmanage web",
        commands.SetManaged(WEB, False),
        "web is unmanaged, web is started on n1",
    ),
    ("resource manage web", commands.SetManaged(WEB, True), "web is managed, web is started on n1"),
    ("node standby n1", commands.SetStandby(N1, True), "n1 is in standby"),
    ("node online n1", commands.SetStandby(N1, False), "n1 is online and runs ip, web"),
    (
        "node maintenance n1",
        commands.SetMaintenance(N1, True),
        "n1 is in maintenance and runs ip, web",
    ),
    (
        "node maintenance n1 --off",
        commands.SetMaintenance(N1, False),
        "n1 is online and runs ip, web",
    ),
    (
        "node maintenance --all",
        commands.SetMaintenance(None, True),
        "every resource of the cluster is left alone",
    ),
    (
        "node confirm-down n2 --yes --reason seen",
        commands.ConfirmDown(N2, "seen"),
        "n2 is online and confirmed to be down",
    ),
]


@pytest.mark.parametrize(("words", "command", "text"), VERBS, ids=[verb[0] for verb in VERBS])
def test_verb_gives_its_command_and_says_what_happened(
    ha: Ha, cluster: FakeCluster, words: str, command: commands.Command, text: str
) -> None:
    result = ha(*words.split(), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [given for given, _ in cluster.given] == [command]
    answer = value(result)
    assert isinstance(answer, dict)
    assert answer["text"].rpartition(" (")[0] == text
    assert (answer["code"], answer["revision"], answer["seen"]) == ("done", 8, True)


def test_stop_of_a_group_waits_for_every_member(ha: Ha, cluster: FakeCluster) -> None:
    def half(_: commands.Command) -> Outcome:
        cluster.change_resource("web", state="stopped", nodes=())
        threading.Timer(0.05, rest).start()
        return Outcome("done", "", 7)

    def rest() -> None:
        cluster.change_resource("ip", state="stopped", nodes=())

    cluster.obey = half
    result = ha("resource", "stop", "shop")
    assert result.stdout.startswith("ip is stopped, web is stopped (")


def test_refusal_ends_with_code_1_and_the_clusters_sentence(ha: Ha, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("no-quorum", "only 1 of 3 votes: start another node")
    result = ha("resource", "stop", "web", "--json")
    assert result.exit_code == 1
    assert value(result) == {"code": "no-quorum", "text": "only 1 of 3 votes: start another node"}
    assert result.stderr == "ha: only 1 of 3 votes: start another node\n"


@pytest.mark.usefixtures("cluster")
def test_token_for_a_name_is_kept_with_it_and_a_name_of_no_node_is_refused(
    ha: Ha, root: Path
) -> None:
    kept = Layout(root).invitations
    assert "no node can be called 'N 4'" in ha("token", "--node", "N 4").stderr
    assert not kept.exists()
    assert ha("token", "--node", "n4").stdout.startswith("bk1-")
    (path,) = kept.iterdir()
    assert json.loads(path.read_text())["node"] == "n4"


def test_effect_not_seen_in_time_ends_with_code_4(ha: Ha, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("done", "", 7)
    result = ha("resource", "stop", "web", "--timeout", "0.1")
    assert result.exit_code == 4
    assert "after 0.1 s web is started on n1" in result.stderr


def test_revision_that_has_not_arrived_here_is_waited_for(ha: Ha, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("done", "", 99)
    result = ha("resource", "start", "web", "--timeout", "0.1")
    assert result.exit_code == 4
    assert "n1 has not received revision 99 yet" in result.stderr


def test_no_wait_returns_at_once_and_says_so(ha: Ha, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("done", "", 8)
    answer = value(ha("resource", "stop", "web", "--no-wait", "--json"))
    assert answer == {
        "code": "done",
        "text": "accepted",
        "revision": 8,
        "seen": False,
        "waited_ms": None,
    }


def test_resource_that_cannot_start_is_reported_without_waiting_for_ever(
    ha: Ha, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ha_core.cli.change.STUCK_S", 0.05)
    monkeypatch.setattr("ha_core.cli.change.POLL_MS", 20)

    def fail(_: commands.Command) -> Outcome:
        cluster.change_resource("web", state="failed", why="no node is left for it")
        return Outcome("done", "", 7)

    cluster.obey = fail
    result = ha("resource", "start", "web")
    assert result.exit_code == 1
    assert "web is failed on n1: no node is left for it" in result.stderr


@pytest.mark.parametrize("option", ["--for", "--lifetime"])
def test_time_that_is_given_ends_a_move(ha: Ha, cluster: FakeCluster, option: str) -> None:
    ha("resource", "move", "web", "--to", "n2", option, "10m")
    command = cluster.given[0][0]
    assert isinstance(command, commands.Move)
    assert command.expires_wall_ms is not None
    assert command.expires_wall_ms > 1_700_000_600_000


def test_time_that_is_given_ends_a_standby(ha: Ha, cluster: FakeCluster) -> None:
    done = ha("node", "standby", "n1", "--for", "10m")
    assert re.match(r"n1 is in standby; this holds until [\d :-]+ \(", done.stdout)
    command = cluster.given[0][0]
    assert isinstance(command, commands.SetStandby)
    assert command.until_wall_ms is not None
    assert command.until_wall_ms > 1_700_000_600_000


@pytest.mark.parametrize("verb", ["promote", "demote"])
def test_role_has_an_end_only_on_a_node_that_is_named(
    ha: Ha, cluster: FakeCluster, verb: str
) -> None:
    result = ha("resource", verb, "web", "--for", "10m")
    assert (result.exit_code, "--for needs a node" in result.stderr) == (2, True)
    assert not cluster.given


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [("250ms", 250), ("9", 9_000), ("10m", 600_000), ("10min", 600_000), ("1d", 86_400_000)],
)
def test_times_have_the_units_of_the_file(text: str, span_ms: int) -> None:
    assert Duration().convert(text, None, None) == span_ms


def test_end_beyond_all_bounds_is_refused(ha: Ha, cluster: FakeCluster) -> None:
    result = ha("resource", "move", "web", "--for", "99999999999d")
    assert result.exit_code == 2
    assert "allowed: up to 3650d" in result.stderr
    assert not cluster.given


@pytest.mark.parametrize("text", ["ten", "10x", "0", "-5s", "", "m", "1 d", "9" * 40])
def test_end_that_is_no_time_is_a_usage_error(ha: Ha, cluster: FakeCluster, text: str) -> None:
    result = ha("resource", "move", "web", "--for", text)
    assert result.exit_code == 2
    assert "write it as 30s, 10m, 2h or 1d" in result.stderr
    assert not cluster.given


@pytest.mark.parametrize(
    ("typed", "code", "text"),
    [
        ("y\n", 0, "certainly powered off"),
        ("n\n", 1, "ha: nothing was done, as the answer was not yes; scripts say --yes"),
        ("", 1, "ha: nothing was done, as the answer was not yes; scripts say --yes"),
    ],
)
def test_confirming_a_node_down_asks_first(
    ha: Ha, cluster: FakeCluster, typed: str, code: int, text: str
) -> None:
    cluster.change_node("n3", state="lost")
    result = ha("node", "confirm-down", "n3", "--reason", "seen", stdin=typed)
    assert (result.exit_code, bool(cluster.given)) == (code, code == 0)
    assert text in result.stderr
    assert "Aborted" not in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("node confirm-down n3 --reason seen", "ha: n3 is online: only a lost node can be"),
        ("node confirm-down n4 --reason seen", "ha: there is no node 'n4'"),
        ("node fence n3 --reason smoke", "ha: no fence device ends node 'n3'"),
        ("node fence n4 --reason smoke", "ha: there is no node 'n4'"),
    ],
)
def test_nothing_is_asked_of_people_that_would_be_refused(
    ha: Ha, cluster: FakeCluster, words: str, text: str
) -> None:
    result = ha(*words.split(), stdin="y\n")
    assert result.exit_code != 0
    assert result.stderr.startswith(text)
    assert not cluster.given


def test_maintenance_needs_a_node_or_all(ha: Ha, cluster: FakeCluster) -> None:
    assert ha("node", "maintenance").exit_code == 2
    assert ha("node", "maintenance", "n1", "--all").exit_code == 2


def test_move_of_a_started_resource_is_not_reached_before_it_left(
    ha: Ha, cluster: FakeCluster
) -> None:
    cluster.obey = lambda _: Outcome("done", "", 7)
    result = ha("resource", "move", "web", "--timeout", "0.1")
    assert result.exit_code == 4


def test_restart_is_not_reached_by_the_old_instance(ha: Ha, cluster: FakeCluster) -> None:
    cluster.obey = lambda _: Outcome("done", "", 7)
    assert ha("resource", "restart", "web", "--timeout", "0.1").exit_code == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"state": "failed", "nodes": ()},
            "web is failed, nothing to restart; "
            "'ha resource cleanup web' forgets the failures and tries again",
        ),
        (
            {"state": "stopped", "nodes": (), "target": "stopped"},
            "web is stopped, nothing to restart; 'ha resource start web' starts it",
        ),
        ({"state": "blocked", "nodes": ()}, "web is blocked, nothing to restart; 'ha why web'"),
        ({"managed": False}, "web is started on n1: the cluster only watches web; "),
    ],
)
def test_restart_of_what_does_not_run_is_refused_with_what_would_help(
    ha: Ha, cluster: FakeCluster, change: dict[str, object], text: str
) -> None:
    cluster.change_resource("web", **change)
    result = ha("resource", "restart", "web")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ha: {text}")
    assert not cluster.given


def test_stop_of_what_is_only_watched_is_accepted_and_not_waited_for(
    ha: Ha, cluster: FakeCluster
) -> None:
    cluster.change_resource("web", managed=False)
    cluster.obey = lambda _: Outcome("done", "", 7)
    result = ha("resource", "stop", "web")
    assert result.exit_code == 1
    assert result.stderr == (
        "ha: accepted, but web is started on n1: "
        "the cluster only watches web; 'ha resource manage shop' ends that\n"
    )


def test_cleanup_is_not_reached_while_failures_are_remembered(ha: Ha, cluster: FakeCluster) -> None:
    status = cluster.now.instances[0]
    failed = tuple(replace(item, fail_count=2) for item in status.instances)
    cluster.become(instances=(replace(status, instances=failed), *cluster.now.instances[1:]))
    cluster.obey = lambda _: Outcome("done", "", 7)
    assert ha("resource", "cleanup", "web", "--timeout", "0.1").exit_code == 4
    assert ha("resource", "cleanup", "web", "--node", "n2", "--timeout", "0.1").exit_code == 0
    there = cluster.now.instances
    cluster.become(instances=(replace(there[0], state=NodeState.LOST), *there[1:]))
    cluster.obey = lambda _: Outcome("done", "what failed on n1 is kept there", 7)
    done = ha("resource", "cleanup", "web")
    assert done.exit_code == 0, "who is not there is not waited for"
    assert done.stdout.startswith("what failed on n1 is kept there; web is started on n1 (")


def test_clear_ends_what_there_is_without_a_word_on_nothing(ha: Ha, cluster: FakeCluster) -> None:
    ha("resource", "ban", "web", "--node", "n1")
    assert "no ban" not in ha("resource", "clear", "web").stdout
    assert "no ban that could be ended" in ha("resource", "clear", "web").stdout
