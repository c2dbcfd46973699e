"""Nobody is cut off, or switched on, by what a fence device meant before an edit mended it."""

from dataclasses import replace
from random import Random

import pytest

from ha_core.commands import Apply, FenceNode
from ha_core.config.model import Configuration, FenceDevice, Link
from ha_core.effects import Effect, Fence, Send
from ha_core.events import CommandGiven, Event, FenceDone, Received
from ha_core.ids import NodeName
from ha_core.messages import Append, FenceOrder, FenceVerb, InstallSnapshot
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import A, B, C, Town

WRONG, RIGHT = "1", "2"
RIGHT_CALLS = [("off", RIGHT), ("on", RIGHT)]


class Switched(Town):
    """Three voters; `pdu` ends c, by a plug that is mended later; b alone reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.lags = False
        self.calls: list[tuple[str, str]] = []
        device = FenceDevice("pdu", "fence:x", targets=(C,), plugs=((C, WRONG),), reached_from=(B,))
        nodes = (member("a"), member("b"), member("c"))
        first = Configuration(nodes=nodes, links=(Link(LINK),), fence_devices=(device,))
        change = ConfigurationChange(1, first, "test", "first", 0)
        self.first = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
        for name in self.nodes:
            self.nodes[name] = Node(name, self.first, Random(str(name)), self.now_ms)
        self.run(4000)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        match effect:
            case Fence():
                plug = dict(effect.device.plugs)[C]
                is_off = ("off", plug) in self.calls
                if effect.action in ("off", "on"):
                    self.calls.append((effect.action, plug))
                code = 2 if effect.action == "status" and is_off else 0
                return [(sender, FenceDone(effect.call_id, code))]
            case Send(to=to, message=Append() | InstallSnapshot()) if to == B:
                return [] if getattr(self, "lags", False) else super().follows(sender, effect)
        return super().follows(sender, effect)

    def methods(self) -> list[str]:
        """What the log says of c."""
        return [item.method for item in self.nodes[A].replication.verdicts if item.node == C]

    def mend(self) -> None:
        """Write the right plug; b, which lags, does not hear of it yet."""
        self.lags = True
        now = self.nodes[A].configuration
        mended = replace(now.fence_devices[0], plugs=((C, RIGHT),))
        self.answers.clear()
        self.give(A, CommandGiven("edit", "root", Apply(replace(now, fence_devices=(mended,)))))
        assert self.answers == ["done: configuration applied"], "acknowledged: plug 1 is history"


def test_who_lags_behind_cuts_nobody_off_before_it_knows_the_plug_of_now() -> None:
    town = Switched()
    town.mend()
    town.give(A, CommandGiven("fence", "root", FenceNode(C, reason="it hangs")))
    town.run(300)
    assert (town.calls, town.methods()) == ([], ["admitted"])
    town.lags = False
    town.run(1000)
    assert (town.calls, town.methods()) == (RIGHT_CALLS, ["fenced:pdu"])


@pytest.mark.parametrize(
    ("verb", "call"), [(FenceVerb.CUT, "off"), (FenceVerb.RESTORE, "on")], ids=["cut", "restore"]
)
def test_errand_waits_for_the_revision_that_its_order_names(verb: FenceVerb, call: str) -> None:
    town = Switched()
    order = FenceOrder(town.nodes[A].replication.term, 99, verb, "pdu", C, revision=2)
    town.give(B, Received(A, 1, LINK, order))
    assert town.calls == []
    town.give(B, Received(A, 1, LINK, replace(order, revision=1)))
    assert town.calls == [(call, WRONG)]
