"""Resources that only the history knows.

Owns: what holds for a resource without a configuration.
"""

from dataclasses import dataclass, field

from ha_core.policy.cib.resources import Definition
from ha_core.policy.cib.tree import History
from ha_core.policy.engine.problem import Meta, Requires, Resource


@dataclass(slots=True, eq=False)
class Removed:
    """Makes up what is no longer configured."""

    requires: Requires
    """The default."""
    is_managed: bool
    """Whether such resources are stopped."""
    resources: list[Resource] = field(default_factory=list)
    _known: dict[str, Definition] = field(default_factory=dict)

    def definition(self, history: History) -> Definition:
        """Return the definition of what a history is about."""
        name = history.resource
        known = self._known.get(name)
        if known is not None:
            return known
        agent_class, provider, kind = history.agent
        is_device = agent_class == "stonith"
        resource = Resource(
            name,
            meta=Meta(
                requires=Requires.QUORUM if is_device else self.requires,
                is_managed=self.is_managed,
            ),
            agent_class=agent_class,
            provider=provider,
            type=kind,
            is_fence_device=is_device,
            is_removed=True,
        )
        self.resources.append(resource)
        found = Definition(resource, [], [], top=resource, agent=history.agent)
        self._known[name] = found
        return found
