"""An operator's word that a node is down: on which start of it, and what it allows."""

from ha_core.commands import AddNode, Command, ConfirmDown, Outcome
from ha_core.coordinator.desk import Inbox
from ha_core.effects import CommandAnswered, Effect
from ha_core.events import CommandGiven, Event
from ha_core.ids import NodeName
from ha_core.messages import CommandRequest
from ha_core.replication.entries import ADMITTED, OPERATOR
from ha_core.status import NodeState, NodeStatus
from tests.core.coordinator.test_admission import Cluster, member

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")


class Listening(Cluster):
    """Three voters, of which the last is lost; answers are kept."""

    def __init__(self) -> None:
        super().__init__("a", "b", "c")
        self.answers: list[Outcome] = []
        self.run(1000)
        for name in (B, C):
            self.give("a", CommandGiven(name, "test", AddNode(name, member(name).addresses)))
            self.run(2000)
        self.dead.add(C)
        self.run(3000)
        self.answers.clear()

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, CommandAnswered):
            self.answers.append(effect.outcome)
        return super().follows(sender, effect)

    def ask(self, command: Command) -> Outcome:
        """Give a command at a node that does not coordinate; return its answer."""
        self.give("b", CommandGiven(f"ask {len(self.answers)}", "eva", command))
        self.run(1000)
        return self.answers[-1]

    def word(self) -> str:
        """Return what the log says of the lost node."""
        (verdict,) = [v for v in self.nodes[A].replication.verdicts if v.node == C]
        return verdict.method


def test_word_on_a_lost_node_stands_in_the_log() -> None:
    cluster = Listening()
    assert cluster.ask(ConfirmDown(C, "the plug is out")).ok
    assert cluster.word() == OPERATOR


def test_word_names_the_start_that_was_seen_where_it_was_given() -> None:
    inbox = Inbox()
    seen = (NodeStatus(C, NodeState.LOST, 7),)
    inbox.take(CommandGiven("1", "eva", ConfirmDown(C, "it burns")), seen, 1000, 0)
    (request,) = inbox.due(1, 500, 0)
    assert request == CommandRequest("1", "eva", ConfirmDown(C, "it burns", 7))


def test_late_word_does_not_cover_the_next_start() -> None:
    cluster = Listening()
    refused = cluster.ask(ConfirmDown(C, "the plug was out", generation=99))
    assert refused.code == "unsafe"
    assert "has started again since" in refused.text
    assert cluster.word() == ADMITTED


def test_node_that_returns_while_the_word_is_written_is_admitted_after_it() -> None:
    cluster = Listening()
    command = CommandGiven("1", "eva", ConfirmDown(C, "the plug is out"))
    cluster.dead.add(B)  # the word cannot become final yet
    cluster.give("a", command)
    cluster.dead = set()
    cluster.run(2000)
    verdicts = [v.method for v in cluster.nodes[A].replication.verdicts if v.node == C]
    assert verdicts == [ADMITTED], "it is back, and the log says so after the operator's word"
    states = {n.name: n.state for n in cluster.nodes[A].snapshot(cluster.now_ms).nodes}
    assert states == {"a": "online", "b": "online", "c": "online"}


def test_only_a_lost_node_can_be_confirmed_down() -> None:
    cluster = Listening()
    assert cluster.ask(ConfirmDown(B, "I guess")).code == "unsafe"
    assert cluster.ask(ConfirmDown(C, "  ")).code == "invalid"
    assert cluster.ask(ConfirmDown(NodeName("x"), "who")).code == "not-found"
