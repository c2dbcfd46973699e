"""Findings about the next fault: what would be gone for good if one node were lost.

Owns: these checks, which ask `ha_core.preview` about each node, as `ha whatif` does. Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.config.choices import AgentClass
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, ok, some
from ha_core.errors import RefusedError
from ha_core.ids import NodeName
from ha_core.policy.outage import Interruption
from ha_core.preview.foresee import foresee
from ha_core.preview.suppose import NodeLost
from ha_core.snapshot import ClusterSnapshot

SPARES = "spares"
AGENTS = "agents"
FORESEEN_MAX: Final = 20_000
"""Resources times nodes: more takes longer than somebody waits, and is asked one by one."""
_LISTED: Final = frozenset({AgentClass.OCF, AgentClass.LSB, AgentClass.HEARTBEAT})
"""Classes whose agents a node lists among its figures."""
_UNITS: Final = frozenset({AgentClass.SYSTEMD, AgentClass.SERVICE})


def spares(examined: Examined) -> Iterator[Finding]:
    """Yield every service that would not come back by itself after the loss of one node."""
    seen = examined.snapshot
    if seen is None or not seen.quorate:
        return
    running = [node for node in examined.hosts if _runs_something(seen, node)]
    if len(seen.resources) * len(running) > FORESEEN_MAX:
        why = "with so many resources that takes minutes"
        text = "what the loss of each node would mean was not foreseen"
        cure = "ask for each node: ha whatif node NODE lost"
        yield Finding(Severity.NOTICE, SPARES, "", text, why, cure)
        return
    lost: dict[str, tuple[NodeName, str]] = {}
    for node in running:
        for item in _gone(seen, node, examined.at_wall_ms):
            lost.setdefault(item.service, (node, item.why))
    together: dict[tuple[NodeName, str], list[str]] = {}
    for service, case in sorted(lost.items()):
        together.setdefault(case, []).append(service)
    for (node, why), services in together.items():
        yield _lost(node, why, services)
    if not lost:
        well = "every service that runs survives the loss of any one node"
        yield ok(SPARES, well if running else "nothing runs whose loss could be foreseen")


def _lost(node: NodeName, why: str, services: list[str]) -> Finding:
    one = len(services) == 1
    verb = "does not come back by itself" if one else "do not come back by themselves"
    text = f"if {node} is lost, {some(services)} {verb}"
    reason = f"{'it' if one else 'they'} would stay down: {why or 'there is no other place'}"
    cure = f"see 'ha whatif node {node} lost', and 'ha why {services[0]}' for what would change it"
    return Finding(Severity.WARNING, SPARES, services[0] if one else "", text, reason, cure)


def _runs_something(seen: ClusterSnapshot, node: NodeName) -> bool:
    is_there = any(each.name == node and each.state == "online" for each in seen.nodes)
    return is_there and any(node in item.nodes for item in seen.resources)


def _gone(seen: ClusterSnapshot, node: NodeName, at_wall_ms: int) -> list[Interruption]:
    try:
        preview = foresee(seen, NodeLost(node), at_wall_ms)
    except RefusedError:
        return []  # it has gone in this very moment: `nodes` tells of it
    return [item for item in preview.interruptions if item.at_most_ms is None]


def agents(examined: Examined) -> Iterator[Finding]:
    """Yield every agent that a resource needs and some node has not installed."""
    seen = examined.snapshot
    listed = {each.figures.node: each.figures.agents for each in examined.told}
    known = {node: set(names) for node, names in listed.items() if names}
    if seen is None or not known:
        return
    users: dict[str, list[str]] = {}
    for primitive in seen.configuration.primitives:
        if primitive.agent.agent_class in _LISTED:
            users.setdefault(str(primitive.agent), []).append(primitive.id)
    missing = 0
    for name, resources in sorted(users.items()):
        lacking = [node for node in examined.hosts if node in known and name not in known[node]]
        if lacking:
            missing += 1
            why = f"{', '.join(resources)} cannot run there, and has fewer places than it seems"
            cure = f"install it on {', '.join(lacking)}, or say in the file that it avoids them"
            text = f"{', '.join(lacking)} does not have the agent {name}"
            if len(lacking) > 1:
                text = f"{', '.join(lacking)} do not have the agent {name}"
            yield Finding(Severity.WARNING, AGENTS, name, text, why, cure)
    if not missing:
        yield ok(AGENTS, _well(seen))


def _well(seen: ClusterSnapshot) -> str:
    """Units of systemd are listed by no node: whether they are there is not said."""
    classes = {primitive.agent.agent_class for primitive in seen.configuration.primitives}
    text = "every node has the agents of all resources"
    return f"{text}, but units, which are not listed" if classes & _UNITS else text
