"""`ha import cib` and `ha export --cib`: Pacemaker's configuration and ours."""

import stat
from pathlib import Path

import pytest

from ha_core.config.parse import parse_text
from ha_core.config.render import render
from tests.cli.conftest import Ha, value
from tests.fake_cluster import FakeCluster, configuration

SAMPLE = Path(__file__).parents[2] / "etc" / "pacemaker" / "cib.xml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of ours."""
    path = tmp_path / "ours.yaml"
    path.write_text(render(configuration()), encoding="utf-8")
    return path


def test_import_prints_a_configuration_that_verifies_and_tells_the_rest_beside_it(
    ha: Ha, tmp_path: Path
) -> None:
    result = ha("import", "cib", str(SAMPLE))
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "imported.yaml"
    path.write_text(result.stdout, encoding="utf-8")
    assert ha("verify", str(path)).exit_code == 0
    assert f"note: {SAMPLE}:13: option stonith-timeout='90s': " in result.stderr
    as_json = value(ha("import", "cib", str(SAMPLE), "--json"))
    assert isinstance(as_json, dict)
    assert [f"note: {note}" for note in as_json["notes"]] == result.stderr.splitlines()


def test_import_reads_standard_input(ha: Ha) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    found = parse_text(ha("import", "cib", "-", stdin=text).stdout, "imported")
    assert found.name == "shop"


def test_import_of_something_else_is_refused_in_one_sentence(ha: Ha, tmp_path: Path) -> None:
    path = tmp_path / "other.xml"
    path.write_bytes(b"\xff\xfe\x00")
    result = ha("import", "cib", str(path))
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith(f"ha: {path}: ")
    assert ha("import", "cib", str(tmp_path / "none.xml")).stderr == (
        f"ha: cannot read {tmp_path / 'none.xml'}: No such file or directory\n"
    )


def test_export_prints_the_clusters_configuration_as_a_cib_that_comes_in_the_same(
    ha: Ha, cluster: FakeCluster
) -> None:
    text = ha("export", "--cib").stdout
    imported = ha("import", "cib", "-", stdin=text)
    assert imported.stderr == ""
    assert parse_text(imported.stdout, "imported") == configuration()
    as_json = value(ha("export", "--cib", "--json"))
    assert isinstance(as_json, dict)
    assert as_json["cib"] == text


def test_export_writes_a_file_that_its_owner_alone_can_read(
    ha: Ha, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cib.xml"
    result = ha("export", "--cib", str(path), "--from", str(file))
    assert (result.exit_code, result.stdout) == (0, f"{path} is a CIB of 3 nodes\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8").startswith("<?xml")


def test_export_of_a_file_needs_no_cluster_and_gives_our_own_form_as_well(
    ha: Ha, file: Path
) -> None:
    result = ha("export", "--from", str(file))
    assert parse_text(result.stdout, "exported") == configuration()


def test_export_to_a_place_that_is_none_says_so(ha: Ha, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "no" / "cib.xml"
    result = ha("export", "--cib", str(path), "--from", str(file))
    assert result.exit_code == 5
    assert result.stderr == f"ha: cannot write {path}: No such file or directory\n"
