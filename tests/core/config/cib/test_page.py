"""The page on CIBs says what the importer does."""

from ha_core.config.cib import import_cib
from tests.core.config.cib.page import MARKED, PAGE, expected
from tests.core.config.cib.test_import import KEPT

TEXT = PAGE.read_text(encoding="utf-8")


def test_table_of_what_cannot_be_said_is_the_importers() -> None:
    (found,) = MARKED.finditer(TEXT)
    assert found[0].removeprefix(found[1]).removesuffix(found[2]) == expected(), (
        "run 'python -m tests.core.config.cib.page'"
    )


def test_notes_that_the_page_shows_are_those_of_the_sample() -> None:
    notes = import_cib(KEPT.encode(), "cib.xml").notes
    shown = [line.removeprefix("note: ") for line in TEXT.splitlines() if line.startswith("note: ")]
    assert len(shown) > 1
    assert set(shown) <= set(notes)
