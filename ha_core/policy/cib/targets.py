"""What a constraint's names stand for: resources, or the users of templates, or tags' members.

Source: Pacemaker Explained, "Reusing Parts of the Configuration".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Resource


@dataclass(slots=True, eq=False)
class Targets:
    """Names to resources."""

    source: Source
    known: set[str]
    """Ids of all resources in the question."""
    templates: dict[str, list[str]]
    not_supported: set[str]
    tags: dict[str, list[str]] = field(default_factory=dict)

    def named(self, element: Element, name: str) -> list[str]:
        """Return the resources that the name stands for; none, with a remark, if it has none."""
        if name in self.known:
            return [name]
        if name in self.templates:
            return list(self.templates[name])
        if name in self.tags:
            return [member for member in self.tags[name] if member in self.known]
        if not name:
            self.source.leave_out(element, "it names no resource")
        elif name in self.not_supported:
            self.source.leave_out(element, f"not supported: a constraint with {name!r}")
        else:
            self.source.leave_out(element, f"there is no resource {name!r}")
        return []


def find_targets(
    source: Source,
    resources: Iterable[Resource],
    templates: dict[str, list[str]],
    not_supported: set[str],
) -> Targets:
    """Return the names that constraints may use."""
    known: set[str] = set()
    todo = list(resources)
    while todo:
        item = todo.pop()
        known.add(item.id)
        todo.extend(item.members)
    tags: dict[str, list[str]] = {}
    for element in source.configuration("tags"):
        if element.tag == "tag" and element.id:
            tags[element.id] = [child.id for child in element.all("obj_ref")]
    return Targets(source, known, templates, not_supported, tags)
