"""What agents say of themselves, hostile ones included."""

import pytest
from hypothesis import given, strategies as st

from ha_core.agents.metadata import XML_BYTES_MAX, Action, Parameter, parse
from ha_core.errors import ConfigError

WHOLE = b"""<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="Demo" version="2.0">
<version>1.1</version>
<longdesc lang="en">
Serves
  a page.
</longdesc>
<shortdesc lang="en">serves</shortdesc>
<parameters>
<parameter name="port" unique-group="place" required="1" reloadable="1">
<shortdesc lang="en">port</shortdesc><content type="integer" default="80"/></parameter>
<parameter name="old" unique="1"><deprecated/><content type="string"/></parameter>
<parameter name="bare"/>
</parameters>
<actions>
<action name="start" timeout="20s"/>
<action name="monitor" depth="10" timeout="500ms" interval="1min" role="Started"/>
<action name="stop" timeout="20"/>
</actions>
</resource-agent>
"""


def test_whole_description_is_read() -> None:
    found = parse("ocf:x:Demo", WHOLE)
    assert (found.name, found.api_version, found.short, found.long) == (
        "Demo",
        "1.1",
        "serves",
        "Serves a page.",
    )
    port, old, bare = found.parameters
    assert port == Parameter("port", "integer", "80", True, "place", True, False, "port", "")
    assert (old.unique_group, old.deprecated, old.default) == ("old", True, None)
    assert bare == Parameter("bare")
    assert found.actions == (
        Action("start", 20_000),
        Action("monitor", 500, 60_000, 10, "Started"),
        Action("stop", 20_000),
    )
    assert found.offers("monitor")
    assert not found.offers("promote")


BOMB = (
    b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<resource-agent><longdesc>&b;</longdesc></resource-agent>"
)
FILE = (
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><resource-agent>&x;</resource-agent>'
)
PARAMETER_ENTITY = b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://192.0.2.1/x">%p;]><resource-agent/>'


@pytest.mark.parametrize("xml", [BOMB, FILE, PARAMETER_ENTITY])
def test_entities_are_refused_before_anything_is_unfolded(xml: bytes) -> None:
    with pytest.raises(ConfigError, match="meta-data of ocf:x:Demo declares entities"):
        parse("ocf:x:Demo", xml)


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (b"", "is not well-formed XML"),
        (b"usage: Demo start|stop", "is not well-formed XML"),
        (b"<resource-agent>", "is not well-formed XML"),
        (b"<resource-agent>&nothing;</resource-agent>", "is not well-formed XML"),
        (b"\xff\xfe\x00", "is not well-formed XML"),
        (b'<?xml version="1.0" encoding="none"?><resource-agent/>', "is not well-formed XML"),
        (b'<?xml version="1.0" encoding="utf-32"?><resource-agent/>', "is not well-formed XML"),
        (b"<html/>", "begins with <html>, expected <resource-agent>"),
        (b" " * (XML_BYTES_MAX + 1), "expected at most"),
        (
            b'<resource-agent><actions><action name="start" timeout="soon"/></actions>'
            b"</resource-agent>",
            "duration is 'soon', expected such as 20s",
        ),
    ],
)
def test_what_is_no_description_is_refused_in_one_sentence(xml: bytes, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse("ocf:x:Demo", xml)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_a_crash(xml: bytes) -> None:
    with pytest.raises(ConfigError):
        parse("x", xml)


@given(st.integers(0, len(WHOLE) - 12), st.integers(0, 255))
def test_damaged_description_is_read_or_refused(place: int, byte: int) -> None:
    damaged = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    told = ""
    try:
        parse("x", damaged)
    except ConfigError as error:
        told = str(error)
    assert told == "" or "meta-data of x" in told
