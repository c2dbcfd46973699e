"""A configuration moves into a lab whole: every address of its own, and nothing else changed."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from ha_core.errors import ConfigError, RefusedError
from ha_core.ids import LinkName, ResourceId
from ha_core.lab import places, plan
from ha_core.lab.cluster import demo_configuration
from ha_core.lab.places import Block
from ha_core.lab.state import Moved

SHARED = Path("/tmp/some-lab/shared_srv")
TEXT = """
cluster: shop
links: {ring0: {port: 7000}}
nodes:
  ant: {addresses: {ring0: 192.0.2.11}}
  bee: {addresses: {ring0: 192.0.2.12}}
resources:
  ip:
    agent: address
    parameters: {address: 192.0.2.10/24, interface: eth0, label: eth0:1}
  near:
    agent: address
    parameters: {address: 192.0.2.100}
  web:
    agent: process
    description: http://192.0.2.10:80/ and 192.0.2.100
    parameters:
      command: httpd -b 192.0.2.10 -r /srv/www -x /srv2 -y /usr/srv -z 192.0.2.101 -q 1192.0.2.10
      directory: /srv
      env.PLACES: 192.0.2.10:80,192.0.2.100:81
constraints:
  likes: {location: web, node: bee, score: 10}
"""


def given() -> Configuration:
    return parse_text(TEXT, "shop.yaml")


def planned(wanted: Configuration) -> Configuration:
    """Return the configuration moved to a block of loopback."""
    block = Block(IPv4Address("127.7.8.0"), is_loopback=True)
    listening = places.listening(wanted, block, [link.port for link in wanted.links])
    addresses = tuple(
        Moved(resource, address, block.service(number))
        for number, (resource, address) in enumerate(plan.services(wanted))
    )
    return plan.moved(wanted, listening, addresses, SHARED)


def parameters(configuration: Configuration, resource: str) -> dict[str, str]:
    found = next(item for item in configuration.primitives if item.id == resource)
    return dict(found.parameters)


def test_nodes_listen_on_the_labs_own_addresses_at_the_configured_port() -> None:
    nodes = planned(given()).nodes
    assert [(n.name, n.addresses[0].host, n.addresses[0].port) for n in nodes] == [
        ("ant", "127.7.8.1", 7000),
        ("bee", "127.7.8.2", 7000),
    ]


def test_service_address_moves_and_leaves_its_interface_behind() -> None:
    assert parameters(planned(given()), "ip") == {"address": "127.7.8.193"}


def test_address_moves_wherever_it_stands_but_never_within_another() -> None:
    web = parameters(planned(given()), "web")
    assert web["command"].split()[2] == "127.7.8.193"
    assert "-z 192.0.2.101 -q 1192.0.2.10" in web["command"]
    assert web["env.PLACES"] == "127.7.8.193:80,127.7.8.194:81"


def test_description_names_the_address_that_answers() -> None:
    web = next(item for item in planned(given()).primitives if item.id == "web")
    assert web.description == "http://127.7.8.193:80/ and 127.7.8.194"


def test_paths_below_srv_move_and_similar_ones_stay() -> None:
    web = parameters(planned(given()), "web")
    assert web["directory"] == str(SHARED)
    assert f"-r {SHARED}/www -x /srv2 -y /usr/srv" in web["command"]


def test_what_does_not_move_is_unchanged() -> None:
    before, after = given(), planned(given())
    same = replace(after, nodes=before.nodes, primitives=before.primitives)
    assert same == before


def test_wrong_parameter_is_named_before_anything_is_made() -> None:
    wanted = given()
    broken = replace(wanted.primitives[0], parameters=(("address", "nowhere"),))
    with pytest.raises(ConfigError, match="nowhere"):
        planned(replace(wanted, primitives=(broken, *wanted.primitives[1:])))


def test_demo_moves_completely() -> None:
    wanted = parse_text(demo_configuration().read_text(), "demo.yaml")
    moved = planned(wanted)
    values = [value for item in moved.primitives for _, value in item.parameters]
    assert not [value for value in values if "127.0.0." in value]
    assert not [value for value in values if " /srv" in value]


# --- how many nodes --------------------------------------------------------------------------


def test_nodes_of_the_file_are_kept_when_no_number_is_given() -> None:
    wanted, notes = plan.with_nodes(given(), None)
    assert (wanted, notes) == (given(), ())


def test_added_nodes_take_names_that_are_free() -> None:
    wanted, _ = plan.with_nodes(given(), 4)
    assert [node.name for node in wanted.nodes] == ["ant", "bee", "n1", "n2"]


def test_only_seven_nodes_vote() -> None:
    wanted, _ = plan.with_nodes(given(), 9)
    assert [node.voter for node in wanted.nodes] == [True] * 7 + [False] * 2


def test_left_out_node_takes_its_preferences_along_and_that_is_said() -> None:
    wanted, notes = plan.with_nodes(given(), 1)
    assert [node.name for node in wanted.nodes] == ["ant"]
    assert not wanted.locations
    assert notes == ("constraint likes is left out: the lab has no node bee",)


def test_words_lose_a_node_that_is_left_out_and_that_is_said() -> None:
    text = TEXT.replace("    agent: process\n", "    agent: process\n    prefers: [bee, ant]\n")
    wanted, notes = plan.with_nodes(parse_text(text, "shop.yaml"), 1)
    assert [(item.node, item.score) for item in wanted.locations] == [("ant", 100)]
    assert notes[0] == "resources.web.prefers is left out: the lab has no node bee"
    text = TEXT.replace("    agent: process\n", "    agent: process\n    only_on: bee\n")
    with pytest.raises(ConfigError) as caught:
        plan.with_nodes(parse_text(text, "shop.yaml"), 1)
    assert str(caught.value).startswith("the lab has no node bee, and web may run on bee alone")


@pytest.mark.parametrize("count", [0, -1, plan.NODES_MAX + 1])
def test_impossible_number_of_nodes_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=f"{count} nodes, a lab has 1 to {plan.NODES_MAX}"):
        plan.with_nodes(given(), count)


def test_too_many_service_addresses_are_refused() -> None:
    wanted = given()
    many = tuple(
        replace(
            wanted.primitives[0], id=ResourceId(f"ip{i}"), parameters=(("address", f"10.0.0.{i}"),)
        )
        for i in range(1, plan.SERVICES_MAX + 2)
    )
    with pytest.raises(ConfigError, match=f"{plan.SERVICES_MAX + 1} service addresses"):
        plan.services(replace(wanted, primitives=many))


# --- addresses and ports ---------------------------------------------------------------------


@pytest.mark.parametrize("is_loopback", [True, False])
def test_no_address_of_a_full_lab_is_used_twice(is_loopback: bool) -> None:
    block = Block(IPv4Address("127.9.9.0"), is_loopback)
    used = [
        block.node(link, node)
        for link in range(places.LOOPBACK_LINKS_MAX)
        for node in range(1, plan.NODES_MAX + 1)
    ]
    used += [block.service(number) for number in range(plan.SERVICES_MAX)]
    used.append(block.host().partition("/")[0])
    assert len(set(used)) == len(used)


def test_two_labs_on_loopback_share_no_address() -> None:
    first, second = (places.loopback_block(given())[0].base for _ in range(2))
    assert first != second
    assert {first.packed[0], second.packed[0]} == {127}


def test_more_links_than_loopback_has_room_for_are_refused() -> None:
    link = given().links[0]
    links = tuple(
        replace(link, name=LinkName(f"l{n}")) for n in range(places.LOOPBACK_LINKS_MAX + 1)
    )
    with pytest.raises(RefusedError, match="use --netns"):
        places.loopback_block(replace(given(), links=links))


def test_network_overlaps_with_none_that_is_taken() -> None:
    taken = [IPv4Network("198.18.0.0/16"), IPv4Network("198.19.0.0/17")]
    block, listening = places.network_block(given(), taken)
    assert block.base >= IPv4Address("198.19.128.0")
    assert listening["ant"][0].host == str(block.base + 1)


def test_full_machine_is_told_so() -> None:
    with pytest.raises(RefusedError, match="no free network"):
        places.network_block(given(), [IPv4Network("198.18.0.0/15")])
