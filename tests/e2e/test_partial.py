"""Labs whose network works in part: ping targets lost, one direction dead, a link cut."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import yaml

from ha_core.lab import state
from ha_core.snapshot import ClusterSnapshot
from tests.e2e.cuts import Cuts
from tests.e2e.laboratory import Laboratory, all_run, laboratory, run, states

pytestmark = [pytest.mark.root, pytest.mark.slow]

NODES = ("n1", "n2", "n3")
TABLE = "partial"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return a lab whose nodes ping this machine, and whose site needs that."""
    directory = tmp_path_factory.mktemp("partial") / "lab"
    with laboratory(directory, "--netns", "--no-wbem") as made:
        gateway = state.known(directory).host_address.partition("/")[0]
        root = str(made.root("n1"))
        wanted = yaml.safe_load(run("--root", root, "export").stdout)
        wanted["ping"] = {"targets": {"gateway": gateway}}
        wanted["resources"]["site"]["needs_connectivity"] = True
        file = directory.parent / "wanted.yaml"
        file.write_text(yaml.safe_dump(wanted, sort_keys=False))
        done = run("--root", root, "apply", str(file))
        assert done.returncode == 0, done.stderr
        yield made


@pytest.fixture
def lab(shared: Laboratory) -> Laboratory:
    """Return the lab with everything in order."""
    for name in NODES:
        shared.becomes(name, lambda s: all_run(s) and all(reached(s).values()))
    return shared


@contextmanager
def dropping(lab: Laboratory, node: str, hook: str, *rule: str) -> Iterator[None]:
    """Let the node's kernel drop what the rule says."""
    chain = f"{{ type filter hook {hook} priority -10; }}"
    lab.inside(node, "nft", "add", "table", "inet", TABLE)
    try:
        lab.inside(node, "nft", "add", "chain", "inet", TABLE, "drops", chain)
        lab.inside(node, "nft", "add", "rule", "inet", TABLE, "drops", *rule, "drop")
        yield
    finally:
        lab.inside(node, "nft", "delete", "table", "inet", TABLE)


def reached(snapshot: ClusterSnapshot) -> dict[str, bool]:
    """Return which nodes reach the gateway, as far as that counts."""
    return {
        node.name: node.connectivity is not None and node.connectivity.reached == ("gateway",)
        for node in snapshot.nodes
    }


def places(snapshot: ClusterSnapshot) -> dict[str, tuple[str, ...]]:
    """Return where each resource runs."""
    return {item.id: item.nodes for item in snapshot.resources}


def from_address(lab: Laboratory, node: str) -> tuple[str, ...]:
    """Return the rule that matches what comes from a node over any link."""
    hosts = ", ".join(item["host"] for item in lab.value["nodes"][node]["addresses"].values())
    return "ip", "saddr", f"{{ {hosts} }}"


def test_service_leaves_the_node_that_lost_its_network_and_says_why(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with dropping(lab, owner, "output", "meta", "l4proto", "icmp"):
        moved = lab.becomes(owner, lambda s: all_run(s) and places(s)["web"] != (owner,))
        assert set(states(moved).values()) == {"online"}, "no node is lost for that"
        why = run("--root", str(lab.root(owner)), "why", "web", "--on", owner).stdout
        assert f"{owner} reaches 0 of 1 ping targets" in why
        assert any("does not reach the ping target gateway" in text for text in moved.faults)
    back = lab.becomes(owner, lambda s: all(reached(s).values()))
    assert places(back)["web"] == places(moved)["web"], "it stays where it is"


def test_gateway_that_all_have_lost_moves_nothing(lab: Laboratory) -> None:
    before = places(lab.becomes("n1", all_run))
    rule = ("meta", "l4proto", "icmp")
    with ExitStack() as held:
        for name in NODES:
            held.enter_context(dropping(lab, name, "output", *rule))
        after = lab.becomes("n1", lambda s: not any(reached(s).values()))
        assert places(after) == before
    assert places(lab.becomes("n1", lambda s: all(reached(s).values()))) == before


def test_one_dead_direction_lets_the_node_lead_that_can_talk_to_all(lab: Laboratory) -> None:
    snapshot = lab.becomes("n1", lambda s: s.coordinator is not None)
    leader = str(snapshot.coordinator)
    deaf, middle = (name for name in NODES if name != leader)
    with dropping(lab, deaf, "input", *from_address(lab, leader)):
        found = lab.becomes(
            deaf,
            lambda s: s.coordinator == middle and set(states(s).values()) == {"online"},
        )
        assert all_run(lab.becomes(middle, all_run))
        term = found.term
        texts = [item["text"] for item in lab.events(middle)]
        assert (
            f"{leader} hands the coordination over to {middle}, which can also talk to {deaf}"
            in (texts)
        )
    assert lab.becomes(deaf, all_run).term == term, "no election follows"


def test_lost_link_beside_another_touches_nothing_and_is_told_once(lab: Laboratory) -> None:
    before = places(lab.becomes("n1", all_run))
    cuts = Cuts(state.known(lab.directory))
    cuts.carrier("n2", 1, is_up=False)
    try:
        lab.becomes("n2", lambda s: sum(not link.up for link in s.links) == 2)
        told = lab.becomes("n1", lambda s: any("other links carry on" in f for f in s.faults))
        assert places(told) == before
        assert set(states(told).values()) == {"online"}
    finally:
        cuts.carrier("n2", 1, is_up=True)
    healed = lab.becomes("n2", lambda s: all(link.up for link in s.links))
    assert places(healed) == before
    (link,) = [item for item in healed.links if (item.peer, item.link) == ("n1", "back")]
    assert link.changes >= 2
    assert [moment.up for moment in link.history][-2:] == [False, True]
