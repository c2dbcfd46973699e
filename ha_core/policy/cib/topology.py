"""Fencing topology: which devices are tried for a node, level by level.

Source: Pacemaker Explained, "Fencing Topologies".
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Node

LEVELS: Final = range(1, 10)


def with_levels(
    source: Source, nodes: tuple[Node, ...], devices: Container[str]
) -> tuple[Node, ...]:
    """Return the nodes with their levels; `devices` are the ids of fencing devices."""
    elements = source.configuration("fencing-topology")
    if not elements:
        return nodes
    found: dict[str, dict[int, tuple[str, ...]]] = {node.name: {} for node in nodes}
    for element in elements:
        if element.tag == "fencing-level":
            _read(source, element, nodes, devices, found)
    return tuple(
        replace(node, fence_levels=tuple(levels[index] for index in sorted(levels)))
        if (levels := found[node.name])
        else node
        for node in nodes
    )


def _read(
    source: Source,
    element: Element,
    nodes: tuple[Node, ...],
    devices: Container[str],
    found: Mapping[str, dict[int, tuple[str, ...]]],
) -> None:
    index = values.number(element.get("index"))
    if index is None or index not in LEVELS:
        text = f"index is {element.get('index')!r}, allowed: {LEVELS[0]} to {LEVELS[-1]}"
        source.leave_out(element, text)
        return
    names = tuple(name.strip() for name in element.get("devices").split(",") if name.strip())
    for name in names:
        if name not in devices:
            source.leave_out(element, f"there is no fencing device {name!r}")
    names = tuple(name for name in names if name in devices)
    for node in _targets(source, element, nodes):
        by_index = found[node.name]
        by_index[index] = (*by_index.get(index, ()), *names)


def _targets(source: Source, element: Element, nodes: tuple[Node, ...]) -> list[Node]:
    name = element.attributes.get("target")
    if name is not None:
        chosen = [node for node in nodes if node.name == name]
        if not chosen:
            source.leave_out(element, f"there is no node {name!r}")
        return chosen
    text = element.attributes.get("target-pattern")
    if text is not None:
        from ha_core.policy.cib.patterns import Pattern, PatternError  # few have any

        try:
            pattern = Pattern(text)
        except PatternError as fault:
            source.leave_out(element, f"target-pattern {fault}")
            return []
        return [node for node in nodes if pattern.search(node.name) is not None]
    wanted = (element.get("target-attribute"), element.get("target-value"))
    return [node for node in nodes if wanted in node.attributes]
