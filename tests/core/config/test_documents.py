"""docs/configuration.md: every key is there, as the parser has it, and every example is valid."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from ha_core.config import keys, shapes
from ha_core.config.kinds import Kind
from ha_core.config.model import Configuration, Defaults, Link, Node, Operation, Options
from ha_core.config.parse import parse_text
from ha_core.config.tree import Mapping, Scalar, Sequence, Tree, read_tree
from tests.core.config.reference import MARKED, PAGE, SHARED, TABLES, expected
from tests.core.config.samples import parsed

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
AROUND = {
    "links": {"ring0": {}},
    "nodes": {
        "n1": {"addresses": {"ring0": "192.0.2.1"}},
        "n2": {"addresses": {"ring0": "192.0.2.2"}},
    },
    "resources": {name: {"agent": f"lsb:{name}"} for name in ("ip", "web", "db")},
}
"""What the examples that show a part take as given."""


def objects(shape: shapes.Shape, names: tuple[str, ...] = ()) -> Iterator[shapes.Object]:
    """Yield every kind of object that a file can hold."""
    match shape:
        case shapes.Object():
            yield shape
            if shape.name not in names:
                for key in shape.keys.values():
                    yield from objects(key.shape, (*names, shape.name) if shape.name else names)
        case shapes.Names(value=shapes.Either(long=inner)) | shapes.Either(long=inner):
            yield from objects(inner, names)
        case Kind() | shapes.Names():
            return
        case shapes.MapOf() | shapes.ListOf():
            yield from objects(shape.value, names)
        case shapes.OneOf():
            for choice in shape.choices.values():
                yield from objects(choice, names)


def repeated(tree: Tree) -> Iterator[str]:
    """Yield every key that a mapping has twice."""
    match tree:
        case Mapping():
            names = [name for name, _, _ in tree.items]
            yield from {name for name in names if names.count(name) > 1}
            for _, value, _ in tree.items:
                yield from repeated(value)
        case Sequence():
            for value in tree.items:
                yield from repeated(value)
        case Scalar():
            return


@pytest.mark.parametrize("name", [*TABLES, "directives", "scripts"])
def test_table_is_what_the_program_does(name: str) -> None:
    there = {found[1]: found[0] for found in MARKED.findall(TEXT)}
    assert name in there, f"the page has no table '{name}'"
    (block,) = [found.group(0) for found in MARKED.finditer(TEXT) if found[2] == name]
    text = block.split("-->\n", 1)[1].removesuffix("<!-- end -->")
    assert text == expected(name), "run 'python -m tests.core.config.reference'"


def test_every_key_of_every_object_is_in_a_table() -> None:
    tables = [set(table) for table in TABLES.values()]
    for shape in objects(keys.CONFIGURATION):
        own = set(shape.keys) - SHARED if set(shape.keys) > set(keys.META) else set(shape.keys)
        assert own in tables, f"no table for {sorted(shape.keys)}"


def test_there_is_an_example_of_every_key() -> None:
    words = set(re.findall(r"[a-z_]+", " ".join(EXAMPLES)))
    missing = {name for shape in objects(keys.CONFIGURATION) for name in shape.keys} - words
    assert missing == set()


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_is_valid(text: str) -> None:
    value = yaml.safe_load(text)
    assert list(repeated(read_tree(text))) == []  # of these the loader takes the last
    if "nodes" in value and "links" in value:
        parse_text(text, "example.yaml")
        return
    around = {**AROUND, **{name: part for name, part in value.items() if name not in AROUND}}
    for name in AROUND:
        around[name] = {**AROUND[name], **value.get(name, {})}  # type: ignore[dict-item]  # by name
    parse_text(json.dumps(around, default=str), "example.yaml")


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("cluster: beatkeeper", "file"),
        (
            "options: {dead_after: 1s, symmetric: true,\n"
            "  no_quorum_policy: stop, maintenance: false}",
            "options",
        ),
        ("defaults: {operation: {timeout: 20s, monitor_interval: 10s}}", "operation defaults"),
        ("defaults: {resource: {stickiness: 1}}", "resource options"),
    ],
)
def test_default_that_a_table_names_is_what_holds_without_the_key(text: str, of: str) -> None:
    assert parsed(text + "\n") == parsed("")
    for word, key in TABLES[of].items():
        if re.search(rf"\b{word}: ", text):
            assert f"{word}: {key.default}" in text


def test_defaults_of_the_tables_are_those_of_the_model() -> None:
    assert TABLES["options"]["dead_after"].default == f"{Options().dead_after_ms // 1000}s"
    assert TABLES["link"]["port"].default == str(Link.__dataclass_fields__["port"].default)
    assert TABLES["file"]["cluster"].default == Configuration().name
    assert TABLES["resource options"]["stickiness"].default == str(Defaults().meta.stickiness)
    assert TABLES["monitor"]["depth"].default == str(Operation("monitor").depth)
    flags = {"voter": Node.__dataclass_fields__["voter"].default}
    flags |= {name: Node.__dataclass_fields__[name].default for name in ("witness", "standby")}
    assert all(TABLES["node"][name].default == str(on).lower() for name, on in flags.items())


def test_links_to_other_pages_and_files_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert targets
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []
