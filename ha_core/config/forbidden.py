"""What the configuration itself says against a resource on a node: a command cannot outweigh it.

Owns: the mandatory words about nodes by name. What depends on a node's attributes or on the time
is the policy engine's to judge.
"""

from collections.abc import Iterable, Iterator

from ha_core.config.model import (
    NODE_NAME,
    Comparison,
    Configuration,
    Location,
    Origin,
    Role,
    Rule,
)
from ha_core.ids import INFINITY, NodeName, ResourceId


def against(configuration: Configuration, whole: ResourceId, node: NodeName) -> str:
    """Return why the resource, or something in it, may never run on the node; empty: it may."""
    names = _inside(configuration, whole)
    for item in _bans(configuration, node):
        if item.resource in names:
            return _told(item, whole)
    if not configuration.options.symmetric and not _is_listed(configuration, names, node):
        return "nothing allows it there, and 'options.symmetric' is false"
    return ""


def _inside(configuration: Configuration, whole: ResourceId) -> set[ResourceId]:
    """Return the resource and all that goes with it; what is not critical may stay behind."""
    names = {whole}
    clone = configuration.clone(whole)
    if clone is not None:
        names.add(clone.member)
    for group in configuration.groups:
        if group.id in names:
            names.update(
                member.id
                for member in configuration.primitives
                if member.id in group.members and member.meta.critical is not False
            )
    return names


def _bans(configuration: Configuration, node: NodeName) -> Iterator[Location | Rule]:
    for location in configuration.locations:
        if location.node == node and location.origin is Origin.ADMINISTRATOR:
            yield from _binding((location,))
    for rule in _binding(configuration.rules):
        if isinstance(rule, Rule) and _is_about(rule, node):
            yield rule


def _binding(items: Iterable[Location | Rule]) -> Iterator[Location | Rule]:
    yield from (
        item for item in items if item.score <= -INFINITY and item.role is not Role.PROMOTED
    )


def _is_about(rule: Rule, node: NodeName) -> bool:
    """Whether a rule on names of nodes is about this one; case does not count."""
    if rule.attribute != NODE_NAME or rule.condition is not None:
        return False
    named = {name.casefold() for name in rule.value.split()}
    match rule.operation:
        case Comparison.NONE_OF | Comparison.NOT_EQUAL:
            return node.casefold() not in named
        case Comparison.EQUAL:
            return node.casefold() in named
    return False


def _is_listed(configuration: Configuration, names: set[ResourceId], node: NodeName) -> bool:
    """Whether anything may allow the node: a location, or a rule, which may know more nodes."""
    return any(rule.resource in names for rule in configuration.rules) or any(
        item.resource in names and item.node == node for item in configuration.locations
    )


def _told(item: Location | Rule, whole: ResourceId) -> str:
    where = item.source or f"constraints.{item.id}"
    whose = "" if item.resource == whole else f" of its part {item.resource}"
    if isinstance(item, Rule) and item.operation is Comparison.NONE_OF:
        return f"'{where}'{whose} names only {', '.join(item.value.split())}"
    return f"'{where}'{whose} forbids it"
