"""The examples of the pages on WBEM, each run as it stands, on a real cluster."""

from collections.abc import Iterator

import pytest

from tests.cim.pages import BLOCK, ROOT, Example, Stage, examples, fits, needed, stage

PAGES = {"examples.md": 20, "from-heartbeat.md": 20, "integrators.md": 4}
"""Every page, and how many examples it has at least."""


def text(page: str) -> str:
    return (ROOT / "docs" / "cim" / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", list(PAGES))
def test_every_example_of_a_page_prints_what_the_page_says(played: Stage, page: str) -> None:
    missing = needed(text(page))
    if missing:
        pytest.skip(f"{', '.join(sorted(missing))} is missing: see .ci/run and 'make tools'")
    played.lasting.clear()
    played.names.clear()
    for example in examples(text(page)):
        printed = played.run(example)
        assert fits(example.printed, printed), f"{example.given}\nprinted:\n{printed}"


@pytest.mark.parametrize("page", list(PAGES))
def test_no_block_of_a_page_is_left_out(page: str) -> None:
    found = list(examples(text(page)))
    assert len(found) >= PAGES[page]
    fences = text(page).count("```")
    assert fences == 2 * len(BLOCK.findall(text(page))), "only blocks that are run"


def test_example_that_prints_something_else_is_noticed() -> None:
    assert fits("a\n…\nc", "a\nb\nc\n")
    assert not fits("a\n…\nc", "a\nb\nd\n")
    assert not fits("", "an error\n")
    (first, second) = examples("```console\n$ a \\\n  b\nc\n$ d\n```\n")
    assert (first, second) == (
        Example("console", "a \\\n  b", "c\n"),
        Example("console", "d", "\n"),
    )
