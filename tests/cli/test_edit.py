"""`ha apply`, `export`, `diff`, `verify`, `import`: the configuration as a file."""

from dataclasses import replace
from pathlib import Path

import pytest

from ha_core import commands
from ha_core.config.model import Configuration, Options
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.config.schema import json_schema
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


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ("dead_after", "options: dead_after is 2000 ms, but it cannot change from 1000 ms"),
        ("witness", "node 'n3' cannot be made a witness while it may run something"),
        ("voters", "the votes of n2, n3 would change at once: change one voter at a time"),
    ],
)
def test_dry_run_says_what_the_cluster_would_refuse(
    ha: Ha, cluster: FakeCluster, tmp_path: Path, edit: str, text: str
) -> None:
    base = configuration()
    changed = {
        "dead_after": replace(base, options=Options(dead_after_ms=2000)),
        "witness": replace(base, nodes=(*base.nodes[:2], replace(base.nodes[2], witness=True))),
        "voters": replace(
            base, nodes=(base.nodes[0], *(replace(node, voter=False) for node in base.nodes[1:]))
        ),
    }
    path = tmp_path / "refused.yaml"
    path.write_text(render(changed[edit]), encoding="utf-8")
    result = ha("apply", str(path), "--dry-run")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ha: it would be refused: {text}")
    assert result.stdout.startswith("changes:")
    told = value(ha("apply", str(path), "--dry-run", "--json"))
    assert isinstance(told, dict)
    assert text in told["refusal"]
    assert not cluster.given


def test_dry_run_knows_that_somebody_was_faster_and_that_nobody_decides(
    ha: Ha, cluster: FakeCluster, file: Path
) -> None:
    assert "is at revision 7, not 6" in ha("apply", str(file), "--dry-run", "--base", "6").stderr
    cluster.become(quorate=False)
    result = ha("apply", str(file), "--dry-run")
    assert result.exit_code == 1
    assert "there is no coordinator" in result.stderr


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


def test_verify_names_every_fault_with_its_line(ha: Ha, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "links: {ring0: {port: 0}}\n"
        "nodes: {n1: {addresses: {ring1: 192.0.2.1}}}\n"
        "resources: {web: {agent: process}}\n"
    )
    result = ha("verify", str(path))
    assert result.exit_code == 5
    assert [line.partition("; ")[0] for line in result.stderr.splitlines()] == [
        f"ha: {path}:1: links.ring0.port: is '0'",
        f"ha: {path}:2: nodes.n1.addresses.ring1: names the link 'ring1', which does not exist",
        f"ha: {path}:3: resources.web.parameters.command: is missing, "
        "expected a program and its arguments",
    ]
    faults = value(ha("verify", str(path), "--json"))
    assert isinstance(faults, dict)
    assert len(faults["faults"]) == 3


def test_verify_prints_the_schema_for_editors(ha: Ha) -> None:
    result = ha("verify", "--schema")
    assert result.exit_code == 0
    assert value(result) == json_schema()


def test_verify_without_a_file_says_what_is_missing(ha: Ha) -> None:
    result = ha("verify")
    assert result.exit_code == 2
    assert "name the FILE to check, or give --schema" in result.stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_file_that_cannot_be_read_is_named(ha: Ha, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.yaml"
    if content is not None:
        path.write_bytes(content)
    result = ha("verify", str(path))
    assert result.exit_code == 5
    assert str(path) in result.stderr


@pytest.fixture
def ha_d(tmp_path: Path) -> Path:
    """Return a directory of Heartbeat's for two nodes and a web server."""
    directory = tmp_path / "ha.d"
    (directory / "resource.d").mkdir(parents=True)
    (directory / "ha.cf").write_text("node alpha beta\ndeadtime 2\nbcast eth0\nkeepalive 1\n")
    (directory / "haresources").write_text("alpha 192.0.2.10/24/eth0 shop\n")
    (directory / "authkeys").write_text("auth 1\n1 sha1 s3cret\n")
    (directory / "resource.d" / "shop").write_text("#!/bin/sh\n")
    return directory


def test_import_of_heartbeat_gives_a_configuration_that_verifies(
    ha: Ha, ha_d: Path, tmp_path: Path
) -> None:
    result = ha("import", "heartbeat", str(ha_d))
    assert result.exit_code == 0, result.stderr
    found = parse_text(result.stdout, "imported")
    assert [node.name for node in found.nodes] == [NodeName("alpha"), NodeName("beta")]
    assert str(found.primitives[1].agent) == "heartbeat:shop"
    path = tmp_path / "imported.yaml"
    path.write_text(result.stdout)
    assert ha("verify", str(path)).exit_code == 0


def test_import_tells_what_has_no_meaning_beside_the_file_and_keeps_the_secret(
    ha: Ha, ha_d: Path
) -> None:
    result = ha("import", "heartbeat", str(ha_d))
    assert "note: ha.cf:4: 'keepalive 1' has no counterpart: " in result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    as_json = value(ha("import", "heartbeat", str(ha_d), "--json"))
    assert isinstance(as_json, dict)
    assert as_json["yaml"].rstrip("\n") == result.stdout.rstrip("\n")
    assert [f"note: {note}" for note in as_json["notes"]] == result.stderr.splitlines()


def test_import_of_old_files_survives_their_encoding(ha: Ha, ha_d: Path) -> None:
    (ha_d / "ha.cf").write_bytes(b"# Zur\xfcck in die Zukunft\r\nnode alpha beta\r\n")
    (ha_d / "README.gz").write_bytes(b"\x1f\x8b\x00\xff")
    result = ha("import", "heartbeat", str(ha_d))
    assert result.exit_code == 0, result.stderr
    assert len(parse_text(result.stdout, "imported").nodes) == 2


def test_import_of_another_directory_says_what_is_missing(ha: Ha, tmp_path: Path) -> None:
    result = ha("import", "heartbeat", str(tmp_path))
    assert result.exit_code == 5
    assert f"there is no ha.cf in {tmp_path}, which holds no file" in result.stderr
    for number in range(7):
        (tmp_path / f"f{number}").touch()
    assert "which holds f0, f1, f2, f3, f4 and 2 more; " in (
        ha("import", "heartbeat", str(tmp_path)).stderr
    )


def test_import_refuses_a_file_that_is_no_configuration_by_its_size(ha: Ha, ha_d: Path) -> None:
    (ha_d / "haresources").write_bytes(b"#" * 1_048_577)
    result = ha("import", "heartbeat", str(ha_d))
    assert result.exit_code == 5
    assert "haresources is too long; allowed: 1048576 bytes at most" in result.stderr


def test_a_dry_run_of_what_is_in_force_says_that_nothing_changes(
    ha: Ha, cluster: FakeCluster, tmp_path: Path
) -> None:
    path = tmp_path / "same.yaml"
    path.write_text(render(cluster.now.configuration), encoding="utf-8")
    assert ha("apply", str(path), "--dry-run").stdout.startswith("changes: none\n")
