"""What is written is read back unchanged, as YAML and as JSON, by either reader of YAML."""

import json

import pytest
import yaml
from hypothesis import example, given, settings, strategies as st

from ha_core.config.check import check
from ha_core.config.model import Address, AgentClass, AgentRef, Configuration, Link, Node, Primitive
from ha_core.config.parse import parse_text
from ha_core.config.render import plain, render
from ha_core.config.tree import read_tree
from ha_core.ids import LinkName, NodeName, ResourceId
from tests.core.config.draw import configurations, texts

SMALL = Configuration(
    nodes=(Node(NodeName("n1"), (Address(LinkName("ring0"), "::1", 1),)),),
    links=(Link(LinkName("ring0")),),
)


def with_description(text: str) -> Configuration:
    """Return a configuration whose only resource is described so."""
    item = Primitive(ResourceId("r"), AgentRef(AgentClass.LSB, "", "x"), description=text)
    return Configuration(nodes=SMALL.nodes, links=SMALL.links, primitives=(item,))


@given(configurations())
@example(SMALL)
def test_what_is_drawn_has_no_faults_and_comes_back_from_yaml(found: Configuration) -> None:
    assert check(found) == ()
    assert parse_text(render(found), "drawn.yaml") == found


@given(configurations(), st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_what_is_written_as_json_comes_back_too(
    found: Configuration, ensure_ascii: bool, indent: int | str | None
) -> None:
    text = json.dumps(plain(found), ensure_ascii=ensure_ascii, indent=indent)
    assert parse_text(text, "drawn.json") == found


@given(texts)
@example("null")
@example("~")
@example("<<")
@example("yes")
@example("1:30")
@example(" \n\t ")
@example("\x1b[31m\x07\x7f\x85\u2028\ufeff\uffff")
@example("\U0001f600 \\ud83d")
def test_every_text_survives_in_both_forms(text: str) -> None:
    found = with_description(text)
    assert parse_text(render(found), "x") == found
    for ensure_ascii in (True, False):
        as_json = json.dumps(plain(found), ensure_ascii=ensure_ascii)
        assert parse_text(as_json, "x") == found


@settings(max_examples=30)
@given(configurations())
def test_both_readers_of_yaml_see_the_same_tree(found: Configuration) -> None:
    text = render(found)
    assert read_tree(text, yaml.SafeLoader) == read_tree(text)


def test_rendering_names_what_is_needed_even_if_it_is_empty() -> None:
    assert yaml.safe_load(render(Configuration())) == {
        "cluster": "beatkeeper",
        "links": {},
        "nodes": {},
    }


@pytest.mark.parametrize("port", [0, 6940], ids=["link's port", "own port"])
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "n1.example.org"])
def test_every_way_to_write_an_address_comes_back(host: str, port: int) -> None:
    node = Node(NodeName("n1"), (Address(LinkName("ring0"), host, port),))
    found = Configuration(nodes=(node,), links=SMALL.links)
    assert parse_text(render(found), "x") == found
