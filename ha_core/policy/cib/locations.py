"""Location constraints, their rules judged for each node.

Source: Pacemaker Explained, "Deciding Which Nodes a Resource Can Run On".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.sets import read_set
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.targets import Targets
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Discovery, Location, Node, Resource, Role

WORK_MAX: Final = 20_000_000
"""Steps; some ten seconds. 10,000 resources and ten patterns of 20 letters need a fifth of it."""


@dataclass(slots=True, eq=False)
class Locations:
    """Reads location constraints."""

    source: Source
    rules: Rules
    targets: Targets
    nodes: Sequence[Node]
    resources: Sequence[Resource]
    attributes: dict[str, dict[str, str]]
    """Of each node, by name."""
    found: list[Location] = field(default_factory=list)
    _work: int = 0
    """Steps that patterns of names have cost so far, at most."""

    def read(self, element: Element) -> None:
        """Add what one `rsc_location` says."""
        discovery = self._discovery(element)
        for resource, groups in self._resources(element):
            self._one(element, resource, groups, discovery)

    def _resources(self, element: Element) -> list[tuple[str, tuple[str, ...]]]:
        """Return what it speaks of, each with the groups of its pattern."""
        pattern = element.attributes.get("rsc-pattern")
        if pattern is not None:
            return self._matching(element, pattern)
        sets = element.all("resource_set")
        names: list[str] = []
        if sets:
            for child in sets:
                names += read_set(self.source, self.targets, child).members
        else:
            names = self.targets.named(element, element.get("rsc"))
        return [(name, ()) for name in names]

    def _matching(self, element: Element, text: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return the top-level resources with a name that the pattern is found in."""
        from ha_core.policy.cib.patterns import Pattern, PatternError  # few have any

        is_inverted = text.startswith("!")
        try:
            pattern = Pattern(text[1:] if is_inverted else text)
        except PatternError as fault:
            self.source.leave_out(element, f"rsc-pattern {fault}")
            return []
        self._work += pattern.size * sum(len(item.id) for item in self.resources)
        if self._work > WORK_MAX:
            self.source.leave_out(element, "patterns of names are too many and too long")
            return []
        found: list[tuple[str, tuple[str, ...]]] = []
        for resource in self.resources:
            groups = pattern.search(resource.id)
            if (groups is None) is is_inverted:
                found.append((resource.id, groups or ()))
        return found

    def _one(
        self, element: Element, resource: str, groups: tuple[str, ...], discovery: Discovery
    ) -> None:
        node = element.attributes.get("node")
        score = element.attributes.get("score")
        if node is not None and score is not None:
            found = self._score(element, score)
            if node not in self.attributes:
                self.source.leave_out(element, f"there is no node {node!r}")
            elif found is not None:
                role = self._role(element)
                if role is not Role.STOPPED:
                    scores = ((node, found),)
                    self.found.append(Location(element.id, resource, scores, role, discovery))
            return
        rules = element.all("rule")
        if not rules:
            self.source.leave_out(element, "it has neither a node with a score nor a rule")
        for child in rules:
            rule = self.source.referred(child)
            if rule is not None:
                self._ruled(element, rule, resource, groups, discovery)

    def _ruled(
        self,
        element: Element,
        rule: Element,
        resource: str,
        groups: tuple[str, ...],
        discovery: Discovery,
    ) -> None:
        role = self._role(rule) if "role" in rule.attributes else self._role(element)
        if role is Role.STOPPED:
            return
        scores: list[tuple[str, int]] = []
        unscored: list[str] = []
        for node in self.nodes:
            attributes = self.attributes[node.name]
            if not self.rules.holds(rule, Facts(attributes=attributes, groups=groups)):
                continue
            text = rule.attributes.get("score")
            if text is not None:
                score = self._score(rule, text)
            else:
                name = rule.get("score-attribute")
                value = attributes.get(name)
                if value is None:
                    unscored.append(node.name)
                    continue
                score = self.source.score(value)
            if score is not None:
                scores.append((node.name, score))
        if scores or unscored:
            made = Location(element.id, resource, tuple(scores), role, discovery, tuple(unscored))
            self.found.append(made)

    def _score(self, element: Element, text: str) -> int | None:
        found = self.source.score(text)
        if found is None:
            self.source.leave_out(element, f"score is {text!r}, which is no score")
        return found

    def _role(self, element: Element) -> Role | None:
        text = element.attributes.get("role")
        if text is None:
            return None
        found = values.role(text)
        if found is None:
            self.source.leave_out(element, f"role is {text!r}, allowed: Started, Promoted")
            return None
        return found if found in (Role.PROMOTED, Role.STOPPED) else None

    def _discovery(self, element: Element) -> Discovery:
        text = element.attributes.get("resource-discovery")
        if text is None:
            return Discovery.ALWAYS
        allowed = {word.value: word for word in Discovery}
        found = allowed.get(text.strip().lower())
        if found is None:
            self.source.leave_out(
                element, f"resource-discovery is {text!r}, allowed: {', '.join(allowed)}"
            )
            return Discovery.ALWAYS
        return found
