"""Our configuration as a CIB: in Pacemaker's words where it has some, in pairs of our own else."""

import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from ha_core.config.cib import export_cib, import_cib
from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from tests.core.config.cib import simulate
from tests.core.config.draw import configurations

ETC = Path(__file__).parents[4] / "etc"
SAMPLES = sorted(path.name for path in ETC.glob("*.yaml"))
VERIFY = simulate.find("crm_verify")
SHOP = """
cluster: shop
links: {ring0: {port: 6940}}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}, attributes: {standby: "no fact of Pacemaker's"}}
  n2: {addresses: {ring0: 192.0.2.2}}
resources:
  ip: {agent: address, parameters: {address: 192.0.2.100/24, interface: eth0, probe_ms: "0"}}
  web:
    agent: process
    parameters: {command: nginx -g "daemon off;", user: www, env.LANG: C}
    description: dies "Seite" für <alle>
    prefers: [n1, n2]
    with: ip
  1: {agent: lsb:one}
constraints:
  web: {order: ip, then: web}
"""


def sample(name: str) -> Configuration:
    """Return one of the sample configurations."""
    return parse_text((ETC / name).read_text(encoding="utf-8"), name)


def shop() -> Configuration:
    """Return a configuration with what only we can say."""
    return parse_text(SHOP, "shop.yaml")


def again(text: str) -> Configuration:
    """Return the configuration that a CIB becomes; there is nothing to tell."""
    imported = import_cib(text.encode(), "cib.xml")
    assert not imported.notes
    return parse_text(imported.yaml_text, "imported.yaml")


def attributes(text: str, key: str) -> dict[str, str]:
    """Return the attributes and parameters of a primitive of a CIB."""
    (found,) = (item for item in ET.fromstring(text).iter("primitive") if item.get("id") == key)
    pairs = found.find("instance_attributes")
    given = {} if pairs is None else {p.attrib["name"]: p.attrib["value"] for p in pairs}
    return {**found.attrib, **given}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_goes_out_and_comes_in_the_same(name: str) -> None:
    assert again(export_cib(sample(name))) == sample(name)


def test_what_only_we_can_say_comes_in_the_same() -> None:
    assert again(export_cib(shop())) == shop()


def test_built_in_classes_stand_as_the_nearest_agents() -> None:
    text = export_cib(shop())
    ip, web = attributes(text, "ip"), attributes(text, "web")
    assert (ip["provider"], ip["type"], ip["ip"], ip["cidr_netmask"], ip["nic"]) == (
        *("heartbeat", "IPaddr2", "192.0.2.100", "24", "eth0"),
    )
    assert (web["type"], web["binfile"], web["cmdline_options"], web["user"]) == (
        *("anything", "nginx", '-g "daemon off;"', "www"),
    )


def test_what_is_edited_in_pacemakers_words_counts_when_it_comes_in_again() -> None:
    text = export_cib(shop()).replace('value="192.0.2.100"', 'value="192.0.2.101"')
    text = text.replace(
        'name="resource-stickiness" value="1"', 'name="resource-stickiness" value="7"'
    )
    found = again(text)
    assert dict(found.primitives[0].parameters)["address"] == "192.0.2.101/24"
    assert dict(found.primitives[0].parameters)["probe_ms"] == "0"
    assert found.defaults.meta.stickiness == 7


def test_score_that_was_edited_is_in_the_word() -> None:
    found = again(export_cib(shop()).replace('score="200"', 'score="250"'))
    assert {(item.score, item.source) for item in found.locations} == {
        (250, "resources.web.prefers"),
        (100, "resources.web.prefers"),
    }


def test_word_whose_constraints_say_something_else_by_now_is_told_and_they_stay() -> None:
    text = export_cib(shop()).replace('score="200"', 'score="-200"')
    imported = import_cib(text.encode(), "cib.xml")
    found = parse_text(imported.yaml_text, "imported.yaml")
    scores = {item.id: (item.score, item.source) for item in found.locations}
    assert scores == {"web-prefers-n1": (-200, ""), "web-prefers-n2": (100, "")}
    assert "resources.web.prefers is left out" in imported.notes[0]


def test_pair_of_our_own_that_is_of_nothing_is_told() -> None:
    text = export_cib(shop()).replace("beatkeeper-nodes.n2.addresses", "beatkeeper-nodes.n7.a")
    notes = import_cib(text.encode(), "cib.xml").notes
    assert any("beatkeeper-nodes.n7.a.ring0 is left out" in note for note in notes)


def test_equal_configurations_give_the_same_text() -> None:
    assert export_cib(shop()) == export_cib(shop())


@settings(max_examples=40)
@given(configurations())
def test_every_id_is_there_once_and_is_one_that_xml_allows(configuration: Configuration) -> None:
    root = ET.fromstring(export_cib(configuration))
    nodes = {item for item in root.iter("node")}
    refs = ("resource_ref", "obj_ref")
    ids = [item.get("id") for item in root.iter() if item not in nodes and item.tag not in refs]
    found = [key for key in ids if key is not None]
    assert len(found) == len(set(found))
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", key) for key in found)


def test_resource_of_a_fence_device_moves_nothing_else() -> None:
    text = export_cib(sample("two-node-with-fencing.yaml"))
    devices = [p for p in ET.fromstring(text).iter("primitive") if p.get("class") == "stonith"]
    metas = [p for d in devices for p in d.iter("nvpair") if p.get("name") == "priority"]
    assert [meta.get("value") for meta in metas] == ["-INFINITY"] * 3


def test_text_that_pacemaker_would_misread_is_kept_as_our_own() -> None:
    base = shop()
    first = replace(base.primitives[2], description='für <b id="x">')
    changed = replace(base, primitives=(*base.primitives[:2], first))
    text = export_cib(changed)
    values = [value for item in ET.fromstring(text).iter() for value in item.attrib.values()]
    assert not [value for value in values if not value.isascii() and set(value) & {'"', "<"}]
    assert again(text) == changed


@pytest.mark.shared
@pytest.mark.skipif(VERIFY is None, reason="crm_verify is not installed")
@pytest.mark.parametrize("name", SAMPLES)
def test_crm_verify_has_nothing_against_a_sample(name: str, tmp_path: Path) -> None:
    file = tmp_path / "cib.xml"
    file.write_text(export_cib(sample(name)), encoding="utf-8")
    assert VERIFY is not None
    command = [VERIFY, "-V", "-x", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Without a status it sees nodes that never were there; that is all.
    complaints = [line for line in done.stderr.splitlines() if "or fencing" not in line]
    assert [line for line in complaints if "error" in line.lower()] == []
