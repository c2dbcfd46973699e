"""What a lab remembers survives, stays its owner's, and is refused when it is not a lab's."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core.errors import RefusedError, StoreError
from ha_core.lab import state
from ha_core.lab.state import Lab, LabNode, Moved, Place


def some_lab(directory: Path) -> Lab:
    place = Place("front", "127.1.2.1", 6940)
    node = LabNode("n1", (place,), "127.0.0.1", 20_000, 20_001)
    return Lab(
        directory,
        (directory,),
        (node,),
        (Moved("ip", "127.0.0.80", "127.1.2.193"),),
        user="lab",
        password="secret",
        isolated=("n1",),
    )


def test_lab_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    lab = some_lab(tmp_path)
    state.begin(lab)
    assert state.read(tmp_path) == lab == state.known(tmp_path)


def test_password_is_for_its_owner_alone(tmp_path: Path) -> None:
    state.begin(some_lab(tmp_path))
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_directory_without_a_lab_is_no_lab(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None
    assert state.read(tmp_path / "nowhere") is None
    with pytest.raises(RefusedError, match="'ha lab up' makes one"):
        state.known(tmp_path)


def test_file_that_is_not_a_labs_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / state.FILE).write_text('{"directory": 5}')
    with pytest.raises(StoreError, match=state.FILE):
        state.read(tmp_path)


def test_copy_of_a_lab_is_not_the_lab(tmp_path: Path) -> None:
    state.begin(some_lab(tmp_path))
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / state.FILE).write_bytes((tmp_path / state.FILE).read_bytes())
    with pytest.raises(RefusedError, match="no lab in"):
        state.known(tmp_path / "copy")


def test_lab_is_kept_until_it_is_removed_or_another_takes_its_place(tmp_path: Path) -> None:
    lab = some_lab(tmp_path)
    assert not state.is_kept(lab)
    state.begin(lab)
    state.write(state.with_isolated(lab, ()))
    assert state.is_kept(lab)
    state.write(replace(lab, password="of the next one"))
    assert not state.is_kept(lab)


def test_unknown_node_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no node 'n7', only n1"):
        some_lab(tmp_path).node("n7")


def test_nobody_changes_a_lab_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no lab in"), state.alone(tmp_path):
        pytest.fail("there is no lab")
    assert not list(tmp_path.iterdir())


def test_default_directory_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert state.default_directory().parent == tmp_path
