"""`ha apply`, `export`, `diff`, `verify`, `import`: the configuration as a file."""

from dataclasses import replace
from pathlib import Path

import pytest
from ha_core.config.parse import parse_text
from ha_core.config.render import render

from ha_core import commands
from ha_core.config.model import Configuration
from ha_core.ids import NodeName
from tests.cli.conftest import Ha, value
from tests.fake_cluster import FakeCluster, configuration


@pytest.fixture
def wanted() -> Configuration:
    """Return the cluster's configuration with node n1 in standby."""
    base = configuration()
    return replace(base, nodes=(replace(base.nodes[0], standby=True), *base.nodes[1:]))


@pytest.fixture
def file(tmp_path: Path, wanted: Configuration) -> Path:
    """Return a file that holds `wanted`."""
    path = tmp_path / "wanted.yaml"
    path.write_text(render(wanted), encoding="utf-8")
    return path


def test_apply_sends_the_file_with_reason_and_the_revision_it_was_based_on(
    ha: Ha, cluster: FakeCluster, file: Path, wanted: Configuration
) -> None:
    result = ha("apply", str(file), "--reason", "maintenance tonight")
    assert (result.exit_code, result.stderr) == (0, "")
    assert cluster.given[0][0] == commands.Apply(wanted, "maintenance tonight", 7)
    assert result.stdout.startswith("3 of 3 resources started (")


def test_apply_reads_standard_input(ha: Ha, cluster: FakeCluster, wanted: Configuration) -> None:
    assert ha("apply", "-", "--base", "3", stdin=render(wanted)).exit_code == 0
    assert cluster.given[0][0] == commands.Apply(wanted, "", 3)


def test_apply_of_an_invalid_file_never_reaches_the_cluster(
    ha: Ha, cluster: FakeCluster, tmp_path: Path
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("resources: [1, 2", encoding="utf-8")
    result = ha("apply", str(path), "--json")
    assert result.exit_code == 5
    assert "bad.yaml" in result.stderr
    answer = value(result)
    assert isinstance(answer, dict)
    assert answer["code"] == "config"
    assert answer["faults"]
    assert not cluster.given


def test_invalid_by_the_clusters_word_ends_with_code_5(
    ha: Ha, cluster: FakeCluster, file: Path
) -> None:
    cluster.obey = lambda _: commands.Outcome("invalid", "first fault\nsecond fault")
    result = ha("apply", str(file))
    assert result.exit_code == 5
    assert result.stderr == "ha: first fault\nha: second fault\n"


def test_dry_run_tells_changes_moves_and_actions_and_does_nothing(
    ha: Ha, cluster: FakeCluster, file: Path
) -> None:
    plan = value(ha("apply", str(file), "--dry-run", "--json"))
    assert isinstance(plan, dict)
    assert len(plan["changes"]) == 1
    moved = {move["resource"]: move["from"] for move in plan["moves"]}
    assert moved == {"ip": "n1", "web": "n1"}
    actions = [action["action"] for action in plan["actions"]]
    assert actions.index("stop web on n1") < actions.index("stop ip on n1")
    assert not cluster.given
    assert "placement:" in ha("apply", str(file), "--dry-run").stdout


def test_export_prints_what_apply_reads(ha: Ha, cluster: FakeCluster) -> None:
    assert parse_text(ha("export").stdout, "export") == configuration()
    exported = value(ha("export", "--json"))
    assert isinstance(exported, dict)
    assert parse_text(ha("export", "--json").stdout, "export") == configuration()


def test_diff_names_the_difference_and_its_absence(
    ha: Ha, cluster: FakeCluster, file: Path, wanted: Configuration
) -> None:
    assert "n1" in ha("diff", str(file)).stdout
    cluster.become(configuration=wanted)
    assert ha("diff", str(file)).stdout == "no difference\n"
    assert value(ha("diff", str(file), "--json")) == []


def test_verify_needs_no_daemon(ha: Ha, file: Path) -> None:
    result = ha("verify", str(file))
    assert (result.exit_code, result.stdout) == (
        0,
        f"{file} is valid: 3 nodes, 3 resources\n",
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_file_that_cannot_be_read_is_named(ha: Ha, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.yaml"
    if content is not None:
        path.write_bytes(content)
    result = ha("verify", str(path))
    assert result.exit_code == 5
    assert str(path) in result.stderr


def test_import_of_heartbeat_gives_a_configuration_that_verifies(ha: Ha, tmp_path: Path) -> None:
    directory = tmp_path / "ha.d"
    directory.mkdir()
    (directory / "ha.cf").write_text("node alpha beta\ndeadtime 2\nbcast eth0\nauto_failback on\n")
    (directory / "haresources").write_text("alpha 192.0.2.10/24/eth0 httpd\n")
    result = ha("import", "heartbeat", str(directory))
    assert result.exit_code == 0, result.stderr
    names = [node.name for node in parse_text(result.stdout, "imported").nodes]
    assert names == [NodeName("alpha"), NodeName("beta")]
