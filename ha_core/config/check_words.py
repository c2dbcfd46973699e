"""What words for constraints must satisfy: each says one thing, and none says the contrary.

Owns: these rules, and where a constraint stands in the file.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations

from ha_core.config import words
from ha_core.config.check_clones import Roles
from ha_core.config.faults import Fault, listed
from ha_core.config.model import Colocation, Configuration, Constraint
from ha_core.config.words import Part
from ha_core.ids import INFINITY, NodeName, ResourceId

_OF_NODES = ("prefers", "avoids", "never_on")


def place(item: Constraint, key: str, name: str) -> str:
    """Return where the constraint names something: by its own key, or in the word it stands for."""
    return f"{item.source}.{name}" if item.source else f"constraints.{item.id}.{key}"


def word_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of words, and of resources that must be both together and apart."""
    parts, alone = words.collect(configuration)
    for source in dict.fromkeys(item.source for item in alone if item.source):
        text = "has constraints that are not what the word makes"
        yield Fault(source, f"{text}; allowed: just these, or constraints without a source")
    by_resource: dict[str, dict[str, list[str]]] = {}
    for source, part in parts.items():
        names = words.names_of(part)
        for name, count in Counter(names).items():
            if count > 1:
                yield Fault(f"{source}.{name}", f"stands there {count} times; allowed: once")
        section, _, rest = source.partition(".")
        owner, _, word = rest.rpartition(".")
        if section == "resources":
            by_resource.setdefault(owner, {})[word] = names
            if word in ("with", "apart_from"):
                by_resource[owner][word] = [name for name, more in part[word] if _is_plain(more)]
    hosts = {node.name for node in configuration.nodes if not node.witness}
    for owner, said in by_resource.items():
        yield from _contradictions(f"resources.{owner}", said, hosts)
        if not configuration.options.symmetric and "avoids" in said and "only_on" not in said:
            text = "would allow it all other nodes, as 'options.symmetric' is false"
            yield Fault(f"resources.{owner}.avoids", f"{text}; allowed: with 'only_on' beside it")
    yield from _torn(configuration, by_resource)
    yield from _without_node(configuration, parts)


def _is_plain(more: object) -> bool:
    """Return whether a bond speaks of nodes and of whole resources, whatever their roles."""
    return not isinstance(more, dict) or set(more) <= {"score", "influence"}


def _contradictions(path: str, said: dict[str, list[str]], hosts: set[NodeName]) -> Iterable[Fault]:
    """Yield a fault for each name of which a resource says two things."""
    for one, other in (*combinations(_OF_NODES, 2), ("with", "apart_from")):
        for name in said.get(other, ()):
            if name in said.get(one, ()):
                yield Fault(f"{path}.{other}.{name}", f"is in '{one}', too; allowed: one of both")
    only = said.get("only_on", [])
    if not only:
        return
    for name in said.get("prefers", ()):
        if name in hosts and name not in only:
            text = f"is no node of 'only_on'; allowed: {listed(only)}"
            yield Fault(f"{path}.prefers.{name}", text)
    for name in said.get("never_on", ()):
        if name in only:
            yield Fault(f"{path}.never_on.{name}", "is in 'only_on', too; allowed: one of both")
    if set(only) <= set(said.get("avoids", ())):
        text = f"names every node of 'only_on' ({listed(only)}); allowed: to leave one out"
        yield Fault(f"{path}.avoids", text)


class _Bonds:
    """Resources that must share a node, in sets."""

    def __init__(self, configuration: Configuration) -> None:
        self._heads: dict[ResourceId, ResourceId] = {}
        roles = Roles(configuration)
        self._copied = roles.clones
        for group in configuration.groups:
            for member in group.members if group.colocated else ():
                if group.id not in self._copied:
                    self._bind(member, group.id)
        for item in configuration.colocations:
            if item.score >= INFINITY and self.binds(item):
                self._bind(item.resource, item.with_resource)

    def binds(self, item: Colocation) -> bool:
        """Return whether it speaks of single nodes: of no role, of nothing that runs often."""
        is_whole = item.role is None and item.with_role is None and not item.node_attribute
        return is_whole and not {item.resource, item.with_resource} & self._copied.keys()

    def head(self, resource: ResourceId) -> ResourceId:
        """Return the one that stands for all that must share its node."""
        path = [resource]
        while (above := self._heads.get(path[-1], path[-1])) != path[-1]:
            path.append(above)
        for name in path[:-1]:
            self._heads[name] = path[-1]  # long chains are walked once
        return path[-1]

    def sets(self) -> dict[ResourceId, list[ResourceId]]:
        """Return the sets of two and more, by the one that stands for each."""
        found: dict[ResourceId, list[ResourceId]] = {}
        for resource in dict.fromkeys((*self._heads.values(), *self._heads)):
            found.setdefault(self.head(resource), []).append(resource)
        return found

    def _bind(self, one: ResourceId, other: ResourceId) -> None:
        first, second = self.head(one), self.head(other)
        if first != second:
            self._heads[first] = second


def _torn(
    configuration: Configuration, by_resource: dict[str, dict[str, list[str]]]
) -> Iterable[Fault]:
    """Yield a fault for each pair that must be both together and apart, unless it is told."""
    bonds = _Bonds(configuration)
    sets = bonds.sets()
    for item in configuration.colocations:
        one, other = item.resource, item.with_resource
        is_apart = item.score <= -INFINITY and one != other and bonds.binds(item)
        is_told = item.source and other in by_resource.get(one, {}).get("with", ())
        if is_apart and not is_told and bonds.head(one) == bonds.head(other):
            others = [name for name in sets[bonds.head(one)] if name not in (one, other)]
            through = f" (with {listed(others)})" if others else ""
            text = f"keeps {one} apart from {other}, and they must be together{through}"
            path = item.source or f"constraints.{item.id}.score"
            yield Fault(path, f"{text}; allowed: one of both")


def _without_node(configuration: Configuration, parts: dict[str, Part]) -> Iterable[Fault]:
    """Yield a fault for each set of resources that must share a node, and may share none."""
    hosts = {node.name for node in configuration.nodes if not node.witness}
    for whole in _Bonds(configuration).sets().values():
        left: set[str] = set(hosts)
        told: list[str] = []
        for resource in whole:
            for word in ("only_on", "never_on"):
                source = f"resources.{resource}.{word}"
                if source not in parts:
                    continue
                names = set(words.names_of(parts[source]))
                before, left = left, left & names if word == "only_on" else left - names
                told.append(source)
                if before and not left and len(told) > 1:
                    text = f"leaves no node to {listed(whole)}, which must share one"
                    by = listed(told[:-1])
                    yield Fault(source, f"{text} (see {by}); allowed: a node in common")
