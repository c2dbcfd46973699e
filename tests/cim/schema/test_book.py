"""The schema book: pages and pictures are what the declarations, rows and roles make them."""

import re
from functools import cache
from pathlib import Path

import pytest
import pywbem

from cim_provider.book import ASSOCIATIONS, CHANGES, COMMAND, ROWS, SENT, SUBJECTS, book
from cim_provider.book_pictures import PICTURES, Box, Line, Picture
from cim_provider.book_svg import PictureError, draw
from cim_provider.drafts import DraftStore
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.rows import ROWS as SUBSCRIPTION_ROWS
from cim_provider.mapping.codes import Code
from cim_provider.mapping.history_results import results_area
from cim_provider.mapping.write_area import writing_area
from cim_provider.schema import MODEL, NamespaceSchema
from cim_provider.server.roles import METHODS, least_role
from cim_provider.wbem.operations import CreateInstance, InvokeMethod
from tests.cim.mapping.views import cluster, schema

DOCS = Path(__file__).resolve().parents[3] / "docs" / "cim"


@cache
def made() -> dict[str, str]:
    return book(schema())


def model() -> NamespaceSchema:
    found = schema().namespace(MODEL)
    assert found is not None
    return found


def sections() -> dict[str, str]:
    """Return every class's part of the book, by the class."""
    found = {}
    for subject in SUBJECTS:
        for part in made()[f"schema-{subject.name}.md"].split("\n## ")[1:]:
            found[part.partition("\n")[0]] = part
    return found


def test_pages_and_pictures_are_what_the_declarations_and_rows_say_now() -> None:
    old = {path.name for path in DOCS.glob("schema*")}
    assert old == set(made())
    stale = [n for n, text in made().items() if (DOCS / n).read_text(encoding="utf-8") != text]
    assert not stale, f"{stale}: write them anew: {COMMAND}"


def test_book_tells_every_class_property_association_and_method_with_its_codes() -> None:
    whole, parts = "\n".join(made().values()), sections()
    for row in ROWS:
        info = schema().namespace(row.namespaces[0]).get(row.class_name)  # type: ignore[union-attr]  # both are there
        assert info is not None
        part = parts[row.class_name]
        assert all(f"`{name}`" in part for name in info.declaration.properties)
        assert all(f"**{name}**" in part for name in info.declaration.methods)
        assert f"#{row.class_name.lower()})" in made()["schema.md"]
    for each in ASSOCIATIONS:
        assert f"| `{each.class_name}` |" in whole
    for name in SENT:
        assert f"## {name}\n" in made()["schema-indications.md"]
    control = parts["HA_PrimitiveResource"]
    assert "- in `RequestedState`, uint16" in control
    assert "- out `Job`, CIM_ConcreteJob" in control
    assert "32768 No Quorum" in control
    assert "4096 Method Parameters Checked - Job Started" in control


def test_every_method_stands_with_the_role_that_may_call_it() -> None:
    for row in ROWS:
        namespace = schema().namespace(row.namespaces[0])
        assert namespace is not None
        info = namespace.get(row.class_name)
        assert info is not None
        for name in info.declaration.methods:
            role = least_role(InvokeMethod(MODEL, row.class_name, name))
            part = sections()[row.class_name]
            told = re.search(rf"^\*\*{name}\*\*\(.*Role: \*(\w+)\*", part, re.M)
            if told is not None:
                assert told[1] == role, f"{row.class_name}.{name}"
    assert set(METHODS.values()) == {"view", "operate", "administer"}
    node = sections()["HA_ClusterNode"]
    assert re.search(
        r"^\*\*RequestStateChange.*; states [\d, ]*11[\d, ]*: \*administer\*", node, re.M
    )


def test_what_clients_can_do_is_what_has_a_writer(tmp_path: Path) -> None:
    engine = MemoryEngine(cluster())
    areas = [writing_area(engine, DraftStore(None)), results_area(engine)]  # type: ignore[arg-type]  # nothing is drafted
    written = {name for area in areas for name in area.writers}
    subscribing = {row.class_name for row in SUBSCRIPTION_ROWS}
    subscribing -= {"CIM_IndicationServiceCapabilities", "CIM_FilterCollection"}
    others = {"HA_ConcreteJob", "CIM_ObjectManager", "CIM_IndicationSubscription"}
    assert written | others | subscribing == set(CHANGES)
    for name, can in CHANGES.items():
        if "create" in can and name in sections():
            instance = pywbem.CIMInstance(name)
            role = least_role(CreateInstance("interop", instance))
            assert f"- clients can: {can}, with the role *{role}*" in sections()[name]


# --- pictures ----------------------------------------------------------------------------------


def test_every_association_of_the_cluster_stands_in_a_picture() -> None:
    drawn = {line.association for picture in PICTURES for line in picture.lines}
    own = {each.class_name for each in ASSOCIATIONS if each.class_name.startswith("HA_")}
    # These two join a profile with anything, or a definition with what it is about.
    rest = {"HA_ElementConformsToProfile", "HA_ReferencedProfile", "HA_MetricDefForME"}
    assert own - drawn == rest


def test_every_class_of_the_cluster_stands_in_a_picture() -> None:
    shown = {box.name for picture in PICTURES for box in picture.boxes}
    own = {row.class_name for row in ROWS if row.class_name.startswith("HA_")}
    assert own - shown == {"HA_RegisteredProfile"}
    assert {subject.picture for subject in SUBJECTS} - {""} == {each.name for each in PICTURES}


def test_boxes_of_a_picture_do_not_cover_one_another() -> None:
    for picture in PICTURES:
        text = draw(picture, model())
        found = re.findall(
            r'<rect class="b" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', text
        )
        boxes = [tuple(map(float, each)) for each in found]
        assert len(boxes) == len(picture.boxes)
        for number, (x, y, width, height) in enumerate(boxes):
            for left, top, wide, high in boxes[number + 1 :]:
                is_apart = (
                    x + width <= left or left + wide <= x or y + height <= top or top + high <= y
                )
                assert is_apart, picture.name


@pytest.mark.parametrize(
    ("boxes", "line", "fault"),
    [
        ("HA_Nothing", None, "HA_Nothing is not declared"),
        ("HA_Cluster", ("HA_Cluster", "HA_Cluster", "HA_Cluster"), "is no association"),
        ("HA_Cluster", ("HA_IsSpare", "HA_Cluster", "HA_Cluster"), "HA_IsSpare joins"),
    ],
)
def test_picture_of_what_is_not_declared_is_refused(
    boxes: str, line: tuple[str, str, str] | None, fault: str
) -> None:
    lines = (Line(*line),) if line else ()
    with pytest.raises(PictureError, match=fault):
        draw(Picture("x", "X", (Box(boxes, 0, 0),), lines), model())
    with pytest.raises(PictureError, match="no property Colour"):
        draw(Picture("x", "X", (Box("HA_Cluster", 0, 0, ("Colour",)),), ()), model())


def test_guide_and_declarations_have_the_return_codes_that_are_given() -> None:
    namespace = schema().namespace(MODEL)
    assert namespace is not None
    declared = set()
    for name in ("HA_ClusterNode", "HA_ClusterResource"):
        for method in namespace.classes[name.lower()].declaration.methods.values():
            declared |= {int(text) for text in method.qualifiers["ValueMap"].value}
    table = (DOCS / "control.md").read_text(encoding="utf-8").partition("| code | meaning |")[2]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", table.partition("\n\n")[0], re.M)}
    assert told == declared == set(Code)
