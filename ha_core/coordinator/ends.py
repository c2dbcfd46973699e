"""When a move, a ban or a standby by hand is over.

Owns: with which start of its node it ends, and what has ended. A move ends when its node is lost
or stops, or at its time; a ban with a time outlives its node, which may be restarted meanwhile.
None is endless: on a node that is down it needs a time. Moves and bans that the
administrator wrote in a file never end so. A standby ends at its time alone. Pure.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ha_core.commands import Ban, Command, Move
from ha_core.config.model import Configuration, Location, Origin, Role
from ha_core.coordinator.record import GONE, Record
from ha_core.errors import RefusedError
from ha_core.ids import Generation, Millis, NodeName
from ha_core.status import NodeState, NodeStatus


def starts(command: Command, nodes: Iterable[Record | NodeStatus]) -> dict[NodeName, Generation]:
    """Return with which start of each node a command on it ends: the present one.

    Raises RefusedError: the command would have no end, as its node is down and no time is given.
    """
    nodes = tuple(nodes)
    if isinstance(command, Move | Ban) and command.expires_wall_ms is None:
        for item in nodes:
            if item.name == command.node and item.state in GONE:
                what = "move" if isinstance(command, Move) else "ban"
                state = "lost" if item.state is NodeState.LOST else "not there"
                text = f"{item.name} is {state}, so that this {what} would not end with it"
                raise RefusedError("invalid", f"{text}: say how long it holds (--for TIME)")
    return {item.name: item.generation for item in nodes if item.state not in GONE}


def over(
    configuration: Configuration, records: Mapping[NodeName, Record], wall_ms: Millis
) -> tuple[tuple[Location, str], ...]:
    """Return the moves and bans that are over, each with the reason."""
    found = []
    for item in configuration.locations:
        if item.origin is not Origin.ADMINISTRATOR:
            why = _why_over(item, records.get(item.node), wall_ms)
            if why:
                found.append((item, why))
    return tuple(found)


def without(configuration: Configuration, items: Iterable[Location]) -> Configuration:
    """Return it without these."""
    ended = {item.id for item in items}
    if not ended:
        return configuration
    kept = tuple(item for item in configuration.locations if item.id not in ended)
    return replace(configuration, locations=kept)


def rested(configuration: Configuration, wall_ms: Millis) -> tuple[NodeName, ...]:
    """Return the nodes whose standby is over."""
    return tuple(
        node.name
        for node in configuration.nodes
        if node.standby_until_wall_ms is not None and node.standby_until_wall_ms <= wall_ms
    )


def awake(configuration: Configuration, names: Collection[NodeName]) -> Configuration:
    """Return it with these nodes out of standby."""
    nodes = tuple(
        replace(node, standby=False, standby_until_wall_ms=None) if node.name in names else node
        for node in configuration.nodes
    )
    return replace(configuration, nodes=nodes) if names else configuration


def told(item: Location, why: str) -> str:
    """Return in a few words that it is over, for the history."""
    what = f"move to {item.node}" if item.score > 0 else f"ban from {item.node}"
    if item.role is Role.PROMOTED:
        what = f"promotion on {item.node}" if item.score > 0 else f"demotion on {item.node}"
    return f"{item.resource}: {what} is over, as {why}"


def _why_over(item: Location, record: Record | None, wall_ms: Millis) -> str:
    if item.expires_wall_ms is not None and item.expires_wall_ms <= wall_ms:
        return "its time is up"
    if not item.until_generation or record is None:
        return ""
    if record.generation > item.until_generation:
        return f"{item.node} has started again"
    if record.generation == item.until_generation and record.state in GONE:
        return f"{item.node} {'is lost' if record.state is NodeState.LOST else 'has stopped'}"
    return ""
