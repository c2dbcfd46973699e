"""Alerts: what a file says of them, what is refused, how they differ, in and out of a CIB."""

from dataclasses import replace

import msgspec
import pytest

from ha_core.config.alerts import Alert, AlertKind, Recipient
from ha_core.config.check import check
from ha_core.config.cib import export_cib, import_cib
from ha_core.config.difference import diff
from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from ha_core.config.render import render

HEAD = "links: {r: {}}\nnodes: {n1: {addresses: {r: 192.0.2.1}}}\n"
MAIL = Alert(
    "mail",
    "/bin/mail",
    "for those on call",
    (("password", "rosebud"), ("sender", "x@example.org")),
    15_000,
    "%H:%M",
    False,
    (AlertKind.NODES, AlertKind.ATTRIBUTES),
    ("rack",),
    (Recipient("ops"), Recipient("boss", "", (("password", "sled"),), 5_000, "%s", True)),
)
TEXT = """\
alerts:
  mail:
    path: /bin/mail
    description: for those on call
    parameters: {password: rosebud, sender: x@example.org}
    timeout: 15s
    timestamp_format: '%H:%M'
    enabled: false
    select: [nodes, attributes]
    attributes: [rack]
    recipients: [ops, {value: boss, parameters: {password: sled}, timeout: 5s,
                       timestamp_format: '%s', enabled: true}]
"""
BASE = parse_text(HEAD, "f.yaml")
WITH = replace(BASE, alerts=(MAIL,))
CIB = """\
<cib><configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes><resources/><constraints/>
<alerts><alert id="my mail" path="/bin/mail">
<meta_attributes id="m"><nvpair id="m1" name="timeout" value="15s"/>
<nvpair id="m2" name="kind" value="x"/></meta_attributes>
<select><select_nodes/><select_attributes><attribute id="a" name="rack"/></select_attributes>
<select_moons/></select>
<recipient id="r" value="ops"><instance_attributes id="i">
<nvpair id="i1" name="sender" value="x"/></instance_attributes></recipient>
</alert></alerts></configuration></cib>
"""


def test_every_word_of_an_alert_is_read_and_written_back() -> None:
    assert parse_text(HEAD + TEXT, "f.yaml") == WITH
    assert parse_text(render(WITH), "f.yaml") == WITH


def test_one_word_may_stand_where_a_list_may() -> None:
    text = "alerts: {a: {path: /x, select: nodes, recipients: ops}}"
    found = parse_text(HEAD + text, "f.yaml").alerts
    assert found == (Alert("a", "/x", select=(AlertKind.NODES,), recipients=(Recipient("ops"),)),)


@pytest.mark.parametrize(
    ("alert", "fault"),
    [
        (Alert("a", ""), "alerts.a.path: is ''; allowed: the path of a program"),
        (
            Alert("a", "/x", timeout_ms=1),
            "alerts.a.timeout: is 1 ms; allowed: 10 to 604800000 ms",
        ),
        (
            Alert("a", "/x", attributes=("rack",)),
            "alerts.a.attributes: names attributes, which 'select' does not have; allowed: with"
            " 'attributes' there",
        ),
        (
            Alert("a", "/x", select=(AlertKind.NODES, AlertKind.NODES)),
            "alerts.a.select: 'nodes' stands there 2 times; allowed: once",
        ),
        (
            Alert("a", "/x", recipients=(Recipient("r", timeout_ms=-1),)),
            "alerts.a.recipients[0].timeout: is -1 ms; allowed: 10 to 604800000 ms",
        ),
        (
            Alert("a", "/x", recipients=(Recipient("r"),) * 65),
            "alerts.a.recipients: 65 recipients; allowed: 64 at most",
        ),
    ],
)
def test_alert_that_cannot_be_is_refused_with_its_place(alert: Alert, fault: str) -> None:
    assert [str(found) for found in check(replace(BASE, alerts=(alert,)))] == [fault]


def test_differences_name_alerts_and_hide_their_secrets() -> None:
    (line,) = diff(BASE, WITH)
    assert line.startswith("+ alert mail: path /bin/mail, ")
    boss = replace(MAIL.recipients[1], parameters=(("password", "other"),))
    other = replace(MAIL, recipients=(MAIL.recipients[0], boss), timeout_ms=16_000)
    changed = diff(WITH, replace(BASE, alerts=(other,)))
    assert changed == (
        "alert mail: recipients.2.parameters.password (hidden) -> (hidden)",
        "alert mail: timeout 15s -> 16s",
    )
    assert not any(word in line for word in ("rosebud", "sled"))


def test_alert_goes_out_as_pacemaker_has_it_and_comes_back_the_same() -> None:
    text = export_cib(WITH)
    assert '<alert id="mail" path="/bin/mail" description="for those on call">' in text
    assert "<select_nodes/>" in text
    assert '<attribute id="mail-attribute-rack" name="rack"/>' in text
    assert '<recipient id="mail-recipient-2" value="boss">' in text
    assert "beatkeeper-alerts" not in text
    found = parse_text(import_cib(text.encode(), "x").yaml_text, "f.yaml")
    assert found.alerts == (MAIL,)


def test_alert_of_a_cib_becomes_ours_and_what_it_says_beyond_is_told() -> None:
    found = import_cib(CIB.encode(), "cib.xml")
    configuration = parse_text(found.yaml_text, "f.yaml")
    recipient = Recipient("ops", parameters=(("sender", "x"),))
    kinds = (AlertKind.NODES, AlertKind.ATTRIBUTES)
    assert configuration.alerts == (
        Alert(
            "my-mail",
            "/bin/mail",
            timeout_ms=15_000,
            select=kinds,
            attributes=("rack",),
            recipients=(recipient,),
        ),
    )
    notes = "\n".join(found.notes)
    assert "'my mail' is called my-mail" in notes
    assert "kind='x'" in notes
    assert "select_moons is left out" in notes


def test_configuration_of_an_older_store_is_read_without_alerts() -> None:
    raw = msgspec.to_builtins(WITH)
    del raw["alerts"]
    assert msgspec.convert(raw, Configuration, strict=False) == BASE
