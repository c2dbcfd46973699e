"""The policy engine: desired and observed state in, plan and reasons out.

Owns: the one entry point. A pure function: equal inputs give equal plans; who plans often keeps a
`Scheduler`, which plans the same more quickly.
Source: Pacemaker Explained; the semantics of its scheduler are the reference.
"""

from ha_core.config.model import Configuration
from ha_core.ids import Millis
from ha_core.policy.bridge.plan import Scheduler as Scheduler
from ha_core.policy.transition import Transition
from ha_core.status import ClusterStatus


def schedule(configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis) -> Transition:
    """Return what to do now so that every primitive is where it should be, and why."""
    return Scheduler().plan(configuration, status, at_wall_ms)
