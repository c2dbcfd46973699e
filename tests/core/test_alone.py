"""A node that has lost its cluster: it says what it knows, and refuses what it cannot do."""

from ha_core.commands import SetStandby
from ha_core.config.model import NoQuorumPolicy
from ha_core.effects import CommandAnswered, Effect
from ha_core.events import CommandGiven, Event
from ha_core.ids import NodeName
from ha_core.snapshot import ClusterSnapshot
from tests.core.test_node_stop import Serving

DEAD_AFTER_MS = 1000


class Listening(Serving):
    """Notes when commands are answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, CommandAnswered]] = []
        super().__init__()

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, CommandAnswered):
            self.answers.append((self.now_ms, effect))
        return super().follows(sender, effect)

    def picture(self, name: NodeName) -> ClusterSnapshot:
        """Return what the node shows now."""
        return self.nodes[name].snapshot(self.now_ms)


def test_silent_peers_and_what_ran_there_are_not_shown_as_well() -> None:
    cluster = Listening()
    owner, other = cluster.owner()
    cluster.dead.add(owner)
    cluster.run(3 * DEAD_AFTER_MS)
    seen = cluster.picture(other)
    assert seen.configuration.options.no_quorum_policy is NoQuorumPolicy.FREEZE
    assert not seen.quorate
    assert {node.name: node.state for node in seen.nodes}[owner] == "suspect"
    (disk,) = seen.resources
    assert (disk.state, disk.nodes) == ("unknown", ())


def test_own_resources_are_shown_as_they_are_without_the_cluster() -> None:
    cluster = Listening()
    owner, other = cluster.owner()
    cluster.dead.add(other)
    cluster.run(3 * DEAD_AFTER_MS)
    (disk,) = cluster.picture(owner).resources
    assert (disk.state, disk.nodes) == ("started", (owner,))


def test_command_that_nobody_can_be_given_is_refused_soon_and_without_effect() -> None:
    cluster = Listening()
    owner, other = cluster.owner()
    cluster.dead.add(owner)
    cluster.run(3 * DEAD_AFTER_MS)
    cluster.answers.clear()
    given_ms = cluster.now_ms
    cluster.give(other, CommandGiven("9", "eva", SetStandby(other, True)))
    cluster.run(3 * DEAD_AFTER_MS)
    ((when_ms, answer),) = cluster.answers
    assert (answer.request_id, answer.outcome.code) == ("9", "no-quorum")
    assert "nothing was done" in answer.outcome.text
    assert when_ms - given_ms <= 2 * DEAD_AFTER_MS
    cluster.dead.clear()
    cluster.run(6 * DEAD_AFTER_MS)
    assert not any(node.standby for node in cluster.nodes[other].configuration.nodes)
