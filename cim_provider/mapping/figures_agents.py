"""HA_ResourceAgent: the agents that are installed, and on which nodes (HA_InstalledAgent).

Owns: their paths and properties. What an agent says of itself is told of those that are
installed on the server's own node. A name that was seen once stays until the server ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.figures_held import figures_in
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.software import SELDOM
from cim_provider.mapping.states import FINE, STATE_COLUMNS, State, plain
from cim_provider.mapping.world import World
from cim_provider.views.figures import AgentView

AGENT_CLASS: Final = "HA_ResourceAgent"
_PREFIX: Final = "LinuxHA:agent:"
_APPLICATION: Final = 4


@dataclass(frozen=True, slots=True)
class _Agent:
    view: AgentView
    state: State = FINE

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return class, provider and type; empty where it has none."""
        kind, *rest = self.view.name.split(":")
        provider = rest[0] if len(rest) > 1 else ""
        return kind, provider, rest[-1] if rest else ""


def _ref(name: str) -> Ref:
    kind, provider, type_ = _Agent(AgentView(name)).parts
    return Ref(AGENT_CLASS, (("InstanceID", f"{_PREFIX}{kind}:{provider}:{type_}"),))


def _agents(world: World) -> Iterator[_Agent]:
    held = figures_in(world)
    if held is not None:
        for name in sorted(held.installed):
            yield _Agent(held.agents.get(name, AgentView(name)))


def _installed(world: World) -> Iterator[Pair]:
    held = figures_in(world)
    if held is not None:
        for node in world.view.nodes:
            known = held.node(node.name)
            for name in known.agents if known is not None else ():
                yield Pair(node_ref(node.name), _ref(name))


_COLUMNS: Final[tuple[Column[_Agent], ...]] = (
    *STATE_COLUMNS,
    Column("Name", "name of the agent", lambda a: a.view.name),
    Column("ElementName", "name of the agent", lambda a: a.view.name),
    Column("Caption", "Agent. and the name", lambda a: f"Agent.{a.view.name}"[:64]),
    Column(
        "Description",
        "what it says of itself, else its name",
        lambda a: plain(a.view.short) or f"Resource agent {a.view.name}",
    ),
    Column("ShortDescription", "what it says of itself", lambda a: plain(a.view.short) or None),
    Column("AgentClass", "class of the agent", lambda a: a.parts[0]),
    Column("Provider", "provider of the agent", lambda a: a.parts[1] or None),
    Column("Type", "type of the agent", lambda a: a.parts[2] or None),
    Column("MetadataXml", "what it says of itself", lambda a: a.view.metadata or None),
    Column("ParameterNames", "what it says of itself", lambda a: a.view.parameters),
    Column("VersionString", "what it says of itself", lambda a: a.view.version or None),
    constant("Classifications", (_APPLICATION,)),
    constant("ClassificationDescriptions", ("Resource agent",)),
    constant("TargetOperatingSystems", ("Linux",)),
    constant("TargetTypes", ("HA_PrimitiveResource",)),
    constant("IsEntity", True),
    *unfilled("BuildNumber", "InstallDate", "MajorVersion", "Manufacturer", "MinorVersion"),
    *unfilled("IsLargeBuildNumber", "RevisionNumber", "TargetOSTypes", *SELDOM),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(AGENT_CLASS, ("InstanceID",), _agents, lambda a: _ref(a.view.name), _COLUMNS),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_InstalledAgent", "System", "InstalledSoftware", _installed),
)
"""The association of this module."""
