"""`ha status`, `ha events`, `ha why`: what they print, for people and for programs."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from ha_core.cli import offer, view
from ha_core.cli.main import ha as ha_command
from ha_core.config.model import Origin
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.transition import Decision, Reason
from ha_core.snapshot import Commanded
from tests.cli.conftest import Ha, value
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.core.policy.case import Case
from tests.fake_cluster import NODES, WALL_MS, FakeCluster, event, snapshot


def test_status_json_has_the_fields_that_programs_rely_on(ha: Ha, cluster: FakeCluster) -> None:
    status = value(ha("status", "--json"))
    assert isinstance(status, dict)
    head = {key: status[key] for key in ("revision", "coordinator", "quorate", "faults")}
    assert head == {"revision": 7, "coordinator": "n1", "quorate": True, "faults": []}
    assert {name: node["state"] for name, node in status["nodes"].items()} == {
        "n1": "online",
        "n2": "online",
        "n3": "online",
    }
    web = status["resources"]["web"]
    assert {key: web[key] for key in ("state", "role", "nodes", "guard", "takeover_wait_ms")} == {
        "state": "started",
        "role": "Started",
        "nodes": ["n1"],
        "guard": "guardian",
        "takeover_wait_ms": 1000,
    }
    assert status["timers"]["dead_after_ms"] == 1000


def test_status_table_indents_groups_and_shows_faults_with_their_cure() -> None:
    cure = "node n3 is lost: start it, or 'ha node confirm-down n3'"
    text = view.status_text(
        replace(snapshot(), faults=(cure,), pending=("stop db on n2",)), WALL_MS
    )
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines.index("  shop (group)") + 1 == next(
        place for place, line in enumerate(lines) if line.startswith("    ip ")
    )
    assert any(cure in line for line in lines)
    assert "  stop db on n2" in lines


def test_status_has_no_colour_in_a_pipe(ha: Ha, cluster: FakeCluster) -> None:
    cluster.change_resource("db", state="failed")
    output = ha("status").stdout
    assert "failed" in output
    assert "\x1b" not in output


def test_status_shows_every_move_and_ban_with_its_end() -> None:
    shop, db = ResourceId("shop"), ResourceId("db")
    commanded = (
        Commanded(shop, NODES[1], Origin.MOVE, True, ends_with_node=True),
        Commanded(db, NODES[0], Origin.BAN, False, WALL_MS + 5000),
        Commanded(db, NODES[1], Origin.MOVE, True, WALL_MS + 5000, ends_with_node=True),
        Commanded(db, NODES[2], Origin.BAN, False, WALL_MS - 1),
        Commanded(db, NODES[2], Origin.BAN, False),
    )
    now = replace(snapshot(), commanded=commanded)
    lines = click.unstyle(view.status_text(now, WALL_MS)).splitlines()
    place = lines.index("MOVES AND BANS")
    clock = time.strftime("%H:%M:%S", time.localtime((WALL_MS + 5000) / 1000))
    assert lines[place + 1 : place + 5] == [
        "  shop  to n2      until n2 is lost or stops",
        f"  db    not on n1  until {clock}",
        f"  db    to n2      until {clock}, or until n2 is lost or stops",
        "  db    not on n3  until 'ha resource clear db'",
    ]
    moves = view.status_value(now)["moves"]
    assert isinstance(moves, list)
    assert moves[:2] == [
        {
            "resource": "shop",
            "node": "n2",
            "origin": "move",
            "allowed": True,
            "expires_wall_ms": None,
            "ends_with_node": True,
            "promoted": False,
        },
        {
            "resource": "db",
            "node": "n1",
            "origin": "ban",
            "allowed": False,
            "expires_wall_ms": WALL_MS + 5000,
            "ends_with_node": False,
            "promoted": False,
        },
    ]


def test_status_shows_promotions_by_hand_and_when_a_standby_ends() -> None:
    commanded = (
        Commanded(ResourceId("shop"), NODES[1], Origin.MOVE, True, WALL_MS + 5000, promoted=True),
        Commanded(ResourceId("shop"), NODES[0], Origin.BAN, False, WALL_MS + 5000, promoted=True),
    )
    known = snapshot()
    first = replace(known.nodes[0], state="standby", standby_until_wall_ms=WALL_MS + 5000)
    now = replace(known, commanded=commanded, nodes=(first, *known.nodes[1:]))
    text = click.unstyle(view.status_text(now, WALL_MS))
    clock = time.strftime("%H:%M:%S", time.localtime((WALL_MS + 5000) / 1000))
    assert f"shop  promoted on {NODES[1]}" in text
    assert f"shop  not promoted on {NODES[0]}  until {clock}" in text
    assert f"standby until {clock}" in text
    nodes = view.status_value(now)["nodes"]
    assert isinstance(nodes, dict)
    assert nodes[NODES[0]]["standby_until_wall_ms"] == WALL_MS + 5000


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 failure"), (2, "2 failures"), (INFINITY, "a start failed")]
)
def test_status_counts_failures_in_words(count: int, text: str) -> None:
    fake = FakeCluster()
    fake.change_resource("db", fail_count=count)
    lines = view.status_text(fake.now, WALL_MS).splitlines()
    assert any(line.endswith(f"  {text}") for line in lines)


def test_silence_is_told_by_the_moment_when_it_began() -> None:
    link = replace(snapshot().links[0], up=False, silent_ms=3_000)
    text = view.status_text(replace(snapshot(), links=(link,)), WALL_MS)
    clock = time.strftime("%H:%M:%S", time.localtime(WALL_MS / 1000 - 3))
    assert f"  ring0 to n2  silent since {clock}" in text.splitlines()


def test_no_line_of_the_status_ends_in_blanks() -> None:
    fake = FakeCluster()
    fake.change_node("n2", state="suspect")
    lines = click.unstyle(view.status_text(fake.now, WALL_MS)).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []


def test_status_says_when_quorum_is_missing(ha: Ha, cluster: FakeCluster) -> None:
    cluster.become(quorate=False, coordinator=None, votes=1)
    assert "no quorum (1 of 3 votes, 2 needed), coordinator none" in ha("status").stdout


def test_events_are_one_object_a_line(ha: Ha, cluster: FakeCluster) -> None:
    lines = ha("events", "--json", "--since", "3").stdout.splitlines()
    assert len(lines) == 2
    assert '"seq": 4' in lines[0]
    fields = set(view.event_value(event(1)))
    assert fields == {"seq", "time", "node", "kind", "subject", "text", "incident", "why"}


def test_events_begin_with_the_newest(ha: Ha, cluster: FakeCluster) -> None:
    cluster.journal = [event(seq) for seq in range(1, 301)]
    lines = ha("events", "--last", "3").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["298", "299", "300"]


def test_reason_of_an_event_is_not_said_twice(ha: Ha, cluster: FakeCluster) -> None:
    told = [("pdu knows n2, which is on", "n2, which is on"), ("n2 is lost", "no answer")]
    cluster.journal = [
        replace(event(seq), text=text, why=why) for seq, (text, why) in enumerate(told, 1)
    ]
    lines = ha("events").stdout.splitlines()
    assert [line.partition("  n1  ")[2] for line in lines] == [
        "pdu knows n2, which is on",
        "n2 is lost (no answer)",
    ]


def test_why_gives_sentence_reasons_and_scores(ha: Ha, cluster: FakeCluster) -> None:
    output = ha("why", "db").stdout.splitlines()
    assert output == ["db is started on n2: n2 has the highest score"]
    output = ha("why", "db", "--verbose").stdout.splitlines()
    assert output[1] == "  scores: n1 0, n2 +1, n3 0"


def test_why_goes_on_to_what_the_resource_must_be_with(ha: Ha, cluster: FakeCluster) -> None:
    output = ha("why", "web").stdout.splitlines()
    assert output == [
        "web is started on n1: n1 has the highest score",
        "  because ip is on n1: n1 has the highest score",
    ]


def test_why_tells_people_the_scores_of_reasons_only_if_they_ask(
    ha: Ha, cluster: FakeCluster
) -> None:
    reasons = (Reason("score", "n1 is best", NODES[0], 1), Reason("near", "it is near", None, 7))
    cluster.become(decisions=(Decision(cluster.now.resources[0].id, NODES[0], reasons),))
    assert "  because it is near\n" in ha("why", "db").stdout
    assert "  because it is near (+7)\n" in ha("why", "db", "-v").stdout
    answer = value(ha("why", "db", "--json"))
    assert isinstance(answer, list)
    assert answer[0]["reasons"] == ["n1 is best (+1)", "it is near (+7)"]


def test_why_on_another_node_says_what_would_change_it(ha: Ha, cluster: FakeCluster) -> None:
    desired = cluster.now.configuration
    nodes = tuple(replace(node, standby=node.name == "n2") for node in desired.nodes)
    cluster.become(configuration=replace(desired, nodes=nodes))
    cluster.change_node("n2", state="standby")
    output = ha("why", "web", "--on", "n2").stdout
    assert output.startswith("web is not on n2: n2 is in standby; web is started on n1")
    assert "'ha node online n2' ends it, then 'ha resource move shop --to n2'" in output


def test_why_on_a_free_node_names_the_move(ha: Ha, cluster: FakeCluster) -> None:
    output = ha("why", "web", "--on", "n2").stdout
    assert output.startswith("web is not on n2: n1 has +1, n2 0; web is started on n1")
    assert "to change it: 'ha resource move shop --to n2' moves it there" in output


def test_why_gives_what_would_change_it_as_data(ha: Ha, cluster: FakeCluster) -> None:
    desired = cluster.now.configuration
    options = replace(desired.options, maintenance=True)
    cluster.become(configuration=replace(desired, options=options))
    answer = value(ha("why", "db", "--on", "n3", "--json"))
    assert isinstance(answer, list)
    found = answer[0]["way_out"]["with_move"]
    assert [item["kind"] for item in found] == ["cluster-maintenance"]
    assert found[0]["cure"] == "'ha node maintenance --all --off' ends it"


def test_why_of_a_group_speaks_of_every_member(ha: Ha, cluster: FakeCluster) -> None:
    answer = value(ha("why", "shop", "--json"))
    assert isinstance(answer, list)
    assert [item["resource"] for item in answer] == ["ip", "web"]


def test_unknown_resource_is_answered_with_the_known_ones(ha: Ha, cluster: FakeCluster) -> None:
    result = ha("why", "wbe")
    assert result.exit_code == 1
    assert result.stderr == (
        "ha: there is no resource 'wbe' (did you mean 'web'?); configured: db, ip, web, shop\n"
    )


def test_missing_daemon_ends_with_code_3_and_the_cure(ha: Ha, root: Path) -> None:
    root_of_no_node = ha("status", "--json")
    assert root_of_no_node.exit_code == 3
    assert "'ha init' makes one" in root_of_no_node.stderr
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "node.yaml").write_text("name: n1\n")
    result = ha("status", "--json")
    assert result.exit_code == 3
    assert f"ha start --root {root}" in result.stderr
    assert value(result) == {"code": "connect", "text": result.stderr[4:].rstrip()}
    (root / "run").mkdir()
    (root / "run" / "had.stderr").write_text("began\nhad: the disk is full or failing\n")
    words = "(its last words: had: the disk is full or failing): start it with"
    assert words in ha("status").stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("stauts", "there is no verb 'stauts'; did you mean 'status'? (see 'ha --help')"),
        ("resource stpo web", "no such command 'stpo'; did you mean 'stop'? (see 'ha resource --"),
        ("status extra", "got unexpected extra argument (extra) (see 'ha status --help')"),
        ("--wrong", "no such option '--wrong'; did you mean one of: '--root', '--version'? (see"),
        (
            "resource ban web",
            "missing option '--node' / '--on'; there are: n1, n2, n3"
            " (see 'ha resource ban --help')",
        ),
        (
            "history --last 9x",
            "invalid value for '--last': '9x' is no whole number; allowed: 1 or more (see ",
        ),
    ],
)
def test_wrong_usage_is_one_sentence_with_what_is_allowed(
    ha: Ha, cluster: FakeCluster, words: str, text: str
) -> None:
    result = ha(*words.split())
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ha: {text}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    answer = value(ha(*words.split(), "--json"))
    assert isinstance(answer, dict)
    assert answer["code"] == "usage"


def test_verb_that_resembles_none_is_answered_with_all(ha: Ha) -> None:
    assert "verbs: init, token, join, " in ha("frobnicate").stderr


def test_help_is_no_complaint(ha: Ha) -> None:
    assert ha("resource").output.startswith("Usage: ha resource")
    assert ha("status", "--help").exit_code == 0


def test_machine_without_a_node_names_the_lab_of_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = tmp_path / f"beatkeeper-lab-{os.getuid()}"
    (lab / "n1" / "etc").mkdir(parents=True)
    (lab / "n1" / "etc" / "node.yaml").write_text("name: n1\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("BEATKEEPER_ROOT", raising=False)
    result = CliRunner().invoke(ha_command, ["status"])
    assert result.exit_code == 3
    assert f"; a lab runs in {lab}: --root {lab}/n1 is its first node" in result.stderr


def test_root_may_be_named_before_or_behind_the_verb(ha: Ha, root: Path) -> None:
    elsewhere = str(root.parent / "elsewhere")
    assert elsewhere in ha("--root", elsewhere, "status").stderr
    assert elsewhere in ha("status", "--root", elsewhere).stderr


def test_help_lists_verbs_and_exit_codes(ha: Ha) -> None:
    output = " ".join(ha("--help").stdout.split())
    assert "4 accepted, but the effect was not seen in time" in output
    assert "resource" in output


def _groups(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from _groups(found, (*words, name))


@pytest.mark.parametrize("words", list(_groups(ha_command)), ids=" ".join)
def test_help_says_of_each_verb_in_a_line_what_it_does(words: tuple[str, ...]) -> None:
    # As on a terminal of 80 columns; the runner of tests has two more.
    done = CliRunner().invoke(ha_command, [*words, "--help"], terminal_width=78)
    _, found, listed = done.stdout.rpartition("Commands:" if words else "Verbs:")
    assert found, "each group lists what is in it"
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_completion_script_is_for_the_chosen_shell(ha: Ha) -> None:
    assert "_HA_COMPLETE=bash_complete" in ha("completion", "bash").stdout


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("ha resource stop ", ["db", "ip", "shop", "web"]),
        ("ha resource stop w", ["web"]),
        ("ha why web --on n", ["n1", "n2", "n3"]),
        ("ha node standby ", ["n1", "n2", "n3"]),
        ("ha nod", ["node"]),
    ],
)
def test_shell_completes_names_of_the_running_cluster(
    root: Path,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    names: list[str],
) -> None:
    monkeypatch.setenv("BEATKEEPER_ROOT", str(root))
    words = line.split(" ")
    complete = ShellComplete(ha_command, {}, "ha", "_HA_COMPLETE")
    found = complete.get_completions(words[1:-1], words[-1])
    assert [item.value for item in found] == names


def test_shell_completes_nothing_without_a_daemon(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEATKEEPER_ROOT", str(root))
    complete = ShellComplete(ha_command, {}, "ha", "_HA_COMPLETE")
    assert complete.get_completions(["resource", "stop"], "") == []


def crowded(placement: str) -> Case:
    """Return a cluster in which the small one has the room that the large one needs."""
    return case.read(
        f"node n1\nnode n2\noptions strategy=utilization placement={placement}\n"
        "capacity n1 cpu=4\ncapacity n2 cpu=8\n"
        "primitive a\nprimitive b\ntakes a cpu=3\ntakes b cpu=6\nlocation a n2 100\n"
        "on n2 a started\n"
    )


def test_status_offers_the_exact_search_where_it_would_run_more() -> None:
    sentence = (
        "b is stopped, though there is a placement in which it runs: "
        "'options.placement: exact' would run it on n2, with a on n1"
    )
    now = snapshot_of(crowded("greedy"))
    assert offer.notices(now, WALL_MS) == (sentence,)
    assert offer.notices(replace(now, quorate=False), WALL_MS) == ()
    stopped = tuple(replace(item, target="stopped") for item in now.resources)
    assert offer.notices(replace(now, resources=stopped), WALL_MS) == ()
    assert offer.notices(snapshot_of(crowded("exact")), WALL_MS) == ()


def test_status_has_the_offer_among_its_notices(ha: Ha, cluster: FakeCluster) -> None:
    cluster.now = snapshot_of(crowded("greedy"))
    found = value(ha("status", "--json"))
    assert isinstance(found, dict)
    assert [text for text in found["notices"] if "'options.placement: exact'" in text]
    assert "'options.placement: exact' would run it on n2" in ha("status").stdout
