"""A CIB into a question for the engine.

Owns: the order in which a CIB's parts are read, as each needs the ones before.
Source: Pacemaker Explained; CIB schemas up to 3.10 and 4.0.
"""

from datetime import tzinfo
from typing import Final

from ha_core.errors import ConfigError
from ha_core.ids import INFINITY
from ha_core.policy.cib import pairs, values
from ha_core.policy.cib.constraints import Constraints
from ha_core.policy.cib.locations import Locations
from ha_core.policy.cib.meta import Defaults
from ha_core.policy.cib.nodes import NodeEntry, find_nodes, make_node, read_attributes
from ha_core.policy.cib.observations import Observations
from ha_core.policy.cib.options import Properties, read_options
from ha_core.policy.cib.resources import Reader
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.targets import find_targets
from ha_core.policy.cib.topology import with_levels
from ha_core.policy.cib.tree import Element, parse
from ha_core.policy.engine.problem import Problem, Ticket

MOMENT_MAX: Final = 253_370_764_800
"""The first day of 9999: the calendar ends with that year, and zones want some room."""
_NO_STATUS: Final = (
    "the CIB has no status, as 'ha export --cib' writes none: no node counts as online;"
    " 'cibadmin --query' of a running cluster has one"
)


def read_cib(text: bytes, now_s: int = 0, zone: tzinfo | None = None) -> Problem:
    """Return the question that a CIB asks.

    Args:
        text: the XML.
        now_s: the moment of the question, if the CIB has no `execution-date`.
        zone: where dates without a zone are local; None: the machine's zone.
    Raises:
        ConfigError: it cannot be read; all faults with their places.
    """
    root = parse(text)
    if root.tag != "cib":
        raise ConfigError(f"the XML's root is <{root.tag}>, expected: <cib>")
    if root.child("configuration") is None:
        raise ConfigError("the CIB has no <configuration>")
    written = root.attributes.get("execution-date")
    moment = now_s if written is None else values.number(written)
    if moment is None or not 0 <= moment <= MOMENT_MAX:
        raise ConfigError(
            f"execution-date is {written!r}, allowed: seconds from 1970 to the year 9999"
        )
    source = Source(root, moment, zone)
    problem = _problem(source)
    if source.faults:
        raise ConfigError(source.faults)
    return problem


def _problem(source: Source) -> Problem:
    rules = Rules(source)
    sets = source.configuration("crm_config")
    words = pairs.settled(source, sets, rules.judge(Facts()), "cib-bootstrap-options")
    properties = Properties(source, words)
    elements = source.configuration("resources")
    options = read_options(source, properties, has_device=_has_device(elements))
    source.health.update(
        red=properties.score("node-health-red", -INFINITY),
        yellow=properties.score("node-health-yellow", 0),
        green=properties.score("node-health-green", 0),
    )
    status = source.root.child("status")
    states = status.all("node_state") if status is not None else []
    if not states:
        source.remark(_NO_STATUS)
    entries, elsewhere = find_nodes(source, states)
    for entry in entries:
        read_attributes(source, rules, entry, properties)
    nodes = tuple(make_node(source, rules, entry, properties) for entry in entries)
    defaults = Defaults(
        source,
        rules,
        fencing_enabled=options.fencing_enabled,
        has_unfencing=_has_unfencing(elements),
        no_quorum=options.no_quorum,
    )
    reader = Reader(source, rules, defaults, len(nodes), elsewhere)
    resources = reader.read()
    by_name = {node.name: node for node in nodes}
    told = _in_order(entries, states)
    observations = Observations(source, rules, reader, options, told, by_name)
    observations.read()
    resources += observations.removed.resources
    targets = find_targets(source, resources, reader.templates, reader.not_supported)
    constraints = Constraints(source, targets, options.fencing_enabled)
    attributes = {entry.name: entry.attributes for entry in entries}
    locations = Locations(source, rules, targets, nodes, resources, attributes)
    _read_constraints(source, constraints, locations)
    devices = {name for name, item in reader.definitions.items() if item.resource.is_fence_device}
    return Problem(
        nodes=with_levels(source, nodes, devices),
        resources=tuple(resources),
        options=options,
        locations=tuple(locations.found),
        colocations=tuple(constraints.colocations),
        orderings=tuple(constraints.orderings),
        ticket_constraints=tuple(constraints.tickets),
        tickets=_tickets(status),
        observed=tuple(observations.found),
        found_stopped=tuple((name, tuple(at)) for name, at in observations.stopped.items()),
        shutdown_locks=tuple(observations.locks),
        expired_locks=tuple(observations.expired_locks),
        left_out=tuple(source.left_out),
    )


def _in_order(entries: list[NodeEntry], states: list[Element]) -> list[NodeEntry]:
    """Return the nodes that have a state, in the states' order."""
    by_state = {id(entry.state): entry for entry in entries if entry.state is not None}
    return [by_state[id(state)] for state in states if id(state) in by_state]


def _read_constraints(source: Source, constraints: Constraints, locations: Locations) -> None:
    ids: set[str] = set()
    for element in source.configuration("constraints"):
        name = element.get("id") or ""
        if name in ids:
            source.leave_out(element, f"another constraint has the id {name!r}, too: both count")
        elif name:
            ids.add(name)
        if element.tag == "rsc_location":
            locations.read(element)
        else:
            constraints.read(element)


def _has_device(elements: list[Element]) -> bool:
    todo = list(elements)
    while todo:
        element = todo.pop()
        if element.tag == "primitive" and element.get("class") == "stonith":
            return True
        todo.extend(element.children)
    return False


def _has_unfencing(elements: list[Element]) -> bool:
    todo = list(elements)
    while todo:
        element = todo.pop()
        if element.tag == "primitive" and element.get("class") == "stonith":
            for block in element.all("meta_attributes"):
                for pair in block.all("nvpair"):
                    if pair.get("name") == "provides" and "unfencing" in pair.get("value"):
                        return True
        todo.extend(element.children)
    return False


def _tickets(status: Element | None) -> tuple[Ticket, ...]:
    found = []
    part = status.child("tickets") if status is not None else None
    for element in part.all("ticket_state") if part is not None else ():
        if element.id:
            granted = bool(values.boolean(element.get("granted")))
            standby = bool(values.boolean(element.get("standby")))
            found.append(Ticket(element.id, granted, standby))
    return tuple(found)
