"""`ha history` and `ha undo`: what was changed, and the way back."""

from dataclasses import replace

import pytest

from ha_core import commands
from ha_core.config.model import Configuration, Options
from ha_core.replication.entries import ConfigurationChange
from tests.cli.conftest import Ha, value
from tests.fake_cluster import WALL_MS, FakeCluster, configuration


def maintained() -> Configuration:
    return replace(configuration(), options=Options(maintenance=True))


@pytest.fixture
def edited(cluster: FakeCluster) -> FakeCluster:
    """Return a cluster with three revisions, the newest in force."""
    states = (configuration(), maintained(), replace(configuration(), groups=()))
    cluster.revisions = [
        ConfigurationChange(number, state, "root", f"step {number}", WALL_MS + number)
        for number, state in enumerate(states, 5)
    ]
    cluster.become(revision=7, configuration=states[-1])
    return cluster


def test_history_shows_revision_author_reason_and_change(ha: Ha, edited: FakeCluster) -> None:
    lines = ha("history").stdout.splitlines()
    assert [line.split()[0] for line in lines if line[:6].strip().isdigit()] == ["5", "6", "7"]
    assert lines[0].endswith("root: step 5")
    assert any("maintenance" in line for line in lines if line.startswith("      "))


def test_history_is_a_list_of_revisions_as_json(ha: Ha, edited: FakeCluster) -> None:
    found = value(ha("history", "--json", "--last", "2"))
    assert isinstance(found, list)
    assert [item["revision"] for item in found] == [6, 7]
    assert found[0]["time"] == (WALL_MS + 6) / 1000
    assert set(found[0]) == {"revision", "time", "author", "reason", "changes"}
    assert any("maintenance" in change for change in found[0]["changes"])


def test_history_of_a_new_cluster_says_so(ha: Ha, cluster: FakeCluster) -> None:
    assert ha("history").stdout == "nothing was configured yet\n"
    assert value(ha("history", "--json")) == []


def test_undo_returns_to_the_revision_before_the_newest(ha: Ha, edited: FakeCluster) -> None:
    result = ha("undo")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [command for command, _ in edited.given] == [
        commands.Apply(maintained(), "back to revision 6", 7)
    ]


def test_undo_returns_to_the_named_revision_for_the_given_reason(
    ha: Ha, edited: FakeCluster
) -> None:
    assert ha("undo", "5", "--reason", "it broke").exit_code == 0
    assert [command for command, _ in edited.given] == [
        commands.Apply(configuration(), "it broke", 7)
    ]


def test_undo_dry_run_changes_nothing(ha: Ha, edited: FakeCluster) -> None:
    output = ha("undo", "--dry-run").stdout
    assert output.startswith("changes:")
    assert not edited.given


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("undo 3", "ha: revision 3 is not kept; earlier ones: 5, 6\n"),
        ("undo 7", "ha: revision 7 is in force already; earlier ones: 5, 6\n"),
    ],
)
def test_undo_names_the_revisions_there_are(
    ha: Ha, edited: FakeCluster, words: str, text: str
) -> None:
    result = ha(*words.split())
    assert (result.exit_code, result.stderr) == (1, text)
    assert not edited.given


def test_undo_without_an_earlier_revision_is_refused(ha: Ha, cluster: FakeCluster) -> None:
    result = ha("undo")
    assert result.stderr == "ha: there is no earlier revision to return to\n"
    assert result.exit_code == 1
