"""What the server holds of figures: the newest of each node, counts, and where clients reset them.

Owns: that holder. Its version changes with what does not change all the time: versions,
identities and processes; load and counters are volatile and make none.
"""

from collections.abc import Iterable, Mapping, Set as AbstractSet
from typing import Final

from cim_provider.mapping.world import World
from cim_provider.views.figures import AgentView, NodeFigures, ResourceCounts
from cim_provider.views.tally import Happening, Tally

NAME: Final = "figures"


class Figures:
    """A `Holder` of itself, whose figures are of this moment."""

    def __init__(self) -> None:
        self._nodes: Mapping[str, NodeFigures] = {}
        self._agents: Mapping[str, AgentView] = {}
        self._installed: dict[str, None] = {}
        self._resources: dict[tuple[str, str], ResourceCounts] = {}
        self._copies: Mapping[str, list[ResourceCounts]] = {}
        self._steady: object = None
        self._changes = 0
        self.tally = Tally()
        self._marks: dict[tuple[str, str], tuple[int, int]] = {}
        """Where clients have set counters back: the value then, and when, by object and name."""

    @property
    def name(self) -> str:
        """See `Holder`."""
        return NAME

    @property
    def version(self) -> str:
        """See `Holder`."""
        return str(self._changes)

    def held(self) -> object:
        """See `Holder`."""
        return self

    def become(self, nodes: Iterable[NodeFigures]) -> None:
        """Take the newest figures of all nodes; a node that is missing keeps its last ones."""
        self._nodes = {**self._nodes, **{each.node: each for each in nodes}}
        self._installed |= {name: None for each in self._nodes.values() for name in each.agents}
        self._resources = {
            (node.node, each.id): each for node in self._nodes.values() for each in node.resources
        }
        by_name: dict[str, list[ResourceCounts]] = {}
        for (_, own), each in self._resources.items():
            by_name.setdefault(own.partition(":")[0], []).append(each)
        self._copies = by_name
        self._notice()

    @property
    def names(self) -> AbstractSet[str]:
        """Return the names of the nodes and resources of which something is kept."""
        return {*self._nodes, *self.tally.resources, *self.tally.fenced}

    def forget(self, names: AbstractSet[str]) -> None:
        """Keep nothing of these nodes and resources any more."""
        if not names:
            return
        nodes = {name: each for name, each in self._nodes.items() if name not in names}
        self.tally.forget(names)
        if len(nodes) < len(self._nodes):
            self._nodes = nodes
            self.become(())

    def install(self, agents: Iterable[AgentView]) -> None:
        """Take what installed agents say of themselves."""
        self._agents = {**self._agents, **{each.name: each for each in agents}}
        self._notice()

    def count(self, events: Iterable[Happening]) -> None:
        """Take events of the journal, each once, in order."""
        fenced = len(self.tally.fenced), self.tally.fencings
        for event in events:
            self.tally.take(event)
        if fenced != (len(self.tally.fenced), self.tally.fencings):
            self._changes += 1

    def _notice(self) -> None:
        """Begin a new version if something has changed that seldom does."""
        steady = (
            tuple(
                (each.node, each.product, each.protocol, each.machine_id, each.agents)
                for each in self._nodes.values()
            ),
            tuple((key, each.process_id) for key, each in sorted(self._resources.items())),
            tuple(self._agents.values()),
        )
        if steady != self._steady:
            self._steady = steady
            self._changes += 1

    def node(self, name: str) -> NodeFigures | None:
        """Return what a node has told last, None if it has told nothing."""
        return self._nodes.get(name)

    def resource(self, node: str, name: str) -> ResourceCounts | None:
        """Return what a node has counted of an instance, None if it has told nothing of it."""
        return self._resources.get((node, name))

    def copies(self, name: str) -> tuple[ResourceCounts, ...]:
        """Return what all nodes have counted of a resource and its numbered instances."""
        return tuple(self._copies.get(name, ()))

    @property
    def installed(self) -> tuple[str, ...]:
        """Return the names of all agents that any node has told of; none ever goes."""
        return tuple(self._installed)

    @property
    def agents(self) -> Mapping[str, AgentView]:
        """Return what agents say of themselves, by name; not all that are installed are here."""
        return self._agents

    # --- set back ------------------------------------------------------------------------

    def mark(self, subject: str, name: str, value: int, wall_ms: int) -> None:
        """Have a counter of an object begin again from its value now."""
        self._marks[subject, name] = (value, wall_ms)

    def since_mark(self, subject: str, name: str, value: int) -> int:
        """Return a counter from where it was set back; one that has begun anew counts whole."""
        before, _ = self._marks.get((subject, name), (0, 0))
        return value - before if value >= before else value

    def marked_ms(self, subject: str) -> int:
        """Return when a counter of an object was set back last; 0: never."""
        return max((ms for (own, _), (_, ms) in self._marks.items() if own == subject), default=0)


def figures_in(world: World) -> Figures | None:
    """Return the figures that this server holds, None where it holds none."""
    return world.held(NAME, Figures)


def node_figures(world: World, name: str) -> NodeFigures | None:
    """Return what a node has told last."""
    held = figures_in(world)
    return None if held is None else held.node(name)
