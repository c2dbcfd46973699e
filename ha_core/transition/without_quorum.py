"""What a node does by itself with what it runs once it has lost the cluster for good.

Owns: that choice for one instance. A copy that is not promoted has nothing that must not exist
twice, so that it may go on where `no_quorum_policy: demote` says so. Source: Pacemaker Explained,
"Cluster Options", no-quorum-policy.
"""

from ha_core.agents.registry import is_held, may_run_twice
from ha_core.config.choices import NoQuorumPolicy, Role
from ha_core.config.model import Primitive
from ha_core.config.units import may_be_promoted, may_share
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState

CLEAR_UP_MS = 10_000
"""How long a node without a lease waits before it tries again to stop what it could not: each try
is an event, and a cause that goes by itself is mostly gone within seconds, or stays for hours.
"""
_RUNS = (InstanceState.STARTED, InstanceState.FAILED)


def is_demoted(policy: NoQuorumPolicy, primitive: Primitive) -> bool:
    """Return whether copies of the primitive go on without a quorum, none of them promoted."""
    return policy is NoQuorumPolicy.DEMOTE and may_be_promoted(primitive) and may_share(primitive)


def ends_with_lease(primitive: Primitive | None, item: Instance) -> bool:
    """Return whether it must have ended with the lease, and has not been seen to.

    The guardian ends it; but whoever has killed the guardian may have left an address behind.
    """
    if primitive is None or may_run_twice(primitive) or not is_held(primitive):
        return False
    return item.state in (*_RUNS, InstanceState.BLOCKED) or item.pending in ("start", "stop")


def end_of(policy: NoQuorumPolicy, primitive: Primitive, item: Instance) -> ActionKind | None:
    """Return the action that is due; None: it is left as it is, or is on its way already."""
    if item.pending == "stop" or (item.state not in _RUNS and item.pending != "start"):
        return None
    if policy.keeps:
        return ActionKind.STOP if ends_with_lease(primitive, item) else None
    if item.state is InstanceState.FAILED or not is_demoted(policy, primitive):
        return ActionKind.STOP
    if item.pending in ("start", "demote"):
        return None
    is_low = item.role is Role.UNPROMOTED and item.pending != "promote"
    return None if is_low else ActionKind.DEMOTE
