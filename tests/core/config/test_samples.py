"""The samples in etc/: each is valid, says what its comments promise, and survives an export."""

import re
from pathlib import Path

import pytest

from ha_core.agents.registry import guard_of
from ha_core.config.heartbeat import import_directory
from ha_core.config.model import Configuration, OrderedAction, Role, TwoNode
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.coordinator.race import RACE_D
from ha_core.fencing.rules import is_power, levels_of, timeout_ms
from ha_core.ids import ResourceId
from ha_core.runtime.peers import DEFAULT_PORT

ETC = Path(__file__).parents[3] / "etc"
NAMES = ("one-node", "two-node-with-witness", "two-node-with-fencing", "three-node")
COMMENTED = (*NAMES, "database")


def sample(name: str) -> Configuration:
    """Return the configuration of a sample."""
    path = ETC / f"{name}.yaml"
    return parse_text(path.read_text(encoding="utf-8"), path.name)


@pytest.mark.parametrize("path", sorted(ETC.glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_in_etc_is_valid_and_comes_back_from_an_export(path: Path) -> None:
    found = parse_text(path.read_text(encoding="utf-8"), path.name)
    assert parse_text(render(found), "export") == found


@pytest.mark.parametrize(
    ("name", "voters", "witnesses", "links"),
    [
        ("one-node", 1, 0, 1),
        ("two-node-with-witness", 3, 1, 2),
        ("two-node-with-fencing", 2, 0, 2),
        ("three-node", 3, 0, 2),
    ],
)
def test_sample_has_the_machines_of_its_name(
    name: str, voters: int, witnesses: int, links: int
) -> None:
    found = sample(name)
    assert len(found.voters()) == voters
    assert sum(node.witness for node in found.nodes) == witnesses
    assert len(found.links) == links


@pytest.mark.parametrize("name", COMMENTED)
def test_sample_is_commented_from_the_first_line_to_the_last_part(name: str) -> None:
    text = (ETC / f"{name}.yaml").read_text(encoding="utf-8")
    parts = text.split("\n\n")
    assert all("#" in part for part in parts if part.count("\n") > 3), name
    assert f"ha verify {name}.yaml" in text or f"apply {name}.yaml" in text


@pytest.mark.parametrize("name", ["one-node", "two-node-with-witness", "two-node-with-fencing"])
def test_cluster_is_begun_with_what_cannot_change_later(name: str) -> None:
    text = (ETC / f"{name}.yaml").read_text(encoding="utf-8")
    found = sample(name)
    (init,) = re.findall(r"^#   \S*\$? ?ha .*init ((?:.*\\\n)*.*)", text, re.MULTILINE)
    words = init.replace("\\\n#", "").split()
    assert words[words.index("--dead-after") + 1] == str(found.options.dead_after_ms)
    first = found.nodes[0]
    ports = {link.name: link.port for link in found.links}
    assert words[words.index("--node") + 1] == first.name
    told = [words[place + 1] for place, word in enumerate(words) if word == "--address"]
    for item, place in zip(first.addresses, told, strict=True):
        port = ports[item.link]
        suffix = "" if port == DEFAULT_PORT else f":{port}"
        assert place == f"{item.link}={item.host}{suffix}"


def test_witness_joins_as_one_before_the_file_is_applied() -> None:
    text = (ETC / "two-node-with-witness.yaml").read_text(encoding="utf-8")
    assert 0 < text.index("ha witness add TOKEN --node judge") < text.index("ha apply")


@pytest.mark.parametrize("name", NAMES)
def test_sample_watches_what_it_runs_at_more_than_one_depth(name: str) -> None:
    found = sample(name)
    depths = {operation.depth for item in found.primitives for operation in item.operations}
    assert {0, 10} <= depths
    assert found.groups
    assert found.orderings or found.locations


@pytest.mark.parametrize("name", ["one-node", "three-node"])
def test_takeover_never_waits_for_an_operator_where_the_sample_says_nothing_of_it(
    name: str,
) -> None:
    assert all(guard_of(item).bounded for item in sample(name).primitives)


def test_shared_disk_waits_for_proof_and_the_rest_of_its_group_does_not() -> None:
    found = sample("two-node-with-witness")
    unguarded = [item.id for item in found.primitives if not guard_of(item).bounded]
    assert unguarded == ["ledger-disk"]
    text = (ETC / "two-node-with-witness.yaml").read_text(encoding="utf-8")
    assert "ha node confirm-down" in text


def test_each_of_two_nodes_can_be_cut_off_in_two_ways_before_the_other_one_would_shoot() -> None:
    found = sample("two-node-with-fencing")
    assert found.options.two_node is TwoNode.FENCING
    for node in found.nodes:
        levels = levels_of(found, node.name)
        assert len(levels) == 2
        assert all(is_power(level) for level in levels)
        board = levels[0][0]
        spent_ms = timeout_ms(board, "off") + board.settle_ms + timeout_ms(board, "status")
        assert spent_ms < RACE_D * found.options.dead_after_ms


def test_heartbeat_sample_becomes_a_cluster_of_two_whose_shop_is_an_address_and_a_server() -> None:
    directory = ETC / "heartbeat-v1"
    paths = [path for path in directory.rglob("*") if path.is_file()]
    files = {str(path.relative_to(directory)): path.read_text("utf-8") for path in paths}
    found = parse_text(import_directory(files).yaml_text, "imported.yaml")
    assert [node.name for node in found.nodes] == ["alpha", "bravo"]
    shop = found.groups[0]
    assert shop.members[:2] == ("ip-192.0.2.100", "apache")
    address = found.primitive(ResourceId("ip-192.0.2.100"))
    assert address is not None
    assert guard_of(address).name == "guardian"


def test_database_is_promoted_once_with_its_address_and_watched_in_both_roles() -> None:
    found = sample("database")
    clone = found.clone(ResourceId("db-clone"))
    assert clone is not None
    assert (clone.promotable, clone.promoted_max, clone.notify) == (True, 1, True)
    (bond,) = found.colocations
    assert (bond.resource, bond.with_resource, bond.with_role) == ("db-ip", "db", Role.PROMOTED)
    first, _ = found.orderings
    assert (first.first, first.first_action) == ("db", OrderedAction.PROMOTE)
    roles = [item.role for item in found.primitives[0].operations if item.action == "monitor"]
    assert roles == [None, Role.PROMOTED]
    rooms = [dict(node.capacity)["memory"] for node in found.nodes]
    assert sum(room >= dict(found.primitives[0].utilization)["memory"] for room in rooms) == 2


def test_fence_devices_that_a_sample_offers_are_valid_once_their_marks_are_removed() -> None:
    text = (ETC / "two-node-with-witness.yaml").read_text(encoding="utf-8")
    begin = text.index("# fence_devices:")
    end = text.index("\n\n", begin)
    block = "".join(line[2:] + "\n" for line in text[begin:end].split("\n"))
    found = parse_text(text[:begin] + block + text[end:], "sample")
    assert [str(device.targets[0]) for device in found.fence_devices] == ["north", "south"]
