"""Hostile and broken XML is refused at once, with its place."""

import pytest

from ha_core.errors import ConfigError
from ha_core.policy.cib.read import read_cib
from ha_core.policy.cib.tree import DEPTH_MAX, VALUE_MAX
from ha_core.policy.engine.plan import plan
from tests.core.policy.reading.cibs import cib, primitive, read

LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE cib [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<cib><configuration>&b;</configuration></cib>"""
OUTSIDE = b"""<!DOCTYPE cib SYSTEM "file:///etc/passwd"><cib/>"""


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE])
def test_a_document_type_is_refused_before_anything_is_expanded(text: bytes) -> None:
    with pytest.raises(ConfigError, match="document type"):
        read_cib(text)


def test_an_unknown_entity_is_no_well_formed_xml() -> None:
    with pytest.raises(ConfigError, match="undefined entity in line 1"):
        read_cib(b"<cib>&nothing;</cib>")


@pytest.mark.parametrize(
    "text", [b"", b"<cib", b"<cib></cab>", b"\x00\x01", b"no XML", b"<cib/><cib/>"]
)
def test_what_is_no_xml_is_told_with_line_and_column(text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"no well-formed XML: .* in line \d+, column \d+"):
        read_cib(text)


def test_an_encoding_that_nobody_knows_is_a_fault() -> None:
    with pytest.raises(ConfigError):
        read_cib(b'<?xml version="1.0" encoding="x-nothing"?><cib/>')


@pytest.mark.parametrize("tag", ["rule", "lrm_rsc_op", "lrm_resource"])
def test_depth_is_bounded(tag: str) -> None:
    text = f"<cib>{f'<{tag}>' * 100_000}".encode()
    with pytest.raises(ConfigError, match=f"deeper than {DEPTH_MAX}"):
        read_cib(text)


def test_a_value_is_bounded() -> None:
    with pytest.raises(ConfigError, match=f"allowed: {VALUE_MAX} at most"):
        read_cib(f'<cib name="{"x" * (VALUE_MAX + 1)}"/>'.encode())


@pytest.mark.parametrize("text", ['<cib id="{}"/>', '<cib {}=""  id="{}"/>', '<{} id="{}"/>'])
def test_what_is_too_long_is_not_repeated_in_the_message(text: str) -> None:
    name = "x" * (VALUE_MAX + 1)
    with pytest.raises(ConfigError) as caught:
        read_cib(text.format(name, name).encode())
    assert len(str(caught.value)) < 400


def test_another_root_is_told() -> None:
    with pytest.raises(ConfigError, match="root is <cluster>, expected: <cib>"):
        read_cib(b"<cluster/>")


def test_a_cib_without_configuration_is_told() -> None:
    with pytest.raises(ConfigError, match="no <configuration>"):
        read_cib(b"<cib/>")


def test_the_smallest_cib_is_planned() -> None:
    value = plan(read_cib(b"<cib><configuration/></cib>")).as_value()
    assert value["placement"] == {}
    assert value["actions"] == []


def test_all_faults_are_told_together_with_their_places() -> None:
    resources = (
        primitive("a")
        + primitive("a")
        + '<primitive class="ocf" provider="x" type="y"/>'
        + '<primitive id="b" template="t"/>'
        + '<primitive id="c" class="ocf"/>'
    )
    with pytest.raises(ConfigError) as caught:
        read(resources)
    text = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 4
    assert '<primitive id="a"> in line 1: the id is already used' in text
    assert "a resource needs an id" in text
    assert "there is no template 't'" in text
    assert "needs the attributes class and type" in text


def test_numbers_of_any_length_end_in_no_trace_back() -> None:
    long = "9" * 5000
    entry = f'<lrm_rsc_op operation="start" call-id="{long}" rc-code="{long}" interval="{long}"/>'
    history = f'<lrm_resource id="a" class="ocf" provider="p" type="t">{entry}</lrm_resource>'
    text = cib(
        primitive("a"),
        f'<rsc_location id="l" rsc="a" node="n1" score="{long}"/>',
        histories={"n1": history},
        options={"shutdown-lock-limit": long, "node-health-base": long},
    )
    assert plan(read_cib(text)).as_value()["placement"]


@pytest.mark.parametrize("moment", ["soon", "-1", "9" * 30])
def test_a_moment_beyond_the_calendar_is_a_fault(moment: str) -> None:
    text = cib().replace(b'execution-date="1700000000"', f'execution-date="{moment}"'.encode())
    with pytest.raises(ConfigError, match=f"execution-date is '{moment}'"):
        read_cib(text)
