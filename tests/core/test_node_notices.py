"""What a node notices of itself goes to the coordinator at once, not with the next beat."""

from ha_core.events import Event, LinkHeard, Noticed, Received
from ha_core.ids import LinkName, NodeName
from tests.core.test_node_asymmetric import DEAD_MS, LINK, STEP_MS, Mesh

SECOND = LinkName("ring1")
WAY_STEPS = 3
"""To the coordinator, back with the number, and the step in which it is stored."""


class Wired(Mesh):
    """Three nodes with two links; the second carries copies, until it is `dark` for a node."""

    def __init__(self) -> None:
        super().__init__(3, links=(LINK, SECOND))
        self.dark = NodeName("")

    def give(self, name: NodeName, event: Event) -> None:
        """Let something happen on a node."""
        self._give(name, event)

    def _give(self, name: NodeName, event: Event) -> None:
        super()._give(name, event)
        if isinstance(event, Received) and name != self.dark:
            super()._give(name, LinkHeard(event.sender, SECOND))

    def steps(self, kind: str, most: int) -> int:
        """Return after how many steps an event of a kind is noted down that was not before."""
        known = len([e for e in self.events if e.kind == kind])
        for step in range(1, most + 1):
            self.run(STEP_MS / 1000)
            if len([e for e in self.events if e.kind == kind]) > known:
                return step
        raise AssertionError(f"no {kind} in {most} steps")

    def follower(self) -> NodeName:
        """Return a node that does not coordinate."""
        return next(name for name in self.names if name not in self.coordinators())


def test_what_a_node_notices_is_numbered_as_soon_as_the_network_allows() -> None:
    mesh = Wired()
    mesh.run(6)
    name = mesh.follower()
    for _ in range(12):  # at any time between two beats
        mesh.give(name, Noticed("guardian-paused", "it stood still"))
        assert mesh.steps("guardian-paused", WAY_STEPS) <= WAY_STEPS


def test_link_that_is_down_is_numbered_as_soon_as_the_network_allows() -> None:
    late: list[int] = []
    for wait in range(12):
        mesh = Wired()
        mesh.run(6 + wait * STEP_MS / 1000)
        mesh.dark = mesh.follower()
        mesh.steps("link-down", 2 * DEAD_MS // STEP_MS)
        (told,) = (event for event in mesh.events if event.kind == "link-down")
        late.append((mesh.now_ms - told.at_wall_ms) // STEP_MS)
    assert max(late) <= WAY_STEPS, late
