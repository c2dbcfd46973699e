"""A third vote beside two with fencing: it comes even if its node is always a little late."""

from random import Random

import pytest

from ha_core.config.model import Address, Configuration, Link, Node as Member, Options, TwoNode
from ha_core.effects import Send
from ha_core.events import Event, Received, Tick
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.messages import Append, InstallSnapshot, Message
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot

LINK = LinkName("ring0")
A, B, C = (NodeName(name) for name in "abc")
STEP_MS = 10


class Remote:
    """Two voters side by side, and a learner that is to vote, far away."""

    def __init__(self, away_ms: Millis) -> None:
        members = tuple(
            Member(name, (Address(LINK, f"{name}.example"),), voter=name != C) for name in (A, B, C)
        )
        options = Options(two_node=TwoNode.FENCING)
        first = Configuration(nodes=members, links=(Link(LINK),), options=options)
        change = ConfigurationChange(1, first, "", "", 0, will_vote=(C,))
        recovered = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
        self.now_ms: Millis = 1000
        self.away_ms = away_ms
        self.loses: tuple[type[Message], ...] = ()
        self.nodes = {n: Node(n, recovered, Random(str(n)), self.now_ms) for n in (A, B, C)}
        self.letters: list[tuple[Millis, NodeName, NodeName, Message]] = []

    def run(self, time_ms: Millis) -> None:
        """Let time pass; letters to and from the learner take longer."""
        for _ in range(time_ms // STEP_MS):
            self.now_ms += STEP_MS
            due = [letter for letter in self.letters if letter[0] <= self.now_ms]
            self.letters = [letter for letter in self.letters if letter[0] > self.now_ms]
            for _, sender, to, message in due:
                if to != C or not isinstance(message, self.loses):
                    self._give(to, Received(sender, 1, LINK, message))
            for name in self.nodes:
                self._give(name, Tick())

    def _give(self, name: NodeName, event: Event) -> None:
        for effect in self.nodes[name].handle(event, self.now_ms):
            if isinstance(effect, Send):
                at_ms = self.now_ms + (self.away_ms if C in (name, effect.to) else 1)
                self.letters.append((at_ms, name, effect.to, effect.message))

    def newest(self) -> ConfigurationChange:
        """Return the newest revision of the first node."""
        return self.nodes[A].replication.revisions[-1]


@pytest.mark.parametrize("away_ms", [1, 30, 120])
def test_a_third_that_is_always_later_than_the_two_gets_its_vote(away_ms: Millis) -> None:
    remote = Remote(away_ms)
    remote.run(5000)
    assert remote.newest().configuration.voters() == (A, B, C)
    assert remote.newest().revision == 3


def test_a_third_that_gets_no_entries_keeps_the_two_from_going_alone_for_a_while_only() -> None:
    remote = Remote(30)
    while not remote.newest().none_alone:
        remote.run(STEP_MS)
    remote.loses = (Append, InstallSnapshot)
    remote.run(15_000)
    assert not remote.newest().none_alone
    assert remote.newest().configuration.voters() == (A, B)
    assert remote.newest().revision < 6
