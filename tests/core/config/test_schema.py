"""The editors' schema: current, valid, and of one mind with the parser on everything it can say."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from ha_core.config.model import Configuration
from ha_core.config.render import plain
from ha_core.config.schema import json_schema
from tests.core.config.draw import configurations
from tests.core.config.samples import HEAD

ETC = Path(__file__).parents[3] / "etc"
FILE = ETC / "beatkeeper.schema.json"
SAMPLES = ("one-node.yaml", "two-node-with-witness.yaml", "three-node.yaml")
VALIDATOR = Draft202012Validator(json_schema())


def complaints(text: str) -> list[str]:
    """Return where the schema finds fault with a file."""
    value = yaml.safe_load(text)
    return sorted(".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(value))


def test_schema_is_one_by_its_own_rules() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_schema_in_etc_is_current() -> None:
    cure = "run 'ha verify --schema > etc/beatkeeper.schema.json'"
    assert json.loads(FILE.read_text(encoding="utf-8")) == json_schema(), cure


@pytest.mark.parametrize("path", sorted(ETC.glob("*.yaml")), ids=lambda path: path.name)
def test_configuration_in_etc_obeys_the_schema(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_tells_the_editor_its_schema(name: str) -> None:
    text = (ETC / name).read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema={FILE.name}\n")


@settings(max_examples=50)
@given(configurations())
def test_whatever_can_be_written_obeys_the_schema(found: Configuration) -> None:
    assert list(VALIDATOR.iter_errors(plain(found))) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("optoins: {}", ""),
        ("cluster: my shop", "cluster"),
        ("options: {dead_after: 1000}", "options.dead_after"),
        ("options: {dead_after: 1 hour}", "options.dead_after"),
        ("options: {no_quorum_policy: suicide}", "options.no_quorum_policy"),
        ("options: {symmetric: maybe}", "options.symmetric"),
        ("resources: {r: {agent: nonsense}}", "resources.r"),
        ("resources: {r: {agent: lsb:x, colour: red}}", "resources.r"),
        ("resources: {r: {agent: lsb:x, stickiness: high}}", "resources.r"),
        ("resources: {r: {}}", "resources.r"),
        ("resources: {r: {agent: lsb:x, group: [r]}}", "resources.r"),
        ("resources: {a b: {agent: lsb:x}}", "resources"),
        ("resources: {r: {agent: lsb:x, migration_threshold: -1}}", "resources.r"),
        ("resources: {g: {group: [r], accept_risk: x}}", "resources.g"),
        ("constraints: {c: {location: r}}", "constraints.c"),
        ("constraints: {c: {order: r, then: s, kind: x}}", "constraints.c"),
        ("fence_devices: {d: {}}", "fence_devices.d"),
    ],
)
def test_editor_marks_what_the_parser_would_refuse(text: str, path: str) -> None:
    assert complaints(f"{HEAD}{text}\n") == [path]


@pytest.mark.parametrize("port", [0, 70_000, "x"])
def test_editor_marks_a_port_that_is_none(port: object) -> None:
    text = HEAD.replace("ring0: }", f"ring0: {{port: {port}}}}}", 1)
    assert complaints(text) == ["links.ring0.port"]


def test_every_key_is_explained_to_the_writer() -> None:
    def bare(schema: object) -> list[str]:
        if isinstance(schema, list):
            return [name for item in schema for name in bare(item)]
        if not isinstance(schema, dict):
            return []
        named = schema.get("properties", {})
        missing = [name for name, item in named.items() if not item.get("description")]
        return missing + [name for item in schema.values() for name in bare(item)]

    assert bare(json_schema()) == []
