"""Moves and bans in a whole cluster: they end with their node, and what they did stays done."""

from random import Random

from ha_core.commands import Ban, Clear, Command, Move, SetStandby
from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Meta, Origin, Primitive
from ha_core.effects import CommandAnswered, Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event, OperationDone, Received
from ha_core.ids import NodeName, ResourceId
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.snapshot import Commanded
from tests.core.coordinator.test_admission import LINK, Cluster, member

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
WEB = ResourceId("web")
NOT_RUNNING = 7


ONE_SERVICE = Configuration(
    nodes=(member("a"), member("b"), member("c")),
    links=(Link(LINK),),
    primitives=(
        Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "x"),), meta=Meta(stickiness=1)),
    ),
)


class Town(Cluster):
    """Three voters, whose agents answer at once, of what is one service unless said otherwise."""

    def __init__(self, first: Configuration = ONE_SERVICE) -> None:
        super().__init__("a", "b", "c")
        change = ConfigurationChange(1, first, "test", "first", 0)
        self.first = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
        self.generations = dict.fromkeys(self.nodes, 1)
        self.running: set[NodeName] = set()
        self.starts: list[NodeName] = []
        self.answers: list[str] = []
        for name in self.nodes:
            self.nodes[name] = Node(name, self.first, Random(str(name)), self.now_ms)
        self.run(4000)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        match effect:
            case Send():
                event = Received(sender, self.generations[sender], LINK, effect.message)
                return [(effect.to, event)]
            case RunOperation():
                return [(sender, OperationDone(effect.operation_id, self._ran(sender, effect)))]
            case CommandAnswered():
                self.answers.append(f"{effect.outcome.code}: {effect.outcome.text}")
        return []

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        if operation.action == "monitor":
            return 0 if name in self.running else NOT_RUNNING
        if operation.action == "start":
            self.starts.append(name)
            self.running.add(name)
        else:
            self.running.discard(name)
        return 0

    def ask(self, command: Command) -> None:
        """Give the command to a living node, and let the cluster come to rest."""
        (name, *_) = (name for name in self.nodes if name not in self.dead)
        self.give(name, CommandGiven(f"{len(self.answers)}", "root", command))
        self.run(2000)

    def kill(self, name: NodeName) -> None:
        """End a node and all that runs there, as a power cut does."""
        self.dead.add(name)
        self.running.discard(name)
        self.run(4000)

    def restart(self, name: NodeName) -> None:
        """Start a node's daemon again, with its disk as it was in the beginning."""
        self.generations[name] += 1
        recovered = Recovered(self.generations[name], snapshot=self.first.snapshot)
        self.nodes[name] = Node(name, recovered, Random(str(name)), self.now_ms)
        self.dead.discard(name)
        self.run(4000)

    def commanded(self) -> tuple[Commanded, ...]:
        """Return what the living nodes show, which must be the same."""
        shown = {
            node.snapshot(self.now_ms).commanded
            for name, node in self.nodes.items()
            if name not in self.dead
        }
        (one,) = shown
        return one

    def reasons(self) -> list[str]:
        """Return why each revision was made."""
        (name, *_) = (name for name in self.nodes if name not in self.dead)
        return [change.reason for change in self.nodes[name].replication.revisions]


def elsewhere(*names: NodeName) -> NodeName:
    """Return the first node that is none of these."""
    return next(name for name in (A, B, C) if name not in names)


def test_move_holds_until_its_node_is_lost_and_does_not_pull_the_service_back() -> None:
    town = Town()
    (home,) = town.running
    target = elsewhere(home)
    town.ask(Move(WEB, target))
    assert town.running == {target}
    assert town.commanded() == (Commanded(WEB, target, Origin.MOVE, True, ends_with_node=True),)
    town.kill(target)
    (refuge,) = town.running
    assert town.commanded() == ()
    assert f"web: move to {target} is over, as {target} is lost" in town.reasons()
    town.restart(target)
    assert town.running == {refuge}


def test_move_without_a_target_names_one_and_forbids_nothing() -> None:
    town = Town()
    (home,) = town.running
    town.ask(Move(WEB))
    (target,) = town.running
    assert target != home
    assert town.commanded() == (Commanded(WEB, target, Origin.MOVE, True, ends_with_node=True),)
    town.kill(target)
    town.ask(SetStandby(elsewhere(home, target), True))
    assert town.running == {home}, "the node that it was moved away from is a good one"


def test_move_that_leads_nowhere_is_refused_and_nothing_stops() -> None:
    town = Town()
    (home,) = town.running
    for name in {A, B, C} - {home}:
        town.ask(SetStandby(name, True))
    town.ask(Move(WEB))
    assert town.answers[-1] == (
        f"invalid: web can run nowhere but on {home} now: 'ha why web --on NODE' says why"
    )
    assert town.running == {home}
    assert town.starts == [home]


def test_ban_ends_with_its_node_and_not_with_another() -> None:
    town = Town()
    (home,) = town.running
    town.ask(Ban(WEB, home))
    (second,) = town.running
    town.kill(second)
    (ban,) = town.commanded()
    assert (ban.node, ban.is_allowed) == (home, False)
    assert town.running == {elsewhere(home, second)}
    town.restart(second)
    town.kill(home)
    assert town.commanded() == ()


def test_node_whose_daemon_was_restarted_in_a_moment_ends_what_was_commanded_for_it() -> None:
    town = Town()
    (home,) = town.running
    town.ask(Ban(WEB, home))
    town.dead.add(home)
    town.run(100)
    town.restart(home)
    assert town.commanded() == ()
    assert f"web: ban from {home} is over, as {home} has started again" in town.reasons()


def test_new_coordinator_ends_nothing_that_holds() -> None:
    town = Town()
    (home,) = town.running
    (leader,) = (name for name, node in town.nodes.items() if node.is_coordinator)
    if home == leader:
        town.ask(Move(WEB, elsewhere(leader)))
        (home,) = town.running
    town.ask(Clear(WEB))
    target = elsewhere(leader, home)
    town.ask(Move(WEB, target))
    town.kill(leader)
    (held,) = town.commanded()
    assert held.node == target
    assert town.running == {target}


def test_ban_with_a_time_outlives_its_node_and_is_removed_when_that_is_over() -> None:
    town = Town()
    (home,) = town.running
    town.ask(Ban(WEB, home, expires_wall_ms=town.now_ms + 15_000))
    town.kill(home)
    town.restart(home)
    (ban,) = town.commanded()
    assert (ban.node, ban.ends_with_node) == (home, False)
    town.run(6000)
    assert town.commanded() == ()
    assert f"web: ban from {home} is over, as its time is up" in town.reasons()
