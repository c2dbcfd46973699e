"""The schema book: it is what the declarations and rows make it."""

import re
from pathlib import Path

from cim_provider.book import ASSOCIATIONS, COMMAND, ROWS, book
from cim_provider.mapping.codes import Code
from cim_provider.schema import MODEL, load_schema
from cim_provider.server.service import schema_texts

DOCS = Path(__file__).resolve().parents[3] / "docs" / "cim"
PAGE = DOCS / "schema.md"


def test_page_is_what_the_declarations_and_rows_say_now() -> None:
    made = book(load_schema(schema_texts()))
    assert PAGE.read_text(encoding="utf-8") == made, f"write it anew: {COMMAND}"


def test_page_tells_every_class_association_and_method_with_its_codes() -> None:
    made = book(load_schema(schema_texts()))
    for row in ROWS:
        assert f"### {row.class_name}\n" in made
    for each in ASSOCIATIONS:
        assert f"| `{each.class_name}` |" in made
    assert "**RequestStateChange**(uint16 `RequestedState`, out CIM_ConcreteJob `Job`" in made
    assert "32768 No Quorum" in made
    assert "4096 Method Parameters Checked - Job Started" in made


def test_guide_and_declarations_have_the_return_codes_that_are_given() -> None:
    namespace = load_schema(schema_texts()).namespace(MODEL)
    assert namespace is not None
    declared = set()
    for name in ("HA_ClusterNode", "HA_ClusterResource"):
        for method in namespace.classes[name.lower()].declaration.methods.values():
            declared |= {int(text) for text in method.qualifiers["ValueMap"].value}
    table = (DOCS / "control.md").read_text(encoding="utf-8").partition("| code | meaning |")[2]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", table.partition("\n\n")[0], re.M)}
    assert told == declared == set(Code)
