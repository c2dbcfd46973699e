"""The picture in docs/preview.md is what the verb draws of the example there."""

import re
from pathlib import Path

import pytest

from ha_core.cli.timeline import drawn
from ha_core.config.parse import parse_text
from ha_core.ids import NodeName, ResourceId
from ha_core.preview.foresee import foresee
from ha_core.preview.suppose import NodeLost
from ha_core.status import Instance, InstanceState, NodeState
from tests.cli.picture import snapshot_of
from tests.core.policy.case import Case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "preview.md"
PICTURE = PAGE.with_name("preview-node-lost.svg")
HEAD = """
links:
  ring0: {}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  n3: {addresses: {ring0: 192.0.2.3}}
"""
RUNS = {"ip": "n1", "web": "n1", "db": "n2"}


def test_picture_of_the_page_is_the_one_of_its_example(request: pytest.FixtureRequest) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    configuration = parse_text(HEAD + example[1], "preview.md")
    made = Case(configuration, {NodeName(name): NodeState.ONLINE for name in ("n1", "n2", "n3")})
    for name, node in RUNS.items():
        instance = Instance(ResourceId(name), InstanceState.STARTED)
        made.instances[NodeName(node), instance.resource] = instance
    text = drawn(foresee(snapshot_of(made), NodeLost(NodeName("n2")), 0))
    if request.config.getoption("--rewrite"):
        PICTURE.write_text(text, encoding="utf-8")
    assert text == PICTURE.read_text(encoding="utf-8")
