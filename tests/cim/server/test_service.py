"""The server put together: what it records of itself."""

import json
from pathlib import Path

import pytest

from cim_provider.server.service import record


def test_addresses_are_recorded_for_scripts(tmp_path: Path) -> None:
    path = tmp_path / "run" / "cimd.json"
    record(path, {"https": "https://127.0.0.1:5989"})
    assert json.loads(path.read_text()) == {"https": "https://127.0.0.1:5989"}
    assert [item.name for item in path.parent.iterdir()] == ["cimd.json"]


def test_a_directory_that_cannot_be_used_does_not_keep_the_server_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("in the way")
    with caplog.at_level("INFO"):
        record(tmp_path / "run" / "cimd.json", {"https": "https://127.0.0.1:5989"})
    assert "cimd.json is not written" in caplog.text
