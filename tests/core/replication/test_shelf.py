"""The shelf: whole or not at all, conditions, bounds, and the same on every replica."""

from collections import deque
from random import Random

from ha_core.commands import Outcome, Shelve
from ha_core.config.model import Address, Configuration, Link, Node as Member
from ha_core.coordinator.clerk import OWN_KEYS
from ha_core.effects import CommandAnswered, Effect, Send
from ha_core.events import CommandGiven, Event, Received, Tick
from ha_core.ids import LinkName, NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Entry, Snapshot
from ha_core.replication.log import Log
from ha_core.replication.shelf import (
    ITEMS_MAX,
    KEY_CHARACTERS_MAX,
    OWN_CHARACTERS,
    OWN_ITEMS,
    OWN_PREFIXES,
    TEXT_CHARACTERS_MAX,
    TOTAL_CHARACTERS_MAX,
    Shelf,
    ShelfChange,
    ShelfCondition,
    ShelfItem,
    ShelfPut,
    ShelfResult,
    fault_of,
)

LINK = LinkName("ring0")


def put(*puts: tuple[str, str | None], **conditions: int) -> ShelfChange:
    """Return a write; conditions are key=revision."""
    return ShelfChange(
        tuple(ShelfPut(*each) for each in puts),
        tuple(ShelfCondition(key, revision) for key, revision in conditions.items()),
    )


def test_a_write_bears_the_index_of_its_entry() -> None:
    shelf = Shelf()
    assert shelf.apply(put(("a", "x"), ("b", "y")), 7).revision == 7
    assert shelf.items == (ShelfItem("a", "x", 7), ShelfItem("b", "y", 7))
    assert shelf.revision == 7


def test_a_write_whose_condition_fails_changes_nothing() -> None:
    shelf = Shelf()
    shelf.apply(put(("a", "x")), 1)
    assert shelf.apply(put(("a", "z"), ("b", "y"), a=2), 2).code == "stale"
    assert shelf.items == (ShelfItem("a", "x", 1),)
    assert shelf.apply(put(("a", "z"), a=1), 3).code == ""
    assert shelf.apply(put(("a", "w"), a=0), 4).code == "stale"


def test_of_two_writes_for_an_absent_key_one_is_done() -> None:
    shelf = Shelf()
    assert shelf.apply(put(("holder", "n1"), holder=0), 1).code == ""
    assert shelf.apply(put(("holder", "n2"), holder=0), 2).code == "stale"
    assert shelf.items[0].text == "n1"


def test_removal_frees_room() -> None:
    shelf = Shelf()
    text = "x" * TEXT_CHARACTERS_MAX
    count = TOTAL_CHARACTERS_MAX // (TEXT_CHARACTERS_MAX + 3)
    for number in range(count):
        assert shelf.apply(put((f"k{number:02}", text)), number + 1).code == ""
    assert shelf.apply(put(("more", text)), 100).code == "full"
    assert shelf.apply(put(("k00", None), ("more", text[:-9])), 101).code == ""
    assert shelf.apply(put(("k01", None)), 102).code == ""


def test_bounds_are_named() -> None:
    assert "keys" in fault_of(put())
    assert "printable" in fault_of(put(("", "x")))
    assert "printable" in fault_of(put(("k" * (KEY_CHARACTERS_MAX + 1), "x")))
    assert "at most" in fault_of(put(("k", "x" * (TEXT_CHARACTERS_MAX + 1))))
    assert "once" in fault_of(put(("k", "x"), ("k", "y")))
    shelf = Shelf(ShelfItem(f"{number}", "", 1) for number in range(ITEMS_MAX))
    assert shelf.apply(put(("one-more", "")), 2).code == "full"


def test_what_programs_have_filled_has_room_for_what_the_cluster_itself_keeps() -> None:
    """`ha ticket revoke`, whose text grows with its reason, and `ha node fence`."""
    full = [ShelfItem("job", "x" * (TOTAL_CHARACTERS_MAX - 20), 1), ShelfItem("ticket/t", "{}", 1)]
    many = [ShelfItem(f"job/{number}", "", 1) for number in range(ITEMS_MAX)]
    for items in (full, many):
        shelf = Shelf(items)
        assert shelf.apply(put(("ticket/t", "x" * 1000)), 2).code == ""
        assert shelf.apply(put(("power/n2", "x" * 1000)), 3).code == ""
        assert shelf.apply(put(("more", "x" * 1000)), 4).code == "full", "programs have no more"
        assert shelf.apply(put(("power/n3", ""), ("more", "x")), 5).code == "full"


def test_that_room_has_bounds_as_well() -> None:
    shelf = Shelf([ShelfItem("job", "x" * TOTAL_CHARACTERS_MAX, 1)])
    assert shelf.apply(put(("ticket/t", "x" * TEXT_CHARACTERS_MAX)), 2).code == ""
    assert shelf.apply(put(("ticket/u", "x" * (OWN_CHARACTERS - TEXT_CHARACTERS_MAX))), 3).code
    shelf = Shelf(ShelfItem(f"ticket/{number}", "", 1) for number in range(ITEMS_MAX + OWN_ITEMS))
    assert shelf.apply(put(("ticket/one-more", "")), 2).code == "full"


def test_the_cluster_s_own_keys_are_those_that_no_program_may_write() -> None:
    assert set(OWN_PREFIXES) == set(OWN_KEYS)


def test_a_write_proposed_twice_is_answered_as_the_first_time() -> None:
    shelf = Shelf()
    change = ShelfChange((ShelfPut("a", "x"),), (ShelfCondition("a", 0),), "n1-1-1")
    first = shelf.apply(change, 5)
    assert shelf.apply(change, 6) == first
    assert shelf.result("n1-1-1") == first


def test_a_write_proposed_twice_is_carried_out_once() -> None:
    """By two coordinators, and between the two somebody has taken away what it wrote."""
    change = ShelfChange((ShelfPut("raised", "x"),), (), "n1-1-1")
    first = ConfigurationChange(1, Configuration(), "test", "", 0)
    log = Log(Recovered(1, snapshot=Snapshot(1, 1, (first,))))
    log.append((Entry(1, 2, shelf=change), Entry(1, 3, shelf=put(("raised", None)))))
    log.apply_through(3)
    other = Log(Recovered(1, snapshot=log.current_snapshot()))
    for replica in (log, other):
        replica.append((Entry(2, 4, shelf=change),))
        replica.apply_through(4)
        assert replica.shelf.items == ()
        assert replica.shelf.result("n1-1-1") == ShelfResult("", "", 2, "n1-1-1")


def test_the_shelf_travels_in_the_snapshot() -> None:
    change = ConfigurationChange(1, Configuration(), "test", "", 0)
    log = Log(Recovered(1, snapshot=Snapshot(1, 1, (change,))))
    log.append(
        (Entry(1, 2, shelf=put(("a", "x"), ("b", "y"))), Entry(1, 3, shelf=put(("b", None))))
    )
    log.apply_through(3)
    other = Log(Recovered(1, snapshot=log.current_snapshot()))
    assert other.shelf.items == log.shelf.items == (ShelfItem("a", "x", 2),)
    assert other.shelf.revision == 3


class Cluster:
    """Three nodes that hear each other at once."""

    def __init__(self) -> None:
        names = [NodeName(name) for name in ("a", "b", "c")]
        nodes = tuple(
            Member(name, (Address(LINK, f"{name}.example"),), voter=True) for name in names
        )
        change = ConfigurationChange(1, Configuration(nodes=nodes, links=(Link(LINK),)), "t", "", 0)
        first = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
        self.now_ms = 1000
        self.dead: set[NodeName] = set()
        self.answers: dict[str, Outcome] = {}
        self.nodes = {
            name: Node(name, first, Random(number), self.now_ms)
            for number, name in enumerate(names)
        }

    def give(self, name: NodeName, event: Event) -> None:
        todo: deque[tuple[NodeName, Event]] = deque([(name, event)])
        while todo:
            to, event = todo.popleft()
            if to not in self.dead:
                for effect in self.nodes[to].handle(event, self.now_ms):
                    todo.extend(self.follows(to, effect))

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, CommandAnswered):
            self.answers[effect.request_id] = effect.outcome
        if not isinstance(effect, Send):
            return []
        return [(effect.to, Received(sender, 1, LINK, effect.message))]

    def run(self, time_ms: int) -> None:
        for _ in range(time_ms // 10):
            self.now_ms += 10
            for name in self.nodes:
                self.give(name, Tick())

    def shelve(self, name: str, request: str, change: ShelfChange) -> Outcome:
        self.give(
            NodeName(name), CommandGiven(request, "test", Shelve(change.puts, change.conditions))
        )
        self.run(1000)
        return self.answers[request]

    def texts(self, name: str) -> dict[str, str]:
        shelf = self.nodes[NodeName(name)].replication.shelf
        return {item.key: item.text for item in shelf.items}


def test_what_one_node_shelves_stands_on_all_and_outlives_the_coordinator() -> None:
    cluster = Cluster()
    cluster.run(3000)
    done = cluster.shelve("b", "1", put(("k", "first"), k=0))
    assert done.ok
    assert done.revision > 1
    assert cluster.shelve("c", "2", put(("k", "second"), k=0)).code == "stale"
    assert cluster.shelve("c", "3", put(("k", "second"), k=done.revision)).ok
    leader = next(name for name, node in cluster.nodes.items() if node.is_coordinator)
    cluster.dead.add(leader)
    cluster.run(5000)
    for name in set(cluster.nodes) - {leader}:
        assert cluster.texts(name) == {"k": "second"}
    other = min(set(cluster.nodes) - {leader})
    assert cluster.shelve(other, "4", put(("k", None))).ok
    assert cluster.texts(other) == {}


def test_a_write_that_can_never_be_done_is_refused_before_it_stands_in_the_log() -> None:
    cluster = Cluster()
    cluster.run(3000)
    refused = cluster.shelve("b", "1", put(("k", "x" * (TEXT_CHARACTERS_MAX + 1))))
    assert refused.code == "invalid"
    assert cluster.nodes[NodeName("b")].replication.shelf.revision == 0
