"""The end of a standby goes out as a rule that Pacemaker heeds, and comes in as it was."""

import pytest

from ha_core.config.cib import export_cib, import_cib
from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from ha_core.policy.cib.read import read_cib
from tests.core.config.cib.test_import import cib, taken, told

END_S = 1_900_000_000
"""2030-03-17 17:46:40 UTC."""
TIMED = """
cluster: shop
links: {ring0: {port: 6940}}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}, standby: true, standby_until: %s, attributes: {rack: a}}
  n2: {addresses: {ring0: 192.0.2.2}}
  n3: {addresses: {ring0: 192.0.2.3}, standby: true}
"""
BLOCK = (
    "<node id='1' uname='n1'><instance_attributes id='s'><rule id='r' score='INFINITY'>"
    "<date_expression id='d' %s/></rule><nvpair id='p' name='standby' value='%s'/>%s"
    "</instance_attributes></node><node id='2' uname='n2'/>"
)


def configuration(end: str = "2030-03-17T17:46:40Z") -> Configuration:
    """Return three nodes, of which the first is in standby until then."""
    return parse_text(TIMED % end, "timed.yaml")


def in_standby(text: str, now_s: int) -> list[str]:
    """Return the nodes that are in standby for Pacemaker at that moment."""
    dated = text.replace("<cib ", f'<cib execution-date="{now_s}" ')
    return [node.name for node in read_cib(dated.encode()).nodes if node.is_standby]


def test_standby_ends_when_it_should_in_what_goes_out() -> None:
    text = export_cib(configuration())
    assert in_standby(text, END_S - 1) == ["n1", "n3"]
    assert in_standby(text, END_S) == ["n3"]
    assert "beatkeeper-nodes.n1.standby" not in text


@pytest.mark.parametrize("end", ["2030-03-17T17:46:40Z", "2030-03-17T17:46:40.250Z"])
def test_standby_with_an_end_comes_in_the_same(end: str) -> None:
    imported = import_cib(export_cib(configuration(end)).encode(), "cib.xml")
    assert not imported.notes
    assert parse_text(imported.yaml_text, "imported.yaml") == configuration(end)


@pytest.mark.parametrize(
    "date", ["operation='lt' end='2030-03-17 17:46:40Z'", "end='2030-03-17 17:46:40Z'"]
)
def test_rule_of_pacemakers_own_is_the_end_of_a_standby(date: str) -> None:
    text = cib(nodes=BLOCK % (date, "true", ""))
    found = taken(text).nodes[0]
    assert (found.standby, found.standby_until_wall_ms) == (True, END_S * 1000)
    assert "left out" not in told(text)


@pytest.mark.parametrize(
    ("date", "value", "more"),
    [
        ("operation='gt' start='2030-03-17 17:46:40Z'", "on", ""),
        ("operation='lt' end='2030-03-17 17:46:40Z'", "off", ""),
        ("operation='lt' end='2030-03-17 17:46:40Z'", "on", "<nvpair id='q' name='k' value='v'/>"),
        ("operation='lt' end='soon'", "on", ""),
    ],
)
def test_other_rules_of_a_node_are_left_out_and_told(date: str, value: str, more: str) -> None:
    text = cib(nodes=BLOCK % (date, value, more))
    assert not taken(text).nodes[0].standby
    assert "instance_attributes 's' is left out: a value does not change" in told(text)


def test_standby_without_end_wins_over_one_with_an_end() -> None:
    plain = "<instance_attributes id='t'><nvpair id='u' name='standby' value='on'/>"
    nodes = BLOCK % ("operation='lt' end='2030-03-17 17:46:40Z'", "on", "")
    head = "<node id='1' uname='n1'>"
    nodes = nodes.replace(head, f"{head}{plain}</instance_attributes>")
    found = taken(cib(nodes=nodes)).nodes[0]
    assert (found.standby, found.standby_until_wall_ms) == (True, None)
