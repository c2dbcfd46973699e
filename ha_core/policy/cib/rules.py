"""Rules: whether they hold for a node, a resource, an operation, at a moment.

Owns: the judging of expressions. A rule that cannot be understood does not hold, with a remark.
Source: Pacemaker Explained, "Rules".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may ask about; None: such a question has no place here."""

    attributes: Mapping[str, str] | None = None
    """Of the node."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    agent: tuple[str, str, str] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    """Of a pattern of names, `%1` and so on."""
    operation: tuple[str, int] | None = None
    """Name and interval in milliseconds."""


class Rules:
    """Judges rules of one CIB."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def judge(self, facts: Facts) -> Callable[[Element], bool]:
        """Return a judge of rules for these facts."""
        return lambda rule: self.holds(rule, facts)

    def holds(self, rule: Element, facts: Facts) -> bool:
        """Return whether the rule holds."""
        return True
