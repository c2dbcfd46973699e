"""`ha whatif` and `--dry-run`: the same preview, for people, for programs and as a picture."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ha_core.cli.plan import preview_text, preview_value
from ha_core.cli.timeline import ROWS_MAX, drawn, duration
from ha_core.config.model import Configuration
from ha_core.config.render import render
from ha_core.ids import NodeName
from ha_core.preview.foresee import foresee
from ha_core.preview.suppose import NodeLost
from ha_core.status import Instance, InstanceState
from tests.cli.conftest import Ha, value
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.fake_cluster import FakeCluster, configuration

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def known(cluster: FakeCluster) -> FakeCluster:
    """Return the cluster with everything looked at: what does not run is stopped."""
    instances = []
    for node in cluster.now.instances:
        here = {item.resource: item for item in node.instances}
        for item in cluster.now.resources:
            here.setdefault(item.id, Instance(item.id, InstanceState.STOPPED))
        instances.append(replace(node, instances=tuple(here[name] for name in sorted(here))))
    cluster.become(instances=tuple(instances))
    return cluster


def test_whatif_shows_places_actions_interruptions_and_what_is_assumed(
    ha: Ha, known: FakeCluster
) -> None:
    result = ha("whatif", "node", "n1", "lost")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "what if n1 is lost:",
        "placement:",
        "  ip: n1 -> n3",
        "  web: n1 -> n3",
        "by itself:",
        "  within 1.2 s: n1 counts as lost",
        "actions:",
        "  start ip on n3 (n3 is as good as others (score 0) and has less to do)",
        "  start web on n3 (n3 is the only node that may run it: n1 is lost; it may not run on"
        " n2: it must be with ip, which runs on n3)",
        "interrupted:",
        "  shop (ip, web): at most 41.2 s, from n1 to n3",
        "assumed:",
        "  n1 does not come back",
        "  its loss is noticed after dead_after (1000 ms), and another coordinator elected at the"
        " first try (1143 ms)",
        "  every action succeeds within its time limit, which is 20000 ms where the"
        " configuration names none",
    ]
    assert not known.given


def test_whatif_json_has_every_action_with_its_times(ha: Ha, known: FakeCluster) -> None:
    preview = value(ha("whatif", "resource", "db", "moved", "--to", "n3", "--json"))
    assert isinstance(preview, dict)
    assert preview["moves"] == [{"resource": "db", "from": "n2", "to": "n3", "blocked": ""}]
    stop, start = preview["actions"]
    assert (stop["action"], stop["begins_ms"], stop["ends_ms"]) == ("stop db on n2", 0, 20_000)
    assert (start["action"], start["after"]) == ("start db on n3", [stop["number"]])
    assert preview["interruptions"] == [
        {
            "service": "db",
            "resources": ["db"],
            "from": "n2",
            "to": "n3",
            "at_most_ms": 40_000,
            "why": preview["interruptions"][0]["why"],
        }
    ]
    assert preview["at_rest"] is True
    assert not known.given


@pytest.mark.parametrize(
    "words",
    [
        ("node", "standby", "n1"),
        ("node", "online", "n1"),
        ("resource", "stop", "db"),
        ("resource", "start", "db"),
        ("resource", "restart", "db"),
        ("resource", "move", "db", "--to", "n3"),
        ("resource", "move", "db"),
        ("resource", "ban", "db", "--node", "n2"),
    ],
)
def test_a_dry_run_shows_the_preview_and_gives_no_command(
    ha: Ha, known: FakeCluster, words: tuple[str, ...]
) -> None:
    preview = value(ha(*words, "--dry-run", "--json"))
    assert isinstance(preview, dict)
    assert {"moves", "actions", "interruptions", "assumed", "refusal"} <= preview.keys()
    assert not known.given


def test_a_dry_run_and_whatif_say_the_same(ha: Ha, known: FakeCluster, tmp_path: Path) -> None:
    dry = value(ha("node", "standby", "n1", "--dry-run", "--json"))
    assert dry == value(ha("whatif", "node", "n1", "standby", "--json"))
    file = tmp_path / "wanted.yaml"
    base: Configuration = configuration()
    nodes = (replace(base.nodes[0], standby=True), *base.nodes[1:])
    file.write_text(render(replace(base, nodes=nodes)), encoding="utf-8")
    applied = value(ha("apply", str(file), "--dry-run", "--json"))
    assert isinstance(dry, dict)
    assert isinstance(applied, dict)
    assert {**applied, "title": ""} == {**dry, "title": ""}


def test_a_restart_of_what_does_not_run_is_refused_dry_too(ha: Ha, known: FakeCluster) -> None:
    known.change_resource("db", state="stopped", nodes=(), target="stopped")
    result = ha("resource", "restart", "db", "--dry-run")
    assert result.exit_code == 1
    assert "nothing to restart; 'ha resource start db' starts it" in result.stderr


def test_the_picture_is_a_file_that_draws_every_lane(
    ha: Ha, known: FakeCluster, tmp_path: Path
) -> None:
    file = tmp_path / "n1.svg"
    assert ha("node", "standby", "n1", "--dry-run", "--svg", str(file)).exit_code == 0
    root = ElementTree.parse(file).getroot()
    words = [item.text for item in root.iter(f"{SVG}text")]
    assert words[0] == "What if n1 goes into standby"
    for word in (
        "n1",
        "n2",
        "n3",
        "ip",
        "web",
        "stop",
        "start",
        "interrupted",
        "at most 1 min 20 s",
    ):
        assert word in words
    assert "http" not in file.read_text(encoding="utf-8").replace(SVG.strip("{}"), "")


def test_a_picture_needs_a_dry_run_and_a_place_that_can_be_written(
    ha: Ha, known: FakeCluster, tmp_path: Path
) -> None:
    result = ha("node", "standby", "n1", "--svg", str(tmp_path / "x.svg"))
    assert (result.exit_code, known.given) == (2, [])
    assert "give both" in result.stderr
    result = ha("whatif", "node", "n1", "lost", "--svg", str(tmp_path / "no" / "x.svg"))
    assert result.exit_code == 5
    assert "cannot write" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("node", "n9", "lost"), 1, "there is no node 'n9'"),
        (("node", "n1", "gone"), 2, "gone"),
        (("resource", "db", "fails", "--often"), 1, "db has no migration_threshold"),
        (("resource", "db", "stopped", "--often"), 2, "--often says how a resource 'fails'"),
        (("resource", "db", "stopped", "--to", "n1"), 2, "--to says where a resource is 'moved'"),
    ],
)
def test_a_question_without_sense_is_answered_in_one_sentence(
    ha: Ha, known: FakeCluster, words: tuple[str, ...], code: int, text: str
) -> None:
    result = ha("whatif", *words)
    assert result.exit_code == code
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_names_are_escaped_and_lanes_are_bounded() -> None:
    names = [f"r{number}" for number in range(ROWS_MAX + 20)]
    lines = ["nodes n1 n2 n3", f"primitives {' '.join(names)}"]
    lines += [f"on n1 {name} started" for name in names]
    preview = foresee(snapshot_of(case.read("\n".join(lines))), NodeLost(NodeName("n1")), 0)
    text = drawn(replace(preview, title="a < b & c"))
    root = ElementTree.fromstring(text)
    rows = [item for item in root.iter(f"{SVG}text") if item.text in names]
    assert len(rows) <= 2 * ROWS_MAX
    assert next(root.iter(f"{SVG}title")).text == "What if a < b & c"


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (0, "0 ms"),
        (350, "350 ms"),
        (1000, "1 s"),
        (4510, "4.6 s"),
        (59_999, "1 min"),
        (60_000, "1 min"),
        (130_400, "2 min 11 s"),
        (119_800, "2 min"),
    ],
)
def test_times_are_told_as_people_say_them(span_ms: int, text: str) -> None:
    assert duration(span_ms) == text


def test_preview_names_all_nodes_of_a_clone() -> None:
    text = "nodes n1 n2 n3\nprimitive a\nclone A a\n"
    text += "".join(f"on {node} a started\n" for node in ("n1", "n2", "n3"))
    found = foresee(snapshot_of(case.read(text)), NodeLost(NodeName("n1")), 0)
    assert "  a: n1, n2, n3 -> n2, n3" in preview_text(found).splitlines()
    assert preview_value(found)["moves"] == [
        {
            "resource": "a",
            "from": "n1",
            "to": None,
            "from_nodes": ["n1", "n2", "n3"],
            "to_nodes": ["n2", "n3"],
            "blocked": "",
        }
    ]
