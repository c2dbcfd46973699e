"""What a lab copies of the directory beside its configuration, and never of itself."""

from pathlib import Path

import pytest

from ha_core.lab.cluster import share
from ha_core.lab.state import Lab


def shared(tmp_path: Path, directory: str) -> list[str]:
    """Return what stands for /srv in a lab of `site.yaml` in that directory."""
    site = tmp_path / "site"
    site.mkdir()
    lab = Lab(tmp_path / directory, (), ())
    lab.directory.mkdir(parents=True, exist_ok=True)
    if directory != "site":
        (site / "page").write_text("hello")
    share(lab, tmp_path / "site.yaml")
    return sorted(str(path.relative_to(lab.shared)) for path in lab.shared.rglob("*"))


@pytest.mark.parametrize(
    ("directory", "copied"),
    [
        ("lab", ["site", "site/page"]),
        ("site", []),
        ("site/lab", ["site", "site/page"]),
    ],
    ids=["elsewhere", "that very directory", "within it"],
)
def test_lab_copies_the_directory_beside_its_file_without_itself(
    tmp_path: Path, directory: str, copied: list[str]
) -> None:
    assert shared(tmp_path, directory) == copied
